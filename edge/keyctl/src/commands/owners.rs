//! Owners: show, shared limits, purge.

use std::io::{IsTerminal as _, Write, stderr, stdin};

use serde_json::json;
use ureq::http::Method;

use crate::cli::owner::{OneOwnerArgs, OwnerCommand, OwnerLimitsArgs, PurgeArgs};
use crate::confirm::confirm;
use crate::error::Error;
use crate::limit_spec::specs;
use crate::note;
use crate::path::ApiPath;
use crate::table::{details, printable};
use crate::wire::{OwnerDetail, Purged};

use super::{check_limits, client, print};

const OWNERS: &str = "/admin/owners";

/// Runs one of the commands on owners.
pub(crate) fn run(command: OwnerCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        OwnerCommand::Show(args) => show(&args, out),
        OwnerCommand::Limits(args) => limits(&args, out),
        OwnerCommand::Purge(args) => purge(&args, out),
    }
}

fn show(args: &OneOwnerArgs, out: &mut impl Write) -> Result<(), Error> {
    let answer = client(&args.api)?.get(&ApiPath::of(OWNERS).under(&args.owner)?)?;
    print(&answer, args.api.json, out, owner_table)
}

fn limits(args: &OwnerLimitsArgs, out: &mut impl Write) -> Result<(), Error> {
    check_limits(&args.limits)?;
    let path = ApiPath::of(OWNERS).under(&args.owner)?.then("limits");
    let body = json!({ "limits": args.limits });
    let answer = client(&args.api)?.send_json(&Method::PUT, &path, &body)?;
    print(&answer, args.api.json, out, owner_table)
}

/// Deletes everything about an owner, once that is confirmed.
pub(crate) fn purge(args: &PurgeArgs, out: &mut impl Write) -> Result<(), Error> {
    let path = ApiPath::of(OWNERS).under(&args.owner)?;
    if !args.yes {
        let terminal = stdin().is_terminal() && stderr().is_terminal();
        let question = format!(
            "This deletes every key of {}, its usage and its audit, for good.\nType the owner's id to go on:",
            printable(&args.owner)
        );
        confirm(&question, &args.owner, terminal, &mut stdin().lock(), note)?;
    }
    let answer = client(&args.api)?.delete_told(&path)?;
    print(&answer, args.api.json, out, purged_table)
}

fn owner_table(owner: &OwnerDetail) -> String {
    details(&[
        ("owner", owner.owner.clone()),
        ("limits", specs(&owner.limits)),
        ("keys", owner.keys.to_string()),
    ])
}

fn purged_table(purged: &Purged) -> String {
    details(&[
        ("keys", purged.keys.to_string()),
        ("rows of objects", purged.object_rows.to_string()),
        ("rows of usage", purged.usage_rows.to_string()),
        ("lines of audit", purged.audit_rows.to_string()),
    ])
}
