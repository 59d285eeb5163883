//! The two tables, «Заказы» and «Строки»: one list of columns for the spreadsheet, for CSV, and for reading back.
//!
//! Columns are only added, at the end. A column is found by its caption, not by its place.

use std::borrow::Cow;

use polevik_domain::money::Money;
use polevik_domain::quantity::Unit;
use polevik_domain::time::CalendarDay;

use crate::moment::LocalMoment;
use crate::snapshot::{Line, Named, Occasion, Order};

/// What stands in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Empty,
    Text(Cow<'a, str>),
    Int(i64),
    Money(Money),
    /// Hundredths of a percent.
    Percent(i64),
    Day(CalendarDay),
    /// Milliseconds since midnight.
    Time(i64),
    /// Day and time by local clocks.
    Moment(LocalMoment),
}

impl<'a> Cell<'a> {
    fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(Cow::Borrowed(text)) }
    }

    /// Ids are texts: a spreadsheet program would round a long number.
    fn id(id: impl ToString) -> Self {
        Self::Text(Cow::Owned(id.to_string()))
    }
}

/// One column of a table whose rows are made of `Row`.
pub(crate) struct Column<Cells> {
    /// The same field in JSON.
    pub key: &'static str,
    /// Over the column.
    pub caption: &'static str,
    /// In characters.
    pub width: u32,
    /// Only a program needs it; a spreadsheet shows it when asked.
    pub is_technical: bool,
    /// What stands in it.
    pub cell: Cells,
}

pub(crate) type OrderColumn = Column<for<'a> fn(&'a Order) -> Cell<'a>>;
pub(crate) type LineColumn = Column<for<'a> fn(&LineRow<'a>) -> Cell<'a>>;

/// One row of «Строки».
pub(crate) struct LineRow<'a> {
    pub order: &'a Order,
    /// From 1.
    pub number: i64,
    pub line: &'a Line,
}

macro_rules! columns {
    ($name:ident: $kind:ty, $parameter:ident; $($key:literal $caption:literal $width:literal $technical:literal $cell:expr;)*) => {
        pub(crate) const $name: &[$kind] =
            &[$(Column { key: $key, caption: $caption, width: $width, is_technical: $technical, cell: |$parameter| $cell }),*];
    };
}

columns! { ORDER_COLUMNS: OrderColumn, order;
    "number" "Номер" 14 false Cell::text(&order.number);
    "local_day" "Дата создания" 13 false Cell::Day(order.local_day);
    "time" "Время" 9 false Cell::Time(order.placed_at.millis_of_day());
    "delivery_day" "Дата доставки" 13 false order.delivery_day.map_or(Cell::Empty, Cell::Day);
    "outlet.code" "Код ТТ" 12 false Cell::text(&order.outlet.code);
    "outlet.name" "Торговая точка" 32 false Cell::text(&order.outlet.name);
    "outlet.address" "Адрес" 36 false Cell::text(&order.outlet.address);
    "outlet.legal_name" "Контрагент" 28 false Cell::text(&order.outlet.legal_name);
    "outlet.inn" "ИНН" 14 false Cell::text(&order.outlet.inn);
    "outlet.contract" "Договор" 14 false Cell::text(&order.outlet.contract);
    "warehouse.name" "Склад" 18 false named(order.warehouse.as_deref(), |named| &named.name);
    "price_type.name" "Тип цены" 18 false named(order.price_type.as_deref(), |named| &named.name);
    "payment_form" "Форма оплаты" 14 false Cell::text(&order.payment_form);
    "sum_minor" "Сумма" 14 false Cell::Money(order.sum_minor);
    "vat_sum_minor" "НДС" 12 false Cell::Money(order.vat_sum_minor);
    "discount_minor" "Скидка" 12 false Cell::Money(order.discount_minor);
    "comment" "Комментарий" 32 false Cell::text(&order.comment);
    "state" "Состояние" 15 false Cell::text(order.state.label());
    "server_day" "На сервере (дата)" 19 false order.server_at.map_or(Cell::Empty, Cell::Moment);
    "occasion" "Визит/вне визита" 20 false occasion_label(order);
    "id" "ID" 38 false Cell::id(order.id);
    "visit" "ID визита" 38 true visit_id(order);
    "placed_at" "Момент создания" 30 true Cell::id(order.placed_at);
    "server_at" "Момент приёма" 30 true order.server_at.map_or(Cell::Empty, Cell::id);
    "revision" "Редакция" 10 true Cell::Int(i64::from(order.revision));
    "outlet.id" "ID ТТ" 10 true Cell::id(order.outlet.id);
    "outlet.kpp" "КПП" 12 true Cell::text(&order.outlet.kpp);
    "warehouse.id" "ID склада" 10 true named_id(order.warehouse.as_deref());
    "warehouse.code" "Код склада" 12 true named(order.warehouse.as_deref(), |named| &named.code);
    "price_type.id" "ID типа цены" 12 true named_id(order.price_type.as_deref());
    "price_type.code" "Код типа цены" 14 true named(order.price_type.as_deref(), |named| &named.code);
}

