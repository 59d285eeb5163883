//! «Торговая точка»: who it is, what it owes, what it ordered, and the start of a visit.

use leptos::prelude::*;
use polevik_device_api::view::{OutletView, ReceivableRow, Screen, View};
use polevik_device_api::{Command, CommandDone};
use polevik_domain::ids::OutletId;
use polevik_texts::format::tied;

use crate::app::Page;
use crate::components::{Loaded, Sheet, TopBar, draw, head, load_screen};
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::orders::OrderLink;
use crate::words::Words;

/// The card of one outlet.
#[component]
pub fn Outlet(id: OutletId) -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(
        move || Screen::Outlet(id),
        |view| match view {
            View::Outlet(view) => Some(*view),
            _ => None,
        },
    );
    let name = Signal::derive(move || match loaded.get() {
        Loaded::Here(view) => view.row.name,
        _ => words.t("outlet-title"),
    });
    view! {
        <TopBar title=words.t("outlet-title") back=true/>
        <main class="scroll" data-testid="screen-outlet">
            {draw(loaded, move |view| view! { <Card view/> }.into_any())}
        </main>
        {move || match loaded.get() {
            Loaded::Here(view) => Some(view! { <Actions view name/> }),
            _ => None,
        }}
    }
}

/// What is known of the outlet.
#[component]
fn Card(view: OutletView) -> impl IntoView {
    let words = Words::here();
    let format = match view.format.as_str() {
        "kiosk" | "traditional" | "minimarket" | "supermarket" | "horeca" => words.t(&format!("format-{}", view.format)),
        _ => view.format.clone(),
    };
    let kind: Vec<String> = [format, class_of(words, &view.class)].into_iter().filter(|part| !part.is_empty()).collect();
    let stopped = view.row.stopped.then(|| {
        view! {
            <div class="note warn" data-testid="outlet-stopped">
                {icon_px(icons::WARN, 20)}
                <span><b class="strong">{words.t("outlet-stop")}</b> <br/> {words.t("outlet-stop-hint")}</span>
            </div>
        }
    });
    let phone = (!view.phone.is_empty()).then(|| {
        let digits: String = view.phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        view! {
            <a class="button quiet" href=format!("tel:{digits}") data-testid="outlet-call">
                {icon_px(icons::PHONE, 20)} {words.t("outlet-call")}
            </a>
        }
    });
    let orders = view.orders.clone();
    let fresh = view.fresh_at.map(|at| {
        let time = words.day_and_clock(at);
        view! { <p class="sub centre">{words.with_text("outlet-fresh", "time", &time)}</p> }
    });
    view! {
        <div class="page">
            <section class="card card-pad">
                <div>
                    <h2 class="place-name">{view.row.name.clone()}</h2>
                    <p class="sub">{kind.join(" · ")}</p>
                </div>
                {line(icons::PLACE, tied(&view.row.address))} {line(icons::CLOCK, view.work_hours.clone())}
                {line(icons::PERSON, [view.contact.clone(), view.phone.clone()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))}
                {phone}
            </section>
            {stopped}
            <Debts view=view.clone()/>
            {(!orders.is_empty())
                .then(|| {
                    view! {
                        {head(words.t("outlet-orders-title"))}
                        <section class="card rows">{orders.into_iter().map(|row| view! { <OrderLink row with_outlet=false/> }).collect_view()}</section>
                    }
                })}
            {head(words.t("outlet-details"))}
            <dl class="card facts rows">
                {fact(words.t("outlet-legal"), view.legal_name.clone())} {fact(words.t("outlet-inn"), view.inn.clone())}
                {fact(words.t("outlet-contract"), view.contract_number.clone())} {fact(words.t("outlet-price-type"), view.price_type.clone())}
                {fact(words.t("outlet-delivery-days"), delivery_days(words, view.delivery_days))} {fact(words.t("outlet-code"), view.row.code.clone())}
            </dl>
            {fresh}
        </div>
    }
}

/// What is owed, invoice by invoice.
#[component]
fn Debts(view: OutletView) -> impl IntoView {
    let words = Words::here();
    let body = if view.debt.0 == 0 && view.receivables.is_empty() {
        view! {
            <div class="row">
                <span class="glyph round ok">{icon_px(icons::CHECK, 20)}</span>
                <span>{words.t("outlet-debt-none")}</span>
            </div>
        }
        .into_any()
    } else {
        let overdue = view.row.overdue.0 > 0;
        view! {
            <div class="stats card-pad">
                <div class="stat"><span class="sub">{words.t("outlet-debt-total")}</span> <b class="num">{words.money(view.debt)}</b></div>
                <div class="stat">
                    <span class="sub">{words.t("outlet-debt-overdue")}</span>
                    <b class="num" class:tone-error=overdue>{words.money(view.row.overdue)}</b>
                </div>
            </div>
            {view.receivables.into_iter().map(|row| view! { <Invoice row/> }).collect_view()}
        }
        .into_any()
    };
    view! { {head(words.t("outlet-debt-title"))} <section class="card rows" data-testid="outlet-debts">{body}</section> }
}

