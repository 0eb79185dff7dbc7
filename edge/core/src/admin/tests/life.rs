//! What becomes of a key: revoked, changed, rotated, on another plan.

use super::*;

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
