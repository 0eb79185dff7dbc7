//! transcribe: a file with the request that transcribes it, and what becomes of several.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::program::{Ended, Program, end};
use crate::server::{API_KEY, Gate, Reply, Request, Server};

fn run(program: &Program, server: &Server, command: &str) -> Ended {
    end(program.at(server).args(command.split_whitespace()))
}

/// The fields of a form, the file among them, and the file's name.
fn form(request: &Request) -> (BTreeMap<String, Vec<u8>>, String) {
    let kind = request.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8(request.body.clone()).unwrap();
    let text = text
        .strip_suffix(&format!("\r\n--{boundary}--\r\n"))
        .unwrap();
    let text = format!("\r\n{text}");
    let (mut fields, mut file) = (BTreeMap::new(), String::new());
    for part in text.split(&format!("\r\n--{boundary}\r\n")).skip(1) {
        let (head, value) = part.split_once("\r\n\r\n").unwrap();
        let name = head.split("; name=\"").nth(1).unwrap().split('"').next();
        fields.insert(name.unwrap().to_owned(), value.as_bytes().to_vec());
        if let Some((_, name)) = head.split_once("filename=\"") {
            name.split('"').next().unwrap().clone_into(&mut file);
        }
    }
    (fields, file)
}

#[test]
fn a_recording_becomes_a_text_beside_it() {
    let server = Server::start(|_| Reply::text("Good morning.\n"));
    let program = Program::new();
    program.write("folder/talk.flac", "sound");
    let ended = run(&program, &server, "transcribe folder/talk.flac");
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "folder/talk.txt\n", "")
    );
    assert_eq!(program.read("folder/talk.txt").unwrap(), "Good morning.\n");
    let path = program.directory.path().join("folder/talk.txt");
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600);

    let request = server.request();
    assert_eq!(request.line(), "POST /v1/audio/transcriptions");
    let bearer = format!("Bearer {API_KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(request.header("idempotency-key").unwrap().len(), 32);
    assert!(request.header("content-length").is_some());
    let (fields, name) = form(&request);
    assert_eq!(name, "talk.flac");
    let fields: Vec<(&str, &[u8])> = fields.iter().map(|(k, v)| (k.as_str(), &v[..])).collect();
    assert_eq!(
        fields,
        [
            ("file", &b"sound"[..]),
            ("model", b"whisper-1"),
            ("response_format", b"text"),
        ]
    );
}

#[test]
fn every_flag_reaches_the_request() {
    let server = Server::start(|_| Reply::text("1\n"));
    let program = Program::new();
    program.write("t.wav", "x");
    let flags =
        "--format srt --model m --hotwords Zanzibar --temperature 0.4 --prompt Hm --output-dir .";
    let ended = run(
        &program,
        &server,
        &format!("transcribe t.wav {flags} --language en"),
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "./t.srt\n"),
        "{ended:?}"
    );
    let (fields, _) = form(&server.request());
    for (name, value) in [
        ("response_format", "srt"),
        ("model", "m"),
        ("hotwords", "Zanzibar"),
        ("temperature", "0.4"),
        ("prompt", "Hm"),
        ("language", "en"),
    ] {
        assert_eq!(fields[name], value.as_bytes(), "{name}");
    }
    let ended = run(
        &program,
        &server,
        "transcribe t.wav --translate --format vtt",
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let last = server.requests().pop().unwrap();
    assert_eq!(last.line(), "POST /v1/audio/translations");
}

#[test]
fn json_is_written_as_it_came_and_must_be_a_transcript() {
    let body = r#"{"text":"a","usage":{"type":"duration","seconds":3}}"#;
    let server = Server::answering(200, body);
    let program = Program::new();
    program.write("t.wav", "x");
    let ended = run(&program, &server, "transcribe t.wav --format json");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(program.read("t.json").unwrap(), body);
    let ended = run(&program, &server, "transcribe t.wav --format verbose_json");
    assert!(
        ended.code == 1 && ended.stderr.contains("t.json is there already"),
        "{ended:?}"
    );
}

#[test]
fn what_is_there_is_replaced_with_force_alone_and_nothing_is_charged_for_it() {
    let server = Server::start(|_| Reply::text("new\n"));
    let program = Program::new();
    program.write("t.wav", "x");
    program.write("t.txt", "mine");
    let ended = run(&program, &server, "transcribe t.wav");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert!(
        ended.stderr.contains("t.txt is there already: --force"),
        "{ended:?}"
    );
    assert!(server.requests().is_empty());
    assert_eq!(program.read("t.txt").unwrap(), "mine");
    let ended = run(&program, &server, "transcribe t.wav --force");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(program.read("t.txt").unwrap(), "new\n");
}

#[test]
fn what_somebody_wrote_meanwhile_is_not_replaced_either() {
    let program = Program::new();
    program.write("t.wav", "x");
    let folder = program.directory.path().to_owned();
    let server = Server::start(move |_| {
        std::fs::write(folder.join("t.txt"), "mine").unwrap();
        Reply::text("new\n")
    });
    let ended = run(&program, &server, "transcribe t.wav");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(program.read("t.txt").unwrap(), "mine");
    assert_eq!(program.names(), ["t.txt", "t.wav"]);
}

