//! The audit: who changed what, newest first.

use std::io::Write;

use edge_core::change::AuditEvent;
use serde_json::{Map, Value};

use crate::cli::report::AuditArgs;
use crate::error::Error;
use crate::path::ApiPath;
use crate::table::{columns, shortened};
use crate::time_spec::utc;

use super::{client, pages, print_pages};

/// Columns that a change takes at most; `--json` has it whole.
const CHANGE_COLUMNS: usize = 80;

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
    let rows: Vec<[String; 7]> = events
        .iter()
        .map(|event| {
            [
                utc(event.at / 1000),
                event.actor.clone(),
                event.action.clone(),
                event.target.clone(),
                event.owner.clone().unwrap_or_else(|| "-".to_owned()),
                event.request_id.clone(),
                shortened(
                    &change(event.before.as_ref(), event.after.as_ref()),
                    CHANGE_COLUMNS,
                ),
            ]
        })
        .collect();
    let header = [
        "TIME", "ACTOR", "ACTION", "TARGET", "OWNER", "REQUEST", "CHANGE",
    ];
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
        (before, after) => format!("{before} → {after}"),
    }
}

fn fields(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let names: Vec<&String> = after.keys().chain(gone).collect();
    let lines = names
        .into_iter()
        .filter_map(|name| match (before.get(name), after.get(name)) {
            (was, is) if was == is => None,
            (None, Some(is)) => Some(format!("{name}: {is}")),
            (Some(was), None) => Some(format!("{name}: {was} → none")),
            (Some(was), Some(is)) => Some(format!("{name}: {was} → {is}")),
            (None, None) => None,
        });
    lines.collect::<Vec<_>>().join(", ")
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
        ] {
            assert_eq!(change(Some(&before), Some(&after)), told);
        }
        assert_eq!(change(None, None), "");
    }
}
