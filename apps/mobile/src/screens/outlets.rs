//! «Точки»: the outlets of the territory, found as one types.

use leptos::prelude::*;
use polevik_device_api::view::{OutletRow, OutletsView, Screen, View};
use polevik_texts::format::tied;

use crate::app::Page;
use crate::components::{Empty, SearchField, TopBar, badge, draw, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::words::{Tone, Words};

/// The most outlets drawn; a territory has some 150, a supervisor's more: those search.
const LIMIT: u32 = 300;

/// The list.
#[component]
pub fn Outlets() -> impl IntoView {
    let words = Words::here();
    let search = RwSignal::new(String::new());
    let loaded = load_screen(
        move || Screen::Outlets { search: search.get(), limit: LIMIT },
        |view| match view {
            View::Outlets(view) => Some(view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("outlets-title")>
            <SearchField typed=search hint=words.t("outlets-search") testid="outlet-search"/>
        </TopBar>
        <main class="scroll" data-testid="screen-outlets">
            {draw(loaded, move |view| view! { <List view searched=!search.get_untracked().is_empty()/> }.into_any())}
        </main>
    }
}

#[component]
fn List(view: OutletsView, searched: bool) -> impl IntoView {
    let words = Words::here();
    if view.rows.is_empty() {
        let (title, hint) = if searched { ("outlets-none", "outlets-none-hint") } else { ("outlets-empty", "outlets-empty-hint") };
        return view! { <Empty art=icons::SHOP title=words.t(title) hint=words.t(hint)/> }.into_any();
    }
    let shown = u64::try_from(view.rows.len()).unwrap_or(u64::MAX);
    let more = u64::from(view.total) > shown;
    let number = |n: u64| words.number(i64::try_from(n).unwrap_or(i64::MAX));
    let count = words.count("outlets-count", u64::from(view.total));
    let cut = more.then(|| {
        let text = words.with("and-more", &[("shown", number(shown).into()), ("total", number(u64::from(view.total)).into())]);
        view! { <p class="sub centre">{text}</p> }
    });
    view! {
        <div class="page">
            <p class="sub count" aria-live="polite">{count}</p>
            <section class="card rows" role="list">
                {view.rows.into_iter().map(|row| view! { <div role="listitem"><Row row/></div> }).collect_view()}
            </section>
            {cut}
        </div>
    }
    .into_any()
}

/// One outlet.
#[component]
fn Row(row: OutletRow) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Outlet(row.id);
    let owed = (row.overdue.0 > 0)
        .then(|| view! { <span class="sub tone-error block num">{words.t("overdue")} " " {words.money(row.overdue)}</span> });
    view! {
        <a class="row" href=target.path() data-testid=format!("outlet-row-{}", row.id) on:click=move |event| page.follow(&event, target)>
            <span class="glyph">{icon_px(icons::SHOP, 22)}</span>
            <span>
                <span class="name two-lines">{tied(&row.name)}</span>
                <span class="sub two-lines">{tied(&row.address)}</span>
                {owed} {row.stopped.then(|| badge(words.t("outlet-stop"), Tone::Warn))}
            </span>
            {icon_px(icons::FORWARD, 18)}
        </a>
    }
}
