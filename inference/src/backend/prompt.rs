//! Prompts as tokens: bounded, and in pieces that whisper.cpp splits in little time.

use whisper_rs::{WhisperContext, WhisperTokenId};

/// Prompts are cut to their last bytes before they are split into tokens: the model reads at most
/// its last 223 tokens.
const MAX_BYTES: usize = 4096;
/// Prompts are split into tokens piece by piece: whisper.cpp's splitter recurses once for each
/// character of a word and takes time with the square of its length.
const PIECE_BYTES: usize = 128;

/// Most tokens before the text: half of the model's context, but for the one that says what they are (openai/whisper,
/// `decoding.py`, `_get_initial_tokens`).
const MOST: usize = 223;
/// Most of them that are hotwords.
const MOST_HOTWORDS: usize = MOST / 2;

/// What the model is to read before it hears: hotwords, and after them what the prompt ends with.
pub(super) fn tokens(
    context: &WhisperContext,
    hotwords: Option<&str>,
    prompt: Option<&str>,
) -> Vec<WhisperTokenId> {
    let mut tokens = hotwords.map_or_else(Vec::new, |text| split(context, text));
    tokens.truncate(MOST_HOTWORDS);
    let prompt = prompt.map_or_else(Vec::new, |text| split(context, text));
    let room = MOST - tokens.len();
    tokens.extend(&prompt[prompt.len().saturating_sub(room)..]);
    tokens
}

fn split(context: &WhisperContext, text: &str) -> Vec<WhisperTokenId> {
    let text: String = last_bytes(text, MAX_BYTES).replace('\0', " ");
    pieces(&text, PIECE_BYTES)
        .into_iter()
        // No text has more tokens than bytes; with too small a bound the call is undefined.
        .filter_map(|piece| context.tokenize(piece, piece.len() + 1).ok())
        .flatten()
        .collect()
}

/// The end of `text`, at most `bytes` long, from a character's start.
pub(crate) fn last_bytes(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// `text` in pieces of at most `bytes`, which is no less than a character's four. Cut before a space
/// where there is one, as whisper.cpp's splitter would.
fn pieces(text: &str, bytes: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > bytes {
        let mut end = bytes;
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let cut = rest[..end].rfind(' ').filter(|cut| *cut > 0).unwrap_or(end);
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_keeps_its_end_in_whole_characters() {
        assert_eq!(last_bytes("abc", 10), "abc");
        assert_eq!(last_bytes("abc", 2), "bc");
        assert_eq!(last_bytes("aéé", 3), "é");
        assert_eq!(last_bytes("é", 0), "");
    }

    #[test]
    fn a_prompt_is_cut_before_spaces_and_within_endless_words() {
        assert_eq!(pieces("one two three", 8), ["one two", " three"]);
        assert_eq!(pieces("short", 8), ["short"]);
        assert_eq!(pieces("", 8), [""]);
        assert_eq!(pieces("aaaaaaaaaa b", 4), ["aaaa", "aaaa", "aa b"]);
        assert_eq!(pieces("ééé", 4), ["éé", "é"]);
        let text = " x".repeat(5000);
        assert!(pieces(&text, 128).iter().all(|p| p.len() <= 128));
        assert_eq!(pieces(&text, 128).concat(), text);
    }
}
