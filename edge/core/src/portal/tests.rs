//! Signing in, and what is done at the desk.

use super::*;
use crate::admin::{Admin, UsageFilter};
use crate::change::Actor;
use crate::error::EdgeError;
use crate::testing::{Memory, SeededRng, ready};

const NOW: u64 = 1_790_000_000_000;

struct World {
    memory: Memory,
    settings: Settings,
    rng: SeededRng,
}

impl World {
    fn new(auth: PortalAuth) -> Self {
        let memory = Memory::default();
        memory.now.set(NOW);
        let mut settings = crate::testing::settings();
        settings.portal.auth = auth;
        let world = Self {
            memory,
            settings,
            rng: SeededRng::new(1),
        };
        for (name, self_service) in [("free", true), ("pro", true), ("staff", false)] {
            let body = format!(
                r#"{{"limits":[{{"name":"minute","kind":"rate","limit":5,"window_seconds":60}}],"self_service":{self_service}}}"#
            );
            ready(world.admin().put_plan(name, body.as_bytes())).unwrap();
        }
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

    fn portal(&self) -> Portal<'_, Memory> {
        Portal {
            ports: &self.memory,
            settings: &self.settings,
            request_id: "req",
        }
    }

    fn sign_in(&mut self, body: &str) -> Result<(Ticket, Session), EdgeError> {
        let mut rng = SeededRng::new(self.rng.next_u64());
        let portal = self.portal();
        ready(portal.sign_in(body.as_bytes(), "192.0.2.1", &mut rng))
    }

    fn session(&self, ticket: &Ticket) -> Result<Session, EdgeError> {
        ready(self.portal().session(Some(ticket)))
    }

    fn invite(&mut self, body: &str, key: &str) -> String {
        let mut rng = SeededRng::new(self.rng.next_u64());
        let admin = self.admin();
        let invited = admin.invite(body.as_bytes(), key, "https://edge.example", &mut rng);
        let url = ready(invited).unwrap().url;
        url.split_once("#sign-in=").unwrap().1.to_owned()
    }

