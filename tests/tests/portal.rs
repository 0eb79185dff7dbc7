//! The portal: people sign in, take keys, and are refused at once where they may not.

use e2e::edge::Edge;
use e2e::http::{Answer, Call};
use e2e::provider::{CLIENT_SECRET, Provider};
use reqwest::Method;
use serde_json::{Value, json};

/// An edge with plans, of which `free` and `pro` are for self-service.
async fn edge(auth: &str, settings: &[(&'static str, &str)]) -> Edge {
    let mut builder = Edge::builder().setting("PORTAL_AUTH", auth);
    for (name, value) in settings {
        builder = builder.setting(name, value);
    }
    let edge = builder.start().await;
    for (name, self_service) in [("free", true), ("pro", true), ("staff", false)] {
        let limits = json!([{"name": "minute", "kind": "rate", "limit": 5, "window_seconds": 60}]);
        let plan = json!({"limits": limits, "self_service": self_service});
        let put = edge.admin(Method::PUT, &format!("/admin/plans/{name}"));
        put.json(&plan).send().await.expect(200);
    }
    edge
}

/// A browser: it has a cookie, and says where its requests come from.
struct Browser<'a> {
    edge: &'a Edge,
    cookie: String,
}

impl<'a> Browser<'a> {
    const fn new(edge: &'a Edge) -> Self {
        Self {
            edge,
            cookie: String::new(),
        }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let call = self
            .edge
            .call(method, path)
            .header("origin", self.edge.url());
        call.header("sec-fetch-site", "same-origin")
            .header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send().await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path).json(body).send().await
    }

    /// Keeps the cookie that an answer sets.
    fn keep(&mut self, answer: &Answer) {
        let set = answer.header("set-cookie").expect("no cookie is set");
        for part in [
            "__Host-portal=",
            "Path=/",
            "Secure",
            "HttpOnly",
            "SameSite=Lax",
        ] {
            assert!(set.contains(part), "{set}");
        }
        set.split(';').next().unwrap().clone_into(&mut self.cookie);
        if let Some((_, secret)) = self.cookie.split_once('.') {
            self.edge.keep_secret(secret);
        }
    }

    async fn sign_in(edge: &'a Edge, wish: &Value) -> Self {
        let mut browser = Self::new(edge);
        let signed_in = browser.post("/portal/session", wish).await.expect(201);
        browser.keep(&signed_in);
        browser
    }

    async fn session(&self) -> Value {
        self.get("/portal/session").await.expect(200).json()["session"].clone()
    }

    /// Takes a key; the key itself and its id.
    async fn take(&self, plan: &str) -> (String, String) {
        let made = self
            .post("/portal/keys", &json!({"name": "mine", "plan": plan}))
            .await;
        let made = made.expect(201).json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        self.edge.keep_secret(&text("key"));
        (text("key"), text("id"))
    }
}

async fn status_of(edge: &Edge, key: &str) -> u16 {
    edge.get("/v1/models").bearer(key).send().await.status
}

