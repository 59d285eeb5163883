//! `CommerceML` 2.08 for 1C: a document «Заказ товара» per order.
//!
//! Elements stand in the order of the published schema, and texts are cut where it sets a length. An attribute of our orders that the schema
//! has no place for is a «ЗначениеРеквизита». What the schema would refuse (a taxpayer number or a bar code of the wrong length) is left out.

use std::fmt::{Display, Write};

use polevik_domain::quantity::Unit;

use crate::format::XmlEncoding;
use crate::moment::Clock;
use crate::snapshot::{Header, Line, Occasion, Order};
use crate::text::{Hundredths, push_xml};
use crate::windows_1251;

/// The version that the file claims.
const SCHEMA_VERSION: &str = "2.08";

const NAMESPACE: &str = "urn:1C.ru:commerceml_2";

// Most characters of the schema's types.
const MOST_NAME: usize = 255;
const MOST_ID: usize = 40;
const MOST_PRODUCT_ID: usize = 80;
const MOST_COMMENT: usize = 3_000;
const MOST_VALUE: usize = 1_000;

const ALWAYS: &str = "a string takes every letter";

/// Writes it.
pub(crate) struct CommerceMlWriter {
    encoding: XmlEncoding,
    bytes: Vec<u8>,
    currency: String,
    seller: String,
    xml: String,
}

impl CommerceMlWriter {
    pub(crate) fn new(header: &Header, encoding: XmlEncoding) -> Self {
        let name = match encoding {
            XmlEncoding::Utf8 => "UTF-8",
            XmlEncoding::Windows1251 => "windows-1251",
        };
        // The schema's moment has no fraction, and its offset is our offset.
        let made_at = header.made_at.to_string();
        let (seconds, rest) = made_at.split_at(19);
        let xml = format!(
            "<?xml version=\"1.0\" encoding=\"{name}\"?>\n<КоммерческаяИнформация xmlns=\"{NAMESPACE}\" ВерсияСхемы=\"{SCHEMA_VERSION}\" \
             ДатаФормирования=\"{seconds}{}\">\n",
            &rest[4..]
        );
        let mut writer =
            Self { encoding, bytes: Vec::new(), currency: three_letters(&header.currency), seller: header.distributor.name.clone(), xml };
        writer.flush();
        writer
    }

    pub(crate) fn add(&mut self, order: &Order) {
        let xml = &mut self.xml;
        xml.push_str("<Документ>");
        text(xml, "Ид", &order.id.to_string(), MOST_ID);
        text(xml, "Номер", &order.number, MOST_NAME);
        value(xml, "Дата", order.local_day);
        value(xml, "ХозОперация", "Заказ товара");
        value(xml, "Роль", "Продавец");
        value(xml, "Валюта", &self.currency);
        value(xml, "Курс", 1);
        value(xml, "Сумма", Hundredths::of(order.sum_minor));
        parties(xml, order, &self.seller);
        value(xml, "Время", Clock(order.placed_at.millis_of_day(), false));
        optional(xml, "Комментарий", &order.comment, MOST_COMMENT);
        xml.push_str("<Налоги>");
        vat(xml, Hundredths::of(order.vat_sum_minor), None);
        xml.push_str("</Налоги>");
        if order.discount_minor.0 != 0 {
            xml.push_str("<Скидки><Скидка>");
            value(xml, "Наименование", "Скидка");
            value(xml, "Сумма", Hundredths::of(order.discount_minor));
            value(xml, "УчтеноВСумме", true);
            xml.push_str("</Скидка></Скидки>");
        }
        if let Some(warehouse) = &order.warehouse {
            xml.push_str("<Склады><Склад>");
            text(xml, "Ид", &code_or_id(&warehouse.code, warehouse.id), MOST_ID);
            optional(xml, "Наименование", &warehouse.name, MOST_NAME);
            xml.push_str("</Склад></Склады>");
        }
        if !order.lines.is_empty() {
            xml.push_str("<Товары>\n");
            for item in &order.lines {
                product(xml, item);
            }
            xml.push_str("</Товары>");
        }
        requisites(xml, order);
        xml.push_str("</Документ>\n");
        self.flush();
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.xml.push_str("</КоммерческаяИнформация>\n");
        self.flush();
        self.bytes
    }

