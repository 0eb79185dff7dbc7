//! transcribe: several files, and what is waited for and sent again.

use serde_json::{Value, json};

use crate::form::form;
use crate::gate::Gate;
use crate::program::{Program, run};
use crate::server::{Reply, Server};

#[test]
fn what_is_no_file_fails_alone() {
    let server = Server::start(|_| Reply::text("new\n"));
    let program = Program::new();
    program.write("t.wav", "x");
    program.write("folder/u.wav", "x");
    let ended = run(&program, &server, "transcribe nowhere.wav folder t.wav");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (1, "t.txt\n"),
        "{ended:?}"
    );
    for words in [
        "keyctl: nowhere.wav: the file cannot be read",
        "keyctl: folder: the file cannot be read: it is no regular file",
        "keyctl: 2 of 3 failed",
    ] {
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn transcripts_go_to_standard_output_in_the_order_of_the_files() {
    let program = Program::new();
    let gate = Gate::of(2);
    // The first file is answered last, whichever comes first.
    let server = Server::start(move |request| {
        let (_, name) = form(request);
        match name.as_str() {
            "a.wav" => Reply::Behind(gate.clone(), Box::new(Reply::text("first\n"))),
            "b.wav" => Reply::text("second"),
            _ => Reply::Behind(gate.clone(), Box::new(Reply::text("third\n"))),
        }
    });
    for name in ["a.wav", "b.wav", "c.wav"] {
        program.write(name, "x");
    }
    let ended = run(&program, &server, "transcribe a.wav b.wav c.wav --stdout");
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "first\nsecond\nthird\n", "")
    );
    assert_eq!(program.names(), ["a.wav", "b.wav", "c.wav"]);
}

#[test]
fn as_many_files_as_asked_for_are_under_way_at_a_time() {
    let program = Program::new();
    // Nobody is answered before all four are there.
    let gate = Gate::of(4);
    let server = Server::start(move |_| Reply::Behind(gate.clone(), Box::new(Reply::text("t\n"))));
    for name in ["a.wav", "b.wav", "c.wav", "d.wav"] {
        program.write(name, "x");
    }
    let ended = run(
        &program,
        &server,
        "transcribe a.wav b.wav c.wav d.wav --parallel 4",
    );
    assert_eq!(ended.stdout, "a.txt\nb.txt\nc.txt\nd.txt\n", "{ended:?}");
}

#[test]
fn the_failure_of_one_file_does_not_end_the_others() {
    let program = Program::new();
    let server = Server::start(|request| {
        if form(request).1 == "b.wav" {
            Reply::refused(400, "unsupported_audio")
        } else {
            Reply::text("t\n")
        }
    });
    for name in ["a.wav", "b.wav", "c.wav"] {
        program.write(name, "x");
    }
    let ended = run(&program, &server, "transcribe a.wav b.wav c.wav");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (1, "a.txt\nc.txt\n"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("keyctl: b.wav: refused: because of unsupported_audio"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.ends_with("keyctl: 1 of 3 failed\n"),
        "{ended:?}"
    );
    assert_eq!(program.read("b.txt"), None);

    let ended = run(&program, &server, "transcribe a.wav b.wav --force --json");
    assert_eq!(ended.code, 1);
    let lines = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert_eq!(
        lines[0],
        json!({"file": "a.wav", "output": "a.txt", "transcript_id": null, "job_id": null, "error": null})
    );
    assert_eq!(lines[1]["error"]["code"], "unsupported_audio");
}

#[test]
fn a_limit_that_is_reached_is_waited_for_and_the_same_request_sent_again() {
    let program = Program::new();
    program.write("t.wav", "x");
    for status in [429, 503] {
        let mut calls = 0;
        let server = Server::start(move |_| {
            calls += 1;
            if calls < 4 {
                Reply::refused(status, "rate_limit_exceeded").with("retry-after", "0")
            } else {
                Reply::text("t\n")
            }
        });
        let ended = run(&program, &server, "transcribe t.wav --force");
        assert_eq!(ended.code, 0, "{ended:?}");
        let words = "t.wav: rate_limit_exceeded: going on in 0 s\n";
        assert_eq!(ended.stderr.matches(words).count(), 3, "{ended:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 4);
        for request in &requests {
            assert_eq!(request.body, requests[0].body);
            assert_eq!(
                request.header("idempotency-key"),
                requests[0].header("idempotency-key")
            );
        }
    }
}

#[test]
fn a_limit_that_stays_or_takes_too_long_is_an_error() {
    let program = Program::new();
    program.write("t.wav", "x");
    for (retry_after, calls) in [("0", 7), ("86400", 1), ("18446744073709551615", 1)] {
        let server = Server::start(move |_| {
            Reply::refused(429, "insufficient_quota").with("retry-after", retry_after)
        });
        let ended = run(&program, &server, "transcribe t.wav");
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(
            ended.stderr.contains("insufficient_quota, HTTP 429"),
            "{ended:?}"
        );
        assert_eq!(server.requests().len(), calls, "{retry_after}");
    }
}

#[test]
fn a_request_whose_connection_broke_is_sent_again_under_the_same_key() {
    let program = Program::new();
    program.write("t.wav", "x");
    let mut calls = 0;
    let server = Server::start(move |_| {
        calls += 1;
        match calls {
            1 => Reply::Bytes(Vec::new()),
            // The answer breaks off: it is not taken for the whole.
            2 => Reply::Bytes(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nGood"
                    .to_vec(),
            ),
            _ => Reply::text("Good.\n"),
        }
    });
    let ended = run(&program, &server, "transcribe t.wav");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        ended.stderr.matches("; trying again").count(),
        2,
        "{ended:?}"
    );
    assert_eq!(program.read("t.txt").unwrap(), "Good.\n");
    let keys = server.requests();
    let mut keys = keys.iter().map(|request| request.header("idempotency-key"));
    let first = keys.next().unwrap();
    assert!(first.is_some() && keys.all(|key| key == first));
}

#[test]
fn files_have_keys_of_their_own() {
    let program = Program::new();
    program.write("a.wav", "x");
    program.write("b.wav", "x");
    let server = Server::start(|_| Reply::text("t\n"));
    run(&program, &server, "transcribe a.wav b.wav");
    let [one, other] = &server.requests()[..] else {
        panic!("two requests were sent");
    };
    assert_ne!(
        one.header("idempotency-key"),
        other.header("idempotency-key")
    );
}
