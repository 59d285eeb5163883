//! What holds whatever happens, in whatever order.

use proptest::prelude::*;

use super::*;

/// What may come of work: the outcomes of each kind that differ for the engine.
fn outcome_of(work: &Work, choice: u32, code: ErrorCode, gate: impl Fn(RowId) -> Result<(), WaitReason>) -> Outcome {
    let bucket = || vec![BucketName::parse("territory:5").unwrap()];
    let failed = || Failed { retry_after_s: (choice.is_multiple_of(3)).then_some(choice % 100), ..Failed::new(code, "") };
    let sums = |choice: u32| match choice % 3 {
        0 => Err(ApplyFailed::Failed(failed())),
        1 => Err(ApplyFailed::WrongSum(bucket())),
        _ => Ok(Applied { rows: u64::from(choice % 7) }),
    };
    let mended = || match choice % 4 {
        0 => Err(failed()),
        1 => Ok(Mended::Behind),
        2 => Ok(Mended::StillWrong(bucket())),
        _ => Ok(Mended::Done { rows: 1 }),
    };
    match work {
        Work::Exchange(_) if choice.is_multiple_of(4) => {
            Outcome::Exchanged(Err(ExchangeFailed { documents: choice % 9, known: choice.is_multiple_of(5), failed: failed() }))
        }
        Work::Exchange(exchange) => {
            let news = [News::Nothing, News::Step, News::Some, News::CursorsWanted][choice as usize / 4 % 4];
            let has_documents = exchange.documents_up_to.is_some();
            Outcome::Exchanged(Ok(Exchanged {
                answered: if has_documents { choice / 16 % 3 } else { 0 },
                // Each exchange leaves less to do, as in a real outbox: what is counted here cannot grow for ever.
                waiting: if has_documents && choice.is_multiple_of(11) { 1 } else { 0 },
                held: choice / 48 % 2,
                broken: if has_documents { choice / 48 % 2 } else { 0 },
                re_enrolled: choice.is_multiple_of(13),
                re_offers: choice.is_multiple_of(17),
                ..went(0, 0, if exchange.want_download { news } else { News::NotAsked })
            }))
        }
        Work::Blame => Outcome::Blamed(if choice.is_multiple_of(5) { Err(failed()) } else { Ok(()) }),
        Work::Step { .. } => Outcome::Stepped(sums(choice)),
        Work::Plan { .. } if choice.is_multiple_of(5) => Outcome::Planned(Err(failed())),
        Work::Plan { .. } => planned(u8::try_from(choice % 6).unwrap()),
        Work::Fetch(wanted) => Outcome::Fetched(wanted.clone(), if choice.is_multiple_of(6) { Err(failed()) } else { Ok(()) }),
        Work::Apply { .. } => Outcome::Applied(sums(choice)),
        Work::Fill => Outcome::Filled(mended()),
        Work::Check => Outcome::Checked(match choice % 3 {
            0 => Err(failed()),
            1 => Ok(bucket()),
            _ => Ok(Vec::new()),
        }),
        Work::Repair(_) => Outcome::Repaired(mended()),
        Work::Move(row) => {
            let end = match (choice % 7, gate(*row)) {
                (0, _) => return Outcome::Moved(*row, Err(failed())),
                (_, Err(reason)) => Some(RowEnd::Waits(reason)),
                (1, _) => Some(RowEnd::Partial(failed())),
                (2, _) => Some(RowEnd::Failed(failed())),
                (3 | 4, _) => Some(RowEnd::All { changed: choice.is_multiple_of(2) }),
                _ => None,
            };
            Outcome::Moved(*row, Ok(step(*row, u64::from(choice % 3), 3, end)))
        }
    }
}

fn any_code() -> impl Strategy<Value = ErrorCode> {
    prop::sample::select(ErrorCode::ALL)
}

