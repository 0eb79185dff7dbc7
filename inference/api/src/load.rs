//! How full a host is, as every answer of it says in one header.
//!
//! `x-inference-load: free=12, queue_ms=340, draining=?0, models="tiny.en-q8_0 whisper-1"`: a dictionary of
//! structured fields (RFC 9651). What is read comes from whoever answers at a host's address, so it is bounded,
//! and anything that is not of this form is no news at all.

use std::fmt;

use crate::model::{is_model_name, without_quantization};

/// Longest header that is read, in bytes.
pub const MAX_BYTES: usize = 2_048;

/// Most models that a header names.
pub const MAX_MODELS: usize = 24;

/// How full a host is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that it would take now.
    pub free: u32,
    /// How long a request that came now would wait, in milliseconds.
    pub queue_ms: u32,
    /// Whether it is being replaced: it wants no further requests, and will soon refuse them.
    pub draining: bool,
    /// Models that it has in memory, by their full names, and `whisper-1` where its default is among them.
    pub models: Vec<String>,
}

impl Load {
    /// Reads a header; `None` where it is not of the form above, or beyond the bounds. Members that are not
    /// known are ignored, so that a newer host may say more.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut free = None;
        let mut load = Self::default();
        for member in text.split(',') {
            let (name, value) = member.trim().split_once('=')?;
            match name {
                "free" => free = Some(number(value)?),
                "queue_ms" => load.queue_ms = number(value)?,
                "draining" => load.draining = boolean(value)?,
                "models" => load.models = names(value)?,
                _ if is_key(name) && !value.contains('"') => {}
                _ => return None,
            }
        }
        load.free = free?;
        Some(load)
    }

    /// Whether the host has a model in memory that goes by this name: its full one, the one without
    /// quantization, or the alias of its default.
    pub fn has_model(&self, name: &str) -> bool {
        let known = |model: &String| model == name || without_quantization(model) == name;
        self.models.iter().any(known)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            free,
            queue_ms,
            draining,
            models,
        } = self;
        let draining = u8::from(*draining);
        write!(
            f,
            "free={free}, queue_ms={queue_ms}, draining=?{draining}, models=\""
        )?;
        let names = models.iter().filter(|name| is_model_name(name));
        for (index, name) in names.take(MAX_MODELS).enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{name}")?;
        }
        f.write_str("\"")
    }
}

fn number(value: &str) -> Option<u32> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "?0" => Some(false),
        "?1" => Some(true),
        _ => None,
    }
}

fn names(value: &str) -> Option<Vec<String>> {
    let list = value.strip_prefix('"')?.strip_suffix('"')?;
    let names: Vec<_> = list.split(' ').filter(|name| !name.is_empty()).collect();
    let good = names.len() <= MAX_MODELS && names.iter().all(|name| is_model_name(name));
    good.then(|| names.into_iter().map(str::to_owned).collect())
}

fn is_key(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> Load {
        Load {
            free: 12,
            queue_ms: 340,
            draining: false,
            models: vec!["tiny.en-q8_0".into(), "whisper-1".into()],
        }
    }

    #[test]
    fn a_load_survives_the_header() {
        let text = r#"free=12, queue_ms=340, draining=?0, models="tiny.en-q8_0 whisper-1""#;
        assert_eq!(load().to_string(), text);
        assert_eq!(Load::parse(text), Some(load()));
        let bare = Load {
            free: u32::MAX,
            draining: true,
            ..Load::default()
        };
        assert_eq!(Load::parse(&bare.to_string()), Some(bare));
    }

    #[test]
    fn the_longest_that_is_written_can_be_read() {
        let many = Load {
            models: (0..1000).map(|n| format!("{n:0>64}")).collect(),
            ..load()
        };
        let read = Load::parse(&many.to_string()).unwrap();
        assert_eq!(read.models, many.models[..MAX_MODELS]);
        let hostile = Load {
            models: vec!["a\", free=9".into(), "b c".into(), "ok".into()],
            ..load()
        };
        assert_eq!(Load::parse(&hostile.to_string()).unwrap().models, ["ok"]);
    }

    #[test]
    fn what_is_not_of_the_form_is_no_news() {
        for text in [
            "",
            "free",
            "free=",
            "free=-1",
            "free=+1",
            "free=1.5",
            "free=4294967296",
            "free=1,",
            "queue_ms=1",
            "free=1, draining=1",
            "free=1, models=tiny",
            "free=1, models=\"a,b\"",
            "free=1, models=\"a/b\"",
            "free=1, models=\"a",
            "free=1, note=\"x, free=9\"",
            "free=1, Note=1",
            &format!("free=1, models=\"{}\"", "a ".repeat(MAX_MODELS + 1)),
            &format!("free=1, x={}", "1".repeat(MAX_BYTES)),
        ] {
            assert_eq!(Load::parse(text), None, "{text}");
        }
        assert_eq!(Load::parse("free=1, gpu=3").unwrap().free, 1);
    }

    #[test]
    fn no_text_makes_it_fail() {
        // Every prefix of a good header with every byte at its end.
        let text = load().to_string();
        for end in 0..text.len() {
            for byte in 0..=127_u8 {
                let _ = Load::parse(&format!("{}{}", &text[..end], char::from(byte)));
            }
        }
    }

    #[test]
    fn a_model_is_meant_by_any_of_its_names() {
        for (name, has) in [
            ("tiny.en-q8_0", true),
            ("tiny.en", true),
            ("whisper-1", true),
            ("tiny", false),
            ("", false),
        ] {
            assert_eq!(load().has_model(name), has, "{name}");
        }
    }
}
