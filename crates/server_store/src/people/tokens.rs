//! Sessions: by which token which device is known.

use polevik_domain::ids::{DeviceId, PositionId, UserId};
use polevik_domain::time::UtcMillis;
use rusqlite::{Transaction, params};

use super::devices::CONTACT_PRECISION_MS;
use crate::error::{Result, StoreError};

/// The longest life of a token, in milliseconds: 90 days.
pub const MAX_AGE_MS: i64 = 90 * 86_400_000;

/// The longest time a token may lie unused, in milliseconds: 30 days.
pub const MAX_IDLE_MS: i64 = 30 * 86_400_000;

/// BLAKE3-256 of a token; the token itself is nowhere on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// Why a token is not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The person signed out.
    Logout,
    /// The same device signed in again.
    NewerLogin,
    /// The person has another password.
    PasswordChanged,
    /// The person may not take the position any more.
    PositionChanged,
}

impl Revoked {
    const NAMED: [(Self, &'static str); 4] = [
        (Self::Logout, "logout"),
        (Self::NewerLogin, "newer_login"),
        (Self::PasswordChanged, "password_changed"),
        (Self::PositionChanged, "position_changed"),
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::NewerLogin => "newer_login",
            Self::PasswordChanged => "password_changed",
            Self::PositionChanged => "position_changed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(_, word)| *word == text).map(|(reason, _)| *reason)
    }
}

/// Whose token it is, and everything that decides whether it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The part.
    pub part_id: String,
    /// The device it was given to.
    pub device: DeviceId,
    /// The first device of its chain.
    pub lineage: DeviceId,
    /// The highest `device_seq` the server has seen of the device.
    pub device_seq_floor: u64,
    /// The person.
    pub user: UserId,
    /// The position taken.
    pub position: PositionId,
    /// When it was made.
    pub made_at: UtcMillis,
    /// When it ends at the latest.
    pub expires_at: UtcMillis,
    /// Last use, exact to [`crate::people::devices::CONTACT_PRECISION_MS`].
    pub last_used_at: UtcMillis,
    /// Why it was revoked, if it was.
    pub revoked: Option<Revoked>,
    /// Whether the device is blocked.
    pub device_blocked: bool,
    /// Whether the account is active.
    pub user_active: bool,
    /// Whether the person may still take the position.
    pub holds_position: bool,
}

/// Gives a device its token, and revokes those it had.
///
/// # Errors
///
/// When the database refuses.
pub fn issue(
    tx: &Transaction<'_>,
    hash: TokenHash,
    part_id: &str,
    device: DeviceId,
    user: UserId,
    position: PositionId,
    now: UtcMillis,
) -> Result<()> {
    tx.prepare_cached(REVOKE_OF_DEVICE)?.execute(params![part_id, device.as_bytes(), Revoked::NewerLogin.as_str(), now.0])?;
    let expires = now.plus_millis(MAX_AGE_MS);
    tx.prepare_cached(ISSUE)?.execute(params![hash.0, part_id, device.as_bytes(), user.0, position.0, now.0, expires.0])?;
    Ok(())
}

/// Gives a new life of a device its token. Older ones stay good, for whoever goes on with them. It counts as used from its first request on.
///
/// # Errors
///
/// When the database refuses.
pub fn issue_unused(
    tx: &Transaction<'_>,
    hash: TokenHash,
    part_id: &str,
    device: DeviceId,
    user: UserId,
    position: PositionId,
    now: UtcMillis,
) -> Result<()> {
    tx.prepare_cached(ISSUE_UNUSED)?.execute(params![
        hash.0,
        part_id,
        device.as_bytes(),
        user.0,
        position.0,
        now.0,
        now.plus_millis(MAX_AGE_MS).0,
        // So long ago that its first use is noted, whenever it comes.
        now.plus_millis(-CONTACT_PRECISION_MS).0,
    ])?;
    Ok(())
}

