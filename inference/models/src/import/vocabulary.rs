//! The vocabulary of a folder's tokenizer, as the bytes whisper.cpp wants.
//!
//! Whisper's tokenizers are byte-level BPE (GPT-2's): each token is written with one printable
//! character per byte. A ggml file lists the raw bytes of the first 50257 tokens, as the files
//! made from OpenAI's checkpoints do; whisper.cpp makes up the special ones after them, at ids
//! it knows from the size of the vocabulary. So they must stand at those ids here, too.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::ImportError;
use super::config::{first_of, malformed, read_file, read_json};
use crate::ggml::Hyperparameters;

/// Longest file of a tokenizer; large-v3's `tokenizer.json` has 2.5 MB.
const LONGEST_FILE: u64 = 64 << 20;
/// Tokens a vocabulary may have; Whisper's have up to 51866.
const MOST_TOKENS: usize = 1 << 17;
/// Longest token in bytes; the longest real one has 128.
const LONGEST_TOKEN: usize = 1024;
/// Tokens a ggml file lists.
const LISTED: usize = 50_257;
/// The last of these is an empty token in multilingual vocabularies, where some tokenizers leave
/// it out, and `<|endoftext|>` in English ones.
const LAST_LISTED: usize = LISTED - 1;

/// The tokens of a tokenizer by id, in their byte-level spelling.
pub(super) struct Vocabulary {
    tokens: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct TokenizerJson {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: HashMap<String, u32>,
}

/// Reads the best description the folder has: `tokenizer.json`, else `vocab.json` with
/// `added_tokens.json` (transformers), else CTranslate2's own list.
pub(super) fn read(folder: &Path) -> Result<Vocabulary, ImportError> {
    if let Some(path) = first_of(folder, &["tokenizer.json"]) {
        let tokenizer: TokenizerJson = read_json(&path, LONGEST_FILE)?;
        let added = tokenizer.added_tokens.into_iter();
        let added = added.map(|token| (token.content, token.id));
        return from_ids(&path, tokenizer.model.vocab.into_iter().chain(added));
    }
    if let Some(path) = first_of(folder, &["vocab.json"]) {
        let base: HashMap<String, u32> = read_json(&path, LONGEST_FILE)?;
        let added: HashMap<String, u32> = match first_of(folder, &["added_tokens.json"]) {
            Some(path) => read_json(&path, LONGEST_FILE)?,
            None => HashMap::new(),
        };
        return from_ids(&path, base.into_iter().chain(added));
    }
    let tokens = list(folder)?.ok_or_else(|| ImportError::NoTokenizer(folder.to_owned()))?;
    Ok(Vocabulary {
        tokens: tokens.into_iter().map(Some).collect(),
    })
}

/// How many tokens CTranslate2's list has, if there is one.
pub(super) fn listed(folder: &Path) -> Result<Option<u32>, ImportError> {
    Ok(list(folder)?.and_then(|tokens| u32::try_from(tokens.len()).ok()))
}

/// CTranslate2's list of all tokens in the order of their ids.
fn list(folder: &Path) -> Result<Option<Vec<String>>, ImportError> {
    let Some(path) = first_of(folder, &["vocabulary.json", "vocabulary.txt"]) else {
        return Ok(None);
    };
    let tokens: Vec<String> = if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        read_json(&path, LONGEST_FILE)?
    } else {
        let text = String::from_utf8(read_file(&path, LONGEST_FILE)?)
            .map_err(|error| malformed(&path, error))?;
        // Not `lines`: a carriage return would be part of a token.
        let text = text.strip_suffix('\n').unwrap_or(&text);
        text.split('\n').map(str::to_owned).collect()
    };
    if tokens.len() > MOST_TOKENS {
        return Err(malformed(&path, format!("{} tokens", tokens.len())));
    }
    Ok(Some(tokens))
}

fn from_ids(
    path: &Path,
    ids: impl Iterator<Item = (String, u32)>,
) -> Result<Vocabulary, ImportError> {
    let mut tokens: Vec<Option<String>> = Vec::new();
    for (token, id) in ids {
        let id = id as usize;
        if id >= MOST_TOKENS {
            return Err(malformed(path, format!("{token:?} has the id {id}")));
        }
        if id >= tokens.len() {
            tokens.resize(id + 1, None);
        }
        match &tokens[id] {
            Some(other) if *other != token => {
                return Err(malformed(
                    path,
                    format!("{token:?} and {other:?} share an id"),
                ));
            }
            _ => tokens[id] = Some(token),
        }
    }
    Ok(Vocabulary { tokens })
}

impl Vocabulary {
    /// The raw bytes of the tokens a ggml file lists.
    pub(super) fn base_tokens(
        &self,
        parameters: &Hyperparameters,
    ) -> Result<Vec<Vec<u8>>, ImportError> {
        self.check_special_tokens(parameters)?;
        let byte_of = byte_of_character();
        let mut tokens = Vec::with_capacity(LISTED);
        for id in 0..LISTED {
            let Some(token) = self.tokens.get(id).and_then(Option::as_ref) else {
                if id == LAST_LISTED && parameters.is_multilingual() {
                    tokens.push(Vec::new());
                    continue;
                }
                return Err(ImportError::Vocabulary(format!("there is no token {id}")));
            };
            let bytes: Option<Vec<u8>> = token
                .chars()
                .map(|character| byte_of.get(&character).copied())
                .collect();
            match bytes {
                Some(bytes) if bytes.len() <= LONGEST_TOKEN => tokens.push(bytes),
                _ => {
                    let message = format!("token {id}, {token:.80?}, is not byte-level BPE");
                    return Err(ImportError::Vocabulary(message));
                }
            }
        }
        Ok(tokens)
    }

    /// whisper.cpp computes these ids from the vocabulary's size; others would mean other tokens.
    fn check_special_tokens(&self, parameters: &Hyperparameters) -> Result<(), ImportError> {
        let end = parameters.end_of_text();
        // 1501 timestamps, from 0 s to 30 s every 20 ms, are the last tokens.
        let without_timestamps = parameters.vocabulary - 1502;
        let special = [
            ("<|endoftext|>", end),
            ("<|startoftranscript|>", end + 1),
            ("<|notimestamps|>", without_timestamps),
        ];
        for (token, id) in special {
            let found = self.tokens.get(id as usize).and_then(Option::as_deref);
            if found != Some(token) {
                return Err(ImportError::Vocabulary(format!(
                    "token {id} is {found:?} where whisper.cpp has {token:?}"
                )));
            }
        }
        Ok(())
    }
}

/// GPT-2's `bytes_to_unicode`, the other way round: printable Latin-1 stands for itself, every
/// other byte for a character from U+0100 on.
fn byte_of_character() -> HashMap<char, u8> {
    let mut next = 0x100_u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let character = match byte {
                b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
                _ => {
                    next += 1;
                    char::from_u32(next - 1)?
                }
            };
            Some((character, byte))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let byte_of = byte_of_character();
        assert_eq!(byte_of.len(), 256);
        assert_eq!(byte_of[&'Ġ'], b' ');
        assert_eq!(byte_of[&'Ċ'], b'\n');
        assert_eq!(byte_of[&'¡'], 0xA1);
        assert_eq!(byte_of[&'Ń'], 0xAD);
    }
}
