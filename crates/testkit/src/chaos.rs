//! A network that knows HTTP and spoils exchanges: by plan, or by chance from a seed.
//!
//! One exchange goes over one connection, to the device and to the server, so that each can be spoilt by itself: `Connection: close` is put into
//! every request. What happened is kept in order, to be told when a test fails.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::random::Random;

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The connection is closed at once.
    Refused,
    /// The request is read, and there is silence until the device gives up.
    HalfOpen,
    /// The request is cut after so many bytes of it went to the server.
    RequestCut(u64),
    /// The server never sees the request, and the connection is closed.
    RequestLost,
    /// The server answers, and nobody hears it.
    AnswerLost,
    /// The answer ends after so many bytes, its head counted.
    AnswerCut(u64),
    /// After so many bytes of the answer there is silence until the device gives up.
    AnswerStalls(u64),
    /// The server gets the request twice, one after the other; the device hears the second answer.
    Duplicated,
    /// The answer comes after so many milliseconds.
    Delayed(u64),
    /// A page of somebody else with status 200: sign in to this network.
    CaptivePortal,
    /// A page of somebody else with status 502; whether the server had the request before.
    BadGateway {
        /// It had.
        served: bool,
    },
}

impl Trouble {
    /// One of all kinds.
    fn draw(random: &mut Random) -> Self {
        match random.below(12) {
            0 => Self::Refused,
            1 => Self::HalfOpen,
            2 => Self::RequestCut(random.below(600)),
            3 => Self::RequestLost,
            4 | 5 => Self::AnswerLost,
            6 => Self::AnswerCut(random.below(2_000)),
            7 => Self::AnswerStalls(random.below(2_000)),
            8 => Self::Duplicated,
            9 => Self::Delayed(random.below(200)),
            10 => Self::CaptivePortal,
            _ => Self::BadGateway { served: random.chance(500) },
        }
    }

    /// Whether the device is kept waiting until it gives up.
    #[must_use]
    pub fn is_silence(self) -> bool {
        matches!(self, Self::HalfOpen | Self::AnswerStalls(_))
    }
}

#[derive(Debug)]
enum Mode {
    Good,
    Always(Trouble),
    Storm { random: Random, of_1000: u64 },
}

#[derive(Debug)]
struct State {
    mode: Mode,
    history: Vec<Option<Trouble>>,
    answer_bytes: Vec<u64>,
    shortened: u64,
}

/// A network in front of one server. It ends when it is dropped.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    acceptor: tokio::task::JoinHandle<()>,
}

impl ChaosProxy {
    /// Listens on a free port of loopback and forwards to `server`. Good until told otherwise.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn in_front_of(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State { mode: Mode::Good, history: Vec::new(), answer_bytes: Vec::new(), shortened: 0 }));
        let shared = Arc::clone(&state);
        let acceptor = tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                let trouble = draw(&shared);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // Whoever hangs up ends the exchange; there is nobody to tell.
                    if let Ok(carried) = exchange(device, server, trouble).await {
                        let mut state = lock(&shared);
                        state.answer_bytes.push(carried.bytes);
                        state.shortened += u64::from(carried.is_short);
                    }
                });
            }
        });
        Ok(Self { address, state, acceptor })
    }

    /// Where devices connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every exchange goes through.
    pub fn heal(&self) {
        lock(&self.state).mode = Mode::Good;
    }

    /// From now on this happens to every exchange.
    pub fn always(&self, trouble: Trouble) {
        lock(&self.state).mode = Mode::Always(trouble);
    }

    /// From now on something happens to `of_1000` of 1,000 exchanges, drawn from `seed`.
    pub fn storm(&self, seed: u64, of_1000: u64) {
        lock(&self.state).mode = Mode::Storm { random: Random::new(seed), of_1000 };
    }

    /// What happened to each exchange so far; `None` for those that went through.
    #[must_use]
    pub fn history(&self) -> Vec<Option<Trouble>> {
        lock(&self.state).history.clone()
    }

    /// How many answers were really cut: a cut after the last byte is none.
    #[must_use]
    pub fn shortened(&self) -> u64 {
        lock(&self.state).shortened
    }

    /// How many bytes of each answer reached the device, heads included.
    #[must_use]
    pub fn answer_bytes(&self) -> Vec<u64> {
        lock(&self.state).answer_bytes.clone()
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(state: &Mutex<State>) -> Option<Trouble> {
    let mut state = lock(state);
    let trouble = match &mut state.mode {
        Mode::Good => None,
        Mode::Always(trouble) => Some(*trouble),
        Mode::Storm { random, of_1000 } => random.chance(*of_1000).then(|| Trouble::draw(random)),
    };
    state.history.push(trouble);
    trouble
}

/// How much of an answer reached the device.
#[derive(Default)]
struct Carried {
    bytes: u64,
    is_short: bool,
}

/// Carries one request and its answer.
async fn exchange(mut device: TcpStream, server: SocketAddr, trouble: Option<Trouble>) -> std::io::Result<Carried> {
    if trouble == Some(Trouble::Refused) {
        return Ok(Carried::default());
    }
    let request = read_request(&mut device).await?;
    match trouble {
        Some(Trouble::RequestLost | Trouble::Refused) => Ok(Carried::default()),
        Some(Trouble::HalfOpen) => wait_until_gone(&mut device).await,
        Some(Trouble::RequestCut(after)) => {
            let mut upstream = TcpStream::connect(server).await?;
            upstream.write_all(&request[..at_most(&request, after)]).await?;
            Ok(Carried::default())
        }
        Some(Trouble::CaptivePortal) => say(&mut device, "200 OK", "<html><title>Wi-Fi</title>Sign in to this network</html>").await,
        Some(Trouble::BadGateway { served }) => {
            if served {
                ask(server, &request).await?;
            }
            say(&mut device, "502 Bad Gateway", "<html><h1>502 Bad Gateway</h1></html>").await
        }
        None => relay(&mut device, &ask(server, &request).await?, u64::MAX).await,
        Some(Trouble::AnswerLost) => ask(server, &request).await.map(|_| Carried::default()),
        Some(Trouble::AnswerCut(after)) => relay(&mut device, &ask(server, &request).await?, after).await,
        Some(Trouble::AnswerStalls(after)) => {
            let answer = ask(server, &request).await?;
            device.write_all(&answer[..at_most(&answer, after)]).await?;
            wait_until_gone(&mut device).await
        }
        Some(Trouble::Duplicated) => {
            ask(server, &request).await?;
            relay(&mut device, &ask(server, &request).await?, u64::MAX).await
        }
        Some(Trouble::Delayed(millis)) => {
            let answer = ask(server, &request).await?;
            tokio::time::sleep(Duration::from_millis(millis)).await;
            relay(&mut device, &answer, u64::MAX).await
        }
    }
}

fn at_most(bytes: &[u8], most: u64) -> usize {
    bytes.len().min(usize::try_from(most).unwrap_or(usize::MAX))
}

async fn wait_until_gone(device: &mut TcpStream) -> std::io::Result<Carried> {
    let mut rest = [0; 1024];
    while device.read(&mut rest).await? > 0 {}
    Ok(Carried::default())
}

async fn say(device: &mut TcpStream, status: &str, page: &str) -> std::io::Result<Carried> {
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}", page.len());
    relay(device, answer.as_bytes(), u64::MAX).await
}

