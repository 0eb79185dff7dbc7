//! Structured logs (one line for each request) and Prometheus metrics.
//!
//! Neither ever holds a secret, a prompt or a word of a transcript.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ticket::Measured;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Nginx's status for a client that left before its answer.
pub(crate) const CLIENT_CLOSED: u16 = 499;

/// Sends log lines as JSON to standard output. Later calls in the same process change nothing.
pub fn init_logs(filter: &str) -> Result<(), String> {
    // Whatever is asked for: below warnings whisper.cpp writes prompts and transcripts, token by token.
    let no_speech = "whisper_rs=warn"
        .parse()
        .map_err(|e: tracing_subscriber::filter::ParseError| e.to_string())?;
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|e| e.to_string())?
        .add_directive(no_speech);
    // Fails only where a subscriber is set already, as in a test.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .try_init();
    Ok(())
}

/// The service's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latency: Histogram,
    audio_seconds: prometheus::Counter,
    upload_bytes: IntCounter,
    queue_seconds: Histogram,
    decode_seconds: Histogram,
    inference_seconds: Histogram,
    full_window: IntCounter,
    model_loads: IntCounterVec,
    model_unloads: IntCounterVec,
    gauges: Gauges,
}

struct Gauges {
    permits_free: IntGauge,
    queue_waiting: IntGauge,
    states_busy: IntGauge,
    models_loaded: IntGauge,
    uploads: IntGauge,
    connections: IntGauge,
    resident_bytes: IntGauge,
    draining: IntGauge,
}

/// What is measured when the metrics are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauged {
    pub(crate) permits_free: usize,
    pub(crate) queue_waiting: usize,
    pub(crate) states_busy: usize,
    pub(crate) models_loaded: usize,
    pub(crate) uploads: usize,
    pub(crate) connections: usize,
    pub(crate) resident_bytes: u64,
    pub(crate) draining: bool,
}

/// Seconds, from what a small model on a short clip takes to what a patient caller waits.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

impl Metrics {
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("inference".into()), None)?;
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let seconds = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let labelled = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let audio_seconds =
            prometheus::Counter::new("audio_seconds_total", "Seconds of audio decoded")?;
        registry.register(Box::new(audio_seconds.clone()))?;
        Ok(Self {
            requests: labelled(
                "requests_total",
                "Transcription requests by status and code",
                &["status", "code"],
            )?,
            model_loads: from_zero(
                labelled(
                    "model_loads_total",
                    "Models loaded, that could not be (failed), or had no room (refused)",
                    &["outcome"],
                )?,
                &["ok", "failed", "refused"],
            ),
            model_unloads: from_zero(
                labelled(
                    "model_unloads_total",
                    "Models that left the memory: unused (idle), or for another (evicted)",
                    &["reason"],
                )?,
                &["idle", "evicted"],
            ),
            audio_seconds,
            latency: seconds(
                "request_seconds",
                "From a request's head to its answer's end",
            )?,
            upload_bytes: counter("upload_bytes_total", "Bytes of request bodies")?,
            queue_seconds: seconds("queue_seconds", "Waiting for a decoder and a state")?,
            decode_seconds: seconds("decode_seconds", "Decoding and resampling")?,
            inference_seconds: seconds("model_seconds", "In the model")?,
            full_window: counter(
                "full_window_total",
                "Clips decoded again with the full window, because the text looked wrong",
            )?,
            gauges: Gauges {
                permits_free: gauge("permits_free", "Requests that would be taken on now")?,
                queue_waiting: gauge("queue_waiting", "Clips waiting for a state")?,
                states_busy: gauge("states_busy", "States that are transcribing")?,
                models_loaded: gauge("models_loaded", "Models in memory")?,
                uploads: gauge("uploads", "Bodies being read")?,
                connections: gauge("connections", "Open connections")?,
                resident_bytes: gauge("resident_bytes", "Resident memory of the process")?,
                draining: gauge("draining", "1 while the service is shutting down")?,
            },
            registry,
        })
    }

    /// A load has ended so: `ok`, `failed`, `refused`.
    pub(crate) fn model_loaded(&self, outcome: &str) {
        self.model_loads.with_label_values(&[outcome]).inc();
    }

    /// A model has left the memory, for this reason: `idle`, `evicted`.
    pub(crate) fn model_unloaded(&self, reason: &str) {
        self.model_unloads.with_label_values(&[reason]).inc();
    }

    /// The text form that Prometheus reads.
    pub(crate) fn render(&self, now: Gauged) -> Result<String, String> {
        let set =
            |gauge: &IntGauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.gauges.permits_free, now.permits_free as u64);
        set(&self.gauges.queue_waiting, now.queue_waiting as u64);
        set(&self.gauges.states_busy, now.states_busy as u64);
        set(&self.gauges.models_loaded, now.models_loaded as u64);
        set(&self.gauges.uploads, now.uploads as u64);
        set(&self.gauges.connections, now.connections as u64);
        set(&self.gauges.resident_bytes, now.resident_bytes);
        set(&self.gauges.draining, u64::from(now.draining));
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .map_err(|e| e.to_string())?;
        String::from_utf8(text).map_err(|e| e.to_string())
    }
}

/// Shows a counter's series before anything was counted: a rate needs a first value to start from.
fn from_zero(counter: IntCounterVec, labels: &[&str]) -> IntCounterVec {
    for label in labels {
        counter.with_label_values(&[label]);
    }
    counter
}

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
    pub(crate) fn new(metrics: Arc<Metrics>, request_id: String, task: &'static str) -> Self {
        Self {
            metrics,
            began: Instant::now(),
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

    /// The answer was sent to its end.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    fn count(&self, status: u16, code: &str) {
        let m = &self.metrics;
        m.requests
            .with_label_values(&[&status.to_string(), code])
            .inc();
        m.latency.observe(self.began.elapsed().as_secs_f64());
        m.upload_bytes.inc_by(self.bytes);
        let measured = self.meter.measured();
        m.audio_seconds.inc_by(measured.charged().as_secs_f64());
        let ran = measured.waited.map(|_| measured.ran);
        for (histogram, time) in [
            (&m.queue_seconds, measured.waited),
            (&m.decode_seconds, measured.decoding),
            (&m.inference_seconds, ran),
        ] {
            if let Some(time) = time {
                histogram.observe(time.as_secs_f64());
            }
        }
        if measured.fell_back {
            m.full_window.inc();
        }
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
        self.count(status, code);
        let measured = self.meter.measured();
        let ms = |time: Option<Duration>| time.map(|t| t.as_secs_f64() * 1000.0);
        tracing::info!(
            request_id = self.request_id,
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
            total_ms = ms(Some(self.began.elapsed())),
            "request"
        );
    }
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
pub(crate) fn resident_bytes() -> u64 {
    // proc(5): VmRSS in /proc/self/status is in kB.
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(metrics: &Arc<Metrics>) -> Record {
        Record::new(Arc::clone(metrics), "r".into(), "transcribe")
    }

    #[test]
    fn a_request_counts_once_with_its_answer() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let mut served = record(&metrics);
        served.meter.set(Measured {
            audio: Some(Duration::from_secs(11)),
            ..Measured::default()
        });
        served.answered(200, "ok");
        served.sent();
        drop(served);
        let text = metrics.render(Gauged::default()).unwrap();
        assert!(text.contains(r#"inference_requests_total{code="ok",status="200"} 1"#));
        assert!(text.contains("inference_audio_seconds_total 11"));
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
    }

    #[test]
    fn the_process_has_memory() {
        assert!(resident_bytes() > 1024 * 1024);
    }
}
