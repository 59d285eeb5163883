//! Snapshots for tests: random ones with the nasty texts of the trade, and large ones.

#![allow(dead_code, clippy::unwrap_used, reason = "every test takes what it needs, and a failed unwrap fails it")]

use std::ops::ControlFlow;
use std::sync::Arc;

use polevik_domain::ids::{DeviceId, DocumentId};
use polevik_domain::money::{Money, VatRate};
use polevik_domain::quantity::Unit;
use polevik_domain::time::{CalendarDay, UtcMillis, UtcOffsetMinutes};
use polevik_order_export::format::{Format, Options};
use polevik_order_export::making::{Made, make};
use polevik_order_export::moment::LocalMoment;
use polevik_order_export::selection::{DayRange, Selection};
use polevik_order_export::snapshot::{Header, Line, Named, Occasion, Order, OrderState, Outlet, Product, Snapshot};
use proptest::prelude::*;

/// 2026-11-22, 14:43:07.123 in Moscow.
pub const NOW: LocalMoment = LocalMoment { at: UtcMillis(1_795_347_787_123), offset: UtcOffsetMinutes(180) };

/// Texts that broke somebody's export once.
pub const NASTY: [&str; 20] = [
    "",
    "=HYPERLINK(\"http://example.com\";\"Нажми\")",
    "+7 900 000-00-00",
    "-1",
    "@SUM(A1:A9)",
    "\t=1+1",
    "ООО «Ромашка»; склад №1",
    "строка\nвторая \"в кавычках\"",
    " с пробелами по краям ",
    "скидка 😀👍🏽",
    "a,b;c|d/e\\f",
    "<b>&amp;</b> ]]> <![CDATA[",
    "_x000D_ и _x0041_",
    "00123",
    "1E5",
    "TRUE",
    "01.02.2026",
    "'апостроф",
    "Магазин с очень длинным названием, которое не помещается ни в какую колонку и повторяется: Магазин с очень длинным названием",
    "Mixed Латиница и кириллица",
];

/// What XML and spreadsheets find harder still; other programs do not keep all of it.
const NASTIER: [&str; 6] = ["a\rb", "a\r\nb", "\0\u{1}\u{1f}", "\u{fffe}\u{ffff}", "\u{202e}справа налево", "\u{feff}метка"];

pub fn made(snapshot: &Snapshot, format: Format) -> Made {
    make(snapshot, format, Options::default(), |_| ControlFlow::Continue(())).unwrap()
}

pub fn header(selection: Selection) -> Header {
    Header {
        made_at: NOW,
        device_id: DeviceId::generate(NOW.at, [3; 10]),
        number_prefix: "А017".to_owned(),
        rep: "Иванова А. П.".to_owned(),
        position: Named { id: 17, code: "P17".to_owned(), name: "Торговый представитель 17".to_owned() },
        distributor: Named { id: 1, code: "D1".to_owned(), name: "ООО «Дистрибьютор & Ко»".to_owned() },
        currency: "RUB".to_owned(),
        selection,
    }
}

