//! Products, price lists, prices, stock and assortment of the demo company.

use std::collections::HashSet;

use polevik_domain::time::CalendarDay;
use serde_json::{Map, Value, json};

use super::draws::Draws;
use super::make::Making;
use super::names::ean13;
use super::size::PartSize;

/// A category: name, tax rate, price of a middle pack in kopecks, pieces in a block and a box, goods, brands by falling share, rising packs.
struct Category {
    name: &'static str,
    vat_rate: i64,
    middle_price: i64,
    block: i64,
    boxes: &'static [i64],
    goods: &'static [&'static str],
    brands: &'static [&'static str],
    packs: &'static [&'static str],
}

/// By falling share of the catalogue.
const CATEGORIES: [Category; 14] = [
    Category {
        name: "Соки и нектары",
        vat_rate: 2_200,
        middle_price: 11_900,
        block: 6,
        boxes: &[12, 24],
        goods: &["Сок яблочный", "Сок томатный", "Нектар вишнёвый", "Нектар персик/яблоко", "Сок апельсиновый", "Морс клюквенный"],
        brands: &["Солнечный сад", "Дачный рецепт", "Северная ягода", "Sunny Day", "Бабушкин погребок"],
        packs: &["0,2 л", "0,5 л", "0,95 л", "1 л", "1,93 л"],
    },
    Category {
        name: "Вода и лимонады",
        vat_rate: 2_200,
        middle_price: 5_900,
        block: 6,
        boxes: &[12, 24],
        goods: &["Вода питьевая газ.", "Вода питьевая негаз.", "Лимонад «Дюшес»", "Лимонад «Тархун»", "Квас хлебный", "Напиток Cola"],
        brands: &["Родниковая долина", "Чистая капля", "Полярная сова", "Sunny Day", "Каспийский берег"],
        packs: &["0,33 л", "0,5 л", "1 л", "1,5 л", "5 л"],
    },
    Category {
        name: "Молочные продукты",
        vat_rate: 1_000,
        middle_price: 8_900,
        block: 6,
        boxes: &[12, 24],
        goods: &["Молоко 3,2%", "Кефир 1%", "Йогурт клубника/банан", "Сметана 20%", "Творог 5%", "Ряженка 4%"],
        brands: &["Утренний луг", "Happy Cow", "Белая усадьба", "Русское подворье", "Матрёна"],
        packs: &["200 г", "330 г", "450 г", "900 г", "930 мл"],
    },
    Category {
        name: "Кондитерские изделия",
        vat_rate: 2_200,
        middle_price: 9_900,
        block: 12,
        boxes: &[24, 36, 48],
        goods: &["Печенье овсяное", "Вафли сливочные", "Шоколад горький 72%", "Шоколад молочный", "Зефир ванильный", "Конфеты «Вечер»"],
        brands: &["Три медведя и Ко", "Царский двор", "Добрая Марфа", "Sweet Corner", "Лесная быль"],
        packs: &["45 г", "90 г", "200 г", "300 г", "500 г"],
    },
    Category {
        name: "Чай и кофе",
        vat_rate: 2_200,
        middle_price: 24_900,
        block: 6,
        boxes: &[12, 24],
        goods: &["Чай чёрный листовой", "Чай зелёный в пакетиках", "Кофе молотый", "Кофе растворимый", "Какао-порошок", "Цикорий"],
        brands: &["Крепкий чайник", "Morning Star", "Green Valley", "Царский двор", "Степной ветер"],
        packs: &["25 пак.", "50 г", "95 г", "100 пак.", "250 г"],
    },
    Category {
        name: "Бакалея",
        vat_rate: 1_000,
        middle_price: 7_900,
        block: 10,
        boxes: &[20],
        goods: &["Гречка ядрица", "Рис длиннозёрный", "Макароны рожки", "Мука пшеничная", "Сахар-песок", "Горох колотый"],
        brands: &["Золотой амбар", "Степной ветер", "Русское подворье", "Добрая Марфа", "Хуторок у реки"],
        packs: &["400 г", "450 г", "800 г", "900 г", "1 кг"],
    },
    Category {
        name: "Снеки",
        vat_rate: 2_200,
        middle_price: 8_900,
        block: 12,
        boxes: &[24, 48],
        goods: &["Чипсы сметана/зелень", "Сухарики бекон", "Орешки солёные", "Семечки жареные", "Попкорн карамель", "Крендельки"],
        brands: &["Снежный барс", "Crispy Time", "Хуторок у реки", "Весёлый бочонок", "Три медведя и Ко"],
        packs: &["40 г", "80 г", "100 г", "150 г", "225 г"],
    },
    Category {
        name: "Масла и соусы",
        vat_rate: 1_000,
        middle_price: 13_900,
        block: 6,
        boxes: &[12, 15],
        goods: &["Масло подсолнечное", "Майонез провансаль", "Кетчуп томатный", "Горчица русская", "Соус терияки", "Аджика"],
        brands: &["Золотой амбар", "Дачный рецепт", "Kitchen Pro", "Каспийский берег", "Белая усадьба"],
        packs: &["200 г", "250 мл", "400 г", "800 мл", "1 л"],
    },
    Category {
        name: "Консервы",
        vat_rate: 1_000,
        middle_price: 14_900,
        block: 12,
        boxes: &[24, 48],
        goods: &["Сайра натуральная", "Горошек зелёный", "Кукуруза сладкая", "Говядина тушёная", "Шпроты в масле", "Огурцы маринованные"],
        brands: &["Каспийский берег", "Бабушкин погребок", "Лесная быль", "Северная ягода", "Матрёна"],
        packs: &["160 г", "240 г", "338 г", "400 г", "680 г"],
    },
    Category {
        name: "Замороженные продукты",
        vat_rate: 1_000,
        middle_price: 21_900,
        block: 0,
        boxes: &[10, 12],
        goods: &["Пельмени домашние", "Вареники с картофелем", "Мороженое пломбир", "Овощная смесь", "Блинчики с мясом", "Котлеты куриные"],
        brands: &["Полярная сова", "Снежный барс", "Тёплый дом", "Добрая Марфа", "Happy Cow"],
        packs: &["80 г", "400 г", "430 г", "800 г", "900 г"],
    },
    Category {
        name: "Детское питание",
        vat_rate: 1_000,
        middle_price: 6_900,
        block: 6,
        boxes: &[12, 24],
        goods: &["Пюре яблоко/груша", "Каша молочная", "Сок осветлённый", "Печенье растворимое", "Пюре индейка", "Творожок"],
        brands: &["Матрёна", "Утренний луг", "Baby Spoon", "Солнечный сад", "Добрая Марфа"],
        packs: &["80 г", "90 г", "125 мл", "200 г", "250 г"],
    },
    Category {
        name: "Бытовая химия",
        vat_rate: 2_200,
        middle_price: 22_900,
        block: 0,
        boxes: &[8, 12, 20],
        goods: &["Порошок стиральный", "Средство для посуды", "Отбеливатель", "Гель для стирки", "Чистящий крем", "Мыло жидкое"],
        brands: &["Чистая капля", "VitaLine", "Белая усадьба", "Clean Wave", "Тёплый дом"],
        packs: &["450 мл", "500 мл", "1 кг", "1,3 л", "3 кг"],
    },
    Category {
        name: "Корма для животных",
        vat_rate: 2_200,
        middle_price: 5_900,
        block: 12,
        boxes: &[24, 28],
        goods: &[
            "Корм для кошек говядина",
            "Корм для кошек лосось",
            "Корм для собак ягнёнок",
            "Лакомство для собак",
            "Наполнитель древесный",
        ],
        brands: &["Рыжий хвост", "Happy Paws", "Лапа друга", "VitaLine", "Три медведя и Ко"],
        packs: &["75 г", "85 г", "400 г", "1,9 кг", "5 л"],
    },
    Category {
        name: "Товары для дома",
        vat_rate: 2_200,
        middle_price: 15_900,
        block: 0,
        boxes: &[20, 50],
        goods: &["Полотенца бумажные", "Салфетки влажные", "Пакеты для мусора", "Фольга пищевая", "Батарейки AA", "Спички каминные"],
        brands: &["Тёплый дом", "Kitchen Pro", "Белая усадьба", "Clean Wave", "VitaLine"],
        packs: &["2 шт", "4 шт", "20 шт", "30 шт", "100 шт"],
    },
];

