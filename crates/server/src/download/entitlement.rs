//! Which buckets a position may have.

use polevik_domain::position::Scope;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::version::SCHEMA;
use polevik_server_store::reference::{outlets, warehouses};
use polevik_server_store::{StoreError, Transaction, audiences};

use crate::feed::placement;

/// Which kinds of buckets a device knows: one that is older than a kind is not told of its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KnownKinds {
    /// The newest schema that brought a kind, as far as the device knows it.
    since: u32,
}

impl KnownKinds {
    /// All there are.
    pub const ALL: Self = Self::of_schema(SCHEMA);

    /// Those of a device of that schema.
    #[must_use]
    pub const fn of_schema(schema: u32) -> Self {
        // Audiences came with 3; all other kinds were there from the beginning.
        Self { since: if schema >= 3 { 3 } else { 1 } }
    }

    /// Whether buckets of a kind are known.
    #[must_use]
    pub fn has(self, kind: BucketKind) -> bool {
        kind.since_schema() <= self.since
    }
}

/// The buckets of a scope as the database is now: what everybody has, its distributor's, its own, its territories', the price lists by which
/// their outlets buy, the distributor's warehouses, and the audiences it belongs to. Without kinds that are not `known`.
///
/// # Errors
///
/// When the database refuses.
pub fn buckets_of(tx: &Transaction<'_>, scope: &Scope, known: KnownKinds) -> Result<Vec<BucketName>, StoreError> {
    let mut buckets =
        vec![BucketName::new(BucketKind::All, 0), placement::of_distributor(scope.distributor), placement::of_position(scope.position)];
    buckets.extend(scope.territories.iter().copied().map(placement::of_territory));
    buckets.extend(outlets::price_types(tx, &scope.part_id, &scope.territories)?.into_iter().map(placement::of_price_type));
    buckets.extend(warehouses::ids(tx, &scope.part_id, scope.distributor)?.into_iter().map(placement::of_warehouse));
    buckets.extend(audiences_of(tx, scope, known)?);
    if polevik_planted::is(polevik_planted::Bug::ScopeOfAll) {
        buckets.extend((1..=2).map(|territory| placement::of_territory(polevik_domain::ids::TerritoryId(territory))));
    }
    Ok(buckets)
}

/// The buckets of the audiences that a scope's position belongs to, sorted; none if they are not `known`. Unlike the others they follow from
/// no row of a bucket.
///
/// # Errors
///
/// When the database refuses.
pub fn audiences_of(tx: &Transaction<'_>, scope: &Scope, known: KnownKinds) -> Result<Vec<BucketName>, StoreError> {
    if !known.has(BucketKind::Audience) {
        return Ok(Vec::new());
    }
    let mut buckets: Vec<BucketName> =
        audiences::of_position(tx, &scope.part_id, scope.position)?.into_iter().map(placement::of_audience).collect();
    buckets.sort();
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_knows_the_kinds_that_were_there_with_its_schema() {
        let kinds = [
            BucketKind::All,
            BucketKind::Distributor,
            BucketKind::PriceType,
            BucketKind::Warehouse,
            BucketKind::Territory,
            BucketKind::Position,
            BucketKind::Audience,
        ];
        for schema in 1..=SCHEMA + 1 {
            for kind in kinds {
                assert_eq!(KnownKinds::of_schema(schema).has(kind), kind.since_schema() <= schema, "{kind:?} {schema}");
            }
        }
    }
}
