//! The one error of the edge, and the one match that makes an HTTP answer of it.

use inference_api::envelope::{Envelope, ErrorType};

use crate::ports::PortError;
use crate::scope::{AdminScope, Scope};

/// Everything that can be wrong with a request at the edge. Public text and private cause stand
/// apart: [`EdgeError::answer`] makes the text, [`EdgeError::cause`] is for the log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EdgeError {
    /// Neither `Authorization: Bearer` nor `X-API-Key`.
    MissingKey,
    /// Both headers, with different keys.
    ConflictingKeys,
    /// Not of the form of a key, or a key nobody has.
    InvalidKey,
    /// Revoked, for good.
    RevokedKey,
    /// Switched off by its administrator.
    DisabledKey,
    /// Its time is over.
    ExpiredKey,
    /// A good key without the scope of this route.
    InsufficientScope(Scope),
    /// A good root key without the scope of this route.
    InsufficientAdminScope(AdminScope),
    /// A good key, from an address it is not bound to.
    ForbiddenAddress,
    /// Nothing that a caller names by its address is asked for anything here.
    UrlsSwitchedOff,
    /// People get no keys by themselves here, or sign in another way.
    PortalSwitchedOff,
    /// Nobody is signed in.
    NoSession,
    /// The link, or the way back from the provider, is good no more.
    InvalidSignIn,
    /// The challenge was not met.
    ChallengeFailed,
    /// The provider could not be asked, or what it says can't be believed: the cause.
    SignInFailed(String),
    /// Too many attempts from this address: seconds until the next.
    TooManySignIns(u64),
    /// An administrator made the key.
    NotSelfService,
    /// A page of another site asked for it.
    CrossSite,
    /// Who is signed in can't be told.
    PortalUnavailable(PortError),
    /// No such route.
    UnknownRoute,
    /// No such object, or not this caller's.
    NotFound(&'static str),
    /// No such model, or not one of this key's.
    ModelNotFound(String),
    /// The route has other methods: these.
    MethodNotAllowed(&'static str),
    /// The route is a WebSocket's.
    UpgradeRequired,
    /// The body is longer than this many bytes.
    TooLarge(u64),
    /// The body is not `multipart/form-data`, or not JSON where JSON is due.
    UnsupportedMediaType(&'static str),
    /// The body is no JSON of the expected form.
    InvalidBody(String),
    /// One field has a wrong value.
    InvalidValue {
        /// The field.
        param: &'static str,
        /// What it must be.
        message: String,
    },
    /// What was to be changed has another version by now.
    VersionConflict,
    /// A revoked key stays as it is.
    KeyIsRevoked,
    /// The owner has a key on this plan already, or somebody has a key with this hash: its id.
    KeyExists(String),
    /// The idempotency key belongs to another request.
    IdempotencyKeyReused,
    /// So many links lead to the transcript.
    TooManyLinks(u32),
    /// The account has so many webhooks.
    TooManyWebhooks(u32),
    /// So many keys are on the plan.
    PlanInUse(usize),
    /// A body without its length, where that must be known before it comes.
    LengthRequired,
    /// All parts of the upload are there.
    UploadIsComplete,
    /// Parts of the upload are missing.
    UploadIsIncomplete,
    /// The account has so many uploads.
    TooManyUploads(u32),
    /// So many jobs of the account wait.
    TooManyJobs(u32),
    /// The job is none that an administrator could try again.
    JobIsNotDead,
    /// Such an address is not asked.
    UrlNotAllowed,
    /// The object of the account's jobs gave no answer.
    JobsUnavailable(PortError),
    /// What was to be kept could not be.
    StoreUnavailable(PortError),
    /// A sliding rate is used up.
    RateLimited {
        /// The limit's name.
        limit: String,
        /// Whole seconds until the request would be admitted.
        retry_after: u64,
    },
    /// A calendar quota is used up.
    QuotaUsedUp {
        /// The limit's name.
        limit: String,
        /// Whole seconds until the next period.
        retry_after: u64,
    },
    /// No credits are left.
    CreditsUsedUp {
        /// Whole seconds until they are filled up.
        retry_after: u64,
    },
    /// Too many requests at the same time.
    ConcurrencyLimited {
        /// The limit's name.
        limit: String,
        /// Whole seconds after which one may try again.
        retry_after: u64,
    },
    /// The key's limiter gave no answer; nothing is admitted without it.
    LimiterUnavailable(PortError),
    /// KV gave no answer.
    KeyStoreUnavailable(PortError),
    /// The database gave no answer.
    DatabaseUnavailable(PortError),
    /// Every inference host is out.
    UpstreamUnavailable,
    /// The host broke off, refused the edge, or answered something else than the service does.
    UpstreamFailed(String),
    /// The host did not answer before the deadline.
    UpstreamTimeout,
    /// The caller left before the host answered. Nobody reads this answer; the log line has it.
    CallerGone,
    /// What a host says of itself is not signed as it must be.
    InvalidSignature(String),
    /// A host's heartbeat came before, or a later one did.
    ReplayedHeartbeat,
    /// A host may not register itself under this address.
    HostNotAllowed,
    /// The list of hosts is full.
    TooManyHosts,
    /// The list of hosts gave no answer.
    FleetUnavailable(PortError),
    /// The account's webhooks gave no answer.
    WebhooksUnavailable(PortError),
    /// A setting of the deployment is missing or wrong; the cause names it.
    Misconfigured(String),
    /// A fault of this code.
    Internal(String),
}

/// A field has a wrong value.
pub(crate) const fn invalid(param: &'static str, message: String) -> EdgeError {
    EdgeError::InvalidValue { param, message }
}

/// Reads a body of JSON; unknown fields are refused by the types.
pub(crate) fn read<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T, EdgeError> {
    // serde would read a list as a struct, field by field.
    if body.trim_ascii_start().first() != Some(&b'{') {
        let message = "The body must be a JSON object.".to_owned();
        return Err(EdgeError::InvalidBody(message));
    }
    serde_json::from_slice(body).map_err(|e| EdgeError::InvalidBody(e.to_string()))
}

/// An HTTP answer without its envelope's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorAnswer {
    /// HTTP status.
    pub status: u16,
    /// Stable code for programs.
    pub code: &'static str,
    /// Class of the error.
    pub r#type: ErrorType,
    /// The field at fault.
    pub param: Option<&'static str>,
    /// For a person.
    pub message: String,
    /// `Retry-After`, whole seconds.
    pub retry_after: Option<u64>,
    /// `Allow`, on 405.
    pub allow: Option<&'static str>,
}

impl ErrorAnswer {
    /// The JSON body.
    pub fn body(&self) -> String {
        Envelope::new(self.message.as_str(), self.r#type, self.param, self.code).to_json()
    }
}

/// Seconds after which a caller may try again when a part of the service is out.
const OUTAGE_RETRY_SECONDS: u64 = 5;
/// And when too many of his jobs wait.
const JOBS_RETRY_SECONDS: u64 = 60;

impl EdgeError {
    /// The answer for the caller.
    #[allow(clippy::too_many_lines)] // One exhaustive match: a new kind can't be forgotten.
    pub fn answer(&self) -> ErrorAnswer {
        use ErrorType::{
            InvalidRequestError as Invalid, RateLimitError as Rate, ServerError as Server,
        };
        let (status, code, r#type, message): (u16, _, _, String) = match self {
            Self::MissingKey => (
                401,
                "missing_api_key",
                Invalid,
                "No API key. Send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`."
                    .into(),
            ),
            Self::ConflictingKeys => (
                400,
                "conflicting_api_keys",
                Invalid,
                "`Authorization` and `X-API-Key` hold different keys. Send one.".into(),
            ),
            Self::InvalidKey => (
                401,
                "invalid_api_key",
                Invalid,
                "This API key is not known here. Check it for typing errors.".into(),
            ),
            Self::RevokedKey => (
                401,
                "revoked_api_key",
                Invalid,
                "This API key was revoked.".into(),
            ),
            Self::DisabledKey => (
                401,
                "disabled_api_key",
                Invalid,
                "This API key is switched off.".into(),
            ),
            Self::ExpiredKey => (
                401,
                "expired_api_key",
                Invalid,
                "This API key has expired.".into(),
            ),
            Self::InsufficientScope(scope) => (
                403,
                "insufficient_scope",
                Invalid,
                format!("This API key lacks the scope `{}`.", scope.as_str()),
            ),
            Self::InsufficientAdminScope(scope) => (
                403,
                "insufficient_scope",
                Invalid,
                format!("This root key lacks the scope `{}`.", scope.as_str()),
            ),
            Self::ForbiddenAddress => (
                403,
                "address_not_allowed",
                Invalid,
                "This API key may not be used from this address.".into(),
            ),
            Self::UrlsSwitchedOff => (
                403,
                "urls_switched_off",
                Invalid,
                "This deployment asks no address that a caller gives.".into(),
            ),
            Self::PortalSwitchedOff => (
                403,
                "portal_switched_off",
                Invalid,
                "People don't get keys by themselves here, or sign in another way.".into(),
            ),
            Self::NoSession => (
                401,
                "no_session",
                Invalid,
                "Nobody is signed in, or no longer.".into(),
            ),
            Self::InvalidSignIn => (
                401,
                "invalid_sign_in",
                Invalid,
                "This way of signing in is good no more: it was used, or took too long.".into(),
            ),
            Self::ChallengeFailed => (
                403,
                "challenge_failed",
                Invalid,
                "The challenge was not met.".into(),
            ),
            Self::SignInFailed(_) => (
                502,
                "sign_in_failed",
                Server,
                "The provider that knows you could not be asked, or can't be believed.".into(),
            ),
            Self::TooManySignIns(_) => (
                429,
                "too_many_sign_ins",
                Rate,
                "There were too many attempts to sign in from this address.".into(),
            ),
            Self::NotSelfService => (
                403,
                "not_self_service",
                Invalid,
                "An administrator made this key: only one can change it.".into(),
            ),
            Self::CrossSite => (
                403,
                "cross_site_request",
                Invalid,
                "Only the pages of this deployment may ask for this.".into(),
            ),
            Self::PortalUnavailable(_) => (
                503,
                "portal_unavailable",
                Server,
                "Who is signed in can't be told at present.".into(),
            ),
            Self::UnknownRoute => (404, "not_found", Invalid, "There is no such route.".into()),
            Self::NotFound(what) => (
                404,
                "not_found",
                Invalid,
                format!("There is no such {what}."),
            ),
            Self::ModelNotFound(model) => (
                404,
                "model_not_found",
                Invalid,
                format!("The model {model:?} does not exist, or this key may not use it."),
            ),
            Self::MethodNotAllowed(allow) => (
                405,
                "method_not_allowed",
                Invalid,
                format!("This route knows only {allow}."),
            ),
            Self::UpgradeRequired => (
                426,
                "upgrade_required",
                Invalid,
                "This route speaks WebSocket: send `Upgrade: websocket`.".into(),
            ),
            Self::TooLarge(bytes) => (
                413,
                "file_too_large",
                Invalid,
                format!("The body is larger than {bytes} bytes."),
            ),
            Self::UnsupportedMediaType(expected) => (
                415,
                "unsupported_media_type",
                Invalid,
                format!("Send the body as `{expected}`."),
            ),
            Self::InvalidBody(message) => (400, "invalid_body", Invalid, message.clone()),
            Self::InvalidValue { message, .. } => (400, "invalid_value", Invalid, message.clone()),
            Self::VersionConflict => (
                409,
                "version_conflict",
                Invalid,
                "Somebody else changed it first. Read it again.".into(),
            ),
            Self::KeyIsRevoked => (
                409,
                "key_is_revoked",
                Invalid,
                "A revoked key stays as it is.".into(),
            ),
            Self::KeyExists(_) => (
                409,
                "key_exists",
                Invalid,
                "There is a key like this already.".into(),
            ),
            Self::IdempotencyKeyReused => (
                409,
                "idempotency_key_reused",
                Invalid,
                "This `Idempotency-Key` belongs to another request, or what that made has changed since."
                    .into(),
            ),
            Self::TooManyLinks(most) => (
                409,
                "too_many_links",
                Invalid,
                format!("{most} links lead to this transcript: end them first."),
            ),
            Self::TooManyWebhooks(most) => (
                409,
                "too_many_webhooks",
                Invalid,
                format!("There are {most} webhooks: delete one first."),
            ),
            Self::PlanInUse(keys) => (
                409,
                "plan_in_use",
                Invalid,
                format!("Keys are on this plan: {keys}."),
            ),
            Self::LengthRequired => (
                411,
                "length_required",
                Invalid,
                "Send the length of the body: `Content-Length`.".into(),
            ),
            Self::UploadIsComplete => (
                409,
                "upload_is_complete",
                Invalid,
                "All parts of this upload are there. Begin another one for another file.".into(),
            ),
            Self::UploadIsIncomplete => (
                409,
                "upload_is_incomplete",
                Invalid,
                "Parts of this upload are missing: send them first.".into(),
            ),
            Self::TooManyUploads(most) => (
                409,
                "too_many_uploads",
                Invalid,
                format!("There are {most} uploads: delete some, or wait until their time is over."),
            ),
            Self::TooManyJobs(most) => (
                429,
                "too_many_jobs",
                Rate,
                format!("{most} jobs are not over yet."),
            ),
            Self::JobIsNotDead => (
                409,
                "job_is_not_dead",
                Invalid,
                "Only a job that was given up can be tried again.".into(),
            ),
            Self::UrlNotAllowed => (
                403,
                "url_not_allowed",
                Invalid,
                "Such an address is not asked: it must be https://, without user and password, of the public internet."
                    .into(),
            ),
            Self::JobsUnavailable(_) => (
                503,
                "jobs_unavailable",
                Server,
                "Jobs can't be read or made at present.".into(),
            ),
            Self::StoreUnavailable(_) => (
                503,
                "store_unavailable",
                Server,
                "What was to be kept can't be kept at present.".into(),
            ),
            Self::RateLimited { limit, retry_after } => (
                429,
                "rate_limit_exceeded",
                Rate,
                format!(
                    "The limit {limit:?} of this key is reached. Try again in {retry_after} s."
                ),
            ),
            Self::QuotaUsedUp { limit, retry_after } => (
                429,
                "insufficient_quota",
                Rate,
                format!(
                    "The quota {limit:?} of this key is used up. It starts anew in {retry_after} s."
                ),
            ),
            Self::CreditsUsedUp { .. } => (
                429,
                "insufficient_credits",
                Rate,
                "The credits of this key are used up.".into(),
            ),
            Self::ConcurrencyLimited { limit, .. } => (
                429,
                "concurrency_limit_exceeded",
                Rate,
                format!("The limit {limit:?} of requests at the same time is reached."),
            ),
            Self::DatabaseUnavailable(_) => (
                503,
                "database_unavailable",
                Server,
                "The database can't be read at present.".into(),
            ),
            Self::LimiterUnavailable(_) => (
                503,
                "limiter_unavailable",
                Server,
                "The limits of this key can't be checked at present; nothing was admitted.".into(),
            ),
            Self::KeyStoreUnavailable(_) => (
                503,
                "key_store_unavailable",
                Server,
                "Keys can't be looked up at present.".into(),
            ),
            Self::UpstreamUnavailable => (
                503,
                "upstream_unavailable",
                Server,
                "No inference host is reachable at present.".into(),
            ),
            Self::UpstreamFailed(_) => (
                502,
                "upstream_failed",
                Server,
                "The inference host failed to answer.".into(),
            ),
            Self::UpstreamTimeout => (
                504,
                "upstream_timeout",
                Server,
                "The inference host did not answer in time.".into(),
            ),
            Self::CallerGone => (
                499,
                "client_closed_request",
                Invalid,
                "The caller left before the answer.".into(),
            ),
            Self::InvalidSignature(_) => (
                401,
                "invalid_signature",
                Invalid,
                "The signature is missing, wrong, or not of now.".into(),
            ),
            Self::ReplayedHeartbeat => (
                401,
                "replayed_request",
                Invalid,
                "This heartbeat, or a later one, was received before.".into(),
            ),
            Self::HostNotAllowed => (
                403,
                "host_not_allowed",
                Invalid,
                "No host may register itself under this address.".into(),
            ),
            Self::TooManyHosts => (
                503,
                "too_many_hosts",
                Server,
                "No further host can register itself.".into(),
            ),
            Self::FleetUnavailable(_) => (
                503,
                "fleet_unavailable",
                Server,
                "The list of hosts can't be read at present.".into(),
            ),
            Self::WebhooksUnavailable(_) => (
                503,
                "webhooks_unavailable",
                Server,
                "Webhooks can't be read or changed at present.".into(),
            ),
            Self::Misconfigured(_) => (
                500,
                "misconfigured",
                Server,
                "This deployment lacks a setting; its log says which.".into(),
            ),
            Self::Internal(_) => (
                500,
                "internal_error",
                Server,
                "Something failed here.".into(),
            ),
        };
        ErrorAnswer {
            status,
            code,
            r#type,
            param: match self {
                Self::InvalidValue { param, .. } => Some(param),
                Self::ModelNotFound(_) => Some("model"),
                _ => None,
            },
            message,
            retry_after: self.retry_after(),
            allow: match self {
                Self::MethodNotAllowed(allow) => Some(allow),
                _ => None,
            },
        }
    }

    /// The private cause, for the log.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::LimiterUnavailable(error)
            | Self::KeyStoreUnavailable(error)
            | Self::DatabaseUnavailable(error)
            | Self::JobsUnavailable(error)
            | Self::StoreUnavailable(error)
            | Self::FleetUnavailable(error)
            | Self::PortalUnavailable(error)
            | Self::WebhooksUnavailable(error) => Some(error.to_string()),
            Self::UpstreamFailed(cause)
            | Self::SignInFailed(cause)
            | Self::InvalidSignature(cause)
            | Self::Misconfigured(cause)
            | Self::Internal(cause) => Some(cause.clone()),
            _ => None,
        }
    }

    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::QuotaUsedUp { retry_after, .. }
            | Self::CreditsUsedUp { retry_after }
            | Self::ConcurrencyLimited { retry_after, .. } => Some(*retry_after),
            Self::LimiterUnavailable(_)
            | Self::DatabaseUnavailable(_)
            | Self::KeyStoreUnavailable(_)
            | Self::TooManyHosts
            | Self::FleetUnavailable(_)
            | Self::JobsUnavailable(_)
            | Self::StoreUnavailable(_)
            | Self::PortalUnavailable(_)
            | Self::WebhooksUnavailable(_)
            | Self::UpstreamUnavailable => Some(OUTAGE_RETRY_SECONDS),
            Self::TooManyJobs(_) => Some(JOBS_RETRY_SECONDS),
            Self::TooManySignIns(seconds) => Some(*seconds),
            _ => None,
        }
    }

    /// One of each kind, for what must hold for all of them (the README's table, the API page).
    pub fn one_of_each() -> Vec<Self> {
        let lost = || PortError {
            port: "kv",
            cause: String::new(),
        };
        vec![
            Self::MissingKey,
            Self::ConflictingKeys,
            Self::InvalidKey,
            Self::RevokedKey,
            Self::DisabledKey,
            Self::ExpiredKey,
            Self::InsufficientScope(Scope::Transcribe),
            Self::InsufficientAdminScope(AdminScope::Keys),
            Self::ForbiddenAddress,
            Self::UrlsSwitchedOff,
            Self::PortalSwitchedOff,
            Self::NoSession,
            Self::InvalidSignIn,
            Self::ChallengeFailed,
            Self::SignInFailed(String::new()),
            Self::TooManySignIns(1),
            Self::NotSelfService,
            Self::CrossSite,
            Self::PortalUnavailable(lost()),
            Self::UnknownRoute,
            Self::NotFound("key"),
            Self::ModelNotFound(String::new()),
            Self::MethodNotAllowed("GET"),
            Self::UpgradeRequired,
            Self::TooLarge(0),
            Self::UnsupportedMediaType("multipart/form-data"),
            Self::InvalidBody(String::new()),
            Self::InvalidValue {
                param: "name",
                message: String::new(),
            },
            Self::VersionConflict,
            Self::KeyIsRevoked,
            Self::KeyExists(String::new()),
            Self::IdempotencyKeyReused,
            Self::TooManyLinks(1),
            Self::TooManyWebhooks(1),
            Self::PlanInUse(1),
            Self::LengthRequired,
            Self::UploadIsComplete,
            Self::UploadIsIncomplete,
            Self::TooManyUploads(1),
            Self::TooManyJobs(1),
            Self::JobIsNotDead,
            Self::UrlNotAllowed,
            Self::JobsUnavailable(lost()),
            Self::StoreUnavailable(lost()),
            Self::CreditsUsedUp { retry_after: 1 },
            Self::ConcurrencyLimited {
                limit: String::new(),
                retry_after: 1,
            },
            Self::DatabaseUnavailable(lost()),
            Self::RateLimited {
                limit: String::new(),
                retry_after: 1,
            },
            Self::QuotaUsedUp {
                limit: String::new(),
                retry_after: 1,
            },
            Self::LimiterUnavailable(lost()),
            Self::KeyStoreUnavailable(lost()),
            Self::UpstreamUnavailable,
            Self::UpstreamFailed(String::new()),
            Self::UpstreamTimeout,
            Self::CallerGone,
            Self::InvalidSignature(String::new()),
            Self::ReplayedHeartbeat,
            Self::HostNotAllowed,
            Self::TooManyHosts,
            Self::FleetUnavailable(lost()),
            Self::WebhooksUnavailable(lost()),
            Self::Misconfigured(String::new()),
            Self::Internal(String::new()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_429_says_when_to_come_back_and_every_405_what_is_allowed() {
        for error in EdgeError::one_of_each() {
            let answer = error.answer();
            assert_eq!(answer.status == 405, answer.allow.is_some(), "{error:?}");
            if answer.status == 429 || answer.status == 503 {
                assert!(answer.retry_after.is_some(), "{error:?}");
            }
        }
    }

    #[test]
    fn a_private_cause_never_reaches_the_caller() {
        let secret = "10.0.0.7:9000 refused";
        for error in [
            EdgeError::UpstreamFailed(secret.into()),
            EdgeError::Internal(secret.into()),
            EdgeError::Misconfigured(secret.into()),
            EdgeError::LimiterUnavailable(PortError {
                port: "limiter",
                cause: secret.into(),
            }),
        ] {
            assert!(!error.answer().body().contains(secret), "{error:?}");
            assert!(error.cause().is_some_and(|cause| cause.contains(secret)));
        }
    }
}
