//! A host that is down, slow or mad costs the caller an honest error and nothing else.

use e2e::edge::Edge;
use e2e::upstream::{Babbler, Down, Upstream};
use e2e::within;

const WORDS: [(&str, &str); 1] = [("content-type", "text/plain")];

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_costs_no_request_where_there_is_another() {
    let (down, mut host) = (Down::new(), Upstream::start().await);
    let builder = Edge::builder().upstream(&down.url()).upstream(&host.url());
    let edge = builder.start().await;
    let key = edge.any_key().await;
    // An upload can't be sent again: so a host of which nothing was heard is asked before.
    for _ in 0..8 {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        arrival.reply(200, &WORDS, "words");
        client.await.unwrap().expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_hosts_down_every_request_is_refused_at_once() {
    let down = Down::new();
    let edge = Edge::builder().upstream(&down.url()).start().await;
    let key = edge.any_key().await;
    for _ in 0..3 {
        let answer = edge.transcribe(&key).upload("audio").send().await;
        let answer = answer.expect_error(502, "upstream_failed");
        // Whom the edge asks is nobody's business.
        assert!(!answer.text().contains("127.0.0.1"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_several_hosts_all_down_an_upload_is_refused_before_it_is_read() {
    let (one, other) = (Down::new(), Down::new());
    let builder = Edge::builder().upstream(&one.url()).upstream(&other.url());
    let edge = builder.start().await;
    let key = edge.any_key().await;
    for _ in 0..3 {
        let answer = edge.transcribe(&key).upload("audio").send().await;
        let answer = answer.expect_error(503, "upstream_unavailable");
        assert!(answer.number("retry-after") > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_host_is_a_504_at_the_deadline_and_is_told_to_stop() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url());
    let edge = builder
        .setting("REQUEST_TIMEOUT_SECONDS", "1")
        .start()
        .await;
    let key = edge.any_key().await;
    let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let answer = client.await.unwrap();
    answer.expect_error(504, "upstream_timeout");
    arrival.abandoned().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_talks_garbage_is_a_502() {
    for words in [
        b"".as_slice(),
        b"\0\x01\x02\xff\xfe\xfd",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"220 mail.example ESMTP\r\n250 ok\r\n",
    ] {
        let host = Babbler::start(words).await;
        let edge = Edge::builder().upstream(&host.url()).start().await;
        let key = edge.any_key().await;
        let answer = edge.transcribe(&key).upload("audio").send().await;
        answer.expect_error(502, "upstream_failed");
        assert_eq!(host.asked(), 1);
        edge.get("/healthz").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_program_on_the_hosts_port_is_not_taken_for_the_service() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    for status in [200, 204, 302, 404, 500] {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        arrival.reply_as_stranger(status, "");
        client.await.unwrap().expect_error(502, "upstream_failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_edges_own_fault_is_not_put_on_the_caller() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    // A signature refused, a route or a method that the host does not have, a redirect.
    for status in [401, 405, 302, 418] {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        arrival.reply(status, &[("location", "http://127.0.0.1:1/")], "private");
        let answer = client.await.unwrap().expect_error(502, "upstream_failed");
        assert!(!answer.text().contains("private"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_hosts_word_and_its_retry_after_reach_the_caller() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let envelope =
        r#"{"error":{"message":"m","type":"server_error","param":null,"code":"queue_full"}}"#;
    let headers = [("content-type", "application/json"), ("retry-after", "7")];
    arrival.reply(503, &headers, envelope);
    let answer = client.await.unwrap().expect_error(503, "queue_full");
    assert_eq!(answer.text(), envelope);
    assert_eq!(answer.number("retry-after"), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_cut_off_in_its_middle_never_ends_as_if_complete() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    for length in [None, Some("1000")] {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").start());
        let mut arrival = host.next().await;
        arrival.whole_body().await;
        let mut headers = WORDS.to_vec();
        headers.extend(length.map(|length| ("content-length", length)));
        let answer = arrival.reply_in_pieces(200, &headers);
        answer.send("half of it").await;
        let mut response = client.await.unwrap();
        assert_eq!(response.status(), 200);
        let half = within("the first half", response.chunk()).await.unwrap();
        assert_eq!(half.unwrap(), "half of it");
        answer.break_off().await;
        let end = within("the end", response.chunk()).await;
        assert!(end.is_err(), "it ended properly: {end:?}");
        edge.get("/healthz").send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_up_amid_the_upload_is_a_502() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge.any_key().await;
    let upload = vec![7; 4 * 1024 * 1024];
    let client = tokio::spawn(edge.transcribe(&key).upload(upload).send());
    let mut arrival = host.next().await;
    arrival.bytes(1000).await;
    drop(arrival);
    client.await.unwrap().expect_error(502, "upstream_failed");
}
