//! An edge with uploads and jobs, as far as the tests of them need one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::program::Program;
use crate::server::{Ending, Reply, Request, Server};

const PART_BYTES: usize = 10;

/// Uploads and jobs as the API has them, one of each kind after the other.
#[derive(Default)]
pub(crate) struct Edge {
    pub(crate) uploads: Vec<Upload>,
    pub(crate) jobs: usize,
}

/// An upload, as far as it is there.
pub(crate) struct Upload {
    pub(crate) name: Value,
    pub(crate) bytes: usize,
    pub(crate) parts: BTreeMap<usize, Vec<u8>>,
}

impl Upload {
    /// What the API says of it.
    pub(crate) fn shown(&self, id: usize) -> Value {
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

/// What the API says of a job.
pub(crate) fn job(id: &str, state: &str, progress: f64) -> Value {
    let transcript = (state == "succeeded").then(|| id.replace("job", "tr"));
    json!({
        "id": id, "object": "job", "state": state, "progress": progress, "name": "t.wav",
        "model": "whisper-1", "task": "transcribe", "attempts": 1, "created_at": 1_790_000_000,
        "started_at": null, "ended_at": null, "transcript_id": transcript, "duration": 12.5,
        "cached": false, "error": null, "metadata": null,
    })
}

/// An event of a job.
pub(crate) fn event(kind: &str, job: &Value) -> String {
    format!(
        "data: {}\n\n",
        json!({"type": format!("job.{kind}"), "job": job})
    )
}

/// The events of a job that goes well.
pub(crate) fn well(id: &str) -> Vec<String> {
    vec![
        ": hello\n\n".to_owned(),
        event("updated", &job(id, "queued", 0.0)),
        event("updated", &job(id, "running", 0.5)),
        event("succeeded", &job(id, "succeeded", 1.0)),
    ]
}

impl Edge {
    /// The answer to a request.
    pub(crate) fn answer(&mut self, request: &Request) -> Reply {
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
pub(crate) fn edge(
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

/// A directory with a recording that takes three parts.
pub(crate) fn recorded() -> Program {
    let program = Program::new();
    program.write("t.wav", "0123456789abcdefghijKLM");
    program
}
