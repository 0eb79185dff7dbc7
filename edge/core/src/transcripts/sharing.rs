//! Permanent links: `/t/{token}`. Whoever has the token may read the transcript, until the link is ended or expires.
//! What is kept is the token's hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::api_key::push_random_base62;
use crate::config::Settings;
use crate::error::{EdgeError, invalid, read};
use crate::idempotency::{Derived, Idempotency};
use crate::ports::{Rng, UnixMs};

/// Most links that lead to one transcript at a time.
pub const MAX_LINKS: u32 = 16;
/// Characters of a token: 190 bits, which nobody guesses.
const TOKEN_CHARS: usize = 32;
/// Longest life of a link that is to expire, in seconds: a hundred years.
const MAX_SECONDS: u64 = 100 * 365 * 86_400;

/// The body of `POST /v1/transcripts/{id}/share`; it may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareTranscript {
    /// After so many seconds the link leads nowhere; if left out, it does not expire.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = MAX_SECONDS)))]
    pub expires_in_seconds: Option<u64>,
    /// Whether pages of others may show the link's page within them (`<iframe>`); if left out, they may not.
    pub embed: Option<bool>,
}

/// A link to a transcript. It is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct SharedTranscript {
    /// The page's address.
    pub url: String,
    /// When it was made, unix seconds.
    pub created_at: u64,
    /// From then on it leads nowhere, unix seconds; `null`: it does not expire.
    pub expires_at: Option<u64>,
    /// Whether pages of others may show its page within them.
    pub embed: bool,
}

/// A link as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    token: String,
    /// SHA-256 of the token.
    pub hash: String,
    /// Which request made it; a request without an idempotency key is never known again.
    pub made_by: Option<String>,
    /// From when on it leads nowhere.
    pub expires_at: Option<UnixMs>,
    /// Whether its page may stand in a frame of another one.
    pub embed: bool,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            hash, expires_at, ..
        } = self;
        write!(f, "Link({hash}, until {expires_at:?})")
    }
}

impl Link {
    /// Its address. `origin`: under which callers reach this edge.
    pub fn url(&self, origin: &str) -> String {
        format!("{origin}/t/{token}", token = self.token)
    }
}

/// What names a request for a link: whose it is, and what it is about.
#[derive(Clone, Copy)]
pub struct Sharing<'a> {
    /// The deployment's settings.
    pub settings: &'a Settings,
    /// The caller's key as it was presented: what an idempotent request derives, nobody derives without it.
    pub credential: &'a str,
    /// The transcript's id.
    pub transcript: &'a str,
}

impl Sharing<'_> {
    /// A new link. The same request again, known by its `Idempotency-Key`, makes the same one.
    ///
    /// # Errors
    /// A body or an idempotency key that is none.
    pub fn link(
        &self,
        body: &[u8],
        idempotency_key: &str,
        now: UnixMs,
        rng: &mut impl Rng,
    ) -> Result<Link, EdgeError> {
        let wish = if body.is_empty() {
            ShareTranscript::default()
        } else {
            read(body)?
        };
        let seconds = wish.expires_in_seconds;
        if seconds.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
            let message = format!("`expires_in_seconds` must be 1 to {MAX_SECONDS}.");
            return Err(invalid("expires_in_seconds", message));
        }
        let idempotency = Idempotency::of(idempotency_key, body)?;
        let mut token = String::new();
        let drawn = match &idempotency {
            None => push_random_base62(&mut token, TOKEN_CHARS, rng),
            Some(Idempotency { key, .. }) => {
                let Self {
                    settings,
                    credential,
                    transcript,
                } = self;
                let secret = settings
                    .signing_secrets
                    .first()
                    .ok_or_else(|| EdgeError::Misconfigured("no signing secret".to_owned()))?;
                let seed = format!("{credential}\n{transcript}\n{key}");
                let seed = secret.derive("link", seed.as_bytes());
                push_random_base62(&mut token, TOKEN_CHARS, &mut Derived::new(seed))
            }
        };
        drawn.map_err(|error| EdgeError::Internal(error.to_string()))?;
        Ok(Link {
            hash: hash_of(&token),
            token,
            made_by: idempotency.map(|idempotency| idempotency.body),
            expires_at: seconds.map(|seconds| now.plus_ms(seconds.saturating_mul(1000))),
            embed: wish.embed.unwrap_or_default(),
        })
    }
}

fn hash_of(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

/// The hash by which the link of a token is looked for; none where the text can be no token.
pub fn link_hash(token: &str) -> Option<String> {
    let is_one = token.len() == TOKEN_CHARS && token.bytes().all(|b| b.is_ascii_alphanumeric());
    is_one.then(|| hash_of(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededRng, settings};

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn make(body: &str, key: &str, credential: &str, transcript: &str) -> Result<Link, EdgeError> {
        let sharing = Sharing {
            settings: &settings(),
            credential,
            transcript,
        };
        let mut rng = SeededRng::new(7);
        sharing.link(body.as_bytes(), key, NOW, &mut rng)
    }

    #[test]
    fn a_link_is_kept_by_its_hash_and_shown_once() {
        let link = make("", "", "Bearer a", "tr_1").unwrap();
        let url = link.url("https://edge.example");
        let token = url.strip_prefix("https://edge.example/t/").unwrap();
        assert_eq!(link_hash(token), Some(link.hash.clone()));
        assert!(!format!("{link:?}").contains(token));
        assert_eq!((link.made_by, link.expires_at), (None, None));
        let link = make(r#"{"expires_in_seconds": 60}"#, "", "Bearer a", "tr_1").unwrap();
        assert_eq!(link.expires_at, Some(NOW.plus_ms(60_000)));
        assert!(!link.embed, "nobody asked for it");
        let link = make(r#"{"embed": true}"#, "", "Bearer a", "tr_1").unwrap();
        assert!(link.embed);
    }

    #[test]
    fn only_the_same_request_makes_the_same_link() {
        let one = make("", "once", "Bearer a", "tr_1").unwrap();
        assert_eq!(make("", "once", "Bearer a", "tr_1"), Ok(one.clone()));
        for (key, credential, transcript) in [
            ("twice", "Bearer a", "tr_1"),
            ("once", "Bearer b", "tr_1"),
            ("once", "Bearer a", "tr_2"),
        ] {
            let other = make("", key, credential, transcript).unwrap();
            assert_ne!(other.hash, one.hash, "{key} {credential} {transcript}");
        }
        // Another body under the same key: the same token, and seen to be another request.
        let other = make("{}", "once", "Bearer a", "tr_1").unwrap();
        assert_eq!(other.hash, one.hash);
        assert_ne!(other.made_by, one.made_by);
    }

    #[test]
    fn a_wish_out_of_bounds_is_refused() {
        for body in [
            r#"{"expires_in_seconds": 0}"#,
            r#"{"expires_in_seconds": 3153600001}"#,
            r#"{"expires_in_seconds": -1}"#,
            r#"{"expires": 1}"#,
            r#"{"embed": 1}"#,
            "[]",
            "null",
        ] {
            assert!(make(body, "", "Bearer a", "tr_1").is_err(), "{body}");
        }
        assert!(make("", &"k".repeat(256), "Bearer a", "tr_1").is_err());
    }

    #[test]
    fn what_can_be_no_token_is_not_looked_for() {
        let token = "a".repeat(TOKEN_CHARS);
        assert!(link_hash(&token).is_some());
        for bad in [
            "",
            "a",
            &"a".repeat(33),
            &"é".repeat(16),
            &token.replace('a', "'"),
        ] {
            assert_eq!(link_hash(bad), None, "{bad}");
        }
    }
}
