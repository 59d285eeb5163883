//! «Синхронизация»: what came down and went up, when, and what stands in the way.

mod wording;

use std::sync::Arc;

use leptos::prelude::*;
use polevik_device_api::sync::{Direction, Failure, RowId, RowState, RowView, WaitReason};
use polevik_device_api::view::{Screen, View};
use polevik_device_api::{Command, ErrorCode, NetworkClass, Request, Severity};
use polevik_domain::time::UtcMillis;

use crate::app::Page;
use crate::bridge::{self, Core};
use crate::browser;
use crate::components::{FailureBox, Meter, Sheet, TopBar, head};
use crate::icons::{self, Icon, icon_px, icon_spinning};
use crate::router::Route;
use crate::screens::more::Item;
use crate::summary::{self, Pace, Summary};
use crate::words::Words;

use self::wording::{done_words, result_words, stage_name};
pub use self::wording::{progress_text, wait_words, why_held_back};

/// How long after a press of «Синхронизировать все» its place becomes «Остановить».
const STOP_AFTER_MS: i32 = 1_000;

/// The screen.
#[component]
pub fn Sync() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    // Pushes keep it fresh; the first look asks, so that it is right even when nothing has happened.
    leptos::task::spawn_local(async move {
        if let Ok(View::Sync(sync)) = bridge::load(Screen::Sync).await {
            core.sync.set(Some(Arc::new(sync)));
        }
    });
    announce_result(core, page);
    let ids = RowId::ALL;
    let block = move |direction: Direction| {
        ids.into_iter().filter(move |id| id.direction() == direction).map(|id| view! { <Row id/> }).collect_view()
    };
    view! {
        <TopBar title=words.t("sync-title") back=true/>
        <main class="scroll" data-testid="screen-sync">
            <div class="page">
                <Head/>
                <WiFiOnly/>
                {head(words.t("sync-download"))}
                <section class="card rows" data-testid="block-download">{block(Direction::Download)}</section>
                {head(words.t("sync-upload"))}
                <section class="card rows" data-testid="block-upload">{block(Direction::Upload)}</section>
                <section class="card rows">
                    <Item art=icons::STORAGE name=words.t("storage-title") under=().into_any() target=Route::Storage testid="sync-storage"/>
                </section>
            </div>
        </main>
    }
}

