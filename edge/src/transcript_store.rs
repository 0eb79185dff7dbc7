//! Kept transcripts in D1, and in R2 where one is too long for a row. Values are bound, never written into a
//! statement. What has expired is not there, whether it was removed yet or not.

use edge_core::ports::{Clock as _, PortError, UnixMs};
use edge_core::transcripts::serial::{PER_MS, first_of, time_of};
use edge_core::transcripts::{
    About, Kept, MAX_ROW_BYTES, Row, TranscriptQuery, TranscriptSummary, account_hash, audio_place,
    folder, place,
};
use inference_api::keeping::Sought;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::Given;
use crate::ports::Runtime;

/// What is found again stays as long as this request would keep it. `max` is NULL where either is: for good.
const FIND: &str = "UPDATE transcripts SET expires_at=max(expires_at,?4) WHERE serial=(\
    SELECT min(serial) FROM transcripts WHERE account=?1 AND audio=?2 AND parameters=?3 \
    AND (expires_at IS NULL OR expires_at>?5)) RETURNING id,account,body";
/// Columns of what is known of a transcript. `?1`: now.
const ABOUT: &str = "t.serial,t.id,t.account,t.expires_at,t.name,t.model,t.task,t.language,t.duration_ms,\
    t.audio_type IS NOT NULL AS has_audio,(SELECT count(*) FROM links WHERE transcript=t.serial AND ended_at IS NULL \
    AND (expires_at IS NULL OR expires_at>?1)) AS links";
const KEEP: &str = "INSERT INTO transcripts(serial,id,account,key_id,expires_at,audio,parameters,name,model,task,\
    language,duration_ms,excerpt,body) SELECT \
    coalesce((SELECT max(serial)+1 FROM transcripts WHERE serial>=?1 AND serial<?1+?2),?1),\
    ?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15 WHERE true ON CONFLICT (id) DO NOTHING";
/// Only where the row is new: its words are not there yet.
const KEEP_WORDS: &str = "INSERT INTO transcript_words(rowid,account,name,words) \
    SELECT serial,?2,?3,?4 FROM transcripts WHERE id=?1 \
    AND NOT EXISTS (SELECT 1 FROM transcript_words WHERE rowid=serial)";
const DELETE: &str = "DELETE FROM transcripts WHERE id=?1 AND account=?2";
const COUNT: &str = "SELECT count(*) AS n FROM transcripts WHERE account=?1";
const EMPTY: &str = "DELETE FROM transcripts WHERE account=?1";
const EXPIRED: &str = "SELECT id,account,body IS NULL OR audio_type IS NOT NULL AS apart FROM transcripts \
    WHERE expires_at<=?1 ORDER BY expires_at LIMIT ?2";

/// The account's transcript of an id. `?1`: now; `?2`: the id; `?3`: the account.
pub(crate) const OWNED: &str = "FROM transcripts t WHERE t.id=?2 AND t.account=?3 \
    AND (t.expires_at IS NULL OR t.expires_at>?1)";
/// The transcript that a link leads to, as long as both last. `?1`: now; `?2`: the link's hash.
pub(crate) const LINKED: &str = "FROM links l JOIN transcripts t ON t.serial=l.transcript \
    WHERE l.hash=?2 AND l.ended_at IS NULL AND (l.expires_at IS NULL OR l.expires_at>?1) \
    AND (t.expires_at IS NULL OR t.expires_at>?1)";

/// A page of an export, newest first. `?1`: now; `?2`: the account; `?3`: only what came before this one; `?4`: so many.
pub(crate) fn page_of_export() -> String {
    format!(
        "SELECT {ABOUT},t.body FROM transcripts t WHERE t.account=?2 AND t.serial<?3 \
         AND (t.expires_at IS NULL OR t.expires_at>?1) ORDER BY t.serial DESC LIMIT ?4"
    )
}

/// How many that have expired are removed at a time.
const AT_A_TIME: usize = 100;
/// How long the row of a link stays that was ended, in milliseconds.
const ENDED_MS: u64 = 86_400_000;

