//! What requests with an `Idempotency-Key` were answered, in D1, and in R2 where one is too long for a row. One whose
//! transcript is the account's leads there; it has no body of its own.

use edge_core::error::EdgeError;
use edge_core::ports::{PortError, UnixMs};
use edge_core::transcripts::{
    ANSWER_MS, Answered, Kept, MAX_ROW_BYTES, answer_folder, answer_place, place,
};
use inference_api::keeping::{Once, Sought};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Given;
use crate::ports::Runtime;

const ANSWERED: &str = "SELECT a.request,a.id,a.listed,iif(a.listed,t.body,a.body) AS body FROM answers a \
    LEFT JOIN transcripts t ON a.listed=1 AND t.id=a.id AND (t.expires_at IS NULL OR t.expires_at>?3) \
    WHERE a.mark=?1 AND a.account=?2 AND a.expires_at>?3 AND (a.listed=0 OR t.id IS NOT NULL)";
/// One that no longer answers makes room for the next.
const MAKE_ROOM: &str = "DELETE FROM answers WHERE mark=?1 AND (expires_at<=?2 OR (listed=1 AND NOT EXISTS (\
    SELECT 1 FROM transcripts t WHERE t.id=answers.id AND (t.expires_at IS NULL OR t.expires_at>?2)))) \
    RETURNING mark,id,account,(listed=0 AND body IS NULL) AS apart";
/// The first answer stays.
const ANSWER: &str =
    "INSERT INTO answers VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT (mark) DO NOTHING";
const FIRST: &str = "SELECT mark,id,account,0 AS apart FROM answers WHERE mark=?1";
const EXPIRED: &str = "SELECT mark,id,account,(listed=0 AND body IS NULL) AS apart FROM answers \
    WHERE expires_at<=?1 ORDER BY expires_at LIMIT ?2";
const REMOVE: &str = "DELETE FROM answers WHERE mark=?1 AND id=?2";
const EMPTY: &str = "DELETE FROM answers WHERE account=?1";

/// How many that have expired are removed at a time.
const AT_A_TIME: usize = 100;

/// A transcript that answers a host's question.
pub(crate) struct Found {
    /// Its id.
    pub id: String,
    /// The canonical form.
    pub body: String,
    /// Whether it answered the same request before.
    pub again: bool,
}

#[derive(Deserialize)]
struct PlacedRow {
    mark: String,
    id: String,
    account: String,
    apart: u8,
}

impl PlacedRow {
    fn place(&self) -> String {
        answer_place(&self.account, &self.id)
    }
}

