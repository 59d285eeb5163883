//! The last look before an order is placed: day of delivery, comment, totals with the tax in them.

use leptos::prelude::*;
use polevik_device_api::view::OrderView;
use polevik_device_api::{Command, CommandDone};
use polevik_domain::ids::DocumentId;
use polevik_domain::time::CalendarDay;

use crate::app::Page;
use crate::browser;
use crate::components::Loaded;
use crate::words::Words;

/// How many proposed days are offered as buttons.
const CHOICES: usize = 3;

/// The sheet's body.
#[component]
pub fn Review(
    /// The draft.
    id: DocumentId,
    /// The draft as the core has it: its totals are the ones the server will check.
    order: RwSignal<Loaded<OrderView>>,
    /// Whether the sheet is open.
    review: RwSignal<bool>,
    /// Whether a day of delivery has been proposed for this draft.
    proposed: RwSignal<bool>,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let view = Memo::new(move |_| match order.get() {
        Loaded::Here(view) => Some(view),
        Loaded::Loading | Loaded::Missing | Loaded::Failed(_) => None,
    });
    let busy = RwSignal::new(false);
    let discarding = RwSignal::new(false);
    let comment = RwSignal::new(view.get_untracked().map(|view| view.comment).unwrap_or_default());
    let day = Memo::new(move |_| view.read().as_ref().and_then(|view| view.row.delivery_day));
    let choices = Memo::new(move |_| {
        view.read().as_ref().map(|view| view.delivery_choices.iter().copied().take(CHOICES).collect::<Vec<_>>()).unwrap_or_default()
    });
    let totals = Memo::new(move |_| view.read().as_ref().map(|view| view.row.totals).unwrap_or_default());
    let set_day = move |day: Option<CalendarDay>| page.act(Command::SetDelivery { order: id, day }, |_| ());
    // The first day on which the outlet takes goods is proposed once; who wants no day takes it off again.
    Effect::new(move |_| {
        if let (Some(first), None, false) = (choices.get().first().copied(), day.get_untracked(), proposed.get_untracked()) {
            proposed.set(true);
            set_day(Some(first));
        }
    });
    let save_comment = move || page.act(Command::SetComment { order: id, comment: comment.get_untracked() }, |_| ());
    let place = move |_| {
        if comment.get_untracked() != view.get_untracked().map(|view| view.comment).unwrap_or_default() {
            save_comment();
        }
        page.act_once(busy, Command::PlaceOrder { order: id }, move |_: CommandDone| {
            review.try_set(false);
            // The order's card takes the pad's place: its number is the confirmation.
            page.say(words.t("order-placed-short"));
        });
    };
    let discard = move |_| {
        page.act_once(busy, Command::DiscardDraft { order: id }, move |_| {
            review.try_set(false);
            page.back();
        });
    };
    let today = move || CalendarDay::parse(&iso_today()).unwrap_or(CalendarDay(0));
    view! {
        <div class="field">
            <span class="field-label">{words.t("order-delivery")}</span>
            <div class="choices">
                {move || {
                    choices
                        .get()
                        .into_iter()
                        .map(|each| {
                            let name = if each == today().plus_days(1) { words.t("tomorrow") } else { words.weekday(each) };
                            let figure = polevik_texts::format::day_and_month(words.language(), browser::date(each));
                            view! {
                                <button
                                    class="choice" data-testid=format!("delivery-{each}") aria-pressed=move || (day.get() == Some(each)).to_string()
                                    on:click=move |_| set_day((day.get_untracked() != Some(each)).then_some(each))
                                >
                                    <span>{name}</span>
                                    <b class="num">{figure}</b>
                                </button>
                            }
                        })
                        .collect_view()
                }}
            </div>
            <input
                class="input" type="date" data-testid="delivery-date" aria-label=words.t("order-delivery") min=iso_today
                prop:value=move || day.get().map(|day| day.to_string()).unwrap_or_default()
                on:change=move |event| set_day(CalendarDay::parse(&event_target_value(&event)))
            />
        </div>
        <div class="field">
            <label for="comment">{words.t("order-comment")}</label>
            <textarea
                id="comment" class="input" rows="2" maxlength="1000" placeholder=words.t("order-comment-hint") data-testid="order-comment" prop:value=comment
                on:input=move |event| comment.set(event_target_value(&event)) on:change=move |_| save_comment()
            ></textarea>
        </div>
        <div class="review-total">
            <div class="split">
                <span>{words.t("order-total")} " · " {move || words.count("lines-count", u64::from(totals.get().lines))}</span>
                <span class="total"><b class="num" data-testid="review-sum">{move || words.money(totals.get().sum)}</b></span>
            </div>
            <p class="sub right-text num" data-testid="review-vat">
                {move || words.with_text("order-vat", "sum", &words.money(totals.get().vat_sum))}
            </p>
        </div>
        <button class="button primary" data-testid="order-place" disabled=move || busy.get() on:click=place>
            {move || words.t(if busy.get() { "order-placing" } else { "order-place" })}
        </button>
        {move || {
            if discarding.get() {
                view! {
                    <p class="sub centre">{words.t("order-discard-ask")}</p>
                    <button class="button danger" data-testid="order-discard-confirm" disabled=move || busy.get() on:click=discard>
                        {words.t("order-discard")}
                    </button>
                }
                    .into_any()
            } else {
                view! {
                    <button class="button plain low" data-testid="order-discard" on:click=move |_| discarding.set(true)>
                        {words.t("order-discard")}
                    </button>
                }
                    .into_any()
            }
        }}
    }
}

/// Today by the device's calendar, as a date field wants it.
fn iso_today() -> String {
    let date = browser::local(browser::now()).date;
    format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
}
