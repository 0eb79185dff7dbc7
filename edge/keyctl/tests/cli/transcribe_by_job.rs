//! transcribe: a file that is uploaded in parts and transcribed by a job.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::program::{Ended, Program, end};
use crate::server::{Ending, Reply, Request, Server};

const PART_BYTES: usize = 10;

/// Uploads and jobs as the API has them, one of each kind after the other.
#[derive(Default)]
struct Edge {
    uploads: Vec<Upload>,
    jobs: usize,
}

struct Upload {
    name: Value,
    bytes: usize,
    parts: BTreeMap<usize, Vec<u8>>,
}

impl Upload {
    fn shown(&self, id: usize) -> Value {
        let parts = self.parts.iter();
        let parts: Vec<Value> = parts
            .map(|(part, body)| json!({"part": part, "bytes": body.len()}))
            .collect();
        let whole = self.parts.values().map(Vec::len).sum::<usize>() == self.bytes;
        json!({
            "id": format!("up_{id}"), "object": "upload", "name": self.name, "bytes": self.bytes,
            "sha256": null, "part_bytes": PART_BYTES, "parts": parts,
            "state": if whole { "complete" } else { "open" }, "created_at": 1, "expires_at": 2,
        })
    }
}

fn job(id: &str, state: &str, progress: f64) -> Value {
    let transcript = (state == "succeeded").then(|| id.replace("job", "tr"));
    json!({
        "id": id, "object": "job", "state": state, "progress": progress, "name": "t.wav",
        "model": "whisper-1", "task": "transcribe", "attempts": 1, "created_at": 1_790_000_000,
        "started_at": null, "ended_at": null, "transcript_id": transcript, "duration": 12.5,
        "cached": false, "error": null, "metadata": null,
    })
}

fn event(kind: &str, job: &Value) -> String {
    format!(
        "data: {}\n\n",
        json!({"type": format!("job.{kind}"), "job": job})
    )
}

/// The events of a job that goes well.
fn well(id: &str) -> Vec<String> {
    vec![
        ": hello\n\n".to_owned(),
        event("updated", &job(id, "queued", 0.0)),
        event("updated", &job(id, "running", 0.5)),
        event("succeeded", &job(id, "succeeded", 1.0)),
    ]
}

impl Edge {
    /// The answer to a request.
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.target.split('?').next().unwrap();
        let segments: Vec<&str> = path.split('/').skip(2).collect();
        let number = |id: &str| id.split('_').nth(1).unwrap().parse::<usize>().unwrap();
        match (request.method.as_str(), &segments[..]) {
            ("POST", ["uploads"]) => {
                let wish = request.json();
                self.uploads.push(Upload {
                    name: wish["name"].clone(),
                    bytes: usize::try_from(wish["bytes"].as_u64().unwrap()).unwrap(),
                    parts: BTreeMap::new(),
                });
                let id = self.uploads.len();
                Reply::new(201, self.uploads[id - 1].shown(id).to_string())
            }
            ("GET", ["uploads", id]) => {
                let id = number(id);
                Reply::new(200, self.uploads[id - 1].shown(id).to_string())
            }
            ("PUT", ["uploads", id]) => {
                let id = number(id);
                let part = request.query("part").unwrap().parse().unwrap();
                let upload = &mut self.uploads[id - 1];
                upload.parts.insert(part, request.body.clone());
                Reply::new(200, upload.shown(id).to_string())
            }
            ("POST", ["jobs"]) => {
                self.jobs += 1;
                let id = format!("job_{}", self.jobs);
                Reply::new(202, job(&id, "queued", 0.0).to_string())
            }
            ("GET", ["jobs", id, "events"]) => Reply::Events(well(id), Ending::Whole),
            ("GET", ["jobs", id]) => Reply::new(200, job(id, "succeeded", 1.0).to_string()),
            ("GET", ["transcripts", id]) => Reply::text(&format!("words of {id}\n")),
            other => panic!("{other:?}"),
        }
    }
}

/// A server, and what it has; `change` may answer first.
fn edge(
    mut change: impl FnMut(&Request, &mut Edge) -> Option<Reply> + Send + 'static,
) -> (Server, Arc<Mutex<Edge>>) {
    let edge = Arc::new(Mutex::new(Edge::default()));
    let held = Arc::clone(&edge);
    let server = Server::start(move |request| {
        let mut edge = held.lock().unwrap();
        let reply = change(request, &mut edge);
        reply.unwrap_or_else(|| edge.answer(request))
    });
    (server, edge)
}

fn run(program: &Program, server: &Server, command: &str) -> Ended {
    end(program.at(server).args(command.split_whitespace()))
}

/// A directory with a recording that takes three parts.
fn recorded() -> Program {
    let program = Program::new();
    program.write("t.wav", "0123456789abcdefghijKLM");
    program
}

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
