//! What several screens are made of: the frame, the state chip, failures, sheets, empty places.

use leptos::html;
use leptos::prelude::*;
use polevik_device_api::frame::Refusal;
use polevik_device_api::sync::Failure;
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Reply, Severity};
use polevik_domain::time::UtcMillis;
use wasm_bindgen::JsCast;

use crate::app::Page;
use crate::bridge::{self, Core};
use crate::icons::{self, Icon, icon, icon_px, icon_spinning};
use crate::router::{Route, Tab};
use crate::summary::{self, Summary};
use crate::words::{Tone, Words};

/// A screen as the core gave it; kept on the screen while it is loaded anew, so that nothing jumps.
#[derive(Clone)]
pub enum Loaded<T> {
    /// Not here yet.
    Loading,
    /// Here.
    Here(T),
    /// The thing is not on this device.
    Missing,
    /// It did not work.
    Failed(Reply),
}

/// Loads the screen that `screen` names, again whenever it names another one or tables change; `pick` takes the view out of the answer.
pub fn load_screen<T: Clone + Send + Sync + 'static>(
    screen: impl Fn() -> Screen + 'static,
    pick: fn(View) -> Option<T>,
) -> RwSignal<Loaded<T>> {
    let core: Core = expect_context();
    load_screen_when(screen, move || core.changed.read().0, pick)
}

/// [`load_screen`] that loads again when `version` changes instead of at every change.
pub fn load_screen_when<T: Clone + Send + Sync + 'static>(
    screen: impl Fn() -> Screen + 'static,
    version: impl Fn() -> u64 + 'static,
    pick: fn(View) -> Option<T>,
) -> RwSignal<Loaded<T>> {
    let loaded = RwSignal::new(Loaded::Loading);
    let page: Page = expect_context();
    // An answer to an older question must not overwrite that to a newer one.
    let asked = StoredValue::new(0_u64);
    Effect::new(move |_| {
        version();
        let screen = screen();
        let number = asked.get_value() + 1;
        asked.set_value(number);
        leptos::task::spawn_local(async move {
            let answer = match bridge::load(screen).await {
                Ok(view) => pick(view).map_or(Loaded::Missing, Loaded::Here),
                Err(Reply::Refused(Refusal::NotFound)) => Loaded::Missing,
                Err(Reply::Refused(Refusal::NotSignedIn)) => {
                    page.start_again();
                    return;
                }
                Err(other) => Loaded::Failed(other),
            };
            if asked.try_get_value() == Some(number) {
                loaded.set(answer);
            }
        });
    });
    loaded
}

/// Draws what was loaded, or says why not.
pub fn draw<T: Clone + Send + Sync + 'static>(loaded: RwSignal<Loaded<T>>, body: impl Fn(T) -> AnyView + Send + 'static) -> impl IntoView {
    let words = Words::here();
    move || match loaded.get() {
        Loaded::Loading => view! { <div class="page" aria-busy="true"></div> }.into_any(),
        Loaded::Here(view) => body(view),
        Loaded::Missing => view! { <Empty art=icons::SEARCH title=words.t("act-not-found") hint=String::new()/> }.into_any(),
        Loaded::Failed(reply) => {
            view! { <div class="page"><div class="note warn">{icon_px(icons::WARN, 20)}<span>{words.why_not(&reply)}</span></div></div> }
                .into_any()
        }
    }
}

/// Top bar with title, chip and, below a tab's own screen, the way back.
#[component]
pub fn TopBar(
    /// The title.
    #[prop(into)]
    title: Signal<String>,
    /// A second line under the title.
    #[prop(into, optional)]
    sub: Signal<String>,
    /// Whether there is a way back.
    #[prop(optional)]
    back: bool,
    /// What stands under the line: search, days.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let page: Page = expect_context();
    let words = Words::here();
    let name = NodeRef::<html::H1>::new();
    // Who listens to the screen or uses the keyboard begins at the top of the new one.
    Effect::new(move |_| {
        if let Some(name) = name.get() {
            let quietly = web_sys::FocusOptions::new();
            quietly.set_prevent_scroll(true);
            // A heading that does not take the focus is still read from the top.
            let _ = name.focus_with_options(&quietly);
        }
    });
    view! {
        <header class="top">
            <div class="top-line" class:with-back=back>
                {back
                    .then(|| {
                        view! {
                            <button class="icon-button" data-testid="back" aria-label=words.t("back") on:click=move |_| page.back()>
                                {icon(icons::BACK)}
                            </button>
                        }
                    })}
                <div class="top-titles">
                    <h1 node_ref=name tabindex="-1">{move || title.get()}</h1>
                    <Show when=move || !sub.read().is_empty()>
                        <div class="sub">{move || sub.get()}</div>
                    </Show>
                </div>
                <StateChip/>
            </div>
            {children.map(|children| children())}
        </header>
    }
}

