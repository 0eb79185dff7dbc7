//! Flags of the commands on one key, and of the listing.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser as Filled;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use edge_core::admin::MAX_PAGE;
use edge_core::credits::Credits;
use edge_core::key_record::Metadata;
use edge_core::limit::Limit;
use edge_core::scope::Scope;

use super::{ApiArgs, RepeatArgs};
use crate::credits_spec::parse_credits;
use crate::limit_spec::parse_limit;
use crate::time_spec::{parse_duration, parse_instant};
use crate::wire::parse_metadata;

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the key, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) fields: KeyFields,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Everything that may be said of a new key but its name and its end.
#[derive(Debug, Args)]
pub(crate) struct KeyFields {
    /// Whom the key belongs to: an id of your own, 1 to 64 of A-Z a-z 0-9 . _ @ | + -
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,

    /// Plan the key is on; what is not said here, the plan says
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<String>,

    /// What the key may do; repeat for several [default: what its plan says, or all]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scopes: Vec<Scope>,

    /// Model the key may use; repeat for several [default: those of its plan, or `*`, every one]
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,

    /// Limit, repeatable; the forms stand below [default: those of its plan, or the deployment's]
    #[arg(long = "limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) limits: Vec<Limit>,

    /// Credits, with or without a refill: `1000` or `1000+500/month` [default: those of its plan]
    #[arg(long, value_name = "N[+N/PERIOD]", value_parser = parse_credits)]
    pub(crate) credits: Option<Credits>,

    /// What one request weighs in limits and credits, 1 to 1,000,000 [default: what its plan says, or 1]
    #[arg(long, value_name = "N")]
    pub(crate) cost: Option<u32>,

    /// Address or CIDR block the key may be used from; repeat for several [default: every one]
    #[arg(long = "allow-ip", value_name = "BLOCK")]
    pub(crate) allowed_ips: Vec<String>,

    /// Web origin whose pages may use the key: `https://host[:port]`; repeat for several
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allowed_origins: Vec<String>,

    /// Notes of your own: a JSON object of at most 1,024 bytes
    #[arg(long, value_name = "JSON", value_parser = parse_metadata)]
    pub(crate) metadata: Option<Metadata>,

    /// Make the key switched off: it is refused until it is switched on
    #[arg(long)]
    pub(crate) disabled: bool,

    /// The owner takes it by himself: one for each plan that allows it; needs --owner and --plan
    #[arg(long)]
    pub(crate) self_service: bool,
}

/// From when on a key is refused.
#[derive(Debug, Args)]
pub(crate) struct ExpiryArgs {
    /// From when on the key is refused: RFC 3339 (`2027-01-31T00:00:00Z`) or unix seconds
    #[arg(long, alias = "expires", value_name = "TIME", value_parser = parse_instant)]
    pub(crate) expires_at: Option<u64>,

    /// After how long the key is refused: `90m`, `12h`, `30d`, `4w`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("state").args(["enabled", "disabled"]))]
pub(crate) struct ListArgs {
    // An empty filter would be none to the API, and `--owner "$OWNER"` would list everybody's.
    /// Only the keys of this owner
    #[arg(long, value_name = "OWNER", value_parser = Filled::new())]
    pub(crate) owner: Option<String>,

    /// Only the keys on this plan
    #[arg(long, value_name = "PLAN", value_parser = Filled::new())]
    pub(crate) plan: Option<String>,

    /// Only keys that are switched on
    #[arg(long)]
    pub(crate) enabled: bool,

    /// Only keys that are switched off
    #[arg(long)]
    pub(crate) disabled: bool,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// Which part of a listing.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Most entries of one page [default: the API's 100, with --all 1,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    pub(crate) limit: Option<u32>,

    /// Where the page starts: the `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR", value_parser = Filled::new())]
    pub(crate) cursor: Option<String>,

