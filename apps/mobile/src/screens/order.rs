//! «Заказ»: the pad while the order is a draft, its card after it was placed.

use leptos::prelude::*;
use polevik_device_api::view::{DocumentPlace, OrderView, Screen, View};
use polevik_domain::ids::DocumentId;

use crate::components::{Loaded, TabBar, TopBar, draw, load_screen};
use crate::screens::{order_card, order_pad};
use crate::words::Words;

/// One order.
#[component]
pub fn Order(id: DocumentId) -> impl IntoView {
    let words = Words::here();
    let loaded = load_screen(move || Screen::Order(id), view_of);
    // The pad keeps its place in the list while the draft changes under it: it is drawn once.
    let draft = Memo::new(move |_| match &*loaded.read() {
        Loaded::Here(view) => Some(view.row.place == DocumentPlace::Draft),
        Loaded::Loading | Loaded::Missing | Loaded::Failed(_) => None,
    });
    move || match draft.get() {
        Some(true) => match loaded.get_untracked() {
            Loaded::Here(view) => view! { <order_pad::OrderPad first=view order=loaded/> }.into_any(),
            Loaded::Loading | Loaded::Missing | Loaded::Failed(_) => ().into_any(),
        },
        Some(false) => view! {
            <TopBar title=words.t("order-title") back=true/>
            <main class="scroll" data-testid="screen-order">
                {draw(loaded, |view| view! { <order_card::OrderCard view/> }.into_any())}
            </main>
            <TabBar/>
        }
        .into_any(),
        None => view! {
            <TopBar title=words.t("order-title") back=true/>
            <main class="scroll">{draw(loaded, |_| ().into_any())}</main>
        }
        .into_any(),
    }
}

fn view_of(view: View) -> Option<OrderView> {
    match view {
        View::Order(view) => Some(*view),
        _ => None,
    }
}
