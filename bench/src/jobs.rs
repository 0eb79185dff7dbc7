//! What is too long to wait for: a gigabyte that is uploaded in parts, and a recording of eight hours that is heard as
//! a job. What the Worker and the service hold meanwhile.

use std::convert::Infallible;
use std::fs;
use std::iter;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::Method;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use crate::client::{self, Connection};
use crate::deployment::{Deployment, random_secret};
use crate::error::Error;
use crate::memory::{MOST_GROWTH_MB, growth_mb, held};
use crate::peers::speech;
use crate::process;
use crate::recording::Recording;
use crate::report::{Figure, Part};
use crate::speech::Settings;
use crate::stack::Stack;
use crate::workerd::{Script, Workerd};

/// A part of an upload, and a gigabyte of them (docs/api.md, "Jobs").
const PART_BYTES: usize = 64 * 1024 * 1024;
const PARTS: usize = 16;
/// What a frame of a body holds at most.
const PIECE: &[u8] = &[0; 64 * 1024];
const STATES: usize = 2;
/// Of a speech that is put behind itself until it is so long.
const HOURS: u32 = 8;
const SPEECH_SECONDS: u32 = 480;
/// Most resident memory of the service with it, in MB.
const MOST_PEAK_MB: f64 = 500.0;
/// How often it is asked whether the job is over.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Further things that it needs.
pub(crate) struct Programs<'a> {
    /// Folder of the Worker built with test routes, one of which tells its memory.
    pub(crate) test_bundle: &'a Path,
    /// Python with the packages of bench/requirements.txt.
    pub(crate) python: &'a Path,
    /// bench/repeat_mp3.py.
    pub(crate) repeat: &'a Path,
}

/// Measures both.
pub(crate) async fn run(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Part, Error> {
    let mut part = Part::default();
    part.figures.extend(upload(settings, programs).await?);
    part.figures.extend(long(settings, programs).await?);
    Ok(part)
}

/// Calls with a key, and reads JSON.
struct Caller<'a> {
    workerd: &'a Workerd,
    authorization: &'a str,
}

impl Caller<'_> {
    /// One request on a connection of its own.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<Value, Error> {
        let headers = [
            ("authorization", self.authorization),
            // Where the service brings what is kept.
            ("host", self.workerd.authority.as_str()),
            ("content-type", "application/json"),
        ];
        let request = client::request(method, path, &headers, Full::new(body.into()))?;
        let mut connection = Connection::open(&self.workerd.authority).await?;
        let answer = connection.ask(request).await?;
        let said = String::from_utf8_lossy(answer.body());
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(Error::Unexpected(format!("{path}: {status}: {said}")));
        }
        serde_json::from_str(&said).map_err(|error| Error::Unexpected(format!("{path}: {error}")))
    }

    /// Announces a file; the path that its bytes go to.
    async fn announce(&self, name: &str, bytes: usize) -> Result<String, Error> {
        let wish = json!({"name": name, "bytes": bytes}).to_string();
        let view = self.ask(Method::POST, "/v1/uploads", wish).await?;
        Ok(format!("/v1/uploads/{}", id(&view)?))
    }
}

fn id(view: &Value) -> Result<&str, Error> {
    let id = view["id"].as_str();
    id.ok_or_else(|| Error::Unexpected(format!("no id: {view}")))
}