#[derive(Deserialize)]
struct FoundRow {
    id: String,
    account: String,
    body: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct AboutRow {
    serial: u64,
    id: String,
    account: String,
    expires_at: Option<u64>,
    name: Option<String>,
    model: String,
    task: String,
    language: String,
    duration_ms: u64,
    links: u32,
    has_audio: u8,
}

impl AboutRow {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of audio")]
    pub(crate) fn into_about(self) -> About {
        About {
            id: self.id,
            object: "transcript".to_owned(),
            created_at: time_of(self.serial).seconds(),
            expires_at: self.expires_at.map(|at| UnixMs(at).seconds()),
            name: self.name,
            model: self.model,
            task: self.task,
            language: self.language,
            duration: self.duration_ms as f64 / 1000.0,
            links: self.links,
            has_audio: self.has_audio != 0,
        }
    }
}

#[derive(Deserialize)]
struct WholeRow {
    #[serde(flatten)]
    about: AboutRow,
    body: Option<String>,
}

#[derive(Deserialize)]
struct LinkedRow {
    #[serde(flatten)]
    whole: WholeRow,
    embed: u8,
}

#[derive(Deserialize)]
struct ListedRow {
    #[serde(flatten)]
    about: AboutRow,
    excerpt: String,
}

#[derive(Deserialize)]
struct CountRow {
    n: u64,
}

#[derive(Deserialize)]
struct ExpiredRow {
    id: String,
    account: String,
    apart: u8,
}

impl Runtime<'_> {
    /// The canonical form of a row, wherever it stands; `None` if it is gone from the bucket.
    async fn body(&self, found: FoundRow) -> Result<Option<String>, PortError> {
        if found.body.is_some() {
            return Ok(found.body);
        }
        self.bucket_get(&place(&found.account, &found.id)).await
    }

    /// The oldest that is like this: its id and its canonical form.
    pub(crate) async fn find(
        &self,
        sought: &Sought,
        now: UnixMs,
    ) -> Result<Option<(String, String)>, PortError> {
        let like = &sought.likeness;
        let statement = json!([[
            FIND,
            like.account,
            like.audio,
            like.parameters,
            sought.until_ms,
            now.0
        ]]);
        let given: Vec<Given<FoundRow>> = self.query(&statement).await?;
        let Some(found) = first(given) else {
            return Ok(None);
        };
        let id = found.id.clone();
        Ok(self.body(found).await?.map(|body| (id, body)))
    }

    /// Keeps one: as one of the account's, as the answer to its request, or as both. The same again changes nothing.
    pub(crate) async fn keep(&self, kept: &Kept) -> Result<(), PortError> {
        let mut statements = if kept.of.listed {
            self.rows_of(kept).await?
        } else {
            Vec::new()
        };
        let of_transcript = statements.len();
        statements.extend(self.answer_of(kept, self.now()).await?);
        if statements.is_empty() {
            return Ok(());
        }
        let given: Vec<Given<Value>> = self.query(&json!(statements)).await?;
        let of_answer = given.get(of_transcript..).unwrap_or_default();
        self.answer_kept(kept, of_answer).await
    }

    /// The statements that make a transcript one of the account's.
    async fn rows_of(&self, kept: &Kept) -> Result<Vec<Value>, PortError> {
        let Kept {
            of,
            created_at,
            excerpt,
            words,
            task,
            language,
            duration_ms,
            body,
        } = kept;
        let like = &of.likeness;
        let in_row = body.len() <= MAX_ROW_BYTES;
        if !in_row {
            // Before the row: no row may speak of what is not there.
            self.bucket_put(&place(&like.account, &of.id), body).await?;
        }
        Ok(vec![
            json!([
                KEEP,
                first_of(*created_at),
                PER_MS,
                of.id,
                like.account,
                of.key_id,
                of.until_ms,
                like.audio,
                like.parameters,
                of.name,
                of.model,
                task,
                language,
                duration_ms,
                excerpt,
                in_row.then_some(body),
            ]),
            json!([
                KEEP_WORDS,
                of.id,
                account_hash(&like.account),
                of.name,
                words
            ]),
        ])
    }

