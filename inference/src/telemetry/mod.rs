//! Structured logs (one line for each request), Prometheus metrics and, where a collector is named, traces.
//!
//! None of them ever holds a secret, a prompt or a word of a transcript.

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

mod export;
mod logs;
mod memory;
mod metrics;
mod record;
mod refusal;
mod traces;

pub(crate) use memory::{forget_peak, peak_bytes, resident_bytes};
pub(crate) use metrics::{Gauged, JobOutcome, Metrics};
pub(crate) use record::{JOB, Meter, Record};
pub(crate) use traces::{PieceSpans, SPANS};

/// What must last as long as the process logs and traces. Dropping it sends the spans that wait.
#[must_use]
pub struct Telemetry(Option<SdkTracerProvider>);

/// Logs from now on what passes `filter` (the syntax of tracing's `EnvFilter`), as JSON lines on standard output, and
/// sends spans to the OpenTelemetry collector at `collector`, the base of its OTLP over HTTP, if one is given. Later
/// calls in the same process change nothing.
pub fn start(filter: &str, collector: Option<&str>) -> Result<Telemetry, String> {
    let logs = logs::layer::<Registry>(filter)?;
    // OpenTelemetry has an empty variable mean none.
    let collector = collector.filter(|base| !base.trim().is_empty());
    let provider = collector.map(export::provider).transpose()?;
    let traces = provider.as_ref().map(traces::layer);
    // Fails only where a subscriber is set already, as in a test.
    let _ = tracing_subscriber::registry()
        .with(logs)
        .with(traces)
        .try_init();
    Ok(Telemetry(provider))
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // A collector that does not answer costs its spans, and the shutdown no more than this.
            let _ = provider.shutdown_with_timeout(export::FAREWELL);
        }
    }
}
