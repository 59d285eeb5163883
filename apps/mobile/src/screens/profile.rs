//! «Профиль»: who works here, on which device, in which language; and the way out.

use leptos::prelude::*;
use polevik_device_api::network::TrafficRow;
use polevik_device_api::view::{ProfileView, Screen, View};
use polevik_device_api::{Command, ErrorCode, Reply, Request, RowState};
use polevik_texts::Language;

use crate::app::Page;
use crate::bridge::{self, Core};
use crate::components::{Sheet, TopBar, draw, head, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::outlet::fact;
use crate::summary;
use crate::words::Words;

/// The screen.
#[component]
pub fn Profile() -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(
        || Screen::Profile,
        |view| match view {
            View::Profile(view) => Some(*view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("profile-title") back=true/>
        <main class="scroll" data-testid="screen-profile">
            {draw(loaded, |view| view! { <Body view/> }.into_any())}
        </main>
    }
}

#[component]
fn Body(view: ProfileView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let leaving = RwSignal::new(false);
    let unsent = view.unsent;
    let device = view.device_id.clone();
    let copy = move |_| {
        let device = device.clone();
        leptos::task::spawn_local(async move {
            if crate::browser::copy(&device).await {
                page.say(page.words.t("profile-copied"));
            }
        });
    };
    let storage = move || words.t(if page.storage_kept.get() { "profile-storage-safe" } else { "profile-storage-unsafe" });
    let last = (view.last_number > 0)
        .then(|| polevik_domain::numbering::DocumentNumber::new(&view.number_prefix, view.last_number))
        .flatten()
        .map(|number| number.as_str().to_owned())
        .unwrap_or_default();
    let library = view.library_version.map(|version| words.with("sync-library-version", &[("version", version.to_string().into())]));
    let library = library.unwrap_or_default();
    let language = move |chosen: Language| {
        page.act(Command::SetLanguage { language: chosen.tag().to_owned() }, move |_| page.words.speak(chosen));
    };
    view! {
        <div class="page">
            <section class="card">
                <div class="row">
                    <span class="glyph round now">{initials(&view.user_name)}</span>
                    <span>
                        <span class="name two-lines" data-testid="profile-name">{view.user_name.clone()}</span>
                        <span class="sub two-lines">{view.email.clone()}</span>
                    </span>
                </div>
            </section>
            <section class="card card-pad">
                <span class="field-label">{words.t("profile-language")}</span>
                <div class="segments" role="group" aria-label=words.t("profile-language")>
                    {Language::ALL
                        .into_iter()
                        .map(|each| {
                            view! {
                                <button
                                    class="segment" lang=each.tag() data-testid=format!("language-{}", each.tag())
                                    aria-pressed=(each == words.language()).to_string() on:click=move |_| language(each)
                                >
                                    {each.name()}
                                </button>
                            }
                        })
                        .collect_view()}
                </div>
            </section>
            {head(words.t("profile-position"))}
            <dl class="card facts rows">
                {fact(words.t("profile-position"), format!("{} · {}", view.position, view.position_code))} {fact(words.t("profile-role"), words.role(view.role))}
                {fact(words.t("profile-territory"), view.territory.clone())} {fact(words.t("profile-distributor"), view.distributor.clone())}
            </dl>
            {head(words.t("profile-device"))}
            <dl class="card facts rows">
                {fact(words.t("profile-prefix"), view.number_prefix.clone())} {fact(words.t("profile-last-number"), last)}
                {fact(words.t("profile-server"), view.server.clone())} {fact(words.t("profile-version"), view.app_version.clone())}
                {fact(words.t("sync-library"), library)}
                <div class="fact">
                    <dt>{words.t("profile-storage")}</dt>
                    <dd>{storage}</dd>
                </div>
                <button class="fact fact-button" data-testid="profile-copy-device" aria-label=words.t("profile-copy") on:click=copy>
                    <span class="sub">{words.t("profile-device-id")}</span>
                    <span class="code-plain">{view.device_id.clone()}</span>
                </button>
            </dl>
            {head(words.t("profile-traffic"))}
            <Traffic rows=view.traffic.clone()/>
            <button class="button outline" data-testid="logout" on:click=move |_| leaving.set(true)>
                {icon_px(icons::EXIT, 20)} {words.t("profile-logout")}
            </button>
        </div>
        <Sheet open=leaving title=words.t("profile-logout-ask") testid="sheet-logout">
            <Leave unsent leaving/>
        </Sheet>
    }
}

/// Bytes of the month, by purpose and network.
#[component]
fn Traffic(rows: Vec<TrafficRow>) -> impl IntoView {
    let words = Words::here();
    if rows.is_empty() {
        return view! { <p class="sub">{words.t("profile-traffic-none")}</p> }.into_any();
    }
    view! {
        <table class="card traffic" data-testid="traffic">
            <thead>
                <tr>
                    <td></td>
                    <th scope="col">{icon_px(icons::UP, 16)} <span>{words.t("profile-traffic-up")}</span></th>
                    <th scope="col">{icon_px(icons::DOWN, 16)} <span>{words.t("profile-traffic-down")}</span></th>
                </tr>
            </thead>
            <tbody>
                {rows
                    .into_iter()
                    .map(|row| {
                        view! {
                            <tr data-testid=format!("traffic-{}-{}", row.class.as_str(), row.network.as_str())>
                                <th scope="row">
                                    {words.traffic_name(row.class)}
                                    <span class="sub block">{words.network(row.network)}</span>
                                </th>
                                <td class="num" data-bytes=row.bytes_up.to_string()>{words.size(row.bytes_up)}</td>
                                <td class="num" data-bytes=row.bytes_down.to_string()>{words.size(row.bytes_down)}</td>
                            </tr>
                        }
                    })
                    .collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

/// The way out: what is unsent goes first, or stays on this phone.
#[component]
fn Leave(unsent: u32, leaving: RwSignal<bool>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let core: Core = expect_context();
    let busy = RwSignal::new(false);
    // Set while "send and log out" waits for its session to end.
    let sending = RwSignal::new(false);
    let leave = move |keep_unsent: bool| {
        busy.set(true);
        leptos::task::spawn_local(async move {
            let reply = bridge::ask(Request::Logout { keep_unsent }).await;
            busy.try_set(false);
            match reply {
                Reply::Taken | Reply::Done(_) => {
                    leaving.try_set(false);
                    page.replace(Route::Day);
                    page.start_again();
                }
                Reply::Failed(failure) if failure.code == ErrorCode::UnsentData => page.say(words.t("profile-logout-failed")),
                other => page.say(words.why_not(&other)),
            }
        });
    };
    Effect::new(move |was_running: Option<bool>| {
        let sync = core.sync.get();
        let running = sync.as_ref().is_some_and(|sync| sync.running);
        if sending.get_untracked() && was_running == Some(true) && !running {
            sending.set(false);
            busy.set(false);
            let rows = sync.iter().flat_map(|sync| sync.rows.iter());
            let all_sent = rows.clone().all(|row| summary::unsent_of(row) == 0 && !matches!(row.state, RowState::Failed { .. }));
            if all_sent { leave(false) } else { page.say(words.t("profile-logout-failed")) }
        }
        running
    });
    let send = move |_| {
        busy.set(true);
        sending.set(true);
        leptos::task::spawn_local(async {
            bridge::ask(Request::Sync(None)).await;
        });
    };
    if unsent == 0 {
        return view! {
            <p class="sub">{words.t("profile-logout-clean")}</p>
            <button class="button primary" data-testid="logout-confirm" disabled=move || busy.get() on:click=move |_| leave(false)>
                {words.t("profile-logout")}
            </button>
            <button class="button plain low" on:click=move |_| leaving.set(false)>{words.t("cancel")}</button>
        }
        .into_any();
    }
    let list = words.count("documents-count", u64::from(unsent));
    view! {
        <div class="note warn" data-testid="logout-unsent">
            {icon_px(icons::WARN, 20)}
            <span>{words.with_text("profile-logout-unsent", "list", &list)}</span>
        </div>
        <button class="button primary" data-testid="logout-send" disabled=move || busy.get() on:click=send>{words.t("profile-logout-send")}</button>
        <p class="sub">{words.t("profile-logout-kept")}</p>
        <button class="button outline" data-testid="logout-anyway" disabled=move || busy.get() on:click=move |_| leave(true)>
            {words.t("profile-logout-anyway")}
        </button>
        <button class="button plain low" on:click=move |_| leaving.set(false)>{words.t("cancel")}</button>
    }
    .into_any()
}

/// The first letters of the first two words of a name.
fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect()
}
