//! The first download: its steps, how far it is, and what to do if it stops.

use leptos::prelude::*;
use polevik_device_api::Request;
use polevik_device_api::sync::{RowId, RowState, RowView, Stage};

use crate::app::{Page, icon_path};
use crate::bridge::{self, Core};
use crate::components::{FailureBox, Meter};
use crate::icons::{self, icon_px, icon_spinning};
use crate::router::Route;
use crate::screens::sync::{NextTry, progress_text, turn};
use crate::summary;
use crate::words::Words;

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ahead,
    Now,
    Done,
    Failed,
}

/// The page between login and work.
#[component]
pub fn FirstSync() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let row = Memo::new(move |_| download_row(core));
    // The furthest step reached, so that a failure stands at its place.
    let reached = RwSignal::new(0_usize);
    let go_on = move || {
        leptos::task::spawn_local(async {
            // Answered at once; what happens comes as pushes.
            bridge::ask(Request::Sync(None)).await;
        });
    };
    // It starts by itself, unless something runs or failed already.
    Effect::new(move |started: Option<bool>| {
        let idle = row.read().as_ref().is_some_and(|row| matches!(row.state, RowState::Never | RowState::Ok));
        let started = started.unwrap_or(false);
        if idle && !started {
            go_on();
        }
        started || idle
    });
    Effect::new(move |_| {
        if let Some(RowState::Running { stage, .. }) = row.get().map(|row| row.state) {
            reached.set(step_of(stage));
        }
    });

    let failure = move || row.get().and_then(|row| summary::failure_of(&row).cloned());
    let stopped = move || matches!(row.get().map(|row| row.state), Some(RowState::Stopped));
    let mark = move |step: usize| match reached.get() {
        now if step < now => Mark::Done,
        now if step == now && failure().is_some() => Mark::Failed,
        now if step == now && stopped() => Mark::Ahead,
        now if step == now => Mark::Now,
        _ => Mark::Ahead,
    };
    let percent = Signal::derive(move || row.read().as_ref().and_then(|row| summary::percent_of(&row.state)));
    let progress = move || match row.get().map(|row| row.state) {
        Some(state @ RowState::Running { .. }) => progress_text(words, &state),
        _ => String::new(),
    };

    view! {
        <div class="welcome-scroll">
            <main class="welcome" data-testid="first-sync">
                <div class="brand">
                    <img src=icon_path() width="64" height="64" alt=""/>
                    <h1 class="welcome-title">{words.t("first-title")}</h1>
                    <p class="sub">{words.t("first-why")}</p>
                </div>
                <section class="card card-pad">
                    <ol class="steps">
                        {["first-step-connect", "first-step-fetch", "first-step-apply"]
                            .into_iter()
                            .enumerate()
                            .map(|(step, key)| view! { <Step number=step + 1 text=words.t(key) mark=Signal::derive(move || mark(step))/> })
                            .collect_view()}
                    </ol>
                    <div class="first-progress" aria-live="polite">
                        <Show when=move || failure().is_none() && !stopped()>
                            <Meter percent label=words.t("first-title")/>
                            <span class="sub num">{progress} "\u{a0}"</span>
                        </Show>
                    </div>
                </section>
                {move || {
                    failure()
                        .map(|failure| {
                            let login = summary::needs_login(failure.code);
                            view! {
                                <FailureBox said=turn(core, page, RowId::DownloadMandatory, &failure) failure testid="row-error-download.mandatory".to_owned()>
                                    <NextTry row=RowId::DownloadMandatory/>
                                    <span class="do">{words.t("first-resume")}</span>
                                </FailureBox>
                                {if login {
                                    view! {
                                        <button class="button primary" data-testid="sync-login" on:click=move |_| page.go(Route::Login)>
                                            {words.t("sync-login")}
                                        </button>
                                    }
                                        .into_any()
                                } else {
                                    view! {
                                        <button class="button primary" data-testid="first-continue" on:click=move |_| go_on()>
                                            {words.t("first-continue")}
                                        </button>
                                    }
                                        .into_any()
                                }}
                            }
                        })
                }}
                <Show when=stopped>
                    <button class="button primary" data-testid="first-continue" on:click=move |_| go_on()>{words.t("first-continue")}</button>
                </Show>
                <Show when=move || failure().is_none() && !stopped()>
                    <p class="sub centre">{words.t("first-stay")}</p>
                </Show>
                <button class="button plain" data-testid="first-profile" on:click=move |_| page.go(Route::Profile)>
                    {words.t("first-to-profile")}
                </button>
            </main>
        </div>
    }
}

/// One line of the steps.
#[component]
fn Step(number: usize, text: String, mark: Signal<Mark>) -> impl IntoView {
    let class = move || match mark.get() {
        Mark::Ahead => "step",
        Mark::Now => "step now",
        Mark::Done => "step done",
        Mark::Failed => "step failed",
    };
    let face = move || match mark.get() {
        Mark::Ahead => number.to_string().into_any(),
        Mark::Now => icon_spinning(icons::SYNC, 18).into_any(),
        Mark::Done => icon_px(icons::CHECK, 18).into_any(),
        Mark::Failed => icon_px(icons::FAIL, 18).into_any(),
    };
    view! {
        <li class=class>
            <span class="mark">{face}</span>
            <span>{text}</span>
        </li>
    }
}

fn download_row(core: Core) -> Option<RowView> {
    core.sync.read().as_ref()?.rows.iter().find(|row| row.id == RowId::DownloadMandatory).cloned()
}

fn step_of(stage: Stage) -> usize {
    match stage {
        Stage::Connecting | Stage::Uploading | Stage::SendingFiles => 0,
        Stage::Downloading => 1,
        // Files come when the rows are there: the screen is about to go.
        Stage::Applying | Stage::FetchingFiles | Stage::FetchingLibrary | Stage::CheckingLibrary => 2,
    }
}
