//! What a PromQL expression names. Only as much of the language as is needed to tell metrics and labels from the rest;
//! whether an expression is valid at all is `scripts/check-deploy`'s to say.

/// The names in an expression.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Metrics, as they are selected (`…_bucket`, `…_sum`).
    pub(crate) metrics: Vec<String>,
    /// Labels of matchers and groupings.
    pub(crate) labels: Vec<String>,
    /// Label and value of each matcher; each alternative of a regular expression is one.
    pub(crate) values: Vec<(String, String)>,
}

/// Words after which a list of labels stands.
const GROUPINGS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
/// Other words that are no metric.
const OPERATORS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];

/// Reads an expression.
///
/// # Panics
/// If a bracket or a string is not closed, or a matcher is none.
pub(crate) fn named(expression: &str) -> Named {
    let mut named = Named::default();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = match first {
            '"' => inside(rest, '"').1,
            '[' => inside(rest, ']').1,
            '{' => {
                let (matchers, after) = inside(rest, '}');
                read_matchers(matchers, &mut named);
                after
            }
            c if c.is_ascii_digit() => {
                rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.')
            }
            c if is_word(c) => {
                let (word, after) = word(rest);
                read_word(word, after, &mut named)
            }
            c => &rest[c.len_utf8()..],
        };
        rest = after.trim_start();
    }
    named
}

/// Reads what follows a word as far as the word governs it; the rest is returned.
fn read_word<'a>(word_read: &str, after: &'a str, named: &mut Named) -> &'a str {
    let after = after.trim_start();
    if GROUPINGS.contains(&word_read) && after.starts_with('(') {
        let (list, after) = inside(after, ')');
        let labels = list.split(',').map(str::trim).filter(|l| !l.is_empty());
        named.labels.extend(labels.map(str::to_owned));
        return after;
    }
    let is_call = after.starts_with('(') || GROUPINGS[..2].contains(&word(after).0);
    if !is_call && !GROUPINGS.contains(&word_read) && !OPERATORS.contains(&word_read) {
        named.metrics.push(word_read.to_owned());
    }
    after
}

fn read_matchers(matchers: &str, named: &mut Named) {
    let mut rest = matchers.trim();
    while !rest.is_empty() {
        let (label, after) = word(rest);
        let operator = after.trim_start().trim_start_matches(['=', '!', '~']);
        let value = operator.trim_start();
        assert!(
            !label.is_empty() && value.starts_with('"'),
            "no matcher: {rest}"
        );
        let (value, after) = inside(value, '"');
        named.labels.push(label.to_owned());
        let values = value.split('|').map(|v| (label.to_owned(), v.to_owned()));
        named.values.extend(values);
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
}

/// What stands between the first character and `close`, and what comes after it.
fn inside(text: &str, close: char) -> (&str, &str) {
    text[1..]
        .split_once(close)
        .unwrap_or_else(|| panic!("{close} is missing: {text}"))
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

#[test]
fn metrics_are_told_from_functions_labels_and_numbers() {
    let read = named(
        r#"histogram_quantile(0.95, sum by (le, pod) (rate(a_bucket{x="1",y=~"2|3"}[2m])))
           > 1e3 * avg without (z) (b) / on(q) c or vector(0) offset 5m"#,
    );
    assert_eq!(read.metrics, ["a_bucket", "b", "c"]);
    assert_eq!(read.labels, ["le", "pod", "x", "y", "z", "q"]);
    let values = [("x", "1"), ("y", "2"), ("y", "3")];
    assert_eq!(
        read.values,
        values.map(|(l, v)| (l.to_owned(), v.to_owned()))
    );
}
