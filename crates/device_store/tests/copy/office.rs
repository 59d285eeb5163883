//! An office of one's own: rows by bucket, segments of them, and answers to a repair.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use polevik_device_store::platform::{Connection, Folder};
use polevik_device_store::rebuild::Rebuild;
use polevik_device_store::reference::apply::Applier;
use polevik_device_store::reference::checkpoints::{self, BucketNo, Feed};
use polevik_device_store::{Result, Store, StoreError};
use polevik_domain::time::UtcMillis;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::repair::{HeldRange, KeyRange, MAX_REPAIR_ROWS};
use polevik_protocol::rows::{ColumnKind, TABLES, TableDef, Value, ValueRef};
use polevik_protocol::segment::{Segment, SegmentKind, SegmentWriter};
use polevik_protocol::version::SCHEMA;

pub const KEY: HashKey = HashKey([7; 32]);

type Rows = BTreeMap<i64, Vec<Value>>;

/// Bucket and values of rows, by table and key.
pub type PlacedRows = BTreeMap<(&'static str, i64), (String, Vec<Value>)>;

/// What the office has: rows by bucket and table.
#[derive(Default)]
pub struct Office {
    pub rows: BTreeMap<(BucketName, &'static str), Rows>,
}

pub fn table(name: &str) -> &'static TableDef {
    TableDef::by_name(name).unwrap()
}

/// The `salt`-th state of a row of any table.
pub fn row(table: &TableDef, id: i64, salt: i64) -> Vec<Value> {
    let column = |index: usize, kind, nullable| match kind {
        _ if nullable && (id + salt) % 3 == 0 => Value::Null,
        ColumnKind::Int => Value::Int(id * 31 + salt + i64::try_from(index).unwrap()),
        ColumnKind::Text => Value::Text(format!("{} {id}/{salt} «Ёлочка»", table.columns[index].name)),
        ColumnKind::Blob => Value::Blob(id.to_le_bytes().repeat(2)),
    };
    table.columns.iter().enumerate().map(|(index, def)| column(index, def.kind, def.nullable)).collect()
}

impl Office {
    /// Some rows in every table, in the buckets of their kinds.
    pub fn small() -> Self {
        let mut office = Self::default();
        let one = |kind| BucketName::new(kind, 1);
        for (bucket, table, ids) in [
            (one(BucketKind::Distributor), "product", 1..=40),
            (one(BucketKind::Distributor), "price_type", 1..=3),
            (one(BucketKind::Distributor), "warehouse", 1..=2),
            (one(BucketKind::Distributor), "assortment", 1..=20),
            (one(BucketKind::Territory), "outlet", 1..=20),
            (one(BucketKind::Territory), "receivable", 1..=10),
            (one(BucketKind::PriceType), "price", 1..=60),
            (BucketName::new(BucketKind::PriceType, 2), "price", 61..=90),
            (one(BucketKind::Warehouse), "stock", 1..=40),
            (one(BucketKind::Position), "route_stop", 1..=12),
            (one(BucketKind::Position), "document_state", 1..=9),
        ] {
            office.fill(&bucket, table, ids);
        }
        office
    }

    pub fn fill(&mut self, bucket: &BucketName, name: &str, ids: RangeInclusive<i64>) {
        let table = table(name);
        self.rows.entry((bucket.clone(), table.name)).or_default().extend(ids.map(|id| (id, row(table, id, 0))));
    }

    pub fn buckets(&self) -> Vec<BucketName> {
        let mut names: Vec<BucketName> = self.rows.keys().map(|(name, _)| name.clone()).collect();
        names.dedup();
        names
    }

    pub fn tables(&self, bucket: &BucketName) -> Vec<&'static TableDef> {
        TABLES.iter().copied().filter(|table| self.rows.contains_key(&(bucket.clone(), table.name))).collect()
    }

    /// A base segment of the rows of a range of keys, and what they add up to.
    pub fn base(&self, bucket: &BucketName, table: &'static TableDef, keys: RangeInclusive<i64>) -> (Vec<u8>, StateSum) {
        let mut writer = SegmentWriter::new(SegmentKind::Base, table, KEY);
        for (id, values) in self.rows.get(&(bucket.clone(), table.name)).into_iter().flat_map(|rows| rows.range(keys.clone())) {
            writer.put(*id, &values.iter().map(Value::as_ref).collect::<Vec<_>>());
        }
        let state = writer.state();
        (writer.finish("part", bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap(), state)
    }

    pub fn segment(&self, bucket: &BucketName, table: &'static TableDef, keys: RangeInclusive<i64>) -> Segment {
        Segment::read(&self.base(bucket, table, keys).0).unwrap()
    }

    pub fn state(&self, bucket: &BucketName) -> StateSum {
        let states = self.tables(bucket).into_iter().map(|table| self.base(bucket, table, i64::MIN..=i64::MAX).1);
        states.fold(StateSum::default(), StateSum::combine)
    }

    /// As `POST /v1/repair` answers: ranges that differ with their rows, and those that are to be cut narrower.
    pub fn repair(&self, bucket: &BucketName, held: &[HeldRange]) -> (Vec<(KeyRange, Segment)>, Vec<KeyRange>) {
        let (mut repaired, mut narrower) = (Vec::new(), Vec::new());
        for HeldRange { range, state } in held {
            let table = TableDef::by_id(range.table).unwrap();
            let (bytes, right) = self.base(bucket, table, range.lo..=range.hi);
            if right == *state {
                continue;
            }
            if right.rows > MAX_REPAIR_ROWS {
                narrower.push(*range);
            } else {
                repaired.push((*range, Segment::read(&bytes).unwrap()));
            }
        }
        (repaired, narrower)
    }

    /// Writes everything into a rebuild, segment by segment, and gives the heads. All sums are right.
    pub fn write_into(&self, rebuild: &mut Rebuild) -> BTreeMap<BucketNo, ChangeNo> {
        let mut heads = BTreeMap::new();
        for bucket in self.buckets() {
            let number = rebuild.bucket(&bucket).unwrap();
            for table in self.tables(&bucket) {
                for keys in [i64::MIN..=7, 8..=25, 26..=i64::MAX] {
                    let segment = self.segment(&bucket, table, keys);
                    rebuild.write(|applier: &mut Applier<'_>| applier.segment(number, &segment, |_| false)).unwrap();
                }
            }
            assert_eq!(rebuild.state(number), self.state(&bucket), "{bucket}");
            heads.insert(number, ChangeNo(1));
        }
        heads
    }

    /// A copy built from nothing.
    pub fn load(&self, store: &mut Store) {
        let mut rebuild = store.begin_rebuild(KEY).unwrap();
        let heads = self.write_into(&mut rebuild);
        store.finish_rebuild(rebuild, &feed(), &heads).unwrap();
    }
}

pub fn feed() -> Feed {
    Feed { epoch: "first".to_owned(), root: "a".repeat(64), applied_at: UtcMillis(1), hash_key: Some(KEY) }
}

pub fn open(folder: &std::path::Path) -> Result<Store> {
    Store::open(Box::new(Folder::new(folder)?))
}

/// All rows of a copy, as they stand in its tables, by table and key, with the name of the bucket.
pub fn rows_in(connection: &Connection) -> Result<PlacedRows> {
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let columns: Vec<String> = table.columns.iter().map(|column| format!("t.{}", column.name)).collect();
        let sql = format!("SELECT t.id, bucket.name, {} FROM {} AS t JOIN bucket ON bucket_no = t._bucket", columns.join(", "), table.name);
        let mut statement = connection.prepare(&sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let mut values = Vec::new();
            for index in 0..columns.len() {
                values.push(match row.get_ref(index + 2)? {
                    rusqlite::types::ValueRef::Null => Value::Null,
                    rusqlite::types::ValueRef::Integer(number) => Value::Int(number),
                    rusqlite::types::ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    rusqlite::types::ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
                    rusqlite::types::ValueRef::Real(_) => return Err(StoreError::BadValue("a number with a point")),
                });
            }
            rows.insert((table.name, row.get(0)?), (row.get(1)?, values));
        }
    }
    Ok(rows)
}

impl Office {
    /// What [`rows_in`] gives of a right copy.
    pub fn all_rows(&self) -> PlacedRows {
        self.rows
            .iter()
            .flat_map(|((bucket, table), rows)| {
                rows.iter().map(move |(id, values)| ((*table, *id), (bucket.as_str().to_owned(), values.clone())))
            })
            .collect()
    }
}

/// The sum of the values of one row.
pub fn state_of(table: &TableDef, id: i64, values: &[Value]) -> StateSum {
    let mut state = StateSum::default();
    let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
    state.add(RowHasher::new(KEY).row(table.id, id, table.columns.iter().map(|column| column.id).zip(values)));
    state
}

pub fn number_of(store: &mut Store, bucket: &BucketName) -> BucketNo {
    checkpoints::number_of(&store.reference().unwrap(), bucket).unwrap()
}
