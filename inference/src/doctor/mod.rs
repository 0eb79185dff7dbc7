//! `inference doctor`: looks at a host before it serves, and says what to do about what is wrong.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

use crate::config::Config;

mod machine;
mod network;
mod setup;

/// What `doctor` is told: the settings that `serve` would be started with. An edge among them is asked whether it can be
/// reached, and what time it has.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The settings of the service.
    #[command(flatten)]
    pub serve: Config,
    /// Give the result as JSON: a list of `{check, verdict, found, advice}`.
    #[arg(long, env = "INFERENCE_DOCTOR_JSON", help_heading = "Doctor")]
    pub json: bool,
}

/// How it stands with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// The service runs, but not as it might.
    Warn,
    /// The service does not start, or refuses every request.
    Fail,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word or two.
    pub check: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What there is.
    pub found: String,
    /// What to do, where something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            found: found.into(),
            advice: None,
        }
    }

    fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            advice: Some(advice.into()),
            ..Self::ok(check, found)
        }
    }

    fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Fail,
            ..Self::warn(check, found, advice)
        }
    }
}

/// Looks at everything; seconds for large models, which are loaded once.
pub fn examine(args: &DoctorArgs) -> Vec<Check> {
    let config = &args.serve;
    let mut checks = vec![
        machine::cores(config),
        machine::memory(config),
        machine::open_files(config),
        machine::spool(config),
        machine::gpu(),
        setup::secrets(config),
    ];
    checks.extend(setup::models(config));
    checks.push(network::listen(config));
    checks.extend(network::edge_and_clock(args.serve.edge_url.as_deref()));
    checks
}

/// Writes what was found, as lines for people or as JSON.
pub fn report(checks: &[Check], json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, checks)?;
        return writeln!(out);
    }
    for check in checks {
        let verdict = check.verdict.as_str();
        writeln!(out, "{verdict:<5} {:<14} {}", check.check, check.found)?;
        if let Some(advice) = &check.advice {
            writeln!(out, "{:<21}-> {advice}", "")?;
        }
    }
    Ok(())
}

/// Whether the service would start and serve.
pub fn is_fit(checks: &[Check]) -> bool {
    checks.iter().all(|c| c.verdict != Verdict::Fail)
}

/// Bytes as people read them.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure_and_every_trouble_says_what_to_do() {
        let checks = [
            Check::ok("cores", "2"),
            Check::warn("memory", "little", "buy some"),
        ];
        assert!(is_fit(&checks));
        let failed = Check::fail("secrets", "none", "set them");
        assert!(!is_fit(&[checks[0].clone(), failed.clone()]));

        let mut text = Vec::new();
        report(std::slice::from_ref(&failed), false, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("fail  secrets"), "{text}");
        assert!(text.contains("-> set them"), "{text}");

        let mut json = Vec::new();
        report(&[failed], true, &mut json).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json[0]["verdict"], "fail");
        assert_eq!(json[0]["advice"], "set them");
    }
}
