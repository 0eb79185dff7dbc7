//! The audit: who changed what, newest first.

use std::io::Write;

use edge_core::change::AuditEvent;
use edge_core::credits::Credits;
use edge_core::limit::Limit;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::cli::report::AuditArgs;
use crate::credits_spec::spec;
use crate::error::Error;
use crate::limit_spec::specs;
use crate::path::ApiPath;
use crate::table::{columns, shortened};
use crate::time_spec::utc;

use super::{client, pages, print_pages};

/// Columns that a change takes at most; `--json` has it whole.
const CHANGE_COLUMNS: usize = 80;
/// Fields that every change of a record moves, or that stand in another column: they say nothing.
const SILENT: [&str; 6] = [
    "created_at",
    "generation",
    "id",
    "key_id",
    "owner",
    "version",
];
/// Fields that say most, told first.
const FIRST: [&str; 2] = ["name", "plan"];

/// Lists lines of the audit: one page, or all of them.
pub(crate) fn audit(args: &AuditArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = client(&args.api)?;
    let (from, to) = (
        args.from.map(|at| at.to_string()),
        args.to.map(|at| at.to_string()),
    );
    let answer = pages(&client, &args.page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        client.get(&ApiPath::of("/admin/audit").query(&[
            ("actor", args.actor.as_deref()),
            ("action", args.action.as_deref()),
            ("target", args.target.as_deref()),
            ("owner", args.owner.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("limit", limit.as_deref()),
            ("cursor", cursor),
        ]))
    })?;
    let events: Vec<AuditEvent> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no line of the audit"))?;
    print_pages(&answer, args.api.json, out, table(&events))
}

fn table(events: &[AuditEvent]) -> String {
    let rows: Vec<[String; 6]> = events
        .iter()
        .map(|event| {
            [
                utc(event.at / 1000),
                event.actor.clone(),
                event.action.clone(),
                event.target.clone(),
                event.owner.clone().unwrap_or_else(|| "-".to_owned()),
                shortened(
                    &change(event.before.as_ref(), event.after.as_ref()),
                    CHANGE_COLUMNS,
                ),
            ]
        })
        .collect();
    let header = ["TIME", "ACTOR", "ACTION", "TARGET", "OWNER", "CHANGE"];
    columns(header, &rows)
}

/// A change in one line: the fields in which both differ, or the one that there is.
fn change(before: Option<&Value>, after: Option<&Value>) -> String {
    let empty = Map::new();
    match (
        before.unwrap_or(&Value::Null),
        after.unwrap_or(&Value::Null),
    ) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Object(before), Value::Object(after)) => fields(before, after),
        (Value::Null, Value::Object(after)) => fields(&empty, after),
        (before, after) => {
            // The limits of an owner are no record's field: they are all that changed.
            let told = |value| told("limits", value);
            format!("{} → {}", told(before), told(after))
        }
    }
}

fn fields(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<&String> = after
        .keys()
        .chain(gone)
        .filter(|name| !SILENT.contains(&name.as_str()))
        .collect();
    names.sort_by_key(|name| {
        FIRST
            .iter()
            .position(|first| first == name)
            .unwrap_or(FIRST.len())
    });
    let lines = names.into_iter().filter_map(|name| {
        let told = |value| told(name, value);
        match (before.get(name), after.get(name)) {
            (was, is) if was == is => None,
            // A new one that has nothing there needs no word.
            (None, Some(Value::Array(is))) if is.is_empty() => None,
            (None, Some(is)) => Some(format!("{name}: {}", told(is))),
            (Some(was), None) => Some(format!("{name}: {} → none", told(was))),
            (Some(was), Some(is)) => Some(format!("{name}: {} → {}", told(was), told(is))),
            (None, None) => None,
        }
    });
    lines.collect::<Vec<_>>().join(", ")
}

/// A value as keyctl writes it elsewhere too: times of UTC, limits and credits as flags take them.
fn told(name: &str, value: &Value) -> String {
    let text = match (name, value) {
        ("start", Value::String(start)) => Some(format!("{start}…")),
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) if name.ends_with("_at") => number.as_u64().map(utc),
        ("limits", limits) => Vec::<Limit>::deserialize(limits).ok().map(|l| specs(&l)),
        ("credits", credits) => Credits::deserialize(credits).ok().map(|c| spec(&c)),
        _ => None,
    };
    text.unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_is_told_by_the_fields_that_differ() {
        for (before, after, told) in [
            (json!(null), json!(null), ""),
            (json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3}), "b: 2 → 3"),
            (json!({"a": 1}), json!({}), "a: 1 → none"),
            (json!({}), json!({"a": [1]}), "a: [1]"),
            (json!(null), json!({"a": 1}), "a: 1"),
            (json!({"a": 1}), json!(null), r#"{"a":1} → null"#),
            (json!([1]), json!([2]), "[1] → [2]"),
            (
                json!([]),
                json!([{"name": "day", "kind": "quota", "unit": "requests", "limit": 9, "period": "day"}]),
                "- → day=9/day",
            ),
            (
                json!(null),
                json!({"limits": [], "start": "wk_live_0000", "name": "a", "credits": {"balance": 7, "refill": null}}),
                "name: a, credits: 7, start: wk_live_0000…",
            ),
            (
                json!({"version": 1}),
                json!({"version": 2, "revoked_at": 1_790_000_000, "plan": "pro", "name": "a"}),
                "name: a, plan: pro, revoked_at: 2026-09-21 14:13:20 UTC",
            ),
        ] {
            assert_eq!(change(Some(&before), Some(&after)), told);
        }
        assert_eq!(change(None, None), "");
    }
}
