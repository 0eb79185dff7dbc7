//! plan put, list, show, delete.

use edge_core::testing::Memory;
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::{Ended, keyctl};
use crate::server::Server;

fn run(server: &Server, command: &str) -> Ended {
    keyctl(server, &command.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn a_plan_is_put_shown_listed_and_deleted() {
    let server = admin_api(Memory::default());
    let put = run(
        &server,
        "plan put pro --limit minute=600/1m --limit audio=100h-audio/month \
         --credits 100+50/week --scope transcribe --model base --cost 2 --permits-ahead 10 \
         --retention-days 30 --self-service",
    );
    assert_eq!(put.code, 0, "{put:?}");
    let request = server.request();
    assert_eq!(request.line(), "PUT /admin/plans/pro");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.json(),
        json!({
            "limits": [
                {"name": "minute", "kind": "rate", "unit": "requests", "limit": 600, "window_seconds": 60},
                {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 360_000, "period": "month"},
            ],
            "credits": {"balance": 100, "refill": {"amount": 50, "period": "week"}},
            "scopes": ["transcribe"], "models": ["base"], "cost": 2, "permits_ahead": 10,
            "retention_days": 30,
            "self_service": true,
        })
    );
    let shown = run(&server, "plan show pro");
    assert_eq!(shown.stdout, put.stdout);
    for row in [
        "plan           pro",
        "limits         minute=600/1m, audio=100h-audio/month",
        "credits        100+50/week",
        "scopes         transcribe",
        "permits ahead  10",
        "transcripts    kept for 30 days",
        "self-service   yes",
        "version        1",
    ] {
        assert!(
            shown.stdout.lines().any(|line| line == row),
            "{row} {shown:?}"
        );
    }
    let listed = run(&server, "plan list");
    assert!(listed.stdout.starts_with("PLAN  LIMITS"), "{listed:?}");
    assert!(listed.stdout.contains("100+50/week"), "{listed:?}");
    let json: Value = serde_json::from_str(&run(&server, "plan list --json").stdout).unwrap();
    assert_eq!(json["data"][0]["name"], "pro");

    let deleted = run(&server, "plan delete pro");
    assert_eq!(
        (deleted.code, deleted.stdout.as_str()),
        (0, "deleted plan pro\n")
    );
    assert_eq!(
        server.requests().pop().unwrap().line(),
        "DELETE /admin/plans/pro"
    );
    assert_eq!(run(&server, "plan show pro").code, 1);
}

#[test]
fn a_version_guards_a_plan_and_its_keys_guard_it_from_deletion() {
    let server = admin_api(Memory::default());
    let new = run(&server, "plan put pro --limit a=1/day --version 0 --json");
    assert_eq!(new.code, 0, "{new:?}");
    assert_eq!(server.request().json()["version"], 0);
    let stale = run(&server, "plan put pro --limit a=2/day --version 0");
    assert!(
        stale.code == 1 && stale.stderr.contains("version_conflict"),
        "{stale:?}"
    );
    assert_eq!(run(&server, "create --name k --plan pro").code, 0);
    let kept = run(&server, "plan delete pro");
    assert!(
        kept.code == 1 && kept.stderr.contains("plan_in_use"),
        "{kept:?}"
    );
}

#[test]
fn a_plan_without_limits_is_not_sent_and_a_hostile_name_stays_one_segment() {
    let server = admin_api(Memory::default());
    for command in [
        "plan put pro",
        "plan put pro --limit a=1",
        "plan put .. --limit a=1/day",
        "plan show .",
    ] {
        assert_eq!(run(&server, command).code, 2, "{command}");
    }
    assert!(server.requests().is_empty());
    assert_eq!(run(&server, "plan show ../keys?x=1").code, 1);
    assert_eq!(
        server.request().line(),
        "GET /admin/plans/..%2Fkeys%3Fx%3D1"
    );
}
