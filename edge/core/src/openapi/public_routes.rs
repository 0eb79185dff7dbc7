//! The routes for callers.

use serde_json::{Value, json};

use super::answers::{Health, Model, ModelList, Transcription, VerboseTranscription};
use super::parameters as p;
use super::route::{Body, Content, Key, Route, route};
use crate::admin::{Verification, VerifyKey};
use crate::jobs::JobView;
use crate::scope::{AdminScope, Scope};
use crate::usage_report::UsageReport;

const AUDIO: &str = "Audio";
const MODELS: &str = "Models";
const USAGE: &str = "Usage";
const SERVICE: &str = "Service";
pub(super) const VERIFICATION: &str = "Verification";

/// What the edge and the inference host can answer to an upload beside what the check of the key does.
const OF_UPLOAD: [&str; 27] = [
    "invalid_value",
    "missing_parameter",
    "duplicate_parameter",
    "too_many_fields",
    "malformed_multipart",
    "empty_file",
    "unsupported_audio",
    "invalid_audio",
    "model_not_allowed",
    "model_not_found",
    "request_timeout",
    "idempotency_key_reused",
    "file_too_large",
    "audio_too_long",
    "unsupported_media_type",
    "concurrency_limit_exceeded",
    "upstream_failed",
    "upstream_unavailable",
    "queue_full",
    "model_unavailable",
    "store_unavailable",
    "shutting_down",
    "upstream_timeout",
    "deadline_exceeded",
    "insufficient_scope",
    "internal_error",
    "not_found",
];

/// The same for a realtime session.
const OF_SESSION: [&str; 13] = [
    "invalid_event",
    "model_not_allowed",
    "model_not_found",
    "audio_too_long",
    "upgrade_required",
    "concurrency_limit_exceeded",
    "upstream_failed",
    "upstream_unavailable",
    "queue_full",
    "model_unavailable",
    "shutting_down",
    "upstream_timeout",
    "deadline_exceeded",
];

/// All of them.
pub(super) fn all() -> Vec<Route> {
    vec![
        audio(
            route("post", "/v1/audio/transcriptions", "createTranscription", "Speech to text")
                .needs(Key::Ordinary(Some(Scope::Transcribe)))
                .says("Writes down what is said, in the language it is said in."),
        ),
        audio(
            route("post", "/v1/audio/translations", "createTranslation", "Speech to English text")
                .needs(Key::Ordinary(Some(Scope::Translate)))
                .says("Writes down in English what is said. It needs a multilingual model."),
        ),
        route("get", "/v1/realtime", "openRealtimeSession", "Speech to text while it is spoken")
            .of(AUDIO)
            .needs(Key::Ordinary(Some(Scope::Transcribe)))
            .says(
                "A WebSocket, on which events pass as in OpenAI's realtime API, for sessions of the type \
                 `transcription`: 16-bit PCM, 24 kHz, mono. In a browser the key goes as the subprotocol \
                 `openai-insecure-api-key.<key>`, beside `realtime`. What goes wrong within a session is \
                 an event `error` with one of these codes.",
            )
            .takes(&[p::intent, p::session_model])
            .answers(101, "The session.", Vec::new(), &[])
            .fails(&OF_SESSION),
        route("get", "/v1/models", "listModels", "The models of this key")
            .of(MODELS)
            .needs(Key::Ordinary(None))
            .gives::<ModelList>(200, "The models that the key may use."),
        route("get", "/v1/models/{id}", "getModel", "One model")
            .of(MODELS)
            .needs(Key::Ordinary(None))
            .takes(&[p::model_id])
            .gives::<Model>(200, "The model.")
            .fails(&["model_not_found"]),
        route("get", "/v1/usage", "getOwnUsage", "What this key has used")
            .of(USAGE)
            .needs(Key::Ordinary(None))
            .says("Up to now, by hour or by day. Asking costs nothing of any limit.")
            .takes(&[p::usage_from, p::usage_to, p::grouped_by])
            .gives::<UsageReport>(200, "The report.")
            .fails(&["database_unavailable"]),
        route("post", "/v1/keys/verify", "verifyKey", "Verdict on a key")
            .of(VERIFICATION)
            .needs(Key::Root(Some(AdminScope::Verify)))
            .says(
                "For another API whose callers have these keys: it hands over the key it was shown. A \
                 valid key is charged. Every verdict is a 200; a key nobody has is `NOT_FOUND`.",
            )
            .reads::<VerifyKey>(json!({"key": "wk_live_…", "scope": "transcribe"}))
            .gives::<Verification>(200, "The verdict."),
        route("get", "/healthz", "getHealth", "Whether the Worker is up")
            .of(SERVICE)
            .gives::<Health>(200, "It is."),
        route("get", "/openapi.json", "getOpenApi", "This document")
            .of(SERVICE)
            .answers(
                200,
                "OpenAPI 3.1.",
                vec![("application/json", Content::Plain(json!({"type": "object"})))],
                &[],
            ),
        route("get", "/docs", "getReference", "This document as a page")
            .of(SERVICE)
            .answers(
                200,
                "HTML.",
                vec![("text/html", Content::Plain(json!({"type": "string"})))],
                &[],
            ),
    ]
}

