//! transcribe: a file with the request that transcribes it, and where its transcript goes.

use std::os::unix::fs::PermissionsExt as _;

use crate::form::form;
use crate::program::{Program, end, run};
use crate::server::{API_KEY, Reply, Server};

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
