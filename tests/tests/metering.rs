//! What is under way, what was used, what is charged: leases, seconds of audio, refunds, reports.

use e2e::edge::{Edge, Key};
use e2e::upstream::{Down, Upstream};
use e2e::{until, within};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// A limit of requests, and one of seconds of audio, that both last longer than any test.
fn metered() -> Value {
    json!([
        {"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"},
        {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 100, "period": "month"},
    ])
}

async fn under_way(edge: &Edge, key: &Key) -> u64 {
    edge.key(key).await["under_way"].as_u64().unwrap()
}

async fn until_under_way(edge: &Edge, key: &Key, count: u64) {
    let there = async || (under_way(edge, key).await == count).then_some(());
    until("so many are under way", there).await;
}

/// What a key used, as its holder asks for it.
async fn own_usage(edge: &Edge, key: &Key) -> Value {
    edge.get("/v1/usage")
        .key(key)
        .send()
        .await
        .expect(200)
        .json()["total"]
        .take()
}

/// What is left of requests and of audio: to ask for it costs nothing.
async fn left(edge: &Edge, key: &Key) -> (u64, u64) {
    let answer = edge.get("/v1/usage").key(key).send().await.expect(200);
    let left = |unit: &str| answer.number(&format!("x-ratelimit-remaining-{unit}"));
    (left("requests"), left("audio-seconds"))
}

/// Waits until so many uploads of the key have ended with this outcome.
async fn until_ended(edge: &Edge, key: &Key, outcome: &str, count: u64) {
    let ended = async || (own_usage(edge, key).await["outcomes"][outcome] == count).then_some(());
    until("the uploads are settled", ended).await;
}

