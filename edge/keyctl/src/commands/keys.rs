//! The commands on one key, and the listing: create, list, show, revoke, rotate, credits.

use std::io::Write;

use edge_core::key_record::KeySummary;
use edge_core::limiter::BalanceChange;
use serde_json::json;

use crate::cli::ApiArgs;
use crate::cli::key::{
    CreateArgs, CreditsArgs, ExpiryArgs, KeyFields, ListArgs, OneKeyArgs, PageArgs, RotateArgs,
};
use crate::error::{Error, Repeat};
use crate::key_view::{key_table, listing};
use crate::path::ApiPath;
use crate::table::printable;
use crate::time_spec::now;
use crate::wire::{CreditsLeft, KeyView, NewKey};

use super::{
    check_limits, client, expires_at, pages, print, print_done, print_pages, repeat, show_key,
};

/// Ordinary keys.
pub(crate) const KEYS: &str = "/admin/keys";

/// The path of one key of `kind`.
pub(super) fn key(kind: &'static str, id: &str) -> Result<ApiPath, Error> {
    ApiPath::of(kind).under(id)
}

/// Makes a key.
pub(crate) fn create(args: CreateArgs, out: &mut impl Write) -> Result<(), Error> {
    let CreateArgs {
        name,
        fields,
        expiry,
        repeat: given,
        api,
    } = args;
    let repeat = repeat(given.idempotency_key.as_deref(), Some(&expiry))?;
    let wish = new_key(name, fields, &expiry)?;
    let repeat = Repeat {
        expires_at: wish.expires_at.filter(|_| expiry.expires_in.is_some()),
        ..repeat
    };
    let client = client(&api)?;
    let answer = client.post_once::<KeyView>(&ApiPath::of(KEYS), &wish, repeat.clone())?;
    show_key(&client, &answer, api.json, out, repeat)
}

/// What the flags wish for.
pub(super) fn new_key(
    name: String,
    fields: KeyFields,
    expiry: &ExpiryArgs,
) -> Result<NewKey, Error> {
    let KeyFields {
        owner,
        plan,
        scopes,
        models,
        limits,
        credits,
        cost,
        allowed_ips,
        allowed_origins,
        metadata,
        disabled,
        self_service,
    } = fields;
    check_limits(&limits)?;
    Ok(NewKey {
        name,
        owner,
        plan,
        scopes,
        models,
        limits,
        credits,
        cost,
        allowed_ips,
        allowed_origins,
        enabled: !disabled,
        expires_at: expires_at(expiry),
        metadata,
        self_service,
    })
}

/// Lists keys: one page, or all of them.
pub(crate) fn list(args: &ListArgs, out: &mut impl Write) -> Result<(), Error> {
    let enabled = match (args.enabled, args.disabled) {
        (true, _) => Some("true"),
        (_, true) => Some("false"),
        _ => None,
    };
    let filter = [
        ("owner", args.owner.as_deref()),
        ("plan", args.plan.as_deref()),
        ("enabled", enabled),
    ];
    list_of(KEYS, &filter, &args.page, &args.api, out)
}

/// Lists keys of a kind.
pub(super) fn list_of(
    kind: &'static str,
    filter: &[(&'static str, Option<&str>)],
    page: &PageArgs,
    api: &ApiArgs,
    out: &mut impl Write,
) -> Result<(), Error> {
    let client = client(api)?;
    let answer = pages(&client, page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        let mut query = filter.to_vec();
        query.push(("cursor", cursor));
        query.push(("limit", limit.as_deref()));
        client.get(&ApiPath::of(kind).query(&query))
    })?;
    // Read under --json too: a page that is none is an error, for programs as for people.
    let keys: Vec<KeySummary> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no key"))?;
    let table = listing(&keys, kind != KEYS, now());
    print_pages(&answer, api.json, out, table)
}

/// Shows one key of a kind.
pub(crate) fn show(
    kind: &'static str,
    args: &OneKeyArgs,
    out: &mut impl Write,
) -> Result<(), Error> {
    let answer = client(&args.api)?.get(&key(kind, &args.id)?)?;
    print(&answer, args.api.json, out, |view| key_table(view, now()))
}

/// Revokes a key of a kind. Under `--json` the API's body, which is empty.
pub(crate) fn revoke(
    kind: &'static str,
    args: &OneKeyArgs,
    out: &mut impl Write,
) -> Result<(), Error> {
    let path = key(kind, &args.id)?;
    let body = client(&args.api)?.delete(&path)?;
    let done = format!("revoked {}", args.id);
    print_done(&body, args.api.json, out, &done)
}

/// Gives a key of a kind another secret.
pub(crate) fn rotate(
    kind: &'static str,
    args: &RotateArgs,
    out: &mut impl Write,
) -> Result<(), Error> {
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), None)?;
    let path = key(kind, &args.id)?.then("rotate");
    let overlap = args.overlap.map_or(0, |overlap| overlap.as_secs());
    let body = json!({ "overlap_seconds": overlap });
    let client = client(&args.api)?;
    let answer = client.post_once::<KeyView>(&path, &body, repeat.clone())?;
    show_key(&client, &answer, args.api.json, out, repeat)
}

/// Sets a key's credits, or adds to them.
pub(crate) fn credits(args: &CreditsArgs, out: &mut impl Write) -> Result<(), Error> {
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), None)?;
    let change = match (args.set, args.add) {
        (Some(left), _) => BalanceChange::Set(left),
        (None, Some(amount)) => BalanceChange::Add(amount),
        (None, None) => return Err(Error::Usage("give --set or --add".to_owned())),
    };
    let path = key(KEYS, &args.id)?.then("credits");
    let answer = client(&args.api)?.post_once::<CreditsLeft>(&path, &change, repeat)?;
    print(&answer, args.api.json, out, |left| {
        format!("{} credits left\n", left.credits_left)
    })
}

/// The line that says what became of a key.
pub(super) fn became(what: &str, id: &str) -> String {
    format!("{what} {}\n", printable(id))
}
