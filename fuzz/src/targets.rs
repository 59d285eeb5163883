//! What each decoder must survive. A target reads bytes as its decoder would get them, and goes on as its caller would.

use std::ops::ControlFlow;

use axum::http::HeaderValue;
use polevik_device::pictures::jpeg;
use polevik_device_api::frame::{self, FromCore, ToCore};
use polevik_domain::numbering::DocumentNumber;
use polevik_domain::time::CalendarDay;
use polevik_order_export::format::{Format as OrderFormat, Options};
use polevik_order_export::making::make;
use polevik_order_export::read::read;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::{ChangeNo, Op};
use polevik_protocol::document::{DocumentKind, Envelope, OrderBody, PhotoBody, VisitBody, WithdrawalBody};
use polevik_protocol::login::{ErrorBody, Health, LoginReply, LoginRequest};
use polevik_protocol::manifest::{Blake3Hex, Manifest, Root};
use polevik_protocol::repair::{BackfillReply, BackfillRequest, RepairReply, RepairRequest};
use polevik_protocol::segment::{Segment, SegmentHeader, to_step_form};
use polevik_protocol::session_tag::SessionTag;
use polevik_protocol::sync::{SyncReply, SyncRequest, WaitReply};
use polevik_server::download::segment::asked_range;
use polevik_server::import::fields::Fields;
use polevik_server::import::source::{self, Format, Line};
use serde::de::DeserializeOwned;

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn read_everything(segment: &Segment) {
    let mut puts = 0;
    let mut last = None;
    for (key, op, put) in segment.rows() {
        assert!(last < Some(key), "keys rise");
        last = Some(key);
        if op == Op::Put {
            assert_eq!(put, puts);
            puts += 1;
            for column in 0..segment.table.columns.len() {
                let _value = segment.value(column, put);
            }
            assert!(segment.hashed_values(put).count() >= segment.table.columns.len());
        }
    }
    assert_eq!(puts, segment.header.puts);
}

/// A segment as it comes over the network or lies in the staging table.
pub fn segment(bytes: &[u8]) {
    let header = SegmentHeader::read(bytes);
    if let Ok(segment) = Segment::read(bytes) {
        assert_eq!(header.as_ref(), Ok(&segment.header));
        read_everything(&segment);
    }
    if let Ok(step) = to_step_form(bytes) {
        step_form(&step);
    }
}

/// A delta inside a step.
pub fn step_form(bytes: &[u8]) {
    if let Some(bucket) = BucketName::parse("price_type:3")
        && let Ok(segment) = Segment::read_step_form(bytes, &bucket)
    {
        read_everything(&segment);
    }
}

/// A manifest under its right name, and the plans made of it.
pub fn manifest(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(manifest) = Manifest::open(text, &Blake3Hex::of(bytes))
    {
        assert!(Manifest::open(text, &Blake3Hex::of(b"another")).is_err(), "a name is checked");
        let segments = manifest.base.len() + manifest.deltas.iter().map(|delta| delta.segments.len()).sum::<usize>();
        for cursor in [0, 1, 25, manifest.head.0, u64::MAX] {
            assert!(manifest.plan(ChangeNo(cursor)).segments().count() <= segments);
        }
    }
}

/// A root, and its name.
pub fn root(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok((root, name)) = Root::open(text)
    {
        assert_eq!(name, Blake3Hex::of(bytes));
        assert!(Root::open(&root.seal().0).is_ok(), "what was read can be written and read");
    }
}

/// What a device asks, as a server reads it.
pub fn sync_request(bytes: &[u8]) {
    if let Some(request) = json::<SyncRequest>(bytes) {
        request.documents.iter().for_each(read_document);
        let again = serde_json::to_vec(&request).unwrap_or_default();
        assert!(json::<SyncRequest>(&again).is_some(), "what was read can be written and read");
    }
}

/// What a server answers, as a device reads it.
pub fn sync_reply(bytes: &[u8]) {
    if let Some(reply) = json::<SyncReply>(bytes)
        && let Some(download) = reply.download
    {
        root(download.root.as_bytes());
        download.manifests.iter().for_each(|text| manifest(text.as_bytes()));
    }
}

fn read_document(envelope: &Envelope) {
    let _kind = DocumentKind::parse(&envelope.kind);
    assert_eq!(envelope.content_hash(), envelope.content_hash());
    document_body(envelope.body.get().as_bytes());
}

/// A document in its envelope.
pub fn envelope(bytes: &[u8]) {
    if let Some(envelope) = json::<Envelope>(bytes) {
        read_document(&envelope);
    }
}

