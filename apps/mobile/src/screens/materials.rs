//! «Материалы»: planograms, price lists, presentations and pictures of the office, and which of them are on the phone.

use leptos::prelude::*;
use polevik_device_api::files::{MaterialRow, MaterialState, MaterialsView};
use polevik_device_api::sync::WaitReason;
use polevik_device_api::view::{Screen, View};

use crate::app::Page;
use crate::components::{Empty, TopBar, draw, head, load_screen};
use crate::icons::{self, Icon, icon_px};
use crate::router::Route;
use crate::screens::sync;
use crate::words::{Tone, Words};

/// The list.
#[component]
pub fn Materials() -> impl IntoView {
    let words = Words::here();
    let loaded = load_materials();
    view! {
        <TopBar title=words.t("materials-title") back=true/>
        <main class="scroll" data-testid="screen-materials">
            {draw(loaded, |view| view! { <Folders view/> }.into_any())}
        </main>
    }
}

/// Loads the screen's view.
pub fn load_materials() -> RwSignal<crate::components::Loaded<MaterialsView>> {
    load_screen(
        || Screen::Materials,
        |view| match view {
            View::Materials(view) => Some(view),
            _ => None,
        },
    )
}

#[component]
fn Folders(view: MaterialsView) -> impl IntoView {
    let words = Words::here();
    if view.rows.is_empty() {
        return view! { <Empty art=icons::FOLDER title=words.t("materials-none") hint=words.t("materials-none-hint")/> }.into_any();
    }
    let here =
        words.with("materials-here", &[("here", words.size(view.bytes_here).into()), ("total", words.size(view.bytes_total).into())]);
    let missing: Vec<&MaterialRow> = view.rows.iter().filter(|row| row.state != MaterialState::Here).collect();
    let waits = view.waiting.filter(|_| !missing.is_empty()).map(|reason| {
        let bytes = missing.iter().map(|row| row.bytes).sum();
        let what = words.files_and_bytes(polevik_device_api::RowId::DownloadMaterials, u64::try_from(missing.len()).unwrap_or(0), bytes);
        view! { <Waits reason what/> }
    });
    // Rows come mandatory first, then by folder: folders are put together again, in the order they first appear.
    let mut folders: Vec<(String, Vec<MaterialRow>)> = Vec::new();
    for row in &view.rows {
        match folders.iter_mut().find(|(name, _)| *name == row.folder) {
            Some((_, rows)) => rows.push(row.clone()),
            None => folders.push((row.folder.clone(), vec![row.clone()])),
        }
    }
    let waiting = view.waiting;
    view! {
        <div class="page">
            <p class="sub count num" data-testid="materials-here">{here}</p>
            {waits}
            {folders
                .into_iter()
                .map(|(name, rows)| {
                    let name = if name.is_empty() { words.t("materials-other") } else { name };
                    view! {
                        {head(name)}
                        <section class="card rows">{rows.into_iter().map(|row| view! { <MaterialLink row waiting/> }).collect_view()}</section>
                    }
                })
                .collect_view()}
        </div>
    }
    .into_any()
}

/// Why what is missing does not come now; leads to where it can be changed.
#[component]
pub fn Waits(
    /// For what it waits.
    reason: WaitReason,
    /// What waits.
    what: String,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Sync;
    let why = sync::why_held_back(words, reason).unwrap_or_else(|| words.t("sync-wifi-only-help"));
    view! {
        <a class="note leads" href=target.path() data-testid="materials-wait" on:click=move |event| page.follow(&event, target)>
            {icon_px(icons::WIFI, 20)}
            <span class="grow">
                <b class="block">{sync::wait_words(words, reason, &what)}</b>
                {why}
            </span>
            {icon_px(icons::FORWARD, 20)}
        </a>
    }
}

/// One material in a list; leads to it.
#[component]
pub fn MaterialLink(
    /// The material.
    row: MaterialRow,
    /// Why those that are missing wait, if they do.
    #[prop(optional_no_strip)]
    waiting: Option<WaitReason>,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Material(row.id);
    let (state_art, state, tone) = state_of(words, &row, waiting);
    let mut about = vec![kind_name(words, &row), words.size(row.bytes)];
    about.retain(|part| !part.is_empty());
    view! {
        <a class="row" href=target.path() data-testid=format!("material-{}", row.id) data-state=tone.class() on:click=move |event| page.follow(&event, target)>
            <span class="glyph">{icon_px(art_of(&row), 22)}</span>
            <span>
                <span class="name two-lines">{row.title.clone()}</span>
                <span class="sub num block">{about.join(" · ")}</span>
                <span class="marks">
                    {row.is_new.then(|| view! { <span class="badge info">{words.t("material-new")}</span> })}
                    {row.mandatory.then(|| view! { <span class="badge warn">{words.t("material-mandatory")}</span> })}
                    {row.pinned.then(|| view! { <span class="badge">{words.t("material-pinned")}</span> })}
                </span>
            </span>
            <span class=format!("tag {} icon-words", tone.class())>{icon_px(state_art, 16)} <span>{state}</span></span>
        </a>
    }
}

/// Where the file of a material is, in a word with its colour.
pub fn state_of(words: Words, row: &MaterialRow, waiting: Option<WaitReason>) -> (Icon, String, Tone) {
    match &row.state {
        MaterialState::Here => (icons::CHECK, words.t("material-here"), Tone::Ok),
        MaterialState::Wanted { have } if *have > 0 => {
            let text = words.with("material-part", &[("done", words.size(*have).into()), ("total", words.size(row.bytes).into())]);
            (icons::DOWN, text, Tone::Info)
        }
        MaterialState::Wanted { .. } => match waiting {
            Some(WaitReason::WiFi | WaitReason::MeteredWiFi) => (icons::WIFI, words.t("network-wifi"), Tone::Info),
            Some(WaitReason::Roaming | WaitReason::UnknownNetwork | WaitReason::OpenVisit) | None => {
                (icons::DOWN, words.t("material-wanted"), Tone::Info)
            }
        },
        MaterialState::Left => (icons::STOP, words.t("material-left"), Tone::Idle),
        MaterialState::Failed(_) => (icons::FAIL, words.t("material-failed"), Tone::Error),
    }
}

/// What kind of material it is; nothing for a word of a newer office.
pub fn kind_name(words: Words, row: &MaterialRow) -> String {
    match row.kind.as_str() {
        "planogram" | "price_list" | "presentation" | "picture" | "video" | "training" => words.t(&format!("material-kind-{}", row.kind)),
        _ => String::new(),
    }
}

fn art_of(row: &MaterialRow) -> Icon {
    match row.content_type.split('/').next() {
        Some("image") => icons::PICTURE,
        Some("video") => icons::VIDEO,
        _ => icons::NOTE,
    }
}