#[component]
fn Invoice(row: ReceivableRow) -> impl IntoView {
    let words = Words::here();
    let title = words.with("outlet-doc", &[("number", row.document.clone().into()), ("date", words.date(row.day).into())]);
    let due = if row.overdue_days > 0 {
        let days = words.count("days-count", u64::from(row.overdue_days));
        view! { <span class="sub tone-error">{words.t("overdue")} " · " {days}</span> }.into_any()
    } else {
        view! { <span class="sub">{words.with_text("outlet-due", "date", &words.date(row.due))}</span> }.into_any()
    };
    view! {
        <div class="row bare">
            <span><span class="two-lines">{title}</span> {due}</span>
            <span class="num nowrap">{words.money(row.rest)}</span>
        </div>
    }
}

/// What can be done here: start or go on with the visit, order outside one.
#[component]
fn Actions(view: OutletView, #[prop(into)] name: Signal<String>) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let outlet = view.row.id;
    let why = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let (planned, open, elsewhere) = (view.planned_stop, view.open_visit, view.other_visit_open.clone());
    let start = move |_| {
        page.act_once(busy, Command::StartVisit { outlet, route_stop: planned }, move |done| {
            if let CommandDone::Document(visit) = done {
                page.go(Route::Visit(visit));
            }
        });
    };
    let order_because = move |reason: String| {
        why.set(false);
        page.act(Command::NewOrder { outlet, visit: None, outside_visit: Some(reason) }, move |done| {
            if let CommandDone::Document(order) = done {
                page.go(Route::Order(order));
            }
        });
    };
    let first = match (open, elsewhere) {
        (Some(visit), _) => view! {
            <button class="button primary" data-testid="visit-continue" on:click=move |_| page.go(Route::Visit(visit))>
                {words.t("route-continue")}
            </button>
        }
        .into_any(),
        (None, Some((visit, other))) => view! {
            <button class="button quiet" data-testid="visit-other" on:click=move |_| page.go(Route::Visit(visit))>
                <span class="two-lines">{words.with_text("other-visit-open", "outlet", &other)}</span>
            </button>
        }
        .into_any(),
        (None, None) => view! {
            <button class="button primary" data-testid="visit-start" disabled=move || busy.get() on:click=start>
                {words.t("outlet-start-visit")}
            </button>
        }
        .into_any(),
    };
    let reasons = ["order-outside-phone", "order-outside-messenger", "order-outside-repeat", "order-outside-other"];
    view! {
        <div class="bottom">
            {first}
            {open
                .is_none()
                .then(|| {
                    view! {
                        <button class="button plain low" data-testid="order-outside" on:click=move |_| why.set(true)>
                            {words.t("outlet-order-outside")}
                        </button>
                    }
                })}
        </div>
        <Sheet open=why title=words.t("order-outside-ask") testid="sheet-outside">
            <p class="sub">{move || name.get()}</p>
            <div class="card rows">
                {reasons
                    .into_iter()
                    .map(|key| {
                        view! {
                            <button class="row bare" data-testid=key on:click=move |_| order_because(words.t(key))>
                                <span>{words.t(key)}</span>
                                {icon_px(icons::FORWARD, 20)}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
        </Sheet>
    }
}

fn class_of(words: Words, class: &str) -> String {
    if class.is_empty() { String::new() } else { format!("{} {class}", words.t("outlet-class").to_lowercase()) }
}

/// Days of delivery in words, bit 0 = Monday; nothing when the outlet takes goods every day.
fn delivery_days(words: Words, days: u32) -> String {
    let named: Vec<String> = (0..7).filter(|day| days >> day & 1 == 1).map(|day| words.t(&format!("weekday-{}", day + 1))).collect();
    named.join(", ")
}

/// A line with a drawing; nothing for an empty text.
fn line(art: icons::Icon, text: String) -> Option<impl IntoView> {
    (!text.is_empty()).then(|| view! { <div class="icon-line">{icon_px(art, 20)} <span>{text}</span></div> })
}

/// A line of a list of facts; nothing for an empty one.
pub fn fact(name: String, value: String) -> Option<impl IntoView> {
    (!value.is_empty()).then(|| {
        view! {
            <div class="fact">
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    })
}