/// How the device stands with the server; leads to the synchronisation screen.
#[component]
pub fn StateChip() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let shown = Memo::new(move |_| core.sync.read().as_ref().map_or(Summary::Never, |sync| summary::summary(sync)));
    let class = move || match shown.get() {
        Summary::Failed(failure) => match failure.code.severity() {
            Severity::Error => "chip error",
            // Passes by itself.
            Severity::Warning | Severity::Info => "chip warn",
        },
        Summary::NeedAttention(_) => "chip warn",
        Summary::Running(_) => "chip busy",
        Summary::Waiting(_) | Summary::Unsent(_) => "chip waiting",
        Summary::Ok(_) => "chip ok",
        Summary::Never => "chip",
    };
    let label = move || {
        let state = match shown.get() {
            Summary::Failed(failure) => words.with_text("chip-error", "code", failure.code.as_str()),
            Summary::NeedAttention(n) => words.with("chip-attention", &[("n", n.into())]),
            Summary::Running(_) => words.t("chip-busy"),
            Summary::Waiting(n) => words.with("chip-waiting", &[("n", n.into())]),
            Summary::Unsent(n) => words.with("chip-unsent", &[("n", n.into())]),
            Summary::Ok(at) => words.with_text("chip-ok", "time", &words.day_and_clock(at)),
            Summary::Never => words.t("chip-never"),
        };
        words.with_text("chip-label", "state", &state)
    };
    let face = move || match shown.get() {
        Summary::Failed(failure) => view! { {icon_px(icons::FAIL, 16)} {failure.code.as_str()} }.into_any(),
        Summary::NeedAttention(n) => view! { {icon_px(icons::WARN, 16)} {n} }.into_any(),
        Summary::Running(percent) => {
            view! { {icon_spinning(icons::SYNC, 16)} {percent.map(|percent| format!("{percent}\u{a0}%"))} }.into_any()
        }
        // As on the screen it leads to: the word, and how many files.
        Summary::Waiting(n) => view! { {icon_px(icons::WIFI, 16)} "Wi-Fi" {(n > 0).then(|| format!("\u{a0}{n}"))} }.into_any(),
        Summary::Unsent(n) => view! { {icon_px(icons::UP, 16)} {n} }.into_any(),
        Summary::Ok(at) => view! { {icon_px(icons::CHECK, 16)} {short_time(words, at)} }.into_any(),
        Summary::Never => view! { {icon_px(icons::SYNC, 16)} "–" }.into_any(),
    };
    view! {
        <button class="chip-button" data-testid="state-chip" aria-label=label on:click=move |_| page.go(Route::Sync)>
            <span class=class>{face}</span>
        </button>
    }
}

/// Hours and minutes today, day and month before.
fn short_time(words: Words, at: UtcMillis) -> String {
    let (then, now) = (crate::browser::local(at), crate::browser::local(crate::browser::now()));
    if then.date == now.date { words.clock(at) } else { polevik_texts::format::day_and_month(words.language(), then.date) }
}

/// The bar below: four sections.
#[component]
pub fn TabBar() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let alarm = Memo::new(move |_| {
        core.sync.read().as_ref().is_some_and(|sync| matches!(summary::summary(sync), Summary::Failed(_) | Summary::NeedAttention(_)))
    });
    let tab = move |tab: Tab, route: Route, id: &'static str, name: &'static str, art: Icon| {
        let current = move || (page.route.get().tab() == tab).then_some("page");
        view! {
            <a class="tab" href=route.path() data-testid=id aria-current=current on:click=move |event| page.follow(&event, route)>
                <span class="pill">{icon_px(art, 24)}</span>
                {words.t(name)}
                {(tab == Tab::More)
                    .then(|| {
                        view! {
                            <Show when=move || alarm.get()>
                                <span class="dot"></span>
                            </Show>
                        }
                    })}
            </a>
        }
    };
    view! {
        <nav class="tabs" aria-label=words.t("tabs-label")>
            {tab(Tab::Day, Route::Day, "tab-route", "tab-route", icons::ROUTE)}
            {tab(Tab::Outlets, Route::Outlets, "tab-outlets", "tab-outlets", icons::SHOP)}
            {tab(Tab::Orders, Route::Orders, "tab-orders", "tab-orders", icons::ORDERS)} {tab(Tab::More, Route::More, "tab-more", "tab-more", icons::MORE)}
        </nav>
    }
}

