//! The routes of the portal, for the pages of this deployment.

use serde_json::json;

use super::parameters as p;
use super::route::{Key, Route, route};
use crate::admin::{CreatedKey, KeyDetail, RotateKey, RotatedKey};
use crate::portal::{
    CreatePortalSession, PortalInvitation, PortalKeys, PortalPlans, PortalState, SignInByName,
    TakeKey,
};
use crate::scope::AdminScope;
use crate::usage_report::UsageReport;

const PORTAL: &str = "Portal";

pub(super) fn routes() -> Vec<Route> {
    let mut routes = sessions();
    routes.extend(by_provider());
    routes.extend(keys());
    routes.extend(lives_of_keys());
    for route in &mut routes {
        *route = route.clone().of(PORTAL).fails(&["portal_unavailable"]);
    }
    routes
}

fn sessions() -> Vec<Route> {
    vec![
        route("get", "/portal/session", "getSession", "How people sign in, and who is signed in")
            .says("Whether somebody is stands in the cookie `__Host-portal`, which no script sees.")
            .gives::<PortalState>(200, "What is so."),
        route("post", "/portal/session", "signIn", "Signs in")
            .says(
                "By a name, or, where `PORTAL_AUTH` is `session`, by the `token` of a one-time link: `{\"token\": \"…\"}`. \
                 The answer sets the cookie.",
            )
            .reads::<SignInByName>(json!({"name": "Ann"}))
            .gives_at::<PortalState>(201, "Who is signed in now.", &["Set-Cookie"])
            .fails(&[
                "invalid_sign_in",
                "challenge_failed",
                "too_many_sign_ins",
                "portal_switched_off",
                "cross_site_request",
            ]),
        route("delete", "/portal/session", "signOut", "Signs out")
            .says("From this answer on the session is good for nothing; with `all`, none of its owner's is.")
            .takes(&[p::all_sessions])
            .gives_nothing(204, "Nobody is signed in.")
            .fails(&["portal_switched_off", "cross_site_request"]),
        route(
            "post",
            "/admin/portal-sessions",
            "inviteToPortal",
            "Makes a one-time link to the portal",
        )
        .needs(Key::Root(Some(AdminScope::Portal)))
        .says("For an owner's own backend: whoever follows the link is signed in as that owner. It is good once.")
        .takes(&[p::idempotency_key])
        .reads::<CreatePortalSession>(json!({"owner": "acme", "plans": ["starter"]}))
        .gives::<PortalInvitation>(201, "The link."),
    ]
}

fn by_provider() -> Vec<Route> {
    vec![
        route("get", "/portal/sign-in", "departToProvider", "Sends a browser to the OpenID provider")
            .says(
                "Where `PORTAL_AUTH` is `oidc`: the authorization code flow with PKCE. Where that can't begin it goes to \
                 `/keys#sign-in-failed=` and why.",
            )
            .takes(&[p::return_to])
            .gives_nothing(302, "To the provider, or back.")
            .fails(&["portal_switched_off"]),
        route("get", "/portal/callback", "arriveFromProvider", "The browser is back from the provider")
            .says("It goes on to the page that was wanted, signed in, or to `/keys#sign-in-failed=` and why.")
            .takes(&[p::oidc_state, p::oidc_code])
            .gives_nothing(302, "To one of the pages.")
            .fails(&["portal_switched_off"]),
    ]
}

fn keys() -> Vec<Route> {
    let of = |route: Route| {
        let route = route.needs(Key::Session);
        route.fails(&["limiter_unavailable", "key_store_unavailable"])
    };
    vec![
        of(route(
            "get",
            "/portal/plans",
            "listPortalPlans",
            "The plans that may be chosen",
        ))
        .gives::<PortalPlans>(200, "By name, each with the key on it."),
        of(route(
            "get",
            "/portal/keys",
            "listOwnKeys",
            "One's own keys",
        ))
        .says("Those that are not revoked, whoever made them.")
        .gives::<PortalKeys>(200, "Newest first."),
        of(route(
            "post",
            "/portal/keys",
            "takeKey",
            "Takes a key on a plan",
        ))
        .says("One an owner and plan. The key is in this answer and never again.")
        .takes(&[p::idempotency_key])
        .reads::<TakeKey>(json!({"name": "mine", "plan": "starter"}))
        .gives::<CreatedKey>(201, "The key.")
        .fails(&["key_exists", "idempotency_key_reused", "key_is_revoked"]),
    ]
}

fn lives_of_keys() -> Vec<Route> {
    let of = |route: Route| {
        let route = route.needs(Key::Session).takes(&[p::key_id]);
        route.fails(&["not_found", "limiter_unavailable", "key_store_unavailable"])
    };
    vec![
        of(route("get", "/portal/keys/{id}", "getOwnKey", "One of one's own keys"))
            .gives::<KeyDetail>(200, "The key, without its secret."),
        of(route("delete", "/portal/keys/{id}", "revokeOwnKey", "Revokes one of one's own keys"))
            .says("For good: from this answer on it is refused everywhere.")
            .gives_nothing(204, "It is revoked.")
            .fails(&["not_self_service", "key_is_revoked", "version_conflict"]),
        of(route("post", "/portal/keys/{id}/rotate", "rotateOwnKey", "Gives one of one's own keys another secret"))
            .says("The old one works until the overlap ends; the new one is in this answer and never again.")
            .takes(&[p::idempotency_key])
            .reads::<RotateKey>(json!({"overlap_seconds": 3600}))
            .gives::<RotatedKey>(200, "The key, with its new secret.")
            .fails(&[
                "not_self_service",
                "key_is_revoked",
                "version_conflict",
                "idempotency_key_reused",
            ]),
        of(route("get", "/portal/keys/{id}/usage", "getOwnKeyUsage", "What one of one's own keys was used for"))
            .takes(&[p::usage_from, p::usage_to, p::grouped_by])
            .gives::<UsageReport>(200, "By hours or days.")
            .fails(&["database_unavailable"]),
    ]
}
