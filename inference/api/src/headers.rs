//! Names of the headers that pass between the edge and the inference service.

/// The edge's id of a request; repeated to the caller as `x-request-id`.
pub const EDGE_REQUEST_ID: &str = "x-edge-request-id";
/// Base64url (no padding) of the JSON of [`crate::claims::Claims`].
pub const EDGE_CLAIMS: &str = "x-edge-claims";
/// `t=<unix seconds>,v1=<hex HMAC-SHA256>`; see [`crate::signature`].
pub const EDGE_SIGNATURE: &str = "x-edge-signature";
/// Length of the decoded audio in seconds, three decimals; on every answer that decoded audio.
pub const AUDIO_SECONDS: &str = "x-audio-seconds";
/// Milliseconds the request waited for a free Whisper state.
pub const QUEUE_MS: &str = "x-queue-ms";
/// Milliseconds spent decoding and resampling.
pub const DECODE_MS: &str = "x-decode-ms";
/// Milliseconds spent in Whisper.
pub const INFERENCE_MS: &str = "x-inference-ms";
/// The id of the transcript that is kept, `tr_…`.
pub const TRANSCRIPT_ID: &str = "x-transcript-id";
/// `hit` where the answer is a transcript that was kept before.
pub const CACHE: &str = "x-cache";
/// `hit` where the edge tells a host of a transcript that answered the same request before.
pub const IDEMPOTENT: &str = "x-idempotent";
/// `true` on an answer that repeats what the same request was answered before.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// The id a caller can quote; on every answer.
pub const REQUEST_ID: &str = "x-request-id";
/// How full the host is; on every answer. See [`crate::load`].
pub const INFERENCE_LOAD: &str = "x-inference-load";
