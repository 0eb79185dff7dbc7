//! transcribe: waiting for a job, by its events or without them.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::job_edge::{edge, event, job, recorded, well};
use crate::program::run;
use crate::server::{Ending, Reply};

#[test]
fn a_job_that_failed_says_why_and_writes_nothing() {
    let (server, _) = edge(|request, _| {
        let mut failed = job("job_1", "failed", 0.3);
        failed["error"] = json!({
            "message": "no audio\u{1b}[2J", "type": "invalid_request_error", "param": null,
            "code": "unsupported_audio",
        });
        let events = vec![
            event("updated", &job("job_1", "running", 0.3)),
            event("failed", &failed),
        ];
        request
            .target
            .ends_with("/events")
            .then_some(Reply::Events(events, Ending::Whole))
    });
    let program = recorded();
    let ended = run(&program, &server, "transcribe t.wav --job --watch");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    let words = "keyctl: t.wav: job_1 failed: no audio\u{fffd}[2J (unsupported_audio)";
    assert!(ended.stderr.contains(words), "{ended:?}");
    assert_eq!(program.names(), ["t.wav"]);
}

#[test]
fn events_that_break_off_are_taken_up_again() {
    let mut streams = 0;
    let (server, _) = edge(move |request, _| {
        if !request.target.ends_with("/events") {
            return None;
        }
        streams += 1;
        let ending = if streams == 1 {
            Ending::Broken
        } else {
            Ending::Whole
        };
        let shown = match streams {
            1 | 2 => vec![event(
                "updated",
                &job("job_1", "running", 0.2 * f64::from(streams)),
            )],
            _ => well("job_1"),
        };
        Some(Reply::Events(shown, ending))
    });
    let program = recorded();
    let ended = run(&program, &server, "transcribe t.wav --job --watch");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "tr_1  t.txt\n"),
        "{ended:?}"
    );
    let lines = server.lines();
    let count = |line: &str| lines.iter().filter(|l| *l == line).count();
    assert_eq!(count("GET /v1/jobs/job_1/events"), 3, "{lines:?}");
    assert_eq!(count("GET /v1/jobs/job_1"), 0, "{lines:?}");
}

#[test]
fn where_no_events_come_the_job_is_asked_for() {
    let mut polls = 0;
    let (server, _) = edge(move |request, _| {
        if request.target.ends_with("/events") {
            return Some(Reply::new(200, "<html>").with("content-type", "text/html"));
        }
        if request.method == "GET" && request.target == "/v1/jobs/job_1" {
            polls += 1;
            return match polls {
                1 => Some(Reply::new(200, job("job_1", "running", 0.1).to_string())),
                2 => Some(Reply::refused(429, "rate_limit_exceeded").with("retry-after", "0")),
                _ => None,
            };
        }
        None
    });
    let program = recorded();
    let ended = run(&program, &server, "transcribe t.wav --job --watch");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "tr_1  t.txt\n"),
        "{ended:?}"
    );
    let lines = server.lines();
    let polled = lines.iter().filter(|line| *line == "GET /v1/jobs/job_1");
    assert_eq!(polled.count(), 3, "{lines:?}");
}

#[test]
fn a_job_that_is_lost_sight_of_can_be_watched_later() {
    let (server, _) = edge(|request, _| {
        let gone = request.target.starts_with("/v1/jobs/job_1");
        gone.then(|| Reply::refused(401, "expired_api_key"))
    });
    let program = recorded();
    let ended = run(&program, &server, "transcribe t.wav --job --watch");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("expired_api_key"), "{ended:?}");
    assert!(
        ended.stderr.contains("`keyctl jobs watch job_1`"),
        "{ended:?}"
    );
}

#[test]
fn an_interrupt_leaves_the_job_and_tells_how_to_look_at_it() {
    let (server, _) = edge(|request, _| {
        let events = vec![event("updated", &job("job_1", "running", 0.1))];
        let held = Reply::Events(events, Ending::Held);
        request.target.ends_with("/events").then_some(held)
    });
    let program = recorded();
    let child = program
        .at(&server)
        .args(["transcribe", "t.wav", "--job", "--watch"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Upload, three parts, job, events.
    server.wait_for(6);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("keyctl: interrupted; these jobs go on"),
        "{stderr}"
    );
    assert!(
        stderr.contains("keyctl jobs watch job_1  # t.wav"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty());
    assert!(!server.lines().iter().any(|line| line.starts_with("DELETE")));
    assert_eq!(program.names(), ["t.wav"]);
}
