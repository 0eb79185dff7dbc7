//! The commands: flags in, one or more calls of the API, output.

pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod hosts;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod many;
pub(crate) mod owners;
pub(crate) mod plans;
pub(crate) mod root_keys;
pub(crate) mod transcribe;
pub(crate) mod update;
pub(crate) mod usage;
pub(crate) mod verify;
pub(crate) mod webhooks;

use std::collections::BTreeSet;
use std::io::Write;

use edge_core::admin::MAX_PAGE;
use edge_core::limit::{Limit, check_all};

use crate::cli::key::{ExpiryArgs, PageArgs};
use crate::cli::{ApiArgs, CallArgs};
use crate::client::{Answer, Client};
use crate::connection::Connection;
use crate::error::{Error, Repeat};
use crate::idempotency::given_or_random;
use crate::key_view::key_table;
use crate::note;
use crate::table::printable;
use crate::time_spec::now;
use crate::wire::{KeyView, Page};

/// Most pages that `--all` reads: at 1,000 entries each, more than one listing should hold.
const MAX_PAGES: usize = 1_000;

fn client(args: &ApiArgs) -> Result<Client, Error> {
    Ok(Client::new(Connection::find(args)?, args.timeout))
}

/// A client with an API key.
fn caller(url: Option<&str>, args: &CallArgs) -> Result<Client, Error> {
    let connection = Connection::find_for_caller(url, args.api_key.as_ref())?;
    Ok(Client::new(connection, args.timeout))
}

/// Prints an answer: the API's JSON as it came, or a table.
fn print<T>(
    answer: &Answer<T>,
    json: bool,
    out: &mut impl Write,
    table: impl FnOnce(&T) -> String,
) -> Result<(), Error> {
    if json {
        writeln!(out, "{}", answer.json.trim_end())?;
    } else {
        write!(out, "{}", table(&answer.value))?;
    }
    Ok(out.flush()?)
}

/// Prints what was done where the API answers with nothing, or that nothing.
fn print_done(body: &str, json: bool, out: &mut impl Write, done: &str) -> Result<(), Error> {
    if json {
        write!(out, "{body}")?;
    } else {
        writeln!(out, "{}", printable(done))?;
    }
    Ok(out.flush()?)
}

/// Shows a key that was made or rotated, the only time. Standard output gets the key alone, or the
/// API's JSON.
fn show_key(
    client: &Client,
    answer: &Answer<KeyView>,
    json: bool,
    out: &mut impl Write,
    repeat: Repeat,
) -> Result<(), Error> {
    let record = &answer.value.record;
    let key = answer.value.key.as_ref();
    let key = key.ok_or_else(|| client.unexpected("no key where one was made"))?;
    let shown = if json { answer.json.trim_end() } else { key };
    writeln!(out, "{shown}")
        .and_then(|()| out.flush())
        .map_err(|cause| Error::KeyNotShown {
            id: record.id.clone(),
            cause,
            repeat,
        })?;
    if !json {
        note(key_table(&answer.value, now()).trim_end());
    }
    note("This key is shown once and kept nowhere: store it now.");
    Ok(())
}

/// `1 key`, `2 keys`.
fn number_of_keys(count: usize) -> String {
    format!("{count} {}", if count == 1 { "key" } else { "keys" })
}

/// How this call can be repeated.
fn repeat(given: Option<&str>, expiry: Option<&ExpiryArgs>) -> Result<Repeat, Error> {
    let in_time = expiry.is_some_and(|expiry| expiry.expires_in.is_some());
    if given.is_some() && in_time {
        // It counts from now: the body would be another one, and the API would refuse it.
        let message = "--idempotency-key repeats a call exactly: give the --expires-at that its error named, not --expires-in";
        return Err(Error::Usage(message.to_owned()));
    }
    Ok(Repeat {
        key: given_or_random(given)?,
        call: None,
        expires_at: None,
    })
}

/// The instant that the flags mean.
fn expires_at(expiry: &ExpiryArgs) -> Option<u64> {
    let in_time = expiry
        .expires_in
        .map(|time| now().saturating_add(time.as_secs()));
    expiry.expires_at.or(in_time)
}

fn check_limits(limits: &[Limit]) -> Result<(), Error> {
    check_all(limits).map_err(|e| Error::Usage(format!("--limit: {e}")))
}

/// One page, or all of them as one; with its JSON.
fn pages(
    client: &Client,
    args: &PageArgs,
    page: impl Fn(Option<&str>, Option<u32>) -> Result<Answer<Page>, Error>,
) -> Result<Answer<Page>, Error> {
    if !args.all {
        return page(args.cursor.as_deref(), args.limit);
    }
    let mut all = Page::default();
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let next = page(cursor.as_deref(), args.limit.or(Some(MAX_PAGE)))?;
        all.data.extend(next.value.data);
        let Some(next) = next.value.next_cursor else {
            let json = serde_json::to_string(&all).map_err(std::io::Error::from)?;
            return Ok(Answer { json, value: all });
        };
        // A page may be empty and not the last; a cursor seen before would never end.
        if seen.len() == MAX_PAGES || !seen.insert(next.clone()) {
            return Err(client.unexpected("a listing without an end"));
        }
        cursor = Some(next);
    }
}

/// Prints a listing, and where it goes on.
fn print_pages(
    page: &Answer<Page>,
    json: bool,
    out: &mut impl Write,
    table: String,
) -> Result<(), Error> {
    print(page, json, out, |_| table)?;
    if let (Some(cursor), false) = (&page.value.next_cursor, json) {
        let cursor = printable(cursor);
        note(&format!("There are more: --cursor '{cursor}', or --all."));
    }
    Ok(())
}
