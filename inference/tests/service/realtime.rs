//! Realtime sessions: speech over a WebSocket, in the form of OpenAI's API.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::Request;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::signature::Secret;
use inference_audio::Limits;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{GUARD, get, send};
use crate::signing::{claims, unix_seconds};
use crate::support::{Service, repository, sample, words};

const PATH: &str = "/v1/realtime?intent=transcription";
/// 100 ms of audio, in bytes.
const STEP: usize = 24_000 / 10 * 2;

/// A caller with a session.
struct Caller(WebSocketStream<TcpStream>);

impl Caller {
    async fn call(service: &Service) -> Self {
        Self::try_call(service, PATH, &[]).await.unwrap()
    }

    /// With a session that leaves it to the caller to commit.
    async fn by_hand(service: &Service) -> Self {
        let mut caller = Self::call(service).await;
        caller.until("session.created").await;
        let input = json!({"turn_detection": null});
        caller.set(&json!({"audio": {"input": input}})).await;
        caller
    }

    async fn try_call(
        service: &Service,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Error> {
        let url = format!("ws://{}{path}", service.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(service.address).await.unwrap();
        let called = tokio_tungstenite::client_async(request, stream);
        let (socket, response) = timeout(GUARD, called).await.expect("an answer in time")?;
        assert!(response.headers().contains_key("x-request-id"));
        Ok(Self(socket))
    }

    async fn tell(&mut self, event: &Value) {
        self.0.send(Message::text(event.to_string())).await.unwrap();
    }

    async fn set(&mut self, session: &Value) -> Value {
        self.tell(&json!({"type": "session.update", "session": session}))
            .await;
        self.until("session.updated").await
    }

    async fn say(&mut self, pcm: &[u8]) {
        for step in pcm.chunks(STEP) {
            let audio = STANDARD.encode(step);
            self.tell(&json!({"type": "input_audio_buffer.append", "audio": audio}))
                .await;
        }
    }

    async fn commit(&mut self) {
        self.tell(&json!({"type": "input_audio_buffer.commit"}))
            .await;
    }

    /// The next event; after the last the code of the close.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = timeout(GUARD, self.0.next()).await.expect("one in time");
            match message.expect("a close before the end").unwrap() {
                Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => return Err(frame.expect("a code").code.into()),
                _ => {}
            }
        }
    }

    /// The first event of this type; those before are none that fail.
    async fn until(&mut self, kind: &str) -> Value {
        self.all_until(kind).await.pop().unwrap()
    }

    async fn all_until(&mut self, kind: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let event = self.next().await.expect("an event");
            let found = event["type"].as_str().expect("a type").ends_with(kind);
            let is_error = event["type"] == "error";
            assert!(found || !is_error, "{event}");
            events.push(event);
            if found {
                return events;
            }
        }
    }

    async fn until_closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    let is_of_type = |event: &&Value| event["type"].as_str().unwrap().ends_with(kind);
    events.iter().filter(is_of_type).collect()
}

fn expected() -> Vec<String> {
    words(&std::fs::read_to_string(repository().join("assets/sample.txt")).unwrap())
}

/// The sample as a caller sends it: 16-bit, 24 kHz.
fn speech() -> Vec<u8> {
    let decoded = inference_audio::decode(Cursor::new(sample()), &Limits::default(), &|| false);
    let samples = decoded.unwrap().samples;
    // Three for two, interpolated: what that adds is above what is heard at 16 kHz.
    let at = |position: usize| samples.get(position).copied().unwrap_or_default();
    let frames = samples.len() * 3 / 2;
    let frame = |n: usize| {
        let (whole, third) = (n * 2 / 3, n * 2 % 3);
        #[expect(clippy::cast_precision_loss, reason = "0 to 2")]
        let part = third as f32 / 3.0;
        let value = at(whole) * (1.0 - part) + at(whole + 1) * part;
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let pcm = (value.clamp(-1.0, 1.0) * 32_767.0) as i16;
        pcm.to_le_bytes()
    };
    (0..frames).flat_map(frame).collect()
}

/// Silence.
fn pause(ms: usize) -> Vec<u8> {
    vec![0; 24 * 2 * ms]
}

