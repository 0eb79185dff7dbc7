//! What happens when there is more to do than can be done, and when callers do not wait for it.

use crate::client::{Raw, form, get, transcribe, upload};
use crate::support::Service;
use crate::wav::tone;

/// Begins an upload and leaves the rest to the caller.
async fn begin(service: &Service) -> (Raw, Vec<u8>) {
    let (head, body) = upload(tone());
    let mut connection = Raw::open(service.address).await;
    connection.write(&head).await;
    (connection, body)
}

/// Sends a whole request and does not wait for its answer.
async fn submit(service: &Service) -> Raw {
    let (mut connection, body) = begin(service).await;
    connection.write(&body).await;
    connection
}

#[tokio::test]
async fn a_full_service_refuses_at_once_and_says_when_to_come_back() {
    let (service, gate) = Service::fake(&["--queue-length", "1"]).await;
    gate.close();
    let _running = submit(&service).await;
    let _waiting = submit(&service).await;
    service
        .until("full", |l| {
            l["states_busy"] == 1 && l["permits_free"] == 0 && l["uploads"] == 0
        })
        .await;

    // Far more than fits any buffer, so that the answer must come while the client still sends.
    let answer = transcribe(service.address, &form(vec![0; 20_000_000])).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.code(), "queue_full");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    gate.open();
    service.assert_alive().await;
}

#[tokio::test]
async fn who_would_wait_too_long_is_told_so_at_the_door() {
    // Less than any run takes.
    let (service, gate) = Service::fake(&["--max-queue-wait", "0.000001"]).await;
    // With a state free nobody waits, however long the last run took.
    for _ in 0..2 {
        assert_eq!(transcribe(service.address, &form(tone())).await.status, 200);
        service.until_free().await;
    }
    gate.close();
    let running = submit(&service).await;
    service.until("running", |l| l["states_busy"] == 1).await;
    // One for each state may wait, however long a run takes.
    let waiting = submit(&service).await;
    service
        .until("one waits", |l| l["queue_waiting"] == 1)
        .await;
    let answer = transcribe(service.address, &form(tone())).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "queue_full".to_owned())
    );
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    gate.open();
    drop((running, waiting));
    service.until_free().await;
    service.assert_alive().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_or_amid_its_body_frees_the_permit() {
    let (service, _) = Service::fake(&[]).await;
    let (before, body) = begin(&service).await;
    let (mut amid, _) = begin(&service).await;
    amid.write(&body[..body.len() / 2]).await;
    service.until("two uploads", |l| l["uploads"] == 2).await;
    drop((before, amid));
    service.assert_alive().await;
    assert!(
        service
            .metric("inference_requests_total{code=\"malformed_multipart\"")
            .await
            + service
                .metric("inference_requests_total{code=\"client_closed\"")
                .await
            >= 2.0
    );
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_is_never_served() {
    let (service, gate) = Service::fake(&[]).await;
    gate.close();
    let running = submit(&service).await;
    service.until("running", |l| l["states_busy"] == 1).await;
    // One waits decoded, for the state; one before its decoder.
    let decoded = submit(&service).await;
    service
        .until("one waits", |l| l["queue_waiting"] == 1)
        .await;
    let undecoded = submit(&service).await;
    service.until("two wait", |l| l["queue_waiting"] == 2).await;
    drop((decoded, undecoded));
    service
        .until("both left", |l| l["queue_waiting"] == 0)
        .await;
    gate.open();
    service.until_free().await;
    drop(running);
    // The one that ran, and nobody else.
    assert!((service.metric("inference_model_seconds_count").await - 1.0).abs() < 0.1);
    service.assert_alive().await;
}

#[tokio::test]
async fn five_hundred_who_leave_the_queue_cost_no_run_and_their_permits_are_back_at_once() {
    let (service, gate) = Service::fake(&["--queue-length", "520"]).await;
    gate.close();
    let running = submit(&service).await;
    service.until("running", |l| l["states_busy"] == 1).await;
    let mut crowd = Vec::new();
    for _ in 0..500 {
        crowd.push(submit(&service).await);
    }
    service
        .until("all of them wait", |l| l["queue_waiting"] == 500)
        .await;
    let left = std::time::Instant::now();
    drop(crowd);
    service
        .until("their permits are back", |l| l["permits_free"] == 520)
        .await;
    assert!(left.elapsed() < std::time::Duration::from_secs(1));
    gate.open();
    service.until_free().await;
    drop(running);
    let runs = service.metric("inference_model_seconds_count").await;
    assert!((runs - 1.0).abs() < 0.1, "{runs} runs");
    service.assert_alive().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_the_model_runs_frees_the_state() {
    let (service, gate) = Service::fake(&[]).await;
    gate.close();
    let running = submit(&service).await;
    service.until("running", |l| l["states_busy"] == 1).await;
    drop(running);
    // The gate stays closed: only the abort can end the run.
    service.until_free().await;
    assert_eq!(gate.aborted(), 1);
    gate.open();
    service.assert_alive().await;
}

#[tokio::test]
async fn whoever_waits_past_the_deadline_is_told_so() {
    let (service, gate) = Service::fake(&["--request-timeout", "0.3"]).await;
    gate.close();
    let running = tokio::spawn({
        let address = service.address;
        async move { transcribe(address, &form(tone())).await }
    });
    let waiting = transcribe(service.address, &form(tone())).await;
    for answer in [running.await.unwrap(), waiting] {
        assert_eq!(answer.status, 504);
        assert_eq!(answer.code(), "deadline_exceeded");
    }
    gate.open();
    service.assert_alive().await;
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    let (mut service, gate) = Service::fake(&[]).await;
    assert_eq!(get(service.address, "/readyz").await.status, 200);
    gate.close();
    let address = service.address;
    let in_flight = tokio::spawn(async move { transcribe(address, &form(tone())).await });
    service.until("running", |l| l["states_busy"] == 1).await;

    service.terminate();
    service.until("draining", |l| l["draining"] == true).await;
    assert_eq!(get(address, "/readyz").await.status, 503);
    assert_eq!(get(address, "/healthz").await.status, 200);
    let refused = transcribe(address, &form(tone())).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.code(), "shutting_down");
    assert!(refused.headers.contains_key("retry-after"));

    gate.open();
    assert_eq!(in_flight.await.unwrap().text(), "16000 samples");
    service.ended().await;
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let (mut service, gate) = Service::fake(&["--drain-timeout", "0.2"]).await;
    gate.close();
    let _stuck = submit(&service).await;
    service.until("running", |l| l["states_busy"] == 1).await;
    service.terminate();
    service.ended().await;
}

#[tokio::test]
async fn many_requests_at_once_are_all_served() {
    let (service, _) = Service::fake(&["--states", "2"]).await;
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let address = service.address;
            tokio::spawn(async move { transcribe(address, &form(tone())).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap().text(), "16000 samples");
    }
    service.until_free().await;
    let served = service
        .metric("inference_requests_total{code=\"ok\",status=\"200\"}")
        .await;
    assert!((served - 40.0).abs() < 0.1);
}
