use super::*;
use proptest::prelude::*;
use serde_json::json;

fn refusal(text: &str) -> (Option<String>, String) {
    let refused = read(text).unwrap_err();
    assert_eq!(refused.error.kind().code, "invalid_event", "{text}");
    (refused.event_id, refused.error.to_string())
}

fn update(text: &str) -> Update {
    match read(text).unwrap().event {
        ClientEvent::Update(update) => *update,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_dialects_set_the_same() {
    let current = json!({"type": "session.update", "event_id": "e", "session": {
        "type": "transcription", "unknown": 1,
        "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "p"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5},
            "noise_reduction": {"type": "near_field"},
        }},
        "include": ["item.input_audio_transcription.logprobs"],
    }});
    let older = json!({"type": "transcription_session.update", "session": {
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "p"},
        "turn_detection": {"type": "server_vad", "threshold": 0.5},
        "input_audio_noise_reduction": {"type": "near_field"},
        "include": ["item.input_audio_transcription.logprobs"],
    }});
    let [current, older] = [current, older].map(|event| update(&event.to_string()));
    assert_eq!(current.input.transcription, older.input.transcription);
    assert_eq!(current.input.turn_detection, older.input.turn_detection);
    assert_eq!(current.input.noise_reduction, older.input.noise_reduction);
    assert_eq!(current.include, older.include);
    assert_eq!(
        (current.dialect, older.dialect),
        (Dialect::Current, Dialect::Older)
    );
}

#[test]
fn null_is_told_from_what_is_not_there() {
    let detection = |input: &str| {
        let text =
            format!(r#"{{"type":"session.update","session":{{"audio":{{"input":{input}}}}}}}"#);
        update(&text).input.turn_detection
    };
    assert_eq!(detection("{}"), Change::Keep);
    assert_eq!(detection(r#"{"turn_detection":null}"#), Change::Off);
    assert!(matches!(
        detection(r#"{"turn_detection":{"type":"server_vad"}}"#),
        Change::To(_)
    ));
}

#[test]
fn audio_is_read_up_to_its_bounds() {
    let append = |audio: &str| {
        read(&json!({"type": "input_audio_buffer.append", "audio": audio}).to_string())
            .map(|r| r.event)
    };
    assert_eq!(
        append("AQACAA==").unwrap(),
        ClientEvent::Append(vec![1, 0, 2, 0])
    );
    assert_eq!(append("").unwrap(), ClientEvent::Append(vec![]));
    let longest = STANDARD.encode(vec![0; MAX_APPEND_BYTES]);
    assert!(append(&longest).is_ok());
    let longer = STANDARD.encode(vec![0; MAX_APPEND_BYTES + 4]);
    assert!(
        refusal(&json!({"type": "input_audio_buffer.append", "audio": longer}).to_string())
            .1
            .contains("longer")
    );
    // An encoder may write what JSON allows.
    let escaped = r#"{"type":"input_audio_buffer.append","audio":"\/\/8="}"#;
    assert_eq!(
        read(escaped).unwrap().event,
        ClientEvent::Append(vec![255, 255])
    );
}

#[test]
fn what_is_no_event_is_refused_with_the_id_it_came_with() {
    let with_id =
        |kind: &str, rest: &str| format!(r#"{{"event_id":"mine","type":"{kind}"{rest}}}"#);
    for (text, problem) in [
        (with_id("response.create", ""), "'type' is none"),
        (with_id("input_audio_buffer.append", ""), "missing"),
        (
            with_id("input_audio_buffer.append", r#","audio":1"#),
            "another type",
        ),
        (
            with_id("input_audio_buffer.append", r#","audio":"?""#),
            "base64",
        ),
        (
            with_id("input_audio_buffer.append", r#","audio":"AA==""#),
            "odd",
        ),
        (with_id("session.update", ""), "missing"),
        (r#"{"event_id":"mine"}"#.to_owned(), "'type' is missing"),
    ] {
        let (id, message) = refusal(&text);
        assert_eq!(id.as_deref(), Some("mine"), "{text}");
        assert!(message.contains(problem), "{text}: {message}");
    }
    for text in [
        "",
        "[",
        "[]",
        "1",
        r#"{"type":1}"#,
        r#"{"type":"a","type":"b"}"#,
    ] {
        assert_eq!(refusal(text).0, None, "{text}");
    }
    let long = format!(r#"{{"event_id":"{}","type":"x"}}"#, "i".repeat(513));
    assert_eq!(refusal(&long).0, None);
}

#[test]
fn an_event_is_written_as_openais_clients_read_it() {
    let error = Refused {
        event_id: Some("mine".into()),
        error: wrong("no"),
    };
    let written: Value =
        serde_json::from_str(&ServerEvent::from(error).to_json("event_1")).unwrap();
    assert_eq!(
        written,
        json!({"event_id": "event_1", "type": "error", "error": {
            "type": "invalid_request_error", "code": "invalid_event",
            "message": "The event is wrong: no.", "param": null, "event_id": "mine",
        }})
    );
    let completed = ServerEvent::Completed {
        item_id: "item_1".into(),
        content_index: 0,
        transcript: "words".into(),
        logprobs: None,
        usage: Usage::of(std::time::Duration::from_micros(1_234_567)),
    };
    let written: Value = serde_json::from_str(&completed.to_json("e")).unwrap();
    assert_eq!(
        written,
        json!({"event_id": "e", "item_id": "item_1", "content_index": 0, "transcript": "words",
            "type": "conversation.item.input_audio_transcription.completed",
            "usage": {"type": "duration", "seconds": 1.235}})
    );
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC*") {
        let _ = read(&text);
    }
}
