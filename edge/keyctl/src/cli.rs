//! The flags, and what `--help` says of each.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use edge_core::admin::MAX_PAGE;
use edge_core::key_record::Scope;
use edge_core::limit::Limit;

use crate::limit_spec::parse_limit;
use crate::time_spec::{parse_duration, parse_instant};
use crate::wire::{Metadata, parse_metadata};

const AFTER_HELP: &str = "\
The root key comes from the environment variable ADMIN_TOKEN or from --token-file. There is no flag \
for it: every user of a machine can read the arguments of every process, and shells keep them in \
their history.

Where no address is given and the working directory holds `.dev/env` (`make run` writes it), the \
address and the root key of the local run are taken from there.

Exit codes: 0 done; 1 the API refused (its code and message are printed); 2 wrong use; 3 the edge or \
wrangler could not be reached or understood.";

/// Administers the API keys of a whisper-edge deployment.
#[derive(Debug, Parser)]
#[command(name = "keyctl", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key; it is printed once and kept nowhere
    ///
    /// The key alone goes to standard output, what is known of it to standard error.
    #[command(after_help = AFTER_HELP)]
    Create(Box<CreateArgs>),
    /// List keys
    #[command(after_help = AFTER_HELP)]
    List(ListArgs),
    /// Show what is known of one key
    #[command(after_help = AFTER_HELP)]
    Show(OneKeyArgs),
    /// Revoke a key, for good; the very next request with it is refused
    ///
    /// Revoking a revoked key changes nothing and succeeds.
    #[command(after_help = AFTER_HELP)]
    Revoke(OneKeyArgs),
    /// The root key, which administers all others
    RootKey {
        #[command(subcommand)]
        command: RootKeyCommand,
    },
}

impl Command {
    /// Whether the output is for programs.
    pub(crate) const fn json(&self) -> bool {
        match self {
            Self::Create(args) => args.api.json,
            Self::List(args) => args.api.json,
            Self::Show(args) | Self::Revoke(args) => args.api.json,
            Self::RootKey {
                command: RootKeyCommand::Create(args),
            } => args.json,
        }
    }
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

/// Where the admin API is, and how to speak with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ApiArgs {
    /// Address of the edge, as `https://host[:port]`; plain http only on this machine (localhost)
    #[arg(long, env = "EDGE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    /// File that holds the root key; goes before the environment variable `ADMIN_TOKEN`
    #[arg(long, value_name = "PATH")]
    pub(crate) token_file: Option<PathBuf>,

    /// How long to wait for an answer in all, as `30s` or `2m`
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,

    /// Print exactly the API's JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the key, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,

    /// Whom the key belongs to: an id of your own, 1 to 64 of A-Z a-z 0-9 . _ @ | + -
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,

    /// What the key may do; repeat for several [default: all]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scopes: Vec<Scope>,

    /// Model the key may use; repeat for several [default: `*`, every one]
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,

    /// Limit, repeatable: `minute=100/60s` (rate, in any window of s, m, h or d) or
    /// `day=1000/day` (quota of the calendar day, week or month, UTC) [default: the deployment's]
    #[arg(long = "limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) limits: Vec<Limit>,

    /// From when on the key is refused: RFC 3339 (`2027-01-31T00:00:00Z`) or unix seconds
    #[arg(long, value_name = "TIME", value_parser = parse_instant)]
    pub(crate) expires_at: Option<u64>,

    /// After how long the key is refused: `90m`, `12h`, `30d`, `4w`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "expires_at")]
    pub(crate) expires_in: Option<Duration>,

    /// Notes of your own: a JSON object of at most 1,024 bytes
    #[arg(long, value_name = "JSON", value_parser = parse_metadata)]
    pub(crate) metadata: Option<Metadata>,

    /// Make the key switched off: it is refused until it is switched on
    #[arg(long)]
    pub(crate) disabled: bool,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only the keys of this owner
    #[arg(long, value_name = "OWNER")]
    pub(crate) owner: Option<String>,

    /// Most keys of one page [default: the API's 100, with --all 1,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAGE)))]
    pub(crate) limit: Option<u32>,

    /// Where the page starts: the `next_cursor` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,

    /// Every page to the last, as one
    #[arg(long, conflicts_with = "cursor")]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
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

fn scope_parser() -> impl clap::builder::TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)).try_map(|text| {
        Scope::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or("no such scope")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_explained() {
        fn walk(command: &clap::Command) {
            for arg in command.get_arguments() {
                assert!(
                    arg.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    arg.get_id()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }

    #[test]
    fn no_flag_takes_the_root_key_itself() {
        for flag in ["--token", "--root-key", "--admin-token"] {
            let error = Cli::try_parse_from(["keyctl", "list", flag, "x"]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::UnknownArgument);
        }
    }
}
