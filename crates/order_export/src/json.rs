//! JSON: everything, schema-versioned, to be read back. One order stands on each line, so that it can be looked at and compared.

use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::SCHEMA;
use crate::snapshot::{Header, Order, Sha256Hex, Totals};

/// What the file says it is.
pub(crate) const FORMAT: &str = "polevik-orders";

/// The fields of the file, in their order.
#[derive(Serialize, Deserialize)]
pub(crate) struct JsonFile {
    pub format: String,
    pub schema: u32,
    pub header: Header,
    pub orders: Vec<Order>,
    pub totals: Totals,
    pub content_sha256: Sha256Hex,
}

/// Writes it.
pub(crate) struct JsonWriter {
    bytes: Vec<u8>,
    is_first: bool,
}

const ALWAYS_JSON: &str = "numbers, words and options always make JSON, and a vector takes every byte";

impl JsonWriter {
    pub(crate) fn new(header: &Header) -> Self {
        let mut bytes = Vec::new();
        write!(bytes, "{{\"format\":\"{FORMAT}\",\"schema\":{SCHEMA},\n\"header\":").expect(ALWAYS_JSON);
        serde_json::to_writer(&mut bytes, header).expect(ALWAYS_JSON);
        bytes.extend_from_slice(b",\n\"orders\":[");
        Self { bytes, is_first: true }
    }

    pub(crate) fn add(&mut self, order: &Order) {
        self.bytes.extend_from_slice(if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut self.bytes, order).expect(ALWAYS_JSON);
    }

    pub(crate) fn finish(mut self, totals: &Totals, content_sha256: &str) -> Vec<u8> {
        self.bytes.extend_from_slice(b"\n],\n\"totals\":");
        serde_json::to_writer(&mut self.bytes, totals).expect(ALWAYS_JSON);
        writeln!(self.bytes, ",\n\"content_sha256\":\"{content_sha256}\"}}").expect(ALWAYS_JSON);
        self.bytes
    }
}