/// One sentence and its time, and the one button.
#[component]
fn Head() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let shown = Memo::new(move |_| core.sync.read().as_ref().map_or(Summary::Never, |sync| summary::summary(sync)));
    let running = Memo::new(move |_| core.sync.read().as_ref().is_some_and(|sync| sync.running));
    // The button under the finger keeps its meaning for a second.
    let stoppable = RwSignal::new(false);
    Effect::new(move |_| {
        if running.get() {
            browser::after(STOP_AFTER_MS, move || {
                stoppable.try_set(running.try_get_untracked().unwrap_or(false));
            });
        } else {
            stoppable.set(false);
        }
    });
    let face = move || {
        let (glyph, art) = match shown.get() {
            Summary::Failed(_) => ("glyph round error", icon_px(icons::FAIL, 26).into_any()),
            Summary::NeedAttention(_) => ("glyph round warn", icon_px(icons::WARN, 26).into_any()),
            Summary::Running(_) => ("glyph round", icon_spinning(icons::SYNC, 26).into_any()),
            Summary::Waiting(_) => ("glyph round", icon_px(icons::WIFI, 26).into_any()),
            Summary::Unsent(_) => ("glyph round", icon_px(icons::UP, 26).into_any()),
            Summary::Ok(_) => ("glyph round ok", icon_px(icons::CHECK, 26).into_any()),
            Summary::Never => ("glyph round idle", icon_px(icons::SYNC, 26).into_any()),
        };
        view! { <span class=glyph>{art}</span> }
    };
    let title = move || match shown.get() {
        Summary::Failed(_) => words.t("sync-summary-error"),
        Summary::NeedAttention(n) => words.with("sync-summary-attention", &[("n", n.into())]),
        Summary::Running(_) => stage_words(core, words).unwrap_or_else(|| words.t("sync-summary-running")),
        Summary::Waiting(_) => words.with_text("sync-wait-wifi", "what", &held_back_words(core, words)),
        Summary::Unsent(_) => words.with_text("sync-summary-unsent", "what", &waiting_words(core, words)),
        Summary::Ok(_) => words.t("sync-summary-ok"),
        Summary::Never => words.t("sync-summary-never"),
    };
    let network = Memo::new(move |_| core.sync.read().as_ref().map(|sync| sync.network));
    let pace = Memo::new(move |before: Option<&Option<Pace>>| {
        let sync = core.sync.read();
        let now = page.now.get_untracked();
        sync.as_ref()?.rows.iter().find_map(|row| Pace::of(&row.state, now, before.copied().flatten()))
    });
    let progress = move || {
        let moved = progress_words(core, words)?;
        let left = pace.get().and_then(|pace| pace.seconds_left).map(|seconds| {
            let left = if seconds < 60 {
                words.with("seconds", &[("n", (seconds / 5 * 5 + 5).into())])
            } else {
                words.with("minutes", &[("n", (seconds / 60 + 1).into())])
            };
            words.with_text("sync-eta", "t", &left)
        });
        Some([Some(moved), left].into_iter().flatten().collect::<Vec<_>>().join(" · "))
    };
    let under = move || match shown.get() {
        Summary::Failed(_) => words.t("sync-summary-error-hint"),
        Summary::NeedAttention(_) => words.t("sync-summary-attention-hint"),
        Summary::Running(_) => progress().unwrap_or_else(|| words.t("sync-safe")),
        Summary::Waiting(_) => words.t("sync-summary-waiting-hint"),
        Summary::Unsent(_) => words.t("sync-summary-unsent-hint"),
        Summary::Ok(at) => words.date_time(at),
        Summary::Never => words.t("sync-never"),
    };
    view! {
        <section class="card card-pad">
            <div class="summary" data-testid="sync-summary">
                {face}
                <div aria-live="polite">
                    <div class="strong">{title}</div>
                    <div class="sub num">{under}</div>
                    {move || {
                        network
                            .get()
                            .map(|network| {
                                let word = words.network(network);
                                view! {
                                    <div class="sub icon-words" data-testid="network" data-network=network.as_str()>
                                        <span class="visually-hidden">{words.with_text("sync-network", "network", &word)}</span>
                                        {icon_px(network_icon(network), 16)} <span aria-hidden="true">{word}</span>
                                    </div>
                                }
                            })
                    }}
                </div>
                {move || {
                    matches!(shown.get(), Summary::NeedAttention(_))
                        .then(|| {
                            view! {
                                <a
                                    class="cover" href=Route::Attention.path() data-testid="attention-open" aria-label=words.t("attention-title")
                                    on:click=move |event| page.follow(&event, Route::Attention)
                                >
                                    {icon_px(icons::FORWARD, 20)}
                                </a>
                            }
                        })
                }}
            </div>
            <Show
                when=move || stoppable.get()
                fallback=move || {
                    view! {
                        <button class="button primary" data-testid="sync-all" disabled=move || running.get() on:click=move |_| sync(None)>
                            {icon_px(icons::SYNC, 20)} {words.t("sync-all")}
                        </button>
                    }
                }
            >
                <button class="button outline" data-testid="sync-stop" on:click=move |_| stop()>{words.t("sync-stop")}</button>
            </Show>
        </section>
    }
}

/// The drawing of a kind of network.
fn network_icon(network: NetworkClass) -> Icon {
    match network {
        NetworkClass::WiFi | NetworkClass::MeteredWiFi => icons::WIFI,
        NetworkClass::Cellular | NetworkClass::Roaming => icons::CELLS,
        NetworkClass::Offline => icons::STOP,
        NetworkClass::Unknown => icons::INFO,
    }
}

