//! Changes to fields of keys and root keys: update, enable, disable.

use std::io::Write;

use edge_core::change::KeyPatch;
use ureq::http::Method;

use crate::cli::ApiArgs;
use crate::cli::key::{NewExpiryArgs, OneKeyArgs, UpdateArgs};
use crate::cli::root::UpdateRootKeyArgs;
use crate::error::Error;
use crate::key_view::key_table;
use crate::time_spec::now;
use crate::wire::KeyView;

use super::keys::{KEYS, became, key};
use super::root_keys::ROOT_KEYS;
use super::{check_limits, client, print};

/// Changes fields of a key.
pub(crate) fn update(args: UpdateArgs, out: &mut impl Write) -> Result<(), Error> {
    check_limits(&args.limits)?;
    let patch = KeyPatch {
        name: args.name,
        plan: nullable(args.plan, args.no_plan),
        scopes: nullable(some(args.scopes), args.no_scopes),
        admin_scopes: None,
        models: nullable(some(args.models), args.no_models),
        limits: list(args.limits, args.no_limits),
        credits: nullable(args.credits, args.no_credits),
        cost: nullable(args.cost, args.no_cost),
        allowed_ips: list(args.allowed_ips, args.no_allow_ip),
        allowed_origins: list(args.allowed_origins, args.no_allow_origin),
        enabled: None,
        expires_at: expiry(&args.expiry),
        metadata: nullable(args.metadata, args.no_metadata),
        version: args.version,
    };
    send(KEYS, &args.id, &patch, &args.api, out)
}

/// Changes fields of a root key.
pub(crate) fn update_root(args: UpdateRootKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let patch = KeyPatch {
        name: args.name,
        admin_scopes: some(args.scopes),
        allowed_ips: list(args.allowed_ips, args.no_allow_ip),
        enabled: match (args.enable, args.disable) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        expires_at: expiry(&args.expiry),
        metadata: nullable(args.metadata, args.no_metadata),
        version: args.version,
        ..KeyPatch::default()
    };
    send(ROOT_KEYS, &args.id, &patch, &args.api, out)
}

/// Switches a key on or off.
pub(crate) fn switch(enabled: bool, args: &OneKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let patch = KeyPatch {
        enabled: Some(enabled),
        ..KeyPatch::default()
    };
    let target = key(KEYS, &args.id)?;
    let answer = client(&args.api)?.send_json::<KeyView>(&Method::PATCH, &target, &patch)?;
    let what = if enabled { "enabled" } else { "disabled" };
    print(&answer, args.api.json, out, |_| became(what, &args.id))
}

fn send(
    kind: &'static str,
    id: &str,
    patch: &KeyPatch,
    api: &ApiArgs,
    out: &mut impl Write,
) -> Result<(), Error> {
    let nothing = KeyPatch {
        version: patch.version,
        ..KeyPatch::default()
    };
    if *patch == nothing {
        let message = "say what is to be changed: `keyctl help update` lists the fields";
        return Err(Error::Usage(message.to_owned()));
    }
    let target = key(kind, id)?;
    let answer = client(api)?.send_json::<KeyView>(&Method::PATCH, &target, patch)?;
    print(&answer, api.json, out, |view| key_table(view, now()))
}

/// A field that can be taken away: a value, `null`, or not named.
#[allow(clippy::option_option)] // The patch of the API tells these three apart.
fn nullable<T>(value: Option<T>, none: bool) -> Option<Option<T>> {
    match (value, none) {
        (Some(value), _) => Some(Some(value)),
        (None, true) => Some(None),
        (None, false) => None,
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// A list that can be emptied: its values, none, or not named.
fn list<T>(values: Vec<T>, none: bool) -> Option<Vec<T>> {
    (none || !values.is_empty()).then_some(values)
}

#[allow(clippy::option_option)]
fn expiry(args: &NewExpiryArgs) -> Option<Option<u64>> {
    let in_time = args
        .expires_in
        .map(|time| now().saturating_add(time.as_secs()));
    nullable(args.expires_at.or(in_time), args.no_expiry)
}
