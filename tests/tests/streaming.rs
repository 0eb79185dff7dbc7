//! Bodies stream both ways, untouched; and whoever leaves is not worked for.

use std::io;

use bytes::Bytes;
use e2e::edge::Edge;
use e2e::upstream::{Arrival, Upstream, names};
use e2e::within;
use inference_api::claims::Render;
use inference_api::headers::{EDGE_CLAIMS, EDGE_REQUEST_ID, EDGE_SIGNATURE};
use inference_api::signature::{Secret, verify};
use reqwest::{Body, Method, Response};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A body that the test sends piece by piece; it ends when the sender is dropped.
fn piecewise() -> (mpsc::Sender<Bytes>, Body) {
    let (pieces, mut received) = mpsc::channel(1);
    let stream = futures_util::stream::poll_fn(move |context| {
        received
            .poll_recv(context)
            .map(|piece| piece.map(Ok::<Bytes, io::Error>))
    });
    (pieces, Body::wrap_stream(stream))
}

/// Bytes of all values, in no order that compresses or repeats.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        // Xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Starts an upload under way, and waits until the host has its first piece.
async fn upload_under_way(
    edge: &Edge,
    host: &mut Upstream,
) -> (
    JoinHandle<Result<Response, reqwest::Error>>,
    mpsc::Sender<Bytes>,
    Arrival,
) {
    let key = edge.any_key().await;
    let (pieces, body) = piecewise();
    let request = edge.transcribe(&key).upload(body).into_inner();
    let client = tokio::spawn(request.send());
    pieces.send(Bytes::from_static(b"first")).await.unwrap();
    let mut arrival = host.next().await;
    assert_eq!(arrival.bytes(5).await, b"first");
    (client, pieces, arrival)
}

