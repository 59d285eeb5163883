//! A server over a fresh folder with a small company in it, and a way to ask it things.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Once, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use polevik_domain::ids::{DeviceId, DistributorId, DocumentId, OutletId, PositionId, ProductId, TerritoryId, UserId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::order::{OrderLine, totals};
use polevik_domain::position::Role;
use polevik_domain::quantity::{Unit, UnitFactors};
use polevik_domain::time::{CalendarDay, Clock, UtcMillis, UtcOffsetMinutes};
use polevik_domain::visit::VisitKind;
use polevik_protocol::bucket::{BucketKind, BucketName};
use polevik_protocol::checksum::HashKey;
use polevik_protocol::document::{OrderBody, VisitBody};
use polevik_protocol::login::{LoginReply, SignedIn};
use polevik_protocol::rows::{OUTLET, OutletRow, PRODUCT, ProductRow, TableDef, Value};
use polevik_server::app::{App, AppSettings};
use polevik_server::login::password;
use polevik_server::router::{Connection, router};
use polevik_server_store::db::FILE_NAME;
use polevik_server_store::organisation::{NewPosition, put_position, put_territory};
use polevik_server_store::part::{self, Part};
use polevik_server_store::people::users::{self, NewUser};
use polevik_server_store::reference::ReferenceWriter;
use polevik_server_store::{Store, StoreError, Transaction, migrate};
use polevik_texts::Language;
use serde_json::json;
use tower::ServiceExt;

/// What everybody in the small company has as password.
pub const PASSWORD: &str = "correct horse";

/// 2026-11-22T08:00:00Z.
pub const START: UtcMillis = UtcMillis(1_795_334_400_000);

struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.0.load(Ordering::SeqCst))
    }

    fn utc_offset(&self) -> UtcOffsetMinutes {
        UtcOffsetMinutes(0)
    }
}

fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

thread_local! {
    /// What was logged on the thread of this test.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Log lines go to the thread they are written on: tests beside each other do not mix.
struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that was logged on this thread, at every level.
pub fn logged() -> String {
    LOGGED.with_borrow(|logged| String::from_utf8(logged.clone()).unwrap())
}

fn start_logging() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| ThreadLog).init();
    });
}

/// The small company: two parts; in D1 two reps in a territory each, and one person who is both.
#[derive(Clone)]
pub struct Company {
    /// An outlet of the first territory.
    pub outlet: OutletId,
    /// An outlet of the second.
    pub other_outlet: OutletId,
    /// Two products at 22 %.
    pub products: [ProductId; 2],
    /// Second territory's, code R2.
    pub other_position: PositionId,
    /// `rep1@demo.example`, who is R1.
    pub user: UserId,
}

/// A server that is asked without a network: everything but the socket is real.
pub struct TestServer {
    pub app: App,
    pub router: Router,
    pub company: Company,
    clock: Arc<AtomicI64>,
    folder: tempfile::TempDir,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub fn device_id(n: u8) -> DeviceId {
    DeviceId::generate(START, [n; 10])
}

pub fn document_id(n: u8) -> DocumentId {
    DocumentId::generate(START, [n; 10])
}

impl TestServer {
    pub fn new() -> Self {
        Self::with_settings(AppSettings::default())
    }

    pub fn with_settings(settings: AppSettings) -> Self {
        start_logging();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(folder.path()).unwrap();
        migrate::run(&store, START).unwrap();
        let company = store.write(build_company).unwrap();
        Self::over(folder, store, company, settings)
    }

    /// A server over the database as it is now, as if it were restored from a backup some time later.
    pub fn backed_up(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        self.app.store.checkpoint().unwrap();
        std::fs::copy(self.path().join(FILE_NAME), folder.path().join(FILE_NAME)).unwrap();
        let store = Store::open_existing(folder.path()).unwrap();
        Self::over(folder, store, self.company.clone(), AppSettings::default())
    }

    /// A server over the same folder, as another process would find it: nothing but the disk is left of this one.
    pub fn reopened(self, settings: AppSettings) -> Self {
        let Self { app, router, company, clock, folder } = self;
        drop((app, router));
        let store = Store::open_existing(folder.path()).unwrap();
        let server = Self::over(folder, store, company, settings);
        server.clock.store(clock.load(Ordering::SeqCst), Ordering::SeqCst);
        server
    }

