//! Text as HTML.

use serde_json::Value;

pub(super) use crate::html::escape;

/// A string of the document; empty where there is none.
pub(super) fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A list of the document; empty where there is none.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// One paragraph of the Markdown that doc comments are written in: only code has a meaning here.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escape(part);
        if at % 2 == 0 {
            html += &part;
        } else {
            html += &format!("<code>{part}</code>");
        }
    }
    html
}

/// Paragraphs, which an empty line separates.
pub(super) fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|part| !part.is_empty());
    paragraphs
        .map(|part| format!("<p>{}</p>\n", inline(part)))
        .collect()
}

/// A table that scrolls by itself where it is too wide.
pub(super) fn table(heads: &[&str], rows: impl Iterator<Item = String>) -> String {
    let heads: String = heads
        .iter()
        .map(|head| format!("<th scope=\"col\">{head}</th>"))
        .collect();
    let rows: String = rows.collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}
