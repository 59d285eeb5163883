//! `POST /v1/sync`: one round trip that carries documents up, and receipts, manifests and small segments down.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use polevik_protocol::bucket::BucketName;
use polevik_protocol::document::Envelope;
use polevik_protocol::sync::SyncReply;
use polevik_protocol::version::{MAX_BATCH_DOCUMENTS, MAX_SYNC_BODY_BYTES, OLDEST_DOWNLOAD, OLDEST_UPLOAD, PROTOCOL};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::download::news::{News, Standing, news_for};
use crate::error::HttpError;
use crate::upload::accept::{Accepted, accept_batch};
use crate::upload::incoming;
use crate::{body, database};

/// [`polevik_protocol::sync::SyncRequest`], with documents not opened yet: each is opened by itself.
#[derive(Deserialize)]
struct IncomingSync {
    protocol: u32,
    #[serde(default)]
    want_download: bool,
    root: Option<String>,
    epoch: Option<String>,
    #[serde(default)]
    cursors: BTreeMap<BucketName, u64>,
    #[serde(default)]
    steps: bool,
    #[serde(default)]
    documents: Vec<Box<RawValue>>,
}

/// `POST /v1/sync`.
///
/// Documents are taken in one transaction, before the download is planned: the reply carries the states they got. If the download fails, the
/// documents stay taken, and the repeated request gets the same receipts.
///
/// # Errors
///
/// S304 for another protocol; malformed, too large, or too many documents; what the database says.
pub async fn sync(
    State(app): State<App>,
    device: AuthenticatedDevice,
    headers: HeaderMap,
    raw: Body,
) -> Result<Json<SyncReply>, HttpError> {
    let request: IncomingSync = body::parse(&body::read(&app, &headers, raw, MAX_SYNC_BODY_BYTES).await?)?;
    check_version(request.protocol, request.want_download)?;
    if request.documents.len() > MAX_BATCH_DOCUMENTS {
        return Err(HttpError::too_large(format_args!("{MAX_BATCH_DOCUMENTS} documents")));
    }
    let documents: Vec<Envelope> = request
        .documents
        .iter()
        .map(|raw| incoming::open(raw).ok_or_else(|| HttpError::malformed("a document without id or revision")))
        .collect::<Result<_, _>>()?;
    let standing = Standing { root: request.root, epoch: request.epoch, cursors: request.cursors, steps: request.steps };

    let place = app.admission.sync(app.jitter()).await?;
    let now = app.now();
    let work = {
        let app = app.clone();
        move || -> Result<SyncReply, HttpError> {
            // Held by the work itself: a caller who hangs up does not make room for another while it goes on.
            let _place = place;
            let receipts = if documents.is_empty() { Vec::new() } else { upload(&app, &device, &documents)? };
            let news = if request.want_download { news_for(&app, &device.scope, &standing, now)? } else { News::Nothing };
            let mut reply = SyncReply { server_time_ms: app.now(), receipts, ..SyncReply::default() };
            match news {
                News::Nothing => {}
                News::CursorsWanted => reply.cursors_wanted = true,
                News::Step(step) => reply.step = Some(step),
                News::Download(download) => reply.download = Some(download),
            }
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

fn upload(app: &App, device: &AuthenticatedDevice, documents: &[Envelope]) -> Result<Vec<polevik_protocol::document::Receipt>, HttpError> {
    let Accepted { receipts, tally, newly_missing } =
        app.store.write(|tx| accept_batch(tx, device.author(), documents, &app.texts, app.now()))?;
    // After the commit: only what stands is counted.
    for ((kind, fate), count) in tally {
        metrics::counter!("polevik_documents_total", "kind" => kind, "outcome" => fate.as_str()).increment(count);
    }
    if newly_missing > 0 {
        metrics::counter!("polevik_device_seq_gap_total").increment(newly_missing);
        tracing::warn!(device = %device.device, newly_missing, "revisions that a device numbered have not come");
    }
    Ok(receipts)
}
