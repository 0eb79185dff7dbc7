//! transcribe: a file that is uploaded in parts, and ordered as a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::job_edge::{Upload, edge, recorded};
use crate::program::{Program, run};
use crate::server::{Reply, Server};

#[test]
fn a_recording_is_uploaded_in_parts_done_as_a_job_and_written() {
    let (server, edge) = edge(|_, _| None);
    let program = recorded();
    let flags =
        "--format srt --language en --prompt Hm --hotwords Zanzibar --temperature 0.5 --model m";
    let ended = run(
        &program,
        &server,
        &format!("transcribe t.wav --job --watch {flags}"),
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "tr_1  t.srt\n"),
        "{ended:?}"
    );
    assert_eq!(program.read("t.srt").unwrap(), "words of tr_1\n");
    assert_eq!(
        server.lines(),
        [
            "POST /v1/uploads",
            "PUT /v1/uploads/up_1?part=1",
            "PUT /v1/uploads/up_1?part=2",
            "PUT /v1/uploads/up_1?part=3",
            "POST /v1/jobs",
            "GET /v1/jobs/job_1/events",
            "GET /v1/transcripts/tr_1?format=srt",
        ]
    );
    let requests = server.requests();
    assert_eq!(requests[0].json(), json!({"name": "t.wav", "bytes": 23}));
    for (request, body) in requests[1..4]
        .iter()
        .zip(["0123456789", "abcdefghij", "KLM"])
    {
        assert_eq!(request.body, body.as_bytes());
        let length = body.len().to_string();
        assert_eq!(request.header("content-length"), Some(length.as_str()));
    }
    assert_eq!(
        requests[4].json(),
        json!({
            "upload_id": "up_1", "name": "t.wav", "model": "m", "task": "transcribe",
            "language": "en", "prompt": "Hm", "hotwords": "Zanzibar", "temperature": 0.5,
        })
    );
    for at in [0, 4] {
        assert_eq!(requests[at].header("idempotency-key").unwrap().len(), 32);
    }
    assert_eq!(edge.lock().unwrap().uploads[0].parts.len(), 3);
}

#[test]
fn a_job_that_is_not_waited_for_is_told_by_its_id() {
    let (server, _) = edge(|_, _| None);
    let program = recorded();
    program.write("t.txt", "mine");
    program.write("u.wav", "y");
    let ended = run(
        &program,
        &server,
        "transcribe t.wav u.wav --job --translate --parallel 1",
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "job_1\njob_2\n"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr, "t.wav: is job_1\nu.wav: is job_2\n");
    assert_eq!(server.requests()[4].json()["task"], "translate");
    assert!(!server.lines().iter().any(|line| line.contains("events")));
    let ended = run(&program, &server, "transcribe u.wav --job --json");
    let line: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&line["job_id"], &line["output"]),
        (&json!("job_3"), &Value::Null)
    );
}

#[test]
fn a_large_file_is_done_as_a_job_by_itself_and_waited_for() {
    let (server, _) = edge(|request, edge| {
        // In one part, whatever its length.
        let reply = edge.answer(request);
        Some(match reply {
            Reply::Answer { status, body, .. } if request.target.starts_with("/v1/uploads") => {
                let text = String::from_utf8(body).unwrap();
                let text = text.replace("\"part_bytes\":10", "\"part_bytes\":67108864");
                Reply::new(status, text)
            }
            reply => reply,
        })
    });
    let program = Program::new();
    let file = std::fs::File::create(program.directory.path().join("long.wav")).unwrap();
    file.set_len(25 * 1024 * 1024 + 1).unwrap();
    let ended = run(&program, &server, "transcribe long.wav");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "tr_1  long.txt\n"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("long.wav: 25.0 MiB is more than one request takes"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("long.wav: 50 %"), "{ended:?}");
    let requests = server.requests();
    assert_eq!(requests[1].body.len(), 25 * 1024 * 1024 + 1);
    file.set_len(25 * 1024 * 1024).unwrap();
    let direct = Server::start(|_| Reply::text("t\n"));
    let ended = run(&program, &direct, "transcribe long.wav --force");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(direct.request().line(), "POST /v1/audio/transcriptions");
}

