//! `orders export`: placed orders as a file for another program.

use std::ops::ControlFlow;
use std::path::Path;

use polevik_device::api::{ErrorCode, Push};
use polevik_device::order_export::format::{Decimal, Options, XmlEncoding};
use polevik_device::order_export::selection::{DayRange, Selection};
use polevik_device::order_file::{OrderFile, Wanted};
use serde_json::json;

use crate::answer::{Answer, Problem};
use crate::args::Export;
use crate::commands::{Core, signed_in};
use crate::machine::Machine;

pub(crate) async fn export<P: Fn(Push)>(core: &Core<P>, machine: Machine, asked: &Export) -> Result<Answer, Problem> {
    signed_in(core).await?;
    let wanted = Wanted { selection: selection(asked), format: asked.format, options: options(asked) };
    let file = core.with_device(|device| device.order_file(&wanted, &machine, |_, _| ControlFlow::Continue(())))?;
    let path = asked.out.join(&file.name);
    save(&path, &file.made.bytes).map_err(|error| Problem::coded(ErrorCode::FileNotSaved, format!("{}: {error}", path.display())))?;
    Ok(answer(&path, &file))
}

fn selection(asked: &Export) -> Selection {
    if asked.all {
        return Selection::All;
    }
    Selection::Dates {
        created: DayRange { from: asked.created_from, to: asked.created_to },
        delivery: DayRange { from: asked.delivery_from, to: asked.delivery_to },
    }
}

fn options(asked: &Export) -> Options {
    Options {
        decimal: if asked.decimal_point { Decimal::Point } else { Decimal::Comma },
        encoding: if asked.windows_1251 { XmlEncoding::Windows1251 } else { XmlEncoding::Utf8 },
    }
}

/// Under its name there is the whole file or none.
fn save(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = std::fs::write(&part, bytes).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed either says nothing new.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn answer(path: &Path, file: &OrderFile) -> Answer {
    let (totals, counted) = (&file.made.totals, &file.counted);
    let text = format!(
        "{}\n{} orders, {} lines, {}.{:02}; the server has {} of them\nSHA-256 {}",
        path.display(),
        totals.orders,
        totals.lines,
        totals.sum_minor.0 / 100,
        totals.sum_minor.0 % 100,
        counted.on_server,
        file.made.file_sha256,
    );
    let json = json!({
        "file": path.display().to_string(),
        "bytes": file.made.bytes.len(),
        "orders": totals.orders,
        "lines": totals.lines,
        "sum": totals.sum_minor,
        "vat_sum": totals.vat_sum_minor,
        "on_server": counted.on_server,
        "file_sha256": file.made.file_sha256,
        "content_sha256": file.made.content_sha256,
    });
    Answer::new(text, json)
}
