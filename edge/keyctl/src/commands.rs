//! The commands on keys: create, list, show, revoke.

use std::collections::BTreeSet;
use std::io::Write;

use edge_core::admin::MAX_PAGE;
use edge_core::key_record::{KeyRecord, KeySummary, Scope};
use edge_core::limit::check_all;

use crate::cli::{ApiArgs, CreateArgs, ListArgs, OneKeyArgs};
use crate::client::Client;
use crate::connection::Connection;
use crate::error::Error;
use crate::limit_spec::spec;
use crate::note;
use crate::table::{columns, details, printable};
use crate::time_spec::{now, utc};
use crate::wire::{KeyPage, NewKey};

/// Most pages that `list --all` reads: at 1,000 keys each, more than one listing should hold.
const MAX_PAGES: usize = 1_000;

/// Makes a key. Standard output gets the key alone, or the API's JSON.
pub(crate) fn create(args: Box<CreateArgs>, out: &mut impl Write) -> Result<(), Error> {
    let CreateArgs {
        name,
        owner,
        scopes,
        models,
        limits,
        expires_at,
        expires_in,
        metadata,
        disabled,
        api,
    } = *args;
    if !limits.is_empty() {
        check_all(&limits).map_err(|e| Error::Usage(format!("--limit: {e}")))?;
    }
    let wish = NewKey {
        name,
        owner,
        scopes,
        models,
        limits,
        enabled: !disabled,
        expires_at: expires_at
            .or_else(|| expires_in.map(|time| now().saturating_add(time.as_secs()))),
        metadata,
    };

    let answer = client(&api)?.create(&wish)?;
    let record = &answer.value.record;
    let shown = if api.json {
        answer.json.trim_end()
    } else {
        &answer.value.key
    };
    writeln!(out, "{shown}")
        .and_then(|()| out.flush())
        .map_err(|cause| Error::KeyNotShown {
            id: record.id.clone(),
            cause,
        })?;
    if !api.json {
        note(record_table(record, now()).trim_end());
    }
    note("This key is shown once and kept nowhere: store it now.");
    Ok(())
}

/// Lists keys: one page, or all of them.
pub(crate) fn list(args: &ListArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = client(&args.api)?;
    let (json, page) = if args.all {
        let page = every_page(&client, args)?;
        let json = serde_json::to_string(&page).map_err(std::io::Error::from)?;
        (json, page)
    } else {
        let answer = client.list(args.owner.as_deref(), args.cursor.as_deref(), args.limit)?;
        (answer.json, answer.value)
    };
    // Read in both cases: a page that is none is an error, for programs too.
    let keys = page
        .summaries()
        .map_err(|_| client.unexpected("an entry that is no key"))?;
    if args.api.json {
        writeln!(out, "{}", json.trim_end())?;
    } else {
        write!(out, "{}", listing(&keys, now()))?;
        if let Some(cursor) = &page.next_cursor {
            let cursor = printable(cursor);
            note(&format!("There are more: --cursor '{cursor}', or --all."));
        }
    }
    Ok(out.flush()?)
}

/// Shows one key's record.
pub(crate) fn show(args: &OneKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let answer = client(&args.api)?.show::<KeyRecord>(&args.id)?;
    if args.api.json {
        writeln!(out, "{}", answer.json.trim_end())?;
    } else {
        write!(out, "{}", record_table(&answer.value, now()))?;
    }
    Ok(out.flush()?)
}

/// Revokes a key. Under `--json` the API's body, which is empty.
pub(crate) fn revoke(args: &OneKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let body = client(&args.api)?.revoke(&args.id)?;
    if args.api.json {
        write!(out, "{body}")?;
    } else {
        writeln!(out, "revoked {}", printable(&args.id))?;
    }
    Ok(out.flush()?)
}

fn client(args: &ApiArgs) -> Result<Client, Error> {
    Ok(Client::new(Connection::find(args)?, args.timeout))
}

fn every_page(client: &Client, args: &ListArgs) -> Result<KeyPage, Error> {
    let mut all = KeyPage::default();
    let mut seen = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let limit = args.limit.unwrap_or(MAX_PAGE);
        let page = client.list(args.owner.as_deref(), cursor.as_deref(), Some(limit))?;
        all.data.extend(page.value.data);
        let Some(next) = page.value.next_cursor else {
            return Ok(all);
        };
        // A page may be empty and not the last; a cursor seen before would never end.
        if seen.len() == MAX_PAGES || !seen.insert(next.clone()) {
            return Err(client.unexpected("a listing without an end"));
        }
        cursor = Some(next);
    }
}

