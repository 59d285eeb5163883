//! Whether the server lives, can work, and is a Polevik server at all.

use axum::Json;
use axum::extract::State;
use polevik_protocol::login::Health;
use polevik_protocol::version::HEALTH_TOKEN;
use polevik_server_store::{StoreError, migrate};

use crate::app::App;
use crate::database;
use crate::error::HttpError;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the database is of this program's schema and takes writes.
///
/// # Errors
///
/// When it is not or does not.
pub async fn readyz(State(app): State<App>) -> Result<&'static str, HttpError> {
    let store = app.store.clone();
    database::blocking(move || {
        migrate::require_current(&store)?;
        // An empty writing transaction: the lock is free and the file not read-only.
        store.write(|_| Ok::<_, StoreError>(()))
    })
    .await?;
    Ok("ready\n")
}

/// `GET /v1/health`: how a device tells a server from the login page of a Wi-Fi network.
pub async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health { server: HEALTH_TOKEN.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), server_time_ms: app.now() })
}
