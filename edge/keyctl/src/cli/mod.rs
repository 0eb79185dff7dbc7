//! The flags, and what `--help` says of each.

pub(crate) mod file;
mod help;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod owner;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod root;
pub(crate) mod transcribe;
pub(crate) mod webhook;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use help::grouped;

use crate::idempotency::parse_key;
use crate::secret::PresentedKey;
use crate::time_spec::parse_duration;
use file::{BulkArgs, CreateManyArgs, ImportArgs};
use job::JobsCommand;
use key::{CreateArgs, CreditsArgs, ListArgs, OneKeyArgs, RotateArgs, UpdateArgs};
use owner::{OwnerCommand, PurgeArgs};
use plan::PlanCommand;
use report::{AuditArgs, HostsArgs, UsageArgs, VerifyArgs};
use root::{RootKeyCommand, RootKeysCommand};
use transcribe::TranscribeArgs;
use webhook::WebhooksCommand;

/// Administers the API keys of a whisper-edge deployment, and transcribes with one.
#[derive(Debug, Parser)]
#[command(name = "keyctl", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Transcribe recordings, and write text or subtitles beside them
    ///
    /// `talk.flac` becomes `talk.txt`, `talk.srt`, `talk.vtt` or `talk.json`, and what is there already is not
    /// replaced without --force. The name of each new file is printed, after the transcript's id where it is kept
    /// (--store, --job). Files above 25 MiB are uploaded in parts and done as jobs, and waited for.
    ///
    /// What may pass is waited for: a limit that is reached, a host that is busy, a connection that breaks. One
    /// file's failure does not end the others; exit code 1 where any failed.
    Transcribe(Box<TranscribeArgs>),
    /// Your jobs: how they stand, wait, cancel; dead ones, for root keys
    Jobs {
        #[command(subcommand)]
        command: JobsCommand,
    },
    /// Your webhooks: make, change, test, look at deliveries
    Webhooks {
        #[command(subcommand)]
        command: WebhooksCommand,
    },

    /// Make a key; it is printed once and kept nowhere
    ///
    /// The key alone goes to standard output, what is known of it to standard error.
    Create(Box<CreateArgs>),
    /// List keys, by owner and name
    List(ListArgs),
    /// Show what is known of one key
    Show(OneKeyArgs),
    /// Change fields of a key; what is not named stays
    Update(Box<UpdateArgs>),
    /// Switch a key on again
    Enable(OneKeyArgs),
    /// Switch a key off until it is switched on again
    ///
    /// The very next request with it is refused.
    Disable(OneKeyArgs),
    /// Give a key another secret, printed once and kept nowhere
    ///
    /// The old secret works until the overlap ends, or not at all any more.
    Rotate(RotateArgs),
    /// Set what is left of a key's credits, or add to it
    Credits(CreditsArgs),
    /// Revoke a key, for good; the very next request with it is refused
    ///
    /// Revoking a revoked key changes nothing and succeeds.
    Revoke(OneKeyArgs),

    /// Make the keys that a file wishes for, through the API
    ///
    /// Each key is printed once, as a line of JSON: {"id":…,"name":…,"owner":…,"key":…}. All wishes of a
    /// call (at most 1,000) are checked before the first is carried out. An entry of the file has the
    /// fields of `POST /admin/keys`:
    ///
    /// {"name":"ci","owner":"acme","plan":"pro","expires_at":1800000000,"metadata":{"team":"a"}}
    ///
    /// {"name":"app","limits":[{"name":"day","kind":"quota","limit":1000,"period":"day"}]}
    CreateMany(CreateManyArgs),
    /// Take in keys that were minted elsewhere, by their SHA-256
    ///
    /// The deployment's setting IMPORTED_KEY_PREFIXES must name how such keys begin. An entry of a file:
    ///
    /// {"hash":"9f86d081…","start":"sk-4fQz","key":{"name":"old-app","plan":"pro"}}
    Import(Box<ImportArgs>),
    /// Mint keys on this machine, for `wrangler kv bulk put`
    ///
    /// For very many keys at once: writes the file that wrangler takes, and sends nothing. The wishes are checked by the rules of the API, and
    /// the entries are those it would write. Each key is printed once, as a line of JSON.
    Bulk(BulkArgs),

    /// Plans: what the keys on one have in common
    Plan {
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Owners: limits that keys share, deletion of everything about one
    Owner {
        #[command(subcommand)]
        command: OwnerCommand,
    },
    /// Delete everything about an owner (the same as `owner purge`)
    PurgeOwner(PurgeArgs),

    /// Draw what was used, of one key, an owner, a plan, or all
    ///
    /// Of one key it is up to now. The figures of several lack what their keys have not told yet: the
    /// last minutes, by the deployment's setting USAGE_FLUSH_SECONDS (300).
    Usage(UsageArgs),
    /// List who changed what, newest first
    Audit(AuditArgs),
    /// List the inference hosts, as the location that answers sees them
    Hosts(HostsArgs),
    /// Ask for the verdict on a key; exit code 1 where it is not valid
    Verify(VerifyArgs),

    /// Root keys with scopes of their own, made through the API
    RootKeys {
        #[command(subcommand)]
        command: RootKeysCommand,
    },
    /// The first root key, the Worker's secret; set with wrangler
    RootKey {
        #[command(subcommand)]
        command: RootKeyCommand,
    },
}

