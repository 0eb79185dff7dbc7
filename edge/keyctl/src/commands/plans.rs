//! Plans: put, list, show, delete.

use std::io::Write;

use edge_core::plan::Plan;
use edge_core::scope::Scope;
use ureq::http::Method;

use crate::cli::plan::{OnePlanArgs, PlanCommand, PlanListArgs, PutPlanArgs};
use crate::credits_spec;
use crate::error::Error;
use crate::limit_spec::specs;
use crate::path::ApiPath;
use crate::table::{columns, details};
use crate::wire::{NewPlan, PlanList};

use super::{check_limits, client, print, print_done};

const PLANS: &str = "/admin/plans";

/// Runs one of the commands on plans.
pub(crate) fn run(command: PlanCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        PlanCommand::Put(args) => put(*args, out),
        PlanCommand::List(args) => list(&args, out),
        PlanCommand::Show(args) => show(&args, out),
        PlanCommand::Delete(args) => delete(&args, out),
    }
}

fn put(args: PutPlanArgs, out: &mut impl Write) -> Result<(), Error> {
    check_limits(&args.limits)?;
    if args.limits.is_empty() && args.credits.is_none() {
        let message = "a plan needs --limit or --credits: a key without either would be unlimited";
        return Err(Error::Usage(message.to_owned()));
    }
    let wish = NewPlan {
        limits: args.limits,
        credits: args.credits,
        scopes: args.scopes,
        models: args.models,
        cost: args.cost,
        permits_ahead: args.permits_ahead,
        retention_days: args.retention_days,
        self_service: args.self_service,
        version: args.version,
    };
    let path = ApiPath::of(PLANS).under(&args.plan)?;
    let answer = client(&args.api)?.send_json(&Method::PUT, &path, &wish)?;
    print(&answer, args.api.json, out, plan_table)
}

fn list(args: &PlanListArgs, out: &mut impl Write) -> Result<(), Error> {
    let answer = client(&args.api)?.get::<PlanList>(&ApiPath::of(PLANS))?;
    print(&answer, args.api.json, out, |plans| listing(&plans.data))
}

fn show(args: &OnePlanArgs, out: &mut impl Write) -> Result<(), Error> {
    let answer = client(&args.api)?.get(&ApiPath::of(PLANS).under(&args.plan)?)?;
    print(&answer, args.api.json, out, plan_table)
}

fn delete(args: &OnePlanArgs, out: &mut impl Write) -> Result<(), Error> {
    let path = ApiPath::of(PLANS).under(&args.plan)?;
    let body = client(&args.api)?.delete(&path)?;
    let done = format!("deleted plan {}", args.plan);
    print_done(&body, args.api.json, out, &done)
}

fn credits(plan: &Plan) -> String {
    plan.credits
        .as_ref()
        .map_or_else(|| "-".to_owned(), credits_spec::spec)
}

const fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn listing(plans: &[Plan]) -> String {
    let rows: Vec<[String; 5]> = plans
        .iter()
        .map(|plan| {
            [
                plan.name.clone(),
                specs(&plan.limits),
                credits(plan),
                yes_or_no(plan.self_service).to_owned(),
                plan.version.to_string(),
            ]
        })
        .collect();
    columns(
        ["PLAN", "LIMITS", "CREDITS", "SELF-SERVICE", "VERSION"],
        &rows,
    )
}

fn plan_table(plan: &Plan) -> String {
    let scopes: Vec<&str> = plan
        .scopes
        .iter()
        .map(|scope| Scope::as_str(*scope))
        .collect();
    details(&[
        ("plan", plan.name.clone()),
        ("limits", specs(&plan.limits)),
        ("credits", credits(plan)),
        ("scopes", scopes.join(", ")),
        ("models", plan.models.join(", ")),
        ("cost", plan.cost.to_string()),
        ("permits ahead", plan.permits_ahead.to_string()),
        ("transcripts", retention(plan)),
        ("self-service", yes_or_no(plan.self_service).to_owned()),
        ("version", plan.version.to_string()),
    ])
}

fn retention(plan: &Plan) -> String {
    match plan.retention_days {
        None => "kept for good".to_owned(),
        Some(1) => "kept for 1 day".to_owned(),
        Some(days) => format!("kept for {days} days"),
    }
}
