//! A placed order: where it stands, what is in it, what it comes to.

use leptos::prelude::*;
use polevik_device_api::view::{DocumentPlace, OrderLineRow, OrderView};
use polevik_texts::format::tied;

use crate::app::Page;
use crate::components::head;
use crate::icons::{self, icon_px};
use crate::router::Route;
use crate::screens::attention::{Story, Trouble};
use crate::screens::outlet::fact;
use crate::words::Words;

/// The card.
#[component]
pub fn OrderCard(view: OrderView) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let outlet = Route::Outlet(view.row.outlet);
    let (state, tone) = words.place(&view.row.place);
    let long = match &view.row.place {
        DocumentPlace::OnlyHere | DocumentPlace::Draft => Some(words.t("order-state-waiting-long")),
        DocumentPlace::OnServer => Some(words.t("visit-state-server-long")),
        DocumentPlace::Rejected { .. } => Some(words.t("order-state-rejected-long")),
        DocumentPlace::Office { .. } | DocumentPlace::Parked | DocumentPlace::Withdrawn { .. } => None,
    };
    let how = match (&view.outside_visit, view.row.in_visit) {
        (Some(reason), _) => format!("{}: {}", words.t("order-outside-visit"), reason),
        (None, true) => words.t("order-in-visit"),
        (None, false) => words.t("order-outside-visit"),
    };
    let delivery = view.row.delivery_day.map_or_else(|| words.t("order-delivery-none"), |day| words.date(day));
    let totals = view.row.totals;
    view! {
        <div class="page">
            <section class="card card-pad">
                <div class="split top-aligned">
                    <div>
                        <h2 class="place-name num" data-testid="order-number">{words.with_text("order-number", "number", &view.row.number)}</h2>
                        <p class="sub">{words.date_time(view.row.at)}</p>
                    </div>
                    <span class=format!("badge {}", tone.class()) data-testid="order-place-state">{state}</span>
                </div>
                {long.map(|text| view! { <p class="sub">{text}</p> })} <Story place=view.row.place.clone() aftermath=view.aftermath.clone()/>
                <Trouble document=view.row.id place=view.row.place.clone() of="order"/>
                <div class="split">
                    <span class="sub">{words.count("lines-count", u64::from(totals.lines))}</span>
                    <span class="total"><b class="num" data-testid="order-sum">{words.money(totals.sum)}</b></span>
                </div>
                <p class="sub right-text">{words.with_text("order-vat", "sum", &words.money(totals.vat_sum))}</p>
            </section>
            {view
                .visit
                .map(|visit| {
                    view! {
                        <button class="button quiet" data-testid="order-to-visit" on:click=move |_| page.replace(Route::Visit(visit))>
                            {words.t("order-to-visit")}
                        </button>
                    }
                })}
            <section class="card">
                <a class="row" href=outlet.path() on:click=move |event| page.follow(&event, outlet)>
                    <span class="glyph">{icon_px(icons::SHOP, 22)}</span>
                    <span class="name two-lines">{view.row.outlet_name.clone()}</span>
                    {icon_px(icons::FORWARD, 20)}
                </a>
            </section>
            <dl class="card facts rows">
                {fact(words.t("order-delivery"), delivery)} {fact(words.t("visit-title"), how)}
                {fact(words.t("outlet-price-type"), view.price_type.clone())} {fact(words.t("order-comment"), view.comment.clone())}
            </dl>
            {head(words.t("order-lines"))}
            <section class="card rows">{view.lines.into_iter().map(|line| view! { <Line line/> }).collect_view()}</section>
        </div>
    }
}

/// One line of an order.
#[component]
pub fn Line(line: OrderLineRow) -> impl IntoView {
    let words = Words::here();
    let unit = words.unit(line.unit);
    let pieces = (line.base_quantity != line.quantity)
        .then(|| format!(" = {}", words.with("pieces", &[("n", words.number(line.base_quantity).into())])));
    let quantity = format!("{}\u{a0}{unit}{}", words.number(line.quantity), pieces.unwrap_or_default());
    let rate = words.with_text("order-vat-rate", "rate", &polevik_texts::format::rate(words.language(), line.vat_rate.0));
    view! {
        <div class="row bare" data-testid=format!("order-line-{}", line.sku)>
            <span>
                <span class="two-lines">{tied(&line.name)}</span>
                <span class="sub num">{quantity} " × " {words.money(line.price)} " · " {rate}</span>
            </span>
            <span class="num nowrap strong">{words.money(line.sum)}</span>
        </div>
    }
}
