//! Flags of the commands on jobs.

use clap::builder::NonEmptyStringValueParser as Filled;
use clap::{Args, Subcommand, ValueEnum};

use super::key::PageArgs;
use super::{ApiArgs, CallerArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List your jobs, newest first
    List(JobListArgs),
    /// Show how one job stands
    Show(OneJobArgs),
    /// Wait for a job to end; exit code 1 where it failed or was cancelled
    ///
    /// An interrupt ends the waiting, and not the job.
    Watch(OneJobArgs),
    /// End a job, also one that is under way; one that is over stays as it is
    Cancel(OneJobArgs),
    /// List jobs that failed for good on the side of the deployment (root key)
    Dead(DeadJobsArgs),
    /// Have dead jobs done once more (root key)
    Retry(RetryArgs),
}

impl JobsCommand {
    pub(super) const fn json(&self) -> bool {
        match self {
            Self::List(args) => args.caller.call.json,
            Self::Show(args) | Self::Watch(args) | Self::Cancel(args) => args.caller.call.json,
            Self::Dead(args) => args.api.json,
            Self::Retry(args) => args.api.json,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct JobListArgs {
    /// Only the jobs that stand like this
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<State>,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// It waits for its turn
    Queued,
    /// It is under way
    Running,
    /// It has led to a transcript
    Succeeded,
    /// It has ended without one
    Failed,
    /// It was ended
    Cancelled,
}

#[derive(Debug, Args)]
pub(crate) struct OneJobArgs {
    /// Id of the job: `job_…`
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeadJobsArgs {
    /// Only those of this owner
    #[arg(long, value_name = "OWNER", value_parser = Filled::new())]
    pub(crate) owner: Option<String>,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Ids of the jobs: `job_…`
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,

    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
