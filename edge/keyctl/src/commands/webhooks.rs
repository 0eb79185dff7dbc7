//! Webhooks of an API key's owner: list, create, update, rotate, test, deliveries, delete.

use std::io::{IsTerminal as _, Write, stderr, stdin};

use serde_json::json;
use ureq::http::Method;

use crate::cli::webhook::{
    CreateWebhookArgs, DeleteWebhookArgs, DeliveriesArgs, OneWebhookArgs, RotateWebhookArgs,
    SecretArgs, UpdateWebhookArgs, WebhookListArgs, WebhooksCommand,
};
use crate::client::{Answer, Client};
use crate::confirm::confirm;
use crate::error::{Error, Repeat};
use crate::figures::milliseconds;
use crate::key_sink::PrivateFile;
use crate::note;
use crate::path::ApiPath;
use crate::table::{columns, details, printable};
use crate::time_spec::utc;
use crate::webhook_wire::{Delivery, NewWebhook, Tested, WebhookPatch, WebhookView};

use super::{caller, pages, print, print_done, print_pages, repeat};

const WEBHOOKS: &str = "/v1/webhooks";

/// Runs one of the commands on webhooks.
pub(crate) fn run(command: WebhooksCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        WebhooksCommand::List(args) => list(&args, out),
        WebhooksCommand::Create(args) => create(args, out),
        WebhooksCommand::Update(args) => update(args, out),
        WebhooksCommand::Rotate(args) => rotate(&args, out),
        WebhooksCommand::Test(args) => test(&args, out),
        WebhooksCommand::Deliveries(args) => deliveries(&args, out),
        WebhooksCommand::Delete(args) => delete(&args, out),
    }
}

fn webhook(id: &str) -> Result<ApiPath, Error> {
    ApiPath::of(WEBHOOKS).under(id)
}

fn list(args: &WebhookListArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let answer = pages(&client, &args.page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        let query = [("cursor", cursor), ("limit", limit.as_deref())];
        client.get(&ApiPath::of(WEBHOOKS).query(&query))
    })?;
    let webhooks: Vec<WebhookView> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no webhook"))?;
    print_pages(&answer, args.caller.call.json, out, listing(&webhooks))
}

fn create(args: CreateWebhookArgs, out: &mut impl Write) -> Result<(), Error> {
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), None)?;
    let client = caller(args.caller.edge_url.as_deref(), &args.caller.call)?;
    let wish = NewWebhook {
        url: args.receiver,
        events: args.events,
        name: args.name,
    };
    let path = ApiPath::of(WEBHOOKS);
    with_secret(
        &client,
        &args.secret,
        args.caller.call.json,
        out,
        &repeat,
        || client.post_once(&path, &wish, repeat.clone()),
    )
}

fn update(args: UpdateWebhookArgs, out: &mut impl Write) -> Result<(), Error> {
    let changes = WebhookPatch {
        url: args.receiver,
        events: (!args.events.is_empty()).then_some(args.events),
        name: match (args.name, args.no_name) {
            (Some(name), _) => Some(Some(name)),
            (None, true) => Some(None),
            (None, false) => None,
        },
        enabled: match (args.enable, args.disable) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
    };
    if changes == WebhookPatch::default() {
        let message = "say what is to be changed: `keyctl help webhooks update` lists the fields";
        return Err(Error::Usage(message.to_owned()));
    }
    let path = webhook(&args.id)?;
    let client = caller(args.caller.edge_url.as_deref(), &args.caller.call)?;
    let answer = client.send_json(&Method::PATCH, &path, &changes)?;
    print(&answer, args.caller.call.json, out, webhook_table)
}

fn rotate(args: &RotateWebhookArgs, out: &mut impl Write) -> Result<(), Error> {
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), None)?;
    let path = webhook(&args.id)?.then("rotate");
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let body = match args.overlap {
        Some(overlap) => json!({ "overlap_seconds": overlap.as_secs() }),
        None => json!({}),
    };
    with_secret(
        &client,
        &args.secret,
        args.caller.call.json,
        out,
        &repeat,
        || client.post_once(&path, &body, repeat.clone()),
    )
}

/// Makes a secret and shows it, the only time. The place for it is made before it is.
fn with_secret(
    client: &Client,
    place: &SecretArgs,
    json: bool,
    out: &mut impl Write,
    repeat: &Repeat,
    ask: impl FnOnce() -> Result<Answer<WebhookView>, Error>,
) -> Result<(), Error> {
    let mut file = place
        .secret_out
        .as_deref()
        .map(PrivateFile::create)
        .transpose()?;
    let made = ask().and_then(|answer| match answer.value.secret.clone() {
        Some(secret) => Ok((answer, secret)),
        None => Err(client.unexpected("no secret where one was made")),
    });
    let (answer, secret) = match made {
        Ok(made) => made,
        Err(error) => {
            if let Some(file) = file {
                file.discard();
            }
            return Err(error);
        }
    };
    let shown = if json {
        answer.json.trim_end()
    } else {
        &secret
    };
    let written = match &mut file {
        Some(file) => writeln!(file.writer, "{shown}").and_then(|()| file.sync()),
        None => writeln!(out, "{shown}").and_then(|()| out.flush()),
    };
    written.map_err(|cause| Error::SecretNotShown {
        id: printable(&answer.value.id),
        cause,
        repeat: repeat.clone(),
    })?;
    if !json {
        note(webhook_table(&answer.value).trim_end());
    }
    note("This secret is shown once: store it now, where the receiver checks signatures with it.");
    Ok(())
}

