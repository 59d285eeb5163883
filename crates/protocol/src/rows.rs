//! The reference rows that travel: eleven tables, each described once.
//!
//! The stores are generic over [`TableDef`]: the device makes its STRICT tables from it, the server its feed, the segment codec its
//! columns. Table and column ids are for ever: never reused, columns only added, always with the next id of their table.
//!
//! Money is in kopecks, days are days since 1970-01-01, coordinates are micro-degrees, rates are hundredths of a percent, texts are NFC.

use serde::{Deserialize, Serialize};

/// The number of a table on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TableId(pub u16);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// 64-bit integer.
    Int,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Blob,
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its number within the table, from 1; columns of a table stand in rising order.
    pub id: u16,
    /// Its name in the databases.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may be absent.
    pub nullable: bool,
}

/// One table. Its key is always the 64-bit column `id`, which is not among `columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableDef {
    /// Its number on the wire.
    pub id: TableId,
    /// Its name in the databases.
    pub name: &'static str,
    /// Its columns besides the key.
    pub columns: &'static [ColumnDef],
}

impl TableDef {
    /// The table of that number, or `None` for one of a newer version.
    #[must_use]
    pub fn by_id(id: TableId) -> Option<&'static Self> {
        TABLES.iter().copied().find(|table| table.id == id)
    }

    /// The table of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        TABLES.iter().copied().find(|table| table.name == name)
    }
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Absent.
    Null,
    /// 64-bit integer.
    Int(i64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One value, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// Absent.
    Null,
    /// 64-bit integer.
    Int(i64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl Value {
    /// The value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Int(*number),
            Self::Text(text) => ValueRef::Text(text),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A row ready for a table: its key, and one value per column of its [`TableDef`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub id: i64,
    /// One value per column, in the order of the table.
    pub values: Vec<Value>,
}

macro_rules! column_type {
    (Int) => { i64 };
    (Text) => { String };
    (Blob) => { Vec<u8> };
    (IntOrNull) => { Option<i64> };
    (TextOrNull) => { Option<String> };
}
macro_rules! column_kind {
    (Int) => {
        ColumnKind::Int
    };
    (Text) => {
        ColumnKind::Text
    };
    (Blob) => {
        ColumnKind::Blob
    };
    (IntOrNull) => {
        ColumnKind::Int
    };
    (TextOrNull) => {
        ColumnKind::Text
    };
}
macro_rules! column_nullable {
    (IntOrNull) => {
        true
    };
    (TextOrNull) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! tables {
    ($($(#[$doc:meta])* $row:ident = $id:literal $name:literal, $const:ident { $($(#[$column_doc:meta])* $column_id:literal $column:ident: $kind:ident,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $row {
                /// Key, made by the server.
                pub id: i64,
                $($(#[$column_doc])* pub $column: column_type!($kind),)*
            }

            #[doc = concat!("How `", $name, "` rows travel.")]
            pub const $const: &TableDef = &TableDef {
                id: TableId($id),
                name: $name,
                columns: &[$(ColumnDef { id: $column_id, name: stringify!($column), kind: column_kind!($kind), nullable: column_nullable!($kind) },)*],
            };

            impl $row {
                /// The row as values in the order of its table.
                #[must_use]
                pub fn into_row(self) -> Row {
                    Row { id: self.id, values: vec![$(Value::from(self.$column),)*] }
                }
            }
        )*

        /// All tables, by rising number.
        pub const TABLES: &[&TableDef] = &[$($const),*];
    };
}

tables! {
    /// Something that is sold. Bucket `distributor`.
    ProductRow = 1 "product", PRODUCT {
        /// The office's id.
        1 ext_code: Text,
        /// Article, unique in its part.
        2 sku: Text,
        /// Name as printed.
        3 name: Text,
        /// Brand; may be empty.
        4 brand: Text,
        /// Category; may be empty.
        5 category: Text,
        /// The office's word for the base unit.
        6 unit: Text,
        /// Pieces in a block, 0 = not sold so.
        7 block_factor: Int,
        /// Pieces in a box, 0 = not sold so.
        8 box_factor: Int,
        /// EAN-13 or other bar code; may be empty.
        9 barcode: Text,
        /// Tax rate in hundredths of a percent.
        10 vat_rate: Int,
        /// 1 = may be ordered.
        11 active: Int,
        /// Price of a piece where the price type has none, kopecks.
        12 list_price: IntOrNull,
        /// Pieces in all warehouses, where no stock row says more.
        13 stock_total: IntOrNull,
        /// When the office changed it, UTC milliseconds.
        14 changed_at_ms: IntOrNull,
    }

    /// A shop. Bucket `territory`.
    OutletRow = 2 "outlet", OUTLET {
        /// The office's id.
        1 ext_code: Text,
        /// Name as it stands over the door.
        2 name: Text,
        /// Address.
        3 address: Text,
        /// `kiosk`, `traditional`, `minimarket`, `supermarket`, `horeca`.
        4 format: Text,
        /// A–D.
        5 class: Text,
        /// Latitude in micro-degrees.
        6 lat: IntOrNull,
        /// Longitude in micro-degrees.
        7 lon: IntOrNull,
        /// Contact person; may be empty.
        8 contact: Text,
        /// Phone; may be empty.
        9 phone: Text,
        /// Opening hours; may be empty.
        10 work_hours: Text,
        /// Days on which it takes goods, bit 0 = Monday; 0 = every day.
        11 delivery_days: Int,
        /// Legal entity.
        12 legal_name: Text,
        /// Taxpayer number of the legal entity.
        13 inn: Text,
        /// Registration reason code; may be empty.
        14 kpp: Text,
        /// Number of the contract; may be empty.
        15 contract_number: Text,
        /// Price list it buys by.
        16 price_type_id: IntOrNull,
        /// Credit limit, kopecks.
        17 credit_limit: IntOrNull,
        /// 1 = shipping is stopped.
        18 stopped: Int,
        /// 1 = may be visited.
        19 active: Int,
        /// Sales channel in the office's words; since schema 2.
        20 channel: TextOrNull,
        /// Days after shipping within which it pays; since schema 2.
        21 payment_days: IntOrNull,
    }

    /// A price list. Bucket `distributor`.
    PriceTypeRow = 3 "price_type", PRICE_TYPE {
        /// The office's id.
        1 ext_code: Text,
        /// Name.
        2 name: Text,
    }

    /// What a product costs by a price list from a day on. Bucket `price_type`.
    PriceRow = 4 "price", PRICE {
        /// Price list.
        1 price_type_id: Int,
        /// Product.
        2 product_id: Int,
        /// First day it holds.
        3 valid_from: Int,
        /// Price of a piece with tax, kopecks.
        4 value: Int,
    }

    /// Where goods are shipped from. Bucket `distributor`.
    WarehouseRow = 5 "warehouse", WAREHOUSE {
        /// The office's id.
        1 ext_code: Text,
        /// Name.
        2 name: Text,
    }

    /// How much there is. Bucket `warehouse`.
    StockRow = 6 "stock", STOCK {
        /// Warehouse.
        1 warehouse_id: Int,
        /// Product.
        2 product_id: Int,
        /// Pieces free to sell; never below zero.
        3 available: Int,
        /// As of, UTC milliseconds.
        4 as_of_ms: Int,
    }

    /// One planned call. Bucket `position`.
    RouteStopRow = 7 "route_stop", ROUTE_STOP {
        /// Day.
        1 day: Int,
        /// Place in the order of visits, from 1.
        2 seq: Int,
        /// Where.
        3 outlet_id: Int,
        /// Planned start, minutes after local midnight.
        4 planned_minute: IntOrNull,
    }

    /// An open invoice. Bucket `territory`.
    ReceivableRow = 8 "receivable", RECEIVABLE {
        /// Who owes.
        1 outlet_id: Int,
        /// Number of the invoice.
        2 document: Text,
        /// Its day.
        3 day: Int,
        /// Due day.
        4 due_day: Int,
        /// Its amount, kopecks.
        5 amount: Int,
        /// What is still open, kopecks.
        6 rest: Int,
    }

    /// What outlets of a format should have. Bucket `distributor`.
    AssortmentRow = 9 "assortment", ASSORTMENT {
        /// Outlet format.
        1 format: Text,
        /// Product.
        2 product_id: Int,
        /// `must`, `focus`, `new`, `stop`.
        3 kind: Text,
    }

    /// What the office says of a device's document. Bucket `position`.
    DocumentStateRow = 10 "document_state", DOCUMENT_STATE {
        /// The document, 16 bytes.
        1 document_id: Blob,
        /// Revision it speaks of.
        2 revision: Int,
        /// `received`, `rejected`, `accepted`, `shipped`, `delivered`, `changed`, `withdrawn`.
        3 state: Text,
        /// Since when, UTC milliseconds.
        4 at_ms: Int,
        /// The office's words; may be empty.
        5 note: Text,
    }

    /// A file the office gives to its people: a planogram, a price list, a picture of a product. Bucket `audience`; since schema 3.
    MaterialRow = 11 "material", MATERIAL {
        /// The office's id.
        1 ext_code: Text,
        /// Title.
        2 title: Text,
        /// `planogram`, `price_list`, `presentation`, `picture`, `video`, `training`.
        3 kind: Text,
        /// Folder it is listed in; may be empty.
        4 folder: Text,
        /// BLAKE3-256 of the file, 32 bytes.
        5 file: Blob,
        /// Length of the file in bytes.
        6 bytes: Int,
        /// Type by its content: `image/jpeg`, `image/png`, `image/webp`, `application/pdf`, `video/mp4`.
        7 content_type: Text,
        /// Name for people; data, never a path.
        8 file_name: Text,
        /// The office's version, from 1.
        9 version: Int,
        /// 1 = is loaded before others and not removed to make room.
        10 mandatory: Int,
        /// First day it is shown.
        11 valid_from: Int,
        /// Last day it is shown; absent = no end.
        12 valid_to: IntOrNull,
        /// The outlet it is about (planograms).
        13 outlet_id: IntOrNull,
        /// The product it shows (pictures).
        14 product_id: IntOrNull,
        /// When the office changed it, UTC milliseconds.
        15 changed_at_ms: Int,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_column_numbers_rise_and_names_are_plain() {
        assert!(TABLES.windows(2).all(|pair| pair[0].id < pair[1].id));
        for table in TABLES {
            assert!(table.columns.windows(2).all(|pair| pair[0].id < pair[1].id), "{}", table.name);
            for name in std::iter::once(table.name).chain(table.columns.iter().map(|column| column.name)) {
                assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            }
            assert_eq!(TableDef::by_id(table.id), Some(*table));
            assert_eq!(TableDef::by_name(table.name), Some(*table));
        }
    }

    #[test]
    fn a_row_keeps_the_order_of_its_table() {
        let row = PriceRow { id: 9, price_type_id: 1, product_id: 2, valid_from: 3, value: 4 }.into_row();
        assert_eq!(row, Row { id: 9, values: vec![Value::Int(1), Value::Int(2), Value::Int(3), Value::Int(4)] });
    }
}
