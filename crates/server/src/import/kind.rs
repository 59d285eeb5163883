//! The kinds of rows an import takes.

use polevik_protocol::rows::{
    ASSORTMENT, DOCUMENT_STATE, MATERIAL, OUTLET, PRICE, PRICE_TYPE, PRODUCT, RECEIVABLE, ROUTE_STOP, STOCK, TableDef, WAREHOUSE,
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
    /// Whom materials are for.
    Audiences,
    /// Files for the field: planograms, price lists, pictures.
    Materials,
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
            Self::Audiences => "audiences",
            Self::Materials => "materials",
            Self::DocumentStates => "document_states",
        }
    }

    /// The table its rows go to; `None` for audiences, which do not travel.
    #[must_use]
    pub fn table(self) -> Option<&'static TableDef> {
        match self {
            Self::Products => Some(PRODUCT),
            Self::Outlets => Some(OUTLET),
            Self::PriceTypes => Some(PRICE_TYPE),
            Self::Prices => Some(PRICE),
            Self::Warehouses => Some(WAREHOUSE),
            Self::Stock => Some(STOCK),
            Self::Routes => Some(ROUTE_STOP),
            Self::Receivables => Some(RECEIVABLE),
            Self::Assortment => Some(ASSORTMENT),
            Self::Audiences => None,
            Self::Materials => Some(MATERIAL),
            Self::DocumentStates => Some(DOCUMENT_STATE),
        }
    }
}
