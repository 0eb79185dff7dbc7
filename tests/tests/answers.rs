//! Requests with an `Idempotency-Key`, as the edge sees them: what it tells the host of one, and what it keeps of the
//! answer. What the host makes of it: `idempotency.rs`.

use e2e::edge::{Edge, Key};
use e2e::host::{Host, Told};
use e2e::http::Answer;
use e2e::upstream::Upstream;
use inference_api::keeping::Keep;
use reqwest::Method;
use serde_json::json;

const DAY_MS: u64 = 86_400_000;

struct World {
    edge: Edge,
    host: Upstream,
}

impl World {
    async fn new() -> Self {
        let host = Upstream::start().await;
        let edge = Edge::builder().upstream(&host.url()).start().await;
        Self { edge, host }
    }

    async fn key(&self, owner: &str, scopes: &[&str]) -> Key {
        let key = json!({"name": "asks twice", "owner": owner, "scopes": scopes, "limits": [
            {"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"},
        ]});
        self.edge.create_key(&key).await
    }

    /// What the host is told of a request with this `Idempotency-Key`, and its answer.
    async fn told(&mut self, key: &Key, path: &str, once: &str) -> (Option<Keep>, Answer) {
        let call = self.edge.call(Method::POST, path).key(key);
        let call = call.header("idempotency-key", once).upload("audio");
        let asking = tokio::spawn(call.send());
        let arrival = self.host.next().await;
        let keep = arrival.claims().keep;
        let replayed = [("idempotent-replayed", "true")];
        arrival.reply(200, &replayed, "words");
        (keep, asking.await.unwrap())
    }

    async fn count(&self, table: &str) -> u64 {
        let query = format!("SELECT count(*) AS n FROM {table}");
        self.edge.count(&query, &[]).await
    }

    async fn find(&self, told: &Told) -> Answer {
        Host::of(&self.edge).find(told).await
    }

    async fn bring(&self, told: &Told) {
        Host::of(&self.edge).bring(told).await.expect(204);
    }

    /// The day of every answer is over.
    async fn a_day_goes_by(&self) {
        let set = "UPDATE answers SET expires_at=expires_at-?";
        let ms = (DAY_MS + 1).to_string();
        self.edge.sql(set, &[&ms]).await.unwrap();
    }
}

fn told(number: usize, key: &str, request: &str) -> Told {
    Told::new("acme", number, &format!("Number {number}.")).once(key, request)
}

fn listed(told: Told) -> Told {
    Told {
        listed: true,
        ..told
    }
}

