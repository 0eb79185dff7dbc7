//! The languages Whisper knows, by ISO-639-1 code (three letters where there is no shorter) and
//! English name.
//!
//! Source: `LANGUAGES` and `TO_LANGUAGE_CODE` of openai/whisper `tokenizer.py`, in the order of
//! the model's language tokens.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One language of [`LANGUAGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language {
    index: usize,
}

/// Code and English name, in the order of the language tokens. The last one, Cantonese, is known
/// to large-v3 and its descendants only.
pub const LANGUAGES: [(&str, &str); 100] = [
    ("en", "english"),
    ("zh", "chinese"),
    ("de", "german"),
    ("es", "spanish"),
    ("ru", "russian"),
    ("ko", "korean"),
    ("fr", "french"),
    ("ja", "japanese"),
    ("pt", "portuguese"),
    ("tr", "turkish"),
    ("pl", "polish"),
    ("ca", "catalan"),
    ("nl", "dutch"),
    ("ar", "arabic"),
    ("sv", "swedish"),
    ("it", "italian"),
    ("id", "indonesian"),
    ("hi", "hindi"),
    ("fi", "finnish"),
    ("vi", "vietnamese"),
    ("he", "hebrew"),
    ("uk", "ukrainian"),
    ("el", "greek"),
    ("ms", "malay"),
    ("cs", "czech"),
    ("ro", "romanian"),
    ("da", "danish"),
    ("hu", "hungarian"),
    ("ta", "tamil"),
    ("no", "norwegian"),
    ("th", "thai"),
    ("ur", "urdu"),
    ("hr", "croatian"),
    ("bg", "bulgarian"),
    ("lt", "lithuanian"),
    ("la", "latin"),
    ("mi", "maori"),
    ("ml", "malayalam"),
    ("cy", "welsh"),
    ("sk", "slovak"),
    ("te", "telugu"),
    ("fa", "persian"),
    ("lv", "latvian"),
    ("bn", "bengali"),
    ("sr", "serbian"),
    ("az", "azerbaijani"),
    ("sl", "slovenian"),
    ("kn", "kannada"),
    ("et", "estonian"),
    ("mk", "macedonian"),
    ("br", "breton"),
    ("eu", "basque"),
    ("is", "icelandic"),
    ("hy", "armenian"),
    ("ne", "nepali"),
    ("mn", "mongolian"),
    ("bs", "bosnian"),
    ("kk", "kazakh"),
    ("sq", "albanian"),
    ("sw", "swahili"),
    ("gl", "galician"),
    ("mr", "marathi"),
    ("pa", "punjabi"),
    ("si", "sinhala"),
    ("km", "khmer"),
    ("sn", "shona"),
    ("yo", "yoruba"),
    ("so", "somali"),
    ("af", "afrikaans"),
    ("oc", "occitan"),
    ("ka", "georgian"),
    ("be", "belarusian"),
    ("tg", "tajik"),
    ("sd", "sindhi"),
    ("gu", "gujarati"),
    ("am", "amharic"),
    ("yi", "yiddish"),
    ("lo", "lao"),
    ("uz", "uzbek"),
    ("fo", "faroese"),
    ("ht", "haitian creole"),
    ("ps", "pashto"),
    ("tk", "turkmen"),
    ("nn", "nynorsk"),
    ("mt", "maltese"),
    ("sa", "sanskrit"),
    ("lb", "luxembourgish"),
    ("my", "myanmar"),
    ("bo", "tibetan"),
    ("tl", "tagalog"),
    ("mg", "malagasy"),
    ("as", "assamese"),
    ("tt", "tatar"),
    ("haw", "hawaiian"),
    ("ln", "lingala"),
    ("ha", "hausa"),
    ("ba", "bashkir"),
    ("jw", "javanese"),
    ("su", "sundanese"),
    ("yue", "cantonese"),
];

/// Further names and codes people write, and the code each stands for.
const ALIASES: [(&str, &str); 15] = [
    ("burmese", "my"),
    ("valencian", "ca"),
    ("flemish", "nl"),
    ("haitian", "ht"),
    ("letzeburgesch", "lb"),
    ("pushto", "ps"),
    ("panjabi", "pa"),
    ("moldavian", "ro"),
    ("moldovan", "ro"),
    ("sinhalese", "si"),
    ("castilian", "es"),
    ("mandarin", "zh"),
    ("iw", "he"),
    ("jv", "jw"),
    ("nb", "no"),
];

impl Language {
    /// English.
    pub const ENGLISH: Self = Self { index: 0 };

    /// Reads a code (`de`) or an English name (`German`), whatever the case.
    pub fn parse(text: &str) -> Option<Self> {
        let wanted = text.trim();
        let wanted = ALIASES
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(wanted))
            .map_or(wanted, |(_, code)| code);
        LANGUAGES
            .iter()
            .position(|(code, name)| {
                code.eq_ignore_ascii_case(wanted) || name.eq_ignore_ascii_case(wanted)
            })
            .map(|index| Self { index })
    }

    /// The language of Whisper's `index`-th language token.
    pub fn from_index(index: usize) -> Option<Self> {
        (index < LANGUAGES.len()).then_some(Self { index })
    }

    /// Its place among Whisper's language tokens.
    pub const fn index(self) -> usize {
        self.index
    }

    /// The ISO-639 code, `de`.
    pub const fn code(self) -> &'static str {
        LANGUAGES[self.index].0
    }

    /// The English name in lower case, `german`, as `verbose_json` shows it.
    pub const fn name(self) -> &'static str {
        LANGUAGES[self.index].1
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse(&code).ok_or_else(|| serde::de::Error::custom("unknown language"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_code_name_and_alias_in_any_case() {
        for (text, code) in [
            ("en", "en"),
            ("EN", "en"),
            (" German ", "de"),
            ("haw", "haw"),
            ("Mandarin", "zh"),
            ("haitian creole", "ht"),
        ] {
            assert_eq!(Language::parse(text).map(Language::code), Some(code));
        }
    }

    #[test]
    fn what_is_no_language_is_refused() {
        for text in ["", "xx", "klingon", "en-US", "e"] {
            assert_eq!(Language::parse(text), None, "{text}");
        }
    }

    #[test]
    fn codes_and_names_are_unique_and_every_alias_leads_to_a_language() {
        for (i, (code, name)) in LANGUAGES.iter().enumerate() {
            assert_eq!(Language::parse(code).map(Language::index), Some(i));
            assert_eq!(Language::parse(name).map(Language::index), Some(i));
        }
        for (alias, code) in ALIASES {
            assert_eq!(Language::parse(alias).map(Language::code), Some(code));
        }
    }
}
