//! What keys have in common: plans, and the limits that all keys of an owner share.

use e2e::edge::{Edge, Key};
use e2e::until;
use e2e::upstream::Upstream;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

fn hourly(limit: u64) -> Value {
    json!({"name": "hour", "kind": "rate", "limit": limit, "window_seconds": 3600})
}

async fn models(edge: &Edge, isolate: usize, key: &Key) -> e2e::http::Answer {
    let call = edge.call_at(isolate, Method::GET, "/v1/models").key(key);
    call.send().await
}

/// What is left of the tightest limit after one more request.
async fn left_after_one(edge: &Edge, isolate: usize, key: &Key) -> u64 {
    let answer = models(edge, isolate, key).await.expect(200);
    answer.number("x-ratelimit-remaining-requests")
}

async fn set_owner_limits(edge: &Edge, owner: &str, limits: Value) {
    let path = format!("/admin/owners/{owner}/limits");
    edge.tell(Method::PUT, &path, &json!({ "limits": limits }))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_limits_hold_for_each_of_its_keys_and_a_keys_own_go_before_them() {
    let edge = Edge::builder().start().await;
    edge.put_plan("starter", &json!({"limits": [hourly(3)]}))
        .await;
    let [one, other] = ["one", "other"].map(|name| json!({"name": name, "plan": "starter"}));
    let (one, other) = (edge.create_key(&one).await, edge.create_key(&other).await);
    let own = json!({"name": "own", "plan": "starter", "limits": [hourly(5)]});
    let own = edge.create_key(&own).await;
    for (key, limit) in [(&one, 3), (&other, 3), (&own, 5)] {
        for left in (0..limit).rev() {
            assert_eq!(left_after_one(&edge, 0, key).await, left);
        }
        models(&edge, 0, key)
            .await
            .expect_error(429, "rate_limit_exceeded");
    }
    let credits = json!({"limits": [], "credits": {"balance": 1}});
    edge.put_plan("prepaid", &credits).await;
    let prepaid = edge
        .create_key(&json!({"name": "prepaid", "plan": "prepaid"}))
        .await;
    models(&edge, 0, &prepaid).await.expect(200);
    models(&edge, 0, &prepaid)
        .await
        .expect_error(429, "insufficient_credits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_other_limits_hold_for_the_next_request_where_the_key_is_remembered_too() {
    let edge = Edge::builder().isolates(2).start().await;
    edge.put_plan("starter", &json!({"limits": [hourly(100)]}))
        .await;
    let key = edge
        .create_key(&json!({"name": "a", "plan": "starter"}))
        .await;
    // Both places remember the key, and its plan.
    assert_eq!(left_after_one(&edge, 0, &key).await, 99);
    assert_eq!(left_after_one(&edge, 1, &key).await, 98);
    let plan = edge
        .put_plan("starter", &json!({"limits": [hourly(10)]}))
        .await;
    assert_eq!(plan["version"], 2);
    // What was used is used; there is only less of it.
    assert_eq!(left_after_one(&edge, 1, &key).await, 7);
    edge.put_plan("starter", &json!({"limits": [hourly(3)]}))
        .await;
    models(&edge, 1, &key)
        .await
        .expect_error(429, "rate_limit_exceeded");
    models(&edge, 0, &key)
        .await
        .expect_error(429, "rate_limit_exceeded");
    edge.put_plan("starter", &json!({"limits": [hourly(5)]}))
        .await;
    assert_eq!(left_after_one(&edge, 0, &key).await, 1);
    // An older idea of the plan is refused.
    let stale = json!({"limits": [hourly(9)], "version": 1});
    let answer = edge.tell(Method::PUT, "/admin/plans/starter", &stale).await;
    answer.expect_error(409, "version_conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plans_scopes_models_and_cost_reach_its_keys_where_memory_is_fresh() {
    let host = Upstream::start().await.answer_all("words");
    let mut edge = Edge::builder()
        .setting("MODELS", "tiny.en,base")
        .upstream(host.url())
        .start()
        .await;
    edge.put_plan("starter", &json!({"limits": [hourly(100)]}))
        .await;
    let key = edge
        .create_key(&json!({"name": "a", "plan": "starter"}))
        .await;
    edge.transcribe(&key)
        .upload("audio")
        .send()
        .await
        .expect(200);
    let narrow =
        json!({"limits": [hourly(100)], "scopes": ["translate"], "models": ["base"], "cost": 10});
    edge.put_plan("starter", &narrow).await;
    // Where it was changed, at once; elsewhere what is remembered is half a minute old at most. A new
    // process has no memory.
    for _ in 0..2 {
        let refused = edge.transcribe(&key).upload("audio").send().await;
        refused.expect_error(403, "insufficient_scope");
        let list = models(&edge, 0, &key).await.expect(200).json();
        assert_eq!(
            (
                list["data"].as_array().unwrap().len(),
                &list["data"][0]["id"]
            ),
            (1, &json!("base"))
        );
        edge.restart().await;
    }
    let before = left_after_one(&edge, 0, &key).await;
    let translated = edge
        .call(Method::POST, "/v1/audio/translations")
        .key(&key)
        .upload("audio");
    let translated = translated.send().await.expect(200);
    assert_eq!(
        translated.number("x-ratelimit-remaining-requests"),
        before - 10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_keys_are_on_is_not_deleted() {
    let edge = Edge::builder().start().await;
    for name in ["one", "other"] {
        edge.put_plan(name, &json!({"limits": [hourly(3)]})).await;
    }
    let key = edge.create_key(&json!({"name": "a", "plan": "one"})).await;
    let delete = async |name: &str| {
        let path = format!("/admin/plans/{name}");
        edge.admin(Method::DELETE, &path).send().await
    };
    delete("one").await.expect_error(409, "plan_in_use");
    assert_eq!(left_after_one(&edge, 0, &key).await, 2);
    edge.patch(&key, &json!({"plan": "other"}))
        .await
        .expect(200);
    delete("other").await.expect_error(409, "plan_in_use");
    delete("one").await.expect(204);
    delete("one").await.expect_error(404, "not_found");
    let wish = json!({"name": "a", "plan": "one"});
    edge.tell(Method::POST, "/admin/keys", &wish)
        .await
        .expect_error(404, "not_found");
    let plans = edge.ask_admin("/admin/plans").await;
    let names: Vec<&Value> = plans["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plan| &plan["name"])
        .collect();
    assert_eq!(names, ["other"]);
    // It may come back, as another one.
    edge.put_plan("one", &json!({"limits": [hourly(1)]})).await;
    let again = edge.create_key(&wish).await;
    assert_eq!(left_after_one(&edge, 0, &again).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_an_owner_are_exact_over_all_his_keys_however_many_call_at_once() {
    let edge = Edge::builder().isolates(2).start().await;
    let of = |owner: &str| json!({"name": "a", "owner": owner, "limits": [hourly(1_000)]});
    let keys = [
        edge.create_key(&of("acme")).await,
        edge.create_key(&of("acme")).await,
    ];
    let rival = edge.create_key(&of("rival")).await;
    for (isolate, key) in keys.iter().enumerate() {
        models(&edge, isolate, key).await.expect(200);
    }
    set_owner_limits(&edge, "acme", json!([hourly(50)])).await;
    let calls = (0..200).map(|n| models(&edge, n / 2 % 2, &keys[n % 2]));
    let answers = join_all(calls).await;
    let (admitted, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((admitted.len(), refused.len()), (50, 150));
    for answer in refused {
        answer.expect_error(429, "rate_limit_exceeded");
    }
    // A key made later shares them, another owner's does not.
    let late = edge.create_key(&of("acme")).await;
    models(&edge, 0, &late)
        .await
        .expect_error(429, "rate_limit_exceeded");
    models(&edge, 0, &rival).await.expect(200);
    let owner = edge.ask_admin("/admin/owners/acme").await;
    assert_eq!(
        (&owner["keys"], &owner["limits"][0]["limit"]),
        (&json!(3), &json!(50))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owners_limits_refuse_is_not_charged_to_the_key_nor_the_other_way_round() {
    let edge = Edge::builder().start().await;
    let key =
        json!({"name": "a", "owner": "acme", "limits": [hourly(20)], "credits": {"balance": 20}});
    let key = edge.create_key(&key).await;
    let small = json!({"name": "b", "owner": "acme", "limits": [hourly(1)]});
    let small = edge.create_key(&small).await;
    set_owner_limits(&edge, "acme", json!([hourly(5)])).await;
    models(&edge, 0, &small).await.expect(200);
    for _ in 0..3 {
        // Its own limit refuses, and takes nothing from the owner's.
        models(&edge, 0, &small)
            .await
            .expect_error(429, "rate_limit_exceeded");
    }
    for left in (0..4).rev() {
        assert_eq!(
            left_after_one(&edge, 0, &key).await,
            left,
            "the owner's is the tighter one"
        );
    }
    for _ in 0..10 {
        models(&edge, 0, &key)
            .await
            .expect_error(429, "rate_limit_exceeded");
    }
    assert_eq!(edge.key(&key).await["credits_left"], 16);
    set_owner_limits(&edge, "acme", json!([hourly(1_000)])).await;
    assert_eq!(left_after_one(&edge, 0, &key).await, 15);
    assert_eq!(edge.key(&key).await["credits_left"], 15);
    // Without limits of his own again: each key's alone.
    set_owner_limits(&edge, "acme", json!([])).await;
    assert_eq!(left_after_one(&edge, 0, &key).await, 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owners_limits_refuse_is_a_refusal_in_the_keys_usage_too() {
    let edge = Edge::builder().isolates(2).start().await;
    let wish = json!({"name": "a", "owner": "acme", "limits": [hourly(20)]});
    let key = edge.create_key(&wish).await;
    set_owner_limits(&edge, "acme", json!([hourly(3)])).await;
    for _ in 0..3 {
        models(&edge, 0, &key).await.expect(200);
    }
    // Each place asks once, and remembers.
    for isolate in 0..2 {
        models(&edge, isolate, &key)
            .await
            .expect_error(429, "rate_limit_exceeded");
    }
    let usage = edge
        .ask_admin(&format!("/admin/keys/{}/usage", key.id))
        .await;
    assert_eq!(
        usage["total"]["outcomes"],
        json!({"served": 3, "rate_limited": 2})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_owners_limits_refuse_leaves_no_lease_and_no_lease_is_his_twice() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let of = |name: &str| json!({"name": name, "owner": "acme", "limits": [hourly(100)]});
    let keys = [
        edge.create_key(&of("a")).await,
        edge.create_key(&of("b")).await,
    ];
    let parallel = json!({"name": "parallel", "kind": "concurrency", "limit": 1});
    set_owner_limits(&edge, "acme", json!([parallel])).await;
    let client = tokio::spawn(edge.transcribe(&keys[0]).upload("audio").send());
    let arrival = host.next().await;
    let refused = edge.transcribe(&keys[1]).upload("audio").send().await;
    refused.expect_error(429, "concurrency_limit_exceeded");
    let under_way = async |key: &Key| edge.key(key).await["under_way"].clone();
    assert_eq!(
        (under_way(&keys[0]).await, under_way(&keys[1]).await),
        (json!(1), json!(0))
    );
    arrival.reply(200, &[("content-type", "text/plain")], "words");
    client.await.unwrap().expect(200);
    // The owner's lease ends with the key's: told by the key's object, a moment later.
    let _host = host.answer_all("words");
    until("the owner's place is free", async || {
        let answer = edge.transcribe(&keys[0]).upload("audio").send().await;
        if answer.status == 200 {
            return Some(());
        }
        answer.expect_error(429, "concurrency_limit_exceeded");
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permits_taken_ahead_are_never_more_in_sum_than_the_limit_at_any_number_of_places() {
    let edge = Edge::builder().isolates(3).start().await;
    let plan = json!({"limits": [hourly(100)], "permits_ahead": 10});
    edge.put_plan("hot", &plan).await;
    let key = edge.create_key(&json!({"name": "a", "plan": "hot"})).await;
    let mut admitted = 0;
    // One after the other: what one place has taken it uses up before it takes more.
    for _ in 0..40 {
        for isolate in 0..3 {
            admitted += usize::from(models(&edge, isolate, &key).await.status == 200);
        }
    }
    // Permits are good for a second: a machine that stands still for one loses what each place has.
    assert!((70..=100).contains(&admitted), "{admitted}");
    let crowd = edge.create_key(&json!({"name": "b", "plan": "hot"})).await;
    let answers = join_all((0..600).map(|n| models(&edge, n % 3, &crowd))).await;
    let admitted = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..=100).contains(&admitted), "{admitted}");
}
