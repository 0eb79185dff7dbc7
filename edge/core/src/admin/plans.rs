//! Plans: put, read, listed, deleted.

use serde::Serialize;
use serde_json::Value;

use super::{Admin, MAX_PAGE, Ports, checks, invalid, key_store, limiter, read};
use crate::change::AuditEvent;
use crate::error::EdgeError;
use crate::plan::{Plan, PutPlan};
use crate::ports::plan_directory;
use crate::scope::Scope;

/// All plans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PlanList {
    /// The plans.
    pub data: Vec<Plan>,
}

impl<P: Ports> Admin<'_, P> {
    /// Makes a plan, or another one of it. The limits reach its keys' objects before this answers, where
    /// they can be reached; everything else reaches the isolates within a minute.
    pub async fn put_plan(&self, name: &str, body: &[u8]) -> Result<Plan, EdgeError> {
        checks::plan_name(name)?;
        let wish: PutPlan = read(body)?;
        checks::limits(&wish.limits)?;
        wish.credits.as_ref().map_or(Ok(()), checks::credits)?;
        wish.scopes.as_deref().map_or(Ok(()), checks::scopes)?;
        wish.models.as_deref().map_or(Ok(()), checks::models)?;
        wish.cost.map_or(Ok(()), checks::cost)?;
        wish.permits_ahead.map_or(Ok(()), checks::permits_ahead)?;
        wish.retention_days.map_or(Ok(()), checks::retention_days)?;
        if wish.limits.is_empty() && wish.credits.is_none() {
            let message = "A plan needs a limit or credits.".to_owned();
            return Err(invalid("limits", message));
        }
        let plan = Plan {
            name: name.to_owned(),
            limits: wish.limits,
            credits: wish.credits,
            scopes: wish.scopes.unwrap_or_else(|| Scope::ALL.to_vec()),
            models: wish.models.unwrap_or_else(|| vec!["*".to_owned()]),
            cost: wish.cost.unwrap_or(1),
            permits_ahead: wish.permits_ahead.unwrap_or(0),
            retention_days: wish.retention_days,
            self_service: wish.self_service,
            // The directory sets it.
            version: 0,
        };
        let internal = |e: serde_json::Error| EdgeError::Internal(e.to_string());
        let value = serde_json::to_value(plan).map_err(internal)?;
        let directory = plan_directory(name);
        let before = self.ports.announced(&directory).await.map_err(limiter)?;
        let mut event = self.event("plan.put", &directory);
        // After it stands what is announced: with the version that the directory gives.
        event.before = before;
        let announced = self
            .ports
            .announce(&directory, &value, wish.version, &event)
            .await
            .map_err(limiter)?
            .ok_or(EdgeError::VersionConflict)?;
        serde_json::from_value(announced).map_err(internal)
    }

    /// A plan, as its object has it.
    pub async fn plan(&self, name: &str) -> Result<Plan, EdgeError> {
        checks::plan_name(name)?;
        let announced = self.ports.announced(&plan_directory(name)).await;
        let announced = announced.map_err(limiter)?;
        announced
            .and_then(|plan| serde_json::from_value(plan).ok())
            .ok_or(EdgeError::NotFound("plan"))
    }

    /// Every plan, as KV has it.
    pub async fn plans(&self) -> Result<PlanList, EdgeError> {
        let page = self.ports.list("plan:", None, MAX_PAGE).await;
        let mut data = Vec::new();
        for item in page.map_err(key_store)?.items {
            let Some(name) = item["name"].as_str() else {
                continue;
            };
            data.extend(self.ports.plan(name).await.map_err(key_store)?);
        }
        Ok(PlanList { data })
    }

    /// Deletes a plan that no key is on.
    pub async fn delete_plan(&self, name: &str) -> Result<(), EdgeError> {
        let plan = self.plan(name).await?;
        let directory = plan_directory(name);
        let members = self.ports.members(&directory).await.map_err(limiter)?;
        if !members.is_empty() {
            return Err(EdgeError::PlanInUse(members.len()));
        }
        let mut event = self.event("plan.delete", &directory);
        event.before = serde_json::to_value(plan).ok();
        event.after = Some(Value::Null);
        let dissolved = self.ports.dissolve(&directory, &event).await;
        dissolved.map(drop).map_err(limiter)
    }

    pub(super) fn event(&self, action: &str, target: &str) -> AuditEvent {
        AuditEvent::new(&self.actor, action.to_owned(), target, self.ports.now())
    }
}
