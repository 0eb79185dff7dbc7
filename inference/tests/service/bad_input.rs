//! What a caller may send that can't be served: the right status and code, and a service that goes
//! on as if nothing had been.

use hyper::{Method, Request};

use crate::client::{
    Part, Raw, TRANSCRIPTIONS, TRANSLATIONS, encode, field, file, form, get, head, post, send,
    transcribe,
};
use crate::support::{Service, repository};
use crate::wav::{Wav, tone};

/// Posts the form and looks at the refusal, then whether the service is alive.
async fn refused(parts: &[Part], status: u16, code: &str, param: Option<&str>) {
    let (service, _) = Service::fake(&[]).await;
    let answer = transcribe(service.address, parts).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (status, code),
        "{}",
        answer.body
    );
    assert_eq!(answer.param().as_deref(), param);
    service.assert_alive().await;
}

async fn audio_refused(bytes: Vec<u8>, code: &str) {
    refused(&form(bytes), 400, code, Some("file")).await;
}

#[tokio::test]
async fn a_form_without_file_is_refused() {
    refused(
        &[field("model", "whisper-1")],
        400,
        "missing_parameter",
        Some("file"),
    )
    .await;
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    audio_refused(Vec::new(), "empty_file").await;
}

#[tokio::test]
async fn text_renamed_wav_is_refused() {
    let text = "This is no audio, whatever its name says. ".repeat(200);
    audio_refused(text.into_bytes(), "unsupported_audio").await;
}

#[tokio::test]
async fn headerless_pcm_is_refused() {
    audio_refused(tone().split_off(44), "unsupported_audio").await;
}

#[tokio::test]
async fn three_thousand_channels_are_refused() {
    let wav = Wav {
        channels: 3000,
        frames: 4,
        ..Wav::default()
    };
    audio_refused(wav.bytes(), "invalid_audio").await;
}

#[tokio::test]
async fn a_sample_rate_of_0_hz_is_refused() {
    let wav = Wav {
        rate: 0,
        ..Wav::default()
    };
    audio_refused(wav.bytes(), "invalid_audio").await;
}

#[tokio::test]
async fn a_wav_claiming_4_gb_of_nothing_is_refused() {
    let wav = Wav {
        claimed_bytes: Some(u32::MAX),
        frames: 0,
        ..Wav::default()
    };
    audio_refused(wav.bytes(), "invalid_audio").await;
}

#[tokio::test]
async fn a_wav_claiming_4_gb_is_taken_for_what_is_there() {
    let (service, _) = Service::fake(&[]).await;
    let wav = Wav {
        claimed_bytes: Some(u32::MAX),
        ..Wav::default()
    };
    let answer = transcribe(service.address, &form(wav.bytes())).await;
    assert_eq!(answer.header("x-audio-seconds"), "1.000");
    assert_eq!(answer.text(), "16000 samples");
}

