//! `/portal/session`: signing in by a name or an invitation, who is signed in, signing out.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::guest::{Guest, owner_of, shortened};
use super::settings::PortalAuth;
use super::{Portal, PortalPorts, Session, Ticket};
use crate::admin::checks;
use crate::error::{EdgeError, read};
use crate::ports::Rng;

/// The body of `POST /portal/session` where a name is enough.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInByName {
    /// Who one is, 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    name: String,
    /// The challenge's answer, where the deployment has a challenge.
    #[cfg_attr(feature = "openapi", schemars(length(max = 2048)))]
    turnstile_token: Option<String>,
}

/// The same where a one-time link is needed.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInByLink {
    /// What the link's fragment carries.
    #[cfg_attr(feature = "openapi", schemars(length(max = 128)))]
    token: String,
}

/// How people sign in here, and who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PortalState {
    /// `off`, `open`, `session` or `oidc`.
    pub auth: &'static str,
    /// What the challenge's widget needs, where there is one.
    pub turnstile_site_key: Option<String>,
    /// Who is signed in; `null`: nobody.
    pub session: Option<Session>,
}

/// What is told of a challenge's answer.
#[derive(Deserialize)]
struct Verified {
    success: bool,
}

/// Longest answer of a challenge (Cloudflare's documentation, "Turnstile, server-side validation").
const MAX_CHALLENGE: usize = 2_048;

impl<P: PortalPorts> Portal<'_, P> {
    /// How people sign in here, and who is signed in.
    pub fn state(&self, session: Option<Session>) -> PortalState {
        let portal = &self.settings.portal;
        let turnstile = portal.turnstile.as_ref();
        PortalState {
            auth: portal.auth.as_str(),
            turnstile_site_key: turnstile.map(|turnstile| turnstile.site_key.clone()),
            session,
        }
    }

    /// Who is signed in by a cookie's ticket.
    ///
    /// # Errors
    /// Nobody is, or nobody can say.
    pub async fn session(&self, ticket: Option<&Ticket>) -> Result<Session, EdgeError> {
        let ticket = ticket.ok_or(EdgeError::NoSession)?;
        let found = self.ports.session(ticket).await;
        found
            .map_err(EdgeError::PortalUnavailable)?
            .ok_or(EdgeError::NoSession)
    }

    /// Signs in by what the page sends; the ticket for the cookie, and who that is. `address`: the browser's.
    ///
    /// # Errors
    /// The body is none, the link is good no more, the challenge was failed, or too many tried from this address.
    pub async fn sign_in(
        &self,
        body: &[u8],
        address: &str,
        rng: &mut impl Rng,
    ) -> Result<(Ticket, Session), EdgeError> {
        let auth = self.settings.portal.auth;
        match auth {
            PortalAuth::Open => {
                let wish: SignInByName = read(body)?;
                checks::name(&wish.name)?;
                self.count_attempt(address).await?;
                self.challenge(wish.turnstile_token.as_deref(), address)
                    .await?;
                let name = shortened(&wish.name);
                let guest = Guest {
                    owner: owner_of("open", &name.to_lowercase()),
                    name,
                    plans: None,
                };
                self.admit(guest, rng).await
            }
            PortalAuth::Session => {
                let wish: SignInByLink = read(body)?;
                self.count_attempt(address).await?;
                let invitation = Ticket::parse(&wish.token).ok_or(EdgeError::InvalidSignIn)?;
                let guest = self.ports.redeem(&invitation).await;
                let guest = guest.map_err(EdgeError::PortalUnavailable)?;
                self.admit(guest.ok_or(EdgeError::InvalidSignIn)?, rng)
                    .await
            }
            PortalAuth::Oidc | PortalAuth::Off => Err(EdgeError::PortalSwitchedOff),
        }
    }

    /// Begins the session of somebody who may have one.
    ///
    /// # Errors
    /// It can't be kept.
    pub async fn admit(
        &self,
        guest: Guest,
        rng: &mut impl Rng,
    ) -> Result<(Ticket, Session), EdgeError> {
        let ticket = Ticket::draw(&guest.owner, rng)?;
        let session = guest.session(self.ports.now(), self.settings.portal.session_seconds);
        let begun = self.ports.begin(&ticket, &session).await;
        begun.map_err(EdgeError::PortalUnavailable)?;
        Ok((ticket, session))
    }

    /// Signs out: this session, or all of its owner's.
    ///
    /// # Errors
    /// Nobody can say that it is over.
    pub async fn sign_out(&self, ticket: &Ticket, all: bool) -> Result<(), EdgeError> {
        let ended = self.ports.end(ticket, all).await;
        ended.map_err(EdgeError::PortalUnavailable)
    }

    /// Counts an attempt to sign in from this address.
    ///
    /// # Errors
    /// There were too many in this hour.
    pub async fn count_attempt(&self, address: &str) -> Result<(), EdgeError> {
        let most = self.settings.portal.sign_ins_per_hour;
        // The name of an object may outlive it, and an address is somebody's.
        let from = format!("from:{}", hex::encode(&Sha256::digest(address)[..16]));
        match self.ports.attempt(&from, most).await {
            Ok(0) => Ok(()),
            Ok(wait_ms) => Err(EdgeError::TooManySignIns(wait_ms.div_ceil(1000))),
            Err(error) => Err(EdgeError::PortalUnavailable(error)),
        }
    }

    async fn challenge(&self, answer: Option<&str>, address: &str) -> Result<(), EdgeError> {
        let Some(turnstile) = &self.settings.portal.turnstile else {
            return Ok(());
        };
        let answer = answer.filter(|answer| (1..=MAX_CHALLENGE).contains(&answer.len()));
        let answer = answer.ok_or(EdgeError::ChallengeFailed)?;
        let question = serde_json::json!({
            "secret": turnstile.secret.reveal(), "response": answer, "remoteip": address,
        });
        let told = self
            .ports
            .verify(&turnstile.url, &question.to_string())
            .await;
        match serde_json::from_str(&told.map_err(EdgeError::PortalUnavailable)?) {
            Ok(Verified { success: true }) => Ok(()),
            _ => Err(EdgeError::ChallengeFailed),
        }
    }
}
