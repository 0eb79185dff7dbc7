//! verify: the verdict on a key, and its exit code.

use std::io::Write as _;
use std::process::Stdio;

use edge_core::testing::Memory;
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::{Program, keyctl};
use crate::server::{ROOT_KEY, Server};

#[test]
fn a_good_key_is_valid_and_a_verdict_only_asks() {
    let server = admin_api(Memory::default());
    let made = keyctl(
        &server,
        &[
            "create",
            "--name",
            "a",
            "--owner",
            "acme",
            "--limit",
            "m=1/60s",
            "--scope",
            "translate",
        ],
    );
    let key = made.stdout.trim_end();
    for _ in 0..3 {
        let ended = keyctl(&server, &["verify", key, "--scope", "translate"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.contains("verdict    VALID\n"), "{ended:?}");
        assert!(ended.stdout.contains("owner      acme\n"), "{ended:?}");
        assert!(!format!("{ended:?}").contains(key));
    }
    let request = server.requests().pop().unwrap();
    assert_eq!(request.line(), "POST /v1/keys/verify");
    assert_eq!(
        request.json(),
        json!({"key": key, "scope": "translate", "cost": 0})
    );

    let charged = keyctl(&server, &["verify", key, "--cost", "1"]);
    assert_eq!(charged.code, 0, "{charged:?}");
    let used_up = keyctl(&server, &["verify", key, "--cost", "1"]);
    assert_eq!(used_up.code, 1, "{used_up:?}");
    assert!(used_up.stdout.contains("RATE_LIMITED"), "{used_up:?}");
    assert!(used_up.stdout.contains("try again in"), "{used_up:?}");
    let scope = keyctl(&server, &["verify", key, "--scope", "jobs", "--json"]);
    let verdict: Value = serde_json::from_str(&scope.stdout).unwrap();
    assert_eq!(
        (scope.code, &verdict["code"]),
        (1, &json!("INSUFFICIENT_PERMISSIONS"))
    );
}

#[test]
fn a_key_can_come_from_standard_input() {
    let server = Server::answering(200, r#"{"valid":true,"code":"VALID"}"#);
    let program = Program::new();
    let mut child = program
        .bare()
        .env("EDGE_URL", server.url())
        .env("ADMIN_TOKEN", ROOT_KEY)
        .args(["verify", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"wk_live_1\n")
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(server.request().json()["key"], "wk_live_1");
}

#[test]
fn no_key_and_what_is_too_long_are_not_sent() {
    let server = admin_api(Memory::default());
    let long = "x".repeat(2_000);
    for args in [
        vec!["verify"],
        vec!["verify", ""],
        vec!["verify", "-"],
        vec!["verify", &long],
        vec!["verify", "k", "--scope", "admin:*"],
        vec!["verify", "k", "--cost=-1"],
    ] {
        let ended = keyctl(&server, &args);
        assert_eq!(ended.code, 2, "{args:?}");
        assert!(!ended.stderr.contains(&long));
    }
    assert!(server.requests().is_empty());
    let unknown = keyctl(&server, &["verify", "wk_live_nobodys"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("NOT_FOUND"), "{unknown:?}");
}
