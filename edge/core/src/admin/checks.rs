//! Bounds of what an administrator may say.

use super::invalid;
use crate::change::KeyPatch;
use crate::config::is_model_name;
use crate::credits::Credits;
use crate::error::EdgeError;
use crate::key_record::Metadata;
use crate::limit::{Limit, MAX_COUNT, check_all};
use crate::ports::UnixMs;
use crate::scope::{AdminScope, Scope};
use crate::verify::block;

const MAX_METADATA_BYTES: usize = 1024;
/// Largest weight of one request.
const MAX_COST: u32 = 1_000_000;
/// Longest time for which a plan keeps transcripts that it does not keep for good: a hundred years.
const MAX_RETENTION_DAYS: u32 = 36_500;
/// Most permits that an isolate takes ahead.
const MAX_PERMITS_AHEAD: u32 = 1_000;
/// Most entries of a list of a key.
const MAX_LIST: usize = 64;

pub(crate) fn name(name: &str) -> Result<(), EdgeError> {
    let good = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let message = "`name` must be 1 to 100 characters without control characters.";
    check(good, "name", message)
}

/// External ids as identity providers write them: `acme`, `auth0|5f7c`, `a@b.example`. No colon: it
/// separates the parts of a KV name.
pub(crate) fn owner(owner: &str) -> Result<(), EdgeError> {
    let good = (1..=64).contains(&owner.len())
        && owner.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'|' | b'+' | b'-')
        });
    let message = "`owner` must be 1 to 64 of A-Z, a-z, 0-9 and . _ @ | + -";
    check(good, "owner", message)
}

pub(crate) fn plan_name(name: &str) -> Result<(), EdgeError> {
    let good = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    check(
        good,
        "plan",
        "A plan's name is 1 to 32 of a-z, 0-9, _ and -",
    )
}

pub(crate) fn models(models: &[String]) -> Result<(), EdgeError> {
    let good = (1..=MAX_LIST).contains(&models.len())
        && models.iter().all(|m| m == "*" || is_model_name(m));
    let message = "`models` must be 1 to 64 names of models, or \"*\".";
    check(good, "models", message)
}

pub(crate) fn scopes(scopes: &[Scope]) -> Result<(), EdgeError> {
    let good = !scopes.is_empty() && unique(scopes);
    check(good, "scopes", "`scopes` must name each scope once.")
}

pub(crate) fn admin_scopes(scopes: &[AdminScope]) -> Result<(), EdgeError> {
    let good = !scopes.is_empty() && unique(scopes);
    check(good, "scopes", "`scopes` must name each scope once.")
}

pub(crate) fn limits(limits: &[Limit]) -> Result<(), EdgeError> {
    check_all(limits).map_err(|e| invalid("limits", e.to_string()))
}

pub(crate) fn credits(credits: &Credits) -> Result<(), EdgeError> {
    let message = format!("Credits must be at most {MAX_COUNT}, and a refill at least 1.");
    check(credits.in_range(), "credits", &message)
}

pub(crate) fn cost(cost: u32) -> Result<(), EdgeError> {
    let message = format!("`cost` must be 1 to {MAX_COST}.");
    check((1..=MAX_COST).contains(&cost), "cost", &message)
}

pub(crate) fn retention_days(days: u32) -> Result<(), EdgeError> {
    let message = format!("`retention_days` must be 1 to {MAX_RETENTION_DAYS}.");
    check(
        (1..=MAX_RETENTION_DAYS).contains(&days),
        "retention_days",
        &message,
    )
}

pub(crate) fn permits_ahead(permits: u32) -> Result<(), EdgeError> {
    let message = format!("`permits_ahead` must be at most {MAX_PERMITS_AHEAD}.");
    check(permits <= MAX_PERMITS_AHEAD, "permits_ahead", &message)
}

