//! Command line of the edge: administration of its keys, and transcription with one.
//!
//! Exit codes: 0 done; 1 the API refused, or a file or job failed; 2 wrong use; 3 the other side (the
//! edge, wrangler) could not be reached or understood; 130 interrupted.

mod bars;
mod cli;
mod client;
mod commands;
mod confirm;
mod connection;
mod credits_spec;
mod edge_url;
mod entries_file;
mod error;
mod events;
mod exchange;
mod figures;
mod idempotency;
mod job_watch;
mod job_wire;
mod key_sink;
mod key_view;
mod limit_spec;
mod multipart;
mod offline;
mod path;
mod patience;
mod progress;
mod rng;
mod root_key;
mod secret;
mod table;
mod terminal;
mod time_spec;
mod underway;
mod usage_view;
mod webhook_wire;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::cli::root::RootKeyCommand;
use crate::cli::{Cli, Command};
use crate::commands::{
    audit, bulk, hosts, jobs, keys, many, owners, plans, root_keys, transcribe, update, usage,
    verify, webhooks,
};
use crate::error::Error;

fn main() -> ExitCode {
    let matches = cli::grouped(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let json = cli.command.json();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error, json),
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    let out = &mut io::stdout().lock();
    match cli.command {
        Command::Transcribe(args) => transcribe::transcribe(&args, out),
        Command::Jobs { command } => jobs::run(command, out),
        Command::Webhooks { command } => webhooks::run(command, out),
        Command::Create(args) => keys::create(*args, out),
        Command::List(args) => keys::list(&args, out),
        Command::Show(args) => keys::show(keys::KEYS, &args, out),
        Command::Update(args) => update::update(*args, out),
        Command::Enable(args) => update::switch(true, &args, out),
        Command::Disable(args) => update::switch(false, &args, out),
        Command::Rotate(args) => keys::rotate(keys::KEYS, &args, out),
        Command::Credits(args) => keys::credits(&args, out),
        Command::Revoke(args) => keys::revoke(keys::KEYS, &args, out),
        Command::CreateMany(args) => many::create_many(&args, out),
        Command::Import(args) => many::import(*args, out),
        Command::Bulk(args) => bulk::bulk(&args, out),
        Command::Plan { command } => plans::run(command, out),
        Command::Owner { command } => owners::run(command, out),
        Command::PurgeOwner(args) => owners::purge(&args, out),
        Command::Usage(args) => usage::usage(&args, out),
        Command::Audit(args) => audit::audit(&args, out),
        Command::Hosts(args) => hosts::hosts(&args, out),
        Command::Verify(args) => verify::verify(&args, out),
        Command::RootKeys { command } => root_keys::run(command, out),
        Command::RootKey {
            command: RootKeyCommand::Create(args),
        } => root_key::create(&args, out),
    }
}

/// Tells what went wrong, on standard error; under `--json` also the API's own words on standard
/// output. A reader that has gone (`keyctl list | head`) has had what it wanted.
fn report(error: &Error, json: bool) -> ExitCode {
    if error.is_closed_pipe() {
        return ExitCode::SUCCESS;
    }
    // Nowhere is left to complain when these fail; the exit code still tells.
    if let (Some(refusal), true) = (error.refusal(), json) {
        let _ = writeln!(io::stdout(), "{}", refusal.json.trim_end());
    }
    let _ = writeln!(io::stderr(), "keyctl: {error}");
    ExitCode::from(error.exit_code())
}

/// A remark beside the output.
fn note(text: &str) {
    // Losing a remark harms nobody; `eprintln!` would panic.
    let _ = writeln!(io::stderr(), "{text}");
}
