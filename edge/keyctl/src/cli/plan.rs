//! Flags of the commands on plans.

use clap::{Args, Subcommand};
use edge_core::credits::Credits;
use edge_core::limit::Limit;
use edge_core::scope::Scope;

use super::ApiArgs;
use super::key::scope_parser;
use crate::credits_spec::parse_credits;
use crate::limit_spec::parse_limit;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Make a plan, or replace it: what is left out is as in a new one
    ///
    /// Its limits reach the keys on it at once, everything else within a minute.
    Put(Box<PutPlanArgs>),
    /// List all plans
    List(PlanListArgs),
    /// Show one plan
    Show(OnePlanArgs),
    /// Delete a plan that no key is on
    Delete(OnePlanArgs),
}

impl PlanCommand {
    pub(super) const fn json(&self) -> bool {
        match self {
            Self::Put(args) => args.api.json,
            Self::List(args) => args.api.json,
            Self::Show(args) | Self::Delete(args) => args.api.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PutPlanArgs {
    /// Name of the plan: 1 to 32 of a-z 0-9 _ -
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,

    /// Limit of each key on it, repeatable; the forms stand below
    #[arg(long = "limit", value_name = "NAME=N/TIME", value_parser = parse_limit)]
    pub(crate) limits: Vec<Limit>,

    /// Credits that a key starts with: `1000` or `1000+500/month`
    #[arg(long, value_name = "N[+N/PERIOD]", value_parser = parse_credits)]
    pub(crate) credits: Option<Credits>,

    /// What its keys may do; repeat for several [default: all]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope_parser())]
    pub(crate) scopes: Vec<Scope>,

    /// Model its keys may use; repeat for several [default: `*`, every one]
    #[arg(long = "model", value_name = "MODEL")]
    pub(crate) models: Vec<String>,

    /// What one request weighs in limits and credits, 1 to 1,000,000 [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) cost: Option<u32>,

    /// Permits that one place of the edge may take ahead, 0 to 1,000: faster, but so many too many at
    /// the worst [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) permits_ahead: Option<u32>,

    /// For how many days transcripts are kept that its keys ask to keep, 1 to 36,500 [default: for good]
    #[arg(long, value_name = "DAYS")]
    pub(crate) retention_days: Option<u32>,

    /// People may choose it without an administrator
    #[arg(long)]
    pub(crate) self_service: bool,

    /// Only if the plan still has this version, as `keyctl plan show` gives it; 0: only if it is new
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PlanListArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OnePlanArgs {
    /// Name of the plan
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
