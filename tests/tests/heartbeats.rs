//! What hosts may say of themselves: who is believed, how often, and how many there may be.

use std::time::{SystemTime, UNIX_EPOCH};

use e2e::edge::Edge;
use e2e::http::Answer;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::heartbeat::{Heartbeat, PATH};
use inference_api::load::Load;
use inference_api::signature::Secret;
use inference_api::statement::encode;
use reqwest::Method;

/// Heartbeats as a test wants them.
struct Beats<'a> {
    edge: &'a Edge,
    secret: Secret,
}

impl<'a> Beats<'a> {
    fn new(edge: &'a Edge, secret: &str) -> Self {
        let secret = Secret::new(secret).unwrap();
        Self { edge, secret }
    }

    fn of(url: &str, at_ms: u64) -> Heartbeat {
        let load = Load {
            free: 7,
            ..Load::default()
        };
        Heartbeat {
            url: url.to_owned(),
            at_ms,
            every_ms: 60_000,
            stops: false,
            load: load.to_string(),
        }
    }

    /// Sends one that is signed at `at`, in unix seconds.
    async fn send(&self, beat: &Heartbeat, at: u64) -> Answer {
        let encoded = encode(beat);
        let signature = self.secret.sign("POST", PATH, &encoded, at);
        let call = self.edge.call(Method::POST, PATH);
        let call = call.header(EDGE_CLAIMS, &encoded);
        call.header(EDGE_SIGNATURE, &signature).send().await
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_is_forged_stale_played_again_or_from_elsewhere_is_refused() {
    let edge = Edge::builder()
        .setting("HOST_REGISTRATION", "on")
        .start()
        .await;
    let beats = Beats::new(&edge, edge.signing_secret());
    let host = "https://gpu-1.example";
    let (now, seconds) = (now_ms(), now_ms() / 1000);
    let good = Beats::of(host, now);

    let stranger = Beats::new(&edge, &"f".repeat(40));
    let forged = stranger.send(&good, seconds).await;
    forged.expect_error(401, "invalid_signature");
    let stale = beats.send(&good, seconds - 70).await;
    stale.expect_error(401, "invalid_signature");
    let unsigned = edge.call(Method::POST, PATH).send().await;
    unsigned.expect_error(401, "invalid_signature");
    let ahead = Beats::of(host, now + 3_600_000);
    let ahead = beats.send(&ahead, seconds).await;
    ahead.expect_error(401, "invalid_signature");
    for url in [
        "http://gpu-1.example",
        "http://127.0.0.1:9000",
        "https://gpu-1.example/path",
        "https://user@gpu-1.example",
        &format!("https://{}.example", "a".repeat(300)),
    ] {
        let forbidden = beats.send(&Beats::of(url, now), seconds).await;
        forbidden.expect_error(403, "host_not_allowed");
    }
    assert!(edge.host(host).await.is_none());

    beats.send(&good, seconds).await.expect(204);
    assert_eq!(edge.host(host).await.unwrap()["load"]["free"], 7);
    for old in [now, now - 1] {
        let replayed = beats.send(&Beats::of(host, old), seconds).await;
        replayed.expect_error(401, "replayed_request");
    }
    // The last beat of a host can't be undone by one from before it.
    let stop = Heartbeat {
        stops: true,
        ..Beats::of(host, now + 2)
    };
    beats.send(&stop, seconds).await.expect(204);
    assert!(edge.host(host).await.is_none());
    let replayed = beats.send(&Beats::of(host, now + 1), seconds).await;
    replayed.expect_error(401, "replayed_request");
    beats
        .send(&Beats::of(host, now + 3), seconds)
        .await
        .expect(204);
    assert!(edge.host(host).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_hosts_has_an_end() {
    let edge = Edge::builder()
        .setting("HOST_REGISTRATION", "on")
        .start()
        .await;
    let beats = Beats::new(&edge, edge.signing_secret());
    let (now, seconds) = (now_ms(), now_ms() / 1000);
    for n in 0..256 {
        let beat = Beats::of(&format!("https://gpu-{n}.example"), now);
        beats.send(&beat, seconds).await.expect(204);
    }
    let further = Beats::of("https://gpu-256.example", now);
    let full = beats.send(&further, seconds).await;
    full.expect_error(503, "too_many_hosts");
    // Those that are there go on.
    let again = Beats::of("https://gpu-7.example", now + 1);
    beats.send(&again, seconds).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_host_may_register_there_is_no_such_route() {
    let edge = Edge::builder().start().await;
    let beats = Beats::new(&edge, edge.signing_secret());
    let now = now_ms();
    let beat = Beats::of("https://gpu-1.example", now);
    let answer = beats.send(&beat, now / 1000).await;
    answer.expect_error(404, "not_found");
}
