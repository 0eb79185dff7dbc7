//! An owner's keys as he himself sees and changes them.

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};

use super::{Portal, PortalPorts, Session};
use crate::admin::{Admin, CreatedKey, Idempotency, KeyDetail, RotatedKey, UsageFilter, checks};
use crate::api_key::KeyHash;
use crate::change::Actor;
use crate::credits::Credits;
use crate::error::{EdgeError, invalid, read};
use crate::limit::Limit;
use crate::plan::Plan;
use crate::ports::{Rng, owner_directory};
use crate::scope::Scope;
use crate::usage_report::UsageReport;

/// Objects that are spoken to at the same time.
const AT_ONCE: usize = 6;

/// The body of `POST /portal/keys`.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TakeKey {
    /// For people, 1 to 100 characters.
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = 100)))]
    name: String,
    /// One of the plans that may be chosen.
    #[cfg_attr(feature = "openapi", schemars(regex(pattern = r"^[a-z0-9_-]{1,32}$")))]
    plan: String,
}

/// A plan that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PortalPlan {
    /// Its name.
    pub name: String,
    /// Limits of a key on it.
    pub limits: Vec<Limit>,
    /// Credits that a key starts with.
    pub credits: Option<Credits>,
    /// What one request with audio weighs.
    pub cost: u32,
    /// What its keys may do.
    pub scopes: Vec<Scope>,
    /// Models they may use; `*` for every one.
    pub models: Vec<String>,
    /// For how many days transcripts are kept; `null`: for good.
    pub retention_days: Option<u32>,
    /// The owner's key on it; `null`: he has none.
    pub key_id: Option<String>,
}

/// The plans that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PortalPlans {
    /// By name.
    pub data: Vec<PortalPlan>,
}

/// The owner's keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PortalKeys {
    /// Those that are not revoked, newest first.
    pub data: Vec<KeyDetail>,
}

/// What is done for somebody who is signed in.
pub struct Desk<'a, P> {
    admin: Admin<'a, P>,
    session: &'a Session,
}

impl<P: PortalPorts> Portal<'_, P> {
    /// For somebody who is signed in. `credential`: his ticket; what an idempotent request derives, nobody derives
    /// without it.
    pub fn desk<'a>(&'a self, session: &'a Session, credential: &'a str) -> Desk<'a, P> {
        Desk {
            admin: Admin {
                ports: self.ports,
                settings: self.settings,
                actor: Actor {
                    id: format!("portal:{}", session.owner),
                    request_id: self.request_id.to_owned(),
                },
                credential,
            },
            session,
        }
    }
}

impl<P: PortalPorts> Desk<'_, P> {
    /// The plans that may be chosen, and which have been.
    pub async fn plans(&self) -> Result<PortalPlans, EdgeError> {
        let keys = self.keys().await?.data;
        let plans = self.admin.plans().await?.data.into_iter();
        let plans = plans.filter(|plan| self.may_choose(plan));
        let data = plans.map(|plan| {
            let has = |key: &&KeyDetail| {
                key.record.self_service && key.record.plan.as_ref() == Some(&plan.name)
            };
            PortalPlan {
                key_id: keys.iter().find(has).map(|key| key.record.id.clone()),
                name: plan.name,
                limits: plan.limits,
                credits: plan.credits,
                cost: plan.cost,
                scopes: plan.scopes,
                models: plan.models,
                retention_days: plan.retention_days,
            }
        });
        Ok(PortalPlans {
            data: data.collect(),
        })
    }

    fn may_choose(&self, plan: &Plan) -> bool {
        let named = self.session.plans.as_ref();
        plan.self_service && named.is_none_or(|names| names.contains(&plan.name))
    }

    /// The owner's keys, whoever made them.
    pub async fn keys(&self) -> Result<PortalKeys, EdgeError> {
        let directory = owner_directory(&self.session.owner);
        let members = self.admin.ports.members(&directory).await;
        let members = members.map_err(EdgeError::LimiterUnavailable)?;
        let each = futures_util::stream::iter(members).map(|id| async move { self.one(&id).await });
        let found: Vec<_> = each.buffered(AT_ONCE).collect().await;
        let mut data = Vec::new();
        for key in found {
            match key {
                Ok(key) if key.record.revoked_at.is_none() => data.push(key),
                // Revoked, or on its way.
                Ok(_) | Err(EdgeError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        data.sort_by(|a, b| {
            (b.record.created_at, &b.record.id).cmp(&(a.record.created_at, &a.record.id))
        });
        Ok(PortalKeys { data })
    }

    /// One of the owner's keys. Another's is not there.
    pub async fn one(&self, id: &str) -> Result<KeyDetail, EdgeError> {
        let mut key = self.admin.get(false, id).await?;
        if key.record.owner.as_ref() != Some(&self.session.owner) {
            return Err(EdgeError::NotFound("key"));
        }
        // The administrator's notes.
        key.record.metadata = None;
        Ok(key)
    }

    /// One that he may change: he made it himself.
    async fn own(&self, id: &str) -> Result<KeyDetail, EdgeError> {
        let key = self.one(id).await?;
        if key.record.self_service {
            Ok(key)
        } else {
            Err(EdgeError::NotSelfService)
        }
    }

    /// Makes a key on a plan; shown this once.
    pub async fn take(
        &self,
        body: &[u8],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<CreatedKey, EdgeError> {
        let wish: TakeKey = read(body)?;
        checks::plan_name(&wish.plan)?;
        let plan = match self.admin.plan(&wish.plan).await {
            Ok(plan) => Some(plan).filter(|plan| self.may_choose(plan)),
            Err(EdgeError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        if plan.is_none() {
            return Err(invalid("plan", "This plan can't be chosen.".to_owned()));
        }
        let wish = serde_json::json!({
            "name": wish.name, "plan": wish.plan, "owner": self.session.owner, "self_service": true,
        });
        self.admin
            .create(wish.to_string().as_bytes(), idempotency, rng)
            .await
    }

    /// Gives one another secret; shown this once.
    pub async fn rotate(
        &self,
        id: &str,
        body: &[u8],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<RotatedKey, EdgeError> {
        self.own(id).await?;
        self.admin.rotate(false, id, body, idempotency, rng).await
    }

    /// Revokes one, for good. The hashes of its secrets, so that the isolate can forget them.
    pub async fn revoke(&self, id: &str) -> Result<Vec<KeyHash>, EdgeError> {
        self.own(id).await?;
        self.admin.revoke(false, id).await
    }

    /// What one was used for.
    pub async fn usage(&self, id: &str, filter: &UsageFilter) -> Result<UsageReport, EdgeError> {
        self.one(id).await?;
        self.admin.key_usage(id, filter).await
    }
}
