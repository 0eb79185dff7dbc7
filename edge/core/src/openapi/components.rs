//! What the routes share: schemas, error answers, headers, ways to present a key.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answers::TranscriptEvent;
use super::errors::{CODES, find};
use super::route::Content;

/// In which direction a body goes: serde may read another form than it writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Collects what the routes refer to.
pub(super) struct Components {
    requests: SchemaGenerator,
    responses: SchemaGenerator,
    /// Schemas made of others, and the names of those others.
    derived: Map<String, Value>,
    sources: Vec<String>,
    /// The name of the answer for each set of codes.
    errors: BTreeMap<Vec<&'static str>, String>,
    error_answers: Map<String, Value>,
}

/// Headers of every answer whose request reached a key's limiter.
pub(super) const LIMIT_HEADERS: [&str; 8] = [
    "X-RateLimit-Limit-Requests",
    "X-RateLimit-Remaining-Requests",
    "X-RateLimit-Reset-Requests",
    "X-RateLimit-Limit-Audio-Seconds",
    "X-RateLimit-Remaining-Audio-Seconds",
    "X-RateLimit-Reset-Audio-Seconds",
    "RateLimit-Policy",
    "RateLimit",
];

const REF: &str = "#/components/schemas/";

impl Components {
    pub(super) fn new() -> Self {
        let settings = || {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings
        };
        let mut responses = settings().for_serialize().into_generator();
        // Streamed: no body has it as its schema, but its description names it.
        responses.subschema_for::<TranscriptEvent>();
        Self {
            requests: settings().for_deserialize().into_generator(),
            responses,
            derived: Map::new(),
            sources: Vec::new(),
            errors: BTreeMap::new(),
            error_answers: Map::new(),
        }
    }

    /// The schema of a body.
    pub(super) fn schema(&mut self, content: &Content, direction: Direction) -> Value {
        let generator = match direction {
            Direction::Request => &mut self.requests,
            Direction::Response => &mut self.responses,
        };
        match content {
            Content::Of(make) => make(generator).to_value(),
            Content::Plain(schema) => schema.clone(),
            Content::Without(make, name, fields) => {
                let whole: Schema = make(generator);
                let source = whole
                    .get("$ref")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let source = source.trim_start_matches(REF).to_owned();
                let mut schema = generator
                    .definitions()
                    .get(&source)
                    .cloned()
                    .unwrap_or_default();
                if let Some(properties) = schema["properties"].as_object_mut() {
                    properties.retain(|field, _| !fields.contains(&field.as_str()));
                }
                self.derived.insert((*name).to_owned(), schema);
                self.sources.push(source);
                json!({"$ref": format!("{REF}{name}")})
            }
        }
    }

    /// The answer for errors of one status.
    pub(super) fn error_answer(&mut self, status: u16, codes: &[&'static str]) -> Value {
        let name = self.errors.get(codes).cloned().unwrap_or_else(|| {
            let name = self.new_name(status);
            self.error_answers
                .insert(name.clone(), error_answer(status, codes));
            self.errors.insert(codes.to_vec(), name.clone());
            name
        });
        json!({"$ref": format!("#/components/responses/{name}")})
    }

    /// `Error404`, and `Error404b` for another set of codes with this status.
    fn new_name(&self, status: u16) -> String {
        let mut letters = 'b'..='z';
        let mut name = format!("Error{status}");
        while self.error_answers.contains_key(&name) {
            let letter = letters.next().unwrap_or('z');
            name = format!("Error{status}{letter}");
        }
        name
    }

    /// All of them, as the document has them.
    pub(super) fn finish(mut self) -> Value {
        let mut schemas = self.responses.take_definitions(true);
        for (name, schema) in self.requests.take_definitions(true) {
            schemas.entry(name).or_insert(schema);
        }
        schemas.retain(|name, _| !self.sources.contains(name));
        schemas.append(&mut self.derived);
        schemas.insert("Error".to_owned(), envelope());
        schemas.sort_keys();
        json!({
            "schemas": schemas,
            "responses": self.error_answers,
            "headers": headers(),
            "securitySchemes": {
                "key": {
                    "type": "http", "scheme": "bearer",
                    "description": "A key: `Authorization: Bearer wk_live_…`.",
                },
                "keyHeader": {
                    "type": "apiKey", "in": "header", "name": "X-API-Key",
                    "description": "A key in a header of its own: `X-API-Key: wk_live_…`.",
                },
                "rootKey": {
                    "type": "http", "scheme": "bearer",
                    "description": "An administrator's root key: `Authorization: Bearer wk_root_…`. An ordinary key never acts as one.",
                },
                "consoleSession": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-console",
                    "description": "A session of the console, which stands for a root key. Only the pages of this deployment send it.",
                },
                "portalSession": {
                    "type": "apiKey", "in": "cookie", "name": "__Host-portal",
                    "description": "Who is signed in to the portal. Only the pages of this deployment send it.",
                },
            },
        })
    }
}

