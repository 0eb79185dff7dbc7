//! The routes for administrators.

use schemars::SchemaGenerator;
use serde_json::json;

use super::parameters as p;
use super::route::{Content, Key, Route, route};
use crate::admin::{
    AuditList, CreateKey, CreateKeys, CreateRootKey, CreatedKey, CreditsLeft, ImportKeys,
    KeyDetail, KeyList, Limits, Made, OwnerDetail, PlanList, Purged, RotateKey, RotatedKey,
};
use crate::change::KeyPatch;
use crate::limiter::BalanceChange;
use crate::plan::{Plan, PutPlan};
use crate::portal::Administrator;
use crate::scope::AdminScope;
use crate::upstream::HostList;
use crate::usage_report::UsageReport;

const MAKING: [&str; 4] = [
    "invalid_value",
    "idempotency_key_reused",
    "key_is_revoked",
    "key_exists",
];
const CHANGING: [&str; 3] = ["not_found", "version_conflict", "key_is_revoked"];

/// Fields of a change that ordinary keys have not, and those that root keys have not.
const NOT_OF_KEYS: [&str; 1] = ["admin_scopes"];
const NOT_OF_ROOT_KEYS: [&str; 7] = [
    "plan",
    "scopes",
    "models",
    "limits",
    "credits",
    "cost",
    "allowed_origins",
];

/// All of them.
pub(super) fn all() -> Vec<Route> {
    let mut routes = keys();
    routes.extend(lives_of_keys());
    routes.extend(console());
    routes.extend(root_keys());
    routes.extend(plans());
    routes.extend(owners());
    routes.extend(reports());
    routes.extend(hosts());
    routes
}

fn keys() -> Vec<Route> {
    let of = |route: Route| route.of("Keys").needs(Key::Root(Some(AdminScope::Keys)));
    vec![
        of(route("post", "/admin/keys", "createKey", "Makes a key"))
            .says("The key is in this answer and never again.")
            .takes(&[p::idempotency_key])
            .reads::<CreateKey>(json!({
                "name": "ci", "owner": "acme", "scopes": ["transcribe"],
                "limits": [
                    {"name": "minute", "kind": "rate", "limit": 100, "window_seconds": 60},
                    {"name": "day", "kind": "quota", "unit": "audio_seconds", "limit": 3600, "period": "day"},
                    {"name": "parallel", "kind": "concurrency", "limit": 4},
                ],
            }))
            .gives::<CreatedKey>(201, "The key.")
            .fails(&MAKING)
            .fails(&["not_found"]),
        of(route("get", "/admin/keys", "listKeys", "Lists keys"))
            .takes(&[p::owner, p::plan, p::enabled, p::page_size, p::cursor])
            .says("With `plan` or `enabled` a page may be short, or empty, and not be the last.")
            .gives::<KeyList>(200, "A page."),
        of(route("post", "/admin/keys/bulk", "createKeys", "Makes up to 1,000 keys"))
            .says("All of them are checked before the first is made.")
            .takes(&[p::idempotency_key])
            .reads::<CreateKeys>(json!({"keys": [{"name": "one", "plan": "starter"}, {"name": "two", "plan": "starter"}]}))
            .gives::<Made>(201, "The keys, in the order of the request.")
            .fails(&MAKING)
            .fails(&["not_found"]),
        of(route("post", "/admin/keys/import", "importKeys", "Takes in keys that others minted"))
            .says("By their SHA-256: nobody tells the keys themselves.")
            .reads::<ImportKeys>(json!({"keys": [{
                "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "start": "sk_4fQz",
                "key": {"name": "from the old gateway", "plan": "starter"},
            }]}))
            .gives::<Made>(201, "The keys, in the order of the request.")
            .fails(&MAKING)
            .fails(&["not_found"]),
    ]
}

fn lives_of_keys() -> Vec<Route> {
    let of = |route: Route| {
        let route = route.of("Keys").needs(Key::Root(Some(AdminScope::Keys)));
        route.takes(&[p::key_id]).fails(&["not_found"])
    };
    vec![
        of(route("get", "/admin/keys/{id}", "getKey", "One key"))
            .gives::<KeyDetail>(200, "The key, without its secret."),
        of(route("patch", "/admin/keys/{id}", "patchKey", "Changes a key"))
            .says(
                "What is not named stays. It holds from the next request on. Of two changes to the same \
                 `version` the second is a 409.",
            )
            .reads_content(
                Content::Without(SchemaGenerator::subschema_for::<KeyPatch>, "PatchKey", &NOT_OF_KEYS),
                json!({"enabled": false}),
            )
            .gives::<KeyDetail>(200, "The key as it is now.")
            .fails(&CHANGING),
        of(route("delete", "/admin/keys/{id}", "revokeKey", "Revokes a key"))
            .says("For good: from this answer on it is refused everywhere. Doing it again changes nothing.")
            .gives_nothing(204, "It is revoked.")
            .fails(&CHANGING),
        of(route("post", "/admin/keys/{id}/rotate", "rotateKey", "Gives a key another secret"))
            .says("The old one works until the overlap ends; the new one is in this answer and never again.")
            .takes(&[p::idempotency_key])
            .reads::<RotateKey>(json!({"overlap_seconds": 3600}))
            .or_no_body()
            .gives::<RotatedKey>(200, "The key, with its new secret.")
            .fails(&CHANGING)
            .fails(&["idempotency_key_reused"]),
        of(route("post", "/admin/keys/{id}/credits", "changeCredits", "Sets credits, or adds to them"))
            .takes(&[p::idempotency_key])
            .reads::<BalanceChange>(json!({"add": 1000}))
            .gives::<CreditsLeft>(200, "What is left now.")
            .fails(&CHANGING)
            .fails(&["idempotency_key_reused"]),
        of(route("get", "/admin/keys/{id}/usage", "getKeyUsage", "What a key has used"))
            .says("Up to now.")
            .takes(&[p::usage_from, p::usage_to, p::grouped_by])
            .gives::<UsageReport>(200, "The report.")
            .fails(&["database_unavailable"]),
    ]
}

