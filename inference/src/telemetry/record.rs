//! What is known of one request, which becomes its log line and counts in the metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use tracing::Span;

use super::metrics::{Counted, Metrics};
use super::traces;
use crate::ticket::Measured;

/// Nginx's status for a client that left before its answer.
const CLIENT_CLOSED: u16 = 499;

/// The task of a request that brings a job: how long its file takes is no latency.
pub(crate) const JOB: &str = "job";

/// What the stages of a request measure, shared by its record and an answer that streams.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Metered>>);

#[derive(Default)]
struct Metered {
    measured: Measured,
    /// Why a streamed answer ended early: its code, and the cause for the log.
    failed: Option<(&'static str, Option<String>)>,
}

impl Meter {
    pub(crate) fn set(&self, measured: Measured) {
        self.lock().measured = measured;
    }

    pub(crate) fn fail(&self, code: &'static str, cause: Option<&str>) {
        self.lock().failed = Some((code, cause.map(str::to_owned)));
    }

    pub(crate) fn measured(&self) -> Measured {
        self.lock().measured
    }

    fn lock(&self) -> MutexGuard<'_, Metered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of one request; becomes its log line, and counts, when it is dropped.
pub(crate) struct Record {
    metrics: Arc<Metrics>,
    began: Instant,
    /// Ends with the record.
    span: Span,
    trace_id: Option<String>,
    pub(crate) request_id: String,
    pub(crate) task: &'static str,
    pub(crate) key_id: String,
    pub(crate) owner: Option<String>,
    pub(crate) model: String,
    pub(crate) bytes: u64,
    pub(crate) meter: Meter,
    pub(crate) cause: Option<String>,
    answer: Option<(u16, &'static str)>,
    sent: bool,
}

impl Record {
    /// Of a request that came with these headers.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        request_id: String,
        task: &'static str,
        headers: &HeaderMap,
    ) -> Self {
        let (span, trace_id) = traces::of_request(task, &request_id, headers);
        Self {
            metrics,
            began: Instant::now(),
            span,
            trace_id,
            request_id,
            task,
            key_id: String::new(),
            owner: None,
            model: String::new(),
            bytes: 0,
            meter: Meter::default(),
            cause: None,
            answer: None,
            sent: false,
        }
    }

    /// How the request was answered.
    pub(crate) fn answered(&mut self, status: u16, code: &'static str) {
        self.answer = Some((status, code));
    }

    /// The span of all that is done for it.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    fn end_span(&self, status: u16, code: &str) {
        let span = &self.span;
        // OpenTelemetry has no unsigned numbers.
        span.record("http.response.status_code", i64::from(status));
        span.record("code", code);
        span.record("model", self.model.as_str());
        let audio = self.meter.measured().charged();
        span.record("audio_seconds", audio.as_secs_f64());
        if status >= 500 {
            span.record("otel.status_code", "ERROR");
        }
    }

    /// The answer was sent to its end.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let (status, mut code) = match self.answer {
            Some(answer) if self.sent => answer,
            _ => (CLIENT_CLOSED, "client_closed"),
        };
        let failed = self.meter.lock().failed.take();
        if let Some((failed, cause)) = failed {
            code = failed;
            self.cause = cause;
        }
        let measured = self.meter.measured();
        let took = self.began.elapsed();
        self.metrics.count(&Counted {
            status,
            code,
            took: (self.task != JOB).then_some(took),
            bytes: self.bytes,
            measured,
        });
        self.end_span(status, code);
        let ms = |time: Option<Duration>| time.map(|t| t.as_secs_f64() * 1000.0);
        tracing::info!(
            request_id = self.request_id,
            trace_id = self.trace_id,
            task = self.task,
            key_id = self.key_id,
            owner = self.owner,
            model = self.model,
            status,
            code,
            cause = self.cause,
            bytes = self.bytes,
            audio_seconds = measured.charged().as_secs_f64(),
            queue_ms = ms(measured.waited),
            decode_ms = ms(measured.decoding),
            inference_ms = ms(measured.waited.map(|_| measured.ran)),
            full_window = measured.fell_back,
            total_ms = ms(Some(took)),
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Gauged;

    fn record(metrics: &Arc<Metrics>) -> Record {
        Record::new(
            Arc::clone(metrics),
            "r".into(),
            "transcribe",
            &HeaderMap::new(),
        )
    }

    #[test]
    fn a_request_counts_once_with_its_answer() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut served = record(&metrics);
        served.meter.set(Measured {
            audio: Some(Duration::from_secs(11)),
            waited: Some(Duration::ZERO),
            ran: Duration::from_millis(220),
            ..Measured::default()
        });
        served.answered(200, "ok");
        served.sent();
        drop(served);
        let text = metrics.render(Gauged::default()).unwrap();
        for line in [
            r#"inference_requests_total{code="ok",status="200"} 1"#,
            "inference_audio_seconds_total 11",
            "inference_real_time_factor_sum 0.02",
            r#"inference_real_time_factor_bucket{le="0.01"} 0"#,
            r#"inference_refused_total{reason="overloaded"} 0"#,
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn an_answer_nobody_waited_for_counts_as_closed() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut left = record(&metrics);
        left.answered(200, "ok");
        drop(left);
        drop(record(&metrics));
        let text = metrics.render(Gauged::default()).unwrap();
        assert!(text.contains(r#"inference_requests_total{code="client_closed",status="499"} 2"#));
        assert!(text.contains(r#"inference_refused_total{reason="caller_gone"} 2"#));
    }
}
