//! Signing in with another provider's account: OpenID Connect's authorization code flow (OpenID Connect Core 1.0, 3.1)
//! with PKCE (RFC 7636). The provider tells who somebody is; nothing else of it is kept.
//!
//! What must be the same when the browser comes back (state, nonce, the verifier's secret, where it wanted to go) travels
//! in a cookie of the browser, signed: nothing is stored for people who never come back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inference_api::origin::{is_https, is_loopback};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::guest::{Guest, owner_of, shortened};
use super::session::cookie;
use crate::api_key::push_random_base62;
use crate::config::Settings;
use crate::error::EdgeError;
use crate::paging::{open, seal};
use crate::ports::{Rng, UnixMs};

/// Name of the cookie of a sign-in that is under way.
pub const ATTEMPT_COOKIE: &str = "__Host-sign-in";
/// How long somebody may take at the provider, in seconds.
const ATTEMPT_SECONDS: u32 = 600;
/// 43 characters at least (RFC 7636, 4.1).
const VERIFIER_CHARS: usize = 64;
const STATE_CHARS: usize = 32;
/// How far clocks may be apart, in seconds.
const SKEW_SECONDS: u64 = 60;
/// Longest id that a provider may give somebody (OpenID Connect Core 1.0, 2, `sub`).
const MAX_SUBJECT: usize = 255;
/// Where the provider sends the browser back to.
pub const CALLBACK: &str = "/portal/callback";
/// Where somebody is who wanted to go nowhere in particular.
const HOME: &str = "/keys";

/// What a provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Discovery {
    /// Its name.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where a code becomes tokens.
    pub token_endpoint: String,
    /// Its public keys.
    pub jwks_uri: String,
}

/// The address of a provider's description of itself.
pub fn discovery_url(issuer: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    format!("{issuer}/.well-known/openid-configuration")
}

impl Discovery {
    /// Reads it. It must be of the issuer that was asked, and all of it over HTTPS, or on this machine.
    ///
    /// # Errors
    /// What is wrong with it, for the log.
    pub fn read(issuer: &str, json: &str) -> Result<Self, EdgeError> {
        let found: Self = serde_json::from_str(json).map_err(|error| failed(&error))?;
        if found.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(failed("the provider has another name"));
        }
        let endpoints = [
            &found.authorization_endpoint,
            &found.token_endpoint,
            &found.jwks_uri,
        ];
        if endpoints.into_iter().all(|url| is_safe(url)) {
            Ok(found)
        } else {
            Err(failed("an endpoint of the provider is not HTTPS"))
        }
    }
}

/// Whether an address is HTTPS, or leads to this machine.
pub(super) fn is_safe(url: &str) -> bool {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']);
    let origin = &url[..end.map_or(url.len(), |at| host + at)];
    is_https(origin) || is_loopback(origin)
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn failed(cause: impl ToString) -> EdgeError {
    EdgeError::SignInFailed(cause.to_string())
}

/// A sign-in that is under way.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    back: String,
    until: u64,
}

/// What a signed attempt is for: nothing else that is signed passes for one.
const PURPOSE: &str = "sign-in";

/// Where a browser is sent, and the cookie that it takes along.
pub struct Departure {
    /// The provider's page.
    pub url: String,
    /// The value of `Set-Cookie`.
    pub cookie: String,
}

/// The provider as this deployment's settings have it.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// The deployment's settings.
    pub settings: &'a Settings,
    /// What the provider says of itself.
    pub discovery: &'a Discovery,
    /// Under which browsers reach this edge.
    pub origin: &'a str,
}