    fn flush(&mut self) {
        match self.encoding {
            XmlEncoding::Utf8 => self.bytes.extend_from_slice(self.xml.as_bytes()),
            XmlEncoding::Windows1251 => self.bytes.extend_from_slice(&windows_1251::encode_xml(&self.xml)),
        }
        self.xml.clear();
    }
}

fn parties(xml: &mut String, order: &Order, seller: &str) {
    let outlet = &order.outlet;
    let buyer = if outlet.legal_name.is_empty() { &outlet.name } else { &outlet.legal_name };
    xml.push_str("<Контрагенты><Контрагент>");
    text(xml, "Ид", &code_or_id(&outlet.code, outlet.id), MOST_ID);
    text(xml, "Наименование", buyer, MOST_NAME);
    text(xml, "ОфициальноеНаименование", buyer, MOST_NAME);
    if (10..=12).contains(&outlet.inn.chars().count()) {
        text(xml, "ИНН", &outlet.inn, MOST_NAME);
    }
    if outlet.kpp.chars().count() == 9 {
        text(xml, "КПП", &outlet.kpp, MOST_NAME);
    }
    if !outlet.address.is_empty() {
        xml.push_str("<Адрес>");
        text(xml, "Представление", &outlet.address, MOST_NAME);
        xml.push_str("</Адрес>");
    }
    value(xml, "Роль", "Покупатель");
    xml.push_str("</Контрагент><Контрагент>");
    text(xml, "Наименование", seller, MOST_NAME);
    text(xml, "ОфициальноеНаименование", seller, MOST_NAME);
    value(xml, "Роль", "Продавец");
    xml.push_str("</Контрагент></Контрагенты>");
}

fn product(xml: &mut String, line: &Line) {
    let product = &line.product;
    xml.push_str("<Товар>");
    text(xml, "Ид", &code_or_id(&product.code, product.id), MOST_PRODUCT_ID);
    if (8..=14).contains(&product.ean.chars().count()) {
        text(xml, "Штрихкод", &product.ean, MOST_NAME);
    }
    optional(xml, "Артикул", &product.sku, MOST_NAME);
    text(xml, "Наименование", &product.name, MOST_NAME);
    xml.push_str("<БазоваяЕдиница Код=\"796\" НаименованиеПолное=\"Штука\" МеждународноеСокращение=\"PCE\">шт</БазоваяЕдиница>");
    xml.push_str("<СтавкиНалогов><СтавкаНалога>");
    value(xml, "Наименование", "НДС");
    value(xml, "Ставка", Rate(line.vat_rate.0));
    xml.push_str("</СтавкаНалога></СтавкиНалогов><ЗначенияРеквизитов>");
    requisite(xml, "ВидНоменклатуры", "Товар");
    requisite(xml, "ТипНоменклатуры", "Товар");
    xml.push_str("</ЗначенияРеквизитов>");
    let pieces = pieces_per_unit(line);
    // 1C multiplies this price by the quantity in the same unit.
    value(xml, "ЦенаЗаЕдиницу", Hundredths { value: line.price_minor.0.saturating_mul(pieces), separator: '.' });
    value(xml, "Количество", line.quantity);
    value(xml, "Сумма", Hundredths::of(line.sum_minor));
    value(xml, "Единица", unit_code(line.unit));
    value(xml, "Коэффициент", pieces);
    xml.push_str("<Налоги>");
    vat(xml, Hundredths::of(line.vat_sum_minor), Some(Rate(line.vat_rate.0)));
    xml.push_str("</Налоги>");
    if line.discount_rate != 0 {
        let full = i128::from(line.price_minor.0) * i128::from(line.base_quantity);
        let off = i64::try_from(full - i128::from(line.sum_minor.0)).unwrap_or(0);
        xml.push_str("<Скидки><Скидка>");
        text(xml, "Наименование", if line.promo.is_empty() { "Скидка" } else { &line.promo }, MOST_NAME);
        value(xml, "Сумма", Hundredths { value: off, separator: '.' });
        value(xml, "Процент", Rate(line.discount_rate));
        value(xml, "УчтеноВСумме", true);
        xml.push_str("</Скидка></Скидки>");
    }
    xml.push_str("</Товар>\n");
}

