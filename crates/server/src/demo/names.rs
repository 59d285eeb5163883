//! Words the demo company is made of, and numbers with valid check digits. Made up throughout.

use super::draws::Draws;
use crate::import::fields::inn_check;

/// A city: name, latitude and longitude in micro-degrees, region code of its tax office, hours ahead of UTC.
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) lat: i64,
    pub(super) lon: i64,
    pub(super) region: &'static str,
}

/// Twelve cities from UTC+2 to UTC+12.
pub(super) const CITIES: [City; 12] = [
    City { name: "Москва", lat: 55_755_800, lon: 37_617_600, region: "77" },
    City { name: "Санкт-Петербург", lat: 59_938_700, lon: 30_316_200, region: "78" },
    City { name: "Самара", lat: 53_195_900, lon: 50_100_200, region: "63" },
    City { name: "Екатеринбург", lat: 56_838_900, lon: 60_605_700, region: "66" },
    City { name: "Калининград", lat: 54_710_200, lon: 20_510_600, region: "39" },
    City { name: "Омск", lat: 54_989_300, lon: 73_368_200, region: "55" },
    City { name: "Новосибирск", lat: 55_030_200, lon: 82_920_400, region: "54" },
    City { name: "Иркутск", lat: 52_286_900, lon: 104_305_000, region: "38" },
    City { name: "Якутск", lat: 62_027_800, lon: 129_732_200, region: "14" },
    City { name: "Владивосток", lat: 43_115_500, lon: 131_885_500, region: "25" },
    City { name: "Магадан", lat: 59_568_100, lon: 150_808_500, region: "49" },
    City { name: "Петропавловск-Камчатский", lat: 53_024_400, lon: 158_643_300, region: "41" },
];

pub(super) const STREETS: [&str; 20] = [
    "ул. Ленина",
    "пр-т Мира",
    "ул. Садовая",
    "ул. Гагарина",
    "наб. Речная",
    "ш. Южное",
    "ул. Лесная",
    "ул. Школьная",
    "ул. Заводская",
    "пер. Тихий",
    "ул. Советская",
    "ул. Молодёжная",
    "б-р Победы",
    "ул. Центральная",
    "ул. Новая",
    "ул. Полевая",
    "ул. Набережная",
    "пр-т Строителей",
    "ул. Вокзальная",
    "ул. Северная",
];

pub(super) const SURNAMES: [&str; 24] = [
    "Иванов",
    "Смирнов",
    "Кузнецов",
    "Попов",
    "Соколов",
    "Лебедев",
    "Козлов",
    "Новиков",
    "Морозов",
    "Петров",
    "Волков",
    "Соловьёв",
    "Васильев",
    "Зайцев",
    "Павлов",
    "Семёнов",
    "Голубев",
    "Виноградов",
    "Богданов",
    "Воробьёв",
    "Фёдоров",
    "Михайлов",
    "Беляев",
    "Тарасов",
];

const FIRST_NAMES: [[&str; 8]; 2] = [
    ["Алексей", "Дмитрий", "Сергей", "Андрей", "Иван", "Михаил", "Николай", "Павел"],
    ["Анна", "Елена", "Ольга", "Наталья", "Мария", "Ирина", "Светлана", "Юлия"],
];

/// A person's first name and surname.
pub(super) fn person(draws: &mut Draws) -> String {
    let woman = draws.happens(500);
    let first = draws.pick(&FIRST_NAMES[usize::from(woman)]);
    format!("{first} {}{}", draws.pick(&SURNAMES), if woman { "а" } else { "" })
}

/// A surname with initials.
pub(super) fn surname_with_initials(draws: &mut Draws) -> String {
    const LETTERS: [&str; 12] = ["А", "Б", "В", "Г", "Д", "Е", "И", "М", "Н", "О", "П", "С"];
    format!("{} {}. {}.", draws.pick(&SURNAMES), draws.pick(&LETTERS), draws.pick(&LETTERS))
}

/// A phone with the code 000, which is given to nobody.
pub(super) fn phone(draws: &mut Draws) -> String {
    format!("+7 (000) {:03}-{:02}-{:02}", draws.below(1_000), draws.below(100), draws.below(100))
}

/// A taxpayer number of a company (10 digits) or a person (12), with valid check digits.
pub(super) fn inn(draws: &mut Draws, region: &str, company: bool) -> String {
    let mut digits: Vec<u32> = region.chars().filter_map(|c| c.to_digit(10)).collect();
    let body = if company { 9 } else { 10 };
    while digits.len() < body {
        digits.push(u32::try_from(draws.below(10)).unwrap_or(0));
    }
    digits.push(inn_check(&digits));
    if !company {
        digits.push(inn_check(&digits));
    }
    digits.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect()
}

/// An EAN-13 with a prefix of 460 to 469 and a valid check digit.
pub(super) fn ean13(draws: &mut Draws) -> String {
    let body = format!("46{:01}{:09}", draws.below(10), draws.below(1_000_000_000));
    format!("{body}{}", ean_check(&body))
}

fn ean_check(body: &str) -> u32 {
    let sum: u32 = body.chars().filter_map(|c| c.to_digit(10)).zip([1, 3].into_iter().cycle()).map(|(digit, weight)| digit * weight).sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::fields::inn_is_valid;

    #[test]
    fn numbers_have_valid_check_digits() {
        assert_eq!(ean_check("400638133393"), 1);
        for n in 0..200 {
            let mut draws = Draws::new(1, "check", n);
            let company = inn(&mut draws, "77", true);
            let person = inn(&mut draws, "14", false);
            assert!(company.len() == 10 && inn_is_valid(&company), "{company}");
            assert!(person.len() == 12 && inn_is_valid(&person), "{person}");
            let code = ean13(&mut draws);
            assert!(code.len() == 13 && code.starts_with("46"), "{code}");
        }
    }
}
