//! The life of a key: made, changed, switched off and on, given another secret, expired, paid for.

use e2e::admin::still;
use e2e::edge::{Edge, Key};
use e2e::until;
use reqwest::Method;
use serde_json::{Value, json};

/// A limit that no test reaches.
fn roomy() -> Value {
    json!([{"name": "hour", "kind": "rate", "unit": "requests", "limit": 1_000_000, "window_seconds": 3600}])
}

async fn models_at(edge: &Edge, isolate: usize, key: &Key) -> (u16, String) {
    let call = edge.call_at(isolate, Method::GET, "/v1/models").key(key);
    let answer = call.send().await;
    let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
    (answer.status, code.unwrap_or_default())
}

async fn expect_works(edge: &Edge, isolate: usize, key: &Key) {
    assert_eq!(models_at(edge, isolate, key).await, (200, String::new()));
}

async fn expect_refused(edge: &Edge, isolate: usize, key: &Key, code: &str) {
    let refused = (401, code.to_owned());
    assert_eq!(models_at(edge, isolate, key).await, refused, "at {isolate}");
}

fn whole(expires_at: u64) -> Value {
    json!({
        "name": "everything", "owner": "acme", "plan": "starter", "scopes": ["transcribe", "jobs"],
        "models": ["tiny.en"],
        "limits": [
            {"name": "minute", "kind": "rate", "unit": "requests", "limit": 100, "window_seconds": 60},
            {"name": "day", "kind": "quota", "unit": "audio_seconds", "limit": 3600, "period": "day"},
            {"name": "parallel", "kind": "concurrency", "limit": 4},
        ],
        "credits": {"balance": 1000, "refill": {"amount": 1000, "period": "month"}},
        "cost": 3, "allowed_ips": ["192.0.2.0/24", "2001:db8::7"],
        "allowed_origins": ["https://app.example"], "enabled": true, "self_service": true,
        "expires_at": expires_at, "metadata": {"team": "a", "nested": {"n": [1, null]}},
    })
}

