use super::*;
pub(crate) use crate::models::testing::{claims, english as registry};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inference_audio::chunks::FRAME;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Hears speech where it is loud.
struct Loud;

impl Voice for Loud {
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        f32::from(u8::from(frame.iter().any(|s| s.abs() > 0.1)))
    }
}

const LONGEST: Duration = Duration::from_secs(10);

/// Runs a test on a new session.
fn with(test: impl FnOnce(&mut Script<'_>)) {
    let (registry, claims) = (registry(), claims(&["*"]));
    let rules = Rules {
        registry: &registry,
        claims: &claims,
        ear: || Box::new(Loud),
        longest: LONGEST,
    };
    let settings = Settings::new(None, &registry, &claims).unwrap();
    test(&mut Script(Session::new(rules, "abc", 7, settings)));
}

struct Script<'a>(Session<'a>);

impl Script<'_> {
    /// What a message leads to, in few words; audio that follows on audio is one stretch, in milliseconds.
    fn send(&mut self, event: &Value) -> Vec<String> {
        self.send_text(&event.to_string())
    }

    fn send_text(&mut self, text: &str) -> Vec<String> {
        let mut outputs = self.0.receive(text);
        while self.0.has_unheard() {
            outputs.extend(self.0.hear_on());
        }
        let mut said: Vec<String> = Vec::new();
        let mut samples = 0;
        for output in outputs {
            if let Output::Hear(more) = &output {
                assert!(!more.is_empty());
                samples += more.len() as u64;
                continue;
            }
            if samples > 0 {
                said.push(format!("hear {}", ms(samples)));
                samples = 0;
            }
            said.push(match output {
                Output::Say(event) => brief(&event),
                Output::Begin { item, .. } => format!("begin {item}"),
                Output::End => "end".to_owned(),
                Output::Discard => "discard".to_owned(),
                Output::Hear(_) => unreachable!(),
            });
        }
        if samples > 0 {
            said.push(format!("hear {}", ms(samples)));
        }
        said
    }

    /// So many milliseconds of a tone, or of silence.
    fn append(&mut self, ms: u32, loud: bool) -> Vec<String> {
        self.send(&json!({
            "type": "input_audio_buffer.append", "event_id": "culprit", "audio": STANDARD.encode(tone(ms, loud)),
        }))
    }

    fn turn_detection(&mut self, value: &Value) -> Vec<String> {
        let input = json!({"turn_detection": value});
        self.send(&json!({"type": "session.update", "session": {"audio": {"input": input}}}))
    }

    fn commit(&mut self) -> Vec<String> {
        self.send(&json!({"type": "input_audio_buffer.commit", "event_id": "culprit"}))
    }
}

/// An event's type, and what of it matters.
fn brief(event: &ServerEvent) -> String {
    let event: Value = serde_json::from_str(&event.to_json("e")).unwrap();
    let kind = event["type"].as_str().unwrap();
    let kind = kind.strip_prefix("input_audio_buffer.").unwrap_or(kind);
    match kind {
        "error" => {
            let error = &event["error"];
            format!("error {} {}", error["code"], error["event_id"]).replace('"', "")
        }
        "speech_started" => format!("{kind} {}", event["audio_start_ms"]),
        "speech_stopped" => format!("{kind} {}", event["audio_end_ms"]),
        "committed" => format!(
            "{kind} {} after {}",
            event["item_id"], event["previous_item_id"]
        )
        .replace('"', ""),
        _ => kind.to_owned(),
    }
}

fn tone(ms: u32, loud: bool) -> Vec<u8> {
    let frames = ms * SOURCE_RATE / 1000;
    let sample = |at: u32| -> i16 {
        let wave = (f64::from(at) * 0.17).sin() * f64::from(u8::from(loud)) * 20_000.0;
        #[expect(clippy::cast_possible_truncation, reason = "the amplitude is 20,000")]
        let sample = wave as i16;
        sample
    };
    (0..frames)
        .flat_map(|at| sample(at).to_le_bytes())
        .collect()
}

