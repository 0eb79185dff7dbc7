//! Who changed what: every change has its line, no line is ever changed, and what is deleted is gone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use e2e::edge::{Edge, Key};
use e2e::until;
use e2e::upstream::Upstream;
use edge_core::api_key::KeyHash;
use reqwest::Method;
use serde_json::{Value, json};

fn hourly(limit: u64) -> Value {
    json!([{"name": "hour", "kind": "rate", "unit": "requests", "limit": limit, "window_seconds": 3600}])
}

async fn lines(edge: &Edge, query: &str) -> Vec<Value> {
    let list = edge.ask_admin(&format!("/admin/audit?{query}")).await;
    list["data"].as_array().unwrap().clone()
}

fn texts(lines: &[Value], field: &str) -> Vec<String> {
    let texts = lines
        .iter()
        .map(|line| line[field].as_str().unwrap_or_default().to_owned());
    texts.collect()
}

/// One line about `target`, once it is there.
async fn line(edge: &Edge, target: &str, action: &str) -> Value {
    let found = async || {
        lines(edge, &format!("target={target}&action={action}"))
            .await
            .pop()
    };
    until("the line is in the audit", found).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_has_its_line_with_who_what_before_and_after() {
    let edge = Edge::builder()
        .setting("IMPORTED_KEY_PREFIXES", "sk-")
        .start()
        .await;
    let root = edge
        .root_key_with(&["admin:keys", "admin:plans", "admin:owners"])
        .await;
    let tell = async |method: Method, path: &str, body: Value| {
        let answer = edge.call(method, path).key(&root).json(&body).send().await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer
    };
    tell(
        Method::PUT,
        "/admin/plans/starter",
        json!({"limits": hourly(5)}),
    )
    .await;
    tell(
        Method::PUT,
        "/admin/plans/starter",
        json!({"limits": hourly(6)}),
    )
    .await;
    let wish = json!({"name": "a", "owner": "acme", "plan": "starter", "credits": {"balance": 5}});
    let made = tell(Method::POST, "/admin/keys", wish).await;
    let key = edge.new_key(&made);
    let path = format!("/admin/keys/{}", key.id);
    let patched = tell(Method::PATCH, &path, json!({"name": "b", "enabled": false})).await;
    tell(Method::POST, &format!("{path}/credits"), json!({"add": 2})).await;
    let rotated = tell(
        Method::POST,
        &format!("{path}/rotate"),
        json!({"overlap_seconds": 60}),
    )
    .await;
    let rotated = edge.new_key(&rotated);
    tell(
        Method::PUT,
        "/admin/owners/acme/limits",
        json!({"limits": hourly(7)}),
    )
    .await;
    let import = json!({"keys": [{"hash": KeyHash::of("sk-0123456789abcdef").to_hex(), "key": {"name": "i", "owner": "acme"}}]});
    let imported = tell(Method::POST, "/admin/keys/import", import)
        .await
        .json();
    let imported = imported["data"][0]["id"].as_str().unwrap();
    let bulk = tell(
        Method::POST,
        "/admin/keys/bulk",
        json!({"keys": [{"name": "1"}, {"name": "2"}]}),
    )
    .await
    .json();
    bulk["data"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(|key| edge.keep_secret(key["key"].as_str().unwrap()));
    tell(
        Method::PUT,
        "/admin/plans/other",
        json!({"limits": hourly(1)}),
    )
    .await;
    for gone in ["/admin/plans/other", path.as_str()] {
        edge.call(Method::DELETE, gone)
            .key(&root)
            .send()
            .await
            .expect(204);
    }
    let root_path = format!("/admin/root-keys/{}", root.id);
    edge.tell(Method::PATCH, &root_path, &json!({"name": "renamed"}))
        .await
        .expect(200);
    edge.admin(Method::DELETE, &root_path)
        .send()
        .await
        .expect(204);

    let (all_of_key, created) = (
        lines(&edge, &format!("target={}", key.id)).await,
        made.json(),
    );
    assert_eq!(
        texts(&all_of_key, "action"),
        [
            "key.revoke",
            "key.rotate",
            "key.credits",
            "key.patch",
            "key.create"
        ],
        "newest first"
    );
    for line in &all_of_key {
        assert_eq!(
            (&line["actor"], &line["owner"]),
            (&json!(root.id), &json!("acme")),
            "{line}"
        );
    }
    let create = &all_of_key[4];
    assert_eq!(
        (&create["before"], &create["after"]["name"]),
        (&Value::Null, &json!("a"))
    );
    assert_eq!(create["request_id"], made.header("x-request-id").unwrap());
    assert_eq!(create["after"]["id"], created["id"]);
    let patch = &all_of_key[3];
    assert_eq!(
        patch["before"],
        json!({"name": "a", "enabled": true, "version": 1})
    );
    assert_eq!(
        patch["after"],
        json!({"name": "b", "enabled": false, "version": 2})
    );
    assert_eq!(patch["request_id"], patched.header("x-request-id").unwrap());
    let credits = &all_of_key[2];
    assert_eq!(
        (&credits["before"]["balance"], &credits["after"]["balance"]),
        (&json!(5), &json!(7))
    );
    assert_eq!(all_of_key[1]["after"]["generation"], 2);
    assert!(all_of_key[0]["after"]["revoked_at"].is_u64());

    let puts = lines(&edge, "target=plan:starter").await;
    assert_eq!(texts(&puts, "action"), ["plan.put", "plan.put"]);
    assert_eq!(puts[0]["before"]["limits"], hourly(5));
    assert_eq!(puts[0]["after"]["limits"], hourly(6));
    let deleted = line(&edge, "plan:other", "plan.delete").await;
    assert_eq!(
        (&deleted["before"]["name"], &deleted["after"]),
        (&json!("other"), &Value::Null)
    );
    let owner = line(&edge, "owner:acme", "owner.limits").await;
    assert_eq!(
        (&owner["before"], &owner["owner"]),
        (&json!([]), &json!("acme"))
    );
    line(&edge, imported, "key.create").await;
    let of_root = lines(&edge, &format!("target={}", root.id)).await;
    assert_eq!(
        texts(&of_root, "action"),
        ["root_key.revoke", "root_key.patch", "root_key.create"]
    );
    assert_eq!(texts(&of_root, "actor"), ["root"; 3]);

    // Never a secret: no key, and not what it is looked up by.
    let all = json!(lines(&edge, "limit=1000").await).to_string();
    for key in [&key, &rotated, &root] {
        assert!(!all.contains(&key.text) && !all.contains(&KeyHash::of(&key.text).to_hex()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_changes_nothing_has_no_line() {
    let edge = Edge::builder().start().await;
    let key = edge
        .create_key(&json!({"name": "a", "owner": "acme"}))
        .await;
    edge.patch(&key, &json!({"name": ""}))
        .await
        .expect_error(400, "invalid_value");
    edge.patch(&key, &json!({"name": "b", "version": 9}))
        .await
        .expect_error(409, "version_conflict");
    edge.get("/admin/keys")
        .key(&key)
        .send()
        .await
        .expect_error(401, "invalid_api_key");
    edge.revoke(&key).await.expect(204);
    edge.revoke(&key).await.expect(204);
    edge.patch(&key, &json!({"name": "b"}))
        .await
        .expect_error(409, "key_is_revoked");
    assert_eq!(
        texts(&lines(&edge, "").await, "action"),
        ["key.revoke", "key.create"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_filtered_and_goes_on_page_by_page_to_its_end() {
    let edge = Edge::builder().start().await;
    let root = edge.root_key_with(&["admin:keys"]).await;
    let mut ids = Vec::new();
    for n in 0..6 {
        let owner = if n % 2 == 0 { "acme" } else { "rival" };
        let wish = json!({"name": n.to_string(), "owner": owner});
        let call = edge.call(Method::POST, "/admin/keys");
        let call = if n < 3 {
            call.key(&root)
        } else {
            call.bearer(edge.root_key())
        };
        ids.push(edge.new_key(&call.json(&wish).send().await.expect(201)).id);
    }
    for (query, targets) in [
        ("action=key.create".to_owned(), vec![5, 4, 3, 2, 1, 0]),
        ("owner=acme".to_owned(), vec![4, 2, 0]),
        (format!("actor={}", root.id), vec![2, 1, 0]),
        ("actor=root&owner=rival".to_owned(), vec![5, 3]),
        (format!("target={}", ids[1]), vec![1]),
        ("owner=rival&to=1000".to_owned(), vec![]),
        ("owner=rival&from=4000000000".to_owned(), vec![]),
        (
            "owner=rival&from=1000&to=4000000000".to_owned(),
            vec![5, 3, 1],
        ),
        ("action=key.revoke".to_owned(), vec![]),
    ] {
        let expected: Vec<&str> = targets
            .into_iter()
            .map(|at: usize| ids[at].as_str())
            .collect();
        assert_eq!(
            texts(&lines(&edge, &query).await, "target"),
            expected,
            "{query}"
        );
    }
    let (mut seen, mut path) = (
        Vec::new(),
        "/admin/audit?action=key.create&limit=4".to_owned(),
    );
    for left in [true, false] {
        let page = edge.ask_admin(&path).await;
        seen.extend(texts(page["data"].as_array().unwrap(), "target"));
        assert_eq!(page["next_cursor"].is_string(), left);
        // A line that comes in between shifts nothing.
        edge.create_key(&json!({"name": "later"})).await;
        path = format!(
            "/admin/audit?action=key.create&limit=4&cursor={}",
            page["next_cursor"].as_str().unwrap_or_default()
        );
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let first = edge.ask_admin("/admin/audit?owner=acme&limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    for query in [
        format!("owner=rival&limit=1&cursor={cursor}"),
        format!("owner=acme&limit=1&cursor={cursor}A"),
        "cursor=0".to_owned(),
        "limit=0".to_owned(),
        "from=yesterday".to_owned(),
        format!("owner={}", "x".repeat(129)),
    ] {
        let answer = edge
            .admin(Method::GET, &format!("/admin/audit?{query}"))
            .send()
            .await;
        answer.expect_error(400, "invalid_value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_can_be_changed_or_taken_away_in_the_database() {
    let edge = Edge::builder().start().await;
    let key = edge
        .create_key(&json!({"name": "a", "owner": "acme"}))
        .await;
    let before = line(&edge, &key.id, "key.create").await;
    for statement in [
        "UPDATE audit SET actor='nobody'",
        "UPDATE audit SET before=NULL WHERE 1=1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE owner='acme'",
        "DELETE FROM audit WHERE owner IS NULL",
    ] {
        // One line that is nobody's, too.
        edge.put_plan("starter", &json!({"limits": hourly(5)}))
            .await;
        let refused = edge.sql(statement, &[]).await;
        let words = refused.expect_err(statement);
        assert!(words.contains("append-only"), "{statement}: {words}");
    }
    assert_eq!(line(&edge, &key.id, "key.create").await, before);
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
    let line = lines(&edge, "action=owner.purge").await.remove(0);
    assert!(
        line["target"]
            .as_str()
            .unwrap()
            .starts_with("owner:sha256:"),
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
    let mut left = edge.compacted_files_holding(owner).await;
    // The runtime's own list of the names of objects, which no Worker can write to.
    left.retain(|path| !path.ends_with("metadata.sqlite"));
    assert_eq!(left, Vec::<PathBuf>::new());
}
