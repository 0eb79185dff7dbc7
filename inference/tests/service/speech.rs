//! Real speech through the real model.

use std::io::Cursor;
use std::path::PathBuf;

use inference::backend::whisper::{Whisper, WhisperSettings};
use inference::backend::{Abort, Backend as _, DecodeOptions, Speech};
use inference_api::transcript::Task;
use inference_audio::Limits;
use serde_json::Value;

use crate::client::{Part, field, file, form, transcribe};
use crate::support::{Service, model_file, repository, sample, words};
use crate::wav::Wav;

fn expected() -> Vec<String> {
    words(&std::fs::read_to_string(repository().join("assets/sample.txt")).unwrap())
}

fn ask(fields: &[(&str, &str)]) -> Vec<Part> {
    let mut parts = form(sample());
    parts.extend(fields.iter().map(|(name, value)| field(name, value)));
    parts
}

#[tokio::test]
async fn the_sample_is_transcribed_in_every_format() {
    let service = Service::real(&[]).await;
    let json = transcribe(service.address, &ask(&[])).await;
    assert_eq!(words(&json.text()), expected());
    assert_eq!(json.header("content-type"), "application/json");
    let seconds: f64 = json.header("x-audio-seconds").parse().unwrap();
    assert_eq!(json.json()["usage"]["seconds"], seconds.ceil());

    for format in ["text", "srt", "vtt"] {
        let answer = transcribe(service.address, &ask(&[("response_format", format)])).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        let spoken: String = answer
            .body
            .lines()
            .filter(|l| *l != "WEBVTT" && !l.contains("-->") && l.parse::<u32>().is_err())
            .collect::<Vec<_>>()
            .join(" ");
        assert_eq!(words(&spoken), expected(), "{format}");
    }

    let verbose = transcribe(
        service.address,
        &ask(&[
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
        ]),
    )
    .await
    .json();
    assert_eq!(verbose["language"], "english");
    assert_eq!(verbose["task"], "transcribe");
    let duration = verbose["duration"].as_f64().unwrap();
    assert!((duration - seconds).abs() < 0.01);
    in_order(&verbose["segments"], duration);
    in_order(&verbose["words"], duration);
    let timed: Vec<String> = verbose["words"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|w| words(w["word"].as_str().unwrap()))
        .collect();
    assert_eq!(timed, expected());
    let last = verbose["words"].as_array().unwrap().last().unwrap();
    assert!(last["start"].as_f64().unwrap() > duration / 2.0, "{last}");
}

fn in_order(spans: &Value, duration: f64) {
    let mut before = 0.0;
    for span in spans.as_array().unwrap() {
        let (start, end) = (
            span["start"].as_f64().unwrap(),
            span["end"].as_f64().unwrap(),
        );
        assert!(before <= start && start <= end && end <= duration, "{span}");
        before = end;
    }
}

#[tokio::test]
async fn a_silent_clip_after_a_spoken_one_has_none_of_its_words() {
    // One state, so that the second clip meets what the first left behind.
    let service = Service::real(&["--states", "1"]).await;
    let silence = vec![
        field("model", "whisper-1"),
        field("response_format", "verbose_json"),
        file("silence.wav", silent_wav()),
    ];
    let before = transcribe(service.address, &silence).await;
    let spoken = transcribe(service.address, &ask(&[])).await;
    assert_eq!(words(&spoken.text()), expected());
    let after = transcribe(service.address, &silence).await;
    assert_eq!(after.text(), "");
    assert_eq!(after.json()["segments"], Value::Array(vec![]));
    assert_eq!(after.body, before.body);
}

#[test]
fn the_text_ends_where_nobody_speaks_any_more() {
    let settings = WhisperSettings {
        threads: 1,
        flash_attention: false,
        gpu: None,
        fit_context: true,
    };
    let model = Whisper::load(&model_file(), settings).unwrap();
    let sample = Cursor::new(sample());
    let samples = inference_audio::decode(sample, &Limits::default(), &|| false)
        .unwrap()
        .samples;
    let options = DecodeOptions {
        task: Task::Transcribe,
        language: None,
        prompt: None,
        hotwords: None,
        temperature: 0.0,
        words: false,
        logprobs: false,
    };
    let mut session = model.session().unwrap();
    let mut heard = |spoken| {
        let speech = Speech {
            samples: &samples,
            spoken,
            is_whole: true,
        };
        let decoded = session.transcribe(speech, &options, &Abort::default());
        let segments = decoded.unwrap().segments;
        segments.iter().map(|s| s.text.as_str()).collect::<String>()
    };
    assert_eq!(words(&heard(samples.len())), expected());
    // The model hears as much, and is done once a time in its text reaches this one.
    let shorter = words(&heard(samples.len() / 4));
    assert!(
        !shorter.is_empty() && shorter.len() < expected().len(),
        "{shorter:?}"
    );
    assert!(expected().starts_with(&shorter), "{shorter:?}");
}

