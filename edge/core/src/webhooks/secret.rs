//! The secret of a webhook and the signature made with it (Standard Webhooks, "Signature scheme").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::EdgeError;
use crate::ports::{Rng, UnixMs};

/// How it begins.
const PREFIX: &str = "whsec_";
/// The specification wants 24 to 64.
const BYTES: usize = 32;
const MAX_BYTES: usize = 64;

/// A secret that an account's server shares with this edge. Redacted in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(redacted)")
    }
}

impl WebhookSecret {
    /// A new one.
    ///
    /// # Errors
    /// Without randomness.
    pub fn draw(rng: &mut impl Rng) -> Result<Self, EdgeError> {
        let mut bytes = vec![0; BYTES];
        rng.fill(&mut bytes)
            .map_err(|error| EdgeError::Internal(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// Reads one as its owner has it.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (1..=MAX_BYTES)
            .contains(&bytes.len())
            .then_some(Self(bytes))
    }

    /// As its owner has it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of one message: HMAC-SHA256 over its id, the time it is sent at and its body.
    fn sign(&self, id: &str, at: UnixMs, body: &str) -> Option<String> {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{}.{body}", at.seconds()).as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        Some(format!("v1,{signature}"))
    }
}

/// The header `webhook-signature`: a signature for each secret that is good.
pub fn signatures(secrets: &[WebhookSecret], id: &str, at: UnixMs, body: &str) -> String {
    let signatures = secrets
        .iter()
        .filter_map(|secret| secret.sign(id, at, body));
    signatures.collect::<Vec<_>>().join(" ")
}
