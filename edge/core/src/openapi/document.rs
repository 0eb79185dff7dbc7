//! From the table of routes to the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::components::{Components, Direction, LIMIT_HEADERS, refer};
use super::errors::find;
use super::route::{Answer, Key, Parameter, Route};

const ABOUT: &str = "Speech to text, in the form of OpenAI's audio API, behind keys with exact limits.\n\n\
    Times are unix seconds where nothing else is said. Every answer of 400 and above has the body `Error`; \
    its `code` is stable.";

/// The groups in the order in which they are shown.
const GROUPS: [(&str, &str); 16] = [
    ("Audio", "Speech to text."),
    ("Transcripts", "What was kept, with `store`."),
    ("Jobs", "Transcriptions for which nobody waits."),
    (
        "Uploads",
        "Files that come before their jobs, in parts where they are large.",
    ),
    ("Webhooks", "Where to tell what became of jobs."),
    (
        "Portal",
        "For the pages of the deployment: whoever is signed in, and his keys.",
    ),
    ("Models", "What a key may use."),
    ("Usage", "What a key has used."),
    (
        "Verification",
        "Keys as a service, for other APIs of the same owner.",
    ),
    (
        "Keys",
        "The administration of keys: every step of their lives.",
    ),
    ("Root keys", "The administrators' own keys."),
    ("Plans", "What the keys on one have in common."),
    ("Owners", "Whom keys belong to."),
    ("Reports", "Usage and audit."),
    ("Hosts", "The inference hosts behind the edge."),
    ("Service", "The Worker itself. No key is needed."),
];

/// Builds the document.
pub(super) fn build(routes: &[Route]) -> Value {
    let mut components = Components::new();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(route, &mut components);
    }
    let tags = GROUPS.map(|(name, says)| json!({"name": name, "description": says}));
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "whisper-edge",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": tags,
        "paths": paths,
        "components": components.finish(),
    })
}

fn operation(route: &Route, components: &mut Components) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [route.group],
        "security": security(route.key),
        "responses": responses(route, components),
    });
    if !route.says.is_empty() {
        operation["description"] = json!(route.says);
    }
    if !route.parameters.is_empty() {
        operation["parameters"] = route.parameters.iter().map(parameter).collect();
    }
    if let Some(body) = &route.body {
        let mut content = json!({"schema": components.schema(&body.schema, Direction::Request)});
        if let Some(example) = &body.example {
            content["example"] = example.clone();
        }
        let required = !body.optional;
        operation["requestBody"] = json!({"required": required, "content": {body.kind: content}});
    }
    operation
}

/// The scopes stand where OpenAPI 3.1 has the roles of a scheme that is not OAuth.
fn security(key: Key) -> Value {
    match key {
        Key::None => json!([]),
        Key::Ordinary(scope) => {
            let scopes: Vec<&str> = scope.iter().map(|scope| scope.as_str()).collect();
            json!([{"key": scopes}, {"keyHeader": scopes}])
        }
        Key::Root(scope) => {
            let scopes: Vec<&str> = scope.iter().map(|scope| scope.as_str()).collect();
            json!([{"rootKey": scopes}, {"consoleSession": scopes}])
        }
        Key::Session => json!([{"portalSession": []}]),
    }
}

fn parameter(parameter: &Parameter) -> Value {
    let mut object = json!({
        "in": parameter.place,
        "name": parameter.name,
        "description": parameter.says,
        "schema": parameter.schema,
    });
    if parameter.required {
        object["required"] = json!(true);
    }
    object
}

fn responses(route: &Route, components: &mut Components) -> Value {
    let mut responses = Map::new();
    for answer in &route.answers {
        let status = answer.status.to_string();
        responses.insert(status, success(answer, route.key, components));
    }
    let mut by_status: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for code in &route.errors {
        let status = find(code).map_or(0, |known| known.status);
        by_status.entry(status).or_default().push(code);
    }
    for (status, mut codes) in by_status {
        codes.sort_unstable();
        let answer = components.error_answer(status, &codes);
        responses.insert(status.to_string(), answer);
    }
    responses.into()
}

fn success(answer: &Answer, key: Key, components: &mut Components) -> Value {
    let mut headers = Map::new();
    refer(&mut headers, &["X-Request-Id"]);
    refer(&mut headers, answer.headers);
    if matches!(key, Key::Ordinary(_)) {
        refer(&mut headers, &LIMIT_HEADERS);
    }
    let mut object = json!({"description": answer.says, "headers": headers});
    if !answer.content.is_empty() {
        let content = answer.content.iter().map(|(kind, schema)| {
            let schema = components.schema(schema, Direction::Response);
            ((*kind).to_owned(), json!({"schema": schema}))
        });
        object["content"] = Value::Object(content.collect());
    }
    object
}
