//! By what a row is known outside: what an import matches by. One function per table whose key has parts.

/// `price`: price type, product, first day.
#[must_use]
pub fn price(price_type_id: i64, product_id: i64, valid_from: i64) -> String {
    format!("{price_type_id}|{product_id}|{valid_from}")
}

/// `stock`: warehouse, product.
#[must_use]
pub fn stock(warehouse_id: i64, product_id: i64) -> String {
    format!("{warehouse_id}|{product_id}")
}

/// `route_stop`: position, day, outlet: an outlet stands once in a day's route.
#[must_use]
pub fn route_stop(position_id: i64, day: i64, outlet_id: i64) -> String {
    format!("{position_id}|{day}|{outlet_id}")
}

/// `receivable`: outlet, number of the invoice.
#[must_use]
pub fn receivable(outlet_id: i64, document: &str) -> String {
    format!("{outlet_id}|{document}")
}

/// `assortment`: format, product.
#[must_use]
pub fn assortment(format: &str, product_id: i64) -> String {
    format!("{format}|{product_id}")
}

/// `document_state`: the document.
#[must_use]
pub fn document_state(document_id: &[u8; 16]) -> String {
    hex::encode(document_id)
}
