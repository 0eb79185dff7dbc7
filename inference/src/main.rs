//! `inference`: the service's program.

use std::process::ExitCode;

use clap::Parser as _;
use inference::bench::{self, BenchArgs};
use inference::config::{Cli, Command, Config};
use inference::doctor::{self, DoctorArgs};
use inference::server::Server;
use inference::telemetry;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => serve(&cli.serve),
        Some(Command::Serve(config)) => serve(&config),
        Some(Command::Doctor(args)) => examine(&args),
        Some(Command::Bench(args)) => measure(&args),
        Some(Command::Models(command)) => {
            match inference_models::command::run(&command, &mut std::io::stdout().lock()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&error.to_string()),
            }
        }
    }
}

fn examine(args: &DoctorArgs) -> ExitCode {
    // What whisper.cpp says while it loads is not what was asked for.
    let _telemetry = telemetry::start("off", None);
    let checks = doctor::examine(args);
    match doctor::report(&checks, args.json, &mut std::io::stdout().lock()) {
        Ok(()) if doctor::is_fit(&checks) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(cause) => fail(&cause.to_string()),
    }
}

fn measure(args: &BenchArgs) -> ExitCode {
    let _telemetry = telemetry::start("off", None);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(cause) => return fail(&cause.to_string()),
    };
    match runtime.block_on(bench::run(args)) {
        Ok(all) => match bench::write(&all, args.json, &mut std::io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(cause) => fail(&cause.to_string()),
        },
        Err(error) => fail(&error.to_string()),
    }
}

fn serve(config: &Config) -> ExitCode {
    // Kept to the end: dropping it sends the last spans.
    let _telemetry = match telemetry::start(&config.log, config.otlp_endpoint.as_deref()) {
        Ok(telemetry) => telemetry,
        Err(cause) => return fail(&cause),
    };
    // A thousand open connections need more than the usual 1,024 descriptors.
    if let Err(cause) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%cause, "can't raise the limit of open files");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Files and decoders; the latter have a bound of their own. More only cost memory.
        .max_blocking_threads(32)
        .build()
    {
        Ok(runtime) => runtime,
        Err(cause) => return fail(&cause.to_string()),
    };
    runtime.block_on(async {
        let signal = match termination() {
            Ok(signal) => signal,
            Err(cause) => return fail(&cause.to_string()),
        };
        match Server::start(config).await {
            Ok(server) => {
                server.run(signal).await;
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error.to_string()),
        }
    })
}

/// Ends with SIGTERM or SIGINT.
fn termination() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn fail(message: &str) -> ExitCode {
    eprintln!("inference: {message}");
    ExitCode::FAILURE
}
