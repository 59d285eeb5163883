//! «Заказы»: all orders of this device, day by day, drafts first.

use leptos::prelude::*;
use polevik_device_api::view::{DocumentPlace, OrderRow, OrdersView, Screen, View};
use polevik_domain::money::Money;
use polevik_domain::time::CalendarDay;

use crate::app::Page;
use crate::components::{Empty, TopBar, draw, head, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::words::Words;

/// The most orders drawn; a rep places some ten a day.
const LIMIT: u32 = 300;

/// The list.
#[component]
pub fn Orders() -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(
        || Screen::Orders { limit: LIMIT },
        |view| match view {
            View::Orders(view) => Some(view),
            _ => None,
        },
    );
    view! {
        <TopBar title=words.t("orders-title")/>
        <main class="scroll" data-testid="screen-orders">
            {draw(loaded, |view| view! { <List view/> }.into_any())}
        </main>
    }
}

#[component]
fn List(view: OrdersView) -> impl IntoView {
    let words = Words::here();
    if view.rows.is_empty() {
        return view! { <Empty art=icons::ORDERS title=words.t("orders-empty") hint=words.t("orders-empty-hint")/> }.into_any();
    }
    let shown = u64::try_from(view.rows.len()).unwrap_or(u64::MAX);
    let number = |n: u64| words.number(i64::try_from(n).unwrap_or(i64::MAX));
    let cut = (u64::from(view.total) > shown).then(|| {
        let text = words.with("and-more", &[("shown", number(shown).into()), ("total", number(u64::from(view.total)).into())]);
        view! { <p class="sub centre">{text}</p> }
    });
    let today = view.today;
    let (drafts, placed): (Vec<_>, Vec<_>) = view.rows.into_iter().partition(|row| row.place == DocumentPlace::Draft);
    view! {
        <div class="page">
            {(!drafts.is_empty())
                .then(|| {
                    view! {
                        {head(words.t("orders-drafts"))}
                        <section class="card rows">{drafts.into_iter().map(|row| view! { <OrderLink row with_outlet=true/> }).collect_view()}</section>
                    }
                })}
            {by_day(placed)
                .into_iter()
                .map(|(day, rows)| {
                    let name = if day == today { words.t("today") } else { words.day_in_words(day) };
                    let total = count_and_sum(words, rows.iter());
                    view! {
                        <div class="head split"><h2>{name}</h2> <span class="num plain">{total}</span></div>
                        <section class="card rows">{rows.into_iter().map(|row| view! { <OrderLink row with_outlet=true/> }).collect_view()}</section>
                    }
                })
                .collect_view()} {cut}
        </div>
    }
    .into_any()
}

/// Orders of one day together, in the order they came.
fn by_day(rows: Vec<OrderRow>) -> Vec<(CalendarDay, Vec<OrderRow>)> {
    let mut days: Vec<(CalendarDay, Vec<OrderRow>)> = Vec::new();
    for row in rows {
        match days.last_mut() {
            Some((day, rows)) if *day == row.local_day => rows.push(row),
            _ => days.push((row.local_day, vec![row])),
        }
    }
    days
}

/// `3 заказа на 12 400 ₽`, without those that the rep took back.
pub fn count_and_sum<'a>(words: Words, orders: impl Iterator<Item = &'a OrderRow>) -> String {
    let (mut count, mut sum) = (0, Money::ZERO);
    for order in orders.filter(|order| !matches!(order.place, DocumentPlace::Withdrawn { .. })) {
        count += 1;
        sum = sum.checked_add(order.totals.sum).unwrap_or(sum);
    }
    words.with("orders-sum", &[("orders", words.count("orders-count", count).into()), ("sum", words.money(sum).into())])
}

/// One order in a list.
#[component]
pub fn OrderLink(
    /// The order.
    row: OrderRow,
    /// Whether the outlet is named: not where all are of one outlet.
    with_outlet: bool,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let target = Route::Order(row.id);
    let (state, tone) = words.place(&row.place);
    let (art, glyph) = match &row.place {
        DocumentPlace::Draft => (icons::NOTE, "glyph idle"),
        DocumentPlace::OnlyHere => (icons::UP, "glyph warn"),
        DocumentPlace::OnServer | DocumentPlace::Office { .. } => (icons::CHECK, "glyph ok"),
        DocumentPlace::Rejected { .. } => (icons::FAIL, "glyph error"),
        DocumentPlace::Parked => (icons::WARN, "glyph warn"),
        DocumentPlace::Withdrawn { .. } => (icons::STOP, "glyph idle"),
    };
    let number = if row.number.is_empty() { words.t("order-draft") } else { row.number.clone() };
    let lines = words.count("lines-count", u64::from(row.totals.lines));
    let (name, under) = if with_outlet {
        (row.outlet_name.clone(), format!("{number} · {}", words.clock(row.at)))
    } else {
        (number.clone(), format!("{} · {lines}", words.day_and_clock(row.at)))
    };
    let testid = if row.number.is_empty() { "order-row-draft".to_owned() } else { format!("order-row-{number}") };
    view! {
        <a class="row" href=target.path() data-testid=testid on:click=move |event| page.follow(&event, target)>
            <span class=glyph>{icon_px(art, 22)}</span>
            <span>
                <span class="name two-lines num">{name}</span>
                <span class="sub num">{under}</span>
            </span>
            <span class="right">
                <span class="num nowrap strong" class:void=matches!(row.place, DocumentPlace::Withdrawn { .. })>{words.money(row.totals.sum)}</span>
                <span class=format!("tag block {}", tone.class())>{state}</span>
            </span>
        </a>
    }
}
