//! A visit: planned, open, finished, cancelled, and what each allows.

use serde::{Deserialize, Serialize};

use crate::time::UtcMillis;

/// How a visit came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitKind {
    /// It stood in the route.
    Planned,
    /// The rep called without a plan.
    Unplanned,
}

/// Where a visit that was started stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum VisitState {
    /// The rep is there.
    Open {
        /// When it was started.
        started_at: UtcMillis,
    },
    /// The rep has left.
    Finished {
        /// When it was started.
        started_at: UtcMillis,
        /// When it was finished, never before the start.
        finished_at: UtcMillis,
    },
}

/// Why a step of a visit is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VisitError {
    /// Another visit is open; one rep is in one place.
    #[error("another visit is open")]
    AnotherOpen,
    /// It is finished already.
    #[error("the visit is finished")]
    Finished,
}

impl VisitState {
    /// Starts a visit while `other_open` says whether one is open already.
    ///
    /// # Errors
    ///
    /// [`VisitError::AnotherOpen`].
    pub fn start(other_open: bool, now: UtcMillis) -> Result<Self, VisitError> {
        if other_open { Err(VisitError::AnotherOpen) } else { Ok(Self::Open { started_at: now }) }
    }

    /// Finishes it. A clock that was turned back does not make a visit end before it began.
    ///
    /// # Errors
    ///
    /// [`VisitError::Finished`] if it is finished already.
    pub fn finish(self, now: UtcMillis) -> Result<Self, VisitError> {
        match self {
            Self::Open { started_at } => Ok(Self::Finished { started_at, finished_at: now.max(started_at) }),
            Self::Finished { .. } => Err(VisitError::Finished),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_is_started_once_and_finished_once() {
        assert_eq!(VisitState::start(true, UtcMillis(5)), Err(VisitError::AnotherOpen));
        let open = VisitState::start(false, UtcMillis(5)).unwrap();
        let finished = open.finish(UtcMillis(9)).unwrap();
        assert_eq!(finished, VisitState::Finished { started_at: UtcMillis(5), finished_at: UtcMillis(9) });
        assert_eq!(finished.finish(UtcMillis(10)), Err(VisitError::Finished));
    }

    #[test]
    fn a_clock_turned_back_does_not_end_a_visit_before_it_began() {
        let open = VisitState::start(false, UtcMillis(5)).unwrap();
        assert_eq!(open.finish(UtcMillis(1)).unwrap(), VisitState::Finished { started_at: UtcMillis(5), finished_at: UtcMillis(5) });
    }
}
