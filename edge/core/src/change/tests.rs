use super::*;
use crate::admission::Code;
use crate::limiter::{Charge, Decision};
use crate::testing::{key_state, plan, rate};

const NOW: UnixMs = UnixMs(1_790_000_000_000);

struct World {
    key: KeyState,
    limiter: LimiterState,
}

impl World {
    fn new() -> Self {
        let key = key_state("key_1");
        let limiter = key.limiter(NOW);
        Self { key, limiter }
    }

    fn apply(&mut self, change: Change) -> Result<Option<AuditEvent>, Unchanged> {
        let by = Actor {
            id: "root".to_owned(),
            request_id: "req".to_owned(),
        };
        self.key.apply(&mut self.limiter, change, &by, NOW)
    }

    fn patch(&mut self, json: &str) -> Result<Option<AuditEvent>, Unchanged> {
        let patch = serde_json::from_str(json).unwrap();
        self.apply(Change::Patch { patch, plan: None })
    }
}

#[test]
fn a_patch_changes_what_it_names_and_null_takes_away() {
    let mut world = World::new();
    world.key.record.expires_at = Some(1_800_000_000);
    let event = world
        .patch(r#"{"name":"other","expires_at":null}"#)
        .unwrap()
        .unwrap();
    assert_eq!(world.key.record.name, "other");
    assert_eq!(world.key.record.expires_at, None);
    assert_eq!(world.key.record.version, 2);
    assert_eq!(event.action, "key.patch");
    assert_eq!(
        event.before.unwrap(),
        serde_json::json!({"name":"test","expires_at":1_800_000_000,"version":1})
    );
    assert_eq!(
        event.after.unwrap(),
        serde_json::json!({"name":"other","version":2})
    );
}

#[test]
fn of_two_patches_at_once_the_second_is_a_conflict() {
    let mut world = World::new();
    assert!(world.patch(r#"{"name":"a","version":1}"#).is_ok());
    let before = world.key.clone();
    assert_eq!(
        world.patch(r#"{"name":"b","version":1}"#),
        Err(Unchanged::Conflict)
    );
    assert_eq!(world.key, before);
}

#[test]
fn a_patch_of_limits_forgets_nothing_that_was_used() {
    let mut world = World::new();
    for _ in 0..60 {
        assert_eq!(
            world.limiter.admit(NOW, Charge::plain(1)),
            Decision::Admitted
        );
    }
    world
        .patch(r#"{"limits":[{"name":"minute","kind":"rate","limit":61,"window_seconds":60}]}"#)
        .unwrap();
    assert_eq!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
    assert_ne!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
}

#[test]
fn no_patch_leaves_a_key_without_limits() {
    let mut world = World::new();
    let before = world.key.clone();
    assert_eq!(world.patch(r#"{"limits":[]}"#), Err(Unchanged::Unlimited));
    assert_eq!(world.key, before);
    world
        .patch(r#"{"limits":[],"credits":{"balance":1}}"#)
        .unwrap();
    assert_eq!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
    assert_ne!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
}

#[test]
fn revoking_is_for_good_and_idempotent() {
    let mut world = World::new();
    assert!(world.apply(Change::Revoke).unwrap().is_some());
    let revoked = world.key.clone();
    assert_eq!(world.apply(Change::Revoke), Ok(None));
    assert_eq!(world.patch(r#"{"enabled":true}"#), Err(Unchanged::Revoked));
    assert_eq!(world.key, revoked);
    assert_eq!(world.key.gate(1, NOW), Some(Code::Revoked));
}

#[test]
fn a_rotation_keeps_limits_and_lets_the_old_secret_overlap() {
    let mut world = World::new();
    world.limiter.admit(NOW, Charge::plain(99));
    let rotate = Change::Rotate {
        hash: "new".to_owned(),
        start: "wk_live_new0".to_owned(),
        overlap_ms: 1_000,
        mark: None,
    };
    let event = world.apply(rotate).unwrap().unwrap();
    assert_eq!(event.action, "key.rotate");
    assert!(!format!("{event:?}").contains(&key_state("key_1").hash));
    assert_eq!(world.key.gate(1, NOW), None);
    assert_eq!(world.key.gate(2, NOW), None);
    assert_eq!(world.key.gate(1, NOW.plus_ms(1_000)), Some(Code::Revoked));
    assert_eq!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
    assert_ne!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
}

#[test]
fn credits_are_set_and_added_to_and_the_audit_says_so() {
    let mut world = World::new();
    let add = |amount| Change::Credits {
        change: BalanceChange::Add(amount),
        mark: None,
    };
    assert_eq!(world.apply(add(5)), Err(Unchanged::NoCredits));
    world.patch(r#"{"credits":{"balance":10}}"#).unwrap();
    let event = world.apply(add(5)).unwrap().unwrap();
    assert_eq!(event.before.unwrap()["balance"], 10);
    assert_eq!(event.after.unwrap()["balance"], 15);
    let set = Change::Credits {
        change: BalanceChange::Set(2),
        mark: None,
    };
    world.apply(set).unwrap();
    assert_eq!(world.limiter.credits_left(NOW), Some(2));
}

#[test]
fn an_announced_plan_changes_limits_without_a_word_in_the_audit() {
    let mut world = World::new();
    world.key.record.plan = Some("starter".to_owned());
    world.key.record.limits.clear();
    let mut plan = plan("starter");
    plan.version = 2;
    plan.limits = vec![rate("minute", 1, 60)];
    assert_eq!(world.apply(Change::Plan { plan }), Ok(None));
    assert_eq!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
    assert_ne!(
        world.limiter.admit(NOW, Charge::plain(1)),
        Decision::Admitted
    );
}

#[test]
fn unknown_fields_of_a_patch_are_refused() {
    for json in [
        r#"{"owner":"x"}"#,
        r#"{"revoked_at":null}"#,
        r#"{"id":"x"}"#,
    ] {
        assert!(serde_json::from_str::<KeyPatch>(json).is_err(), "{json}");
    }
}

#[test]
fn a_change_with_the_same_mark_is_made_once() {
    let mut world = World::new();
    world.patch(r#"{"credits":{"balance":10}}"#).unwrap();
    let add = |mark: &str| Change::Credits {
        change: BalanceChange::Add(5),
        mark: Some(mark.to_owned()),
    };
    assert!(world.apply(add("a")).unwrap().is_some());
    assert!(world.apply(add("a")).unwrap().is_none());
    assert_eq!(world.limiter.credits_left(NOW), Some(15));
    for n in 0..100 {
        world.apply(add(&n.to_string())).unwrap();
    }
    assert_eq!(world.key.marks.len(), MARKS);
}

#[test]
fn a_secret_replaced_twice_is_taken_out_of_kv_and_out_of_every_removal() {
    let mut world = World::new();
    let first = world.key.hash.clone();
    for hash in ["b", "c"] {
        let rotate = Change::Rotate {
            hash: hash.to_owned(),
            start: String::new(),
            overlap_ms: 1_000,
            mark: None,
        };
        world.apply(rotate).unwrap();
    }
    let gone = crate::key_state::record_entry(false, &first);
    for entries in [world.key.entries(NOW).unwrap(), world.key.removal()] {
        let entry = entries.iter().find(|entry| entry.name == gone);
        assert_eq!(entry.map(|entry| &entry.value), Some(&None));
    }
}
