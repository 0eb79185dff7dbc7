//! Flags of the commands on owners.

use clap::{ArgGroup, Args, Subcommand};
use edge_core::limit::Limit;

use super::ApiArgs;
use crate::limit_spec::parse_limit;

#[derive(Debug, Subcommand)]
pub(crate) enum OwnerCommand {
    /// Show an owner: limits that all keys share, number of keys
    Show(OneOwnerArgs),
    /// Set the limits that all keys of an owner share; they replace the old ones
    Limits(OwnerLimitsArgs),
    /// Delete everything about an owner, for good: keys, usage, audit
    ///
    /// What stays is that those keys are revoked. It may be repeated, after a failure for instance, until
    /// it finds nothing.
    Purge(PurgeArgs),
}

impl OwnerCommand {
    pub(super) const fn json(&self) -> bool {
        match self {
            Self::Show(args) => args.api.json,
            Self::Limits(args) => args.api.json,
            Self::Purge(args) => args.api.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct OneOwnerArgs {
    /// External id of the owner
    #[arg(value_name = "OWNER")]
    pub(crate) owner: String,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("wish").args(["limits", "none"]).required(true))]
pub(crate) struct OwnerLimitsArgs {
    /// External id of the owner
    #[arg(value_name = "OWNER")]
    pub(crate) owner: String,

    /// Limit that all keys share, repeatable; the forms stand below
    #[arg(long = "limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) limits: Vec<Limit>,

    /// No shared limits any more
    #[arg(long)]
    pub(crate) none: bool,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// External id of the owner
    #[arg(value_name = "OWNER")]
    pub(crate) owner: String,

    /// Do not ask; needed where nobody can be asked
    #[arg(long)]
    pub(crate) yes: bool,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
