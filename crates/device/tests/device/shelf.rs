//! The files of the office in memory: it takes uploads by tus and gives ranges, and counts every byte that passes.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use polevik_device::api::ErrorCode;
use polevik_device::transport::{HttpRequest, HttpResponse, Method, TransportError};
use polevik_protocol::file::{FILE_HASH_HEADER, OfferAnswer, OfferReply, OfferRequest};
use polevik_protocol::hash::Blake3Hex;
use polevik_protocol::login::ErrorBody;

use crate::support::MORNING;

/// Something that goes wrong with one request that carries bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoil {
    /// Only so many of the bytes pass, then the line is cut.
    Cut(usize),
    /// The office did it, the answer is lost.
    AnswerLost,
    /// One bit of the byte at that place is another.
    Flip(usize),
    /// Nobody answers.
    Silent,
    /// The office breaks.
    Broken,
    /// The office gives another file's bytes.
    Swapped,
}

#[derive(Debug)]
struct Upload {
    length: usize,
    hash: Blake3Hex,
    bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub struct Shelf {
    /// Whole files by their names.
    pub kept: BTreeMap<Blake3Hex, Vec<u8>>,
    uploads: BTreeMap<String, Upload>,
    began: u32,
    /// What happens to the next requests that carry bytes of files, one each; `None` = nothing.
    pub faults: VecDeque<Option<Spoil>>,
    /// Requests about files that are still answered; `None` = all.
    pub turns: Option<u32>,
    /// Bytes of files that passed, up and down.
    pub up: u64,
    pub down: u64,
    /// Files like this are not taken.
    pub refuses: Option<Blake3Hex>,
}

impl Shelf {
    pub fn keep(&mut self, bytes: Vec<u8>) -> Blake3Hex {
        let name = Blake3Hex::of(&bytes);
        self.kept.insert(name.clone(), bytes);
        name
    }

    /// The office forgets the uploads that it has not whole.
    pub fn forget_uploads(&mut self) {
        self.uploads.clear();
    }

    pub fn answer(&mut self, request: &HttpRequest, path: &str) -> Result<HttpResponse, TransportError> {
        match (request.method, path) {
            (Method::Post, "/v1/files/offer") => {
                let packed = request.headers.iter().any(|(name, value)| *name == "content-encoding" && value == "zstd");
                let body = if packed { zstd::bulk::decompress(&request.body, 4 << 20).unwrap() } else { request.body.clone() };
                let reply = self.offer(&serde_json::from_slice(&body).unwrap());
                Ok(HttpResponse { status: 200, body: serde_json::to_vec(&reply).unwrap(), ..HttpResponse::default() })
            }
            (Method::Post | Method::Patch, _) => self.take(request, path),
            (Method::Head, upload) => Ok(self.progress(upload, 200)),
            (_, file) => self.give(request, &Blake3Hex::parse(file.trim_start_matches("/v1/files/")).unwrap()),
        }
    }

    fn offer(&self, request: &OfferRequest) -> OfferReply {
        let answer = |hash: &Blake3Hex| {
            if self.kept.contains_key(hash) {
                return OfferAnswer::Held;
            }
            if self.refuses.as_ref() == Some(hash) {
                return OfferAnswer::Refused { code: ErrorCode::FileDamaged, reason: "not a picture".to_owned() };
            }
            let begun = self.uploads.iter().find(|(_, upload)| upload.hash == *hash);
            begun.map_or(OfferAnswer::Wanted, |(upload, begun)| OfferAnswer::Partial {
                upload: upload.clone(),
                offset: begun.bytes.len() as u64,
            })
        };
        OfferReply { files: request.files.iter().map(|file| answer(&file.hash)).collect() }
    }

