//! The kinds of rows an import takes.

use polevik_protocol::rows::{
    ASSORTMENT, DOCUMENT_STATE, OUTLET, PRICE, PRICE_TYPE, PRODUCT, RECEIVABLE, ROUTE_STOP, STOCK, TableDef, WAREHOUSE,
};

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// What is sold.
    Products,
    /// Shops.
    Outlets,
    /// Price lists.
    #[value(name = "price_types", alias = "price-types")]
    PriceTypes,
    /// What products cost by a price list.
    Prices,
    /// Where goods are shipped from.
    Warehouses,
    /// How much there is.
    Stock,
    /// Planned calls of positions.
    Routes,
    /// Open invoices.
    Receivables,
    /// What outlets of a format should have.
    Assortment,
    /// What the office says of orders and visits.
    #[value(name = "document_states", alias = "document-states")]
    DocumentStates,
}

impl Kind {
    /// The word on the command line and in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Outlets => "outlets",
            Self::PriceTypes => "price_types",
            Self::Prices => "prices",
            Self::Warehouses => "warehouses",
            Self::Stock => "stock",
            Self::Routes => "routes",
            Self::Receivables => "receivables",
            Self::Assortment => "assortment",
            Self::DocumentStates => "document_states",
        }
    }

    /// The table its rows go to.
    #[must_use]
    pub fn table(self) -> &'static TableDef {
        match self {
            Self::Products => PRODUCT,
            Self::Outlets => OUTLET,
            Self::PriceTypes => PRICE_TYPE,
            Self::Prices => PRICE,
            Self::Warehouses => WAREHOUSE,
            Self::Stock => STOCK,
            Self::Routes => ROUTE_STOP,
            Self::Receivables => RECEIVABLE,
            Self::Assortment => ASSORTMENT,
            Self::DocumentStates => DOCUMENT_STATE,
        }
    }
}
