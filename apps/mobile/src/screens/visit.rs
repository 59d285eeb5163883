//! «Визит»: its orders while it is open, and its end.

use leptos::prelude::*;
use polevik_device_api::files::{PhotoFileState, Space};
use polevik_device_api::view::{DocumentPlace, OrderRow, Screen, View, VisitView};
use polevik_device_api::{Command, CommandDone};
use polevik_domain::ids::DocumentId;
use polevik_texts::format::tied;

use crate::app::Page;
use crate::components::{Loaded, Nothing, Sheet, TopBar, draw, head, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::attention::{Story, Trouble};
use crate::screens::materials::MaterialLink;
use crate::screens::orders::{OrderLink, count_and_sum};
use crate::screens::photo::{Photos, TakePhoto};
use crate::stored;
use crate::words::Words;

/// One visit, open or finished.
#[component]
pub fn Visit(id: DocumentId) -> impl IntoView {
    let words = Words::here();
    on_cleanup(stored::forget_addresses);
    let loaded = load_screen(
        move || Screen::Visit(id),
        |view| match view {
            View::Visit(view) => Some(*view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("visit-title") back=true/>
        <main class="scroll" data-testid="screen-visit">
            {draw(loaded, move |view| view! { <Body view/> }.into_any())}
        </main>
        {move || match loaded.get() {
            Loaded::Here(view) if view.finished_at.is_none() => Some(view! { <Finish view/> }),
            _ => None,
        }}
    }
}

#[component]
fn Body(view: VisitView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let outlet = Route::Outlet(view.outlet.id);
    let started = view.started_at;
    let when = match view.finished_at {
        Some(end) => {
            let text =
                words.with("visit-finished-from-to", &[("from", words.day_and_clock(started).into()), ("to", words.clock(end).into())]);
            view! { <span>{text}</span> }.into_any()
        }
        None => {
            let minutes = Memo::new(move |_| page.now.get().since(started).max(0) / 60_000);
            let since = words.with_text("visit-started", "time", &words.clock(started));
            view! { <span>{since} " · " {move || words.with("visit-lasts", &[("n", minutes.get().into())])}</span> }.into_any()
        }
    };
    let state = view.finished_at.map(|_| {
        let (text, tone) = words.place(&view.place);
        view! { <span class=format!("badge {}", tone.class()) data-testid="visit-place">{text}</span> }
    });
    let said = match view.place {
        DocumentPlace::OnlyHere => Some(words.t("visit-state-here-long")),
        DocumentPlace::OnServer | DocumentPlace::Office { .. } => Some(words.t("visit-state-server-long")),
        DocumentPlace::Draft | DocumentPlace::Rejected { .. } | DocumentPlace::Parked | DocumentPlace::Withdrawn { .. } => None,
    };
    let waiting = view.photos.iter().filter(|photo| matches!(photo.file_state, PhotoFileState::OnlyHere { .. })).count();
    let photos_wait = (waiting > 0 && matches!(view.place, DocumentPlace::OnServer | DocumentPlace::Office { .. })).then(|| {
        let n = i64::try_from(waiting).unwrap_or(i64::MAX);
        view! { <p class="sub" data-testid="visit-photos-wait">{words.with("visit-photos-wait", &[("n", n.into())])}</p> }
    });
    let said = said.filter(|_| photos_wait.is_none());
    let said = said.filter(|_| view.finished_at.is_some()).map(|text| view! { <p class="sub">{text}</p> });
    let orders = view.orders.clone();
    let none = orders.is_empty();
    view! {
        <div class="page">
            <section class="card">
                <a class="row" href=outlet.path() data-testid="visit-outlet" on:click=move |event| page.follow(&event, outlet)>
                    <span class="glyph">{icon_px(icons::SHOP, 22)}</span>
                    <span>
                        <span class="name two-lines">{view.outlet.name.clone()}</span>
                        <span class="sub two-lines">{tied(&view.outlet.address)}</span>
                    </span>
                    {icon_px(icons::FORWARD, 20)}
                </a>
                <div class="visit-when">{icon_px(icons::CLOCK, 20)} {when} {state}</div>
                <div class="card-foot told">
                    {said} {photos_wait} <Story place=view.place.clone() aftermath=view.aftermath.clone()/>
                    <Trouble document=view.id place=view.place.clone() of="visit"/>
                </div>
            </section>
            {head(words.t("orders-title"))}
            {if none {
                view! { <Nothing art=icons::BASKET text=words.t("visit-orders-none")/> }.into_any()
            } else {
                view! { <section class="card rows">{orders.into_iter().map(|row| view! { <OrderLink row with_outlet=false/> }).collect_view()}</section> }
                    .into_any()
            }}
            <Photos visit=view.id photos=view.photos.clone() space=view.space open=view.finished_at.is_none()/>
            {head(words.t("visit-materials"))}
            <section class="card rows">
                {view.materials.clone().into_iter().map(|row| view! { <MaterialLink row/> }).collect_view()}
                <a class="row bare" href=Route::Materials.path() data-testid="visit-materials" on:click=move |event| page.follow(&event, Route::Materials)>
                    <span>{words.t("materials-all")}</span>
                    {icon_px(icons::FORWARD, 20)}
                </a>
            </section>
        </div>
    }
}

/// New order, and the end of the visit after a look at what was done.
#[component]
fn Finish(view: VisitView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let asked = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let taking = RwSignal::new(false);
    let no_room = view.space == Space::Full;
    let (visit, outlet) = (view.id, view.outlet.id);
    let draft = view.orders.iter().find(|order| order.place == DocumentPlace::Draft).cloned();
    let draft_id = draft.as_ref().map(|order| order.id);

    let order = move |_| {
        if let Some(draft) = draft_id {
            page.go(Route::Order(draft));
            return;
        }
        page.act_once(busy, Command::NewOrder { outlet, visit: Some(visit), outside_visit: None }, move |done| {
            if let CommandDone::Document(order) = done {
                page.go(Route::Order(order));
            }
        });
    };
    let finish = move |_| {
        page.act_once(busy, Command::FinishVisit { visit }, move |_| {
            asked.try_set(false);
            page.say(words.t("visit-finish-saved"));
            page.replace(Route::Day);
        });
    };
    let order_word = if draft_id.is_some() { "visit-order-continue" } else { "visit-order-new" };
    let photos = u64::try_from(view.photos.len()).unwrap_or(0);
    let summary = done_so_far(words, &view.orders);
    let summary = if photos > 0 { format!("{summary} · {}", words.count("photos-count", photos)) } else { summary };
    let warning = draft.filter(|order| order.totals.lines > 0).map(|order| {
        let sum = words.money(order.totals.sum);
        words.with_text("visit-finish-drafts", "sum", &sum)
    });
    view! {
        <div class="bottom">
            <button class="button primary" data-testid="order-new" disabled=move || busy.get() on:click=order>
                {icon_px(icons::BASKET, 22)} {words.t(order_word)}
            </button>
            <div class="two-buttons">
                <button class="button quiet" data-testid="photo-add" disabled=no_room on:click=move |_| taking.set(true)>
                    {icon_px(icons::CAMERA, 22)} {words.t("photo-title")}
                </button>
                <button class="button outline" data-testid="visit-finish" on:click=move |_| asked.set(true)>{words.t("visit-finish")}</button>
            </div>
        </div>
        <TakePhoto visit open=taking/>
        <Sheet open=asked title=words.t("visit-finish-ask") testid="sheet-finish">
            <p>{summary.clone()}</p>
            {warning.clone().map(|text| view! { <div class="note warn">{icon_px(icons::WARN, 20)} <span>{text}</span></div> })}
            <button class="button primary" data-testid="visit-finish-confirm" disabled=move || busy.get() on:click=finish>
                {words.t("visit-finish")}
            </button>
            <button class="button plain low" on:click=move |_| asked.set(false)>{words.t("cancel")}</button>
        </Sheet>
    }
}

/// What the visit brought, in one sentence.
fn done_so_far(words: Words, orders: &[OrderRow]) -> String {
    let counts = |order: &&OrderRow| !matches!(order.place, DocumentPlace::Draft | DocumentPlace::Withdrawn { .. });
    if orders.iter().any(|order| counts(&order)) {
        count_and_sum(words, orders.iter().filter(counts))
    } else {
        words.t("visit-finish-none")
    }
}
