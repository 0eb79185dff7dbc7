//! The service and workerd are killed again and again while jobs are under way: every job ends, and in effect once.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::jobs::{create, id_of, is_over, upload};
use e2e::receiver::Receiver;
use e2e::relay::Relay;
use e2e::seeded::Seeded;
use e2e::service::Service;
use e2e::speech::sample;
use e2e::until_in;
use reqwest::Method;
use serde_json::{Value, json};

const DEATHS: u64 = 30;
/// Jobs of each of the owners: 40 in all.
const EACH: usize = 10;
const OWNERS: [&str; 4] = ["ann", "bob", "cleo", "dan"];
/// A bound on the whole, which takes about a minute on two cores.
const BOUND: Duration = Duration::from_mins(5);
/// Looks at the jobs between two deaths, at most.
const MOST_LOOKS: u64 = 16;

/// What lives behind addresses that stay.
struct World {
    edge: Edge,
    service: Service,
    to_edge: Relay,
    to_service: Relay,
    secret: String,
}

impl World {
    async fn new() -> Self {
        let (to_edge, to_service) = (Relay::start().await, Relay::start().await);
        let service = Service::start().await;
        to_service.lead_to(service.url());
        let edge = Edge::builder()
            .signed_as(&service)
            .upstream(to_service.url())
            .setting("PUBLIC_URL", to_edge.url())
            .setting("JOB_ATTEMPTS", "100")
            .setting("FETCH_URLS", "development")
            .setting("WEBHOOK_RETRY_SECONDS", "1,1,1,1,1,1,1,1,1,1")
            .start()
            .await;
        to_edge.lead_to(edge.url());
        let secret = service.signing_secret().to_owned();
        Self {
            edge,
            service,
            to_edge,
            to_service,
            secret,
        }
    }

    async fn kill_service(&mut self) {
        self.service.kill();
        self.service = Service::start_with(&[("EDGE_SIGNING_SECRETS", &self.secret)]).await;
        self.to_service.lead_to(self.service.url());
    }

    async fn kill_edge(&mut self) {
        self.edge.restart().await;
        self.to_edge.lead_to(self.edge.url());
    }

    async fn jobs(&self, keys: &[Key]) -> Vec<Value> {
        let mut all = Vec::new();
        for key in keys {
            let list = self.edge.get("/v1/jobs?limit=1000").key(key).send().await;
            all.extend(
                list.expect(200).json()["data"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default(),
            );
        }
        all
    }
}

/// A key of each owner, the webhook that it is told by, and the jobs that it asked for, by the id of the key.
struct Owners {
    keys: Vec<Key>,
    webhooks: Vec<String>,
    uploads: Vec<String>,
    made: BTreeMap<String, String>,
}

impl Owners {
    async fn new(world: &World, receiver: &Receiver) -> Self {
        let limits = json!([
            {"name": "requests", "kind": "quota", "limit": 1_000_000, "period": "month"},
            {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1_000_000, "period": "month"},
        ]);
        let speech = std::fs::read(sample().0).unwrap();
        let mut owners = Self {
            keys: Vec::new(),
            webhooks: Vec::new(),
            uploads: Vec::new(),
            made: BTreeMap::new(),
        };
        for owner in OWNERS {
            let wish = json!({"name": "chaos", "owner": owner, "limits": limits});
            let key = world.edge.create_key(&wish).await;
            let hook = world.edge.call(Method::POST, "/v1/webhooks").key(&key);
            let hook = hook.json(&json!({"url": receiver.url("/200")}));
            let hook = hook.send().await.expect(201).json();
            world.edge.keep_secret(hook["secret"].as_str().unwrap());
            owners.webhooks.push(id_of(&hook));
            let upload = upload(&world.edge, &key, "speech.flac", &speech).await;
            owners.uploads.push(upload);
            owners.keys.push(key);
        }
        owners.ask(world).await;
        owners
    }

    /// Asks for the same number of jobs for each.
    async fn ask(&mut self, world: &World) {
        for (key, upload) in self.keys.iter().zip(&self.uploads) {
            for _ in 0..EACH {
                // Each is another one to the store of transcripts.
                let prompt = self.made.len().to_string();
                let wish = json!({"upload_id": upload, "prompt": prompt});
                let id = create(&world.edge, key, &wish).await;
                self.made.insert(id, key.id.clone());
            }
        }
    }

