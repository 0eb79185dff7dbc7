//! Command line for administrators of API keys: a client of the edge's admin API.
//!
//! Exit codes: 0 done; 1 the API refused; 2 wrong use; 3 the other side (the edge, wrangler) could
//! not be reached or understood.

mod cli;
mod client;
mod commands;
mod connection;
mod edge_url;
mod error;
mod limit_spec;
mod root_key;
mod secret;
mod table;
mod time_spec;
mod wire;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, RootKeyCommand};
use crate::error::Error;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.command.json();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error, json),
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    let out = &mut io::stdout().lock();
    match cli.command {
        Command::Create(args) => commands::create(args, out),
        Command::List(args) => commands::list(&args, out),
        Command::Show(args) => commands::show(&args, out),
        Command::Revoke(args) => commands::revoke(&args, out),
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
    if let (Error::Refused(refusal), true) = (error, json) {
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
