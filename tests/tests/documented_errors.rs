//! The README's table of errors is the truth: no code more, none less.

use std::collections::BTreeSet;

use e2e::environment;
use edge_core::error::EdgeError;

type Row = (u16, String);

/// Rows ``| 401 | `invalid_api_key` | cause | cure |``.
fn rows(readme: &str) -> Vec<Row> {
    let cells = |line: &str| -> Option<Row> {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let status = cells.next()?.parse().ok()?;
        let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let explained = cells.filter(|cell| !cell.is_empty()).count() > 0;
        assert!(explained, "no cause is given: {line}");
        Some((status, code.to_owned()))
    };
    readme.lines().filter_map(cells).collect()
}

#[test]
fn the_readmes_table_of_errors_is_equal_to_the_code() {
    let readme = std::fs::read_to_string(environment::repository().join("README.md"));
    let listed = rows(&readme.expect("README.md"));
    let documented: BTreeSet<Row> = listed.iter().cloned().collect();
    assert_eq!(documented.len(), listed.len(), "a code is listed twice");
    let edge = EdgeError::one_of_each().into_iter().map(|error| {
        let answer = error.answer();
        (answer.status, answer.code.to_owned())
    });
    let service = inference::Error::ALL_CODES.map(|(code, status)| (status, code.to_owned()));
    let real: BTreeSet<Row> = edge.chain(service).collect();
    let missing: Vec<_> = real.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&real).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "README.md lacks {missing:?}; only it has {invented:?}"
    );
}
