//! «Маршрут»: the day's visits in order, and how far the day is.

use leptos::html;
use leptos::prelude::*;
use polevik_device_api::view::{DocumentPlace, RouteView, Screen, StopView, View};
use polevik_domain::time::CalendarDay;
use polevik_texts::format::tied;

use crate::app::Page;
use crate::components::{Empty, Loaded, Meter, TopBar, draw, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::summary;
use crate::words::{Tone, Words};

/// Days shown before and after today, whether they have a plan or not.
const DAYS_BEFORE: i32 = 3;
const DAYS_AFTER: i32 = 3;

/// The home screen.
#[component]
pub fn DayRoute() -> impl IntoView {
    let words = Words::here();
    let chosen = RwSignal::new(None::<CalendarDay>);
    let loaded = load_screen(
        move || Screen::Route(chosen.get()),
        |view| match view {
            View::Route(view) => Some(view),
            _ => None,
        },
    );
    let here = Memo::new(move |_| match loaded.get() {
        Loaded::Here(view) => Some(view),
        Loaded::Loading | Loaded::Missing | Loaded::Failed(_) => None,
    });
    // The line and the strip have their place before the day is here: nothing moves when it comes.
    let day = Signal::derive(move || here.read().as_ref().map_or_else(|| "\u{a0}".to_owned(), |view| words.day_in_words(view.day)));
    let strip = Memo::new(move |_| here.read().as_ref().map(|view| (view.day, view.today, days_of(view))));
    view! {
        <TopBar title=words.t("route-title") sub=day>
            {move || match strip.get() {
                Some((day, today, days)) => view! { <Days days day today chosen/> }.into_any(),
                None => view! { <div class="days" aria-hidden="true"></div> }.into_any(),
            }}
        </TopBar>
        <main class="scroll" data-testid="screen-route">
            {draw(loaded, move |view| view! { <Stops view/> }.into_any())}
        </main>
    }
}

/// All days of the strip without gaps, oldest first.
fn days_of(view: &RouteView) -> Vec<CalendarDay> {
    let near = [view.today.plus_days(-DAYS_BEFORE), view.today.plus_days(DAYS_AFTER), view.day];
    let all = || view.days.iter().copied().chain(near);
    let (Some(first), Some(last)) = (all().min(), all().max()) else {
        return Vec::new();
    };
    // A plan of long ago does not make the strip endless.
    (first.0.max(view.today.0 - 31)..=last.0.min(view.today.0 + 62)).map(CalendarDay).collect()
}

/// The strip of days; the chosen one is brought into view.
#[component]
fn Days(days: Vec<CalendarDay>, day: CalendarDay, today: CalendarDay, chosen: RwSignal<Option<CalendarDay>>) -> impl IntoView {
    let words = Words::here();
    let strip = NodeRef::<html::Div>::new();
    let at = days.iter().position(|&each| each == day).unwrap_or(0);
    Effect::new(move |_| {
        let Some(strip) = strip.get() else { return };
        if let Some(button) = u32::try_from(at).ok().and_then(|at| strip.children().item(at)) {
            let button: web_sys::HtmlElement = wasm_bindgen::JsCast::unchecked_into(button);
            strip.set_scroll_left(button.offset_left() - (strip.client_width() - button.offset_width()) / 2);
        }
    });
    view! {
        <div class="days" node_ref=strip role="group" aria-label=words.t("route-title")>
            {days
                .into_iter()
                .map(|each| {
                    let label = words.day_in_words(each);
                    let figure = crate::browser::date(each).day;
                    view! {
                        <button
                            class="day" class:today=each == today aria-pressed=(each == day).to_string() aria-label=label
                            data-testid=format!("day-{each}") on:click=move |_| chosen.set((each != today).then_some(each))
                        >
                            {words.weekday(each)} <b>{figure}</b>
                        </button>
                    }
                })
                .collect_view()}
        </div>
    }
}

/// Progress of the day, the open visit, and the others.
#[component]
fn Stops(view: RouteView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    if view.stops.is_empty() {
        let empty = view! { <Empty art=icons::ROUTE title=words.t("route-empty") hint=words.t("route-empty-hint")/> };
        return view! { <div class="page">{empty}</div> }.into_any();
    }
    let total = view.stops.len();
    let percent = summary::share(u64::from(view.visits_done), u64::try_from(total).unwrap_or(u64::MAX));
    let args = || [("done", i64::from(view.visits_done).into()), ("total", i64::try_from(total).unwrap_or(i64::MAX).into())];
    let orders = if view.orders == 0 {
        words.t("route-no-orders")
    } else {
        let count = words.count("orders-count", u64::from(view.orders));
        words.with("route-orders", &[("orders", count.into()), ("sum", words.money(view.orders_sum).into())])
    };
    let is_open = |stop: &&StopView| stop.visit.as_ref().is_some_and(|visit| visit.finished_at.is_none());
    let open = view.stops.iter().find(is_open).cloned();
    let open_id = open.as_ref().and_then(|stop| stop.visit.as_ref()).map(|visit| visit.id);
    let rest: Vec<StopView> =
        view.stops.iter().filter(|stop| open_id.is_none() || stop.visit.as_ref().map(|visit| visit.id) != open_id).cloned().collect();
    view! {
        <div class="page">
            <section class="card card-pad">
                <div class="split">
                    <b class="strong">{words.with("route-progress", &args())}</b>
                    <span class="sub">{orders}</span>
                </div>
                <div class="done-meter">
                    <Meter percent=Signal::derive(move || percent) label=words.with("route-progress-label", &args())/>
                </div>
            </section>
            {open
                .zip(open_id)
                .map(|(stop, id)| {
                    view! {
                        <section class="card here" data-testid="open-visit">
                            <Stop stop/>
                            <div class="card-foot">
                                <button class="button primary" data-testid="visit-continue" on:click=move |_| page.go(Route::Visit(id))>
                                    {words.t("route-continue")}
                                </button>
                            </div>
                        </section>
                    }
                })}
            <section class="card rows" role="list">
                {rest.into_iter().map(|stop| view! { <div role="listitem"><Stop stop/></div> }).collect_view()}
            </section>
        </div>
    }
    .into_any()
}

/// One visit of the day.
#[component]
fn Stop(stop: StopView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let visit = stop.visit.clone();
    let open = visit.as_ref().is_some_and(|visit| visit.finished_at.is_none());
    let target = match &visit {
        Some(visit) => Route::Visit(visit.id),
        None => Route::Outlet(stop.outlet),
    };
    let (mark, mark_class) = match &visit {
        Some(visit) if visit.finished_at.is_some() => {
            let (art, tone) = match visit.place {
                DocumentPlace::OnServer | DocumentPlace::Office { .. } if visit.photos_waiting > 0 => (icons::CAMERA, "now-soft"),
                DocumentPlace::OnServer | DocumentPlace::Office { .. } => (icons::CHECK, "ok"),
                DocumentPlace::OnlyHere | DocumentPlace::Draft | DocumentPlace::Parked => (icons::CHECK, "warn"),
                DocumentPlace::Rejected { .. } => (icons::CHECK, "error"),
                DocumentPlace::Withdrawn { .. } => (icons::STOP, "idle"),
            };
            (icon_px(art, 20).into_any(), format!("glyph round {tone}"))
        }
        Some(_) => (stop.seq.to_string().into_any(), "glyph round now".to_owned()),
        None => (stop.seq.to_string().into_any(), "glyph round idle".to_owned()),
    };
    let name = if stop.outlet_name.is_empty() { format!("№\u{a0}{}", stop.outlet) } else { tied(&stop.outlet_name) };
    let testid = format!("stop-{}", stop.outlet);
    let owed = (stop.overdue.0 > 0 && visit.is_none())
        .then(|| view! { <span class="sub tone-error block num">{words.t("overdue")} " " {words.money(stop.overdue)}</span> });
    view! {
        <a class="row" href=target.path() data-testid=testid on:click=move |event| page.follow(&event, target)>
            <span class=mark_class>{mark}</span>
            <span>
                <span class="name two-lines">{name}</span>
                <span class="sub two-lines">{under(words, &stop)}</span>
                {owed}
            </span>
            {if open { open_for(words, page, &stop).into_any() } else { said(words, &stop) }}
        </a>
    }
}

/// The second line: address and plan before the visit, times and orders after it.
fn under(words: Words, stop: &StopView) -> String {
    let mut parts = Vec::new();
    match &stop.visit {
        Some(visit) => {
            match visit.finished_at {
                Some(end) => parts.push(format!("{}\u{a0}– {}", words.clock(visit.started_at), words.clock(end))),
                None => parts.push(tied(&stop.address)),
            }
            if visit.orders > 0 {
                parts.push(format!("{} · {}", words.count("orders-count", u64::from(visit.orders)), words.money(visit.orders_sum)));
            }
            if visit.photos > 0 {
                parts.push(words.count("photos-count", u64::from(visit.photos)));
            }
        }
        None => {
            if let Some(minute) = stop.planned_minute {
                parts.push(format!("{:02}:{:02}", minute / 60, minute % 60));
            }
            parts.push(tied(&stop.address));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// The word at the right: where the data of a visit are, or that it was not planned.
fn said(words: Words, stop: &StopView) -> AnyView {
    match &stop.visit {
        Some(visit) => {
            let (text, tone) = match visit.place {
                DocumentPlace::OnServer | DocumentPlace::Office { .. } if visit.photos_waiting > 0 => {
                    (words.t("visit-state-photos"), Tone::Info)
                }
                _ => words.place(&visit.place),
            };
            view! { <span class=format!("tag {}", tone.class())>{text}</span> }.into_any()
        }
        None if stop.route_stop.is_none() => view! { <span class="tag">{words.t("visit-unplanned")}</span> }.into_any(),
        // The number in its circle says "planned" to the eye.
        None => view! { <span class="visually-hidden">{words.t("visit-state-planned")}</span> }.into_any(),
    }
}

/// How long the open visit lasts, told each minute.
fn open_for(words: Words, page: Page, stop: &StopView) -> impl IntoView + use<> {
    let started = stop.visit.as_ref().map_or(page.now.get_untracked(), |visit| visit.started_at);
    let minutes = Memo::new(move |_| page.now.get().since(started).max(0) / 60_000);
    view! { <span class="tag info">{move || words.with("visit-state-open-for", &[("n", minutes.get().into())])}</span> }
}
