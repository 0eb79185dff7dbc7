//! Flags of the commands that work on files of many keys.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use edge_core::api_key::KeyEnv;
use edge_core::limit::Limit;

use super::key::{ExpiryArgs, KeyFields};
use super::{ApiArgs, RepeatArgs};
use crate::limit_spec::parse_limit;

#[derive(Debug, Args)]
pub(crate) struct CreateManyArgs {
    /// The wishes, `-` for standard input: JSON lines, or a JSON array, of {"name":…,"owner":…,…}, the
    /// fields of `POST /admin/keys`
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// New file for the keys, readable by you alone, instead of standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) keys_out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) repeat: RepeatArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").args(["file", "hash"]).required(true))]
pub(crate) struct ImportArgs {
    /// The keys, `-` for standard input: JSON lines, or a JSON array, of
    /// {"hash":…,"start":…,"key":{"name":…,…}}
    #[arg(value_name = "FILE", conflicts_with_all = ["name", "start", "KeyFields", "ExpiryArgs"])]
    pub(crate) file: Option<PathBuf>,

    /// One key instead of a file: SHA-256 of its text, 64 hex digits
    #[arg(long, value_name = "SHA256", requires = "name")]
    pub(crate) hash: Option<String>,

    /// Its first characters, for people: at most 16
    #[arg(long, value_name = "TEXT", default_value = "", requires = "hash")]
    pub(crate) start: String,

    /// Its name, for people: 1 to 100 characters
    #[arg(long, value_name = "NAME", requires = "hash")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) fields: KeyFields,

    #[command(flatten)]
    pub(crate) expiry: ExpiryArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BulkArgs {
    /// The wishes, `-` for standard input: as `create-many` takes them
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// New file for the entries of KV, readable by you alone; `wrangler kv bulk put` takes it
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,

    /// New file for the keys, readable by you alone, instead of standard output
    #[arg(long, value_name = "PATH")]
    pub(crate) keys_out: Option<PathBuf>,

    /// The plans that the wishes name: what `keyctl plan list --json` printed
    #[arg(long, value_name = "PATH")]
    pub(crate) plans: Option<PathBuf>,

    /// What the keys start with: the deployment's setting KEY_PREFIX
    #[arg(long, value_name = "PREFIX", default_value = "wk")]
    pub(crate) prefix: String,

    /// What the keys are for: the deployment's setting KEY_ENV
    #[arg(long, value_name = "ENV", default_value = "live")]
    pub(crate) env: Environment,

    /// Limit, repeatable, of keys that have neither plan nor limits: the deployment's DEFAULT_LIMITS
    /// [default: minute=60/1m]
    #[arg(long = "default-limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) default_limits: Vec<Limit>,
}

/// What minted keys are for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Environment {
    /// Production
    Live,
    /// Trials and tests
    Test,
}

impl From<Environment> for KeyEnv {
    fn from(env: Environment) -> Self {
        match env {
            Environment::Live => Self::Live,
            Environment::Test => Self::Test,
        }
    }
}
