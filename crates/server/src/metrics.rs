//! Numbers for Prometheus.

use std::sync::OnceLock;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;
use crate::authenticated::bearer;
use crate::error::HttpError;
use crate::observe::Caller;

/// Durations are sorted into these, in seconds.
const DURATION_BUCKETS_S: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Starts counting in this process; later calls give the same counts. `None` if another recorder was here first.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &DURATION_BUCKETS_S).ok()?.build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            describe();
            Some(handle)
        })
        .as_ref()
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("polevik_http_requests_total", "Requests answered, by route and status");
    describe_histogram!("polevik_http_request_duration_seconds", "Time until the answer began, by route");
    describe_gauge!("polevik_http_requests_in_flight", "Requests being answered now");
    describe_counter!("polevik_turned_away_total", "Requests that found no place and were told to come back, by what they waited for");
    describe_counter!("polevik_device_limited_total", "Requests of devices that asked for more than a device may, by limit");
    describe_gauge!("polevik_queue_length", "Requests that stand in line for the database");
    describe_histogram!("polevik_queue_wait_seconds", "Time that requests stood in line for the database");
    describe_counter!("polevik_re_enrolled_total", "Devices that go on under another id, since their numbers were used twice");
    describe_counter!("polevik_re_offers_total", "Replies that asked a device to offer its answered documents again");
    describe_counter!("polevik_set_aside_total", "Documents that blocked devices left");
    describe_gauge!("polevik_parked_devices", "Devices that wait for news");
    describe_counter!("polevik_login_total", "Attempts to sign in, by outcome");
    describe_counter!(
        "polevik_documents_total",
        "Documents that came, by kind and outcome: accepted, rejected, duplicate, conflict, failed"
    );
    describe_counter!("polevik_device_seq_gap_total", "Revisions that devices numbered and that had not come when a later one did");
    describe_counter!("polevik_segments_served_total", "Segments fetched");
    describe_counter!("polevik_segment_bytes_total", "Bytes of segments sent, inside replies and fetched");
    describe_counter!("polevik_files_total", "Files that came whole, by outcome: stored, refused");
    describe_counter!("polevik_file_bytes_total", "Bytes of photos and materials, by road: up, down");
    describe_counter!("polevik_thumbnails_total", "Small pictures, by outcome: made, none");
    describe_gauge!("polevik_open_uploads", "Uploads under way");
    describe_counter!("polevik_sealed_buckets_total", "Buckets sealed");
    describe_counter!("polevik_feed_repairs_total", "Buckets whose rows did not add up to their sum, and were put right");
    describe_counter!(
        "polevik_repair_requests_total",
        "Devices whose rows did not add up, by what was found: differs, equal, moved, own_rows"
    );
    describe_counter!("polevik_garbage_segments_total", "Segments removed since no manifest named them any more");
    describe_counter!("polevik_garbage_bytes_total", "Bytes of segments removed");
    describe_counter!("polevik_garbage_orphans_total", "Files of segments removed that had no row");
}

/// `GET /metrics`: for callers on this machine, and for those with the token.
///
/// # Errors
///
/// Not found, for everybody else.
pub async fn metrics(State(app): State<App>, Extension(caller): Extension<Caller>, headers: HeaderMap) -> Result<Response, HttpError> {
    let token_given = app.settings.metrics_token.as_deref().is_some_and(|expected| {
        // Compared as hashes: how long it takes says nothing about where they differ.
        bearer(&headers).is_some_and(|given| blake3::hash(given.as_bytes()) == blake3::hash(expected.as_bytes()))
    });
    if !token_given && !caller.is_local {
        return Err(HttpError::not_found());
    }
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
