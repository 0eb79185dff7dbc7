//! Limits are exact: at any number of calls at once, from any number of places, over the death of workerd.

use std::time::Instant;

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::upstream::Upstream;
use edge_core::key_record::KeyRecord;
use futures_util::future::join_all;
use serde_json::json;

/// Calls at once that the crowds below make.
const CROWD: usize = 1_000;

/// So many uploads at once, in turn to each of the isolates.
async fn crowd(edge: &Edge, isolates: usize, key: &Key, size: usize) -> Vec<Answer> {
    let calls = (0..size).map(|n| {
        edge.transcribe_at(n % isolates, key)
            .upload("a little audio")
            .send()
    });
    join_all(calls).await
}

fn room_for_a_crowd() {
    // Each call is a connection here, and one more where the test plays the host.
    let most = rlimit::increase_nofile_limit(10 * CROWD as u64);
    let enough = most.is_ok_and(|files| files > 3 * CROWD as u64);
    assert!(enough, "too few open files are allowed: raise `ulimit -n`");
}

/// How many were admitted; the others were all refused as they should be.
fn admitted(answers: &[Answer], began: Instant) -> usize {
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in &good {
        assert_eq!(answer.text(), "words");
    }
    for answer in refused {
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
        // The window is an hour in slices of a minute: never too early, at most a slice too late.
        let wait = answer.number("retry-after");
        let least = 3600 - began.elapsed().as_secs() - 1;
        assert!((least..=3660).contains(&wait), "{answer:?}");
    }
    good.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_100_admits_exactly_100_of_1000_simultaneous_calls() {
    room_for_a_crowd();
    let host = Upstream::start().await.answer_all("words");
    let edge = Edge::builder().upstream(host.url()).start().await;
    let key = edge.limited_key(100).await;
    let began = Instant::now();
    let answers = crowd(&edge, 1, &key, CROWD).await;
    assert_eq!(admitted(&answers, began), 100);
    assert_eq!(host.count().await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_no_difference_at_how_many_places_they_come_in() {
    room_for_a_crowd();
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url()).isolates(3);
    let edge = builder.start().await;
    let key = edge.limited_key(100).await;
    let began = Instant::now();
    let answers = crowd(&edge, 3, &key, CROWD).await;
    assert_eq!(admitted(&answers, began), 100);
    assert_eq!(host.count().await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd_killed_and_started_again_mid_window_has_forgotten_nothing() {
    room_for_a_crowd();
    let host = Upstream::start().await.answer_all("words");
    let mut edge = Edge::builder().upstream(host.url()).start().await;
    let key = edge.limited_key(100).await;
    let began = Instant::now();
    let first_life = admitted(&crowd(&edge, 1, &key, 63).await, began);
    assert_eq!(first_life, 63);
    edge.restart().await;
    let second_life = admitted(&crowd(&edge, 1, &key, CROWD - 63).await, began);
    assert_eq!(second_life, 37);
    edge.restart().await;
    assert_eq!(admitted(&crowd(&edge, 1, &key, 50).await, began), 0);
    assert_eq!(host.count().await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd_killed_amid_a_crowd_admits_no_more_than_the_limit_over_both_lives() {
    room_for_a_crowd();
    let mut host = Upstream::start().await;
    let mut edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.limited_key(100).await;
    let began = Instant::now();
    // Their answers are held back, so that workerd dies while all of them are under way.
    let calls: Vec<_> = (0..CROWD)
        .map(|_| {
            let request = edge.transcribe(&key).upload("a little audio").into_inner();
            tokio::spawn(async move { request.send().await.map(|answer| answer.status()) })
        })
        .collect();
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(host.next().await);
    }
    edge.restart().await;
    let mut answered = 0;
    for call in calls {
        // Refused, or cut off; nobody was served.
        match call.await.unwrap() {
            Ok(status) => assert_eq!(status, 429),
            Err(_) => answered += 1,
        }
    }
    assert!(answered >= 60);
    let mut reached_the_host = held.len();
    drop(held);
    while host.try_next().is_some() {
        reached_the_host += 1;
    }
    let host = host.answer_all("words");
    let second_life = admitted(&crowd(&edge, 1, &key, CROWD).await, began);
    assert!(
        reached_the_host + second_life <= 100,
        "{reached_the_host} and {second_life} of 100 were admitted"
    );
    // What was not admitted before is still there to be had.
    assert_eq!(admitted(&crowd(&edge, 1, &key, 10).await, began), 0);
    assert_eq!(host.count().await, second_life);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_do_not_share_a_limit_nor_does_a_used_up_quota_return_with_a_new_process() {
    let mut edge = Edge::builder().start().await;
    let month = json!({"name": "quota", "limits": [{"name": "month", "kind": "quota", "limit": 2, "period": "month"}]});
    let (one, other) = (edge.create_key(&month).await, edge.create_key(&month).await);
    for _ in 0..2 {
        edge.get("/v1/models").key(&one).send().await.expect(200);
    }
    let refused = edge.get("/v1/models").key(&one).send().await;
    refused.expect_error(429, "insufficient_quota");
    edge.get("/v1/models").key(&other).send().await.expect(200);
    edge.restart().await;
    let refused = edge.get("/v1/models").key(&one).send().await;
    refused.expect_error(429, "insufficient_quota");
    edge.get("/v1/models").key(&other).send().await.expect(200);
    let refused = edge.get("/v1/models").key(&other).send().await;
    refused.expect_error(429, "insufficient_quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_behind_the_limiter_says_in_three_dialects_what_is_left() {
    let edge = Edge::builder().start().await;
    let key = edge
        .create_key(&json!({"name": "two limits", "limits": [
            {"name": "month", "kind": "quota", "limit": 1000, "period": "month"},
            {"name": "hour", "kind": "rate", "limit": 2, "window_seconds": 3600},
        ]}))
        .await;
    for left in [1, 0] {
        let answer = edge.get("/v1/models").key(&key).send().await.expect(200);
        check_limit_headers(&answer, left);
        assert_eq!(answer.header("retry-after"), None);
    }
    // The first refusal is the limiter's, the second is remembered by the isolate: they read alike.
    for _ in 0..2 {
        let answer = edge.get("/v1/models").key(&key).send().await;
        assert_eq!(answer.status, 429);
        check_limit_headers(&answer, 0);
        let reset = answer.header("ratelimit").unwrap();
        let wait = answer.number("retry-after");
        assert!(
            reset.starts_with(&format!("\"hour\";r=0;t={wait}")),
            "{reset}"
        );
    }
    // A key nobody has reaches no limiter.
    let answer = edge.get("/v1/models").bearer("wk_live_x").send().await;
    assert!(
        answer
            .headers
            .keys()
            .all(|name| !name.as_str().contains("ratelimit"))
    );
}

/// The hour's limit of 2 is always the tightest.
fn check_limit_headers(answer: &Answer, left: u64) {
    assert_eq!(answer.number("x-ratelimit-limit-requests"), 2);
    assert_eq!(answer.number("x-ratelimit-remaining-requests"), left);
    let policy = answer.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"hour\";q=2;w=3600"), "{policy}");
    let standing = answer.header("ratelimit").unwrap();
    let reset = standing
        .strip_prefix(&format!("\"hour\";r={left};t="))
        .and_then(|rest| rest.split(',').next()?.parse::<u64>().ok());
    let reset = reset.unwrap_or_else(|| panic!("{standing}"));
    assert!((3500..=3660).contains(&reset), "{standing}");
    let (hours, minutes, seconds) = (reset / 3600, reset / 60 % 60, reset % 60);
    let spoken = match hours {
        0 => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    };
    assert_eq!(
        answer.header("x-ratelimit-reset-requests"),
        Some(spoken.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_came_into_kv_by_another_way_is_limited_all_the_same() {
    let edge = Edge::builder().start().await;
    let known = edge.limited_key(7).await;
    let record = edge.record(&known).await;
    let key = edge
        .import_key(KeyRecord {
            id: "key_imported".into(),
            ..record
        })
        .await;
    let answers = join_all((0..50).map(|_| edge.get("/v1/models").key(&key).send())).await;
    let admitted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(admitted, 7);
}
