//! `GET /v1/wait`: answered when there is news, or after a while.

use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use polevik_protocol::sync::{SHORT_ROOT_DIGITS, WaitQuery, WaitReply};

use crate::app::App;
use crate::authenticated::AuthenticatedDevice;
use crate::error::HttpError;
use crate::feed::watch;

/// How long a device waits at most. Shorter than what proxies and mobile networks let a silent connection live.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// When news concerns many, they hear it spread over so long for each of them that waits: 10,000 over two seconds, 100 at once.
const SPREAD_PER_DEVICE: Duration = Duration::from_micros(200);

/// Less than this is not worth a timer.
const SHORTEST_SPREAD: Duration = Duration::from_millis(20);

/// `GET /v1/wait?root=…`.
///
/// Answered at once if the root is not the newest of the caller's position, else as soon as it is not any more, or after 25 s. While it
/// waits it holds neither a place of admission nor a connection to the database.
///
/// # Errors
///
/// Malformed, for what is no name of a root; S303 when too many wait.
pub async fn wait(
    State(app): State<App>,
    device: AuthenticatedDevice,
    query: Result<Query<WaitQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<WaitReply>, HttpError> {
    let Query(WaitQuery { root }) = query.map_err(|_| HttpError::malformed("name the root that the device holds: ?root="))?;
    if !(SHORT_ROOT_DIGITS..=64).contains(&root.len()) || !root.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(HttpError::malformed("the name of a root has 16 to 64 hexadecimal digits"));
    }
    app.asked
        .request(device.device, app.now())
        .map_err(|seconds| HttpError::too_many_requests("too many requests of this device", seconds))?;
    let _parked = app.admission.park(device.device, app.jitter())?;
    let mut ending = app.ending.subscribe();
    let changed = tokio::select! {
        news = watch::changed_since(&app, &device.scope, &root) => {
            news?;
            true
        }
        () = tokio::time::sleep(LONGEST_WAIT) => false,
        _ = ending.wait_for(|ending| *ending) => false,
    };
    if changed {
        let spread = SPREAD_PER_DEVICE * u32::try_from(app.admission.parked_devices()).unwrap_or(u32::MAX);
        let mine = spread * u32::from(app.jitter()) / 255;
        if mine > SHORTEST_SPREAD {
            tokio::time::sleep(mine).await;
        }
    }
    Ok(Json(WaitReply { server_time_ms: app.now(), changed }))
}
