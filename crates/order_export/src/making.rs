//! Makes a file order by order, so that whoever makes it can say how far it is, and stop.

use std::ops::ControlFlow;

use crate::commerceml::CommerceMlWriter;
use crate::csv::CsvWriter;
use crate::format::{Format, Options};
use crate::json::JsonWriter;
use crate::snapshot::{ContentHash, Header, Order, Sha256Hex, Snapshot, Totals, file_sha256};
use crate::xlsx::XlsxWriter;

/// Why a file was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// More rows than a sheet can have (1 048 576).
    #[error("a sheet cannot have so many rows")]
    TooManyRows,
    /// A file or a part of it of 4 GiB or more.
    #[error("the file would be too large")]
    TooLarge,
    /// Whoever wanted it wants it no more.
    #[error("stopped")]
    Stopped,
}

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What the orders in it come to.
    pub totals: Totals,
    /// SHA-256 of the orders, the same in every format.
    pub content_sha256: Sha256Hex,
    /// SHA-256 of `bytes`.
    pub file_sha256: Sha256Hex,
}

/// A file that is being made. Dropping it stops the making.
///
/// Nothing is written anywhere but to memory: a spreadsheet of 5 000 orders takes about as much as its packed bytes.
pub struct Making {
    writer: Writer,
    totals: Totals,
    content: ContentHash,
}

enum Writer {
    Xlsx(Box<XlsxWriter>),
    Csv(Box<CsvWriter>),
    CommerceMl(Box<CommerceMlWriter>),
    Json(Box<JsonWriter>),
}

impl Making {
    /// Begins a file. The same header and orders give the same bytes.
    #[must_use]
    pub fn new(header: &Header, format: Format, options: Options) -> Self {
        let writer = match format {
            Format::Xlsx => Writer::Xlsx(Box::new(XlsxWriter::new(header))),
            Format::Csv => Writer::Csv(Box::new(CsvWriter::new(header, options.decimal))),
            Format::CommerceMl => Writer::CommerceMl(Box::new(CommerceMlWriter::new(header, options.encoding))),
            Format::Json => Writer::Json(Box::new(JsonWriter::new(header))),
        };
        Self { writer, totals: Totals::default(), content: ContentHash::default() }
    }

    /// Writes the next order.
    ///
    /// # Errors
    ///
    /// [`MakeError::TooManyRows`]; the file is then worth nothing.
    pub fn add(&mut self, order: &Order) -> Result<(), MakeError> {
        self.totals.add(order);
        self.content.add(order);
        match &mut self.writer {
            Writer::Xlsx(writer) => writer.add(order),
            Writer::Csv(writer) => {
                writer.add(order);
                Ok(())
            }
            Writer::CommerceMl(writer) => {
                writer.add(order);
                Ok(())
            }
            Writer::Json(writer) => {
                writer.add(order);
                Ok(())
            }
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// [`MakeError::TooLarge`].
    pub fn finish(self) -> Result<Made, MakeError> {
        let Self { writer, totals, content } = self;
        let content_sha256 = content.finish();
        let bytes = match writer {
            Writer::Xlsx(writer) => writer.finish(&totals, &content_sha256)?,
            Writer::Csv(writer) => writer.finish()?,
            Writer::CommerceMl(writer) => writer.finish(),
            Writer::Json(writer) => writer.finish(&totals, &content_sha256),
        };
        let file_sha256 = file_sha256(&bytes);
        Ok(Made { bytes, totals, content_sha256, file_sha256 })
    }
}

/// Orders between two calls of `progress`.
const ORDERS_PER_STEP: usize = 64;

/// Makes a file of a whole snapshot.
///
/// `progress` is told how many orders are written, about every 64 and at the end, and says whether to go on.
///
/// # Errors
///
/// [`MakeError`]; [`MakeError::Stopped`] when `progress` said so.
pub fn make(
    snapshot: &Snapshot,
    format: Format,
    options: Options,
    mut progress: impl FnMut(usize) -> ControlFlow<()>,
) -> Result<Made, MakeError> {
    let mut making = Making::new(&snapshot.header, format, options);
    let mut done = 0;
    for step in snapshot.orders.chunks(ORDERS_PER_STEP) {
        step.iter().try_for_each(|order| making.add(order))?;
        done += step.len();
        if progress(done).is_break() {
            return Err(MakeError::Stopped);
        }
    }
    making.finish()
}
