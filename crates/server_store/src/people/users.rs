//! Accounts: who may sign in.

use polevik_domain::ids::{PositionId, UserId};
use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::error::Result;
use crate::part;
use crate::people::tokens::{self, Revoked};

/// A person to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// As the office writes it; the login is this without regard to case.
    pub email: &'a str,
    /// The person's name.
    pub name: &'a str,
    /// argon2id as a PHC string.
    pub password_hash: &'a str,
}

/// An account as the login needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its part.
    pub part_id: String,
    /// Its id.
    pub id: UserId,
    /// The person's name.
    pub name: String,
    /// argon2id as a PHC string.
    pub password_hash: String,
    /// Whether the person may still sign in.
    pub active: bool,
}

/// What stands in the directory of logins for an e-mail as typed: trimmed, lower case.
#[must_use]
pub fn login_of(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Makes an account; `None`, and nothing made, if the login is taken in any part.
///
/// # Errors
///
/// When the database refuses.
pub fn insert(tx: &Transaction<'_>, part_id: &str, user: NewUser<'_>, now: UtcMillis) -> Result<Option<UserId>> {
    let id = part::take_ids(tx, part_id, "user_account", 1)?;
    let named = tx.prepare_cached(INSERT_LOGIN)?.execute(params![login_of(user.email), part_id, id])?;
    if named == 0 {
        return Ok(None);
    }
    tx.prepare_cached(INSERT)?.execute(params![part_id, id, user.email.trim(), user.name, user.password_hash, now.0])?;
    Ok(Some(UserId(id)))
}

const INSERT_LOGIN: &str = "
    -- users::insert
    INSERT INTO login_name (login, part_id, user_id)
    VALUES (?1, ?2, ?3)
    ON CONFLICT (login) DO NOTHING";

const INSERT: &str = "
    -- users::insert
    INSERT INTO user_account (part_id, id, email, name, password_hash, active, created_at_ms, changed_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6)";

/// The account of a login as typed.
///
/// # Errors
///
/// When the database refuses.
pub fn by_login(tx: &Transaction<'_>, email: &str) -> Result<Option<Account>> {
    let found = tx
        .prepare_cached(BY_LOGIN)?
        .query_row([login_of(email)], |row| {
            Ok(Account {
                part_id: row.get("part_id")?,
                id: UserId(row.get("id")?),
                name: row.get("name")?,
                password_hash: row.get("password_hash")?,
                active: row.get("active")?,
            })
        })
        .optional()?;
    Ok(found)
}

const BY_LOGIN: &str = "
    -- users::by_login
    SELECT u.part_id, u.id, u.name, u.password_hash, u.active
      FROM login_name n
      JOIN user_account u ON u.part_id = n.part_id AND u.id = n.user_id
     WHERE n.login = ?1";

/// Stores the same password under newer parameters. Sessions go on.
///
/// # Errors
///
/// When the database refuses.
pub fn rehash(tx: &Transaction<'_>, part_id: &str, user: UserId, password_hash: &str, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(SET_HASH)?.execute(params![part_id, user.0, password_hash, now.0])?;
    Ok(())
}

/// Sets another password and ends the person's sessions.
///
/// # Errors
///
/// When the database refuses.
pub fn set_password(tx: &Transaction<'_>, part_id: &str, user: UserId, password_hash: &str, now: UtcMillis) -> Result<()> {
    rehash(tx, part_id, user, password_hash, now)?;
    tokens::revoke_of_user(tx, part_id, user, Revoked::PasswordChanged, now)?;
    Ok(())
}

const SET_HASH: &str = "
    -- users::rehash
    UPDATE user_account
       SET password_hash = ?3, changed_at_ms = ?4
     WHERE part_id = ?1 AND id = ?2";

/// Lets a person take a position. Twice is harmless.
///
/// # Errors
///
/// When the database refuses.
pub fn assign_position(tx: &Transaction<'_>, part_id: &str, user: UserId, position: PositionId) -> Result<()> {
    tx.prepare_cached(ASSIGN)?.execute(params![part_id, user.0, position.0])?;
    Ok(())
}

const ASSIGN: &str = "
    -- users::assign_position
    INSERT INTO user_position (part_id, user_id, position_id)
    VALUES (?1, ?2, ?3)
    ON CONFLICT (part_id, user_id, position_id) DO NOTHING";

/// Takes a position away from a person, and ends their sessions in it. Twice is harmless.
///
/// # Errors
///
/// When the database refuses.
pub fn withdraw_position(tx: &Transaction<'_>, part_id: &str, user: UserId, position: PositionId, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(WITHDRAW)?.execute(params![part_id, user.0, position.0])?;
    tokens::revoke_of_position(tx, part_id, user, position, Revoked::PositionChanged, now)?;
    Ok(())
}

const WITHDRAW: &str = "
    -- users::withdraw_position
    DELETE FROM user_position
     WHERE part_id = ?1 AND user_id = ?2 AND position_id = ?3";
