//! Writing one segment.

use super::columns::{ColumnBuilder, put_bitmap, put_int_values};
use super::{FORMAT, MAGIC, MAX_ROWS, SegmentError, SegmentKind};
use crate::bucket::BucketName;
use crate::change::ChangeNo;
use crate::checksum::{HashKey, RowHash, RowHasher, StateSum};
use crate::codec::{put_text, put_varint};
use crate::rows::{ColumnKind, TableDef, ValueRef};

/// Writes one segment. Rows come by rising key.
pub struct SegmentWriter {
    table: &'static TableDef,
    kind: SegmentKind,
    hasher: RowHasher,
    pks: Vec<i64>,
    removed: Vec<bool>,
    columns: Vec<ColumnBuilder>,
    puts: usize,
    state: StateSum,
}

impl SegmentWriter {
    /// A writer of rows of `table`, hashed with the part's key.
    #[must_use]
    pub fn new(kind: SegmentKind, table: &'static TableDef, key: HashKey) -> Self {
        let columns = table
            .columns
            .iter()
            .map(|column| match column.kind {
                ColumnKind::Int => ColumnBuilder::Int(Vec::new()),
                ColumnKind::Text | ColumnKind::Blob => ColumnBuilder::Bytes { ends: Vec::new(), bytes: Vec::new() },
            })
            .collect();
        Self {
            table,
            kind,
            hasher: RowHasher::new(key),
            pks: Vec::new(),
            removed: Vec::new(),
            columns,
            puts: 0,
            state: StateSum::default(),
        }
    }

    /// Adds a row with one value per column of the table, and gives its hash. A value of another kind than its column counts as absent.
    pub fn put(&mut self, pk: i64, values: &[ValueRef<'_>]) -> RowHash {
        for (index, column) in self.columns.iter_mut().enumerate() {
            let value = values.get(index).copied().unwrap_or(ValueRef::Null);
            match (column, value) {
                (ColumnBuilder::Int(numbers), ValueRef::Int(number)) => numbers.push(Some(number)),
                (ColumnBuilder::Int(numbers), _) => numbers.push(None),
                (ColumnBuilder::Bytes { ends, bytes }, ValueRef::Text(text)) => {
                    bytes.extend_from_slice(text.as_bytes());
                    ends.push(Some(bytes.len()));
                }
                (ColumnBuilder::Bytes { ends, bytes }, ValueRef::Blob(blob)) => {
                    bytes.extend_from_slice(blob);
                    ends.push(Some(bytes.len()));
                }
                (ColumnBuilder::Bytes { ends, .. }, _) => ends.push(None),
            }
        }
        self.pks.push(pk);
        self.removed.push(false);
        self.puts += 1;
        let hash = self.hasher.row(self.table.id, pk, self.table.columns.iter().zip(values).map(|(column, value)| (column.id, *value)));
        self.state.add(hash);
        hash
    }

    /// Adds a removal; only in a delta.
    pub fn remove(&mut self, pk: i64) {
        self.pks.push(pk);
        self.removed.push(true);
    }

    /// Rows so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pks.len()
    }

    /// Whether there are none yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pks.is_empty()
    }

    /// State of the rows put so far.
    #[must_use]
    pub fn state(&self) -> StateSum {
        self.state
    }

    /// The finished bytes. `after` and `to` are ignored for a base.
    ///
    /// # Errors
    ///
    /// [`SegmentError::Order`] if keys did not rise, a base holds a removal, or it holds more than [`MAX_ROWS`];
    /// [`SegmentError::Compression`] if zstd fails.
    pub fn finish(self, part: &str, bucket: &BucketName, schema: u32, after: ChangeNo, to: ChangeNo) -> Result<Vec<u8>, SegmentError> {
        let rises = self.pks.windows(2).all(|pair| pair[0] < pair[1]);
        let base = self.kind == SegmentKind::Base;
        if !rises || self.pks.len() > MAX_ROWS || (base && self.puts != self.pks.len()) {
            return Err(SegmentError::Order);
        }
        let mut body = Vec::new();
        if !base {
            put_bitmap(&mut body, self.removed.iter().copied());
        }
        put_int_values(&mut body, &self.pks);
        for (def, column) in self.table.columns.iter().zip(&self.columns) {
            if let Some(encoded) = column.encode() {
                put_varint(&mut body, u64::from(def.id));
                put_varint(&mut body, encoded.len() as u64);
                body.extend_from_slice(&encoded);
            }
        }

        let (after, to) = if base { (ChangeNo(0), ChangeNo(0)) } else { (after, to) };
        let mut out = Vec::with_capacity(body.len() / 3);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[FORMAT, u8::from(!base), 0]);
        put_text(&mut out, part);
        put_text(&mut out, bucket.as_str());
        for number in
            [u64::from(self.table.id.0), u64::from(schema), after.0, to.0, self.pks.len() as u64, self.puts as u64, body.len() as u64, 0]
        {
            put_varint(&mut out, number);
        }
        out.extend_from_slice(&self.state.sum.to_le_bytes());
        out.extend_from_slice(&self.state.mix.to_le_bytes());
        // A base is written once for thousands of devices; a delta is wanted at once.
        let level = if base { 9 } else { 3 };
        out.extend_from_slice(&zstd::bulk::compress(&body, level).map_err(|_| SegmentError::Compression)?);
        Ok(out)
    }
}
