//! Our spreadsheet, also after another program saved it again: columns are found by their captions, days may be counts or texts.

use std::collections::HashMap;
use std::sync::Arc;

use polevik_domain::ids::{DeviceId, DocumentId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;

use super::workbook::{Row, Value, Workbook};
use super::{Claimed, Place, Problems, ReadBack, ReadError, checked};
use crate::SCHEMA;
use crate::columns::{LINE_COLUMNS, ORDER_COLUMNS};
use crate::moment::LocalMoment;
use crate::selection::{DayRange, Selection};
use crate::snapshot::{Header, Line, Named, Occasion, Order, OrderState, Outlet, Product, Snapshot, Totals};
use crate::xlsx::{EPOCH_DAYS, caption};

/// Days between the two beginnings from which spreadsheets count.
const DAYS_TO_1904: i64 = 1_462;

/// 9999-12-31, counted from 1900.
const MOST_COUNTED_DAYS: i64 = 2_958_465;

const ORDERS: &str = "Заказы";
const LINES: &str = "Строки";
const DETAILS: &str = "Сведения";

pub(super) fn read(bytes: &[u8]) -> Result<ReadBack, ReadError> {
    let workbook = Workbook::open(bytes)?;
    let epoch_days = if workbook.counts_from_1904 { EPOCH_DAYS - DAYS_TO_1904 } else { EPOCH_DAYS };
    let mut problems = Problems::default();
    let (header, claimed) = details(&workbook, epoch_days, &mut problems)?;

    let mut orders: Vec<(Order, u32)> = Vec::new();
    let mut by_id = HashMap::new();
    let captions: Vec<_> = ORDER_COLUMNS.iter().map(|column| (column.key, column.caption)).collect();
    let mut table = Table::new(ORDERS, &captions, epoch_days);
    workbook.rows(ORDERS, |row| {
        let number = row.number;
        if let Some(mut cells) = table.cells(row, &mut problems)? {
            let order = order(&mut cells);
            if orders.len() >= super::MOST_ORDERS {
                return Err(ReadError::TooLarge);
            }
            by_id.insert(order.id, orders.len());
            orders.push((order, number));
        }
        Ok(())
    })?;

    let mut line_rows: HashMap<(usize, usize), u32> = HashMap::new();
    let mut products: HashMap<Product, Arc<Product>> = HashMap::new();
    let captions: Vec<_> = LINE_COLUMNS.iter().map(|column| (column.key, column.caption)).collect();
    let mut table = Table::new(LINES, &captions, epoch_days);
    workbook.rows(LINES, |row| {
        let number = row.number;
        let Some(mut cells) = table.cells(row, &mut problems)? else { return Ok(()) };
        let of = cells.parsed("order", DocumentId::parse);
        let line = line(&mut cells, &mut products);
        match of.and_then(|id| by_id.get(&id)).and_then(|at| Some((*at, &mut orders.get_mut(*at)?.0))) {
            Some((at, order)) => {
                line_rows.insert((at, order.lines.len()), number);
                order.lines.push(line);
            }
            None => cells.wrong("order", "there is no such order"),
        }
        Ok(())
    })?;
    problems.none()?;

    let rows: Vec<u32> = orders.iter().map(|(_, row)| *row).collect();
    let snapshot = Snapshot { header, orders: orders.into_iter().map(|(order, _)| order).collect() };
    checked(snapshot, &claimed, |place: &Place| match place.line {
        Some(line) => {
            let caption = LINE_COLUMNS.iter().find(|column| column.key == place.field).map_or(place.field, |column| column.caption);
            cell_name(LINES, line_rows.get(&(place.order, line)).copied().unwrap_or_default(), caption)
        }
        None => {
            let caption = ORDER_COLUMNS.iter().find(|column| column.key == place.field).map_or(place.field, |column| column.caption);
            cell_name(ORDERS, rows.get(place.order).copied().unwrap_or_default(), caption)
        }
    })
}

fn order(cells: &mut Cells<'_, '_>) -> Order {
    let occasion = match cells.text("visit") {
        text if text.is_empty() => Occasion::Outside(cells.text("occasion")),
        text => match DocumentId::parse(&text) {
            Some(id) => Occasion::Visit(id),
            None => {
                cells.wrong("visit", "not an id");
                Occasion::Outside(String::new())
            }
        },
    };
    Order {
        id: cells.parsed("id", DocumentId::parse).unwrap_or(DocumentId(Default::default())),
        number: cells.text("number"),
        revision: cells.parsed("revision", |text| u32::try_from(whole(text)?).ok()).unwrap_or_default(),
        placed_at: cells
            .parsed("placed_at", LocalMoment::parse)
            .unwrap_or(LocalMoment { at: Default::default(), offset: Default::default() }),
        local_day: cells.day("local_day").unwrap_or_else(|| {
            cells.wrong("local_day", "missing");
            CalendarDay(0)
        }),
        delivery_day: cells.day("delivery_day"),
        outlet: Arc::new(Outlet {
            id: cells.int("outlet.id"),
            code: cells.text("outlet.code"),
            name: cells.text("outlet.name"),
            address: cells.text("outlet.address"),
            legal_name: cells.text("outlet.legal_name"),
            inn: cells.text("outlet.inn"),
            kpp: cells.text("outlet.kpp"),
            contract: cells.text("outlet.contract"),
        }),
        warehouse: cells.named("warehouse.id", "warehouse.code", "warehouse.name"),
        price_type: cells.named("price_type.id", "price_type.code", "price_type.name"),
        payment_form: cells.text("payment_form"),
        comment: cells.text("comment"),
        state: cells.parsed("state", |text| OrderState::ALL.into_iter().find(|state| state.label() == text)).unwrap_or(OrderState::Waiting),
        server_at: cells.optional("server_at", LocalMoment::parse),
        occasion,
        lines: Vec::new(),
        sum_minor: Money(cells.hundredths("sum_minor")),
        vat_sum_minor: Money(cells.hundredths("vat_sum_minor")),
        discount_minor: Money(cells.hundredths("discount_minor")),
    }
}

fn line(cells: &mut Cells<'_, '_>, products: &mut HashMap<Product, Arc<Product>>) -> Line {
    let product = Product {
        id: cells.int("product.id"),
        code: cells.text("product.code"),
        sku: cells.text("product.sku"),
        ean: cells.text("product.ean"),
        name: cells.text("product.name"),
    };
    let product = match products.get(&product) {
        Some(known) => Arc::clone(known),
        None => {
            let new = Arc::new(product.clone());
            products.insert(product, Arc::clone(&new));
            new
        }
    };
    Line {
        product,
        unit: cells.parsed("unit", Unit::parse).unwrap_or(Unit::Piece),
        quantity: cells.int("quantity"),
        base_quantity: cells.int("base_quantity"),
        price_minor: Money(cells.hundredths("price_minor")),
        discount_rate: cells.hundredths("discount_rate"),
        vat_rate: VatRate(cells.hundredths("vat_rate")),
        sum_minor: Money(cells.hundredths("sum_minor")),
        vat_sum_minor: Money(cells.hundredths("vat_sum_minor")),
        promo: cells.text("promo"),
    }
}

fn details(workbook: &Workbook<'_>, epoch_days: i64, problems: &mut Problems) -> Result<(Header, Claimed), ReadError> {
    let mut values = HashMap::new();
    workbook.rows(DETAILS, |row| {
        let mut cells = row.cells.into_iter();
        if let (Some((0, Value::Text(name))), Some((1, value))) = (cells.next(), cells.next()) {
            values.insert(name, (row.number, value));
        }
        if values.len() > 1_000 { Err(ReadError::TooLarge) } else { Ok(()) }
    })?;
    if values.get(caption::FORMAT).map(|(_, value)| plain(value)).as_deref() != Some(crate::json::FORMAT) {
        return Err(ReadError::NotOurs("«Сведения» do not say so".to_owned()));
    }
    let schema = values.get(caption::SCHEMA).and_then(|(_, value)| u64::try_from(whole(&plain(value))?).ok());
    match schema {
        Some(schema) if schema > u64::from(SCHEMA) => return Err(ReadError::Newer(schema)),
        Some(_) => {}
        None => return Err(ReadError::NotOurs("«Сведения» do not say which version".to_owned())),
    }
    let mut cells = Cells { sheet: DETAILS, row: 0, epoch_days, values: Values::ByCaption(values), problems };
    let range = |cells: &mut Cells<'_, '_>, from, to| DayRange { from: cells.day(from), to: cells.day(to) };
    let created = range(&mut cells, caption::CREATED_FROM, caption::CREATED_TO);
    let delivery = range(&mut cells, caption::DELIVERY_FROM, caption::DELIVERY_TO);
    let selection = match cells.text(caption::ALL_ORDERS).as_str() {
        caption::YES => Selection::All,
        caption::NO => Selection::Dates { created, delivery },
        _ => {
            cells.wrong(caption::ALL_ORDERS, "neither «да» nor «нет»");
            Selection::All
        }
    };
    let header = Header {
        made_at: cells
            .parsed(caption::MADE_AT, LocalMoment::parse)
            .unwrap_or(LocalMoment { at: Default::default(), offset: Default::default() }),
        device_id: cells.parsed(caption::DEVICE_ID, DeviceId::parse).unwrap_or(DeviceId(Default::default())),
        number_prefix: cells.text(caption::NUMBER_PREFIX),
        rep: cells.text(caption::REP),
        position: Named {
            id: cells.int(caption::POSITION_ID),
            code: cells.text(caption::POSITION_CODE),
            name: cells.text(caption::POSITION_NAME),
        },
        distributor: Named {
            id: cells.int(caption::DISTRIBUTOR_ID),
            code: cells.text(caption::DISTRIBUTOR_CODE),
            name: cells.text(caption::DISTRIBUTOR_NAME),
        },
        currency: cells.text(caption::CURRENCY),
        selection,
    };
    let totals = Totals {
        orders: cells.int(caption::ORDERS).max(0).unsigned_abs(),
        lines: cells.int(caption::LINES).max(0).unsigned_abs(),
        sum_minor: Money(cells.hundredths(caption::SUM)),
        vat_sum_minor: Money(cells.hundredths(caption::VAT_SUM)),
    };
    Ok((header, Claimed { totals, content_sha256: cells.text(caption::CONTENT_SHA256) }))
}

/// A sheet with captions in its first row.
struct Table<'t> {
    sheet: &'static str,
    wanted: &'t [(&'static str, &'static str)],
    /// For each column of the sheet its place in `wanted`; empty before the captions were read.
    columns: Vec<Option<usize>>,
    epoch_days: i64,
}

