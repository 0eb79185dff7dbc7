//! How many requests of a key may be under way, and when one no longer is.

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::upstream::Upstream;
use e2e::{until, within};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

const TEXT: (&str, &str) = ("content-type", "text/plain");

fn parallel(limit: u64) -> Value {
    json!({"name": "parallel", "kind": "concurrency", "limit": limit})
}

async fn under_way(edge: &Edge, key: &Key) -> u64 {
    edge.key(key).await["under_way"].as_u64().unwrap()
}

async fn until_under_way(edge: &Edge, key: &Key, count: u64) {
    let there = async || (under_way(edge, key).await == count).then_some(());
    until("so many are under way", there).await;
}

fn upload(edge: &Edge, key: &Key) -> JoinHandle<Answer> {
    tokio::spawn(edge.transcribe(key).upload("audio").send())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_than_may_be_under_way_is_refused_until_another_has_ended() {
    let mut host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url()).isolates(2);
    let edge = builder.start().await;
    let key = edge
        .create_key(&json!({"name": "two at once", "limits": [parallel(2)]}))
        .await;
    let clients = [upload(&edge, &key), upload(&edge, &key)];
    let (one, other) = (host.next().await, host.next().await);
    assert_eq!(under_way(&edge, &key).await, 2);
    for isolate in [0, 0] {
        let third = edge
            .transcribe_at(isolate, &key)
            .upload("audio")
            .send()
            .await;
        let third = third.expect_error(429, "concurrency_limit_exceeded");
        assert!((1..=2).contains(&third.number("retry-after")));
    }
    // What has no audio is not under way.
    edge.get("/v1/models").key(&key).send().await.expect(200);
    host.expect_no_more();

    one.reply(200, &[TEXT], "words");
    until_under_way(&edge, &key, 1).await;
    // Where the refusal is not remembered for its second.
    let next = tokio::spawn(edge.transcribe_at(1, &key).upload("audio").send());
    let third = host.next().await;
    assert_eq!(under_way(&edge, &key).await, 2);
    for arrival in [other, third] {
        arrival.reply(200, &[TEXT], "words");
    }
    for client in clients.into_iter().chain([next]) {
        within("the answer", client).await.unwrap().expect(200);
    }
    until_under_way(&edge, &key, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_caller_who_leaves_is_returned_before_the_answer_and_amid_it() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let key = edge
        .create_key(&json!({"name": "one", "limits": [parallel(1)]}))
        .await;
    // With a reset: the one way of leaving that workerd sees at this stage.
    let address = edge.url().strip_prefix("http://").unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5\r\n\r\naudio",
        key.text
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    assert_eq!(under_way(&edge, &key).await, 1);
    client.set_zero_linger().unwrap();
    drop(client);
    arrival.abandoned().await;
    until_under_way(&edge, &key, 0).await;

    let client = tokio::spawn(edge.transcribe(&key).upload("audio").start());
    let mut arrival = host.next().await;
    arrival.whole_body().await;
    let pieces = arrival.reply_in_pieces(200, &[("content-type", "text/event-stream")]);
    pieces.send("data: {}\n\n").await;
    let mut response = client.await.unwrap();
    within("the first piece", response.chunk()).await.unwrap();
    // As long as the answer streams it is under way.
    assert_eq!(under_way(&edge, &key).await, 1);
    drop(response);
    pieces.send_until_abandoned("data: {}\n\n").await;
    until_under_way(&edge, &key, 0).await;
    let usage = edge
        .ask_admin(&format!("/admin/keys/{}/usage", key.id))
        .await;
    assert_eq!(usage["total"]["outcomes"], json!({"client_gone": 2}));
    // And another one gets it.
    let answered = upload(&edge, &key);
    host.next().await.reply(200, &[TEXT], "words");
    answered.await.unwrap().expect(200);
}
