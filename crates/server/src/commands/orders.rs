//! `polevik-server orders`: what reps have ordered.

use std::process::ExitCode;

use anyhow::{Result, bail};
use polevik_domain::ids::DocumentId;
use polevik_domain::money::Money;
use polevik_domain::time::UtcMillis;
use polevik_server_store::documents::orders::{self, StoredLine, StoredOrder};
use polevik_server_store::part;
use polevik_server_store::{StoreError, Transaction};
use serde_json::{Value, json};

use super::{DataFolder, text};
use crate::database;

/// What there is to do with orders.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List orders in the central database, the latest received first. Works while `serve` runs.
    List(ListArgs),
    /// Show one order with its lines.
    Show(ShowArgs),
}

/// `orders list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server orders list --data data
  polevik-server orders list --data data --json --limit 5

JSON: an array of orders, each {id, number, revision, outlet {id, ext_code, name}, position {id, code}, visit_id, outside_visit, placed_at,
local_day, delivery_day, comment, totals {sum, vat_sum, lines}, received_at, withdrawn {at, because} or null, lines [{sku, name, unit,
quantity, base_quantity, price, vat_rate, sum, vat_sum, office_vat_rate}]}; amounts in kopecks, moments in UTC.
Exit codes: 0 done; 1 the database cannot be used; 2 wrong usage.")]
pub struct ListArgs {
    #[command(flatten)]
    data: DataFolder,
    /// Only of this part (distributor).
    #[arg(long)]
    part: Option<String>,
    /// Most orders of each part.
    #[arg(long, default_value_t = 1_000)]
    limit: u32,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// `orders show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  polevik-server orders show А001-000001 --data data
  polevik-server orders show 0193a4f0-0000-7000-8000-000000000001 --data data --json

Exit codes: 0 done; 1 there is no such order, or the database cannot be used; 2 wrong usage.")]
pub struct ShowArgs {
    /// Its id or its number (the letter of a number is Cyrillic).
    order: String,
    #[command(flatten)]
    data: DataFolder,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs either.
///
/// # Errors
///
/// When there is no such order, or the database cannot be used.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(args)?,
        Command::Show(args) => show(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> Result<()> {
    let store = database::open(&args.data.path)?;
    let found = store.read(|tx| {
        let mut found = Vec::new();
        for part_id in part_ids(tx, args.part.as_deref())? {
            found.extend(orders::list(tx, &part_id, args.limit)?);
        }
        Ok::<_, StoreError>(found)
    })?;
    if args.json {
        println!("{}", Value::Array(found.iter().map(as_json).collect()));
        return Ok(());
    }
    if found.is_empty() {
        println!("no orders yet");
        return Ok(());
    }
    let mut rows = vec![["number", "received (UTC)", "position", "outlet", "lines", "sum", "state", "id"].map(str::to_owned)];
    rows.extend(found.iter().map(|order| {
        [
            order.number.clone(),
            moment(order.received_at),
            order.position_code.clone(),
            format!("{} {}", order.outlet_ext_code, text::shortened(&order.outlet_name, 40)),
            order.lines.len().to_string(),
            rubles(order.sum),
            order.withdrawn_at.map_or_else(String::new, |_| format!("withdrawn: {}", text::shortened(&order.withdrawn_because, 40))),
            order.id.to_string(),
        ]
    }));
    print!("{}", text::table(&rows, &[4, 5]));
    Ok(())
}

fn show(args: &ShowArgs) -> Result<()> {
    let store = database::open(&args.data.path)?;
    let found = store.read(|tx| {
        for part_id in part_ids(tx, None)? {
            let id = match DocumentId::parse(&args.order) {
                Some(id) => Some(id),
                None => orders::with_number(tx, &part_id, &args.order)?,
            };
            if let Some(order) = id.map(|id| orders::find(tx, &part_id, id)).transpose()?.flatten() {
                return Ok(Some(order));
            }
        }
        Ok::<_, StoreError>(None)
    })?;
    let Some(order) = found else { bail!("there is no order {}; `polevik-server orders list` shows all", args.order) };
    if args.json {
        println!("{}", as_json(&order));
    } else {
        print!("{}", as_text(&order));
    }
    Ok(())
}

fn part_ids(tx: &Transaction<'_>, only: Option<&str>) -> Result<Vec<String>, StoreError> {
    match only {
        Some(id) => Ok(vec![part::load(tx, id)?.id]),
        None => Ok(part::list(tx)?.into_iter().map(|part| part.id).collect()),
    }
}

fn as_json(order: &StoredOrder) -> Value {
    json!({
        "id": order.id,
        "number": order.number,
        "part": order.part_id,
        "revision": order.revision,
        "outlet": { "id": order.outlet, "ext_code": order.outlet_ext_code, "name": order.outlet_name },
        "position": { "id": order.position, "code": order.position_code },
        "visit_id": order.visit,
        "outside_visit": order.outside_visit,
        "placed_at": moment(order.placed_at),
        "local_day": order.local_day.to_string(),
        "delivery_day": order.delivery_day.map(|day| day.to_string()),
        "comment": order.comment,
        "totals": { "sum": order.sum, "vat_sum": order.vat_sum, "lines": order.lines.len() },
        "received_at": moment(order.received_at),
        "received_at_ms": order.received_at,
        "withdrawn": order.withdrawn_at.map(|at| json!({ "at": moment(at), "because": order.withdrawn_because })),
        "lines": order.lines.iter().map(line_as_json).collect::<Vec<_>>(),
    })
}

fn line_as_json(line: &StoredLine) -> Value {
    json!({
        "n": line.line_no,
        "product_id": line.product,
        "sku": line.sku,
        "name": line.name,
        "unit": line.unit,
        "quantity": line.quantity,
        "base_quantity": line.base_quantity,
        "price": line.price,
        "vat_rate": line.vat_rate,
        "sum": line.sum,
        "vat_sum": line.vat_sum,
        "office_vat_rate": line.office_vat_rate,
    })
}

fn as_text(order: &StoredOrder) -> String {
    let visit = match (&order.visit, &order.outside_visit) {
        (Some(visit), _) => format!("visit {visit}"),
        (None, Some(reason)) => format!("outside a visit: {reason}"),
        (None, None) => "outside a visit".to_owned(),
    };
    let delivery = order.delivery_day.map_or_else(|| "not named".to_owned(), |day| day.to_string());
    let mut out = format!(
        "Order {} (revision {})\n  id        {}\n  outlet    {} {}\n  position  {}\n  {visit}\n  placed    {} ({})\n  received  {}\n  delivery  {delivery}\n",
        order.number,
        order.revision,
        order.id,
        order.outlet_ext_code,
        order.outlet_name,
        order.position_code,
        moment(order.placed_at),
        order.local_day,
        moment(order.received_at),
    );
    if let Some(at) = order.withdrawn_at {
        out.push_str(&format!("  WITHDRAWN {}: {}\n", moment(at), order.withdrawn_because));
    }
    if !order.comment.is_empty() {
        out.push_str(&format!("  comment   {}\n", order.comment));
    }
    let mut rows = vec![["", "article", "name", "quantity", "pieces", "price", "VAT", "sum"].map(str::to_owned)];
    rows.extend(order.lines.iter().map(|line| {
        [
            line.line_no.to_string(),
            line.sku.clone(),
            text::shortened(&line.name, 48),
            format!("{} {}", line.quantity, line.unit.as_str()),
            line.base_quantity.to_string(),
            rubles(line.price),
            format!("{} %", line.vat_rate.0 / 100),
            rubles(line.sum),
        ]
    }));
    out.push('\n');
    out.push_str(&text::table(&rows, &[0, 3, 4, 5, 6, 7]));
    out.push_str(&format!("\n  {} lines, {} of it VAT {}\n", order.lines.len(), rubles(order.sum), rubles(order.vat_sum)));
    out
}

/// Rubles and kopecks.
fn rubles(money: Money) -> String {
    let kopecks = money.0.unsigned_abs();
    let sign = if money.0 < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", kopecks / 100, kopecks % 100)
}

/// UTC, to the second.
fn moment(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_moments_read_well() {
        assert_eq!(rubles(Money(123_450)), "1234.50");
        assert_eq!(rubles(Money(-5)), "-0.05");
        assert_eq!(moment(UtcMillis(1_000)), "1970-01-01T00:00:01Z");
    }
}
