use super::*;
use crate::api_key::KeyHash;
use crate::key_record::KeyRecord;
use crate::key_state::record_entry;
use crate::limiter::{Charge, Decision};
use crate::ports::{Changed, KeyView};
use crate::scope::AdminScope;
use crate::testing::{BrokenRng, Fault, Memory, SeededRng, ready};
use crate::verify::{Verdict, verify};

const NOW: u64 = 1_790_000_000_000;

struct World {
    memory: Memory,
    settings: Settings,
    rng: SeededRng,
}

impl World {
    fn new() -> Self {
        let memory = Memory::default();
        memory.now.set(NOW);
        Self {
            memory,
            settings: crate::testing::settings(),
            rng: SeededRng::new(1),
        }
    }

    /// With the plan `starter`, which is for self-service.
    fn with_plan() -> Self {
        let world = Self::new();
        world.put_plan("starter", 10).unwrap();
        world
    }

    fn admin(&self) -> Admin<'_, Memory> {
        Admin {
            ports: &self.memory,
            settings: &self.settings,
            actor: Actor {
                id: "root".to_owned(),
                request_id: format!("req-{}", self.memory.faults.calls()),
            },
            credential: "Bearer wk_root_test",
        }
    }

    fn put_plan(&self, name: &str, limit: u32) -> Result<crate::plan::Plan, EdgeError> {
        let body = format!(
            r#"{{"limits":[{{"name":"minute","kind":"rate","limit":{limit},"window_seconds":60}}],"self_service":true}}"#
        );
        ready(self.admin().put_plan(name, body.as_bytes()))
    }

    fn create(&mut self, body: &str) -> Result<serde_json::Value, EdgeError> {
        self.create_with(body, "")
    }

    fn create_with(&mut self, body: &str, idem: &str) -> Result<serde_json::Value, EdgeError> {
        let mut rng = SeededRng::new(self.rng.next_u64());
        let idem = Idempotency::of(idem, body.as_bytes()).unwrap();
        let admin = self.admin();
        let made = ready(admin.create(body.as_bytes(), idem.as_ref(), &mut rng))?;
        Ok(serde_json::to_value(made).unwrap())
    }

    fn patch(&self, id: &str, body: &str) -> Result<KeyDetail, EdgeError> {
        ready(self.admin().patch(false, id, body.as_bytes()))
    }

    fn records(&self) -> Vec<(String, KeyRecord)> {
        let kv = self.memory.kv.borrow();
        let records = kv.iter().filter(|(name, _)| name.starts_with("key:"));
        let read = |(name, (value, _)): (&String, &(String, _))| {
            (name[4..].to_owned(), serde_json::from_str(value).unwrap())
        };
        records.map(read).collect()
    }

    /// Whether a request with a key whose record is in KV would be let in, and under limits.
    fn works(&self, record: &KeyRecord) -> (bool, bool) {
        let now = crate::ports::UnixMs(NOW);
        let valid = verify(record, &record.terms(None), None, None, now) == Verdict::Valid;
        let keys = self.memory.keys.borrow();
        let (open, limited) = keys
            .get(&record.id)
            .map_or((true, false), |(state, limiter)| {
                let open = state.gate(record.generation, now).is_none();
                (open, !limiter.limits().is_empty())
            });
        // An object that knows nothing yet takes its limits from the record.
        let limited = limited || !record.limits.is_empty() || record.plan.is_some();
        (valid && open, limited)
    }

    fn admit(&self, id: &str) -> bool {
        let mut keys = self.memory.keys.borrow_mut();
        let (_, limiter) = keys.get_mut(id).unwrap();
        limiter.admit(crate::ports::UnixMs(NOW), Charge::plain(1)) == Decision::Admitted
    }
}

fn id(made: &serde_json::Value) -> &str {
    made["id"].as_str().unwrap()
}

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

/// With an owner and a plan of his own choice: every port that a creation uses.
const WHOLE: &str = r#"{"name":"a","owner":"acme","plan":"starter","self_service":true}"#;
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

