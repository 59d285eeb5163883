//! How large the demo company is (product specification 6.3).

/// The sizes of demo companies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Size {
    /// One small distributor: 3 reps, 250 outlets, 200 products.
    #[value(name = "S", alias = "s")]
    S,
    /// A mid distributor: 60 reps, 10 000 outlets, 3 000 products.
    #[value(name = "M", alias = "m")]
    M,
    /// A national company: 250 distributors, 3 200 reps, 650 000 outlets; takes minutes.
    #[value(name = "L", alias = "l")]
    L,
}

/// How much one part (distributor) has of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSize {
    /// Places goods are shipped from.
    pub warehouses: usize,
    /// Positions that take orders; each has a territory of its own.
    pub reps: usize,
    /// Positions that look after shelves.
    pub merchandisers: usize,
    /// Positions that sell from the van.
    pub vans: usize,
    /// Positions that lead.
    pub supervisors: usize,
    /// Outlets that may be visited.
    pub active_outlets: usize,
    /// All outlets.
    pub outlets: usize,
    /// Owners of outlets.
    pub legal_entities: usize,
    /// Products that may be ordered.
    pub active_products: usize,
    /// All products.
    pub products: usize,
    /// Entries per product and price list: the present one, and those before it.
    pub price_entries: usize,
    /// Open invoices.
    pub receivables: usize,
    /// Products with a picture among the materials.
    pub pictured_products: usize,
}

impl Size {
    /// How many parts (distributors) it has.
    #[must_use]
    pub fn parts(self) -> usize {
        match self {
            Self::S | Self::M => 1,
            Self::L => 250,
        }
    }

    /// How much the `n`-th part has, from 0.
    #[must_use]
    pub fn part(self, n: usize) -> PartSize {
        match self {
            Self::S => PartSize {
                warehouses: 2,
                reps: 3,
                merchandisers: 2,
                vans: 1,
                supervisors: 1,
                active_outlets: 200,
                outlets: 250,
                legal_entities: 120,
                active_products: 150,
                products: 200,
                price_entries: 1,
                receivables: 300,
                pictured_products: 10,
            },
            Self::M => PartSize {
                warehouses: 3,
                reps: 60,
                merchandisers: 25,
                vans: 6,
                supervisors: 9,
                active_outlets: 7_500,
                outlets: 10_000,
                legal_entities: 4_500,
                active_products: 1_200,
                products: 3_000,
                price_entries: 2,
                receivables: 7_000,
                pictured_products: 138,
            },
            // 400 warehouses, 3 200 reps, 1 500 merchandisers, 300 vans, 500 supervisors over 250 distributors; 1 200 products of the
            // company and 160 of each distributor.
            Self::L => PartSize {
                warehouses: if n % 5 < 3 { 2 } else { 1 },
                reps: if n % 5 < 4 { 13 } else { 12 },
                merchandisers: 6,
                vans: if n.is_multiple_of(5) { 2 } else { 1 },
                supervisors: 2,
                active_outlets: 1_800,
                outlets: 2_600,
                legal_entities: 1_000,
                active_products: 1_360,
                products: 1_500,
                price_entries: 2,
                receivables: 2_000,
                pictured_products: 2,
            },
        }
    }
}
