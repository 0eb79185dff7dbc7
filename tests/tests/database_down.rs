//! The database may be away: keys go on working, and what it should have heard it hears later.

use e2e::edge::Edge;
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
