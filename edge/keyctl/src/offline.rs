//! The rules of the admin API on this machine: they check wishes and mint keys, and what they would make
//! is kept instead of made. Nothing is sent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use edge_core::api_key::KeyHash;
use edge_core::change::{Actor, AuditEvent, Change};
use edge_core::config::{Lookup, Settings};
use edge_core::jobs::DeadJob;
use edge_core::key_record::KeyRecord;
use edge_core::key_state::{Entry, KeyState};
use edge_core::limit::Limit;
use edge_core::plan::Plan;
use edge_core::ports::{
    AccountObjects, AuditQuery, Changed, Claim, Clock, Database, DeadQuery, Directories, Entered,
    JobObjects, KeyObjects, KeyStore, KeyView, Page, PortError, Retried, Rng as _, UnixMs,
    UsageQuery, plan_directory,
};
use edge_core::usage::Rollup;
use serde_json::Value;

use crate::cli::file::Environment;
use crate::error::Error;
use crate::rng::SystemRng;

/// Keeps the keys that the rules make; knows the plans that it was given, and nothing else.
pub(crate) struct Drafts {
    now: UnixMs,
    plans: BTreeMap<String, Value>,
    made: RefCell<Vec<KeyState>>,
}

impl Drafts {
    /// None yet.
    pub(crate) fn new(plans: &[Plan], now: UnixMs) -> Result<Self, Error> {
        let plans = plans.iter().map(|plan| {
            let value = serde_json::to_value(plan).map_err(std::io::Error::from)?;
            Ok((plan_directory(&plan.name), value))
        });
        Ok(Self {
            now,
            plans: plans.collect::<Result<_, Error>>()?,
            made: RefCell::default(),
        })
    }

    /// The keys made since this was asked last, in their order.
    pub(crate) fn take(&self) -> Vec<KeyState> {
        self.made.take()
    }
}

/// The settings of the deployment that the keys are for.
pub(crate) struct Deployment<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) env: Environment,
    pub(crate) default_limits: &'a [Limit],
}

impl Deployment<'_> {
    /// All settings, read by the edge's own rules. What has no say in the making of keys is filled in.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let mut secret = [0; 16];
        SystemRng.fill(&mut secret)?;
        let secret = format!("{:032x}", u128::from_be_bytes(secret));
        let env = match self.env {
            Environment::Live => "live",
            Environment::Test => "test",
        };
        let mut given = BTreeMap::from([
            ("INFERENCE_URLS", "https://localhost".to_owned()),
            ("ROOT_KEY_SHA256", KeyHash::of(&secret).to_hex()),
            ("EDGE_SIGNING_SECRETS", secret),
            ("KEY_PREFIX", self.prefix.to_owned()),
            ("KEY_ENV", env.to_owned()),
        ]);
        if !self.default_limits.is_empty() {
            let limits = serde_json::to_string(self.default_limits);
            given.insert("DEFAULT_LIMITS", limits.map_err(std::io::Error::from)?);
        }
        Settings::read(&Given(given)).map_err(|e| {
            let flag = match e.name.as_str() {
                "KEY_PREFIX" => "--prefix",
                "DEFAULT_LIMITS" => "--default-limit",
                name => name,
            };
            Error::Usage(format!("{flag}: {}", e.problem))
        })
    }
}

struct Given(BTreeMap<&'static str, String>);

impl Lookup for Given {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| (*name).to_owned()).collect()
    }
}

/// Runs to its end what waits for nothing but itself.
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            // Woken before or after: a wake-up that comes first is not lost.
            Poll::Pending => std::thread::park(),
        }
    }
}

/// What nothing that is run here asks for.
fn absent<T>() -> Result<T, PortError> {
    Err(PortError {
        port: "offline",
        cause: "there is no deployment here".to_owned(),
    })
}

impl Clock for Drafts {
    fn now(&self) -> UnixMs {
        self.now
    }
}

impl KeyStore for Drafts {
    async fn record(&self, _: &str) -> Result<Option<KeyRecord>, PortError> {
        Ok(None)
    }

    async fn hash_of(&self, _: &str) -> Result<Option<KeyHash>, PortError> {
        Ok(None)
    }

    async fn plan(&self, name: &str) -> Result<Option<Plan>, PortError> {
        let plan = self.plans.get(&plan_directory(name));
        Ok(plan.and_then(|plan| serde_json::from_value(plan.clone()).ok()))
    }

    async fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Page<Value>, PortError> {
        absent()
    }

    async fn remove(&self, _: &[Entry]) -> Result<(), PortError> {
        Ok(())
    }
}

