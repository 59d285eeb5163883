//! What is asked of the server, and how its answers read.

pub(crate) mod files;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use polevik_protocol::ErrorCode;
use polevik_protocol::login::{ErrorBody, Health, LoginReply, LoginRequest};
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::repair::{BackfillReply, BackfillRequest, RepairReply, RepairRequest};
use polevik_protocol::sync::{SyncReply, SyncRequest, WaitReply};
use polevik_protocol::version::{HEALTH_TOKEN, SESSION_HEADER};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Failed;
use crate::transport::{HttpRequest, HttpResponse, MAX_ANSWER_BYTES, Method, Transport};

/// Bodies above this many bytes go compressed: below, zstd saves less than its header and the server's time.
const COMPRESS_ABOVE_BYTES: usize = 512;

/// Whom a device talks to, and as whom.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Address of the server without a slash at its end; empty = the origin of the page.
    pub(crate) server: String,
    /// Bearer token.
    pub(crate) token: Option<String>,
    /// Tag of the session.
    pub(crate) tag: Option<String>,
}

/// An answer that could be read.
pub(crate) struct Answer<T> {
    pub(crate) message: T,
    /// Body of the request, on the wire.
    pub(crate) bytes_up: u64,
    /// Body of the answer, decoded.
    pub(crate) bytes_down: u64,
}

impl Caller {
    pub(crate) async fn login(&self, transport: &impl Transport, request: &LoginRequest) -> Result<Answer<LoginReply>, Failed> {
        self.post(transport, "/v1/login", request).await
    }

    pub(crate) async fn logout(&self, transport: &impl Transport) -> Result<(), Failed> {
        let response = self.send(transport, Method::Post, "/v1/logout", Vec::new(), false).await?;
        if (200..300).contains(&response.status) { Ok(()) } else { Err(self.refusal(transport, &response).await) }
    }

    pub(crate) async fn sync(&self, transport: &impl Transport, request: &SyncRequest) -> Result<Answer<SyncReply>, Failed> {
        self.post(transport, "/v1/sync", request).await
    }

    /// Waits until `root` is not the newest any more, or the server has waited long enough.
    pub(crate) async fn wait(&self, transport: &impl Transport, root: &str) -> Result<WaitReply, Failed> {
        // A name is hexadecimal digits: nothing in it is to be escaped.
        let response = self.send(transport, Method::Get, &format!("/v1/wait?root={root}"), Vec::new(), false).await?;
        match serde_json::from_slice(&response.body) {
            Ok(reply) if response.status == 200 => Ok(reply),
            _ => Err(self.refusal(transport, &response).await),
        }
    }

    pub(crate) async fn repair(&self, transport: &impl Transport, request: &RepairRequest) -> Result<Answer<RepairReply>, Failed> {
        self.post(transport, "/v1/repair", request).await
    }

    pub(crate) async fn backfill(&self, transport: &impl Transport, request: &BackfillRequest) -> Result<Answer<BackfillReply>, Failed> {
        self.post(transport, "/v1/backfill", request).await
    }

    /// The bytes of a segment, checked against their name.
    pub(crate) async fn segment(&self, transport: &impl Transport, hash: &Blake3Hex) -> Result<Vec<u8>, Failed> {
        let response = self.send(transport, Method::Get, &format!("/v1/segments/{hash}"), Vec::new(), false).await?;
        if response.status != 200 {
            return Err(self.refusal(transport, &response).await);
        }
        if Blake3Hex::of(&response.body) == *hash {
            Ok(response.body)
        } else {
            Err(Failed::new(ErrorCode::FileDamaged, format!("segment {hash} came with other bytes")))
        }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        transport: &impl Transport,
        path: &str,
        message: &impl Serialize,
    ) -> Result<Answer<T>, Failed> {
        let json = serde_json::to_vec(message).map_err(|error| Failed::new(ErrorCode::Unexpected, error.to_string()))?;
        let (body, compressed) = if json.len() > COMPRESS_ABOVE_BYTES {
            match zstd::bulk::compress(&json, 3) {
                Ok(compressed) => (compressed, true),
                // It goes as it is; the server reads both.
                Err(_) => (json, false),
            }
        } else {
            (json, false)
        };
        let bytes_up = body.len() as u64;
        let response = self.send(transport, Method::Post, path, body, compressed).await?;
        let bytes_down = response.body.len() as u64;
        match serde_json::from_slice(&response.body) {
            Ok(message) if response.status == 200 => Ok(Answer { message, bytes_up, bytes_down }),
            _ => Err(self.refusal(transport, &response).await),
        }
    }

    async fn send(
        &self,
        transport: &impl Transport,
        method: Method,
        path: &str,
        body: Vec<u8>,
        compressed: bool,
    ) -> Result<HttpResponse, Failed> {
        let mut headers = self.who();
        if method == Method::Post {
            headers.push(("content-type", "application/json".to_owned()));
        }
        if compressed {
            headers.push(("content-encoding", "zstd".to_owned()));
        }
        let url = format!("{}{path}", self.server);
        let request = HttpRequest { method, url, headers, body, wanted_headers: &[], max_answer_bytes: MAX_ANSWER_BYTES };
        transport.send(request).await.map_err(|error| Failed::new(error.code, error.detail))
    }

    /// The headers that say who asks, in which session.
    fn who(&self) -> Vec<(&'static str, String)> {
        let token = self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        let tag = self.tag.as_ref().map(|tag| (SESSION_HEADER, tag.clone()));
        token.into_iter().chain(tag).collect()
    }

    /// What an answer means that is not the one hoped for.
    async fn refusal(&self, transport: &impl Transport, response: &HttpResponse) -> Failed {
        if let Ok(body) = serde_json::from_slice::<ErrorBody>(&response.body) {
            return Failed { code: body.code, detail: body.detail, retry_after_s: body.retry_after_s, queue_position: body.queue_position };
        }
        let said = format!("status {}", response.status);
        if response.status >= 500 {
            return Failed::new(ErrorCode::ServerError, said);
        }
        // Not our words: perhaps not our server, but the login page of a network.
        match self.is_our_server(transport).await {
            Ok(true) if response.status == 401 => Failed::new(ErrorCode::LoginNeeded, said),
            Ok(true) => Failed::new(ErrorCode::IncompleteReply, said),
            Ok(false) => Failed::new(ErrorCode::CaptivePortal, said),
            Err(failed) => failed,
        }
    }

    async fn is_our_server(&self, transport: &impl Transport) -> Result<bool, Failed> {
        let response = self.send(transport, Method::Get, "/v1/health", Vec::new(), false).await?;
        Ok(serde_json::from_slice::<Health>(&response.body).is_ok_and(|health| health.server == HEALTH_TOKEN))
    }
}

/// The bytes of a segment that rode inside a reply.
pub(crate) fn inline_segment(text: &str) -> Result<Vec<u8>, Failed> {
    BASE64.decode(text).map_err(|_| Failed::new(ErrorCode::IncompleteReply, "a segment inside the reply is not base64"))
}
