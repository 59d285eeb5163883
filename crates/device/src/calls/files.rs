//! Files: parts of them up by tus, ranges of them down.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use polevik_protocol::ErrorCode;
use polevik_protocol::file::{
    FILE_HASH_HEADER, FileClass, METADATA_CLASS, METADATA_HASH, METADATA_TYPE, OfferReply, OfferRequest, TUS_VERSION,
};
use polevik_protocol::hash::Blake3Hex;

use super::{Answer, Caller};
use crate::error::Failed;
use crate::transport::{HttpRequest, HttpResponse, MAX_ANSWER_BYTES, Method, Transport};

/// Where uploads are.
const UPLOADS: &str = "/v1/uploads";

/// What is read of an answer to tus.
const TUS_HEADERS: &[&str] = &["tus-resumable", "location", "upload-offset", FILE_HASH_HEADER];

/// What is read of an answer with a range.
const RANGE_HEADERS: &[&str] = &["content-range"];

/// A file the server is to take.
pub(crate) struct NewUpload<'a> {
    pub(crate) file: &'a Blake3Hex,
    pub(crate) bytes: u64,
    pub(crate) class: FileClass,
    pub(crate) content_type: &'a str,
}

/// A piece of a file.
pub(crate) struct Piece {
    /// Where it begins.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// It carries its own sum: it counts whole or not at all.
    pub(crate) summed: bool,
}

/// What the server says of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It has so many bytes.
    Has {
        /// How many.
        offset: u64,
        /// Where it takes more, relative to the server; when it said so.
        upload: Option<String>,
        /// The whole file is kept under this name: the confirmation.
        kept: Option<Blake3Hex>,
    },
    /// It has not as many bytes as the piece began at.
    OtherOffset,
    /// The bytes do not add up to the piece's sum, or to the file's name.
    WrongSum,
    /// It knows of no such upload.
    Gone,
    /// It will not take such a file.
    Refused(Failed),
}

/// A range of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ranged {
    /// These bytes, from there on; fewer than asked for if the answer was cut, and then with how.
    Bytes {
        /// Where they begin.
        from: u64,
        bytes: Vec<u8>,
        cut: Option<Failed>,
    },
    /// The file is shorter than that.
    TooFar,
    /// There is no such file for this device.
    Gone,
}

impl Caller {
    pub(crate) async fn offer(&self, transport: &impl Transport, request: &OfferRequest) -> Result<Answer<OfferReply>, Failed> {
        self.post(transport, "/v1/files/offer", request).await
    }

    /// Begins an upload, with the first piece of the file.
    pub(crate) async fn create(&self, transport: &impl Transport, new: &NewUpload<'_>, piece: Piece) -> Result<Said, Failed> {
        let word = |key: &str, value: &str| format!("{key} {}", BASE64.encode(value));
        let metadata =
            [word(METADATA_HASH, new.file.as_str()), word(METADATA_CLASS, new.class.as_str()), word(METADATA_TYPE, new.content_type)];
        let headers = vec![("upload-length", new.bytes.to_string()), ("upload-metadata", metadata.join(","))];
        self.tus(transport, Method::Post, UPLOADS, headers, Some(piece)).await
    }

    /// How many bytes of an upload the server has.
    pub(crate) async fn ask_upload(&self, transport: &impl Transport, upload: &str) -> Result<Said, Failed> {
        self.tus(transport, Method::Head, upload, Vec::new(), None).await
    }

    /// The next piece of a file.
    pub(crate) async fn send_piece(&self, transport: &impl Transport, upload: &str, piece: Piece) -> Result<Said, Failed> {
        let headers = vec![("upload-offset", piece.offset.to_string())];
        self.tus(transport, Method::Patch, upload, headers, Some(piece)).await
    }