#[derive(Debug, Clone)]
enum Happening {
    /// Something from outside.
    Outside(Event),
    /// One piece of the work that is under way comes back.
    Comes { which: usize, choice: u32, code: ErrorCode },
    /// Time passes, forwards or, if somebody sets the clock, backwards.
    Passes(i64),
    /// The network is this one now, and a visit is open, or not.
    Around(NetworkClass, bool),
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let outside = prop_oneof![
        Just(Event::Asked(None)),
        Just(Event::Asked(Some(UP))),
        Just(Event::Asked(Some(DOWN))),
        Just(Event::CheckAsked),
        Just(Event::Woken),
        Just(Event::Due),
        Just(Event::StopAsked),
        Just(Event::SignedIn),
        Just(Event::Damaged(UP)),
        Just(Event::Damaged(DOWN)),
        Just(Event::Changed),
        any::<bool>().prop_map(Event::UnknownIsWiFi),
        prop::sample::select(FILE_ROWS.to_vec()).prop_map(Event::AllowedOnce),
        prop::sample::select(FILE_ROWS.to_vec()).prop_map(|row| Event::Asked(Some(row))),
        any::<bool>().prop_map(Event::Foreground),
        (any::<bool>(), any_code()).prop_map(|(changed, code)| Event::Watched(if changed { Ok(true) } else { Err(Failed::new(code, "")) })),
    ];
    prop_oneof![
        2 => outside.prop_map(Happening::Outside),
        6 => (any::<usize>(), any::<u32>(), any_code())
            .prop_map(|(which, choice, code)| Happening::Comes { which, choice, code }),
        1 => (-4_000_000..4_000_000_i64).prop_map(Happening::Passes),
        1 => (prop::sample::select(NetworkClass::ALL.to_vec()), any::<bool>())
            .prop_map(|(network, visit)| Happening::Around(network, visit)),
    ]
}

/// The world around an engine: the clock, the work under way, and what it was told to come back at.
struct Around {
    engine: Engine,
    facts: Facts,
    under_way: Vec<(SessionNo, Work)>,
    wake_at: Option<UtcMillis>,
    watching: bool,
}

