//! One material: shown where the browser can, without network; otherwise handed to another application.

use leptos::prelude::*;
use polevik_device_api::files::{MaterialRow, MaterialState};
use polevik_device_api::sync::WaitReason;
use polevik_device_api::{Blake3Hex, Command, NetworkClass, Reply, Request, RowId};

use crate::app::Page;
use crate::bridge::{self, Core};
use crate::components::{Empty, FailureBox, Loaded, Sheet, TopBar};
use crate::icons::{self, icon_px};
use crate::screens::materials::{Waits, kind_name, load_materials};
use crate::screens::outlet::fact;
use crate::stored::{self, Look, Picture};
use crate::words::Words;

/// The screen.
#[component]
pub fn Material(
    /// Which.
    id: i64,
) -> impl IntoView {
    let words = Words::here();
    on_cleanup(stored::forget_addresses);
    let loaded = load_materials();
    // Only what is said of this one draws it anew: a PDF that is being read must not begin again when another file comes.
    let found = Memo::new(move |_| match loaded.get() {
        Loaded::Here(view) => {
            let waiting = view.waiting;
            Some(Ok(view.rows.into_iter().find(|row| row.id == id).map(|row| (row, waiting))))
        }
        Loaded::Loading => None,
        Loaded::Missing => Some(Ok(None)),
        Loaded::Failed(reply) => Some(Err(reply)),
    });
    let title = Signal::derive(move || match found.get() {
        Some(Ok(Some((row, _)))) => row.title,
        _ => words.t("material-title"),
    });
    // What changes while it is looked at (it was opened, it was pinned) leaves what is shown in its place.
    let file = Memo::new(move |_| match found.get() {
        Some(Ok(Some((row, _)))) if row.state == MaterialState::Here => Some((row.file, row.content_type)),
        _ => None,
    });
    view! {
        <TopBar title back=true/>
        <main class="scroll" data-testid="screen-material">
            {move || file.get().map(|(file, content_type)| view! { <Shown file content_type title=title.get_untracked()/> })}
            {move || match found.get() {
                None => view! { <div class="page" aria-busy="true"></div> }.into_any(),
                Some(Ok(Some((row, waiting)))) => view! { <About row waiting/> }.into_any(),
                Some(Ok(None)) => view! { <Empty art=icons::SEARCH title=words.t("act-not-found") hint=String::new()/> }.into_any(),
                Some(Err(reply)) => {
                    view! { <div class="page"><div class="note warn">{icon_px(icons::WARN, 20)} <span>{words.why_not(&reply)}</span></div></div> }
                        .into_any()
                }
            }}
        </main>
    }
}

/// The file itself.
#[component]
fn Shown(file: Blake3Hex, content_type: String, title: String) -> impl IntoView {
    let words = Words::here();
    let not_shown =
        move || view! { <div class="viewer-none">{icon_px(icons::PICTURE, 44)} <span>{words.t("photo-not-shown")}</span></div> };
    match content_type.as_str() {
        kind if kind.starts_with("image/") => {
            view! { <div class="viewer-frame"><Picture file look=Look::Material alt=title class="viewer-image" missing=not_shown.into()/></div> }.into_any()
        }
        "application/pdf" if stored::shows_pdf() => view! { <Pdf file title/> }.into_any(),
        _ => view! { <div class="viewer-none">{icon_px(icons::NOTE, 44)} <span>{words.t("material-elsewhere")}</span></div> }.into_any(),
    }
}

/// A PDF in the browser's own viewer.
#[component]
fn Pdf(file: Blake3Hex, title: String) -> impl IntoView {
    let words = Words::here();
    let shown = RwSignal::new(None);
    leptos::task::spawn_local(async move {
        let url = stored::address(file, Look::Material).await;
        // The screen may be gone by now.
        shown.try_set(Some(url));
    });
    move || match shown.get() {
        None => view! { <div class="viewer-pdf" aria-busy="true"></div> }.into_any(),
        Some(Some(url)) => view! { <iframe class="viewer-pdf" src=url title=title.clone() data-testid="material-pdf"></iframe> }.into_any(),
        Some(None) => {
            view! { <div class="viewer-none">{icon_px(icons::NOTE, 44)} <span>{words.t("photo-not-shown")}</span></div> }.into_any()
        }
    }
}

