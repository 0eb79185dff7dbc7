//! Keys and root keys as tables.

use edge_core::key_record::{KeyRecord, KeySummary};
use edge_core::scope::{AdminScope, Scope};

use crate::credits_spec;
use crate::limit_spec::specs;
use crate::table::{columns, details};
use crate::time_spec::utc;
use crate::wire::KeyView;

/// What the edge would say of a key, limits apart; the order is that of [`edge_core::verify`].
const fn status(
    enabled: bool,
    expires_at: Option<u64>,
    revoked_at: Option<u64>,
    now: u64,
) -> &'static str {
    match (revoked_at, enabled, expires_at) {
        (Some(_), _, _) => "revoked",
        (None, false, _) => "disabled",
        (None, true, Some(at)) if now >= at => "expired",
        _ => "active",
    }
}

fn or_dash(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "-".to_owned())
}

fn expiry(at: Option<u64>) -> String {
    at.map_or_else(|| "never".to_owned(), utc)
}

/// A listing of keys, by owner and name: the API's order within an owner is that of random ids. Root
/// keys have neither owners nor plans.
pub(crate) fn listing(keys: &[KeySummary], root: bool, now: u64) -> String {
    let mut keys: Vec<&KeySummary> = keys.iter().collect();
    keys.sort_by_key(|key| (&key.owner, &key.name, key.created_at));
    let state = |key: &KeySummary| {
        let status = status(key.enabled, key.expires_at, key.revoked_at, now);
        [
            status.to_owned(),
            utc(key.created_at),
            expiry(key.expires_at),
        ]
    };
    let shown = |key: &KeySummary| [key.id.clone(), key.name.clone(), format!("{}…", key.start)];
    if root {
        let rows: Vec<[String; 6]> = keys
            .iter()
            .map(|&key| {
                let ([id, name, start], [status, created, expires]) = (shown(key), state(key));
                [id, name, start, status, created, expires]
            })
            .collect();
        return columns(["ID", "NAME", "KEY", "STATUS", "CREATED", "EXPIRES"], &rows);
    }
    let rows: Vec<[String; 8]> = keys
        .iter()
        .map(|&key| {
            let ([id, name, start], [status, created, expires]) = (shown(key), state(key));
            let (owner, plan) = (or_dash(key.owner.as_ref()), or_dash(key.plan.as_ref()));
            [id, name, start, owner, plan, status, created, expires]
        })
        .collect();
    let header = [
        "ID", "NAME", "KEY", "OWNER", "PLAN", "STATUS", "CREATED", "EXPIRES",
    ];
    columns(header, &rows)
}

/// Everything that is known of one key.
pub(crate) fn key_table(view: &KeyView, now: u64) -> String {
    let key = &view.record;
    let mut rows = vec![
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("key", format!("{}…", key.start)),
    ];
    let state = status(key.enabled, key.expires_at, key.revoked_at, now).to_owned();
    if key.is_root() {
        let scopes = key
            .admin_scopes
            .iter()
            .map(|scope| AdminScope::as_str(*scope));
        rows.push(("status", state));
        rows.push(("scopes", scopes.collect::<Vec<_>>().join(", ")));
    } else {
        rows.push(("owner", or_dash(key.owner.as_ref())));
        rows.push(("plan", or_dash(key.plan.as_ref())));
        rows.push(("status", state));
        rows.extend(terms(view));
    }
    for (name, list) in [
        ("addresses", &key.allowed_ips),
        ("origins", &key.allowed_origins),
    ] {
        if !list.is_empty() {
            rows.push((name, list.join(", ")));
        }
    }
    rows.push(("created", utc(key.created_at)));
    rows.push(("expires", expiry(key.expires_at)));
    if let Some(at) = key.revoked_at {
        rows.push(("revoked", utc(at)));
    }
    let overlap = view.overlap_until_ms.filter(|until| until / 1000 > now);
    // Of a revoked key no secret works.
    if let (Some(until), None) = (overlap, key.revoked_at) {
        rows.push(("old secret", format!("works until {}", utc(until / 1000))));
    }
    if let Some(under_way) = view.under_way {
        rows.push(("under way", under_way.to_string()));
    }
    if let Some(metadata) = &key.metadata {
        let json = serde_json::to_string(metadata).unwrap_or_default();
        rows.push(("metadata", json));
    }
    rows.push(("version", key.version.to_string()));
    details(&rows)
}

