//! The order of the rows, and what the failure of one means for the others: as data, for any number of rows.

use polevik_device_api::RowId;
use polevik_protocol::ErrorCode;

/// The rows in the order a session does them: mandatory information before files, and what only this device has first.
pub const ORDER: [RowId; 5] =
    [RowId::UploadMandatory, RowId::DownloadMandatory, RowId::UploadMaterials, RowId::DownloadMaterials, RowId::DownloadLibrary];

/// Those whose bytes are files, in the same order: they move part by part, and anything mandatory goes between two parts.
pub const FILE_ROWS: [RowId; 3] = [RowId::UploadMaterials, RowId::DownloadMaterials, RowId::DownloadLibrary];

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The row alone; the next one may do better.
    Row,
    /// Everything that comes down; documents still go up.
    Downloads,
    /// All rows: nobody answers, or nobody is let in.
    Everything,
}

/// How far a failure with that code reaches.
///
/// A connection cut in the middle reaches no other row: the next request may come through. A blocked device, an application that is too old
/// and a position that is not the person's any more get nothing down, but what they made is still taken.
#[must_use]
pub fn reach(code: ErrorCode) -> Reach {
    match code {
        ErrorCode::NoInternet
        | ErrorCode::FlightMode
        | ErrorCode::ServerSilent
        | ErrorCode::CaptivePortal
        | ErrorCode::TlsFailed
        | ErrorCode::LoginNeeded
        | ErrorCode::Maintenance
        | ErrorCode::ServerBusy => Reach::Everything,
        ErrorCode::DeviceBlocked | ErrorCode::PositionChanged | ErrorCode::UpdateNeeded | ErrorCode::NoSpace => Reach::Downloads,
        // All others, those of later versions too, say nothing about another row.
        _ => Reach::Row,
    }
}

/// Whether a request with documents that failed like this may have failed because of a document in it.
#[must_use]
pub fn may_be_a_document(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ServerError | ErrorCode::IncompleteReply | ErrorCode::ConnectionLost | ErrorCode::Unexpected)
}

/// How the device narrows down on a document that breaks every request it is in.
///
/// Three requests with documents fail while requests without them come through: from then on each further failure halves the batch, until
/// a lone document fails. Each success doubles it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Requests with documents that failed since the last one that did not.
    pub failures: u32,
    /// Most documents of a request; `None` = as many as fit.
    pub limit: Option<u32>,
}

/// Failures before the batch is halved.
pub const FAILURES_BEFORE_HALVING: u32 = 3;

impl Pace {
    /// Whether the next failure of a request with documents narrows the batch, instead of ending the row.
    #[must_use]
    pub fn narrows_next(self) -> bool {
        self.limit.is_some() || self.failures + 1 >= FAILURES_BEFORE_HALVING
    }

    /// A request with this many documents failed, and one without came through. Says whether a lone document is to blame.
    pub fn failed(&mut self, documents: u32) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES_BEFORE_HALVING && self.limit.is_none() {
            return false;
        }
        self.limit = Some((documents / 2).max(1));
        documents <= 1
    }

    /// A request with documents came through.
    pub fn succeeded(&mut self, most: u32) {
        self.failures = 0;
        self.limit = self.limit.map(|limit| limit.saturating_mul(2)).filter(|limit| *limit < most);
    }
}

#[cfg(test)]
mod tests {
    use polevik_device_api::TrafficClass;

    use super::*;

    #[test]
    fn a_batch_is_halved_after_three_failures_until_a_lone_document_is_left() {
        let mut pace = Pace::default();
        assert_eq!((pace.failed(200), pace.failed(200), pace.limit), (false, false, None));
        let mut limits = Vec::new();
        let mut documents = 200;
        while !pace.failed(documents) {
            documents = pace.limit.unwrap();
            limits.push(documents);
        }
        assert_eq!(limits, [100, 50, 25, 12, 6, 3, 1]);
        for expected in [Some(2), Some(4), Some(8), Some(16), Some(32), Some(64), Some(128), None] {
            pace.succeeded(200);
            assert_eq!(pace.limit, expected);
        }
        assert_eq!(pace, Pace::default());
    }

    #[test]
    fn every_row_has_its_place_in_the_order_and_what_goes_up_goes_first() {
        let mut rows = ORDER.to_vec();
        rows.sort();
        let mut all = RowId::ALL.to_vec();
        all.sort();
        assert_eq!(rows, all);
        assert_eq!(ORDER[0], RowId::UploadMandatory);
        assert_eq!(ORDER[2..], FILE_ROWS);
        for row in ORDER {
            assert_eq!(FILE_ROWS.contains(&row), row.traffic() != TrafficClass::Mandatory, "{row:?}");
        }
    }
}
