//! The routes for webhooks.

use serde_json::json;

use super::parameters as p;
use super::route::{Key, Route, route};
use crate::scope::Scope;
use crate::webhooks::{
    CreateWebhook, DeliveryList, RotateWebhook, Tested, Webhook, WebhookList, WebhookPatch,
    WebhookWithSecret,
};

const WEBHOOKS: &str = "Webhooks";
const NEEDS: Key = Key::Ordinary(Some(Scope::Jobs));

pub(super) fn routes() -> Vec<Route> {
    let mut routes = of_account();
    routes.extend(of_one());
    routes.extend(of_work());
    for route in &mut routes {
        *route = route.clone().of(WEBHOOKS).fails(&["webhooks_unavailable"]);
    }
    routes
}

fn of_account() -> Vec<Route> {
    vec![
        route("get", "/v1/webhooks", "listWebhooks", "The webhooks")
            .needs(NEEDS)
            .says("Of the key's owner, newest first.")
            .takes(&[p::page_size, p::cursor])
            .gives::<WebhookList>(200, "A page of them."),
        route("post", "/v1/webhooks", "createWebhook", "Makes a webhook")
            .needs(NEEDS)
            .says(
                "Events are sent as the Standard Webhooks specification has it. The secret is shown this once. Up to 16 \
                 webhooks belong to an owner.",
            )
            .takes(&[p::idempotency_key])
            .reads::<CreateWebhook>(json!({
                "url": "https://receiver.example/whisper", "events": ["job.succeeded", "job.failed"],
            }))
            .gives::<WebhookWithSecret>(201, "The webhook and its secret.")
            .fails(&[
                "urls_switched_off",
                "too_many_webhooks",
                "idempotency_key_reused",
            ]),
    ]
}

fn of_one() -> Vec<Route> {
    vec![
        route("get", "/v1/webhooks/{id}", "getWebhook", "A webhook")
            .needs(NEEDS)
            .says("Of the key's owner; another's is not found.")
            .takes(&[p::webhook_id])
            .gives::<Webhook>(200, "The webhook.")
            .fails(&["not_found"]),
        route(
            "patch",
            "/v1/webhooks/{id}",
            "changeWebhook",
            "Changes a webhook",
        )
        .needs(NEEDS)
        .says(
            "What is not named stays. One that is switched off is sent nothing, and what was still to be sent to it \
             never is.",
        )
        .takes(&[p::webhook_id])
        .reads::<WebhookPatch>(json!({"enabled": false}))
        .gives::<Webhook>(200, "The webhook as it is now.")
        .fails(&["not_found", "urls_switched_off"]),
        route(
            "delete",
            "/v1/webhooks/{id}",
            "deleteWebhook",
            "Deletes a webhook",
        )
        .needs(NEEDS)
        .says("With what was still to be sent to it, and the log of what was.")
        .takes(&[p::webhook_id])
        .gives_nothing(204, "It is gone.")
        .fails(&["not_found"]),
    ]
}

fn of_work() -> Vec<Route> {
    vec![
        route(
            "post",
            "/v1/webhooks/{id}/rotate",
            "rotateWebhookSecret",
            "Gives a webhook another secret",
        )
        .needs(NEEDS)
        .says("It is shown this once. The one before signs along for `overlap_seconds`.")
        .takes(&[p::webhook_id, p::idempotency_key])
        .reads::<RotateWebhook>(json!({"overlap_seconds": 86_400}))
        .or_no_body()
        .gives::<WebhookWithSecret>(200, "The webhook and its new secret.")
        .fails(&["not_found", "idempotency_key_reused"]),
        route(
            "post",
            "/v1/webhooks/{id}/test",
            "testWebhook",
            "Sends an event to a webhook, now",
        )
        .needs(NEEDS)
        .says("Of the type `webhook.test`, once, also where the webhook is switched off.")
        .takes(&[p::webhook_id, p::idempotency_key])
        .gives::<Tested>(200, "What became of it.")
        .fails(&["not_found", "idempotency_key_reused"]),
        route(
            "get",
            "/v1/webhooks/{id}/deliveries",
            "listDeliveries",
            "What was sent to a webhook",
        )
        .needs(NEEDS)
        .says(
            "And what is still to be sent, newest first. Of what is over the last 100 are kept, for a week.",
        )
        .takes(&[p::webhook_id, p::page_size, p::cursor])
        .gives::<DeliveryList>(200, "A page of it.")
        .fails(&["not_found"]),
    ]
}
