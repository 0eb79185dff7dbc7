//! The routes for transcripts that are kept.

use serde_json::json;

use super::answers::{Transcription, VerboseTranscription};
use super::parameters as p;
use super::route::{Content, Key, Route, route};
use crate::scope::Scope;
use crate::transcripts::{ShareTranscript, SharedTranscript, TranscriptDetail, TranscriptList};

const TRANSCRIPTS: &str = "Transcripts";

pub(super) fn routes() -> Vec<Route> {
    let mut routes = of_account();
    routes.extend(of_one());
    routes.extend([of_link(), audio_of_link()]);
    routes
}

fn of_account() -> Vec<Route> {
    vec![
        route("get", "/v1/transcripts", "listTranscripts", "The kept transcripts")
            .of(TRANSCRIPTS)
            .needs(Key::Ordinary(Some(Scope::TranscriptsRead)))
            .says(
                "Of the key's owner, newest first. `q` finds those that hold every word of it, in the text or the name; \
                 `\"two words\"` finds them as they stand, `begin*` what begins so. Case and accents make no difference.",
            )
            .takes(&[
                p::words, p::language, p::kept_from, p::kept_to, p::page_size, p::cursor,
            ])
            .gives::<TranscriptList>(200, "A page of them.")
            .fails(&["database_unavailable"]),
        route("get", "/v1/transcripts/export", "exportTranscripts", "All kept transcripts")
            .of(TRANSCRIPTS)
            .needs(Key::Ordinary(Some(Scope::TranscriptsRead)))
            .says(
                "Of the key's owner, newest first: lines of JSON, each with what a listing says of a transcript and, as \
                 `transcript`, all that is kept of it. If something fails on the way the answer breaks off.",
            )
            .answers(
                200,
                "The lines.",
                vec![("application/x-ndjson", Content::Plain(json!({"type": "string"})))],
                &["Content-Disposition"],
            ),
    ]
}

fn of_one() -> Vec<Route> {
    vec![
        route(
            "get",
            "/v1/transcripts/{id}",
            "getTranscript",
            "A kept transcript",
        )
        .of(TRANSCRIPTS)
        .needs(Key::Ordinary(Some(Scope::TranscriptsRead)))
        .says("Of the key's owner; another's is not found.")
        .takes(&[p::transcript_id, p::transcript_format])
        .answers(
            200,
            "The transcript.",
            vec![
                (
                    "application/json",
                    Content::Of(|g| {
                        let detail = g.subschema_for::<TranscriptDetail>();
                        let json = g.subschema_for::<Transcription>();
                        let verbose = g.subschema_for::<VerboseTranscription>();
                        schemars::json_schema!({"anyOf": [detail, json, verbose]})
                    }),
                ),
                ("text/plain", Content::Plain(json!({"type": "string"}))),
            ],
            &[],
        )
        .fails(&["not_found", "database_unavailable"]),
        route(
            "get",
            "/v1/transcripts/{id}/audio",
            "getTranscriptAudio",
            "The audio of a kept transcript",
        )
        .of(TRANSCRIPTS)
        .needs(Key::Ordinary(Some(Scope::TranscriptsRead)))
        .says("Where its job was made with `keep_audio`. A `Range` of bytes is answered with that part.")
        .takes(&[p::transcript_id])
        .answers(200, "All of it.", audio(), &["Accept-Ranges"])
        .answers(206, "The part.", audio(), &["Accept-Ranges", "Content-Range"])
        .fails(&["not_found", "database_unavailable", "store_unavailable"]),
        route(
            "delete",
            "/v1/transcripts/{id}",
            "deleteTranscript",
            "Deletes a kept transcript",
        )
        .of(TRANSCRIPTS)
        .needs(Key::Ordinary(Some(Scope::TranscriptsWrite)))
        .says("Its links lead nowhere from then on.")
        .takes(&[p::transcript_id])
        .gives_nothing(204, "It is gone.")
        .fails(&["not_found", "database_unavailable"]),
        route(
            "post",
            "/v1/transcripts/{id}/share",
            "shareTranscript",
            "Makes a link to a transcript",
        )
        .of(TRANSCRIPTS)
        .needs(Key::Ordinary(Some(Scope::TranscriptsWrite)))
        .says("Whoever has it may read the transcript. It is shown this once.")
        .takes(&[p::transcript_id, p::idempotency_key])
        .reads::<ShareTranscript>(json!({"expires_in_seconds": 604_800, "embed": true}))
        .or_no_body()
        .gives::<SharedTranscript>(201, "The link.")
        .fails(&[
            "not_found",
            "too_many_links",
            "idempotency_key_reused",
            "database_unavailable",
        ]),
        route(
            "delete",
            "/v1/transcripts/{id}/share",
            "unshareTranscript",
            "Ends all links to a transcript",
        )
        .of(TRANSCRIPTS)
        .needs(Key::Ordinary(Some(Scope::TranscriptsWrite)))
        .says("They lead nowhere from the very next request on.")
        .takes(&[p::transcript_id])
        .gives_nothing(204, "None is left.")
        .fails(&["not_found", "database_unavailable"]),
    ]
}

/// Whatever its media type is.
fn audio() -> Vec<(&'static str, Content)> {
    vec![("audio/*", Content::Plain(json!({})))]
}

fn audio_of_link() -> Route {
    route(
        "get",
        "/t/{token}/audio",
        "openLinkAudio",
        "The audio of what a link leads to",
    )
    .of(TRANSCRIPTS)
    .says("Without a key. A `Range` of bytes is answered with that part.")
    .takes(&[p::token])
    .answers(200, "All of it.", audio(), &["Accept-Ranges"])
    .answers(
        206,
        "The part.",
        audio(),
        &["Accept-Ranges", "Content-Range"],
    )
    .fails(&["not_found", "database_unavailable", "store_unavailable"])
}

fn of_link() -> Route {
    route("get", "/t/{token}", "openLink", "What a link leads to")
        .of(TRANSCRIPTS)
        .says("A page for people, without a key; or, with `format`, a file. A link that leads nowhere is answered with a page, too.")
        .takes(&[p::token, p::transcript_format])
        .answers(
            200,
            "The page, or the file.",
            vec![
                ("text/html", Content::Plain(json!({"type": "string"}))),
                ("text/plain", Content::Plain(json!({"type": "string"}))),
                ("application/json", Content::Of(|g| {
                    let json = g.subschema_for::<Transcription>();
                    let verbose = g.subschema_for::<VerboseTranscription>();
                    schemars::json_schema!({"anyOf": [json, verbose]})
                })),
            ],
            &[],
        )
        .answers(
            404,
            "It leads nowhere.",
            vec![("text/html", Content::Plain(json!({"type": "string"})))],
            &[],
        )
        .fails(&["database_unavailable"])
}
