//! Outlets of the demo company: clustered in cities, of five formats, with the names real ones have.

use serde_json::{Map, Value, json};

use super::draws::Draws;
use super::make::Making;
use super::names::{CITIES, City, STREETS, inn, phone, surname_with_initials};
use super::products::object;

/// Formats: word, chance in percent, how such a shop is called, price list it usually buys by.
const FORMATS: [(&str, u64, &[&str], &str); 5] = [
    ("kiosk", 10, &["Киоск", "Павильон", "Ларёк"], "RETAIL"),
    ("traditional", 45, &["Магазин", "Продукты", "Гастроном", "Лавка"], "RETAIL"),
    ("minimarket", 25, &["Минимаркет", "Магазин у дома", "Mini-маркет"], "WHOLESALE"),
    ("supermarket", 12, &["Супермаркет", "Универсам", "Торговый дом"], "CHAIN"),
    ("horeca", 8, &["Кафе", "Столовая", "Бар", "Пекарня"], "HORECA"),
];

const OWN_NAMES: [&str; 40] = [
    "Берёзка",
    "Ромашка",
    "Людмила",
    "Удача",
    "Визит",
    "Родник",
    "Уют",
    "Ландыш",
    "Надежда",
    "Хороший день",
    "Южный",
    "Рассвет",
    "Визави",
    "Домовой",
    "Копейка плюс",
    "Перекрёсток вкусов",
    "Заря",
    "Оазис",
    "Каравай",
    "Весна",
    "Фаворит",
    "Колос",
    "Мечта",
    "Парус",
    "Магнолия",
    "Сказка",
    "Бригантина",
    "Аленький цветочек",
    "Ассорти",
    "Лидия",
    "Мария",
    "Троя",
    "Эдем",
    "Гурман",
    "Изюм",
    "Радуга",
    "Лагуна",
    "Пятёрня",
    "Теремок",
    "Околица",
];

const LATIN_NAMES: [&str; 8] =
    ["Fresh & Co", "24/7 Market", "Coffee Point", "Food House", "Green Shop", "Mini Mart", "Best Price", "Lucky"];

const HOURS: [&str; 5] = ["08:00–22:00", "09:00–21:00", "круглосуточно", "10:00–20:00, вс выходной", "07:30–23:00"];

impl Making {
    /// How many territories there are: one per rep.
    pub(super) fn territories(&self) -> usize {
        self.size.reps
    }

    /// The city of a territory; parts of a national company begin in different ones.
    pub(super) fn city(&self, territory: usize) -> &'static City {
        &CITIES[(territory + self.part_no) % CITIES.len()]
    }

    /// Code and name of a territory.
    pub(super) fn territory(&self, n: usize) -> (String, String) {
        (format!("T{:03}", n + 1), format!("{}, участок {}", self.city(n).name, n / CITIES.len() + 1))
    }

    /// Rows of `outlets`.
    pub(super) fn outlets(&self) -> impl Iterator<Item = Map<String, Value>> {
        (0..self.size.outlets).map(|n| self.outlet(n))
    }

    /// The outlet's code.
    pub(super) fn outlet_code(n: usize) -> String {
        format!("C{:06}", n + 1)
    }

    fn outlet(&self, n: usize) -> Map<String, Value> {
        let mut draws = self.draws("outlet", n);
        let territory = n % self.territories();
        let city = self.city(territory);
        let (territory_code, territory_name) = self.territory(territory);
        let (format, calls, price_type) = format_of(&mut draws);
        let entity = self.draws("owner of", n).index(self.size.legal_entities);
        let owner = self.legal_entity(entity, city.region);
        let (lat, lon) = coordinates(&mut draws, city);
        object(json!({
            "ext_code": Self::outlet_code(n),
            "name": name(&mut draws, n, calls),
            "address": format!("г. {}, {}, д. {}{}", city.name, draws.pick(&STREETS), draws.between(1, 180), draws.pick(&["", "", "", "А", "/2", ", корп. 1"])),
            "format": format,
            "class": draws.pick(&["A", "B", "B", "C", "C", "C", "D"]),
            "lat": lat,
            "lon": lon,
            "contact": surname_with_initials(&mut draws),
            "phone": phone(&mut draws),
            "work_hours": draws.pick(&HOURS),
            // Most take goods on working days, some on two days a week.
            "delivery_days": draws.pick(&[0, 31, 31, 31, 10, 20]),
            "legal_name": owner.name,
            "inn": owner.inn,
            "kpp": owner.kpp,
            "contract_number": owner.contract,
            "price_type": price_type,
            "credit_limit": if draws.happens(700) { json!(draws.between(2, 60) * 1_000_000) } else { Value::Null },
            "stopped": draws.happens(15),
            "active": n < self.size.active_outlets,
            "channel": channel_of(format),
            "payment_days": draws.pick(&[Some(0), Some(7), Some(14), Some(14), Some(21), Some(30), None]),
            "territory": territory_code,
            "territory_name": territory_name,
        }))
    }

    fn legal_entity(&self, n: usize, region: &str) -> LegalEntity {
        let mut draws = self.draws("legal entity", n);
        let company = draws.happens(550);
        let name = if company {
            format!("ООО «{} {}»", draws.pick(&OWN_NAMES), draws.pick(&["Плюс", "Торг", "Ритейл", "и К", "Трейд"]))
        } else {
            format!("ИП {}", surname_with_initials(&mut draws))
        };
        LegalEntity {
            name,
            inn: inn(&mut draws, region, company),
            kpp: if company { format!("{region}01010{:02}", draws.below(100)) } else { String::new() },
            contract: format!("Д-{}/{:05}", draws.between(2019, 2026), n + 1),
        }
    }

    /// Outlets that no office should send.
    pub(super) fn bad_outlets(&self) -> Vec<Map<String, Value>> {
        let row = |code: &str, field: &str, value: Value| {
            let mut row = object(json!({ "ext_code": code, "name": "Магазин «Ошибка»", "territory": "T001" }));
            row.insert(field.to_owned(), value);
            row
        };
        vec![
            row("C000001", "name", json!("Тот же код второй раз")),
            row("X1", "inn", json!("7707083894")),
            row("X2", "lat", json!(255.75)),
            row("X3", "contact", json!("x".repeat(64 * 1024))),
            row("X4", "price_type", json!("GONE")),
            row("X5", "format", json!("гипермаркет")),
            row("X6", "territory", Value::Null),
        ]
    }
}

