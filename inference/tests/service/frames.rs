//! Frames that no WebSocket client writes (RFC 6455): each ends its own session, frees what it held, and harms
//! nobody else.

use hyper::Method;

use crate::client::{Raw, head};
use crate::support::Service;

const PATH: &str = "/v1/realtime?intent=transcription";
const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// The key of a mask that leaves the bytes as they are.
const MASK: [u8; 4] = [0; 4];

/// A masked frame of fewer than 64 KiB.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut out = vec![first, 0x80 + 126];
    out.extend(length.to_be_bytes());
    out.extend(MASK);
    out.extend(payload);
    out
}

/// The head of a frame that claims so many bytes.
fn claiming(first: u8, bytes: u64) -> Vec<u8> {
    let mut out = vec![first, 0x80 + 127];
    out.extend(bytes.to_be_bytes());
    out.extend(MASK);
    out
}

/// A session of which the test writes the bytes.
async fn upgraded(service: &Service) -> Raw {
    let mut raw = Raw::open(service.address).await;
    let lines = [
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    raw.write(&head(&Method::GET, PATH, &lines.map(str::to_owned)))
        .await;
    raw
}

/// What the service says until it closes, as text with what is none replaced.
async fn rest(raw: &mut Raw) -> String {
    let mut bytes = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut raw.0, &mut bytes);
    // A reset ends what was said as well.
    let ended = tokio::time::timeout(crate::client::GUARD, read).await;
    drop(ended.expect("closed in time"));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn frames_that_break_the_protocol_end_their_session_alone() {
    let (service, _) = Service::fake(&[]).await;
    let mut bystander = upgraded(&service).await;
    service
        .until("one session", |l| l["permits_free"] == 64)
        .await;
    let unmasked = vec![FIN | TEXT, 2, b'{', b'}'];
    let fragment = vec![b' '; 60_000];
    let endless: Vec<u8> = std::iter::once(frame(TEXT, &fragment))
        .chain(std::iter::repeat_n(frame(0, &fragment), 40))
        .flatten()
        .collect();
    let mut sessions = Vec::new();
    for (what, bytes) in [
        ("no mask", unmasked),
        ("a rest without a beginning", frame(FIN, b"{}")),
        (
            "a beginning within another",
            [frame(TEXT, b"{"), frame(TEXT, b"{")].concat(),
        ),
        ("an opcode that does not exist", frame(FIN | 3, b"")),
        ("reserved bits", frame(FIN | 0x70 | TEXT, b"{}")),
        ("a ping of 300 bytes", frame(FIN | PING, &[b'x'; 300])),
        ("a ping in pieces", frame(PING, b"x")),
        ("text that is none", frame(FIN | TEXT, &[0xff, 0xfe])),
        ("a close of one byte", frame(FIN | CLOSE, &[3])),
        ("2^62 bytes", claiming(FIN | TEXT, 1 << 62)),
        ("2^64 bytes less one", claiming(FIN | TEXT, u64::MAX)),
        ("a message in pieces without end", endless),
    ] {
        let mut raw = upgraded(&service).await;
        raw.write(&bytes).await;
        sessions.push((what, raw));
    }
    for (what, mut raw) in sessions {
        let said = rest(&mut raw).await;
        assert!(said.starts_with("HTTP/1.1 101 "), "{what}: {said}");
        assert!(!said.contains("internal_error"), "{what}: {said}");
    }
    service
        .until("free but for one", |l| l["permits_free"] == 64)
        .await;
    // He was not disturbed: an event of his is answered.
    bystander
        .write(&frame(
            FIN | TEXT,
            br#"{"type":"input_audio_buffer.clear"}"#,
        ))
        .await;
    bystander.write(&frame(FIN | CLOSE, &[3, 232])).await;
    let said = rest(&mut bystander).await;
    assert!(said.contains("input_audio_buffer.cleared"), "{said}");
    service.assert_alive().await;
}

#[tokio::test]
async fn what_comes_after_a_close_is_not_heard() {
    let (service, _) = Service::fake(&[]).await;
    let mut raw = upgraded(&service).await;
    raw.write(&frame(FIN | CLOSE, &[3, 232])).await;
    let late = frame(FIN | TEXT, br#"{"type":"input_audio_buffer.clear"}"#);
    // The service may have closed before it.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut raw.0, &late).await;
    let said = rest(&mut raw).await;
    assert!(said.starts_with("HTTP/1.1 101 "), "{said}");
    assert!(!said.contains("cleared"), "{said}");
    service.assert_alive().await;
}
