//! One word for the state of synchronisation: the chip of every top bar and the head of the synchronisation screen.
//!
//! Of several things that are true at once the one that matters most is said: error, needs attention, running, waiting, unsent, ok, never.

use polevik_device_api::ErrorCode;
use polevik_device_api::network::TrafficClass;
use polevik_device_api::sync::{Failure, RowId, RowState, RowView, Stage, SyncView, WaitReason};
use polevik_domain::time::UtcMillis;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summary {
    /// A row failed and waits.
    Failed(Failure),
    /// Documents the office refused.
    NeedAttention(u32),
    /// A session runs; percent when the end is known.
    Running(Option<u8>),
    /// Files that wait for Wi-Fi, or for the rep's word about the network.
    Waiting(u64),
    /// Documents that are only on this device.
    Unsent(u32),
    /// Everything is on the server; since when.
    Ok(UtcMillis),
    /// Nothing has been loaded yet.
    Never,
}

/// The one thing to say of `sync`.
#[must_use]
pub fn summary(sync: &SyncView) -> Summary {
    let failure = sync.rows.iter().find_map(failure_of);
    // While a session runs, what failed before is being tried again.
    if sync.running {
        return Summary::Running(percent(sync));
    }
    if let Some(failure) = failure {
        return Summary::Failed(failure.clone());
    }
    let attention: u32 = sync.rows.iter().map(attention_of).sum();
    if attention > 0 {
        return Summary::NeedAttention(attention);
    }
    let mut waiting = sync.rows.iter().filter_map(|row| waits_for_network(&row.state)).peekable();
    if waiting.peek().is_some() {
        return Summary::Waiting(waiting.sum());
    }
    let unsent: u32 = sync.rows.iter().map(unsent_of).sum();
    if unsent > 0 {
        return Summary::Unsent(unsent);
    }
    // Files follow when they can; work is possible with the mandatory rows alone.
    let mandatory = sync.rows.iter().filter(|row| row.id.traffic() == TrafficClass::Mandatory);
    match mandatory.map(|row| row.last_success).min().flatten() {
        Some(oldest) => Summary::Ok(oldest),
        None => Summary::Never,
    }
}