    /// Blocks a device, as the office would.
    pub fn block(&self, device: DeviceId) {
        let now = self.app.now();
        self.app.store.write(|tx| polevik_server_store::people::devices::block(tx, "D1", device, "потерян", now)).unwrap();
    }

    fn over(folder: tempfile::TempDir, store: Store, company: Company, settings: AppSettings) -> Self {
        let clock = Arc::new(AtomicI64::new(START.0));
        let guest = Box::new(TestClock(clock.clone()));
        let app = App::with_guests(store, folder.path(), Language::Russian, settings, guest, random).unwrap();
        let router = router(&app, Connection::Plain);
        Self { app, router, company, clock, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: impl Into<Body>) -> Answer {
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.ask(request.body(body.into()).unwrap()).await
    }

    pub async fn login(&self, email: &str, password: &str, position: Option<&str>, device: DeviceId) -> Answer {
        let body = json!({"email": email, "password": password, "position": position, "device": {"id": device, "model": "Test"}});
        self.post("/v1/login", None, body.to_string()).await
    }

    pub async fn signed_in(&self, email: &str, device: DeviceId) -> SignedIn {
        Self::session(email, &self.login(email, PASSWORD, None, device).await)
    }

    pub async fn signed_in_as(&self, email: &str, position: &str, device: DeviceId) -> SignedIn {
        Self::session(email, &self.login(email, PASSWORD, Some(position), device).await)
    }

    fn session(email: &str, answer: &Answer) -> SignedIn {
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        match serde_json::from_slice(&answer.body).unwrap() {
            LoginReply::SignedIn(signed) => *signed,
            LoginReply::ChoosePosition { .. } => panic!("{email} has to choose"),
        }
    }

    /// Uploads documents, and gives the answer.
    pub async fn upload(&self, token: &str, documents: &[serde_json::Value]) -> Answer {
        let body = json!({"protocol": 1, "schema": 1, "documents": documents});
        self.post("/v1/sync", Some(token), body.to_string()).await
    }

    /// Uploads documents, and gives the receipts' outcomes in short: `accepted`, or the code.
    pub async fn outcomes(&self, token: &str, documents: &[serde_json::Value]) -> Vec<String> {
        let answer = self.upload(token, documents).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", String::from_utf8_lossy(&answer.body));
        outcomes(&answer.json())
    }

    pub fn count(&self, table: &str) -> i64 {
        let text = format!("SELECT count(*) FROM {table}");
        self.app.store.read(|tx| Ok::<_, StoreError>(tx.query_row(&text, [], |row| row.get(0))?)).unwrap()
    }

    /// An order of two lines at the first outlet, outside a visit.
    pub fn order(&self, signed: &SignedIn, sequence: u32) -> OrderBody {
        let line = |product, quantity| {
            let factors = UnitFactors { block: 6, box_: 24 };
            OrderLine::new(product, Unit::Piece, quantity, factors, Money(12_345), VatRate(2_200)).unwrap()
        };
        let lines = vec![line(self.company.products[0], 3), line(self.company.products[1], 5)];
        let totals = totals(&lines).unwrap();
        OrderBody {
            number: format!("{}-{sequence:06}", signed.number_prefix),
            outlet_id: self.company.outlet,
            visit_id: None,
            outside_visit: Some("звонок".to_owned()),
            placed_at_ms: START,
            local_day: CalendarDay(20_779),
            utc_offset: UtcOffsetMinutes(180),
            delivery_day: Some(CalendarDay(20_781)),
            price_type_id: None,
            warehouse_id: None,
            comment: "после «обеда»".to_owned(),
            lines,
            sum: totals.sum,
            vat_sum: totals.vat_sum,
        }
    }

    /// A visit of the first outlet that has begun.
    pub fn visit(&self) -> VisitBody {
        VisitBody {
            outlet_id: self.company.outlet,
            route_stop_id: None,
            kind: VisitKind::Unplanned,
            local_day: CalendarDay(20_779),
            utc_offset: UtcOffsetMinutes(180),
            started_at_ms: START,
            finished_at_ms: None,
        }
    }
}

pub fn outcomes(reply: &serde_json::Value) -> Vec<String> {
    let receipts = reply["receipts"].as_array().cloned().unwrap_or_default();
    receipts
        .iter()
        .map(|receipt| match receipt["outcome"]["code"].as_str() {
            Some(code) => code.to_owned(),
            None => receipt["outcome"]["result"].as_str().unwrap_or("?").to_owned(),
        })
        .collect()
}

/// A document on its way.
pub fn envelope(id: DocumentId, kind: &str, revision: u32, device_seq: u64, body: &impl serde::Serialize) -> serde_json::Value {
    json!({"id": id, "kind": kind, "revision": revision, "device_seq": device_seq, "created_at_ms": START, "body": body})
}

fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| password::hash(PASSWORD, [7; 16]).unwrap())
}

