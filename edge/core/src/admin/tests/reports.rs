//! What is told of keys, owners and changes.

use super::*;

#[test]
fn a_listing_has_pages_and_filters() {
    let mut world = World::with_plan();
    for n in 0..5 {
        let plan = if n % 2 == 0 {
            r#","plan":"starter""#
        } else {
            ""
        };
        world
            .create(&format!(r#"{{"name":"k{n}"{plan},"enabled":{}}}"#, n != 4))
            .unwrap();
    }
    let list = |plan: Option<&str>, enabled: Option<&str>, cursor: Option<String>| {
        let filter = KeyFilter {
            plan: plan.map(str::to_owned),
            enabled: enabled.map(str::to_owned),
            cursor,
            limit: Some("2".to_owned()),
            owner: None,
        };
        ready(world.admin().list(false, &filter))
    };
    for (plan, enabled, expected) in [
        (None, None, 5),
        (Some("starter"), None, 3),
        (Some("starter"), Some("true"), 2),
        (None, Some("false"), 1),
        (Some("other"), None, 0),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(plan, enabled, cursor).unwrap();
            seen.extend(page.data.into_iter().map(|k| k.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), expected, "{plan:?} {enabled:?}");
    }
    let cursor = list(None, None, None).unwrap().next_cursor;
    assert!(
        list(Some("starter"), None, cursor).is_err(),
        "of another listing"
    );
    assert!(list(None, Some("maybe"), None).is_err());
    assert!(list(Some("' OR 1=1"), None, None).is_err());
    for limit in ["0", "1001", "-1", "x"] {
        let filter = KeyFilter {
            limit: Some(limit.to_owned()),
            ..KeyFilter::default()
        };
        assert!(
            ready(world.admin().list(false, &filter)).is_err(),
            "{limit}"
        );
    }
}

#[test]
fn a_purged_owner_leaves_nothing_but_revoked_ids() {
    let mut world = World::with_plan();
    let made = world.create(WHOLE).unwrap();
    world.create(r#"{"name":"b","owner":"other"}"#).unwrap();
    let limits = br#"{"limits":[{"name":"all","kind":"rate","limit":1,"window_seconds":1}]}"#;
    ready(world.admin().set_owner_limits("acme", limits)).unwrap();
    let kept = ["owner:acme", "owner:other", "owner:acme"].map(str::to_owned);
    world.memory.transcripts.borrow_mut().extend(kept);
    let purged = ready(world.admin().purge_owner("acme")).unwrap();
    assert_eq!((purged.keys, purged.transcripts), (1, 2));
    let memory = &world.memory;
    let left = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}",
        memory.kv,
        memory.keys,
        memory.owner_limits,
        memory.directories,
        memory.audit,
        memory.transcripts
    );
    assert!(!left.contains("acme"), "{left}");
    assert!(memory.tombstones.borrow().contains(id(&made)));
    assert_eq!(world.records().len(), 1, "another owner's key is gone");
    assert_eq!(
        ready(world.admin().purge_owner("acme")).unwrap(),
        Purged::default()
    );
    // He may come back as a new customer.
    assert!(world.create(WHOLE).is_ok());
}

#[test]
fn an_owners_limits_are_told_to_his_keys_those_of_now_and_those_to_come() {
    let mut world = World::with_plan();
    let before = world.create(WHOLE).unwrap();
    let limits = br#"{"limits":[{"name":"all","kind":"rate","limit":1,"window_seconds":1}]}"#;
    let owner = ready(world.admin().set_owner_limits("acme", limits)).unwrap();
    assert_eq!((owner.keys, owner.limits.len()), (1, 1));
    let after = world.create(r#"{"name":"b","owner":"acme"}"#).unwrap();
    for made in [&before, &after] {
        assert!(world.memory.keys.borrow()[id(made)].0.owner_limited);
    }
    ready(world.admin().set_owner_limits("acme", br#"{"limits":[]}"#)).unwrap();
    assert!(!world.memory.keys.borrow()[id(&before)].0.owner_limited);
}

#[test]
fn verification_tells_every_verdict_and_charges_a_valid_key_alone() {
    let mut world = World::new();
    let body = r#"{"name":"a","owner":"acme","scopes":["transcribe"],"metadata":{"team":"a"},
        "limits":[{"name":"minute","kind":"rate","limit":2,"window_seconds":60}]}"#;
    let made = world.create(body).unwrap();
    let key = made["key"].as_str().unwrap();
    let ask = |rest: &str| {
        let body = format!(r#"{{"key":"{key}"{rest}}}"#);
        ready(world.admin().verify_key(body.as_bytes())).unwrap()
    };
    assert_eq!(ask(r#","cost":0"#).remaining, Some(2));
    let valid = ask("");
    assert!(valid.valid && valid.code == "VALID" && valid.remaining == Some(1));
    assert_eq!(valid.owner.as_deref(), Some("acme"));
    assert_eq!(valid.metadata.unwrap()["team"], "a");
    assert_eq!(ask(r#","scope":"jobs""#).code, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(ask(r#","cost":2"#).code, "RATE_LIMITED");
    assert!(ask("").valid);
    let limited = ask("");
    assert_eq!((limited.code, limited.valid), ("RATE_LIMITED", false));
    assert!(limited.retry_after.is_some());
    let id = id(&made);
    world
        .patch(id, r#"{"allowed_ips":["192.0.2.0/24"]}"#)
        .unwrap();
    assert_eq!(ask("").code, "FORBIDDEN");
    assert_eq!(ask(r#","address":"198.51.100.1""#).code, "FORBIDDEN");
    assert_eq!(ask(r#","address":"192.0.2.7""#).code, "RATE_LIMITED");
    world.patch(id, r#"{"enabled":false}"#).unwrap();
    assert_eq!(ask("").code, "DISABLED");
    ready(world.admin().revoke(false, id)).unwrap();
    let gone = ask("");
    assert_eq!((gone.code, gone.owner), ("NOT_FOUND", None));
    let garbage = br#"{"key":"wk_live_garbage"}"#;
    let calls = world.memory.faults.calls();
    let garbage = ready(world.admin().verify_key(garbage)).unwrap();
    assert_eq!(garbage.code, "NOT_FOUND");
    assert_eq!(world.memory.faults.calls(), calls, "garbage was looked up");
}

#[test]
fn a_key_that_came_by_kv_alone_can_be_administered() {
    let world = World::with_plan();
    let mut state = crate::testing::key_state("key_01234567890123456789");
    state.record.plan = Some("starter".to_owned());
    for entry in state.entries(crate::ports::UnixMs(NOW)).unwrap() {
        let value = (entry.value.unwrap(), entry.metadata);
        world.memory.kv.borrow_mut().insert(entry.name, value);
    }
    let id = state.record.id.as_str();
    let detail = ready(world.admin().get(false, id)).unwrap();
    assert_eq!(detail.limits_in_force[0].name, "minute");
    world.patch(id, r#"{"name":"mine"}"#).unwrap();
    assert!(matches!(
        ready(crate::ports::KeyObjects::view(&world.memory, id)),
        Ok(Changed::Done(KeyView { .. }))
    ));
    assert_eq!(world.records()[0].1.name, "mine");
}

#[test]
fn every_change_has_its_line_in_the_audit_and_no_line_has_a_secret() {
    let mut world = World::with_plan();
    let made = world.create(WHOLE).unwrap();
    let id = id(&made).to_owned();
    world
        .patch(&id, r#"{"name":"b","credits":{"balance":1}}"#)
        .unwrap();
    ready(world.admin().credits(&id, br#"{"add":5}"#, None)).unwrap();
    let mut rng = SeededRng::new(5);
    ready(world.admin().rotate(false, &id, b"", None, &mut rng)).unwrap();
    ready(world.admin().revoke(false, &id)).unwrap();
    let audit = world.memory.audit.borrow();
    let actions: Vec<&str> = audit.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "plan.put",
            "key.create",
            "key.patch",
            "key.credits",
            "key.rotate",
            "key.revoke"
        ]
    );
    let text = serde_json::to_string(&*audit).unwrap();
    assert!(!text.contains(made["key"].as_str().unwrap()));
    for (hash, _) in world.records() {
        assert!(!text.contains(&hash));
    }
}