/// Ten seconds of what is no speech, each made from a few numbers.
fn no_speech() -> Vec<(&'static str, Vec<f32>)> {
    let seconds = |at: usize| {
        #[expect(clippy::cast_precision_loss, reason = "ten seconds")]
        let at = at as f32;
        at / 16_000.0
    };
    let tone = |hz: f32, at: f32| (std::f32::consts::TAU * hz * at).sin();
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "24 bits")]
        let bits = (seed >> 8) as f32;
        bits / 8_388_608.0 - 1.0
    };
    let ten_seconds = 0..160_000;
    let white = ten_seconds.clone().map(|_| 0.1 * noise()).collect();
    let mut brown = 0.0_f32;
    let rumble = |_| {
        brown = 0.98 * brown + 0.02 * noise();
        brown
    };
    let rumble = ten_seconds.clone().map(rumble).collect();
    let hum = |at| 0.2 * tone(50.0, seconds(at)) + 0.1 * tone(150.0, seconds(at));
    let hum = ten_seconds.clone().map(hum).collect();
    // A chord each half second, with an attack and a decay.
    let music = |at: usize| {
        let root = [220.0, 174.61, 261.63, 196.0][at / 8_000 % 4];
        let at = seconds(at);
        let chord: f32 = [1.0, 1.25, 1.5, 2.0]
            .map(|step| tone(root * step, at))
            .iter()
            .sum();
        0.08 * chord * (-4.0 * (at % 0.5)).exp()
    };
    let music = ten_seconds.map(music).collect();
    vec![
        ("noise", white),
        ("rumble", rumble),
        ("hum", hum),
        ("music", music),
    ]
}

#[tokio::test]
async fn what_is_no_speech_gives_no_words_and_none_of_an_earlier_callers() {
    let service = Service::real(&["--states", "1"]).await;
    for (name, samples) in no_speech() {
        let spoken = transcribe(service.address, &ask(&[])).await;
        assert_eq!(words(&spoken.text()), expected());
        let answer = transcribe(service.address, &form(crate::wav::of(&samples))).await;
        assert_eq!(answer.text(), "", "{name}");
    }
}

/// Ten seconds of digital silence.
fn silent_wav() -> Vec<u8> {
    let mut bytes = Wav {
        frames: 160_000,
        ..Wav::default()
    }
    .bytes();
    bytes[44..].fill(0);
    bytes
}

#[tokio::test]
async fn the_same_clip_gives_the_same_text_whatever_was_said_before() {
    let service = Service::real(&["--states", "1"]).await;
    let first = transcribe(service.address, &ask(&[])).await.text();
    let prompted = ask(&[("prompt", "Entirely different words about submarines.")]);
    assert_eq!(transcribe(service.address, &prompted).await.status, 200);
    assert_eq!(transcribe(service.address, &ask(&[])).await.text(), first);
}

#[tokio::test]
async fn in_three_hundred_runs_by_turns_each_clip_gives_its_own_words_alone() {
    // One state, so that each run meets what the one before left behind.
    let service = Service::real(&["--states", "1"]).await;
    let file = std::io::Cursor::new(sample());
    let pcm = inference_audio::decode(file, &inference_audio::Limits::default(), &|| false);
    let samples = pcm.unwrap().samples;
    // "Good morning", what the birds do, and what is no speech.
    let clips = [
        &samples[..20_000],
        &samples[41_000..72_000],
        &no_speech()[0].1[..20_000],
    ];
    let clips = clips.map(|clip| form(crate::wav::of(clip)));
    let mut first = Vec::new();
    for clip in &clips {
        first.push(transcribe(service.address, clip).await.text());
    }
    assert_eq!(words(&first[0]), ["good", "morning"]);
    assert!(first[1].contains("singing"), "{first:?}");
    assert_eq!(first[2], "");
    for run in 0..300 {
        let turn = run % clips.len();
        let again = transcribe(service.address, &clips[turn]).await.text();
        assert_eq!(again, first[turn], "run {run}");
    }
}