struct LegalEntity {
    name: String,
    inn: String,
    kpp: String,
    contract: String,
}

/// The sales channel that most offices count outlets of a format to.
fn channel_of(format: &str) -> &'static str {
    match format {
        "supermarket" => "Современная торговля",
        "horeca" => "HoReCa",
        // Kiosks, counters and small self-service shops.
        _ => "Традиционная розница",
    }
}

fn format_of(draws: &mut Draws) -> (&'static str, &'static [&'static str], &'static str) {
    let mut left = draws.below(100);
    for (word, percent, calls, price_type) in FORMATS {
        if left < percent {
            return (word, calls, price_type);
        }
        left -= percent;
    }
    (FORMATS[1].0, FORMATS[1].2, FORMATS[1].3)
}

fn name(draws: &mut Draws, n: usize, calls: &[&str]) -> String {
    let call = draws.pick(calls);
    match draws.below(1_000) {
        // Two shops of one name, in sight of each other.
        0..5 => "Магазин «Продукты 24»".to_owned(),
        5..55 => format!("{call} «{}»", draws.pick(&LATIN_NAMES)),
        55..65 => format!(
            "{call} «{}» / вход со двора, бывшая «{}», третий павильон слева от остановки, звонить заранее",
            draws.pick(&OWN_NAMES),
            draws.pick(&OWN_NAMES)
        ),
        65..165 => format!("{call} «{}» / {}", draws.pick(&OWN_NAMES), draws.pick(&["секция 2", "бакалея", "1 этаж", "ТЦ", "рынок"])),
        165..400 => format!("{call} «{}-{}»", draws.pick(&OWN_NAMES), n % 97 + 2),
        _ => format!("{call} «{}»", draws.pick(&OWN_NAMES)),
    }
}

/// Around the centre of the city, in streets; three in a hundred have none, one has 0/0.
fn coordinates(draws: &mut Draws, city: &City) -> (Value, Value) {
    match draws.below(100) {
        0..3 => (Value::Null, Value::Null),
        3 => (json!(0), json!(0)),
        _ => {
            // A normal spread of some three kilometres, drawn to a grid of streets in one direction.
            let (mut lat, mut lon) = (draws.normal_thousandths() * 30, draws.normal_thousandths() * 50);
            if draws.happens(500) {
                lat = lat / 4_000 * 4_000 + draws.between(-150, 150);
            } else {
                lon = lon / 6_000 * 6_000 + draws.between(-150, 150);
            }
            (degrees(city.lat + lat), degrees(city.lon + lon))
        }
    }
}

/// Micro-degrees as a decimal text: exact, whatever a JSON reader does to fractions.
fn degrees(micro: i64) -> Value {
    json!(format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000))
}