pub(crate) fn allowed_ips(blocks: &[String]) -> Result<(), EdgeError> {
    let good = blocks.len() <= MAX_LIST && blocks.iter().all(|text| block(text).is_some());
    let message = "`allowed_ips` must be at most 64 addresses or CIDR blocks.";
    check(good, "allowed_ips", message)
}

/// Origins as browsers send them (RFC 6454, 6.1): scheme, host, port, nothing else.
pub(crate) fn allowed_origins(origins: &[String]) -> Result<(), EdgeError> {
    let is_origin = |origin: &String| {
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        origin.len() <= 256
            && host.is_some_and(|host| {
                !host.is_empty()
                    && host.bytes().all(|b| {
                        b.is_ascii_lowercase()
                            || b.is_ascii_digit()
                            || matches!(b, b'.' | b'-' | b':' | b'[' | b']')
                    })
            })
    };
    let good = origins.len() <= MAX_LIST && origins.iter().all(is_origin);
    let message = "`allowed_origins` must be at most 64 of the form https://host[:port].";
    check(good, "allowed_origins", message)
}

pub(crate) fn expiry(expires_at: u64, now: UnixMs) -> Result<(), EdgeError> {
    let good = expires_at > now.seconds();
    check(good, "expires_at", "`expires_at` lies in the past.")
}

pub(crate) fn metadata(metadata: &Metadata) -> Result<(), EdgeError> {
    let length = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    let message = format!("`metadata` must be at most {MAX_METADATA_BYTES} bytes of JSON.");
    check(length <= MAX_METADATA_BYTES, "metadata", &message)
}

pub(crate) fn unlimited() -> EdgeError {
    let message = "A key needs a limit or credits, of its own or of its plan.";
    invalid("limits", message.to_owned())
}

pub(crate) fn patch(patch: &KeyPatch, root: bool, now: UnixMs) -> Result<(), EdgeError> {
    let of_root = patch.admin_scopes.is_some();
    let of_key = patch.plan.is_some()
        || patch.scopes.is_some()
        || patch.models.is_some()
        || patch.limits.is_some()
        || patch.credits.is_some()
        || patch.cost.is_some()
        || patch.allowed_origins.is_some();
    if (root && of_key) || (!root && of_root) {
        let message = "This kind of key has no such field.".to_owned();
        return Err(EdgeError::InvalidBody(message));
    }
    patch.name.as_deref().map_or(Ok(()), self::name)?;
    let plan = patch.plan.as_ref().and_then(Option::as_deref);
    plan.map_or(Ok(()), plan_name)?;
    let scopes = patch.scopes.as_ref().and_then(Option::as_deref);
    scopes.map_or(Ok(()), self::scopes)?;
    let of_root = patch.admin_scopes.as_deref();
    of_root.map_or(Ok(()), admin_scopes)?;
    let models = patch.models.as_ref().and_then(Option::as_deref);
    models.map_or(Ok(()), self::models)?;
    patch.limits.as_deref().map_or(Ok(()), limits)?;
    let credits = patch.credits.as_ref().and_then(Option::as_ref);
    credits.map_or(Ok(()), self::credits)?;
    patch.cost.flatten().map_or(Ok(()), cost)?;
    patch.allowed_ips.as_deref().map_or(Ok(()), allowed_ips)?;
    let origins = patch.allowed_origins.as_deref();
    origins.map_or(Ok(()), allowed_origins)?;
    let expires_at = patch.expires_at.flatten();
    expires_at.map_or(Ok(()), |at| expiry(at, now))?;
    let notes = patch.metadata.as_ref().and_then(Option::as_ref);
    notes.map_or(Ok(()), metadata)
}

fn unique<T: PartialEq>(list: &[T]) -> bool {
    let mut seen = list.iter().enumerate();
    seen.all(|(at, item)| !list[..at].contains(item))
}

fn check(good: bool, param: &'static str, message: &str) -> Result<(), EdgeError> {
    if good {
        Ok(())
    } else {
        Err(invalid(param, message.to_owned()))
    }
}