#[tokio::test]
async fn two_utterances_with_a_pause_are_two_items_with_the_samples_words() {
    let service = Service::real(&[]).await;
    let mut caller = Caller::call(&service).await;
    let created = caller.until("session.created").await;
    assert_eq!(created["session"]["type"], "transcription");
    let input = json!({
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": {"model": "whisper-1", "language": "en"},
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 900},
    });
    let updated = caller
        .set(&json!({"type": "transcription", "audio": {"input": input}}))
        .await;
    let detection = &updated["session"]["audio"]["input"]["turn_detection"];
    assert_eq!(detection["silence_duration_ms"], 900);
    assert_eq!(detection["threshold"], 0.5);
    let speech = speech();
    let mut previous = Value::Null;
    let mut start_ms = 0;
    for _ in 0..2 {
        caller.say(&speech).await;
        caller.say(&pause(1_500)).await;
        let events = caller.all_until("completed").await;
        let kinds: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds[..5],
            [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
            ]
        );
        let completed = events.last().unwrap();
        assert_eq!(words(completed["transcript"].as_str().unwrap()), expected());
        let deltas = of_type(&events, ".delta");
        let said: String = deltas
            .iter()
            .map(|d| d["delta"].as_str().unwrap())
            .collect();
        assert_eq!(said.trim_end(), completed["transcript"]);
        let item = &events[0]["item_id"];
        for event in [&events[1], &events[2], completed]
            .into_iter()
            .chain(deltas)
        {
            assert_eq!(event["item_id"], *item);
        }
        assert_eq!(events[2]["previous_item_id"], previous);
        previous = item.clone();
        let begun = events[0]["audio_start_ms"].as_u64().unwrap();
        let ended = events[1]["audio_end_ms"].as_u64().unwrap();
        assert!(start_ms <= begun && begun < ended, "{begun} {ended}");
        start_ms = ended;
        let seconds = completed["usage"]["seconds"].as_f64().unwrap();
        assert_eq!(completed["usage"]["type"], "duration");
        let spoken = f64::from(u32::try_from(ended - begun).unwrap()) / 1000.0;
        assert!((seconds - spoken).abs() < 0.002, "{seconds} {spoken}");
        assert!(seconds > 6.0 && seconds < 9.0, "{seconds}");
    }
    // Every event has an id of its own.
    caller.0.close(None).await.unwrap();
    service.assert_alive().await;
    assert!(service.metric("inference_audio_seconds_total").await > 12.0);
}

#[tokio::test]
async fn what_a_caller_commits_by_hand_is_transcribed_with_logprobs() {
    let service = Service::real(&[]).await;
    let mut caller = Caller::by_hand(&service).await;
    caller
        .set(&json!({"include": ["item.input_audio_transcription.logprobs"]}))
        .await;
    let speech = speech();
    caller.say(&speech).await;
    caller.commit().await;
    let events = caller.all_until("completed").await;
    let completed = events.last().unwrap();
    assert_eq!(words(completed["transcript"].as_str().unwrap()), expected());
    assert!(completed["logprobs"][0]["logprob"].as_f64().unwrap() < 0.0);
    let seconds = completed["usage"]["seconds"].as_f64().unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let sent = speech.len() as f64 / 48_000.0;
    assert!((seconds - sent).abs() < 0.002, "{seconds} {sent}");
    // Silence is nothing to transcribe, and counts all the same.
    caller.say(&pause(2_000)).await;
    caller.commit().await;
    let completed = caller.until("completed").await;
    assert_eq!(
        (&completed["transcript"], &completed["usage"]["seconds"]),
        (&json!(""), &json!(2.0))
    );
}

#[tokio::test]
async fn a_caller_of_the_older_dialect_is_answered_in_it() {
    let service = Service::real(&[]).await;
    let mut caller = Caller::call(&service).await;
    let session = json!({
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1"},
        "turn_detection": null,
    });
    caller
        .tell(&json!({"type": "transcription_session.update", "session": session}))
        .await;
    let updated = caller.until("transcription_session.updated").await;
    assert_eq!(updated["session"]["input_audio_format"], "pcm16");
    caller.say(&speech()).await;
    caller.commit().await;
    let events = caller.all_until("completed").await;
    assert_eq!(of_type(&events, "item.created").len(), 1);
    let transcript = events.last().unwrap()["transcript"].as_str().unwrap();
    assert_eq!(words(transcript), expected());
}

#[tokio::test]
async fn a_long_utterance_is_one_item_in_several_pieces() {
    let (service, _) = Service::fake(&["--piece-seconds", "5"]).await;
    let mut caller = Caller::by_hand(&service).await;
    caller.say(&pause(12_000)).await;
    caller.commit().await;
    let events = caller.all_until("completed").await;
    assert!(of_type(&events, ".delta").len() >= 3);
    assert_eq!(of_type(&events, "committed").len(), 1);
    assert_eq!(events.last().unwrap()["usage"]["seconds"], 12.0);
}