impl Provider<'_> {
    /// Begins a sign-in. `back`: the page of ours that is wanted.
    ///
    /// # Errors
    /// The system's generator has nothing to give, or the provider is not set.
    pub fn depart(
        &self,
        back: &str,
        now: UnixMs,
        rng: &mut impl Rng,
    ) -> Result<Departure, EdgeError> {
        let oidc = self.settings.portal.oidc()?;
        let mut draw = |chars| {
            let mut text = String::new();
            push_random_base62(&mut text, chars, rng).map(|()| text)
        };
        let attempt = Attempt {
            state: draw(STATE_CHARS).map_err(failed)?,
            nonce: draw(STATE_CHARS).map_err(failed)?,
            verifier: draw(VERIFIER_CHARS).map_err(failed)?,
            back: page(back).to_owned(),
            until: now.seconds() + u64::from(ATTEMPT_SECONDS),
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&attempt.verifier));
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &oidc.client_id),
            ("redirect_uri", &self.callback()),
            ("scope", &oidc.scopes),
            ("state", &attempt.state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let endpoint = &self.discovery.authorization_endpoint;
        let join = if endpoint.contains('?') { '&' } else { '?' };
        let json = serde_json::to_string(&attempt).map_err(failed)?;
        let value = seal(self.settings, PURPOSE, &json);
        Ok(Departure {
            url: format!("{endpoint}{join}{query}"),
            cookie: cookie(ATTEMPT_COOKIE, &value, ATTEMPT_SECONDS, "Lax"),
        })
    }

    fn callback(&self) -> String {
        format!("{}{CALLBACK}", self.origin)
    }

    /// The browser is back. `cookie`: what it took along; `state`, `code`: what the provider gave it.
    ///
    /// # Errors
    /// It is no sign-in that this browser began here, or it began too long ago.
    pub fn arrive(
        &self,
        cookie: &str,
        state: &str,
        code: &str,
        now: UnixMs,
    ) -> Result<Arrival, EdgeError> {
        let oidc = self.settings.portal.oidc()?;
        let json = open(self.settings, PURPOSE, cookie).map_err(|_| EdgeError::InvalidSignIn)?;
        let attempt: Attempt = serde_json::from_str(&json).map_err(failed)?;
        let is_same: bool = attempt.state.as_bytes().ct_eq(state.as_bytes()).into();
        if !is_same || now.seconds() >= attempt.until || code.is_empty() {
            return Err(EdgeError::InvalidSignIn);
        }
        let redirect = self.callback();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect),
            ("client_id", &oidc.client_id),
            ("code_verifier", &attempt.verifier),
        ];
        if let Some(secret) = &oidc.client_secret {
            fields.push(("client_secret", secret.reveal()));
        }
        Ok(Arrival {
            body: form(&fields),
            nonce: attempt.nonce.clone(),
            back: attempt.back,
        })
    }

    /// Who somebody is, by the claims of an ID token whose signature was verified.
    ///
    /// # Errors
    /// It is another provider's, for another client, of another sign-in, or its time is over (OpenID Connect Core 1.0,
    /// 3.1.3.7).
    pub fn guest(&self, claims: &str, nonce: &str, now: UnixMs) -> Result<Guest, EdgeError> {
        let oidc = self.settings.portal.oidc()?;
        let claims: IdToken = serde_json::from_str(claims).map_err(failed)?;
        let now = now.seconds();
        let is_for_us = match &claims.aud {
            Audience::One(one) => *one == oidc.client_id,
            // Of a token for several, we must be the one that asked for it.
            Audience::Several(all) => {
                all.contains(&oidc.client_id)
                    && (all.len() == 1 || claims.azp.as_ref() == Some(&oidc.client_id))
            }
        };
        let why = if claims.iss.trim_end_matches('/') != oidc.issuer.trim_end_matches('/') {
            Some("another issuer")
        } else if !is_for_us {
            Some("another audience")
        } else if claims
            .azp
            .as_ref()
            .is_some_and(|azp| *azp != oidc.client_id)
        {
            Some("another authorized party")
        } else if now >= claims.exp.saturating_add(SKEW_SECONDS) {
            Some("expired")
        } else if claims.iat > now.saturating_add(SKEW_SECONDS) {
            Some("issued in the future")
        } else if !bool::from(claims.nonce.as_bytes().ct_eq(nonce.as_bytes())) {
            Some("another nonce")
        } else if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
            Some("no subject")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(failed(format!("ID token: {why}")));
        }
        let names = [claims.name, claims.preferred_username, claims.email];
        let name = names
            .into_iter()
            .flatten()
            .find(|name| !name.trim().is_empty());
        Ok(Guest {
            name: shortened(name.as_deref().unwrap_or(&claims.sub)),
            owner: owner_of("oidc", &claims.sub),
            plans: None,
        })
    }
}

/// The browser is back, and its code can be exchanged.
pub struct Arrival {
    /// The form for the token endpoint.
    pub body: String,
    /// What the ID token must repeat.
    pub nonce: String,
    /// The page of ours that was wanted.
    pub back: String,
}

#[derive(Deserialize)]
struct IdToken {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: u64,
    iat: u64,
    #[serde(default)]
    nonce: String,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The ID token in the token endpoint's answer.
///
/// # Errors
/// There is none.
pub fn id_token(json: &str) -> Result<String, EdgeError> {
    let answer: Value = serde_json::from_str(json).map_err(failed)?;
    let token = answer.get("id_token").and_then(Value::as_str);
    token
        .map(str::to_owned)
        .ok_or_else(|| failed("no ID token"))
}

/// A page of ours by its path; anything else would lead away.
fn page(back: &str) -> &str {
    let is_page = ["/", "/keys", "/transcripts", "/jobs"].contains(&back);
    if is_page { back } else { HOME }
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    fields.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
