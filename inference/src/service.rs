//! What all requests share, and how full it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inference_api::load::Load;
use inference_audio::Limits;
use inference_audio::chunks::Voice;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Permit};
use crate::auth::Authenticator;
use crate::backend::BackendError;
use crate::config::Config;
use crate::device::Device;
use crate::error::Error;
use crate::jobs::{Fetcher, Jobs};
use crate::keeping::Keeper;
use crate::models::{Library, Loader, Names, Places};
use crate::pool::Pool;
use crate::queue;
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
    /// None without a secret that it could sign with.
    keeper: Option<Arc<Keeper>>,
    pub(crate) registry: Registry,
    pub(crate) admission: Arc<Admission>,
    pub(crate) pool: Pool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) bounds: Bounds,
    pub(crate) limits: Limits,
    pub(crate) jobs: Arc<Jobs>,
    /// Of jobs, which have their own.
    pub(crate) job_bounds: Bounds,
    pub(crate) job_limits: Limits,
    /// Gets the files of jobs that say where they are.
    pub(crate) fetcher: Fetcher,
    /// Longest piece that a recording is cut in.
    pub(crate) longest_piece: Duration,
    /// Makes what hears whether somebody speaks.
    pub(crate) ear: Ear,
    pub(crate) request_timeout: Duration,
    max_queue_wait: Duration,
    pub(crate) realtime_idle_timeout: Duration,
    pub(crate) connections: AtomicUsize,
    memory_mark: u64,
    /// It is being replaced: it asks for no further requests, and goes on taking them for a while.
    leaving: CancellationToken,
    /// It takes nothing on any more.
    draining: CancellationToken,
}

/// Which models a service has, where they come from and what they run on.
pub(crate) struct Models {
    pub(crate) names: Names,
    pub(crate) library: Box<dyn Library>,
    pub(crate) places: Places,
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
    pub(crate) fn new(config: &Config, models: Models, ear: Ear) -> Result<Self, BackendError> {
        let Models {
            names,
            library,
            places,
        } = models;
        let on_gpu = places.devices.iter().any(Device::is_gpu);
        let metrics = Metrics::new().map_err(|e| BackendError::Load(e.to_string()))?;
        let metrics = Arc::new(metrics);
        let pool = Pool::start(places.threads())?;
        let queue = Arc::clone(pool.queue());
        let wake = Box::new(move || queue.models_changed());
        let bounds = config.models.bounds();
        let loader = Loader::start(library, places, bounds, Arc::clone(&metrics), wake)?;
        let registry = Registry::new(names, loader);
        let permits = u32::try_from(pool.threads() + config.queue_length).unwrap_or(u32::MAX);
        let secrets = config
            .edge_signing_secrets
            .as_ref()
            .map_or_else(Vec::new, |s| s.0.clone());
        pool.queue().count_in(metrics.piece_seconds.clone());
        let spool_dir = config.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        let (stall, job_total) = (config.stall_timeout, config.jobs.job_upload_timeout);
        Ok(Self {
            keeper: secrets.first().cloned().map(Keeper::new),
            auth: Authenticator::new(secrets, config.dev_insecure, config.request_timeout),
            registry,
            admission: Admission::new(permits),
            pool,
            metrics,
            bounds: Bounds {
                max_file_bytes: config.max_file_bytes,
                stall,
                total: config.upload_timeout,
                spool_dir: spool_dir.clone(),
            },
            jobs: Jobs::new(config.jobs.jobs),
            job_bounds: Bounds {
                max_file_bytes: config.jobs.max_job_bytes,
                stall,
                total: job_total,
                spool_dir: spool_dir.clone(),
            },
            job_limits: Limits {
                max_bytes: config.jobs.max_job_bytes,
                max_duration: config.jobs.max_job_audio,
                ..Limits::default()
            },
            fetcher: Fetcher::new(spool_dir, stall, job_total),
            limits: Limits {
                max_bytes: config.max_file_bytes,
                max_duration: config.max_audio,
                ..Limits::default()
            },
            longest_piece: config.longest_piece(on_gpu),
            ear,
            request_timeout: config.request_timeout,
            max_queue_wait: config.max_queue_wait,
            realtime_idle_timeout: config.realtime_idle_timeout,
            connections: AtomicUsize::new(0),
            memory_mark: config.memory_mark_mib * 1024 * 1024,
            leaving: CancellationToken::new(),
            draining: CancellationToken::new(),
        })
    }