/// The row in which it is asked what a network of unknown kind is: the last one that waits for the answer, so that the least moves.
fn asks_about_network(core: Core, page: Page) -> Option<RowId> {
    if page.network_asked.get() {
        return None;
    }
    let sync = core.sync.read();
    let waits = |row: &&RowView| matches!(row.state, RowState::Waiting { reason: WaitReason::UnknownNetwork, .. });
    sync.as_ref()?.rows.iter().rfind(waits).map(|row| row.id)
}

/// A network whose kind the browser does not tell: asked once, as long as something waits for the answer.
#[component]
fn UnknownNetwork() -> impl IntoView {
    let page: Page = expect_context();
    let words = Words::here();
    let answer = move |is_wifi: bool| {
        page.network_asked.set(true);
        if is_wifi {
            leptos::task::spawn_local(async {
                bridge::ask(Request::TreatUnknownAsWiFi(true)).await;
            });
        }
    };
    view! {
        <div class="note" role="group" aria-label=words.t("network-unknown") data-testid="unknown-network">
            {icon_px(icons::INFO, 20)}
            <div class="grow noted">
                <span>{words.t("sync-unknown-net")}</span>
                <div class="two-buttons">
                    <button class="button outline narrow" data-testid="unknown-network-wifi" on:click=move |_| answer(true)>
                        {words.t("sync-unknown-yes")}
                    </button>
                    <button class="button plain narrow" data-testid="unknown-network-wait" on:click=move |_| answer(false)>
                        {words.t("sync-unknown-no")}
                    </button>
                </div>
            </div>
        </div>
    }
}

/// «Загрузка и выгрузка материалов только по Wi-Fi».
#[component]
fn WiFiOnly() -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let busy = RwSignal::new(false);
    let on = Memo::new(move |_| core.sync.read().as_ref().is_some_and(|sync| sync.wifi_only));
    let turn = move |_| page.act_once(busy, Command::SetWiFiOnly { on: !on.get_untracked() }, |_| ());
    view! {
        <section class="card">
            <button
                class="row bare" role="switch" aria-checked=move || on.get().to_string() aria-describedby="wifi-only-help" data-testid="wifi-only"
                on:click=turn
            >
                <span class="name">{words.t("sync-wifi-only")}</span>
                <span class="switch" aria-hidden="true"></span>
            </button>
            <p class="sub under-row" id="wifi-only-help">{words.t("sync-wifi-only-help")}</p>
        </section>
    }
}