const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_marked_by_its_key_its_path_and_its_idempotency_key_alone() {
    let mut world = World::new().await;
    let key = world.key("acme", &["transcribe", "translate"]).await;
    let sibling = world.key("acme", &["transcribe"]).await;
    let (keep, answer) = world.told(&key, TRANSCRIPTIONS, "once upon").await;
    assert_eq!(
        answer.expect(200).header("idempotent-replayed"),
        Some("true")
    );
    let keep = keep.unwrap();
    // It takes no further scope, and makes no transcript of the account.
    assert!(!keep.listed);
    let mark = keep.once.unwrap();
    assert_eq!(mark.len(), 64);
    let (again, _) = world.told(&key, TRANSCRIPTIONS, "once upon").await;
    assert_eq!(again.unwrap().once, Some(mark.clone()));
    for (key, path, once) in [
        (&sibling, TRANSCRIPTIONS, "once upon"),
        (&key, "/v1/audio/translations", "once upon"),
        (&key, TRANSCRIPTIONS, "once"),
    ] {
        let (other, _) = world.told(key, path, once).await;
        assert_ne!(other.unwrap().once, Some(mark.clone()), "{path} {once}");
    }
    let (none, _) = world.told(&key, TRANSCRIPTIONS, "").await;
    assert_eq!(none, None);
    let storing = format!("{TRANSCRIPTIONS}?store=true");
    let call = world.edge.call(Method::POST, &storing).key(&key);
    let refused = call.header("idempotency-key", "once upon").upload("audio");
    refused.send().await.expect_error(403, "insufficient_scope");
    let writer = world
        .key("acme", &["transcribe", "transcripts:write"])
        .await;
    let (keep, _) = world.told(&writer, &storing, "once upon").await;
    let keep = keep.unwrap();
    assert!(keep.listed && keep.once.is_some());
    assert_eq!(keep.until_ms, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_that_is_none_is_refused_before_anything_is_charged() {
    let world = World::new().await;
    let key = world.edge.limited_key(1).await;
    for bad in ["k".repeat(256), "a\tb".to_owned()] {
        let call = world.edge.transcribe(&key);
        let refused = call.header("idempotency-key", &bad).upload("audio");
        let refused = refused.send().await;
        assert_eq!(refused.param().as_deref(), Some("Idempotency-Key"));
        refused.expect_error(400, "invalid_value");
    }
    let models = world.edge.get("/v1/models").key(&key).send().await;
    models.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_under_the_same_key_is_the_callers_fault_and_he_reads_so() {
    let mut world = World::new().await;
    let key = world.key("acme", &["transcribe"]).await;
    let call = world.edge.transcribe(&key);
    let call = call.header("idempotency-key", "once").upload("audio");
    let asking = tokio::spawn(call.send());
    let conflict = r#"{"error":{"message":"Another.","type":"invalid_request_error","param":null,"code":"idempotency_key_reused"}}"#;
    let kind = [("content-type", "application/json")];
    world.host.next().await.reply(409, &kind, conflict);
    let answer = asking.await.unwrap();
    answer.expect_error(409, "idempotency_key_reused");
    // And no fault of the host: it is asked again.
    let (_, answer) = world.told(&key, TRANSCRIPTIONS, "twice").await;
    answer.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_stays_for_a_day_and_is_no_transcript() {
    let world = World::new().await;
    let reader = world
        .key("acme", &["transcripts:read", "transcripts:write"])
        .await;
    let first = told(1, "once", "this");
    world.find(&first).await.expect(204);
    world.bring(&first).await;
    // Twice is once, and who comes second with the same request changes nothing.
    world.bring(&first).await;
    world.bring(&told(2, "once", "this")).await;
    for asked in [&first, &told(3, "once", "this")] {
        let found = world.find(asked).await.expect(200);
        assert_eq!(found.header("x-idempotent"), Some("hit"));
        assert_eq!(found.header("x-transcript-id"), Some(first.id.as_str()));
        assert_eq!(found.json()["segments"][0]["text"], " Number 1.");
    }
    let other = world.find(&told(1, "once", "that")).await;
    other.expect_error(409, "idempotency_key_reused");
    let to_keep = world.find(&listed(told(1, "once", "this"))).await;
    to_keep.expect_error(409, "idempotency_key_reused");
    world.find(&told(1, "twice", "this")).await.expect(204);
    let mut stranger = told(1, "once", "this");
    stranger.account = "owner:rival".to_owned();
    world.find(&stranger).await.expect(204);
    // Nobody reads it as a transcript.
    let list = world.edge.get("/v1/transcripts").key(&reader).send().await;
    assert_eq!(list.expect(200).json()["data"], json!([]));
    let path = format!("/v1/transcripts/{}", first.id);
    let read = world.edge.get(&path).key(&reader).send().await;
    read.expect_error(404, "not_found");
    let delete = world.edge.call(Method::DELETE, &path).key(&reader);
    delete.send().await.expect_error(404, "not_found");
    world.find(&first).await.expect(200);
    let now = "SELECT count(*) AS n FROM answers WHERE expires_at BETWEEN \
        unixepoch()*1000+86000000 AND unixepoch()*1000+86401000";
    assert_eq!(world.edge.count(now, &[]).await, 1);

    world.a_day_goes_by().await;
    world.find(&first).await.expect(204);
    world.find(&told(1, "once", "that")).await.expect(204);
    // What is over makes room, whether it was removed yet or not.
    let next = told(4, "once", "that");
    world.bring(&next).await;
    let found = world.find(&next).await.expect(200);
    assert_eq!(found.header("x-transcript-id"), Some(next.id.as_str()));
    world.a_day_goes_by().await;
    world.edge.strike().await;
    assert_eq!(world.count("answers").await, 0);
}

/// Too long for a row.
fn long(told: Told) -> Told {
    Told {
        said: vec!["so on and so forth and so on ".repeat(100); 1_000],
        ..told
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_any_length_is_kept_and_leaves_nothing_behind() {
    let world = World::new().await;
    let first = long(told(1, "once", "this"));
    world.bring(&first).await;
    // The second of two at once: its body has no row.
    world.bring(&long(told(2, "once", "that"))).await;
    assert_eq!(world.edge.bucket().await.len(), 1);
    let found = world.find(&first).await.expect(200);
    assert_eq!(
        found.json()["segments"].as_array().map(Vec::len),
        Some(1_000)
    );
    world.a_day_goes_by().await;
    world.bring(&long(told(3, "once", "that"))).await;
    assert_eq!(world.edge.bucket().await.len(), 1);
    world.a_day_goes_by().await;
    world.edge.strike().await;
    assert_eq!(world.edge.bucket().await, Vec::<String>::new());
    assert_eq!(world.count("answers").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_a_transcript_is_one_until_that_is_deleted() {
    let world = World::new().await;
    let key = world.key("acme", &["transcripts:write"]).await;
    let delete = async |told: &Told| {
        let path = format!("/v1/transcripts/{}", told.id);
        let delete = world.edge.call(Method::DELETE, &path).key(&key);
        delete.send().await.expect(204);
    };
    let first = listed(long(told(1, "once", "this")));
    world.bring(&first).await;
    let found = world.find(&first).await.expect(200);
    assert_eq!(found.header("x-idempotent"), Some("hit"));
    assert_eq!(found.header("x-transcript-id"), Some(first.id.as_str()));
    // It has one body, not two.
    assert_eq!(world.edge.bucket().await.len(), 1);
    let other = world.find(&listed(told(1, "once", "that"))).await;
    other.expect_error(409, "idempotency_key_reused");
    let unlisted = world.find(&told(1, "once", "this")).await;
    unlisted.expect_error(409, "idempotency_key_reused");
    // What was kept before answers, too, and is the answer from then on.
    let twice = listed(told(1, "twice", "this"));
    let alike = world.find(&twice).await.expect(200);
    assert_eq!(alike.header("x-idempotent"), None);
    let again = world.find(&twice).await.expect(200);
    assert_eq!(again.header("x-idempotent"), Some("hit"));
    let other = world.find(&listed(told(9, "twice", "that"))).await;
    other.expect_error(409, "idempotency_key_reused");

    delete(&first).await;
    assert_eq!(world.count("answers").await, 0);
    for asked in [&first, &twice, &listed(told(9, "twice", "that"))] {
        world.find(asked).await.expect(204);
    }
    // One whose transcript has expired answers nothing either.
    let mut short = listed(told(5, "once", "this"));
    short.until_ms = Some(1);
    world.bring(&short).await;
    world.find(&short).await.expect(204);
    let next = listed(told(6, "once", "that"));
    world.bring(&next).await;
    let found = world.find(&next).await.expect(200);
    assert_eq!(found.header("x-transcript-id"), Some(next.id.as_str()));
}
