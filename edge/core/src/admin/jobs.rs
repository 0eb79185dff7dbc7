//! Jobs that were given up: shown to administrators, and tried again.

use super::{Admin, Ports, checks};
use crate::error::EdgeError;
use crate::jobs::{DeadJobList, JOB_PREFIX, JobView, is_id};
use crate::paging::page_of;
use crate::ports::{DeadQuery, Retried};

/// Parameters of a listing of jobs, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only `dead` ones are listed.
    pub state: Option<String>,
    /// External id of whose they are.
    pub owner: Option<String>,
    /// At most so many, 1 to 1,000 (100 if left out).
    pub limit: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl<P: Ports> Admin<'_, P> {
    /// A page of dead jobs.
    pub async fn dead_jobs(&self, filter: &JobFilter) -> Result<DeadJobList, EdgeError> {
        if filter.state.as_deref() != Some("dead") {
            let message = "`state` must be `dead`: other jobs are their owners' matter.";
            return Err(super::invalid("state", message.to_owned()));
        }
        if let Some(owner) = &filter.owner {
            checks::owner(owner)?;
        }
        let question = format!("dead jobs {:?}", filter.owner);
        let (limit, cursor) = (filter.limit.as_deref(), filter.cursor.as_deref());
        let page = page_of(self.settings, &question, limit, cursor)?;
        let query = DeadQuery {
            owner: filter.owner.clone(),
            before: page.before,
            limit: page.limit + 1,
        };
        let found = self.ports.dead_jobs(&query).await;
        let found = found.map_err(EdgeError::DatabaseUnavailable)?;
        let (found, next_cursor) = page.cut(self.settings, &question, found);
        Ok(DeadJobList {
            data: found.into_iter().map(|(_, job)| job).collect(),
            next_cursor,
        })
    }

    /// Tries a dead job again.
    pub async fn retry_job(&self, id: &str) -> Result<JobView, EdgeError> {
        let missing = || EdgeError::NotFound("job");
        if !is_id(JOB_PREFIX, id) {
            return Err(missing());
        }
        let account = self.ports.account_of_dead(id).await;
        let account = account.map_err(EdgeError::DatabaseUnavailable)?;
        let account = account.ok_or_else(missing)?;
        let event = self.event("job.retry", id);
        let retried = self.ports.retry(&account, id, &event).await;
        match retried.map_err(EdgeError::JobsUnavailable)? {
            Retried::Job(job) => Ok(*job),
            Retried::NotDead => Err(EdgeError::JobIsNotDead),
            Retried::Missing => Err(missing()),
        }
    }
}
