//! Which bucket carries a row. Pure: every row has exactly one place.

use polevik_domain::ids::{DistributorId, PositionId, PriceTypeId, TerritoryId, WarehouseId};
use polevik_protocol::bucket::{BucketKind, BucketName};

/// Products, price types, warehouses and assortment: everybody of the distributor has them.
#[must_use]
pub fn of_distributor(distributor: DistributorId) -> BucketName {
    BucketName::new(BucketKind::Distributor, distributor.0)
}

/// Prices: those whose outlets buy by the price type.
#[must_use]
pub fn of_price_type(price_type: PriceTypeId) -> BucketName {
    BucketName::new(BucketKind::PriceType, price_type.0)
}

/// Stock: those who sell from the warehouse.
#[must_use]
pub fn of_warehouse(warehouse: WarehouseId) -> BucketName {
    BucketName::new(BucketKind::Warehouse, warehouse.0)
}

/// Outlets, and what they owe: those who serve the territory.
#[must_use]
pub fn of_territory(territory: TerritoryId) -> BucketName {
    BucketName::new(BucketKind::Territory, territory.0)
}

/// Materials: those who belong to the audience.
#[must_use]
pub fn of_audience(audience: i64) -> BucketName {
    BucketName::new(BucketKind::Audience, audience)
}

/// Stops of its route, and states of its documents: the position alone.
#[must_use]
pub fn of_position(position: PositionId) -> BucketName {
    BucketName::new(BucketKind::Position, position.0)
}
