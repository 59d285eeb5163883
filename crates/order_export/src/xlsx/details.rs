//! The sheet «Сведения»: whose orders, which were asked for, what they come to.

use std::borrow::Cow;

use polevik_domain::time::CalendarDay;

use super::{SharedStrings, Sheet};
use crate::SCHEMA;
use crate::columns::Cell;
use crate::making::MakeError;
use crate::selection::{DayRange, Selection};
use crate::snapshot::{Header, Totals};

/// What stands in the first column, by which the rows are found again. Rows are only added, at the end.
pub(crate) mod caption {
    pub(crate) const FORMAT: &str = "Формат";
    pub(crate) const SCHEMA: &str = "Версия формата";
    pub(crate) const MADE_AT: &str = "Сформирован";
    pub(crate) const REP: &str = "Представитель";
    pub(crate) const POSITION_CODE: &str = "Код должности";
    pub(crate) const POSITION_NAME: &str = "Должность";
    pub(crate) const POSITION_ID: &str = "ID должности";
    pub(crate) const DISTRIBUTOR_CODE: &str = "Код дистрибьютора";
    pub(crate) const DISTRIBUTOR_NAME: &str = "Дистрибьютор";
    pub(crate) const DISTRIBUTOR_ID: &str = "ID дистрибьютора";
    pub(crate) const NUMBER_PREFIX: &str = "Префикс номеров";
    pub(crate) const DEVICE_ID: &str = "ID устройства";
    pub(crate) const CURRENCY: &str = "Валюта";
    pub(crate) const ALL_ORDERS: &str = "Все заказы";
    pub(crate) const CREATED_FROM: &str = "Даты создания, с";
    pub(crate) const CREATED_TO: &str = "Даты создания, по";
    pub(crate) const DELIVERY_FROM: &str = "Дата доставки, с";
    pub(crate) const DELIVERY_TO: &str = "Дата доставки, по";
    pub(crate) const ORDERS: &str = "Заказов";
    pub(crate) const LINES: &str = "Строк";
    pub(crate) const SUM: &str = "Сумма";
    pub(crate) const VAT_SUM: &str = "НДС";
    pub(crate) const CONTENT_SHA256: &str = "SHA-256 содержимого";
    /// What stands beside [`ALL_ORDERS`].
    pub(crate) const YES: &str = "да";
    /// The other.
    pub(crate) const NO: &str = "нет";
}

const COLUMNS: [(&str, u32, bool); 2] = [("Сведение", 26, false), ("Значение", 70, false)];

pub(super) fn sheet(header: &Header, totals: &Totals, content_sha256: &str, strings: &mut SharedStrings) -> Result<Sheet, MakeError> {
    let mut sheet = Sheet::new("xl/worksheets/sheet3.xml", false, &COLUMNS, strings);
    for (caption, value) in rows(header, totals, content_sha256) {
        sheet.row([Cell::Text(Cow::Borrowed(caption)), value].into_iter(), strings)?;
    }
    Ok(sheet)
}

fn rows<'a>(header: &'a Header, totals: &Totals, content_sha256: &'a str) -> Vec<(&'static str, Cell<'a>)> {
    let (all, created, delivery) = match header.selection {
        Selection::All => (caption::YES, DayRange::default(), DayRange::default()),
        Selection::Dates { created, delivery } => (caption::NO, created, delivery),
    };
    let day = |day: Option<CalendarDay>| day.map_or(Cell::Empty, Cell::Day);
    let count = |count: u64| Cell::Int(i64::try_from(count).unwrap_or(i64::MAX));
    vec![
        (caption::FORMAT, text(crate::json::FORMAT)),
        (caption::SCHEMA, Cell::Int(i64::from(SCHEMA))),
        (caption::MADE_AT, owned(header.made_at)),
        (caption::REP, text(&header.rep)),
        (caption::POSITION_NAME, text(&header.position.name)),
        (caption::POSITION_CODE, text(&header.position.code)),
        (caption::POSITION_ID, owned(header.position.id)),
        (caption::DISTRIBUTOR_NAME, text(&header.distributor.name)),
        (caption::DISTRIBUTOR_CODE, text(&header.distributor.code)),
        (caption::DISTRIBUTOR_ID, owned(header.distributor.id)),
        (caption::NUMBER_PREFIX, text(&header.number_prefix)),
        (caption::DEVICE_ID, owned(header.device_id)),
        (caption::CURRENCY, text(&header.currency)),
        (caption::ALL_ORDERS, text(all)),
        (caption::CREATED_FROM, day(created.from)),
        (caption::CREATED_TO, day(created.to)),
        (caption::DELIVERY_FROM, day(delivery.from)),
        (caption::DELIVERY_TO, day(delivery.to)),
        (caption::ORDERS, count(totals.orders)),
        (caption::LINES, count(totals.lines)),
        (caption::SUM, Cell::Money(totals.sum_minor)),
        (caption::VAT_SUM, Cell::Money(totals.vat_sum_minor)),
        (caption::CONTENT_SHA256, text(content_sha256)),
    ]
}

fn text(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Empty } else { Cell::Text(Cow::Borrowed(text)) }
}

fn owned(value: impl ToString) -> Cell<'static> {
    Cell::Text(Cow::Owned(value.to_string()))
}
