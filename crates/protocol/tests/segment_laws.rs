//! Laws of the segment format: what goes in comes out, and no bytes break a reader.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::{ChangeNo, Op};
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::rows::{ColumnDef, ColumnKind, OUTLET, PRICE_TYPE, PRODUCT, TableDef, Value, ValueRef};
use polevik_protocol::segment::{MAX_ROWS, Segment, SegmentError, SegmentKind, SegmentWriter, to_step_form};
use proptest::prelude::*;

const KEY: HashKey = HashKey([3; 32]);

fn value(kind: ColumnKind, nullable: bool) -> BoxedStrategy<Value> {
    let present = match kind {
        ColumnKind::Int => prop_oneof![any::<i64>().prop_map(Value::Int), (0..5i64).prop_map(Value::Int)].boxed(),
        ColumnKind::Text => prop_oneof![
            "[а-яА-Я «»a-z0-9]{0,20}".prop_map(Value::Text),
            any::<[u8; 16]>().prop_map(|bytes| Value::Text(uuid::Uuid::from_bytes(bytes).to_string())),
            Just(Value::Text("повтор".to_owned())),
        ]
        .boxed(),
        ColumnKind::Blob => prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Blob).boxed(),
    };
    if nullable { prop_oneof![1 => Just(Value::Null), 3 => present].boxed() } else { present }
}

/// Rows by rising key: the key and, unless it is a removal, one value per column.
fn rows(table: &'static TableDef) -> impl Strategy<Value = Vec<(i64, Option<Vec<Value>>)>> {
    let columns: Vec<_> = table.columns.iter().map(|column| value(column.kind, column.nullable)).collect();
    prop::collection::btree_map(any::<i64>(), prop::option::weighted(0.8, columns), 0..60).prop_map(|rows| rows.into_iter().collect())
}

fn write(kind: SegmentKind, table: &'static TableDef, rows: &[(i64, Option<Vec<Value>>)]) -> Vec<u8> {
    let mut writer = SegmentWriter::new(kind, table, KEY);
    for (pk, values) in rows {
        match values {
            Some(values) => {
                let refs: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
                writer.put(*pk, &refs);
            }
            None => writer.remove(*pk),
        }
    }
    writer.finish("D1", &BucketName::new(BucketKind::Territory, 5), 1, ChangeNo(7), ChangeNo(9)).unwrap()
}