/// What an ordinary key may do and use; what it does not say, its plan does, or the default.
fn terms(view: &KeyView) -> Vec<(&'static str, String)> {
    let key: &KeyRecord = &view.record;
    let unsaid = |default: &str| match &key.plan {
        Some(_) => "as its plan says".to_owned(),
        None => default.to_owned(),
    };
    let scopes = key.scopes.as_ref().map(|scopes| {
        let names = scopes.iter().map(|scope| Scope::as_str(*scope));
        names.collect::<Vec<_>>().join(", ")
    });
    let models = key.models.as_ref().map(|models| models.join(", "));
    let cost = key.cost.map(|cost| cost.to_string());
    let mut rows = vec![
        ("scopes", scopes.unwrap_or_else(|| unsaid("all"))),
        ("models", models.unwrap_or_else(|| unsaid("*"))),
        ("limits", specs(&key.limits)),
    ];
    if view.limits_in_force != key.limits && !view.limits_in_force.is_empty() {
        rows.push(("in force", specs(&view.limits_in_force)));
    }
    if let Some(credits) = &key.credits {
        rows.push(("credits", credits_spec::spec(credits)));
    }
    if let Some(left) = view.credits_left {
        rows.push(("left", left.to_string()));
    }
    rows.push(("cost", cost.unwrap_or_else(|| unsaid("1"))));
    if key.self_service {
        rows.push(("made", "by its owner (self-service)".to_owned()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use edge_core::credits::Credits;
    use edge_core::ports::UnixMs;
    use edge_core::testing::{concurrency, record};
    use edge_core::verify::{Verdict, verify};

    use super::*;

    fn view(record: KeyRecord) -> KeyView {
        KeyView {
            key: None,
            limits_in_force: record.limits.clone(),
            credits_left: None,
            under_way: None,
            overlap_until_ms: None,
            record,
        }
    }

    #[test]
    fn the_status_shown_is_the_verdict_of_the_edge() {
        let now = 1_790_000_000;
        for revoked_at in [None, Some(1)] {
            for enabled in [true, false] {
                for expires_at in [None, Some(now - 1), Some(now), Some(now + 1)] {
                    let mut key = record("key_1");
                    key.enabled = enabled;
                    key.expires_at = expires_at;
                    key.revoked_at = revoked_at;
                    let terms = key.terms(None);
                    let wanted = match verify(&key, &terms, None, None, UnixMs(now * 1000)) {
                        Verdict::Valid => "active",
                        Verdict::Revoked => "revoked",
                        Verdict::Disabled => "disabled",
                        Verdict::Expired => "expired",
                        Verdict::InsufficientScope(_) | Verdict::ForbiddenAddress => "none",
                    };
                    assert_eq!(status(enabled, expires_at, revoked_at, now), wanted);
                }
            }
        }
    }

    #[test]
    fn keys_are_listed_by_owner_and_name_whatever_their_ids() {
        let mut keys = Vec::new();
        for (id, owner, name) in [
            ("key_1", Some("b"), "x"),
            ("key_2", Some("a"), "y"),
            ("key_3", Some("a"), "x"),
            ("key_4", None, "z"),
        ] {
            let mut key = record(id);
            (key.owner, key.name) = (owner.map(str::to_owned), name.to_owned());
            keys.push(key.summary());
        }
        for root in [false, true] {
            let table = listing(&keys, root, 0);
            let ids = table.lines().skip(1).filter_map(|line| line.get(..5));
            let wanted = ["key_4", "key_3", "key_2", "key_1"];
            assert_eq!(ids.collect::<Vec<_>>(), wanted, "{table}");
        }
    }

    #[test]
    fn a_key_is_shown_whole_in_utc_with_its_limits_as_flags_write_them() {
        let mut key = record("key_1");
        key.owner = Some("acme".into());
        key.plan = Some("pro".into());
        key.credits = Some(Credits {
            balance: 1_000,
            refill: None,
        });
        key.allowed_ips = vec!["192.0.2.0/24".into(), "2001:db8::1".into()];
        key.expires_at = Some(1_790_000_000);
        key.metadata = crate::wire::parse_metadata(r#"{"team":"a"}"#).ok();
        let mut view = view(key);
        view.limits_in_force.push(concurrency("parallel", 4));
        view.credits_left = Some(12);
        view.overlap_until_ms = Some(1_790_000_000_000);
        view.under_way = Some(3);
        let table = key_table(&view, 0);
        for line in [
            "id          key_1",
            "key         wk_live_0000…",
            "owner       acme",
            "plan        pro",
            "status      active",
            "scopes      as its plan says",
            "models      as its plan says",
            "limits      minute=100/1m",
            "in force    minute=100/1m, parallel=4@once",
            "credits     1000",
            "left        12",
            "cost        as its plan says",
            "addresses   192.0.2.0/24, 2001:db8::1",
            "created     2026-09-21 14:13:20 UTC",
            "expires     2026-09-21 14:13:20 UTC",
            "old secret  works until 2026-09-21 14:13:20 UTC",
            "under way   3",
            r#"metadata    {"team":"a"}"#,
            "version     1",
        ] {
            assert!(table.lines().any(|l| l == line), "{line}\n{table}");
        }
        view.record.revoked_at = Some(1_790_000_001);
        let table = key_table(&view, 0);
        assert!(
            table.contains("\nrevoked    2026-09-21 14:13:21 UTC\n"),
            "{table}"
        );
        assert!(!table.contains("old secret"), "none works: {table}");
    }

    #[test]
    fn a_key_without_a_plan_shows_the_defaults_and_a_root_key_its_own_scopes() {
        let table = key_table(&view(record("key_1")), 0);
        assert!(table.contains("scopes   all\nmodels   *\n"), "{table}");
        let mut root = record("root_1");
        root.admin_scopes = vec![AdminScope::Usage, AdminScope::Audit];
        let table = key_table(&view(root), 0);
        assert!(
            table.contains("scopes   admin:usage, admin:audit\n"),
            "{table}"
        );
        assert!(
            !table.contains("models") && !table.contains("limits"),
            "{table}"
        );
    }
}
