//! The spans of a request, below the one that its caller's `traceparent` names (W3C Trace Context): the request, its
//! upload, its decoder, and of each piece the wait in the queue and the run in the model. Where no collector is named
//! nothing of it is made.

use axum::http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Empty;
use tracing::span::EnteredSpan;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// The target of every span, by which logs leave them out and traces leave everything else out.
pub(crate) const SPANS: &str = "spans";

/// Gives the spans to the provider.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("whisper-edge-inference"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(SPANS, Level::INFO))
}

/// A request's span, and the id of the trace that it belongs to, where there is one.
pub(super) fn of_request(
    task: &str,
    request_id: &str,
    headers: &HeaderMap,
) -> (Span, Option<String>) {
    let caller = caller(headers);
    let span = tracing::info_span!(
        target: SPANS,
        "request",
        otel.name = task,
        otel.kind = "server",
        otel.status_code = Empty,
        request_id,
        model = Empty,
        audio_seconds = Empty,
        http.response.status_code = Empty,
        code = Empty,
    );
    let mut context = caller.clone();
    if !span.is_disabled() {
        // Fails only for a span that has begun.
        let _ = span.set_parent(caller);
        context = span.context();
    }
    let id = context.span().span_context().trace_id();
    let is_known = context.span().span_context().is_valid();
    (span, is_known.then(|| id.to_string()))
}

/// What `traceparent` says; nothing where it is malformed, or given twice.
fn caller(headers: &HeaderMap) -> opentelemetry::Context {
    let nobody = opentelemetry::Context::new();
    let mut given = headers.get_all("traceparent").iter();
    // The propagator reads numbers with a sign.
    let is_plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if !given
        .next()
        .is_some_and(|value| value.as_bytes().iter().all(is_plain))
        || given.next().is_some()
    {
        return nobody;
    }
    TraceContextPropagator::new().extract_with_context(&nobody, &HeaderExtractor(headers))
}

/// The spans of a piece on its way through the queue.
#[derive(Debug)]
pub(crate) struct PieceSpans {
    request: Span,
    /// Ends when it is dropped.
    waits: Span,
}

impl PieceSpans {
    /// Of a piece that enters the queue, below its request's span.
    pub(crate) fn enter_queue(request: &Span) -> Self {
        Self {
            request: request.clone(),
            waits: tracing::info_span!(target: SPANS, parent: request, "queue"),
        }
    }

    /// A state takes it: the wait is over, the run lasts until what is given is dropped.
    pub(crate) fn enter_model(&mut self, audio_seconds: f64) -> EnteredSpan {
        self.waits = Span::none();
        tracing::info_span!(target: SPANS, parent: &self.request, "model", audio_seconds).entered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace_id(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", value.parse().unwrap());
        }
        // No subscriber is set: the span is none, as where no collector is named.
        of_request("transcribe", "r", &headers).1
    }

    #[test]
    fn the_callers_trace_is_known_without_a_collector() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(
            trace_id(&[good]).as_deref(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
    }

    #[test]
    fn a_malformed_traceparent_is_ignored() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for bad in [
            "",
            "nonsense",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(&[bad]), None, "{bad}");
        }
        assert_eq!(trace_id(&[good, good]), None);
        assert_eq!(trace_id(&[]), None);
    }
}
