//! How people sign in to the portal, as the deployment's settings have it.

use std::fmt;

use super::oidc::is_safe;
use crate::config::{ConfigError, Lookup, number, text, wrong};
use crate::error::EdgeError;

/// Who may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalAuth {
    /// Nobody.
    Off,
    /// Whoever says a name.
    Open,
    /// Whom the owners' own backend sends, by one-time links.
    Session,
    /// Whom an OpenID provider knows.
    Oidc,
}

impl PortalAuth {
    /// Its name in settings and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Session => "session",
            Self::Oidc => "oidc",
        }
    }
}

/// A secret that is shown to nobody but the one that it is for.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a secret.
    pub fn of(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// The client that this deployment is to an OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcClient {
    /// The provider.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; none of a public client, for whom PKCE stands in.
    pub client_secret: Option<Hidden>,
    /// What is asked for, `openid` among it.
    pub scopes: String,
}

/// A challenge that keeps machines from signing in by name (Cloudflare Turnstile).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turnstile {
    /// What the page shows.
    pub site_key: String,
    /// What proves that it was us who asked.
    pub secret: Hidden,
    /// Where an answer is verified.
    pub url: String,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalSettings {
    /// Who may sign in.
    pub auth: PortalAuth,
    /// How long a session lasts, in seconds.
    pub session_seconds: u32,
    /// How often an hour somebody signs in from one address, with success or without.
    pub sign_ins_per_hour: u32,
    /// Where `auth` is `oidc`.
    pub oidc: Option<OidcClient>,
    /// Where signing in by name is guarded by a challenge.
    pub turnstile: Option<Turnstile>,
}

impl PortalSettings {
    /// Reads and checks them.
    pub(crate) fn read(lookup: &impl Lookup) -> Result<Self, ConfigError> {
        let auth = match text(lookup, "PORTAL_AUTH")?.as_str() {
            "off" => PortalAuth::Off,
            "open" => PortalAuth::Open,
            "session" => PortalAuth::Session,
            "oidc" => PortalAuth::Oidc,
            _ => return wrong("PORTAL_AUTH", "must be `off`, `open`, `session` or `oidc`"),
        };
        let oidc = match auth {
            PortalAuth::Oidc => Some(oidc(lookup)?),
            _ => None,
        };
        Ok(Self {
            auth,
            session_seconds: number(lookup, "PORTAL_SESSION_SECONDS", 30 * 86_400)?,
            sign_ins_per_hour: number(lookup, "PORTAL_SIGN_INS_PER_HOUR", 100_000)?,
            oidc,
            turnstile: turnstile(lookup)?,
        })
    }

    /// The client of the provider.
    ///
    /// # Errors
    /// People don't sign in by one here.
    pub fn oidc(&self) -> Result<&OidcClient, EdgeError> {
        self.oidc.as_ref().ok_or(EdgeError::PortalSwitchedOff)
    }
}

fn given(lookup: &impl Lookup, name: &str) -> Result<Option<String>, ConfigError> {
    let text = text(lookup, name)?.trim().to_owned();
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn oidc(lookup: &impl Lookup) -> Result<OidcClient, ConfigError> {
    let Some(issuer) = given(lookup, "OIDC_ISSUER")?.filter(|issuer| is_safe(issuer)) else {
        return wrong("OIDC_ISSUER", "must be the https address of a provider");
    };
    let Some(client_id) = given(lookup, "OIDC_CLIENT_ID")? else {
        return wrong("OIDC_CLIENT_ID", "must be set");
    };
    let scopes = text(lookup, "OIDC_SCOPES")?;
    if !scopes.split(' ').any(|scope| scope == "openid") {
        return wrong("OIDC_SCOPES", "must hold `openid`");
    }
    Ok(OidcClient {
        issuer,
        client_id,
        client_secret: given(lookup, "OIDC_CLIENT_SECRET")?.map(Hidden),
        scopes,
    })
}

fn turnstile(lookup: &impl Lookup) -> Result<Option<Turnstile>, ConfigError> {
    let keys = (
        given(lookup, "TURNSTILE_SITE_KEY")?,
        given(lookup, "TURNSTILE_SECRET")?,
    );
    let url = text(lookup, "TURNSTILE_URL")?;
    match keys {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if !is_safe(&url) => wrong("TURNSTILE_URL", "must be an https address"),
        (Some(site_key), Some(secret)) => Ok(Some(Turnstile {
            site_key,
            secret: Hidden(secret),
            url,
        })),
        (Some(_), None) => wrong("TURNSTILE_SECRET", "must be set with TURNSTILE_SITE_KEY"),
        (None, Some(_)) => wrong("TURNSTILE_SITE_KEY", "must be set with TURNSTILE_SECRET"),
    }
}
