//! Administration: keys, root keys, plans, owners. Every change is made in an object first and in KV
//! second, so that no failure leaves a key that works without limits, or one that works after it was
//! revoked.

mod bodies;
mod checks;
mod create;
mod cursor;
mod keys;
mod minting;
mod owners;
mod plans;
mod reports;
mod verify;

pub use bodies::{CreateKey, CreateKeys, CreateRootKey, CreatedKey, ImportKey, ImportKeys, Made};
pub use keys::{CreditsLeft, KeyDetail, KeyFilter, KeyList, RotateKey, RotatedKey};
pub use minting::Idempotency;
pub use owners::{Limits, OwnerDetail, Purged};
pub use plans::PlanList;
pub use reports::{AuditFilter, AuditList, UsageFilter};
pub use verify::{Verification, VerifyKey};

use crate::change::{Actor, Unchanged};
use crate::config::Settings;
use crate::error::EdgeError;
use crate::ports::{Clock, Database, Directories, KeyObjects, KeyStore, PortError};

/// Longest body of an administrator's request, in bytes: a thousand keys of a kilobyte.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Most keys of one page, and of one call that makes several.
pub const MAX_PAGE: u32 = 1_000;
/// Keys of a page where nothing is said.
pub const DEFAULT_PAGE: u32 = 100;
/// Objects that are spoken to at the same time.
const AT_ONCE: usize = 50;

/// What administration works on.
pub trait Ports: KeyStore + KeyObjects + Directories + Database + Clock {}

impl<T: KeyStore + KeyObjects + Directories + Database + Clock> Ports for T {}

/// An administrator's request at work.
pub struct Admin<'a, P> {
    /// Storage and objects.
    pub ports: &'a P,
    /// The deployment's settings.
    pub settings: &'a Settings,
    /// Who asks.
    pub actor: Actor,
    /// The root key as it was presented. What an idempotent request derives, nobody derives without it: not
    /// even an inference host, which knows the signing secret.
    pub credential: &'a str,
}

const fn limiter(error: PortError) -> EdgeError {
    EdgeError::LimiterUnavailable(error)
}

const fn key_store(error: PortError) -> EdgeError {
    EdgeError::KeyStoreUnavailable(error)
}

const fn invalid(param: &'static str, message: String) -> EdgeError {
    EdgeError::InvalidValue { param, message }
}

/// Reads a body of JSON; unknown fields are refused by the types.
fn read<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T, EdgeError> {
    // serde would read a list as a struct, field by field.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let message = "The body must be a JSON object.".to_owned();
        return Err(EdgeError::InvalidBody(message));
    }
    serde_json::from_slice(body).map_err(|e| EdgeError::InvalidBody(e.to_string()))
}

fn unchanged(why: Unchanged) -> EdgeError {
    match why {
        Unchanged::Conflict => EdgeError::VersionConflict,
        Unchanged::Revoked => EdgeError::KeyIsRevoked,
        Unchanged::Taken => EdgeError::KeyExists(String::new()),
        Unchanged::NoCredits => {
            let message = "This key has no credits; give it some with PATCH first.";
            invalid("credits", message.to_owned())
        }
        Unchanged::Unlimited => checks::unlimited(),
    }
}

#[cfg(test)]
mod tests;
