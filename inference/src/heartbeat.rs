//! Tells the edge that this host is there, how full it is, and when it goes.
//!
//! A thread of its own with a blocking client: nothing that serves requests ever waits for it, and a beat is told
//! however busy the runtime is. It beats when the service is ready, every few seconds, and at once when something
//! changes. A beat that fails is the next one's matter.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::heartbeat::{Heartbeat, PATH};
use inference_api::signature::Secret;
use inference_api::statement;
use tokio::sync::oneshot;
use ureq::Agent;

use crate::config::Config;
use crate::service::Service;

/// Longest wait for the edge's answer to a beat.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two beats while the edge does not take them.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the service waits for its last beat.
const FAREWELL: Duration = Duration::from_secs(2);

/// What makes the heart beat before its time.
enum Event {
    /// Something is to be told at once.
    Changed,
    /// The service ends.
    Stop(oneshot::Sender<()>),
}

/// The beating of a service that registers itself.
pub(crate) struct Heart {
    events: Sender<Event>,
}

impl Heart {
    /// Begins to beat, if the settings name an edge. The first beat goes out at once.
    pub(crate) fn start(config: &Config, service: &Arc<Service>) -> std::io::Result<Option<Self>> {
        let (Some(edge), Some(own), Some(secrets)) = (
            &config.edge_url,
            &config.public_url,
            &config.edge_signing_secrets,
        ) else {
            return Ok(None);
        };
        let Some(secret) = secrets.0.first() else {
            return Ok(None);
        };
        let (events, received) = channel();
        let teller = Teller {
            service: Arc::clone(service),
            secret: secret.clone(),
            to: format!("{edge}{PATH}"),
            own: own.clone(),
            interval: config.heartbeat_interval,
            agent: agent(edge.starts_with("https://")),
            last_ms: 0,
            is_heard: None,
        };
        std::thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || teller.run(&received))?;
        Ok(Some(Self { events }))
    }

    /// Tells at once how the service stands.
    pub(crate) fn changed(&self) {
        // The thread ends with this alone.
        let _ = self.events.send(Event::Changed);
    }

    /// Tells that the service ends, and waits for that, though not for long.
    pub(crate) async fn stop(self) {
        let (told, is_told) = oneshot::channel();
        let _ = self.events.send(Event::Stop(told));
        let _ = tokio::time::timeout(FAREWELL, is_told).await;
    }
}

fn agent(https_only: bool) -> Agent {
    Agent::config_builder()
        .https_only(https_only)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(TIMEOUT))
        .user_agent(concat!("whisper-edge/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

struct Teller {
    service: Arc<Service>,
    secret: Secret,
    to: String,
    own: String,
    interval: Duration,
    agent: Agent,
    /// The time of the last beat: the next one's is later, whatever the clock does.
    last_ms: u64,
    /// Whether the last beat was taken.
    is_heard: Option<bool>,
}

impl Teller {
    fn run(mut self, events: &Receiver<Event>) {
        let mut failed: u32 = 0;
        loop {
            failed = if self.tell(false) { 0 } else { failed + 1 };
            match events.recv_timeout(self.pause(failed)) {
                Ok(Event::Changed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::Stop(told)) => {
                    self.tell(true);
                    // Nobody may be waiting any longer.
                    let _ = told.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Up to a quarter shorter than the longest, so that hosts that began together do not beat together.
    fn pause(&self, failed: u32) -> Duration {
        let doubled = self.interval.saturating_mul(1 << failed.min(8));
        let most = doubled.min(LONGEST_PAUSE.max(self.interval));
        let mut random = [0];
        // Without randomness the beats are merely more even.
        let _ = getrandom::fill(&mut random);
        most.mul_f64(1.0 - f64::from(random[0]) / 1024.0)
    }

    /// One beat; whether the edge took it.
    fn tell(&mut self, stops: bool) -> bool {
        let heard = self.post(stops);
        let is_heard = heard.is_ok();
        if self.is_heard != Some(is_heard) {
            match &heard {
                Ok(()) => tracing::info!(edge = self.to, host = self.own, "registered"),
                Err(cause) => tracing::warn!(edge = self.to, cause, "the edge takes no heartbeat"),
            }
        }
        self.is_heard = Some(is_heard);
        is_heard
    }

    fn post(&mut self, stops: bool) -> Result<(), String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.last_ms = now_ms.max(self.last_ms.saturating_add(1));
        let beat = Heartbeat {
            url: self.own.clone(),
            at_ms: self.last_ms,
            every_ms: u32::try_from(self.interval.as_millis()).unwrap_or(u32::MAX),
            stops,
            load: self.service.load_header().to_string(),
        };
        let encoded = statement::encode(&beat);
        let signature = self.secret.sign("POST", PATH, &encoded, now.as_secs());
        let answer = self
            .agent
            .post(&self.to)
            .header(EDGE_CLAIMS, &encoded)
            .header(EDGE_SIGNATURE, &signature)
            .send_empty()
            .map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            204 => Ok(()),
            status => Err(format!("status {status}")),
        }
    }
}
