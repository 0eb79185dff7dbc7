//! Invitations: one-time links that an owner's own backend makes for him (`POST /admin/portal-sessions`).

use serde::{Deserialize, Serialize};

use super::{Guest, PortalPorts, Ticket};
use crate::admin::{Admin, checks};
use crate::config::Settings;
use crate::error::{EdgeError, invalid, read};
use crate::idempotency::Idempotency;
use crate::ports::{Rng, UnixMs};

/// How long an invitation is good where nothing is said, and at most, in seconds.
const SECONDS: u32 = 600;
const MAX_SECONDS: u32 = 7 * 86_400;
/// Most plans that one names.
const MAX_PLANS: usize = 64;

/// The body of `POST /admin/portal-sessions`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CreatePortalSession {
    /// External id of the owner who is to be signed in.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 128)))]
    pub owner: String,
    /// How he is greeted; his id, if left out.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    pub name: Option<String>,
    /// Plans that he may choose from; every one that is for self-service, if left out.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = MAX_PLANS)))]
    pub plans: Option<Vec<String>>,
    /// How long the link is good, 1 second to 7 days (10 minutes if left out). It is good once.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = MAX_SECONDS)))]
    pub expires_in_seconds: Option<u32>,
}

/// A one-time link to the portal. It is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PortalInvitation {
    /// Where to send the owner's browser. The secret is in the fragment: no server's log and no `Referer` has it.
    pub url: String,
    /// Unix seconds from which on it is good for nothing.
    pub expires_at: u64,
}

/// An invitation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// What the link carries.
    pub ticket: Ticket,
    /// Who is let in by it.
    pub guest: Guest,
    /// From when on nobody is.
    pub until: UnixMs,
}

impl Invitation {
    /// Reads the wish for one. The same request again (`idempotency_key`) makes the same, which is good once all the
    /// same. `credential`: the root key as it was presented.
    ///
    /// # Errors
    /// A body that is none.
    pub fn of(
        settings: &Settings,
        credential: &str,
        body: &[u8],
        idempotency_key: &str,
        now: UnixMs,
        rng: &mut impl Rng,
    ) -> Result<Self, EdgeError> {
        let wish: CreatePortalSession = read(body)?;
        checks::owner(&wish.owner)?;
        wish.name.as_deref().map_or(Ok(()), checks::name)?;
        if let Some(plans) = &wish.plans {
            if plans.is_empty() || plans.len() > MAX_PLANS {
                let message = format!("`plans` must be 1 to {MAX_PLANS} names.");
                return Err(invalid("plans", message));
            }
            plans.iter().try_for_each(|plan| checks::plan_name(plan))?;
        }
        let seconds = wish.expires_in_seconds.unwrap_or(SECONDS);
        if !(1..=MAX_SECONDS).contains(&seconds) {
            let message = format!("`expires_in_seconds` must be 1 to {MAX_SECONDS}.");
            return Err(invalid("expires_in_seconds", message));
        }
        let ticket = match Idempotency::of(idempotency_key, body)? {
            None => Ticket::draw(&wish.owner, rng)?,
            Some(idempotency) => {
                let secret = settings
                    .signing_secrets
                    .first()
                    .ok_or_else(|| EdgeError::Misconfigured("no signing secret".to_owned()))?;
                let seed = format!("{credential}\n{}\n{}", idempotency.key, idempotency.body);
                Ticket::derived(&wish.owner, secret.derive("invitation", seed.as_bytes()))?
            }
        };
        Ok(Self {
            ticket,
            until: now.plus_ms(u64::from(seconds) * 1000),
            guest: Guest {
                name: wish.name.unwrap_or_else(|| wish.owner.clone()),
                owner: wish.owner,
                plans: wish.plans,
            },
        })
    }

    /// What its maker is told. `origin`: under which callers reach this edge.
    pub fn told(&self, origin: &str) -> PortalInvitation {
        PortalInvitation {
            url: format!("{origin}/keys#sign-in={}", self.ticket.reveal()),
            expires_at: self.until.seconds(),
        }
    }
}

impl<P: PortalPorts> Admin<'_, P> {
    /// Makes an invitation; shown this once. `origin`: under which browsers reach this edge.
    ///
    /// # Errors
    /// A body that is none, or it can't be kept.
    pub async fn invite(
        &self,
        body: &[u8],
        idempotency_key: &str,
        origin: &str,
        rng: &mut impl Rng,
    ) -> Result<PortalInvitation, EdgeError> {
        let now = self.ports.now();
        let (settings, credential) = (self.settings, self.credential);
        let made = Invitation::of(settings, credential, body, idempotency_key, now, rng)?;
        self.ports
            .invite(&made)
            .await
            .map_err(EdgeError::PortalUnavailable)?;
        Ok(made.told(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SeededRng, settings};

    const NOW: UnixMs = UnixMs(1_790_000_000_000);

    fn make(body: &str, key: &str) -> Result<Invitation, EdgeError> {
        let mut rng = SeededRng::new(key.len() as u64 + 7);
        Invitation::of(
            &settings(),
            "Bearer root",
            body.as_bytes(),
            key,
            NOW,
            &mut rng,
        )
    }

    #[test]
    fn an_invitation_is_for_its_owner_and_stands_in_the_fragment() {
        let made = make(r#"{"owner":"acme","plans":["free"]}"#, "").unwrap();
        assert_eq!(made.guest.name, "acme");
        let told = made.told("https://edge.example");
        let (page, fragment) = told.url.split_once('#').unwrap();
        assert_eq!(page, "https://edge.example/keys");
        assert_eq!(
            fragment.strip_prefix("sign-in="),
            Some(made.ticket.reveal())
        );
        assert_eq!(told.expires_at, NOW.seconds() + 600);
    }

    #[test]
    fn the_same_request_makes_the_same_invitation() {
        let body = r#"{"owner":"acme"}"#;
        let first = make(body, "once").unwrap();
        assert_eq!(make(body, "once").unwrap(), first);
        assert_ne!(make(body, "twice").unwrap().ticket, first.ticket);
        let other = r#"{"owner":"acme","name":"A"}"#;
        assert_ne!(make(other, "once").unwrap().ticket, first.ticket);
    }

    #[test]
    fn a_wish_that_is_none_is_refused() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"owner":""}"#,
            r#"{"owner":"a","name":""}"#,
            r#"{"owner":"a","plans":[]}"#,
            r#"{"owner":"a","plans":["A B"]}"#,
            r#"{"owner":"a","expires_in_seconds":0}"#,
            r#"{"owner":"a","expires_in_seconds":604801}"#,
            r#"{"owner":"a","admin":true}"#,
        ] {
            assert!(make(bad, "").is_err(), "{bad}");
        }
    }
}
