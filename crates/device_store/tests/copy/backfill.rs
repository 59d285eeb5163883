//! An application that does not know a column adds up like the office; the one after it asks for that column alone.

use polevik_device_store::db::commit;
use polevik_device_store::reference::apply::Applier;
use polevik_device_store::reference::checkpoints;
use polevik_device_store::reference::foreign::{apply_backfill, backfilled, missing_columns};
use polevik_device_store::reference::verify::{self, Verdict};
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::RowHasher;
use polevik_protocol::rows::{ColumnDef, ColumnKind, TableDef, Value, ValueRef};
use polevik_protocol::segment::{Segment, SegmentKind, SegmentWriter};
use polevik_protocol::version::SCHEMA;

use crate::office::{KEY, Office, number_of, open, row, rows_in, table};

const WAREHOUSE: &[ColumnDef] = &[
    ColumnDef { id: 1, name: "ext_code", kind: ColumnKind::Text, nullable: false },
    ColumnDef { id: 2, name: "name", kind: ColumnKind::Text, nullable: false },
    ColumnDef { id: 90, name: "floor", kind: ColumnKind::Int, nullable: true },
    ColumnDef { id: 91, name: "gate", kind: ColumnKind::Text, nullable: true },
];

/// The table as an office of a later version has it.
static NEWER: TableDef = TableDef { id: polevik_protocol::rows::TableId(5), name: "warehouse", columns: WAREHOUSE };

fn newer_row(id: i64) -> Vec<Value> {
    let mut values = row(table("warehouse"), id, 0);
    values.push(if id % 2 == 0 { Value::Int(id) } else { Value::Null });
    values.push(if id % 4 == 0 { Value::Text(format!("ворота {id}")) } else { Value::Null });
    values
}

#[test]
fn an_older_application_adds_up_like_the_office_and_sees_damage() {
    assert_eq!(table("warehouse").id, NEWER.id);
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let bucket = BucketName::new(BucketKind::Distributor, 1);
    let mut writer = SegmentWriter::new(SegmentKind::Base, &NEWER, KEY);
    for id in 1..=20 {
        writer.put(id, &newer_row(id).iter().map(Value::as_ref).collect::<Vec<_>>());
    }
    let state = writer.state();
    let bytes = writer.finish("part", &bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap();
    let segment = Segment::read(&bytes).unwrap();
    assert_eq!(segment.foreign_columns().collect::<Vec<_>>(), [90, 91]);

    let number = number_of(&mut store, &bucket);
    let tx = store.reference().unwrap();
    let number_again = checkpoints::number_of(&tx, &bucket).unwrap();
    assert_eq!(number, number_again);
    let mut applier = Applier::new(&tx, KEY, &[]);
    applier.segment(number, &segment, |_| false).unwrap();
    let applied = applier.finish().unwrap();
    assert_eq!(applied.states[&number], state);
    checkpoints::set(&tx, number, state, Some(ChangeNo(1))).unwrap();
    let right = Verdict::Read { wrong: vec![], rows: 20, mended: 0 };
    assert_eq!(verify::verify(&tx, KEY).unwrap(), right);
    assert_eq!(missing_columns(&tx).unwrap(), [], "this version knows none of them");

    tx.execute("UPDATE warehouse SET name = 'не то' WHERE id = 4", []).unwrap();
    let Verdict::Read { wrong, .. } = verify::verify(&tx, KEY).unwrap() else { panic!("the file is sound") };
    assert_eq!(wrong, [bucket], "also in a row of which not all is kept");
}

#[test]
fn a_newer_application_asks_for_the_new_columns_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path()).unwrap();
    let office = Office::small();
    office.load(&mut store);
    let outlet = table("outlet");
    let bucket = BucketName::new(BucketKind::Territory, 1);
    let number = number_of(&mut store, &bucket);
    let columns: Vec<u16> =
        outlet.columns.iter().filter(|column| ["channel", "payment_days"].contains(&column.name)).map(|c| c.id).collect();

    // As an application of schema 1 has left it: without the two columns, and with hashes of what it kept.
    let tx = store.reference().unwrap();
    for (id, values) in &office.rows[&(bucket.clone(), "outlet")] {
        let kept = outlet.columns.iter().zip(values).filter(|(column, _)| !columns.contains(&column.id));
        let own = RowHasher::new(KEY).row(outlet.id, *id, kept.map(|(column, value)| (column.id, value.as_ref())));
        tx.execute("INSERT INTO foreign_row VALUES (?1, ?2, ?3)", (outlet.id.0, id, own.0.cast_signed())).unwrap();
    }
    tx.execute("UPDATE outlet SET channel = NULL, payment_days = NULL", []).unwrap();
    for column in &columns {
        tx.execute("INSERT INTO foreign_column VALUES (?1, ?2)", (outlet.id.0, column)).unwrap();
    }
    commit(tx).unwrap();

    let tx = store.reference().unwrap();
    assert_eq!(missing_columns(&tx).unwrap(), [(outlet, columns.clone())]);
    let mut writer = SegmentWriter::new(SegmentKind::Base, outlet, KEY);
    for (id, values) in &office.rows[&(bucket.clone(), "outlet")] {
        let only: Vec<ValueRef<'_>> = outlet
            .columns
            .iter()
            .zip(values)
            .map(|(column, value)| if columns.contains(&column.id) { value.as_ref() } else { ValueRef::Null })
            .collect();
        if only.iter().any(|value| *value != ValueRef::Null) {
            writer.put(*id, &only);
        }
    }
    let bytes = writer.finish("part", &bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap();
    let wrong = apply_backfill(&tx, KEY, number, &columns, &Segment::read(&bytes).unwrap()).unwrap();
    assert!(wrong.is_empty(), "every row adds up to its kept hash");
    backfilled(&tx, outlet, &columns).unwrap();
    assert_eq!(missing_columns(&tx).unwrap(), []);
    assert_eq!(rows_in(&tx).unwrap(), office.all_rows());
    let Verdict::Read { wrong, mended: 0, .. } = verify::verify(&tx, KEY).unwrap() else { panic!("nothing is to be mended") };
    assert!(wrong.is_empty());
}