fn test(args: &OneWebhookArgs, out: &mut impl Write) -> Result<(), Error> {
    let path = webhook(&args.id)?.then("test");
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let answer = client.post::<Tested>(&path)?;
    print(&answer, args.caller.call.json, out, tested_table)?;
    let Tested {
        delivered,
        status,
        error,
        ..
    } = answer.value;
    if delivered {
        return Ok(());
    }
    let why = match (error, status) {
        (Some(error), _) => printable(&error),
        (None, Some(status)) => format!("the receiver answered HTTP {status}"),
        (None, None) => "the receiver did not answer".to_owned(),
    };
    Err(Error::NotDelivered(why))
}

fn deliveries(args: &DeliveriesArgs, out: &mut impl Write) -> Result<(), Error> {
    let path = webhook(&args.id)?.then("deliveries");
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let answer = pages(&client, &args.page, |cursor, limit| {
        let limit = limit.map(|limit| limit.to_string());
        let query = [("cursor", cursor), ("limit", limit.as_deref())];
        client.get(&path.clone().query(&query))
    })?;
    let deliveries: Vec<Delivery> = answer
        .value
        .entries()
        .map_err(|_| client.unexpected("an entry that is no delivery"))?;
    let table = delivery_listing(&deliveries);
    print_pages(&answer, args.caller.call.json, out, table)
}

fn delete(args: &DeleteWebhookArgs, out: &mut impl Write) -> Result<(), Error> {
    let path = webhook(&args.id)?;
    if !args.yes {
        let terminal = stdin().is_terminal() && stderr().is_terminal();
        let question = format!(
            "This deletes {} and what it still has to deliver, for good.\nType its id to go on:",
            printable(&args.id)
        );
        confirm(&question, &args.id, terminal, &mut stdin().lock(), note)?;
    }
    let client = caller(args.caller.url.as_deref(), &args.caller.call)?;
    let body = client.delete(&path)?;
    let done = format!("deleted {}", args.id);
    print_done(&body, args.caller.call.json, out, &done)
}

fn nothing() -> String {
    "-".to_owned()
}

const fn state(webhook: &WebhookView) -> &'static str {
    if webhook.enabled {
        "enabled"
    } else {
        "disabled"
    }
}

fn listing(webhooks: &[WebhookView]) -> String {
    let rows: Vec<[String; 6]> = webhooks
        .iter()
        .map(|webhook| {
            [
                webhook.id.clone(),
                webhook.name.clone().unwrap_or_else(nothing),
                webhook.url.clone(),
                webhook.events.join(", "),
                state(webhook).to_owned(),
                utc(webhook.created_at),
            ]
        })
        .collect();
    columns(["ID", "NAME", "URL", "EVENTS", "STATE", "CREATED"], &rows)
}

fn webhook_table(webhook: &WebhookView) -> String {
    details(&[
        ("id", webhook.id.clone()),
        ("name", webhook.name.clone().unwrap_or_else(nothing)),
        ("url", webhook.url.clone()),
        ("events", webhook.events.join(", ")),
        ("state", state(webhook).to_owned()),
        ("created", utc(webhook.created_at)),
    ])
}

fn answered(status: Option<u16>, error: Option<&String>) -> String {
    match (status, error) {
        (_, Some(error)) => error.clone(),
        (Some(status), None) => format!("HTTP {status}"),
        (None, None) => nothing(),
    }
}

fn tested_table(tested: &Tested) -> String {
    let delivered = if tested.delivered { "yes" } else { "no" };
    details(&[
        ("delivered", delivered.to_owned()),
        ("answer", answered(tested.status, tested.error.as_ref())),
        ("took", milliseconds(tested.ms)),
    ])
}

fn delivery_listing(deliveries: &[Delivery]) -> String {
    let rows: Vec<[String; 7]> = deliveries
        .iter()
        .map(|delivery| {
            let last = delivery.attempts.last();
            [
                delivery.id.clone(),
                delivery.r#type.clone(),
                delivery.state.as_str().to_owned(),
                utc(delivery.created_at),
                delivery.attempts.len().to_string(),
                last.map_or_else(nothing, |attempt| {
                    let answer = answered(attempt.status, attempt.error.as_ref());
                    format!("{answer}, {}", milliseconds(attempt.ms))
                }),
                delivery.next_attempt_at.map_or_else(nothing, utc),
            ]
        })
        .collect();
    let header = ["EVENT", "TYPE", "STATE", "CREATED", "TRIES", "LAST", "NEXT"];
    columns(header, &rows)
}