/// One row: state, time of the last success, and its own button.
#[component]
fn Row(id: RowId) -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let row = Memo::new(move |_| core.sync.read().as_ref().and_then(|sync| sync.rows.iter().find(|row| row.id == id).cloned()));
    // It stays while it is tried again: what is read must not go away under the eyes.
    let failure = Memo::new(move |_| row.read().as_ref().and_then(|row| row.failure.clone()));
    let attention = Memo::new(move |_| row.read().as_ref().map_or(0, summary::attention_of));
    let lost = Memo::new(move |_| row.read().as_ref().map_or(0, |row| row.lost_photos));
    let held_back = Memo::new(move |_| held_back_of(row.read().as_ref()?));
    let partial = Memo::new(move |_| match row.read().as_ref().map(|row| row.state.clone()) {
        Some(RowState::Partial { failure, .. }) => Some(failure),
        _ => None,
    });
    let online = Memo::new(move |_| core.sync.read().as_ref().is_some_and(|sync| sync.network != NetworkClass::Offline));
    let asking = RwSignal::new(false);
    let asks = Memo::new(move |_| asks_about_network(core, page) == Some(id));
    let offered = Memo::new(move |_| row.read().as_ref().map_or(0, |row| row.re_offered));
    let busy = Memo::new(move |_| row.read().as_ref().is_some_and(|row| matches!(row.state, RowState::Running { .. } | RowState::Queued)));
    let moving = Memo::new(move |_| row.read().as_ref().is_some_and(|row| matches!(row.state, RowState::Running { .. })));
    let percent = Signal::derive(move || row.read().as_ref().and_then(|row| summary::percent_of(&row.state)));
    let direction = words.t(match id.direction() {
        Direction::Download => "sync-download",
        Direction::Upload => "sync-upload",
    });
    let name = words.row_name(id);
    let art = match id {
        RowId::DownloadMandatory | RowId::UploadMandatory => icons::ROWS,
        RowId::DownloadMaterials => icons::FOLDER,
        RowId::UploadMaterials => icons::CAMERA,
        RowId::DownloadLibrary => icons::SCAN,
    };
    let about = Memo::new(move |_| {
        let row = row.read();
        let row = row.as_ref()?;
        let version = row.library_version.map(|version| words.with("sync-library-version", &[("version", version.to_string().into())]));
        let bytes = row.library_bytes.map(|bytes| words.size(bytes));
        let parts: Vec<String> = [version, bytes].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    });
    // What would wait silently is asked about instead.
    let press = move |_| {
        if held_back.get_untracked().is_some() && online.get_untracked() {
            asking.set(true);
        } else {
            sync(Some(id));
        }
    };
    let state = move || row.get().map(|row| state_line(words, &row));
    let last = move || row.get().and_then(|row| row.last_success);
    let attempt = move || {
        let row = row.get()?;
        // The attempt that runs now has not failed yet.
        summary::failure_of(&row)?;
        row.last_attempt.map(|at| words.with_text("sync-last-try", "dt", &words.date_time(at)))
    };
    view! {
        <div class="sync-row" role="group" aria-label=format!("{direction}. {name}") data-testid=format!("sync-line-{}", id.as_str())>
            <span class="glyph">{icon_px(art, 22)}</span>
            <div>
                <div class="name">
                    {name.clone()}
                    {move || about.get().map(|about| view! { " " <span class="sub num nowrap" data-testid=format!("row-about-{}", id.as_str())>{about}</span> })}
                </div>
                <div class="state num" data-testid=format!("row-state-{}", id.as_str())>{state}</div>
            </div>
            <button
                class="icon-button accent" data-testid=format!("sync-row-{}", id.as_str()) disabled=move || busy.get()
                aria-label=words.with_text("sync-row-button", "row", &format!("{direction}, {name}")) on:click=press
            >
                {move || if moving.get() { icon_spinning(icons::SYNC, 24).into_any() } else { icon_px(icons::SYNC, 24).into_any() }}
            </button>
            <div class="sub num last">
                // While it runs the bar stands where the words stood: nothing moves.
                {move || {
                    if moving.get() {
                        view! { <div class="bar"><Meter percent label=words.t("sync-running")/></div> }.into_any()
                    } else if last().is_some() {
                        view! { <div>{words.t("sync-last-ok-label")} ":"</div> }.into_any()
                    } else {
                        ().into_any()
                    }
                }}
                <div data-testid=format!("row-time-{}", id.as_str()) data-at-ms=move || last().map(|at| at.0.to_string())>
                    {move || last().map_or_else(|| words.t("sync-never"), |at| words.date_time(at))}
                </div>
                {move || attempt().map(|text| view! { <div>{text}</div> })}
            </div>
            {move || failure.get().map(|failure| view! { <div class="more"><Red id failure busy page/></div> })}
            {move || asks.get().then(|| view! { <div class="more"><UnknownNetwork/></div> })}
            {move || held_back.get().map(|held| view! { <div class="more"><HeldBack id held online asking/></div> })}
            {move || {
                partial
                    .get()
                    .map(|failure| view! { <div class="more"><FailureBox failure calm=true testid=format!("row-partial-{}", id.as_str())/></div> })
            }}
            {move || (lost.get() > 0).then(|| view! { <div class="more"><LostPhotos count=lost.get()/></div> })}
            {move || (attention.get() > 0).then(|| view! { <div class="more"><AttentionBadge count=attention.get()/></div> })}
            {move || (offered.get() > 0).then(|| view! { <div class="more"><OfferedAgain id count=offered.get()/></div> })}
        </div>
    }
}

