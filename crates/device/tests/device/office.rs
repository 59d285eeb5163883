//! An office in memory: it makes real segments, manifests and receipts; what it is told to do badly, it does for sure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use polevik_device::api::ErrorCode;
use polevik_device::transport::{HttpRequest, HttpResponse, TransportError};
use polevik_domain::ids::{DeviceId, DistributorId, DocumentId, PositionId};
use polevik_domain::position::Role;
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_protocol::bucket::BucketName;
use polevik_protocol::change::ChangeNo;
use polevik_protocol::checksum::{HashKey, RowHasher, StateSum};
use polevik_protocol::document::{Outcome, Receipt};
use polevik_protocol::login::{ErrorBody, Health, LoginReply, LoginRequest, PositionInfo, SignedIn};
use polevik_protocol::manifest::{BaseRange, Blake3Hex, DeltaInfo, Manifest, Root, RootBucket, SegmentInfo};
use polevik_protocol::repair::{BackfillReply, BackfillRequest, KeyRange, MAX_REPAIR_ROWS, RepairReply, RepairRequest, RepairedRange};
use polevik_protocol::rows::{
    AssortmentRow, OutletRow, PriceRow, PriceTypeRow, ProductRow, RouteStopRow, Row, StockRow, TABLES, TableDef, TableId, Value, ValueRef,
    WarehouseRow,
};
use polevik_protocol::segment::{SegmentKind, SegmentWriter, to_step_form};
use polevik_protocol::sync::{Download, ReEnrol, RevisionRef, SHORT_ROOT_DIGITS, Step, StepBucket, SyncReply, SyncRequest, WaitReply};
use polevik_protocol::version::{HEALTH_TOKEN, MAX_INLINE_BYTES, SCHEMA};

use crate::shelf::Shelf;
use crate::support::MORNING;

pub const KEY: HashKey = HashKey([7; 32]);

/// Something done badly with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers.
    Silent,
    /// The server did it, the answer is lost.
    AnswerLost,
    /// A plain status without our words.
    Status(u16),
    /// A page of somebody else, and no health either.
    LoginPage,
    /// An error of the catalogue.
    Code(ErrorCode, Option<u32>),
    /// Documents are left without receipts.
    NoReceipts,
    /// A request with documents breaks the server; others are served.
    BrokenByDocuments,
    /// One byte of the body is another.
    Garbled,
}

#[derive(Default)]
struct Bucket {
    head: u64,
    base_as_of: u64,
    rows: BTreeMap<(TableId, i64), Row>,
    base: Vec<SegmentInfo>,
    deltas: Vec<DeltaInfo>,
}

pub struct Office {
    pub epoch: String,
    buckets: BTreeMap<BucketName, Bucket>,
    segments: BTreeMap<String, Vec<u8>>,
    /// Every document that took effect, in order.
    pub documents: Vec<(DocumentId, u32, String)>,
    receipts: BTreeMap<(DocumentId, u32), Receipt>,
    /// Documents to refuse.
    pub refuse: BTreeSet<String>,
    /// Kinds of documents at which the server breaks.
    pub break_at: BTreeSet<String>,
    /// A document in this request breaks the whole of it.
    pub poison: Option<DocumentId>,
    /// The highest `device_seq` seen of the device in this life, and how many lives there were.
    pub floor: u64,
    pub lives: u32,
    /// Root name → heads, as the server remembers them.
    roots: BTreeMap<String, BTreeMap<BucketName, u64>>,
    /// Bodies of the sync requests and answers so far, in bytes.
    pub bytes: Vec<(usize, usize)>,
    /// The last sync request.
    pub last_request: Option<SyncRequest>,
    /// Those who wait for news, or for their turn.
    pub wakers: Vec<std::task::Waker>,
    /// Its files.
    pub shelf: Shelf,
    /// What changes just before the next repair is answered.
    pub moves_on_at_repair: Option<(TableId, Row)>,
    /// Repairs bring nothing.
    pub wrong_repairs: bool,
    /// Every device gets a new id each time.
    pub always_re_enrols: bool,
    /// Done with the next requests, one each; `None` = this one is served well.
    pub faults: VecDeque<Option<Fault>>,
    /// Done with every request of that path.
    pub faults_of: BTreeMap<&'static str, Fault>,
    /// Paths of the requests so far.
    pub requests: Vec<String>,
    pub position: PositionInfo,
    pub clock: UtcMillis,
    /// The sum that manifests give for a bucket, if it shall not be the right one.
    pub wrong_sum: Option<BucketName>,
    /// The schema of the office's program.
    pub schema: u32,
}

