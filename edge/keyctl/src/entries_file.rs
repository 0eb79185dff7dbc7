//! Files of many keys: JSON lines, or one JSON array. Each entry is kept as it stands in the file.

use std::fs::File;
use std::io::{Read, stdin};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// Largest file, in bytes: a hundred thousand keys of six hundred bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the entries of a file (`-`: standard input), each of which must be of the form `T`.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<Box<RawValue>>, Error> {
    let name = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let wrong = |problem: String| Error::Usage(format!("{name}: {problem}"));
    let text = if path == Path::new("-") {
        bounded(stdin())
    } else {
        File::open(path).and_then(bounded)
    };
    let text = text.map_err(|e| wrong(format!("cannot be read: {e}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("longer than {MAX_BYTES} bytes: split it")));
    }
    let entries = parse(&text).map_err(wrong)?;
    for (place, entry) in &entries {
        check::<T>(entry).map_err(|problem| wrong(format!("{place}: {problem}")))?;
    }
    if entries.is_empty() {
        return Err(wrong("no entries".to_owned()));
    }
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn bounded(from: impl Read) -> std::io::Result<String> {
    let mut text = String::new();
    from.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// The entries, each with its place.
fn parse(text: &str) -> Result<Vec<(String, Box<RawValue>)>, String> {
    if text.trim_start().starts_with('[') {
        let all: Vec<Box<RawValue>> = serde_json::from_str(text)
            .map_err(|e| format!("line {}: {}", e.line(), without_values(&e)))?;
        let placed = all.into_iter().enumerate();
        return Ok(placed
            .map(|(at, entry)| (format!("entry {}", at + 1), entry))
            .collect());
    }
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            let place = format!("line {}", at + 1);
            match serde_json::from_str(line) {
                Ok(entry) => Ok((place, entry)),
                Err(e) => Err(format!("{place}: {}", without_values(&e))),
            }
        })
        .collect()
}

fn check<T: for<'de> Deserialize<'de>>(entry: &RawValue) -> Result<(), String> {
    if !entry.get().starts_with('{') {
        return Err("an entry is a JSON object".to_owned());
    }
    match serde_json::from_str::<T>(entry.get()) {
        Ok(_) => Ok(()),
        Err(e) => Err(without_values(&e)),
    }
}

/// What serde says, without the strings that it quotes: one of them may be a key that somebody put in
/// the wrong place. Names of fields, which it quotes otherwise, stay.
fn without_values(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let (Some(first), Some(last)) = (message.find('"'), message.rfind('"')) else {
        return message;
    };
    format!("{}\"…{}", &message[..first], &message[last..])
}

#[cfg(test)]
mod tests {
    use edge_core::admin::{CreateKey, ImportKey};

    use super::*;

    fn read_text<T: for<'de> Deserialize<'de>>(text: &str) -> Result<Vec<String>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let entries = read::<T>(file.path()).map_err(|e| e.to_string())?;
        Ok(entries.iter().map(|e| e.get().to_owned()).collect())
    }

    #[test]
    fn lines_and_arrays_give_the_same_entries_as_they_stand() {
        let wanted = [r#"{"name":"a"}"#, r#"{"name": "b", "owner":"x"}"#];
        for text in [
            format!("{}\n\n  {}\r\n", wanted[0], wanted[1]),
            format!(" [{},\n{}]\n", wanted[0], wanted[1]),
        ] {
            assert_eq!(read_text::<CreateKey>(&text).unwrap(), wanted);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, says) in [
            ("", "no entries"),
            ("[]", "no entries"),
            ("{\"name\":\"a\"}\nx", "line 2"),
            (
                "{\"name\":\"a\"}\n{\"nmae\":\"b\"}",
                "line 2: unknown field `nmae`",
            ),
            (
                "[{\"name\":\"a\"},{\"owner\":\"b\"}]",
                "entry 2: missing field `name`",
            ),
            ("[{\"name\":\"a\"}\n", "line 2"),
            ("[1]", "entry 1: an entry is a JSON object"),
            ("\"a\"", "line 1: an entry is a JSON object"),
            ("{\"name\":\"a\"} {\"name\":\"b\"}", "line 1: trailing"),
        ] {
            let error = read_text::<CreateKey>(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let deep = "[".repeat(1 << 20);
        assert!(read_text::<CreateKey>(&deep).is_err());
    }

    #[test]
    fn a_key_in_the_wrong_place_is_not_repeated() {
        for text in [
            "\"wk_live_secret\"",
            "wk_live_secret",
            r#"{"hash":"0","key":"wk_live_secret"}"#,
            r#"{"hash":"0","key":{"name":"a","enabled":"wk_live_secret\"x"}}"#,
            r#"["wk_live_secret"]"#,
        ] {
            let error = read_text::<ImportKey>(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_or_not_there_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_BYTES + 2).unwrap();
        let error = read::<CreateKey>(file.path()).unwrap_err().to_string();
        assert!(error.contains("split it"), "{error}");
        let error = read::<CreateKey>(Path::new("/nowhere/x")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
