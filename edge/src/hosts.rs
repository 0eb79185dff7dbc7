//! The inference hosts beside the way of a request: heartbeats, the list of those that registered, and the choice
//! of another one. `js/hosts.js` waits, this decides.

use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::heartbeat::accept;
use edge_core::ports::{Clock as _, PortError, UnixMs};
use edge_core::upstream::{Choice, HostList, Registered};
use inference_api::heartbeat::MISSED_BEATS;
use js_sys::futures::JsFuture;
use serde_json::json;
use wasm_bindgen::prelude::*;

use crate::clock::{RuntimeRng, unix_ms};
use crate::deployment::{Deployment, deployment};
use crate::glue::{self, Call, thrown};
use crate::ports::Runtime;
use crate::{forward, reply};

/// The object that keeps the list.
const FLEET: (&str, &str) = ("FLEET", "fleet");

/// What became of asking a host; `js/hosts.js` has the same numbers.
#[derive(Clone, Copy)]
enum Asked {
    /// It is there.
    Go = 0,
    /// Another one is chosen, and may have to be asked.
    Another = 1,
    /// Nobody is left.
    Nobody = 2,
}

/// Takes a host's heartbeat.
pub(crate) fn heartbeat(call: &Call, deployment: &Rc<Deployment>) -> JsValue {
    let (asking, deployment) = (call.clone(), Rc::clone(deployment));
    reply::promise(call, async move {
        take(&asking, &deployment).await?;
        Ok(reply::empty(&asking, 204))
    })
}

async fn take(call: &Call, deployment: &Deployment) -> Result<(), EdgeError> {
    let settings = &deployment.settings;
    if !settings.registration.is_on() {
        return Err(EdgeError::UnknownRoute);
    }
    let statement = glue::statement(call);
    let stated = statement.split_once('\n').unwrap_or_default();
    let now = Runtime { call }.now();
    let secrets = &settings.signing_secrets;
    let beat = accept(settings.registration, secrets, stated, now)?;
    let lasts_ms = if beat.stops {
        0
    } else {
        beat.every_ms.saturating_mul(MISSED_BEATS)
    };
    let args = json!([beat.url, beat.at_ms, lasts_ms, beat.load]);
    match ask_fleet(call, "beat", &args).await?.as_str() {
        "taken" => Ok(()),
        "replayed" => Err(EdgeError::ReplayedHeartbeat),
        "full" => Err(EdgeError::TooManyHosts),
        other => Err(unavailable(other.to_owned())),
    }
}

async fn ask_fleet(
    call: &Call,
    method: &str,
    args: &serde_json::Value,
) -> Result<String, EdgeError> {
    let asked = glue::ask(call, FLEET.0, FLEET.1, method, &args.to_string());
    match JsFuture::from(asked).await {
        Ok(answer) => Ok(String::from(&answer)),
        Err(error) => Err(unavailable(thrown(&error))),
    }
}

fn unavailable(cause: String) -> EdgeError {
    EdgeError::FleetUnavailable(PortError {
        port: "fleet",
        cause,
    })
}

/// How the hosts fare, as this isolate sees them, for an administrator.
pub(crate) async fn list(call: &Call, deployment: &Deployment) -> Result<HostList, EdgeError> {
    if deployment.settings.registration.is_on() {
        let hosts = ask_fleet(call, "list", &json!([])).await?;
        register(deployment, &hosts, Runtime { call }.now())?;
    }
    let now = Runtime { call }.now();
    Ok(deployment.upstreams.borrow().view(now))
}

fn register(deployment: &Deployment, hosts: &str, now: UnixMs) -> Result<(), EdgeError> {
    let hosts: Vec<(String, u64, String)> =
        serde_json::from_str(hosts).map_err(|error| unavailable(error.to_string()))?;
    let registered = hosts.into_iter().map(|(origin, age_ms, load)| Registered {
        origin,
        age_ms,
        load,
    });
    let registered: Vec<_> = registered.collect();
    deployment.upstreams.borrow_mut().register(&registered, now);
    Ok(())
}

/// The list of hosts that registered themselves has come.
#[wasm_bindgen(js_name = hostsListed)]
pub fn hosts_listed(call: &Call, hosts: &str, now: f64) -> Result<(), JsValue> {
    deployment(call)
        .and_then(|deployment| register(&deployment, hosts, unix_ms(now)))
        .map_err(|error| JsValue::from(error.cause().unwrap_or_default()))
}

/// Chooses a host for a request that has none; whether there is one.
#[wasm_bindgen]
pub fn chosen(call: &Call, now: f64) -> bool {
    deployment(call).is_ok_and(|deployment| choose(call, &deployment, &[], unix_ms(now)))
}

/// A host was asked whether it is there. `load`: what it says; `None`: it does not answer.
#[wasm_bindgen]
pub fn asked(call: &Call, host: u32, load: Option<String>, tried: &[u32], now: f64) -> u8 {
    let Ok(deployment) = deployment(call) else {
        return Asked::Nobody as u8;
    };
    let now = unix_ms(now);
    let answers = load.is_some();
    let is_wanted = {
        let mut upstreams = deployment.upstreams.borrow_mut();
        match load {
            Some(load) => upstreams.answered(host, &load, now),
            None => upstreams.unreachable(host, now),
        }
        answers && !upstreams.is_draining(host, now)
    };
    let next = if is_wanted {
        Asked::Go
    } else if choose(call, &deployment, tried, now) {
        return Asked::Another as u8;
    } else if answers {
        // It drains, and nobody else is there.
        Asked::Go
    } else {
        Asked::Nobody
    };
    if matches!(next, Asked::Go) {
        deployment.upstreams.borrow_mut().sends(host, now);
    }
    next as u8
}

/// Whether another host is chosen for a request that can be sent again; only then the first is judged here.
#[wasm_bindgen]
pub fn elsewhere(
    call: &Call,
    host: u32,
    outcome: u16,
    load: &str,
    tried: &[u32],
    now: f64,
) -> bool {
    let now = unix_ms(now);
    deployment(call).is_ok_and(|deployment| {
        let is_chosen = choose(call, &deployment, tried, now);
        if is_chosen {
            let mut upstreams = deployment.upstreams.borrow_mut();
            forward::note(&mut upstreams, host, outcome, load, now);
        }
        is_chosen
    })
}

fn choose(call: &Call, deployment: &Deployment, tried: &[u32], now: UnixMs) -> bool {
    let wanted = call.outgoing().wanted();
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    let mut upstreams = deployment.upstreams.borrow_mut();
    match upstreams.choose(&wanted, tried, now, &mut RuntimeRng) {
        Some(Choice { id, origin, ask }) => {
            glue::set_host(call, id, origin, ask);
            true
        }
        None => false,
    }
}