fn console() -> Vec<Route> {
    let of = |route: Route| route.of("Root keys").needs(Key::Root(None));
    let path = "/admin/session";
    vec![
        of(route("get", path, "getConsoleSession", "Who asks, and what he may do"))
            .gives::<Administrator>(200, "The root key."),
        of(route("post", path, "signInToConsole", "Begins a session of the console"))
            .says(
                "For eight hours a cookie that no script sees stands for the root key, in requests of the pages of this \
                 deployment alone. What it is good for is asked of the root key at every request.",
            )
            .gives_at::<Administrator>(201, "The session.", &["Set-Cookie"]),
        of(route("delete", path, "signOutOfConsole", "Ends it"))
            .gives_nothing(204, "It is good for nothing any more."),
    ]
}

fn root_keys() -> Vec<Route> {
    let of = |route: Route| {
        route
            .of("Root keys")
            .needs(Key::Root(Some(AdminScope::All)))
    };
    let one = |route: Route| of(route).takes(&[p::root_key_id]).fails(&["not_found"]);
    vec![
        of(route("post", "/admin/root-keys", "createRootKey", "Makes a root key"))
            .says("With at most the scopes of the one that asks. The key is in this answer and never again.")
            .takes(&[p::idempotency_key])
            .reads::<CreateRootKey>(json!({"name": "billing", "scopes": ["admin:usage"]}))
            .gives::<CreatedKey>(201, "The root key.")
            .fails(&MAKING),
        of(route("get", "/admin/root-keys", "listRootKeys", "Lists root keys"))
            .takes(&[p::owner, p::plan, p::enabled, p::page_size, p::cursor])
            .gives::<KeyList>(200, "A page."),
        one(route("get", "/admin/root-keys/{id}", "getRootKey", "One root key"))
            .gives::<KeyDetail>(200, "The root key, without its secret."),
        one(route("patch", "/admin/root-keys/{id}", "patchRootKey", "Changes a root key"))
            .says("What is not named stays. It holds from the next request on.")
            .reads_content(
                Content::Without(SchemaGenerator::subschema_for::<KeyPatch>, "PatchRootKey", &NOT_OF_ROOT_KEYS),
                json!({"admin_scopes": ["admin:usage", "admin:audit"]}),
            )
            .gives::<KeyDetail>(200, "The root key as it is now.")
            .fails(&CHANGING),
        one(route("delete", "/admin/root-keys/{id}", "revokeRootKey", "Revokes a root key"))
            .says("For good, from the next request on.")
            .gives_nothing(204, "It is revoked.")
            .fails(&CHANGING),
        one(route("post", "/admin/root-keys/{id}/rotate", "rotateRootKey", "Gives a root key another secret"))
            .says("The old one works until the overlap ends; the new one is in this answer and never again.")
            .takes(&[p::idempotency_key])
            .reads::<RotateKey>(json!({"overlap_seconds": 3600}))
            .or_no_body()
            .gives::<RotatedKey>(200, "The root key, with its new secret.")
            .fails(&CHANGING)
            .fails(&["idempotency_key_reused"]),
    ]
}

fn plans() -> Vec<Route> {
    let of = |route: Route| route.of("Plans").needs(Key::Root(Some(AdminScope::Plans)));
    let one = |route: Route| of(route).takes(&[p::plan_name]).fails(&["invalid_value"]);
    vec![
        of(route("get", "/admin/plans", "listPlans", "Lists all plans"))
            .says("A plan that was changed a moment ago may be shown as it was.")
            .gives::<PlanList>(200, "The plans."),
        one(route("get", "/admin/plans/{name}", "getPlan", "One plan"))
            .gives::<Plan>(200, "The plan.")
            .fails(&["not_found"]),
        one(route("put", "/admin/plans/{name}", "putPlan", "Makes or replaces a plan"))
            .says("Its limits hold for the next request of each key on it; everything else within a minute.")
            .reads::<PutPlan>(json!({
                "limits": [{"name": "month", "kind": "quota", "limit": 10_000, "period": "month"}],
                "self_service": true,
            }))
            .gives::<Plan>(200, "The plan.")
            .fails(&["version_conflict"]),
        one(route("delete", "/admin/plans/{name}", "deletePlan", "Deletes a plan that no key is on"))
            .gives_nothing(204, "It is gone.")
            .fails(&["not_found", "plan_in_use"]),
    ]
}