/// What makes two goods of one brand and pack different.
const VARIANTS: [&str; 12] = [
    "классический",
    "лёгкий",
    "премиум",
    "семейный",
    "новый рецепт",
    "эконом",
    "по-домашнему",
    "особый",
    "праздничный",
    "традиционный",
    "мягкий",
    "избранное",
];

/// What a pack costs against the middle one, in percent, from the smallest.
const PACK_SHARES: [i64; 5] = [45, 70, 100, 150, 220];

/// Price lists: code, name, share of the base price in percent.
pub(super) const PRICE_TYPES: [(&str, &str, i64); 4] =
    [("RETAIL", "Розничный", 100), ("WHOLESALE", "Мелкий опт", 92), ("CHAIN", "Сетевой", 86), ("HORECA", "HoReCa", 96)];

/// Warehouses of a part.
pub(super) const WAREHOUSES: [(&str, &str); 3] =
    [("MAIN", "Основной склад"), ("NORTH", "Склад «Северный»"), ("TRANSIT", "Транзитный склад / кросс-док")];

/// One product, before it is a row.
pub(super) struct Product {
    pub(super) ext_code: String,
    pub(super) name: String,
    brand: &'static str,
    category: &'static Category,
    active: bool,
    pub(super) base_price: i64,
}

/// The products of a part, each with a name of its own.
pub(super) fn catalogue(seed: u64, part_no: usize, size: &PartSize) -> Vec<Product> {
    let mut names = HashSet::new();
    (0..size.products)
        .map(|n| {
            let mut draws = Draws::of_row(seed, part_no, "product base", n);
            let category = &CATEGORIES[draws.zipf(CATEGORIES.len())];
            let (good, brand) = (draws.pick(category.goods), category.brands[draws.zipf(category.brands.len())]);
            let pack = draws.index(category.packs.len());
            let plain = format!("{good} «{brand}» {}", category.packs[pack]);
            let first_variant = draws.index(VARIANTS.len());
            let name = std::iter::once(plain.clone())
                .chain((0..VARIANTS.len()).map(|k| format!("{plain}, {}", VARIANTS[(first_variant + k) % VARIANTS.len()])))
                .find(|name| !names.contains(name))
                .unwrap_or_else(|| format!("{plain}, партия {}", n + 1));
            names.insert(name.clone());
            // Round to ten kopecks, as price lists are.
            let base_price = category.middle_price * PACK_SHARES[pack] / 100 * draws.between(75, 135) / 100 / 10 * 10;
            Product { ext_code: format!("N{:06}", n + 1), name, brand, category, active: n < size.active_products, base_price }
        })
        .collect()
}