    /// An account's transcript of this id.
    pub(crate) async fn get(
        &self,
        account: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<Row>, PortError> {
        let get = format!("SELECT {ABOUT},t.body {OWNED}");
        self.whole(&json!([[get, now.0, id, account]])).await
    }

    /// The transcript that a link leads to, and whether its page may stand in a frame of another one.
    pub(crate) async fn linked(
        &self,
        hash: &str,
        now: UnixMs,
    ) -> Result<Option<(Row, bool)>, PortError> {
        let linked = format!("SELECT {ABOUT},t.body,l.embed {LINKED}");
        let given: Vec<Given<LinkedRow>> = self.query(&json!([[linked, now.0, hash]])).await?;
        let Some(LinkedRow { whole, embed }) = first(given) else {
            return Ok(None);
        };
        let row = self.row(whole).await?;
        Ok(row.map(|row| (row, embed != 0)))
    }

    async fn whole(&self, statement: &Value) -> Result<Option<Row>, PortError> {
        let given: Vec<Given<WholeRow>> = self.query(statement).await?;
        match first(given) {
            Some(whole) => self.row(whole).await,
            None => Ok(None),
        }
    }

    async fn row(&self, WholeRow { about, body }: WholeRow) -> Result<Option<Row>, PortError> {
        let found = FoundRow {
            id: about.id.clone(),
            account: about.account.clone(),
            body,
        };
        let body = self.body(found).await?;
        Ok(body.map(|body| Row {
            about: about.into_about(),
            body,
        }))
    }

    /// A page: serial numbers and transcripts, newest first.
    pub(crate) async fn page(
        &self,
        query: &TranscriptQuery,
    ) -> Result<Vec<(u64, TranscriptSummary)>, PortError> {
        let TranscriptQuery {
            account,
            words,
            language,
            from,
            before,
            now,
            limit,
        } = query;
        // The index of words is in the order of serial numbers, too: what is read of it ends with the page. CROSS keeps
        // SQLite from going through the account's transcripts instead (SQLite, "The Next-Generation Query Planner").
        let (source, serial) = match words {
            Some(_) => (
                "transcript_words w CROSS JOIN transcripts t ON t.serial=w.rowid",
                "w.rowid",
            ),
            None => ("transcripts t", "t.serial"),
        };
        let matching = words
            .as_ref()
            .map_or("", |_| " AND transcript_words MATCH ?7");
        let speaking = language.as_ref().map_or("", |_| " AND t.language=?6");
        let statement = format!(
            "SELECT {ABOUT},t.excerpt FROM {source} WHERE t.account=?2 AND {serial}>=?3 AND {serial}<?4 \
             AND (t.expires_at IS NULL OR t.expires_at>?1){speaking}{matching} \
             ORDER BY {serial} DESC LIMIT ?5"
        );
        let mut statement = vec![
            json!(statement),
            json!(now.0),
            json!(account),
            json!(from),
            json!(before),
            json!(limit),
        ];
        match (language, words) {
            (None, None) => {}
            (language, None) => statement.push(json!(language)),
            (language, words) => statement.extend([json!(language), json!(words)]),
        }
        let given: Vec<Given<ListedRow>> = self.query(&json!([statement])).await?;
        let rows = given.into_iter().flat_map(|given| given.rows);
        let page = rows.map(|ListedRow { about, excerpt }| {
            let (serial, about) = (about.serial, about.into_about());
            (serial, TranscriptSummary { about, excerpt })
        });
        Ok(page.collect())
    }

    /// Deletes it; whether it was there.
    pub(crate) async fn delete(&self, account: &str, id: &str) -> Result<bool, PortError> {
        // Before the row: without one nobody would find what stands there, not even to delete it.
        self.forget_apart(account, id).await?;
        let given: Vec<Given<Value>> = self.query(&json!([[DELETE, id, account]])).await?;
        Ok(given.first().is_some_and(|given| given.changes > 0))
    }

    /// Deletes what stands in the bucket of a transcript: itself where it is long, and its audio.
    async fn forget_apart(&self, account: &str, id: &str) -> Result<(), PortError> {
        let names = [place(account, id), audio_place(account, id)];
        self.bucket_delete(&names.join("\n")).await
    }

    /// Deletes all of an account; how many those were.
    pub(crate) async fn empty(&self, account: &str) -> Result<u64, PortError> {
        self.bucket_empty(&folder(account)).await?;
        // The changes of the deletion are no count: those of its trigger are among them.
        let statements = json!([[COUNT, account], [EMPTY, account]]);
        let given: Vec<Given<CountRow>> = self.query(&statements).await?;
        Ok(first(given).map_or(0, |counted| counted.n))
    }

    /// Removes what has expired; how many transcripts those were.
    pub(crate) async fn remove_expired(&self, now: UnixMs) -> Result<usize, PortError> {
        let ended = json!([[
            "DELETE FROM links WHERE ended_at<=?1",
            now.0.saturating_sub(ENDED_MS)
        ]]);
        let _: Vec<Given<Value>> = self.query(&ended).await?;
        let mut removed = 0;
        loop {
            let statement = json!([[EXPIRED, now.0, AT_A_TIME]]);
            let given: Vec<Given<ExpiredRow>> = self.query(&statement).await?;
            let rows: Vec<_> = given.into_iter().flat_map(|given| given.rows).collect();
            for ExpiredRow { id, account, .. } in rows.iter().filter(|row| row.apart != 0) {
                self.forget_apart(account, id).await?;
            }
            let delete = |row: &ExpiredRow| json!([DELETE, row.id, row.account]);
            let statements: Vec<_> = rows.iter().map(delete).collect();
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

fn first<T>(given: Vec<Given<T>>) -> Option<T> {
    given.into_iter().flat_map(|given| given.rows).next()
}