impl Command {
    /// Whether the output is for programs.
    pub(crate) const fn json(&self) -> bool {
        match self {
            Self::Jobs { command } => command.json(),
            Self::Webhooks { command } => command.json(),
            Self::Create(args) => args.api.json,
            Self::List(args) => args.api.json,
            Self::Show(args) | Self::Enable(args) | Self::Disable(args) | Self::Revoke(args) => {
                args.api.json
            }
            Self::Update(args) => args.api.json,
            Self::Rotate(args) => args.api.json,
            Self::Credits(args) => args.api.json,
            Self::CreateMany(args) => args.api.json,
            Self::Import(args) => args.api.json,
            // Their output is not the API's JSON: lines of their own.
            Self::Transcribe(_) | Self::Bulk(_) => false,
            Self::Plan { command } => command.json(),
            Self::Owner { command } => command.json(),
            Self::PurgeOwner(args) => args.api.json,
            Self::Usage(args) => args.api.json,
            Self::Audit(args) => args.api.json,
            Self::Hosts(args) => args.api.json,
            Self::Verify(args) => args.api.json,
            Self::RootKeys { command } => command.json(),
            Self::RootKey {
                command: RootKeyCommand::Create(args),
            } => args.json,
        }
    }
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

/// Where the API is, and how a caller speaks with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct CallerArgs {
    /// Address of the edge, as `https://host[:port]`; plain http only on this machine (localhost)
    #[arg(long, env = "EDGE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) url: Option<String>,

    #[command(flatten)]
    pub(crate) call: CallArgs,
}

/// How a caller speaks with an edge, wherever it is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct CallArgs {
    /// API key; better in the environment variable, where other users of this machine cannot read it
    #[arg(long, env = "API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<PresentedKey>,

    /// How long to wait for an answer in all, as `30s` or `2m`; for a recording, while nothing moves
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub(crate) timeout: Duration,

    /// Print JSON: exactly the API's, or one line for each file
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a call that makes or adds something may be repeated.
#[derive(Debug, Args)]
pub(crate) struct RepeatArgs {
    /// Repeat a call whose answer was lost: the key that its error named; the call is carried out once
    /// at most, and what it made is printed (each call has a random one of its own otherwise)
    #[arg(long, value_name = "TEXT", value_parser = parse_key)]
    pub(crate) idempotency_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        grouped(Cli::command()).debug_assert();
    }

    #[test]
    fn every_flag_and_command_is_explained() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
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
    fn an_api_key_that_is_given_shows_in_no_debug() {
        for command in [
            "transcribe a.wav",
            "jobs list",
            "webhooks create --url https://a.example",
        ] {
            let words = ["keyctl"].into_iter().chain(command.split(' '));
            let cli = Cli::try_parse_from(words.chain(["--api-key", "s3cr3t"])).unwrap();
            assert!(!format!("{cli:?}").contains("s3cr3t"), "{command}");
        }
    }

    #[test]
    fn no_flag_takes_the_root_key_itself() {
        for flag in ["--token", "--root-key", "--admin-token"] {
            let error = Cli::try_parse_from(["keyctl", "list", flag, "x"]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::UnknownArgument);
        }
    }
}