#[test]
fn places_that_cannot_be_are_refused_before_anything_is_sent() {
    let server = Server::start(|_| Reply::text("new\n"));
    let program = Program::new();
    for name in ["t.wav", "t.flac", "a/u.wav", "b/u.wav", "notes.txt"] {
        program.write(name, "x");
    }
    for (command, words) in [
        ("transcribe t.wav t.flac", "both be written to t.txt"),
        (
            "transcribe a/u.wav b/u.wav --output-dir .",
            "both be written",
        ),
        (
            "transcribe notes.txt --force",
            "replaced by its own transcript",
        ),
        ("transcribe t.wav --stdout --json", "--stdout"),
        (
            "transcribe t.wav --stdout --output-dir .",
            "cannot be used with",
        ),
        ("transcribe t.wav --watch", "--job"),
        ("transcribe t.wav --upload up_1", "--job"),
        ("transcribe t.wav a/u.wav --job --upload up_1", "one file"),
        ("transcribe t.wav --temperature 2", "0 to 1"),
        ("transcribe t.wav --parallel 0", "1..="),
        ("transcribe t.wav --format docx", "docx"),
        ("transcribe", "FILE"),
    ] {
        let ended = run(&program, &server, command);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{command} {ended:?}"
        );
        assert!(ended.stderr.contains(words), "{command} {ended:?}");
    }
    let ended = run(&program, &server, "transcribe t.wav --output-dir nowhere");
    assert!(
        ended.code == 1 && ended.stderr.contains("cannot be written"),
        "{ended:?}"
    );
    assert!(server.requests().is_empty());
}

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

#[test]
fn what_is_to_be_kept_is_told_by_its_id() {
    let program = Program::new();
    program.write("t.wav", "x");
    let server = Server::start(|_| Reply::text("t\n").with("x-transcript-id", "tr_1"));
    let ended = run(&program, &server, "transcribe t.wav --store");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "tr_1  t.txt\n"),
        "{ended:?}"
    );
    assert_eq!(
        server.request().line(),
        "POST /v1/audio/transcriptions?store=true"
    );
    let ended = run(&program, &server, "transcribe t.wav --store --stdout");
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("t\n", "t.wav: kept as tr_1\n")
    );
    let forgetful = Server::start(|_| Reply::text("t\n"));
    let ended = run(&program, &forgetful, "transcribe t.wav --store --force");
    assert!(
        ended.code == 1 && ended.stderr.contains("no id of the transcript"),
        "{ended:?}"
    );
}

#[test]
fn answers_that_are_no_transcript_are_written_nowhere() {
    let program = Program::new();
    program.write("t.wav", "x");
    for (format, kind, body) in [
        ("text", "text/html", &b"<html>It works!</html>"[..]),
        ("text", "application/json", b"{\"text\":\"a\"}"),
        ("json", "text/plain", b"a"),
        ("json", "application/json", b""),
        ("json", "application/json", b"null"),
        ("json", "application/json", b"[]"),
        ("json", "application/json", b"{\"text\":1}"),
        ("verbose_json", "application/json", b"\xff\xfe"),
        ("json", "application/json", b"[[[[[["),
    ] {
        let server = Server::start(move |_| Reply::new(200, body).with("content-type", kind));
        let ended = run(
            &program,
            &server,
            &format!("transcribe t.wav --format {format}"),
        );
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
        assert!(ended.stderr.contains("no answer of the API"), "{ended:?}");
        assert_eq!(
            server.requests().len(),
            1,
            "it is not sent again: {ended:?}"
        );
        assert_eq!(program.names(), ["t.wav"]);
    }
}

#[test]
fn a_transcript_without_end_is_cut_off_and_leaves_nothing_behind() {
    let program = Program::new();
    program.write("t.wav", "x");
    let server = Server::start(|_| {
        Reply::Bytes(
            [
                &b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"[..],
                &vec![b'a'; (256 << 20) + 1],
            ]
            .concat(),
        )
    });
    let ended = run(&program, &server, "transcribe t.wav");
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("more than 268435456 bytes"),
        "{ended:?}"
    );
    assert_eq!(program.names(), ["t.wav"]);
}

#[test]
fn a_hostile_name_and_id_drive_no_terminal() {
    let program = Program::new();
    program.write("a\x1b[2J.wav", "x");
    let server = Server::start(|_| Reply::refused(400, "a\u{1b}[31m"));
    let ended = end(program.at(&server).args(["transcribe", "a\x1b[2J.wav"]));
    assert!(
        ended.code == 1 && !ended.stderr.contains('\x1b'),
        "{ended:?}"
    );
}

#[test]
fn the_api_key_comes_from_its_variable_its_flag_or_the_local_run_and_is_never_shown() {
    let server = Server::start(|_| Reply::text("t\n"));
    let program = Program::new();
    program.write("t.wav", "x");
    let sent = |server: &Server| {
        let request = server.requests().pop().unwrap();
        request.header("authorization").unwrap().to_owned()
    };
    let missing = end(program
        .bare()
        .args(["transcribe", "t.wav", "--url", &server.url()]));
    assert!(
        missing.code == 2 && missing.stderr.contains("API_KEY"),
        "{missing:?}"
    );
    let flag = run(&program, &server, "transcribe t.wav --api-key wk_flag");
    assert_eq!(
        (flag.code, sent(&server)),
        (0, "Bearer wk_flag".to_owned()),
        "{flag:?}"
    );
    let dev = format!(
        "EDGE_URL={}\nAPI_KEY=wk_dev\nADMIN_TOKEN=root\n",
        server.url()
    );
    program.write(".dev/env", &dev);
    let local = end(program.bare().args(["transcribe", "t.wav", "--force"]));
    assert_eq!(
        (local.code, sent(&server)),
        (0, "Bearer wk_dev".to_owned()),
        "{local:?}"
    );
    let help = end(program.at(&server).args(["transcribe", "--help"]));
    assert!(
        !help.stdout.contains(API_KEY) && help.stdout.contains("API_KEY"),
        "{help:?}"
    );
    let wrong = end(program
        .bare()
        .env("API_KEY", "wk s3cr3t")
        .args(["jobs", "list"]));
    assert!(
        wrong.code == 2 && !wrong.stderr.contains("s3cr3t"),
        "{wrong:?}"
    );
}
