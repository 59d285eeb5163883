//! What only this device knows; never deleted, only settled.
//!
//! - [`outbox`]: `append` in the transaction of the rows, `next` for a request, `settle` with a receipt; counts for the screens.
//! - [`parking`]: `count_failure`, `unpark`, `unpark_all`, `withdraw`.
//! - [`journal`]: `mark_re_offer` after a restore of the server, `prune`, `life` (what travels as `given_seq` and `answered_seq`),
//!   `renumber_unanswered` when the server gives a new id.
//! - [`repairs`]: failed repairs of the last day. [`sessions`]: the last sessions.

pub mod journal;
pub mod numbers;
pub mod options;
pub mod orders;
pub mod outbox;
pub mod parking;
pub mod repairs;
pub mod rows;
pub mod sessions;
pub mod visits;