#[tokio::test]
async fn wrong_values_are_refused_by_name() {
    let (service, _) = Service::fake(&[]).await;
    for (name, value, status, code) in [
        ("model", "gpt-5", 404, "model_not_found"),
        ("language", "xx", 400, "invalid_value"),
        ("language", "de", 400, "invalid_value"),
        ("response_format", "xml", 400, "invalid_value"),
        ("temperature", "7", 400, "invalid_value"),
        ("stream", "perhaps", 400, "invalid_value"),
        ("timestamp_granularities[]", "word", 400, "invalid_value"),
        ("include[]", "secrets", 400, "invalid_value"),
        ("prompt", &"p".repeat(20_000), 400, "invalid_value"),
    ] {
        let mut parts = form(tone());
        parts.retain(|p| !matches!(p, Part::Field(n, _) if n == name));
        parts.push(field(name, value));
        let answer = transcribe(service.address, &parts).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
        assert_eq!(answer.code(), code, "{name}");
        assert_eq!(answer.param().as_deref(), Some(name));
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn repeated_fields_are_refused_by_name() {
    let (service, _) = Service::fake(&[]).await;
    for (name, again) in [
        ("file", file("again.wav", tone())),
        ("model", field("model", "whisper-1")),
    ] {
        let mut parts = form(tone());
        parts.push(again);
        let answer = transcribe(service.address, &parts).await;
        assert_eq!(answer.code(), "duplicate_parameter");
        assert_eq!(answer.param().as_deref(), Some(name));
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn more_fields_than_any_request_has_are_refused() {
    let parts: Vec<Part> = (0..100).map(|i| field(&format!("f{i}"), "x")).collect();
    refused(&parts, 400, "too_many_fields", None).await;
}

#[tokio::test]
async fn an_english_model_does_not_translate() {
    let (service, _) = Service::fake(&[]).await;
    let answer = post(service.address, TRANSLATIONS, &form(tone())).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.param().as_deref(), Some("model"));
}

/// Posts bytes that no form encoder makes.
async fn body_refused(content_type: &str, body: Vec<u8>, status: u16, code: &str) {
    let (service, _) = Service::fake(&[]).await;
    let request = Request::post(TRANSCRIPTIONS)
        .header("content-type", content_type)
        .body(body)
        .unwrap();
    let answer = send(service.address, request).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.code(), code);
    service.assert_alive().await;
}

#[tokio::test]
async fn a_multipart_without_its_end_is_refused() {
    let (content_type, mut body) = encode(&form(tone()));
    body.truncate(body.len() - 40);
    body_refused(&content_type, body, 400, "malformed_multipart").await;
}

#[tokio::test]
async fn a_part_whose_head_never_ends_is_refused() {
    let (content_type, _) = encode(&[]);
    let mut body = b"--a-boundary-of-the-tests\r\nx-endless: ".to_vec();
    body.resize(4 * 1024 * 1024, b'x');
    body_refused(&content_type, body, 400, "malformed_multipart").await;
}

#[tokio::test]
async fn what_is_not_multipart_is_refused() {
    for content_type in ["application/json", "multipart/form-data", "nonsense"] {
        body_refused(content_type, b"{}".to_vec(), 415, "unsupported_media_type").await;
    }
    let boundary = format!("multipart/form-data; boundary={}", "b".repeat(71));
    body_refused(&boundary, Vec::new(), 400, "malformed_multipart").await;
}

#[tokio::test]
async fn a_file_over_the_cap_is_refused_with_and_without_content_length() {
    let (service, _) = Service::fake(&["--max-file-bytes", "100000"]).await;
    let (content_type, body) = encode(&form(vec![0; 1_000_000]));
    let kind = format!("content-type: {content_type}");

    let announced = format!("content-length: {}", body.len());
    let mut with_length = Raw::open(service.address).await;
    // The head alone is enough.
    with_length
        .write(&head(
            &Method::POST,
            TRANSCRIPTIONS,
            &[kind.clone(), announced],
        ))
        .await;
    let answer = with_length.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("file_too_large"), "{answer}");

    let chunked = "transfer-encoding: chunked".to_owned();
    let mut without_length = Raw::open(service.address).await;
    without_length
        .write(&head(&Method::POST, TRANSCRIPTIONS, &[kind, chunked]))
        .await;
    // As much as the cap and a little; the end never comes.
    let piece = &body[..120_000];
    without_length
        .write(format!("{:x}\r\n", piece.len()).as_bytes())
        .await;
    without_length.write(piece).await;
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut without_length.0, &mut answer)
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    drop(without_length);
    service.assert_alive().await;
}

#[tokio::test]
async fn a_file_of_exactly_the_cap_passes() {
    let bytes = tone();
    let cap = bytes.len().to_string();
    let (service, _) = Service::fake(&["--max-file-bytes", &cap]).await;
    assert_eq!(
        transcribe(service.address, &form(bytes)).await.text(),
        "16000 samples"
    );
}

#[tokio::test]
async fn audio_longer_than_allowed_is_refused() {
    let (service, _) = Service::fake(&["--max-audio-seconds", "0.5"]).await;
    let answer = transcribe(service.address, &form(tone())).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.code(), "audio_too_long");
}

#[tokio::test]
async fn files_cut_at_twenty_places_are_served_or_refused_and_harm_nobody() {
    let (service, _) = Service::fake(&["--states", "2"]).await;
    let fixtures = repository().join("inference/audio/tests/fixtures");
    for name in [
        "mp3.mp3",
        "flac.flac",
        "aac.m4a",
        "vorbis.ogg",
        "opus.ogg",
        "vorbis.webm",
        "opus.webm",
        "mu-law.wav",
    ] {
        let whole = std::fs::read(fixtures.join(name)).expect(name);
        for place in 0..20 {
            let cut = whole[..whole.len() * place / 20].to_vec();
            let answer = transcribe(service.address, &form(cut)).await;
            match answer.status.as_u16() {
                200 => assert!(answer.text().ends_with("samples")),
                400 => assert!(
                    ["empty_file", "unsupported_audio", "invalid_audio"]
                        .contains(&answer.code().as_str()),
                    "{name} at {place}: {}",
                    answer.body
                ),
                other => panic!("{name} cut at {place}/20: {other} {}", answer.body),
            }
        }
        let answer = transcribe(service.address, &form(whole)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
    }
    service.assert_alive().await;
}

#[tokio::test]
async fn unknown_addresses_and_methods_have_the_envelope_too() {
    let (service, _) = Service::fake(&[]).await;
    let answer = get(service.address, "/v1/nothing").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "not_found")
    );
    let answer = get(service.address, TRANSCRIPTIONS).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (405, "method_not_allowed")
    );
}
