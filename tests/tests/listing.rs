//! Listings: filters hold, cursors are their own, and words are never commands.

use e2e::edge::Edge;
use reqwest::Method;
use serde_json::{Value, json};

fn texts(list: &Value, field: &str) -> Vec<String> {
    let list = list.as_array().into_iter().flatten();
    let texts = list.filter_map(|item| item[field].as_str().map(str::to_owned));
    texts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_filtered_and_its_cursor_is_its_own() {
    let edge = Edge::builder().start().await;
    let limits = json!([{"name": "hour", "kind": "rate", "limit": 9, "window_seconds": 3600}]);
    edge.put_plan("free", &json!({ "limits": limits })).await;
    for n in 0..4 {
        let mut wish = json!({"name": n.to_string(), "owner": "acme", "enabled": n % 2 == 0});
        if n < 3 {
            wish["plan"] = json!("free");
        }
        edge.create_key(&wish).await;
    }
    edge.create_key(&json!({"name": "4", "owner": "acme2", "plan": "free"}))
        .await;
    for (query, names) in [
        ("", vec!["0", "1", "2", "3", "4"]),
        ("owner=acme", vec!["0", "1", "2", "3"]),
        ("owner=acme&plan=free", vec!["0", "1", "2"]),
        ("plan=free&enabled=true", vec!["0", "2", "4"]),
        ("enabled=false", vec!["1", "3"]),
        ("owner=nobody", vec![]),
        ("owner=acm", vec![]),
    ] {
        let list = edge.ask_admin(&format!("/admin/keys?{query}")).await;
        let mut listed = texts(&list["data"], "name");
        listed.sort();
        assert_eq!(listed, names, "{query}");
    }
    let page = edge.ask_admin("/admin/keys?owner=acme&limit=2").await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let mut tampered = cursor.to_owned();
    tampered.replace_range(..1, if tampered.starts_with('A') { "B" } else { "A" });
    for query in [
        format!("owner=acme2&limit=2&cursor={cursor}"),
        format!("limit=2&cursor={cursor}"),
        format!("owner=acme&limit=2&cursor={tampered}"),
        "cursor=owner:acme2:".to_owned(),
        "cursor=%27%3B+DROP+TABLE+usage%3B--".to_owned(),
        format!("cursor={}", "A".repeat(5_000)),
        "limit=0".to_owned(),
        "limit=1001".to_owned(),
        "limit=-1".to_owned(),
        "enabled=1".to_owned(),
        "owner=%27+OR+1%3D1--".to_owned(),
        "plan=%25".to_owned(),
    ] {
        let answer = edge
            .admin(Method::GET, &format!("/admin/keys?{query}"))
            .send()
            .await;
        answer.expect_error(400, "invalid_value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_in_a_filter_is_a_word_like_any_other() {
    let edge = Edge::builder().start().await;
    edge.create_key(&json!({"name": "'); DROP TABLE audit;--", "owner": "acme"}))
        .await;
    for filter in ["actor", "action", "target", "owner"] {
        for word in [
            "%27+OR+%271%27=%271",
            "%27%3B+DROP+TABLE+audit%3B--",
            "x%27)+UNION+SELECT+*+FROM+usage--",
            "%25",
            "%00",
        ] {
            let list = edge
                .ask_admin(&format!("/admin/audit?{filter}={word}"))
                .await;
            assert_eq!(list["data"], json!([]), "{filter} {word}");
        }
    }
    for query in [
        "owner=%27+OR+1%3D1--",
        "plan=%27",
        "by=hour%27",
        "from=1%3BDROP",
    ] {
        let answer = edge
            .admin(Method::GET, &format!("/admin/usage?{query}"))
            .send()
            .await;
        answer.expect_error(400, "invalid_value");
    }
    let audit = edge.ask_admin("/admin/audit?owner=acme").await;
    assert_eq!(audit["data"][0]["after"]["name"], "'); DROP TABLE audit;--");
}
