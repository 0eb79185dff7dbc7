//! Servers that are no edge, or a broken one.

use crate::program::{Ended, keyctl};
use crate::server::{Reply, Server};

/// One of every kind that reads an answer.
const COMMANDS: [&str; 36] = [
    "list",
    "list --json",
    "list --all",
    "show key_1",
    "create --name a",
    "update key_1 --name a",
    "enable key_1",
    "rotate key_1",
    "credits key_1 --set 1",
    "import --hash 0000000000000000000000000000000000000000000000000000000000000000 --name a",
    "plan put a --limit a=1/day",
    "plan show a",
    "plan list",
    "owner show a",
    "owner limits a --none",
    "owner purge a --yes",
    "usage",
    "usage key_1",
    "audit",
    "hosts",
    "verify wk_live_1",
    "root-keys list",
    "root-keys create --name a --scope admin:*",
    "jobs list",
    "jobs list --all --json",
    "jobs show job_1",
    "jobs watch job_1",
    "jobs cancel job_1",
    "jobs dead",
    "jobs retry job_1",
    "webhooks list",
    "webhooks create --url https://a.example",
    "webhooks update wh_1 --disable",
    "webhooks rotate wh_1",
    "webhooks test wh_1",
    "webhooks deliveries wh_1",
];

fn not_the_api(ended: &Ended) {
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    assert!(ended.stderr.starts_with("keyctl: "), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let server = Server::start(|_| Reply::Endless);
    let ended = keyctl(&server, &["list"]);
    not_the_api(&ended);
    assert!(
        ended.stderr.contains("more than 16777216 bytes"),
        "{ended:?}"
    );
}

#[test]
fn what_is_not_json_of_the_api_is_no_answer() {
    for body in [
        &b""[..],
        b"null",
        b"<html>It works!</html>",
        b"{}",
        b"[]",
        b"\xff\xfe",
        br#"{"data":[{"id":1}],"next_cursor":null}"#,
        br#"{"data":{},"next_cursor":null}"#,
    ] {
        let server = Server::answering(200, body);
        for command in COMMANDS {
            let words: Vec<&str> = command.split(' ').collect();
            not_the_api(&keyctl(&server, &words));
        }
    }
}

#[test]
fn deeply_nested_json_is_refused_and_harms_nobody() {
    let server = Server::answering(200, "[".repeat(1 << 20));
    not_the_api(&keyctl(&server, &["list"]));
}

#[test]
fn an_error_page_of_something_in_between_is_no_refusal_of_the_api() {
    for status in [400, 401, 403, 404, 500, 502, 503] {
        let server = Server::answering(status, "<html>Bad gateway</html>");
        let ended = keyctl(&server, &["show", "key_1"]);
        not_the_api(&ended);
        assert!(
            ended.stderr.contains(&format!("HTTP {status}")),
            "{ended:?}"
        );
    }
}

#[test]
fn broken_http_is_no_answer() {
    for bytes in [
        &b""[..],
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
    ] {
        let server = Server::start(move |_| Reply::Bytes(bytes.to_vec()));
        not_the_api(&keyctl(&server, &["list"]));
    }
    let server = Server::start(|_| {
        let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
        Reply::Bytes(head.into_bytes())
    });
    not_the_api(&keyctl(&server, &["list"]));
}

#[test]
fn a_listing_that_goes_in_circles_ends() {
    let server = Server::answering(200, r#"{"data":[],"next_cursor":"again"}"#);
    let ended = keyctl(&server, &["list", "--all"]);
    not_the_api(&ended);
    assert!(ended.stderr.contains("without an end"), "{ended:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn an_unreadable_answer_that_may_hold_a_key_is_not_repeated_to_the_screen() {
    let server = Server::answering(201, r#"{"key":"wk_live_secret","id":7}"#);
    let ended = keyctl(&server, &["create", "--name", "a"]);
    not_the_api(&ended);
    assert!(!ended.stderr.contains("secret"), "{ended:?}");
    assert!(ended.stderr.contains("--idempotency-key"), "{ended:?}");
}

#[test]
fn a_creation_that_answers_without_a_key_is_an_error() {
    let record = serde_json::to_string(&edge_core::testing::record("key_1")).unwrap();
    let server = Server::answering(201, record);
    not_the_api(&keyctl(&server, &["create", "--name", "a"]));
    not_the_api(&keyctl(&server, &["rotate", "key_1", "--json"]));
}

#[test]
fn a_message_cannot_drive_the_terminal() {
    let server = Server::answering(
        400,
        r#"{"error":{"message":"\u001b[2Jgone","type":"invalid_request_error","param":null,"code":"a\rb"}}"#,
    );
    let ended = keyctl(&server, &["list"]);
    assert_eq!(ended.code, 1);
    assert!(!ended.stderr.contains(['\x1b', '\r']), "{ended:?}");
}
