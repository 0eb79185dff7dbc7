//! Whatever is wrong with an upload is said in OpenAI's words, and the next one is served.

use e2e::edge::{Edge, Key};
use e2e::environment;
use e2e::http::Answer;
use e2e::service::Service;
use e2e::speech::{form, form_of, plain};
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

struct Whole {
    edge: Edge,
    key: Key,
    speech: std::path::PathBuf,
    service: Service,
}

impl Whole {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let service = Service::start_with(settings).await;
        let edge = Edge::builder().service(&service).start().await;
        let key = edge.any_key().await;
        let speech = environment::repository().join("tests/fixtures/speech.flac");
        Self {
            edge,
            key,
            speech,
            service,
        }
    }

    async fn transcribe(&self, form: Form) -> Answer {
        self.edge.transcribe(&self.key).form(form).send().await
    }

    async fn expect_alive(&self) {
        let honest = form_of(&self.speech).text("response_format", "text");
        let answer = self.transcribe(honest).await.expect(200);
        assert_eq!(plain(answer.text()), "good morning the sun is shining");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_audio_is_refused_as_that() {
    let whole = Whole::start(&[]).await;
    let flac = std::fs::read(&whole.speech).unwrap();
    let pcm = std::fs::read(environment::repository().join("tests/fixtures/speech.wav")).unwrap();
    for (name, bytes, code) in [
        (
            "letter.wav",
            b"Dear Sir or Madam, this is a letter and no sound.".to_vec(),
            "unsupported_audio",
        ),
        ("empty.mp3", Vec::new(), "empty_file"),
        ("headerless.wav", pcm[44..].to_vec(), "unsupported_audio"),
        ("zeros.flac", vec![0; 100_000], "unsupported_audio"),
        (
            "page.mp3",
            b"<!doctype html><html><body>404</body></html>".repeat(50),
            "unsupported_audio",
        ),
    ] {
        let answer = whole.transcribe(form(name, bytes)).await;
        let answer = answer.expect_error(400, code);
        assert_eq!(answer.param().as_deref(), Some("file"), "{name}");
    }
    // The head of a format and nothing behind it, or something else.
    for (name, bytes) in [
        ("head.flac", flac[..60].to_vec()),
        ("head.wav", pcm[..44].to_vec()),
        ("broken.flac", [&flac[..60], &vec![0xa5; 50_000]].concat()),
    ] {
        let answer = whole.transcribe(form(name, bytes)).await;
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        assert_eq!(answer.param().as_deref(), Some("file"), "{name}");
    }
    whole.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_a_wrong_value_is_named() {
    let whole = Whole::start(&[]).await;
    let speech = || form_of(&whole.speech);
    for (form, status, code, param) in [
        (
            Form::new().text("model", "whisper-1"),
            400,
            "missing_parameter",
            "file",
        ),
        (
            speech().text("model", "tiny.en"),
            400,
            "duplicate_parameter",
            "model",
        ),
        (
            speech().text("temperature", "7"),
            400,
            "invalid_value",
            "temperature",
        ),
        (
            speech().text("temperature", "warm"),
            400,
            "invalid_value",
            "temperature",
        ),
        (
            speech().text("language", "klingon"),
            400,
            "invalid_value",
            "language",
        ),
        (
            speech().text("response_format", "yaml"),
            400,
            "invalid_value",
            "response_format",
        ),
        (
            speech().text("timestamp_granularities[]", "word"),
            400,
            "invalid_value",
            "timestamp_granularities[]",
        ),
        (
            speech().text("stream", "perhaps"),
            400,
            "invalid_value",
            "stream",
        ),
    ] {
        let answer = whole.transcribe(form).await.expect_error(status, code);
        assert_eq!(answer.param().as_deref(), Some(param), "{answer:?}");
    }
    let bytes = std::fs::read(&whole.speech).unwrap();
    let file = || reqwest::multipart::Part::bytes(bytes.clone()).file_name("a.flac");
    let answer = whole.transcribe(Form::new().part("file", file())).await;
    let answer = answer.expect_error(400, "missing_parameter");
    assert_eq!(answer.param().as_deref(), Some("model"));
    let unknown = Form::new().part("file", file()).text("model", "gpt-4o");
    let answer = whole
        .transcribe(unknown)
        .await
        .expect_error(404, "model_not_found");
    assert_eq!(answer.param().as_deref(), Some("model"));
    // What OpenAI ignores is ignored.
    let extra = speech()
        .text("user", "u1")
        .text("language", "")
        .text("temperature", "0");
    whole.transcribe(extra).await.expect(200);
    let form = speech().text("language", "en").text("prompt", "Weather.");
    whole.transcribe(form).await.expect(200);

    let translation = whole.edge.call(Method::POST, "/v1/audio/translations");
    let answer = translation.key(&whole.key).form(speech()).send().await;
    answer.expect_error(400, "invalid_value");
    let other = whole
        .edge
        .create_key(&json!({"name": "o", "models": ["base"]}))
        .await;
    let answer = whole.edge.transcribe(&other).form(speech()).send().await;
    answer.expect_error(403, "model_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_form_is_refused() {
    let whole = Whole::start(&[]).await;
    let post = |kind: &str, body: &[u8]| {
        let call = whole
            .edge
            .transcribe(&whole.key)
            .header("content-type", kind);
        call.body(body.to_vec()).send()
    };
    for kind in [
        "application/json",
        "audio/flac",
        "multipart/form-data",
        "text/plain; boundary=b",
    ] {
        // Refused before anything is charged.
        let answer = post(kind, b"{}")
            .await
            .expect_error(415, "unsupported_media_type");
        assert_eq!(answer.header("ratelimit"), None);
    }
    // Without a body there is nothing of that type.
    let nothing = post("multipart/form-data; boundary=b", b"").await;
    nothing.expect_error(415, "unsupported_media_type");
    let part = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n";
    for body in [
        "--b",
        "no form at all",
        part,
        &format!("{part}--b\r\n"),
        &format!("{part}--x--\r\n"),
    ] {
        let answer = post("multipart/form-data; boundary=b", body.as_bytes()).await;
        answer.expect_error(400, "malformed_multipart");
    }
    whole.expect_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_refused_with_a_length_at_the_edge_and_without_one_by_the_host() {
    let service = Service::start_with(&[("INFERENCE_MAX_FILE_BYTES", "100000")]).await;
    let builder = Edge::builder().service(&service);
    let edge = builder.setting("MAX_UPLOAD_BYTES", "1000000").start().await;
    let key = edge.any_key().await;
    let left = || async {
        let answer = edge.get("/v1/models").key(&key).send().await.expect(200);
        answer.number("x-ratelimit-remaining-requests")
    };
    let before = left().await;
    // Declared too large: nothing is charged.
    let answer = edge
        .transcribe(&key)
        .upload(vec![7; 1_000_001])
        .send()
        .await;
    let answer = answer.expect_error(413, "file_too_large");
    assert_eq!(answer.header("ratelimit"), None);
    assert_eq!(left().await, before - 1);

    // Too large for the host, and it does not say so beforehand.
    let file = |bytes: usize| {
        let head =
            b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
        let pieces = std::iter::once(head.to_vec())
            .chain(std::iter::repeat_n(vec![7; 10_000], bytes / 10_000));
        reqwest::Body::wrap_stream(futures_util::stream::iter(
            pieces.map(Ok::<_, std::io::Error>),
        ))
    };
    for bytes in [400_000, 5_000_000] {
        let answer = edge.transcribe(&key).upload(file(bytes)).send().await;
        let answer = answer.expect_error(413, "file_too_large");
        assert_eq!(answer.param().as_deref(), Some("file"));
    }
    // So is what is within the edge's bound and over the host's.
    let answer = edge
        .transcribe(&key)
        .form(form("a.wav", vec![7; 150_000]))
        .send()
        .await;
    answer.expect_error(413, "file_too_large");
    let honest = environment::repository().join("tests/fixtures/speech.flac");
    edge.transcribe(&key)
        .form(form_of(&honest))
        .send()
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_holds_another_secret_serves_nobody_and_tells_nobody() {
    let service = Service::start().await;
    // Not `.service(…)`: this edge signs with a secret of its own.
    let edge = Edge::builder().upstream(service.url()).start().await;
    let key = edge.any_key().await;
    let speech = environment::repository().join("tests/fixtures/speech.flac");
    let answer = edge.transcribe(&key).form(form_of(&speech)).send().await;
    answer.expect_error(502, "upstream_failed");
    assert!(service.log().contains("invalid_signature"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_service_says_so_and_when_to_come_back() {
    let settings = [("INFERENCE_STATES", "1"), ("INFERENCE_QUEUE_LENGTH", "0")];
    let whole = Whole::start(&settings).await;
    // An upload that holds the only permit, and is never complete.
    let (pieces, mut received) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let stream = futures_util::stream::poll_fn(move |context| received.poll_recv(context));
    let upload = whole
        .edge
        .transcribe(&whole.key)
        .upload(reqwest::Body::wrap_stream(stream));
    let held = tokio::spawn(upload.into_inner().send());
    let part = "--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n";
    pieces.send(Ok(part.as_bytes().to_vec())).await.unwrap();
    whole.service.until_busy().await;
    let answer = whole.transcribe(form_of(&whole.speech)).await;
    let answer = answer.expect_error(503, "queue_full");
    assert!(answer.number("retry-after") >= 1);
    held.abort();
}
