//! Administration: keys, root keys, plans, owners. Every change is made in an object first and in KV
//! second, so that no failure leaves a key that works without limits, or one that works after it was
//! revoked.

mod bodies;
pub(crate) mod checks;
mod create;
mod jobs;
mod keys;
mod minting;
mod owners;
mod plans;
mod reports;
mod verify;

pub use crate::idempotency::Idempotency;
pub use crate::paging::{DEFAULT_PAGE, MAX_PAGE};
pub use bodies::{CreateKey, CreateKeys, CreateRootKey, CreatedKey, ImportKey, ImportKeys, Made};
pub use jobs::JobFilter;
pub use keys::{CreditsLeft, KeyDetail, KeyFilter, KeyList, RotateKey, RotatedKey};
pub use owners::{Limits, OwnerDetail, Purged};
pub use plans::PlanList;
pub use reports::{AuditFilter, AuditList, UsageFilter};
pub use verify::{Verification, VerifyKey};

use crate::change::{Actor, Unchanged};
use crate::config::Settings;
use crate::error::{EdgeError, invalid, read};
use crate::ports::{
    AccountObjects, Clock, Database, Directories, JobObjects, KeyObjects, KeyStore, PortError,
};

/// Longest body of an administrator's request, in bytes: a thousand keys of a kilobyte.
pub const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Objects that are spoken to at the same time.
const AT_ONCE: usize = 50;

/// What administration works on.
pub trait Ports:
    KeyStore + KeyObjects + Directories + Database + AccountObjects + JobObjects + Clock
{
}

impl<T: KeyStore + KeyObjects + Directories + Database + AccountObjects + JobObjects + Clock> Ports
    for T
{
}

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
