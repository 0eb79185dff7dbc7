//! Full text search: what of a text is indexed, and what is asked of the index (SQLite's FTS5, tokenizer `unicode61`).
//!
//! That tokenizer parts words at spaces and punctuation. Scripts that write none between words are parted here, letter
//! by letter, in the text and in the question alike: a word of theirs is then found as a phrase of its letters.

use std::fmt::Write as _;

use crate::error::{EdgeError, invalid};

/// Most bytes of a transcript that a search sees: D1 binds values of up to 2 MB, and a day of speech is shorter.
const MAX_WORDS_BYTES: usize = 1_500_000;
/// Longest question in characters, and most words of one.
const MAX_QUESTION_CHARS: usize = 200;
const MAX_QUESTION_WORDS: usize = 16;

/// Whether a letter is of a script without spaces between words: Thai, Lao, Myanmar, Khmer, Japanese, Chinese.
const fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// A text as it is indexed.
pub(super) fn searchable(text: &str) -> String {
    let mut parted = String::with_capacity(text.len().min(MAX_WORDS_BYTES));
    for c in text.chars() {
        if parted.len() + 6 > MAX_WORDS_BYTES {
            break;
        }
        if stands_alone(c) {
            parted.extend([' ', c, ' ']);
        } else if c.is_control() {
            // A NUL would end the question for SQLite, within its quotation marks.
            parted.push(' ');
        } else {
            parted.push(c);
        }
    }
    parted
}

/// The expression for a question: every word must be there, a `"phrase"` as it stands, a word that ends with `*` as a
/// beginning. Only within the documents of this account.
///
/// # Errors
/// A question that is too long, or holds no word.
pub(super) fn expression(account: &str, question: &str) -> Result<String, EdgeError> {
    let bad = |message: String| invalid("q", message);
    if question.chars().count() > MAX_QUESTION_CHARS {
        return Err(bad(format!(
            "`q` must be at most {MAX_QUESTION_CHARS} characters."
        )));
    }
    let mut expression = format!("account:\"{account}\"");
    let mut words = 0;
    for (at, part) in question.split('"').enumerate() {
        // Every second part stood between quotation marks.
        let terms = if at % 2 == 1 {
            vec![(part, false)]
        } else {
            part.split_whitespace()
                .map(|word| {
                    word.strip_suffix('*')
                        .map_or((word, false), |word| (word, true))
                })
                .collect()
        };
        for (term, begins) in terms {
            // What holds no letter and no number is no word to the index either.
            if !term.chars().any(char::is_alphanumeric) {
                continue;
            }
            words += 1;
            let star = if begins { "*" } else { "" };
            let term = searchable(term);
            // No quotation mark is left in it, and within them nothing has a meaning.
            let _ = write!(expression, " AND {{name words}}:\"{}\"{star}", term.trim());
        }
    }
    match words {
        0 => Err(bad("`q` must hold a word.".to_owned())),
        1..=MAX_QUESTION_WORDS => Ok(expression),
        _ => Err(bad(format!(
            "`q` must be at most {MAX_QUESTION_WORDS} words."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_phrases_and_beginnings_are_asked_for() {
        for (question, asked) in [
            ("rain", "{name words}:\"rain\""),
            (
                " the  Rain ",
                "{name words}:\"the\" AND {name words}:\"Rain\"",
            ),
            (
                "\"in Spain\" mai*",
                "{name words}:\"in Spain\" AND {name words}:\"mai\"*",
            ),
            ("NOT", "{name words}:\"NOT\""),
            ("a\0b", "{name words}:\"a b\""),
            ("日本", "{name words}:\"日  本\""),
            (
                "a) OR account:b",
                "{name words}:\"a)\" AND {name words}:\"OR\" AND {name words}:\"account:b\"",
            ),
        ] {
            let expected = format!("account:\"x\" AND {asked}");
            assert_eq!(expression("x", question), Ok(expected), "{question}");
        }
    }

    #[test]
    fn what_asks_for_nothing_or_too_much_is_refused() {
        let many = "a ".repeat(MAX_QUESTION_WORDS + 1);
        for bad in ["", " ", "\"\"", "*", "!?", &many, &"a".repeat(201)] {
            let refused = expression("x", bad);
            assert!(
                matches!(refused, Err(EdgeError::InvalidValue { param: "q", .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn letters_without_spaces_between_them_are_parted() {
        assert_eq!(searchable("Rain, 雨!"), "Rain,  雨 !");
        assert_eq!(searchable(&"雨".repeat(1_000_000)).len(), 1_499_995);
        assert!(searchable(&"x".repeat(2_000_000)).len() <= MAX_WORDS_BYTES);
    }
}
