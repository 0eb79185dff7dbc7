//! What the Worker holds: its size, its start-up, and its memory while a body of the largest allowed
//! size passes through it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use http_body_util::{Full, StreamBody};
use hyper::Method;
use serde::Deserialize;

use crate::client::{self, Connection};
use crate::deployment::{Deployment, random_secret};
use crate::error::Error;
use crate::form;
use crate::load::Load;
use crate::process;
use crate::report::{Figure, Part};
use crate::stats::{Spread, ms};
use crate::upstream::Upstream;
use crate::workerd::{Script, Workerd};

/// The most that a deployment can allow, and a bit more than 100 MB.
const BODY_BYTES: usize = 100 * 1024 * 1024;
/// Most growth of the linear memory, in MB.
pub(crate) const MOST_GROWTH_MB: f64 = 2.0;
/// Most of the Worker when compressed, in KB.
const MOST_WORKER_KB: f64 = 1000.0;
const STARTS: usize = 3;

/// Where what it runs lies.
pub(crate) struct Settings<'a> {
    /// workerd.mjs.
    pub(crate) harness: &'a Path,
    /// Folder of the built Worker.
    pub(crate) bundle: &'a Path,
    /// Folder of the Worker built with test routes, one of which tells its memory.
    pub(crate) test_bundle: &'a Path,
}

/// How a body says where it ends.
#[derive(Clone, Copy)]
enum Framing {
    ContentLength,
    Chunked,
}

impl Framing {
    const ALL: [Self; 2] = [Self::ContentLength, Self::Chunked];

    const fn name(self) -> &'static str {
        match self {
            Self::ContentLength => "with its length",
            Self::Chunked => "chunked",
        }
    }
}

/// What a process and the Worker in it hold, in bytes.
pub(crate) struct Held {
    pub(crate) wasm: u64,
    pub(crate) resident_peak: u64,
}

/// Measures all of it.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let upstream = Upstream::start().await?;
    let deployment = Deployment::new(&upstream.origin, &random_secret()?)?;
    let mut part = Part::default();
    for framing in Framing::ALL {
        eprintln!("memory: a body of 100 MB, {}", framing.name());
        let (before, after) = pass(settings, &deployment, &upstream, framing).await?;
        let name = format!("memory: 100 MB body, {}", framing.name());
        part.figures.push(Figure::once(
            format!("{name}: growth of wasm memory"),
            growth_mb(before.wasm, after.wasm),
            "MB",
            Some(MOST_GROWTH_MB),
        ));
        part.figures.push(Figure::once(
            format!("{name}: growth of workerd's peak RSS"),
            growth_mb(before.resident_peak, after.resident_peak),
            "MB",
            None,
        ));
    }
    part.figures.push(Figure::once(
        "size: worker.js + wasm, gzip -9",
        compressed_kb(settings.bundle)?,
        "KB",
        Some(MOST_WORKER_KB),
    ));
    part.figures.push(Figure::spread(
        "start-up: Node and workerd to the first admitted request, offline",
        start_up(settings, &deployment).await?,
        "ms",
        None,
    ));
    Ok(part)
}

/// Sends one body through a Worker of its own; what that held before and after. Linear memory never
/// shrinks, so what it held in between counts as well.
async fn pass(
    settings: &Settings<'_>,
    deployment: &Deployment,
    upstream: &Upstream,
    framing: Framing,
) -> Result<(Held, Held), Error> {
    let mut worker = deployment.worker(Script::built(settings.test_bundle));
    worker
        .bindings
        .insert("MAX_UPLOAD_BYTES", BODY_BYTES.to_string());
    let workerd = Workerd::start(settings.harness, &worker).await?;
    let authorization = ("authorization", deployment.key.authorization.as_str());
    let length = BODY_BYTES.to_string();
    let mut headers = vec![authorization, form::CONTENT_TYPE];

    // What the first upload needs, every later one uses again.
    let warm_up = Load::new("/v1/audio/transcriptions", &headers, form::of(&[0; 1000]))?;
    let mut connection = Connection::open(&workerd.authority).await?;
    connection.send(warm_up.request()).await?;
    let before = held(&workerd, &mut connection).await?;

    let received = upstream.received();
    if matches!(framing, Framing::ContentLength) {
        headers.push(("content-length", &length));
    }
    let body = StreamBody::new(form::generated(BODY_BYTES).boxed());
    let request = client::request(Method::POST, "/v1/audio/transcriptions", &headers, body)?;
    Connection::open(&workerd.authority)
        .await?
        .send(request)
        .await?;
    let received = upstream.received() - received;
    if received != BODY_BYTES as u64 {
        return Err(Error::Unexpected(format!(
            "of {BODY_BYTES} bytes {received} came through the Worker"
        )));
    }
    Ok((before, held(&workerd, &mut connection).await?))
}

/// What they hold now, and the process at most so far. The Worker must be one with test routes.
pub(crate) async fn held(
    workerd: &Workerd,
    connection: &mut Connection<Full<Bytes>>,
) -> Result<Held, Error> {
    #[derive(Deserialize)]
    struct Memory {
        bytes: u64,
    }
    let question = Load::new("/__test/memory", &[], Bytes::new())?;
    let answer = connection.send(question.request()).await?;
    let memory: Memory = serde_json::from_slice(answer.body())
        .map_err(|error| Error::Unexpected(format!("/__test/memory: {error}")))?;
    Ok(Held {
        wasm: memory.bytes,
        resident_peak: process::peak_memory(workerd.pid)?,
    })
}

/// In MB of a million bytes; counts of bytes are far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn growth_mb(before: u64, after: u64) -> f64 {
    after.saturating_sub(before) as f64 / 1e6
}

/// Both modules in one stream, as the platform counts them, in KB of a thousand bytes.
#[allow(clippy::cast_precision_loss)]
fn compressed_kb(bundle: &Path) -> Result<f64, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for module in ["worker.js", "index_bg.wasm"] {
        let path = bundle.join(module);
        let failed = || Error::io(path.display().to_string());
        let code = fs::read(&path).map_err(failed())?;
        encoder.write_all(&code).map_err(failed())?;
    }
    let compressed = encoder.finish().map_err(Error::io("compressing"))?;
    Ok(compressed.len() as f64 / 1e3)
}

/// How long it takes from nothing to the first answer. A Worker that sends any request meanwhile
/// fails it.
async fn start_up(settings: &Settings<'_>, deployment: &Deployment) -> Result<Spread, Error> {
    let mut worker = deployment.worker(Script::built(settings.bundle));
    worker.offline = true;
    let authorization = ("authorization", deployment.key.authorization.as_str());
    let question = Load::new("/v1/models", &[authorization], Bytes::new())?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let workerd = Workerd::start(settings.harness, &worker).await?;
        let mut connection = Connection::open(&workerd.authority).await?;
        connection.send(question.request()).await?;
        times.push(ms(start.elapsed()));
    }
    Ok(Spread::of(times))
}