/// The failure a row shows.
#[must_use]
pub fn failure_of(row: &RowView) -> Option<&Failure> {
    match &row.state {
        RowState::Failed { failure, .. } => Some(failure),
        RowState::Never
        | RowState::Queued
        | RowState::Waiting { .. }
        | RowState::Running { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Stopped => None,
    }
}

/// How many files a row holds back until there is another network or the rep agrees; `None` if it does not wait for that.
#[must_use]
pub fn waits_for_network(state: &RowState) -> Option<u64> {
    match state {
        RowState::Waiting { reason: WaitReason::OpenVisit, .. } => None,
        RowState::Waiting { files, .. } => Some(*files),
        RowState::Never
        | RowState::Queued
        | RowState::Running { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Failed { .. }
        | RowState::Stopped => None,
    }
}

/// What of a row needs the rep: documents that were refused or set aside, and photos that are gone.
#[must_use]
pub fn attention_of(row: &RowView) -> u32 {
    row.need_attention.saturating_add(row.lost_photos)
}

/// Documents and photos of a row that wait to be sent.
#[must_use]
pub fn unsent_of(row: &RowView) -> u32 {
    let photos = if row.id == RowId::UploadMaterials { row.files_waiting } else { 0 };
    row.orders_waiting.saturating_add(row.visits_waiting).saturating_add(row.withdrawals_waiting).saturating_add(photos)
}

/// How fast the bytes of a stage move, and so how long they still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    stage: Stage,
    since: UtcMillis,
    from_bytes: u64,
    /// Seconds left, once enough was seen to say so.
    pub seconds_left: Option<i64>,
}

/// Before so much time has passed a pace is a guess.
const PACE_AFTER_MS: i64 = 2_000;

impl Pace {
    /// What is known at `now` of the row that runs, after what was known `before`; `None` while no bytes move towards a known end.
    #[must_use]
    pub fn of(state: &RowState, now: UtcMillis, before: Option<Self>) -> Option<Self> {
        let RowState::Running { stage, bytes, bytes_total, .. } = *state else { return None };
        if bytes_total == 0 {
            return None;
        }
        let start = before.filter(|pace| pace.stage == stage && pace.from_bytes <= bytes && pace.since <= now);
        let start = start.unwrap_or(Self { stage, since: now, from_bytes: bytes, seconds_left: None });
        let (millis, moved) = (now.since(start.since), bytes - start.from_bytes);
        if millis < PACE_AFTER_MS || moved == 0 {
            return Some(start);
        }
        let left = u128::from(bytes_total.saturating_sub(bytes)) * u128::from(millis.unsigned_abs()) / u128::from(moved) / 1_000;
        Some(Self { seconds_left: i64::try_from(left).ok(), ..start })
    }
}

/// How far the row that runs is.
#[must_use]
pub fn percent(sync: &SyncView) -> Option<u8> {
    sync.rows.iter().find_map(|row| percent_of(&row.state))
}

/// Percent of a download's way that its bytes make; writing the rows is the rest.
const FETCHING_PERCENT: u8 = 80;

/// How far a running row is; `None` while the end is not known. It never goes back from one stage to the next.
#[must_use]
pub fn percent_of(state: &RowState) -> Option<u8> {
    let RowState::Running { stage, done, total, bytes, bytes_total } = *state else {
        return None;
    };
    match stage {
        Stage::Connecting => None,
        Stage::Uploading | Stage::CheckingLibrary => share(done, total).or_else(|| share(bytes, bytes_total)),
        Stage::Downloading => Some(part(share(bytes, bytes_total)?, FETCHING_PERCENT)),
        // Bytes first: files are of very different lengths.
        Stage::SendingFiles | Stage::FetchingFiles | Stage::FetchingLibrary => share(bytes, bytes_total).or_else(|| share(done, total)),
        Stage::Applying => Some(FETCHING_PERCENT + part(share(done, total)?, 100 - FETCHING_PERCENT)),
    }
}

/// `percent` of `whole` percent.
fn part(percent: u8, whole: u8) -> u8 {
    u8::try_from(u16::from(percent) * u16::from(whole) / 100).unwrap_or(whole)
}

/// `done` of `total` in percent, never above 100; `None` while the end is not known.
#[must_use]
pub fn share(done: u64, total: u64) -> Option<u8> {
    (total > 0).then(|| u8::try_from(u128::from(done.min(total)) * 100 / u128::from(total)).unwrap_or(100))
}

/// Whether the rep has to sign in before anything can be synchronised.
#[must_use]
pub fn needs_login(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::LoginNeeded | ErrorCode::PositionChanged)
}

#[cfg(test)]
mod tests {
    use polevik_device_api::network::NetworkClass;

    use super::*;

    fn row(id: RowId, state: RowState) -> RowView {
        RowView {
            id,
            state,
            failure: None,
            last_success: Some(UtcMillis(5)),
            last_attempt: None,
            changed: false,
            files_waiting: 0,
            bytes_waiting: 0,
            lost_photos: 0,
            library_version: None,
            library_bytes: None,
            orders_waiting: 0,
            visits_waiting: 0,
            withdrawals_waiting: 0,
            need_attention: 0,
            parked: 0,
            re_offered: 0,
        }
    }

    fn sync(rows: Vec<RowView>, running: bool) -> SyncView {
        SyncView {
            rows,
            running,
            tag: None,
            result: None,
            last_counts: None,
            network: NetworkClass::WiFi,
            wifi_only: true,
            clock_offset_ms: 0,
            now: UtcMillis(9),
        }
    }

    fn failed() -> RowState {
        let failure = Failure::new(ErrorCode::ServerSilent, "");
        RowState::Failed { failure, next_try_at: None }
    }

