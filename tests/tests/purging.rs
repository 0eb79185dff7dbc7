//! What is deleted of an owner is gone, wherever it stood, and his keys stay refused.

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::edge::{Edge, Key};
use e2e::host::{Host, Told};
use e2e::until;
use e2e::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

fn hourly(limit: u64) -> Value {
    json!([{"name": "hour", "kind": "rate", "unit": "requests", "limit": limit, "window_seconds": 3600}])
}

/// An owner with everything there is of one: keys, one of them rotated, usage, limits, a plan.
async fn owner_with_everything(edge: &Edge, owner: &str) -> Vec<Key> {
    edge.put_plan("starter", &json!({"limits": hourly(1_000)}))
        .await;
    let wish = json!({"name": format!("of {owner}"), "owner": owner, "plan": "starter", "metadata": {"of": owner}});
    let one = edge.create_key(&wish).await;
    let other = edge
        .create_key(&json!({"name": "other", "owner": owner, "limits": hourly(9)}))
        .await;
    let mut keys = vec![other, one.clone(), edge.rotate(&one, 3600).await];
    keys.push(edge.rotate(&one, 3600).await);
    let path = format!("/admin/owners/{owner}/limits");
    edge.tell(Method::PUT, &path, &json!({"limits": hourly(100)}))
        .await
        .expect(200);
    for key in [&keys[0], &keys[3]] {
        edge.get("/v1/models").key(key).send().await.expect(200);
        edge.transcribe(key)
            .upload("audio")
            .send()
            .await
            .expect(200);
    }
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_owner_is_nowhere_any_more_and_his_keys_stay_revoked() {
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url()).isolates(2);
    let mut edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    // So seldom a word that it is nowhere by chance.
    let (owner, rival) = ("purge-me-4711", "keep-me-0815");
    let keys = owner_with_everything(&edge, owner).await;
    let kept = owner_with_everything(&edge, rival).await;
    // The other place remembers what is about to go.
    edge.call_at(1, Method::GET, "/v1/models")
        .key(&keys[0])
        .send()
        .await
        .expect(200);
    let rows = "SELECT count(*) AS n FROM usage WHERE owner=?";
    let told = async || (edge.count(rows, &[owner]).await == 2).then_some(());
    until("the usage is in the database", told).await;
    assert!(!edge.files_holding(owner).is_empty());

    let path = format!("/admin/owners/{owner}");
    let purged = edge
        .admin(Method::DELETE, &path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(purged["keys"], 2);
    for what in ["object_rows", "usage_rows", "audit_rows"] {
        assert!(purged[what].as_u64() > Some(0), "{purged}");
    }
    // Refused where the key is remembered, and where it is not.
    for (isolate, key) in [(1, &keys[0]), (0, &keys[0]), (0, &keys[2]), (1, &keys[3])] {
        let call = edge.call_at(isolate, Method::GET, "/v1/models").key(key);
        assert_eq!(
            call.send().await.expect(401).json()["error"]["type"],
            "invalid_request_error"
        );
    }
    for table in ["usage", "audit"] {
        let rows = format!("SELECT count(*) AS n FROM {table} WHERE owner=?");
        assert_eq!(edge.count(&rows, &[owner]).await, 0, "{table}");
    }
    let held = "SELECT count(*) AS n FROM audit WHERE id||actor||action||target||request_id||ifnull(before,'')||ifnull(after,'') LIKE '%'||?||'%'";
    assert_eq!(edge.count(held, &[owner]).await, 0);
    let ids: BTreeSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    for name in edge.kv_names().await {
        let value = edge.kv_get(&name).await.unwrap_or_default();
        let about = ids.iter().any(|id| name.contains(id) || value.contains(id));
        assert!(
            !about && !name.contains(owner) && !value.contains(owner),
            "{name}"
        );
    }
    let lines = edge.ask_admin("/admin/audit?action=owner.purge").await;
    let line = &lines["data"][0];
    let target = line["target"].as_str().unwrap();
    // By a hash: one who knows him finds the line.
    assert!(
        target.starts_with("owner:") && !target.contains(owner),
        "{line}"
    );

    // A second time there is nothing left; and nothing of it comes back with a new process.
    edge.restart().await;
    let again = edge
        .admin(Method::DELETE, &path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&again["keys"], &again["usage_rows"], &again["audit_rows"]),
        (&json!(0), &json!(0), &json!(0))
    );
    for key in &keys {
        assert_eq!(edge.get("/v1/models").key(key).send().await.status, 401);
        let answer = edge
            .admin(Method::GET, &format!("/admin/keys/{}", key.id))
            .send()
            .await;
        answer.expect_error(404, "not_found");
    }
    // A record that comes back to KV by another way opens nothing: its object knows.
    let record = edge.kv_get(&kept[0].record_name()).await.unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    record["id"] = json!(keys[0].id);
    edge.kv_put(&keys[0].record_name(), &record.to_string())
        .await;
    let answer = edge
        .call_at(1, Method::GET, "/v1/models")
        .key(&keys[0])
        .send()
        .await;
    answer.expect_error(401, "revoked_api_key");
    // Another owner's are as they were.
    edge.get("/v1/models")
        .key(&kept[3])
        .send()
        .await
        .expect(200);
    assert_eq!(
        edge.ask_admin(&format!("/admin/owners/{rival}")).await["keys"],
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_knows_a_purged_owner_any_more() {
    let host = Upstream::start().await.answer_all("words");
    let builder = Edge::builder().upstream(host.url());
    let mut edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    let owner = "purge-me-4711";
    owner_with_everything(&edge, owner).await;
    let path = format!("/admin/owners/{owner}");
    edge.admin(Method::DELETE, &path).send().await.expect(200);
    let left = edge.compacted_files_holding(owner).await;
    assert_eq!(left, Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_knows_what_a_purged_owner_said() {
    let host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url());
    let mut edge = builder.watch_bindings().start().await;
    let word = "zyzzyvaquartz";
    for number in 0..20 {
        let mut told = Told::new("acme", number, &format!("{word} number {number}"));
        told.name = Some(format!("{word}.flac"));
        if number == 7 {
            // Too long for a row.
            told.said = vec![format!("{word} again and again").repeat(100); 1_000];
        }
        Host::of(&edge).bring(&told).await.expect(204);
    }
    // What only answers the same request again, and what the database is still to hear.
    for (number, repeats) in [(20, 1), (21, 100)] {
        let said = format!("{word} once again ");
        let mut told = Told::new("acme", number, &said).once(&number.to_string(), "this");
        told.said = vec![said.repeat(repeats); 1_000];
        Host::of(&edge).bring(&told).await.expect(204);
    }
    edge.take_away(&["DB"]).await;
    let waiting = Told::new("acme", 22, word);
    Host::of(&edge).bring(&waiting).await.expect(204);
    edge.take_away(&[]).await;
    assert_eq!(edge.bucket().await.len(), 3);
    let stranger = Told::new("rival", 99, "something else");
    Host::of(&edge).bring(&stranger).await.expect(204);
    assert_ne!(edge.files_holding(word), Vec::<PathBuf>::new());
    let purge = edge.admin(Method::DELETE, "/admin/owners/acme");
    assert_eq!(purge.send().await.expect(200).json()["transcripts"], 20);
    edge.strike().await;
    assert_eq!(
        edge.count("SELECT count(*) AS n FROM answers", &[]).await,
        0
    );
    let left = edge.compacted_files_holding(word).await;
    assert_eq!(left, Vec::<PathBuf>::new());
    Host::of(&edge).find(&stranger).await.expect(200);
}