    /// Every page to the last, as one
    #[arg(long, conflicts_with = "cursor")]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OneKeyArgs {
    /// Id of the key: `key_…`, as `keyctl list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // Each is a flag.
pub(crate) struct UpdateArgs {
    /// Id of the key: `key_…`, as `keyctl list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Another name, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Another plan
    #[arg(long, value_name = "PLAN")]
    pub(crate) plan: Option<String>,
    /// No plan any more
    #[arg(long, conflicts_with = "plan")]
    pub(crate) no_plan: bool,

    /// What the key may do; repeat for several
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scopes: Vec<Scope>,
    /// No scopes of its own: what its plan says, or all
    #[arg(long, conflicts_with = "scopes")]
    pub(crate) no_scopes: bool,

    /// Model the key may use; repeat for several
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// No models of its own: those of its plan, or every one
    #[arg(long, conflicts_with = "models")]
    pub(crate) no_models: bool,

    /// Limit, repeatable; together they replace the key's own limits; the forms stand below
    #[arg(long = "limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) limits: Vec<Limit>,
    /// No limits of its own: those of its plan alone
    #[arg(long, conflicts_with = "limits")]
    pub(crate) no_limits: bool,

    /// Credits and their refill; what is left stays (`keyctl credits` changes it)
    #[arg(long, value_name = "N[+N/PERIOD]", value_parser = parse_credits)]
    pub(crate) credits: Option<Credits>,
    /// No credits are counted any more
    #[arg(long, conflicts_with = "credits")]
    pub(crate) no_credits: bool,

    /// What one request weighs in limits and credits, 1 to 1,000,000
    #[arg(long, value_name = "N")]
    pub(crate) cost: Option<u32>,
    /// No weight of its own: what its plan says, or 1
    #[arg(long, conflicts_with = "cost")]
    pub(crate) no_cost: bool,

    /// Address or CIDR block the key may be used from; repeat for several; together they replace the old
    #[arg(long = "allow-ip", value_name = "BLOCK")]
    pub(crate) allowed_ips: Vec<String>,
    /// The key may be used from every address
    #[arg(long, conflicts_with = "allowed_ips")]
    pub(crate) no_allow_ip: bool,

    /// Web origin whose pages may use the key; repeat for several; together they replace the old
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allowed_origins: Vec<String>,
    /// No page may use the key
    #[arg(long, conflicts_with = "allowed_origins")]
    pub(crate) no_allow_origin: bool,

    #[command(flatten)]
    pub(crate) expiry: NewExpiryArgs,

    /// Notes of your own: a JSON object of at most 1,024 bytes
    #[arg(long, value_name = "JSON", value_parser = parse_metadata)]
    pub(crate) metadata: Option<Metadata>,
    /// No notes any more
    #[arg(long, conflicts_with = "metadata")]
    pub(crate) no_metadata: bool,

    /// Only if the key still has this version, as `keyctl show` gives it
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// From when on a key that is there is refused.
#[derive(Debug, Args)]
pub(crate) struct NewExpiryArgs {
    /// From when on the key is refused: RFC 3339 (`2027-01-31T00:00:00Z`) or unix seconds
    #[arg(long, alias = "expires", value_name = "TIME", value_parser = parse_instant)]
    pub(crate) expires_at: Option<u64>,
    /// After how long the key is refused: `90m`, `12h`, `30d`, `4w`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<Duration>,
    /// The key never expires
    #[arg(long, conflicts_with_all = ["expires_at", "expires_in"])]
    pub(crate) no_expiry: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Id of the key: `key_…`, as `keyctl list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// How long the old secret works still, at most 30 days: `90m`, `24h`, `7d` [default: not at all]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) overlap: Option<Duration>,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").args(["set", "add"]).required(true))]
pub(crate) struct CreditsArgs {
    /// Id of the key: `key_…`, as `keyctl list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// What is left from now on, 0 to 1,000,000,000
    #[arg(long, value_name = "N")]
    pub(crate) set: Option<u64>,

    /// How many to add to what is left, at most 1,000,000,000
    #[arg(long, value_name = "N")]
    pub(crate) add: Option<u64>,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// The scopes of an ordinary key, by name.
pub(super) fn scope_parser() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.map(Scope::as_str))
        .try_map(|text| Scope::from_name(&text).ok_or("no such scope"))
}