    #[test]
    fn what_matters_most_is_said() {
        let ok = || row(RowId::DownloadMandatory, RowState::Ok);
        let unsent = || RowView { orders_waiting: 2, visits_waiting: 1, ..row(RowId::UploadMandatory, RowState::Ok) };
        assert_eq!(summary(&sync(vec![ok(), ok()], false)), Summary::Ok(UtcMillis(5)));
        assert_eq!(summary(&sync(vec![ok(), unsent()], false)), Summary::Unsent(3));
        let withdrawn = RowView { withdrawals_waiting: 1, ..row(RowId::UploadMandatory, RowState::Ok) };
        assert_eq!(summary(&sync(vec![ok(), withdrawn], false)), Summary::Unsent(1));
        let re_offered = RowView { re_offered: 4, ..row(RowId::UploadMandatory, RowState::Ok) };
        assert_eq!(summary(&sync(vec![ok(), re_offered], false)), Summary::Ok(UtcMillis(5)), "nothing is to be done");
        assert_eq!(summary(&sync(vec![ok(), RowView { need_attention: 1, ..unsent() }], false)), Summary::NeedAttention(1));
        assert!(matches!(summary(&sync(vec![row(RowId::DownloadMandatory, failed()), unsent()], false)), Summary::Failed(_)));
        assert_eq!(summary(&sync(vec![row(RowId::DownloadMandatory, failed()), unsent()], true)), Summary::Running(None));
        let waits = |reason, files| row(RowId::UploadMaterials, RowState::Waiting { reason, files, bytes: 9 });
        assert_eq!(summary(&sync(vec![unsent(), waits(WaitReason::WiFi, 18)], false)), Summary::Waiting(18));
        let library = row(RowId::DownloadLibrary, RowState::Waiting { reason: WaitReason::OpenVisit, files: 0, bytes: 0 });
        assert_eq!(summary(&sync(vec![ok(), library], false)), Summary::Ok(UtcMillis(5)), "the library comes after the visit by itself");
        let lost = RowView { lost_photos: 2, ..row(RowId::UploadMaterials, RowState::Ok) };
        assert_eq!(summary(&sync(vec![ok(), lost], false)), Summary::NeedAttention(2));
        let no_materials_yet = RowView { last_success: None, ..row(RowId::DownloadMaterials, RowState::Never) };
        assert_eq!(summary(&sync(vec![ok(), no_materials_yet], false)), Summary::Ok(UtcMillis(5)), "work is possible without them");
        let never = RowView { last_success: None, ..row(RowId::DownloadMandatory, RowState::Never) };
        assert_eq!(summary(&sync(vec![never, ok()], false)), Summary::Never);
    }

    #[test]
    fn time_left_is_told_once_the_pace_is_known_and_begins_anew_with_a_stage() {
        let moving = |stage, bytes| RowState::Running { stage, done: 0, total: 0, bytes, bytes_total: 10_000 };
        let first = Pace::of(&moving(Stage::SendingFiles, 1_000), UtcMillis(0), None);
        assert_eq!(first.unwrap().seconds_left, None);
        let later = Pace::of(&moving(Stage::SendingFiles, 4_000), UtcMillis(3_000), first);
        assert_eq!(later.unwrap().seconds_left, Some(6), "a thousand bytes a second, six thousand left");
        let other = Pace::of(&moving(Stage::FetchingFiles, 5_000), UtcMillis(4_000), later);
        assert_eq!(other.unwrap().seconds_left, None);
        assert_eq!(Pace::of(&RowState::Ok, UtcMillis(5_000), other), None);
    }

    #[test]
    fn progress_never_goes_back_and_never_passes_its_end() {
        let running = |stage, done, bytes| RowState::Running { stage, done, total: 200, bytes, bytes_total: 1_000 };
        let shown: Vec<Option<u8>> = [
            running(Stage::Connecting, 0, 0),
            running(Stage::Downloading, 0, 0),
            running(Stage::Downloading, 0, 500),
            running(Stage::Downloading, 0, 1_000),
            running(Stage::Applying, 0, 1_000),
            running(Stage::Applying, 100, 1_000),
            running(Stage::Applying, 999, 1_000),
        ]
        .into_iter()
        .map(|state| percent(&sync(vec![row(RowId::DownloadMandatory, state)], true)))
        .collect();
        assert_eq!(shown, [None, Some(0), Some(40), Some(80), Some(80), Some(90), Some(100)]);
        assert_eq!(percent_of(&running(Stage::Uploading, 50, 0)), Some(25));
        assert_eq!(percent_of(&running(Stage::SendingFiles, 50, 700)), Some(70), "files are of very different lengths");
        assert_eq!((share(7, 5), share(7, 0), share(u64::MAX, u64::MAX)), (Some(100), None, Some(100)));
    }
}
