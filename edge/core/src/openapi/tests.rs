use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use inference_api::language::Language;
use inference_api::render::{ResponseFormat, done_event, render, segment_events};
use inference_api::transcript::{Segment, Task, TokenLogprob, Transcript, Word};
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answers::{TranscriptEvent, Transcription, VerboseTranscription};
use super::errors::CODES;
use super::*;
use crate::error::EdgeError;
use crate::limit::Limit;

#[test]
fn the_generated_files_are_those_of_the_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in files() {
        let kept = std::fs::read_to_string(folder.join(file.name)).unwrap();
        assert!(
            kept == file.text,
            "edge/{} is not what the code says: \
             cargo run -p edge-core --features openapi --example openapi -- edge",
            file.name
        );
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn visit(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(to) = object.get("$ref") {
                    let to = to.as_str().unwrap().strip_prefix('#').unwrap();
                    assert!(document.pointer(to).is_some(), "{to} leads nowhere");
                }
                object.values().for_each(|value| visit(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| visit(value, document)),
            _ => {}
        }
    }
    let document = document();
    visit(&document, &document);
}

#[test]
fn no_two_routes_share_a_name_or_a_method_and_path() {
    let routes = routes();
    let ids: BTreeSet<_> = routes.iter().map(|route| route.id).collect();
    let places: BTreeSet<_> = routes
        .iter()
        .map(|route| (route.path, route.method))
        .collect();
    assert_eq!((ids.len(), places.len()), (routes.len(), routes.len()));
}

#[test]
fn the_parameters_of_a_path_are_those_that_are_described() {
    for route in routes() {
        let in_path: BTreeSet<_> = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let described = route.parameters.iter().filter(|p| p.place == "path");
        let described: BTreeSet<_> = described.map(|parameter| parameter.name).collect();
        assert_eq!(in_path, described, "{} {}", route.method, route.path);
    }
}

/// The edge's errors that no route can answer: the method is none of the path's, and nobody is there.
const OF_NO_ROUTE: [&str; 3] = [
    "method_not_allowed",
    "client_closed_request",
    // Told to a page, by a redirect.
    "sign_in_failed",
];

#[test]
fn every_error_of_the_edge_is_described_and_answered_by_a_route() {
    let known: BTreeMap<_, _> = CODES
        .iter()
        .map(|known| (known.code, known.status))
        .collect();
    assert_eq!(known.len(), CODES.len(), "a code is described twice");
    let routes = routes();
    let answered: BTreeSet<_> = routes
        .iter()
        .flat_map(Route::error_codes)
        .copied()
        .collect();
    for error in EdgeError::one_of_each() {
        let answer = error.answer();
        if answer.code == "client_closed_request" {
            continue;
        }
        assert_eq!(known.get(answer.code), Some(&answer.status), "{error:?}");
        let expected = !OF_NO_ROUTE.contains(&answer.code);
        assert_eq!(answered.contains(answer.code), expected, "{error:?}");
    }
    for code in answered {
        assert!(known.contains_key(code), "{code} is not described");
    }
}

#[test]
fn a_type_that_is_read_and_written_has_one_schema() {
    let mut settings = SchemaSettings::draft2020_12();
    settings.meta_schema = None;
    let read = settings.clone().for_deserialize().into_generator();
    let written = settings.for_serialize().into_generator();
    assert_eq!(
        read.into_root_schema_for::<Limit>(),
        written.into_root_schema_for::<Limit>()
    );
}

fn transcript() -> Transcript {
    Transcript {
        task: Task::Transcribe,
        language: Language::ENGLISH,
        language_probability: Some(0.5),
        duration: 7.5,
        segments: vec![Segment {
            id: 0,
            seek: 0,
            start: 0.0,
            end: 7.5,
            text: " Ask not".into(),
            tokens: vec![7],
            temperature: 0.0,
            avg_logprob: -0.25,
            compression_ratio: 1.5,
            no_speech_prob: 0.5,
        }],
        words: Some(vec![Word {
            word: "Ask".into(),
            start: 0.0,
            end: 1.0,
        }]),
        logprobs: Some(vec![TokenLogprob {
            token: " Ask".into(),
            logprob: -0.5,
            bytes: b" Ask".to_vec(),
        }]),
    }
}

/// Reads a real answer as the type that describes it: nothing of it may be lost.
fn describes<T: Serialize + DeserializeOwned>(answer: &str) {
    let whole: Value = serde_json::from_str(answer).unwrap();
    let described: T = serde_json::from_str(answer).unwrap();
    assert_eq!(serde_json::to_value(described).unwrap(), whole);
}

#[test]
fn a_transcript_is_what_the_document_says_in_every_form() {
    let transcript = transcript();
    describes::<Transcription>(&render(&transcript, ResponseFormat::Json));
    describes::<VerboseTranscription>(&render(&transcript, ResponseFormat::VerboseJson));
    let events = segment_events(&transcript.segments[0]) + &done_event(&transcript);
    let events: Vec<_> = events
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .collect();
    assert_eq!(events.len(), 3);
    for event in events {
        describes::<TranscriptEvent>(event.strip_prefix("data: ").unwrap());
    }
    let failed = json!({"type": "error", "error": {"message": "no", "code": "internal_error"}});
    describes::<TranscriptEvent>(&failed.to_string());
}

#[test]
fn the_page_names_every_route_every_schema_and_every_error_once() {
    let [_, page, policy] = files();
    let once = |id: &str| page.text.matches(&format!("id=\"{id}\"")).count() == 1;
    for route in routes() {
        assert!(once(route.id), "{}", route.id);
    }
    for known in CODES {
        assert!(once(&format!("error-{}", known.code)), "{}", known.code);
    }
    for name in document()["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(once(&format!("schema-{name}")), "{name}");
    }
    for link in page.text.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(once(id), "the link to {id} leads nowhere");
    }
    // What the policy forbids is not there either; an address in an example leads nowhere.
    for word in [
        "<script", "<img", "<link", "style=\"", "=\"http", "url(", "@import",
    ] {
        assert!(!page.text.contains(word), "{word}");
    }
    assert!(
        policy
            .text
            .starts_with("default-src 'none'; style-src 'sha256-")
    );
    assert_eq!(policy.text.lines().count(), 1);
}
