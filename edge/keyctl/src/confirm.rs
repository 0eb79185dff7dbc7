//! What cannot be undone is asked for once more.

use std::io::{BufRead, Read as _};

use crate::error::Error;

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1_024;

/// Asks, and goes on only if `word` is typed. Where nobody can be asked, `--yes` must have said so.
pub(crate) fn confirm(
    question: &str,
    word: &str,
    terminal: bool,
    input: &mut impl BufRead,
    ask: impl FnOnce(&str),
) -> Result<(), Error> {
    if !terminal {
        let message =
            "this cannot be undone: confirm it with --yes (there is no terminal to ask on)";
        return Err(Error::Usage(message.to_owned()));
    }
    ask(question);
    let mut answer = String::new();
    input.take(MAX_ANSWER_BYTES).read_line(&mut answer)?;
    if answer.trim() == word {
        return Ok(());
    }
    Err(Error::Usage("not confirmed; nothing was done".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(answer: &str, terminal: bool) -> (Result<(), Error>, bool) {
        let mut asked = false;
        let result = confirm("sure?", "acme", terminal, &mut answer.as_bytes(), |_| {
            asked = true;
        });
        (result, asked)
    }

    #[test]
    fn only_the_word_itself_confirms() {
        assert!(answered("acme\n", true).0.is_ok());
        assert!(answered("  acme  ", true).0.is_ok());
        for answer in [
            "",
            "\n",
            "y\n",
            "yes\n",
            "acm",
            "ACME\n",
            &"a".repeat(1 << 20),
        ] {
            let (result, asked) = answered(answer, true);
            assert!(matches!(result, Err(Error::Usage(_))) && asked);
        }
    }

    #[test]
    fn where_nobody_can_be_asked_nothing_is_done() {
        let (result, asked) = answered("acme\n", false);
        assert!(result.unwrap_err().to_string().contains("--yes") && !asked);
    }
}
