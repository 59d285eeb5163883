//! A network between a device and a server on loopback that loses, cuts and counts.
//!
//! The proxy forwards TCP. It is told what to do with the next answers; what it does, it does for sure, so tests need no luck and no sleep.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy was told, and what it has counted.
#[derive(Debug, Default)]
struct State {
    /// How many of the next answers are swallowed: the server answered, the device never hears it.
    lose_answers: AtomicU32,
    /// The next answer is cut after so many bytes; 0 = none is.
    cut_after_bytes: AtomicU64,
    /// New connections are closed at once.
    refuse: AtomicBool,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

/// A bad network in front of one server. It ends when it is dropped.
#[derive(Debug)]
pub struct BadNetwork {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: tokio::task::JoinHandle<()>,
}

impl BadNetwork {
    /// Listens on a free port of loopback and forwards to `server`.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn in_front_of(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let acceptor = tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                if !shared.refuse.load(Ordering::SeqCst) {
                    tokio::spawn(forward(device, server, Arc::clone(&shared)));
                }
            }
        });
        Ok(Self { address, state, acceptor })
    }

    /// Where devices connect to.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next `count` answers reach the proxy and nobody else; each connection is closed then.
    pub fn lose_answers(&self, count: u32) {
        self.state.lose_answers.store(count, Ordering::SeqCst);
    }

    /// The next answer ends after `bytes` bytes.
    pub fn cut_next_answer_after(&self, bytes: u64) {
        self.state.cut_after_bytes.store(bytes, Ordering::SeqCst);
    }

    /// Whether new connections are refused.
    pub fn refuse(&self, refuse: bool) {
        self.state.refuse.store(refuse, Ordering::SeqCst);
    }

    /// Answers that are still to be lost.
    #[must_use]
    pub fn answers_to_lose(&self) -> u32 {
        self.state.lose_answers.load(Ordering::SeqCst)
    }

    /// Bytes from devices and to devices so far, heads included.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64) {
        (self.state.bytes_up.load(Ordering::SeqCst), self.state.bytes_down.load(Ordering::SeqCst))
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// Carries one connection until either side ends it, or an answer is lost or cut.
async fn forward(mut device: TcpStream, server: SocketAddr, state: Arc<State>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let mut up = vec![0; 16 * 1024];
    let mut down = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = device.read(&mut up) => {
                let Some(bytes) = filled(&up, read) else { return };
                state.bytes_up.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                if server.write_all(bytes).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Some(bytes) = filled(&down, read) else { return };
                if state.lose_answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    return;
                }
                let cut = state.cut_after_bytes.load(Ordering::SeqCst);
                let kept = if cut == 0 { bytes.len() } else { bytes.len().min(usize::try_from(cut).unwrap_or(usize::MAX)) };
                state.bytes_down.fetch_add(kept as u64, Ordering::SeqCst);
                if device.write_all(&bytes[..kept]).await.is_err() { return }
                if cut > 0 {
                    state.cut_after_bytes.store(cut - kept as u64, Ordering::SeqCst);
                    if cut == kept as u64 { return }
                }
            }
        }
    }
}

fn filled(buffer: &[u8], read: std::io::Result<usize>) -> Option<&[u8]> {
    read.ok().filter(|len| *len > 0).map(|len| &buffer[..len])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(len @ 1..) = stream.read(&mut buffer).await {
                        stream.write_all(&buffer[..len]).await.unwrap();
                    }
                });
            }
        });
        address
    }

    async fn ask(network: &BadNetwork) -> Vec<u8> {
        let mut stream = TcpStream::connect(network.address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut answer = vec![0; 5];
        let mut filled = 0;
        while filled < 5 {
            match stream.read(&mut answer[filled..]).await {
                Ok(len @ 1..) => filled += len,
                _ => break,
            }
        }
        answer.truncate(filled);
        answer
    }

    #[tokio::test]
    async fn what_the_network_was_told_happens_once_and_then_it_is_good_again() {
        let network = BadNetwork::in_front_of(echo().await).await.unwrap();
        assert_eq!(ask(&network).await, b"hello");
        network.lose_answers(1);
        assert_eq!(ask(&network).await, b"");
        network.cut_next_answer_after(2);
        assert_eq!(ask(&network).await, b"he");
        network.refuse(true);
        assert_eq!(ask(&network).await, b"");
        network.refuse(false);
        assert_eq!(ask(&network).await, b"hello");
        assert_eq!(network.bytes(), (20, 12));
    }
}
