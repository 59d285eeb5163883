//! What was exported is read back, and the four kinds of file agree.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;

use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use calamine::{Data, DataType, Reader};
use common::{any_snapshot, made, snapshot};
use polevik_domain::money::Money;
use polevik_order_export::format::{Format, Options};
use polevik_order_export::making::{MakeError, make};
use polevik_order_export::read::{ReadError, read};
use polevik_order_export::snapshot::{Snapshot, Totals};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Both lossless forms give back exactly what went in, whatever the texts, and know that nobody changed it.
    #[test]
    fn json_and_xlsx_give_back_what_went_in(snapshot in any_snapshot()) {
        for format in [Format::Json, Format::Xlsx] {
            let back = read(&made(&snapshot, format).bytes).unwrap();
            prop_assert_eq!(&back.snapshot, &snapshot);
            prop_assert!(back.is_unchanged);
        }
    }

    /// Counts and sums are the same whichever file one looks into, read by other people's readers where there are such.
    #[test]
    fn the_four_files_agree_in_counts_and_sums(snapshot in any_snapshot()) {
        let totals = snapshot.totals();
        let json: serde_json::Value = serde_json::from_slice(&made(&snapshot, Format::Json).bytes).unwrap();
        prop_assert_eq!(json_totals(&json), totals);
        prop_assert_eq!(xlsx_totals(&made(&snapshot, Format::Xlsx).bytes), totals);
        prop_assert_eq!(csv_totals(&made(&snapshot, Format::Csv).bytes), totals);
        prop_assert_eq!(commerceml_totals(&made(&snapshot, Format::CommerceMl).bytes), totals);
        let hashes: Vec<_> = Format::ALL.map(|format| made(&snapshot, format).content_sha256).to_vec();
        prop_assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

fn json_totals(json: &serde_json::Value) -> Totals {
    let mut totals = Totals::default();
    for order in json["orders"].as_array().unwrap() {
        totals.orders += 1;
        totals.lines += order["lines"].as_array().unwrap().len() as u64;
        totals.sum_minor.0 += order["sum_minor"].as_i64().unwrap();
        totals.vat_sum_minor.0 += order["vat_sum_minor"].as_i64().unwrap();
    }
    totals
}

fn kopecks(data: &Data) -> i64 {
    let text = data.get_float().map(|number| format!("{number:.2}")).unwrap();
    text.replace('.', "").parse().unwrap()
}

fn xlsx_totals(bytes: &[u8]) -> Totals {
    let mut workbook = calamine::open_workbook_from_rs::<calamine::Xlsx<_>, _>(Cursor::new(bytes)).unwrap();
    assert_eq!(workbook.sheet_names(), ["Заказы", "Строки", "Сведения"]);
    let orders = workbook.worksheet_range("Заказы").unwrap();
    let lines = workbook.worksheet_range("Строки").unwrap();
    let column = |range: &calamine::Range<Data>, caption: &str| {
        range.rows().next().unwrap().iter().position(|cell| cell.get_string() == Some(caption)).unwrap()
    };
    let sum = |range: &calamine::Range<Data>, caption: &str| {
        let column = column(range, caption);
        Money(range.rows().skip(1).map(|row| kopecks(&row[column])).sum())
    };
    let totals = Totals {
        orders: orders.rows().count() as u64 - 1,
        lines: lines.rows().count() as u64 - 1,
        sum_minor: sum(&orders, "Сумма"),
        vat_sum_minor: sum(&orders, "НДС"),
    };
    assert_eq!((sum(&lines, "Сумма"), sum(&lines, "Сумма НДС")), (totals.sum_minor, totals.vat_sum_minor));
    for sheet in ["Заказы", "Строки", "Сведения"] {
        let formulas = workbook.worksheet_formula(sheet).unwrap();
        assert!(formulas.used_cells().all(|(.., formula)| formula.is_empty()), "no cell is a formula");
    }
    totals
}

fn csv_rows(archive: &[u8], name: &str) -> (Vec<String>, Vec<csv::StringRecord>) {
    let mut text = String::new();
    zip::ZipArchive::new(Cursor::new(archive)).unwrap().by_name(name).unwrap().read_to_string(&mut text).unwrap();
    let text = text.strip_prefix('\u{feff}').expect("a byte order mark");
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_reader(text.as_bytes());
    let captions = reader.headers().unwrap().iter().map(str::to_owned).collect();
    (captions, reader.records().map(Result::unwrap).collect())
}

fn csv_totals(bytes: &[u8]) -> Totals {
    let (captions, orders) = csv_rows(bytes, "orders.csv");
    let sum = |captions: &[String], rows: &[csv::StringRecord], caption: &str| {
        let column = captions.iter().position(|known| known == caption).unwrap();
        Money(rows.iter().map(|row| row[column].replace(',', "").parse::<i64>().unwrap()).sum())
    };
    let (line_captions, lines) = csv_rows(bytes, "lines.csv");
    let sum_minor = sum(&captions, &orders, "Сумма");
    assert_eq!(sum(&line_captions, &lines, "Сумма"), sum_minor);
    let vat_sum_minor = sum(&captions, &orders, "НДС");
    Totals { orders: orders.len() as u64, lines: lines.len() as u64, sum_minor, vat_sum_minor }
}

fn commerceml_totals(bytes: &[u8]) -> Totals {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(bytes);
    let (mut totals, mut path, mut line_sum) = (Totals::default(), Vec::new(), 0);
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) => path.push(element.name().as_ref().to_owned()),
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) => {
                let names: Vec<&str> = path.iter().map(String::as_str).skip(1).collect();
                let amount = || text.replace('.', "").parse::<i64>().unwrap();
                match names.as_slice() {
                    ["Документ", "Ид"] => totals.orders += 1,
                    ["Документ", "Сумма"] => totals.sum_minor.0 += amount(),
                    ["Документ", "Налоги", "Налог", "Сумма"] => totals.vat_sum_minor.0 += amount(),
                    ["Документ", "Товары", "Товар", "Сумма"] => {
                        totals.lines += 1;
                        line_sum += amount();
                    }
                    _ => {}
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(line_sum, totals.sum_minor.0);
    totals
}

#[test]
fn days_times_and_amounts_are_typed_and_texts_are_texts() {
    let snapshot = snapshot(40, 3);
    let bytes = made(&snapshot, Format::Xlsx).bytes;
    let mut workbook = calamine::open_workbook_from_rs::<calamine::Xlsx<_>, _>(Cursor::new(&bytes)).unwrap();
    let orders = workbook.worksheet_range("Заказы").unwrap();
    let captions: Vec<String> = orders.rows().next().unwrap().iter().map(ToString::to_string).collect();
    let cell = |row: usize, caption: &str| &orders[(row, captions.iter().position(|known| known == caption).unwrap())];
    for (row, order) in (1..).zip(&snapshot.orders) {
        let Data::DateTime(day) = cell(row, "Дата создания") else {
            panic!("a day is a day: {:?}", cell(row, "Дата создания"))
        };
        assert_eq!(day.to_ymd_hms_milli().0, u16::try_from(order.local_day.year_month_day().0).unwrap());
        assert!(matches!(cell(row, "Время"), Data::DateTime(_)));
        assert!(matches!(cell(row, "Сумма"), Data::Float(_) | Data::Int(_)));
        assert!(matches!(cell(row, "Код ТТ"), Data::String(_)));
        let comment = if order.comment.is_empty() { &Data::Empty } else { &Data::String(order.comment.clone()) };
        assert_eq!(cell(row, "Комментарий"), comment);
    }
}

#[test]
fn a_file_is_made_step_by_step_and_can_be_stopped() {
    let snapshot = snapshot(300, 2);
    let mut told = Vec::new();
    let stopped = make(&snapshot, Format::Xlsx, Options::default(), |done| {
        told.push(done);
        if done >= 128 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped.unwrap_err(), told), (MakeError::Stopped, vec![64, 128]));

    let mut told = Vec::new();
    make(&snapshot, Format::Json, Options::default(), |done| {
        told.push(done);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(told.last(), Some(&300));
}

#[test]
fn the_same_orders_give_the_same_bytes() {
    let snapshot = snapshot(100, 5);
    for format in Format::ALL {
        assert_eq!(made(&snapshot, format), made(&snapshot, format), "{format:?}");
    }
}

/// The JSON of a small snapshot after `change`.
fn changed_json(change: impl FnOnce(&mut serde_json::Value)) -> Result<bool, ReadError> {
    let mut json = serde_json::from_slice(&made(&snapshot(3, 2), Format::Json).bytes).unwrap();
    change(&mut json);
    read(&serde_json::to_vec(&json).unwrap()).map(|back| back.is_unchanged)
}

fn problem(result: Result<bool, ReadError>) -> (String, String) {
    match result.unwrap_err() {
        ReadError::Problems(problems) => (problems[0].place.clone(), problems[0].why.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_field_of_json_is_named_with_its_order_and_line() {
    for (pointer, value, place, why) in [
        ("/orders/1/lines/0/quantity", serde_json::json!(0), "orders[1].lines[0].quantity", "out of range"),
        ("/orders/2/sum_minor", serde_json::json!(1), "orders[2].sum_minor", "not the sum of the lines"),
        ("/orders/0/number", serde_json::json!("17"), "orders[0].number", "not a number of the form А017-000245"),
        ("/orders/0/local_day", serde_json::json!("22.11.2026"), "orders[0].local_day", "not a day"),
        ("/orders/0/lines/1/unit", serde_json::json!("bag"), "orders[0].lines[1].unit", "unknown variant"),
        ("/orders/0/lines", serde_json::json!([]), "orders[0].id", "the order has no lines, or too many"),
    ] {
        let (found_place, found_why) = problem(changed_json(|json| *json.pointer_mut(pointer).unwrap() = value));
        assert_eq!(found_place, place);
        assert!(found_why.contains(why), "{found_why}");
    }
    let twice = |json: &mut serde_json::Value| json["orders"][1]["id"] = json["orders"][0]["id"].clone();
    assert_eq!(problem(changed_json(twice)), ("orders[1].id".to_owned(), "the same order stands twice".to_owned()));
}

#[test]
fn an_order_that_somebody_left_out_or_changed_is_noticed() {
    let without = changed_json(|json| drop(json["orders"].as_array_mut().unwrap().pop()));
    assert!(matches!(without, Err(ReadError::Damaged(_))), "{without:?}");
    assert_eq!(changed_json(|json| json["orders"][0]["comment"] = "другой".into()), Ok(false));
    assert_eq!(changed_json(|_| {}), Ok(true));
}

#[test]
fn a_file_of_a_newer_version_and_a_strange_file_are_told_apart() {
    assert_eq!(changed_json(|json| json["schema"] = 2.into()), Err(ReadError::Newer(2)));
    for strange in [&b""[..], b"{}", b"[1]", b"PK", b"PK\x05\x06", b"{\"format\":\"other\",\"schema\":1}", &[0xff; 100]] {
        assert!(matches!(read(strange), Err(ReadError::NotOurs(_))), "{:?}", read(strange));
    }
    let commerceml = made(&snapshot(1, 1), Format::CommerceMl).bytes;
    assert!(matches!(read(&commerceml), Err(ReadError::NotOurs(_))));
    let csv = made(&snapshot(1, 1), Format::Csv).bytes;
    assert!(matches!(read(&csv), Err(ReadError::NotOurs(_))));
}

/// A spreadsheet with one part changed, packed again by another packer.
fn changed_xlsx(snapshot: &Snapshot, part: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    use std::io::Write;
    let bytes = made(snapshot, Format::Xlsx).bytes;
    let mut old = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut new = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..old.len() {
        let mut file = old.by_index(at).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let name = file.name().unwrap().into_owned();
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        new.start_file(&name, stored).unwrap();
        let text = if name == part { change(&text) } else { text };
        new.write_all(text.as_bytes()).unwrap();
    }
    new.finish().unwrap().into_inner()
}

#[test]
fn a_wrong_cell_of_a_spreadsheet_is_named_with_its_sheet_row_and_column() {
    let snapshot = snapshot(2, 2);
    let broken = |sheet: &str, cell: &str| {
        let from = format!("<c r=\"{cell}\"");
        let bytes = changed_xlsx(&snapshot, sheet, |xml| {
            let (before, after) = xml.split_once(&from).unwrap();
            let (_, rest) = after.split_once("</c>").unwrap();
            format!("{before}<c r=\"{cell}\" t=\"inlineStr\"><is><t>чушь</t></is></c>{rest}")
        });
        match read(&bytes).unwrap_err() {
            ReadError::Problems(problems) => problems[0].place.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(broken("xl/worksheets/sheet2.xml", "H4"), "«Строки», row 4, «Количество»");
    assert_eq!(broken("xl/worksheets/sheet2.xml", "O5"), "«Строки», row 5, «ID заказа»");
    assert_eq!(broken("xl/worksheets/sheet1.xml", "N3"), "«Заказы», row 3, «Сумма»");
    assert_eq!(broken("xl/worksheets/sheet1.xml", "R2"), "«Заказы», row 2, «Состояние»");
    assert_eq!(broken("xl/worksheets/sheet3.xml", "B13"), "«Сведения», row 13, «ID устройства»");
}

#[test]
fn inline_strings_missing_places_and_days_from_1904_are_understood() {
    let snapshot = snapshot(3, 2);
    let moved = changed_xlsx(&snapshot, "xl/workbook.xml", |xml| xml.replace("<bookViews>", "<workbookPr date1904=\"true\"/><bookViews>"));
    let back = read(&moved).unwrap();
    assert_eq!(back.snapshot.orders[0].local_day, snapshot.orders[0].local_day.plus_days(1_462));
    assert!(!back.is_unchanged);

    let without_places = changed_xlsx(&snapshot, "xl/worksheets/sheet3.xml", |xml| {
        let mut xml = xml.to_owned();
        for row in 1..40 {
            xml = xml.replace(&format!(" r=\"A{row}\""), "").replace(&format!(" r=\"B{row}\""), "").replace(&format!(" r=\"{row}\""), "");
        }
        xml
    });
    assert_eq!(read(&without_places).unwrap().snapshot, snapshot);
}

/// The file of version 1 with that name.
fn golden(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap()
}

#[test]
fn files_of_version_1_are_read_for_ever() {
    let snapshot = snapshot(3, 2);
    for name in ["orders_v1.json", "orders_v1.xlsx", "orders_v1_stored.xlsx"] {
        let back = read(&golden(name)).unwrap();
        assert_eq!(back.snapshot, snapshot, "{name}");
        assert!(back.is_unchanged);
    }
    assert_eq!(made(&snapshot, Format::Json).bytes, golden("orders_v1.json"), "the layout did not change without a new version");
}