pub fn bucket(name: &str) -> BucketName {
    BucketName::parse(name).unwrap()
}

impl Office {
    pub fn new() -> Self {
        let mut office = Self {
            epoch: "first".to_owned(),
            buckets: BTreeMap::new(),
            segments: BTreeMap::new(),
            documents: Vec::new(),
            receipts: BTreeMap::new(),
            refuse: BTreeSet::new(),
            break_at: BTreeSet::new(),
            poison: None,
            floor: 0,
            lives: 1,
            roots: BTreeMap::new(),
            bytes: Vec::new(),
            last_request: None,
            wakers: Vec::new(),
            shelf: Shelf::default(),
            moves_on_at_repair: None,
            wrong_repairs: false,
            always_re_enrols: false,
            faults: VecDeque::new(),
            faults_of: BTreeMap::new(),
            requests: Vec::new(),
            position: PositionInfo {
                id: PositionId(17),
                code: "P17".to_owned(),
                name: "Представитель 17".to_owned(),
                role: Role::Rep,
                territory: "Север".to_owned(),
                distributor_id: DistributorId(9),
                distributor: "Девять".to_owned(),
            },
            clock: MORNING,
            wrong_sum: None,
            schema: SCHEMA,
        };
        office.put(
            "distributor:9",
            vec![product(1, "A-1", "Сок «Добрый» яблоко"), product(2, "A-2", "Мёд липовый"), product(3, "A-3", "Вода")],
        );
        office.put("distributor:9", vec![(TableId(3), PriceTypeRow { id: 3, ext_code: "PT3".into(), name: "Розница".into() }.into_row())]);
        office.put("distributor:9", vec![(TableId(5), WarehouseRow { id: 2, ext_code: "W2".into(), name: "Склад".into() }.into_row())]);
        office.put(
            "distributor:9",
            vec![(TableId(9), AssortmentRow { id: 1, format: "kiosk".into(), product_id: 2, kind: "must".into() }.into_row())],
        );
        office.put("price_type:3", vec![price(1, 1, 10_000), price(2, 2, 25_050)]);
        office.put(
            "warehouse:2",
            vec![(TableId(6), StockRow { id: 1, warehouse_id: 2, product_id: 1, available: 40, as_of_ms: 1 }.into_row())],
        );
        office.put("territory:5", vec![outlet(17, "Киоск у вокзала"), outlet(18, "Магазин Ёлочка")]);
        let today = CalendarDay::at(MORNING, UtcOffsetMinutes(180));
        let stop = RouteStopRow { id: 1, day: i64::from(today.0), seq: 1, outlet_id: 17, planned_minute: Some(540) };
        office.put("position:17", vec![(TableId(7), stop.into_row())]);
        office
    }

    /// Puts rows into a bucket, as one range of changes.
    pub fn put(&mut self, name: &str, rows: Vec<(TableId, Row)>) {
        let changes = rows.into_iter().map(|(table, row)| (table, row.id, Some(row))).collect();
        self.change(name, changes);
    }

    pub fn remove(&mut self, name: &str, table: TableId, id: i64) {
        self.change(name, vec![(table, id, None)]);
    }