fn pieces_per_unit(line: &Line) -> i64 {
    line.base_quantity.checked_div(line.quantity).unwrap_or(1)
}

/// OKEI: piece, package, case.
fn unit_code(unit: Unit) -> &'static str {
    match unit {
        Unit::Piece => "796",
        Unit::Block => "778",
        Unit::Box => "812",
    }
}

fn requisites(xml: &mut String, order: &Order) {
    xml.push_str("<ЗначенияРеквизитов>");
    if let Some(day) = order.delivery_day {
        requisite(xml, "Дата доставки", &day.to_string());
    }
    requisite(xml, "Код торговой точки", &order.outlet.code);
    requisite(xml, "Торговая точка", &order.outlet.name);
    requisite(xml, "Адрес доставки", &order.outlet.address);
    requisite(xml, "Договор", &order.outlet.contract);
    if let Some(price_type) = &order.price_type {
        requisite(xml, "Тип цены", &price_type.name);
    }
    requisite(xml, "Форма оплаты", &order.payment_form);
    match &order.occasion {
        Occasion::Visit(id) => requisite(xml, "Визит", &id.to_string()),
        Occasion::Outside(reason) => requisite(xml, "Вне визита", reason),
    }
    requisite(xml, "Состояние", order.state.label());
    requisite(xml, "Редакция", &order.revision.to_string());
    xml.push_str("</ЗначенияРеквизитов>");
}

fn requisite(xml: &mut String, name: &str, content: &str) {
    if content.is_empty() {
        return;
    }
    xml.push_str("<ЗначениеРеквизита>");
    text(xml, "Наименование", name, MOST_NAME);
    text(xml, "Значение", content, MOST_VALUE);
    xml.push_str("</ЗначениеРеквизита>");
}

fn vat(xml: &mut String, sum: Hundredths, rate: Option<Rate>) {
    xml.push_str("<Налог>");
    value(xml, "Наименование", "НДС");
    value(xml, "УчтеноВСумме", true);
    value(xml, "Сумма", sum);
    if let Some(rate) = rate {
        value(xml, "Ставка", rate);
    }
    xml.push_str("</Налог>");
}

/// A rate as 1C writes it: `22`, `7.5`.
#[derive(Clone, Copy)]
struct Rate(i64);

impl Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = Hundredths { value: self.0, separator: '.' }.to_string();
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn value(xml: &mut String, name: &str, value: impl Display) {
    write!(xml, "<{name}>{value}</{name}>").expect(ALWAYS);
}

fn text(xml: &mut String, name: &str, content: &str, most: usize) {
    write!(xml, "<{name}>").expect(ALWAYS);
    push_xml(xml, content, most);
    write!(xml, "</{name}>").expect(ALWAYS);
}

fn optional(xml: &mut String, name: &str, content: &str, most: usize) {
    if !content.is_empty() {
        text(xml, name, content, most);
    }
}

fn code_or_id(code: &str, id: i64) -> String {
    if code.is_empty() { id.to_string() } else { code.to_owned() }
}

/// The schema wants exactly three letters.
fn three_letters(currency: &str) -> String {
    if currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase()) { currency.to_owned() } else { "RUB".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_without_needless_zeros() {
        for (rate, text) in [(2_200, "22"), (1_000, "10"), (750, "7.5"), (725, "7.25"), (0, "0"), (10_000, "100")] {
            assert_eq!(Rate(rate).to_string(), text);
        }
    }

    #[test]
    fn a_currency_that_is_none_does_not_break_the_file() {
        assert_eq!((three_letters("KZT").as_str(), three_letters("<рубли>").as_str()), ("KZT", "RUB"));
    }
}
