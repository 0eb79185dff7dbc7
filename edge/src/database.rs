//! Usage and audit in D1. Values are bound, never written into a statement.

use edge_core::change::AuditEvent;
use edge_core::ports::{AuditQuery, Database, PortError, UsageQuery};
use edge_core::usage::Rollup;
use js_sys::futures::JsFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::glue::{self, thrown};
use crate::ports::Runtime;

fn failed(cause: impl std::fmt::Display) -> PortError {
    PortError {
        port: "database",
        cause: cause.to_string(),
    }
}

/// What one statement of a batch gave.
#[derive(Deserialize)]
pub(crate) struct Given<T> {
    pub rows: Vec<T>,
    pub changes: u64,
}

/// Rows of the usage, and how they are read: sums over keys are made in Rust, of JSON columns.
const USAGE: &str = "SELECT hour,version,audio_ms,bytes,outcomes,latency FROM usage \
    WHERE hour>=?1 AND hour<?2 AND (?3 IS NULL OR key_id=?3) AND (?4 IS NULL OR owner=?4) \
    AND (?5 IS NULL OR plan=?5) ORDER BY hour";
const AUDIT: &str = "SELECT id,at,actor,action,target,owner,request_id,before,after FROM audit \
    WHERE (?1 IS NULL OR actor=?1) AND (?2 IS NULL OR action=?2) AND (?3 IS NULL OR target=?3) \
    AND (?4 IS NULL OR owner=?4) AND (?5 IS NULL OR at>=?5) AND (?6 IS NULL OR at<?6) \
    AND (?7 IS NULL OR (at,id)<(?7,?8)) ORDER BY at DESC,id DESC LIMIT ?9";

#[derive(Deserialize)]
struct UsageRow {
    hour: u64,
    version: u64,
    audio_ms: u64,
    bytes: u64,
    outcomes: String,
    latency: String,
}

#[derive(Deserialize)]
struct AuditRow {
    id: String,
    at: u64,
    actor: String,
    action: String,
    target: String,
    owner: Option<String>,
    request_id: String,
    before: Option<String>,
    after: Option<String>,
}

impl Runtime<'_> {
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        statements: &Value,
    ) -> Result<Vec<Given<T>>, PortError> {
        let asked = glue::query(self.call, &statements.to_string());
        let given = JsFuture::from(asked).await;
        let given = given.map_err(|error| failed(thrown(&error)))?;
        serde_json::from_str(&String::from(&given)).map_err(failed)
    }
}

impl Database for Runtime<'_> {
    async fn usage(&self, query: &UsageQuery) -> Result<Vec<Rollup>, PortError> {
        let UsageQuery {
            key_id,
            owner,
            plan,
            from_hour,
            to_hour,
        } = query;
        let statement = json!([[USAGE, from_hour, to_hour, key_id, owner, plan]]);
        let given: Vec<Given<UsageRow>> = self.query(&statement).await?;
        let mut hours: Vec<Rollup> = Vec::new();
        for row in given.into_iter().flat_map(|given| given.rows) {
            let rollup = Rollup {
                hour: row.hour,
                version: row.version,
                outcomes: serde_json::from_str(&row.outcomes).map_err(failed)?,
                audio_ms: row.audio_ms,
                bytes: row.bytes,
                latency: serde_json::from_str(&row.latency).map_err(failed)?,
            };
            match hours.last_mut() {
                // Rows come by hour; of several keys they are one sum.
                Some(last) if last.hour == rollup.hour => last.add(&rollup),
                _ => hours.push(rollup),
            }
        }
        Ok(hours)
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, PortError> {
        let AuditQuery {
            actor,
            action,
            target,
            owner,
            from,
            to,
            before,
            limit,
        } = query;
        let (at, id) = before.as_ref().map(|(at, id)| (at, id)).unzip();
        let statement = json!([[AUDIT, actor, action, target, owner, from, to, at, id, limit]]);
        let given: Vec<Given<AuditRow>> = self.query(&statement).await?;
        let value = |text: Option<String>| match text {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text).map(Some).map_err(failed),
        };
        let rows = given.into_iter().flat_map(|given| given.rows);
        rows.map(|row| {
            Ok(AuditEvent {
                id: row.id,
                at: row.at,
                actor: row.actor,
                action: row.action,
                target: row.target,
                owner: row.owner,
                request_id: row.request_id,
                before: value(row.before)?,
                after: value(row.after)?,
            })
        })
        .collect()
    }

    async fn purge(&self, owner: &str, keys: &[String]) -> Result<(u64, u64), PortError> {
        let keys = json!(keys).to_string();
        let statements = json!([
            [
                "DELETE FROM usage WHERE owner=?1 OR key_id IN (SELECT value FROM json_each(?2))",
                owner,
                keys
            ],
            // The trigger lets go of the lines of whoever is named here, within this transaction.
            ["INSERT INTO purging VALUES(?1)", owner],
            ["DELETE FROM audit WHERE owner=?1", owner],
            ["DELETE FROM purging"],
        ]);
        let given: Vec<Given<Value>> = self.query(&statements).await?;
        let changes = |at: usize| given.get(at).map_or(0, |given| given.changes);
        Ok((changes(0), changes(2)))
    }

    async fn purge_transcripts(&self, account: &str) -> Result<u64, PortError> {
        // What waits first: nothing of it is told from then on.
        self.forget_pending(account).await?;
        self.forget_answers(account).await?;
        self.empty(account).await
    }
}
