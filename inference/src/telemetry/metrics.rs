//! What Prometheus reads. A metric's help says what it is; each is on the dashboard of `inference/deploy`, which a test
//! holds.

use std::time::Duration;

use prometheus::{
    Counter, Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, TextEncoder,
};

use super::refusal::Refusal;
use crate::ticket::Measured;

/// The service's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    refused: IntCounterVec,
    latency: Histogram,
    audio_seconds: Counter,
    upload_bytes: IntCounter,
    queue_seconds: Histogram,
    decode_seconds: Histogram,
    inference_seconds: Histogram,
    /// Of each piece, observed by the queue.
    pub(crate) piece_seconds: Histogram,
    real_time_factor: Histogram,
    full_window: IntCounter,
    jobs: IntCounterVec,
    model_loads: IntCounterVec,
    model_unloads: IntCounterVec,
    gauges: Gauges,
}

struct Gauges {
    permits: IntGauge,
    permits_free: IntGauge,
    queue_waiting: IntGauge,
    states_busy: IntGauge,
    models_loaded: IntGauge,
    uploads: IntGauge,
    jobs: IntGauge,
    connections: IntGauge,
    resident_bytes: IntGauge,
    draining: IntGauge,
}

/// A request that is over.
pub(super) struct Counted<'a> {
    pub(super) status: u16,
    pub(super) code: &'a str,
    /// None where nobody waited for more than that it was taken on.
    pub(super) took: Option<Duration>,
    /// Of its body.
    pub(super) bytes: u64,
    pub(super) measured: Measured,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobOutcome {
    /// It was heard, and is kept.
    Succeeded,
    /// It was heard before.
    Cached,
    Failed,
    Cancelled,
    /// The service shut down before its end.
    GivenUp,
}

impl JobOutcome {
    const ALL: [Self; 5] = [
        Self::Succeeded,
        Self::Cached,
        Self::Failed,
        Self::Cancelled,
        Self::GivenUp,
    ];

    /// The label's value.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::GivenUp => "given_up",
        }
    }
}

/// What is measured when the metrics are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gauged {
    pub(crate) permits: usize,
    pub(crate) permits_free: usize,
    pub(crate) queue_waiting: usize,
    pub(crate) states_busy: usize,
    pub(crate) models_loaded: usize,
    pub(crate) uploads: usize,
    pub(crate) jobs: usize,
    pub(crate) connections: usize,
    pub(crate) resident_bytes: u64,
    pub(crate) draining: bool,
}

/// Seconds, from what a small model on a short clip takes to what a patient caller waits.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// Seconds of model a second of audio: from a small model on a GPU to one that does not keep up.
const FACTORS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
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
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let histogram = Histogram::with_opts(options)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let seconds = |name: &str, help: &str| histogram(name, help, &SECONDS);
        let labelled = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let audio_seconds = Counter::new("audio_seconds_total", "Seconds of audio decoded")?;
        registry.register(Box::new(audio_seconds.clone()))?;
        Ok(Self {
            requests: labelled(
                "requests_total",
                "Transcription requests by status and code",
                &["status", "code"],
            )?,
            refused: from_zero(
                labelled(
                    "refused_total",
                    "Requests that were not served, or not to their end, though nothing was wrong with them but their time, by reason",
                    &["reason"],
                )?,
                &Refusal::ALL.map(Refusal::as_str),
            ),
            jobs: from_zero(
                labelled(
                    "jobs_total",
                    "Jobs that ended: heard (succeeded), heard before (cached), failed, cancelled, or left to another host (given_up)",
                    &["outcome"],
                )?,
                &JobOutcome::ALL.map(JobOutcome::as_str),
            ),
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
            piece_seconds: seconds("piece_seconds", "A piece of audio in the model")?,
            real_time_factor: histogram(
                "real_time_factor",
                "Seconds in the model for a second of audio, of each request",
                &FACTORS,
            )?,
            full_window: counter(
                "full_window_total",
                "Clips decoded again with the full window, because the text looked wrong",
            )?,
            gauges: Gauges {
                permits: gauge(
                    "permits",
                    "Requests that are taken on at the same time, at most",
                )?,
                permits_free: gauge("permits_free", "Requests that would be taken on now")?,
                queue_waiting: gauge("queue_waiting", "Clips waiting for a state")?,
                states_busy: gauge("states_busy", "States that are transcribing")?,
                models_loaded: gauge("models_loaded", "Models in memory")?,
                uploads: gauge("uploads", "Bodies being read")?,
                jobs: gauge("jobs", "Jobs under way")?,
                connections: gauge("connections", "Open connections")?,
                resident_bytes: gauge("resident_bytes", "Resident memory of the process")?,
                draining: gauge("draining", "1 while the service is shutting down")?,
            },
            registry,
        })
    }

    /// Counts a request that is over.
    pub(super) fn count(&self, request: &Counted<'_>) {
        let measured = request.measured;
        self.requests
            .with_label_values(&[&request.status.to_string(), request.code])
            .inc();
        if let Some(refusal) = Refusal::of(request.code, &measured) {
            self.refused.with_label_values(&[refusal.as_str()]).inc();
        }
        if let Some(took) = request.took {
            self.latency.observe(took.as_secs_f64());
        }
        self.upload_bytes.inc_by(request.bytes);
        self.measure(&measured);
    }

    /// Counts a job that is over.
    pub(crate) fn job_ended(&self, outcome: JobOutcome, measured: &Measured) {
        self.jobs.with_label_values(&[outcome.as_str()]).inc();
        self.measure(measured);
    }

    fn measure(&self, measured: &Measured) {
        let audio = measured.charged().as_secs_f64();
        self.audio_seconds.inc_by(audio);
        let ran = measured.waited.map(|_| measured.ran);
        for (histogram, time) in [
            (&self.queue_seconds, measured.waited),
            (&self.decode_seconds, measured.decoding),
            (&self.inference_seconds, ran),
        ] {
            if let Some(time) = time {
                histogram.observe(time.as_secs_f64());
            }
        }
        if let Some(ran) = ran
            && audio > 0.0
        {
            self.real_time_factor.observe(ran.as_secs_f64() / audio);
        }
        if measured.fell_back {
            self.full_window.inc();
        }
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
        set(&self.gauges.permits, now.permits as u64);
        set(&self.gauges.permits_free, now.permits_free as u64);
        set(&self.gauges.queue_waiting, now.queue_waiting as u64);
        set(&self.gauges.states_busy, now.states_busy as u64);
        set(&self.gauges.models_loaded, now.models_loaded as u64);
        set(&self.gauges.uploads, now.uploads as u64);
        set(&self.gauges.jobs, now.jobs as u64);
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
