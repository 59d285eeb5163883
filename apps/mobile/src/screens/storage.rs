//! «Память устройства»: what takes how much room, and which of it may go.

use leptos::prelude::*;
use polevik_device_api::Command;
use polevik_device_api::files::{StorageView, UNUSED_DAYS};
use polevik_device_api::view::{Screen, View};

use crate::app::Page;
use crate::browser;
use crate::components::{TopBar, draw, load_screen_when};
use crate::icons::{self, icon_px};
use crate::screens::photo::SpaceNote;
use crate::words::Words;

/// The screen.
#[component]
pub fn Storage() -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let core: crate::bridge::Core = expect_context();
    let asked = RwSignal::new(0_u64);
    let loaded = load_screen_when(
        || Screen::Storage,
        move || core.changed.read().0 + asked.get(),
        |view| match view {
            View::Storage(view) => Some(view),
            _ => None,
        },
    );
    let ask = move || {
        leptos::task::spawn_local(async move {
            let kept = browser::storage_is_kept().await;
            page.storage_kept.set(kept);
            asked.try_update(|count| *count += 1);
            if !kept {
                page.say(words.t("storage-asked-no"));
            }
        });
    };
    view! {
        <TopBar title=words.t("storage-title") back=true/>
        <main class="scroll" data-testid="screen-storage">
            {draw(loaded, move |view| view! { <Body view ask=Callback::new(move |()| ask())/> }.into_any())}
        </main>
    }
}

/// One kind of what is stored: its name, a word on it, its colour in the bar, its bytes, and whether it is locked.
struct Kind {
    testid: &'static str,
    name: String,
    about: String,
    colour: &'static str,
    bytes: u64,
    locked: bool,
}

#[component]
fn Body(view: StorageView, ask: Callback<()>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let busy = RwSignal::new(false);
    let files = |key: &str, n: u32| if n == 0 { String::new() } else { words.count(key, u64::from(n)) };
    let kind = |testid, name: &str, about, colour, bytes| Kind { testid, name: words.t(name), about, colour, bytes, locked: false };
    let queued =
        [files("photos-count", view.queued_photos.files), words.t("storage-queued-kept")].into_iter().filter(|part| !part.is_empty());
    let kinds = vec![
        kind("databases", "storage-databases", String::new(), "part-databases", view.databases),
        Kind {
            locked: true,
            ..kind("queued", "storage-queued", queued.collect::<Vec<_>>().join(" · "), "part-queued", view.queued_photos.bytes)
        },
        kind("sent", "storage-sent", files("photos-count", view.sent_photos.files), "part-sent", view.sent_photos.bytes),
        kind("materials", "sync-materials", files("files-count", view.materials.files), "part-materials", view.materials.bytes),
        kind("library", "sync-library", String::new(), "part-library", view.library.bytes),
        kind("logs", "storage-logs", String::new(), "part-logs", view.logs),
    ];
    let used: u64 = kinds.iter().map(|kind| kind.bytes).sum();
    // The bar is of what we use: beside a free disk it would be a hair's breadth.
    let parts = kinds
        .iter()
        .filter(|kind| kind.bytes > 0)
        .map(|kind| view! { <i class=kind.colour style:flex-grow=(kind.bytes / 1_000).max(1).to_string()></i> })
        .collect_view();
    let free = view.free.map(|free| {
        view! {
            <div class="stat">
                <span class="sub">{words.t("storage-free")}</span>
                <b class="num" data-testid="storage-free" data-bytes=free.to_string()>{words.size(free)}</b>
            </div>
        }
    });
    let remove = move |command: Command| page.act_once(busy, command, move |_| page.say(words.t("storage-removed")));
    let persistent = view.persistent.map(|kept| {
        let (art, tone, text) = if kept {
            (icons::CHECK, "note", words.t("profile-storage-safe"))
        } else {
            (icons::WARN, "note warn", words.t("profile-storage-unsafe"))
        };
        view! {
            <div class=tone data-testid="storage-persistent" data-kept=kept.to_string()>
                {icon_px(art, 20)} <div class="grow noted">
                    <span>{text}</span>
                    {(!kept)
                        .then(|| {
                            view! {
                                <button class="button outline narrow" data-testid="storage-ask" on:click=move |_| ask.run(())>
                                    {words.t("storage-ask")}
                                </button>
                            }
                        })}
                </div>
            </div>
        }
    });
    let sent_size = words.size(view.sent_photos.bytes);
    let unused_size = words.size(view.unused_materials.bytes);
    view! {
        <div class="page">
            <SpaceNote space=view.space/>
            <section class="card card-pad">
                <div class="stats">
                    <div class="stat"><span class="sub">{words.t("storage-used")}</span> <b class="num" data-testid="storage-used">{words.size(used)}</b></div>
                    {free}
                </div>
                <div class="parts" aria-hidden="true">{parts}</div>
            </section>
            <dl class="card facts rows">
                {kinds
                    .into_iter()
                    .map(|kind| {
                        view! {
                            <div class="fact part" data-testid=format!("storage-{}", kind.testid) data-bytes=kind.bytes.to_string()>
                                <span class=format!("dot-mark {}", kind.colour) aria-hidden="true"></span>
                                <dt>
                                    <span class="part-name">{kind.name} {kind.locked.then(|| icon_px(icons::LOCK, 16))}</span>
                                    {(!kind.about.is_empty()).then(|| view! { <span class="sub block">{kind.about}</span> })}
                                </dt>
                                <dd class="num nowrap">{words.size(kind.bytes)}</dd>
                            </div>
                        }
                    })
                    .collect_view()}
            </dl>
            {(view.sent_photos.files > 0)
                .then(|| {
                    view! {
                        <button
                            class="button outline" data-testid="storage-remove-sent" disabled=move || busy.get()
                            on:click=move |_| remove(Command::RemoveSentPhotos)
                        >
                            {words.with_text("storage-remove-sent", "size", &sent_size)}
                        </button>
                    }
                })}
            {(view.unused_materials.files > 0)
                .then(|| {
                    view! {
                        <button
                            class="button outline" data-testid="storage-remove-unused" disabled=move || busy.get()
                            on:click=move |_| remove(Command::RemoveUnusedMaterials)
                        >
                            {words.with("storage-remove-unused", &[("days", UNUSED_DAYS.into()), ("size", unused_size.into())])}
                        </button>
                    }
                })}
            {persistent}
        </div>
    }
}
