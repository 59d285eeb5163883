//! Bugs that are put in on purpose, to see that the simulator finds them: the test of the tests.
//!
//! Each stands as one line at the place where somebody could have made it. Without the feature `planted`, [`is`] is a constant `false` and
//! nothing of them is compiled; no program that is shipped has the feature.

macro_rules! bugs {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug { $($(#[$doc])* $name,)* }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in tables.
            #[must_use]
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// The bug of that name.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> { Self::ALL.iter().copied().find(|bug| bug.as_str() == text) }
        }
    };
}

bugs! {
    /// The device takes every answer for receipts of all it sent.
    AnswerTakenForReceipts = "answer taken for receipts";
    /// The device settles what it sent before it hears an answer.
    SettledBeforeAnswer = "settled before the answer";
    /// The device throws its unsent documents away when it must sign in again.
    SignOutDropsOutbox = "sign-out drops the outbox";
    /// A new copy of the office takes the outbox with it.
    ResetDropsOutbox = "reset of the copy drops the outbox";
    /// The device does not wait for the disk when it saves.
    WorkNotSynced = "work not synced";
    /// Documents are sent in the order of the device's clock.
    OrderByClock = "order by the device's clock";
    /// The cursor is kept before the rows are.
    CursorBeforeRows = "cursor before rows";
    /// The restored server's wish to be offered documents again is not heard.
    ReOfferUnheard = "offer after a restore not made";
    /// A bucket that is not the position's any more keeps its rows.
    RevokedKept = "revoked bucket kept";
    /// The numbers of a twin are not noticed.
    TwinUnnoticed = "twin not noticed";
    /// The server answers before it has committed.
    AckBeforeCommit = "answer before commit";
    /// The central database does not wait for its disk.
    CentralNotSynced = "central database not synced";
    /// The receipt is not kept.
    ReceiptNotKept = "receipt not kept";
    /// A receipt that is given again says another time.
    ReceiptChanges = "receipt changes";
    /// What is refused is not kept.
    RefusedNotKept = "refused document not kept";
    /// A device gets the territories of everybody.
    ScopeOfAll = "scope filter missing";
    /// Change numbers are given with gaps.
    GapInNumbers = "gap in change numbers";
    /// The row is written, its change is not.
    ChangeNotLogged = "change not logged";
    /// A row that moves to another bucket is not taken out of the old one.
    MovedRowStays = "moved row stays";
    /// A delta leaves out removals.
    TombstoneDropped = "tombstone dropped";
    /// The server's words for who may see what are kept too long.
    StaleEntitlement = "stale entitlement";
    /// The second revision of a document has no effect.
    SecondRevisionIgnored = "second revision ignored";
    /// The last change before a seal is not sealed.
    LastChangeNotSealed = "last change not sealed";
    /// A restored database goes on under its old epoch.
    EpochKept = "epoch kept after a restore";
    /// Segments that are applied stay where they were staged.
    StagedKept = "staged segments kept";
    /// A row that failed often is not tried again by itself.
    GivesUp = "gives up after some failures";
    /// A segment that a manifest names passes for garbage.
    NamedIsGarbage = "named segment collected";
    /// A photo whose connection broke passes for kept by the server.
    SentIsKept = "photo sent taken for photo kept";
    /// Photos go in roaming.
    RoamingPasses = "gate passes roaming";
    /// A document's failure takes its neighbours with it.
    SavepointMissing = "savepoint missing";
}

#[cfg(feature = "planted")]
mod planted {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static BUG: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Puts this bug, or none, into everything that runs on this thread.
    pub fn plant(bug: Option<Bug>) {
        BUG.set(bug);
    }

    /// Whether this bug is in.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        BUG.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use planted::{is, plant};

/// Whether this bug is in: never.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline(always)]
#[expect(clippy::inline_always, reason = "nothing of a planted bug may be left in a product, whatever the optimiser thinks")]
pub const fn is(_bug: Bug) -> bool {
    false
}
