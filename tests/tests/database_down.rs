//! The database may be away: keys go on working, transcripts are kept, and what it should have heard it hears later.

use e2e::edge::{Edge, Key};
use e2e::host::{Host, Told};
use e2e::http::Answer;
use e2e::service::Service;
use e2e::speech::{form_of, plain, sample};
use e2e::until;
use e2e::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

/// Carries a statement out for each of the two tables.
async fn for_each_table(edge: &Edge, statement: &str) {
    for table in ["usage", "audit"] {
        let statement = statement.replace("{}", table);
        edge.sql(&statement, &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_keys_are_made_changed_and_used_and_nothing_is_lost() {
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url());
    let mut edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    let refuse =
        "CREATE TRIGGER {}_away BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'away'); END";
    for_each_table(&edge, refuse).await;
    let key = edge
        .create_key(&json!({"name": "a", "owner": "acme"}))
        .await;
    edge.transcribe(&key)
        .upload("audio")
        .send()
        .await
        .expect(200);
    edge.get("/v1/models").key(&key).send().await.expect(200);
    edge.patch(&key, &json!({"name": "b"})).await.expect(200);
    let plan =
        json!({"limits": [{"name": "hour", "kind": "rate", "limit": 1, "window_seconds": 3600}]});
    edge.put_plan("starter", &plan).await;
    for_each_table(&edge, "ALTER TABLE {} RENAME TO {}_gone").await;
    for path in [
        "/admin/usage",
        "/admin/audit",
        &format!("/admin/keys/{}/usage", key.id),
    ] {
        let answer = edge.admin(Method::GET, path).send().await;
        let answer = answer.expect_error(503, "database_unavailable");
        assert!(!answer.text().contains("no such table"), "{answer:?}");
    }
    edge.get("/v1/usage")
        .key(&key)
        .send()
        .await
        .expect_error(503, "database_unavailable");
    for_each_table(&edge, "ALTER TABLE {}_gone RENAME TO {}").await;
    // What could not be told is on disk, and outlives the process.
    edge.restart().await;
    edge.get("/v1/models").key(&key).send().await.expect(200);
    for_each_table(&edge, "DROP TRIGGER {}_away").await;

    let path = format!("/admin/audit?target={}", key.id);
    let told = async || {
        let lines = edge.ask_admin(&path).await["data"].take();
        (lines.as_array().unwrap().len() == 2).then_some(lines)
    };
    let lines = until("the audit hears of the key", told).await;
    assert_eq!(
        (&lines[0]["action"], &lines[1]["action"]),
        (&json!("key.patch"), &json!("key.create"))
    );
    let told = async || {
        let plans = edge.ask_admin("/admin/audit?target=plan:starter").await;
        (plans["data"].as_array().unwrap().len() == 1).then_some(())
    };
    until("the audit hears of the plan", told).await;
    let told = async || {
        let total: Value = edge.ask_admin("/admin/usage?owner=acme").await["total"].take();
        (total["outcomes"] == json!({"served": 3})).then_some(())
    };
    until("the usage is told", told).await;
}

/// An edge whose bindings can be taken away, before this service.
async fn edge_of(service: &Service) -> Edge {
    let builder = Edge::builder().service(service);
    builder.watch_bindings().start().await
}

/// An edge whose bindings can be taken away, and no host.
async fn alone() -> Edge {
    Edge::builder().watch_bindings().start().await
}

async fn key(edge: &Edge, owner: &str) -> Key {
    let limits = json!([{"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"}]);
    edge.create_key(&json!({"name": "keeps", "owner": owner, "limits": limits}))
        .await
}

/// Has a sample transcribed and kept.
async fn keep(edge: &Edge, key: &Key) -> Answer {
    let call = edge.transcribe(key).header("x-store", "true");
    call.form(form_of(&sample().0)).send().await
}

async fn read(edge: &Edge, key: &Key, path: &str) -> Answer {
    let path = format!("/v1/transcripts{path}");
    edge.get(&path).key(key).send().await
}

async fn delete(edge: &Edge, key: &Key, id: &str) -> Answer {
    let path = format!("/v1/transcripts/{id}");
    edge.call(Method::DELETE, &path).key(key).send().await
}

/// Ids of the key's transcripts in the listing.
async fn listed(edge: &Edge, key: &Key) -> Vec<String> {
    let list = read(edge, key, "").await.expect(200).json();
    let data = list["data"].as_array().unwrap().iter();
    data.map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn rows(edge: &Edge, table: &str) -> u64 {
    let query = format!("SELECT count(*) AS n FROM {table}");
    edge.count(&query, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_kept_without_the_database_and_is_in_it_once_when_it_is_back() {
    let service = Service::start().await;
    let mut edge = edge_of(&service).await;
    let (owner, stranger) = (key(&edge, "acme").await, key(&edge, "rival").await);
    let words = sample().1;
    edge.take_away(&["DB"]).await;
    let made = keep(&edge, &owner).await.expect(200);
    let id = made.header("x-transcript-id").unwrap().to_owned();
    let there = async |edge: &Edge| {
        let detail = read(edge, &owner, &format!("/{id}")).await.expect(200);
        assert_eq!(plain(detail.json()["text"].as_str().unwrap()), words);
        let text = read(edge, &owner, &format!("/{id}?format=text")).await;
        assert_eq!(plain(text.expect(200).text()), words);
        detail.json()
    };
    let at_once = there(&edge).await;
    read(&edge, &owner, "")
        .await
        .expect_error(503, "database_unavailable");
    // Whether it is another's nobody can say, and nobody does.
    let of_another = read(&edge, &stranger, &format!("/{id}")).await;
    of_another.expect_error(503, "database_unavailable");

    // It outlives the process, whose successor has the database again.
    edge.restart().await;
    assert_eq!(there(&edge).await, at_once);
    assert_eq!(listed(&edge, &owner).await, Vec::<String>::new());
    let of_another = read(&edge, &stranger, &format!("/{id}")).await;
    of_another.expect_error(404, "not_found");
    for _ in 0..2 {
        edge.strike().await;
        assert_eq!(listed(&edge, &owner).await, [id.as_str()]);
        assert_eq!(rows(&edge, "transcript_words").await, 1);
        assert_eq!(edge.bucket().await, Vec::<String>::new());
    }
    assert_eq!(there(&edge).await, at_once);
    let again = keep(&edge, &owner).await.expect(200);
    assert_eq!(again.header("x-cache"), Some("hit"));
    assert_eq!(again.header("x-transcript-id"), Some(id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full_loses_nothing_of_any_length() {
    let edge = alone().await;
    let owner = key(&edge, "acme").await;
    let full = "CREATE TRIGGER is_full BEFORE INSERT ON transcripts BEGIN SELECT RAISE(ABORT, 'full'); END";
    edge.sql(full, &[]).await.unwrap();
    let mut long = Told::new("acme", 2, "");
    // Too long for a row.
    long.said = vec!["so on and so forth and so on ".repeat(100); 1_000];
    for told in [&Told::new("acme", 1, "Good morning."), &long] {
        Host::of(&edge).bring(told).await.expect(204);
        // The host did not hear the answer.
        Host::of(&edge).bring(told).await.expect(204);
        read(&edge, &owner, &format!("/{}", told.id))
            .await
            .expect(200);
    }
    edge.strike().await;
    assert_eq!(listed(&edge, &owner).await, Vec::<String>::new());
    edge.sql("DROP TRIGGER is_full", &[]).await.unwrap();
    // What can't be read keeps nothing else from being told.
    edge.bucket_put("pending/0/tr_0.json", "no such thing")
        .await;
    edge.strike().await;
    edge.until_logged(r#""written":2,"failed":1"#).await;
    // In the order in which they came, not in that in which the database heard of them.
    assert_eq!(
        listed(&edge, &owner).await,
        [long.id.clone(), "tr_00000000000000000001".to_owned()]
    );
    let text = read(&edge, &owner, &format!("/{}?format=text", long.id)).await;
    assert!(text.expect(200).text().len() > 2_000_000);
    assert_eq!(edge.bucket().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_before_the_database_heard_of_it_never_comes_there() {
    let edge = alone().await;
    let (owner, stranger) = (key(&edge, "acme").await, key(&edge, "rival").await);
    let told = Told::new("acme", 1, "An unmistakable zyzzyva.");
    edge.take_away(&["DB"]).await;
    Host::of(&edge).bring(&told).await.expect(204);
    delete(&edge, &stranger, &told.id)
        .await
        .expect_error(503, "database_unavailable");
    delete(&edge, &owner, &told.id).await.expect(204);
    // The bucket clears away what was replaced after its answer.
    let forgotten = async || edge.files_holding("zyzzyva").is_empty().then_some(());
    until("no file holds what was deleted", forgotten).await;
    let gone = format!("/{}", told.id);
    read(&edge, &owner, &gone)
        .await
        .expect_error(404, "not_found");
    edge.take_away(&[]).await;
    delete(&edge, &owner, &told.id)
        .await
        .expect_error(404, "not_found");
    // It had been told to the database when it was deleted.
    Host::of(&edge).bring(&told).await.expect(204);
    assert_eq!(listed(&edge, &owner).await, [told.id.as_str()]);
    edge.strike().await;
    assert_eq!(listed(&edge, &owner).await, Vec::<String>::new());
    assert_eq!(edge.bucket().await, Vec::<String>::new());
    read(&edge, &owner, &gone)
        .await
        .expect_error(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_a_request_that_may_come_again_waits_for_the_database_too() {
    let edge = alone().await;
    let owner = key(&edge, "acme").await;
    let told = |number, request| Told::new("acme", number, "Good morning.").once("key", request);
    let (first, other) = (told(1, "this"), told(2, "that"));
    let host = Host::of(&edge);
    edge.take_away(&["DB"]).await;
    host.find(&first)
        .await
        .expect_error(503, "database_unavailable");
    host.bring(&first).await.expect(204);
    // It is no transcript.
    let read = read(&edge, &owner, &format!("/{}", first.id)).await;
    read.expect_error(404, "not_found");
    edge.take_away(&[]).await;
    host.find(&first).await.expect(204);
    edge.strike().await;
    let found = host.find(&first).await.expect(200);
    assert_eq!(found.header("x-idempotent"), Some("hit"));
    host.find(&other)
        .await
        .expect_error(409, "idempotency_key_reused");
    assert_eq!(rows(&edge, "transcripts").await, 0);
    assert_eq!(edge.bucket().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_database_and_bucket_the_caller_is_told_so_and_nothing_is_half_kept() {
    let service = Service::start().await;
    let edge = edge_of(&service).await;
    let owner = key(&edge, "acme").await;
    edge.take_away(&["DB", "BUCKET"]).await;
    let refused = keep(&edge, &owner).await;
    refused.expect_error(503, "store_unavailable");
    edge.take_away(&[]).await;
    edge.strike().await;
    assert_eq!(listed(&edge, &owner).await, Vec::<String>::new());
    assert_eq!(edge.bucket().await, Vec::<String>::new());
    let made = keep(&edge, &owner).await.expect(200);
    let id = made.header("x-transcript-id").unwrap().to_owned();
    assert_eq!(listed(&edge, &owner).await, [id]);
}
