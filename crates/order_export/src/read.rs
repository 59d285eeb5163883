//! Takes JSON and XLSX back into a [`Snapshot`], with limits, and says where a file is wrong.
//!
//! The bytes may be anything: they give a snapshot or an error, never a panic, and never take much more memory than a bound allows.

use std::collections::HashSet;

use polevik_domain::numbering::DocumentNumber;
use polevik_domain::order::{MAX_COMMENT_CHARS, MAX_ORDER_LINES};
use polevik_domain::quantity::MAX_LINE_QUANTITY;

use crate::snapshot::{ContentHash, Line, Order, Snapshot, Totals};

mod json;
mod workbook;
mod xlsx;

/// The largest file that is read.
pub const MOST_FILE_BYTES: usize = 256 * 1024 * 1024;

/// The most orders of a file.
pub const MOST_ORDERS: usize = 100_000;

/// The most problems that are told at once.
pub const MOST_PROBLEMS: usize = 100;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// What stands in it.
    pub snapshot: Snapshot,
    /// What is in the file is what was exported. `false`: somebody changed an order in it, and its sums still agree.
    pub is_unchanged: bool,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More than [`MOST_FILE_BYTES`], or more than [`MOST_ORDERS`].
    #[error("the file is too large")]
    TooLarge,
    /// Neither JSON nor XLSX of ours.
    #[error("this is no export of orders: {0}")]
    NotOurs(String),
    /// Made by a newer version.
    #[error("the file has version {0}, which this program does not know")]
    Newer(u64),
    /// It breaks off or its bytes are damaged.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Its content is wrong, at these places; at most [`MOST_PROBLEMS`].
    #[error("{}", Listed(.0))]
    Problems(Vec<Problem>),
}

/// One wrong place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `orders[3].lines[1].quantity`, or «Строки», row 17, «Количество».
    pub place: String,
    /// What is wrong there, for people.
    pub why: String,
}

struct Listed<'a>(&'a [Problem]);

impl std::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            write!(f, "{}{}: {}", if at > 0 { "; " } else { "" }, problem.place, problem.why)?;
        }
        Ok(())
    }
}

/// Reads a file of either form; which one it is, its first bytes say.
///
/// # Errors
///
/// [`ReadError`].
pub fn read(bytes: &[u8]) -> Result<ReadBack, ReadError> {
    if bytes.len() > MOST_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    if bytes.starts_with(b"PK") { xlsx::read(bytes) } else { json::read(bytes) }
}

/// Where something stands, in words that JSON and the sheets share.
struct Place {
    order: usize,
    /// From 0.
    line: Option<usize>,
    /// The key of a column.
    field: &'static str,
}

/// What a file says of itself besides its orders.
struct Claimed {
    totals: Totals,
    content_sha256: String,
}

/// Collects problems, up to the most that are told.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn push(&mut self, place: String, why: impl Into<String>) {
        if self.0.len() < MOST_PROBLEMS {
            self.0.push(Problem { place, why: why.into() });
        }
    }

    fn none(self) -> Result<(), ReadError> {
        if self.0.is_empty() { Ok(()) } else { Err(ReadError::Problems(self.0)) }
    }
}

/// What must hold whatever the form: ids and numbers, limits, sums.
fn checked(snapshot: Snapshot, claimed: &Claimed, name: impl Fn(&Place) -> String) -> Result<ReadBack, ReadError> {
    if snapshot.orders.len() > MOST_ORDERS {
        return Err(ReadError::TooLarge);
    }
    let mut problems = Problems::default();
    let mut ids = HashSet::with_capacity(snapshot.orders.len());
    let mut content = ContentHash::default();
    for (at, order) in snapshot.orders.iter().enumerate() {
        content.add(order);
        let mut wrong = |line: Option<usize>, field: &'static str, why: &str| problems.push(name(&Place { order: at, line, field }), why);
        if !ids.insert(order.id) {
            wrong(None, "id", "the same order stands twice");
        }
        check_order(order, &mut wrong);
    }
    problems.none()?;
    let totals = snapshot.totals();
    if totals != claimed.totals {
        return Err(ReadError::Damaged(format!("it says {:?}, but in it are {totals:?}", claimed.totals)));
    }
    Ok(ReadBack { is_unchanged: content.finish() == claimed.content_sha256, snapshot })
}

fn check_order(order: &Order, wrong: &mut impl FnMut(Option<usize>, &'static str, &str)) {
    if DocumentNumber::parse(&order.number).is_none() {
        wrong(None, "number", "not a number of the form А017-000245");
    }
    if order.revision == 0 {
        wrong(None, "revision", "revisions begin with 1");
    }
    if order.comment.chars().count() > MAX_COMMENT_CHARS {
        wrong(None, "comment", "the comment is too long");
    }
    if order.lines.is_empty() || order.lines.len() > MAX_ORDER_LINES {
        wrong(None, "id", "the order has no lines, or too many");
    }
    for (at, line) in order.lines.iter().enumerate() {
        check_line(line, |field, why| wrong(Some(at), field, why));
    }
    let sum = |amount: fn(&Line) -> i64| order.lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(amount(line)));
    if sum(|line| line.sum_minor.0) != Some(order.sum_minor.0) {
        wrong(None, "sum_minor", "not the sum of the lines");
    }
    if sum(|line| line.vat_sum_minor.0) != Some(order.vat_sum_minor.0) {
        wrong(None, "vat_sum_minor", "not the sum of the lines");
    }
}

fn check_line(line: &Line, mut wrong: impl FnMut(&'static str, &str)) {
    if !(1..=MAX_LINE_QUANTITY).contains(&line.quantity) {
        wrong("quantity", "out of range");
    } else if line.base_quantity < line.quantity || line.base_quantity % line.quantity != 0 {
        wrong("base_quantity", "not a whole number of pieces per unit");
    }
    if line.price_minor.0 < 0 {
        wrong("price_minor", "a negative price");
    }
}
