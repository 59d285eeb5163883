//! Which buckets a position may have.

use polevik_domain::position::Scope;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_server_store::reference::{outlets, warehouses};
use polevik_server_store::{StoreError, Transaction};

use crate::feed::placement;

/// The buckets of a scope as the database is now: what everybody has, its distributor's, its own, its territories', the price lists by which
/// their outlets buy, and the distributor's warehouses.
///
/// # Errors
///
/// When the database refuses.
pub fn buckets_of(tx: &Transaction<'_>, scope: &Scope) -> Result<Vec<BucketName>, StoreError> {
    let mut buckets =
        vec![BucketName::new(BucketKind::All, 0), placement::of_distributor(scope.distributor), placement::of_position(scope.position)];
    buckets.extend(scope.territories.iter().copied().map(placement::of_territory));
    buckets.extend(outlets::price_types(tx, &scope.part_id, &scope.territories)?.into_iter().map(placement::of_price_type));
    buckets.extend(warehouses::ids(tx, &scope.part_id, scope.distributor)?.into_iter().map(placement::of_warehouse));
    if polevik_planted::is(polevik_planted::Bug::ScopeOfAll) {
        buckets.extend((1..=2).map(|territory| placement::of_territory(polevik_domain::ids::TerritoryId(territory))));
    }
    Ok(buckets)
}
