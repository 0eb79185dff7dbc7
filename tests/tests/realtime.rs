//! Realtime sessions through the edge: OpenAI's client as it is, keys and limits before the upgrade, charged by
//! what was heard, and everything freed at their end.

use e2e::client::{realtime, realtime_program};
use e2e::edge::{Edge, Key, unknown_key};
use e2e::realtime::{PATH, Session, refusal};
use e2e::service::Service;
use e2e::upstream::Down;
use e2e::{environment, speech, until};
use reqwest::Method;
use serde_json::{Value, json};

async fn until_under_way(edge: &Edge, key: &Key, count: u64) {
    let there = async || (edge.key(key).await["under_way"] == count).then_some(());
    until("so many are under way", there).await;
}

async fn own_usage(edge: &Edge, key: &Key) -> Value {
    let usage = edge.get("/v1/usage").key(key).send().await.expect(200);
    usage.json()["total"].take()
}

/// Waits until so many sessions have ended with this outcome; what was used by then.
async fn until_ended(edge: &Edge, key: &Key, outcome: &str, count: u64) -> Value {
    let ended = async || {
        let usage = own_usage(edge, key).await;
        (usage["outcomes"][outcome] == count).then_some(usage)
    };
    until("the sessions are settled", ended).await
}

async fn until_free(service: &Service) {
    let free = async || {
        let load = reqwest::get(format!("{}/v1/load", service.url())).await;
        let load: Value = load.unwrap().json().await.unwrap();
        (load["permits_free"] == load["permits_total"] && load["states_busy"] == 0).then_some(())
    };
    until("the host holds nothing", free).await;
}