async fn edge_before(host: &Upstream) -> Edge {
    Edge::builder().upstream(&host.url()).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_reaches_the_host_while_it_is_still_being_sent() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let key = edge.any_key().await;
    for length in [None, Some("11")] {
        let (pieces, body) = piecewise();
        let mut request = edge.transcribe(&key).upload(body);
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        let client = tokio::spawn(request.send());
        pieces.send(Bytes::from_static(b"first")).await.unwrap();
        let mut arrival = host.next().await;
        assert_eq!(arrival.header("content-length"), length);
        let chunked = length.is_none().then_some("chunked");
        assert_eq!(arrival.header("transfer-encoding"), chunked);
        assert_eq!(arrival.bytes(5).await, b"first");
        // Only now is there anything more.
        pieces.send(Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(arrival.bytes(6).await, b"second");
        drop(pieces);
        assert!(arrival.piece().await.is_none());
        arrival.reply(200, &[], "words");
        assert_eq!(client.await.unwrap().expect(200).text(), "words");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_megabytes_of_noise_arrive_as_they_were_sent_and_come_back_so() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let key = edge.any_key().await;
    let sent = noise(8 * 1024 * 1024);
    for chunked in [false, true] {
        let upload = sent.clone();
        let body = if chunked {
            let pieces: Vec<_> = upload
                .chunks(77_777)
                .map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece)))
                .collect();
            Body::wrap_stream(futures_util::stream::iter(pieces))
        } else {
            Body::from(upload)
        };
        let client = tokio::spawn(edge.transcribe(&key).upload(body).send());
        let mut arrival = host.next().await;
        let received = arrival.whole_body().await;
        assert!(received == sent, "{} bytes, changed", received.len());
        arrival.reply(200, &[("content-type", "text/plain")], received);
        let answer = client.await.unwrap().expect(200);
        assert!(answer.body == sent, "{} bytes, changed", answer.body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_caller_while_it_is_still_being_made() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let key = edge.any_key().await;
    for length in [None, Some("11")] {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").start());
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        let mut headers = vec![("content-type", "text/event-stream")];
        headers.extend(length.map(|length| ("content-length", length)));
        let pieces = arrival.reply_in_pieces(200, &headers);
        pieces.send("first").await;
        let mut response = client.await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let first = within("the first piece", response.chunk()).await.unwrap();
        assert_eq!(first.unwrap(), "first");
        pieces.send("second").await;
        drop(pieces);
        let rest = within("the rest", response.bytes()).await.unwrap();
        assert_eq!(rest, "second");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_end_of_the_upload_is_passed_on_at_once() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let (client, pieces, arrival) = upload_under_way(&edge, &mut host).await;
    let envelope = r#"{"error":{"message":"m","type":"invalid_request_error","param":"file","code":"file_too_large"}}"#;
    arrival.reply(413, &[("content-type", "application/json")], envelope);
    let response = within("the answer", client).await.unwrap().unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(within("its body", response.text()).await.unwrap(), envelope);
    drop(pieces);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_amid_his_upload_takes_it_with_him() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let (client, pieces, mut arrival) = upload_under_way(&edge, &mut host).await;
    client.abort();
    // Never a proper end: the host must not take a part for the whole.
    let end = loop {
        match arrival.piece().await {
            Some(Ok(_)) => {}
            end => break end,
        }
    };
    assert!(
        matches!(end, Some(Err(_))),
        "the upload ended as if complete"
    );
    drop(pieces);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_while_he_waits_is_not_worked_for() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let key = edge.any_key().await;
    let address = edge.url().strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\naudio",
        key.text
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut arrival = host.next().await;
    assert_eq!(arrival.whole_body().await, b"audio");
    // With a reset. A connection that is merely closed at this stage looks to workerd like one closed for
    // sending only, which is allowed (RFC 9112, 9.6), until it writes the answer.
    client.set_zero_linger().unwrap();
    drop(client);
    arrival.abandoned().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_amid_the_answer_is_not_worked_for() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let (client, pieces, mut arrival) = upload_under_way(&edge, &mut host).await;
    drop(pieces);
    assert!(arrival.piece().await.is_none());
    let answer = arrival.reply_in_pieces(200, &[]);
    answer.send("first").await;
    let mut response = client.await.unwrap().unwrap();
    assert_eq!(
        within("a piece", response.chunk()).await.unwrap().unwrap(),
        "first"
    );
    drop(response);
    // The next pieces find nobody.
    answer.send_until_abandoned("more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_hears_what_the_edge_vouches_for_and_nothing_of_the_callers_secrets() {
    let mut host = Upstream::start().await;
    let edge = edge_before(&host).await;
    let body = json!({"name": "k", "owner": "acme", "scopes": ["translate"], "models": ["base", "tiny.en"]});
    let key = edge.create_key(&body).await;
    let request = edge
        .call(
            Method::POST,
            "/v1/audio/translations?key=wk_live_in_the_query",
        )
        .key(&key)
        .header("x-api-key", &key.text)
        .header("cookie", "session=1")
        .header("proxy-authorization", "Basic eA==")
        .header("x-forwarded-for", "10.0.0.1")
        .header("accept-encoding", "gzip")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        // As if the caller could vouch for himself.
        .header(EDGE_CLAIMS, "e30")
        .header(EDGE_SIGNATURE, "t=1,v1=00")
        .header(EDGE_REQUEST_ID, "mine")
        .upload("audio");
    let client = tokio::spawn(request.send());
    let mut arrival = host.next().await;
    arrival.whole_body().await;

    assert_eq!(arrival.head.method, "POST");
    assert_eq!(arrival.head.uri, "/v1/audio/translations");
    let said = format!("{:?}", arrival.head.headers);
    for secret in [
        &key.text,
        edge.root_key(),
        edge.signing_secret(),
        "session",
        "eA==",
        "10.0.0.1",
    ] {
        assert!(!said.contains(secret), "{said}");
    }
    assert_eq!(
        names(&arrival.head.headers),
        [
            "cf-worker",
            "content-length",
            "content-type",
            "host",
            "traceparent",
            EDGE_CLAIMS,
            EDGE_REQUEST_ID,
            EDGE_SIGNATURE
        ]
    );
    assert_eq!(
        arrival.header("content-type"),
        Some("multipart/form-data; boundary=b")
    );

    let claims = arrival.claims();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let secrets = Secret::parse_list(edge.signing_secret()).unwrap();
    let signature = arrival.header(EDGE_SIGNATURE).unwrap();
    let encoded = arrival.header(EDGE_CLAIMS).unwrap();
    let path = arrival.head.uri.path();
    verify(&secrets, signature, "POST", path, encoded, now.as_secs()).unwrap();
    assert_eq!(claims.key_id, key.id);
    assert_eq!(claims.owner.as_deref(), Some("acme"));
    assert_eq!(claims.scopes, ["translate"]);
    assert_eq!(claims.models, ["base", "tiny.en"]);
    assert_eq!(claims.max_audio_seconds, Some(7200.0));
    assert_eq!(claims.render, Render::Client);
    let time_left = u128::from(claims.deadline_ms).saturating_sub(now.as_millis());
    assert!((500_000..=600_000).contains(&time_left), "{claims:?}");

    let id = arrival.header(EDGE_REQUEST_ID).unwrap().to_owned();
    assert_eq!(claims.request_id, id);
    let headers = [
        ("content-type", "text/plain"),
        ("x-audio-seconds", "1.500"),
        ("x-queue-ms", "1.0"),
        ("x-decode-ms", "2.0"),
        ("x-inference-ms", "3.0"),
        ("set-cookie", "a=b"),
        ("server", "host-7"),
        ("access-control-allow-origin", "*"),
    ];
    arrival.reply(200, &headers, "words");
    let answer = client.await.unwrap().expect(200);
    assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
    assert_eq!(answer.header("x-audio-seconds"), Some("1.500"));
    let timing = answer.header("server-timing").unwrap();
    assert!(
        timing.ends_with(", queue;dur=1.0, decode;dur=2.0, inference;dur=3.0"),
        "{timing}"
    );
    for private in ["set-cookie", "server", "x-queue-ms"] {
        assert_eq!(answer.header(private), None);
    }
}