/// The body of a document, whatever its kind.
pub fn document_body(bytes: &[u8]) {
    if let Some(order) = json::<OrderBody>(bytes) {
        assert!(json::<OrderBody>(&serde_json::to_vec(&order).unwrap_or_default()).is_some());
    }
    let _visit = json::<VisitBody>(bytes);
    let _withdrawal = json::<WithdrawalBody>(bytes);
    if let Some(photo) = json::<PhotoBody>(bytes) {
        assert_eq!(json::<PhotoBody>(&serde_json::to_vec(&photo).unwrap_or_default()), Some(photo));
    }
}

/// Names, tags, codes, days and numbers: what is read is written back the same.
pub fn small_words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = BucketName::parse(text) {
        assert_eq!(BucketName::parse(name.as_str()), Some(name));
    }
    if let Some(tag) = SessionTag::parse(text) {
        assert_eq!(SessionTag::parse(&tag.to_string()), Some(tag));
    }
    if let Some(code) = ErrorCode::parse(text) {
        assert_eq!(code.as_str(), text);
    }
    if let Some(hash) = Blake3Hex::parse(text) {
        assert_eq!(Blake3Hex::parse(hash.as_str()), Some(hash));
    }
    if let Some(day) = CalendarDay::parse(text) {
        assert_eq!(CalendarDay::parse(&day.to_string()), Some(day));
    }
    if let Some(number) = DocumentNumber::parse(text) {
        assert_eq!(DocumentNumber::parse(number.as_str()), Some(number));
    }
}

/// Signing in, health, waiting, and the words of a failure.
pub fn login(bytes: &[u8]) {
    let _request = json::<LoginRequest>(bytes);
    let _reply = json::<LoginReply>(bytes);
    let _error = json::<ErrorBody>(bytes);
    let _health = json::<Health>(bytes);
    let _wait = json::<WaitReply>(bytes);
}

/// Repair and backfill, both ways.
pub fn repair(bytes: &[u8]) {
    let _request = json::<RepairRequest>(bytes);
    let _reply = json::<RepairReply>(bytes);
    let _backfill = json::<BackfillRequest>(bytes);
    let _columns = json::<BackfillReply>(bytes);
}

/// A frame between page and core.
pub fn frame(bytes: &[u8]) {
    if let Ok(message) = frame::decode::<ToCore>(bytes) {
        assert!(frame::decode::<ToCore>(&frame::encode(&message)).is_ok());
    }
    if let Ok(message) = frame::decode::<FromCore>(bytes) {
        assert!(frame::decode::<FromCore>(&frame::encode(&message)).is_ok());
    }
}

fn import(format: Format, bytes: &[u8]) {
    let Ok(lines) = source::read(format, std::io::Cursor::new(bytes.to_vec())) else { return };
    for line in lines.map_while(Result::ok) {
        if let Line::Record(record) = line {
            let fields = Fields(&record.fields);
            let names: Vec<&str> = record.fields.keys().map(String::as_str).collect();
            for name in &names {
                let _text = fields.text(&[name], 200);
                let _int = fields.int(&[name], i64::MIN..=i64::MAX);
                let _flag = fields.flag(&[name], true);
                let _day = fields.day(&[name]);
                let _moment = fields.moment(&[name]);
                let _degrees = fields.micro_degrees(&[name], 90.0);
            }
        }
    }
}

/// A file of the office with one JSON object per line.
pub fn import_ndjson(bytes: &[u8]) {
    import(Format::Ndjson, bytes);
}

/// A table of the office.
pub fn import_csv(bytes: &[u8]) {
    import(Format::Csv, bytes);
}

/// The `Range` header of a download.
pub fn range_header(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    for length in [0, 1, 1_000, u64::MAX] {
        if let Ok(Some(range)) = asked_range(&value, length) {
            assert!(range.start < range.end && range.end <= length);
        }
    }
}

fn order_file(bytes: &[u8]) {
    let Ok(back) = read(bytes) else { return };
    let made = make(&back.snapshot, OrderFormat::Json, Options::default(), |_| ControlFlow::Continue(()));
    assert_eq!(made.ok().and_then(|made| read(&made.bytes).ok()).map(|again| again.snapshot), Some(back.snapshot));
}

/// Exported orders as JSON.
pub fn order_json(bytes: &[u8]) {
    order_file(bytes);
}

/// Exported orders as a spreadsheet.
pub fn order_xlsx(bytes: &[u8]) {
    order_file(bytes);
}

/// A picture as a camera gives it, with its notes.
pub fn camera_jpeg(bytes: &[u8]) {
    let (size, turned) = (jpeg::size(bytes), jpeg::orientation(bytes));
    if let Some(bare) = jpeg::without_notes(bytes) {
        assert_eq!((jpeg::size(&bare), jpeg::orientation(&bare)), (size, turned));
        assert_eq!(jpeg::without_notes(&bare).as_ref(), Some(&bare), "a second time changes nothing");
    }
    if let Some(kept) = jpeg::finish(bytes, bytes, true) {
        assert_eq!((jpeg::size(&kept), jpeg::orientation(&kept)), (size, 1));
    }
}