/// What the edge would say of a key, limits apart; the order is that of [`edge_core::verify`].
const fn status(
    enabled: bool,
    expires_at: Option<u64>,
    revoked_at: Option<u64>,
    now: u64,
) -> &'static str {
    match (revoked_at, enabled, expires_at) {
        (Some(_), _, _) => "revoked",
        (None, false, _) => "disabled",
        (None, true, Some(at)) if now >= at => "expired",
        _ => "active",
    }
}

fn listing(keys: &[KeySummary], now: u64) -> String {
    let rows: Vec<[String; 7]> = keys
        .iter()
        .map(|key| {
            [
                key.id.clone(),
                key.name.clone(),
                format!("{}…", key.start),
                key.owner.clone().unwrap_or_else(|| "-".to_owned()),
                status(key.enabled, key.expires_at, key.revoked_at, now).to_owned(),
                utc(key.created_at),
                key.expires_at.map_or_else(|| "never".to_owned(), utc),
            ]
        })
        .collect();
    let header = ["ID", "NAME", "KEY", "OWNER", "STATUS", "CREATED", "EXPIRES"];
    columns(header, &rows)
}

fn record_table(key: &KeyRecord, now: u64) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    let mut rows = vec![
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("key", format!("{}…", key.start)),
        ("owner", key.owner.clone().unwrap_or_else(|| "-".to_owned())),
        (
            "status",
            status(key.enabled, key.expires_at, key.revoked_at, now).to_owned(),
        ),
        (
            "scopes",
            joined(
                key.scopes
                    .iter()
                    .map(|&s| Scope::as_str(s).to_owned())
                    .collect(),
            ),
        ),
        ("models", joined(key.models.clone())),
        ("limits", joined(key.limits.iter().map(spec).collect())),
        ("created", utc(key.created_at)),
        (
            "expires",
            key.expires_at.map_or_else(|| "never".to_owned(), utc),
        ),
    ];
    if let Some(at) = key.revoked_at {
        rows.push(("revoked", utc(at)));
    }
    if let Some(metadata) = &key.metadata {
        let json = serde_json::to_string(metadata).unwrap_or_default();
        rows.push(("metadata", json));
    }
    rows.push(("version", key.version.to_string()));
    details(&rows)
}

#[cfg(test)]
mod tests {
    use edge_core::ports::UnixMs;
    use edge_core::testing::record;
    use edge_core::verify::{Verdict, verify};

    use super::*;

    #[test]
    fn the_status_shown_is_the_verdict_of_the_edge() {
        let now = 1_790_000_000;
        for revoked_at in [None, Some(1)] {
            for enabled in [true, false] {
                for expires_at in [None, Some(now - 1), Some(now), Some(now + 1)] {
                    let mut key = record("key_1");
                    key.enabled = enabled;
                    key.expires_at = expires_at;
                    key.revoked_at = revoked_at;
                    let wanted = match verify(&key, None, UnixMs(now * 1000)) {
                        Verdict::Valid => "active",
                        Verdict::Revoked => "revoked",
                        Verdict::Disabled => "disabled",
                        Verdict::Expired => "expired",
                        Verdict::InsufficientScope(_) => "none",
                    };
                    assert_eq!(status(enabled, expires_at, revoked_at, now), wanted);
                }
            }
        }
    }

    #[test]
    fn a_record_is_shown_whole_in_utc_with_its_limits_as_flags_write_them() {
        let mut key = record("key_1");
        key.owner = Some("acme".into());
        key.expires_at = Some(1_790_000_000);
        key.revoked_at = Some(1_790_000_001);
        key.metadata = crate::wire::parse_metadata(r#"{"team":"a"}"#).ok();
        let table = record_table(&key, 0);
        for line in [
            "id        key_1",
            "key       wk_live_0000…",
            "owner     acme",
            "status    revoked",
            "scopes    transcribe, translate",
            "models    *",
            "limits    minute=100/60s",
            "created   2026-09-21 14:13:20 UTC",
            "expires   2026-09-21 14:13:20 UTC",
            "revoked   2026-09-21 14:13:21 UTC",
            r#"metadata  {"team":"a"}"#,
            "version   1",
        ] {
            assert!(table.lines().any(|l| l == line), "{line}\n{table}");
        }
    }
}
