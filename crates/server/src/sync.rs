//! `POST /v1/sync`: one round trip that carries documents up, and receipts, manifests and small segments down.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::document::{Envelope, Receipt};
use polevik_protocol::sync::{ReEnrol, RevisionRef, SyncReply};
use polevik_protocol::version::{MAX_BATCH_DOCUMENTS, MAX_SYNC_BODY_BYTES, OLDEST_DOWNLOAD, OLDEST_UPLOAD, PROTOCOL};
use polevik_server_store::StoreError;
use polevik_server_store::people::devices;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::admission::Class;
use crate::app::App;
use crate::authenticated::{AuthenticatedDevice, Refused, UploadingDevice};
use crate::download::entitlement::KnownKinds;
use crate::download::news::{News, Standing, news_for};
use crate::error::HttpError;
use crate::upload::accept::{Accepted, Fate, accept_batch, set_aside};
use crate::upload::incoming;
use crate::upload::lives::{self, Claim, NewLife};
use crate::{body, database};

/// [`polevik_protocol::sync::SyncRequest`], with documents not opened yet: each is opened by itself.
#[derive(Deserialize)]
struct IncomingSync {
    protocol: u32,
    #[serde(default)]
    schema: u32,
    #[serde(default)]
    want_download: bool,
    root: Option<String>,
    epoch: Option<String>,
    #[serde(default)]
    cursors: BTreeMap<BucketName, u64>,
    #[serde(default)]
    steps: bool,
    given_seq: Option<u64>,
    answered_seq: Option<u64>,
    library: Option<String>,
    #[serde(default)]
    documents: Vec<Box<RawValue>>,
}

/// How much of a part's share a request takes, by what is in it.
const DOCUMENTS_PER_COST: usize = 50;

/// How much of a part's share a first download takes.
const FIRST_DOWNLOAD_COST: u32 = 4;

/// When a device comes back whose chain had too many new lives today, in seconds.
const NEXT_LIFE_RETRY_S: u32 = 3_600;

/// `POST /v1/sync`.
///
/// Documents are taken in one transaction, before the download is planned: the reply carries the states they got. If the download fails, the
/// receipts are told all the same, and the device is asked to come again for its news.
///
/// # Errors
///
/// S304 for another protocol; malformed, too large, or too many documents; S303 when the server or the device has too much to do; A202 for a
/// blocked device, whose documents are kept aside; what the database says.
pub async fn sync(State(app): State<App>, caller: UploadingDevice, headers: HeaderMap, raw: Body) -> Result<Json<SyncReply>, HttpError> {
    let UploadingDevice { device, refused } = caller;
    let part_id = &device.scope.part_id;
    // As long as the documents are in memory, so is the room they take.
    let (bytes, room) = body::read_of(&app, Some(part_id), &headers, raw, MAX_SYNC_BODY_BYTES).await?;
    let request: IncomingSync = body::parse(&bytes)?;
    check_version(request.protocol, request.want_download)?;
    if request.documents.len() > MAX_BATCH_DOCUMENTS {
        return Err(HttpError::too_large(format_args!("{MAX_BATCH_DOCUMENTS} documents")));
    }
    if let (Some(refused), true) = (refused, request.documents.is_empty()) {
        return Err(refused.error());
    }
    let now = app.now();
    app.asked.request(device.device, now).map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))?;
    let documents: Vec<Envelope> = request
        .documents
        .iter()
        .map(|raw| incoming::open(raw).ok_or_else(|| HttpError::malformed("a document without id or revision")))
        .collect::<Result<_, _>>()?;
    drop(bytes);
    let claim = Claim { given_seq: request.given_seq, answered_seq: request.answered_seq };
    let known = KnownKinds::of_schema(request.schema);
    let standing = Standing { root: request.root, epoch: request.epoch, cursors: request.cursors, steps: request.steps, known };
    let want_download = request.want_download;

    // Who is blocked hears of nothing new.
    let word = request.library.filter(|_| refused.is_none());
    let library = match word {
        Some(word) => app.releases.news(&app, &device, &word).await?,
        None => None,
    };

    let has_work = !documents.is_empty() || claim.differs_from(device.device_seq_floor);
    if !(has_work || want_download && !is_newest(&app, &device, &standing)?) {
        return Ok(Json(SyncReply { server_time_ms: now, library, ..SyncReply::default() }));
    }
    if !documents.is_empty() {
        let over = |seconds| HttpError::too_many_requests("this device has sent all it may send today", seconds);
        app.asked.may_send(device.device, now).map_err(over)?;
    }

    let class = if documents.is_empty() { Class::Download } else { Class::Upload };
    let first = if want_download && standing.root.is_none() { FIRST_DOWNLOAD_COST } else { 0 };
    let cost = first + 1 + u32::try_from(documents.len() / DOCUMENTS_PER_COST).unwrap_or(0);
    let place = app.admission.enter(part_id, class, cost, app.jitter()).await?;
    let work = {
        let app = app.clone();
        move || -> Result<SyncReply, HttpError> {
            // Held by the work itself: a caller who hangs up does not make room for another while it goes on.
            let (_place, _room) = (place, room);
            if refused == Some(Refused::Blocked) {
                keep_aside(&app, &device, &documents)?;
                return Err(HttpError::device_blocked());
            }
            let mut reply = if has_work { upload(&app, &device, claim, &documents)? } else { SyncReply::default() };
            if want_download {
                // Who may not have news hears so when it asks for nothing else.
                let news = if refused.is_some() { Ok(News::CursorsWanted) } else { news_for(&app, &device.scope, &standing, now) };
                add_news(&mut reply, news)?;
            }
            reply.library = library;
            reply.server_time_ms = app.now();
            Ok(reply)
        }
    };
    database::blocking(work).await.map(Json)
}

