//! Other people's programs open the files: LibreOffice (Debian: `libreoffice-calc-nogui`) and xmllint (`libxml2-utils`). Both must be
//! installed; these tests fail without them and say so.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod common;

use std::fs;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use calamine::{Data, Reader};
use common::{any_snapshot, made, snapshot};
use polevik_order_export::format::{Decimal, Format, Options, XmlEncoding};
use polevik_order_export::making::make;
use polevik_order_export::read::read;
use polevik_order_export::snapshot::Snapshot;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Runs LibreOffice without a window and with settings of its own, and gives the folder with what it made.
fn libreoffice(arguments: &[&str], input: &Path) -> PathBuf {
    let folder = input.parent().unwrap();
    let out = folder.join("out");
    let profile = format!("-env:UserInstallation=file://{}", folder.join("profile").display());
    let ran = Command::new("soffice")
        .args([profile.as_str(), "--headless", "--norestore"])
        .args(arguments)
        .arg("--outdir")
        .args([&out, input])
        .output()
        .expect("soffice starts: install libreoffice-calc-nogui");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && out.is_dir(), "LibreOffice opens the file: {said}");
    out
}

/// Semicolons, quotes, UTF-8, as shown on the screen, every sheet into a file of its own.
const TO_CSV: &str = "csv:Text - txt - csv (StarCalc):59,34,76,1,,0,false,true,true,false,false,-1";

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn our_csv(snapshot: &Snapshot, name: &str) -> String {
    let options = Options { decimal: Decimal::Point, ..Options::default() };
    let made = make(snapshot, Format::Csv, options, |_| ControlFlow::Continue(())).unwrap();
    let mut text = String::new();
    zip::ZipArchive::new(Cursor::new(made.bytes)).unwrap().by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn libreoffice_shows_in_the_spreadsheet_what_stands_in_our_csv() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(60, 4);
    let file = folder.path().join("orders.xlsx");
    fs::write(&file, made(&snapshot, Format::Xlsx).bytes).unwrap();
    let out = libreoffice(&["--convert-to", TO_CSV], &file);
    for (sheet, name) in [("Заказы", "orders.csv"), ("Строки", "lines.csv")] {
        let shown = csv_rows(&fs::read_to_string(out.join(format!("orders-{sheet}.csv"))).unwrap());
        let ours = csv_rows(&our_csv(&snapshot, name));
        assert_eq!(shown.len(), ours.len());
        let captions = &ours[0];
        for (row, (shown, ours)) in shown.iter().zip(&ours).enumerate() {
            for (column, (shown, ours)) in shown.iter().zip(ours).enumerate() {
                // An amount is shown with its thousands apart; our apostrophe is for CSV only.
                let is_amount = row > 0 && ["Сумма", "НДС", "Скидка", "Цена", "Сумма НДС"].contains(&captions[column].as_str());
                let shown = if is_amount { shown.replace(',', "") } else { shown.clone() };
                let without_apostrophe = ours.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@', '\t']));
                assert_eq!(shown, without_apostrophe.unwrap_or(ours), "row {row}, {}", captions[column]);
            }
        }
    }
}

#[test]
fn a_spreadsheet_that_libreoffice_saved_again_is_read_back_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(60, 4);
    let file = folder.path().join("orders.xlsx");
    fs::write(&file, made(&snapshot, Format::Xlsx).bytes).unwrap();
    let out = libreoffice(&["--convert-to", "xlsx"], &file);
    let saved = fs::read(out.join("orders.xlsx")).unwrap();
    let back = read(&saved).unwrap();
    assert_eq!(back.snapshot, snapshot);
    assert!(back.is_unchanged);
}

#[test]
fn exp_10_libreoffice_finds_no_formula_in_our_csv_and_takes_amounts_for_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = snapshot(60, 2);
    let file = folder.path().join("orders.csv");
    fs::write(&file, our_csv(&snapshot, "orders.csv")).unwrap();
    let out = libreoffice(&["--infilter=CSV:59,34,76,1", "--convert-to", "xlsx"], &file);
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(out.join("orders.xlsx")).unwrap();
    let sheet = workbook.sheet_names()[0].clone();
    let formulas = workbook.worksheet_formula(&sheet).unwrap();
    assert!(formulas.used_cells().all(|(.., formula)| formula.is_empty()));
    let range = workbook.worksheet_range(&sheet).unwrap();
    assert_eq!(range.rows().count(), snapshot.orders.len() + 1);
    let captions: Vec<String> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
    let column = |caption: &str| captions.iter().position(|known| known == caption).unwrap();
    for (row, order) in (1..).zip(&snapshot.orders) {
        let Data::Float(sum) = range[(row, column("Сумма"))] else { panic!("an amount is a number") };
        assert_eq!(format!("{sum:.2}").replace('.', ""), order.sum_minor.0.to_string());
    }
}

fn xmllint(file: &Path, schema: &Path) {
    let ran = Command::new("xmllint").arg("--noout").arg("--nonet").arg("--schema").args([schema, file]).output();
    let ran = ran.expect("xmllint starts: install libxml2-utils");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn commerceml_keeps_to_the_published_structure_whatever_the_texts() {
    let folder = tempfile::tempdir().unwrap();
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commerceml_orders.xsd");
    let mut runner = TestRunner::deterministic();
    let random = (0..40).map(|_| any_snapshot().new_tree(&mut runner).unwrap().current());
    for (at, snapshot) in random.chain([snapshot(100, 5)]).enumerate() {
        for encoding in [XmlEncoding::Utf8, XmlEncoding::Windows1251] {
            let options = Options { encoding, ..Options::default() };
            let made = make(&snapshot, Format::CommerceMl, options, |_| ControlFlow::Continue(())).unwrap();
            let file = folder.path().join(format!("{at}-{encoding:?}.xml"));
            fs::write(&file, made.bytes).unwrap();
            xmllint(&file, &schema);
        }
    }
}

#[test]
fn commerceml_says_the_same_in_both_encodings() {
    let folder = tempfile::tempdir().unwrap();
    let canonical = |encoding: XmlEncoding| {
        let options = Options { encoding, ..Options::default() };
        let file = folder.path().join("orders.xml");
        fs::write(&file, make(&snapshot(40, 3), Format::CommerceMl, options, |_| ControlFlow::Continue(())).unwrap().bytes).unwrap();
        let ran = Command::new("xmllint").arg("--c14n").arg(&file).output().expect("xmllint starts: install libxml2-utils");
        assert!(ran.status.success());
        String::from_utf8(ran.stdout).unwrap()
    };
    let utf_8 = canonical(XmlEncoding::Utf8);
    assert!(utf_8.contains("скидка 😀👍🏽"));
    assert_eq!(utf_8, canonical(XmlEncoding::Windows1251));
}
