//! What all requests share, and how full it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inference_audio::Limits;
use inference_audio::chunks::Voice;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::auth::Authenticator;
use crate::backend::{BackendError, LoadedModel};
use crate::config::Config;
use crate::pool::Pool;
use crate::registry::Registry;
use crate::telemetry::{Gauged, Metrics, resident_bytes};
use crate::upload::Bounds;

/// `Retry-After` is within these.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// Makes a judge of speech for one recording.
pub(crate) type Ear = fn() -> Box<dyn Voice + Send>;

/// The service's shared parts.
pub(crate) struct Service {
    pub(crate) auth: Authenticator,
    pub(crate) registry: Registry,
    pub(crate) admission: Arc<Admission>,
    pub(crate) pool: Pool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) bounds: Bounds,
    pub(crate) limits: Limits,
    /// Longest piece that a recording is cut in.
    pub(crate) longest_piece: Duration,
    /// Makes what hears whether somebody speaks.
    pub(crate) ear: Ear,
    pub(crate) request_timeout: Duration,
    pub(crate) realtime_idle_timeout: Duration,
    pub(crate) connections: AtomicUsize,
    memory_mark: u64,
    draining: CancellationToken,
}

/// The body of `GET /v1/load`, by which an edge chooses among hosts.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LoadReport {
    permits_free: usize,
    permits_total: u32,
    uploads: usize,
    /// Pieces of audio that wait, and how long they are together.
    queue_waiting: usize,
    queue_audio_ms: u64,
    states_busy: usize,
    states_total: usize,
    /// How long a request that came now would wait, in milliseconds.
    queue_ms: u64,
    draining: bool,
}

impl Service {
    pub(crate) fn new(
        config: &Config,
        models: Vec<LoadedModel>,
        ear: Ear,
    ) -> Result<Self, BackendError> {
        let registry = Registry::new(models);
        let pool = Pool::start(&registry.backends(), config.state_count())?;
        let permits = u32::try_from(pool.threads() + config.queue_length).unwrap_or(u32::MAX);
        let secrets = config
            .edge_signing_secrets
            .as_ref()
            .map_or_else(Vec::new, |s| s.0.clone());
        let metrics = Metrics::new().map_err(|e| BackendError::Load(e.to_string()))?;
        pool.queue().count_in(metrics.piece_seconds.clone());
        Ok(Self {
            auth: Authenticator::new(secrets, config.dev_insecure, config.request_timeout),
            registry,
            admission: Admission::new(permits),
            pool,
            metrics: Arc::new(metrics),
            bounds: Bounds {
                max_file_bytes: config.max_file_bytes,
                stall: config.stall_timeout,
                total: config.upload_timeout,
                spool_dir: config.spool_dir.clone().unwrap_or_else(std::env::temp_dir),
            },
            limits: Limits {
                max_bytes: config.max_file_bytes,
                max_duration: config.max_audio,
                ..Limits::default()
            },
            longest_piece: config.piece,
            ear,
            request_timeout: config.request_timeout,
            realtime_idle_timeout: config.realtime_idle_timeout,
            connections: AtomicUsize::new(0),
            memory_mark: config.memory_mark_mib * 1024 * 1024,
            draining: CancellationToken::new(),
        })
    }

    /// From now on the service is not ready and takes nothing on.
    pub(crate) fn drain(&self) {
        self.draining.cancel();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Ends when the service begins to shut down.
    pub(crate) async fn drain_begun(&self) {
        self.draining.cancelled().await;
    }

    /// Why the service should get no further requests, if so.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("draining")
        } else if self.memory_mark > 0 && resident_bytes() > self.memory_mark {
            Some("above the memory mark")
        } else {
            None
        }
    }

    /// How long a request that came now would wait for a state, by the mean of the last requests.
    fn expected_wait(&self) -> Duration {
        let load = self.pool.queue().load();
        let taken = (self.admission.total() as usize).saturating_sub(self.admission.free());
        let states = self.pool.threads();
        // Those beyond the states stand before a newcomer, each state serving one after another.
        let before =
            u32::try_from(taken.saturating_sub(states) / states.max(1)).unwrap_or(u32::MAX);
        let current = u32::from(taken >= states);
        load.mean_service
            .saturating_mul(before.saturating_add(current))
    }

    /// When a refused caller is likely to find a permit: after the next request has ended.
    pub(crate) fn retry_after(&self) -> Duration {
        let load = self.pool.queue().load();
        let states = u32::try_from(self.pool.threads().max(1)).unwrap_or(u32::MAX);
        (load.mean_service / states).clamp(SHORTEST_RETRY, LONGEST_RETRY)
    }

    pub(crate) fn load(&self) -> LoadReport {
        let queue = self.pool.queue().load();
        LoadReport {
            permits_free: self.admission.free(),
            permits_total: self.admission.total(),
            uploads: self.admission.uploads(),
            queue_waiting: queue.waiting,
            queue_audio_ms: u64::try_from(queue.waiting_audio.as_millis()).unwrap_or(u64::MAX),
            states_busy: queue.running,
            states_total: self.pool.threads(),
            queue_ms: u64::try_from(self.expected_wait().as_millis()).unwrap_or(u64::MAX),
            draining: self.is_draining(),
        }
    }

    pub(crate) fn gauged(&self) -> Gauged {
        let load = self.load();
        Gauged {
            permits: load.permits_total as usize,
            permits_free: load.permits_free,
            queue_waiting: load.queue_waiting,
            states_busy: load.states_busy,
            uploads: load.uploads,
            connections: self.connections.load(Ordering::Relaxed),
            resident_bytes: resident_bytes(),
            draining: load.draining,
        }
    }
}

/// A connection that counts while it is open.
pub(crate) struct CountedConnection(Arc<Service>);

impl CountedConnection {
    /// Counts one more, unless there are `most` already.
    pub(crate) fn enter(service: &Arc<Service>, most: usize) -> Option<Self> {
        let counted = Self::upgraded(service);
        (service.connections.load(Ordering::Relaxed) <= most).then_some(counted)
    }

    /// One that speaks another protocol than HTTP by now: HTTP has let go of it, the system has not.
    pub(crate) fn upgraded(service: &Arc<Service>) -> Self {
        service.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(service))
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
