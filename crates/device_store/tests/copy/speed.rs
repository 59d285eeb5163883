//! Figures, not promises: `cargo test --release -p polevik-device-store --test copy speed -- --ignored --nocapture`.

use polevik_device_store::platform::{Folder, Platform};
use polevik_device_store::reference::verify;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::ChangeNo;
use polevik_protocol::rows::{ProductRow, TableDef, Value};
use polevik_protocol::segment::{Segment, SegmentKind, SegmentWriter};
use polevik_protocol::version::SCHEMA;

use crate::office::{KEY, feed, open, table};

/// Products like those of the benchmarks: 36 characters of id, about 150 bytes of values.
fn product(id: i64) -> Vec<Value> {
    let draw = id.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    let hex = format!("{:016x}{:016x}", draw, draw.rotate_left(17) ^ id);
    let uuid = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    ProductRow {
        id,
        ext_code: uuid,
        sku: format!("SKU-{id:07}"),
        name: format!("Сок яблочный Добрый {} л, арт. {}", id % 7, draw.unsigned_abs() % 100_000),
        brand: String::new(),
        category: ["Соки и нектары", "Вода питьевая", "Бакалея"][usize::try_from(id % 3).unwrap()].to_owned(),
        unit: "шт".to_owned(),
        block_factor: 0,
        box_factor: 0,
        barcode: format!("46{:011}", draw.unsigned_abs() % 100_000_000_000),
        vat_rate: 2_000,
        active: 1,
        list_price: Some(draw.unsigned_abs().cast_signed() % 100_000),
        stock_total: Some(draw.unsigned_abs().cast_signed() % 500),
        changed_at_ms: Some(1_767_225_600_000 + id * 1_000),
    }
    .into_row()
    .values
}

fn segments(table: &'static TableDef, rows: i64) -> Vec<Vec<u8>> {
    let bucket = BucketName::new(BucketKind::Distributor, 1);
    let mut segments = Vec::new();
    for first in (1..=rows).step_by(16_384) {
        let mut writer = SegmentWriter::new(SegmentKind::Base, table, KEY);
        for id in first..=rows.min(first + 16_383) {
            writer.put(id, &product(id).iter().map(Value::as_ref).collect::<Vec<_>>());
        }
        segments.push(writer.finish("part", &bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap());
    }
    segments
}

/// Nanoseconds that this thread has been on a processor: what others do on the machine does not count.
fn on_processor() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

fn timed<R>(what: &str, rows: i64, work: impl FnOnce() -> R) -> R {
    let begun = on_processor();
    let result = work();
    let millis = f64::from(u32::try_from((on_processor() - begun) / 1_000).unwrap()) / 1_000.0;
    println!("  {what}: {millis:.0} ms of processor, {:.0} thousand rows/s", f64::from(u32::try_from(rows).unwrap()) / millis);
    result
}

#[test]
#[ignore = "measures; needs a release build to mean anything"]
fn a_first_load_of_products() {
    let product_table = table("product");
    let asked = std::env::var("POLEVIK_SPEED_ROWS").ok().and_then(|rows| rows.parse().ok());
    for rows in asked.map_or(vec![100_000, 1_000_000], |rows| vec![rows]) {
        let packed = segments(product_table, rows);
        let wire: usize = packed.iter().map(Vec::len).sum();
        let count = f64::from(u32::try_from(rows).unwrap());
        println!("{rows} products, {:.1} B/row packed", f64::from(u32::try_from(wire).unwrap()) / count);

        // The limit: the same rows into a plain table, in one transaction, by rising key.
        let folder = tempfile::tempdir().unwrap();
        let plain = Folder::new(folder.path()).unwrap().open("plain.db").unwrap();
        plain.execute_batch("PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -65536").unwrap();
        let names: Vec<&str> = product_table.columns.iter().map(|column| column.name).collect();
        plain.execute_batch(&format!("CREATE TABLE product (id INTEGER PRIMARY KEY, {})", names.join(", "))).unwrap();
        let all: Vec<Vec<Value>> = (1..=rows).map(product).collect();
        timed("plain inserts of rows in memory", rows, || {
            plain.execute_batch("BEGIN").unwrap();
            let places = vec!["?"; names.len() + 1].join(", ");
            let mut insert = plain.prepare(&format!("INSERT INTO product VALUES ({places})")).unwrap();
            for (id, values) in (1..).zip(&all) {
                insert.raw_bind_parameter(1, id as i64).unwrap();
                for (index, value) in values.iter().enumerate() {
                    match value {
                        Value::Null => insert.raw_bind_parameter(index + 2, rusqlite::types::Null).unwrap(),
                        Value::Int(number) => insert.raw_bind_parameter(index + 2, number).unwrap(),
                        Value::Text(text) => insert.raw_bind_parameter(index + 2, text).unwrap(),
                        Value::Blob(bytes) => insert.raw_bind_parameter(index + 2, bytes).unwrap(),
                    }
                }
                insert.raw_execute().unwrap();
            }
            drop(insert);
            plain.execute_batch("COMMIT").unwrap();
        });
        drop(all);
        drop(plain);

        let decoded = timed("decoding alone", rows, || packed.iter().map(|bytes| Segment::read(bytes).unwrap()).collect::<Vec<_>>());
        drop(decoded);
        let mut store = open(folder.path()).unwrap();
        timed("rebuild, all of it", rows, || {
            let mut rebuild = store.begin_rebuild(KEY).unwrap();
            let bucket = rebuild.bucket(&BucketName::new(BucketKind::Distributor, 1)).unwrap();
            for bytes in &packed {
                let segment = Segment::read(bytes).unwrap();
                rebuild.write(|applier| applier.segment(bucket, &segment, |_| false)).unwrap();
            }
            store.finish_rebuild(rebuild, &feed(), &[(bucket, ChangeNo(1))].into()).unwrap();
        });
        let bytes = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
        let (mine, limit) = (bytes("reference-2.db"), bytes("plain.db"));
        println!("  {:.1} B/row on the device, {:.1} plain: {:.3}", mine as f64 / count, limit as f64 / count, mine as f64 / limit as f64);
        timed("reading it through", rows, || verify::verify(&store.reference().unwrap(), KEY).unwrap());
    }
}
