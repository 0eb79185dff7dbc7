//! A request about what a key's account keeps, held while storage is waited for.

use std::rc::Rc;

use edge_core::admin::MAX_BODY_BYTES;
use edge_core::error::EdgeError;
use edge_core::key_record::{KeyRecord, Terms};

use crate::body;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{Call, UrlSearchParams};
use crate::ports::Runtime;
use crate::router::Parts;

/// One, of a key that may do what it asks for.
pub(crate) struct AccountRequest {
    pub(crate) call: Call,
    pub(crate) deployment: Rc<Deployment>,
    pub(crate) record: KeyRecord,
    pub(crate) terms: Terms,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: UrlSearchParams,
    /// Under which callers and hosts reach this edge.
    pub(crate) origin: String,
    /// The key as it was presented.
    pub(crate) credential: String,
    content_type: String,
}

impl AccountRequest {
    /// What of a request must outlive it.
    pub(crate) fn new(
        call: &Call,
        deployment: &Rc<Deployment>,
        key: &KnownKey,
        parts: &Parts<'_>,
    ) -> Self {
        Self {
            call: call.clone(),
            deployment: Rc::clone(deployment),
            record: key.record.clone(),
            terms: key.terms.clone(),
            method: parts.method.to_owned(),
            path: parts.path.to_owned(),
            query: UrlSearchParams::new(parts.query),
            origin: deployment.settings.origin(parts.origin).to_owned(),
            credential: format!("{}{}", parts.authorization, parts.api_key),
            content_type: parts.content_type.to_owned(),
        }
    }

    /// The platform, as the rules' ports.
    pub(crate) fn runtime(&self) -> Runtime<'_> {
        Runtime { call: &self.call }
    }

    /// The body, which must be JSON.
    pub(crate) async fn json(&self) -> Result<Vec<u8>, EdgeError> {
        body::json(&self.call, &self.content_type, MAX_BODY_BYTES).await
    }

    /// The same where there may be none.
    pub(crate) async fn optional_json(&self) -> Result<Vec<u8>, EdgeError> {
        body::optional_json(&self.call, &self.content_type, MAX_BODY_BYTES).await
    }
}