    fn take(&mut self, session: &Session, plan: &str) -> Result<serde_json::Value, EdgeError> {
        let mut rng = SeededRng::new(self.rng.next_u64());
        let body = format!(r#"{{"name":"mine","plan":"{plan}"}}"#);
        let portal = self.portal();
        let desk = portal.desk(session, "ticket");
        let made = ready(desk.take(body.as_bytes(), None, &mut rng))?;
        Ok(serde_json::to_value(made).unwrap())
    }
}

#[test]
fn a_name_is_enough_where_it_is_and_names_nobody_else() {
    let mut world = World::new(PortalAuth::Open);
    let (ticket, session) = world.sign_in(r#"{"name":"Ann"}"#).unwrap();
    assert_eq!(
        (session.owner.as_str(), session.name.as_str()),
        ("open|ann", "Ann")
    );
    assert_eq!(world.session(&ticket).unwrap(), session);
    let (_, same) = world.sign_in(r#"{"name":" ANN "}"#).unwrap();
    assert_eq!(same.owner, session.owner);
    for bad in [
        r#"{"name":""}"#,
        r#"{"name":"a\u0000"}"#,
        "{}",
        "[]",
        r#"{"name":"a","owner":"x"}"#,
    ] {
        assert!(world.sign_in(bad).is_err(), "{bad}");
    }
    // A ticket that nobody gave out, and none at all.
    let other = Ticket::draw("open|ann", &mut SeededRng::new(9)).unwrap();
    assert_eq!(world.session(&other), Err(EdgeError::NoSession));
    assert_eq!(
        ready(world.portal().session(None)),
        Err(EdgeError::NoSession)
    );
}

#[test]
fn a_session_ends_by_itself_by_its_owner_and_with_all_of_his() {
    let mut world = World::new(PortalAuth::Open);
    let (first, _) = world.sign_in(r#"{"name":"Ann"}"#).unwrap();
    let (second, _) = world.sign_in(r#"{"name":"Ann"}"#).unwrap();
    let (other, _) = world.sign_in(r#"{"name":"Bob"}"#).unwrap();
    ready(world.portal().sign_out(&first, false)).unwrap();
    assert_eq!(world.session(&first), Err(EdgeError::NoSession));
    assert!(world.session(&second).is_ok());
    // A session that is over ends no other.
    ready(world.portal().sign_out(&first, true)).unwrap();
    assert!(world.session(&second).is_ok());
    ready(world.portal().sign_out(&second, true)).unwrap();
    assert!(world.session(&second).is_err() && world.session(&other).is_ok());
    let lasts = u64::from(world.settings.portal.session_seconds);
    world.memory.now.set(NOW + lasts * 1000);
    assert_eq!(world.session(&other), Err(EdgeError::NoSession));
}

#[test]
fn an_invitation_lets_in_once_and_in_time() {
    let mut world = World::new(PortalAuth::Session);
    let token = world.invite(r#"{"owner":"acme","name":"Acme","plans":["free"]}"#, "");
    let body = format!(r#"{{"token":"{token}"}}"#);
    let (_, session) = world.sign_in(&body).unwrap();
    assert_eq!(
        (session.owner.as_str(), session.name.as_str()),
        ("acme", "Acme")
    );
    assert_eq!(world.sign_in(&body), Err(EdgeError::InvalidSignIn));

    // The same request gives the same link, which was used.
    let first = world.invite(r#"{"owner":"acme"}"#, "k");
    let body = format!(r#"{{"token":"{first}"}}"#);
    world.sign_in(&body).unwrap();
    assert_eq!(world.invite(r#"{"owner":"acme"}"#, "k"), first);
    assert_eq!(world.sign_in(&body), Err(EdgeError::InvalidSignIn));

    let late = world.invite(r#"{"owner":"acme","expires_in_seconds":5}"#, "");
    world.memory.now.set(NOW + 5_000);
    let late = world.sign_in(&format!(r#"{{"token":"{late}"}}"#));
    assert_eq!(late, Err(EdgeError::InvalidSignIn));
    for bad in ["", "x", &"a".repeat(65)] {
        let refused = world.sign_in(&format!(r#"{{"token":"{bad}"}}"#));
        assert_eq!(refused, Err(EdgeError::InvalidSignIn), "{bad}");
    }
    // A name is no link.
    assert!(world.sign_in(r#"{"name":"acme"}"#).is_err());
}

#[test]
fn attempts_are_counted_whether_they_succeed_or_not() {
    let mut world = World::new(PortalAuth::Session);
    world.settings.portal.sign_ins_per_hour = 3;
    for _ in 0..3 {
        let refused = world.sign_in(r#"{"token":"guess"}"#);
        assert_eq!(refused, Err(EdgeError::InvalidSignIn));
    }
    let token = world.invite(r#"{"owner":"acme"}"#, "");
    let body = format!(r#"{{"token":"{token}"}}"#);
    assert_eq!(world.sign_in(&body), Err(EdgeError::TooManySignIns(3_600)));
    world.memory.now.set(NOW + 3_600_000);
    // It was kept: what was refused did not use it up. But its ten minutes are over.
    assert_eq!(world.sign_in(&body), Err(EdgeError::InvalidSignIn));
}

#[test]
fn a_challenge_must_be_met_where_there_is_one() {
    let mut world = World::new(PortalAuth::Open);
    world.settings.portal.turnstile = Some(Turnstile {
        site_key: "site".to_owned(),
        secret: settings::Hidden::of("hush"),
        url: "https://challenge.example/verify".to_owned(),
    });
    assert_eq!(
        world.sign_in(r#"{"name":"Ann"}"#),
        Err(EdgeError::ChallengeFailed)
    );
    assert_eq!(world.memory.tickets.challenges.get(), 0);
    let body = r#"{"name":"Ann","turnstile_token":"t"}"#;
    for told in [r#"{"success":false}"#, "{}", "no JSON"] {
        told.clone_into(&mut world.memory.tickets.challenge.borrow_mut());
        assert_eq!(
            world.sign_in(body),
            Err(EdgeError::ChallengeFailed),
            "{told}"
        );
    }
    r#"{"success":true}"#.clone_into(&mut world.memory.tickets.challenge.borrow_mut());
    world.sign_in(body).unwrap();
    let state = world.portal().state(None);
    assert_eq!(state.turnstile_site_key.as_deref(), Some("site"));
    assert!(!format!("{:?}", world.settings).contains("hush"));
}

#[test]
fn nobody_signs_in_where_the_portal_is_off_or_a_provider_knows_people() {
    for auth in [PortalAuth::Off, PortalAuth::Oidc] {
        let mut world = World::new(auth);
        for body in [r#"{"name":"Ann"}"#, r#"{"token":"x"}"#] {
            assert_eq!(world.sign_in(body), Err(EdgeError::PortalSwitchedOff));
        }
    }
}

#[test]
fn an_owner_takes_one_key_a_plan_and_sees_his_own_alone() {
    let mut world = World::new(PortalAuth::Open);
    let (_, ann) = world.sign_in(r#"{"name":"Ann"}"#).unwrap();
    let (_, bob) = world.sign_in(r#"{"name":"Bob"}"#).unwrap();
    let key = world.take(&ann, "free").unwrap();
    assert!(key["key"].as_str().unwrap().starts_with("wk_live_"));
    let id = key["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.take(&ann, "free"),
        Err(EdgeError::KeyExists(id.clone()))
    );
    for plan in ["staff", "gone", "No Plan"] {
        let refused = world.take(&ann, plan);
        assert!(
            matches!(refused, Err(EdgeError::InvalidValue { param: "plan", .. })),
            "{plan}"
        );
    }
    world.take(&bob, "free").unwrap();

    let portal = world.portal();
    let desk = portal.desk(&ann, "");
    let plans = ready(desk.plans()).unwrap().data;
    let shown: Vec<_> = plans
        .iter()
        .map(|plan| (plan.name.as_str(), plan.key_id.as_deref()))
        .collect();
    assert_eq!(shown, [("free", Some(id.as_str())), ("pro", None)]);
    let keys = ready(desk.keys()).unwrap().data;
    assert_eq!(
        keys.iter().map(|key| &key.record.id).collect::<Vec<_>>(),
        [&id]
    );

    let stands = &keys[0].limits_now[0];
    assert_eq!((stands.limit, stands.remaining), (5, 5));

    // Another's is not there, whatever is asked of it.
    let other = portal.desk(&bob, "");
    let absent = EdgeError::NotFound("key");
    assert_eq!(ready(other.one(&id)).unwrap_err(), absent);
    assert_eq!(ready(other.revoke(&id)).unwrap_err(), absent);
    let mut rng = SeededRng::new(5);
    assert_eq!(
        ready(other.rotate(&id, b"{}", None, &mut rng)).unwrap_err(),
        absent
    );
    assert_eq!(
        ready(other.usage(&id, &UsageFilter::default())).unwrap_err(),
        absent
    );

    ready(desk.rotate(&id, br#"{"overlap_seconds":60}"#, None, &mut rng)).unwrap();
    ready(desk.revoke(&id)).unwrap();
    assert!(ready(desk.keys()).unwrap().data.is_empty());
    assert!(world.take(&ann, "free").is_ok());
}

#[test]
fn plans_are_those_of_the_invitation() {
    let mut world = World::new(PortalAuth::Session);
    let token = world.invite(r#"{"owner":"acme","plans":["pro","staff"]}"#, "");
    let (_, session) = world.sign_in(&format!(r#"{{"token":"{token}"}}"#)).unwrap();
    let plans = {
        let portal = world.portal();
        ready(portal.desk(&session, "").plans()).unwrap().data
    };
    // `staff` is named, and is for nobody to choose.
    assert_eq!(
        plans
            .iter()
            .map(|plan| plan.name.as_str())
            .collect::<Vec<_>>(),
        ["pro"]
    );
    assert!(world.take(&session, "free").is_err());
    world.take(&session, "pro").unwrap();
}

#[test]
fn a_key_that_an_administrator_made_is_seen_and_not_changed() {
    let mut world = World::new(PortalAuth::Session);
    let body = br#"{"name":"theirs","owner":"acme","plan":"pro","metadata":{"note":"private"}}"#;
    let made = ready(world.admin().create(body, None, &mut SeededRng::new(3))).unwrap();
    let id = serde_json::to_value(made).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = world.invite(r#"{"owner":"acme"}"#, "");
    let (_, session) = world.sign_in(&format!(r#"{{"token":"{token}"}}"#)).unwrap();
    let portal = world.portal();
    let desk = portal.desk(&session, "");
    let shown = ready(desk.one(&id)).unwrap();
    assert!(!serde_json::to_string(&shown).unwrap().contains("private"));
    assert_eq!(
        ready(desk.revoke(&id)).unwrap_err(),
        EdgeError::NotSelfService
    );
    let mut rng = SeededRng::new(5);
    let rotated = ready(desk.rotate(&id, b"{}", None, &mut rng));
    assert_eq!(rotated.unwrap_err(), EdgeError::NotSelfService);
    // And it takes no plan away from him.
    assert!(
        ready(desk.plans())
            .unwrap()
            .data
            .iter()
            .all(|plan| plan.key_id.is_none())
    );
}

#[test]
fn with_an_owner_all_of_his_sessions_go() {
    let mut world = World::new(PortalAuth::Open);
    let (ticket, session) = world.sign_in(r#"{"name":"Ann"}"#).unwrap();
    ready(world.admin().purge_owner(&session.owner)).unwrap();
    assert_eq!(world.session(&ticket), Err(EdgeError::NoSession));
}