/// What a row holds back until there is another network, or the rep agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    reason: WaitReason,
    bytes: u64,
}

fn held_back_of(row: &RowView) -> Option<Held> {
    summary::waits_for_network(&row.state)?;
    match row.state {
        RowState::Waiting { reason, bytes, .. } => Some(Held { reason, bytes }),
        _ => None,
    }
}

/// Why a row waits, and the button that sends it all the same, once.
#[component]
fn HeldBack(id: RowId, held: Held, online: Memo<bool>, asking: RwSignal<bool>) -> impl IntoView {
    let words = Words::here();
    let why = why_held_back(words, held.reason);
    let size = words.size(held.bytes);
    let question = match held.reason {
        WaitReason::WiFi => words.with_text("sync-send-mobile", "size", &size),
        WaitReason::MeteredWiFi | WaitReason::Roaming | WaitReason::UnknownNetwork | WaitReason::OpenVisit => {
            words.with_text("sync-send-here", "size", &size)
        }
    };
    let go_word = match id.direction() {
        Direction::Upload => "sync-send-now",
        Direction::Download => "sync-load-now",
    };
    let go = move |_| {
        asking.set(false);
        leptos::task::spawn_local(async move {
            // It starts by itself; what happens comes as pushes.
            bridge::ask(Request::AllowOnce(id)).await;
        });
    };
    let again = why.clone();
    view! {
        {why.map(|why| view! { <div class="note">{icon_px(icons::INFO, 20)} <span>{why}</span></div> })}
        // Without any network there is nothing to ask.
        <Show when=move || online.get()>
            <button class="button outline narrow" data-testid=format!("send-now-{}", id.as_str()) on:click=move |_| asking.set(true)>
                {words.t(go_word)}
            </button>
        </Show>
        <Sheet open=asking title=words.t(go_word) testid="sheet-send-now">
            {again.clone().map(|why| view! { <p class="sub">{why}</p> })}
            <p data-testid="send-now-question">{question.clone()}</p>
            <button class="button primary" data-testid="send-now-confirm" on:click=go>{words.t(go_word)}</button>
            <button class="button plain low" data-testid="send-now-wait" on:click=move |_| asking.set(false)>{words.t("sync-send-wait")}</button>
        </Sheet>
    }
}

/// Photos that are gone from the phone.
#[component]
fn LostPhotos(count: u32) -> impl IntoView {
    let words = Words::here();
    let what = words.count("photos-count", u64::from(count));
    let said = Some((Signal::stored(words.with_text("sync-photos-lost", "what", &what)), words.code_action(ErrorCode::PhotoMissing)));
    view! { <FailureBox failure=Failure::new(ErrorCode::PhotoMissing, "") said calm=true testid="photos-lost".to_owned()/> }
}

/// How many documents need the rep; leads to them.
#[component]
fn AttentionBadge(count: u32) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Attention;
    view! {
        <a class="note warn leads" href=target.path() data-testid="attention-badge" on:click=move |event| page.follow(&event, target)>
            {icon_px(icons::WARN, 20)} <span class="grow strong">{words.with("sync-summary-attention", &[("n", count.into())])}</span>
            {icon_px(icons::FORWARD, 20)}
        </a>
    }
}

/// The server was restored from a backup and is offered again what it had: to know, not to do.
#[component]
fn OfferedAgain(id: RowId, count: u32) -> impl IntoView {
    let words = Words::here();
    let code = ErrorCode::ServerRestored;
    view! {
        <div class="note" data-testid=format!("row-info-{}", id.as_str())>
            {icon_px(icons::INFO, 20)}
            <span class="grow">
                <b class="block">{words.code_title(code)}</b>
                <span class="block">{words.code_action(code)}</span>
                <span class="num">{words.with("sync-checked-again", &[("n", count.into())])} " · " {code.as_str()}</span>
            </span>
        </div>
    }
}

