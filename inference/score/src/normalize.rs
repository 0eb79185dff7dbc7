//! Text as it is compared: Whisper's basic normalizer (Radford et al. 2022, appendix C, the one for languages other than
//! English), without the Unicode compatibility forms.

/// In lower case, without what stands in brackets, marks and signs as spaces, words apart by one space.
///
/// It neither spells numbers out nor makes one of two spellings, as Whisper's English normalizer does: a rate measured
/// with it is some tenths of a point higher on English.
pub fn normalize(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(end) = bracketed(rest) {
            rest = &rest[end..];
            continue;
        }
        rest = &rest[letter.len_utf8()..];
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        } else {
            words.push(' ');
        }
    }
    let words: Vec<&str> = words.split_whitespace().collect();
    words.join(" ")
}

/// Where what `text` begins with ends, if that is something in brackets.
fn bracketed(text: &str) -> Option<usize> {
    let ends: &[char] = match text.chars().next()? {
        // As in Whisper's, either may end either.
        '<' | '[' => &['>', ']'],
        '(' => &[')'],
        _ => return None,
    };
    let length = text[1..].find(ends)?;
    Some(1 + length + 1)
}

#[cfg(test)]
mod tests {
    use super::normalize;

    #[test]
    fn case_marks_and_what_is_not_said_do_not_count() {
        for (text, expected) in [
            ("And so, my fellow Americans!", "and so my fellow americans"),
            ("[music] Hello (laughs) there <unk>.", "hello there"),
            ("don't", "don t"),
            ("Straße — ÄÖÜ 3,5", "straße äöü 3 5"),
            ("unclosed (bracket", "unclosed bracket"),
            ("你好。", "你好"),
            ("  ", ""),
        ] {
            assert_eq!(normalize(text), expected, "{text}");
        }
    }
}