    fn take(&mut self, request: &HttpRequest, path: &str) -> Result<HttpResponse, TransportError> {
        let fault = self.faults.pop_front().flatten();
        let header = |wanted: &str| request.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
        match fault {
            Some(Spoil::Silent) => return Err(TransportError::new(ErrorCode::ServerSilent, "refused")),
            Some(Spoil::Broken) => return Ok(HttpResponse { status: 500, body: b"<html>".to_vec(), ..HttpResponse::default() }),
            _ => (),
        }
        let mut bytes = request.body.clone();
        let whole = bytes.len();
        match fault {
            Some(Spoil::Cut(at)) => bytes.truncate(at),
            Some(Spoil::Flip(at)) if !bytes.is_empty() => bytes[at % whole] ^= 1,
            _ => (),
        }
        self.up += bytes.len() as u64;
        let upload = if request.method == Method::Post {
            let metadata: BTreeMap<String, String> = header("upload-metadata")
                .unwrap()
                .split(',')
                .map(|pair| pair.split_once(' ').unwrap())
                .map(|(key, value)| (key.to_owned(), String::from_utf8(BASE64.decode(value).unwrap()).unwrap()))
                .collect();
            assert_eq!((metadata["class"].as_str(), metadata["filetype"].as_str()), ("photo", "image/jpeg"));
            self.began += 1;
            let upload = format!("/v1/uploads/u{}", self.began);
            let length = header("upload-length").unwrap().parse().unwrap();
            let begun = Upload { length, hash: Blake3Hex::parse(&metadata["hash"]).unwrap(), bytes: Vec::new() };
            self.uploads.insert(upload.clone(), begun);
            upload
        } else {
            path.to_owned()
        };
        let Some(begun) = self.uploads.get_mut(&upload) else { return Ok(tus(404, Vec::new())) };
        if request.method == Method::Patch && header("upload-offset").unwrap() != begun.bytes.len().to_string() {
            return Ok(tus(409, Vec::new()));
        }
        let is_cut = bytes.len() < whole;
        if let Some(sum) = header("upload-checksum") {
            // Such a part counts whole or not at all.
            let expected = format!("blake3 {}", BASE64.encode(Blake3Hex::of(&bytes).digest()));
            if !is_cut && sum != expected {
                return Ok(error(460, ErrorCode::FileDamaged));
            }
            if is_cut {
                bytes.clear();
            }
        }
        begun.bytes.extend_from_slice(&bytes);
        assert!(begun.bytes.len() <= begun.length, "more came than was said");
        if begun.bytes.len() == begun.length && Blake3Hex::of(&begun.bytes) != begun.hash {
            self.uploads.remove(&upload);
            return Ok(error(460, ErrorCode::FileDamaged));
        }
        if begun.bytes.len() == begun.length {
            self.kept.insert(begun.hash.clone(), begun.bytes.clone());
        }
        if is_cut || fault == Some(Spoil::AnswerLost) {
            return Err(TransportError::new(ErrorCode::ConnectionLost, "cut"));
        }
        let mut answer = self.progress(&upload, if request.method == Method::Post { 201 } else { 204 });
        answer.headers.push(("location".to_owned(), format!("http://office{upload}")));
        Ok(answer)
    }

    fn progress(&self, upload: &str, status: u16) -> HttpResponse {
        let Some(begun) = self.uploads.get(upload) else { return tus(404, Vec::new()) };
        let mut headers = vec![("upload-offset".to_owned(), begun.bytes.len().to_string())];
        if self.kept.contains_key(&begun.hash) {
            headers.push((FILE_HASH_HEADER.to_owned(), begun.hash.to_string()));
        }
        tus(status, headers)
    }

    fn give(&mut self, request: &HttpRequest, name: &Blake3Hex) -> Result<HttpResponse, TransportError> {
        let fault = self.faults.pop_front().flatten();
        match fault {
            Some(Spoil::Silent) => return Err(TransportError::new(ErrorCode::ServerSilent, "refused")),
            Some(Spoil::Broken) => return Ok(HttpResponse { status: 500, body: b"<html>".to_vec(), ..HttpResponse::default() }),
            _ => (),
        }
        let Some(file) = self.kept.get(name) else { return Ok(error(404, ErrorCode::Unexpected)) };
        let range = request.headers.iter().find(|(header, _)| *header == "range").unwrap().1.trim_start_matches("bytes=").to_owned();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        if from >= file.len() {
            return Ok(HttpResponse { status: 416, ..HttpResponse::default() });
        }
        let to = to.min(file.len() - 1);
        let mut body = file[from..=to].to_vec();
        let whole = body.len();
        match fault {
            Some(Spoil::Cut(at)) => body.truncate(at),
            Some(Spoil::Flip(at)) => body[at % whole] ^= 1,
            Some(Spoil::Swapped) => body.fill(b'x'),
            _ => (),
        }
        if fault == Some(Spoil::AnswerLost) {
            body.clear();
        }
        self.down += body.len() as u64;
        let headers = vec![("content-range".to_owned(), format!("bytes {from}-{to}/{}", file.len()))];
        let is_cut = body.len() < whole;
        let answer = HttpResponse { status: 206, headers, body };
        if is_cut { Err(TransportError::new(ErrorCode::ConnectionLost, "cut").after(answer)) } else { Ok(answer) }
    }
}

fn tus(status: u16, mut headers: Vec<(String, String)>) -> HttpResponse {
    headers.push(("tus-resumable".to_owned(), "1.0.0".to_owned()));
    HttpResponse { status, headers, body: Vec::new() }
}

fn error(status: u16, code: ErrorCode) -> HttpResponse {
    let body = ErrorBody { code, detail: String::new(), retry_after_s: None, queue_position: None, server_time_ms: MORNING };
    HttpResponse { body: serde_json::to_vec(&body).unwrap(), ..tus(status, Vec::new()) }
}