/// The words for a server that is busy: when our turn comes, and how many stand before us. `None` for any other failure.
pub fn turn(core: Core, page: Page, row: RowId, failure: &Failure) -> Option<(Signal<String>, String)> {
    let words = page.words;
    if failure.code != ErrorCode::ServerBusy {
        return None;
    }
    let minutes = Memo::new(move |_| {
        let at = next_try_of(core, row)?;
        Some(at.since(page.now.get()).max(1).saturating_add(59_999) / 60_000)
    });
    let title = Signal::derive(move || match minutes.get() {
        Some(minutes) => words.with_text("server-queue", "t", &words.with("minutes", &[("n", minutes.into())])),
        None => words.code_title(ErrorCode::ServerBusy),
    });
    let action = match failure.queue_position {
        Some(ahead) => words.with("server-queue-position", &[("n", ahead.into())]),
        None => words.code_action(ErrorCode::ServerBusy),
    };
    Some((title, action))
}

/// The red line under a row that failed.
#[component]
fn Red(id: RowId, failure: Failure, busy: Memo<bool>, page: Page) -> impl IntoView {
    let core: Core = expect_context();
    let words = Words::here();
    let said = turn(core, page, id, &failure);
    let login = summary::needs_login(failure.code);
    // What passes by itself needs no support.
    let support = (failure.code.severity() == Severity::Error)
        .then(|| words.with_text("sync-support", "code", &words.code_and_tag(&failure)))
        .map(|text| view! { <div class="do">{text}</div> });
    let (testid, word) = if login { ("sync-login".to_owned(), "sync-login") } else { (format!("retry-{}", id.as_str()), "retry") };
    let press = move |_| if login { page.go(Route::Login) } else { sync(Some(id)) };
    view! {
        <FailureBox failure said testid=format!("row-error-{}", id.as_str())>
            {support}
            <div class="line">
                <NextTry row=id/>
                <button class="button outline narrow last-in-line" data-testid=testid disabled=move || busy.get() on:click=press>
                    {words.t(word)}
                </button>
            </div>
        </FailureBox>
    }
}

/// When a failed row is tried again by itself, counted down.
#[component]
pub fn NextTry(row: RowId) -> impl IntoView {
    let core: Core = expect_context();
    let page: Page = expect_context();
    let words = Words::here();
    let at = Memo::new(move |_| next_try_of(core, row));
    move || {
        at.get().map(|at| {
            let seconds = at.since(page.now.get()).max(0).div_euclid(1_000);
            let text = if seconds == 0 {
                words.t("sync-next-try-soon")
            } else {
                words.with_text("sync-next-try", "t", &polevik_texts::format::countdown(seconds))
            };
            view! { <div class="do num" data-testid="next-try">{text}</div> }
        })
    }
}