fn owners() -> Vec<Route> {
    let of = |route: Route| {
        let route = route
            .of("Owners")
            .needs(Key::Root(Some(AdminScope::Owners)));
        // What is written in percents must be UTF-8: another path is none.
        route
            .takes(&[p::owner_id])
            .fails(&["invalid_value", "not_found"])
    };
    vec![
        of(route(
            "get",
            "/admin/owners/{owner}",
            "getOwner",
            "One owner",
        ))
        .gives::<OwnerDetail>(
            200,
            "The limits that the owner's keys share, and their number.",
        ),
        of(route(
            "delete",
            "/admin/owners/{owner}",
            "purgeOwner",
            "Deletes everything about an owner",
        ))
        .says(
            "Keys, webhooks, usage, audit. What stays is that those ids are revoked, and a line of the audit \
                 that names the owner by a hash. Repeat it until it finds nothing.",
        )
        .gives::<Purged>(200, "What was deleted.")
        .fails(&[
            "database_unavailable",
            "webhooks_unavailable",
            "version_conflict",
        ]),
        of(route(
            "put",
            "/admin/owners/{owner}/limits",
            "putOwnerLimits",
            "Limits that all keys of an owner share",
        ))
        .says("They hold for the next request of each key.")
        .reads::<Limits>(json!({
            "limits": [{"name": "month", "kind": "quota", "limit": 100_000, "period": "month"}],
        }))
        .gives::<OwnerDetail>(200, "The owner as it is now."),
    ]
}

fn reports() -> Vec<Route> {
    vec![
        route("get", "/admin/usage", "getUsage", "What was used")
            .of("Reports")
            .needs(Key::Root(Some(AdminScope::Usage)))
            .says("By all keys, an owner's, or a plan's; up to some minutes ago.")
            .takes(&[p::owner, p::plan, p::usage_from, p::usage_to, p::grouped_by])
            .gives::<UsageReport>(200, "The report.")
            .fails(&["database_unavailable"]),
        route(
            "get",
            "/admin/audit",
            "listAudit",
            "What was changed, and by whom",
        )
        .of("Reports")
        .needs(Key::Root(Some(AdminScope::Audit)))
        .says("Newest first. It never holds a secret.")
        .takes(&[
            p::actor,
            p::action,
            p::target,
            p::audit_owner,
            p::audit_from,
            p::audit_to,
            p::page_size,
            p::cursor,
        ])
        .gives::<AuditList>(200, "A page.")
        .fails(&["database_unavailable"]),
    ]
}

fn hosts() -> Vec<Route> {
    vec![
        route("get", "/admin/hosts", "listHosts", "How the hosts fare")
            .of("Hosts")
            .needs(Key::Root(Some(AdminScope::Hosts)))
            .says("As the location that answers sees them: each judges by the answers that it got itself.")
            .gives::<HostList>(200, "The hosts.")
            .fails(&["fleet_unavailable"]),
        route("post", "/fleet/heartbeat", "beat", "What a host says of itself")
            .of("Hosts")
            .says(
                "For the inference service alone, where the deployment lets hosts register themselves \
                 (`HOST_REGISTRATION`). It has no body; what is said stands in `x-edge-claims`, signed in \
                 `x-edge-signature` with the secret that edge and hosts share.",
            )
            .gives_nothing(204, "It is taken.")
            .fails(&[
                "invalid_signature",
                "replayed_request",
                "host_not_allowed",
                "not_found",
                "too_many_hosts",
                "fleet_unavailable",
            ]),
        route("post", "/fleet/transcripts/find", "findTranscript", "Whether a transcript is kept")
            .of("Hosts")
            .says("For the inference service alone, signed as a heartbeat is; what is sought stands in `x-edge-claims`.")
            .answers(
                200,
                "Its canonical form.",
                vec![("application/json", Content::Plain(json!({"type": "object"})))],
                &["X-Transcript-Id"],
            )
            .gives_nothing(204, "It is not there.")
            .fails(&["invalid_signature", "database_unavailable"]),
        route("post", "/fleet/transcripts/keep", "keepTranscript", "Keeps a transcript")
            .of("Hosts")
            .says("For the inference service alone. The body is the canonical form that `x-edge-claims` speaks of.")
            .gives_nothing(204, "It is kept. The same again changes nothing.")
            .fails(&[
                "invalid_signature",
                "invalid_body",
                "file_too_large",
                "database_unavailable",
            ]),
    ]
}
