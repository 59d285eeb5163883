//! Installations of the mobile module.

use polevik_domain::ids::{DeviceId, PositionId, UserId};
use polevik_domain::numbering::device_prefix;
use polevik_domain::position::Scope;
use polevik_domain::time::UtcMillis;
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::error::{Result, StoreError};
use crate::part;

/// Times of last contact and last use are kept to this many milliseconds, so that asking for news costs no write.
pub const CONTACT_PRECISION_MS: i64 = 5 * 60 * 1_000;

/// The longest model or version kept, in characters.
const MAX_TEXT_CHARS: usize = 100;

/// What a device says of itself when it signs in.
#[derive(Debug, Clone, Copy)]
pub struct Introduction<'a> {
    /// Made by the device at its first start.
    pub id: DeviceId,
    /// Model or browser.
    pub model: &'a str,
    /// Version of the application.
    pub app_version: &'a str,
}

/// A device as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Prefix of its document numbers.
    pub number_prefix: String,
    /// Highest sequence seen under the prefix.
    pub number_floor: u32,
    /// Highest `device_seq` seen.
    pub device_seq_floor: u64,
    /// How many revisions it has sent.
    pub device_seq_received: u64,
    /// Since when it is blocked.
    pub blocked_at: Option<UtcMillis>,
    /// Who signed in last.
    pub user: UserId,
}

impl Device {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let id: Vec<u8> = row.get("id")?;
        Ok(Self {
            id: DeviceId::from_slice(&id).ok_or(StoreError::Corrupt("the id of a device"))?,
            number_prefix: row.get("number_prefix")?,
            number_floor: row.get("number_floor")?,
            device_seq_floor: row.get::<_, i64>("device_seq_floor")?.cast_unsigned(),
            device_seq_received: row.get::<_, i64>("device_seq_received")?.cast_unsigned(),
            blocked_at: row.get::<_, Option<i64>>("blocked_at_ms")?.map(UtcMillis),
            user: UserId(row.get("user_id")?),
        })
    }

    /// Revisions that the device has numbered and the server has not seen.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.device_seq_floor.saturating_sub(self.device_seq_received)
    }
}

/// A device of a part; `None` if it never signed in.
///
/// # Errors
///
/// When the database refuses.
pub fn find(tx: &Transaction<'_>, part_id: &str, id: DeviceId) -> Result<Option<Device>> {
    tx.prepare_cached(FIND)?.query_and_then(params![part_id, id.as_bytes()], Device::from_row)?.next().transpose()
}

const FIND: &str = "
    -- devices::find
    SELECT id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id
      FROM device
     WHERE part_id = ?1 AND id = ?2";

/// Notes that a person signed in on a device. A device that was never seen gets the next number prefix of its part.
///
/// # Errors
///
/// [`StoreError::Corrupt`] when all prefixes are spent (28,000 devices), or when the database refuses.
pub fn sign_in(tx: &Transaction<'_>, scope: &Scope, user: UserId, introduction: Introduction<'_>, now: UtcMillis) -> Result<Device> {
    let known = find(tx, &scope.part_id, introduction.id)?;
    let prefix = match known {
        Some(device) => device.number_prefix,
        None => {
            let n = part::take_ids(tx, &scope.part_id, "device_number", 1)? - 1;
            u32::try_from(n).ok().and_then(device_prefix).ok_or(StoreError::Corrupt("no number prefix is left for another device"))?
        }
    };
    tx.prepare_cached(SIGN_IN)?
        .query_and_then(
            params![
                scope.part_id,
                introduction.id.as_bytes(),
                prefix,
                shortened(introduction.model),
                shortened(introduction.app_version),
                user.0,
                scope.position.0,
                now.0,
            ],
            Device::from_row,
        )?
        .next()
        .unwrap_or(Err(StoreError::Corrupt("a device that was just written")))
}

const SIGN_IN: &str = "
    -- devices::sign_in
    INSERT INTO device (part_id, id, number_prefix, number_floor, model, app_version, user_id, position_id, first_seen_at_ms,
                        last_contact_at_ms, blocked_at_ms, block_reason, device_seq_floor, device_seq_received)
    VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?8, NULL, '', 0, 0)
    ON CONFLICT (part_id, id) DO UPDATE
       SET model = excluded.model, app_version = excluded.app_version, user_id = excluded.user_id, position_id = excluded.position_id,
           last_contact_at_ms = excluded.last_contact_at_ms
    RETURNING id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id";

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect()
}

/// What a batch of documents told about its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Highest `device_seq` in it.
    pub device_seq: u64,
    /// Revisions in it that had not come before.
    pub new_revisions: u64,
    /// Highest sequence under the device's prefix in it; 0 if none.
    pub number_sequence: u32,
}

/// Notes what a batch told, and gives the device as it is then.
///
/// # Errors
///
/// When the database refuses.
pub fn note_progress(tx: &Transaction<'_>, part_id: &str, id: DeviceId, progress: Progress, now: UtcMillis) -> Result<Device> {
    let seq = i64::try_from(progress.device_seq).unwrap_or(i64::MAX);
    let new = i64::try_from(progress.new_revisions).unwrap_or(i64::MAX);
    tx.prepare_cached(NOTE_PROGRESS)?
        .query_and_then(params![part_id, id.as_bytes(), seq, new, progress.number_sequence, now.0], Device::from_row)?
        .next()
        .unwrap_or(Err(StoreError::Corrupt("the device of a document")))
}