impl Making {
    /// Products that may be ordered, with their places in the catalogue.
    pub(super) fn active_products(&self) -> impl Iterator<Item = (usize, &Product)> {
        self.catalogue.iter().enumerate().take(self.size.active_products)
    }

    /// Rows of `products`.
    pub(super) fn products(&self) -> impl Iterator<Item = Map<String, Value>> {
        self.catalogue.iter().enumerate().map(|(n, product)| {
            let mut draws = self.draws("product", n);
            // The length of a shelf label was the only limit once.
            let name = match draws.happens(10) {
                true => format!("{} / АКЦИЯ до конца месяца, срок годности 12 месяцев, артикул поставщика {:05}", product.name, n + 1),
                false => product.name.clone(),
            };
            let changed = self.day.plus_days(-i32::try_from(draws.below(400)).unwrap_or(0));
            object(json!({
                "ext_code": product.ext_code,
                "sku": format!("{}-{:05}", draws.pick(&["AL", "BR", "KM", "NT", "SV"]), n + 1),
                "name": name,
                "brand": product.brand,
                "category": product.category.name,
                "unit": "шт",
                "block_factor": if draws.happens(150) { 0 } else { product.category.block },
                "box_factor": draws.pick(product.category.boxes),
                "barcode": ean13(&mut draws),
                "vat_rate": product.category.vat_rate,
                "active": product.active,
                // Some are sold by price lists only.
                "list_price": if n % 40 == 39 { Value::Null } else { json!(product.base_price) },
                "updated_at": format!("{changed}T06:00:00Z"),
            }))
        })
    }

    /// Rows of `price_types`.
    pub(super) fn price_types(&self) -> impl Iterator<Item = Map<String, Value>> + use<> {
        PRICE_TYPES.iter().map(|(code, name, _)| object(json!({ "ext_code": code, "name": name })))
    }

