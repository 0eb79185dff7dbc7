//! OpenAI's own clients work against the edge, with nothing changed but base URL and key.

use std::path::Path;

use e2e::client::Client;
use e2e::edge::{Edge, Key};
use e2e::service::Service;
use e2e::{environment, speech};
use reqwest::Method;
use serde_json::{Value, json};

const FORMATS: [&str; 5] = ["json", "text", "srt", "vtt", "verbose_json"];

/// Speech, words that must be found in its transcript, and its length in seconds.
struct Clip {
    path: std::path::PathBuf,
    words: String,
    seconds: f64,
}

fn clips() -> Vec<Clip> {
    let (path, words) = speech::sample();
    let mut clips = vec![Clip {
        path,
        words,
        seconds: 7.42,
    }];
    if let Some(recordings) = environment::recordings() {
        clips.push(Clip {
            path: recordings.join("en/jfk.flac"),
            words: "ask not what your country can do for you ask what you can do for your country"
                .to_owned(),
            seconds: 11.0,
        });
    }
    clips
}

fn ok(result: &Value) -> &Value {
    assert!(result["error"].is_null(), "{result}");
    &result["ok"]
}

/// The spoken words of a subtitle file: what is neither number nor time.
fn spoken(subtitles: &str) -> String {
    let lines = subtitles.lines().filter(|line| {
        *line != "WEBVTT" && !line.contains(" --> ") && !line.chars().all(|c| c.is_ascii_digit())
    });
    speech::plain(&lines.collect::<Vec<_>>().join(" "))
}

fn check(clip: &Clip, format: &str, result: &Value) {
    let transcript = ok(result);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let words = match format {
        "json" => {
            assert_eq!(transcript["usage"]["type"], "duration", "{transcript}");
            speech::plain(&text(&transcript["text"]))
        }
        "text" => speech::plain(&text(transcript)),
        "srt" => {
            let srt = text(transcript);
            assert!(
                srt.starts_with("1\n00:00:0") && srt.contains(',') && srt.contains(" --> "),
                "{srt}"
            );
            spoken(&srt)
        }
        "vtt" => {
            let vtt = text(transcript);
            assert!(
                vtt.starts_with("WEBVTT\n\n") && vtt.contains(" --> "),
                "{vtt}"
            );
            spoken(&vtt)
        }
        _ => {
            assert_eq!(transcript["language"], "english", "{transcript}");
            let duration = transcript["duration"].as_f64().unwrap();
            assert!((duration - clip.seconds).abs() < 0.05, "{transcript}");
            let segments = transcript["segments"].as_array().unwrap();
            let mut said = String::new();
            let mut end = 0.0;
            for segment in segments {
                let (start, stop) = (
                    segment["start"].as_f64().unwrap(),
                    segment["end"].as_f64().unwrap(),
                );
                assert!(
                    start >= end && stop >= start && stop <= duration + 0.5,
                    "{transcript}"
                );
                assert!(
                    segment["avg_logprob"].as_f64().unwrap() < 0.0,
                    "{transcript}"
                );
                end = start;
                said.push_str(segment["text"].as_str().unwrap());
            }
            assert_eq!(
                speech::plain(&said),
                speech::plain(&text(&transcript["text"]))
            );
            speech::plain(&said)
        }
    };
    assert!(words.contains(&clip.words), "{format}: {words}");
}