const NOTE_PROGRESS: &str = "
    -- devices::note_progress
    UPDATE device
       SET device_seq_floor = CASE WHEN ?3 > device_seq_floor THEN ?3 ELSE device_seq_floor END,
           device_seq_received = device_seq_received + ?4,
           number_floor = CASE WHEN ?5 > number_floor THEN ?5 ELSE number_floor END,
           last_contact_at_ms = ?6
     WHERE part_id = ?1 AND id = ?2
    RETURNING id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id";

/// Notes that the device asked for something.
///
/// # Errors
///
/// When the database refuses.
pub fn note_contact(tx: &Transaction<'_>, part_id: &str, id: DeviceId, now: UtcMillis) -> Result<()> {
    tx.prepare_cached(NOTE_CONTACT)?.execute(params![part_id, id.as_bytes(), now.0])?;
    Ok(())
}

const NOTE_CONTACT: &str = "
    -- devices::note_contact
    UPDATE device
       SET last_contact_at_ms = ?3
     WHERE part_id = ?1 AND id = ?2";

/// Blocks a device. `false` if the part has no such device; blocking twice keeps the first time and takes the new reason.
///
/// # Errors
///
/// When the database refuses.
pub fn block(tx: &Transaction<'_>, part_id: &str, id: DeviceId, reason: &str, now: UtcMillis) -> Result<bool> {
    Ok(tx.prepare_cached(BLOCK)?.execute(params![part_id, id.as_bytes(), reason, now.0])? == 1)
}

const BLOCK: &str = "
    -- devices::block
    UPDATE device
       SET blocked_at_ms = COALESCE(blocked_at_ms, ?4), block_reason = ?3
     WHERE part_id = ?1 AND id = ?2";

/// Lets a blocked device in again; its token, unless spent meanwhile, is good again. `false` if the part has no such device.
///
/// # Errors
///
/// When the database refuses.
pub fn unblock(tx: &Transaction<'_>, part_id: &str, id: DeviceId) -> Result<bool> {
    Ok(tx.prepare_cached(UNBLOCK)?.execute(params![part_id, id.as_bytes()])? == 1)
}

const UNBLOCK: &str = "
    -- devices::unblock
    UPDATE device
       SET blocked_at_ms = NULL, block_reason = ''
     WHERE part_id = ?1 AND id = ?2";

/// A device as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceEntry {
    /// The device.
    pub device: Device,
    /// Its part.
    pub part_id: String,
    /// Model or browser.
    pub model: String,
    /// Version of the application.
    pub app_version: String,
    /// E-mail of who signed in last.
    pub email: String,
    /// Code of the position taken last.
    pub position_code: String,
    /// Its id.
    pub position: PositionId,
    /// Last contact, exact to [`CONTACT_PRECISION_MS`].
    pub last_contact_at: UtcMillis,
    /// Why it is blocked; may be empty.
    pub block_reason: String,
}

/// All devices of a part, the latest contact first.
///
/// # Errors
///
/// When the database refuses.
pub fn list(tx: &Transaction<'_>, part_id: &str) -> Result<Vec<DeviceEntry>> {
    tx.prepare_cached(LIST)?
        .query_and_then([part_id], |row| {
            Ok(DeviceEntry {
                device: Device::from_row(row)?,
                part_id: row.get("part_id")?,
                model: row.get("model")?,
                app_version: row.get("app_version")?,
                email: row.get("email")?,
                position_code: row.get("position_code")?,
                position: PositionId(row.get("position_id")?),
                last_contact_at: UtcMillis(row.get("last_contact_at_ms")?),
                block_reason: row.get("block_reason")?,
            })
        })?
        .collect()
}

const LIST: &str = "
    -- devices::list
    SELECT d.part_id, d.id, d.number_prefix, d.number_floor, d.device_seq_floor, d.device_seq_received, d.blocked_at_ms, d.user_id,
           d.model, d.app_version, d.position_id, d.last_contact_at_ms, d.block_reason,
           COALESCE(u.email, '') AS email, COALESCE(p.code, '') AS position_code
      FROM device d
      LEFT JOIN user_account u ON u.part_id = d.part_id AND u.id = d.user_id
      LEFT JOIN position p ON p.part_id = d.part_id AND p.id = d.position_id
     WHERE d.part_id = ?1
     ORDER BY d.last_contact_at_ms DESC, d.id";

/// Whether this device has signed in with this account before: its login attempts are not a stranger's.
///
/// # Errors
///
/// When the database refuses.
pub fn is_known_to(tx: &Transaction<'_>, part_id: &str, id: DeviceId, user: UserId) -> Result<bool> {
    let known = tx.prepare_cached(IS_KNOWN)?.query_row(params![part_id, id.as_bytes(), user.0], |_| Ok(())).optional()?;
    Ok(known.is_some())
}

const IS_KNOWN: &str = "
    -- devices::is_known_to
    SELECT 1
      FROM device
     WHERE part_id = ?1 AND id = ?2 AND user_id = ?3";