#[tokio::test]
async fn a_hostile_prompt_harms_nobody() {
    let service = Service::real(&["--states", "1"]).await;
    for prompt in [
        "a".repeat(16_000),
        "é\u{0}<|endoftext|>\u{202e}".repeat(500),
    ] {
        let answer = transcribe(service.address, &ask(&[("prompt", &prompt)])).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    assert_eq!(
        words(&transcribe(service.address, &ask(&[])).await.text()),
        expected()
    );
}

/// The events of a streamed answer; comments are passed over, as clients do.
fn events(body: &str) -> Vec<Value> {
    body.split_terminator("\n\n")
        .filter(|event| !event.starts_with(':'))
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

/// The sample over and over, as a WAV file.
fn recording(times: usize) -> Vec<u8> {
    let file = std::io::Cursor::new(sample());
    let pcm = inference_audio::decode(file, &inference_audio::Limits::default(), &|| false);
    crate::wav::of(&pcm.unwrap().samples.repeat(times))
}

#[tokio::test]
async fn a_recording_is_told_piece_by_piece_in_order() {
    let service = Service::real(&["--states", "2"]).await;
    let mut asked = form(recording(5));
    let whole = transcribe(service.address, &asked).await;
    asked.push(field("stream", "true"));
    let answer = transcribe(service.address, &asked).await;
    let events = events(&answer.body);
    let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(words(&deltas), words(&whole.text()));
    assert_eq!(words(&deltas), vec![expected(); 5].concat());
    let heard: Vec<f64> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix(": x-audio-seconds ")?.parse().ok())
        .collect();
    assert!(heard.len() > 2 && heard.is_sorted(), "{heard:?}");
    let segments: Vec<&Value> = events
        .iter()
        .filter(|e| e["type"] == "transcript.text.segment")
        .collect();
    for (number, segment) in segments.iter().enumerate() {
        assert_eq!(segment["id"], format!("seg_{number:03}"));
        assert!(
            segment["start"].as_f64() <= segment["end"].as_f64(),
            "{segment}"
        );
    }
    let starts: Vec<f64> = segments
        .iter()
        .filter_map(|s| s["start"].as_f64())
        .collect();
    assert!(starts.is_sorted(), "{starts:?}");
    let usage = &events.last().unwrap()["usage"]["seconds"];
    assert_eq!(usage.as_f64(), heard.last().map(|seconds| seconds.ceil()));
}

#[tokio::test]
async fn a_streamed_answer_carries_the_text_in_events() {
    let service = Service::real(&[]).await;
    let answer = transcribe(service.address, &ask(&[("stream", "true")])).await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/event-stream")
    );
    let events = events(&answer.body);
    let deltas: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    assert_eq!(words(&deltas), expected());
    let last = events.last().unwrap();
    assert_eq!(last["type"], "transcript.text.done");
    assert_eq!(last["text"], deltas);
}

#[tokio::test]
async fn log_probabilities_spell_the_text() {
    let service = Service::real(&[]).await;
    let answer = transcribe(service.address, &ask(&[("include[]", "logprobs")])).await;
    let json = answer.json();
    let spelled: String = json["logprobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            assert!(t["logprob"].as_f64().unwrap() <= 0.0);
            t["token"].as_str().unwrap()
        })
        .collect();
    assert_eq!(spelled.trim(), answer.text());
}

#[tokio::test]
async fn a_clip_of_a_few_samples_is_served() {
    let service = Service::real(&[]).await;
    for frames in [1, 100, 1_600] {
        let wav = Wav {
            frames,
            ..Wav::default()
        };
        let answer = transcribe(service.address, &form(wav.bytes())).await;
        assert!(
            answer.status == 200 || answer.code() == "invalid_audio",
            "{frames}: {}",
            answer.body
        );
    }
}

/// Recordings beyond the repository's own, where the environment names a folder with a
/// `transcripts.tsv` (file, language, text, class): each format gives the same words.
#[tokio::test]
async fn every_format_gives_the_words_of_the_recording() {
    let Some(folder) = std::env::var_os("WHISPER_TEST_AUDIO_DIR").map(PathBuf::from) else {
        return;
    };
    let service = Service::real(&["--states", "2"]).await;
    let list = std::fs::read_to_string(folder.join("transcripts.tsv")).unwrap();
    let mut heard = 0;
    for line in list.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, "en", text, class] = columns[..] else {
            continue;
        };
        if !["format", "silence", "noise"].contains(&class) {
            continue;
        }
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let answer = transcribe(service.address, &form(bytes)).await;
        // A small model may mishear one word: where the clip is cut, or in 8 kHz of mu-law.
        let (words_heard, said) = (words(&answer.text()), words(text));
        assert_eq!(words_heard.len(), said.len(), "{name}: {words_heard:?}");
        let wrong = words_heard
            .iter()
            .zip(&said)
            .filter(|(h, s)| h != s)
            .count();
        assert!(wrong <= 1, "{name}: {words_heard:?}");
        heard += 1;
    }
    assert!(heard > 10, "{heard} recordings");
    let pcm = std::fs::read(folder.join("formats/jfk.pcm16le.raw")).unwrap();
    let answer = transcribe(service.address, &form(pcm)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.code(), "unsupported_audio");
}