impl<'t> Table<'t> {
    fn new(sheet: &'static str, wanted: &'t [(&'static str, &'static str)], epoch_days: i64) -> Self {
        Self { sheet, wanted, columns: Vec::new(), epoch_days }
    }

    /// The cells of a row; `None` for the captions and for an empty row.
    fn cells<'p>(&mut self, row: Row, problems: &'p mut Problems) -> Result<Option<Cells<'t, 'p>>, ReadError> {
        if self.columns.is_empty() {
            return self.captions(row).map(|()| None);
        }
        if row.cells.is_empty() {
            return Ok(None);
        }
        let mut values = vec![None; self.wanted.len()];
        for (column, value) in row.cells {
            if let Some(Some(at)) = self.columns.get(column) {
                values[*at] = Some(value);
            }
        }
        let values = Values::ByColumn { wanted: self.wanted, values };
        Ok(Some(Cells { sheet: self.sheet, row: row.number, epoch_days: self.epoch_days, values, problems }))
    }

    fn captions(&mut self, row: Row) -> Result<(), ReadError> {
        for (column, value) in row.cells {
            let place = self.wanted.iter().position(|(_, caption)| *caption == plain(&value));
            if self.columns.len() <= column {
                self.columns.resize(column + 1, None);
            }
            self.columns[column] = place;
        }
        match (0..self.wanted.len()).find(|at| !self.columns.contains(&Some(*at))) {
            Some(missing) => Err(ReadError::NotOurs(format!("the sheet «{}» has no column «{}»", self.sheet, self.wanted[missing].1))),
            None => Ok(()),
        }
    }
}

