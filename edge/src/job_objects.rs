//! The objects of accounts with their jobs as administration speaks to them, and the database's list of the dead.

use edge_core::change::AuditEvent;
use edge_core::jobs::DeadJob;
use edge_core::ports::{DeadQuery, JobObjects, PortError, Retried, UnixMs};
use edge_core::transcripts::account_hash;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Given;
use crate::ports::Runtime;

const DEAD: &str = "SELECT n,id,owner,key_id,name,attempts,error,created_at,ended_at FROM dead_jobs \
    WHERE n<?1 AND (?2 IS NULL OR owner=?2) ORDER BY n DESC LIMIT ?3";
const WHERE: &str = "SELECT account FROM dead_jobs WHERE id=?1";
const FORGET: &str = "DELETE FROM dead_jobs WHERE account=?1";

#[derive(Deserialize)]
struct DeadRow {
    n: u64,
    id: String,
    owner: Option<String>,
    key_id: String,
    name: Option<String>,
    attempts: u32,
    error: String,
    created_at: u64,
    ended_at: u64,
}

#[derive(Deserialize)]
struct AccountRow {
    account: String,
}

const fn failed(cause: String) -> PortError {
    PortError {
        port: "jobs",
        cause,
    }
}

impl Runtime<'_> {
    async fn jobs(&self, account: &str, method: &str, args: &Value) -> Result<String, PortError> {
        self.ask(("jobs", "JOBS"), account, method, args).await
    }
}

impl JobObjects for Runtime<'_> {
    async fn dead_jobs(&self, query: &DeadQuery) -> Result<Vec<(u64, DeadJob)>, PortError> {
        let statement = json!([[DEAD, query.before, query.owner, query.limit]]);
        let given: Vec<Given<DeadRow>> = self.query(&statement).await?;
        let rows = given.into_iter().flat_map(|given| given.rows);
        rows.map(|row| {
            let error = serde_json::from_str(&row.error);
            let job = DeadJob {
                id: row.id,
                owner: row.owner,
                key_id: row.key_id,
                name: row.name,
                attempts: row.attempts,
                error: error.map_err(|error| failed(error.to_string()))?,
                created_at: UnixMs(row.created_at).seconds(),
                ended_at: UnixMs(row.ended_at).seconds(),
            };
            Ok((row.n, job))
        })
        .collect()
    }

    async fn account_of_dead(&self, id: &str) -> Result<Option<String>, PortError> {
        let given: Vec<Given<AccountRow>> = self.query(&json!([[WHERE, id]])).await?;
        let mut rows = given.into_iter().flat_map(|given| given.rows);
        Ok(rows.next().map(|row| row.account))
    }

    async fn retry(
        &self,
        account: &str,
        id: &str,
        event: &AuditEvent,
    ) -> Result<Retried, PortError> {
        let answer = self.jobs(account, "retry", &json!([id, event])).await?;
        match answer.as_str() {
            "null" => Ok(Retried::Missing),
            "false" => Ok(Retried::NotDead),
            view => serde_json::from_str(view)
                .map(Retried::Job)
                .map_err(|error| failed(error.to_string())),
        }
    }

    async fn purge_jobs(&self, account: &str) -> Result<u64, PortError> {
        let account = account_hash(account);
        let rows = self.jobs(&account, "purge", &json!([])).await?;
        let forgotten: Vec<Given<Value>> = self.query(&json!([[FORGET, account]])).await?;
        let dead: u64 = forgotten.iter().map(|given| given.changes).sum();
        let rows: u64 = rows.parse().map_err(|_| failed(rows))?;
        Ok(rows + dead)
    }
}