async fn relay(device: &mut TcpStream, answer: &[u8], most: u64) -> std::io::Result<Carried> {
    let len = at_most(answer, most);
    device.write_all(&answer[..len]).await?;
    device.shutdown().await?;
    Ok(Carried { bytes: len as u64, is_short: len < answer.len() })
}

/// The whole answer to a request; the server closes after it.
async fn ask(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(request).await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// A whole request, with `Connection: close` in its head.
async fn read_request(device: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > MAX_HEAD_BYTES || device.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        if device.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.splice(head - 2..head - 2, *b"connection: close\r\n");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request with its number.
    async fn counting() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for number in 1.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                if read_request(&mut stream).await.is_ok() {
                    say(&mut stream, "200 OK", &format!("number {number}")).await.unwrap();
                }
            }
        });
        address
    }

    /// What a device hears that gives up at once when there is silence.
    async fn ask_through(proxy: &ChaosProxy) -> String {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        stream.write_all(b"POST /x HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn each_trouble_is_what_it_says() {
        let proxy = ChaosProxy::in_front_of(counting().await).await.unwrap();
        let whole = ask_through(&proxy).await;
        assert!(whole.ends_with("number 1"), "{whole}");
        let cut = 20;
        for (trouble, heard) in [
            (Trouble::HalfOpen, ""),
            (Trouble::RequestLost, ""),
            (Trouble::AnswerLost, ""),
            (Trouble::AnswerCut(cut), &whole[..20]),
            (Trouble::AnswerStalls(cut), &whole[..20]),
        ] {
            proxy.always(trouble);
            assert_eq!(ask_through(&proxy).await, heard, "{trouble:?}");
        }
        // Three of these reached the server: its next number is 5.
        for (trouble, end) in [
            (Trouble::Duplicated, "number 6"),
            (Trouble::Delayed(5), "number 7"),
            (Trouble::CaptivePortal, "network</html>"),
            (Trouble::BadGateway { served: true }, "Gateway</h1></html>"),
        ] {
            proxy.always(trouble);
            let heard = ask_through(&proxy).await;
            assert!(heard.ends_with(end), "{trouble:?}: {heard}");
        }
        proxy.heal();
        assert!(ask_through(&proxy).await.ends_with("number 9"));
        assert_eq!(proxy.history().len(), 11);
    }

    #[tokio::test]
    async fn a_storm_is_the_same_for_the_same_seed() {
        let drawn = |seed| {
            let state = Mutex::new(State {
                mode: Mode::Storm { random: Random::new(seed), of_1000: 600 },
                history: Vec::new(),
                answer_bytes: Vec::new(),
                shortened: 0,
            });
            (0..100).map(|_| draw(&state)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        assert!(drawn(1).iter().filter(|trouble| trouble.is_some()).count() > 40);
    }
}
