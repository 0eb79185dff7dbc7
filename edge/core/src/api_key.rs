//! API keys: `wk_<env>_<random><check>`.
//!
//! `random` is 22 base62 characters (131 bits) from the system's generator, `check` the CRC-32 of
//! everything before it in 6 base62 characters, as GitHub's tokens have it ("Behind GitHub's new
//! authentication token formats", 2021). The checksum spares I/O for typing errors and random
//! garbage; it is never authentication. What is stored is the SHA-256 alone.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::ports::{Rng, RngError};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 22;
const CHECK_CHARS: usize = 6;
/// Characters of the random part that a listing may show.
const SHOWN_CHARS: usize = 4;
/// Longest prefix of a deployment, in characters.
pub const MAX_PREFIX_CHARS: usize = 16;
/// Longest text that can be a key; anything longer is refused unread.
pub const MAX_KEY_BYTES: usize = MAX_PREFIX_CHARS + 1 + 4 + 1 + RANDOM_CHARS + CHECK_CHARS;

/// What a key is for; part of its text, so that people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyEnv {
    /// Production.
    Live,
    /// Trials and tests.
    Test,
    /// A root key: it administers, and does nothing else.
    Root,
}

impl KeyEnv {
    /// The part of the key's text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Root => "root",
        }
    }
}

/// Shape of a deployment's keys: its prefix, and the environment of the keys it mints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    prefix: String,
    env: KeyEnv,
}

impl KeyFormat {
    /// A format with `prefix` (1 to 16 lower-case letters or digits), or `None`.
    pub fn new(prefix: &str, env: KeyEnv) -> Option<Self> {
        let good = (1..=MAX_PREFIX_CHARS).contains(&prefix.len())
            && prefix
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        good.then(|| Self {
            prefix: prefix.to_owned(),
            env,
        })
    }

    /// Mints a key from the generator, for `env` or what this deployment's keys are for.
    pub fn mint(&self, env: Option<KeyEnv>, rng: &mut impl Rng) -> Result<ApiKey, RngError> {
        let env = env.unwrap_or(self.env);
        let mut text = format!("{}_{}_", self.prefix, env.as_str());
        push_random_base62(&mut text, RANDOM_CHARS, rng)?;
        let check = checksum(&text);
        text.extend(check.iter().map(|&b| char::from(b)));
        Ok(ApiKey { text })
    }

    /// Reads the text of an ordinary key: prefix, environment (live or test), alphabet, length, checksum.
    pub fn parse(&self, text: &str) -> Result<ApiKey, KeyFormatError> {
        self.parse_one_of(text, &[KeyEnv::Live, KeyEnv::Test])
    }

    /// Reads the text of a root key.
    pub fn parse_root(&self, text: &str) -> Result<ApiKey, KeyFormatError> {
        self.parse_one_of(text, &[KeyEnv::Root])
    }

    fn parse_one_of(&self, text: &str, envs: &[KeyEnv]) -> Result<ApiKey, KeyFormatError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyFormatError::Shape);
        }
        let rest = text
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(KeyFormatError::Shape)?;
        let (env, secret) = rest.split_once('_').ok_or(KeyFormatError::Shape)?;
        if !envs.iter().any(|known| known.as_str() == env) {
            return Err(KeyFormatError::Shape);
        }
        if secret.len() != RANDOM_CHARS + CHECK_CHARS
            || !secret.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(KeyFormatError::Shape);
        }
        let (body, check) = text.split_at(text.len() - CHECK_CHARS);
        if check.as_bytes() != checksum(body) {
            return Err(KeyFormatError::Checksum);
        }
        Ok(ApiKey {
            text: text.to_owned(),
        })
    }
}

/// Why a text is no key of this deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormatError {
    /// Wrong prefix, environment, length or alphabet.
    #[error("not of the form of a key")]
    Shape,
    /// The last characters are not the checksum of the others.
    #[error("the key's checksum is wrong")]
    Checksum,
}

/// The text of a key, shown once at creation. Redacted in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    text: String,
}

impl ApiKey {
    /// The whole key. Only for the one answer that creates it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text: what is stored and looked up.
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The first characters, for display: `wk_live_4fQz`.
    pub fn start(&self) -> &str {
        &self.text[..self.text.len() - CHECK_CHARS - RANDOM_CHARS + SHOWN_CHARS]
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}…)", self.start())
    }
}

