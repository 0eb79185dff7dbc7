//! Ways into the parsers of what callers send, without a network: for the fuzz targets, and for the tests that hold
//! what they found. Only with the feature `fuzzing`.
//!
//! Each panics where what it reads leads to something that no caller may bring about.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::stream;
use inference_api::claims::{Claims, Render};
use inference_api::transcript::Task;

use crate::admission::Admission;
use crate::backend::fake::FakeBackend;
use crate::device::Device;
use crate::error::Error;
use crate::form::{Asked, MAX_PROMPT_BYTES};
use crate::models::{self, Given, Loader, Names, Places};
use crate::registry::Registry;
use crate::telemetry::Metrics;
use crate::upload::{self, Bounds, Incoming};

pub use crate::realtime::fuzzing::realtime;

/// Small, so that it is reached.
const MAX_FILE_BYTES: u64 = 8 * 1024;

/// A model that knows English only, as the default one. One registry for all inputs: it has a thread.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let model = "tiny.en-q8_0".to_owned();
        let names = Names::new(vec![model.clone()], Vec::new(), Vec::new());
        let library = Given(vec![(model, Arc::new(FakeBackend::default()) as _)]);
        let places = Places {
            devices: vec![Device::Cpu],
            threads_each: 1,
        };
        #[expect(
            clippy::expect_used,
            reason = "a fuzzer without metrics and threads is none"
        )]
        let loader = Loader::start(
            Box::new(library),
            places,
            models::Bounds::default(),
            Arc::new(Metrics::new().expect("metrics")),
            Box::new(|| {}),
        )
        .expect("a thread");
        Registry::new(names, loader)
    })
}

/// Of a key that may do all there is.
pub(crate) fn claims() -> Claims {
    Claims {
        request_id: "fuzz".to_owned(),
        key_id: "key_1".to_owned(),
        owner: None,
        scopes: vec!["transcribe".to_owned()],
        models: vec!["*".to_owned()],
        max_audio_seconds: None,
        priority: 5,
        deadline_ms: u64::MAX,
        render: Render::Client,
        keep: None,
        job: None,
    }
}

/// Reads a multipart upload, and its fields as a transcription that is asked for. The first byte says in how long
/// pieces the body comes, the rest of the first line is the `Content-Type`, what follows is the body.
///
/// # Panics
/// Where that ends in a fault of the service, or beyond a bound.
pub fn form(input: &[u8]) {
    let Some((piece, rest)) = input.split_first() else {
        return;
    };
    let mut lines = rest.splitn(2, |byte| *byte == b'\n');
    let (Some(kind), body) = (lines.next(), lines.next().unwrap_or_default()) else {
        return;
    };
    let Ok(kind) = HeaderValue::from_bytes(kind) else {
        return;
    };
    let pieces: Vec<_> = body
        .chunks(1 + usize::from(*piece))
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    let read = async {
        let bounds = Bounds {
            max_file_bytes: MAX_FILE_BYTES,
            stall: Duration::from_secs(10),
            total: Duration::from_secs(10),
            spool_dir: std::env::temp_dir(),
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        let boundary = upload::check_headers(&headers, &bounds)?;
        let incoming = Incoming::new(Body::from_stream(stream::iter(pieces)));
        let upload = Admission::new(1).upload();
        let form = upload::read(&incoming, boundary, &bounds, Some(&upload), true).await?;
        assert!(form.file_bytes <= MAX_FILE_BYTES);
        for task in [Task::Transcribe, Task::Translate] {
            let choose = |name: &str| registry().choose(name, &claims());
            let (asked, _) = Asked::of(&form, task, choose)?;
            assert!((0.0..=1.0).contains(&asked.options.temperature));
            let prompt = asked.options.prompt.unwrap_or_default();
            assert!(prompt.len() <= MAX_PROMPT_BYTES);
        }
        Ok::<_, Error>(())
    };
    #[expect(clippy::expect_used, reason = "a fuzzer without a clock is none")]
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a clock");
    if let Err(error) = runtime.block_on(read) {
        let kind = error.kind();
        assert!(
            kind.status.is_client_error(),
            "{error}: {:?}",
            error.cause()
        );
        assert_ne!(kind.code, "request_timeout", "nobody was slow");
    }
}