fn read_back(segment: &Segment) -> Vec<(i64, Option<Vec<Value>>)> {
    let owned = |value: ValueRef<'_>| match value {
        ValueRef::Null => Value::Null,
        ValueRef::Int(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(text.to_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    };
    let columns = segment.table.columns.len();
    segment
        .rows()
        .map(|(pk, op, put)| (pk, (op == Op::Put).then(|| (0..columns).map(|column| owned(segment.value(column, put))).collect())))
        .collect()
}

/// `price_type` as a later version may know it.
const LATER_PRICE_TYPE: &TableDef = &TableDef {
    id: PRICE_TYPE.id,
    name: PRICE_TYPE.name,
    columns: &[
        PRICE_TYPE.columns[0],
        PRICE_TYPE.columns[1],
        ColumnDef { id: 30, name: "currency", kind: ColumnKind::Text, nullable: true },
        ColumnDef { id: 31, name: "rounding", kind: ColumnKind::Int, nullable: true },
    ],
};

proptest! {
    #[test]
    fn an_older_reader_adds_up_to_the_same_sum_as_a_newer_office(rows in rows(LATER_PRICE_TYPE)) {
        let live: Vec<_> = rows.into_iter().filter(|(_, values)| values.is_some()).collect();
        let segment = Segment::read(&write(SegmentKind::Base, LATER_PRICE_TYPE, &live)).unwrap();

        let mut hasher = RowHasher::new(KEY);
        let mut state = StateSum::default();
        for (pk, _, put) in segment.rows() {
            state.add(hasher.row(PRICE_TYPE.id, pk, segment.hashed_values(put)));
        }
        prop_assert_eq!(state, segment.header.state);

        let has_value = |column: usize| live.iter().any(|(_, values)| values.as_ref().is_some_and(|values| values[column] != Value::Null));
        let sent: Vec<u16> = [(2, 30), (3, 31)].into_iter().filter(|(column, _)| has_value(*column)).map(|(_, id)| id).collect();
        prop_assert_eq!(segment.foreign_columns().collect::<Vec<_>>(), sent);
    }

    #[test]
    fn a_delta_gives_back_what_was_put_in(rows in rows(OUTLET)) {
        let segment = Segment::read(&write(SegmentKind::Delta, OUTLET, &rows)).unwrap();
        prop_assert_eq!(read_back(&segment), rows);
        prop_assert_eq!((segment.header.after, segment.header.to), (ChangeNo(7), ChangeNo(9)));
    }

    #[test]
    fn a_delta_in_a_step_is_the_same_delta(rows in rows(OUTLET)) {
        let whole = write(SegmentKind::Delta, OUTLET, &rows);
        let bucket = BucketName::new(BucketKind::Territory, 5);
        let short = to_step_form(&whole).unwrap();
        prop_assert!(short.len() < whole.len());
        prop_assert_eq!(read_back(&Segment::read_step_form(&short, &bucket).unwrap()), rows);
    }

    #[test]
    fn damaged_bytes_of_a_step_are_an_error_or_a_delta(rows in rows(OUTLET), cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let bucket = BucketName::new(BucketKind::Territory, 5);
        let mut short = to_step_form(&write(SegmentKind::Delta, OUTLET, &rows)).unwrap();
        let place = at.index(short.len());
        short[place] ^= 1 << bit;
        for bytes in [&short[..], &short[..cut.index(short.len())]] {
            if let Ok(segment) = Segment::read_step_form(bytes, &bucket) {
                prop_assert!(segment.rows().count() <= MAX_ROWS);
            }
        }
    }

    #[test]
    fn a_base_gives_back_its_rows_and_the_sum_of_their_hashes(rows in rows(PRODUCT)) {
        let live: Vec<_> = rows.into_iter().filter(|(_, values)| values.is_some()).collect();
        let segment = Segment::read(&write(SegmentKind::Base, PRODUCT, &live)).unwrap();
        prop_assert_eq!(read_back(&segment), live);

        let mut hasher = RowHasher::new(KEY);
        let mut state = StateSum::default();
        for (pk, _, put) in segment.rows() {
            let values = PRODUCT.columns.iter().enumerate().map(|(index, column)| (column.id, segment.value(index, put)));
            state.add(hasher.row(PRODUCT.id, pk, values));
        }
        prop_assert_eq!(state, segment.header.state);
    }

    /// The same rows give the same bytes, so an unchanged range keeps its name.
    #[test]
    fn a_base_does_not_know_when_it_was_made(rows in rows(PRODUCT)) {
        let live: Vec<_> = rows.into_iter().filter(|(_, values)| values.is_some()).collect();
        let early = write(SegmentKind::Base, PRODUCT, &live);
        prop_assert_eq!(early, write(SegmentKind::Base, PRODUCT, &live));
    }

    /// Whatever is flipped, cut or added, reading ends with a segment or an error, never with a panic.
    #[test]
    fn damaged_bytes_are_an_error_or_a_segment(rows in rows(OUTLET), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut bytes = write(SegmentKind::Delta, OUTLET, &rows);
        for (place, value) in &flips {
            let place = place.index(bytes.len());
            bytes[place] ^= value;
        }
        if let Ok(segment) = Segment::read(&bytes) {
            read_back(&segment);
        }
        let cut = cut.index(bytes.len());
        prop_assert!(Segment::read(&bytes[..cut]).is_err());
    }

    #[test]
    fn noise_is_no_segment(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Segment::read(&noise).is_err());
        let mut framed = b"PVSG\x01\x01\x00".to_vec();
        framed.extend_from_slice(&noise);
        prop_assert!(Segment::read(&framed).is_err());
    }
}

/// Damage inside the compressed body that zstd does not see (its frames carry no checksum here): the decoded body itself is random.
#[test]
fn a_body_of_noise_is_refused_or_read_without_panic() {
    let good = write(SegmentKind::Delta, OUTLET, &[]);
    let header_len = good.len() - zstd::bulk::compress(&empty_body(), 3).unwrap().len();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&(prop::collection::vec(any::<u8>(), 0..200), 0..40u8), |(noise, rows)| {
            // rebuild a header by hand: the prefix up to the counts is that of an empty segment
            let mut bytes = good[..header_len - 16 - 4].to_vec();
            bytes.extend_from_slice(&[rows, rows, u8::try_from(noise.len() & 0x7f).unwrap(), 0]);
            bytes.extend_from_slice(&[0; 16]);
            let body = &noise[..noise.len() & 0x7f];
            bytes.extend_from_slice(&zstd::bulk::compress(body, 3).unwrap());
            if let Ok(segment) = Segment::read(&bytes) {
                read_back(&segment);
            }
            Ok(())
        })
        .unwrap();
}

fn empty_body() -> Vec<u8> {
    // keys of no rows: encoding 1, least 0, divisor 1, width 0
    vec![1, 0, 1, 0]
}

#[test]
fn a_frame_that_grows_beyond_its_word_is_refused() {
    let bytes = write(SegmentKind::Delta, OUTLET, &[]);
    let body = zstd::bulk::compress(&empty_body(), 3).unwrap();
    let mut bomb = bytes[..bytes.len() - body.len()].to_vec();
    bomb.extend_from_slice(&zstd::bulk::compress(&vec![0; 50_000_000], 3).unwrap());
    assert_eq!(Segment::read(&bomb), Err(SegmentError::Compression));
}

#[test]
fn keys_that_do_not_rise_are_refused_by_the_writer() {
    let mut writer = SegmentWriter::new(SegmentKind::Delta, OUTLET, KEY);
    writer.remove(2);
    writer.remove(2);
    let refused = writer.finish("D1", &BucketName::new(BucketKind::All, 0), 1, ChangeNo(0), ChangeNo(1));
    assert_eq!(refused, Err(SegmentError::Order));
}