const ISSUE_UNUSED: &str = "
    -- tokens::issue_unused
    INSERT INTO device_token (token_hash, part_id, device_id, user_id, position_id, made_at_ms, expires_at_ms, last_used_at_ms,
                              revoked_at_ms, revoked_because)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, '')";

/// How far the clocks of a device and the server may differ when it is asked under which position a document was made, in milliseconds.
const CLOCK_SLACK_MS: i64 = 10 * 60 * 1_000;

/// The positions under which a device's chain may have made a document at `created_at` before it signed in as what it is now.
///
/// # Errors
///
/// When the database refuses.
pub fn former_positions(
    tx: &Transaction<'_>,
    part_id: &str,
    lineage: DeviceId,
    user: UserId,
    now_is: PositionId,
    created_at: UtcMillis,
) -> Result<Vec<PositionId>> {
    tx.prepare_cached(FORMER_POSITIONS)?
        .query_and_then(params![part_id, lineage.as_bytes(), user.0, now_is.0, created_at.0, CLOCK_SLACK_MS], |row| {
            Ok(PositionId(row.get("position_id")?))
        })?
        .collect()
}

const FORMER_POSITIONS: &str = "
    -- tokens::former_positions
    SELECT DISTINCT t.position_id
      FROM device d
      JOIN device_token t ON t.part_id = d.part_id AND t.device_id = d.id
     WHERE d.part_id = ?1 AND d.lineage = ?2 AND t.user_id = ?3 AND t.position_id <> ?4 AND t.made_at_ms <= ?5 + ?6
       AND NOT EXISTS (SELECT 1
                         FROM device_token later
                        WHERE later.part_id = t.part_id AND later.device_id = t.device_id AND later.made_at_ms > t.made_at_ms
                          AND later.made_at_ms < ?5 - ?6)
     ORDER BY t.position_id";

/// Forgets at most `limit` tokens that ended before `before`: revoked, too old, or lying unused. Gives how many.
///
/// # Errors
///
/// When the database refuses.
pub fn prune(tx: &Transaction<'_>, before: UtcMillis, limit: u32) -> Result<usize> {
    Ok(tx.prepare_cached(PRUNE)?.execute(params![before.0, before.plus_millis(-MAX_IDLE_MS).0, limit])?)
}

const PRUNE: &str = "
    -- tokens::prune
    DELETE FROM device_token
     WHERE token_hash IN (SELECT token_hash
                            FROM device_token
                           WHERE revoked_at_ms < ?1 OR expires_at_ms < ?1 OR last_used_at_ms < ?2
                           ORDER BY token_hash
                           LIMIT ?3)";

const REVOKE_OF_DEVICE: &str = "
    -- tokens::issue
    UPDATE device_token
       SET revoked_because = ?3, revoked_at_ms = ?4
     WHERE part_id = ?1 AND device_id = ?2 AND revoked_at_ms IS NULL";

const ISSUE: &str = "
    -- tokens::issue
    INSERT INTO device_token (token_hash, part_id, device_id, user_id, position_id, made_at_ms, expires_at_ms, last_used_at_ms,
                              revoked_at_ms, revoked_because)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, NULL, '')";