/// A failure in red: what happened, what to do, its code and tag.
#[component]
pub fn FailureBox(
    /// The failure.
    failure: Failure,
    /// Instead of the catalogue's title and action, where the place knows better.
    #[prop(optional_no_strip)]
    said: Option<(Signal<String>, String)>,
    /// Whether it is said in amber: it holds nothing else up.
    #[prop(optional)]
    calm: bool,
    /// Its name for tests.
    testid: String,
    /// What stands below: countdown, buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let words = Words::here();
    let (title, action) = said.unwrap_or_else(|| (Signal::stored(words.code_title(failure.code)), words.code_action(failure.code)));
    let art = if calm { icons::WARN } else { icons::FAIL };
    view! {
        <div class="fail" class:calm=calm role="alert" data-testid=testid>
            <div class="what">{icon_px(art, 20)} <span>{move || title.get()}</span></div>
            <div class="do">{action}</div>
            <div class="line">
                <span class="code" data-testid="error-code">{words.code_and_tag(&failure)}</span>
            </div>
            {children.map(|children| children())}
        </div>
    }
}

/// A place where nothing is yet, with what to do.
#[component]
pub fn Empty(
    /// The drawing.
    art: Icon,
    /// What there is not.
    title: String,
    /// What to do.
    hint: String,
) -> impl IntoView {
    view! {
        <div class="empty" data-testid="empty">
            {icon_px(art, 44)} <b>{title}</b> <span class="sub">{hint}</span>
        </div>
    }
}

/// One section of a screen in which nothing is yet.
#[component]
pub fn Nothing(
    /// The drawing.
    art: Icon,
    /// What there is not.
    text: String,
) -> impl IntoView {
    view! {
        <section class="card" data-testid="empty">
            <div class="row">
                <span class="glyph idle">{icon_px(art, 22)}</span>
                <span class="sub">{text}</span>
            </div>
        </section>
    }
}

/// A search field.
#[component]
pub fn SearchField(
    /// The words typed.
    typed: RwSignal<String>,
    /// What can be searched for.
    hint: String,
    /// Its name for tests.
    testid: &'static str,
) -> impl IntoView {
    let words = Words::here();
    let input = NodeRef::<html::Input>::new();
    let clear = move |_| {
        typed.set(String::new());
        if let Some(input) = input.get_untracked() {
            // A field that does not take the focus is still empty, as asked.
            let _ = input.focus();
        }
    };
    view! {
        <div class="search" role="search">
            {icon_px(icons::SEARCH, 22)}
            <input
                node_ref=input class="input" type="search" inputmode="search" enterkeyhint="search" autocomplete="off" autocapitalize="off"
                spellcheck="false" data-testid=testid placeholder=hint.clone() aria-label=hint prop:value=typed
                on:input=move |event| typed.set(event_target_value(&event))
                on:keydown=move |event| {
                    if event.key() == "Enter" && let Some(input) = input.get_untracked() {
                        // Puts the keyboard away.
                        let _ = input.blur();
                    }
                }
            />
            <Show when=move || !typed.read().is_empty()>
                <button class="icon-button" aria-label=words.t("clear") on:click=clear>
                    {icon_px(icons::CLOSE, 20)}
                </button>
            </Show>
        </div>
    }
}

/// A sheet that comes from below; Escape, "back" and a tap beside it close it.
#[component]
pub fn Sheet(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// Its title.
    #[prop(into)]
    title: Signal<String>,
    /// Its name for tests.
    testid: &'static str,
    /// What is in it; made when it opens.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let open = open.get();
        let Some(dialog) = dialog.get() else { return };
        if open && !dialog.open() {
            // It is in the document by now, the only condition.
            let _ = dialog.show_modal();
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    let beside = move |event: web_sys::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        if target.is_some_and(|target| target.tag_name() == "DIALOG") {
            open.set(false);
        }
    };
    view! {
        <dialog class="sheet" node_ref=dialog data-testid=testid aria-label=move || title.get() on:close=move |_| open.set(false) on:click=beside>
            <Show when=move || open.get()>
                <div class="sheet-in">
                    <h2>{move || title.get()}</h2>
                    {children()}
                </div>
            </Show>
        </dialog>
    }
}

/// A progress bar; without a share it only says that something moves.
#[component]
pub fn Meter(
    /// Percent done, when the end is known.
    #[prop(into)]
    percent: Signal<Option<u8>>,
    /// For screen readers.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    view! {
        <div
            class="meter" class:open=move || percent.get().is_none() role="progressbar" aria-label=move || label.get() aria-valuemin="0"
            aria-valuemax="100" aria-valuenow=move || percent.get().map(|percent| percent.to_string())
        >
            <i style:width=move || percent.get().map(|percent| format!("{percent}%"))></i>
        </div>
    }
}

/// A small word in the colour of its tone.
pub fn badge(text: String, tone: Tone) -> impl IntoView {
    view! { <span class=format!("badge {}", tone.class())>{text}</span> }
}

/// A head line over a card.
pub fn head(text: String) -> impl IntoView {
    view! { <h2 class="head">{text}</h2> }
}