#[test]
fn a_session_begins_with_what_it_is() {
    with(|script| {
        let created = script.0.created().to_json("event_1");
        let created: Value = serde_json::from_str(&created).unwrap();
        assert_eq!(created["type"], "session.created");
        assert_eq!(created["session"]["id"], "sess_abc");
        assert_eq!(created["session"]["type"], "transcription");
    });
}

#[test]
fn without_turn_detection_an_utterance_is_what_lies_between_commits() {
    with(|script| {
        assert_eq!(script.turn_detection(&Value::Null), ["session.updated"]);
        let first = script.append(500, true);
        assert_eq!(first[0], "begin item_abc0001");
        script.append(500, false);
        let committed = script.commit();
        assert_eq!(
            committed[1..],
            [
                "committed item_abc0001 after null",
                "conversation.item.added",
                "conversation.item.done",
                "end"
            ]
        );
        script.append(300, true);
        assert!(
            script
                .commit()
                .contains(&"committed item_abc0002 after item_abc0001".to_owned())
        );
        assert_eq!(script.commit(), ["error invalid_event culprit"]);
    });
}

#[test]
fn all_audio_of_an_utterance_is_heard_however_it_was_cut() {
    for piece in [3, 20, 100, 1_000] {
        with(|script| {
            script.turn_detection(&Value::Null);
            let mut heard = 0;
            let mut count = |said: Vec<String>| {
                let stretches = said.iter().filter_map(|s| s.strip_prefix("hear "));
                heard += stretches.map(|ms| ms.parse::<u64>().unwrap()).sum::<u64>();
            };
            for _ in 0..3_000 / piece {
                count(script.append(piece, true));
            }
            count(script.commit());
            let sent = u64::from(3_000 / piece * piece);
            // Each stretch was rounded down.
            assert!(sent - heard <= 80, "{piece}: {heard}");
        });
    }
}

#[test]
fn with_turn_detection_an_utterance_ends_with_a_silence() {
    with(|script| {
        let quiet = script.append(1_000, false);
        assert_eq!(quiet, Vec::<String>::new());
        let mut said = script.append(1_000, true);
        said.extend(script.append(1_000, false));
        let kinds: Vec<_> = said.iter().map(|s| s.split(' ').next().unwrap()).collect();
        assert_eq!(
            kinds,
            [
                "speech_started",
                "begin",
                "hear",
                "hear",
                "speech_stopped",
                "committed",
                "conversation.item.added",
                "conversation.item.done",
                "end"
            ]
        );
        let number = |s: &String| s.rsplit(' ').next().unwrap().parse::<i64>().unwrap();
        // 300 ms before it, 500 ms after; judged by frames of 16 ms.
        assert!((number(&said[0]) - 700).abs() <= 32, "{said:?}");
        assert!((number(&said[4]) - 2_500).abs() <= 32, "{said:?}");
        assert!(
            (number(&said[2]) + number(&said[3]) - 1_800).abs() <= 64,
            "{said:?}"
        );
    });
}

#[test]
fn the_older_dialect_is_answered_in_its_form() {
    with(|script| {
        let update =
            json!({"type": "transcription_session.update", "session": {"turn_detection": null}});
        assert_eq!(script.send(&update), ["transcription_session.updated"]);
        script.append(200, true);
        assert_eq!(
            script.commit()[1..],
            [
                "committed item_abc0001 after null",
                "conversation.item.created",
                "end"
            ]
        );
    });
}

#[test]
fn what_is_cleared_is_discarded_and_what_follows_is_another_utterance() {
    with(|script| {
        script.turn_detection(&Value::Null);
        script.append(500, true);
        let clear = json!({"type": "input_audio_buffer.clear"});
        assert_eq!(script.send(&clear), ["discard", "cleared"]);
        assert_eq!(script.send(&clear), ["cleared"]);
        assert_eq!(script.commit(), ["error invalid_event culprit"]);
        assert_eq!(script.append(200, true)[0], "begin item_abc0002");
    });
}

