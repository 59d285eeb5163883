//! What all of one world know: its seed, its trace, and what went against a promise.

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::trace::Trace;

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which: `I1` … of the list of invariants, or `panic`.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// A violation with its words.
    pub fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// What is kept of a world beside its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// The lines of its trace.
    Trace,
    /// What the office ended up with.
    Results,
}

/// See the module.
pub struct Shared {
    /// The seed.
    pub seed: u64,
    /// The trace.
    pub trace: Trace,
    /// Whether a fault may have changed a copy of the office behind the device's back.
    pub may_rot: Cell<bool>,
    /// Whether [`Self::results`] are wanted.
    pub wants_results: bool,
    /// What the world came to, once it was judged.
    pub results: RefCell<Vec<String>>,
    violations: RefCell<Vec<Violation>>,
}

impl Shared {
    /// Of a new world.
    pub fn new(seed: u64, keep: Keep) -> Self {
        Self {
            seed,
            trace: Trace::new(keep == Keep::Trace),
            may_rot: Cell::new(false),
            wants_results: keep == Keep::Results,
            results: RefCell::default(),
            violations: RefCell::default(),
        }
    }

    /// Notes a promise that was not kept.
    pub fn violated(&self, violation: Violation) {
        self.trace.line(format_args!("VIOLATION {}: {}", violation.invariant, violation.what));
        self.violations.borrow_mut().push(violation);
    }

    /// The first promise that was not kept.
    pub fn violation(&self) -> Option<Violation> {
        self.violations.borrow().first().cloned()
    }
}

/// Something that runs beside the world's steps.
pub trait Spawn {
    /// Starts it. A panic inside it is a violation.
    fn spawn(&self, task: impl Future<Output = ()> + 'static) -> tokio::task::AbortHandle;
}

impl Spawn for std::rc::Rc<Shared> {
    fn spawn(&self, task: impl Future<Output = ()> + 'static) -> tokio::task::AbortHandle {
        let shared = Self::clone(self);
        let guarded = async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                shared.violated(Violation::new("panic", words_of(&*panic)));
            }
        };
        tokio::task::spawn_local(guarded).abort_handle()
    }
}

/// What a panic said.
pub fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic without words".to_owned())
}
