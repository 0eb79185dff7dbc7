//! Webhooks: what an account's own servers are told, as the Standard Webhooks specification has it. The receiver verifies
//! with that specification's own library.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::edge::{Builder, Edge, Key};
use e2e::http::{Answer, Call};
use e2e::receiver::Receiver;
use e2e::{until, until_in};
use reqwest::Method;
use serde_json::{Value, json};

/// Longer than all retries of these tests take.
const RETRIES: Duration = Duration::from_mins(1);

struct World {
    edge: Edge,
    key: Key,
    receiver: Receiver,
}

impl World {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(set: impl FnOnce(Builder) -> Builder) -> Self {
        let receiver = Receiver::start().await;
        let builder = Edge::builder().test_routes();
        let builder = builder.setting("FETCH_URLS", "development");
        let builder = builder.setting("RESOLVER_URL", &receiver.resolver());
        let builder = builder.setting("WEBHOOK_RETRY_SECONDS", "1,1,1");
        let edge = set(builder).start().await;
        let key = key_of(&edge, "acme").await;
        Self {
            edge,
            key,
            receiver,
        }
    }

    fn call(&self, method: Method, path: &str) -> Call {
        let path = format!("/v1/webhooks{path}");
        self.edge.call(method, &path).key(&self.key)
    }

    /// Makes a webhook that is told at this path of the receiver; its id and its secret.
    async fn make(&self, path: &str) -> (String, String) {
        let body = json!({ "url": self.receiver.url(path) });
        let made = self.call(Method::POST, "").json(&body).send().await;
        self.shown(&made.expect(201))
    }

    /// Id and secret of an answer that shows a secret; it must be nowhere else.
    fn shown(&self, answer: &Answer) -> (String, String) {
        let made = answer.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let (id, secret) = (text("id"), text("secret"));
        self.edge.keep_secret(&secret);
        self.edge
            .keep_secret(secret.strip_prefix("whsec_").unwrap());
        (id, secret)
    }

    async fn test(&self, id: &str) -> Value {
        let tested = self.call(Method::POST, &format!("/{id}/test")).send().await;
        tested.expect(200).json()
    }

    /// Has the account's webhooks told of an event.
    async fn tell(&self, id: &str, r#type: &str, only: Option<&str>) {
        let event = json!({
            "account": "owner:acme", "id": id, "type": r#type, "only": only,
            "data": {"job_id": "job_1", "state": "succeeded", "transcript_id": "tr_1", "metadata": null},
        });
        let told = self.edge.call(Method::POST, "/__test/event").json(&event);
        told.send().await.expect(204);
    }

    async fn deliveries(&self, id: &str) -> Vec<Value> {
        let listed = self.call(Method::GET, &format!("/{id}/deliveries"));
        let listed = listed.send().await.expect(200).json();
        listed["data"].as_array().unwrap().clone()
    }

    async fn webhook(&self, id: &str) -> Value {
        let one = self.call(Method::GET, &format!("/{id}")).send().await;
        one.expect(200).json()
    }

    /// Waits until the newest delivery to a webhook stands so.
    async fn until_state(&self, id: &str, state: &str) -> Value {
        until_in(RETRIES, "the delivery to end", async || {
            let newest = self.deliveries(id).await.into_iter().next();
            newest.filter(|delivery| delivery["state"] == state)
        })
        .await
    }
}

async fn key_of(edge: &Edge, owner: &str) -> Key {
    let limits =
        json!([{"name": "requests", "kind": "quota", "limit": 100_000, "period": "month"}]);
    let key = json!({"name": "hooks", "owner": owner, "limits": limits});
    edge.create_key(&key).await
}

