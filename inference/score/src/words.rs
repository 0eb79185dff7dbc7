//! Word error rate.

/// Errors and words, to be pooled over many texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Words substituted, left out or put in.
    pub errors: usize,
    /// Words of the references.
    pub words: usize,
}

impl Errors {
    /// Of a text against its reference, both normalized.
    pub fn of(reference: &str, text: &str) -> Self {
        let reference: Vec<&str> = reference.split_whitespace().collect();
        let text: Vec<&str> = text.split_whitespace().collect();
        Self {
            errors: distance(&reference, &text),
            words: reference.len(),
        }
    }

    /// With those of another text.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            errors: self.errors + other.errors,
            words: self.words + other.words,
        }
    }

    /// Errors of a hundred words; NaN of none.
    #[expect(clippy::cast_precision_loss, reason = "a number of words")]
    pub fn percent(self) -> f64 {
        100.0 * self.errors as f64 / self.words as f64
    }
}

/// Levenshtein's distance, row by row.
fn distance(from: &[&str], to: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (deleted, word) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = deleted + 1;
        for (place, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_substituted_left_out_and_put_in_are_an_error_each() {
        for (text, errors) in [
            ("ask not what your country can do", 0),
            ("ask what your country can do", 1),
            ("ask not what your country can do for", 1),
            ("ask knot what your country can do", 1),
            ("and ask what your county can", 4),
            ("", 7),
        ] {
            let found = Errors::of("ask not what your country can do", text);
            assert_eq!(found, Errors { errors, words: 7 }, "{text}");
        }
    }

    #[test]
    fn errors_are_pooled_over_words_so_that_long_texts_weigh_more() {
        let short = Errors {
            errors: 1,
            words: 1,
        };
        let long = Errors {
            errors: 0,
            words: 9,
        };
        assert!((short.and(long).percent() - 10.0).abs() < 1e-9);
        assert!(Errors::default().percent().is_nan());
    }
}