/// A gigabyte through the Worker into its bucket.
async fn upload(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Vec<Figure>, Error> {
    // Nothing is transcribed: no host is asked.
    let deployment = Deployment::new("http://127.0.0.1:1", &random_secret()?)?;
    let worker = deployment.worker(Script::with_stores(programs.test_bundle));
    let workerd = Workerd::start(settings.harness, &worker).await?;
    let authorization = deployment.key.authorization.as_str();
    let caller = Caller {
        workerd: &workerd,
        authorization,
    };
    let path = caller.announce("large.wav", PARTS * PART_BYTES).await?;
    let mut connection = Connection::open(&workerd.authority).await?;
    // What the first part needs, every later one uses again.
    send_part(&workerd, authorization, &path, 1).await?;
    let before = held(&workerd, &mut connection).await?;
    eprintln!("jobs: {PARTS} parts of {PART_BYTES} bytes");
    let began = Instant::now();
    for part in 1..=PARTS {
        send_part(&workerd, authorization, &path, part).await?;
    }
    let took = began.elapsed();
    let after = held(&workerd, &mut connection).await?;
    let view = caller.ask(Method::GET, &path, Bytes::new()).await?;
    if view["state"] != "complete" {
        return Err(Error::Unexpected(format!("not complete: {view}")));
    }
    #[expect(clippy::cast_precision_loss, reason = "a gigabyte")]
    let rate = (PARTS * PART_BYTES) as f64 / 1e6 / took.as_secs_f64();
    let figure = |what: &str, value, unit, most| {
        Figure::once(format!("jobs: 1 GB in parts: {what}"), value, unit, most)
    };
    Ok(vec![
        figure(
            "growth of wasm memory",
            growth_mb(before.wasm, after.wasm),
            "MB",
            Some(MOST_GROWTH_MB),
        ),
        figure(
            "growth of workerd's peak RSS, the bucket's simulator in it",
            growth_mb(before.resident_peak, after.resident_peak),
            "MB",
            None,
        ),
        figure("rate", rate, "MB/s", None),
    ])
}

/// Zeros, which exist only piece by piece.
async fn send_part(
    workerd: &Workerd,
    authorization: &str,
    path: &str,
    part: usize,
) -> Result<(), Error> {
    let pieces = iter::repeat_n(PIECE, PART_BYTES / PIECE.len());
    let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from_static(piece))));
    let body = StreamBody::new(stream::iter(frames)).boxed();
    let length = PART_BYTES.to_string();
    let headers = [
        ("authorization", authorization),
        ("content-length", length.as_str()),
    ];
    let path = format!("{path}?part={part}");
    let request = client::request(Method::PUT, &path, &headers, body)?;
    let mut connection = Connection::open(&workerd.authority).await?;
    connection.send(request).await?;
    Ok(())
}

/// A recording of eight hours: uploaded, heard, kept.
async fn long(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Vec<Figure>, Error> {
    let file = recording(settings, programs).await?;
    let stack = Stack::with_stores(settings, STATES).await?;
    let caller = Caller {
        workerd: &stack.workerd,
        authorization: &stack.authorization,
    };
    eprintln!(
        "jobs: a recording of {HOURS} hours, {} MB",
        file.len() / 1_000_000
    );
    let path = caller.announce("long.mp3", file.len()).await?;
    let view = caller.ask(Method::GET, &path, Bytes::new()).await?;
    let upload = id(&view)?;
    for (part, bytes) in file.chunks(PART_BYTES).enumerate() {
        let path = format!("{path}?part={}", part + 1);
        caller.ask(Method::PUT, &path, bytes.to_vec()).await?;
    }
    let began = Instant::now();
    let wish = json!({"upload_id": upload}).to_string();
    let job = caller.ask(Method::POST, "/v1/jobs", wish).await?;
    let path = format!("/v1/jobs/{}", id(&job)?);
    loop {
        sleep(ASK_EVERY).await;
        let job = caller.ask(Method::GET, &path, Bytes::new()).await?;
        match job["state"].as_str() {
            Some("succeeded") => break,
            Some("queued" | "running") => {}
            _ => return Err(Error::Unexpected(format!("the job: {job}"))),
        }
    }
    Ok(figures(
        began.elapsed(),
        process::peak_memory(stack.service.pid)?,
    ))
}

/// The bytes of an MP3.
async fn recording(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Vec<u8>, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let once = folder.path().join("once.wav");
    let once = Recording::of(&speech(settings)?, SPEECH_SECONDS, false, once)?;
    let file = folder.path().join("long.mp3");
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A few dozens.
    let times = (f64::from(HOURS * 3600) / once.seconds).ceil() as u32;
    let made = Command::new(programs.python)
        .arg(programs.repeat)
        .args([&once.file, Path::new(&times.to_string()), &file])
        .status()
        .await
        .map_err(Error::io("making a long recording"))?;
    if !made.success() {
        return Err(Error::Unexpected(format!("a long recording: {made}")));
    }
    fs::read(&file).map_err(Error::io("a long recording"))
}

/// Bytes of memory are far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn figures(took: Duration, peak: u64) -> Vec<Figure> {
    vec![
        Figure::once(
            format!("jobs: an MP3 of {HOURS} hours: peak RSS of the service"),
            peak as f64 / 1e6,
            "MB",
            Some(MOST_PEAK_MB),
        ),
        Figure::once(
            format!("jobs: an MP3 of {HOURS} hours: from its making to its end"),
            took.as_secs_f64(),
            "s",
            None,
        ),
    ]
}