#[test]
fn turn_detection_may_change_amid_an_utterance() {
    with(|script| {
        script.append(500, true);
        // What the client has begun to say is complete when he says so.
        script.turn_detection(&Value::Null);
        assert!(!script.append(2_000, false).contains(&"end".to_owned()));
        // And when he falls silent, once that counts again.
        script.turn_detection(&json!({"type": "server_vad"}));
        let said = script.append(1_000, false);
        assert!(
            said.contains(&"committed item_abc0001 after null".to_owned()),
            "{said:?}"
        );
    });
}

#[test]
fn an_utterance_that_is_too_long_is_refused_or_ended() {
    with(|script| {
        script.turn_detection(&Value::Null);
        for _ in 0..9 {
            script.append(1_000, true);
        }
        let said: Vec<_> = (0..3).flat_map(|_| script.append(1_000, true)).collect();
        assert!(
            said.contains(&"error audio_too_long culprit".to_owned()),
            "{said:?}"
        );
        // What was heard up to there can be committed.
        assert!(script.commit().contains(&"end".to_owned()));
    });
    with(|script| {
        let said: Vec<_> = (0..25).flat_map(|_| script.append(1_000, true)).collect();
        let ends = said.iter().filter(|s| *s == "end").count();
        let begins = said.iter().filter(|s| s.starts_with("begin")).count();
        assert_eq!((begins, ends), (3, 2), "{said:?}");
    });
}

#[test]
fn a_refused_event_changes_nothing() {
    with(|script| {
        script.turn_detection(&Value::Null);
        script.append(500, true);
        for event in [
            json!({"type": "response.create", "event_id": "culprit"}),
            json!({"type": "input_audio_buffer.append", "event_id": "culprit", "audio": "A"}),
            json!({"type": "input_audio_buffer.append", "event_id": "culprit", "audio": "AAAA"}),
        ] {
            assert_eq!(
                script.send(&event),
                ["error invalid_event culprit"],
                "{event}"
            );
        }
        assert_eq!(script.send_text("nonsense"), ["error invalid_event null"]);
        let both = json!({"type": "session.update", "event_id": "culprit", "session": {
            "include": ["item.input_audio_transcription.logprobs"],
            "audio": {"input": {"transcription": {"model": "gpt-5"}}},
        }});
        assert_eq!(script.send(&both), ["error model_not_found culprit"]);
        assert!(!script.0.settings.wanted(&registry()).options.logprobs);
        assert!(script.commit().contains(&"end".to_owned()));
    });
}

#[test]
fn a_session_that_closes_ends_its_utterance_and_begins_none() {
    for detection in [Value::Null, json!({"type": "server_vad"})] {
        with(|script| {
            script.turn_detection(&detection);
            script.append(500, true);
            script.0.close();
            assert!(script.0.is_open());
            let mut said = script.append(1_000, false);
            if detection.is_null() {
                said = script.commit();
            }
            assert_eq!(said.last().map(String::as_str), Some("end"));
            assert!(!script.0.is_open());
            assert_eq!(script.append(2_000, true), Vec::<String>::new());
            assert_eq!(script.commit(), ["error invalid_event culprit"]);
        });
    }
}

proptest! {
    /// In whatever order events come, utterances begin, are heard and end in theirs.
    #[test]
    fn events_in_any_order_leave_a_session_that_works(
        events in prop::collection::vec((0_u8..7, 1_u32..900, any::<bool>()), 0..40),
    ) {
        with(|script| {
            let mut is_open = false;
            for (event, length, loud) in events {
                let said = match event {
                    0..=2 => script.append(length, loud),
                    3 => script.commit(),
                    4 => script.send(&json!({"type": "input_audio_buffer.clear"})),
                    5 => script.turn_detection(&Value::Null),
                    _ => script.turn_detection(&json!({"type": "server_vad"})),
                };
                for what in said {
                    let what = what.split(' ').next().unwrap_or_default();
                    match what {
                        "begin" => { assert!(!is_open); is_open = true; }
                        "hear" => assert!(is_open),
                        "end" | "discard" => { assert!(is_open); is_open = false; }
                        _ => {}
                    }
                }
                assert_eq!(script.0.is_open(), is_open);
            }
        });
    }
}