#[test]
fn a_part_that_did_not_arrive_is_sent_again_and_one_whose_answer_was_lost_is_not() {
    let mut puts = 0;
    let (server, edge) = edge(move |request, edge| {
        if request.method != "PUT" {
            return None;
        }
        puts += 1;
        match puts {
            2 => Some(Reply::refused(500, "internal_error")),
            4 => {
                // It has arrived, and its answer does not.
                edge.answer(request);
                Some(Reply::Bytes(Vec::new()))
            }
            _ => None,
        }
    });
    let program = recorded();
    let ended = run(&program, &server, "transcribe t.wav --job");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(
        server.lines(),
        [
            "POST /v1/uploads",
            "PUT /v1/uploads/up_1?part=1",
            "PUT /v1/uploads/up_1?part=2",
            "GET /v1/uploads/up_1",
            "PUT /v1/uploads/up_1?part=2",
            "PUT /v1/uploads/up_1?part=3",
            "GET /v1/uploads/up_1",
            "POST /v1/jobs",
        ]
    );
    assert!(
        ended
            .stderr
            .contains("t.wav: part 2: refused: because of internal_error"),
        "{ended:?}"
    );
    let parts: Vec<Vec<u8>> = edge.lock().unwrap().uploads[0]
        .parts
        .values()
        .cloned()
        .collect();
    assert_eq!(parts.concat(), b"0123456789abcdefghijKLM");
}

#[test]
fn an_upload_that_broke_off_is_gone_on_with() {
    let program = recorded();
    let (server, edge) = edge(|request, _| {
        let third = request.method == "PUT" && request.target.ends_with("part=3");
        third.then(|| Reply::refused(413, "file_too_large"))
    });
    let ended = run(&program, &server, "transcribe t.wav --job");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{ended:?}");
    assert!(ended.stderr.contains("file_too_large"), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("`keyctl transcribe --job --upload up_1 …`"),
        "{ended:?}"
    );

    let held = Arc::clone(&edge);
    let server = Server::start(move |request| held.lock().unwrap().answer(request));
    let ended = run(&program, &server, "transcribe t.wav --job --upload up_1");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "job_1\n"),
        "{ended:?}"
    );
    assert_eq!(
        server.lines(),
        [
            "GET /v1/uploads/up_1",
            "PUT /v1/uploads/up_1?part=3",
            "POST /v1/jobs"
        ]
    );

    program.write("t.wav", "another file");
    let ended = run(&program, &server, "transcribe t.wav --job --upload up_1");
    assert!(
        ended.code == 1 && ended.stderr.contains("an upload of 23 bytes"),
        "{ended:?}"
    );
    // A complete upload needs no parts any more.
    program.write("t.wav", "0123456789abcdefghijKLM");
    let ended = run(&program, &server, "transcribe t.wav --job --upload up_1");
    assert_eq!(ended.stdout, "job_2\n", "{ended:?}");
}

#[test]
fn uploads_that_make_no_sense_are_no_answer() {
    let program = recorded();
    let good = Upload {
        name: json!("t.wav"),
        bytes: 23,
        parts: BTreeMap::new(),
    };
    for (name, value) in [
        ("part_bytes", json!(0)),
        ("part_bytes", json!(-1)),
        ("bytes", json!(1e30)),
        ("parts", json!("none")),
        ("parts", json!([{"part": -1}])),
        ("state", json!("burnt")),
        ("id", json!(7)),
    ] {
        let mut wrong = good.shown(1);
        wrong[name] = value.clone();
        let server = Server::answering(201, wrong.to_string());
        let ended = run(&program, &server, "transcribe t.wav --job");
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (1, ""),
            "{name} {value} {ended:?}"
        );
        assert!(
            ended.stderr.contains("no answer of the API"),
            "{name} {value} {ended:?}"
        );
        assert_eq!(server.requests().len(), 1, "{name} {value}");
    }
    // An id is one segment of a path, whatever it holds.
    let mut stray = good.shown(1);
    stray["id"] = json!("../jobs");
    let server = Server::answering(201, stray.to_string());
    run(&program, &server, "transcribe t.wav --job");
    assert_eq!(server.lines()[1], "PUT /v1/uploads/..%2Fjobs?part=1");
}

#[test]
fn a_file_that_changes_under_way_is_an_error_and_not_half_of_each_recording() {
    let program = recorded();
    let path = program.directory.path().join("t.wav");
    let (server, edge) = edge(move |request, _| {
        if request.target.ends_with("part=1") {
            std::fs::write(&path, "0123456789abc").unwrap();
        }
        None
    });
    let ended = run(&program, &server, "transcribe t.wav --job");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("its length has changed"), "{ended:?}");
    assert_eq!(edge.lock().unwrap().jobs, 0);
}
