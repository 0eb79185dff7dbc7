//! Pages of an account's transcripts, newest first.

use serde::Serialize;

use super::search::expression;
use super::shown::TranscriptSummary;
use super::{account_hash, serial};
use crate::config::Settings;
use crate::error::{EdgeError, invalid};
use crate::paging::{self, page_size, unix_ms};
use crate::ports::UnixMs;

/// Parameters of a listing, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TranscriptFilter {
    /// Words that must be in the text or the name.
    pub q: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// Unix seconds of the oldest.
    pub from: Option<String>,
    /// Unix seconds after the newest.
    pub to: Option<String>,
    /// At most so many, 1 to 1,000 (100 if left out).
    pub limit: Option<String>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A page of transcripts, newest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct TranscriptList {
    /// The transcripts.
    pub data: Vec<TranscriptSummary>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// What is asked of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptQuery {
    /// Whose.
    pub account: String,
    /// What the index of words is asked; none: it is not asked.
    pub words: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// Serial number of the oldest.
    pub from: u64,
    /// Serial number after the newest.
    pub before: u64,
    /// What has expired by then is not there.
    pub now: UnixMs,
    /// At most so many.
    pub limit: u32,
}

fn question(account: &str, filter: &TranscriptFilter) -> String {
    let TranscriptFilter {
        q,
        language,
        from,
        to,
        limit: _,
        cursor: _,
    } = filter;
    format!("transcripts {account} {q:?} {language:?} {from:?} {to:?}")
}

/// Reads the parameters. The query is for one more than a page holds.
///
/// # Errors
/// A parameter that is wrong.
pub fn query(
    settings: &Settings,
    account: &str,
    filter: &TranscriptFilter,
    now: UnixMs,
) -> Result<TranscriptQuery, EdgeError> {
    let limit = page_size(filter.limit.as_deref())?;
    let from = unix_ms("from", filter.from.as_deref())?;
    let to = unix_ms("to", filter.to.as_deref())?;
    if let Some(language) = &filter.language
        && !(2..=3).contains(&language.len())
    {
        let message = "`language` must be a code of ISO 639-1.";
        return Err(invalid("language", message.to_owned()));
    }
    let words = filter.q.as_deref();
    let words = words.map(|q| expression(&account_hash(account), q));
    let before = match filter.cursor.as_deref() {
        None => to.map_or(serial::END, |to| serial::first_of(UnixMs(to))),
        Some(cursor) => {
            let place = paging::open(settings, &question(account, filter), cursor)?;
            place.parse().unwrap_or_default()
        }
    };
    Ok(TranscriptQuery {
        account: account.to_owned(),
        words: words.transpose()?,
        language: filter.language.clone(),
        from: from.map_or(0, |from| serial::first_of(UnixMs(from))),
        before,
        now,
        limit: limit + 1,
    })
}

/// The page of what the query gave: serial numbers and transcripts.
pub fn next_page(
    settings: &Settings,
    account: &str,
    filter: &TranscriptFilter,
    limit: u32,
    mut found: Vec<(u64, TranscriptSummary)>,
) -> TranscriptList {
    // The query was for one more.
    let most = limit.saturating_sub(1) as usize;
    let more = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| more);
    let next_cursor = last
        .map(|(serial, _)| paging::seal(settings, &question(account, filter), &serial.to_string()));
    TranscriptList {
        data: found.into_iter().map(|(_, summary)| summary).collect(),
        next_cursor,
    }
}