fn calls(on: &str, path: &Path) -> Value {
    FORMATS
        .iter()
        .map(|format| json!({"on": on, "file": path, "response_format": format}))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clients_transcribe_in_all_five_formats() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.any_key().await;
    for clip in clips() {
        for client in Client::ALL {
            let results = client
                .run(&edge, &key, &calls("transcriptions", &clip.path))
                .await;
            assert_eq!(results.len(), FORMATS.len());
            for (format, result) in FORMATS.into_iter().zip(&results) {
                check(&clip, format, result);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_iterates_over_the_events_of_a_recording_of_several_pieces() {
    // Longer than the longest piece: it is cut in two at the least.
    let service = Service::start_with(&[("INFERENCE_PIECE_SECONDS", "5")]).await;
    let (file, words) = speech::sample();
    let seconds = 7.42;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.any_key().await;
    let call = json!([{"on": "transcriptions", "file": file, "stream": true}]);
    let results = Client::Node.run(&edge, &key, &call).await;
    let events = ok(&results[0]).as_array().unwrap();
    let of_type = |kind: &str| -> Vec<&Value> {
        let events = events.iter();
        events.filter(|event| event["type"] == kind).collect()
    };
    let (deltas, segments) = (
        of_type("transcript.text.delta"),
        of_type("transcript.text.segment"),
    );
    let known = deltas.len() + segments.len() + 1;
    assert_eq!(known, events.len(), "{events:?}");
    assert!(deltas.len() >= 2 && segments.len() >= 2, "{events:?}");
    let done = events.last().unwrap();
    assert_eq!(done["type"], "transcript.text.done", "{events:?}");
    let heard = done["usage"]["seconds"].as_f64().unwrap();
    assert!((heard - seconds).abs() < 1.0, "{done}");
    let said = deltas.iter().filter_map(|delta| delta["delta"].as_str());
    let said: String = said.collect();
    let text = done["text"].as_str().unwrap();
    assert_eq!(said.trim(), text.trim());
    // Short pieces cost a word here and there; most of them are the sample's.
    let wanted: Vec<&str> = words.split(' ').collect();
    let plain = speech::plain(text);
    let found = wanted
        .iter()
        .filter(|word| plain.split(' ').any(|said| said == **word));
    assert!(found.count() * 5 >= wanted.len() * 4, "{text}");
    let mut before = 0.0;
    for segment in segments {
        let time = |name: &str| segment[name].as_f64().unwrap();
        let (start, end) = (time("start"), time("end"));
        assert!(before <= start && start <= end, "{segment}");
        assert!(end <= seconds + 0.5, "{segment}");
        before = start;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clients_see_their_own_error_classes() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let good = edge.any_key().await;
    let spent = edge.limited_key(1).await;
    edge.get("/v1/models").key(&spent).send().await.expect(200);
    let wrong = Key {
        id: String::new(),
        text: e2e::edge::unknown_key(),
    };
    let (sample, _) = speech::sample();
    let transcribe =
        |format: &str| json!({"on": "transcriptions", "file": sample, "response_format": format});
    for client in Client::ALL {
        let error = |result: &Value, class: &str, status: u16, code: &str, param: Option<&str>| {
            let error = &result["error"];
            assert_eq!(error["class"], class, "{client:?}: {result}");
            assert_eq!(error["status"], status, "{client:?}: {result}");
            assert_eq!(error["code"], code, "{client:?}: {result}");
            assert_eq!(error["param"], json!(param), "{client:?}: {result}");
            let id = error["request_id"].as_str().unwrap_or_default();
            assert_eq!(id.len(), 36, "{client:?}: {result}");
        };
        let results = client
            .run(
                &edge,
                &good,
                &json!([
                    {"on": "models"},
                    // The model knows English only.
                    {"on": "translations", "file": sample},
                    transcribe("yaml"),
                    {"on": "transcriptions", "file": sample, "language": "tlh"},
                ]),
            )
            .await;
        assert_eq!(*ok(&results[0]), json!(["whisper-1", "tiny.en"]));
        error(
            &results[1],
            "BadRequestError",
            400,
            "invalid_value",
            Some("model"),
        );
        error(
            &results[2],
            "BadRequestError",
            400,
            "invalid_value",
            Some("response_format"),
        );
        error(
            &results[3],
            "BadRequestError",
            400,
            "invalid_value",
            Some("language"),
        );
        let results = client
            .run(&edge, &wrong, &json!([transcribe("json")]))
            .await;
        error(
            &results[0],
            "AuthenticationError",
            401,
            "invalid_api_key",
            None,
        );
        let results = client
            .run(&edge, &spent, &json!([transcribe("json")]))
            .await;
        error(
            &results[0],
            "RateLimitError",
            429,
            "rate_limit_exceeded",
            None,
        );
        let wait = results[0]["error"]["retry_after"]
            .as_str()
            .unwrap()
            .parse::<u64>();
        assert!((3500..=3660).contains(&wait.unwrap()), "{results:?}");
    }
    // They were told by status and header alone; the edge counted every try of theirs.
    edge.call(Method::GET, "/healthz").send().await.expect(200);
}