/// `orders` orders of `lines` lines each, all different, every other one with a nasty text.
pub fn snapshot(orders: u32, lines: u32) -> Snapshot {
    let products: Vec<Arc<Product>> = (0..1_200).map(|number| Arc::new(product(number))).collect();
    let outlets: Vec<Arc<Outlet>> = (0..150).map(|number| Arc::new(outlet(number))).collect();
    let named = |number: u32, name: &str| Some(Arc::new(Named { id: number.into(), code: format!("K{number}"), name: name.to_owned() }));
    let warehouses = [None, named(1, "Основной склад"), named(2, "Склад \"Юг\"")];
    let orders = (0..orders).map(|number| {
        let placed_at = LocalMoment { at: NOW.at.plus_secs(-i64::from(number) * 1_000), ..NOW };
        let id = DocumentId::generate(placed_at.at, (u128::from(number)).to_le_bytes()[..10].try_into().unwrap());
        let lines: Vec<Line> = (0..lines).map(|line| line_of(number, line, &products)).collect();
        Order {
            id,
            number: format!("А017-{:06}", number + 1),
            revision: 1,
            placed_at,
            local_day: placed_at.day(),
            delivery_day: (number % 7 != 0).then(|| placed_at.day().plus_days(1)),
            outlet: Arc::clone(&outlets[number as usize % outlets.len()]),
            warehouse: warehouses[number as usize % 3].clone(),
            price_type: named(3, "Розница"),
            payment_form: String::new(),
            comment: NASTY[number as usize % NASTY.len()].to_owned(),
            state: OrderState::ALL[number as usize % 4],
            server_at: (number % 4 == 1).then(|| LocalMoment { at: placed_at.at.plus_secs(600), ..NOW }),
            occasion: if number % 20 == 0 { Occasion::Outside("звонок".to_owned()) } else { Occasion::Visit(id) },
            sum_minor: Money(lines.iter().map(|line| line.sum_minor.0).sum()),
            vat_sum_minor: Money(lines.iter().map(|line| line.vat_sum_minor.0).sum()),
            discount_minor: Money(0),
            lines,
        }
    });
    Snapshot { header: header(Selection::All), orders: orders.collect() }
}

fn product(number: u32) -> Product {
    Product {
        id: i64::from(number) + 1,
        code: format!("{number:08}"),
        sku: format!("A-{number}"),
        ean: format!("46{number:011}"),
        name: format!("Напиток сокосодержащий «Яблоко-{number}» 0,{} л", number % 10),
    }
}

fn outlet(number: u32) -> Outlet {
    Outlet {
        id: i64::from(number) + 1,
        code: format!("T{number:05}"),
        name: format!("Магазин «Продукты {number}»"),
        address: format!("г. Воронеж, ул. Ленина, д. {number}"),
        legal_name: if number.is_multiple_of(5) { String::new() } else { format!("ООО \"Ромашка {number}\"") },
        inn: if number.is_multiple_of(3) { String::new() } else { format!("36{number:08}") },
        kpp: if number.is_multiple_of(3) { String::new() } else { format!("3601{number:05}") },
        contract: format!("{number}/2026"),
    }
}

fn line_of(order: u32, line: u32, products: &[Arc<Product>]) -> Line {
    let unit = Unit::ALL[(order + line) as usize % 3];
    let pieces = [1, 6, 24][(order + line) as usize % 3];
    let quantity = i64::from(order * 7 + line * 3) % 40 + 1;
    let price = Money(i64::from(order * 13 + line * 101) % 50_000 + 1);
    let vat_rate = VatRate([2_200, 1_000][line as usize % 2]);
    let sum = price.checked_mul(quantity * pieces).unwrap();
    Line {
        product: Arc::clone(&products[(order * 31 + line * 17) as usize % products.len()]),
        unit,
        quantity,
        base_quantity: quantity * pieces,
        price_minor: price,
        discount_rate: 0,
        vat_rate,
        sum_minor: sum,
        vat_sum_minor: vat_rate.contained_in(sum),
        promo: String::new(),
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => proptest::sample::select(&NASTY[..]).prop_map(str::to_owned),
        2 => proptest::sample::select(&NASTIER[..]).prop_map(str::to_owned),
        3 => any::<String>().prop_map(|text| text.chars().take(60).collect()),
    ]
}

fn any_moment() -> impl Strategy<Value = LocalMoment> {
    // The years 1900 to 2100, and every offset there is.
    (-2_208_988_800_000_i64..4_102_444_800_000, -720..=840)
        .prop_map(|(at, offset)| LocalMoment { at: UtcMillis(at), offset: UtcOffsetMinutes(offset) })
}

fn any_day() -> impl Strategy<Value = CalendarDay> {
    (-40_000..60_000).prop_map(CalendarDay)
}

