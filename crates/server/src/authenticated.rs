//! Who is asking, on which device, for which position.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use polevik_domain::ids::{DeviceId, UserId};
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_server_store::documents::Author;
use polevik_server_store::people::devices::{self, CONTACT_PRECISION_MS};
use polevik_server_store::people::tokens::{self, MAX_IDLE_MS, Revoked, Session, TokenHash};
use polevik_server_store::{StoreError, Transaction, maintenance, organisation};

use crate::app::App;
use crate::database;
use crate::error::HttpError;
use crate::feed::generations::Generations;
use crate::observe::Notes;

/// A device that showed a good token. Handlers that take this are for signed-in devices only.
#[derive(Debug, Clone)]
pub struct AuthenticatedDevice {
    /// The device.
    pub device: DeviceId,
    /// The first device of its chain.
    pub lineage: DeviceId,
    /// The person.
    pub user: UserId,
    /// What the position may see and write, as it is now.
    pub scope: Arc<Scope>,
    /// By which it is known.
    pub token: TokenHash,
    /// The highest `device_seq` the server had seen of it when it asked.
    pub device_seq_floor: u64,
}

impl AuthenticatedDevice {
    /// The same, as documents are signed.
    #[must_use]
    pub fn author(&self) -> Author<'_> {
        Author { scope: &self.scope, user: self.user, device: self.device, lineage: self.lineage }
    }
}

/// A device that may at least leave its documents here.
#[derive(Debug, Clone)]
pub struct UploadingDevice {
    /// The device, in the position its token is for.
    pub device: AuthenticatedDevice,
    /// Why it gets nothing, if it does not.
    pub refused: Option<Refused>,
}

/// Why a known device gets no news, though its documents are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The office blocked it: its documents are kept aside.
    Blocked,
    /// The person does not hold the position any more: what was made under it is taken.
    PositionGone,
}

impl Refused {
    /// As the device hears it.
    #[must_use]
    pub fn error(self) -> HttpError {
        match self {
            Self::Blocked => HttpError::device_blocked(),
            Self::PositionGone => position_gone(),
        }
    }
}

/// The token of `Authorization: Bearer …`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What the server keeps of a token.
#[must_use]
pub fn token_hash(token: &str) -> TokenHash {
    TokenHash(*blake3::hash(token.as_bytes()).as_bytes())
}

impl FromRequestParts<App> for AuthenticatedDevice {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let uploading = UploadingDevice::from_request_parts(parts, app).await?;
        match uploading.refused {
            None => Ok(uploading.device),
            Some(refused) => Err(refused.error()),
        }
    }
}

impl FromRequestParts<App> for UploadingDevice {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, HttpError> {
        let token = bearer(&parts.headers).filter(|token| token.len() <= MAX_TOKEN_BYTES).ok_or_else(HttpError::login_needed)?;
        let token = token_hash(token);
        let now = app.now();
        let known = app.tokens.known(app, token).await?;
        if let Some(until) = known.resting_until.filter(|until| *until > now) {
            return Err(resting(until, now, app.jitter()));
        }
        let session = known.session.as_ref().ok_or_else(HttpError::login_needed)?;
        let refused = judge(session, now)?;
        let scope = known.scope.clone().ok_or_else(position_gone)?;
        let (device, lineage, user, device_seq_floor) = (session.device, session.lineage, session.user, session.device_seq_floor);
        if let Some(notes) = parts.extensions.get::<Notes>() {
            notes.asked_by(device, scope.position);
        }
        if now.since(session.last_used_at) >= CONTACT_PRECISION_MS {
            // The first use decides whose a new life is; after a long silence a token is near its end, or nearer than it seems.
            let at_once = session.last_used_at < session.made_at || now.since(session.last_used_at) >= NOTED_AT_ONCE_MS;
            app.tokens.note_use(app, Used { token, part_id: scope.part_id.clone(), device, at: now }, at_once).await?;
        }
        Ok(Self { device: AuthenticatedDevice { device, lineage, user, scope, token, device_seq_floor }, refused })
    }
}

