//! windows-1251 for XML: what the code page does not have becomes a character reference.

/// `xml` in windows-1251. It must be XML already: character references mean themselves there.
pub(crate) fn encode_xml(xml: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(xml.len());
    for letter in xml.chars() {
        match byte_of(letter) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(format!("&#{};", u32::from(letter)).as_bytes()),
        }
    }
    bytes
}

fn byte_of(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    match letter {
        '\0'..='\x7f' => u8::try_from(code).ok(),
        'А'..='я' => u8::try_from(code - 0x410 + 0xc0).ok(),
        'Ё' => Some(0xa8),
        'ё' => Some(0xb8),
        '«' => Some(0xab),
        '»' => Some(0xbb),
        '№' => Some(0xb9),
        '–' => Some(0x96),
        '—' => Some(0x97),
        '“' => Some(0x93),
        '”' => Some(0x94),
        '„' => Some(0x84),
        '…' => Some(0x85),
        '€' => Some(0x88),
        '\u{a0}' => Some(0xa0),
        '°' => Some(0xb0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_the_code_page_are_one_byte_and_others_references() {
        assert_eq!(encode_xml("Ёж №1 «я»"), b"\xa8\xe6 \xb91 \xab\xff\xbb");
        assert_eq!(encode_xml("А-Я 😀"), b"\xc0-\xdf &#128512;");
    }
}
