//! The verdict on a key.

use std::io::{Read as _, Write, stdin};

use ureq::http::Method;

use crate::cli::report::VerifyArgs;
use crate::error::Error;
use crate::path::ApiPath;
use crate::secret::PresentedKey;
use crate::table::{details, printable};
use crate::wire::{Question, Verification};

use super::{client, print};

/// Longest key that is read, in bytes: more than the edge takes of any kind.
const MAX_KEY_BYTES: u64 = 1_024;

/// Asks for the verdict on a key, and fails where it is not valid.
pub(crate) fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<(), Error> {
    let presented = if args.key.reveal() == "-" {
        from_standard_input()?
    } else {
        args.key.clone()
    };
    let key = presented.reveal().trim();
    if key.is_empty() || key.len() as u64 > MAX_KEY_BYTES {
        return Err(Error::Usage(format!("a key is 1 to {MAX_KEY_BYTES} bytes")));
    }
    let question = Question {
        key,
        scope: args.scope,
        cost: args.cost,
    };
    let path = ApiPath::of("/v1/keys/verify");
    let answer = client(&args.api)?.send_json::<Verification>(&Method::POST, &path, &question)?;
    print(&answer, args.api.json, out, verdict_table)?;
    if answer.value.valid {
        Ok(())
    } else {
        Err(Error::NotValid(printable(&answer.value.code)))
    }
}

fn from_standard_input() -> Result<PresentedKey, Error> {
    let mut text = String::new();
    stdin()
        .take(MAX_KEY_BYTES + 2)
        .read_to_string(&mut text)
        .map_err(|e| Error::Usage(format!("standard input holds no key: {e}")))?;
    Ok(PresentedKey::from(text))
}

fn verdict_table(verdict: &Verification) -> String {
    let mut rows = vec![("verdict", verdict.code.clone())];
    let texts = [("id", &verdict.key_id), ("owner", &verdict.owner)];
    for (name, text) in texts {
        rows.extend(text.clone().map(|text| (name, text)));
    }
    if let Some(remaining) = verdict.remaining {
        rows.push(("remaining", remaining.to_string()));
    }
    if let Some(seconds) = verdict.retry_after {
        rows.push(("try again in", format!("{seconds} s")));
    }
    if let Some(metadata) = &verdict.metadata {
        let json = serde_json::to_string(metadata).unwrap_or_default();
        rows.push(("metadata", json));
    }
    details(&rows)
}
