//! As little of an HTTP client as a load needs: keep-alive, one exchange after the other, hardly any CPU of its own.

use anyhow::{Context, Result, bail};
use polevik_device::transport::HttpRequest;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Bytes of the status line and the headers.
    pub head_bytes: usize,
    /// Seconds to wait, when the server said so.
    pub retry_after_s: Option<u64>,
    /// Its headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl Answer {
    /// The header of a name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A connection that stays open.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub async fn open(socket: &str) -> Result<Self> {
        let stream = TcpStream::connect(socket).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(4 * 1024, stream) })
    }

    /// Sends the bytes of a whole request and reads the answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends the bytes of a whole request.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(request).await.context("the request was not taken")
    }

    /// Reads an answer.
    pub async fn receive(&mut self) -> Result<Answer> {
        let mut answer = Answer { status: 0, head_bytes: 0, retry_after_s: None, headers: Vec::new(), body: Vec::new() };
        let mut length = None;
        let mut chunked = false;
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stream.read_line(&mut line).await?;
            if read == 0 {
                bail!("the server hung up");
            }
            answer.head_bytes += read;
            let text = line.trim_end();
            if answer.status == 0 {
                answer.status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status line")?;
            } else if text.is_empty() {
                break;
            } else if let Some((name, value)) = text.split_once(':') {
                let (name, value) = (name.to_ascii_lowercase(), value.trim());
                match name.as_str() {
                    "content-length" => length = Some(value.trim().parse::<usize>()?),
                    "transfer-encoding" => chunked = value.trim().eq_ignore_ascii_case("chunked"),
                    "retry-after" => answer.retry_after_s = value.trim().parse().ok(),
                    _ => {}
                }
                answer.headers.push((name, value.to_owned()));
            }
        }
        if chunked {
            loop {
                line.clear();
                self.stream.read_line(&mut line).await?;
                let size = usize::from_str_radix(line.trim(), 16).context("a chunk without size")?;
                let begin = answer.body.len();
                answer.body.resize(begin + size, 0);
                self.stream.read_exact(&mut answer.body[begin..]).await?;
                line.clear();
                self.stream.read_line(&mut line).await?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = length {
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body).await?;
        }
        Ok(answer)
    }
}

/// The bytes of a request as a device would send it, with another device's token.
pub fn request_bytes(request: &HttpRequest, token: &str) -> Vec<u8> {
    let method = request.method.as_str();
    // The address is absolute: scheme, authority, path.
    let path_at = request.url.match_indices('/').nth(2).map_or(request.url.len(), |(at, _)| at);
    let mut head = format!("{method} {} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n", &request.url[path_at..]);
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != "authorization") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if request.method.has_body() {
        head.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}
