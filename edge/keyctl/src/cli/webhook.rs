//! Flags of the commands on webhooks.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::key::PageArgs;
use super::{CallArgs, CallerArgs, RepeatArgs};
use crate::time_spec::parse_duration;
use crate::webhook_wire::EVENTS;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List your webhooks
    List(WebhookListArgs),
    /// Make a webhook; its secret is printed once
    ///
    /// The secret alone goes to standard output, what is known of the webhook to standard error.
    Create(CreateWebhookArgs),
    /// Change a webhook; what is not named stays
    Update(UpdateWebhookArgs),
    /// Give a webhook another secret, printed once; both sign until the overlap ends
    Rotate(RotateWebhookArgs),
    /// Send a webhook's receiver a test, now; exit code 1 where it did not take it
    Test(OneWebhookArgs),
    /// List what a webhook was to be told, and what was tried
    Deliveries(DeliveriesArgs),
    /// Delete a webhook, for good
    Delete(DeleteWebhookArgs),
}

impl WebhooksCommand {
    pub(super) const fn json(&self) -> bool {
        match self {
            Self::List(args) => args.caller.call.json,
            Self::Create(args) => args.caller.call.json,
            Self::Update(args) => args.caller.call.json,
            Self::Rotate(args) => args.caller.call.json,
            Self::Test(args) => args.caller.call.json,
            Self::Deliveries(args) => args.caller.call.json,
            Self::Delete(args) => args.caller.call.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct WebhookListArgs {
    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateWebhookArgs {
    /// Where the events go: an `https://` address
    #[arg(long = "url", value_name = "URL")]
    pub(crate) receiver: String,

    /// Event it is told of; repeat for several [default: all]
    #[arg(long = "event", value_name = "EVENT", value_parser = PossibleValuesParser::new(EVENTS))]
    pub(crate) events: Vec<String>,

    /// Name of the webhook, for people
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) secret: SecretArgs,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) caller: ReceiverCallerArgs,
}

/// How to reach the edge where `--url` is the receiver's address.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ReceiverCallerArgs {
    /// Address of the edge, as `https://host[:port]`; plain http only on this machine (localhost)
    #[arg(long, env = "EDGE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) edge_url: Option<String>,

    #[command(flatten)]
    pub(crate) call: CallArgs,
}

/// Where a secret goes.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// New file for the secret, readable by you alone, instead of standard output
    #[arg(long, value_name = "PATH", conflicts_with = "json")]
    pub(crate) secret_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateWebhookArgs {
    /// Id of the webhook: `wh_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Where the events go from now on
    #[arg(long = "url", value_name = "URL")]
    pub(crate) receiver: Option<String>,

    /// Event it is told of; repeat for several; together they replace the old
    #[arg(long = "event", value_name = "EVENT", value_parser = PossibleValuesParser::new(EVENTS))]
    pub(crate) events: Vec<String>,

    /// Another name, for people
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// No name any more
    #[arg(long, conflicts_with = "name")]
    pub(crate) no_name: bool,

    /// Switch it on again
    #[arg(long, conflicts_with = "disable")]
    pub(crate) enable: bool,
    /// Switch it off until it is switched on again
    #[arg(long)]
    pub(crate) disable: bool,

    #[command(flatten)]
    pub(crate) caller: ReceiverCallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RotateWebhookArgs {
    /// Id of the webhook: `wh_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// How long the old secret signs beside the new one: `90m`, `24h`, `1d` [default: a day]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) overlap: Option<Duration>,

    #[command(flatten)]
    pub(crate) secret: SecretArgs,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneWebhookArgs {
    /// Id of the webhook: `wh_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeliveriesArgs {
    /// Id of the webhook: `wh_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteWebhookArgs {
    /// Id of the webhook: `wh_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Do not ask; needed where nobody can be asked
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}
