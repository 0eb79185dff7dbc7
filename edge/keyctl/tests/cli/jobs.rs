//! jobs: list, show, watch, cancel with an API key; dead and retry with a root key.

use serde_json::{Value, json};

use crate::program::{Ended, keyctl};
use crate::server::{API_KEY, Ending, ROOT_KEY, Reply, Server};

fn run(server: &Server, command: &str) -> Ended {
    keyctl(server, &command.split_whitespace().collect::<Vec<_>>())
}

fn job(id: &str, state: &str) -> Value {
    json!({
        "id": id, "object": "job", "state": state, "progress": 0.25, "name": "talk\u{1b}[2J.flac",
        "model": "whisper-1", "task": "transcribe", "attempts": 1, "created_at": 1_790_000_000,
        "started_at": 1_790_000_001, "ended_at": null, "transcript_id": null, "duration": 90.0,
        "cached": false, "error": null, "metadata": {"course": 7},
    })
}

fn failed(id: &str) -> Value {
    let mut job = job(id, "failed");
    job["error"] = json!({
        "message": "No audio.", "type": "invalid_request_error", "param": null, "code": "unsupported_audio",
    });
    job
}

#[test]
fn jobs_are_listed_with_what_came_of_them() {
    let mut done = job("job_1", "succeeded");
    done["transcript_id"] = json!("tr_1");
    let page = json!({"data": [done, failed("job_2")], "next_cursor": "more"});
    let server = Server::answering(200, page.to_string());
    let ended = run(&server, "jobs list --state failed --limit 2");
    assert_eq!(ended.code, 0, "{ended:?}");
    let request = server.request();
    assert_eq!(request.line(), "GET /v1/jobs?state=failed&limit=2");
    let bearer = format!("Bearer {API_KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(
        ended.stdout,
        "ID     NAME           STATE      DONE  CREATED                  OUTCOME\n\
         job_1  talk\u{fffd}[2J.flac  succeeded  25 %  2026-09-21 14:13:20 UTC  tr_1\n\
         job_2  talk\u{fffd}[2J.flac  failed     25 %  2026-09-21 14:13:20 UTC  unsupported_audio\n"
    );
    assert!(ended.stderr.contains("--cursor 'more'"), "{ended:?}");
    let ended = run(&server, "jobs list --json");
    assert_eq!(ended.stdout, format!("{page}\n"));
    assert_eq!(run(&server, "jobs list --state burnt").code, 2);
}

#[test]
fn a_job_is_shown_with_all_that_is_known_of_it() {
    let server = Server::answering(200, failed("job_2").to_string());
    let ended = run(&server, "jobs show job_2");
    assert_eq!(server.request().line(), "GET /v1/jobs/job_2");
    assert_eq!(
        ended.stdout,
        "id        job_2\nname      talk\u{fffd}[2J.flac\nstate     failed\ndone      25 %\n\
         task      transcribe\nmodel     whisper-1\nattempts  1\ncreated   2026-09-21 14:13:20 UTC\n\
         started   2026-09-21 14:13:21 UTC\naudio     1.5 min\n\
         error     No audio. (unsupported_audio)\nmetadata  {\"course\":7}\n"
    );
}

#[test]
fn a_job_is_watched_to_its_end_and_its_failure_is_exit_code_1() {
    let events = |last: Value, kind: &str| {
        let first = json!({"type": "job.updated", "job": job("job_1", "running")});
        let last = json!({"type": format!("job.{kind}"), "job": last});
        vec![format!("data: {first}\n\n"), format!("data: {last}\n\n")]
    };
    for (last, kind, code, words) in [
        (job("job_1", "succeeded"), "succeeded", 0, ""),
        (
            failed("job_1"),
            "failed",
            1,
            "job_1 failed: No audio. (unsupported_audio)",
        ),
        (
            job("job_1", "cancelled"),
            "cancelled",
            1,
            "job_1 was cancelled",
        ),
    ] {
        let shown = events(last.clone(), kind);
        let server = Server::start(move |_| Reply::Events(shown.clone(), Ending::Held));
        let ended = run(&server, "jobs watch job_1 --json");
        assert_eq!(ended.code, code, "{ended:?}");
        assert_eq!(serde_json::from_str::<Value>(&ended.stdout).unwrap(), last);
        assert!(ended.stderr.contains(words), "{ended:?}");
        assert_eq!(server.request().line(), "GET /v1/jobs/job_1/events");
    }
}

#[test]
fn a_job_that_is_not_there_is_told_at_once() {
    let server = Server::start(|_| Reply::refused(404, "not_found"));
    let ended = run(&server, "jobs watch job_1");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert!(ended.stderr.contains("not_found"), "{ended:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn events_of_a_hostile_server_end() {
    let long = "data: ".to_owned() + &"x".repeat(2 << 20);
    for text in [
        "data: {}\n\n",
        "data: {\"type\":\"job.updated\",\"job\":{\"id\":1}}\n\n",
        "data: [[[[\n\n",
        &long,
    ] {
        let text = text.to_owned();
        let server = Server::start(move |request| {
            if request.target.ends_with("/events") {
                Reply::Events(vec![text.clone()], Ending::Whole)
            } else {
                Reply::new(200, "{}")
            }
        });
        let ended = run(&server, "jobs watch job_1");
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
        assert!(ended.stderr.contains("no answer of the API"), "{ended:?}");
    }
}

#[test]
fn a_job_is_cancelled_and_shown_as_it_then_stands() {
    let server = Server::answering(200, job("job_1", "cancelled").to_string());
    let ended = run(&server, "jobs cancel job_1");
    assert_eq!(server.request().line(), "DELETE /v1/jobs/job_1");
    assert!(ended.stdout.contains("state     cancelled\n"), "{ended:?}");
}

#[test]
fn dead_jobs_are_listed_and_retried_with_the_root_key() {
    let dead = json!({"data": [{
        "id": "job_9", "owner": "acme", "key_id": "key_1", "name": null, "attempts": 5,
        "error": {"message": "The host broke off.", "type": "server_error", "param": null, "code": "upstream_failed"},
        "created_at": 1_790_000_000, "ended_at": 1_790_000_000,
    }], "next_cursor": null});
    let server = Server::start(move |request| match request.line().as_str() {
        "GET /admin/jobs?state=dead&owner=acme" => Reply::new(200, dead.to_string()),
        "POST /admin/jobs/job_9/retry" => Reply::new(200, job("job_9", "queued").to_string()),
        _ => Reply::refused(404, "not_found"),
    });
    let ended = run(&server, "jobs dead --owner acme");
    assert_eq!(
        ended.stdout,
        "ID     OWNER  KEY    NAME  ATTEMPTS  ENDED                    ERROR\n\
         job_9  acme   key_1  -     5         2026-09-21 14:13:20 UTC  upstream_failed: The host broke off.\n",
        "{ended:?}"
    );
    let ended = run(&server, "jobs retry job_9");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "job_9 is queued again\n"),
        "{ended:?}"
    );
    let ended = run(&server, "jobs retry job_8 job_9");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (1, "job_9 is queued again\n"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("keyctl: job_8: refused"), "{ended:?}");
    assert!(ended.stderr.contains("1 of 2 failed"), "{ended:?}");
    let bearer = format!("Bearer {ROOT_KEY}");
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    }
}
