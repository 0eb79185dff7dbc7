//! Speech is understood in every format that OpenAI's clients may send.

use std::path::Path;

use e2e::edge::Edge;
use e2e::service::Service;
use e2e::speech::{form_of, plain};
use e2e::{environment, speech};

/// Every extension of OpenAI's API, each in `fixtures/` (see scripts/make-e2e-fixtures).
const EXTENSIONS: [&str; 10] = [
    "flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "opus", "wav", "webm",
];

async fn transcript(edge: &Edge, path: &Path) -> String {
    let key = edge.any_key().await;
    let form = form_of(path).text("response_format", "text");
    let answer = edge.transcribe(&key).form(form).send().await;
    plain(answer.expect(200).text())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_gives_the_spoken_words() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    for extension in EXTENSIONS {
        let name = format!("tests/fixtures/speech.{extension}");
        let words = transcript(&edge, &environment::repository().join(&name)).await;
        assert_eq!(words, "good morning the sun is shining", "{name}");
    }
    // A name says nothing about what is in a file.
    let key = edge.any_key().await;
    let flac = std::fs::read(environment::repository().join("tests/fixtures/speech.flac")).unwrap();
    for name in [
        "speech.mp3",
        "speech",
        "\u{e4}\"\u{1f399}.wav",
        "..%2f..%2fetc",
    ] {
        let form = speech::form(name, flac.clone()).text("response_format", "text");
        let answer = edge.transcribe(&key).form(form).send().await.expect(200);
        assert_eq!(
            plain(answer.text()),
            "good morning the sun is shining",
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recording_gives_its_words() {
    // Recordings that are no part of the repository; the test above needs none of them.
    let Some(recordings) = environment::recordings() else {
        return;
    };
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    for (name, words) in [
        ("jfk.flac", "ask not what your country can do"),
        ("jfk.mp3", "ask not what your country can do"),
        ("jfk.m4a", "ask not what your country can do"),
        ("jfk-alac.m4a", "ask not what your country can do"),
        ("jfk.aac", "ask not what your country can do"),
        ("jfk-vorbis.ogg", "ask not what your country can do"),
        ("jfk-opus.ogg", "ask not what your country can do"),
        ("jfk.opus", "ask not what your country can do"),
        ("jfk-opus.webm", "ask not what your country can do"),
        ("jfk-vorbis.webm", "ask not what your country can do"),
        ("jfk-vorbis.mka", "ask not what your country can do"),
        ("jfk-s24.wav", "ask not what your country can do"),
        ("jfk-f32.wav", "ask not what your country can do"),
        ("jfk-mulaw-8k.wav", "ask not what your country can do"),
        ("jfk-48k-stereo-4s.wav", "my fellow americans"),
    ] {
        let heard = transcript(&edge, &recordings.join("formats").join(name)).await;
        assert!(heard.contains(words), "{name}: {heard}");
    }
    let key = edge.any_key().await;
    let raw = form_of(&recordings.join("formats/jfk.pcm16le.raw"));
    let answer = edge.transcribe(&key).form(raw).send().await;
    answer.expect_error(400, "unsupported_audio");
}