async fn with_plan(edge: Edge) -> Edge {
    let plan = json!({"limits": [{"name": "week", "kind": "quota", "limit": 1_000_000, "period": "week"}], "self_service": true});
    edge.put_plan("starter", &plan).await;
    edge
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_with_every_field_and_each_one_holds() {
    let edge = with_plan(Edge::builder().start().await).await;
    let wish = whole(4_000_000_000);
    let made = edge
        .tell(Method::POST, "/admin/keys", &wish)
        .await
        .expect(201);
    let (key, made) = (edge.new_key(&made), made.json());
    let shown = edge.key(&key).await;
    for (name, value) in wish.as_object().unwrap() {
        assert_eq!((&made[name], &shown[name]), (value, value), "{name}");
    }
    let in_force: Vec<&str> = shown["limits_in_force"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| limit["name"].as_str().unwrap())
        .collect();
    assert_eq!(in_force, ["week", "minute", "day", "parallel"]);
    assert_eq!(
        (&shown["credits_left"], &shown["version"]),
        (&json!(1000), &json!(1))
    );
    // Bound to addresses, which the platform tells; here the test plays that part.
    let from = |address: &str| {
        edge.get("/v1/models")
            .key(&key)
            .header("cf-connecting-ip", address)
    };
    from("198.51.100.1")
        .send()
        .await
        .expect_error(403, "address_not_allowed");
    edge.get("/v1/models")
        .key(&key)
        .send()
        .await
        .expect_error(403, "address_not_allowed");
    from("2001:db8::7").send().await.expect(200);
    let models = from("192.0.2.77").send().await.expect(200).json();
    assert_eq!(models["data"][0]["id"], "whisper-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_patched_by_itself_and_null_takes_it_away() {
    let edge = with_plan(Edge::builder().start().await).await;
    let key = edge
        .create_key(&json!({"name": "bare", "limits": roomy()}))
        .await;
    let mut expected = edge.key(&key).await;
    let whole = whole(4_000_000_000);
    let fields = [
        "name",
        "plan",
        "scopes",
        "models",
        "limits",
        "credits",
        "cost",
        "allowed_ips",
        "allowed_origins",
        "enabled",
        "expires_at",
        "metadata",
    ];
    let other = |field: &str| {
        if field == "enabled" {
            json!(false)
        } else {
            whole[field].clone()
        }
    };
    for field in fields {
        let patched = edge.patch(&key, &json!({field: other(field)})).await;
        let patched = still(patched.expect(200).json());
        expected[field] = other(field);
        expected["version"] = json!(expected["version"].as_u64().unwrap() + 1);
        // They follow from the others.
        for derived in ["limits_in_force", "credits_left"] {
            expected[derived] = patched[derived].clone();
        }
        let strip = |value: &Value| {
            let fields = value.as_object().unwrap().clone();
            fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .collect::<serde_json::Map<_, _>>()
        };
        assert_eq!(strip(&patched), strip(&expected), "{field}");
        assert_eq!(edge.key(&key).await, patched, "{field}");
    }
    // Some are lists or have no nothing.
    for field in [
        "plan",
        "scopes",
        "models",
        "credits",
        "cost",
        "expires_at",
        "metadata",
    ] {
        let patched = edge
            .patch(&key, &json!({field: null}))
            .await
            .expect(200)
            .json();
        assert_eq!(patched[field], Value::Null, "{field}");
    }
    for field in [
        "name",
        "limits",
        "enabled",
        "allowed_ips",
        "allowed_origins",
    ] {
        let answer = edge.patch(&key, &json!({field: null})).await;
        // `null` is as good as not there, or none of its values; it never takes the field away.
        assert!(matches!(answer.status, 200 | 400), "{answer:?}");
        assert_ne!(edge.key(&key).await["name"], Value::Null);
        assert_eq!(edge.key(&key).await["limits"], whole["limits"]);
    }
    // A key that nothing limits is no key.
    edge.patch(&key, &json!({"limits": []}))
        .await
        .expect_error(400, "invalid_value");
    assert_eq!(edge.key(&key).await["limits"], whole["limits"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_out_of_their_bounds_make_and_change_nothing() {
    let edge = with_plan(Edge::builder().start().await).await;
    let key = edge
        .create_key(&json!({"name": "bare", "limits": roomy()}))
        .await;
    let before = edge.key(&key).await;
    let rate = |limit: Value, seconds: Value| json!([{"name": "a", "kind": "rate", "limit": limit, "window_seconds": seconds}]);
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("a\u{7}b")),
        ("name", json!("n".repeat(101))),
        ("cost", json!(0)),
        ("cost", json!(-1)),
        ("cost", json!(1_000_000_000_000_u64)),
        ("limits", rate(json!(0), json!(60))),
        ("limits", rate(json!(-5), json!(60))),
        ("limits", rate(json!(1_000_000_000_000_u64), json!(60))),
        ("limits", rate(json!(1), json!(0))),
        ("limits", rate(json!(1), json!(315_360_000))),
        ("credits", json!({"balance": 1_000_000_001})),
        (
            "credits",
            json!({"balance": 1, "refill": {"amount": 0, "period": "day"}}),
        ),
        ("expires_at", json!(1)),
        ("expires_at", json!("tomorrow")),
        ("metadata", json!({"a": "x".repeat(1024)})),
        ("metadata", json!("a text")),
        ("allowed_ips", json!(["192.0.2.0/33"])),
        ("allowed_ips", json!(["example.org"])),
        ("allowed_origins", json!(["https://app.example/path"])),
        ("allowed_origins", json!(["*"])),
        ("scopes", json!([])),
        ("scopes", json!(["jobs", "jobs"])),
        ("models", json!([])),
        ("models", json!(["../x"])),
        ("plan", json!("No Plan")),
        ("is_admin", json!(true)),
    ] {
        let mut wish = json!({"name": "wish", "limits": roomy()});
        wish[field] = value.clone();
        for answer in [
            edge.tell(Method::POST, "/admin/keys", &wish).await,
            edge.patch(&key, &json!({field: value})).await,
        ] {
            assert_eq!(answer.status, 400, "{field} {value}: {answer:?}");
        }
    }
    for path in ["/admin/keys".to_owned(), format!("/admin/keys/{}", key.id)] {
        let method = if path == "/admin/keys" {
            Method::POST
        } else {
            Method::PATCH
        };
        let answer = edge
            .tell(method, &path, &json!({"name": "a", "plan": "none-such"}))
            .await;
        answer.expect_error(404, "not_found");
    }
    assert_eq!(edge.key(&key).await, before);
    assert_eq!(
        edge.ask_admin("/admin/keys").await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_patches_at_once_one_is_carried_out_and_the_other_is_told_so() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    for version in 1..=10 {
        let (one, other) = (
            json!({"name": "one", "version": version}),
            json!({"name": "other", "version": version}),
        );
        let answers = tokio::join!(edge.patch(&key, &one), edge.patch(&key, &other));
        let (won, lost, name) = match answers {
            (one, other) if one.status == 200 => (one, other, "one"),
            (one, other) => (other, one, "other"),
        };
        assert_eq!(won.expect(200).json()["name"], name);
        lost.expect_error(409, "version_conflict");
        let shown = edge.key(&key).await;
        assert_eq!(
            (&shown["name"], &shown["version"]),
            (&json!(name), &json!(version + 1))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_key_is_refused_at_the_very_next_request_everywhere_and_enabled_again_works() {
    let edge = Edge::builder().isolates(3).start().await;
    let key = edge.any_key().await;
    // Two of three places have it in their memory.
    for isolate in 0..2 {
        expect_works(&edge, isolate, &key).await;
    }
    for _ in 0..2 {
        edge.patch(&key, &json!({"enabled": false}))
            .await
            .expect(200);
        for isolate in 0..2 {
            expect_refused(&edge, isolate, &key, "disabled_api_key").await;
        }
        edge.patch(&key, &json!({"enabled": true}))
            .await
            .expect(200);
        for isolate in 0..2 {
            expect_works(&edge, isolate, &key).await;
        }
    }
    edge.patch(&key, &json!({"enabled": false}))
        .await
        .expect(200);
    // And where nobody has any memory.
    expect_refused(&edge, 2, &key, "disabled_api_key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_expires_at_its_second_where_it_is_remembered_too() {
    let edge = Edge::builder().start().await;
    let key = edge.any_key().await;
    expect_works(&edge, 0, &key).await;
    let created = edge.key(&key).await["created_at"].as_u64().unwrap();
    // Tests have taken a second by now; one more is enough to be accepted.
    edge.patch(&key, &json!({"expires_at": created + 3}))
        .await
        .expect(200);
    until("the key expires", async || {
        let (status, code) = models_at(&edge, 0, &key).await;
        (status == 401).then(|| assert_eq!(code, "expired_api_key"))
    })
    .await;
    edge.patch(&key, &json!({"expires_at": null}))
        .await
        .expect(200);
    expect_works(&edge, 0, &key).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_used_up_added_and_set() {
    let edge = Edge::builder().start().await;
    let key = edge
        .create_key(&json!({"name": "paid", "credits": {"balance": 2}}))
        .await;
    let path = format!("/admin/keys/{}/credits", key.id);
    let left = async |body: Value| {
        let answer = edge.tell(Method::POST, &path, &body).await;
        answer.expect(200).json()["credits_left"].as_u64().unwrap()
    };
    for _ in 0..2 {
        expect_works(&edge, 0, &key).await;
    }
    for _ in 0..2 {
        let answer = edge.get("/v1/models").key(&key).send().await;
        answer.expect_error(429, "insufficient_credits");
    }
    assert_eq!(left(json!({"add": 1})).await, 1);
    expect_works(&edge, 0, &key).await;
    assert_eq!(models_at(&edge, 0, &key).await.0, 429);
    assert_eq!(left(json!({"set": 5})).await, 5);
    expect_works(&edge, 0, &key).await;
    assert_eq!(edge.key(&key).await["credits_left"], 4);
    for body in [
        json!({"add": -1}),
        json!({"take": 1}),
        json!({"add": 1, "set": 1}),
        json!({}),
    ] {
        let answer = edge.tell(Method::POST, &path, &body).await;
        answer.expect_error(400, "invalid_body");
    }
    let answer = edge
        .tell(Method::POST, &path, &json!({"set": 1_000_000_001}))
        .await;
    answer.expect_error(400, "invalid_value");
    // The same request twice adds once.
    for _ in 0..2 {
        let add = edge
            .admin(Method::POST, &path)
            .header("idempotency-key", "payment 7");
        let answer = add.json(&json!({"add": 10})).send().await.expect(200);
        assert_eq!(answer.json()["credits_left"], 14);
    }
    // Who has none is not given any by the way.
    let other = edge.any_key().await;
    let other = format!("/admin/keys/{}/credits", other.id);
    let answer = edge.tell(Method::POST, &other, &json!({"add": 1})).await;
    answer.expect_error(400, "invalid_value");
}
