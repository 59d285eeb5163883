//! `POST /v1/login` and `POST /v1/logout`.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use polevik_domain::time::UtcMillis;
use polevik_protocol::login::{LoginReply, LoginRequest, PositionInfo, SignedIn};
use polevik_server_store::people::devices::{self, Introduction};
use polevik_server_store::people::positions::{self, PositionCard};
use polevik_server_store::people::tokens::{self, Revoked};
use polevik_server_store::people::users::{self, Account};
use polevik_server_store::{Transaction, library, organisation};

use super::password::{self, Checked, SALT_BYTES};
use super::throttle::Counted;
use crate::app::App;
use crate::authenticated::{AuthenticatedDevice, resting, resting_until, token_hash};
use crate::error::HttpError;
use crate::observe::{Caller, Notes};
use crate::{body, database};

/// Largest body of a login, in bytes.
const MAX_LOGIN_BODY_BYTES: usize = 8 * 1024;

/// Longest login taken, in bytes.
const MAX_EMAIL_BYTES: usize = 254;

/// `POST /v1/login`: a password for a token.
///
/// A wrong password, an unknown and a closed account get the same answer after the same time.
///
/// # Errors
///
/// A201 for these; A202 for a blocked device; A203 for a person without that position, or any; S303 for too many guesses.
pub async fn login(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(notes): Extension<Notes>,
    headers: HeaderMap,
    raw: Body,
) -> Result<Json<LoginReply>, HttpError> {
    let request: LoginRequest = body::parse(&body::read(&app, &headers, raw, MAX_LOGIN_BODY_BYTES).await?)?;
    if request.email.len() > MAX_EMAIL_BYTES {
        return Err(HttpError::malformed("the e-mail is too long"));
    }
    let reply = sign_in(&app, caller, &request).await;
    let outcome = match &reply {
        Ok(LoginReply::SignedIn(signed)) => {
            notes.asked_by(request.device.id, signed.position.id);
            "signed_in"
        }
        Ok(LoginReply::ChoosePosition { .. }) => "choose_position",
        Err(error) => error.code().as_str(),
    };
    metrics::counter!("polevik_login_total", "outcome" => outcome).increment(1);
    reply.map(Json)
}

async fn sign_in(app: &App, caller: Caller, request: &LoginRequest) -> Result<LoginReply, HttpError> {
    let login = users::login_of(&request.email);
    let (account, known_device) = {
        let (login, device) = (login.clone(), request.device.id);
        let (now, jitter) = (app.now(), app.jitter());
        database::read(&app.store, move |tx| {
            if let Some(until) = resting_until(tx, now)? {
                return Err(resting(until, now, jitter));
            }
            let account = users::by_login(tx, &login)?;
            let known = match &account {
                Some(account) => devices::is_known_to(tx, &account.part_id, device, account.id)?,
                None => false,
            };
            Ok::<_, HttpError>((account, known))
        })
        .await?
    };
    let counted = [
        Counted::Address(caller.address),
        if known_device { Counted::KnownDevice(login, request.device.id) } else { Counted::Account(login) },
    ];
    let now = app.now();
    app.with_throttle(|throttle| throttle.begin(&counted, now)).map_err(HttpError::too_many_attempts)?;
    let account = check_password(app, request, account).await?.ok_or_else(HttpError::login_needed)?;
    app.with_throttle(|throttle| throttle.succeeded(&counted));

    let token = hex::encode(app.random_bytes::<32>());
    let request = request.clone();
    database::write(&app.store, move |tx| open_session(tx, &account, &request, token, now)).await
}

/// The account if the password is right and the account open, after the same time in every case.
async fn check_password(app: &App, request: &LoginRequest, account: Option<Account>) -> Result<Option<Account>, HttpError> {
    let place = app.admission.hash(app.jitter()).await?;
    let (password, stored) = (request.password.clone(), account.as_ref().map(|account| account.password_hash.clone()));
    let salt = app.random_bytes::<SALT_BYTES>();
    let keep_old = app.settings.keep_old_password_hashes;
    let (checked, rehashed) = database::blocking(move || {
        // Held by the work itself: a caller who hangs up does not make room for another while it goes on.
        let _place = place;
        let checked = password::check(&password, stored.as_deref());
        let rehashed = if checked == Checked::RightButOld && !keep_old { password::hash(&password, salt).ok() } else { None };
        (checked, rehashed)
    })
    .await;
    let Some(account) = account.filter(|account| checked != Checked::Wrong && account.active) else { return Ok(None) };
    if let Some(hash) = rehashed {
        let (part_id, user, now) = (account.part_id.clone(), account.id, app.now());
        database::write(&app.store, move |tx| users::rehash(tx, &part_id, user, &hash, now)).await?;
    }
    Ok(Some(account))
}

/// Chooses the position, notes the device, and gives it `token`; all in the caller's transaction.
fn open_session(
    tx: &Transaction<'_>,
    account: &Account,
    request: &LoginRequest,
    token: String,
    now: UtcMillis,
) -> Result<LoginReply, HttpError> {
    let part_id = &account.part_id;
    let known = devices::find(tx, part_id, request.device.id)?;
    if known.is_some_and(|device| device.blocked_at.is_some()) {
        return Err(HttpError::device_blocked());
    }
    let mut cards = positions::of_user(tx, part_id, account.id)?;
    let chosen = match (&request.position, cards.len()) {
        (_, 0) => return Err(HttpError::position_changed("you have no position: ask your office")),
        (None, 1) => 0,
        (None, _) => return Ok(LoginReply::ChoosePosition { positions: cards.into_iter().map(info).collect() }),
        (Some(code), _) => cards
            .iter()
            .position(|card| card.position.code == *code)
            .ok_or_else(|| HttpError::position_changed("that position is not yours: choose again"))?,
    };
    let card = cards.swap_remove(chosen);
    let scope = organisation::scope(tx, part_id, card.position.id)?
        .ok_or_else(|| HttpError::position_changed("that position is gone: choose again"))?;
    let introduction = Introduction { id: request.device.id, model: &request.device.model, app_version: &request.device.app_version };
    let device = devices::sign_in(tx, &scope, account.id, introduction, now)?;
    let library_roots = library::roots(tx, part_id)?;
    tokens::issue(tx, token_hash(&token), part_id, device.id, account.id, scope.position, now)?;
    Ok(LoginReply::SignedIn(Box::new(SignedIn {
        token,
        user_name: account.name.clone(),
        position: info(card),
        number_prefix: device.number_prefix,
        number_floor: device.number_floor,
        device_seq_floor: device.device_seq_floor,
        server_time_ms: now,
        library_part: (!library_roots.is_empty()).then(|| part_id.clone()),
        library_roots,
    })))
}

fn info(card: PositionCard) -> PositionInfo {
    PositionInfo {
        id: card.position.id,
        code: card.position.code,
        name: card.position.name,
        role: card.position.role,
        territory: card.territories,
        distributor_id: card.position.distributor,
        distributor: card.distributor_name,
    }
}

/// `POST /v1/logout`: ends the session.
///
/// # Errors
///
/// A201 when it has ended before.
pub async fn logout(State(app): State<App>, device: AuthenticatedDevice) -> Result<StatusCode, HttpError> {
    let now = app.now();
    database::write(&app.store, move |tx| tokens::revoke(tx, device.token, Revoked::Logout, now)).await?;
    Ok(StatusCode::NO_CONTENT)
}
