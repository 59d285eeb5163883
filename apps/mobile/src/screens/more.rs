//! «Ещё»: synchronisation and profile.

use leptos::prelude::*;
use polevik_device_api::view::{ProfileView, Screen, View};

use crate::app::Page;
use crate::bridge::Core;
use crate::components::{TopBar, draw, load_screen};
use crate::icons::{self, Icon, icon_px};
use crate::router::Route;
use crate::summary::{self, Summary};
use crate::words::{Tone, Words};

/// The list of what is not a daily screen.
#[component]
pub fn More() -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(
        || Screen::Profile,
        |view| match view {
            View::Profile(view) => Some(*view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("more-title")/>
        <main class="scroll" data-testid="screen-more">
            {draw(loaded, |view| view! { <List view/> }.into_any())}
        </main>
    }
}

#[component]
fn List(view: ProfileView) -> impl IntoView {
    let words = Words::here();
    let core: Core = expect_context();
    let state = move || {
        let sync = core.sync.read();
        let (text, tone) = match sync.as_ref().map_or(Summary::Never, |sync| summary::summary(sync)) {
            Summary::Failed(failure) => (words.code_title(failure.code), Tone::Error),
            Summary::NeedAttention(n) => (words.with("sync-summary-attention", &[("n", n.into())]), Tone::Warn),
            Summary::Running(_) => (words.t("sync-summary-running"), Tone::Info),
            Summary::Waiting(n) => (words.with("chip-waiting", &[("n", n.into())]), Tone::Info),
            Summary::Unsent(n) => (words.with("chip-unsent", &[("n", n.into())]), Tone::Info),
            Summary::Ok(at) => (words.date_time(at), Tone::Idle),
            Summary::Never => (words.t("sync-never"), Tone::Idle),
        };
        view! { <span class=format!("sub tone-{}", tone.class())>{text}</span> }
    };
    view! {
        <div class="page">
            <section class="card rows">
                <Item art=icons::PERSON name=view.user_name under=format!("{} · {}", words.t("more-profile"), view.position).into_any() target=Route::Profile testid="more-profile"/>
                <Item art=icons::SYNC name=words.t("more-sync") under=state.into_any() target=Route::Sync testid="more-sync"/>
                <Item art=icons::FOLDER name=words.t("materials-title") under=().into_any() target=Route::Materials testid="more-materials"/>
                <Item art=icons::STORAGE name=words.t("storage-title") under=().into_any() target=Route::Storage testid="more-storage"/>
            </section>
            <p class="sub centre">{words.t("app-name")} " " {view.app_version}</p>
        </div>
    }
}

/// A row of a list that leads to another screen.
#[component]
pub fn Item(
    /// Its drawing.
    art: Icon,
    /// What it is called.
    name: String,
    /// A second line; may be nothing.
    under: AnyView,
    /// Where it leads.
    target: Route,
    /// Its name for tests.
    testid: &'static str,
) -> impl IntoView {
    let page: Page = expect_context();
    view! {
        <a class="row tall" href=target.path() data-testid=testid on:click=move |event| page.follow(&event, target)>
            <span class="glyph">{icon_px(art, 22)}</span>
            <span>
                <span class="name two-lines">{name}</span>
                <span class="sub two-lines">{under}</span>
            </span>
            {icon_px(icons::FORWARD, 20)}
        </a>
    }
}