/// Longer than any token of ours.
const MAX_TOKEN_BYTES: usize = 256;

/// Over how many seconds devices come back after maintenance.
const COME_BACK_OVER_S: i64 = 120;

/// The server rests, and devices come back spread over a while after it.
#[must_use]
pub fn resting(until: UtcMillis, now: UtcMillis, jitter: u8) -> HttpError {
    let seconds = until.since(now).div_euclid(1_000) + 1 + COME_BACK_OVER_S * i64::from(jitter) / 255;
    HttpError::maintenance(until, u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
}

/// Until when the server rests, if it does now.
///
/// # Errors
///
/// When the database refuses.
pub fn resting_until(tx: &Transaction<'_>, now: UtcMillis) -> Result<Option<UtcMillis>, StoreError> {
    Ok(maintenance::until(tx)?.filter(|until| *until > now))
}

fn position_gone() -> HttpError {
    HttpError::position_changed("the position is not yours any more: choose again")
}

/// Whether a session is good now, or good for documents only.
fn judge(session: &Session, now: UtcMillis) -> Result<Option<Refused>, HttpError> {
    match session.revoked {
        None | Some(Revoked::PositionChanged) => {}
        Some(Revoked::Logout | Revoked::NewerLogin | Revoked::PasswordChanged) => return Err(HttpError::login_needed()),
    }
    if now >= session.expires_at || now.since(session.last_used_at) >= MAX_IDLE_MS || !session.user_active {
        return Err(HttpError::login_needed());
    }
    if session.device_blocked {
        return Ok(Some(Refused::Blocked));
    }
    if session.revoked.is_some() || !session.holds_position {
        return Ok(Some(Refused::PositionGone));
    }
    Ok(None)
}

/// Most tokens of one generation that are remembered.
const MOST_TOKENS: usize = 20_000;

/// Uses that are noted together: one transaction for many devices.
const NOTED_TOGETHER: usize = 256;

/// A use after so much silence is noted at once, in milliseconds: an hour.
const NOTED_AT_ONCE_MS: i64 = 60 * 60 * 1_000;

/// How long a use may wait to be noted, in milliseconds, if somebody comes at all.
const NOTED_AFTER_MS: i64 = 60_000;

/// What was read of tokens, as long as nothing is written, and which were used since that was noted.
pub struct Tokens {
    known: Mutex<Generations<[u8; 32], Arc<Known>>>,
    used: Mutex<HashMap<[u8; 32], Used>>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { known: Mutex::new(Generations::new(MOST_TOKENS)), used: Mutex::default() }
    }
}

/// What the database says of a token.
struct Known {
    /// As of this version of the database.
    as_of: u64,
    /// `None` for a token that never was.
    session: Option<Session>,
    /// `None` for a position that is gone.
    scope: Option<Arc<Scope>>,
    /// Until when the server rests.
    resting_until: Option<UtcMillis>,
}

/// One use of a token.
struct Used {
    token: TokenHash,
    part_id: String,
    device: DeviceId,
    at: UtcMillis,
}

impl Tokens {
    /// What the database says of a token now. Costs no transaction as long as nobody writes.
    async fn known(&self, app: &App, token: TokenHash) -> Result<Arc<Known>, HttpError> {
        let as_of = app.store.version()?;
        if let Some(known) = lock(&self.known).get(&token.0).filter(|known| known.as_of == as_of) {
            return Ok(known);
        }
        let known = database::read(&app.store, move |tx| {
            let session = tokens::find(tx, token)?;
            let scope = match &session {
                Some(session) => organisation::scope(tx, &session.part_id, session.position)?.map(Arc::new),
                None => None,
            };
            Ok::<_, HttpError>(Arc::new(Known { as_of, session, scope, resting_until: maintenance::until(tx)? }))
        })
        .await?;
        // Tokens that never were are not kept: they would push out those that are.
        if known.session.is_some() {
            lock(&self.known).put(token.0, known.clone(), 1);
        }
        Ok(known)
    }