enum Values<'t> {
    ByColumn { wanted: &'t [(&'static str, &'static str)], values: Vec<Option<Value>> },
    ByCaption(HashMap<String, (u32, Value)>),
}

/// What can be taken out of a row. What is wrong is noted, and something harmless taken for it: the file is refused in the end.
struct Cells<'t, 'p> {
    sheet: &'static str,
    row: u32,
    epoch_days: i64,
    values: Values<'t>,
    problems: &'p mut Problems,
}

impl Cells<'_, '_> {
    fn value(&self, key: &str) -> Option<&Value> {
        match &self.values {
            Values::ByColumn { wanted, values } => values[wanted.iter().position(|(known, _)| *known == key)?].as_ref(),
            Values::ByCaption(values) => values.get(key).map(|(_, value)| value),
        }
    }

    fn wrong(&mut self, key: &str, why: &str) {
        let place = match &self.values {
            Values::ByColumn { wanted, .. } => {
                let caption = wanted.iter().find(|(known, _)| *known == key).map_or(key, |(_, caption)| caption);
                cell_name(self.sheet, self.row, caption)
            }
            Values::ByCaption(values) => cell_name(self.sheet, values.get(key).map_or(0, |(row, _)| *row), key),
        };
        self.problems.push(place, why);
    }

