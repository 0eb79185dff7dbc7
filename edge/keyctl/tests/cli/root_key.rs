//! `root-key create` with a wrangler that records what it was given.

use std::collections::BTreeMap;
use std::path::Path;

use edge_core::api_key::{KeyEnv, KeyFormat, KeyHash};
use serde_json::Value;

use crate::program::{Ended, Program, end};

const FAKE_WRANGLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/wrangler.sh");

/// Runs it with the recording wrangler, which ends with `exit_code`.
fn create(program: &Program, exit_code: &str, args: &[&str]) -> Ended {
    end(program
        .bare()
        .env("PATH", "/usr/bin:/bin")
        .env("RECORD", program.directory.path())
        .env("EXIT_CODE", exit_code)
        .env("ADMIN_TOKEN", "an-older-root-key")
        .args(["root-key", "create", "--wrangler", FAKE_WRANGLER])
        .args(args))
}

fn recorded(program: &Program, name: &str) -> String {
    std::fs::read_to_string(program.directory.path().join(name)).unwrap()
}

fn is_root_key(text: &str) -> bool {
    KeyFormat::new("wkroot", KeyEnv::Live)
        .unwrap()
        .parse(text)
        .is_ok()
}

#[test]
fn wrangler_gets_the_hash_on_its_standard_input_and_the_key_nowhere() {
    let program = Program::new();
    let ended = create(
        &program,
        "0",
        &["--env", "production", "--config", "a b.toml"],
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let key = ended.stdout.trim_end();
    assert!(is_root_key(key), "{ended:?}");
    assert_eq!(recorded(&program, "stdin"), KeyHash::of(key).to_hex());
    assert_eq!(
        recorded(&program, "args"),
        "secret\nput\nROOT_KEY_SHA256\n--env\nproduction\n--config\na b.toml\n"
    );
    // Neither the new key nor the one in use; and no other file was written.
    for name in ["args", "environment", "stdin"] {
        let text = recorded(&program, name);
        assert!(!text.contains(key) && !text.contains("an-older-root-key"));
    }
    assert_eq!(
        std::fs::read_dir(program.directory.path()).unwrap().count(),
        3
    );
}

#[test]
fn what_wrangler_says_does_not_mix_with_the_key() {
    let ended = create(&Program::new(), "0", &[]);
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    assert!(
        ended.stderr.contains("Success! Uploaded secret"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("shown once"), "{ended:?}");
}

#[test]
fn when_wrangler_fails_no_key_is_shown() {
    let ended = create(&Program::new(), "7", &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.contains("exit status: 7"), "{ended:?}");
}

#[test]
fn without_wrangler_the_way_out_is_told() {
    let program = Program::new();
    let ended = end(program
        .bare()
        .env("PATH", program.directory.path())
        .args(["root-key", "create"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.contains("--wrangler"), "{ended:?}");
}

#[test]
fn the_projects_own_wrangler_goes_before_that_of_the_path() {
    let program = Program::new();
    let bin = program.directory.path().join("node_modules/.bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(Path::new(FAKE_WRANGLER), bin.join("wrangler")).unwrap();
    let ended = end(program
        .bare()
        .env("PATH", "/usr/bin:/bin")
        .env("RECORD", program.directory.path())
        .args(["root-key", "create"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        recorded(&program, "stdin"),
        KeyHash::of(ended.stdout.trim_end()).to_hex()
    );
}

#[test]
fn print_runs_nothing_and_gives_lines_for_the_environment() {
    let program = Program::new();
    let ended = end(program.bare().args(["root-key", "create", "--print"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: BTreeMap<&str, &str> = ended
        .stdout
        .lines()
        .map(|line| line.split_once('=').unwrap())
        .collect();
    assert!(is_root_key(lines["ADMIN_TOKEN"]));
    assert_eq!(
        lines["ROOT_KEY_SHA256"],
        KeyHash::of(lines["ADMIN_TOKEN"]).to_hex()
    );
    assert_eq!(
        std::fs::read_dir(program.directory.path()).unwrap().count(),
        0
    );
}

#[test]
fn json_gives_both_to_programs() {
    let program = Program::new();
    let args = [
        "root-key", "create", "--print", "--json", "--prefix", "acme",
    ];
    let ended = end(program.bare().args(args));
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    let key = json["key"].as_str().unwrap();
    assert!(key.starts_with("acme_live_"), "{ended:?}");
    assert_eq!(json["sha256"], KeyHash::of(key).to_hex());
}

#[test]
fn a_prefix_that_fits_no_key_is_wrong_use() {
    let program = Program::new();
    for prefix in ["", "WK", "a_b", "averyveryverylongprefix"] {
        let ended = end(program
            .bare()
            .args(["root-key", "create", "--print", "--prefix", prefix]));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    }
}
