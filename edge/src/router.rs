//! From a request's parts to its route: a match on the path, no tables.

use edge_core::jobs::prefers_async;
use edge_core::scope::Scope;

use crate::glue::{self, Call, static_strings};
use crate::portal::{self, PortalRoute};
use crate::transcripts::Said;
use crate::webhooks::WebhookRoute;
use inference_api::keeping;
use js_sys::JsString;
use wasm_bindgen::prelude::*;

/// What is decided on, as `js/entry.js` hands it over: one part a line.
pub(crate) struct Parts<'a> {
    pub method: &'a str,
    /// Scheme, host and port under which it came.
    pub origin: &'a str,
    /// Path without the query.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    pub authorization: &'a str,
    pub api_key: &'a str,
    /// Empty where the request has no body; so are the next three.
    pub content_type: &'a str,
    pub content_length: &'a str,
    /// The header `x-store`.
    pub store: &'a str,
    /// The header `Idempotency-Key`.
    pub idempotency_key: &'a str,
    /// The header `prefer`.
    pub prefer: &'a str,
    /// This request's id.
    pub request_id: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes the text apart; a line that is not there is empty.
    pub(crate) fn read(text: &'a str) -> Self {
        let mut lines = text.split('\n');
        let mut next = || lines.next().unwrap_or_default();
        let (request_id, method, url) = (next(), next(), next());
        // The runtime hands over absolute URLs, serialised (WHATWG URL): the path is never empty.
        let after_scheme = url.find("://").map_or(url, |at| &url[at + 3..]);
        let target = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
        let origin = url.strip_suffix(target).unwrap_or(url);
        let target = target.split('#').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method,
            origin,
            path,
            query,
            authorization: next(),
            api_key: next(),
            content_type: next(),
            content_length: next(),
            store: next(),
            idempotency_key: next(),
            prefer: next(),
            request_id,
        }
    }
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) enum Route<'a> {
    Audio(Scope),
    /// The same, for which nobody waits.
    AsyncAudio(Scope),
    /// A WebSocket.
    Realtime,
    Models,
    Model(&'a str),
    /// The caller's own usage.
    Usage,
    Health,
    /// The API's description, for programs and for people.
    Document,
    Reference,
    Admin,
    /// The caller's kept transcripts.
    TranscriptList,
    /// All of them.
    Export,
    /// A kept transcript.
    Transcript(&'a str),
    /// Its links.
    Share(&'a str),
    /// Its audio.
    Audition(&'a str),
    /// What a link leads to.
    Link(&'a str),
    /// The audio of that.
    LinkedAudio(&'a str),
    /// The caller's jobs.
    Jobs,
    /// Many at once.
    JobBatch,
    /// A job.
    Job(&'a str),
    /// Its course.
    JobEvents(&'a str),
    /// The caller's uploads.
    Uploads,
    /// An upload.
    Upload(&'a str),
    /// The caller's webhooks.
    Webhooks(WebhookRoute<'a>),
    /// What our own pages ask for whoever is signed in.
    Portal(PortalRoute<'a>),
    /// What a host says of itself.
    Heartbeat,
    /// What a host says of transcripts.
    Transcripts(Said),
    /// A browser's question before a request (CORS).
    Preflight,
    #[cfg(feature = "test-routes")]
    Test(crate::test_routes::TestRoute),
    Unknown,
}

static_strings! {
    TRANSCRIPTIONS = "transcriptions";
    TRANSLATIONS = "translations";
    REALTIME = "realtime";
    MODELS = "models";
    MODEL = "model";
    HEALTH = "healthz";
    DOCUMENT = "openapi";
    REFERENCE = "docs";
    USAGE = "usage";
    PREFLIGHT = "preflight";
    ADMIN = "admin";
    PORTAL = "portal";
    HEARTBEAT = "heartbeat";
    TRANSCRIPT = "transcript";
    TRANSCRIPT_LIST = "transcripts";
    EXPORT = "export";
    SHARE = "share";
    AUDITION = "transcript_audio";
    LINK = "link";
    LINKED_AUDIO = "link_audio";
    WEBHOOKS = "webhooks";
    FLEET_TRANSCRIPTS = "fleet_transcripts";
    JOBS = "jobs";
    JOB_BATCH = "job_batch";
    JOB = "job";
    JOB_EVENTS = "job_events";
    UPLOADS = "uploads";
    UPLOAD = "upload";
    ASYNC = "async";
    OTHER = "other";
}

impl<'a> Route<'a> {
    /// The route of a request.
    pub(crate) fn of(parts: &Parts<'a>) -> Self {
        match Self::of_path(parts.path) {
            Self::Audio(scope) if prefers_async(parts.prefer) => Self::AsyncAudio(scope),
            route => route,
        }
    }

    fn of_path(path: &'a str) -> Self {
        match path {
            "/v1/audio/transcriptions" => return Self::Audio(Scope::Transcribe),
            "/v1/audio/translations" => return Self::Audio(Scope::Translate),
            "/v1/jobs" => return Self::Jobs,
            "/v1/jobs/batch" => return Self::JobBatch,
            "/v1/uploads" => return Self::Uploads,
            "/v1/models" => return Self::Models,
            "/v1/realtime" => return Self::Realtime,
            "/v1/usage" => return Self::Usage,
            "/v1/keys/verify" => return Self::Admin,
            "/v1/transcripts" => return Self::TranscriptList,
            "/v1/transcripts/export" => return Self::Export,
            "/healthz" => return Self::Health,
            "/openapi.json" => return Self::Document,
            "/docs" => return Self::Reference,
            inference_api::heartbeat::PATH => return Self::Heartbeat,
            keeping::FIND_PATH => return Self::Transcripts(Said::Find),
            keeping::KEEP_PATH => return Self::Transcripts(Said::Keep),
            _ => {}
        }
        #[cfg(feature = "test-routes")]
        if let Some(test) = crate::test_routes::TestRoute::of(path) {
            return Self::Test(test);
        }
        let below = |prefix: &str| path.strip_prefix(prefix).filter(|id| !id.is_empty());
        if let Some(id) = below("/v1/models/") {
            return Self::Model(id);
        }
        if let Some(rest) = path.strip_prefix(portal::PREFIX) {
            return PortalRoute::of(rest).map_or(Self::Unknown, Self::Portal);
        }
        if let Some(token) = below("/t/") {
            return match token.split_once('/') {
                None => Self::Link(token),
                Some((token, "audio")) => Self::LinkedAudio(token),
                Some(_) => Self::Unknown,
            };
        }
        if let Some(id) = below("/v1/uploads/") {
            return Self::Upload(id);
        }
        if let Some(id) = below("/v1/jobs/") {
            return match id.split_once('/') {
                None => Self::Job(id),
                Some((id, "events")) => Self::JobEvents(id),
                Some(_) => Self::Unknown,
            };
        }
        if let Some(rest) = path.strip_prefix("/v1/webhooks") {
            return WebhookRoute::of(rest).map_or(Self::Unknown, Self::Webhooks);
        }
        match below("/v1/transcripts/").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            Some((id, "")) if !path.ends_with('/') => Self::Transcript(id),
            Some((id, "share")) => Self::Share(id),
            Some((id, "audio")) => Self::Audition(id),
            _ if path.starts_with("/admin/") => Self::Admin,
            _ => Self::Unknown,
        }
    }

    /// Whether a page in a browser may ask for it.
    pub(crate) const fn is_public(self) -> bool {
        matches!(
            self,
            Self::Audio(_)
                | Self::AsyncAudio(_)
                | Self::Jobs
                | Self::JobBatch
                | Self::Job(_)
                | Self::JobEvents(_)
                | Self::Uploads
                | Self::Upload(_)
                | Self::Models
                | Self::Model(_)
                | Self::Usage
                | Self::TranscriptList
                | Self::Export
                | Self::Transcript(_)
                | Self::Share(_)
                | Self::Audition(_)
                | Self::Webhooks(_)
        )
    }

    /// The methods it has, separated by `, `; empty where it judges them itself.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::Audio(_)
            | Self::AsyncAudio(_)
            | Self::JobBatch
            | Self::Uploads
            | Self::Heartbeat
            | Self::Transcripts(_) => "POST",
            Self::Jobs => "GET, POST",
            Self::Portal(of) => of.methods(),
            Self::Job(_) | Self::Transcript(_) => "GET, DELETE",
            Self::Share(_) => "POST, DELETE",
            Self::Upload(_) => "GET, PUT, DELETE",
            Self::Realtime
            | Self::JobEvents(_)
            | Self::Models
            | Self::Model(_)
            | Self::Usage
            | Self::Health
            | Self::Document
            | Self::Reference
            | Self::TranscriptList
            | Self::Export
            | Self::Audition(_)
            | Self::Link(_)
            | Self::LinkedAudio(_) => "GET",
            _ => "",
        }
    }

    /// Whether asking costs nothing: somebody looks how things stand, or brings what was admitted before.
    pub(crate) fn is_free(self, method: &str) -> bool {
        match self {
            Self::Usage | Self::JobEvents(_) | Self::Job(_) | Self::Upload(_) => true,
            Self::Jobs => method == "GET",
            _ => false,
        }
    }

    /// Whether it is charged for audio, under a lease.
    pub(crate) const fn has_audio(self) -> bool {
        matches!(self, Self::Audio(_) | Self::Realtime)
    }

    /// Says its name for the log.
    pub(crate) fn announce(self, call: &Call) {
        match self {
            Self::Audio(Scope::Translate) => &TRANSLATIONS,
            Self::Audio(_) => &TRANSCRIPTIONS,
            Self::Realtime => &REALTIME,
            Self::Usage => &USAGE,
            Self::Preflight => &PREFLIGHT,
            Self::Models => &MODELS,
            Self::Model(_) => &MODEL,
            Self::Health => &HEALTH,
            Self::Document => &DOCUMENT,
            Self::Reference => &REFERENCE,
            Self::Admin => &ADMIN,
            Self::Portal(_) => &PORTAL,
            Self::Heartbeat => &HEARTBEAT,
            Self::TranscriptList => &TRANSCRIPT_LIST,
            Self::Export => &EXPORT,
            Self::Transcript(_) => &TRANSCRIPT,
            Self::Share(_) => &SHARE,
            Self::Audition(_) => &AUDITION,
            Self::Link(_) => &LINK,
            Self::LinkedAudio(_) => &LINKED_AUDIO,
            Self::Webhooks(_) => &WEBHOOKS,
            Self::Transcripts(_) => &FLEET_TRANSCRIPTS,
            Self::AsyncAudio(_) => &ASYNC,
            Self::Jobs => &JOBS,
            Self::JobBatch => &JOB_BATCH,
            Self::Job(_) => &JOB,
            Self::JobEvents(_) => &JOB_EVENTS,
            Self::Uploads => &UPLOADS,
            Self::Upload(_) => &UPLOAD,
            _ => &OTHER,
        }
        .with(|name| glue::set_route(call, name));
    }
}
