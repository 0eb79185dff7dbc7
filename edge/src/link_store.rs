//! Links to transcripts in D1: their hashes.

use edge_core::error::EdgeError;
use edge_core::ports::{PortError, UnixMs};
use edge_core::transcripts::{Link, MAX_LINKS, SharedTranscript};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Given;
use crate::ports::Runtime;

/// A link to a transcript that is there and has fewer than it may have. The same again changes nothing.
const MAKE: &str = "INSERT INTO links(hash,transcript,created_at,expires_at,ended_at,made_by,embed) \
    SELECT ?1,t.serial,?2,?3,NULL,?4,?8 FROM transcripts t \
    WHERE t.id=?5 AND t.account=?6 AND (t.expires_at IS NULL OR t.expires_at>?2) \
    AND (SELECT count(*) FROM links WHERE transcript=t.serial AND ended_at IS NULL \
    AND (expires_at IS NULL OR expires_at>?2))<?7 ON CONFLICT DO NOTHING";
const MADE: &str = "SELECT l.created_at,l.expires_at,l.made_by,l.embed FROM transcripts t \
    LEFT JOIN links l ON l.hash=?1 AND l.transcript=t.serial \
    WHERE t.id=?3 AND t.account=?4 AND (t.expires_at IS NULL OR t.expires_at>?2)";
const END: &str = "UPDATE links SET ended_at=?1 WHERE ended_at IS NULL AND transcript=(\
    SELECT serial FROM transcripts WHERE id=?2 AND account=?3)";
const IS_THERE: &str = "SELECT 1 AS there FROM transcripts WHERE id=?2 AND account=?3 \
    AND (expires_at IS NULL OR expires_at>?1)";

#[derive(Deserialize)]
struct MadeRow {
    created_at: Option<u64>,
    expires_at: Option<u64>,
    made_by: Option<String>,
    embed: Option<u8>,
}

impl Runtime<'_> {
    /// Makes a link to an account's transcript, or finds the one that the same request made.
    pub(crate) async fn share(
        &self,
        account: &str,
        id: &str,
        link: &Link,
        origin: &str,
        now: UnixMs,
    ) -> Result<SharedTranscript, EdgeError> {
        let Link {
            hash,
            made_by,
            expires_at,
            embed,
            ..
        } = link;
        let until = expires_at.map(|at| at.0);
        let statements = json!([
            [
                MAKE,
                hash,
                now.0,
                until,
                made_by,
                id,
                account,
                MAX_LINKS,
                u8::from(*embed)
            ],
            [MADE, hash, now.0, id, account],
        ]);
        let given: Result<Vec<Given<MadeRow>>, PortError> = self.query(&statements).await;
        let given = given.map_err(EdgeError::DatabaseUnavailable)?;
        let row = given.into_iter().flat_map(|given| given.rows).next();
        let row = row.ok_or(EdgeError::NotFound("transcript"))?;
        let Some(created_at) = row.created_at else {
            return Err(EdgeError::TooManyLinks(MAX_LINKS));
        };
        if row.made_by != *made_by {
            return Err(EdgeError::IdempotencyKeyReused);
        }
        Ok(SharedTranscript {
            url: link.url(origin),
            created_at: UnixMs(created_at).seconds(),
            expires_at: row.expires_at.map(|at| UnixMs(at).seconds()),
            embed: row.embed == Some(1),
        })
    }

    /// Ends all links to an account's transcript; whether that is there.
    pub(crate) async fn unshare(
        &self,
        account: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<bool, PortError> {
        let statements = json!([[END, now.0, id, account], [IS_THERE, now.0, id, account]]);
        let given: Vec<Given<Value>> = self.query(&statements).await?;
        Ok(given.iter().any(|given| !given.rows.is_empty()))
    }
}
