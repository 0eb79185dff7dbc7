//! Usage: how much, how it ended, how fast; drawn by hour or by day.

use std::io::{IsTerminal as _, Write, stdout};

use crate::cli::report::{Step, UsageArgs};
use crate::error::Error;
use crate::note;
use crate::path::ApiPath;
use crate::terminal::columns_of_stdout;
use crate::time_spec::now;
use crate::usage_view::{Canvas, draw};
use crate::wire::UsageReport;

use super::keys::{KEYS, key};
use super::{client, print};

/// What `--by day` shows by itself; the API's own default is a day of hours.
const DAYS_SHOWN: u64 = 30 * 86_400;
/// Columns of a drawing that goes to no terminal.
const PLAIN_COLUMNS: usize = 100;

/// Draws a report of usage.
pub(crate) fn usage(args: &UsageArgs, out: &mut impl Write) -> Result<(), Error> {
    let from = match (args.from, args.by) {
        (None, Some(Step::Day)) => Some(args.to.unwrap_or_else(now).saturating_sub(DAYS_SHOWN)),
        (from, _) => from,
    };
    if let (Some(from), Some(to)) = (from, args.to)
        && from >= to
    {
        return Err(Error::Usage("--from must be before --to".to_owned()));
    }
    let by = args.by.map(|step| match step {
        Step::Hour => "hour",
        Step::Day => "day",
    });
    let (from, to) = (
        from.map(|at| at.to_string()),
        args.to.map(|at| at.to_string()),
    );
    let path = match &args.id {
        Some(id) => key(KEYS, id)?.then("usage"),
        None => ApiPath::of("/admin/usage"),
    };
    let path = path.query(&[
        ("owner", args.owner.as_deref()),
        ("plan", args.plan.as_deref()),
        ("from", from.as_deref()),
        ("to", to.as_deref()),
        ("by", by),
    ]);
    let answer = client(&args.api)?.get::<UsageReport>(&path)?;
    let terminal = stdout().is_terminal();
    let canvas = Canvas {
        columns: columns_of_stdout().unwrap_or(PLAIN_COLUMNS),
        ascii: args.ascii || !terminal,
    };
    print(&answer, args.api.json, out, |report| {
        draw(report, now(), canvas)
    })?;
    if args.id.is_none() && !args.api.json && answer.value.total.requests == 0 {
        note(
            "What keys have just used is told within minutes; `keyctl usage ID` shows it at once.",
        );
    }
    Ok(())
}
