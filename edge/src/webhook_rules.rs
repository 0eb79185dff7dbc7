//! What decides for an account's webhooks, as their object (`js/webhooks.js`) asks it: whereto something may be sent, how
//! it is written and signed, and what an attempt means. `call` has the bindings and no request.

use std::net::{IpAddr, Ipv4Addr};

use edge_core::error::EdgeError;
use edge_core::webhooks::{Outcome, WebhookSecret, judge, payload, signatures};
use inference_api::address::{self, Target, is_public};
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::clock::{RuntimeRng, unix_ms};
use crate::deployment::deployment;
use crate::glue::Call;

/// What secrets are sealed for.
const PURPOSE: &str = "webhooks";

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn fault(error: EdgeError) -> JsValue {
    let cause = error.cause();
    JsValue::from(cause.unwrap_or_else(|| error.answer().message))
}

/// The keys that secrets are sealed with, of 32 bytes each, one after the other: of each signing secret one. The first
/// seals, all of them open.
#[wasm_bindgen(js_name = sealingKeys)]
pub fn sealing_keys(call: &Call) -> Result<Vec<u8>, JsValue> {
    let deployment = deployment(call).map_err(fault)?;
    let secrets = deployment.settings.signing_secrets.iter();
    Ok(secrets
        .flat_map(|secret| secret.derive(PURPOSE, b"sealing"))
        .collect())
}

/// Where names are looked up, and how long a receiver may take, in milliseconds: JSON.
#[wasm_bindgen(js_name = webhookSettings)]
pub fn webhook_settings(call: &Call) -> Result<String, JsValue> {
    let deployment = deployment(call).map_err(fault)?;
    let settings = &deployment.settings;
    let timeout_ms = u64::from(settings.webhook_timeout_seconds) * 1000;
    Ok(json!({ "resolver": settings.resolver_url, "timeoutMs": timeout_ms }).to_string())
}

/// Why nothing is sent to an address, if nothing is: by its parts, as the runtime's parser of URLs wrote them. `scheme`
/// without its colon; `port`: none where it is the usual one.
#[wasm_bindgen(js_name = urlRefusal)]
pub fn url_refusal(
    call: &Call,
    scheme: &str,
    host: &str,
    port: Option<u16>,
    has_credentials: bool,
) -> Result<Option<String>, JsValue> {
    let deployment = deployment(call).map_err(fault)?;
    let usual = if scheme == "http" { 80 } else { 443 };
    let target = Target {
        scheme,
        host,
        port: port.unwrap_or(usual),
        has_credentials,
    };
    let refusal = address::judge(target, deployment.settings.fetch).err();
    Ok(refusal.map(|refusal| refusal.to_string()))
}

/// Whether a host must be looked up to know where it is. One that was not refused is a name, an address, or this machine.
#[wasm_bindgen(js_name = isName)]
pub fn is_name(host: &str) -> bool {
    !host.starts_with('[') && host != "localhost" && host.parse::<Ipv4Addr>().is_err()
}

/// Whether all of these are addresses of the public internet; `addresses`: what a name means, separated by spaces.
#[wasm_bindgen(js_name = arePublic)]
pub fn are_public(addresses: &str) -> bool {
    let mut addresses = addresses.split_whitespace();
    addresses.all(|address| address.parse::<IpAddr>().is_ok_and(is_public))
}

/// The body for an event.
#[wasm_bindgen(js_name = webhookPayload)]
pub fn webhook_payload(r#type: &str, data: &str, now: f64) -> Result<String, JsValue> {
    let data = serde_json::from_str(data).map_err(|error| JsValue::from(error.to_string()))?;
    payload(r#type, unix_ms(now), &data).map_err(fault)
}

/// The header `webhook-signature`, by these secrets, which are separated by spaces.
#[wasm_bindgen(js_name = webhookSignature)]
pub fn webhook_signature(secrets: &str, id: &str, body: &str, now: f64) -> String {
    let secrets = secrets.split_whitespace().filter_map(WebhookSecret::read);
    signatures(&secrets.collect::<Vec<_>>(), id, unix_ms(now), body)
}

/// What an attempt means for its delivery, as JSON. `status` is 0 where there was no answer, and `error` says why;
/// `made`: how many attempts there were; 0: there is never another. `asked_ms`: what the receiver asked for, or no
/// number.
#[wasm_bindgen(js_name = webhookVerdict)]
pub fn webhook_verdict(
    call: &Call,
    status: u16,
    error: &str,
    made: u32,
    asked_ms: f64,
    now: f64,
) -> Result<String, JsValue> {
    let deployment = deployment(call).map_err(fault)?;
    let outcome = match status {
        0 => Outcome::Failed(error),
        status => Outcome::Answered(status),
    };
    let pauses = &deployment.settings.webhook_retries;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; the rule has its own bound"
    )]
    let asked_ms = (asked_ms > 0.0).then_some(asked_ms as u64);
    let now = unix_ms(now);
    let verdict = judge(outcome, pauses, made, asked_ms, now, &mut RuntimeRng);
    serde_json::to_string(&verdict).map_err(|error| JsValue::from(error.to_string()))
}
