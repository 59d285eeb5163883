//! Texts as the formats want them: amounts, XML, and texts that a spreadsheet program would take for formulas.

use std::fmt;

use polevik_domain::money::Money;

/// An amount with two digits behind `separator`: `184320,50`. Also for hundredths of a percent.
pub(crate) struct Hundredths {
    pub value: i64,
    pub separator: char,
}

impl Hundredths {
    pub(crate) fn of(money: Money) -> Self {
        Self { value: money.0, separator: '.' }
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.value < 0 { "-" } else { "" };
        let value = self.value.unsigned_abs();
        write!(f, "{sign}{}{}{:02}", value / 100, self.separator, value % 100)
    }
}

/// Whether a spreadsheet program might run the text: it begins like a formula, or with what such a program skips before one.
pub(crate) fn looks_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// `text` without the characters that XML cannot carry, cut after `most` characters, as XML content.
pub(crate) fn push_xml(out: &mut String, text: &str, most: usize) {
    for letter in text.chars().take(most) {
        match letter {
            '\t' | '\n' => out.push(letter),
            '\r' => out.push_str("&#13;"),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => push_escaped(out, letter),
        }
    }
}

/// `text` as the content of a shared string (ECMA-376, `ST_Xstring`): what XML cannot carry is written `_x0001_`, so nothing is lost.
pub(crate) fn push_spreadsheet_text(out: &mut String, text: &str) {
    for (at, letter) in text.char_indices() {
        match letter {
            '\0'..='\x08' | '\x0b'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                fmt::Write::write_fmt(out, format_args!("_x{:04X}_", u32::from(letter))).expect("a string takes every letter");
            }
            // What looks like such an escape is escaped itself.
            '_' if escaped_letter(&text[at..]).is_some() => out.push_str("_x005F_"),
            _ => push_escaped(out, letter),
        }
    }
}

fn push_escaped(out: &mut String, letter: char) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        _ => out.push(letter),
    }
}

/// The code of the escape `_xHHHH_` with which `text` begins.
fn escaped_letter(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let digits = bytes.get(2..6).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    (bytes.starts_with(b"_x") && bytes.get(6) == Some(&b'_')).then(|| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

/// The text that [`push_spreadsheet_text`] wrote, after XML was undone. Escapes of halves of a pair stay as they are.
pub(crate) fn read_spreadsheet_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(letter) = escaped_letter(from).and_then(|code| char::from_u32(u32::from(code))) {
            out.push(letter);
            rest = &from[7..];
        } else {
            out.push_str("_x");
            rest = &from[2..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_two_digits_of_a_fraction() {
        for (value, text) in [(0, "0,00"), (5, "0,05"), (18_432_050, "184320,50"), (-1, "-0,01"), (i64::MIN, "-92233720368547758,08")] {
            assert_eq!(Hundredths { value, separator: ',' }.to_string(), text);
        }
    }

    #[test]
    fn a_shared_string_keeps_every_character() {
        for text in
            ["", "a\r\nb\tc", "\0\x01\x1f", "_x000D_", "_x_x000d__x00", "__x0041_", "<&\">'", "\u{fffe}\u{ffff}😀", "_xGGGG_", "я_x"]
        {
            let mut written = String::new();
            push_spreadsheet_text(&mut written, text);
            let xml_undone = written.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            assert_eq!(read_spreadsheet_text(&xml_undone), text, "{written}");
            assert!(!written.contains(|letter: char| letter < ' ' && letter != '\n' && letter != '\t'), "{written:?}");
        }
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        let mut out = String::new();
        push_xml(&mut out, "a\u{1}<\r\u{ffff}далее", 6);
        assert_eq!(out, "a\u{fffd}&lt;&#13;\u{fffd}д");
    }
}