async fn invitation(edge: &Edge, wish: &Value) -> String {
    let made = edge
        .admin(Method::POST, "/admin/portal-sessions")
        .json(wish);
    let url = made.send().await.expect(201).json()["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = url.strip_prefix(&format!("{}/keys#sign-in=", edge.url()));
    let token = token.unwrap_or_else(|| panic!("{url}")).to_owned();
    edge.keep_secret(token.split_once('.').unwrap().1);
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_taken_works_at_once_and_one_that_was_revoked_is_refused_at_once() {
    let edge = edge("open", &[]).await;
    let browser = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
    assert_eq!(browser.session().await["owner"], "open|ann");
    let plans = browser.get("/portal/plans").await.expect(200).json();
    let names: Vec<_> = plans["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plan| &plan["name"])
        .collect();
    assert_eq!(names, ["free", "pro"]);

    let (key, id) = browser.take("free").await;
    assert_eq!(status_of(&edge, &key).await, 200);
    let again = browser
        .post("/portal/keys", &json!({"name": "more", "plan": "free"}))
        .await;
    again.expect_error(409, "key_exists");
    let staff = browser
        .post("/portal/keys", &json!({"name": "more", "plan": "staff"}))
        .await;
    staff.expect_error(400, "invalid_value");

    let rotate = format!("/portal/keys/{id}/rotate");
    let rotated = browser
        .post(&rotate, &json!({"overlap_seconds": 600}))
        .await
        .expect(200)
        .json();
    let new = rotated["key"].as_str().unwrap();
    edge.keep_secret(new);
    assert_eq!(
        (status_of(&edge, new).await, status_of(&edge, &key).await),
        (200, 200)
    );
    let usage = browser
        .get(&format!("/portal/keys/{id}/usage"))
        .await
        .expect(200)
        .json();
    assert!(
        usage["total"]["outcomes"]["served"].as_u64().unwrap() >= 3,
        "{usage}"
    );

    let revoke = browser.call(Method::DELETE, &format!("/portal/keys/{id}"));
    revoke.send().await.expect(204);
    assert_eq!(
        (status_of(&edge, new).await, status_of(&edge, &key).await),
        (401, 401)
    );
    let keys = browser.get("/portal/keys").await.expect(200).json();
    assert_eq!(keys["data"], json!([]));
    browser.take("free").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_its_owner_in_once_and_shows_him_his_own_keys_alone() {
    let edge = edge("session", &[]).await;
    let theirs =
        json!({"name": "theirs", "owner": "acme", "plan": "pro", "metadata": {"note": "private"}});
    let theirs = edge.create_key(&theirs).await;
    let token = invitation(
        &edge,
        &json!({"owner": "acme", "name": "Acme", "plans": ["free"]}),
    )
    .await;
    let acme = Browser::sign_in(&edge, &json!({"token": token})).await;
    let again = Browser::new(&edge)
        .post("/portal/session", &json!({"token": token}))
        .await;
    again.expect_error(401, "invalid_sign_in");

    let keys = acme.get("/portal/keys").await.expect(200);
    assert_eq!(keys.json()["data"][0]["id"], json!(theirs.id));
    assert!(!keys.text().contains("private"));
    let change = acme.call(Method::DELETE, &format!("/portal/keys/{}", theirs.id));
    change.send().await.expect_error(403, "not_self_service");

    let (_, id) = acme.take("free").await;
    let other = invitation(&edge, &json!({"owner": "other"})).await;
    let other = Browser::sign_in(&edge, &json!({"token": other})).await;
    for (method, path) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::GET, "/usage"),
    ] {
        let asked = other.call(method, &format!("/portal/keys/{id}{path}"));
        asked.send().await.expect_error(404, "not_found");
    }
    let rotate = other
        .post(&format!("/portal/keys/{id}/rotate"), &json!({}))
        .await;
    rotate.expect_error(404, "not_found");
    let by_name = Browser::new(&edge)
        .post("/portal/session", &json!({"name": "acme"}))
        .await;
    by_name.expect_error(400, "invalid_body");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_over_at_once_and_every_other_outlives_a_kill() {
    let mut edge = edge("open", &[]).await;
    let (here, there, bob) = {
        let here = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
        let there = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
        let bob = Browser::sign_in(&edge, &json!({"name": "Bob"})).await;
        let mut gone = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
        let out = gone
            .call(Method::DELETE, "/portal/session")
            .send()
            .await
            .expect(204);
        let before = gone.cookie.clone();
        gone.keep(&out);
        assert_eq!(gone.cookie, "__Host-portal=");
        gone.cookie = before;
        gone.get("/portal/keys")
            .await
            .expect_error(401, "no_session");
        assert_eq!(gone.session().await, Value::Null);
        (here.cookie, there.cookie, bob.cookie)
    };
    edge.restart().await;
    let browser = |cookie: &str| Browser {
        edge: &edge,
        cookie: cookie.to_owned(),
    };
    assert_eq!(browser(&here).session().await["name"], "Ann");
    let all = browser(&here).call(Method::DELETE, "/portal/session?all=true");
    all.send().await.expect(204);
    assert_eq!(browser(&there).session().await, Value::Null);
    assert_eq!(browser(&bob).session().await["name"], "Bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing() {
    let edge = edge("open", &[]).await;
    let browser = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
    let wish = json!({"name": "mine", "plan": "free"});
    for (site, origin) in [
        ("cross-site", "https://evil.example"),
        ("same-site", "https://evil.example"),
        ("none", ""),
        ("", "https://evil.example"),
        ("", "null"),
        ("", ""),
    ] {
        let mut call = edge.call(Method::POST, "/portal/keys").json(&wish);
        for (name, value) in [("sec-fetch-site", site), ("origin", origin)] {
            if !value.is_empty() {
                call = call.header(name, value);
            }
        }
        let refused = call.header("cookie", &browser.cookie).send().await;
        refused.expect_error(403, "cross_site_request");
    }
    // Nor does a form, which needs no script.
    let form = browser
        .call(Method::POST, "/portal/keys")
        .header("content-type", "text/plain");
    let refused = form.body(wish.to_string()).send().await;
    refused.expect_error(415, "unsupported_media_type");
    assert_eq!(
        browser.get("/portal/keys").await.expect(200).json()["data"],
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_bounded_for_each_address() {
    let edge = edge("session", &[("PORTAL_SIGN_INS_PER_HOUR", "3")]).await;
    let from = |address: &'static str| {
        let browser = Browser::new(&edge);
        async move {
            let call = browser.call(Method::POST, "/portal/session");
            let call = call.header("cf-connecting-ip", address);
            call.json(&json!({"token": "guess"})).send().await
        }
    };
    for _ in 0..3 {
        from("192.0.2.1").await.expect_error(401, "invalid_sign_in");
    }
    let refused = from("192.0.2.1")
        .await
        .expect_error(429, "too_many_sign_ins");
    assert!((3_500..=3_600).contains(&refused.number("retry-after")));
    from("192.0.2.2").await.expect_error(401, "invalid_sign_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_portal_is_off_nobody_gets_anything_there() {
    let edge = Edge::builder().start().await;
    let browser = Browser::new(&edge);
    let state = browser.get("/portal/session").await.expect(200).json();
    assert_eq!(
        state,
        json!({"auth": "off", "turnstile_site_key": null, "session": null})
    );
    for path in ["/portal/session", "/portal/keys"] {
        let asked = browser
            .post(path, &json!({"name": "Ann", "plan": "free"}))
            .await;
        asked.expect_error(403, "portal_switched_off");
    }
    browser
        .get("/portal/sign-in")
        .await
        .expect_error(403, "portal_switched_off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_none_is_nobodys() {
    let edge = edge("open", &[]).await;
    let good = Browser::sign_in(&edge, &json!({"name": "Ann"}))
        .await
        .cookie;
    let (name, value) = good.split_once('=').unwrap();
    let other = format!(
        "{}{}",
        &value[..value.len() - 1],
        if value.ends_with('a') { 'b' } else { 'a' }
    );
    for cookie in [
        String::new(),
        format!("{name}="),
        format!("{name}={other}"),
        format!("{name}={value}; {name}={value}"),
        format!("portal={value}"),
        format!("{name}={}", "x".repeat(4_000)),
    ] {
        let browser = Browser {
            edge: &edge,
            cookie,
        };
        browser
            .get("/portal/keys")
            .await
            .expect_error(401, "no_session");
    }
}

/// The value of a cookie that an answer sets, with its name.
fn set_by(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("no cookie is set");
    set.split(';').next().unwrap().to_owned()
}

/// The path and query of an address of this edge.
fn path_of<'a>(edge: &Edge, address: &'a str) -> &'a str {
    let path = address.strip_prefix(edge.url());
    path.unwrap_or_else(|| panic!("{address} is none of ours"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_provider_knows_is_let_in_by_his_own_way_back_alone() {
    let mut provider = Provider::start().await;
    let issuer = provider.issuer.clone();
    let edge = edge(
        "oidc",
        &[
            ("OIDC_ISSUER", &issuer),
            ("OIDC_CLIENT_ID", "edge"),
            ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
        ],
    )
    .await;
    edge.keep_secret(CLIENT_SECRET);
    provider
        .redirects_to(&format!("{}/portal/callback", edge.url()))
        .await;
    provider.next("ann").await;

    let leaves = Browser::new(&edge)
        .get("/portal/sign-in?return=/jobs")
        .await
        .expect(302);
    let (away, attempt) = (leaves.header("location").unwrap(), set_by(&leaves));
    let back = provider.way_through(away).await;
    let back = path_of(&edge, &back).to_owned();

    // Another browser with this way back, and this browser with another's: neither is let in.
    let nobody = Browser::new(&edge).get(&back).await.expect(302);
    assert_eq!(
        nobody.header("location"),
        Some("/keys#sign-in-failed=invalid_sign_in")
    );
    let other = Browser::new(&edge).get("/portal/sign-in").await.expect(302);
    let other = Browser {
        edge: &edge,
        cookie: set_by(&other),
    };
    let refused = other.get(&back).await.expect(302);
    assert_eq!(
        refused.header("location"),
        Some("/keys#sign-in-failed=invalid_sign_in")
    );
    assert_eq!(refused.header("set-cookie"), None);

    let mut ann = Browser {
        edge: &edge,
        cookie: attempt,
    };
    let arrived = ann.get(&back).await.expect(302);
    assert_eq!(arrived.header("location"), Some("/jobs"));
    let way_back = ann.cookie.clone();
    ann.keep(&arrived);
    let session = ann.session().await;
    assert_eq!(
        (&session["owner"], &session["name"]),
        (&json!("oidc|ann"), &json!("The one called ann"))
    );
    let (key, _) = ann.take("free").await;
    assert_eq!(status_of(&edge, &key).await, 200);

    // A code is good once.
    let again = Browser {
        edge: &edge,
        cookie: way_back,
    };
    let again = again.get(&back).await.expect(302);
    assert_eq!(
        again.header("location"),
        Some("/keys#sign-in-failed=sign_in_failed")
    );
    // Nobody signs in by a name here.
    let by_name = Browser::new(&edge)
        .post("/portal/session", &json!({"name": "ann"}))
        .await;
    by_name.expect_error(403, "portal_switched_off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_knows_another_secret_lets_nobody_in() {
    let mut provider = Provider::start().await;
    let issuer = provider.issuer.clone();
    let edge = edge(
        "oidc",
        &[
            ("OIDC_ISSUER", &issuer),
            ("OIDC_CLIENT_ID", "edge"),
            ("OIDC_CLIENT_SECRET", "not the one that it knows"),
        ],
    )
    .await;
    provider
        .redirects_to(&format!("{}/portal/callback", edge.url()))
        .await;
    provider.next("ann").await;
    let leaves = Browser::new(&edge).get("/portal/sign-in").await.expect(302);
    let back = provider
        .way_through(leaves.header("location").unwrap())
        .await;
    let browser = Browser {
        edge: &edge,
        cookie: set_by(&leaves),
    };
    let refused = browser.get(path_of(&edge, &back)).await.expect(302);
    assert_eq!(
        refused.header("location"),
        Some("/keys#sign-in-failed=sign_in_failed")
    );
    drop(provider);
    let away = Browser::new(&edge).get("/portal/sign-in").await;
    assert_eq!(
        away.expect(302).header("location"),
        Some("/keys#sign-in-failed=sign_in_failed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_sessions_object_is_away_nobody_is_told_anything_wrong() {
    let edge = Edge::builder()
        .setting("PORTAL_AUTH", "open")
        .watch_bindings()
        .start()
        .await;
    let browser = Browser::sign_in(&edge, &json!({"name": "Ann"})).await;
    edge.take_away(&["PORTAL"]).await;
    for path in ["/portal/session", "/portal/keys"] {
        let answer = browser
            .get(path)
            .await
            .expect_error(503, "portal_unavailable");
        assert!(answer.number("retry-after") >= 1);
    }
    let another = Browser::new(&edge)
        .post("/portal/session", &json!({"name": "Bob"}))
        .await;
    another.expect_error(503, "portal_unavailable");
    edge.take_away(&[]).await;
    assert_eq!(browser.session().await["name"], "Ann");
}