/// Limits that last longer than any test.
fn metered() -> Value {
    json!([
        {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1000, "period": "month"},
        {"name": "parallel", "kind": "concurrency", "limit": 1},
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_client_hears_both_turns_whichever_way_its_key_goes() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let (pcm, words) = speech::pcm();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speech.pcm");
    std::fs::write(&path, pcm).unwrap();
    for (transport, protocol) in [("ws", ""), ("websocket", "realtime")] {
        let key = edge
            .create_key(&json!({"name": transport, "limits": metered()}))
            .await;
        let said = json!({"transport": transport, "pcm": path, "turns": 2});
        let heard = realtime(&edge, &key, &said).await;
        assert_eq!(heard["protocol"], protocol, "{heard}");
        let transcripts = heard["transcripts"].as_array().unwrap();
        assert_eq!(transcripts.len(), 2);
        for transcript in transcripts {
            let transcript = speech::plain(transcript.as_str().unwrap());
            assert!(transcript.contains(words), "{transcript}");
        }
        let kinds: Vec<_> = heard["kinds"].as_array().unwrap().iter().collect();
        assert_eq!(*kinds[0], "session.created");
        for kind in [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.input_audio_transcription.delta",
        ] {
            assert!(
                kinds.iter().filter(|said| **said == kind).count() >= 2,
                "{kind}: {kinds:?}"
            );
        }
        // What the client was told is what it is charged.
        let usage = until_ended(&edge, &key, "served", 1).await;
        let (used, told) = (usage["audio_seconds"].as_f64(), heard["seconds"].as_f64());
        assert!(
            (used.unwrap() - told.unwrap()).abs() < 0.005,
            "{usage} {heard}"
        );
        assert!(told.unwrap() > 4.0, "{heard}");
        until_under_way(&edge, &key, 0).await;
    }
    until_free(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_documentation_works() {
    let guide = environment::repository().join("docs/api.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let example = guide
        .split("```js\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    // Below the repository: where the packages are found.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (script, path) = (
        folder.path().join("realtime.mjs"),
        folder.path().join("speech.pcm"),
    );
    std::fs::write(&script, example.expect("an example")).unwrap();
    let (pcm, words) = speech::pcm();
    std::fs::write(&path, pcm).unwrap();
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.any_key().await;
    let output = realtime_program(&edge, &key, &script, &path.to_string_lossy()).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(speech::plain(&said).contains(words), "{output:?}");
    assert!(said.ends_with("\n2.5 s\n"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn openais_client_is_told_of_a_wrong_key_before_there_is_a_session() {
    let edge = Edge::builder().start().await;
    let wrong = Key {
        id: String::new(),
        text: unknown_key(),
    };
    let (pcm, folder) = (speech::pcm().0, tempfile::tempdir().unwrap());
    let path = folder.path().join("speech.pcm");
    std::fs::write(&path, pcm).unwrap();
    for transport in ["ws", "websocket"] {
        let said = json!({"transport": transport, "pcm": path, "turns": 1});
        let refused = realtime(&edge, &wrong, &said).await;
        let words = refused["error"].as_str().unwrap();
        assert!(words.contains("401"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_refused_before_the_upgrade() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let with = async |field: &str, value: Value| {
        let key = edge.create_key(&json!({"name": "k", field: value})).await;
        format!("Bearer {}", key.text)
    };
    let good = format!("Bearer {}", edge.any_key().await.text);
    let stranger = unknown_key();
    let translator = with("scopes", json!(["translate"])).await;
    let of_another_model = with("models", json!(["base"])).await;
    let authorization = "authorization";
    let protocol = "sec-websocket-protocol";
    let among = format!("realtime, openai-insecure-api-key.{stranger}");
    for (path, headers, status, code) in [
        (PATH, vec![], 401, "missing_api_key"),
        (PATH, vec![(protocol, "realtime")], 401, "missing_api_key"),
        (
            PATH,
            vec![("x-api-key", stranger.as_str())],
            401,
            "invalid_api_key",
        ),
        (
            PATH,
            vec![(protocol, among.as_str())],
            401,
            "invalid_api_key",
        ),
        (
            PATH,
            vec![(authorization, translator.as_str())],
            403,
            "insufficient_scope",
        ),
        (
            PATH,
            vec![(authorization, of_another_model.as_str())],
            403,
            "model_not_allowed",
        ),
        (
            "/v1/realtime?model=gpt%265",
            vec![(authorization, good.as_str())],
            404,
            "model_not_found",
        ),
        (
            "/v1/realtime?intent=talk",
            vec![(authorization, good.as_str())],
            400,
            "invalid_value",
        ),
    ] {
        let refused = refusal(&edge, path, &headers).await;
        let refused = refused.expect_error(status, code);
        if code == "model_not_found" {
            assert!(refused.text().contains("gpt&5"), "{refused:?}");
        }
        let opened = Session::try_open(&edge, path, &headers).await;
        assert_eq!(opened.err(), Some(status));
    }
    // Over plain HTTP, with a good key: what would be answered is charged nothing.
    let key = edge.any_key().await;
    let answer = edge.get(PATH).key(&key).send().await;
    answer.expect_error(426, "upgrade_required");
    let posted = edge.call(Method::POST, PATH).key(&key).send().await;
    posted.expect_error(405, "method_not_allowed");
    assert_eq!(own_usage(&edge, &key).await["requests"], 0);
    until_free(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_one_request_of_a_limit_however_much_is_said() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.limited_key(2).await;
    let (pcm, words) = speech::pcm();
    for _ in 0..2 {
        let mut session = Session::open(&edge, &key).await;
        let transcript = session.transcribe(&pcm).await["transcript"].take();
        assert!(speech::plain(transcript.as_str().unwrap()).contains(words));
        session.close().await;
    }
    let bearer = format!("Bearer {}", key.text);
    let answer = refusal(&edge, PATH, &[("authorization", &bearer)]).await;
    let answer = answer.expect_error(429, "rate_limit_exceeded");
    assert!(answer.number("retry-after") > 3_000);
    assert_eq!(answer.number("x-ratelimit-remaining-requests"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_under_way_until_either_side_ends_it() {
    let mut service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge
        .create_key(&json!({"name": "one at once", "limits": metered()}))
        .await;
    let (pcm, _) = speech::pcm();
    let mut seconds = 0.0;
    // Each is followed by one that only begins.
    for (ended, way) in [(1, "close"), (3, "reset"), (5, "drop")] {
        let mut session = Session::open(&edge, &key).await;
        until_under_way(&edge, &key, 1).await;
        let bearer = format!("Bearer {}", key.text);
        let second = refusal(&edge, PATH, &[("authorization", &bearer)]).await;
        second.expect_error(429, "concurrency_limit_exceeded");
        let completed = session.transcribe(&pcm).await;
        seconds += completed["usage"]["seconds"].as_f64().unwrap();
        if way == "close" {
            session.close().await;
        } else {
            // Amid an utterance.
            session.say(&pcm).await;
            if way == "reset" {
                session.vanish();
            } else {
                drop(session);
            }
        }
        let usage = until_ended(&edge, &key, "served", ended).await;
        assert!(
            (usage["audio_seconds"].as_f64().unwrap() - seconds).abs() < 0.005,
            "{usage}"
        );
        until_under_way(&edge, &key, 0).await;
        until_free(&service).await;
        // The refusal is remembered for a second at most.
        let next = async || {
            let opened = Session::try_open(&edge, PATH, &[("authorization", &bearer)]).await;
            opened.ok().map(|(session, _)| session)
        };
        until("another may begin", next).await.close().await;
        until_under_way(&edge, &key, 0).await;
    }
    // The host falls: what it had told is charged, and its fault is its own.
    let falls = edge
        .create_key(&json!({"name": "falls", "limits": metered()}))
        .await;
    let mut session = Session::open(&edge, &falls).await;
    let completed = session.transcribe(&pcm).await;
    service.kill();
    assert_eq!(session.until_closed().await, 1011);
    let usage = until_ended(&edge, &falls, "upstream_failed", 1).await;
    assert_eq!(usage["audio_seconds"], completed["usage"]["seconds"]);
    until_under_way(&edge, &falls, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_closes_pass_as_they_are() {
    let settings = [("INFERENCE_REALTIME_IDLE_TIMEOUT", "2")];
    let service = Service::start_with(&settings).await;
    let edge = Edge::builder().service(&service).start().await;
    let key = edge.any_key().await;
    let mut session = Session::open(&edge, &key).await;
    session.tell_bytes(b"\x00\xff").await;
    let error = session.until("error").await;
    assert_eq!(error["error"]["code"], "invalid_event");
    session
        .tell(&json!({"type": "response.create", "event_id": "mine"}))
        .await;
    let error = session.until("error").await;
    assert_eq!(error["error"]["event_id"], "mine");
    // A transcript's event that the caller made up is none of the host's.
    session
        .tell(&json!({
            "type": "conversation.item.input_audio_transcription.completed",
            "usage": {"type": "duration", "seconds": 1000},
        }))
        .await;
    session.until("error").await;
    assert_eq!(session.until_closed().await, 1008);
    let usage = until_ended(&edge, &key, "served", 1).await;
    assert_eq!(usage["audio_seconds"], 0.0);
    let mut long = Session::open(&edge, &key).await;
    long.tell(&json!({"type": "x".repeat(2 * 1024 * 1024)}))
        .await;
    assert_eq!(long.until_closed().await, 1009);
    until_free(&service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_host_is_up_there_is_no_session_and_no_charge() {
    let down = Down::new();
    let edge = Edge::builder().upstream(&down.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "metered", "limits": metered()}))
        .await;
    let bearer = format!("Bearer {}", key.text);
    let refused = refusal(&edge, PATH, &[("authorization", &bearer)]).await;
    refused.expect_error(502, "upstream_failed");
    until_ended(&edge, &key, "upstream_failed", 1).await;
    until_under_way(&edge, &key, 0).await;
}
