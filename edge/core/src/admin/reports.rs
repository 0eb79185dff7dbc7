//! What is read of the past: usage and audit.

use serde::Serialize;

use super::{Admin, Ports, checks, invalid};
use crate::change::AuditEvent;
use crate::error::EdgeError;
use crate::paging::{self, page_size, unix_ms};
use crate::ports::{AuditQuery, UsageQuery};
use crate::usage_report::{Span, UsageReport};

/// Parameters of a report of usage, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// One owner's.
    pub owner: Option<String>,
    /// One plan's.
    pub plan: Option<String>,
    /// Unix seconds.
    pub from: Option<String>,
    /// Unix seconds.
    pub to: Option<String>,
    /// `hour` or `day`.
    pub by: Option<String>,
}

/// Parameters of a page of the audit, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// By this root key.
    pub actor: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// About this.
    pub target: Option<String>,
    /// About this owner's keys.
    pub owner: Option<String>,
    /// Unix seconds.
    pub from: Option<String>,
    /// Unix seconds.
    pub to: Option<String>,
    /// At most so many, 1 to 1,000 (100 if left out).
    pub limit: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A page of the audit, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct AuditList {
    /// The lines.
    pub data: Vec<AuditEvent>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl<P: Ports> Admin<'_, P> {
    /// Usage of all keys, of an owner's, of a plan's. What the objects have not told yet is missing.
    pub async fn usage(&self, filter: &UsageFilter) -> Result<UsageReport, EdgeError> {
        filter.owner.as_deref().map_or(Ok(()), checks::owner)?;
        filter.plan.as_deref().map_or(Ok(()), checks::plan_name)?;
        let span = self.span(filter)?;
        let (from_hour, to_hour) = span.hours();
        let query = UsageQuery {
            key_id: None,
            owner: filter.owner.clone(),
            plan: filter.plan.clone(),
            from_hour,
            to_hour,
        };
        let stored = self.ports.usage(&query).await;
        let stored = stored.map_err(EdgeError::DatabaseUnavailable)?;
        Ok(UsageReport::new(span, stored, Vec::new()))
    }

    /// Usage of one key, up to now.
    pub async fn key_usage(
        &self,
        id: &str,
        filter: &UsageFilter,
    ) -> Result<UsageReport, EdgeError> {
        self.find(false, id).await?;
        self.usage_of(id, filter).await
    }

    /// Usage of one key that is known to be there.
    pub async fn usage_of(&self, id: &str, filter: &UsageFilter) -> Result<UsageReport, EdgeError> {
        let span = self.span(filter)?;
        let (from_hour, to_hour) = span.hours();
        let query = UsageQuery {
            key_id: Some(id.to_owned()),
            from_hour,
            to_hour,
            ..UsageQuery::default()
        };
        let stored = self.ports.usage(&query).await;
        let stored = stored.map_err(EdgeError::DatabaseUnavailable)?;
        let live = self.ports.live_usage(id).await.map_err(super::limiter)?;
        Ok(UsageReport::new(span, stored, live))
    }

    fn span(&self, filter: &UsageFilter) -> Result<Span, EdgeError> {
        let UsageFilter { from, to, by, .. } = filter;
        let now = self.ports.now();
        Span::read(from.as_deref(), to.as_deref(), by.as_deref(), now)
    }

    /// One page of the audit.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditList, EdgeError> {
        let words = [&filter.actor, &filter.action, &filter.target, &filter.owner];
        if words
            .iter()
            .any(|word| word.as_ref().is_some_and(|w| !(1..=128).contains(&w.len())))
        {
            let message = "A filter must be 1 to 128 bytes.".to_owned();
            return Err(invalid("target", message));
        }
        let limit = page_size(filter.limit.as_deref())?;
        let from = unix_ms("from", filter.from.as_deref())?;
        let to = unix_ms("to", filter.to.as_deref())?;
        let question = format!("audit {words:?} {from:?} {to:?}");
        let before = match filter.cursor.as_deref() {
            None => None,
            Some(text) => {
                let place = paging::open(self.settings, &question, text)?;
                let (at, id) = place.split_once(' ').unwrap_or_default();
                Some((at.parse().unwrap_or_default(), id.to_owned()))
            }
        };
        let query = AuditQuery {
            actor: filter.actor.clone(),
            action: filter.action.clone(),
            target: filter.target.clone(),
            owner: filter.owner.clone(),
            from,
            to,
            before,
            limit: limit + 1,
        };
        let lines = self.ports.audit(&query).await;
        let mut data = lines.map_err(EdgeError::DatabaseUnavailable)?;
        let more = data.len() > limit as usize;
        data.truncate(limit as usize);
        let last = data.last().filter(|_| more);
        let place = last.map(|event| format!("{} {}", event.at, event.id));
        Ok(AuditList {
            next_cursor: place.map(|place| paging::seal(self.settings, &question, &place)),
            data,
        })
    }
}