impl KeyObjects for Drafts {
    async fn create(&self, key: &KeyState, _: &Actor) -> Result<Changed, PortError> {
        self.made.borrow_mut().push(key.clone());
        Ok(Changed::Done(KeyView {
            state: key.clone(),
            credits_left: key.record.credits.map(|credits| credits.balance),
            under_way: 0,
            limits_now: Vec::new(),
        }))
    }

    async fn change(
        &self,
        _: &str,
        _: &Change,
        _: &Actor,
        _: Option<&KeyState>,
    ) -> Result<Changed, PortError> {
        absent()
    }

    async fn admit(&self, _: &KeyRecord, _: &KeyHash, _: u32) -> Result<String, PortError> {
        absent()
    }

    async fn view(&self, _: &str) -> Result<Changed, PortError> {
        Ok(Changed::Absent)
    }

    async fn live_usage(&self, _: &str) -> Result<Vec<Rollup>, PortError> {
        absent()
    }

    async fn purge(&self, _: &str) -> Result<u64, PortError> {
        absent()
    }

    async fn set_owner_limits(&self, _: &str, _: &[Limit]) -> Result<Vec<Limit>, PortError> {
        absent()
    }

    async fn owner_limits(&self, _: &str) -> Result<Vec<Limit>, PortError> {
        absent()
    }
}

impl Directories for Drafts {
    async fn enter(
        &self,
        directory: &str,
        _: &[&str],
        _: Option<Claim<'_>>,
    ) -> Result<Entered, PortError> {
        Ok(Entered {
            announced: self.plans.get(directory).cloned(),
            taken_by: None,
        })
    }

    async fn leave(&self, _: &str, _: &str) -> Result<(), PortError> {
        Ok(())
    }

    async fn announce(
        &self,
        _: &str,
        _: &Value,
        _: Option<u32>,
        _: &AuditEvent,
    ) -> Result<Option<Value>, PortError> {
        absent()
    }

    async fn announced(&self, directory: &str) -> Result<Option<Value>, PortError> {
        Ok(self.plans.get(directory).cloned())
    }

    async fn members(&self, _: &str) -> Result<Vec<String>, PortError> {
        absent()
    }

    async fn dissolve(&self, _: &str, _: &AuditEvent) -> Result<u64, PortError> {
        absent()
    }
}

impl Database for Drafts {
    async fn usage(&self, _: &UsageQuery) -> Result<Vec<Rollup>, PortError> {
        absent()
    }

    async fn audit(&self, _: &AuditQuery) -> Result<Vec<AuditEvent>, PortError> {
        absent()
    }

    async fn purge(&self, _: &str, _: &[String]) -> Result<(u64, u64), PortError> {
        absent()
    }

    async fn purge_transcripts(&self, _: &str) -> Result<u64, PortError> {
        absent()
    }
}

impl AccountObjects for Drafts {
    async fn purge_webhooks(&self, _: &str) -> Result<u64, PortError> {
        absent()
    }

    async fn purge_portal(&self, _: &str) -> Result<u64, PortError> {
        absent()
    }
}

impl JobObjects for Drafts {
    async fn dead_jobs(&self, _: &DeadQuery) -> Result<Vec<(u64, DeadJob)>, PortError> {
        absent()
    }

    async fn account_of_dead(&self, _: &str) -> Result<Option<String>, PortError> {
        absent()
    }

    async fn retry(&self, _: &str, _: &str, _: &AuditEvent) -> Result<Retried, PortError> {
        absent()
    }

    async fn purge_jobs(&self, _: &str) -> Result<u64, PortError> {
        absent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_those_that_were_given() {
        let limit = edge_core::testing::rate("minute", 7, 60);
        let settings = |prefix| {
            let deployment = Deployment {
                prefix,
                env: Environment::Test,
                default_limits: std::slice::from_ref(&limit),
            };
            deployment.settings()
        };
        let read = settings("acme").unwrap();
        let key = read.key_format.mint(None, &mut SystemRng).unwrap();
        assert!(key.reveal().starts_with("acme_test_"));
        assert_eq!(read.default_limits, std::slice::from_ref(&limit));
        let error = settings("NO").unwrap_err().to_string();
        assert!(error.starts_with("--prefix: "), "{error}");
    }

    #[test]
    fn what_yields_is_run_to_its_end() {
        let mut polls = 0;
        let value = finish(std::future::poll_fn(|context| {
            polls += 1;
            if polls < 3 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(7)
        }));
        assert_eq!((value, polls), (7, 3));
    }
}