    fn text(&self, key: &str) -> String {
        self.value(key).map(plain).unwrap_or_default()
    }

    /// What must be there.
    fn parsed<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(key);
        let parsed = parse(&text);
        if parsed.is_none() {
            self.wrong(key, if text.is_empty() { "missing" } else { "not understood" });
        }
        parsed
    }

    /// What may be missing.
    fn optional<T>(&mut self, key: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if self.value(key).is_some() { self.parsed(key, parse) } else { None }
    }

    fn int(&mut self, key: &str) -> i64 {
        self.parsed(key, whole).unwrap_or_default()
    }

    fn hundredths(&mut self, key: &str) -> i64 {
        self.parsed(key, hundredths).unwrap_or_default()
    }

    fn day(&mut self, key: &str) -> Option<CalendarDay> {
        let epoch_days = self.epoch_days;
        match self.value(key)? {
            Value::Number(_) => self.parsed(key, |text| {
                let days = whole(text).filter(|days| (0..=MOST_COUNTED_DAYS).contains(days))?;
                i32::try_from(days - epoch_days).ok().map(CalendarDay)
            }),
            Value::Text(_) => self.parsed(key, written_day),
        }
    }

    fn named(&mut self, id: &str, code: &str, name: &str) -> Option<Arc<Named>> {
        let id = self.optional(id, whole)?;
        Some(Arc::new(Named { id, code: self.text(code), name: self.text(name) }))
    }
}

fn cell_name(sheet: &str, row: u32, caption: &str) -> String {
    format!("«{sheet}», row {row}, «{caption}»")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Number(text) => text.clone(),
    }
}

/// `2026-11-22` or `22.11.2026`.
fn written_day(text: &str) -> Option<CalendarDay> {
    if let Some(day) = CalendarDay::parse(text) {
        return Some(day);
    }
    let mut parts = text.split('.');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    CalendarDay::from_year_month_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// A whole number, also if a program wrote `5.0` or `5E0`.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let hundredths = hundredths(text)?;
        (hundredths % 100 == 0).then_some(hundredths / 100)
    })
}

/// An amount with at most two digits of a fraction. What a program wrote as the nearest binary number is taken for the amount it stands for.
fn hundredths(text: &str) -> Option<i64> {
    exact_hundredths(text).or_else(|| {
        /// Below it, a binary number of 64 bits tells hundredths apart.
        const MOST: f64 = 70_000_000_000_000.0;
        let number: f64 = text.parse().ok().filter(|number: &f64| number.abs() < MOST)?;
        let hundredths = (number * 100.0).round();
        // Half a thousandth is more than any rounding, and less than a digit that somebody typed.
        #[expect(clippy::cast_possible_truncation, reason = "below the most and without a fraction")]
        ((hundredths / 100.0 - number).abs() < 0.000_5).then_some(hundredths as i64)
    })
}

fn exact_hundredths(text: &str) -> Option<i64> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (units, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if units.is_empty() || fraction.len() > 2 || !all_digits(units) || !all_digits(fraction) {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<2}").parse().ok()?;
    let value = units.parse::<i128>().ok()?.checked_mul(100)?.checked_add(fraction)?;
    i64::try_from(if is_negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_any_program_writes_them() {
        for (text, amount) in [
            ("184320.50", Some(18_432_050)),
            ("184320.5", Some(18_432_050)),
            ("-0.01", Some(-1)),
            ("7", Some(700)),
            ("0.29999999999999999", Some(30)),
            ("1.8432050000000001E5", Some(18_432_050)),
            ("-92233720368547758.08", Some(i64::MIN)),
            ("92233720368547758.08", None),
            ("0.125", None),
            ("1e300", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
            ("1,5", None),
            ("шесть", None),
        ] {
            assert_eq!(hundredths(text), amount, "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        for (text, number) in [("5", Some(5)), ("5.0", Some(5)), ("5E0", Some(5)), ("-3", Some(-3)), ("5.5", None), ("x", None)] {
            assert_eq!(whole(text), number, "{text}");
        }
        assert_eq!(whole("9223372036854775807"), Some(i64::MAX));
    }

    #[test]
    fn days_are_read_in_both_ways_of_writing() {
        assert_eq!(written_day("22.11.2026"), CalendarDay::parse("2026-11-22"));
        assert_eq!(written_day("2026-11-22"), CalendarDay::parse("2026-11-22"));
        for bad in ["22.11", "22.11.2026.1", "31.02.2026", ""] {
            assert_eq!(written_day(bad), None, "{bad}");
        }
    }
}
