//! The whole page: which screen is shown, and what every screen can reach.

use leptos::prelude::*;
use polevik_device_api::sync::{RowId, SyncView};
use polevik_device_api::view::{Screen, StartView, View};
use polevik_device_api::{Command, CommandDone, Request};
use polevik_domain::ids::DocumentId;
use polevik_domain::photo::Scene;
use polevik_domain::time::UtcMillis;
use polevik_texts::Language;
use wasm_bindgen::{JsCast, JsValue};

use crate::bridge::{self, Core, CoreState};
use crate::components::TabBar;
use crate::leader::{self, Ask};
use crate::router::Route;
use crate::screens;
use crate::words::Words;
use crate::{browser, update};

/// Where the person is, and where to.
#[derive(Clone, Copy)]
pub struct Page {
    /// The screen.
    pub route: RwSignal<Route>,
    /// Who is signed in and whether work is possible; `None` until the core has said so.
    pub start: RwSignal<Option<StartView>>,
    /// Now, by the device's clock; moves each second.
    pub now: RwSignal<UtcMillis>,
    /// Whether the browser promised to keep what is stored.
    pub storage_kept: RwSignal<bool>,
    /// The words of every screen.
    pub words: Words,
    /// The document that the rep is about to take back: the sheet that asks why is open.
    pub withdrawing: RwSignal<Option<DocumentId>>,
    /// Whether the rep was asked, since the application was opened, what a network of unknown kind is.
    pub network_asked: RwSignal<bool>,
    /// What the last photo showed: the next one often shows the same.
    pub scene: RwSignal<Scene>,
    /// What is said, and how many were said before it.
    toasts: RwSignal<(u32, Option<String>)>,
    depth: RwSignal<u32>,
}

impl Page {
    /// Says `text` at the bottom of the screen for a few seconds.
    pub fn say(self, text: String) {
        let number = self.toasts.read_untracked().0.wrapping_add(1);
        self.toasts.set((number, Some(text)));
        browser::after(4_500, move || {
            if self.toasts.read_untracked().0 == number {
                self.hush();
            }
        });
    }

    /// Takes back what was said last: it is not true any more.
    pub fn hush(self) {
        self.toasts.update(|(_, text)| *text = None);
    }

    /// Does an act and says why if it was refused; `then` runs on success.
    pub fn act(self, command: Command, then: impl FnOnce(CommandDone) + 'static) {
        leptos::task::spawn_local(async move {
            match bridge::execute(command).await {
                Ok(done) => then(done),
                Err(reply) => self.say(self.words.why_not(&reply)),
            }
        });
    }

    /// [`Page::act`], unless the button's last act is still under way: a second tap changes nothing.
    pub fn act_once(self, busy: RwSignal<bool>, command: Command, then: impl FnOnce(CommandDone) + 'static) {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        leptos::task::spawn_local(async move {
            let done = bridge::execute(command).await;
            // The screen may be gone by now, and its button with it.
            busy.try_set(false);
            match done {
                Ok(done) => then(done),
                Err(reply) => self.say(self.words.why_not(&reply)),
            }
        });
    }

    /// Shows a screen.
    pub fn go(self, route: Route) {
        if self.route.get_untracked() == route {
            return;
        }
        self.depth.update(|depth| *depth += 1);
        let depth = JsValue::from_f64(f64::from(self.depth.get_untracked()));
        self.remember(|history, path| history.push_state_with_url(&depth, "", Some(path)), route);
    }

    /// Shows a screen in the place of this one: "back" does not come here again.
    pub fn replace(self, route: Route) {
        let depth = JsValue::from_f64(f64::from(self.depth.get_untracked()));
        self.remember(|history, path| history.replace_state_with_url(&depth, "", Some(path)), route);
    }

    fn remember(self, write: impl Fn(&web_sys::History, &str) -> Result<(), JsValue>, route: Route) {
        if let Ok(history) = browser::window().history() {
            // A browser that limits history writes only loses a step of "back".
            let _ = write(&history, &route.path());
        }
        self.show(route);
    }

    fn show(self, route: Route) {
        self.withdrawing.set(None);
        self.route.set(route);
    }

    /// Goes back as the browser does; from a screen opened by its address to the one above it.
    pub fn back(self) {
        if self.depth.get_untracked() > 0
            && let Ok(history) = browser::window().history()
            && history.back().is_ok()
        {
            return;
        }
        self.replace(self.route.get_untracked().parent());
    }

    /// A tap on a link of ours; one meant for another window is left to the browser.
    pub fn follow(self, event: &web_sys::MouseEvent, route: Route) {
        if event.ctrl_key() || event.meta_key() || event.shift_key() || event.button() != 0 {
            return;
        }
        event.prevent_default();
        self.go(route);
    }

    /// Asks the core again who is signed in.
    pub fn start_again(self) {
        leptos::task::spawn_local(async move { self.load_start().await });
    }

    async fn load_start(self) {
        if let Ok(View::Start(start)) = bridge::load(Screen::Start).await {
            if let Some(tag) = &start.language {
                self.words.speak(Language::from_tag(tag));
            }
            self.start.set(Some(start));
        }
    }
}

