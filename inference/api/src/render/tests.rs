use super::*;
use crate::envelope::ErrorType;
use crate::language::Language;
use crate::transcript::Task;

fn segment(id: u32, start: f64, end: f64, text: &str) -> Segment {
    Segment {
        id,
        seek: 0,
        start,
        end,
        text: text.into(),
        tokens: vec![7],
        temperature: 0.0,
        avg_logprob: -0.25,
        compression_ratio: 1.5,
        no_speech_prob: 0.01,
    }
}

fn transcript() -> Transcript {
    Transcript {
        task: Task::Transcribe,
        language: Language::ENGLISH,
        language_probability: None,
        duration: 11.0,
        segments: vec![
            segment(0, 0.0, 7.5, " Ask not"),
            segment(1, 7.5, 11.0, " what."),
        ],
        words: None,
        logprobs: None,
    }
}

#[test]
fn json_has_text_and_whole_seconds() {
    let t = Transcript {
        duration: 10.01,
        ..transcript()
    };
    assert_eq!(
        render(&t, ResponseFormat::Json),
        r#"{"text":"Ask not what.","usage":{"type":"duration","seconds":11}}"#
    );
}

#[test]
fn verbose_json_names_the_language_and_lists_segments() {
    assert_eq!(
        render(&transcript(), ResponseFormat::VerboseJson),
        concat!(
            r#"{"task":"transcribe","language":"english","duration":11.0,"text":"Ask not what.","segments":["#,
            r#"{"id":0,"seek":0,"start":0.0,"end":7.5,"text":" Ask not","tokens":[7],"temperature":0.0,"#,
            r#""avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.01},"#,
            r#"{"id":1,"seek":0,"start":7.5,"end":11.0,"text":" what.","tokens":[7],"temperature":0.0,"#,
            r#""avg_logprob":-0.25,"compression_ratio":1.5,"no_speech_prob":0.01}],"#,
            r#""usage":{"type":"duration","seconds":11}}"#
        )
    );
}

#[test]
fn a_language_that_was_found_out_has_its_probability() {
    let found = Transcript {
        language_probability: Some(0.98),
        ..transcript()
    };
    let verbose = render(&found, ResponseFormat::VerboseJson);
    assert!(verbose.contains(r#""language":"english","language_probability":0.98,"duration""#));
    assert!(!render(&found, ResponseFormat::Json).contains("probability"));
}

#[test]
fn words_and_logprobs_appear_where_they_are_there() {
    let t = Transcript {
        words: Some(vec![Word {
            word: "Ask".into(),
            start: 0.0,
            end: 0.5,
        }]),
        logprobs: Some(vec![TokenLogprob {
            token: " Ask".into(),
            logprob: -0.5,
            bytes: b" Ask".to_vec(),
        }]),
        ..transcript()
    };
    let verbose = render(&t, ResponseFormat::VerboseJson);
    assert!(verbose.contains(r#""words":[{"word":"Ask","start":0.0,"end":0.5}]"#));
    let json = render(&t, ResponseFormat::Json);
    assert!(
        json.contains(r#""logprobs":[{"token":" Ask","logprob":-0.5,"bytes":[32,65,115,107]}]"#)
    );
}

#[test]
fn text_is_one_line() {
    assert_eq!(
        render(&transcript(), ResponseFormat::Text),
        "Ask not what.\n"
    );
}

#[test]
fn subtitles_are_right_past_an_hour() {
    let t = Transcript {
        segments: vec![
            segment(0, 3599.9994, 3661.0625, " One & <two>\n\n--> x"),
            segment(1, 3700.0, 360_000.0, "  "),
        ],
        ..transcript()
    };
    assert_eq!(
        render(&t, ResponseFormat::Srt),
        "1\n00:59:59,999 --> 01:01:01,063\nOne & <two> -> x\n\n"
    );
    assert_eq!(
        render(&t, ResponseFormat::Vtt),
        "WEBVTT\n\n00:59:59.999 --> 01:01:01.063\nOne &amp; &lt;two> -> x\n\n"
    );
    assert_eq!(clock(359_999.999_9, ','), "100:00:00,000");
    assert_eq!(clock(-1.0, ','), "00:00:00,000");
}

#[test]
fn a_silent_clip_renders_in_every_format() {
    let t = Transcript {
        segments: vec![],
        ..transcript()
    };
    assert_eq!(render(&t, ResponseFormat::Text), "\n");
    assert_eq!(render(&t, ResponseFormat::Srt), "");
    assert_eq!(render(&t, ResponseFormat::Vtt), "WEBVTT\n\n");
    assert!(render(&t, ResponseFormat::Json).starts_with(r#"{"text":"","#));
}

#[test]
fn events_carry_the_text_once_and_end_with_done() {
    let t = transcript();
    let stream: String =
        t.segments.iter().map(segment_events).collect::<String>() + &done_event(&t);
    let events: Vec<serde_json::Value> = stream
        .split_terminator("\n\n")
        .map(|e| serde_json::from_str(e.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(deltas, "Ask not what.");
    let last = events.last().unwrap();
    assert_eq!(last["type"], "transcript.text.done");
    assert_eq!(last["text"], "Ask not what.");
    assert_eq!(last["usage"]["seconds"], 11);
}

#[test]
fn an_error_amid_the_answer_is_an_event_and_what_was_heard_a_comment() {
    let envelope = Envelope::new("no", ErrorType::ServerError, None, "internal_error");
    assert_eq!(
        error_event(&envelope),
        "data: {\"type\":\"error\",\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"param\":null,\
         \"code\":\"internal_error\"}}\n\n"
    );
    let heard = heard_comment(Duration::from_millis(61_250));
    assert_eq!(heard, ": x-audio-seconds 61.250\n\n");
}

#[test]
fn the_canonical_form_renders_like_the_original() {
    let t = transcript();
    let stored: Transcript = serde_json::from_str(&canonical(&t)).unwrap();
    assert_eq!(stored, t);
}

#[test]
fn a_format_is_its_name_on_the_wire() {
    for format in ResponseFormat::ALL {
        assert_eq!(ResponseFormat::parse(format.as_str()), Some(format));
        assert_eq!(
            serde_json::to_value(format).unwrap().as_str(),
            Some(format.as_str())
        );
    }
    assert_eq!(ResponseFormat::parse("xml"), None);
}