    /// One range of changes of a bucket: rows put, or removed.
    pub fn change(&mut self, name: &str, changes: Vec<(TableId, i64, Option<Row>)>) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
        let bucket = self.buckets.entry(bucket(name)).or_default();
        let after = bucket.head;
        bucket.head += changes.len() as u64;
        let mut newest: BTreeMap<(TableId, i64), Option<Row>> = BTreeMap::new();
        for (table, id, row) in changes {
            match &row {
                Some(row) => bucket.rows.insert((table, id), row.clone()),
                None => bucket.rows.remove(&(table, id)),
            };
            newest.insert((table, id), row);
        }
        let to = bucket.head;
        let mut infos = Vec::new();
        for table in TABLES {
            let mut writer = SegmentWriter::new(SegmentKind::Delta, table, KEY);
            for ((_, id), row) in newest.range((table.id, i64::MIN)..=(table.id, i64::MAX)) {
                match row {
                    Some(row) => {
                        let values: Vec<_> = row.values.iter().map(Value::as_ref).collect();
                        writer.put(*id, &values);
                    }
                    None => writer.remove(*id),
                }
            }
            if !writer.is_empty() {
                infos.push(seal(&mut self.segments, writer, name, table, (after, to), None));
            }
        }
        bucket.deltas.push(DeltaInfo { after: ChangeNo(after), to: ChangeNo(to), segments: infos });
    }

    /// Makes the bucket's rows its base, cut into ranges of `rows_per_segment`.
    pub fn rebase(&mut self, name: &str, rows_per_segment: usize) {
        let bucket = self.buckets.get_mut(&BucketName::parse(name).unwrap()).unwrap();
        bucket.base.clear();
        bucket.deltas.clear();
        bucket.base_as_of = bucket.head;
        for table in TABLES {
            let rows: Vec<&Row> = bucket.rows.range((table.id, i64::MIN)..=(table.id, i64::MAX)).map(|(_, row)| row).collect();
            let pieces = rows.chunks(rows_per_segment).count();
            for (place, chunk) in rows.chunks(rows_per_segment).enumerate() {
                let mut writer = SegmentWriter::new(SegmentKind::Base, table, KEY);
                for row in chunk {
                    let values: Vec<_> = row.values.iter().map(Value::as_ref).collect();
                    writer.put(row.id, &values);
                }
                // Ranges of a table tile all keys.
                let lo = if place == 0 { i64::MIN } else { chunk[0].id };
                let hi = if place + 1 == pieces { i64::MAX } else { rows[(place + 1) * rows_per_segment].id - 1 };
                let range = BaseRange { lo, hi, state: writer.state() };
                bucket.base.push(seal(&mut self.segments, writer, name, table, (0, 0), Some(range)));
            }
        }
    }

    pub fn drop_bucket(&mut self, name: &str) {
        self.buckets.remove(&bucket(name));
    }

    /// All rows of the office, as the device should hold them.
    pub fn rows(&self) -> BTreeMap<(TableId, i64), Row> {
        self.buckets.values().flat_map(|bucket| bucket.rows.clone()).collect()
    }

    /// How many requests of that path there were.
    pub fn count(&self, path: &str) -> usize {
        self.requests.iter().filter(|request| request.starts_with(path)).count()
    }

    fn manifest(&self, name: &BucketName, bucket: &Bucket) -> Manifest {
        let mut hasher = RowHasher::new(KEY);
        let mut state = StateSum::default();
        for ((table, id), row) in &bucket.rows {
            let table = TableDef::by_id(*table).unwrap();
            state.add(hasher.row(table.id, *id, table.columns.iter().zip(&row.values).map(|(column, value)| (column.id, value.as_ref()))));
        }
        if self.wrong_sum.as_ref() == Some(name) {
            state.sum ^= 1;
        }
        Manifest {
            bucket: name.clone(),
            schema: self.schema,
            head: ChangeNo(bucket.head),
            state,
            base_as_of: ChangeNo(bucket.base_as_of),
            base: bucket.base.clone(),
            deltas: bucket.deltas.clone(),
        }
    }

    fn root(&self) -> (String, Blake3Hex) {
        let mut buckets: Vec<RootBucket> = self
            .buckets
            .iter()
            .map(|(name, bucket)| RootBucket {
                name: name.clone(),
                priority: name.kind().priority(),
                head: ChangeNo(bucket.head),
                manifest: self.manifest(name, bucket).seal().1,
            })
            .collect();
        buckets.sort_by(|a, b| a.priority.cmp(&b.priority).then(a.name.cmp(&b.name)));
        Root { epoch: self.epoch.clone(), hash_key: "07".repeat(32), buckets }.seal()
    }

    pub fn short_root(&self) -> String {
        self.root().1.as_str()[..SHORT_ROOT_DIGITS].to_owned()
    }

    /// Forgets what stood in earlier roots.
    pub fn forget_roots(&mut self) {
        self.roots.clear();
    }

    /// What is new for the device: as a download, as a step, or that its cursors are wanted.
    fn news(&mut self, request: &SyncRequest) -> SyncReply {
        let (root, name) = self.root();
        let short = name.as_str()[..SHORT_ROOT_DIGITS].to_owned();
        let heads: BTreeMap<BucketName, u64> = self.buckets.iter().map(|(name, bucket)| (name.clone(), bucket.head)).collect();
        let asked = request.root.as_ref().map(|root| root[..SHORT_ROOT_DIGITS].to_owned());
        if asked.as_ref() == Some(&short) {
            return SyncReply::default();
        }
        let remembered = asked.as_ref().and_then(|asked| self.roots.get(asked)).cloned();
        self.roots.insert(short.clone(), heads);
        let same_life = remembered.is_some() || request.epoch.as_ref() == Some(&self.epoch);
        let known = if request.cursors.is_empty() { remembered } else { Some(request.cursors.clone()) };
        if known.is_none() && asked.is_some() {
            return SyncReply { cursors_wanted: true, ..SyncReply::default() };
        }
        let cursors = known.unwrap_or_default();
        if request.steps
            && same_life
            && let Some(step) = self.step(&cursors, short)
        {
            return SyncReply { step: Some(step), ..SyncReply::default() };
        }
        let (mut manifests, mut segments, mut inline) = (Vec::new(), Vec::new(), 0);
        for (name, bucket) in &self.buckets {
            let cursor = cursors.get(name).copied().filter(|_| same_life).unwrap_or(0);
            if cursor == bucket.head && same_life {
                continue;
            }
            let manifest = self.manifest(name, bucket);
            for info in manifest.plan(ChangeNo(cursor)).segments() {
                let bytes = &self.segments[info.hash.as_str()];
                if inline + bytes.len() <= MAX_INLINE_BYTES {
                    inline += bytes.len();
                    segments.push(BASE64.encode(bytes));
                }
            }
            manifests.push(manifest.seal().0);
        }
        SyncReply { download: Some(Download { root, manifests, segments }), ..SyncReply::default() }
    }

    fn step(&self, cursors: &BTreeMap<BucketName, u64>, root: String) -> Option<Step> {
        if !self.buckets.keys().eq(cursors.keys()) {
            return None;
        }
        let (mut buckets, mut inline) = (Vec::new(), 0);
        for (name, bucket) in self.buckets.iter().filter(|(name, bucket)| cursors[*name] != bucket.head) {
            let manifest = self.manifest(name, bucket);
            let plan = manifest.plan(ChangeNo(cursors[name]));
            if plan.rebase {
                return None;
            }
            let segments: Vec<String> =
                plan.segments().map(|info| BASE64.encode(to_step_form(&self.segments[info.hash.as_str()]).unwrap())).collect();
            inline += segments.iter().map(String::len).sum::<usize>();
            buckets.push(StepBucket { name: name.clone(), head: bucket.head, state: manifest.state, segments });
        }
        (inline <= MAX_INLINE_BYTES).then_some(Step { root, buckets })
    }

    fn repair(&mut self, request: &RepairRequest) -> RepairReply {
        if let Some(row) = self.moves_on_at_repair.take() {
            self.put("distributor:9", vec![row]);
        }
        let bucket = &self.buckets[&request.bucket];
        let state = self.manifest(&request.bucket, bucket).state;
        let mut reply = RepairReply { server_time_ms: self.clock, head: bucket.head, state, repaired: Vec::new(), narrower: Vec::new() };
        if bucket.head != request.cursor || self.wrong_repairs {
            return reply;
        }
        for held in &request.ranges {
            let KeyRange { table, lo, hi } = held.range;
            let mut writer = SegmentWriter::new(SegmentKind::Base, TableDef::by_id(table).unwrap(), KEY);
            for row in bucket.rows.range((table, lo)..=(table, hi)).map(|(_, row)| row) {
                let values: Vec<_> = row.values.iter().map(Value::as_ref).collect();
                writer.put(row.id, &values);
            }
            if writer.state() == held.state {
                continue;
            }
            if writer.len() as u64 > MAX_REPAIR_ROWS {
                reply.narrower.push(held.range);
                continue;
            }
            let bytes = writer.finish("D1", &request.bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap();
            reply.repaired.push(RepairedRange { range: held.range, segment: BASE64.encode(bytes) });
        }
        reply
    }

    /// At most two rows an answer, so that a table takes several.
    fn backfill(&self, request: &BackfillRequest) -> BackfillReply {
        let bucket = &self.buckets[&request.bucket];
        let mut reply = BackfillReply { server_time_ms: self.clock, head: bucket.head, segment: None, next: None };
        if bucket.head != request.cursor {
            return reply;
        }
        let table = TableDef::by_id(request.table).unwrap();
        let after = request.after.map_or(i64::MIN, |after| after + 1);
        let rows: Vec<&Row> = bucket.rows.range((table.id, after)..=(table.id, i64::MAX)).map(|(_, row)| row).take(2).collect();
        let mut writer = SegmentWriter::new(SegmentKind::Base, table, KEY);
        for row in &rows {
            let values: Vec<_> = table
                .columns
                .iter()
                .zip(&row.values)
                .map(|(column, value)| if request.columns.contains(&column.id) { value.as_ref() } else { ValueRef::Null })
                .collect();
            writer.put(row.id, &values);
        }
        if let Some(last) = rows.last() {
            reply.next = Some(last.id);
            reply.segment = Some(BASE64.encode(writer.finish("D1", &request.bucket, SCHEMA, ChangeNo(0), ChangeNo(0)).unwrap()));
        }
        reply
    }

    /// Answers a request about files, or another one.
    pub fn answer(&mut self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let path = request.url.trim_start_matches("http://office").to_owned();
        if path.starts_with("/v1/files/") || path.starts_with("/v1/uploads") {
            self.requests.push(format!("{} {path}", request.method.as_str()));
            return self.shelf.answer(request, &path);
        }
        self.serve(request).map(|(status, body)| HttpResponse { status, body, ..HttpResponse::default() })
    }

    fn serve(&mut self, request: &HttpRequest) -> Result<(u16, Vec<u8>), TransportError> {
        let path = request.url.trim_start_matches("http://office").to_owned();
        self.requests.push(path.clone());
        let of_path = self.faults_of.iter().find(|(prefix, _)| path.starts_with(**prefix)).map(|(_, fault)| fault.clone());
        let fault = self.faults.pop_front().flatten().or(of_path);
        let zstd = request.headers.iter().any(|(name, value)| *name == "content-encoding" && value == "zstd");
        let body = if zstd { zstd::bulk::decompress(&request.body, 4 << 20).unwrap() } else { request.body.clone() };
        let answer = match path.as_str() {
            "/v1/login" => json(&self.login(&serde_json::from_slice(&body).unwrap())),
            "/v1/logout" => (204, Vec::new()),
            "/v1/health" => json(&Health { server: HEALTH_TOKEN.to_owned(), version: "0".to_owned(), server_time_ms: self.clock }),
            "/v1/sync" => {
                let sync: SyncRequest = serde_json::from_slice(&body).unwrap();
                self.last_request = Some(sync.clone());
                let breaks = fault == Some(Fault::BrokenByDocuments) && !sync.documents.is_empty();
                let is_poisoned = sync.documents.iter().any(|document| Some(document.id) == self.poison);
                let answer = match fault {
                    _ if breaks || is_poisoned => (500, b"<html>".to_vec()),
                    None | Some(Fault::AnswerLost | Fault::NoReceipts | Fault::BrokenByDocuments) => {
                        json(&self.sync(&sync, fault != Some(Fault::NoReceipts)))
                    }
                    Some(_) => (0, Vec::new()),
                };
                self.bytes.push((request.body.len(), answer.1.len()));
                answer
            }
            "/v1/repair" => json(&self.repair(&serde_json::from_slice(&body).unwrap())),
            "/v1/backfill" => json(&self.backfill(&serde_json::from_slice(&body).unwrap())),
            wait if wait.starts_with("/v1/wait?root=") => json(&WaitReply { server_time_ms: self.clock, changed: true }),
            segment => (200, self.segments[segment.trim_start_matches("/v1/segments/")].clone()),
        };
        match fault {
            None | Some(Fault::NoReceipts | Fault::BrokenByDocuments) => Ok(answer),
            Some(Fault::Silent) => Err(TransportError::new(ErrorCode::ServerSilent, "refused")),
            Some(Fault::AnswerLost) => Err(TransportError::new(ErrorCode::ConnectionLost, "cut")),
            Some(Fault::Status(status)) => Ok((status, b"<html>".to_vec())),
            Some(Fault::LoginPage) => Ok((200, b"<html>sign in to this network</html>".to_vec())),
            Some(Fault::Code(code, retry_after_s)) => {
                let body = ErrorBody { code, detail: String::new(), retry_after_s, queue_position: None, server_time_ms: self.clock };
                Ok((503, serde_json::to_vec(&body).unwrap()))
            }
            Some(Fault::Garbled) => {
                let (status, mut body) = answer;
                body[40] ^= 1;
                Ok((status, body))
            }
        }
    }

    fn login(&self, request: &LoginRequest) -> LoginReply {
        assert_eq!(request.password, "secret");
        LoginReply::SignedIn(Box::new(SignedIn {
            token: "token".to_owned(),
            user_name: "Анна".to_owned(),
            position: self.position.clone(),
            number_prefix: "А017".to_owned(),
            number_floor: 0,
            device_seq_floor: self.floor,
            server_time_ms: self.clock,
            library_roots: Vec::new(),
            library_part: None,
        }))
    }

    fn sync(&mut self, request: &SyncRequest, with_receipts: bool) -> SyncReply {
        if self.always_re_enrols || request.given_seq.is_some_and(|given| given < self.floor) {
            self.lives += 1;
            self.floor = 0;
            let device_id = DeviceId::parse(&format!("01900000-0000-7000-8000-{:012}", self.lives)).unwrap();
            let re_enrol =
                ReEnrol { device_id, token: format!("token-{}", self.lives), number_prefix: format!("А{:03}", 100 + self.lives) };
            return SyncReply { server_time_ms: self.clock, re_enrol: Some(re_enrol), ..SyncReply::default() };
        }
        let re_offer = request.answered_seq.is_some_and(|answered| answered > self.floor);
        let (mut receipts, mut failed) = (Vec::new(), Vec::new());
        for document in &request.documents {
            let key = (document.id, document.revision);
            if self.break_at.contains(&document.kind) {
                failed.push(RevisionRef { id: document.id, revision: document.revision });
                continue;
            }
            self.floor = self.floor.max(document.device_seq);
            if !self.receipts.contains_key(&key) {
                let outcome = if self.refuse.contains(&document.kind) {
                    Outcome::Rejected { code: ErrorCode::DocumentRejected, reason: "точка закрыта".to_owned(), field: None }
                } else {
                    self.documents.push((document.id, document.revision, document.body.get().to_owned()));
                    Outcome::Accepted
                };
                self.receipts.insert(key, Receipt { id: document.id, revision: document.revision, outcome, received_at_ms: self.clock });
            }
            receipts.push(self.receipts[&key].clone());
        }
        if !with_receipts {
            receipts.clear();
        }
        let news = if request.want_download { self.news(request) } else { SyncReply::default() };
        SyncReply { server_time_ms: self.clock, receipts, failed, re_offer, ..news }
    }

    /// Loses everything it took since the beginning, as a backup from before does.
    pub fn lose_documents(&mut self) {
        self.documents.clear();
        self.receipts.clear();
        self.floor = 0;
    }
}