columns! { LINE_COLUMNS: LineColumn, row;
    "number" "Номер заказа" 14 false Cell::text(&row.order.number);
    "line" "№" 6 false Cell::Int(row.number);
    "product.code" "Код" 12 false Cell::text(&row.line.product.code);
    "product.sku" "Артикул" 14 false Cell::text(&row.line.product.sku);
    "product.ean" "Штрихкод" 16 false Cell::text(&row.line.product.ean);
    "product.name" "Наименование" 44 false Cell::text(&row.line.product.name);
    "unit" "Ед." 7 false Cell::text(unit_label(row.line.unit));
    "quantity" "Количество" 12 false Cell::Int(row.line.quantity);
    "base_quantity" "Базовых ед." 12 false Cell::Int(row.line.base_quantity);
    "price_minor" "Цена" 12 false Cell::Money(row.line.price_minor);
    "discount_rate" "Скидка %" 10 false Cell::Percent(row.line.discount_rate);
    "vat_rate" "НДС %" 8 false Cell::Percent(row.line.vat_rate.0);
    "sum_minor" "Сумма" 14 false Cell::Money(row.line.sum_minor);
    "promo" "Акция" 20 false Cell::text(&row.line.promo);
    "order" "ID заказа" 38 false Cell::id(row.order.id);
    "vat_sum_minor" "Сумма НДС" 12 true Cell::Money(row.line.vat_sum_minor);
    "product.id" "ID товара" 10 true Cell::id(row.line.product.id);
}

fn named<'a>(named: Option<&'a Named>, text: fn(&Named) -> &String) -> Cell<'a> {
    named.map_or(Cell::Empty, |named| Cell::text(text(named)))
}

fn named_id(named: Option<&Named>) -> Cell<'_> {
    named.map_or(Cell::Empty, |named| Cell::id(named.id))
}

/// What «Визит/вне визита» says of an order in a visit.
const IN_VISIT: &str = "визит";

fn occasion_label(order: &Order) -> Cell<'_> {
    match &order.occasion {
        Occasion::Visit(_) => Cell::text(IN_VISIT),
        Occasion::Outside(reason) => Cell::text(reason),
    }
}

fn visit_id(order: &Order) -> Cell<'_> {
    match &order.occasion {
        Occasion::Visit(id) => Cell::id(id),
        Occasion::Outside(_) => Cell::Empty,
    }
}

/// The unit as people read it; `Unit::parse` reads it back.
pub(crate) fn unit_label(unit: Unit) -> &'static str {
    match unit {
        Unit::Piece => "шт",
        Unit::Block => "блок",
        Unit::Box => "короб",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_of_a_table_have_the_same_caption() {
        let of_orders: Vec<&str> = ORDER_COLUMNS.iter().map(|column| column.caption).collect();
        let of_lines: Vec<&str> = LINE_COLUMNS.iter().map(|column| column.caption).collect();
        for captions in [of_orders, of_lines] {
            for (at, caption) in captions.iter().enumerate() {
                assert!(!captions[..at].contains(caption), "{caption}");
            }
        }
    }

    #[test]
    fn the_labels_of_units_read_back() {
        for unit in Unit::ALL {
            assert_eq!(Unit::parse(unit_label(unit)), Some(unit));
        }
    }
}
