//! How keys come to be: made, imported, made again, or not at all.

use super::*;

#[test]
fn a_key_is_made_with_defaults_and_found_by_id_and_by_owner() {
    let mut world = World::new();
    let made = world.create(r#"{"name":"ci","owner":"acme"}"#).unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("wk_live_"));
    assert_eq!(made["limits_in_force"][0]["name"], "minute");
    assert_eq!(made["created_at"], NOW / 1000);
    let detail = ready(world.admin().get(false, id(&made))).unwrap();
    assert_eq!(detail.record.owner.as_deref(), Some("acme"));
    let list = |owner: &str| {
        let filter = KeyFilter {
            owner: Some(owner.to_owned()),
            ..KeyFilter::default()
        };
        ready(world.admin().list(false, &filter)).unwrap().data
    };
    assert_eq!(list("acme"), [detail.record.summary()]);
    assert_eq!(list("other"), []);
    let stored = format!("{:?}{:?}", world.memory.kv, world.memory.keys);
    assert!(
        !stored.contains(made["key"].as_str().unwrap()),
        "the key itself was stored"
    );
}

#[test]
fn wrong_values_are_refused_by_name_and_nothing_is_made() {
    let long = "x".repeat(101);
    let heavy = "x".repeat(1025);
    for (body, param) in [
        (r#"{"name":""}"#.to_owned(), "name"),
        (format!(r#"{{"name":"{long}"}}"#), "name"),
        (r#"{"name":"a\u0007"}"#.to_owned(), "name"),
        (r#"{"name":"a","owner":"a:b"}"#.to_owned(), "owner"),
        (r#"{"name":"a","owner":""}"#.to_owned(), "owner"),
        (r#"{"name":"a","plan":"A"}"#.to_owned(), "plan"),
        (r#"{"name":"a","models":[]}"#.to_owned(), "models"),
        (r#"{"name":"a","models":["../x"]}"#.to_owned(), "models"),
        (r#"{"name":"a","scopes":[]}"#.to_owned(), "scopes"),
        (
            r#"{"name":"a","scopes":["jobs","transcribe","jobs"]}"#.to_owned(),
            "scopes",
        ),
        (r#"{"name":"a","limits":[]}"#.to_owned(), "limits"),
        (
            r#"{"name":"a","credits":{"balance":1000000001}}"#.to_owned(),
            "credits",
        ),
        (
            r#"{"name":"a","credits":{"balance":1,"refill":{"amount":0,"period":"day"}}}"#
                .to_owned(),
            "credits",
        ),
        (r#"{"name":"a","cost":0}"#.to_owned(), "cost"),
        (r#"{"name":"a","cost":1000001}"#.to_owned(), "cost"),
        (
            r#"{"name":"a","allowed_ips":["10.0.0.0/33"]}"#.to_owned(),
            "allowed_ips",
        ),
        (
            r#"{"name":"a","allowed_origins":["https://a.example/path"]}"#.to_owned(),
            "allowed_origins",
        ),
        (
            r#"{"name":"a","self_service":true}"#.to_owned(),
            "self_service",
        ),
        (
            format!(r#"{{"name":"a","expires_at":{}}}"#, NOW / 1000),
            "expires_at",
        ),
        (
            format!(r#"{{"name":"a","metadata":{{"x":"{heavy}"}}}}"#),
            "metadata",
        ),
    ] {
        let mut world = World::new();
        match world.create(&body) {
            Err(EdgeError::InvalidValue { param: named, .. }) => assert_eq!(named, param, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(world.memory.faults.calls(), 0, "{body}");
    }
}

#[test]
fn unknown_fields_and_wrong_types_are_refused() {
    for body in [
        "",
        "[]",
        "{",
        r#"{"name":1}"#,
        r#"{"name":"a","admin":true}"#,
        r#"{"owner":"a"}"#,
        r#"{"name":"a","scopes":["admin:*"]}"#,
        r#"{"name":"a","admin_scopes":["admin:*"]}"#,
        r#"{"name":"a","expires_at":-1}"#,
        r#"{"name":"a","cost":1000000000000}"#,
        r#"{"name":"a","limits":[{"name":"m","kind":"rate","limit":1,"window_seconds":1,"x":1}]}"#,
    ] {
        let mut world = World::new();
        let refused = world.create(body);
        assert!(
            matches!(refused, Err(EdgeError::InvalidBody(_))),
            "{body}: {refused:?}"
        );
    }
}

/// Calls of ports that it makes: plan, owner's directory, plan's directory, object, KV.
const CALLS: usize = 5;

#[test]
fn no_point_of_failure_leaves_a_key_that_works_without_limits() {
    // Two faults: one in the creation, one in its rollback, each before and after it took effect.
    for first in 0..CALLS {
        for second in first + 1..first + 6 {
            for (one, two) in [
                (Fault::Before, Fault::Before),
                (Fault::Before, Fault::After),
                (Fault::After, Fault::Before),
                (Fault::After, Fault::After),
            ] {
                let mut world = World::with_plan();
                let calls = world.memory.faults.calls();
                world.memory.faults.plan(calls + first, one);
                world.memory.faults.plan(calls + second, two);
                assert!(world.create(WHOLE).is_err());
                world.memory.publish_all();
                for (_, record) in world.records() {
                    let (works, limited) = world.works(&record);
                    let at = format!("{first} {one:?}, {second} {two:?}");
                    assert!(!works || limited, "unlimited after {at}");
                }
            }
        }
    }
}

#[test]
fn a_half_made_key_is_rolled_back_and_its_owner_can_try_again() {
    for first in 0..CALLS {
        for fault in [Fault::Before, Fault::After] {
            let mut world = World::with_plan();
            let calls = world.memory.faults.calls();
            world.memory.faults.plan(calls + first, fault);
            assert!(world.create(WHOLE).is_err(), "{first} {fault:?}");
            world.memory.publish_all();
            for (_, record) in world.records() {
                assert!(!world.works(&record).0, "{first} {fault:?} left a key");
            }
            assert!(
                world.create(WHOLE).is_ok(),
                "{first} {fault:?} is in the way"
            );
        }
    }
}

#[test]
fn one_key_per_owner_and_plan_through_self_service() {
    let mut world = World::with_plan();
    let first = world.create(WHOLE).unwrap();
    assert!(matches!(world.create(WHOLE), Err(EdgeError::KeyExists(_))));
    assert!(world.admit(id(&first)), "the first key was touched");
    // An administrator's keys are not counted, and another owner has his own.
    world
        .create(r#"{"name":"b","owner":"acme","plan":"starter"}"#)
        .unwrap();
    world.create(&WHOLE.replace("acme", "other")).unwrap();
    ready(world.admin().revoke(false, id(&first))).unwrap();
    assert!(world.create(WHOLE).is_ok());
}

#[test]
fn a_plan_that_is_not_for_self_service_is_refused_there() {
    let mut world = World::new();
    let body = r#"{"limits":[{"name":"m","kind":"rate","limit":1,"window_seconds":1}]}"#;
    ready(world.admin().put_plan("closed", body.as_bytes())).unwrap();
    let wish = WHOLE.replace("starter", "closed");
    assert!(matches!(
        world.create(&wish),
        Err(EdgeError::InvalidValue { param: "plan", .. })
    ));
    assert!(matches!(
        world.create(r#"{"name":"a","plan":"none"}"#),
        Err(EdgeError::NotFound("plan"))
    ));
}

#[test]
fn the_same_idempotency_key_makes_the_same_key_once() {
    let mut world = World::with_plan();
    let first = world.create_with(WHOLE, "order-7").unwrap();
    let second = world.create_with(WHOLE, "order-7").unwrap();
    assert_eq!(first, second);
    assert_eq!(world.records().len(), 1);
    assert!(matches!(
        world.create_with(r#"{"name":"other"}"#, "order-7"),
        Err(EdgeError::IdempotencyKeyReused)
    ));
    assert_ne!(
        world.create_with(r#"{"name":"other"}"#, "order-8").unwrap()["key"],
        first["key"]
    );
}

#[test]
fn a_lost_answer_can_be_had_again_with_the_same_idempotency_key() {
    for first in 0..CALLS {
        for fault in [Fault::Before, Fault::After] {
            let mut world = World::with_plan();
            let calls = world.memory.faults.calls();
            world.memory.faults.plan(calls + first, fault);
            assert!(world.create_with(WHOLE, "order-7").is_err());
            let made = world.create_with(WHOLE, "order-7").unwrap();
            assert_eq!(world.records().len(), 1, "{first} {fault:?}");
            let (hash, record) = world.records().remove(0);
            assert_eq!(hash, KeyHash::of(made["key"].as_str().unwrap()).to_hex());
            assert_eq!(world.works(&record), (true, true));
        }
    }
}

#[test]
fn an_idempotent_answer_outlives_a_rotation_of_the_signing_secrets() {
    let mut world = World::new();
    let body = r#"{"name":"a"}"#;
    let first = world.create_with(body, "order-7").unwrap();
    let new = inference_api::signature::Secret::new([7; 32]).unwrap();
    world.settings.signing_secrets.insert(0, new);
    assert_eq!(world.create_with(body, "order-7").unwrap(), first);
    world.settings.signing_secrets.truncate(1);
    assert!(matches!(
        world.create_with(body, "order-7"),
        Err(EdgeError::IdempotencyKeyReused)
    ));
    assert_eq!(world.records().len(), 1);
}

#[test]
fn without_randomness_no_key_is_made() {
    let world = World::new();
    let refused = ready(
        world
            .admin()
            .create(br#"{"name":"a"}"#, None, &mut BrokenRng),
    );
    assert!(matches!(refused.map(|_| ()), Err(EdgeError::Internal(_))));
    assert_eq!(world.memory.faults.calls(), 0);
}

#[test]
fn a_thousand_keys_are_made_by_one_call_or_none_of_them() {
    let mut world = World::with_plan();
    let many = |number: usize, last: &str| {
        let mut keys = vec![r#"{"name":"k","owner":"acme","plan":"starter"}"#; number];
        keys.push(last);
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    };
    let rng = &mut world.rng;
    let admin = Admin {
        ports: &world.memory,
        settings: &world.settings,
        actor: Actor::default(),
        credential: "",
    };
    let bad = many(999, r#"{"name":""}"#);
    let refused = ready(admin.create_many(bad.as_bytes(), None, rng)).map(|_| ());
    assert!(format!("{refused:?}").contains("keys[999]"), "{refused:?}");
    assert!(world.memory.keys.borrow().is_empty());
    let too_many = many(1_000, r#"{"name":"x"}"#);
    assert!(ready(admin.create_many(too_many.as_bytes(), None, rng)).is_err());
    let good = many(999, r#"{"name":"last"}"#);
    let made = ready(admin.create_many(good.as_bytes(), None, rng)).unwrap();
    let made = serde_json::to_value(made).unwrap();
    assert_eq!(made["data"].as_array().unwrap().len(), 1_000);
    assert_eq!(made["data"][999]["name"], "last");
    assert_eq!(world.memory.keys.borrow().len(), 1_000);
    // Listing them: a page of a thousand is one call.
    let filter = KeyFilter {
        limit: Some("1000".to_owned()),
        ..KeyFilter::default()
    };
    let page = ready(admin.list(false, &filter)).unwrap();
    assert_eq!((page.data.len(), world.memory.list_calls.get()), (1_000, 1));
}

#[test]
fn ten_thousand_keys_are_listed_with_one_call_of_kv_for_each_thousand() {
    let world = World::new();
    for n in 0..10_000 {
        let mut state = crate::testing::key_state(&format!("key_{n:020}"));
        state.record.owner = Some(format!("owner{}", n % 7));
        for entry in state.entries(crate::ports::UnixMs(NOW)).unwrap() {
            let value = (entry.value.unwrap(), entry.metadata);
            world.memory.kv.borrow_mut().insert(entry.name, value);
        }
    }
    let (mut seen, mut cursor) = (0, None);
    loop {
        let filter = KeyFilter {
            limit: Some("1000".to_owned()),
            cursor,
            ..KeyFilter::default()
        };
        let page = ready(world.admin().list(false, &filter)).unwrap();
        seen += page.data.len();
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((seen, world.memory.list_calls.get()), (10_000, 10));
    assert_eq!(world.memory.faults.calls(), 10, "a key was read by itself");
}

#[test]
fn hashes_from_elsewhere_become_keys_and_never_replace_one() {
    let world = World::new();
    let hash = KeyHash::of("sk-elsewhere-0123456789").to_hex();
    let body =
        format!(r#"{{"keys":[{{"hash":"{hash}","start":"sk-else","key":{{"name":"old"}}}}]}}"#);
    let mut rng = SeededRng::new(1);
    let made = ready(world.admin().import(body.as_bytes(), &mut rng)).unwrap();
    let made = serde_json::to_value(made).unwrap();
    assert_eq!(made["data"][0].get("key"), None);
    let (kept, record) = world.records().remove(0);
    assert_eq!(
        (kept.as_str(), record.start.as_str()),
        (hash.as_str(), "sk-else")
    );
    assert_eq!(world.works(&record), (true, true));
    assert!(matches!(
        ready(world.admin().import(body.as_bytes(), &mut rng)).map(|_| ()),
        Err(EdgeError::KeyExists(_))
    ));
    assert_eq!(world.records().len(), 1);
    for hash in ["", "zz", &"a".repeat(63)] {
        let body = format!(r#"{{"keys":[{{"hash":"{hash}","key":{{"name":"old"}}}}]}}"#);
        assert!(ready(world.admin().import(body.as_bytes(), &mut rng)).is_err());
    }
}