fn json(message: &impl serde::Serialize) -> (u16, Vec<u8>) {
    (200, serde_json::to_vec(message).unwrap())
}

fn seal(
    segments: &mut BTreeMap<String, Vec<u8>>,
    writer: SegmentWriter,
    name: &str,
    table: &TableDef,
    (after, to): (u64, u64),
    range: Option<BaseRange>,
) -> SegmentInfo {
    let rows = writer.len() as u64;
    let bytes = writer.finish("D1", &bucket(name), SCHEMA, ChangeNo(after), ChangeNo(to)).unwrap();
    let hash = Blake3Hex::of(&bytes);
    let info = SegmentInfo { hash: hash.clone(), table: table.id, rows, bytes: bytes.len() as u64, range };
    segments.insert(hash.to_string(), bytes);
    info
}

pub fn product(id: i64, sku: &str, name: &str) -> (TableId, Row) {
    let row = ProductRow {
        id,
        ext_code: format!("ext-{id}"),
        sku: sku.to_owned(),
        name: name.to_owned(),
        brand: String::new(),
        category: String::new(),
        unit: "шт".to_owned(),
        block_factor: 6,
        box_factor: 0,
        barcode: String::new(),
        vat_rate: 2_200,
        active: 1,
        list_price: None,
        stock_total: Some(5),
        changed_at_ms: None,
    };
    (TableId(1), row.into_row())
}

pub fn price(id: i64, product_id: i64, value: i64) -> (TableId, Row) {
    (TableId(4), PriceRow { id, price_type_id: 3, product_id, valid_from: 0, value }.into_row())
}

pub fn outlet(id: i64, name: &str) -> (TableId, Row) {
    let row = OutletRow {
        id,
        ext_code: format!("T{id}"),
        name: name.to_owned(),
        address: "ул. Ленина, 1".to_owned(),
        format: "kiosk".to_owned(),
        class: "A".to_owned(),
        lat: None,
        lon: None,
        contact: String::new(),
        phone: String::new(),
        work_hours: String::new(),
        delivery_days: 0,
        legal_name: "ООО".to_owned(),
        inn: "7701".to_owned(),
        kpp: String::new(),
        contract_number: String::new(),
        price_type_id: Some(3),
        credit_limit: None,
        stopped: 0,
        active: 1,
        channel: None,
        payment_days: None,
    };
    (TableId(2), row.into_row())
}