/// What was answered, or why not, at each attempt.
fn tries(delivery: &Value) -> Vec<(Value, Value)> {
    let attempts = delivery["attempts"].as_array().unwrap().iter();
    attempts
        .map(|attempt| (attempt["status"].clone(), attempt["error"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_delivered_and_verified_by_its_secret_and_by_no_other() {
    let mut world = World::new().await;
    let (id, secret) = world.make("/204").await;
    world
        .tell("evt_00000000000000000001", "job.succeeded", None)
        .await;
    let call = world.receiver.next().await;
    assert!(world.receiver.verifies(&call, &secret).await);
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert!(!world.receiver.verifies(&call, other).await);
    assert_eq!(call["method"], "POST");
    let headers = &call["headers"];
    assert_eq!(headers["webhook-id"], "evt_00000000000000000001");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["user-agent"], "whisper-edge");
    let body: Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "job.succeeded");
    assert_eq!(body["data"]["job_id"], "job_1");
    let timestamp = body["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 20 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    let delivery = world.until_state(&id, "delivered").await;
    assert_eq!(delivery["id"], "evt_00000000000000000001");
    assert_eq!(delivery["type"], "job.succeeded");
    assert!(delivery["next_attempt_at"].is_null());
    assert_eq!(tries(&delivery), [(json!(204), Value::Null)]);
    // The same again changes nothing; it was there before this one.
    world
        .tell("evt_00000000000000000001", "job.succeeded", None)
        .await;
    world
        .tell("evt_00000000000000000002", "job.failed", None)
        .await;
    let call = world.receiver.next().await;
    assert_eq!(call["headers"]["webhook-id"], "evt_00000000000000000002");
    let delivered = async || {
        let all = world.deliveries(&id).await;
        (all.len() == 2 && all.iter().all(|one| one["state"] == "delivered")).then_some(())
    };
    until("both are delivered", delivered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_of_what_it_asked_for_and_of_nothing_while_it_is_off() {
    let mut world = World::new().await;
    let wish =
        json!({"url": world.receiver.url("/200?failed"), "events": ["job.failed"], "name": "f"});
    let made = world
        .call(Method::POST, "")
        .json(&wish)
        .send()
        .await
        .expect(201);
    let (failed, _) = world.shown(&made);
    let (all, _) = world.make("/200?all").await;
    world.tell("evt_1", "job.succeeded", None).await;
    assert_eq!(world.receiver.next().await["path"], "/200?all");
    world.tell("evt_2", "job.failed", Some(&failed)).await;
    assert_eq!(world.receiver.next().await["path"], "/200?failed");
    let off = world.call(Method::PATCH, &format!("/{all}"));
    let off = off
        .json(&json!({"enabled": false, "name": "off"}))
        .send()
        .await;
    let off = off.expect(200).json();
    assert_eq!(
        (&off["enabled"], &off["name"]),
        (&json!(false), &json!("off"))
    );
    world.tell("evt_3", "job.cancelled", None).await;
    world.tell("evt_4", "job.failed", None).await;
    let call = world.receiver.next().await;
    assert_eq!(call["path"], "/200?failed");
    assert_eq!(call["headers"]["webhook-id"], "evt_4");
    let seen = |deliveries: Vec<Value>| -> Vec<String> {
        let ids = deliveries
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(seen(world.deliveries(&all).await), ["evt_1"]);
    assert_eq!(seen(world.deliveries(&failed).await), ["evt_4", "evt_2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_secrets_rotate_both_sign_and_then_the_new_one_alone() {
    let mut world = World::new().await;
    let (id, old) = world.make("/200").await;
    let rotate = |body: Value| {
        world
            .call(Method::POST, &format!("/{id}/rotate"))
            .json(&body)
    };
    let rotated = rotate(json!({"overlap_seconds": 600}))
        .send()
        .await
        .expect(200);
    let (same, new) = world.shown(&rotated);
    assert_eq!(same, id);
    assert_ne!(old, new);
    assert_eq!(world.test(&id).await["delivered"], true);
    let call = world.receiver.next().await;
    let signatures = call["headers"]["webhook-signature"].as_str().unwrap();
    assert_eq!(signatures.split(' ').count(), 2);
    for secret in [&old, &new] {
        assert!(world.receiver.verifies(&call, secret).await);
    }
    let rotate = |body: Value| {
        world
            .call(Method::POST, &format!("/{id}/rotate"))
            .json(&body)
    };
    let rotated = rotate(json!({"overlap_seconds": 0}))
        .send()
        .await
        .expect(200);
    let (_, newest) = world.shown(&rotated);
    world.test(&id).await;
    let call = world.receiver.next().await;
    assert!(world.receiver.verifies(&call, &newest).await);
    for secret in [&old, &new] {
        assert!(!world.receiver.verifies(&call, secret).await);
    }
    let long = world.call(Method::POST, &format!("/{id}/rotate"));
    let long = long.json(&json!({"overlap_seconds": 604_801})).send().await;
    long.expect_error(400, "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_under_the_same_id_with_a_signature_of_its_own() {
    let mut world = World::new().await;
    let (id, secret) = world.make("/500/404/200").await;
    world.tell("evt_again", "job.failed", None).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let call = world.receiver.next().await;
        assert_eq!(call["headers"]["webhook-id"], "evt_again");
        assert!(world.receiver.verifies(&call, &secret).await);
        sent.push((
            call["body"].clone(),
            call["headers"]["webhook-timestamp"].clone(),
        ));
    }
    assert_eq!(sent[0].0, sent[2].0);
    assert_ne!(sent[0].1, sent[2].1);
    let delivery = world.until_state(&id, "delivered").await;
    assert_eq!(
        tries(&delivery),
        [
            (json!(500), json!("status")),
            (json!(404), json!("status")),
            (json!(200), Value::Null),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_pause_it_is_given_up_and_a_redirect_is_followed_by_nobody() {
    let mut world = World::with(|b| b.setting("WEBHOOK_RETRY_SECONDS", "1")).await;
    let (moved, _) = world.make("/302").await;
    world.tell("evt_moved", "job.failed", None).await;
    for _ in 0..2 {
        assert_eq!(world.receiver.next().await["path"], "/302");
    }
    let delivery = world.until_state(&moved, "failed").await;
    let redirect = (json!(302), json!("redirect"));
    assert_eq!(tries(&delivery), [redirect.clone(), redirect]);
    assert!(delivery["next_attempt_at"].is_null());
    // Had it been followed, that call would have come before this one.
    let (other, _) = world.make("/200").await;
    world.test(&other).await;
    assert_eq!(world.receiver.next().await["path"], "/200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_is_cut_off_and_holds_nobody_else() {
    let mut world = World::with(|b| b.setting("WEBHOOK_TIMEOUT_SECONDS", "10")).await;
    let (hangs, _) = world.make("/hang/200").await;
    let (quick, _) = world.make("/200").await;
    world.tell("evt_1", "job.failed", Some(&hangs)).await;
    assert_eq!(world.receiver.next().await["path"], "/hang/200");
    world.tell("evt_2", "job.failed", Some(&quick)).await;
    assert_eq!(world.receiver.next().await["path"], "/200");
    world.until_state(&quick, "delivered").await;
    // The other one is on its way still.
    assert_eq!(tries(&world.deliveries(&hangs).await[0]), []);
    world.receiver.given_up().await;
    let again = world.receiver.next().await;
    assert_eq!(again["headers"]["webhook-id"], "evt_1");
    let delivery = world.until_state(&hangs, "delivered").await;
    let expected = [(Value::Null, json!("timeout")), (json!(200), Value::Null)];
    assert_eq!(tries(&delivery), expected);
    assert!(
        delivery["attempts"][0]["ms"].as_u64() >= Some(9_900),
        "{delivery}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_switched_off_and_what_waited_for_it_ends() {
    let mut world = World::with(|b| b.setting("WEBHOOK_RETRY_SECONDS", "600")).await;
    let (id, _) = world.make("/500/410/200").await;
    world.tell("evt_waits", "job.failed", None).await;
    world.receiver.next().await;
    let waits = async || {
        let delivery = world.deliveries(&id).await.remove(0);
        (delivery["attempts"] != json!([])).then_some(delivery)
    };
    let waiting = until("the first attempt is noted", waits).await;
    assert_eq!(waiting["state"], "pending");
    assert!(waiting["next_attempt_at"].as_u64() > waiting["created_at"].as_u64());
    world.tell("evt_gone", "job.failed", None).await;
    world.receiver.next().await;
    let delivery = world.until_state(&id, "failed").await;
    assert_eq!(delivery["id"], "evt_gone");
    assert_eq!(tries(&delivery), [(json!(410), json!("gone"))]);
    assert_eq!(world.webhook(&id).await["enabled"], false);
    for delivery in world.deliveries(&id).await {
        assert_eq!(delivery["state"], "failed");
        assert!(delivery["next_attempt_at"].is_null());
    }
    // Switched on again, it is told of what comes.
    let on = world.call(Method::PATCH, &format!("/{id}"));
    on.json(&json!({"enabled": true})).send().await.expect(200);
    world.tell("evt_back", "job.failed", None).await;
    assert_eq!(
        world.receiver.next().await["headers"]["webhook-id"],
        "evt_back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_longer_pause_gets_it() {
    let mut world = World::new().await;
    let (id, _) = world.make("/503/200").await;
    world.tell("evt_1", "job.failed", None).await;
    let at = |call: &Value| call["at"].as_f64().unwrap();
    let (first, second) = (world.receiver.next().await, world.receiver.next().await);
    // It says three seconds; the setting is one.
    assert!(at(&second) - at(&first) >= 2.9, "{first} {second}");
    world.until_state(&id, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_event_and_delivery_loses_nothing() {
    let mut world = World::with(|b| b.setting("WEBHOOK_RETRY_SECONDS", "2,2,2,2")).await;
    let (id, secret) = world.make("/500/200").await;
    world.tell("evt_retried", "job.failed", None).await;
    world.receiver.next().await;
    world.edge.restart().await;
    // Nobody asks its object for anything: the alarm alone brings it.
    let call = world.receiver.next().await;
    assert_eq!(call["headers"]["webhook-id"], "evt_retried");
    let told: BTreeSet<String> = (0..20).map(|n| format!("evt_{n}")).collect();
    for event in &told {
        world.tell(event, "job.succeeded", None).await;
    }
    world.edge.restart().await;
    let mut arrived = BTreeSet::new();
    while arrived != told {
        let call = world.receiver.next().await;
        assert!(world.receiver.verifies(&call, &secret).await);
        let event = call["headers"]["webhook-id"].as_str().unwrap().to_owned();
        if event != "evt_retried" {
            arrived.insert(event);
        }
    }
    until_in(RETRIES, "all are noted as delivered", async || {
        let all = world.deliveries(&id).await;
        (all.len() == 21 && all.iter().all(|one| one["state"] == "delivered")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_outlives_the_rotation_of_the_signing_secret_that_sealed_it() {
    let mut world = World::new().await;
    let (id, secret) = world.make("/200").await;
    let before = world.edge.signing_secret().to_owned();
    let new = e2e::edge::random_secret("signing_");
    world.edge.keep_secret(&new);
    // With both: what the old one has sealed is sealed anew at its next use.
    world
        .edge
        .restart_set("EDGE_SIGNING_SECRETS", &format!("{new},{before}"))
        .await;
    world.test(&id).await;
    let call = world.receiver.next().await;
    assert!(world.receiver.verifies(&call, &secret).await);
    // Then the new one alone.
    world.edge.restart_set("EDGE_SIGNING_SECRETS", &new).await;
    world.test(&id).await;
    let call = world.receiver.next().await;
    assert!(world.receiver.verifies(&call, &secret).await);
    // One that nobody can open any more signs nothing, and the log says so.
    let stranger = e2e::edge::random_secret("signing_");
    world
        .edge
        .restart_set("EDGE_SIGNING_SECRETS", &stranger)
        .await;
    let tested = world.test(&id).await;
    assert_eq!(tested["delivered"], false);
    assert_eq!(tested["error"], "secret_unreadable");
}

/// Addresses that nothing is sent to, in the form in which a caller may write them.
fn refused(receiver: &Receiver) -> Vec<String> {
    let port = receiver.url("").rsplit_once(':').unwrap().1.to_owned();
    let mut refused: Vec<String> = [
        "http://93.184.216.34/",
        "http://public.example/",
        "ftp://public.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "no url at all",
        "https://",
        "https://user:password@public.example/",
        "https://user@public.example/",
        "https://public.example:0/",
        "https://public.example:65536/",
        "https://10.0.0.1/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://169.254.169.254/latest/meta-data/",
        "https://172.16.0.1/",
        "https://192.168.1.1:8443/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://localhost/",
        "https://localhost./",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://router/",
        // These mean what the resolver says.
        "https://metadata.example/",
        "https://private.example/",
        "https://one-of-two.example/",
        "https://six.example/",
        "https://mapped.example/",
        "https://nonsense.example/",
        "https://unknown.example/",
    ]
    .map(str::to_owned)
    .into();
    refused.push(format!("http://127.0.0.1:{port}/200"));
    refused.push(format!("https://public.example/{}", "a".repeat(2_048)));
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_is_taken_that_does_not_lead_to_the_public_internet_over_https() {
    let world = World::with(|b| b.setting("FETCH_URLS", "public")).await;
    let good = json!({"url": "https://Public.Example:443/a b#part"});
    let made = world.call(Method::POST, "").json(&good).send().await;
    let (id, _) = world.shown(&made.expect(201));
    assert_eq!(
        world.webhook(&id).await["url"],
        "https://public.example/a%20b"
    );
    let refused = refused(&world.receiver);
    assert!(refused.len() >= 40);
    for url in &refused {
        let body = json!({ "url": url });
        let create = world.call(Method::POST, "").json(&body).send().await;
        let create = create.expect_error(400, "invalid_value");
        assert_eq!(create.param().as_deref(), Some("url"), "{url}");
        let change = world.call(Method::PATCH, &format!("/{id}"));
        let change = change.json(&body).send().await;
        assert_eq!(change.status, 400, "{url}");
    }
    assert_eq!(
        world.webhook(&id).await["url"],
        "https://public.example/a%20b"
    );
    let silent = json!({"url": "https://broken.example/"});
    let silent = world.call(Method::POST, "").json(&silent).send().await;
    silent.expect_error(503, "webhooks_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_looked_at_again_at_each_attempt() {
    let mut world = World::new().await;
    // Public when it is made, this machine when it is used.
    let turning = json!({"url": "https://turning.example/"});
    let turning = world.call(Method::POST, "").json(&turning).send().await;
    let (turning, _) = world.shown(&turning.expect(201));
    let tested = world.test(&turning).await;
    assert_eq!(tested["error"], "address_not_allowed", "{tested}");
    assert!(tested["status"].is_null());
    // Good when it is made, and nothing is sent anywhere any more.
    let (here, _) = world.make("/200").await;
    assert_eq!(world.test(&here).await["delivered"], true);
    world.receiver.next().await;
    world.edge.restart_set("FETCH_URLS", "off").await;
    assert_eq!(world.test(&here).await["error"], "address_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_what_became_of_it_and_is_in_the_log() {
    let mut world = World::new().await;
    let (good, secret) = world.make("/202").await;
    let tested = world.test(&good).await;
    assert_eq!(
        (&tested["delivered"], &tested["status"]),
        (&json!(true), &json!(202))
    );
    assert!(
        tested["error"].is_null() && tested["ms"].is_u64(),
        "{tested}"
    );
    let call = world.receiver.next().await;
    assert!(world.receiver.verifies(&call, &secret).await);
    let log = world.deliveries(&good).await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["type"], "webhook.test");
    assert_eq!(log[0]["id"], call["headers"]["webhook-id"]);
    assert_eq!(log[0]["state"], "delivered");
    let (bad, _) = world.make("/500").await;
    let tested = world.test(&bad).await;
    assert_eq!(
        (&tested["delivered"], &tested["status"]),
        (&json!(false), &json!(500))
    );
    assert_eq!(tested["error"], "status");
    // It is not sent again.
    assert_eq!(world.deliveries(&bad).await[0]["state"], "failed");
    // Nobody listens at port 1 (tcpmux).
    let nobody = json!({"url": "http://127.0.0.1:1/"});
    let nobody = world.call(Method::POST, "").json(&nobody).send().await;
    let (nobody, _) = world.shown(&nobody.expect(201));
    assert_eq!(world.test(&nobody).await["error"], "unreachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_comes_in_pages_and_keeps_the_last_hundred() {
    let mut world = World::new().await;
    let (id, _) = world.make("/200").await;
    for n in 0..105 {
        world.tell(&format!("evt_{n}"), "job.succeeded", None).await;
    }
    for _ in 0..105 {
        world.receiver.next().await;
    }
    until("all are delivered", async || {
        let all = world.deliveries(&id).await;
        let done = all.iter().all(|one| one["state"] == "delivered");
        (done && all.len() == 100).then_some(())
    })
    .await;
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/{id}/deliveries?limit=30{cursor}");
        let page = world
            .call(Method::GET, &path)
            .send()
            .await
            .expect(200)
            .json();
        let data = page["data"].as_array().unwrap();
        ids.extend(
            data.iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(data.len(), 30);
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<_> = (5..105).rev().map(|n| format!("evt_{n}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_their_owners_and_sixteen() {
    let mut world = World::new().await;
    let (id, _) = world.make("/200").await;
    let colleague = key_of(&world.edge, "acme").await;
    let stranger = key_of(&world.edge, "rival").await;
    let paths = [
        (Method::GET, String::new()),
        (Method::PATCH, String::new()),
        (Method::DELETE, String::new()),
        (Method::POST, "/rotate".to_owned()),
        (Method::POST, "/test".to_owned()),
        (Method::GET, "/deliveries".to_owned()),
    ];
    for (method, rest) in &paths {
        let path = format!("/v1/webhooks/{id}{rest}");
        let call = world.edge.call(method.clone(), &path).key(&stranger);
        let call = if *method == Method::PATCH {
            call.json(&json!({"enabled": false}))
        } else {
            call
        };
        call.send().await.expect_error(404, "not_found");
    }
    let listed = |key: &Key| world.edge.get("/v1/webhooks?limit=3").key(key);
    assert_eq!(
        listed(&stranger).send().await.expect(200).json()["data"],
        json!([])
    );
    for _ in 1..16 {
        world.make("/200").await;
    }
    let body = json!({"url": world.receiver.url("/200")});
    let seventeenth = world.call(Method::POST, "").json(&body).send().await;
    seventeenth.expect_error(409, "too_many_webhooks");
    let page = listed(&colleague).send().await.expect(200).json();
    assert_eq!(page["data"].as_array().unwrap().len(), 3);
    assert!(page["data"][0].get("secret").is_none());
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = world.edge.get(&format!("/v1/webhooks?cursor={cursor}"));
    let rest = rest.key(&colleague).send().await.expect(200).json();
    let rest = rest["data"].as_array().unwrap();
    assert_eq!(rest.len(), 13);
    assert_eq!(rest.last().unwrap()["id"], id);
    // A colleague deletes it, with its log; nothing more is sent to it.
    world.test(&id).await;
    world.receiver.next().await;
    let gone = world
        .edge
        .call(Method::DELETE, &format!("/v1/webhooks/{id}"));
    gone.key(&colleague).send().await.expect(204);
    for (method, rest) in paths.iter().filter(|(method, _)| *method == Method::GET) {
        let call = world.call(method.clone(), &format!("/{id}{rest}"));
        call.send().await.expect_error(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_carried_out_once_and_answered_alike() {
    let mut world = World::new().await;
    let body = json!({"url": world.receiver.url("/200")});
    let create = || {
        let call = world.call(Method::POST, "").json(&body);
        call.header("idempotency-key", "once")
    };
    // Two at once, and one that comes later.
    let (one, other) = tokio::join!(create().send(), create().send());
    let (id, secret) = world.shown(&one.expect(201));
    assert_eq!(
        world.shown(&other.expect(201)),
        (id.clone(), secret.clone())
    );
    assert_eq!(
        world.shown(&create().send().await.expect(201)),
        (id.clone(), secret)
    );
    let listed = world.call(Method::GET, "").send().await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let other = json!({"url": world.receiver.url("/200?other")});
    let other = world.call(Method::POST, "").json(&other);
    let other = other.header("idempotency-key", "once").send().await;
    other.expect_error(409, "idempotency_key_reused");
    let post = |path: &str, key: &str| {
        let call = world.call(Method::POST, &format!("/{id}/{path}"));
        call.header("idempotency-key", key)
    };
    let rotated = post("rotate", "once").send().await.expect(200).json();
    world.edge.keep_secret(rotated["secret"].as_str().unwrap());
    assert_eq!(
        post("rotate", "once").send().await.expect(200).json(),
        rotated
    );
    let changed = post("rotate", "once").json(&json!({"overlap_seconds": 1}));
    changed
        .send()
        .await
        .expect_error(409, "idempotency_key_reused");
    let again = post("rotate", "twice").send().await.expect(200).json();
    world.edge.keep_secret(again["secret"].as_str().unwrap());
    assert_ne!(again["secret"], rotated["secret"]);
    let tested = post("test", "once").send().await.expect(200).json();
    assert_eq!(post("test", "once").send().await.expect(200).json(), tested);
    world.receiver.next().await;
    assert_eq!(world.deliveries(&id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_no_webhook_is_made_and_a_body_is_taken_literally() {
    let edge = Edge::builder().start().await;
    let key = key_of(&edge, "acme").await;
    let create = |body: Value| {
        edge.call(Method::POST, "/v1/webhooks")
            .key(&key)
            .json(&body)
    };
    let wish = json!({"url": "https://93.184.216.34/"});
    let off = create(wish.clone()).send().await;
    off.expect_error(403, "urls_switched_off");
    for body in [
        json!({}),
        json!([]),
        json!({"url": 1}),
        json!({"url": ""}),
        json!({"url": "https://93.184.216.34/", "secret": "whsec_mine"}),
        json!({"url": "https://93.184.216.34/", "events": []}),
        json!({"url": "https://93.184.216.34/", "events": ["job.exploded"]}),
        json!({"url": "https://93.184.216.34/", "name": "a\nb"}),
    ] {
        let refused = create(body.clone()).send().await;
        assert_eq!(refused.status, 400, "{body}");
    }
    let transcribe = json!({"name": "t", "scopes": ["transcribe"]});
    let transcribe = edge.create_key(&transcribe).await;
    let refused = edge.get("/v1/webhooks").key(&transcribe).send().await;
    refused.expect_error(403, "insufficient_scope");
    for path in [
        "/v1/webhooks/",
        "/v1/webhooks/a/b",
        "/v1/webhooksx",
        "/v1/webhooks/a/test/b",
    ] {
        edge.get(path)
            .key(&key)
            .send()
            .await
            .expect_error(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_owners_webhooks_are_gone_with_all_that_was_to_be_sent() {
    let mut world = World::with(|b| b.setting("WEBHOOK_RETRY_SECONDS", "600")).await;
    let rare = "zyzzyvaquartz";
    let (id, _) = world.make(&format!("/500?{rare}")).await;
    world.tell("evt_1", "job.failed", None).await;
    world.receiver.next().await;
    let noted = async || (!tries(&world.deliveries(&id).await[0]).is_empty()).then_some(());
    until("the attempt is noted", noted).await;
    assert!(!world.edge.files_holding(rare).is_empty());
    let purge = || world.edge.admin(Method::DELETE, "/admin/owners/acme");
    let purged = purge().send().await.expect(200).json();
    assert!(purged["object_rows"].as_u64() >= Some(5), "{purged}");
    let again = purge().send().await.expect(200).json();
    assert_eq!(again["object_rows"], 0, "{again}");
    let left = world.edge.compacted_files_holding(rare).await;
    assert!(left.is_empty(), "{left:?}");
}