fn build_company(tx: &Transaction<'_>) -> Result<Company, StoreError> {
    let mut companies: BTreeMap<&str, Company> = BTreeMap::new();
    for (n, id) in [(1, "D1"), (2, "D2")] {
        companies.insert(id, build_part(tx, id, n)?);
    }
    Ok(companies.remove("D1").unwrap())
}

fn build_part(tx: &Transaction<'_>, part_id: &str, n: i64) -> Result<Company, StoreError> {
    let distributor = DistributorId(n);
    let part = Part {
        id: part_id.to_owned(),
        name: format!("Дистрибьютор {n}"),
        distributor,
        epoch: format!("epoch-{n}"),
        hash_key: HashKey([u8::try_from(n).unwrap(); 32]),
    };
    part::create(tx, &part, START)?;
    let north = put_territory(tx, part_id, "T1", "Север")?;
    let south = put_territory(tx, part_id, "T2", "Юг")?;
    let position = |code: &'static str, territories: &[TerritoryId]| {
        let name = format!("Представитель {code}");
        put_position(tx, part_id, &NewPosition { code, name: &name, role: Role::Rep, distributor, parent: None, territories })
    };
    let (first, second) = (position("R1", &[north])?, position("R2", &[south])?);

    let mut writer = ReferenceWriter::new(tx, &part, START);
    let mut put = |table: &'static TableDef, key: &str, bucket: BucketName, values: Vec<Value>| {
        writer.put(table, key, &bucket, &values).map(polevik_server_store::reference::Put::id)
    };
    let mut product =
        |n: u8| put(PRODUCT, &format!("P{n}"), BucketName::new(BucketKind::Distributor, distributor.0), product_row(n).into_row().values);
    let products = [ProductId(product(1)?), ProductId(product(2)?)];
    let mut outlet = |n: u8, territory: TerritoryId| {
        put(OUTLET, &format!("O{n}"), BucketName::new(BucketKind::Territory, territory.0), outlet_row(n).into_row().values)
    };
    let (outlet, other_outlet) = (OutletId(outlet(1, north)?), OutletId(outlet(2, south)?));
    writer.finish()?;

    let person = |name: &str, positions: &[PositionId]| {
        // The second part has people of the same names under another domain.
        let email = format!("{name}@{}.example", if n == 1 { "demo" } else { "other" });
        let user = users::insert(tx, part_id, NewUser { email: &email, name, password_hash: password_hash() }, START)?.unwrap();
        for position in positions {
            users::assign_position(tx, part_id, user, *position)?;
        }
        Ok::<_, StoreError>(user)
    };
    let user = person("rep1", &[first])?;
    person("rep2", &[second])?;
    person("both", &[first, second])?;
    person("nobody", &[])?;
    Ok(Company { outlet, other_outlet, products, other_position: second, user })
}

pub fn product_row(n: u8) -> ProductRow {
    ProductRow {
        id: 0,
        ext_code: format!("P{n}"),
        sku: format!("SKU-{n}"),
        name: format!("Сок «Яблоко» 0,{n} л"),
        brand: "Сад".to_owned(),
        category: "Соки".to_owned(),
        unit: "шт".to_owned(),
        block_factor: 6,
        box_factor: 24,
        barcode: String::new(),
        vat_rate: 2_200,
        active: 1,
        list_price: Some(12_345),
        stock_total: Some(100),
        changed_at_ms: None,
    }
}

fn outlet_row(n: u8) -> OutletRow {
    OutletRow {
        id: 0,
        ext_code: format!("O{n}"),
        name: format!("Магазин {n}"),
        address: "ул. Мира, 1".to_owned(),
        format: "kiosk".to_owned(),
        class: "A".to_owned(),
        lat: None,
        lon: None,
        contact: String::new(),
        phone: String::new(),
        work_hours: String::new(),
        delivery_days: 0,
        legal_name: "ООО «Ромашка»".to_owned(),
        inn: "7707083893".to_owned(),
        kpp: String::new(),
        contract_number: String::new(),
        price_type_id: None,
        credit_limit: None,
        stopped: 0,
        active: 1,
        channel: None,
        payment_days: None,
    }
}