#[test]
fn a_revocation_that_answered_holds_and_one_that_failed_can_be_repeated() {
    // Two port calls whose failure is told: the look at the object, and the change.
    for at in 0..2 {
        for fault in [Fault::Before, Fault::After] {
            let mut world = World::new();
            let made = world.create(r#"{"name":"a"}"#).unwrap();
            let calls = world.memory.faults.calls();
            world.memory.faults.plan(calls + at, fault);
            let id = id(&made);
            assert!(
                ready(world.admin().revoke(false, id)).is_err(),
                "{at} {fault:?}"
            );
            for _ in 0..2 {
                ready(world.admin().revoke(false, id)).unwrap();
            }
            let record = ready(world.admin().get(false, id)).unwrap().record;
            assert_eq!((record.revoked_at, record.version), (Some(NOW / 1000), 2));
            assert!(!world.works(&record).0);
        }
    }
}

#[test]
fn a_revocation_holds_although_kv_still_has_the_old_record() {
    for fault in [Fault::Before, Fault::After] {
        let mut world = World::new();
        let made = world.create(r#"{"name":"a"}"#).unwrap();
        let calls = world.memory.faults.calls();
        world.memory.faults.plan(calls + 2, fault);
        ready(world.admin().revoke(false, id(&made))).unwrap();
        let (_, old) = world.records().remove(0);
        assert!(!world.works(&old).0);
        world.memory.publish_all();
        assert!(world.records()[0].1.revoked_at.is_some());
    }
}

#[test]
fn ids_that_are_none_are_not_found_without_any_call() {
    let world = World::new();
    for id in [
        "",
        "key_",
        "key_short",
        "key_0123456789012345678/",
        "nokey_01234567890123456789",
        "root_01234567890123456789",
    ] {
        let found = ready(world.admin().get(false, id)).map(|_| ());
        assert_eq!(found, Err(EdgeError::NotFound("key")));
        assert!(ready(world.admin().revoke(false, id)).is_err());
    }
    assert_eq!(world.memory.faults.calls(), 0);
    let absent = ready(world.admin().get(false, "key_01234567890123456789")).map(|_| ());
    assert_eq!(absent, Err(EdgeError::NotFound("key")));
}

#[test]
fn of_two_patches_at_once_one_wins_and_the_other_is_a_conflict() {
    let mut world = World::new();
    let made = world.create(r#"{"name":"a"}"#).unwrap();
    let id = id(&made);
    world.patch(id, r#"{"name":"b","version":1}"#).unwrap();
    assert_eq!(
        world.patch(id, r#"{"name":"c","version":1}"#),
        Err(EdgeError::VersionConflict)
    );
    assert_eq!(
        world.patch(id, r#"{"name":"d"}"#).unwrap().record.version,
        3
    );
}

#[test]
fn a_patch_checks_what_it_is_given() {
    let mut world = World::new();
    let made = world.create(r#"{"name":"a"}"#).unwrap();
    for body in [
        r#"{"name":""}"#,
        r#"{"limits":[]}"#,
        r#"{"owner":"x"}"#,
        r#"{"expires_at":1}"#,
        r#"{"allowed_ips":["x"]}"#,
        r#"{"cost":0}"#,
        r#"{"admin_scopes":["admin:*"]}"#,
        r#"{"plan":"none"}"#,
    ] {
        assert!(world.patch(id(&made), body).is_err(), "{body}");
    }
    assert_eq!(world.patch(id(&made), "{}").unwrap().record.version, 2);
}

#[test]
fn a_changed_plan_reaches_its_keys_limits_at_once() {
    let mut world = World::with_plan();
    let made = world.create(WHOLE).unwrap();
    assert!(world.admit(id(&made)));
    world.put_plan("starter", 1).unwrap();
    assert!(!world.admit(id(&made)));
    world.put_plan("starter", 3).unwrap();
    assert!(world.admit(id(&made)));
    let plan = ready(world.admin().plan("starter")).unwrap();
    assert_eq!(plan.version, 3);
    let old =
        br#"{"limits":[{"name":"m","kind":"rate","limit":1,"window_seconds":1}],"version":2}"#;
    assert_eq!(
        ready(world.admin().put_plan("starter", old)),
        Err(EdgeError::VersionConflict)
    );
}

#[test]
fn a_key_that_changes_its_plan_follows_the_new_one_alone() {
    let mut world = World::with_plan();
    world.put_plan("big", 100).unwrap();
    let made = world.create(WHOLE).unwrap();
    let detail = world.patch(id(&made), r#"{"plan":"big"}"#).unwrap();
    assert_eq!(detail.limits_in_force[0].rule.limit(), 100);
    world.put_plan("starter", 1).unwrap();
    world.put_plan("big", 50).unwrap();
    let detail = ready(world.admin().get(false, id(&made))).unwrap();
    assert_eq!(detail.limits_in_force[0].rule.limit(), 50);
    ready(world.admin().delete_plan("starter")).unwrap();
    assert_eq!(
        ready(world.admin().delete_plan("big")),
        Err(EdgeError::PlanInUse(1))
    );
}

#[test]
fn a_rotated_key_has_two_secrets_during_the_overlap() {
    let mut world = World::new();
    let made = world.create(r#"{"name":"a"}"#).unwrap();
    let body = br#"{"overlap_seconds":60}"#;
    let idem = Idempotency::of("r-1", body).unwrap();
    let rotate = |idem: Option<&Idempotency>| -> Result<serde_json::Value, EdgeError> {
        let mut rng = SeededRng::new(9);
        let admin = world.admin();
        let rotated = ready(admin.rotate(false, id(&made), body, idem, &mut rng))?;
        Ok(serde_json::to_value(rotated).unwrap())
    };
    let first = rotate(idem.as_ref()).unwrap();
    // The lost answer again, then a rotation of its own.
    assert_eq!(rotate(idem.as_ref()).unwrap()["key"], first["key"]);
    let records = world.records();
    assert_eq!(records.len(), 2);
    for (hash, record) in &records {
        assert!(world.works(record).0, "{hash}");
    }
    rotate(None).unwrap();
    assert!(matches!(
        rotate(idem.as_ref()),
        Err(EdgeError::IdempotencyKeyReused)
    ));
    let oldest = record_entry(false, &KeyHash::of(made["key"].as_str().unwrap()).to_hex());
    let kv = world.memory.kv.borrow();
    assert!(!kv.contains_key(&oldest), "two rotations ago");
}

#[test]
fn a_root_key_grants_at_most_what_it_has() {
    let world = World::new();
    let create = |body: &[u8], holder: &[AdminScope]| {
        let mut rng = SeededRng::new(4);
        let admin = world.admin();
        let made = ready(admin.create_root(body, holder, None, &mut rng))?;
        Ok::<_, EdgeError>(serde_json::to_value(made).unwrap())
    };
    let body = br#"{"name":"ops","scopes":["admin:keys"]}"#;
    assert!(matches!(
        create(body, &[AdminScope::Plans]),
        Err(EdgeError::InsufficientAdminScope(AdminScope::Keys))
    ));
    let all = br#"{"name":"ops","scopes":["admin:*"]}"#;
    assert!(create(all, &AdminScope::ALL[1..]).is_err());
    let made = create(body, &[AdminScope::All]).unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("wk_root_"));
    assert!(
        world.records().is_empty(),
        "a root key among the ordinary ones"
    );
    assert!(ready(world.admin().get(false, id(&made))).is_err());
    assert!(ready(world.admin().get(true, id(&made))).is_ok());
    let listed = ready(world.admin().list(true, &KeyFilter::default())).unwrap();
    assert_eq!(listed.data.len(), 1);
    let ordinary = ready(world.admin().list(false, &KeyFilter::default())).unwrap();
    assert!(ordinary.data.is_empty());
}

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
    let purged = ready(world.admin().purge_owner("acme")).unwrap();
    assert_eq!(purged.keys, 1);
    let memory = &world.memory;
    let left = format!(
        "{:?}{:?}{:?}{:?}{:?}",
        memory.kv, memory.keys, memory.owner_limits, memory.directories, memory.audit
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
