//! What hosts state to the edge: read only after a look at its signature.

use inference_api::signature::{Secret, verify};
use inference_api::statement::decode;
use serde::de::DeserializeOwned;

use crate::error::EdgeError;
use crate::ports::UnixMs;

/// Reads the statement of a `POST` to this path: its signature, and itself as it stands in the header.
///
/// # Errors
/// It is not signed with one of the secrets, over this path and of now, or is not what is due there.
pub fn read<T: DeserializeOwned>(
    secrets: &[Secret],
    path: &str,
    (signature, encoded): (&str, &str),
    now: UnixMs,
) -> Result<T, EdgeError> {
    verify(secrets, signature, "POST", path, encoded, now.seconds()).map_err(refused)?;
    decode(encoded).map_err(refused)
}

/// What is said to a host whose statement does not hold.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(crate) fn refused(cause: impl ToString) -> EdgeError {
    EdgeError::InvalidSignature(cause.to_string())
}
