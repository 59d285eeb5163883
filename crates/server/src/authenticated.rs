//! Who is asking, on which device, for which position.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use polevik_domain::ids::{DeviceId, UserId};
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use polevik_server_store::documents::Author;
use polevik_server_store::organisation;
use polevik_server_store::people::devices::{self, CONTACT_PRECISION_MS};
use polevik_server_store::people::tokens::{self, MAX_IDLE_MS, Revoked, Session, TokenHash};

use crate::app::App;
use crate::database;
use crate::error::HttpError;
use crate::observe::Notes;

/// A device that showed a good token. Handlers that take this are for signed-in devices only.
#[derive(Debug, Clone)]
pub struct AuthenticatedDevice {
    /// The device.
    pub device: DeviceId,
    /// The person.
    pub user: UserId,
    /// What the position may see and write, as it is now.
    pub scope: Scope,
    /// By which it is known.
    pub token: TokenHash,
}

impl AuthenticatedDevice {
    /// The same, as documents are signed.
    #[must_use]
    pub fn author(&self) -> Author<'_> {
        Author { scope: &self.scope, user: self.user, device: self.device }
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
        let token = bearer(&parts.headers).filter(|token| token.len() <= MAX_TOKEN_BYTES).ok_or_else(HttpError::login_needed)?;
        let token = token_hash(token);
        let now = app.now();
        let (device, last_used_at) = database::read(&app.store, move |tx| {
            let session = tokens::find(tx, token)?.ok_or_else(HttpError::login_needed)?;
            judge(&session, now)?;
            let scope = organisation::scope(tx, &session.part_id, session.position)?.ok_or_else(position_gone)?;
            Ok::<_, HttpError>((Self { device: session.device, user: session.user, scope, token }, session.last_used_at))
        })
        .await?;
        if let Some(notes) = parts.extensions.get::<Notes>() {
            notes.asked_by(device.device, device.scope.position);
        }
        if now.since(last_used_at) >= CONTACT_PRECISION_MS {
            let (part_id, id) = (device.scope.part_id.clone(), device.device);
            database::write(&app.store, move |tx| {
                tokens::note_use(tx, token, now)?;
                devices::note_contact(tx, &part_id, id, now)
            })
            .await?;
        }
        Ok(device)
    }
}

/// Longer than any token of ours.
const MAX_TOKEN_BYTES: usize = 256;

fn position_gone() -> HttpError {
    HttpError::position_changed("the position is not yours any more: choose again")
}

/// Whether a session is good now.
fn judge(session: &Session, now: UtcMillis) -> Result<(), HttpError> {
    match session.revoked {
        None => {}
        Some(Revoked::PositionChanged) => return Err(position_gone()),
        Some(Revoked::Logout | Revoked::NewerLogin | Revoked::PasswordChanged) => return Err(HttpError::login_needed()),
    }
    if now >= session.expires_at || now.since(session.last_used_at) >= MAX_IDLE_MS || !session.user_active {
        return Err(HttpError::login_needed());
    }
    if session.device_blocked {
        return Err(HttpError::device_blocked());
    }
    if !session.holds_position {
        return Err(position_gone());
    }
    Ok(())
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
            user: UserId(1),
            position: PositionId(1),
            expires_at: UtcMillis(1_000),
            last_used_at: UtcMillis(0),
            revoked: None,
            device_blocked: false,
            user_active: true,
            holds_position: true,
        };
        let code = |session: Session, now: i64| judge(&session, UtcMillis(now)).err().map(|error| error.code());
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
