//! Audiences and materials of the demo company: planograms, price lists, pictures of products, papers to learn from.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::make::Making;
use super::pictures;
use super::products::{PRICE_TYPES, object};
use crate::import::kinds::OUTLET_FORMATS;

/// How much the demo company gives to its people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Materials {
    /// A few megabytes, made within a second or two.
    #[default]
    Usual,
    /// Pictures as they come from a studio: about 60 MB for size S, 300 MB for M.
    Full,
}

/// For whom: code, name, role.
const AUDIENCES: [(&str, &str, Option<&str>); 4] = [
    ("all", "Все сотрудники", None),
    ("reps", "Торговые представители", Some("rep")),
    ("merchandisers", "Мерчендайзеры", Some("merchandiser")),
    ("vans", "Вэн-селлеры", Some("van")),
];

/// One material before it is a row: code, title, kind, folder, audience, name of the file, whether it is mandatory.
struct Sheet {
    code: String,
    title: String,
    kind: &'static str,
    folder: &'static str,
    audience: &'static str,
    file: String,
    mandatory: bool,
    product: Option<String>,
}

impl Making {
    /// Rows of `audiences`.
    pub(super) fn audiences(&self) -> impl Iterator<Item = Map<String, Value>> + use<> {
        AUDIENCES.iter().map(|(code, name, role)| object(json!({ "ext_code": code, "name": name, "role": role })))
    }

    /// Rows of `materials`, and their files in `folder`.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub(super) fn materials(&self, folder: &Path, amount: Materials) -> Result<Vec<Map<String, Value>>> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut sheets = Vec::new();
        let mut put = |sheet: Sheet, content: Vec<u8>| -> Result<()> {
            std::fs::write(folder.join(&sheet.file), content).with_context(|| format!("cannot write {}", sheet.file))?;
            sheets.push(sheet);
            Ok(())
        };
        for (code, name, share) in &PRICE_TYPES {
            let lines: Vec<String> = self
                .active_products()
                .take(300)
                .map(|(_, product)| {
                    let price = product.base_price * share / 100 / 10 * 10;
                    format!("{:<14} {:>7}.{:02} RUB", product.ext_code, price / 100, price % 100)
                })
                .collect();
            put(
                Sheet {
                    code: format!("price-{}", code.to_lowercase()),
                    title: format!("Прайс-лист «{name}»"),
                    kind: "price_list",
                    folder: "Прайс-листы",
                    audience: if *code == "RETAIL" { "all" } else { "reps" },
                    file: format!("price-{}.pdf", code.to_lowercase()),
                    mandatory: true,
                    product: None,
                },
                pictures::paper(&format!("Polevik demo, price list {code}, {}", self.day), &lines),
            )?;
        }
        for (n, (format, title)) in OUTLET_FORMATS.iter().zip(["киоск", "магазин у дома", "минимаркет", "супермаркет", "кафе"]).enumerate()
        {
            put(
                Sheet {
                    code: format!("planogram-{format}"),
                    title: format!("Планограмма: {title}"),
                    kind: "planogram",
                    folder: "Планограммы",
                    audience: if n == 4 { "merchandisers" } else { "all" },
                    file: format!("planogram-{format}.png"),
                    mandatory: n < 2,
                    product: None,
                },
                pictures::planogram(&mut self.draws("planogram", n), 3 + u32::try_from(n).unwrap_or(0))?,
            )?;
        }
        for (code, title, kind, audience) in [
            ("news", "Новинки месяца", "presentation", "reps"),
            ("visit", "Стандарт визита", "training", "all"),
            ("van", "Работа с выручкой в рейсе", "training", "vans"),
        ] {
            let lines: Vec<String> = (1..=12).map(|n| format!("{n}. Step {n} of {code}")).collect();
            put(
                Sheet {
                    code: format!("paper-{code}"),
                    title: title.to_owned(),
                    kind,
                    folder: "Обучение",
                    audience,
                    file: format!("{code}.pdf"),
                    mandatory: false,
                    product: None,
                },
                pictures::paper(&format!("Polevik demo: {code}"), &lines),
            )?;
        }
        let (size, grain, quality) = match amount {
            Materials::Usual => ((640, 480), 5, 78),
            Materials::Full => ((2_000, 1_500), 14, 94),
        };
        for (n, product) in self.active_products().take(self.size.pictured_products) {
            put(
                Sheet {
                    code: format!("picture-{}", product.ext_code),
                    title: product.name.clone(),
                    kind: "picture",
                    folder: "Товары",
                    audience: "all",
                    file: format!("{}.jpg", product.ext_code),
                    mandatory: false,
                    product: Some(product.ext_code.clone()),
                },
                pictures::product(&mut self.draws("picture", n), size, grain, quality)?,
            )?;
        }
        Ok(sheets.into_iter().map(|sheet| self.row_of(sheet)).collect())
    }

    fn row_of(&self, sheet: Sheet) -> Map<String, Value> {
        object(json!({
            "ext_code": sheet.code,
            "title": sheet.title,
            "kind": sheet.kind,
            "audience": sheet.audience,
            "file": sheet.file,
            "folder": sheet.folder,
            "mandatory": sheet.mandatory,
            "valid_from": self.day.plus_days(-14).to_string(),
            "product": sheet.product,
            "updated_at": format!("{}T06:00:00Z", self.day.plus_days(-14)),
        }))
    }
}