fn any_id() -> impl Strategy<Value = DocumentId> {
    (0_i64..1 << 47, any::<[u8; 10]>()).prop_map(|(at, random)| DocumentId::generate(UtcMillis(at), random))
}

fn any_named() -> impl Strategy<Value = Named> {
    (any::<i64>(), any_text(), any_text()).prop_map(|(id, code, name)| Named { id, code, name })
}

fn any_outlet() -> impl Strategy<Value = Outlet> {
    (any::<i64>(), proptest::array::uniform7(any_text())).prop_map(|(id, [code, name, address, legal_name, inn, kpp, contract])| Outlet {
        id,
        code,
        name,
        address,
        legal_name,
        inn,
        kpp,
        contract,
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    let product = (any::<i64>(), proptest::array::uniform4(any_text()))
        .prop_map(|(id, [code, sku, ean, name])| Arc::new(Product { id, code, sku, ean, name }));
    let amounts = (1_i64..=100_000, 1_i64..=500, 0_i64..=10_000_000, 0_i64..=9_000_000_000_000);
    let rates = (0_i64..=10_000, 0_i64..=10_000);
    (product, proptest::sample::select(&Unit::ALL[..]), amounts, rates, any_text()).prop_map(
        |(product, unit, (quantity, pieces, price, sum), (discount_rate, vat_rate), promo)| Line {
            product,
            unit,
            quantity,
            base_quantity: quantity * pieces,
            price_minor: Money(price),
            discount_rate,
            vat_rate: VatRate(vat_rate),
            sum_minor: Money(sum),
            vat_sum_minor: VatRate(vat_rate).contained_in(Money(sum)),
            promo,
        },
    )
}

fn any_order() -> impl Strategy<Value = Order> {
    let who = (any_id(), 1_u32..=999_999, 1_u32..=50, any_outlet());
    let when = (any_moment(), any_day(), proptest::option::of(any_day()), proptest::option::of(any_moment()));
    let what = (proptest::option::of(any_named()), proptest::option::of(any_named()), any_text(), any_text());
    let state = proptest::sample::select(&OrderState::ALL[..]);
    let occasion = prop_oneof![any_id().prop_map(Occasion::Visit), any_text().prop_map(Occasion::Outside)];
    let lines = proptest::collection::vec(any_line(), 1..5);
    (who, when, what, state, occasion, lines, 0_i64..1_000_000).prop_map(
        |((id, number, revision, outlet), (placed_at, local_day, delivery_day, server_at), what, state, occasion, lines, discount)| Order {
            id,
            number: format!("А017-{number:06}"),
            revision,
            placed_at,
            local_day,
            delivery_day,
            outlet: Arc::new(outlet),
            warehouse: what.0.map(Arc::new),
            price_type: what.1.map(Arc::new),
            payment_form: what.2,
            comment: what.3,
            state,
            server_at,
            occasion,
            sum_minor: Money(lines.iter().map(|line| line.sum_minor.0).sum()),
            vat_sum_minor: Money(lines.iter().map(|line| line.vat_sum_minor.0).sum()),
            discount_minor: Money(discount),
            lines,
        },
    )
}

fn any_selection() -> impl Strategy<Value = Selection> {
    let range = || (proptest::option::of(any_day()), proptest::option::of(any_day())).prop_map(|(from, to)| DayRange { from, to });
    prop_oneof![Just(Selection::All), (range(), range()).prop_map(|(created, delivery)| Selection::Dates { created, delivery })]
}

/// A few orders with any texts, days and amounts, whose sums agree.
pub fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let header = (any_selection(), any_moment(), any_named(), any_named(), any_text())
        .prop_map(|(selection, made_at, position, distributor, rep)| Header { made_at, position, distributor, rep, ..header(selection) });
    (header, proptest::collection::vec(any_order(), 0..6)).prop_map(|(header, mut orders)| {
        orders.sort_by_key(|order| order.id);
        orders.dedup_by_key(|order| order.id);
        Snapshot { header, orders }
    })
}