/// The session of a token, good or not; `None` for a token that never was.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, hash: TokenHash) -> Result<Option<Session>> {
    tx.prepare_cached(FIND)?
        .query_and_then([hash.0], |row| {
            let device: Vec<u8> = row.get("device_id")?;
            let lineage: Vec<u8> = row.get("lineage")?;
            let because: String = row.get("revoked_because")?;
            Ok(Session {
                part_id: row.get("part_id")?,
                device: DeviceId::from_slice(&device).ok_or(StoreError::Corrupt("the device of a token"))?,
                lineage: DeviceId::from_slice(&lineage).ok_or(StoreError::Corrupt("the first device of a chain"))?,
                device_seq_floor: row.get::<_, i64>("device_seq_floor")?.cast_unsigned(),
                user: UserId(row.get("user_id")?),
                position: PositionId(row.get("position_id")?),
                made_at: UtcMillis(row.get("made_at_ms")?),
                expires_at: UtcMillis(row.get("expires_at_ms")?),
                last_used_at: UtcMillis(row.get("last_used_at_ms")?),
                revoked: match row.get::<_, Option<i64>>("revoked_at_ms")? {
                    None => None,
                    Some(_) => Some(Revoked::parse(&because).ok_or(StoreError::Corrupt("the reason of a revoked token"))?),
                },
                device_blocked: row.get("device_blocked")?,
                user_active: row.get("user_active")?,
                holds_position: row.get("holds_position")?,
            })
        })?
        .next()
        .transpose()
}

const FIND: &str = "
    -- tokens::find
    SELECT t.part_id, t.device_id, t.user_id, t.position_id, t.made_at_ms, t.expires_at_ms, t.last_used_at_ms, t.revoked_at_ms, t.revoked_because,
           d.lineage, d.device_seq_floor, d.blocked_at_ms IS NOT NULL AS device_blocked, u.active AS user_active, up.user_id IS NOT NULL AS holds_position
      FROM device_token t
      JOIN device d ON d.part_id = t.part_id AND d.id = t.device_id
      JOIN user_account u ON u.part_id = t.part_id AND u.id = t.user_id
      LEFT JOIN user_position up ON up.part_id = t.part_id AND up.user_id = t.user_id AND up.position_id = t.position_id
     WHERE t.token_hash = ?1";

/// Notes that a token was used.
///
/// # Errors
///
/// When the database refuses.
pub fn note_use(tx: &Transaction<'_>, hash: TokenHash, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(NOTE_USE)?.execute(params![hash.0, now.0])?;
    Ok(())
}

const NOTE_USE: &str = "
    -- tokens::note_use
    UPDATE device_token
       SET last_used_at_ms = ?2
     WHERE token_hash = ?1";

/// Revokes one token. Twice keeps the first reason.
///
/// # Errors
///
/// When the database refuses.
pub fn revoke(tx: &Transaction<'_>, hash: TokenHash, because: Revoked, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(REVOKE)?.execute(params![hash.0, because.as_str(), now.0])?;
    Ok(())
}

const REVOKE: &str = "
    -- tokens::revoke
    UPDATE device_token
       SET revoked_because = ?2, revoked_at_ms = ?3
     WHERE token_hash = ?1 AND revoked_at_ms IS NULL";

/// Revokes all tokens of a person.
///
/// # Errors
///
/// When the database refuses.
pub fn revoke_of_user(tx: &Transaction<'_>, part_id: &str, user: UserId, because: Revoked, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(REVOKE_OF_USER)?.execute(params![part_id, user.0, because.as_str(), now.0])?;
    Ok(())
}

const REVOKE_OF_USER: &str = "
    -- tokens::revoke_of_user
    UPDATE device_token
       SET revoked_because = ?3, revoked_at_ms = ?4
     WHERE part_id = ?1 AND user_id = ?2 AND revoked_at_ms IS NULL";

/// Revokes the tokens of a person in one position.
///
/// # Errors
///
/// When the database refuses.
pub fn revoke_of_position(
    tx: &Transaction<'_>,
    part_id: &str,
    user: UserId,
    position: PositionId,
    because: Revoked,
    now: UtcMillis,
) -> Result<()> {
    tx.prepare_cached(REVOKE_OF_POSITION)?.execute(params![part_id, user.0, position.0, because.as_str(), now.0])?;
    Ok(())
}

const REVOKE_OF_POSITION: &str = "
    -- tokens::revoke_of_position
    UPDATE device_token
       SET revoked_because = ?4, revoked_at_ms = ?5
     WHERE part_id = ?1 AND user_id = ?2 AND position_id = ?3 AND revoked_at_ms IS NULL";