    async fn tus(
        &self,
        transport: &impl Transport,
        method: Method,
        path: &str,
        mut headers: Vec<(&'static str, String)>,
        piece: Option<Piece>,
    ) -> Result<Said, Failed> {
        headers.extend(self.who());
        headers.push(("tus-resumable", TUS_VERSION.to_owned()));
        let mut body = Vec::new();
        if let Some(piece) = piece {
            headers.push(("content-type", "application/offset+octet-stream".to_owned()));
            if piece.summed {
                headers.push(("upload-checksum", format!("blake3 {}", BASE64.encode(Blake3Hex::of(&piece.bytes).digest()))));
            }
            body = piece.bytes;
        }
        let url = format!("{}{path}", self.server);
        let request = HttpRequest { method, url, headers, body, wanted_headers: TUS_HEADERS, max_answer_bytes: MAX_ANSWER_BYTES };
        let response = transport.send(request).await.map_err(|error| Failed::new(error.code, error.detail))?;
        self.said(transport, &response).await
    }

    async fn said(&self, transport: &impl Transport, response: &HttpResponse) -> Result<Said, Failed> {
        let is_tus = response.header("tus-resumable").is_some();
        match response.status {
            200 | 201 | 204 if is_tus => {
                let offset = response.header("upload-offset").and_then(|offset| offset.parse().ok());
                let Some(offset) = offset else {
                    return Err(Failed::new(ErrorCode::IncompleteReply, "the server does not say how many bytes it has"));
                };
                let upload = response.header("location").and_then(upload_of);
                let kept = response.header(FILE_HASH_HEADER).and_then(Blake3Hex::parse);
                Ok(Said::Has { offset, upload, kept })
            }
            404 | 410 if is_tus => Ok(Said::Gone),
            409 if is_tus => Ok(Said::OtherOffset),
            460 if is_tus => Ok(Said::WrongSum),
            400 | 413 | 415 if is_tus => Ok(Said::Refused(self.refusal(transport, response).await)),
            _ => {
                let failed = self.refusal(transport, response).await;
                // Our server it is (whoever is not says so), and an upload of before it is that it does not know.
                let is_gone = matches!(response.status, 404 | 410) && failed.code == ErrorCode::IncompleteReply;
                if is_gone { Ok(Said::Gone) } else { Err(failed) }
            }
        }
    }

    /// Up to `len` bytes of a file from `from` on.
    pub(crate) async fn range(&self, transport: &impl Transport, file: &Blake3Hex, from: u64, len: u64) -> Result<Ranged, Failed> {
        let mut headers = self.who();
        headers.push(("range", format!("bytes={from}-{}", from.saturating_add(len).saturating_sub(1))));
        headers.push(("if-range", format!("\"{file}\"")));
        headers.push(("accept-encoding", "identity".to_owned()));
        let url = format!("{}/v1/files/{file}", self.server);
        let request =
            HttpRequest { method: Method::Get, url, headers, body: Vec::new(), wanted_headers: RANGE_HEADERS, max_answer_bytes: len };
        let (response, cut) = match transport.send(request).await {
            Ok(response) => (response, None),
            Err(error) => match error.begun {
                Some(begun) if matches!(begun.status, 200 | 206) && !begun.body.is_empty() => {
                    (*begun, Some(Failed::new(error.code, error.detail)))
                }
                _ => return Err(Failed::new(error.code, error.detail)),
            },
        };
        match response.status {
            206 => match response.header("content-range").and_then(range_start) {
                Some(start) if start == from => Ok(Ranged::Bytes { from, bytes: response.body, cut }),
                _ => Err(Failed::new(ErrorCode::IncompleteReply, "another range than the one asked for")),
            },
            // The whole file, from its beginning.
            200 => Ok(Ranged::Bytes { from: 0, bytes: response.body, cut }),
            416 => Ok(Ranged::TooFar),
            404 | 410 => match self.refusal(transport, &response).await {
                failed if matches!(failed.code, ErrorCode::CaptivePortal) => Err(failed),
                _ => Ok(Ranged::Gone),
            },
            _ => Err(self.refusal(transport, &response).await),
        }
    }

    /// The bytes of something that is named by its content: at most so many, checked against the name.
    pub(crate) async fn named(&self, transport: &impl Transport, path: &str, name: &Blake3Hex, most: u64) -> Result<Vec<u8>, Failed> {
        let mut headers = self.who();
        headers.push(("accept-encoding", "identity".to_owned()));
        let url = format!("{}{path}/{name}", self.server);
        let request = HttpRequest { method: Method::Get, url, headers, body: Vec::new(), wanted_headers: &[], max_answer_bytes: most };
        let response = transport.send(request).await.map_err(|error| Failed::new(error.code, error.detail))?;
        if response.status != 200 {
            return Err(self.refusal(transport, &response).await);
        }
        if Blake3Hex::of(&response.body) == *name {
            Ok(response.body)
        } else {
            Err(Failed::new(ErrorCode::FileDamaged, format!("{name} came with other bytes")))
        }
    }
}

/// An upload's address relative to the server. What is not an upload of ours is not followed: a token is not to go anywhere else.
fn upload_of(location: &str) -> Option<String> {
    let at = location.find("/v1/uploads/")?;
    let path = location.get(at..)?;
    let id = path.strip_prefix("/v1/uploads/")?;
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_plain.then(|| path.to_owned())
}

/// Where the range of `bytes 5-9/10` begins.
fn range_start(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_taken_from_its_address_and_nothing_else_is() {
        for (location, upload) in [
            ("/v1/uploads/3f2a", Some("/v1/uploads/3f2a")),
            ("https://polevik.example/v1/uploads/a-b_9", Some("/v1/uploads/a-b_9")),
            ("/v1/uploads/", None),
            ("/v1/uploads/../login", None),
            ("/v1/uploads/a?token=1", None),
            ("/v1/files/ab", None),
            ("", None),
        ] {
            assert_eq!(upload_of(location).as_deref(), upload, "{location}");
        }
    }

    #[test]
    fn a_range_says_where_it_begins() {
        for (text, start) in [("bytes 0-9/10", Some(0)), ("bytes 5-9/*", Some(5)), ("bytes */10", None), ("items 0-1/2", None), ("", None)]
        {
            assert_eq!(range_start(text), start, "{text}");
        }
    }
}
