//! A realtime session's messages, without its socket.

use std::time::Duration;

use inference_audio::chunks::{FRAME, Voice};

use super::session::{Output, Rules, Session};
use super::settings::Settings;

/// Hears somebody speak where it is loud.
struct HearsLoud;

impl Voice for HearsLoud {
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        if frame.iter().any(|sample| sample.abs() > 0.1) {
            1.0
        } else {
            0.0
        }
    }
}

/// Holds a session of which each line is a message of the client.
///
/// # Panics
/// Where utterances do not begin, are heard and end in this order, or grow beyond their bound.
pub fn realtime(input: &[u8]) {
    let claims = crate::fuzzing::claims();
    let registry = crate::fuzzing::registry();
    let longest = Duration::from_millis(300);
    let rules = Rules {
        registry,
        claims: &claims,
        ear: || Box::new(HearsLoud),
        longest,
    };
    let Ok(settings) = Settings::new(None, registry, &claims) else {
        return;
    };
    let mut session = Session::new(rules, "fuzz", 0, settings);
    let mut utterance = None;
    for line in String::from_utf8_lossy(input).lines() {
        let mut outputs = session.receive(line);
        while session.has_unheard() {
            outputs.extend(session.hear_on());
        }
        for output in outputs {
            follow(output, &mut utterance, longest);
        }
        assert_eq!(session.is_open(), utterance.is_some());
    }
}

/// Checks that utterances begin, are heard and end in this order, and that what is said is JSON. `utterance` is
/// how many samples of an open one were heard.
fn follow(output: Output, utterance: &mut Option<usize>, longest: Duration) {
    match output {
        Output::Say(event) => {
            let said: Result<serde_json::Value, _> = serde_json::from_str(&event.to_json("e"));
            assert!(said.is_ok_and(|event| event["type"].is_string()));
        }
        Output::Begin { .. } => assert_eq!(utterance.replace(0), None),
        Output::Hear(samples) => {
            assert!(samples.iter().all(|sample| sample.is_finite()));
            #[expect(clippy::expect_used, reason = "what it is there for")]
            let heard = utterance.as_mut().expect("an utterance");
            *heard += samples.len();
            let most = longest.as_secs_f64() * f64::from(inference_audio::SAMPLE_RATE);
            #[expect(clippy::cast_precision_loss, reason = "seconds of audio")]
            let in_bounds = *heard as f64 <= most;
            assert!(in_bounds, "{heard} samples");
        }
        Output::End | Output::Discard => assert!(utterance.take().is_some()),
    }
}
