//! Sessions of the console: a cookie that stands for a root key, no longer than that is one.

use e2e::edge::Edge;
use e2e::http::{Answer, Call};
use edge_core::api_key::KeyHash;
use reqwest::Method;
use serde_json::json;

const SESSION: &str = "/admin/session";

/// The cookie of somebody who signed in with this root key.
async fn sign_in(edge: &Edge, root_key: &str) -> String {
    let made = edge.call(Method::POST, SESSION).bearer(root_key);
    let made = made.send().await.expect(201);
    let set = made.header("set-cookie").unwrap();
    for part in [
        "__Host-console=",
        "Path=/",
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
    ] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    edge.keep_secret(cookie.split_once('.').unwrap().1);
    cookie
}

/// A request of a page of the deployment, or of another site.
fn call(edge: &Edge, method: Method, path: &str, cookie: &str, site: &str) -> Call {
    let call = edge.call(method, path).header("cookie", cookie);
    call.header("sec-fetch-site", site)
}

async fn get(edge: &Edge, path: &str, cookie: &str) -> Answer {
    call(edge, Method::GET, path, cookie, "same-origin")
        .send()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_what_its_root_key_may_until_it_ends() {
    let edge = Edge::builder().start().await;
    let root = edge.root_key_with(&["admin:keys"]).await;
    let cookie = sign_in(&edge, &root.text).await;
    let told = get(&edge, SESSION, &cookie).await.expect(200).json();
    assert_eq!(told["root_key_id"], json!(root.id));
    assert_eq!(told["scopes"], json!(["admin:keys"]));
    assert!(told["expires_at"].as_u64().unwrap() > 0);
    get(&edge, "/admin/keys", &cookie).await.expect(200);
    let refused = get(&edge, "/admin/audit", &cookie).await;
    refused.expect_error(403, "insufficient_scope");
    let wish = json!({"name": "made here"});
    let made = call(&edge, Method::POST, "/admin/keys", &cookie, "same-origin").json(&wish);
    let made = made.send().await.expect(201).json();
    edge.keep_secret(made["key"].as_str().unwrap());
    // Its maker is the root key, for the audit.
    let audit = edge
        .get("/admin/audit?action=key.create")
        .bearer(edge.root_key());
    let audit = audit.send().await.expect(200).json();
    assert_eq!(audit["data"][0]["actor"], json!(root.id), "{audit}");

    let out = call(&edge, Method::DELETE, SESSION, &cookie, "same-origin");
    let out = out.send().await.expect(204);
    let cleared = out.header("set-cookie").unwrap();
    assert!(cleared.starts_with("__Host-console=; Path=/; Max-Age=0;"));
    get(&edge, "/admin/keys", &cookie)
        .await
        .expect_error(401, "no_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_with_its_root_key_at_the_very_next_request() {
    let edge = Edge::builder().start().await;
    for (change, code) in [
        ("revoke", "revoked_api_key"),
        ("disable", "disabled_api_key"),
        ("forget", "invalid_api_key"),
    ] {
        let root = edge.root_key_with(&["admin:*"]).await;
        let cookie = sign_in(&edge, &root.text).await;
        get(&edge, "/admin/keys", &cookie).await.expect(200);
        let path = format!("/admin/root-keys/{}", root.id);
        match change {
            "revoke" => {
                edge.admin(Method::DELETE, &path).send().await.expect(204);
            }
            "disable" => {
                let off = json!({"enabled": false});
                edge.tell(Method::PATCH, &path, &off).await.expect(200);
            }
            // Another record under its name: that of an ordinary key.
            _ => {
                let entry = format!("root:{}", KeyHash::of(&root.text).to_hex());
                let key = edge.any_key().await;
                let record = edge.kv_get(&key.record_name()).await.unwrap();
                edge.kv_put(&entry, &record).await;
            }
        }
        let refused = get(&edge, "/admin/keys", &cookie).await;
        refused.expect_error(401, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_no_other_cookie_and_no_session_makes_one() {
    let edge = Edge::builder().setting("PORTAL_AUTH", "open").start().await;
    let cookie = sign_in(&edge, edge.root_key()).await;
    let wish = json!({"name": "planted"});
    for site in ["cross-site", "same-site", "none"] {
        let planted = call(&edge, Method::POST, "/admin/keys", &cookie, site).json(&wish);
        planted.send().await.expect_error(403, "cross_site_request");
    }
    // Without the browser's word, the origin decides.
    let planted = edge
        .call(Method::POST, "/admin/keys")
        .header("cookie", &cookie)
        .header("origin", "https://evil.example")
        .json(&wish);
    planted.send().await.expect_error(403, "cross_site_request");
    // A session makes no session.
    let again = call(&edge, Method::POST, SESSION, &cookie, "same-origin");
    again.send().await.expect_error(401, "missing_api_key");
    // Twice the cookie is none: somebody planted the other one.
    let twice = format!("{cookie}; {cookie}");
    get(&edge, "/admin/keys", &twice)
        .await
        .expect_error(401, "missing_api_key");
    // A ticket of the portal under the console's name, and one that nobody has.
    let guest = edge
        .call(Method::POST, "/portal/session")
        .header("sec-fetch-site", "same-origin")
        .json(&json!({"name": "Ann"}));
    let guest = guest.send().await.expect(201);
    let set = guest.header("set-cookie").unwrap();
    let ticket = set.split(';').next().unwrap().split_once('=').unwrap().1;
    edge.keep_secret(ticket.split_once('.').unwrap().1);
    for ticket in [ticket, &format!("{}.{}", "0".repeat(32), "a".repeat(32))] {
        let planted = format!("__Host-console={ticket}");
        get(&edge, "/admin/keys", &planted)
            .await
            .expect_error(401, "no_session");
    }
    // And the console's is nobody in the portal.
    let (_, ticket) = cookie.split_once('=').unwrap();
    let planted = format!("__Host-portal={ticket}");
    let state = get(&edge, "/portal/session", &planted).await.expect(200);
    assert!(state.json()["session"].is_null());
    // An ordinary key begins none.
    let key = edge.any_key().await;
    let refused = edge.call(Method::POST, SESSION).key(&key).send().await;
    refused.expect_error(401, "invalid_api_key");
    assert_eq!(edge.get("/admin/keys").send().await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_a_kill_and_waits_where_its_object_is_away() {
    let edge = Edge::builder().watch_bindings().start().await;
    let cookie = sign_in(&edge, edge.root_key()).await;
    edge.take_away(&["PORTAL"]).await;
    get(&edge, "/admin/keys", &cookie)
        .await
        .expect_error(503, "portal_unavailable");
    // A root key itself needs no session.
    let by_key = edge.get("/admin/keys").bearer(edge.root_key());
    by_key.send().await.expect(200);
    edge.take_away(&[]).await;
    get(&edge, "/admin/keys", &cookie).await.expect(200);
}
