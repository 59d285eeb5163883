//! The order pad: search, matrix, price, stock, units, and a stepper for the thumb.
//!
//! A tap changes the page's own copy of the draft at once and is sent to the core, which saves it; there is nothing to save by hand.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;
use polevik_device_api::view::{OrderPadView, OrderView, PadFilter, PadRow, Screen, View};
use polevik_device_api::{Command, LineChange};
use polevik_domain::ids::DocumentId;
use polevik_domain::quantity::Unit;
use polevik_texts::format::tied;

use crate::app::Page;
use crate::bridge::Core;
use crate::browser;
use crate::components::{Empty, Loaded, SearchField, Sheet, StateChip, draw, load_screen_when};
use crate::icons::{self, icon, icon_px};
use crate::order_draft::{Draft, parse_quantity, units};
use crate::screens::order_review::Review;
use crate::windowing;
use crate::words::{Tone, Words};

/// Height of a row in rem; the same as `.product` in `app.css`.
const ROW_REM: f64 = 5.5;

/// Tables whose change makes the list another one; a change of the draft itself does not.
const LIST_TABLES: [&str; 5] = ["product", "price", "price_type", "stock", "assortment"];

/// What the rows of the pad share.
#[derive(Clone, Copy)]
pub struct Pad {
    order: DocumentId,
    draft: RwSignal<Draft>,
    page: Page,
    chosen: RwSignal<Option<PadRow>>,
    sheet: RwSignal<bool>,
    core_order: RwSignal<Loaded<OrderView>>,
}

impl Pad {
    /// Sets a line here at once, and on the disk behind it. A refused one is put back to what the disk says.
    fn set(self, row: &PadRow, unit: Unit, quantity: i64) {
        if !self.draft.try_update(|draft| draft.set(row, unit, quantity)).unwrap_or(false) {
            return;
        }
        let quantity = self.draft.read_untracked().line(row.product).map_or(0, |line| line.quantity);
        let change = LineChange { product: row.product, unit, quantity };
        let command = Command::ChangeLine { order: self.order, change };
        leptos::task::spawn_local(async move {
            if let Err(reply) = crate::bridge::execute(command).await {
                self.page.say(self.page.words.why_not(&reply));
                if let Some(Loaded::Here(view)) = self.core_order.try_get_untracked() {
                    self.draft.try_set(Draft::from_rows(&view.lines));
                }
            }
        });
    }

    /// The unit a product is counted in when it has no line yet: pieces, or the smallest it has.
    fn first_unit(row: &PadRow) -> Unit {
        units(row.factors).first().copied().unwrap_or(Unit::Piece)
    }
}