#[tokio::test]
async fn a_caller_who_leaves_frees_everything_at_once() {
    let (service, gate) = Service::fake(&["--piece-seconds", "5"]).await;
    gate.close();
    for (closes, commits) in [(true, true), (false, true), (false, false)] {
        let aborted = gate.aborted();
        let mut caller = Caller::by_hand(&service).await;
        caller.say(&pause(12_000)).await;
        if commits {
            caller.commit().await;
        }
        service.until("busy", |load| load["states_busy"] == 1).await;
        if closes {
            caller.0.close(None).await.unwrap();
        }
        drop(caller);
        service.until_free().await;
        assert_eq!(gate.aborted(), aborted + 1);
    }
    gate.open();
    service.assert_alive().await;
    let left = service.metric(r#"inference_requests_total{code="ok",status="101"}"#);
    assert!((left.await - 3.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn utterances_wait_for_each_other_and_come_out_in_their_order() {
    let (service, gate) = Service::fake(&[]).await;
    gate.close();
    let mut caller = Caller::by_hand(&service).await;
    // More than the service lets wait: the rest stays unread.
    for length in 1..=9 {
        caller.say(&pause(length * 200)).await;
        caller.commit().await;
    }
    service.until("busy", |load| load["states_busy"] == 1).await;
    gate.open();
    for length in 1..=9 {
        let completed = caller.until("completed").await;
        let samples = format!("{} samples", length * 200 * 16);
        assert_eq!(completed["transcript"], samples);
    }
}

#[tokio::test]
async fn a_session_holds_one_permit_for_its_whole_life() {
    let (service, _) = Service::fake(&["--queue-length", "1"]).await;
    let first = Caller::call(&service).await;
    let second = Caller::call(&service).await;
    assert_eq!(service.load().await["permits_free"], 0);
    let refused = Caller::try_call(&service, PATH, &[]).await;
    let Err(Error::Http(refused)) = refused else {
        panic!("admitted");
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(first);
    service
        .until("free again", |l| l["permits_free"] == 1)
        .await;
    Caller::call(&service).await.until("session.created").await;
    drop(second);
    service.until_free().await;
}

#[tokio::test]
async fn a_wrong_event_is_answered_and_the_session_goes_on() {
    let (service, _) = Service::fake(&[]).await;
    let mut caller = Caller::by_hand(&service).await;
    for (event, code) in [
        (
            json!({"type": "response.create", "event_id": "mine"}),
            "invalid_event",
        ),
        (
            json!({"type": "input_audio_buffer.commit", "event_id": "mine"}),
            "invalid_event",
        ),
        (
            json!({"type": "session.update", "event_id": "mine", "session": {
                "audio": {"input": {"transcription": {"language": "de"}}}}}),
            "invalid_value",
        ),
    ] {
        caller.tell(&event).await;
        let error = caller.until("error").await["error"].take();
        assert_eq!(
            (&error["code"], &error["event_id"]),
            (&json!(code), &json!("mine"))
        );
        assert_eq!(error["type"], "invalid_request_error");
    }
    caller.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(
        caller.until("error").await["error"]["code"],
        "invalid_event"
    );
    caller.say(&pause(500)).await;
    caller.commit().await;
    assert_eq!(
        caller.until("completed").await["transcript"],
        "8000 samples"
    );
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_session() {
    let (service, _) = Service::fake(&[]).await;
    let mut caller = Caller::call(&service).await;
    let message = Message::text("x".repeat(2 * 1024 * 1024 + 1));
    // The service may have had enough before the last byte.
    let _ = caller.0.send(message).await;
    assert_eq!(caller.until_closed().await, 1009);
    drop(caller);
    service.assert_alive().await;
}

#[tokio::test]
async fn who_sends_too_far_ahead_is_let_go() {
    let (service, gate) = Service::fake(&[]).await;
    gate.close();
    let mut caller = Caller::by_hand(&service).await;
    for _ in 0..6 {
        caller.say(&pause(200)).await;
        caller.commit().await;
    }
    // What waits is full: this is not heard before the gate opens.
    for _ in 0..70 {
        let audio = STANDARD.encode(pause(1_000));
        let event = json!({"type": "input_audio_buffer.append", "audio": audio});
        // The service may have had enough before the last.
        let _ = caller.0.send(Message::text(event.to_string())).await;
    }
    assert_eq!(caller.until_closed().await, 1008);
    service.until_free().await;
}

#[tokio::test]
async fn who_sends_nothing_for_too_long_is_let_go() {
    let (service, gate) = Service::fake(&["--realtime-idle-timeout", "0.3"]).await;
    let mut idle = Caller::call(&service).await;
    let events = idle.all_until("error").await;
    assert_eq!(events.last().unwrap()["error"]["code"], "request_timeout");
    assert_eq!(idle.until_closed().await, 1008);
    drop(idle);
    // Whoever waits for a transcript is not idle.
    gate.close();
    let mut waiting = Caller::by_hand(&service).await;
    waiting.say(&pause(500)).await;
    waiting.commit().await;
    service.until("busy", |load| load["states_busy"] == 1).await;
    let mut idle = Caller::call(&service).await;
    assert_eq!(idle.until_closed().await, 1008);
    gate.open();
    waiting.until("completed").await;
    assert_eq!(waiting.until_closed().await, 1008);
    service.until_free().await;
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over() {
    let (service, gate) = Service::fake(&["--request-timeout", "0.5"]).await;
    gate.close();
    let mut caller = Caller::by_hand(&service).await;
    caller.say(&pause(500)).await;
    caller.commit().await;
    let events = caller.all_until("error").await;
    assert_eq!(events.last().unwrap()["error"]["code"], "deadline_exceeded");
    assert_eq!(caller.until_closed().await, 1008);
    drop(caller);
    service.until_free().await;
}

#[tokio::test]
async fn a_service_that_shuts_down_lets_utterances_end_and_begins_none() {
    let (mut service, gate) = Service::fake(&[]).await;
    gate.close();
    let mut idle = Caller::by_hand(&service).await;
    let mut waiting = Caller::by_hand(&service).await;
    waiting.say(&pause(500)).await;
    waiting.commit().await;
    waiting.until("committed").await;
    let mut speaking = Caller::by_hand(&service).await;
    speaking.say(&pause(500)).await;
    // It is heard before this is answered.
    speaking.set(&json!({})).await;
    service.terminate();
    assert_eq!(idle.until_closed().await, 1001);
    speaking.say(&pause(500)).await;
    speaking.commit().await;
    speaking.until("committed").await;
    speaking.say(&pause(500)).await;
    gate.open();
    for (caller, samples) in [
        (&mut waiting, "8000 samples"),
        (&mut speaking, "16000 samples"),
    ] {
        assert_eq!(caller.until("completed").await["transcript"], samples);
        let last = caller.until("error").await;
        assert_eq!(last["error"]["code"], "shutting_down");
        assert_eq!(caller.until_closed().await, 1001);
    }
    drop((idle, waiting, speaking));
    service.ended().await;
}

#[tokio::test]
async fn what_is_no_session_is_refused_before_it_becomes_one() {
    let secret = "s".repeat(32);
    let (service, _) = Service::fake(&["--edge-signing-secrets", &secret]).await;
    let shared = Secret::new(secret).unwrap();
    let signed = |id: &str, method: &str, change: &dyn Fn(&mut inference_api::claims::Claims)| {
        let mut claims = claims(id);
        change(&mut claims);
        let encoded = claims.encode();
        let signature = shared.sign(method, "/v1/realtime", &encoded, unix_seconds());
        vec![(EDGE_CLAIMS, encoded), (EDGE_SIGNATURE, signature)]
    };
    let all = |_: &mut inference_api::claims::Claims| {};
    let refused = [
        (PATH, vec![], 401, "invalid_signature"),
        (PATH, signed("1", "POST", &all), 401, "invalid_signature"),
        (
            PATH,
            signed("2", "GET", &|c| c.scopes = vec!["translate".into()]),
            403,
            "insufficient_scope",
        ),
        (
            PATH,
            signed("3", "GET", &|c| c.models = vec!["base".into()]),
            403,
            "model_not_allowed",
        ),
        (
            "/v1/realtime?model=base",
            signed("4", "GET", &all),
            404,
            "model_not_found",
        ),
        (
            "/v1/realtime?intent=conversation",
            signed("5", "GET", &all),
            400,
            "invalid_value",
        ),
        (
            PATH,
            signed("6", "GET", &|c| c.deadline_ms = 1),
            504,
            "deadline_exceeded",
        ),
    ];
    for (path, headers, status, code) in refused {
        let Err(Error::Http(response)) = Caller::try_call(&service, path, &headers).await else {
            panic!("{code}: admitted");
        };
        let body: Value = serde_json::from_slice(response.body().as_deref().unwrap()).unwrap();
        let said = (response.status().as_u16(), body["error"]["code"].as_str());
        assert_eq!(said, (status, Some(code)));
    }
    // A request that wants to stay HTTP.
    let mut request = Request::get(PATH);
    for (name, value) in signed("7", "GET", &all) {
        request = request.header(name, value);
    }
    let answer = send(service.address, request.body(Vec::new()).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (426, "upgrade_required")
    );
    assert_eq!(answer.header("upgrade"), "websocket");
    let load = get(service.address, "/v1/load").await.json();
    assert_eq!(load["permits_free"], load["permits_total"]);
    let headers = signed("8", "GET", &all);
    let mut caller = Caller::try_call(&service, PATH, &headers).await.unwrap();
    caller.until("session.created").await;
}
