//! Who changed what: every change has its line, no line is ever changed, and what is deleted is gone.

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::until;
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

/// What was changed, and the answers to it.
struct Changes {
    key: Key,
    rotated: Key,
    imported: String,
    made: Answer,
    renamed: Answer,
}

/// Every change there is, by a root key.
async fn change_everything(edge: &Edge, root: &Key) -> Changes {
    let tell = async |method: Method, path: &str, body: Value| {
        let answer = edge.call(method, path).key(root).json(&body).send().await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer
    };
    let (put, post) = (Method::PUT, Method::POST);
    for limit in [5, 6] {
        tell(
            put.clone(),
            "/admin/plans/starter",
            json!({"limits": hourly(limit)}),
        )
        .await;
    }
    let wish = json!({"name": "a", "owner": "acme", "plan": "starter", "credits": {"balance": 5}});
    let made = tell(post.clone(), "/admin/keys", wish).await;
    let key = edge.new_key(&made);
    let path = format!("/admin/keys/{}", key.id);
    let renamed = tell(Method::PATCH, &path, json!({"name": "b", "enabled": false})).await;
    tell(post.clone(), &format!("{path}/credits"), json!({"add": 2})).await;
    let rotated = tell(
        post.clone(),
        &format!("{path}/rotate"),
        json!({"overlap_seconds": 60}),
    )
    .await;
    let limits = json!({"limits": hourly(7)});
    tell(put.clone(), "/admin/owners/acme/limits", limits).await;
    let hash = KeyHash::of("sk-0123456789abcdef").to_hex();
    let import = json!({"keys": [{"hash": hash, "key": {"name": "i", "owner": "acme"}}]});
    let imported = tell(post.clone(), "/admin/keys/import", import)
        .await
        .json();
    let bulk = json!({"keys": [{"name": "1"}, {"name": "2"}]});
    let bulk = tell(post, "/admin/keys/bulk", bulk).await.json();
    for key in bulk["data"].as_array().unwrap() {
        edge.keep_secret(key["key"].as_str().unwrap());
    }
    tell(put, "/admin/plans/other", json!({"limits": hourly(1)})).await;
    for gone in ["/admin/plans/other", path.as_str()] {
        edge.call(Method::DELETE, gone)
            .key(root)
            .send()
            .await
            .expect(204);
    }
    Changes {
        rotated: edge.new_key(&rotated),
        imported: imported["data"][0]["id"].as_str().unwrap().to_owned(),
        key,
        made,
        renamed,
    }
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
    let changes = change_everything(&edge, &root).await;
    check_lines_of_key(&edge, &root, &changes).await;

    let puts = lines(&edge, "target=plan:starter").await;
    assert_eq!(texts(&puts, "action"), ["plan.put", "plan.put"]);
    assert_eq!(puts[0]["before"]["limits"], hourly(5));
    assert_eq!(puts[0]["after"]["limits"], hourly(6));
    let deleted = line(&edge, "plan:other", "plan.delete").await;
    let (before, after) = (&deleted["before"]["name"], &deleted["after"]);
    assert_eq!((before, after), (&json!("other"), &Value::Null));
    let owner = line(&edge, "owner:acme", "owner.limits").await;
    assert_eq!(
        (&owner["before"], &owner["owner"]),
        (&json!([]), &json!("acme"))
    );
    line(&edge, &changes.imported, "key.create").await;
    assert_eq!(lines(&edge, "action=key.create").await.len(), 4);

    let root_path = format!("/admin/root-keys/{}", root.id);
    edge.tell(Method::PATCH, &root_path, &json!({"name": "renamed"}))
        .await
        .expect(200);
    edge.admin(Method::DELETE, &root_path)
        .send()
        .await
        .expect(204);
    let of_root = lines(&edge, &format!("target={}", root.id)).await;
    let actions = ["root_key.revoke", "root_key.patch", "root_key.create"];
    assert_eq!(texts(&of_root, "action"), actions);
    assert_eq!(texts(&of_root, "actor"), ["root"; 3]);

    // Never a secret: no key, and not what it is looked up by.
    let all = json!(lines(&edge, "limit=1000").await).to_string();
    for key in [&changes.key, &changes.rotated, &root] {
        let hash = KeyHash::of(&key.text).to_hex();
        assert!(!all.contains(&key.text) && !all.contains(&hash));
    }
}

async fn check_lines_of_key(edge: &Edge, root: &Key, changes: &Changes) {
    let lines = lines(edge, &format!("target={}", changes.key.id)).await;
    let newest_first = [
        "key.revoke",
        "key.rotate",
        "key.credits",
        "key.patch",
        "key.create",
    ];
    assert_eq!(texts(&lines, "action"), newest_first);
    for line in &lines {
        let whose = (&line["actor"], &line["owner"]);
        assert_eq!(whose, (&json!(root.id), &json!("acme")), "{line}");
    }
    let [revoke, rotate, credits, rename, create] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert!(revoke["after"]["revoked_at"].is_u64());
    assert_eq!(rotate["after"]["generation"], 2);
    assert_eq!(credits["before"]["balance"], 5);
    assert_eq!(credits["after"]["balance"], 7);
    assert_eq!(
        rename["before"],
        json!({"name": "a", "enabled": true, "version": 1})
    );
    assert_eq!(
        rename["after"],
        json!({"name": "b", "enabled": false, "version": 2})
    );
    assert_eq!(create["before"], Value::Null);
    assert_eq!(create["after"]["id"], changes.key.id);
    for (line, answer) in [(create, &changes.made), (rename, &changes.renamed)] {
        assert_eq!(line["request_id"], answer.header("x-request-id").unwrap());
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
