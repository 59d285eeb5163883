//! Why this window does not work on the data, and what to do about it.

use leptos::prelude::*;
use polevik_device_api::ErrorCode;
use polevik_device_api::sync::Failure;

use crate::bridge::{Core, CoreState};
use crate::browser;
use crate::components::FailureBox;
use crate::icons::{self, Icon, icon_px};
use crate::leader::{self, Ask};
use crate::words::Words;

/// The page instead of the application.
#[component]
pub fn Gate(
    /// Anything but [`CoreState::Ready`].
    state: CoreState,
) -> impl IntoView {
    let words = Words::here();
    let core: Core = expect_context();
    let take = move |_| {
        core.state.set(CoreState::Starting);
        core.start();
        leader::lead(core, Ask::Take);
    };
    let reload = move |_| {
        // The window goes on showing this page if the browser refuses.
        let _ = browser::window().location().reload();
    };
    let body = match state {
        CoreState::OtherWindow => view! {
            {said(icons::WINDOWS, words.t("other-window-title"), words.t("other-window-text"))}
            <button class="button primary" data-testid="take-over" on:click=take>{words.t("other-window-take")}</button>
        }
        .into_any(),
        CoreState::TakenOver => view! {
            {said(icons::WINDOWS, words.t("other-window-lost-title"), words.t("other-window-lost-text"))}
            <button class="button quiet" data-testid="take-over" on:click=take>{words.t("other-window-take")}</button>
        }
        .into_any(),
        CoreState::CannotStart(failure) => cannot_start(words, failure, reload),
        CoreState::Unsupported | CoreState::Starting | CoreState::Ready => {
            said(icons::INFO, words.t("core-unsupported-title"), words.t("core-unsupported-text")).into_any()
        }
    };
    view! { <div class="welcome-scroll"><main class="welcome" data-testid="gate">{body}</main></div> }
}

fn cannot_start(words: Words, failure: Failure, reload: impl Fn(web_sys::MouseEvent) + 'static) -> AnyView {
    let (title, text) = match failure.code {
        ErrorCode::DatabaseDamaged => ("core-damaged-title", "core-damaged-text"),
        _ => ("core-failed-title", "core-failed-text"),
    };
    view! {
        {said(icons::ROWS, words.t(title), words.t(text))}
        <FailureBox failure testid="error-core".to_owned()/>
        <button class="button primary" on:click=reload>{words.t("retry")}</button>
    }
    .into_any()
}

fn said(art: Icon, title: String, text: String) -> impl IntoView {
    view! {
        <div class="brand">
            <span class="glyph big">{icon_px(art, 36)}</span>
            <h1 class="welcome-title">{title}</h1>
            <p class="sub">{text}</p>
        </div>
    }
}
