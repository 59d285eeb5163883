//! The products everybody is measured with: row for row those of the published generator of our comparison with other engines.
//!
//! Every row depends only on (seed, number, revision), so two runs give the same bytes.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use blake2::digest::consts::U16;
use blake2::{Blake2b, Blake2b512, Digest};

const SEED: u32 = 1;

const CATEGORIES: [&str; 12] = [
    "Соки и нектары",
    "Вода питьевая",
    "Молочные продукты",
    "Бакалея",
    "Кондитерские изделия",
    "Чай и кофе",
    "Консервы рыбные",
    "Бытовая химия",
    "Снеки",
    "Замороженные продукты",
    "Детское питание",
    "Масла и соусы",
];
const NOUNS: [&str; 20] = [
    "Сок яблочный",
    "Нектар вишнёвый",
    "Вода газированная",
    "Молоко 3,2%",
    "Кефир 1%",
    "Гречка ядрица",
    "Рис длиннозёрный",
    "Печенье овсяное",
    "Шоколад горький 72%",
    "Чай чёрный",
    "Кофе молотый",
    "Сайра натуральная",
    "Порошок стиральный",
    "Чипсы со сметаной",
    "Пельмени",
    "Пюре яблоко-груша",
    "Масло подсолнечное",
    "Кетчуп томатный",
    "Майонез",
    "Вафли сливочные",
];
const BRANDS: [&str; 16] = [
    "Rich",
    "Добрый",
    "Простоквашино",
    "Nestle",
    "Красный Октябрь",
    "Greenfield",
    "Jacobs",
    "Увелка",
    "Мистраль",
    "Lay's",
    "Агуша",
    "Слобода",
    "Heinz",
    "Бабаевский",
    "BioMax",
    "Яшкино",
];
const SIZES: [&str; 10] = ["0,2 л", "0,5 л", "1 л", "1,5 л", "90 г", "200 г", "400 г", "800 г", "1 кг", "2,4 кг"];
const UNITS: [&str; 4] = ["шт", "кг", "уп", "кор"];

/// Midnight of 2026-01-01, the earliest stamp, in seconds since 1970.
const FIRST_STAMP_S: u64 = 1_767_225_600;

/// Seconds over which the stamps of one revision lie.
const STAMP_SPAN_S: u64 = 86_400 * 200;

/// A short stream of numbers out of one hash of the key.
struct Draws([u8; 64]);

impl Draws {
    fn of(key: &str) -> Self {
        Self(Blake2b512::digest(key.as_bytes()).into())
    }

    /// A number below `n`, which is below 2^56: the rest of dividing the 512-bit number by `n`; the quotient stays for the next.
    fn below(&mut self, n: u64) -> u64 {
        let mut rest: u64 = 0;
        for byte in &mut self.0 {
            let value = (rest << 8) | u64::from(*byte);
            *byte = u8::try_from(value / n).unwrap_or(0);
            rest = value % n;
        }
        rest
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let place = self.below(of.len() as u64);
        usize::try_from(place).ok().and_then(|place| of.get(place)).copied().unwrap_or("")
    }
}

/// Which columns of a product are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Id and eight columns, as published.
    Published,
    /// All fourteen columns, as an office with packs, brands and taxes has them.
    Full,
}

/// Writes `rows` products as NDJSON that `polevik-server import products` reads.
pub fn write_products(path: &Path, rows: u64, shape: Shape) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for number in 0..rows {
        file.write_all(product(number, 0, shape).as_bytes())?;
    }
    file.flush()?;
    Ok(())
}

/// One line of NDJSON.
fn product(number: u64, revision: u64, shape: Shape) -> String {
    let mut draws = Draws::of(&format!("{SEED}:product:{number}"));
    let letters = |draws: &mut Draws, of: &str| -> char {
        let place = draws.below(of.len() as u64);
        usize::try_from(place).ok().and_then(|place| of.chars().nth(place)).unwrap_or('A')
    };
    let (first, second) = (letters(&mut draws, "ABCDEFGH"), letters(&mut draws, "KLMNPR"));
    let (noun, brand, size) = (draws.pick(&NOUNS), draws.pick(&BRANDS), draws.pick(&SIZES));
    let (category, unit) = (draws.pick(&CATEGORIES), draws.pick(&UNITS));
    let barcode = draws.below(100_000_000_000);
    let state = state(number, revision);
    let mut line = format!(
        r#"{{"id":"{}","sku":"{first}{second}-{number:07}","name":"{noun} «{brand}» {size}","category":"{category}","unit":"{unit}","price":{},"stock":{},"barcode":"46{barcode:011}","updated_at":"{}""#,
        id(number),
        state.price,
        state.stock,
        stamp(state.changed_at_s),
    );
    if shape == Shape::Full {
        let block = [0, 4, 6, 10, 12][usize::try_from(draws.below(5)).unwrap_or(0)];
        let box_ = if block == 0 { 24 } else { block * [2, 4, 6][usize::try_from(draws.below(3)).unwrap_or(0)] };
        let vat = if draws.below(3) == 0 { 1_000 } else { 2_200 };
        let active = u8::from(draws.below(40) != 0);
        let _ = write!(line, r#","brand":"{brand}","block_factor":{block},"box_factor":{box_},"vat_rate":{vat},"active":{active}"#);
    }
    line.push_str("}\n");
    line
}

/// What changes from revision to revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Kopecks.
    pub price: i64,
    /// Pieces.
    pub stock: i64,
    /// Seconds since 1970.
    pub changed_at_s: i64,
}

/// The state of a product in a revision.
pub fn state(number: u64, revision: u64) -> State {
    let mut draws = Draws::of(&format!("{SEED}:product-state:{number}:{revision}"));
    // A drawn number is far below the range of i64.
    let signed = |number: u64| i64::try_from(number).unwrap_or(0);
    // The generator draws the round part first, then whether there is a rest, then the rest.
    let round = draws.below(25_000);
    let rest = if draws.below(4) == 0 { draws.below(10) } else { 0 };
    let stock = draws.below(2_000);
    let stamp = draws.below(STAMP_SPAN_S) + revision * STAMP_SPAN_S;
    State { price: signed(1_500 + round * 10 + rest), stock: signed(stock), changed_at_s: signed(FIRST_STAMP_S + stamp) }
}

fn id(number: u64) -> String {
    let mut bytes: [u8; 16] = Blake2b::<U16>::digest(format!("{SEED}:product-id:{number}").as_bytes()).into();
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let digits = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

/// `2026-07-08T09:10:11Z`, for stamps from 2026 on.
fn stamp(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let day = i32::try_from(days).map(polevik_domain::time::CalendarDay).unwrap_or(polevik_domain::time::CalendarDay(0));
    let rest = seconds.rem_euclid(86_400);
    format!("{day}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_products_are_those_of_the_published_generator() {
        let lines: String = (0..3).map(|number| product(number, 0, Shape::Published)).collect();
        assert_eq!(lines, include_str!("../tests/first_products.ndjson"));
    }

    #[test]
    fn a_later_revision_changes_price_stock_and_stamp_only() {
        assert_ne!(state(7, 0), state(7, 1));
        assert!(state(7, 1).changed_at_s >= state(7, 0).changed_at_s.min(FIRST_STAMP_S.cast_signed()));
    }
}