fn audio(route: Route) -> Route {
    let mut route = route
        .of(AUDIO)
        .takes(&[p::store, p::x_store, p::idempotency_key_of_audio, p::prefer])
        .gives_at::<JobView>(
            202,
            "With `Prefer: respond-async`: the job.",
            &["Location", "Preference-Applied"],
        )
        .fails(&OF_UPLOAD)
        .fails(&["length_required", "too_many_jobs", "jobs_unavailable"]);
    route.body = Some(Body {
        kind: "multipart/form-data",
        schema: Content::Plain(form()),
        optional: false,
        example: None,
    });
    let text = |says: &str| Content::Plain(json!({"type": "string", "description": says}));
    let content = vec![
        (
            "application/json",
            Content::Of(|g| {
                let json = g.subschema_for::<Transcription>();
                let verbose = g.subschema_for::<VerboseTranscription>();
                schemars::json_schema!({"anyOf": [json, verbose]})
            }),
        ),
        ("text/plain", text("`text`, `srt` or `vtt`.")),
        (
            "text/event-stream",
            text("With `stream`: the `data` of each event is a `TranscriptEvent`."),
        ),
    ];
    let says = "The transcript, in the `response_format` that was asked for.";
    let headers = &[
        "X-Audio-Seconds",
        "X-Transcript-Id",
        "X-Cache",
        "Idempotent-Replayed",
        "Link",
    ];
    route.answers(200, says, content, headers)
}

/// The fields of the form. An unknown one is ignored, as OpenAI's API does.
fn form() -> Value {
    json!({
        "type": "object",
        "required": ["file", "model"],
        "properties": {
            "file": {
                "type": "string", "format": "binary",
                "description": "flac, mp3, mp4, mpeg, mpga, m4a, ogg, opus, wav or webm; told by its \
                    content, not by its name. At most 25 MiB, or what the deployment allows.",
            },
            "model": {
                "type": "string", "minLength": 1, "maxLength": 128, "example": "whisper-1",
                "description": "A model's name; `whisper-1` is the deployment's default.",
            },
            "language": {
                "type": "string", "example": "en",
                "description": "ISO 639-1; detected where it is not given and the model is multilingual.",
            },
            "prompt": {"type": "string", "description": "Text that guides style and spelling."},
            "hotwords": {
                "type": "string", "maxLength": 2048,
                "description": "Names and terms that are likely to be said, told to the model before every piece.",
            },
            "condition_on_previous_text": {
                "type": "boolean", "default": false,
                "description": "Each piece of a recording is told what was said before it; pieces come one after the \
                    other then.",
            },
            "temperature": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
            "response_format": {
                "type": "string",
                "enum": ["json", "text", "srt", "vtt", "verbose_json"],
                "default": "json",
            },
            "timestamp_granularities[]": {
                "type": "array", "items": {"type": "string", "enum": ["segment", "word"]},
                "description": "With `verbose_json` only.",
            },
            "stream": {
                "type": "boolean", "default": false,
                "description": "The transcript comes as server-sent events while it is made.",
            },
            "include[]": {
                "type": "array", "items": {"type": "string", "enum": ["logprobs"]},
                "description": "With `json` only.",
            },
            "chunking_strategy": {
                "type": "string",
                "description": "`auto`, or a `server_vad` object; accepted, where to cut is the \
                    service's choice.",
            },
        },
    })
}