    /// From now on the service says that it is being replaced, to whoever asks and with every answer; what comes
    /// all the same it takes. Jobs it ends: they would not come to their end here, and do so at another host.
    pub(crate) fn leave(&self) {
        self.leaving.cancel();
        self.jobs.close();
    }

    /// From now on the service is not ready and takes nothing on.
    pub(crate) fn drain(&self) {
        self.leave();
        self.draining.cancel();
    }

    /// Whether it is being replaced.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Ends when the service begins to shut down.
    pub(crate) async fn drain_begun(&self) {
        self.draining.cancelled().await;
    }

    /// Waits until nothing is taken on any more that is not done.
    pub(crate) async fn idle(&self) {
        tokio::join!(self.admission.idle(), self.jobs.idle());
    }

    /// Who speaks with the edge about transcripts.
    pub(crate) fn keeper(&self) -> Result<Arc<Keeper>, Error> {
        self.keeper.clone().ok_or_else(|| Error::StoreUnavailable {
            cause: "without a signing secret nothing can be kept".to_owned(),
        })
    }

    /// Why the service should get no further requests, if so.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        if self.is_leaving() {
            Some("draining")
        } else if self.memory_mark > 0 && resident_bytes() > self.memory_mark {
            Some("above the memory mark")
        } else {
            None
        }
    }

    /// How long the first piece of a request that came now would wait for a state, by the mean of the last pieces. Only
    /// requests of which none was begun stand before it: it overtakes the rest of a recording.
    fn expected_wait(&self) -> Duration {
        self.wait_by(self.pool.queue().load())
    }

    fn wait_by(&self, load: queue::Load) -> Duration {
        let states = self.pool.threads().max(1);
        if load.running < states && load.unstarted == 0 {
            return Duration::ZERO;
        }
        let before = u32::try_from(load.unstarted + 1).unwrap_or(u32::MAX);
        let states = u32::try_from(states).unwrap_or(u32::MAX);
        load.mean_piece.saturating_mul(before) / states
    }

    /// A permit for a newcomer who has so much time; none if he would wait too long for his turn, or all are taken.
    /// As many as there are states may wait in any case: with a model that takes longer for a piece than anybody is to
    /// wait there would be no queue at all.
    pub(crate) async fn admit(&self, time: Duration) -> Result<Permit, Error> {
        let load = self.pool.queue().load();
        let wait = self.wait_by(load);
        let is_crowded = load.unstarted >= self.pool.threads();
        let permit = if wait > time || (is_crowded && wait > self.max_queue_wait) {
            None
        } else {
            self.admission.admit().await
        };
        permit.ok_or_else(|| Error::QueueFull {
            retry_after: self.retry_after(),
        })
    }

    /// When a refused caller is likely to find a permit: after the next request has ended.
    fn retry_after(&self) -> Duration {
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
            draining: self.is_leaving(),
        }
    }

    /// The same for the edge, in one header. Above its memory mark the service has no room for anybody.
    pub(crate) fn load_header(&self) -> Load {
        let fits = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let draining = self.is_leaving();
        let free = match self.unready() {
            Some(_) if !draining => 0,
            _ => fits(self.admission.free()),
        };
        Load {
            free,
            queue_ms: u32::try_from(self.expected_wait().as_millis()).unwrap_or(u32::MAX),
            draining,
            models: self.registry.names_loaded(),
        }
    }

    pub(crate) fn gauged(&self) -> Gauged {
        let load = self.load();
        Gauged {
            permits: load.permits_total as usize,
            permits_free: load.permits_free,
            queue_waiting: load.queue_waiting,
            states_busy: load.states_busy,
            models_loaded: self.registry.loaded().len(),
            uploads: load.uploads,
            jobs: self.jobs.under_way(),
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