fn error_answer(status: u16, codes: &[&'static str]) -> Value {
    let meaning = |code: &&str| {
        let meaning = find(code).map_or("", |known| known.meaning);
        format!("`{code}`: {meaning}")
    };
    let says: Vec<String> = codes.iter().map(meaning).collect();
    let mut headers = Map::new();
    let extra: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    refer(&mut headers, &["X-Request-Id"]);
    refer(&mut headers, extra);
    if status == 429 {
        refer(&mut headers, &LIMIT_HEADERS);
    }
    json!({
        "description": says.join("\n\n"),
        "headers": headers,
        "content": {"application/json": {"schema": {
            "allOf": [{"$ref": format!("{REF}Error")}],
            "properties": {"error": {"properties": {"code": {"enum": codes}}}},
        }}},
    })
}

/// Puts shared headers among those of an answer.
pub(super) fn refer(headers: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        let header = json!({"$ref": format!("#/components/headers/{name}")});
        headers.insert((*name).to_owned(), header);
    }
}

/// OpenAI's envelope; `inference_api::envelope` writes it.
fn envelope() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|known| known.code).collect();
    json!({
        "description": "What every answer of 400 and above is.",
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "minLength": 1, "description": "For a person."},
                "type": {
                    "type": "string",
                    "enum": ["invalid_request_error", "rate_limit_error", "server_error"],
                    "description": "Its class. After a `server_error` the request may be repeated.",
                },
                "param": {"type": ["string", "null"], "description": "The field at fault."},
                "code": {"type": "string", "enum": codes, "description": "Stable, for programs."},
            },
        }},
    })
}

fn headers() -> Value {
    let text = |says: &str| json!({"description": says, "schema": {"type": "string"}});
    let count =
        |says: &str| json!({"description": says, "schema": {"type": "integer", "minimum": 0}});
    json!({
        "X-Request-Id": {
            "description": "Names this request; quote it in questions.",
            "required": true,
            "schema": {"type": "string", "minLength": 36, "maxLength": 36},
        },
        "Retry-After": {
            "description": "Whole seconds to wait; never too few.",
            "required": true,
            "schema": {"type": "integer", "minimum": 1},
        },
        "WWW-Authenticate": {
            "description": "RFC 6750.",
            "required": true,
            "schema": {"type": "string", "enum": ["Bearer"]},
        },
        "X-Audio-Seconds": text("Length of the audio in seconds."),
        "Content-Disposition": text("As which file it is to be stored (RFC 6266)."),
        "Accept-Ranges": text("`bytes`: a part may be asked for (RFC 9110, 14.2)."),
        "Content-Range": text("Which part this is (RFC 9110, 14.4)."),
        "Location": text("Where the job is to be asked after."),
        "Preference-Applied": text("`respond-async` where that was asked."),
        "Set-Cookie": text("The cookie that signs a browser in (RFC 6265)."),
        "X-Transcript-Id": text("Under which the transcript is kept, where that was asked."),
        "X-Cache": {
            "description": "There where the transcript was kept before and nothing was computed.",
            "schema": {"type": "string", "enum": ["hit"]},
        },
        "Idempotent-Replayed": {
            "description": "There where the same request was answered before, under its `Idempotency-Key`.",
            "schema": {"type": "string", "enum": ["true"]},
        },
        "Link": text("Where the kept transcript lies: `<url>; rel=\"canonical\"` (RFC 8288)."),
        "X-RateLimit-Limit-Requests": count("Most requests, of the limit that has least left."),
        "X-RateLimit-Remaining-Requests": count("Requests that are left of it."),
        "X-RateLimit-Reset-Requests": text("Until it is whole again: `1m12s`."),
        "X-RateLimit-Limit-Audio-Seconds": count("Most seconds of audio, of the limit that has least left."),
        "X-RateLimit-Remaining-Audio-Seconds": count("Seconds of audio that are left of it."),
        "X-RateLimit-Reset-Audio-Seconds": text("Until it is whole again: `1m12s`."),
        "RateLimit-Policy": text("All limits (IETF draft-ietf-httpapi-ratelimit-headers)."),
        "RateLimit": text("What is left of them, the tightest first."),
    })
}
