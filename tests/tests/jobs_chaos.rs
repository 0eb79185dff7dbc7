//! The service and workerd are killed again and again while jobs are under way: every job ends, and in effect once.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::jobs::{create, id_of, is_over, upload};
use e2e::receiver::Receiver;
use e2e::relay::Relay;
use e2e::service::Service;
use e2e::speech::sample;
use e2e::until_in;
use reqwest::Method;
use serde_json::{Value, json};

const DEATHS: u64 = 30;
const JOBS: usize = 40;
const OWNERS: [&str; 4] = ["ann", "bob", "cleo", "dan"];
/// A bound on the whole, which takes about a minute on two cores.
const BOUND: Duration = Duration::from_secs(300);
/// Looks at the jobs between two deaths, at most.
const MOST_LOOKS: u64 = 16;

/// Numbers that are the same in every run of the same seed (splitmix64).
struct Seeded(u64);

impl Seeded {
    fn new() -> Self {
        let given = std::env::var("E2E_CHAOS_SEED").ok();
        let seed = given.map_or_else(
            || {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).unwrap();
                u64::from_le_bytes(bytes)
            },
            |given| given.parse().unwrap(),
        );
        eprintln!("E2E_CHAOS_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

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

    async fn count(&self, query: &str) -> u64 {
        let rows = self.edge.sql(query, &[]).await.unwrap();
        rows[0]["n"].as_u64().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_30_times_amid_40_jobs_each_ends_once() {
    let mut seeded = Seeded::new();
    let mut world = World::new().await;
    let limits = json!([
        {"name": "requests", "kind": "quota", "limit": 1_000_000, "period": "month"},
        {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1_000_000, "period": "month"},
    ]);
    let mut keys = Vec::new();
    for owner in OWNERS {
        let wish = json!({"name": "chaos", "owner": owner, "limits": limits});
        keys.push(world.edge.create_key(&wish).await);
    }
    let receiver = Receiver::start().await;
    let mut webhooks = Vec::new();
    for key in &keys {
        let made = world.edge.call(Method::POST, "/v1/webhooks").key(key);
        let made = made.json(&json!({"url": receiver.url("/200")}));
        let made = made.send().await.expect(201).json();
        world.edge.keep_secret(made["secret"].as_str().unwrap());
        webhooks.push(id_of(&made));
    }
    let speech = std::fs::read(sample().0).unwrap();
    let mut made = BTreeMap::new();
    for key in &keys {
        let upload = upload(&world.edge, key, "speech.flac", &speech).await;
        for n in 0..JOBS / OWNERS.len() {
            // Each is another one to the store of transcripts.
            let wish = json!({"upload_id": upload, "prompt": format!("{n}")});
            made.insert(create(&world.edge, key, &wish).await, key.id.clone());
        }
    }

    let (mut of_service, mut of_edge) = (0, 0);
    for _ in 0..DEATHS {
        let looks = Cell::new(seeded.below(MOST_LOOKS));
        let over = until_in(BOUND, "a moment to die in", || async {
            looks.set(looks.get().saturating_sub(1));
            let over = world.jobs(&keys).await.iter().all(is_over);
            (over || looks.get() == 0).then_some(over)
        })
        .await;
        assert!(!over, "they were over before the last death");
        match seeded.below(3) {
            0 => {
                world.kill_edge().await;
                of_edge += 1;
            }
            1 => {
                world.kill_service().await;
                of_service += 1;
            }
            _ => {
                world.kill_service().await;
                world.kill_edge().await;
                of_service += 1;
                of_edge += 1;
            }
        }
    }
    let jobs = until_in(BOUND, "every job is over", || async {
        let jobs = world.jobs(&keys).await;
        jobs.iter().all(is_over).then_some(jobs)
    })
    .await;

    let of_state = |state: &str| jobs.iter().filter(|job| job["state"] == state).count();
    let attempts: u64 = jobs.iter().filter_map(|job| job["attempts"].as_u64()).sum();
    eprintln!(
        "{} jobs: {} succeeded, {} failed; {attempts} attempts; killed: service {of_service}, workerd {of_edge}",
        jobs.len(),
        of_state("succeeded"),
        of_state("failed"),
    );
    let ids: BTreeMap<_, _> = jobs
        .iter()
        .map(|job| (job["id"].as_str().unwrap(), job))
        .collect();
    assert!(
        made.keys().map(String::as_str).eq(ids.keys().copied()),
        "none is lost, none is made twice"
    );
    for job in &jobs {
        let failed_for_a_reason = job["state"] == "failed" && job["error"]["code"].is_string();
        assert!(job["state"] == "succeeded" || failed_for_a_reason, "{job}");
    }
    let kept = world.count("SELECT count(*) AS n FROM transcripts").await;
    let kept_for_jobs = jobs.iter().filter_map(|job| job["transcript_id"].as_str());
    let kept_for_jobs: BTreeSet<_> = kept_for_jobs.collect();
    assert_eq!(
        kept_for_jobs.len(),
        of_state("succeeded"),
        "each has a transcript of its own"
    );
    assert_eq!(kept, kept_for_jobs.len() as u64, "each is kept once");

    // What every key was charged is what its jobs heard, once.
    for key in &keys {
        let of_key = jobs.iter().filter(|job| {
            made[job["id"].as_str().unwrap()] == key.id && job["state"] == "succeeded"
        });
        let (count, seconds) = of_key.fold((0, 0.0), |(count, seconds), job| {
            (count + 1, seconds + job["duration"].as_f64().unwrap())
        });
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
        assert!(count > 0);
    }

    // Each job's end is one event, and that is delivered.
    for (key, webhook) in keys.iter().zip(&webhooks) {
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
            log.iter()
                .all(|event| event["state"] == "delivered")
                .then_some(log)
        })
        .await;
        let events: BTreeSet<_> = delivered
            .iter()
            .filter_map(|event| event["id"].as_str())
            .collect();
        assert_eq!(
            (events.len(), delivered.len()),
            (JOBS / OWNERS.len(), JOBS / OWNERS.len()),
            "{delivered:?}"
        );
    }
}
