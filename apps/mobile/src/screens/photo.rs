//! Photos: those of a visit as a list, taking one, and one of them large.

use leptos::html;
use leptos::prelude::*;
use polevik_device_api::files::{PhotoFileState, PhotoRow, Space};
use polevik_device_api::view::{Screen, View, VisitView};
use polevik_device_api::{CommandDone, ErrorCode, Failure, Reply, Request};
use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use wasm_bindgen::JsCast;

use crate::app::Page;
use crate::bridge;
use crate::components::{Empty, FailureBox, Nothing, Sheet, TopBar, draw, head, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::attention::Trouble;
use crate::screens::outlet::fact;
use crate::stored::{self, Look, Picture};
use crate::words::{Tone, Words};

/// The photos of a visit, and what stands in the way of more.
#[component]
pub fn Photos(
    /// The visit.
    visit: DocumentId,
    /// Its photos.
    photos: Vec<PhotoRow>,
    /// How free space stands.
    space: Space,
    /// Whether photos can still be taken in it.
    open: bool,
) -> impl IntoView {
    let words = Words::here();
    if photos.is_empty() && !open {
        return ().into_any();
    }
    let list = if photos.is_empty() {
        view! { <Nothing art=icons::CAMERA text=words.t("visit-photos-none")/> }.into_any()
    } else {
        view! { <div class="photos" data-testid="photos">{photos.into_iter().map(|row| view! { <Thumbnail visit row/> }).collect_view()}</div> }
            .into_any()
    };
    view! { {head(words.t("photos-title"))} {open.then(|| view! { <SpaceNote space/> })} <div class="photos-place">{list}</div> }.into_any()
}

/// What to know of the space for photos, with the way to free some.
#[component]
pub fn SpaceNote(
    /// How it stands.
    space: Space,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Storage;
    let free_up = move || {
        view! {
            <a class="button outline narrow" href=target.path() data-testid="free-up" on:click=move |event| page.follow(&event, target)>
                {words.t("space-free-up")}
            </a>
        }
    };
    match space {
        Space::Enough => ().into_any(),
        Space::Low => view! {
            <div class="note warn" data-testid="space-low">
                {icon_px(icons::WARN, 20)} <div class="grow noted"><span>{words.t("space-low")}</span> {free_up()}</div>
            </div>
        }
        .into_any(),
        Space::Full => {
            let said = Some((Signal::stored(words.code_title(ErrorCode::NoSpace)), words.t("space-full")));
            view! { <FailureBox failure=Failure::new(ErrorCode::NoSpace, "") said testid="space-full".to_owned()>{free_up()}</FailureBox> }
                .into_any()
        }
    }
}

/// Where the file of a photo is, in a word with its colour.
fn state_of(words: Words, row: &PhotoRow) -> (icons::Icon, String, Tone) {
    match &row.file_state {
        PhotoFileState::OnlyHere { failure: Some(_), .. } => (icons::WARN, words.t("photo-failed"), Tone::Warn),
        PhotoFileState::OnlyHere { failure: None, .. } => (icons::UP, words.t("photo-here"), Tone::Info),
        PhotoFileState::OnServer { .. } => (icons::CHECK, words.t("photo-server"), Tone::Ok),
        PhotoFileState::Lost => (icons::FAIL, words.t("photo-lost"), Tone::Error),
    }
}

/// One photo, small; leads to it.
#[component]
fn Thumbnail(visit: DocumentId, row: PhotoRow) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Photo(visit, row.id);
    let (art, state, tone) = state_of(words, &row);
    let scene = words.scene(row.scene);
    let alt = words.with("photo-of", &[("scene", scene.clone().into()), ("state", state.clone().into())]);
    let is_here = matches!(row.file_state, PhotoFileState::OnlyHere { .. } | PhotoFileState::OnServer { here: true });
    let away = move || view! { <span class="thumb-image away">{icon_px(icons::PICTURE, 28)}</span> }.into_any();
    let image = if is_here {
        view! { <Picture file=row.file.clone() look=Look::Photo alt=String::new() class="thumb-image" missing=away.into()/> }.into_any()
    } else {
        away()
    };
    view! {
        <a
            class="thumb" href=target.path() aria-label=alt data-testid=format!("photo-{}", row.id) data-state=tone.class()
            on:click=move |event| page.follow(&event, target)
        >
            {image}
            <span class="thumb-words">
                <span class="thumb-scene">{scene}</span>
                <span class=format!("thumb-state tone-{}", tone.class())>{icon_px(art, 14)} <span>{state}</span></span>
            </span>
        </a>
    }
}