/// Whether we still understand each other. A device too old for our downloads may go on to upload, without asking for a download.
fn check_version(protocol: u32, want_download: bool) -> Result<(), HttpError> {
    let oldest = if want_download { OLDEST_DOWNLOAD } else { OLDEST_UPLOAD };
    if (oldest..=PROTOCOL).contains(&protocol) { Ok(()) } else { Err(HttpError::update_needed(protocol, PROTOCOL)) }
}

/// Whether the device is known to hold the newest root. Reads no row.
fn is_newest(app: &App, device: &AuthenticatedDevice, standing: &Standing) -> Result<bool, StoreError> {
    let Some(root) = &standing.root else { return Ok(false) };
    let version = app.store.version()?;
    Ok(app.announcements.known(&device.scope, standing.known, version).is_some_and(|newest| newest.is(root)))
}

/// Puts news into a reply. When they cannot be had but receipts were given, those are told, and the device asks for its news again.
fn add_news(reply: &mut SyncReply, news: Result<News, HttpError>) -> Result<(), HttpError> {
    match news {
        Ok(News::Nothing) => {}
        Ok(News::CursorsWanted) => reply.cursors_wanted = true,
        Ok(News::Step(step)) => reply.step = Some(step),
        Ok(News::Download(download)) => reply.download = Some(download),
        Err(error) if !reply.receipts.is_empty() || !reply.failed.is_empty() || reply.re_enrol.is_some() => {
            tracing::error!(code = %error.code(), cause = error.cause(), "documents were taken, and there was no news to be had");
            reply.cursors_wanted = true;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// What became of the documents, and of the device itself.
enum Taken {
    Batch { batch: Accepted, re_offer: bool },
    Enrolled(ReEnrol),
    TooManyLives,
}

/// Takes the documents, unless the device must go on under another id. The reply lacks only its news.
fn upload(app: &App, device: &AuthenticatedDevice, claim: Claim, documents: &[Envelope]) -> Result<SyncReply, HttpError> {
    let new_life = NewLife::draw(app);
    let taken = app.store.write(|tx| {
        let (author, part_id, now) = (device.author(), &device.scope.part_id, app.now());
        let known = devices::find(tx, part_id, device.device)?.ok_or(StoreError::Corrupt("a token without its device"))?;
        if lives::is_forked(tx, part_id, &known, claim, documents)? {
            let given = claim.given_seq.unwrap_or(0);
            let enrolled = lives::enrol_again(tx, author, &known, given, new_life, now)?;
            return Ok::<_, StoreError>(enrolled.map_or(Taken::TooManyLives, Taken::Enrolled));
        }
        // Before anything is taken: a new document would raise the count above what the device was answered, and if this reply were lost,
        // nobody would ever ask for the others.
        if lives::shall_re_offer(tx, part_id, device.device, claim, documents)? {
            return Ok(Taken::Batch { batch: Accepted::default(), re_offer: true });
        }
        Ok(Taken::Batch {
            batch: accept_batch(tx, author, &known, documents, lives::counts_up_to(&known, claim), &app.texts, now)?,
            re_offer: false,
        })
    })?;
    // After the commit: only what stands is counted.
    match taken {
        Taken::Batch { batch, re_offer } => {
            count(app, device, &batch, documents);
            if re_offer {
                metrics::counter!("polevik_re_offers_total").increment(1);
                tracing::warn!(device = %device.device, "it was answered more than is known here: it offers its documents again");
            }
            let Accepted { receipts, failed, .. } = batch;
            Ok(reply_of(receipts, failed, re_offer))
        }
        Taken::Enrolled(re_enrol) => {
            metrics::counter!("polevik_re_enrolled_total").increment(1);
            tracing::warn!(device = %device.device, becomes = %re_enrol.device_id, "its numbers were used twice: it goes on under another id");
            Ok(SyncReply { re_enrol: Some(re_enrol), ..SyncReply::default() })
        }
        Taken::TooManyLives => Err(HttpError::too_many_requests("too many installations go on under this device's id", NEXT_LIFE_RETRY_S)),
    }
}

fn reply_of(receipts: Vec<Receipt>, failed: Vec<RevisionRef>, re_offer: bool) -> SyncReply {
    SyncReply { receipts, failed, re_offer, ..SyncReply::default() }
}

fn count(app: &App, device: &AuthenticatedDevice, batch: &Accepted, documents: &[Envelope]) {
    let mut new = 0;
    for ((kind, fate), count) in &batch.tally {
        metrics::counter!("polevik_documents_total", "kind" => *kind, "outcome" => fate.as_str()).increment(*count);
        if matches!(fate, Fate::Accepted | Fate::Rejected) {
            new += *count;
        }
    }
    if new > 0 {
        let bytes = documents.iter().map(|document| document.body.get().len()).sum::<usize>();
        let now = app.now();
        app.asked.was_useful(device.device, now);
        app.asked.sent(device.device, u32::try_from(new).unwrap_or(u32::MAX), u64::try_from(bytes).unwrap_or(u64::MAX), now);
    }
    if batch.newly_missing > 0 {
        metrics::counter!("polevik_device_seq_gap_total").increment(batch.newly_missing);
        tracing::warn!(device = %device.device, newly_missing = batch.newly_missing, "revisions that a device numbered have not come");
    }
}

fn keep_aside(app: &App, device: &AuthenticatedDevice, documents: &[Envelope]) -> Result<(), HttpError> {
    let new = app.store.write(|tx| set_aside(tx, device.author(), documents, &app.texts, app.now()))?;
    if new > 0 {
        metrics::counter!("polevik_set_aside_total").increment(new);
        let bytes = documents.iter().map(|document| document.body.get().len()).sum::<usize>();
        app.asked.sent(device.device, u32::try_from(new).unwrap_or(u32::MAX), u64::try_from(bytes).unwrap_or(u64::MAX), app.now());
        tracing::warn!(device = %device.device, documents = new, "a blocked device left documents; they are kept aside");
    }
    Ok(())
}
