//! What the fuzzers began with and what they found goes through their checks at every test, without a fuzzer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this is a test, its helper functions too"
)]

use std::path::Path;

/// Runs every file of the target's `seeds`, and of its `cases` where something was found.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut seeds = 0;
    for kind in ["seeds", "cases"] {
        let Ok(files) = std::fs::read_dir(folder.join(kind).join(target)) else {
            assert_eq!(kind, "cases", "no seeds of {target}");
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            println!("{}", path.display());
            check(&std::fs::read(&path).expect("a seed"));
            seeds += 1;
        }
    }
    assert!(seeds >= 5, "{seeds} seeds of {target}");
}

#[test]
fn forms_of_the_fuzzer_are_read_or_refused_as_the_callers_fault() {
    replay("form", inference::fuzzing::form);
}

#[test]
fn sessions_of_the_fuzzer_keep_their_order() {
    replay("realtime", inference::fuzzing::realtime);
}