    /// Each job ended, for a reason where it failed, and each that succeeded has a transcript of its own, kept once.
    async fn all_ended(&self, world: &World, jobs: &[Value]) {
        let ids: BTreeSet<_> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
        let made = self.made.keys().map(String::as_str);
        assert!(made.eq(ids), "none is lost, none is made twice");
        assert_eq!(jobs.len(), self.made.len());
        for job in jobs {
            let failed_for_a_reason = job["state"] == "failed" && job["error"]["code"].is_string();
            assert!(job["state"] == "succeeded" || failed_for_a_reason, "{job}");
        }
        let kept = jobs.iter().filter_map(|job| job["transcript_id"].as_str());
        let kept: BTreeSet<_> = kept.collect();
        assert_eq!(kept.len(), succeeded(jobs).count());
        let rows = world
            .edge
            .sql("SELECT count(*) AS n FROM transcripts", &[])
            .await;
        assert_eq!(rows.unwrap()[0]["n"].as_u64(), Some(kept.len() as u64));
    }

    /// What every key was charged is what its jobs heard, once.
    async fn all_charged_once(&self, world: &World, jobs: &[Value]) {
        for key in &self.keys {
            let of_key =
                succeeded(jobs).filter(|job| self.made[job["id"].as_str().unwrap()] == key.id);
            let seconds: f64 = of_key.filter_map(|job| job["duration"].as_f64()).sum();
            until_in(BOUND, "all is charged", || async {
                let usage = world
                    .edge
                    .get("/v1/usage")
                    .key(key)
                    .send()
                    .await
                    .expect(200)
                    .json();
                let charged = usage["total"]["audio_seconds"].as_f64().unwrap_or_default();
                assert!(
                    charged < seconds + 0.01,
                    "charged twice: {charged} of {seconds}"
                );
                ((charged - seconds).abs() < 0.01).then_some(())
            })
            .await;
        }
    }

    /// Each job's end is one event, and that is delivered.
    async fn all_told_once(&self, world: &World) {
        for (key, webhook) in self.keys.iter().zip(&self.webhooks) {
            let due = self.made.values().filter(|id| **id == key.id).count();
            let path = format!("/v1/webhooks/{webhook}/deliveries?limit=1000");
            let delivered = until_in(BOUND, "every event is delivered", || async {
                let log = world
                    .edge
                    .get(&path)
                    .key(key)
                    .send()
                    .await
                    .expect(200)
                    .json();
                let log = log["data"].as_array().cloned().unwrap_or_default();
                let all = log.iter().all(|event| event["state"] == "delivered");
                (all && log.len() >= due).then_some(log)
            })
            .await;
            let events: BTreeSet<_> = delivered
                .iter()
                .filter_map(|event| event["id"].as_str())
                .collect();
            assert_eq!((events.len(), delivered.len()), (due, due), "{delivered:?}");
        }
    }
}

fn succeeded(jobs: &[Value]) -> impl Iterator<Item = &Value> {
    jobs.iter().filter(|job| job["state"] == "succeeded")
}

/// Kills one or both at random moments; how often each.
async fn kill_amid(world: &mut World, owners: &mut Owners) -> (u32, u32) {
    let mut seeded = Seeded::new();
    let (mut of_service, mut of_edge) = (0, 0);
    for _ in 0..DEATHS {
        let looks = Cell::new(seeded.below(MOST_LOOKS));
        let over = until_in(BOUND, "a moment to die in", || async {
            looks.set(looks.get().saturating_sub(1));
            let over = world.jobs(&owners.keys).await.iter().all(is_over);
            (over || looks.get() == 0).then_some(over)
        })
        .await;
        if over {
            // A fast machine: there is to be something under way.
            owners.ask(world).await;
        }
        let which = seeded.below(3);
        if which != 0 {
            world.kill_service().await;
            of_service += 1;
        }
        if which != 1 {
            world.kill_edge().await;
            of_edge += 1;
        }
    }
    (of_service, of_edge)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_30_times_amid_40_jobs_each_ends_once() {
    let receiver = Receiver::start().await;
    let mut world = World::new().await;
    let mut owners = Owners::new(&world, &receiver).await;
    let (of_service, of_edge) = kill_amid(&mut world, &mut owners).await;
    let jobs = until_in(BOUND, "every job is over", || async {
        let jobs = world.jobs(&owners.keys).await;
        jobs.iter().all(is_over).then_some(jobs)
    })
    .await;
    let attempts: u64 = jobs.iter().filter_map(|job| job["attempts"].as_u64()).sum();
    eprintln!(
        "{} jobs: {} succeeded, {} failed; {attempts} attempts; {DEATHS} times killed: the service {of_service}, workerd {of_edge}",
        jobs.len(),
        succeeded(&jobs).count(),
        jobs.iter().filter(|job| job["state"] == "failed").count(),
    );
    owners.all_ended(&world, &jobs).await;
    owners.all_charged_once(&world, &jobs).await;
    owners.all_told_once(&world).await;
}