/// Draws the page into the document, in the place of what `index.html` showed meanwhile.
pub fn mount() {
    let Some(place) = browser::document().get_element_by_id("app") else {
        return;
    };
    place.set_inner_html("");
    leptos::mount::mount_to(place.unchecked_into(), App).forget();
}

/// All of it.
#[component]
fn App() -> impl IntoView {
    let words = Words::new(Language::from_tag(&browser::language_tag()));
    let core = Core::new();
    let page = Page {
        route: RwSignal::new(Route::parse(&browser::window().location().pathname().unwrap_or_default())),
        start: RwSignal::new(None),
        now: RwSignal::new(browser::now()),
        storage_kept: RwSignal::new(false),
        words,
        withdrawing: RwSignal::new(None),
        network_asked: RwSignal::new(false),
        scene: RwSignal::new(Scene::Shelf),
        toasts: RwSignal::new((0, None)),
        depth: RwSignal::new(0),
    };
    let new_build = update::watch();
    provide_context(words);
    provide_context(core);
    provide_context(page);

    listen(core, page);
    start_when_ready(core, page);
    core.start();
    leader::lead(core, Ask::IfFree);

    // Drawn anew, whole, when the language changes: screens read the words once.
    move || {
        words.watch_language();
        view! {
            {move || match core.state.get() {
                CoreState::Ready => view! { <Signed/> }.into_any(),
                CoreState::Starting => view! { <Boot/> }.into_any(),
                state => view! { <screens::gate::Gate state/> }.into_any(),
            }}
            <Show when=move || new_build.get() && core.state.get() == CoreState::Ready>
                <div class="toast" role="status" data-testid="update-ready">
                    <span class="grow">{words.t("update-ready")}</span>
                    <button class="toast-button" on:click=move |_| update::update_now()>{words.t("update-now")}</button>
                </div>
            </Show>
            <div role="status" aria-live="polite">
                {move || page.toasts.get().1.map(|text| view! { <div class="toast" data-testid="toast">{text}</div> })}
            </div>
        }
    }
}

/// The mark, until the core is here; it shows only if that takes a while.
#[component]
fn Boot() -> impl IntoView {
    let words = Words::here();
    view! {
        <div class="boot" role="status" aria-label=words.t("loading")>
            <img src=icon_path() width="72" height="72" alt=""/>
        </div>
    }
}

/// The mark's path under its hashed name, as `index.html` has it.
pub fn icon_path() -> String {
    let link = browser::document().query_selector("link[rel=icon]").ok().flatten();
    link.and_then(|link| link.get_attribute("href")).unwrap_or_default()
}

/// What is shown once the core answers: login, first download, or work.
#[component]
fn Signed() -> impl IntoView {
    let page: Page = expect_context();
    // Only these three facts decide; nothing else may draw the screens anew.
    let stage = Memo::new(move |_| page.start.read().as_ref().map(|start| (start.signed_in, start.ready)));
    move || match stage.get() {
        None => view! { <Boot/> }.into_any(),
        Some((false, _)) => view! { <screens::login::Login again=false/> }.into_any(),
        Some((true, false)) => view! { <BeforeFirst/> }.into_any(),
        Some((true, true)) => view! { <Work/> }.into_any(),
    }
}

/// Until the first download has succeeded: it, and the profile to leave again.
#[component]
fn BeforeFirst() -> impl IntoView {
    let page: Page = expect_context();
    move || match page.route.get() {
        Route::Profile => view! { <div class="shell"><screens::profile::Profile/></div> }.into_any(),
        Route::Login => view! { <screens::login::Login again=true/> }.into_any(),
        _ => view! { <screens::first_sync::FirstSync/> }.into_any(),
    }
}

