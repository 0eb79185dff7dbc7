//! The first root key: minted here, its SHA-256 given to the Worker as a secret.

use std::ffi::OsString;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use edge_core::api_key::{ApiKey, KeyEnv, KeyFormat};
use serde_json::json;

use crate::cli::root::RootKeyArgs;
use crate::error::Error;
use crate::note;
use crate::rng::SystemRng;

const SECRET: &str = "ROOT_KEY_SHA256";
/// The wrangler of the project's own package.json, at the version it was tested with.
const PROJECT_WRANGLER: &str = "node_modules/.bin/wrangler";

/// Mints a root key, sets the secret unless told only to print, and shows the key once.
///
/// The secret is set first: a key that is shown is a key that works.
pub(crate) fn create(args: &RootKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let format = KeyFormat::new(&args.prefix, KeyEnv::Live)
        .ok_or_else(|| Error::Usage("--prefix must be 1 to 16 of a-z and 0-9".to_owned()))?;
    let key = format.mint(None, &mut SystemRng)?;
    if !args.print {
        put_secret(args, &key.hash().to_hex())?;
    }
    show(args, &key, out).map_err(|cause| {
        if args.print {
            Error::Output(cause)
        } else {
            Error::RootKeyNotShown(cause)
        }
    })?;
    note(
        "This root key is shown once and kept nowhere: store it now. keyctl reads it from ADMIN_TOKEN or --token-file.",
    );
    Ok(())
}

fn show(args: &RootKeyArgs, key: &ApiKey, out: &mut impl Write) -> std::io::Result<()> {
    let (text, hash) = (key.reveal(), key.hash().to_hex());
    if args.json {
        writeln!(out, "{}", json!({"key": text, "sha256": hash}))?;
    } else if args.print {
        writeln!(out, "ADMIN_TOKEN={text}\n{SECRET}={hash}")?;
    } else {
        writeln!(out, "{text}")?;
    }
    out.flush()
}

/// `wrangler secret put ROOT_KEY_SHA256`, with the hash on its standard input. What wrangler says goes
/// to standard error: standard output is for the key alone.
fn put_secret(args: &RootKeyArgs, hash: &str) -> Result<(), Error> {
    let program = wrangler(args.wrangler.as_deref());
    let cannot_run = |cause| Error::WranglerMissing {
        program: program.display().to_string(),
        cause,
    };
    let mut child = Command::new(&program)
        .args(wrangler_args(args))
        // A root key of now is none of wrangler's business.
        .env_remove("ADMIN_TOKEN")
        .stdin(Stdio::piped())
        .stdout(stderr())
        .spawn()
        .map_err(cannot_run)?;
    let written = match child.stdin.take() {
        // Dropped at the end of the arm: wrangler reads to the end of its input.
        Some(mut stdin) => stdin.write_all(hash.as_bytes()),
        None => Ok(()),
    };
    let status = child.wait().map_err(cannot_run)?;
    if !status.success() {
        return Err(Error::WranglerFailed(status.to_string()));
    }
    written.map_err(|e| Error::WranglerFailed(format!("it did not read the hash: {e}")))
}

fn wrangler(given: Option<&Path>) -> PathBuf {
    match given {
        Some(program) => program.to_owned(),
        None if Path::new(PROJECT_WRANGLER).exists() => PROJECT_WRANGLER.into(),
        None => "wrangler".into(),
    }
}

fn wrangler_args(args: &RootKeyArgs) -> Vec<OsString> {
    let mut list: Vec<OsString> = ["secret", "put", SECRET].map(Into::into).into();
    if let Some(env) = &args.env {
        list.extend(["--env".into(), env.into()]);
    }
    if let Some(config) = &args.config {
        list.extend(["--config".into(), config.into()]);
    }
    list
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn root_keys_are_well_formed_and_never_the_same() {
        let format = KeyFormat::new("wkroot", KeyEnv::Live).unwrap();
        let keys: BTreeSet<String> = (0..100)
            .map(|_| {
                format
                    .mint(None, &mut SystemRng)
                    .unwrap()
                    .reveal()
                    .to_owned()
            })
            .collect();
        assert_eq!(keys.len(), 100);
        assert!(keys.iter().all(|key| format.parse(key).is_ok()));
    }
}
