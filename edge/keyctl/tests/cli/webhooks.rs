//! webhooks: make, list, change, rotate, test, deliveries, delete.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::program::{Ended, Program, end, keyctl};
use crate::server::{API_KEY, Reply, Server};

fn run(server: &Server, command: &str) -> Ended {
    keyctl(server, &command.split_whitespace().collect::<Vec<_>>())
}

fn webhook() -> Value {
    json!({
        "id": "wh_1", "object": "webhook", "name": "hooks\u{1b}[2J", "url": "https://hooks.example/a",
        "events": ["job.succeeded", "job.failed"], "enabled": true, "created_at": 1_790_000_000,
    })
}

fn with_secret() -> String {
    let mut webhook = webhook();
    webhook["secret"] = json!("whsec_1");
    webhook.to_string()
}

const TABLE: &str = "id       wh_1\nname     hooks\u{fffd}[2J\nurl      https://hooks.example/a\n\
    events   job.succeeded, job.failed\nstate    enabled\ncreated  2026-09-21 14:13:20 UTC\n";

#[test]
fn a_webhook_is_made_and_its_secret_is_alone_on_standard_output() {
    let server = Server::answering(201, with_secret());
    let ended = run(
        &server,
        "webhooks create --url https://hooks.example/a --event job.succeeded --event job.failed --name hooks",
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "whsec_1\n"),
        "{ended:?}"
    );
    assert!(ended.stderr.starts_with(TABLE), "{ended:?}");
    assert!(
        ended.stderr.contains("shown once") && !ended.stderr.contains("whsec_1"),
        "{ended:?}"
    );
    let request = server.request();
    assert_eq!(request.line(), "POST /v1/webhooks");
    assert!(request.header("idempotency-key").is_some());
    let bearer = format!("Bearer {API_KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(
        request.json(),
        json!({
            "url": "https://hooks.example/a", "events": ["job.succeeded", "job.failed"], "name": "hooks",
        })
    );
    let ended = run(
        &server,
        "webhooks create --url https://hooks.example/a --json",
    );
    assert_eq!(ended.stdout, format!("{}\n", with_secret()));
    let last = server.requests().pop().unwrap();
    assert_eq!(last.json(), json!({"url": "https://hooks.example/a"}));
}

#[test]
fn a_secret_goes_into_a_new_file_of_its_owner_alone() {
    let server = Server::answering(200, with_secret());
    let program = Program::new();
    let args = [
        "webhooks",
        "rotate",
        "wh_1",
        "--overlap",
        "1d",
        "--secret-out",
        "secret",
    ];
    let ended = end(program.at(&server).args(args));
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    assert_eq!(program.read("secret").unwrap(), "whsec_1\n");
    let path = program.directory.path().join("secret");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let request = server.request();
    assert_eq!(request.line(), "POST /v1/webhooks/wh_1/rotate");
    assert_eq!(request.json(), json!({"overlap_seconds": 86_400}));
    // A file that is there is not touched, and no secret is made for it.
    let ended = end(program.at(&server).args(args));
    assert_eq!((ended.code, server.requests().len()), (2, 1), "{ended:?}");
}

#[test]
fn a_refused_webhook_leaves_no_file_behind() {
    let server = Server::start(|_| Reply::refused(400, "invalid_value"));
    let program = Program::new();
    let args = [
        "webhooks",
        "create",
        "--url",
        "http://x",
        "--secret-out",
        "secret",
    ];
    let ended = end(program.at(&server).args(args));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(program.names().is_empty());
}

#[test]
fn a_secret_whose_answer_was_lost_can_be_had_by_the_hint() {
    let server = Server::start(|_| Reply::Bytes(Vec::new()));
    for command in [
        "webhooks create --url https://a.example",
        "webhooks rotate wh_1",
    ] {
        let ended = run(&server, command);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
        let key = server.requests().pop().unwrap();
        let key = key.header("idempotency-key").unwrap().to_owned();
        assert!(
            ended.stderr.contains(&format!("`--idempotency-key {key}`")),
            "{ended:?}"
        );
    }
}

#[test]
fn an_answer_without_a_secret_is_an_error() {
    let server = Server::answering(201, webhook().to_string());
    for command in [
        "webhooks create --url https://a.example",
        "webhooks rotate wh_1 --json",
    ] {
        let ended = run(&server, command);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
    }
}