/// The screens of daily work in their frame.
#[component]
fn Work() -> impl IntoView {
    let page: Page = expect_context();
    move || {
        let route = page.route.get();
        let screen = match route {
            Route::Day => view! { <screens::route::DayRoute/> }.into_any(),
            Route::Outlets => view! { <screens::outlets::Outlets/> }.into_any(),
            Route::Outlet(id) => view! { <screens::outlet::Outlet id/> }.into_any(),
            Route::Visit(id) => view! { <screens::visit::Visit id/> }.into_any(),
            Route::Order(id) => view! { <screens::order::Order id/> }.into_any(),
            Route::Orders => view! { <screens::orders::Orders/> }.into_any(),
            Route::More => view! { <screens::more::More/> }.into_any(),
            Route::Sync => view! { <screens::sync::Sync/> }.into_any(),
            Route::Attention => view! { <screens::attention::Attention/> }.into_any(),
            Route::Photo(visit, photo) => view! { <screens::photo::Photo visit photo/> }.into_any(),
            Route::Materials => view! { <screens::materials::Materials/> }.into_any(),
            Route::Material(id) => view! { <screens::material::Material id/> }.into_any(),
            Route::Storage => view! { <screens::storage::Storage/> }.into_any(),
            Route::Profile => view! { <screens::profile::Profile/> }.into_any(),
            Route::Login => return view! { <screens::login::Login again=true/> }.into_any(),
        };
        // An order and a visit have their own bar below, with what is done next; a file takes all the room there is.
        let tabs = !matches!(route, Route::Order(_) | Route::Visit(_) | Route::Outlet(_) | Route::Photo(..) | Route::Material(_));
        view! { <div class="shell">{screen} {tabs.then(|| view! { <TabBar/> })}</div> <screens::attention::WithdrawSheet/> }.into_any()
    }
}

/// Follows "back", the clock, and what may make a synchronisation worth trying.
fn listen(core: Core, page: Page) {
    browser::on_window("popstate", move || {
        let state = browser::window().history().and_then(|history| history.state()).ok();
        let depth = state.and_then(|state| state.as_f64()).map_or(0, browser::whole);
        page.depth.set(u32::try_from(depth).unwrap_or(0));
        page.show(Route::parse(&browser::window().location().pathname().unwrap_or_default()));
    });
    browser::every(1_000, move || page.now.set(browser::now()));
    let wake = move || {
        if core.state.get_untracked() == CoreState::Ready {
            leptos::task::spawn_local(async {
                // Only a hint: whatever comes of it comes as a push.
                bridge::ask(Request::Wake).await;
            });
        }
    };
    browser::on_window("online", wake);
    let in_front = RwSignal::new(browser::is_visible());
    browser::on_window("visibilitychange", move || {
        in_front.set(browser::is_visible());
        if in_front.get_untracked() {
            wake();
        }
    });
    // A page that the browser puts aside whole, and takes out again, may not be told of its visibility.
    browser::on_window("pagehide", move || in_front.set(false));
    browser::on_window("pageshow", move || in_front.set(browser::is_visible()));
    tell_when_in_front(core, in_front);
}

/// Tells the core whether a person looks at it: in front it hears of the office's changes at once. A window without the data has no core.
fn tell_when_in_front(core: Core, in_front: RwSignal<bool>) {
    let told = Memo::new(move |_| (core.state.get() == CoreState::Ready, in_front.get()));
    Effect::new(move |_| {
        if let (true, in_front) = told.get() {
            leptos::task::spawn_local(async move {
                bridge::ask(Request::Foreground(in_front)).await;
            });
        }
    });
}

/// Asks who is signed in as soon as the core answers, and again when the first download is done.
fn start_when_ready(core: Core, page: Page) {
    let ready = Memo::new(move |_| core.state.get() == CoreState::Ready);
    Effect::new(move |_| {
        if ready.get() {
            leptos::task::spawn_local(async move {
                page.load_start().await;
                if let Ok(View::Sync(sync)) = bridge::load(Screen::Sync).await {
                    core.sync.set(Some(std::sync::Arc::new(sync)));
                }
                page.storage_kept.set(browser::storage_is_kept().await);
            });
        }
    });
    // Asked again at each session's end until work is possible: the view may still be that of another person.
    Effect::new(move |_| {
        let over = core.sync.read().as_deref().is_some_and(|sync| !sync.running && has_loaded(sync));
        if over && page.start.read_untracked().as_ref().is_some_and(|start| start.signed_in && !start.ready) {
            page.start_again();
        }
    });
}

/// Whether the reference rows have been loaded once.
fn has_loaded(sync: &SyncView) -> bool {
    sync.rows.iter().any(|row| row.id == RowId::DownloadMandatory && row.last_success.is_some())
}