/// SHA-256 of a key's text; lower-case hex in storage.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// SHA-256 of any secret text, a root key for instance.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Whether both are the same, in time that does not depend on where they differ.
    pub fn eq_constant_time(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({}…)", &self.to_hex()[..8])
    }
}

/// Appends `count` characters, each one of 62 with the same likelihood.
pub(crate) fn push_random_base62(
    text: &mut String,
    count: usize,
    rng: &mut impl Rng,
) -> Result<(), RngError> {
    // Bytes from 248 (4 × 62) on are thrown away: a plain remainder would favour the first letters.
    let mut wanted = count;
    while wanted > 0 {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes)?;
        for byte in bytes.into_iter().filter(|&b| b < 248).take(wanted) {
            text.push(char::from(BASE62[usize::from(byte % 62)]));
            wanted -= 1;
        }
    }
    Ok(())
}

fn checksum(body: &str) -> [u8; CHECK_CHARS] {
    let mut crc = crc32fast::hash(body.as_bytes());
    let mut check = [b'0'; CHECK_CHARS];
    // 62^6 > 2^32: six characters hold every checksum, most significant first.
    for place in check.iter_mut().rev() {
        *place = BASE62[(crc % 62) as usize];
        crc /= 62;
    }
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededRng;

    fn format() -> KeyFormat {
        KeyFormat::new("wk", KeyEnv::Live).unwrap()
    }

    fn mint(seed: u64) -> ApiKey {
        format().mint(None, &mut SeededRng::new(seed)).unwrap()
    }

    #[test]
    fn a_minted_key_parses_and_shows_only_its_start() {
        for seed in 0..200 {
            let key = mint(seed);
            assert_eq!(format().parse(key.reveal()), Ok(key.clone()));
            assert_eq!(key.reveal().len(), "wk_live_".len() + 28);
            assert_eq!(key.start().len(), "wk_live_".len() + 4);
            assert!(!format!("{key:?}").contains(&key.reveal()[13..]));
        }
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        let key = mint(1);
        for at in "wk_live_".len()..key.reveal().len() {
            for wrong in BASE62 {
                let mut bytes = key.reveal().as_bytes().to_vec();
                if bytes[at] == *wrong {
                    continue;
                }
                bytes[at] = *wrong;
                let text = String::from_utf8(bytes).unwrap();
                assert_eq!(
                    format().parse(&text),
                    Err(KeyFormatError::Checksum),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn garbage_is_refused_by_its_shape() {
        let key = mint(2);
        let long = "x".repeat(10_000);
        let cut = &key.reveal()[..key.reveal().len() - 1];
        for text in [
            "",
            "wk",
            "wk_live_",
            "sk-123",
            "wk_prod_0",
            "wk_live_ü",
            &long,
            cut,
        ] {
            assert_eq!(format().parse(text), Err(KeyFormatError::Shape), "{text}");
        }
        let other = KeyFormat::new("acme", KeyEnv::Live).unwrap();
        assert_eq!(other.parse(key.reveal()), Err(KeyFormatError::Shape));
    }

    #[test]
    fn a_checksum_is_the_crc_32_of_what_stands_before() {
        // CRC-32 of "123456789" is 0xCBF43926 (the check value of the CRC catalogue): 3421780262.
        assert_eq!(&checksum("123456789"), b"3jZRME");
    }

    #[test]
    fn the_letters_of_random_text_are_evenly_spread() {
        let mut text = String::new();
        push_random_base62(&mut text, 62_000, &mut SeededRng::new(3)).unwrap();
        for letter in BASE62 {
            let seen = text.bytes().filter(|b| b == letter).count();
            // 1,000 expected, standard deviation 31: five of them.
            assert!(
                (845..=1155).contains(&seen),
                "{} {seen}",
                char::from(*letter)
            );
        }
    }

    #[test]
    fn a_prefix_is_short_lower_case_and_never_empty() {
        for bad in ["", "WK", "w_k", "averyveryverylongprefix"] {
            assert_eq!(KeyFormat::new(bad, KeyEnv::Live), None, "{bad}");
        }
    }
}
