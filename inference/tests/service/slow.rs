//! Clients that take their time, in numbers.

use std::time::Instant;

use hyper::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::client::{GUARD, Raw, TRANSCRIPTIONS, form, get, head, transcribe, upload};
use crate::support::{SHORT, Service};
use crate::wav::tone;

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let (service, _) = Service::fake(&["--stall-timeout", "0.2"]).await;
    let (head, body) = upload(tone());
    let mut connection = Raw::open(service.address).await;
    connection.write(&head).await;
    connection.write(&body[..body.len() / 2]).await;
    let answer = connection.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
    service.assert_alive().await;
}

#[tokio::test]
async fn an_upload_that_trickles_is_given_up_in_the_end() {
    let (service, _) = Service::fake(&["--upload-timeout", "0.5"]).await;
    let (head, body) = upload(tone());
    let mut connection = Raw::open(service.address).await;
    connection.write(&head).await;
    // A byte for each answer to another question, until the service has had enough.
    let (mut reader, mut writer) = connection.0.into_split();
    let address = service.address;
    let trickle = tokio::spawn(async move {
        for byte in body {
            get(address, "/healthz").await;
            if writer.write_all(&[byte]).await.is_err() {
                break;
            }
        }
    });
    let mut status = [0; 12];
    timeout(GUARD, reader.read_exact(&mut status))
        .await
        .expect("an answer in time")
        .unwrap();
    assert_eq!(&status, b"HTTP/1.1 408");
    trickle.abort();
    service.assert_alive().await;
}

#[tokio::test]
async fn a_head_that_stalls_and_an_idle_connection_are_closed() {
    let (service, _) = Service::fake(&["--header-timeout", "0.2"]).await;
    let mut silent = Raw::open(service.address).await;
    let mut half = Raw::open(service.address).await;
    half.write(b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: te")
        .await;
    silent.read_to_end().await;
    half.read_to_end().await;
    service.assert_alive().await;
}

/// A third send nothing, a third half a head, a third a head and half a body.
#[tokio::test]
async fn a_thousand_slow_sockets_do_not_keep_an_honest_request_out() {
    // Both ends of each connection are in this process.
    rlimit::increase_nofile_limit(10_000).unwrap();
    let (service, _) = Service::fake(&["--queue-length", "16"]).await;
    let (upload_head, body) = upload(tone());
    let get_head = head(&Method::POST, TRANSCRIPTIONS, &[]);
    let mut slow = Vec::new();
    for i in 0..1000 {
        let mut connection = Raw::open(service.address).await;
        match i % 3 {
            0 => {}
            1 => connection.write(&get_head[..get_head.len() / 2]).await,
            _ => {
                connection.write(&upload_head).await;
                connection.write(&body[..body.len() / 2]).await;
            }
        }
        slow.push(connection);
    }
    service
        .until("full of stalled uploads", |l| l["permits_free"] == 0)
        .await;
    // What counts as stalled is the service's to say; from then on nobody is kept out. The first to
    // be let in shows that the time has come.
    let first = async {
        while transcribe(service.address, &form(tone())).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, first).await.expect("somebody is let in");
    for _ in 0..10 {
        let began = Instant::now();
        let answer = transcribe(service.address, &form(tone())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(began.elapsed() < SHORT, "{:?}", began.elapsed());
    }
    drop(slow);
    service.assert_alive().await;
}
