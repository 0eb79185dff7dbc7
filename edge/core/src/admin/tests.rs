use super::*;
use crate::ports::UnixMs;
use crate::testing::{BrokenRng, Fault, FrozenClock, Memory, SeededRng, ready};
use crate::verify::{Verdict, verify};

const NOW: u64 = 1_790_000_000_000;

struct World {
    memory: Memory,
    clock: FrozenClock,
    settings: Settings,
    rng: SeededRng,
}

impl World {
    fn new() -> Self {
        Self {
            memory: Memory::default(),
            clock: FrozenClock(NOW.into()),
            settings: crate::testing::settings(),
            rng: SeededRng::new(1),
        }
    }

    fn admin(&self) -> Admin<'_, Memory, Memory, FrozenClock> {
        Admin {
            store: &self.memory,
            limiter: &self.memory,
            clock: &self.clock,
            settings: &self.settings,
        }
    }

    fn create(&mut self, body: &str) -> Result<CreatedKey, EdgeError> {
        let mut rng = SeededRng::new(self.rng.next_u64());
        ready(self.admin().create(body.as_bytes(), &mut rng))
    }

    /// Whether a request with a key whose record is in KV would be let in, and under limits.
    fn works(&self, record: &KeyRecord) -> (bool, bool) {
        let revoked = self.memory.revoked.borrow().contains(&record.id);
        let valid = verify(record, None, UnixMs(NOW)) == Verdict::Valid;
        let limited = self.memory.limits.borrow().contains_key(&record.id);
        (valid && !revoked, limited)
    }
}

#[test]
fn a_key_is_made_with_defaults_and_found_by_id_and_by_owner() {
    let mut world = World::new();
    let made = world.create(r#"{"name":"ci","owner":"acme"}"#).unwrap();
    let json = serde_json::to_value(&made).unwrap();
    assert!(json["key"].as_str().unwrap().starts_with("wk_live_"));
    assert_eq!(json["limits"][0]["name"], "minute");
    assert_eq!(json["created_at"], NOW / 1000);
    let id = json["id"].as_str().unwrap();
    assert_eq!(ready(world.admin().get(id)).unwrap(), made.record);
    let list = ready(world.admin().list(Some("acme"), None, None)).unwrap();
    assert_eq!(list.data, [made.record.summary()]);
    assert_eq!(
        ready(world.admin().list(Some("other"), None, None))
            .unwrap()
            .data,
        []
    );
    let stored = serde_json::to_string(&*world.memory.records.borrow()).unwrap();
    assert!(
        !stored.contains(json["key"].as_str().unwrap()),
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
        (r#"{"name":"a","models":[]}"#.to_owned(), "models"),
        (r#"{"name":"a","models":["../x"]}"#.to_owned(), "models"),
        (r#"{"name":"a","scopes":[]}"#.to_owned(), "scopes"),
        (r#"{"name":"a","limits":[]}"#.to_owned(), "limits"),
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
        match world.create(&body).map(|_| ()) {
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
        r#"{"name":"a","expires_at":-1}"#,
        r#"{"name":"a","limits":[{"name":"m","kind":"rate","limit":1,"window_seconds":1,"x":1}]}"#,
    ] {
        let mut world = World::new();
        let refused = world.create(body).map(|_| ());
        assert!(
            matches!(refused, Err(EdgeError::InvalidBody(_))),
            "{body}: {refused:?}"
        );
    }
}

#[test]
fn no_point_of_failure_leaves_a_key_that_works_without_limits() {
    // Creation makes two port calls, a rollback two more; let every one fail in both ways.
    for first in 0..2 {
        for second in 2..5 {
            for (one, two) in [
                (Fault::Before, Fault::Before),
                (Fault::Before, Fault::After),
                (Fault::After, Fault::Before),
                (Fault::After, Fault::After),
            ] {
                let mut world = World::new();
                world.memory.faults.plan(first, one);
                world.memory.faults.plan(second, two);
                assert!(world.create(r#"{"name":"a"}"#).is_err());
                for record in world.memory.records.borrow().values() {
                    let (works, limited) = world.works(record);
                    assert!(
                        !works || limited,
                        "unlimited after {first} {one:?}, {second} {two:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_creation_that_failed_is_rolled_back() {
    for fault in [Fault::Before, Fault::After] {
        let mut world = World::new();
        world.memory.faults.plan(1, fault);
        assert!(matches!(
            world.create(r#"{"name":"a"}"#).map(|_| ()),
            Err(EdgeError::KeyStoreUnavailable(_))
        ));
        assert!(world.memory.records.borrow().is_empty());
        assert_eq!(world.memory.revoked.borrow().len(), 1);
    }
}

#[test]
fn without_randomness_no_key_is_made() {
    let world = World::new();
    let refused = ready(world.admin().create(br#"{"name":"a"}"#, &mut BrokenRng));
    assert!(matches!(refused.map(|_| ()), Err(EdgeError::Internal(_))));
    assert_eq!(world.memory.faults.calls(), 0);
}

#[test]
fn a_revocation_that_answered_holds_and_one_that_failed_can_be_repeated() {
    // Four port calls: id, record, limiter, record.
    for at in 0..4 {
        for fault in [Fault::Before, Fault::After] {
            let mut world = World::new();
            let id = world.create(r#"{"name":"a"}"#).unwrap().record.id;
            world
                .memory
                .faults
                .plan(world.memory.faults.calls() + at, fault);
            assert!(ready(world.admin().revoke(&id)).is_err(), "{at} {fault:?}");
            if at == 3 {
                assert!(
                    world.memory.revoked.borrow().contains(&id),
                    "the limiter comes first"
                );
            }
            for _ in 0..2 {
                ready(world.admin().revoke(&id)).unwrap();
            }
            let record = ready(world.admin().get(&id)).unwrap();
            assert_eq!((record.revoked_at, record.version), (Some(NOW / 1000), 2));
            assert!(!world.works(&record).0);
        }
    }
}

#[test]
fn ids_that_are_none_are_not_found_without_any_read() {
    let world = World::new();
    for id in [
        "",
        "key_",
        "key_short",
        "key_0123456789012345678/",
        "nokey_01234567890123456789",
    ] {
        assert_eq!(
            ready(world.admin().get(id)),
            Err(EdgeError::NotFound("key"))
        );
        assert_eq!(
            ready(world.admin().revoke(id)),
            Err(EdgeError::NotFound("key"))
        );
    }
    assert_eq!(world.memory.faults.calls(), 0);
    assert_eq!(
        ready(world.admin().get("key_01234567890123456789")),
        Err(EdgeError::NotFound("key"))
    );
}

#[test]
fn a_listing_has_pages() {
    let mut world = World::new();
    for n in 0..5 {
        world.create(&format!(r#"{{"name":"k{n}"}}"#)).unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = ready(world.admin().list(None, cursor.as_deref(), Some("2"))).unwrap();
        seen.extend(page.data.into_iter().map(|k| k.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for limit in ["0", "1001", "-1", "x"] {
        assert!(
            ready(world.admin().list(None, None, Some(limit))).is_err(),
            "{limit}"
        );
    }
}
