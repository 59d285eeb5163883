//! The bytes of every format, for ever.
//!
//! A file in `tests/golden/` is never changed: it is what devices and servers in the field speak. A new version adds files. Where zstd may
//! compress otherwise in another release, the golden bytes are read, and what is written today is compared after reading.
//!
//! `POLEVIK_WRITE_GOLDEN=1 cargo test -p polevik-protocol --test golden` writes files that are missing, and only those.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::path::PathBuf;

use polevik_domain::ids::{DeviceId, DistributorId, DocumentId, OutletId, PositionId, PriceTypeId, ProductId, RouteStopId, WarehouseId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::order::OrderLine;
use polevik_domain::photo::Scene;
use polevik_domain::position::Role;
use polevik_domain::quantity::{Unit, UnitFactors};
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_domain::visit::VisitKind;
use polevik_protocol::ErrorCode;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, StateSum};
use polevik_protocol::document::{Envelope, FileRef, OrderBody, Outcome, PhotoBody, Receipt, VisitBody, WithdrawalBody};
use polevik_protocol::file::{FileClass, LibraryNews, OfferAnswer, OfferReply, OfferRequest, OfferedFile};
use polevik_protocol::login::{DeviceInfo, ErrorBody, Health, LoginReply, LoginRequest, PositionInfo, SignedIn};
use polevik_protocol::manifest::{BaseRange, Blake3Hex, DeltaInfo, Manifest, Root, RootBucket, SegmentInfo};
use polevik_protocol::repair::{BackfillReply, BackfillRequest, HeldRange, KeyRange, RepairReply, RepairRequest, RepairedRange};
use polevik_protocol::rows::{
    DOCUMENT_STATE, DocumentStateRow, MATERIAL, MaterialRow, OUTLET, OutletRow, PRICE, PRODUCT, PriceRow, ProductRow, Row, TableDef, Value,
    ValueRef,
};
use polevik_protocol::segment::{Segment, SegmentKind, SegmentWriter, to_step_form};
use polevik_protocol::sync::{Download, ReEnrol, RevisionRef, SHORT_ROOT_DIGITS, Step, StepBucket, SyncReply, SyncRequest, WaitReply};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn golden(name: &str, today: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("POLEVIK_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, today).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Today's text is the golden text, and the golden text reads back to the same.
fn check_json<T: Serialize + DeserializeOwned>(name: &str, message: &T) {
    let today = serde_json::to_string_pretty(message).unwrap();
    let golden = String::from_utf8(golden(name, today.as_bytes())).unwrap();
    assert_eq!(today, golden, "{name}: the words on the wire changed");
    let back: T = serde_json::from_str(&golden).unwrap();
    assert_eq!(serde_json::to_string_pretty(&back).unwrap(), golden, "{name} does not read back");
}

fn document_id(last: u8) -> DocumentId {
    DocumentId::generate(UtcMillis(1_795_330_000_000), [7, 7, 7, 7, 7, 7, 7, 7, 7, last])
}

fn order() -> OrderBody {
    let factors = UnitFactors { block: 6, box_: 24 };
    OrderBody {
        number: "А017-000245".to_owned(),
        outlet_id: OutletId(120),
        visit_id: Some(document_id(1)),
        outside_visit: None,
        placed_at_ms: UtcMillis(1_795_330_447_412),
        local_day: CalendarDay(20_779),
        utc_offset: UtcOffsetMinutes(180),
        delivery_day: Some(CalendarDay(20_780)),
        price_type_id: Some(PriceTypeId(3)),
        warehouse_id: Some(WarehouseId(2)),
        comment: "Звонить за час «у двери»".to_owned(),
        lines: vec![OrderLine::new(ProductId(42), Unit::Box, 2, factors, Money(8_950), VatRate(2_200)).unwrap()],
        sum: Money(429_600),
        vat_sum: Money(77_469),
    }
}

fn visit() -> VisitBody {
    VisitBody {
        outlet_id: OutletId(120),
        route_stop_id: Some(RouteStopId(9)),
        kind: VisitKind::Planned,
        local_day: CalendarDay(20_779),
        utc_offset: UtcOffsetMinutes(180),
        started_at_ms: UtcMillis(1_795_330_000_000),
        finished_at_ms: Some(UtcMillis(1_795_330_900_000)),
    }
}

fn envelope(kind: &str, seq: u64, body: &impl Serialize) -> Envelope {
    Envelope {
        id: document_id(u8::try_from(seq).unwrap()),
        kind: kind.to_owned(),
        revision: 1,
        device_seq: seq,
        created_at_ms: UtcMillis(1_795_330_447_412),
        body: serde_json::value::to_raw_value(body).unwrap(),
    }
}

fn position() -> PositionInfo {
    PositionInfo {
        id: PositionId(17),
        code: "TP-017".to_owned(),
        name: "Торговый представитель, участок 17".to_owned(),
        role: Role::Rep,
        territory: "Участок 17".to_owned(),
        distributor_id: DistributorId(1),
        distributor: "ООО «Север-Торг»".to_owned(),
    }
}

#[test]
fn documents_keep_their_words() {
    check_json("order_body_v1.json", &order());
    check_json("visit_body_v1.json", &visit());
}

#[test]
fn the_content_of_a_document_keeps_its_hash() {
    let envelope = envelope("order", 2, &order());
    assert_eq!(
        blake3::Hash::from_bytes(envelope.content_hash().0).to_hex().as_str(),
        String::from_utf8(golden("order_content_hash_v1.txt", blake3::Hash::from_bytes(envelope.content_hash().0).to_hex().as_bytes()))
            .unwrap()
    );
}

#[test]
fn messages_keep_their_words() {
    check_json(
        "login_request_v1.json",
        &LoginRequest {
            email: "rep17@demo.polevik.example".to_owned(),
            password: "secret".to_owned(),
            position: Some("TP-017".to_owned()),
            device: DeviceInfo {
                id: DeviceId::generate(UtcMillis(1_795_000_000_000), [1; 10]),
                model: "Redmi 9A".to_owned(),
                app_version: "0.1.0".to_owned(),
            },
        },
    );
    check_json("login_choose_v1.json", &LoginReply::ChoosePosition { positions: vec![position()] });
    check_json(
        "login_signed_in_v1.json",
        &LoginReply::SignedIn(Box::new(SignedIn {
            token: "00ff".repeat(16),
            user_name: "Анна Ветрова".to_owned(),
            position: position(),
            number_prefix: "А017".to_owned(),
            number_floor: 244,
            device_seq_floor: 1_024,
            server_time_ms: UtcMillis(1_795_330_447_412),
            library_roots: Vec::new(),
            library_part: None,
        })),
    );
    check_json(
        "error_v1.json",
        &ErrorBody {
            code: ErrorCode::ServerBusy,
            detail: "too many attempts".to_owned(),
            retry_after_s: Some(30),
            queue_position: None,
            server_time_ms: UtcMillis(1_795_330_447_412),
        },
    );
    check_json(
        "health_v1.json",
        &Health { server: polevik_protocol::version::HEALTH_TOKEN.to_owned(), version: "0.1.0".to_owned(), server_time_ms: UtcMillis(1) },
    );
    check_json(
        "sync_request_v1.json",
        &SyncRequest {
            protocol: 1,
            schema: 1,
            want_download: true,
            root: Some("ab".repeat(32)),
            epoch: Some("5f3e9c0a11223344".to_owned()),
            cursors: [(BucketName::new(BucketKind::Territory, 5), 77), (BucketName::new(BucketKind::All, 0), 3)].into(),
            documents: vec![envelope("visit", 1, &visit()), envelope("order", 2, &order())],
            ..SyncRequest::default()
        },
    );
    check_json(
        "sync_request_nothing_to_do_v1.json",
        &SyncRequest { protocol: 1, schema: 1, want_download: true, root: Some("ab".repeat(32)), ..SyncRequest::default() },
    );
    check_json(
        "sync_request_steps_v1.json",
        &SyncRequest {
            protocol: 1,
            schema: 2,
            want_download: true,
            root: Some("ab".repeat(SHORT_ROOT_DIGITS / 2)),
            epoch: Some("5f3e9c0a11223344".to_owned()),
            steps: true,
            given_seq: Some(245),
            answered_seq: Some(240),
            ..SyncRequest::default()
        },
    );
    let rejected =
        Outcome::Rejected {
            code: ErrorCode::DocumentRejected, reason: "нет цены".to_owned(), field: Some("lines.0.price".to_owned())
        };
    check_json(
        "sync_reply_v1.json",
        &SyncReply {
            server_time_ms: UtcMillis(1_795_330_447_500),
            receipts: vec![
                Receipt { id: document_id(1), revision: 1, outcome: Outcome::Accepted, received_at_ms: UtcMillis(1_795_330_447_499) },
                Receipt { id: document_id(2), revision: 1, outcome: rejected, received_at_ms: UtcMillis(1_795_330_447_499) },
            ],
            download: Some(Download { root: root().seal().0, manifests: vec![manifest().seal().0], segments: vec!["UFZTRw==".to_owned()] }),
            ..SyncReply::default()
        },
    );
    check_json(
        "sync_reply_step_v1.json",
        &SyncReply {
            server_time_ms: UtcMillis(1_795_330_447_500),
            step: Some(Step {
                root: "cd".repeat(SHORT_ROOT_DIGITS / 2),
                buckets: vec![StepBucket {
                    name: BucketName::new(BucketKind::PriceType, 3),
                    head: 31,
                    state: StateSum { rows: 3, sum: u64::MAX, mix: 1 },
                    segments: vec!["UFZTRw==".to_owned()],
                }],
            }),
            failed: vec![RevisionRef { id: document_id(3), revision: 2 }],
            re_offer: true,
            ..SyncReply::default()
        },
    );
    check_json(
        "sync_reply_re_enrol_v1.json",
        &SyncReply {
            server_time_ms: UtcMillis(1_795_330_447_500),
            cursors_wanted: true,
            re_enrol: Some(ReEnrol {
                device_id: DeviceId::generate(UtcMillis(1_795_000_000_000), [2; 10]),
                token: "ef".repeat(32),
                number_prefix: "А018".to_owned(),
            }),
            ..SyncReply::default()
        },
    );
    check_json("wait_reply_v1.json", &WaitReply { server_time_ms: UtcMillis(1), changed: true });
    check_json(
        "withdrawal_body_v1.json",
        &WithdrawalBody { reason: "клиент отказался".to_owned(), withdrawn_at_ms: UtcMillis(1_795_330_447_412) },
    );
}

#[test]
fn words_about_repair_stay() {
    let range = KeyRange { table: PRICE.id, lo: i64::MIN, hi: 99 };
    let state = StateSum { rows: 3, sum: u64::MAX, mix: 1 };
    let bucket = BucketName::new(BucketKind::PriceType, 3);
    let epoch = "5f3e9c0a11223344".to_owned();
    check_json(
        "repair_request_v1.json",
        &RepairRequest {
            protocol: 1,
            schema: 2,
            epoch: epoch.clone(),
            bucket: bucket.clone(),
            cursor: 30,
            ranges: vec![HeldRange { range, state }],
        },
    );
    check_json(
        "repair_reply_v1.json",
        &RepairReply {
            server_time_ms: UtcMillis(1),
            head: 30,
            state,
            repaired: vec![RepairedRange { range, segment: "UFZTRw==".to_owned() }],
            narrower: vec![KeyRange { table: PRICE.id, lo: 100, hi: i64::MAX }],
        },
    );
    check_json(
        "backfill_request_v1.json",
        &BackfillRequest { protocol: 1, epoch, bucket, cursor: 30, table: PRICE.id, columns: vec![20, 21], after: Some(7) },
    );
    check_json(
        "backfill_reply_v1.json",
        &BackfillReply { server_time_ms: UtcMillis(1), head: 30, segment: Some("UFZTRw==".to_owned()), next: Some(9) },
    );
}

fn manifest() -> Manifest {
    let info = |digit: &str, range| SegmentInfo {
        hash: Blake3Hex::parse(&digit.repeat(64)).unwrap(),
        table: PRICE.id,
        rows: 3,
        bytes: 211,
        range,
    };
    let state = StateSum { rows: 3, sum: u64::MAX, mix: 1 };
    Manifest {
        bucket: BucketName::new(BucketKind::PriceType, 3),
        schema: 1,
        head: ChangeNo(30),
        state,
        base_as_of: ChangeNo(20),
        base: vec![info("a", Some(BaseRange { lo: i64::MIN, hi: i64::MAX, state }))],
        deltas: vec![DeltaInfo { after: ChangeNo(20), to: ChangeNo(30), segments: vec![info("b", None)] }],
    }
}

fn root() -> Root {
    Root {
        epoch: "5f3e9c0a11223344".to_owned(),
        hash_key: "07".repeat(32),
        buckets: vec![RootBucket {
            name: BucketName::new(BucketKind::PriceType, 3),
            priority: 2,
            head: ChangeNo(30),
            manifest: manifest().seal().1,
        }],
    }
}

#[test]
fn roots_and_manifests_keep_their_words_and_names() {
    check_json("manifest_v1.json", &manifest());
    check_json("root_v1.json", &root());
    // The name is over the compact text; it must never move.
    assert_eq!(
        manifest().seal().1.as_str(),
        String::from_utf8(golden("manifest_v1.name", manifest().seal().1.as_str().as_bytes())).unwrap()
    );
    assert_eq!(root().seal().1.as_str(), String::from_utf8(golden("root_v1.name", root().seal().1.as_str().as_bytes())).unwrap());
}

fn write(kind: SegmentKind, table: &'static TableDef, rows: &[Row], removed: &[i64]) -> Vec<u8> {
    let mut writer = SegmentWriter::new(kind, table, HashKey([7; 32]));
    let mut all: Vec<(i64, Option<&Row>)> =
        rows.iter().map(|row| (row.id, Some(row))).chain(removed.iter().map(|pk| (*pk, None))).collect();
    all.sort_by_key(|(pk, _)| *pk);
    for (pk, row) in all {
        match row {
            Some(row) => {
                let values: Vec<ValueRef<'_>> = row.values.iter().map(Value::as_ref).collect();
                writer.put(pk, &values);
            }
            None => writer.remove(pk),
        }
    }
    writer.finish("D1", &BucketName::new(BucketKind::Distributor, 1), 1, ChangeNo(5), ChangeNo(9)).unwrap()
}

fn product(id: i64) -> Row {
    ProductRow {
        id,
        ext_code: format!("d84fcf60-3cd8-4a3f-9a0b-{id:012x}"),
        sku: format!("AK-{id:07}"),
        name: format!("Сок яблочный «Добрый» {id} л"),
        brand: "Добрый".to_owned(),
        category: if id % 2 == 0 { "Соки и нектары" } else { "Вода питьевая" }.to_owned(),
        unit: "шт".to_owned(),
        block_factor: 6,
        box_factor: 24,
        barcode: format!("46{id:011}"),
        vat_rate: 2_200,
        active: 1,
        list_price: (id % 3 != 0).then_some(1_500 + id * 10),
        stock_total: (id % 3 == 0).then_some(id),
        changed_at_ms: Some(1_767_225_600_000 + id * 1_000),
    }
    .into_row()
}

#[test]
fn segments_of_the_first_version_are_read_for_ever() {
    let products: Vec<Row> = (1..=200).map(product).collect();
    let prices: Vec<Row> = (1..=40)
        .map(|id| PriceRow { id: id * 7 - 90, price_type_id: 3, product_id: id, valid_from: 20_779, value: id * id }.into_row())
        .collect();
    let states = [DocumentStateRow {
        id: 4,
        document_id: document_id(1).as_bytes().to_vec(),
        revision: 2,
        state: "received".to_owned(),
        at_ms: 1_795_330_447_412,
        note: String::new(),
    }
    .into_row()];
    type Case<'a> = (&'a str, SegmentKind, &'static TableDef, &'a [Row], &'a [i64]);
    let material = MaterialRow {
        id: 4,
        ext_code: "M-4".to_owned(),
        title: "Планограмма «Вода»".to_owned(),
        kind: "planogram".to_owned(),
        folder: "Планограммы".to_owned(),
        file: Blake3Hex::of(b"planogram").digest().to_vec(),
        bytes: 184_220,
        content_type: "image/png".to_owned(),
        file_name: "вода.png".to_owned(),
        version: 2,
        mandatory: 1,
        valid_from: 20_779,
        valid_to: None,
        outlet_id: Some(120),
        product_id: None,
        changed_at_ms: 1_795_330_447_412,
    };
    let materials = [material.into_row()];
    let cases: [Case<'_>; 4] = [
        ("base_product_v1.segment", SegmentKind::Base, PRODUCT, &products, &[]),
        ("delta_price_v1.segment", SegmentKind::Delta, PRICE, &prices, &[-1_000, 11, 5_000]),
        ("delta_material_v1.segment", SegmentKind::Delta, MATERIAL, &materials, &[3]),
        ("delta_document_state_v1.segment", SegmentKind::Delta, DOCUMENT_STATE, &states, &[]),
    ];
    for (name, kind, table, rows, removed) in cases {
        let today = write(kind, table, rows, removed);
        let read = Segment::read(&golden(name, &today)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Segment::read(&today).unwrap();
        // Everything but the length of the compressed body is part of the format.
        assert_eq!(read, again, "{name}");
    }
}

#[test]
fn the_short_form_of_a_delta_in_a_step_stays() {
    let bucket = BucketName::new(BucketKind::Distributor, 1);
    let price = |id: i64| PriceRow { id: id * 7 - 90, price_type_id: 3, product_id: id, valid_from: 20_779, value: id * id }.into_row();
    let outlet = OutletRow {
        id: 120,
        ext_code: "T-120".to_owned(),
        name: "Магазин «У дома»".to_owned(),
        address: "ул. Садовая, 7".to_owned(),
        format: "minimarket".to_owned(),
        class: "B".to_owned(),
        lat: Some(55_751_244),
        lon: None,
        contact: String::new(),
        phone: String::new(),
        work_hours: String::new(),
        delivery_days: 21,
        legal_name: "ООО «Дом»".to_owned(),
        inn: "7707083893".to_owned(),
        kpp: String::new(),
        contract_number: String::new(),
        price_type_id: Some(3),
        credit_limit: None,
        stopped: 0,
        active: 1,
        channel: Some("традиционная розница".to_owned()),
        payment_days: Some(14),
    }
    .into_row();
    let one = [price(5)];
    let many: Vec<Row> = (1..=40).map(price).collect();
    for (name, table, rows, removed) in [
        ("step_price_v1.delta", PRICE, &one[..], &[][..]),
        ("step_prices_v1.delta", PRICE, &many, &[-1_000, 5_000]),
        ("step_outlet_schema_2_v1.delta", OUTLET, &[outlet], &[]),
    ] {
        let whole = write(SegmentKind::Delta, table, rows, removed);
        let today = to_step_form(&whole).unwrap();
        let read = Segment::read_step_form(&golden(name, &today), &bucket).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(read, Segment::read_step_form(&today, &bucket).unwrap(), "{name}");
        assert_eq!(rows_of(&read), rows_of(&Segment::read(&whole).unwrap()), "{name}");
    }
}

fn rows_of(segment: &Segment) -> Vec<String> {
    let columns = segment.table.columns.len();
    let values = |put| (0..columns).map(|column| format!("{:?}", segment.value(column, put))).collect::<Vec<_>>().join(" ");
    segment.rows().map(|(pk, op, put)| format!("{pk} {op:?} {}", values(put))).collect()
}

#[test]
fn a_photo_keeps_its_words() {
    let body = PhotoBody {
        visit_id: document_id(1),
        outlet_id: OutletId(120),
        scene: Scene::Shelf,
        taken_at_ms: UtcMillis(1_795_330_447_412),
        utc_offset: UtcOffsetMinutes(180),
        file: FileRef { hash: Blake3Hex::of(b"photo"), bytes: 351_204, content_type: "image/jpeg".to_owned() },
        width: 1_600,
        height: 1_200,
        comment: String::new(),
    };
    check_json("photo_body_v1.json", &body);
}

#[test]
fn an_offer_of_files_and_its_answer_keep_their_words() {
    let file = |bytes: &[u8], class| OfferedFile { hash: Blake3Hex::of(bytes), bytes: 351_204, class };
    check_json("offer_request_v1.json", &OfferRequest { files: vec![file(b"one", FileClass::Photo), file(b"two", FileClass::Scan)] });
    let refused = OfferAnswer::Refused { code: ErrorCode::FileDamaged, reason: "too large".to_owned() };
    let partial = OfferAnswer::Partial { upload: "/v1/uploads/0198c7".to_owned(), offset: 65_536 };
    check_json("offer_reply_v1.json", &OfferReply { files: vec![OfferAnswer::Held, OfferAnswer::Wanted, partial, refused] });
}

#[test]
fn the_recognition_library_is_named_in_few_words() {
    check_json("sync_request_library_v1.json", &SyncRequest { library: Some(String::new()), ..SyncRequest::default() });
    let news = LibraryNews { manifest: Blake3Hex::of(b"manifest"), version: 7, bytes: 94_371_840 };
    check_json("sync_reply_library_v1.json", &SyncReply { library: Some(news), ..SyncReply::default() });
}
