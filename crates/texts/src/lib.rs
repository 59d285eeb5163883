//! Every word a person reads, in Russian and English, by key.
//!
//! Keys stand in `ru.ftl` and `en.ftl` beside `src/`; the tests hold the two files together. Numbers, sums and dates are written by
//! [`mod@format`], so that one screen cannot write them otherwise than the next.

pub mod format;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use polevik_protocol::error_code::ErrorCode;
use unic_langid::LanguageIdentifier;

/// What is put into a text: a string, or a number where the text has plural forms.
pub type Value<'a> = FluentValue<'a>;

/// A language the product speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Русский.
    Russian,
    /// English.
    English,
}

impl Language {
    /// All of them, in the order of the switch.
    pub const ALL: [Self; 2] = [Self::Russian, Self::English];

    /// The tag of BCP 47, as in `<html lang>`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
        }
    }

    /// Its own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Russian => "Русский",
            Self::English => "English",
        }
    }

    /// The language for a tag such as `ru-RU`; English for every language we do not speak.
    #[must_use]
    pub fn from_tag(tag: &str) -> Self {
        let first = tag.split(['-', '_']).next().unwrap_or_default();
        if first.eq_ignore_ascii_case("ru") { Self::Russian } else { Self::English }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Russian => include_str!("../ru.ftl"),
            Self::English => include_str!("../en.ftl"),
        }
    }
}

/// The texts of one language.
pub struct Texts {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").field("language", &self.language).finish_non_exhaustive()
    }
}

impl Texts {
    /// Reads the texts of `language`.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
        // What could not be read is left out; the tests hold that nothing is.
        let resource = match FluentResource::try_new(language.source().to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        Self { language, bundle }
    }

    /// Whose texts these are.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Whether there is a text under `key`.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key)
    }

    /// The text under `key` with `args` put in; the key itself when there is none, so that a gap is seen and not silent.
    #[must_use]
    pub fn text(&self, key: &str, args: &[(&str, Value<'_>)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut fluent_args = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            fluent_args.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        self.bundle.format_pattern(pattern, Some(&fluent_args), &mut errors).into_owned()
    }

    /// A text with plural forms: `n` chooses the form and stands in it with its thousands apart (`1 240 заказов`).
    #[must_use]
    pub fn count(&self, key: &str, n: i64) -> String {
        let text = format::whole(self.language, n);
        self.text(key, &[("n", n.into()), ("text", text.into())])
    }

    /// What happened, for a code of the catalogue.
    #[must_use]
    pub fn code_title(&self, code: ErrorCode) -> String {
        self.text(&format!("code-{code}-title"), &[])
    }

    /// What to do about it.
    #[must_use]
    pub fn code_action(&self, code: ErrorCode) -> String {
        self.text(&format!("code-{code}-action"), &[])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(language: Language) -> BTreeSet<&'static str> {
        language
            .source()
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
            .filter_map(|line| line.split_once(" =").map(|(key, _)| key))
            .collect()
    }

    /// Names of the values a text asks for, over all of its plural forms.
    fn placeables(language: Language, key: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut inside = false;
        for line in language.source().lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                inside = line.split_once(" =").is_some_and(|(name, _)| name == key);
            }
            if inside {
                for part in line.split('$').skip(1) {
                    names.insert(part.chars().take_while(char::is_ascii_alphanumeric).collect());
                }
            }
        }
        names
    }

    #[test]
    fn both_files_are_read_without_a_mistake() {
        for language in Language::ALL {
            assert!(FluentResource::try_new(language.source().to_owned()).is_ok(), "{language:?}");
            let texts = Texts::new(language);
            for key in keys(language) {
                assert!(texts.has(key), "{language:?} {key}");
            }
        }
    }

    #[test]
    fn russian_and_english_have_the_same_keys_and_ask_for_the_same_values() {
        let (russian, english) = (keys(Language::Russian), keys(Language::English));
        assert_eq!(russian.difference(&english).collect::<Vec<_>>(), Vec::<&&str>::new(), "only in Russian");
        assert_eq!(english.difference(&russian).collect::<Vec<_>>(), Vec::<&&str>::new(), "only in English");
        for key in russian {
            assert_eq!(placeables(Language::Russian, key), placeables(Language::English, key), "{key}");
        }
    }

    #[test]
    fn no_key_stands_twice() {
        for language in Language::ALL {
            let all = language.source().lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic())).count();
            assert_eq!(all, keys(language).len(), "{language:?}");
        }
    }

    #[test]
    fn every_code_says_what_happened_and_what_to_do_in_both_languages() {
        for language in Language::ALL {
            let texts = Texts::new(language);
            for &code in ErrorCode::ALL {
                for text in [texts.code_title(code), texts.code_action(code)] {
                    assert!(!text.is_empty() && !text.starts_with("code-"), "{language:?} {code}");
                }
            }
        }
    }

    #[test]
    fn russian_counts_take_three_forms() {
        let texts = Texts::new(Language::Russian);
        for (n, words) in [
            (1, "1 заказ"),
            (2, "2 заказа"),
            (5, "5 заказов"),
            (11, "11 заказов"),
            (21, "21 заказ"),
            (112, "112 заказов"),
            (1_240, "1\u{a0}240 заказов"),
        ] {
            assert_eq!(texts.count("orders-count", n), words);
        }
        assert_eq!(Texts::new(Language::English).count("orders-count", 1), "1 order");
        assert_eq!(Texts::new(Language::English).count("orders-count", 1_240), "1,240 orders");
    }

    #[test]
    fn labels_of_the_help_page_stand_verbatim() {
        let texts = Texts::new(Language::Russian);
        for (key, label) in [
            ("sync-title", "Синхронизация"),
            ("sync-all", "Синхронизировать все"),
            ("sync-download", "Загрузка"),
            ("sync-upload", "Выгрузка"),
            ("sync-mandatory", "Обязательная информация"),
            ("sync-materials", "Материалы"),
            ("sync-library", "Библиотека IR"),
            ("sync-wifi-only", "Загрузка и выгрузка материалов только по Wi-Fi"),
            ("tab-more", "Ещё"),
            ("more-profile", "Профиль"),
        ] {
            assert_eq!(texts.text(key, &[]), label);
        }
    }

    #[test]
    fn a_missing_text_shows_its_key() {
        assert_eq!(Texts::new(Language::English).text("no-such-text", &[]), "no-such-text");
    }

    #[test]
    fn the_language_follows_the_tag_of_the_browser() {
        for (tag, language) in [
            ("ru", Language::Russian),
            ("ru-RU", Language::Russian),
            ("RU", Language::Russian),
            ("en-GB", Language::English),
            ("kk", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::from_tag(tag), language, "{tag}");
        }
    }
}