/// The pad of one draft.
#[component]
pub fn OrderPad(
    /// The draft as it was when the pad opened.
    first: OrderView,
    /// The draft as the core has it now.
    order: RwSignal<Loaded<OrderView>>,
) -> impl IntoView {
    let words = Words::here();
    let page: Page = expect_context();
    let core: Core = expect_context();
    let id = first.row.id;
    let pad = Pad {
        order: id,
        draft: RwSignal::new(Draft::from_rows(&first.lines)),
        page,
        chosen: RwSignal::new(None),
        sheet: RwSignal::new(false),
        core_order: order,
    };
    let search = RwSignal::new(String::new());
    let filter = RwSignal::new(PadFilter::All);
    let review = RwSignal::new(false);
    let proposed = RwSignal::new(first.row.delivery_day.is_some());
    let list_version = Memo::new(move |seen: Option<&u64>| {
        let (count, tables) = &*core.changed.read();
        if seen.is_none() || tables.iter().any(|table| LIST_TABLES.contains(&table.as_str())) { *count } else { *seen.unwrap_or(count) }
    });
    let loaded = load_screen_when(
        move || Screen::OrderPad { order: id, search: search.get(), filter: filter.get() },
        move || list_version.get(),
        |view| match view {
            View::OrderPad(view) => Some(Arc::new(view)),
            _ => None,
        },
    );
    let outlet = first.row.outlet_name.clone();
    let lines = Memo::new(move |_| pad.draft.read().len());
    view! {
        <header class="top">
            <div class="top-line with-back">
                <button class="icon-button" data-testid="back" aria-label=words.t("back") on:click=move |_| page.back()>{icon(icons::BACK)}</button>
                <div class="top-titles">
                    <h1 class="tight">{words.t("order-title")}</h1>
                    <div class="sub">{outlet}</div>
                </div>
                <StateChip/>
            </div>
            <SearchField typed=search hint=words.t("order-search") testid="order-search"/>
            <div class="filters" role="group" aria-label=words.t("order-search")>
                {[
                    (PadFilter::All, "order-filter-all", "filter-all"),
                    (PadFilter::Matrix, "order-filter-matrix", "filter-matrix"),
                    (PadFilter::InOrder, "order-filter-chosen", "filter-chosen"),
                ]
                    .into_iter()
                    .map(|(each, key, testid)| {
                        let count = move || {
                            (each == PadFilter::InOrder && lines.get() > 0).then(|| format!("\u{a0}· {}", lines.get()))
                        };
                        view! {
                            <button
                                class="filter" data-testid=testid aria-pressed=move || (filter.get() == each).to_string()
                                on:click=move |_| filter.set(each)
                            >
                                <span>{words.t(key)} {count}</span>
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
        </header>
        <List loaded pad filter search/>
        <Bottom pad review/>
        <LineSheet pad/>
        <Sheet open=review title=words.t("order-review") testid="sheet-review">
            <Review id order review proposed/>
        </Sheet>
    }
}

/// The products, of which only those near the screen are drawn.
#[component]
fn List(loaded: RwSignal<Loaded<Arc<OrderPadView>>>, pad: Pad, filter: RwSignal<PadFilter>, search: RwSignal<String>) -> impl IntoView {
    let words = Words::here();
    let scroller = NodeRef::<html::Main>::new();
    let scrolled = RwSignal::new(0.0);
    let box_px = RwSignal::new(browser::window().inner_height().ok().and_then(|px| px.as_f64()).unwrap_or(800.0));
    let row_px = ROW_REM * browser::rem_px();
    let look = move || {
        if let Some(scroller) = scroller.get_untracked() {
            scrolled.set(f64::from(scroller.scroll_top()));
            box_px.set(f64::from(scroller.client_height()));
        }
    };
    // Another question starts at its top.
    Effect::new(move |_| {
        filter.track();
        search.track();
        if let Some(scroller) = scroller.get_untracked() {
            scroller.set_scroll_top(0);
        }
        scrolled.set(0.0);
    });
    let rows = move |view: Arc<OrderPadView>| {
        let count = view.rows.len();
        if count == 0 {
            let (title, hint) = if filter.get_untracked() == PadFilter::InOrder {
                ("order-none-chosen", "order-none-chosen-hint")
            } else {
                ("order-none", "order-none-hint")
            };
            return view! { <Empty art=icons::BASKET title=words.t(title) hint=words.t(hint)/> }.into_any();
        }
        let window = Memo::new(move |_| windowing::window(count, row_px, scrolled.get(), box_px.get()));
        let drawn = move || {
            let window = window.get();
            view.rows.get(window.first..window.end).unwrap_or_default().to_vec()
        };
        #[expect(clippy::cast_precision_loss, reason = "a list of some thousands of rows")]
        let px = move |rows: usize| rows as f64 * row_px;
        view! {
            <div class="pad-space" role="list" aria-label=words.t("order-lines") style:height=format!("{}px", px(count))>
                <div class="pad-window" style:transform=move || format!("translateY({}px)", px(window.get().first))>
                    <For each=drawn key=|row| (row.product, row.price, row.stock) let:row>
                        <Product row pad/>
                    </For>
                </div>
            </div>
        }
        .into_any()
    };
    view! {
        <main class="scroll pad-list" node_ref=scroller data-testid="order-pad" on:scroll=move |_| look()>
            {draw(loaded, rows)}
        </main>
    }
}

/// One product.
#[component]
fn Product(row: PadRow, pad: Pad) -> impl IntoView {
    let words = Words::here();
    let product = row.product;
    let line = Memo::new(move |_| pad.draft.read().line(product));
    let for_sale = row.price.is_some() && row.matrix != "stop";
    let price = row.price.map_or_else(|| words.t("order-no-price"), |price| words.money(price));
    let stock = stock_text(words, row.stock);
    let no_stock = row.stock == Some(0);
    let mark = matrix_badge(words, &row.matrix);
    let name = tied(&row.name);
    let (more, less, amount) = (
        words.with_text("order-more", "name", &row.name),
        words.with_text("order-less", "name", &row.name),
        words.with_text("order-quantity-of", "name", &row.name),
    );
    let sku = row.sku.clone();
    let row = StoredValue::new(row);
    let step = move |by: i64| {
        row.with_value(|row| match line.get_untracked() {
            Some(line) => pad.set(row, line.unit, line.quantity.saturating_add(by)),
            None => pad.set(row, Pad::first_unit(row), by),
        });
    };
    let open = move |_: web_sys::MouseEvent| {
        pad.chosen.set(Some(row.get_value()));
        pad.sheet.set(true);
    };
    let (minus_id, count_id) = (format!("qty-minus-{sku}"), format!("qty-open-{sku}"));
    view! {
        <div class="product" class:chosen=move || line.read().is_some() class:off=!for_sale role="listitem" data-testid=format!("product-row-{sku}")>
            <button class="about" on:click=open data-testid=format!("product-open-{sku}")>
                <span class="name two-lines">{name}</span>
                <span class="meta"><b class="num" data-testid=format!("price-{sku}")>{price}</b> <span class:tone-warn=no_stock class="num">{stock}</span> {mark}</span>
            </button>
            <div class="stepper">
                {move || {
                    line.get()
                        .map(|line| {
                            view! {
                                <button class="round" data-testid=minus_id.clone() aria-label=less.clone() on:click=move |_| step(-1)>
                                    <span>{icon_px(icons::MINUS, 22)}</span>
                                </button>
                                <button class="count" data-testid=count_id.clone() aria-label=amount.clone() on:click=open>
                                    <b class="num">{words.number(line.quantity)}</b>
                                    <span>{words.unit(line.unit)}</span>
                                </button>
                            }
                        })
                }}
                <button class="round plus" data-testid=format!("qty-plus-{sku}") aria-label=more disabled=!for_sale on:click=move |_| step(1)>
                    <span>{icon_px(icons::PLUS, 22)}</span>
                </button>
            </div>
        </div>
    }
}

/// One product in full: unit, quantity by figures, what is known of it.
#[component]
fn LineSheet(pad: Pad) -> impl IntoView {
    let title = Signal::derive(move || pad.chosen.read().as_ref().map_or_else(String::new, |row| tied(&row.name)));
    view! {
        <Sheet open=pad.sheet title testid="sheet-line">
            {move || pad.chosen.get().map(|row| view! { <LineBody row pad/> })}
        </Sheet>
    }
}

/// What the line's sheet holds.
#[component]
fn LineBody(row: PadRow, pad: Pad) -> impl IntoView {
    let words = Words::here();
    let product = row.product;
    let line = Memo::new(move |_| pad.draft.read().line(product));
    let unit = RwSignal::new(line.get_untracked().map_or_else(|| Pad::first_unit(&row), |line| line.unit));
    let quantity = move || line.get().map_or(0, |line| line.quantity);
    let choices = units(row.factors);
    let for_sale = row.price.is_some() && row.matrix != "stop";
    let factors = row.factors;
    let facts = [
        (words.t("order-price"), row.price.map_or_else(|| words.t("order-no-price"), |price| words.money(price))),
        (
            words.t("order-stock-label"),
            row.stock.map_or_else(|| words.t("order-stock-unknown"), |n| words.with_text("pieces", "n", &words.number(n))),
        ),
        (words.t("order-article"), row.sku.clone()),
        (words.t("order-brand"), row.brand.clone()),
        (words.t("order-category"), row.category.clone()),
    ];
    let row = StoredValue::new(row);
    let set = move |unit: Unit, quantity: i64| row.with_value(|row| pad.set(row, unit, quantity));
    let choose = move |chosen: Unit| {
        unit.set(chosen);
        if quantity() > 0 {
            set(chosen, quantity());
        }
    };
    let typed = move |event: web_sys::Event| {
        if let Some(quantity) = parse_quantity(&event_target_value(&event)) {
            set(unit.get_untracked(), quantity);
        }
    };
    let sum =
        move || line.get().and_then(|line| line.price.checked_mul(line.quantity.saturating_mul(line.pieces))).map(|sum| words.money(sum));
    view! {
        {for_sale
            .then(|| {
                view! {
                    <div class="segments" role="group" aria-label=words.t("order-unit")>
                        {choices
                            .into_iter()
                            .map(|each| {
                                let pieces = factors.pieces_per(each).unwrap_or(1);
                                let name = match each {
                                    Unit::Piece => words.unit(each),
                                    Unit::Block => words.with("unit-block-of", &[("n", pieces.into())]),
                                    Unit::Box => words.with("unit-box-of", &[("n", pieces.into())]),
                                };
                                view! {
                                    <button
                                        class="segment" data-testid=format!("unit-{}", each.as_str())
                                        aria-pressed=move || (unit.get() == each).to_string() on:click=move |_| choose(each)
                                    >
                                        {name}
                                    </button>
                                }
                            })
                            .collect_view()}
                    </div>
                    <div class="quantity">
                        <button
                            class="round" data-testid="sheet-minus" aria-label=words.with_text("order-less", "name", "")
                            on:click=move |_| set(unit.get_untracked(), quantity() - 1)
                        >
                            {icon(icons::MINUS)}
                        </button>
                        <input
                            class="input num" inputmode="numeric" pattern="[0-9]*" enterkeyhint="done" maxlength="6" data-testid="qty-input"
                            aria-label=words.t("order-quantity") prop:value=move || quantity().to_string() on:input=typed
                            on:focus=move |event| select_all(&event)
                            on:keydown=move |event| {
                                if event.key() == "Enter" {
                                    pad.sheet.set(false);
                                }
                            }
                        />
                        <button
                            class="round plus" data-testid="sheet-plus" aria-label=words.with_text("order-more", "name", "")
                            on:click=move |_| set(unit.get_untracked(), quantity() + 1)
                        >
                            {icon(icons::PLUS)}
                        </button>
                    </div>
                    <div class="split sheet-sum"><span class="sub">{words.t("order-sum")}</span> <b class="num strong">{move || sum().unwrap_or_else(|| "–".to_owned())}</b></div>
                }
            })}
        <dl class="facts rows sheet-facts">{facts.into_iter().map(|(name, value)| crate::screens::outlet::fact(name, value)).collect_view()}</dl>
        <button class="button primary" data-testid="sheet-done" on:click=move |_| pad.sheet.set(false)>{words.t("done")}</button>
    }
}

/// What the order comes to, and the way to place it.
#[component]
fn Bottom(pad: Pad, review: RwSignal<bool>) -> impl IntoView {
    let words = Words::here();
    let sum = move || words.money(pad.draft.read().sum());
    let lines = move || pad.draft.read().len();
    let under = move || match lines() {
        0 => words.t("order-place-empty"),
        n => words.count("lines-count", u64::try_from(n).unwrap_or(u64::MAX)),
    };
    view! {
        <div class="bottom">
            <div class="bottom-line">
                <div class="total" aria-live="polite">
                    <b class="num" data-testid="order-total">{sum}</b>
                    <div class="sub">{under}</div>
                </div>
                <button
                    class="button primary" data-testid="order-review" disabled=move || lines() == 0 on:click=move |_| review.set(true)
                >
                    {words.t("order-place")}
                </button>
            </div>
        </div>
    }
}

fn stock_text(words: Words, stock: Option<i64>) -> String {
    match stock {
        Some(0) => words.t("order-stock-none"),
        Some(n) => words.with_text("order-stock", "n", &words.number(n)),
        None => words.t("order-stock-unknown"),
    }
}

fn matrix_badge(words: Words, kind: &str) -> Option<AnyView> {
    let (key, tone) = match kind {
        "must" => ("kind-must", Tone::Info),
        "focus" => ("kind-focus", Tone::Warn),
        "new" => ("kind-new", Tone::Ok),
        "stop" => ("kind-stop", Tone::Error),
        // Nothing, or a word of a newer office.
        _ => return None,
    };
    Some(crate::components::badge(words.t(key), tone).into_any())
}

/// A tap on the figure replaces it, as on a calculator.
fn select_all(event: &web_sys::FocusEvent) {
    use wasm_bindgen::JsCast;
    if let Some(input) = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()) {
        input.select();
    }
}