/// The sheet in which a photo is taken: what it shows, then the camera or the gallery.
#[component]
pub fn TakePhoto(
    /// In which visit.
    visit: DocumentId,
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let busy = RwSignal::new(false);
    let keep = move |file: web_sys::File| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let scene = page.scene.get_untracked();
        leptos::task::spawn_local(async move {
            let said = match stored::bytes_of(&file).await {
                Some(picture) => match bridge::ask(Request::TakePhoto { visit, scene, comment: String::new(), picture }).await {
                    Reply::Done(CommandDone::Document(_) | CommandDone::Done) => words.t("photo-saved"),
                    other => words.why_not(&other),
                },
                None => words.t("act-picture"),
            };
            busy.try_set(false);
            open.try_set(false);
            page.say(said);
        });
    };
    view! {
        <Sheet open title=words.t("photo-scene") testid="sheet-photo">
            <div class="choices pairs" role="group" aria-label=words.t("photo-scene")>
                {Scene::ALL
                    .into_iter()
                    .map(|scene| {
                        view! {
                            <button
                                class="choice" aria-pressed=move || (page.scene.get() == scene).to_string() disabled=move || busy.get()
                                data-testid=format!("scene-{}", scene.as_str()) on:click=move |_| page.scene.set(scene)
                            >
                                <b>{words.scene(scene)}</b>
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <FileButton class="button primary" word="photo-take" art=icons::CAMERA camera=true busy keep testid="photo-take"/>
            <FileButton class="button plain low" word="photo-choose" art=icons::PICTURE camera=false busy keep testid="photo-choose"/>
            <p class="sub centre" role="status">{move || busy.get().then(|| words.t("photo-saving"))}</p>
        </Sheet>
    }
}

/// A button that opens the camera, or the list of files.
#[component]
fn FileButton(
    class: &'static str,
    word: &'static str,
    art: icons::Icon,
    camera: bool,
    busy: RwSignal<bool>,
    keep: impl Fn(web_sys::File) + Copy + 'static,
    testid: &'static str,
) -> impl IntoView {
    let words = Words::here();
    let input = NodeRef::<html::Input>::new();
    let chosen = move |_| {
        let Some(input) = input.get_untracked() else { return };
        let input: web_sys::HtmlInputElement = input.unchecked_into();
        let file = input.files().and_then(|files| files.get(0));
        // The same picture may be chosen again.
        input.set_value("");
        if let Some(file) = file {
            keep(file);
        }
    };
    let ask = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    view! {
        <button class=class data-testid=testid disabled=move || busy.get() on:click=ask>
            {icon_px(art, 22)} {words.t(word)}
        </button>
        <input
            node_ref=input type="file" accept="image/*" capture=camera.then_some("environment") hidden=true tabindex="-1" aria-hidden="true"
            data-testid=format!("{testid}-input") on:change=chosen
        />
    }
}

/// One photo, large, with where it is.
#[component]
pub fn Photo(
    /// Its visit.
    visit: DocumentId,
    /// Its document.
    photo: DocumentId,
) -> impl IntoView {
    let words = Words::here();
    on_cleanup(stored::forget_addresses);
    let loaded = load_screen(
        move || Screen::Visit(visit),
        |view| match view {
            View::Visit(view) => Some(*view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("photo-title") back=true/>
        <main class="scroll" data-testid="screen-photo">
            {draw(loaded, move |view| view! { <Large view photo/> }.into_any())}
        </main>
    }
}

#[component]
fn Large(view: VisitView, photo: DocumentId) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let Some(row) = view.photos.iter().find(|row| row.id == photo).cloned() else {
        return view! { <Empty art=icons::SEARCH title=words.t("act-not-found") hint=String::new()/> }.into_any();
    };
    let (art, state, tone) = state_of(words, &row);
    let scene = words.scene(row.scene);
    let note = match &row.file_state {
        PhotoFileState::Lost => {
            let failure = Failure::new(ErrorCode::PhotoMissing, "");
            view! { <FailureBox failure testid="photo-lost".to_owned()/> }.into_any()
        }
        PhotoFileState::OnlyHere { failure: Some(failure), .. } => {
            view! { <FailureBox failure=failure.clone() calm=true testid="photo-failure".to_owned()/> }.into_any()
        }
        PhotoFileState::OnlyHere { sent, failure: None } if *sent > 0 => {
            let text = words.with("photo-sent-part", &[("done", words.size(*sent).into()), ("total", words.size(row.bytes).into())]);
            view! { <p class="sub num">{text}</p> }.into_any()
        }
        PhotoFileState::OnServer { here: false } => {
            view! { <div class="note" data-testid="photo-removed">{icon_px(icons::INFO, 20)} <span>{words.t("photo-removed")}</span></div> }
                .into_any()
        }
        PhotoFileState::OnlyHere { .. } | PhotoFileState::OnServer { .. } => ().into_any(),
    };
    let is_here = matches!(row.file_state, PhotoFileState::OnlyHere { .. } | PhotoFileState::OnServer { here: true });
    let image = is_here.then(|| {
        let missing = move || view! { <div class="viewer-none">{icon_px(icons::PICTURE, 44)} <span>{words.t("photo-not-shown")}</span></div> };
        view! { <div class="viewer-frame"><Picture file=row.file.clone() look=Look::Photo alt=scene.clone() class="viewer-image" missing=missing.into()/></div> }
    });
    let pixels = format!("{} · {}\u{a0}×\u{a0}{}", words.size(row.bytes), row.width, row.height);
    let outlet = Route::Visit(view.id);
    view! {
        {image}
        <div class="page">
            {note}
            <Trouble document=row.id place=row.place.clone() of="photo"/>
            <dl class="card facts rows">
                <div class="fact">
                    <dt>{scene.clone()}</dt>
                    <dd class=format!("tone-{} icon-words", tone.class()) data-testid="photo-state">{icon_px(art, 16)} <span>{state}</span></dd>
                </div>
                {fact(words.t("photo-taken-at"), words.date_time(row.taken_at))} {fact(words.t("photo-size"), pixels)}
            </dl>
            <a class="button quiet" href=outlet.path() on:click=move |event| page.follow(&event, outlet)>{words.t("order-to-visit")}</a>
        </div>
    }
    .into_any()
}