impl Runtime<'_> {
    /// What a host looks for: what answered the same request, or else a transcript like the one it would make.
    pub(crate) async fn look_for(
        &self,
        sought: &Sought,
        now: UnixMs,
    ) -> Result<Option<Found>, EdgeError> {
        if let Some(once) = &sought.once
            && let Some(found) = self.answered(once, sought, now).await?
        {
            return Ok(Some(found));
        }
        if !sought.listed {
            return Ok(None);
        }
        let alike = self.find(sought, now).await;
        let alike = alike.map_err(EdgeError::DatabaseUnavailable)?;
        let Some((id, body)) = alike else {
            return Ok(None);
        };
        if let Some(once) = &sought.once {
            // Nothing will be brought: this is the answer.
            let account = &sought.likeness.account;
            let answer = answer(once, account, &id, true, None, now);
            let given: Vec<Given<Value>> = self
                .query(&json!([[MAKE_ROOM, once.key, now.0], answer]))
                .await
                .map_err(EdgeError::DatabaseUnavailable)?;
            self.clear(given.first())
                .await
                .map_err(EdgeError::DatabaseUnavailable)?;
        }
        let again = false;
        Ok(Some(Found { id, body, again }))
    }

    async fn answered(
        &self,
        once: &Once,
        sought: &Sought,
        now: UnixMs,
    ) -> Result<Option<Found>, EdgeError> {
        let account = &sought.likeness.account;
        let statement = json!([[ANSWERED, once.key, account, now.0]]);
        let given: Result<Vec<Given<Answered>>, PortError> = self.query(&statement).await;
        let given = given.map_err(EdgeError::DatabaseUnavailable)?;
        let Some(row) = given.into_iter().flat_map(|given| given.rows).next() else {
            return Ok(None);
        };
        row.answers(once, sought)?;
        let Answered {
            id, listed, body, ..
        } = row;
        let body = if body.is_some() {
            body
        } else {
            let place = if listed == 0 {
                answer_place(account, &id)
            } else {
                place(account, &id)
            };
            let text = self.bucket_get(&place).await;
            text.map_err(EdgeError::DatabaseUnavailable)?
        };
        let again = true;
        Ok(body.map(|body| Found { id, body, again }))
    }

    /// The statements by which a transcript becomes the answer to its request, if that may come again; what they give
    /// is for [`answer_kept`](Self::answer_kept).
    pub(crate) async fn answer_of(
        &self,
        kept: &Kept,
        now: UnixMs,
    ) -> Result<Vec<Value>, PortError> {
        let of = &kept.of;
        let Some(once) = &of.once else {
            return Ok(Vec::new());
        };
        let account = &of.likeness.account;
        let in_row = kept.body.len() <= MAX_ROW_BYTES;
        if !of.listed && !in_row {
            // Before the row: no row may speak of what is not there.
            let place = answer_place(account, &of.id);
            self.bucket_put(&place, &kept.body).await?;
        }
        let body = (!of.listed && in_row).then_some(kept.body.as_str());
        // The day begins with the answer, however late the database hears of it.
        let answer = answer(once, account, &of.id, of.listed, body, kept.created_at);
        Ok(vec![
            json!([MAKE_ROOM, once.key, now.0]),
            answer,
            json!([FIRST, once.key]),
        ])
    }

    /// Clears away what no row speaks of any more: the body of an answer that made room, and this one's where another
    /// was the first.
    pub(crate) async fn answer_kept(
        &self,
        kept: &Kept,
        given: &[Given<Value>],
    ) -> Result<(), PortError> {
        let [gone, _, first] = given else {
            return Ok(());
        };
        self.clear(Some(gone)).await?;
        let is_first = placed(first).iter().any(|row| row.id == kept.of.id);
        if !is_first && !kept.of.listed && kept.body.len() > MAX_ROW_BYTES {
            let place = answer_place(&kept.of.likeness.account, &kept.of.id);
            self.bucket_delete(&place).await?;
        }
        Ok(())
    }

    async fn clear(&self, gone: Option<&Given<Value>>) -> Result<(), PortError> {
        for row in gone.map(placed).unwrap_or_default() {
            if row.apart != 0 {
                self.bucket_delete(&row.place()).await?;
            }
        }
        Ok(())
    }

    /// Forgets all answers of an account.
    pub(crate) async fn forget_answers(&self, account: &str) -> Result<(), PortError> {
        self.bucket_empty(&answer_folder(account)).await?;
        let _: Vec<Given<Value>> = self.query(&json!([[EMPTY, account]])).await?;
        Ok(())
    }

    /// Removes the answers whose day is over; how many those were.
    pub(crate) async fn remove_expired_answers(&self, now: UnixMs) -> Result<usize, PortError> {
        let mut removed = 0;
        loop {
            let statement = json!([[EXPIRED, now.0, AT_A_TIME]]);
            let given: Vec<Given<PlacedRow>> = self.query(&statement).await?;
            let rows: Vec<_> = given.into_iter().flat_map(|given| given.rows).collect();
            for row in rows.iter().filter(|row| row.apart != 0) {
                self.bucket_delete(&row.place()).await?;
            }
            let remove = |row: &PlacedRow| json!([REMOVE, row.mark, row.id]);
            let statements: Vec<_> = rows.iter().map(remove).collect();
            if !statements.is_empty() {
                let _: Vec<Given<Value>> = self.query(&json!(statements)).await?;
            }
            removed += rows.len();
            if rows.len() < AT_A_TIME {
                return Ok(removed);
            }
        }
    }
}

fn answer(
    once: &Once,
    account: &str,
    id: &str,
    listed: bool,
    body: Option<&str>,
    at: UnixMs,
) -> Value {
    let Once { key, request } = once;
    let until = at.plus_ms(ANSWER_MS).0;
    json!([
        ANSWER,
        key,
        account,
        request,
        id,
        u8::from(listed),
        body,
        until
    ])
}

fn placed(given: &Given<Value>) -> Vec<PlacedRow> {
    let rows = given.rows.iter().cloned();
    rows.filter_map(|row| serde_json::from_value(row).ok())
        .collect()
}
