//! Sends spans to an OpenTelemetry collector: OTLP over HTTP, in protobuf, from a thread of its own.
//!
//! A request never waits for it: spans go into a queue of a fixed size, and beyond it they are lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Longest that one export may take.
const EXPORT: Duration = Duration::from_secs(10);
/// Longest that the last one may take, when the service stops.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);
/// Most of a collector's answer that is read, in bytes.
const ANSWER_BYTES: u64 = 64 * 1024;

/// Makes spans, and sends them to the collector whose OTLP begins at `base`: `http://127.0.0.1:4318`. What share of
/// traces is kept says the environment, as OpenTelemetry has it (`OTEL_TRACES_SAMPLER`); all, if nothing is said and the
/// caller's `traceparent` does not say otherwise.
pub(super) fn provider(base: &str) -> Result<SdkTracerProvider, String> {
    let endpoint = format!("{}/v1/traces", base.trim_end_matches('/'));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new())
        .with_endpoint(&endpoint)
        .with_timeout(EXPORT)
        .build()
        .map_err(|error| format!("traces can't be sent to {endpoint}: {error}"))?;
    let name = std::env::var("OTEL_SERVICE_NAME");
    let resource = Resource::builder()
        .with_service_name(name.unwrap_or_else(|_| "whisper-edge-inference".to_owned()));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(exporter)
        .build())
}

/// The client by which `models pull` speaks too: it may wait, as the exporter's thread may.
#[derive(Debug)]
struct Collector {
    agent: ureq::Agent,
    failing: AtomicBool,
}

impl Collector {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(EXPORT))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            failing: AtomicBool::new(false),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self
            .agent
            .run(request.map(|body| body.to_vec()))?
            .into_parts();
        let body = body.into_with_config().limit(ANSWER_BYTES).read_to_vec()?;
        Ok(Response::from_parts(parts, Bytes::from(body)))
    }

    /// One line when it begins to fail, and one when it works again.
    fn note(&self, cause: Option<String>) {
        let failed_before = self.failing.swap(cause.is_some(), Ordering::Relaxed);
        match cause {
            Some(cause) if !failed_before => tracing::warn!(cause, "traces are lost"),
            None if failed_before => tracing::info!("traces are sent again"),
            _ => {}
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request);
        self.note(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        answer
    }
}