/// What is known of it, and what can be done with it.
#[component]
fn About(row: MaterialRow, waiting: Option<WaitReason>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let busy = RwSignal::new(false);
    let (id, file, is_here, pinned) = (row.id, row.file.clone(), row.state == MaterialState::Here, row.pinned);
    let pin = move |_| page.act_once(busy, Command::PinMaterial { material: id, pinned: !pinned }, |_| ());
    let hand_over = move |_| {
        let file = file.clone();
        leptos::task::spawn_local(async move {
            if !stored::hand_over(file).await {
                page.say(words.t("photo-not-shown"));
            }
        });
    };
    let kind = [kind_name(words, &row), words.size(row.bytes)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ");
    let valid = row.valid_to.map(|day| words.with_text("material-valid-to", "date", &words.date(day)));
    view! {
        <div class="page">
            {(!is_here).then(|| view! { <NotHere row=row.clone() waiting/> })}
            <dl class="card facts rows">
                {fact(kind, row.file_name.clone())}
                {valid.map(|text| view! { <div class="fact"><dt>{text}</dt><dd></dd></div> })}
                <button class="row bare" role="switch" aria-checked=pinned.to_string() data-testid="material-pin" on:click=pin>
                    <span>{words.t("material-pin")}</span>
                    <span class="switch" aria-hidden="true"></span>
                </button>
            </dl>
            {is_here
                .then(|| {
                    view! {
                        <button class="button outline" data-testid="material-open-in" on:click=hand_over>
                            {icon_px(icons::SHARE, 20)} {words.t(if can_share() { "material-open-in" } else { "material-save" })}
                        </button>
                    }
                })}
        </div>
    }
}

/// Why the file is not here, and the button that brings it.
#[component]
fn NotHere(row: MaterialRow, waiting: Option<WaitReason>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let core: Core = expect_context();
    let asking = RwSignal::new(false);
    let id = row.id;
    let (bytes, size, left) = (row.bytes, words.size(row.bytes), row.state == MaterialState::Left);
    let waits = waiting.map(|reason| {
        let what = words.files_and_bytes(RowId::DownloadMaterials, 1, row.bytes);
        view! { <Waits reason what/> }
    });
    let failed = match &row.state {
        MaterialState::Failed(failure) => Some(failure.clone()),
        MaterialState::Here | MaterialState::Wanted { .. } | MaterialState::Left => None,
    };
    let fetch = move |allow: bool| {
        asking.set(false);
        leptos::task::spawn_local(async move {
            let said = match bridge::ask(Request::FetchMaterial(id)).await {
                Reply::Taken | Reply::Done(_) => words.t("material-asked"),
                other => words.why_not(&other),
            };
            if allow {
                bridge::ask(Request::AllowOnce(RowId::DownloadMaterials)).await;
            }
            page.say(said);
        });
    };
    // Over a network that costs, the rep says yes first: to this file and, after it, to the others that wait in its row.
    let press = move |_| if waiting.is_some() { asking.set(true) } else { fetch(false) };
    let online = Memo::new(move |_| core.sync.read().as_ref().is_none_or(|sync| sync.network != NetworkClass::Offline));
    let question = Memo::new(move |_| {
        let sync = core.sync.read();
        let waits =
            sync.as_ref().and_then(|sync| sync.rows.iter().find(|row| row.id == RowId::DownloadMaterials)).map(|row| row.bytes_waiting);
        let in_all = words.size(waits.unwrap_or(0).max(bytes));
        match waiting {
            Some(WaitReason::WiFi) => words.with_text("sync-send-mobile", "size", &in_all),
            _ => words.with_text("sync-send-here", "size", &in_all),
        }
    });
    view! {
        <section class="card card-pad" data-testid="material-not-here">
            <div class="icon-line">{icon_px(icons::DOWN, 20)} <b>{words.t("material-not-here")}</b></div>
            {left.then(|| view! { <p class="sub">{words.t("material-left-hint")}</p> })}
            {failed.map(|failure| view! { <FailureBox failure calm=true testid="material-failure".to_owned()/> })}
            <button class="button primary" data-testid="material-load" disabled=move || !online.get() on:click=press>
                {words.t("material-load")} " · " <span class="num">{size.clone()}</span>
            </button>
        </section>
        {waits}
        <Sheet open=asking title=words.t("material-load") testid="sheet-material-load">
            <p>{move || question.get()}</p>
            <button class="button primary" data-testid="material-load-confirm" on:click=move |_| fetch(true)>{words.t("material-load")}</button>
            <button class="button plain low" on:click=move |_| asking.set(false)>{words.t("sync-send-wait")}</button>
        </Sheet>
    }
}

/// Whether files can be handed to other applications here.
fn can_share() -> bool {
    js_sys::Reflect::has(&crate::browser::window().navigator(), &"canShare".into()).unwrap_or(false)
}
