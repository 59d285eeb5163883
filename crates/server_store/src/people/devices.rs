//! Installations of the mobile module.

use polevik_domain::ids::{DeviceId, PositionId, UserId};
use polevik_domain::numbering::{device_prefix, device_prefix_number};
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
    /// The first device of its chain; itself if it never went on under another id.
    pub lineage: DeviceId,
}

impl Device {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let id: Vec<u8> = row.get("id")?;
        let lineage: Vec<u8> = row.get("lineage")?;
        Ok(Self {
            id: DeviceId::from_slice(&id).ok_or(StoreError::Corrupt("the id of a device"))?,
            number_prefix: row.get("number_prefix")?,
            number_floor: row.get("number_floor")?,
            device_seq_floor: row.get::<_, i64>("device_seq_floor")?.cast_unsigned(),
            device_seq_received: row.get::<_, i64>("device_seq_received")?.cast_unsigned(),
            blocked_at: row.get::<_, Option<i64>>("blocked_at_ms")?.map(UtcMillis),
            user: UserId(row.get("user_id")?),
            lineage: DeviceId::from_slice(&lineage).ok_or(StoreError::Corrupt("the first device of a chain"))?,
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
    SELECT id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id, lineage
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
        None => next_prefix(tx, &scope.part_id)?,
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
                        last_contact_at_ms, blocked_at_ms, block_reason, device_seq_floor, device_seq_received, lineage)
    VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?8, NULL, '', 0, 0, ?2)
    ON CONFLICT (part_id, id) DO UPDATE
       SET model = excluded.model, app_version = excluded.app_version, user_id = excluded.user_id, position_id = excluded.position_id,
           last_contact_at_ms = excluded.last_contact_at_ms
    RETURNING id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id, lineage";

/// Name of the counter of prefixes.
const DEVICE_NUMBER: &str = "device_number";

fn next_prefix(tx: &Transaction<'_>, part_id: &str) -> Result<String> {
    let n = part::take_ids(tx, part_id, DEVICE_NUMBER, 1)? - 1;
    u32::try_from(n).ok().and_then(device_prefix).ok_or(StoreError::Corrupt("no number prefix is left for another device"))
}

/// Gives up the next `count` number prefixes: after a restore from a backup they may be in use on devices that the backup does not know.
///
/// # Errors
///
/// When the database refuses.
pub fn skip_prefixes(tx: &Transaction<'_>, part_id: &str, count: u32) -> Result<()> {
    part::take_ids(tx, part_id, DEVICE_NUMBER, i64::from(count))?;
    Ok(())
}

/// Whether orders of a device may carry a prefix: one of its chain, or one that was given out and that no device has, which happens after
/// the server was restored from a backup.
///
/// # Errors
///
/// When the database refuses.
pub fn may_number_with(tx: &Transaction<'_>, part_id: &str, lineage: DeviceId, prefix: &str) -> Result<bool> {
    let owner: Option<Vec<u8>> =
        tx.prepare_cached(LINEAGE_OF_PREFIX)?.query_row(params![part_id, prefix], |row| row.get("lineage")).optional()?;
    match (owner, device_prefix_number(prefix)) {
        (Some(owner), _) => Ok(owner == lineage.as_bytes()),
        (None, None) => Ok(false),
        (None, Some(n)) => {
            let next: Option<i64> =
                tx.prepare_cached(NEXT_PREFIX)?.query_row(params![part_id, DEVICE_NUMBER], |row| row.get("next")).optional()?;
            // Counted from 1 there, from 0 here.
            Ok(next.is_some_and(|next| i64::from(n) + 1 < next))
        }
    }
}

const LINEAGE_OF_PREFIX: &str = "
    -- devices::may_number_with
    SELECT lineage
      FROM device
     WHERE part_id = ?1 AND number_prefix = ?2";

const NEXT_PREFIX: &str = "
    -- devices::may_number_with
    SELECT next
      FROM id_counter
     WHERE part_id = ?1 AND table_name = ?2";

/// Most new lives of one chain in a day.
pub const MAX_NEW_LIVES_PER_DAY: u32 = 32;

const DAY_MS: i64 = 86_400_000;

/// A new life of `old`, which said that `given_seq` was the last number it gave: another id and another prefix, of the same person, position
/// and chain. `None` if the chain had too many of them today.
///
/// A device that asks again because it has not heard the answer is given the same one, as long as nobody has used it.
///
/// # Errors
///
/// When the database refuses.
pub fn enrol_again(
    tx: &Transaction<'_>,
    part_id: &str,
    old: &Device,
    new: DeviceId,
    given_seq: u64,
    now: UtcMillis,
) -> Result<Option<Device>> {
    let given = i64::try_from(given_seq).unwrap_or(i64::MAX);
    let day_ago = now.plus_millis(-DAY_MS).0;
    let asked_before: Option<Device> = tx
        .prepare_cached(ENROLLED_BEFORE)?
        .query_and_then(params![part_id, old.lineage.as_bytes(), old.id.as_bytes(), given, day_ago], Device::from_row)?
        .next()
        .transpose()?;
    if asked_before.is_some() {
        return Ok(asked_before);
    }
    let today: u32 = tx.prepare_cached(NEW_LIVES)?.query_row(params![part_id, old.lineage.as_bytes(), day_ago], |row| row.get("n"))?;
    if today >= MAX_NEW_LIVES_PER_DAY {
        return Ok(None);
    }
    let prefix = next_prefix(tx, part_id)?;
    tx.prepare_cached(ENROL_AGAIN)?
        .query_and_then(params![part_id, old.id.as_bytes(), new.as_bytes(), prefix, given, now.0], Device::from_row)?
        .next()
        .transpose()
}

const ENROLLED_BEFORE: &str = "
    -- devices::enrol_again
    SELECT id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id, lineage
      FROM device
     WHERE part_id = ?1 AND lineage = ?2 AND continues_id = ?3 AND continues_given_seq = ?4 AND first_seen_at_ms > ?5
       AND NOT EXISTS (SELECT 1
                         FROM device_token t
                        WHERE t.part_id = device.part_id AND t.device_id = device.id AND t.last_used_at_ms >= t.made_at_ms)
     ORDER BY first_seen_at_ms DESC, id
     LIMIT 1";

const NEW_LIVES: &str = "
    -- devices::enrol_again
    SELECT COUNT(*) AS n
      FROM device
     WHERE part_id = ?1 AND lineage = ?2 AND first_seen_at_ms > ?3 AND continues_id IS NOT NULL";

const ENROL_AGAIN: &str = "
    -- devices::enrol_again
    INSERT INTO device (part_id, id, number_prefix, number_floor, model, app_version, user_id, position_id, first_seen_at_ms,
                        last_contact_at_ms, blocked_at_ms, block_reason, device_seq_floor, device_seq_received, lineage, continues_id,
                        continues_given_seq)
    SELECT part_id, ?3, ?4, 0, model, app_version, user_id, position_id, ?6, ?6, NULL, '', 0, 0, lineage, id, ?5
      FROM device
     WHERE part_id = ?1 AND id = ?2
    RETURNING id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id, lineage";

/// How often a device is told to offer its answered documents again before the server takes what it was answered as its count: so many
/// answers are not lost one after another, so it heard and has nothing to offer.
pub const MAX_RE_OFFERS_TOLD: u32 = 100;

/// Whether a device that was answered up to `answered_seq` shall offer its documents again, since the server knows less than that. After it
/// was told [`MAX_RE_OFFERS_TOLD`] times and nothing came, the server takes its word: what it has no more cannot come.
///
/// # Errors
///
/// When the database refuses.
pub fn shall_re_offer(tx: &Transaction<'_>, part_id: &str, id: DeviceId, answered_seq: u64) -> Result<bool> {
    let answered = i64::try_from(answered_seq).unwrap_or(i64::MAX);
    let told: Option<u32> = tx
        .prepare_cached(TELL_RE_OFFER)?
        .query_row(params![part_id, id.as_bytes(), answered], |row| row.get("re_offers_told"))
        .optional()?;
    match told {
        None => Ok(false),
        Some(told) if told <= MAX_RE_OFFERS_TOLD => Ok(true),
        Some(_) => {
            tx.prepare_cached(TAKE_ITS_WORD)?.execute(params![part_id, id.as_bytes(), answered])?;
            Ok(false)
        }
    }
}

const TELL_RE_OFFER: &str = "
    -- devices::shall_re_offer
    UPDATE device
       SET re_offers_told = re_offers_told + 1
     WHERE part_id = ?1 AND id = ?2 AND device_seq_floor < ?3
    RETURNING re_offers_told";

const TAKE_ITS_WORD: &str = "
    -- devices::shall_re_offer
    UPDATE device
       SET device_seq_floor = ?3, re_offers_told = 0
     WHERE part_id = ?1 AND id = ?2";

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect()
}

/// What a batch of documents told about its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Highest `device_seq` in it.
    pub device_seq: u64,
    /// Numbered revisions in it that had not come before under this id, and those that will not come any more.
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
           re_offers_told = CASE WHEN ?3 > device_seq_floor THEN 0 ELSE re_offers_told END,
           last_contact_at_ms = ?6
     WHERE part_id = ?1 AND id = ?2
    RETURNING id, number_prefix, number_floor, device_seq_floor, device_seq_received, blocked_at_ms, user_id, lineage";

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
           d.lineage, d.model, d.app_version, d.position_id, d.last_contact_at_ms, d.block_reason,
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
