//! Flags of the commands on root keys.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use edge_core::key_record::Metadata;
use edge_core::scope::AdminScope;

use super::key::{ExpiryArgs, NewExpiryArgs, OneKeyArgs, PageArgs, RotateArgs};
use super::{ApiArgs, RepeatArgs};
use crate::wire::parse_metadata;

#[derive(Debug, Subcommand)]
pub(crate) enum RootKeysCommand {
    /// Make a root key, with at most the scopes of the one that asks; it is printed once
    Create(CreateRootKeyArgs),
    /// List root keys
    List(RootKeyListArgs),
    /// Show what is known of one root key
    Show(OneKeyArgs),
    /// Change fields of a root key; what is not named stays
    Update(UpdateRootKeyArgs),
    /// Revoke a root key, for good
    Revoke(OneKeyArgs),
    /// Give a root key another secret, printed once; the old one works until the overlap ends
    Rotate(RotateArgs),
}

impl RootKeysCommand {
    pub(super) const fn json(&self) -> bool {
        match self {
            Self::Create(args) => args.api.json,
            Self::List(args) => args.api.json,
            Self::Show(args) | Self::Revoke(args) => args.api.json,
            Self::Update(args) => args.api.json,
            Self::Rotate(args) => args.api.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CreateRootKeyArgs {
    /// Name of the root key, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,

    /// What it may do; repeat for several
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = scope_parser())]
    pub(crate) scopes: Vec<AdminScope>,

    /// Address or CIDR block it may be used from; repeat for several [default: every one]
    #[arg(long = "allow-ip", value_name = "BLOCK")]
    pub(crate) allowed_ips: Vec<String>,

    /// Notes of your own: a JSON object of at most 1,024 bytes
    #[arg(long, value_name = "JSON", value_parser = parse_metadata)]
    pub(crate) metadata: Option<Metadata>,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RootKeyListArgs {
    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // Each is a flag.
pub(crate) struct UpdateRootKeyArgs {
    /// Id of the root key: `root_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// Another name, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// What it may do; repeat for several; together they replace the old
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scopes: Vec<AdminScope>,

    /// Address or CIDR block it may be used from; repeat for several; together they replace the old
    #[arg(long = "allow-ip", value_name = "BLOCK")]
    pub(crate) allowed_ips: Vec<String>,
    /// It may be used from every address
    #[arg(long, conflicts_with = "allowed_ips")]
    pub(crate) no_allow_ip: bool,

    #[command(flatten)]
    pub(crate) expiry: NewExpiryArgs,

    /// Notes of your own: a JSON object of at most 1,024 bytes
    #[arg(long, value_name = "JSON", value_parser = parse_metadata)]
    pub(crate) metadata: Option<Metadata>,
    /// No notes any more
    #[arg(long, conflicts_with = "metadata")]
    pub(crate) no_metadata: bool,

    /// Switch it on again
    #[arg(long, conflicts_with = "disable")]
    pub(crate) enable: bool,
    /// Switch it off until it is switched on again
    #[arg(long)]
    pub(crate) disable: bool,

    /// Only if it still has this version, as `keyctl root-keys show` gives it
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RootKeyCommand {
    /// Mint a root key, print it once, and set the Worker's secret to its SHA-256
    ///
    /// Runs `wrangler secret put ROOT_KEY_SHA256` with the hash on standard input; the key itself
    /// is never an argument, never in a file, and never leaves this process but by its output. A
    /// root key set earlier is refused from then on.
    Create(RootKeyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RootKeyArgs {
    /// What the root key starts with: 1 to 16 of a-z and 0-9
    #[arg(long, value_name = "PREFIX", default_value = "wkroot")]
    pub(crate) prefix: String,

    /// Only print the key and its SHA-256, as lines `ADMIN_TOKEN=` and `ROOT_KEY_SHA256=`
    #[arg(long, conflicts_with_all = ["env", "config", "wrangler"])]
    pub(crate) print: bool,

    /// Environment of wrangler.toml whose secret is set; passed on to wrangler
    #[arg(long, value_name = "ENV")]
    pub(crate) env: Option<String>,

    /// wrangler's configuration file; passed on to wrangler
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    /// The wrangler program [default: node_modules/.bin/wrangler where it exists, else that of PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) wrangler: Option<PathBuf>,

    /// Print `{"key":…,"sha256":…}` instead
    #[arg(long)]
    pub(crate) json: bool,
}

fn scope_parser() -> impl TypedValueParser<Value = AdminScope> {
    PossibleValuesParser::new(AdminScope::ALL.map(AdminScope::as_str)).try_map(|text| {
        AdminScope::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or("no such scope")
    })
}