    /// Rows of `prices`: the present entry of each product and list began some weeks ago; earlier ones a month before each.
    pub(super) fn prices(&self) -> impl Iterator<Item = Map<String, Value>> {
        let entries = self.size.price_entries;
        self.active_products().flat_map(move |(n, product)| {
            PRICE_TYPES.iter().enumerate().flat_map(move |(type_no, (code, _, share))| {
                let mut draws = self.draws("price", n * PRICE_TYPES.len() + type_no);
                let began = self.day.plus_days(-i32::try_from(draws.between(1, 27)).unwrap_or(1));
                let now = product.base_price * share / 100 * draws.between(97, 103) / 100;
                (0..entries).map(move |age| {
                    // Each month the trade becomes three percent dearer.
                    let value = now * 100 / (100 + 3 * i64::try_from(age).unwrap_or(0)) / 10 * 10;
                    let valid_from = began.plus_days(-30 * i32::try_from(age).unwrap_or(0));
                    object(json!({
                        "price_type": code,
                        "product": product.ext_code,
                        "value": value.max(500),
                        "valid_from": valid_from.to_string(),
                    }))
                })
            })
        })
    }

    /// Rows of `warehouses`.
    pub(super) fn warehouses(&self) -> impl Iterator<Item = Map<String, Value>> + use<> {
        WAREHOUSES[..self.size.warehouses].iter().map(|(code, name)| object(json!({ "ext_code": code, "name": name })))
    }

    /// Rows of `stock`: log-normal, and one in eight is out of stock.
    pub(super) fn stock(&self) -> impl Iterator<Item = Map<String, Value>> {
        let as_of = format!("{}T03:00:00Z", self.day);
        WAREHOUSES[..self.size.warehouses].iter().enumerate().flat_map(move |(warehouse_no, (warehouse, _))| {
            let as_of = as_of.clone();
            self.active_products().map(move |(n, product)| {
                let mut draws = self.draws("stock", warehouse_no * self.size.products + n);
                let available = if draws.happens(120) { 0 } else { draws.log_normal(180, 900) };
                object(json!({ "warehouse": warehouse, "product": product.ext_code, "available": available, "as_of": as_of }))
            })
        })
    }

    /// Rows of `assortment`: larger formats should have more.
    pub(super) fn assortment(&self) -> impl Iterator<Item = Map<String, Value>> {
        const SHARES: [(&str, u64); 5] = [("kiosk", 250), ("traditional", 450), ("minimarket", 650), ("supermarket", 900), ("horeca", 300)];
        SHARES.iter().enumerate().flat_map(move |(format_no, (format, per_mille))| {
            self.active_products().filter_map(move |(n, product)| {
                let mut draws = self.draws("assortment", format_no * self.size.products + n);
                let kind = match draws.below(100) {
                    0..60 => "must",
                    60..80 => "focus",
                    80..92 => "new",
                    _ => "stop",
                };
                let row = json!({ "format": format, "product": product.ext_code, "kind": kind });
                draws.happens(*per_mille).then(|| object(row))
            })
        })
    }

    /// Prices that no office should send: refused row by row.
    pub(super) fn bad_prices(&self) -> Vec<Map<String, Value>> {
        let day = self.day;
        vec![
            object(json!({ "price_type": "RETAIL", "product": "N999999", "value": 12_900, "valid_from": day.to_string() })),
            object(json!({ "price_type": "GONE", "product": "N000001", "value": 12_900, "valid_from": day.to_string() })),
            object(json!({ "price_type": "RETAIL", "product": "N000002", "value": 0, "valid_from": CalendarDay(0).to_string() })),
            object(json!({ "price_type": "RETAIL", "product": "N000003", "value": "129,90", "valid_from": day.to_string() })),
        ]
    }

    /// Products that no office should send.
    pub(super) fn bad_products(&self) -> Vec<Map<String, Value>> {
        vec![
            object(json!({ "ext_code": "N000001", "sku": "AL-DOUBLE", "name": "Тот же код второй раз" })),
            object(json!({ "ext_code": "X1", "name": "Товар без артикула" })),
            object(json!({ "ext_code": "X2", "sku": "X-2", "name": "Строка\u{0}с нулём" })),
            object(json!({ "ext_code": "X3", "sku": "X-3", "name": "Комментарий ".repeat(5_462) })),
        ]
    }

    /// Stock that cannot be.
    pub(super) fn bad_stock(&self) -> Vec<Map<String, Value>> {
        vec![
            object(json!({ "warehouse": "MAIN", "product": "N000199", "available": -12 })),
            object(json!({ "warehouse": "LOST", "product": "N000001", "available": 5 })),
        ]
    }
}

/// A JSON object's fields; the argument is always an object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