#[test]
fn webhooks_are_listed_and_changed() {
    let page = json!({"data": [webhook()], "next_cursor": null});
    let server = Server::answering(200, page.to_string());
    let ended = run(&server, "webhooks list");
    assert_eq!(server.request().line(), "GET /v1/webhooks");
    assert_eq!(
        ended.stdout,
        "ID    NAME       URL                      EVENTS                     STATE    CREATED\n\
         wh_1  hooks\u{fffd}[2J  https://hooks.example/a  job.succeeded, job.failed  enabled  2026-09-21 14:13:20 UTC\n"
    );

    let server = Server::answering(200, webhook().to_string());
    for (flags, body) in [
        (
            "--url https://b.example",
            json!({"url": "https://b.example"}),
        ),
        ("--event job.failed", json!({"events": ["job.failed"]})),
        ("--name b", json!({"name": "b"})),
        ("--no-name --enable", json!({"name": null, "enabled": true})),
        ("--disable", json!({"enabled": false})),
    ] {
        let ended = run(&server, &format!("webhooks update wh_1 {flags}"));
        assert_eq!((ended.code, ended.stdout.as_str()), (0, TABLE), "{ended:?}");
        let request = server.requests().pop().unwrap();
        assert_eq!(request.line(), "PATCH /v1/webhooks/wh_1");
        assert_eq!(request.json(), body, "{flags}");
    }
    let asked = server.requests().len();
    for command in [
        "webhooks update wh_1",
        "webhooks update wh_1 --enable --disable",
        "webhooks update wh_1 --event job.burnt",
        "webhooks create",
        "webhooks create --url https://a.example --json --secret-out x",
    ] {
        assert_eq!(run(&server, command).code, 2, "{command}");
    }
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn the_edge_of_a_webhook_has_a_flag_of_its_own_where_url_is_the_receiver() {
    let server = Server::answering(201, with_secret());
    let program = Program::new();
    let ended = end(program.bare().env("API_KEY", API_KEY).args([
        "webhooks",
        "create",
        "--url",
        "https://hooks.example/a",
        "--edge-url",
        &server.url(),
    ]));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(server.request().json()["url"], "https://hooks.example/a");
}

#[test]
fn a_test_that_was_not_delivered_is_exit_code_1_and_says_why() {
    for (answer, code, shown, words) in [
        (
            json!({"delivered": true, "status": 204, "ms": 12, "error": null}),
            0,
            "delivered  yes\nanswer     HTTP 204\ntook       12 ms\n",
            "",
        ),
        (
            json!({"delivered": false, "status": 500, "ms": 12, "error": null}),
            1,
            "delivered  no\nanswer     HTTP 500\ntook       12 ms\n",
            "not delivered: the receiver answered HTTP 500",
        ),
        (
            json!({"delivered": false, "status": null, "ms": 10_000, "error": "timeout\u{1b}"}),
            1,
            "delivered  no\nanswer     timeout\u{fffd}\ntook       10.0 s\n",
            "not delivered: timeout\u{fffd}",
        ),
    ] {
        let server = Server::answering(200, answer.to_string());
        let ended = run(&server, "webhooks test wh_1");
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (code, shown),
            "{ended:?}"
        );
        assert!(ended.stderr.contains(words), "{ended:?}");
        let request = server.request();
        assert_eq!(request.line(), "POST /v1/webhooks/wh_1/test");
        assert_eq!(request.header("content-length"), Some("0"));
    }
}

#[test]
fn deliveries_are_listed_with_what_was_tried() {
    let page = json!({"data": [
        {"id": "evt_1", "type": "job.failed", "state": "pending", "created_at": 1_790_000_000,
         "next_attempt_at": 1_790_000_060, "attempts": [
            {"at": 1_790_000_000, "status": null, "ms": 10, "error": "connection refused"},
            {"at": 1_790_000_001, "status": 503, "ms": 20, "error": null}]},
        {"id": "evt_2", "type": "job.succeeded", "state": "delivered", "created_at": 1_790_000_000,
         "next_attempt_at": null, "attempts": []},
    ], "next_cursor": null});
    let server = Server::answering(200, page.to_string());
    let ended = run(&server, "webhooks deliveries wh_1 --limit 5");
    assert_eq!(
        server.request().line(),
        "GET /v1/webhooks/wh_1/deliveries?limit=5"
    );
    assert_eq!(
        ended.stdout,
        "EVENT  TYPE           STATE      CREATED                  TRIES  LAST             NEXT\n\
         evt_1  job.failed     pending    2026-09-21 14:13:20 UTC  2      HTTP 503, 20 ms  2026-09-21 14:14:20 UTC\n\
         evt_2  job.succeeded  delivered  2026-09-21 14:13:20 UTC  0      -                -\n"
    );
}

#[test]
fn a_webhook_is_deleted_once_that_is_confirmed() {
    let server = Server::answering(204, "");
    let ended = run(&server, "webhooks delete wh_1");
    assert!(
        ended.code == 2 && ended.stderr.contains("--yes"),
        "{ended:?}"
    );
    assert!(server.requests().is_empty());
    let ended = run(&server, "webhooks delete wh_1 --yes");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "deleted wh_1\n"),
        "{ended:?}"
    );
    assert_eq!(server.request().line(), "DELETE /v1/webhooks/wh_1");
}
