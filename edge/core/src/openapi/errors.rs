//! The codes of all errors that a caller can be answered, those of the inference host included: it
//! answers through the edge.

/// One code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// HTTP status.
    pub status: u16,
    /// The code.
    pub code: &'static str,
    /// When it is answered.
    pub meaning: &'static str,
}

const fn code(status: u16, code: &'static str, meaning: &'static str) -> ErrorCode {
    ErrorCode {
        status,
        code,
        meaning,
    }
}

/// All of them, by status.
pub const CODES: [ErrorCode; 79] = [
    code(
        400,
        "conflicting_api_keys",
        "`Authorization` and `X-API-Key` hold different keys.",
    ),
    code(
        400,
        "invalid_body",
        "The body is no JSON of the expected form; the message says where.",
    ),
    code(
        400,
        "invalid_value",
        "A field or parameter has a wrong value; `param` names it.",
    ),
    code(
        400,
        "invalid_event",
        "On a realtime session: an event that can't be understood, or not now; the message says why.",
    ),
    code(
        400,
        "missing_parameter",
        "A required field of the form is not there; `param` names it.",
    ),
    code(
        400,
        "duplicate_parameter",
        "A field of the form came twice.",
    ),
    code(400, "too_many_fields", "The form has too many fields."),
    code(
        400,
        "malformed_multipart",
        "The form breaks RFC 7578, or ends before its end.",
    ),
    code(400, "empty_file", "The file has no bytes."),
    code(
        400,
        "unsupported_audio",
        "The file is not audio in a known container.",
    ),
    code(
        400,
        "invalid_audio",
        "The container is known, its content can't be decoded.",
    ),
    code(
        400,
        "upload_mismatch",
        "Of a job: the file has not the `sha256` that was declared.",
    ),
    code(
        400,
        "url_unreachable",
        "Of a job: the file can't be had from its `url`.",
    ),
    code(
        400,
        "url_timeout",
        "Of a job: its `url` answers too slowly.",
    ),
    code(401, "missing_api_key", "There is no key."),
    code(401, "invalid_api_key", "Nobody has this key."),
    code(401, "revoked_api_key", "The key was revoked, for good."),
    code(401, "disabled_api_key", "The key is switched off."),
    code(401, "expired_api_key", "The key's time is over."),
    code(401, "no_session", "Nobody is signed in, or no longer."),
    code(
        401,
        "invalid_sign_in",
        "The link, or the way back from the provider, is good no more.",
    ),
    code(
        401,
        "invalid_signature",
        "To a host: its heartbeat is not signed with the deployment's secret, or not of now.",
    ),
    code(
        401,
        "replayed_request",
        "To a host: this heartbeat, or a later one, was received before.",
    ),
    code(
        403,
        "host_not_allowed",
        "To a host: it may not register itself under this address.",
    ),
    code(
        403,
        "portal_switched_off",
        "People get no keys by themselves here, or sign in another way (`PORTAL_AUTH`).",
    ),
    code(403, "challenge_failed", "The challenge was not met."),
    code(
        403,
        "not_self_service",
        "An administrator made the key; its owner can't change it.",
    ),
    code(
        403,
        "cross_site_request",
        "Only the pages of this deployment may ask for this.",
    ),
    code(
        403,
        "urls_switched_off",
        "The deployment asks no address that a caller gives (`FETCH_URLS`).",
    ),
    code(
        403,
        "insufficient_scope",
        "The key is good, and lacks the scope of this route.",
    ),
    code(
        403,
        "address_not_allowed",
        "The key is good, and may not be used from this address.",
    ),
    code(
        403,
        "model_not_allowed",
        "The key is good, and may not use this model.",
    ),
    code(
        403,
        "url_not_allowed",
        "Such an address is not asked: it must be of the public internet, over HTTPS.",
    ),
    code(
        404,
        "not_found",
        "There is no such object, or no such route.",
    ),
    code(
        404,
        "model_not_found",
        "There is no such model, or this key may not use it.",
    ),
    code(
        405,
        "method_not_allowed",
        "The route has other methods; `Allow` lists them.",
    ),
    code(408, "request_timeout", "The client stopped sending."),
    code(
        409,
        "version_conflict",
        "Somebody else changed it first: read it again.",
    ),
    code(409, "key_is_revoked", "A revoked key stays as it is."),
    code(
        409,
        "key_exists",
        "The owner has a key on this plan already, or the hash is known.",
    ),
    code(
        409,
        "idempotency_key_reused",
        "The `Idempotency-Key` belongs to another request, or what that made has changed since.",
    ),
    code(
        409,
        "too_many_links",
        "So many links lead to the transcript.",
    ),
    code(
        409,
        "too_many_webhooks",
        "The account has so many webhooks.",
    ),
    code(409, "plan_in_use", "Keys are on the plan."),
    code(
        409,
        "upload_is_complete",
        "All parts of the upload are there.",
    ),
    code(
        409,
        "upload_is_incomplete",
        "Parts of the upload are missing.",
    ),
    code(409, "too_many_uploads", "The account has so many uploads."),
    code(
        409,
        "job_is_not_dead",
        "Only a job that was given up can be tried again.",
    ),
    code(411, "length_required", "The body came without its length."),
    code(
        413,
        "file_too_large",
        "The body is larger than the deployment allows.",
    ),
    code(
        413,
        "audio_too_long",
        "The audio is longer than the deployment allows.",
    ),
    code(
        415,
        "unsupported_media_type",
        "The body is not of the type that is due.",
    ),
    code(
        426,
        "upgrade_required",
        "The route speaks WebSocket: send `Upgrade: websocket`.",
    ),
    code(
        429,
        "rate_limit_exceeded",
        "A sliding rate of the key is reached.",
    ),
    code(
        429,
        "insufficient_quota",
        "A calendar quota of the key is used up.",
    ),
    code(429, "insufficient_credits", "The key has no credits left."),
    code(
        429,
        "concurrency_limit_exceeded",
        "Too many requests of the key are under way.",
    ),
    code(
        429,
        "too_many_sign_ins",
        "There were too many attempts to sign in from this address.",
    ),
    code(429, "too_many_jobs", "So many jobs are not over yet."),
    code(
        500,
        "misconfigured",
        "A setting of the deployment is missing or wrong; its log names it.",
    ),
    code(500, "internal_error", "A fault of this program."),
    code(
        502,
        "sign_in_failed",
        "The provider that knows people could not be asked, or can't be believed.",
    ),
    code(
        502,
        "upstream_failed",
        "The inference host broke off, or is not one.",
    ),
    code(
        503,
        "limiter_unavailable",
        "The key's limiter gave no answer; nothing was admitted.",
    ),
    code(
        503,
        "key_store_unavailable",
        "The store of keys gave no answer.",
    ),
    code(503, "database_unavailable", "The database gave no answer."),
    code(503, "portal_unavailable", "Who is signed in can't be told."),
    code(
        503,
        "jobs_unavailable",
        "Jobs can't be read or made at present.",
    ),
    code(
        503,
        "fleet_unavailable",
        "The list of hosts that registered themselves gave no answer.",
    ),
    code(
        503,
        "webhooks_unavailable",
        "The account's webhooks gave no answer.",
    ),
    code(
        503,
        "too_many_hosts",
        "To a host: the list of hosts is full.",
    ),
    code(
        503,
        "upstream_unavailable",
        "No inference host is reachable.",
    ),
    code(
        503,
        "queue_full",
        "The inference host has no capacity left.",
    ),
    code(
        503,
        "storage_full",
        "The inference host has no room for the file.",
    ),
    code(
        503,
        "model_unavailable",
        "The inference host can't load the model now.",
    ),
    code(
        503,
        "store_unavailable",
        "The transcript could not be kept, as was asked.",
    ),
    code(
        503,
        "shutting_down",
        "The inference host is being replaced.",
    ),
    code(
        504,
        "deadline_exceeded",
        "The request waited too long at the inference host.",
    ),
    code(
        504,
        "upstream_timeout",
        "The inference host did not answer in time.",
    ),
];

/// What is known of a code.
pub(super) fn find(code: &str) -> Option<&'static ErrorCode> {
    CODES.iter().find(|known| known.code == code)
}