fn upload(edge: &Edge, key: &Key) -> JoinHandle<e2e::http::Answer> {
    tokio::spawn(edge.transcribe(key).upload("audio").send())
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_is_charged_as_measured_whatever_the_form_of_the_answer_and_how_it_ends() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "metered", "limits": metered()}))
        .await;
    let envelope =
        r#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"c"}}"#;
    for (status, kind, body, audio, outcome, count, total) in [
        (
            200,
            "application/json",
            r#"{"text":"words"}"#,
            "10",
            "served",
            1,
            10.0,
        ),
        (200, "text/plain", "words", "5.25", "served", 2, 15.25),
        (
            200,
            "text/event-stream",
            "data: {}\n\n",
            "8.5",
            "served",
            3,
            23.75,
        ),
        (
            400,
            "application/json",
            envelope,
            "1.25",
            "client_error",
            1,
            25.0,
        ),
    ] {
        let client = upload(&edge, &key);
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        arrival.reply(
            status,
            &[("content-type", kind), ("x-audio-seconds", audio)],
            body,
        );
        assert_eq!(client.await.unwrap().expect(status).text(), body);
        until_ended(&edge, &key, outcome, count).await;
        assert_eq!(own_usage(&edge, &key).await["audio_seconds"], total);
    }
    assert_eq!(left(&edge, &key).await, (996, 75));
    // One that streams is charged when it has ended, cut off or not.
    let client = tokio::spawn(edge.transcribe(&key).upload("audio").start());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let headers = [
        ("content-type", "text/event-stream"),
        ("x-audio-seconds", "5"),
    ];
    let pieces = arrival.reply_in_pieces(200, &headers);
    pieces.send("data: {}\n\n").await;
    let mut response = client.await.unwrap();
    within("the first piece", response.chunk()).await.unwrap();
    assert_eq!(left(&edge, &key).await.1, 75);
    pieces.break_off().await;
    assert!(within("the end", response.chunk()).await.is_err());
    until("it is settled", async || {
        (left(&edge, &key).await.1 == 70).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_is_charged_by_what_was_heard_when_it_ended() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "metered", "limits": metered()}))
        .await;
    let events = [("content-type", "text/event-stream; charset=utf-8")];
    // Comments come in pieces, between events, and with those of others that mean nothing.
    let told = [
        "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n: x-audio-se",
        "conds 15.5\n\n: x-audio-seconds soon\n\ndata: : x-audio-seconds 99\n\n",
        ": x-audio-seconds 30.000\n\n",
    ];
    let answer = tokio::spawn(edge.transcribe(&key).upload("audio").send());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let pieces = arrival.reply_in_pieces(200, &events);
    for piece in told {
        pieces.send(piece).await;
    }
    drop(pieces);
    assert_eq!(answer.await.unwrap().expect(200).text(), told.concat());
    until_ended(&edge, &key, "served", 1).await;
    assert_eq!(own_usage(&edge, &key).await["audio_seconds"], 30.0);
    // The caller leaves amid the answer: so much was heard for him.
    let client = tokio::spawn(edge.transcribe(&key).upload("audio").start());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let pieces = arrival.reply_in_pieces(200, &events);
    pieces.send(": x-audio-seconds 12\n\n").await;
    let mut response = client.await.unwrap();
    within("the first piece", response.chunk()).await.unwrap();
    drop(response);
    pieces.send_until_abandoned("data: {}\n\n").await;
    until("it is settled", async || {
        (own_usage(&edge, &key).await["audio_seconds"] == 42.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_admitted_while_audio_is_left_and_not_after() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let audio = json!({"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 10, "period": "month"});
    let key = edge
        .create_key(&json!({"name": "ten seconds", "limits": [audio]}))
        .await;
    // Two under way while something is left: what they take beyond it is the overdraft.
    let clients = [upload(&edge, &key), upload(&edge, &key)];
    for _ in 0..2 {
        host.next()
            .await
            .reply(200, &[TEXT, ("x-audio-seconds", "9")], "words");
    }
    for client in clients {
        client.await.unwrap().expect(200);
    }
    until_ended(&edge, &key, "served", 2).await;
    let refused = upload(&edge, &key).await.unwrap();
    let refused = refused.expect_error(429, "insufficient_quota");
    assert_eq!(refused.number("x-ratelimit-remaining-audio-seconds"), 0);
    // What has no audio is not its matter.
    edge.get("/v1/models").key(&key).send().await.expect(200);
    host.expect_no_more();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_served_is_given_back_and_what_was_served_never() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url());
    let edge = builder
        .setting("REQUEST_TIMEOUT_SECONDS", "2")
        .start()
        .await;
    let credits = json!({"balance": 100});
    let wish = json!({"name": "metered", "limits": metered(), "credits": credits, "cost": 7});
    let key = edge.create_key(&wish).await;
    let envelope =
        r#"{"error":{"message":"m","type":"server_error","param":null,"code":"queue_full"}}"#;
    let json = ("content-type", "application/json");
    let mut failed = 0;
    for (status, answered) in [(503, 503), (500, 500), (429, 429), (418, 502)] {
        let client = upload(&edge, &key);
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        assert_eq!(
            edge.key(&key).await["credits_left"],
            93,
            "charged while it is under way"
        );
        arrival.reply(status, &[json, ("retry-after", "1")], envelope);
        client.await.unwrap().expect(answered);
        failed += 1;
        until_ended(&edge, &key, "upstream_failed", failed).await;
        assert_eq!(left(&edge, &key).await, (1_000, 100), "after {status}");
        assert_eq!(edge.key(&key).await["credits_left"], 100, "after {status}");
    }
    // Not before its deadline.
    let client = upload(&edge, &key);
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    client.await.unwrap().expect_error(504, "upstream_timeout");
    arrival.abandoned().await;
    until_ended(&edge, &key, "upstream_failed", failed + 1).await;
    assert_eq!(left(&edge, &key).await, (1_000, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_host_is_up_nothing_is_charged() {
    let down = Down::new();
    let edge = Edge::builder().upstream(&down.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "metered", "limits": metered()}))
        .await;
    for failed in 1..=3 {
        let answer = upload(&edge, &key).await.unwrap();
        assert!(matches!(answer.status, 502 | 503), "{answer:?}");
        until_ended(&edge, &key, "upstream_failed", failed).await;
        assert_eq!(left(&edge, &key).await, (1_000, 100));
    }
    assert_eq!(under_way(&edge, &key).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_upload_stays_charged_by_its_cost() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let wish =
        json!({"name": "metered", "limits": metered(), "credits": {"balance": 100}, "cost": 7});
    let key = edge.create_key(&wish).await;
    let envelope =
        r#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"c"}}"#;
    for (status, credits) in [(200, 93), (400, 86)] {
        let client = upload(&edge, &key);
        let headers = [("content-type", "application/json")];
        host.next().await.reply(status, &headers, envelope);
        client.await.unwrap().expect(status);
        until_under_way(&edge, &key, 0).await;
        assert_eq!(edge.key(&key).await["credits_left"], credits);
    }
    // One without audio weighs one.
    edge.get("/v1/models").key(&key).send().await.expect(200);
    assert_eq!(edge.key(&key).await["credits_left"], 85);
    assert_eq!(left(&edge, &key).await.0, 985);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_told_to_the_key_to_the_administrator_and_once_to_the_database() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url());
    let edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    let limits = json!([{"name": "hour", "kind": "rate", "limit": 4, "window_seconds": 3600}]);
    let key = edge
        .create_key(&json!({"name": "a", "owner": "acme", "limits": limits}))
        .await;
    let other = edge
        .create_key(&json!({"name": "b", "owner": "rival"}))
        .await;
    let mut audio_seconds = 0.0;
    for round in 1..=2 {
        for key in [&key, &other] {
            let client = upload(&edge, key);
            let mut arrival = host.next().await;
            arrival.whole_body().await;
            arrival.reply(200, &[TEXT, ("x-audio-seconds", "1.5")], "words");
            client.await.unwrap().expect(200);
            edge.get("/v1/models").key(key).send().await.expect(200);
        }
        audio_seconds += 1.5;
        // Once the alarm has told it, in either round: the same hour, twice.
        let told = async || {
            let usage = edge.ask_admin("/admin/usage?owner=acme").await;
            (usage["total"]["outcomes"]["served"] == 2 * round).then_some(usage)
        };
        let usage = until("the usage is in the database", told).await;
        assert_eq!(usage["total"]["audio_seconds"], audio_seconds);
        assert_eq!(usage["total"]["bytes"], 5 * round);
    }
    let query = "SELECT count(*) AS n FROM usage WHERE key_id=?";
    let parts = edge.ask_admin("/admin/usage?owner=acme").await["data"].take();
    let hours = edge.count(query, &[&key.id]).await;
    assert_eq!(hours, parts.as_array().unwrap().len() as u64, "{parts}");
    for _ in 0..2 {
        edge.get("/v1/models")
            .key(&key)
            .send()
            .await
            .expect_error(429, "rate_limit_exceeded");
    }
    let path = format!("/admin/keys/{}/usage?by=day", key.id);
    let counted = async || {
        let total = edge.ask_admin(&path).await["total"].take();
        (total["outcomes"]["rate_limited"].as_u64() >= Some(1)).then_some(total)
    };
    let total = until("refusals are counted", counted).await;
    assert_eq!(total["outcomes"]["served"], 4);
    assert_eq!(total["audio_seconds"], 3.0);
    let latency = |name: &str| total["latency_ms"][name].as_u64().unwrap();
    assert!(latency("p50") <= latency("p90") && latency("p90") <= latency("p99"));
    assert!(latency("p99") > 0, "{total}");
    assert_eq!(
        own_usage(&edge, &other).await["outcomes"],
        json!({"served": 4})
    );
    // All keys' are a sum.
    let summed = async || {
        let total = edge.ask_admin("/admin/usage").await["total"].take();
        (total["outcomes"]["served"] == 8).then_some(total)
    };
    let total = until("the other key's are told, too", summed).await;
    assert_eq!(total["audio_seconds"], 6.0);
    // Of two versions of an hour the newer stays, whichever comes last.
    let newer = "UPDATE usage SET version=1000000, bytes=77 WHERE key_id=?";
    edge.sql(newer, &[&other.id]).await.unwrap();
    edge.get("/v1/models").key(&other).send().await.expect(200);
    let of_other = format!("/admin/keys/{}/usage", other.id);
    assert_eq!(edge.ask_admin(&of_other).await["total"]["bytes"], 77);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_limit_can_still_ask_what_it_used() {
    let edge = Edge::builder().isolates(2).start().await;
    let key = edge.limited_key(1).await;
    edge.get("/v1/models").key(&key).send().await.expect(200);
    edge.get("/v1/models")
        .key(&key)
        .send()
        .await
        .expect_error(429, "rate_limit_exceeded");
    // Where the refusal is remembered, and where it is not.
    for isolate in 0..2 {
        let usage = edge.call_at(isolate, Method::GET, "/v1/usage").key(&key);
        let total = usage.send().await.expect(200).json()["total"].take();
        assert_eq!(total["outcomes"]["served"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_upload_that_no_limit_hangs_on_is_known_to_the_keys_next_request() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    for (count, seconds) in [(1, 2.5), (2, 5.0), (3, 7.5)] {
        let client = upload(&edge, &key);
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        arrival.reply(200, &[TEXT, ("x-audio-seconds", "2.5")], "words");
        client.await.unwrap().expect(200);
        let usage = own_usage(&edge, &key).await;
        assert_eq!(usage["outcomes"]["served"], count, "{usage}");
        assert_eq!(usage["audio_seconds"], seconds, "{usage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_that_no_request_takes_along_are_told_all_the_same_and_once() {
    let host = Upstream::start().await.answer_all("words");
    let edge = Edge::builder().upstream(host.url()).start().await;
    let key = edge.any_key().await;
    let all = join_all((0..40).map(|_| edge.transcribe(&key).upload("audio").send())).await;
    for answer in all {
        answer.expect(200);
    }
    until_under_way(&edge, &key, 0).await;
    assert_eq!(own_usage(&edge, &key).await["outcomes"]["served"], 40);
}
