//! What the rows of «Синхронизация» say of themselves: states in, sentences out; nothing is drawn here.

use polevik_device_api::sync::{RowId, RowState, RowView, SessionResult, Stage, SyncView, WaitReason};

use crate::summary;
use crate::words::Words;

/// The sentence for a network that might carry files but does not; nothing where the state says it all.
pub fn why_held_back(words: Words, reason: WaitReason) -> Option<String> {
    match reason {
        WaitReason::MeteredWiFi => Some(words.t("sync-metered-wifi")),
        WaitReason::Roaming => Some(words.t("sync-roaming")),
        WaitReason::WiFi | WaitReason::UnknownNetwork | WaitReason::OpenVisit => None,
    }
}

/// What waits, and for what.
pub fn wait_words(words: Words, reason: WaitReason, what: &str) -> String {
    match reason {
        WaitReason::WiFi | WaitReason::MeteredWiFi => words.with_text("sync-wait-wifi", "what", what),
        WaitReason::Roaming => words.with_text("sync-wait-consent", "what", what),
        WaitReason::UnknownNetwork => words.with_text("sync-wait-unknown", "what", what),
        WaitReason::OpenVisit => words.t("sync-wait-visit"),
    }
}

/// What a row that succeeded says.
pub(super) fn done_words(words: Words, row: &RowView) -> String {
    words.t(match (row.id, row.changed) {
        (RowId::UploadMandatory | RowId::UploadMaterials, _) => "sync-all-sent",
        (RowId::DownloadMandatory, true) => "sync-loaded",
        (RowId::DownloadMaterials, true) => "sync-files-loaded",
        (RowId::DownloadLibrary, true) => "sync-library-updated",
        (RowId::DownloadMandatory | RowId::DownloadMaterials | RowId::DownloadLibrary, false) => "sync-up-to-date",
    })
}

/// How far a running row is: units of all units, bytes of all bytes, as far as they are known.
pub fn progress_text(words: Words, state: &RowState) -> String {
    let RowState::Running { done, total, bytes, bytes_total, .. } = state else {
        return String::new();
    };
    let number = |n: u64| words.number(i64::try_from(n).unwrap_or(i64::MAX));
    let mut parts = Vec::new();
    if *total > 0 && *done > 0 {
        parts.push(words.with("sync-progress-rows", &[("done", number(*done).into()), ("total", number(*total).into())]));
    }
    if *bytes_total > 0 {
        parts.push(words.with("sync-progress-bytes", &[("done", words.size(*bytes).into()), ("total", words.size(*bytes_total).into())]));
    } else if *bytes > 0 {
        parts.push(words.size(*bytes));
    }
    parts.join(" · ")
}

/// What a running row is doing.
pub(super) fn stage_name(words: Words, stage: Stage) -> String {
    words.t(match stage {
        Stage::Connecting => "sync-stage-connect",
        Stage::Uploading => "sync-stage-upload",
        Stage::Downloading => "sync-stage-download",
        Stage::Applying => "sync-stage-apply",
        Stage::SendingFiles => "sync-stage-photos",
        Stage::FetchingFiles => "sync-stage-materials",
        Stage::FetchingLibrary => "sync-stage-library",
        Stage::CheckingLibrary => "sync-stage-library-check",
    })
}

/// How a session ended, in one sentence; nothing where the red line says it.
pub(super) fn result_words(words: Words, sync: &SyncView) -> Option<String> {
    let number = |n: u64| words.number(i64::try_from(n).unwrap_or(i64::MAX));
    match sync.result.as_ref()? {
        SessionResult::Success => match sync.last_counts {
            Some((0, 0, ..)) | None => Some(words.t("sync-result-nothing")),
            Some((sent, received, ..)) => {
                Some(words.with("sync-result-ok", &[("sent", number(sent).into()), ("received", number(received).into())]))
            }
        },
        SessionResult::Partial => {
            let row = |id| sync.rows.iter().find(|row| row.id == id);
            let photos = row(RowId::UploadMaterials).map_or(0, |row| row.files_waiting);
            let documents_sent = row(RowId::UploadMandatory).is_some_and(|row| row.state == RowState::Ok && summary::unsent_of(row) == 0);
            if documents_sent && photos > 0 {
                let photos = words.count("photos-count", u64::from(photos));
                return Some(words.with_text("sync-result-part-photos", "photos", &photos));
            }
            Some(words.t("sync-result-partial"))
        }
        SessionResult::Stopped => Some(words.t("sync-result-stopped")),
        // The red line says it, with what to do.
        SessionResult::Failed => None,
    }
}
