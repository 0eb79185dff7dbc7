//! Flags of the reports: usage, audit, the verdict on a key.
//!
//! A filter that is empty is refused: the API would take it for none, and `--owner "$OWNER"` would show
//! everybody's.

use clap::builder::NonEmptyStringValueParser as Filled;
use clap::{Args, ValueEnum};
use edge_core::scope::Scope;

use super::ApiArgs;
use super::key::{PageArgs, scope_parser};
use crate::secret::PresentedKey;
use crate::time_spec::parse_past;

#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// One key's: its id [default: all keys together]
    #[arg(value_name = "ID", conflicts_with_all = ["owner", "plan"])]
    pub(crate) id: Option<String>,

    /// The keys of this owner
    #[arg(long, value_name = "OWNER", value_parser = Filled::new())]
    pub(crate) owner: Option<String>,

    /// The keys on this plan
    #[arg(long, value_name = "PLAN", value_parser = Filled::new())]
    pub(crate) plan: Option<String>,

    /// From when on: `24h` or `7d` ago, RFC 3339 or unix seconds [default: 24h, by day 30d]
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    pub(crate) from: Option<u64>,

    /// Until when, in the same forms [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    pub(crate) to: Option<u64>,

    /// Hours or days, of UTC [default: hour]
    #[arg(long, value_name = "STEP")]
    pub(crate) by: Option<Step>,

    /// Draw with ASCII characters alone, as into files
    #[arg(long)]
    pub(crate) ascii: bool,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// How usage is grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// UTC hours
    Hour,
    /// UTC days
    Day,
}

#[derive(Debug, Args)]
pub(crate) struct HostsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Only what this root key did: its id; `root` is the first one
    #[arg(long, value_name = "ID", value_parser = Filled::new())]
    pub(crate) actor: Option<String>,

    /// Only this action, as `key.create`, `key.revoke`, `plan.put`, `owner.limits`
    #[arg(long, value_name = "ACTION", value_parser = Filled::new())]
    pub(crate) action: Option<String>,

    /// Only what was done to this: the id of a key, `plan:<name>`, `owner:<owner>`
    #[arg(long, value_name = "ID", value_parser = Filled::new())]
    pub(crate) target: Option<String>,

    /// Only what was done to keys of this owner
    #[arg(long, value_name = "OWNER", value_parser = Filled::new())]
    pub(crate) owner: Option<String>,

    /// From when on: `24h` or `7d` ago, RFC 3339 or unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    pub(crate) from: Option<u64>,

    /// Until when, in the same forms
    #[arg(long, value_name = "TIME", value_parser = parse_past)]
    pub(crate) to: Option<u64>,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The key; `-` reads it from standard input, where no other user of this machine can see it
    #[arg(value_name = "KEY")]
    pub(crate) key: PresentedKey,

    /// What it is to be used for
    #[arg(long, value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scope: Option<Scope>,

    /// What that weighs, and is charged, up to 1,000,000; 0 only asks
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) cost: u32,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