/// When a row is tried again by itself, by the device's clock.
fn next_try_of(core: Core, row: RowId) -> Option<UtcMillis> {
    let sync = core.sync.read();
    let row = sync.as_ref()?.rows.iter().find(|each| each.id == row)?;
    match &row.state {
        RowState::Failed { next_try_at, .. } => *next_try_at,
        RowState::Never
        | RowState::Queued
        | RowState::Waiting { .. }
        | RowState::Running { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Stopped => None,
    }
}

/// Starts a session, or joins the running one.
pub fn sync(row: Option<RowId>) {
    leptos::task::spawn_local(async move {
        // Answered at once; what happens comes as pushes.
        bridge::ask(Request::Sync(row)).await;
    });
}

fn stop() {
    leptos::task::spawn_local(async {
        bridge::ask(Request::StopSync).await;
    });
}

/// What a row says of itself, with its drawing.
fn state_line(words: Words, row: &RowView) -> AnyView {
    let (art, class, text): (Icon, &str, String) = match &row.state {
        RowState::Never => (icons::CLOCK, "", words.t("sync-waiting-first")),
        RowState::Queued => (icons::CLOCK, "tone-info", words.t("sync-queued")),
        RowState::Waiting { reason, files, bytes } => {
            let what = words.files_and_bytes(row.id, *files, *bytes);
            let what = if what.is_empty() { words.row_name(row.id) } else { what };
            let art = if *reason == WaitReason::OpenVisit { icons::CLOCK } else { icons::WIFI };
            (art, "tone-info", wait_words(words, *reason, &what))
        }
        RowState::Partial { done, total, .. } => {
            let key = match row.id.direction() {
                Direction::Download => "sync-partial-loaded",
                Direction::Upload => "sync-partial-sent",
            };
            let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX).into();
            (icons::WARN, "tone-warn", words.with(key, &[("done", number(*done)), ("total", number(*total))]))
        }
        state @ RowState::Running { stage, .. } => {
            let stage = stage_name(words, *stage);
            let percent = summary::percent_of(state).map(|percent| format!(" · {percent}\u{a0}%"));
            (icons::SYNC, "tone-info", format!("{stage}{}", percent.unwrap_or_default()))
        }
        RowState::Ok if summary::unsent_of(row) > 0 => {
            (icons::UP, "tone-info", words.with_text("sync-pending", "list", &words.waiting(row)))
        }
        RowState::Ok if row.id == RowId::DownloadMaterials && row.files_waiting > 0 => {
            let what = words.files_and_bytes(row.id, u64::from(row.files_waiting), row.bytes_waiting);
            (icons::DOWN, "tone-info", words.with_text("sync-pending-load", "list", &what))
        }
        RowState::Ok if row.parked > 0 => (icons::UP, "tone-warn", words.with("sync-set-aside", &[("n", row.parked.into())])),
        RowState::Ok => (icons::CHECK, "tone-ok", done_words(words, row)),
        RowState::Failed { .. } => {
            let waiting = words.waiting(row);
            let text = if waiting.is_empty() { words.t("sync-failed") } else { words.with_text("sync-pending", "list", &waiting) };
            (icons::FAIL, "tone-error", text)
        }
        RowState::Stopped => (icons::STOP, "", words.t("sync-stopped")),
    };
    view! { <span class=class>{icon_px(art, 16)}</span> <span class=class>{text}</span> }.into_any()
}

/// How far the row that runs is.
fn progress_words(core: Core, words: Words) -> Option<String> {
    let sync = core.sync.read();
    let texts = sync.as_ref()?.rows.iter().map(|row| progress_text(words, &row.state));
    texts.into_iter().find(|text| !text.is_empty())
}

/// The stage of the row that runs.
fn stage_words(core: Core, words: Words) -> Option<String> {
    core.sync.read().as_ref()?.rows.iter().find_map(|row| match row.state {
        RowState::Running { stage, .. } => Some(stage_name(words, stage)),
        RowState::Never
        | RowState::Queued
        | RowState::Waiting { .. }
        | RowState::Ok
        | RowState::Partial { .. }
        | RowState::Failed { .. }
        | RowState::Stopped => None,
    })
}

fn waiting_words(core: Core, words: Words) -> String {
    let sync = core.sync.read();
    let parts: Vec<String> =
        sync.iter().flat_map(|sync| sync.rows.iter()).map(|row| words.waiting(row)).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

/// What rows hold back until there is another network, as a list.
fn held_back_words(core: Core, words: Words) -> String {
    let sync = core.sync.read();
    let held = sync.iter().flat_map(|sync| sync.rows.iter()).filter_map(|row| match row.state {
        RowState::Waiting { files, bytes, .. } if held_back_of(row).is_some() => Some(words.files_and_bytes(row.id, files, bytes)),
        _ => None,
    });
    held.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" + ")
}

/// Says how a session ended that was watched to its end on this screen.
fn announce_result(core: Core, page: Page) {
    let words = page.words;
    Effect::new(move |was_running: Option<bool>| {
        let sync = core.sync.get();
        let running = sync.as_ref().is_some_and(|sync| sync.running);
        if was_running == Some(false) && running {
            page.hush();
        }
        if was_running == Some(true)
            && !running
            && let Some(text) = sync.and_then(|sync| result_words(words, &sync))
        {
            page.say(text);
        }
        running
    });
}
