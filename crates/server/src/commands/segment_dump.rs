//! `polevik-server segment dump`: what a segment holds.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use polevik_protocol::change::Op;
use polevik_protocol::manifest::Blake3Hex;
use polevik_protocol::rows::ValueRef;
use polevik_protocol::segment::{Segment, SegmentKind};
use polevik_server_store::part;
use serde_json::{Map, Value, json};

use super::DataFolder;
use crate::blobs::Blobs;
use crate::database;
use crate::feed::download::{SegmentReadError, segment_bytes};

/// Rows shown as text unless told otherwise.
const USUAL_ROWS: usize = 20;

/// Show what a segment holds: its header and its rows.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server segment dump 5f0c…e1 --data data         by name, from the data folder
  polevik-server segment dump ./segment.bin --json        from a file, say of curl

Exit codes: 0 done; 1 there is no such segment, or it is damaged; 2 wrong usage.")]
pub struct Args {
    /// A file, or a segment's name (64 hexadecimal digits).
    #[arg(value_name = "FILE|HASH")]
    segment: String,
    #[command(flatten)]
    data: DataFolder,
    /// Most rows shown; 20 as text and all as JSON if not given.
    #[arg(long)]
    limit: Option<usize>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Shows the segment.
///
/// # Errors
///
/// When there is none, or it is damaged.
pub fn run(args: &Args) -> Result<ExitCode> {
    let bytes = bytes_of(args)?;
    let name = Blake3Hex::of(&bytes);
    let segment = Segment::read(&bytes)?;
    if args.json {
        println!("{}", as_json(&segment, &name, bytes.len(), args.limit.unwrap_or(usize::MAX)));
    } else {
        print!("{}", as_text(&segment, &name, bytes.len(), args.limit.unwrap_or(USUAL_ROWS)));
    }
    Ok(ExitCode::SUCCESS)
}

fn bytes_of(args: &Args) -> Result<Vec<u8>> {
    let file = Path::new(&args.segment);
    if file.is_file() {
        return std::fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let Some(name) = Blake3Hex::parse(&args.segment) else {
        bail!("{} is neither a file nor a segment's name of 64 hexadecimal digits", args.segment);
    };
    let store = database::open(&args.data.path)?;
    let blobs = Blobs::open(&args.data.path)?;
    let found = store.read(|tx| {
        for part in part::list(tx)? {
            if let Some(bytes) = segment_bytes(tx, &blobs, &part.id, &name)? {
                return Ok(Some(bytes));
            }
        }
        Ok::<_, SegmentReadError>(None)
    })?;
    found.with_context(|| format!("{} has no segment {name}", args.data.path.display()))
}

fn kind(segment: &Segment) -> &'static str {
    match segment.header.kind {
        SegmentKind::Base => "base",
        SegmentKind::Delta => "delta",
    }
}

fn as_json(segment: &Segment, name: &Blake3Hex, len_bytes: usize, most: usize) -> Value {
    let header = &segment.header;
    let rows: Vec<Value> = segment
        .rows()
        .take(most)
        .map(|(pk, op, put)| {
            let mut row = Map::new();
            row.insert("id".to_owned(), json!(pk));
            match op {
                Op::Remove => drop(row.insert("removed".to_owned(), json!(true))),
                Op::Put => {
                    for (index, column) in segment.table.columns.iter().enumerate() {
                        row.insert(column.name.to_owned(), value_as_json(segment.value(index, put)));
                    }
                }
            }
            Value::Object(row)
        })
        .collect();
    json!({
        "hash": name,
        "kind": kind(segment),
        "part": header.part,
        "bucket": header.bucket,
        "table": segment.table.name,
        "schema": header.schema,
        "after": header.after,
        "to": header.to,
        "row_count": header.rows,
        "put_count": header.puts,
        "bytes": len_bytes,
        "raw_bytes": header.raw_bytes,
        "state": header.state,
        "rows": rows,
    })
}

fn value_as_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => json!(number),
        ValueRef::Text(text) => json!(text),
        ValueRef::Blob(bytes) => json!(hex::encode(bytes)),
    }
}

fn as_text(segment: &Segment, name: &Blake3Hex, len_bytes: usize, most: usize) -> String {
    let header = &segment.header;
    let mut out = format!(
        "{} segment of {} in {} (part {}), schema {}\n  name {name}\n  {} rows, {} of them put; {len_bytes} bytes, {} before compression\n",
        kind(segment),
        segment.table.name,
        header.bucket,
        header.part,
        header.schema,
        header.rows,
        header.puts,
        header.raw_bytes,
    );
    if header.kind == SegmentKind::Delta {
        out.push_str(&format!("  changes after {} up to {}\n", header.after.0, header.to.0));
    }
    for (pk, op, put) in segment.rows().take(most) {
        let values = match op {
            Op::Remove => "removed".to_owned(),
            Op::Put => segment
                .table
                .columns
                .iter()
                .enumerate()
                .filter_map(|(index, column)| match segment.value(index, put) {
                    ValueRef::Null => None,
                    value => Some(format!("{}={}", column.name, value_as_json(value))),
                })
                .collect::<Vec<_>>()
                .join(" "),
        };
        out.push_str(&format!("{pk}  {values}\n"));
    }
    if header.rows > most {
        out.push_str(&format!("… and {} more rows (--limit)\n", header.rows - most));
    }
    out
}