    /// Notes a use, at once or together with those of other devices.
    async fn note_use(&self, app: &App, used: Used, at_once: bool) -> Result<(), HttpError> {
        let is_due = {
            let mut waiting = lock(&self.used);
            let now = used.at;
            // The first time stays: it says how long the use has waited.
            waiting.entry(used.token.0).or_insert(used);
            at_once || waiting.len() >= NOTED_TOGETHER || waiting.values().any(|other| now.since(other.at) >= NOTED_AFTER_MS)
        };
        if is_due { self.flush(app).await } else { Ok(()) }
    }

    /// Notes the uses that wait to be noted.
    ///
    /// # Errors
    ///
    /// When the database refuses: then they are forgotten, and noted when the devices come again.
    pub async fn flush(&self, app: &App) -> Result<(), HttpError> {
        let mut used: Vec<Used> = std::mem::take(&mut *lock(&self.used)).into_values().collect();
        if used.is_empty() {
            return Ok(());
        }
        used.sort_by_key(|used| used.token.0);
        database::write(&app.store, move |tx| {
            for used in &used {
                tokens::note_use(tx, used.token, used.at)?;
                devices::note_contact(tx, &used.part_id, used.device, used.at)?;
            }
            Ok(())
        })
        .await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use polevik_domain::ids::PositionId;
    use polevik_protocol::error_code::ErrorCode;

    use super::*;

    #[test]
    fn a_session_is_good_only_while_everything_about_it_is() {
        let good = || Session {
            part_id: "D1".to_owned(),
            device: DeviceId::generate(UtcMillis(1), [1; 10]),
            lineage: DeviceId::generate(UtcMillis(1), [1; 10]),
            device_seq_floor: 0,
            made_at: UtcMillis(0),
            user: UserId(1),
            position: PositionId(1),
            expires_at: UtcMillis(1_000),
            last_used_at: UtcMillis(0),
            revoked: None,
            device_blocked: false,
            user_active: true,
            holds_position: true,
        };
        let code = |session: Session, now: i64| match judge(&session, UtcMillis(now)) {
            Ok(refused) => refused.map(|refused| refused.error().code()),
            Err(error) => Some(error.code()),
        };
        assert_eq!(code(good(), 999), None);
        assert_eq!(code(good(), 1_000), Some(ErrorCode::LoginNeeded), "too old");
        let idle = Session { expires_at: UtcMillis(i64::MAX), ..good() };
        assert_eq!(code(idle.clone(), MAX_IDLE_MS - 1), None);
        assert_eq!(code(idle, MAX_IDLE_MS), Some(ErrorCode::LoginNeeded), "idle");
        for (revoked, expected) in [
            (Revoked::Logout, ErrorCode::LoginNeeded),
            (Revoked::NewerLogin, ErrorCode::LoginNeeded),
            (Revoked::PasswordChanged, ErrorCode::LoginNeeded),
            (Revoked::PositionChanged, ErrorCode::PositionChanged),
        ] {
            assert_eq!(code(Session { revoked: Some(revoked), ..good() }, 1), Some(expected));
        }
        assert_eq!(code(Session { user_active: false, ..good() }, 1), Some(ErrorCode::LoginNeeded));
        assert_eq!(code(Session { device_blocked: true, ..good() }, 1), Some(ErrorCode::DeviceBlocked));
        assert_eq!(code(Session { holds_position: false, ..good() }, 1), Some(ErrorCode::PositionChanged));
        // These two may leave their documents; somebody who signed out may not.
        for session in [Session { device_blocked: true, ..good() }, Session { revoked: Some(Revoked::PositionChanged), ..good() }] {
            assert!(judge(&session, UtcMillis(1)).is_ok());
        }
        assert!(judge(&Session { revoked: Some(Revoked::Logout), ..good() }, UtcMillis(1)).is_err());
    }

    #[test]
    fn only_a_bearer_token_is_one() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(with("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(with("bearer abc"), Some("abc".to_owned()));
        assert_eq!(with("Basic abc"), None);
        assert_eq!(with("abc"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