impl Around {
    fn new(flags: u8) -> Self {
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let facts = Facts {
            has_root: flag(0),
            check_due: flag(1),
            fill_due: flag(2),
            rebuild_due: flag(3),
            wifi_only: flag(4),
            has_library: flag(5),
            ..facts(9)
        };
        Self { engine: engine(), facts, under_way: Vec::new(), wake_at: None, watching: false }
    }

    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        let before: Vec<_> = RowId::ALL.map(|id| self.engine.row(id).last_success).into_iter().collect();
        let was = self.engine.session().map(|session| session.number);
        let effects = self.engine.step(event, &self.facts);
        for effect in effects {
            match effect {
                Effect::Do(work) => {
                    let number = self.engine.session().map(|session| session.number);
                    prop_assert!(number.is_some(), "work for no session: {work:?}");
                    self.under_way.push((number.unwrap(), work));
                }
                Effect::Abandon => self.under_way.clear(),
                Effect::WakeAt(at) => self.wake_at = at,
                Effect::Watch => {
                    prop_assert!(!self.watching, "two waits at once");
                    self.watching = true;
                }
                Effect::Unwatch => self.watching = false,
                Effect::Save { .. } | Effect::Show { .. } => (),
            }
        }
        let now = self.engine.session();
        if let (Some(was), Some(now)) = (was, now) {
            prop_assert!(now.number >= was);
        }
        for (id, before) in RowId::ALL.into_iter().zip(before) {
            let row = self.engine.row(id);
            if row.last_success != before {
                let succeeded = matches!(row.last, LastAttempt::Ok) || now.is_some() || was.is_some();
                prop_assert!(succeeded, "{id:?}: the time moved without a success");
            }
            if now.is_none() {
                prop_assert!(row.doing == Doing::Idle, "{id:?} runs without a session");
                self.is_cared_for(id, row)?;
            }
        }
        if now.is_some() {
            prop_assert!(self.wake_at.is_some(), "nobody watches over the session");
            let waits = self.under_way.iter().any(|(number, _)| now.is_some_and(|session| session.number == *number));
            prop_assert!(waits, "the session waits for nothing: {:?}", now.map(|session| &session.phase));
        }
        Ok(())
    }

    /// Unsent is either planned, or waits for somebody or something that has a name.
    fn is_cared_for(&self, id: RowId, row: &StatusRow) -> Result<(), TestCaseError> {
        if let LastAttempt::Waiting { reason, .. } = &row.last {
            let gate = self.engine.gate(id, self.facts.network, self.facts.wifi_only);
            prop_assert_eq!(gate, Err(*reason), "what may go does not wait");
        }
        if let LastAttempt::Failed { failure, next_try } = &row.last {
            let planned = next_try.is_some() && self.wake_at.is_some();
            prop_assert!(planned || !schedule::goes_on_by_itself(failure.code), "{} is forgotten", failure.code);
        }
        Ok(())
    }

    fn turns_to(&mut self, network: NetworkClass, visit_is_open: bool) -> Result<(), TestCaseError> {
        (self.facts.network, self.facts.visit_is_open) = (network, visit_is_open);
        self.step(Event::Changed)
    }

    fn comes(&mut self, which: usize, choice: u32, code: ErrorCode) -> Result<(), TestCaseError> {
        if self.under_way.is_empty() {
            return Ok(());
        }
        let (number, work) = self.under_way.swap_remove(which % self.under_way.len());
        let outcome = outcome_of(&work, choice, code, |row| self.engine.gate(row, self.facts.network, self.facts.wifi_only));
        self.step(Event::Came(number, outcome))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever happens, in whatever order: one session at a time, its rows idle when there is none, times that move only with a success,
    /// somebody who watches over it, and nothing forgotten. And when everything that is under way comes back, it ends.
    #[test]
    fn whatever_happens_the_engine_keeps_its_promises(
        flags in 0..64_u8,
        happenings in prop::collection::vec(any_happening(), 0..80),
        choices in prop::collection::vec((any::<u32>(), any_code()), 400),
    ) {
        let mut around = Around::new(flags);
        around.step(Event::Started)?;
        for happening in happenings {
            match happening {
                Happening::Outside(Event::Watched(result)) if !around.watching => drop(result),
                Happening::Outside(event) => {
                    around.watching &= !matches!(event, Event::Watched(_));
                    around.step(event)?;
                }
                Happening::Comes { which, choice, code } => around.comes(which, choice, code)?,
                Happening::Passes(millis) => around.facts.now = around.facts.now.plus_millis(millis),
                Happening::Around(network, visit) => around.turns_to(network, visit)?,
            }
        }
        for (choice, code) in choices {
            if around.engine.session().is_none() {
                break;
            }
            around.comes(0, choice, code)?;
        }
        prop_assert!(around.engine.session().is_none(), "it goes on for ever: {:?}", around.engine.session());
    }

    /// Work that never comes back does not hold the engine either: the watchdog gives it up.
    #[test]
    fn work_that_never_comes_back_is_given_up(
        flags in 0..64_u8,
        happenings in prop::collection::vec(any_happening(), 0..40),
    ) {
        let mut around = Around::new(flags);
        for happening in happenings {
            match happening {
                Happening::Outside(Event::Watched(_)) => (),
                Happening::Outside(event) => around.step(event)?,
                Happening::Comes { which, choice, code } => around.comes(which, choice, code)?,
                Happening::Passes(millis) => around.facts.now = around.facts.now.plus_millis(millis),
                Happening::Around(network, visit) => around.turns_to(network, visit)?,
            }
        }
        around.under_way.clear();
        let mut looks = 0;
        while let Some(session) = around.engine.session() {
            let at = session.pulse.look_at;
            around.facts.now = around.facts.now.max(at);
            // The rows that fail are tried again at once; only the look counts here.
            let number = session.number;
            let effects = around.engine.step(Event::Due, &around.facts);
            looks += 1;
            if effects.contains(&Effect::Abandon) || around.engine.session().is_none_or(|session| session.number != number) {
                break;
            }
            prop_assert!(looks < 5);
        }
    }
}
