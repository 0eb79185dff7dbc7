//! Two hundred jobs at once on one host: all are done, and no owner waits longer than another.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::jobs::{is_over, upload};
use e2e::service::Service;
use e2e::speech::sample;
use e2e::until_in;
use reqwest::Method;
use serde_json::{Value, json};

const OWNERS: [&str; 4] = ["ann", "bob", "cleo", "dan"];
const EACH: usize = 50;
/// By how much an owner's median wait may exceed another's.
const MOST_RATIO: f64 = 1.3;
/// A bound on the whole, which takes about a minute on two cores.
const BOUND: Duration = Duration::from_mins(10);

async fn jobs(edge: &Edge, key: &Key) -> Vec<Value> {
    let list = edge.get("/v1/jobs?limit=1000").key(key).send().await;
    list.expect(200).json()["data"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_jobs_at_once_each_owner_has_his_share_of_the_host() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let bytes = std::fs::read(sample().0).unwrap();
    let limits =
        json!([{"name": "requests", "kind": "quota", "limit": 1_000_000, "period": "month"}]);
    let mut keys = BTreeMap::new();
    let mut batches = BTreeMap::new();
    for owner in OWNERS {
        let key = edge
            .create_key(&json!({"name": "fair", "owner": owner, "limits": limits}))
            .await;
        let upload = upload(&edge, &key, "sample.flac", &bytes).await;
        // Each is another one to the store of transcripts.
        let item = |n: usize| json!({"upload_id": upload, "prompt": format!("{n}")});
        batches.insert(
            owner,
            json!({"jobs": (0..EACH).map(item).collect::<Vec<_>>()}),
        );
        keys.insert(owner, key);
    }
    // The first has all of his in before the last has one.
    for owner in OWNERS {
        let made = edge.call(Method::POST, "/v1/jobs/batch").key(&keys[owner]);
        made.json(&batches[owner]).send().await.expect(202);
    }
    let mut waits: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for owner in OWNERS {
        let done = until_in(BOUND, "all of an owner's jobs are over", || async {
            let jobs = jobs(&edge, &keys[owner]).await;
            jobs.iter().all(is_over).then_some(jobs)
        })
        .await;
        assert_eq!(done.len(), EACH);
        for job in &done {
            assert_eq!(job["state"], "succeeded", "{job}");
            let time = |name: &str| job[name].as_u64().unwrap();
            waits
                .entry(owner)
                .or_default()
                .push(time("ended_at") - time("created_at"));
        }
    }
    let median = |waits: &mut Vec<u64>| {
        waits.sort_unstable();
        f64::from(u32::try_from(waits[waits.len() / 2]).unwrap())
    };
    let medians: Vec<f64> = waits.values_mut().map(median).collect();
    let most = medians.iter().copied().fold(0.0, f64::max);
    let least = medians.iter().copied().fold(f64::MAX, f64::min);
    eprintln!(
        "median waits of four owners in seconds: {medians:?}; ratio {:.2}",
        most / least
    );
    assert!(most <= MOST_RATIO * least, "{medians:?}");
}
