//! Jobs: brought, asked for, ended, by an edge that nobody waits behind.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use inference::backend::fake::{FakeBackend, Gate};
use inference::backend::{
    Abilities, Abort, Backend, BackendError, DecodeOptions, Decoded, Session, Speech,
};
use inference_api::job::{PATH, State};
use tokio::time::timeout;

use crate::client::{GUARD, Raw, TRANSCRIPTIONS, encode, field, form, head, post};
use crate::edge::SECRET;
use crate::signing::unix_seconds;
use crate::support::Service;
use crate::wav::{Wav, tone};

mod sources;
mod world;

use world::{World, report};

/// So many seconds of a tone.
fn long(seconds: usize) -> Vec<u8> {
    let frames = seconds * 16_000;
    Wav {
        frames,
        ..Wav::default()
    }
    .bytes()
}

#[tokio::test]
async fn a_job_is_taken_on_heard_and_kept_before_it_has_succeeded() {
    let world = World::new(&[]).await;
    world.gate.close();
    let taken = world.post("job_1", &form(tone())).await;
    assert_eq!(taken.status, StatusCode::ACCEPTED);
    let taken = report(&taken);
    assert_eq!(taken.state, State::Running);
    assert!(taken.progress.abs() < 1e-9, "{taken:?}");
    assert_eq!((taken.duration, &taken.transcript), (None, &None));
    let running = |load: &serde_json::Value| load["states_busy"] == 1;
    world.service.until("running", running).await;
    // Those who wait have all their permits.
    let load = world.service.load().await;
    assert_eq!(load["permits_free"], load["permits_total"]);
    assert!((world.service.metric("inference_jobs ").await - 1.0).abs() < 0.1);
    assert_eq!(report(&world.get("job_1").await).state, State::Running);
    assert!(world.edge.kept().is_empty());
    world.gate.open();
    let kept = world.edge.until_kept(1);
    timeout(GUARD, kept).await.expect("kept in time");
    let over = world.over("job_1").await;
    assert_eq!(over.state, State::Succeeded, "{over:?}");
    assert!((over.progress - 1.0).abs() < 1e-9);
    assert!((over.audio_seconds - 1.0).abs() < 1e-9);
    assert_eq!(over.duration, Some(1.0));
    assert_eq!(over.transcript.as_deref(), Some("tr_of_job_1"));
    assert_eq!((over.cached, over.error), (false, None));
    let kept = world.edge.kept();
    let [(brought, transcript)] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(brought.id, "tr_of_job_1");
    assert_eq!(brought.job.as_deref(), Some("job_1"));
    assert!(brought.listed);
    assert_eq!(brought.name.as_deref(), Some("clip.wav"));
    assert_eq!(transcript.text(), "16000 samples");
    assert!(transcript.words.is_some());
    world.until_free().await;
    let ended = world
        .service
        .metric("inference_jobs_total{outcome=\"succeeded\"}");
    assert!((ended.await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn the_same_job_again_changes_nothing_while_it_runs_and_after() {
    let world = World::new(&[]).await;
    world.gate.close();
    world.post("job_1", &form(tone())).await;
    // Far more than fits any buffer: it must be read for its sender to get the answer.
    let again = world.post("job_1", &form(vec![0; 20_000_000])).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(report(&again).state, State::Running);
    world.gate.open();
    let over = world.over("job_1").await;
    let after = world.post("job_1", &form(tone())).await;
    assert_eq!(report(&after), over);
    assert!((world.runs().await - 1.0).abs() < 0.1);
    assert_eq!(world.edge.kept().len(), 1);
}

#[tokio::test]
async fn a_job_that_is_ended_while_the_model_runs_frees_the_state_and_stays_ended() {
    let world = World::new(&[]).await;
    world.gate.close();
    world.post("job_1", &form(long(60))).await;
    let running = |load: &serde_json::Value| load["states_busy"] == 1;
    world.service.until("running", running).await;
    let ended = report(&world.delete("job_1").await);
    assert_eq!(ended.state, State::Cancelled);
    // The gate stays closed: only the abort can end the run.
    world.until_free().await;
    assert_eq!(world.gate.aborted(), 1);
    assert_eq!(report(&world.get("job_1").await), ended);
    assert_eq!(report(&world.delete("job_1").await), ended);
    assert_eq!(report(&world.post("job_1", &form(tone())).await), ended);
    assert!(world.edge.kept().is_empty());
    let counted = world
        .service
        .metric("inference_jobs_total{outcome=\"cancelled\"}");
    assert!((counted.await - 1.0).abs() < 0.1);
    world.gate.open();
    // One that is over stays as it is.
    world.post("job_2", &form(tone())).await;
    let over = world.over("job_2").await;
    assert_eq!(report(&world.delete("job_2").await), over);
}

/// Begins to bring a job, and leaves the rest of its body to the test.
async fn begin(world: &World, id: &str, bytes: Vec<u8>) -> (Raw, Vec<u8>) {
    let (content_type, body) = encode(&form(bytes));
    let mut lines = vec![
        format!("content-type: {content_type}"),
        format!("content-length: {}", body.len()),
    ];
    for (name, value) in World::signed(&Method::POST, id, &world.claims(id)) {
        lines.push(format!("{name}: {value}"));
    }
    let mut connection = Raw::open(world.service.address).await;
    let head = head(&Method::POST, &format!("{PATH}{id}"), &lines);
    connection.write(&head).await;
    connection.write(&body[..body.len() / 2]).await;
    (connection, body)
}

/// Asks until the job has this status.
async fn until_status(world: &World, id: &str, status: u16) {
    let asking = async {
        while world.get(id).await.status != status {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, asking).await.expect("in time");
}

#[tokio::test]
async fn a_job_that_is_ended_while_its_file_comes_is_ended_and_one_that_breaks_off_is_unknown() {
    let world = World::new(&[]).await;
    let (mut ended, _) = begin(&world, "job_1", tone()).await;
    until_status(&world, "job_1", 200).await;
    assert_eq!(report(&world.delete("job_1").await).state, State::Cancelled);
    let answer = ended.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert!(answer.contains("cancelled"), "{answer}");
    let (broken, _) = begin(&world, "job_2", tone()).await;
    until_status(&world, "job_2", 200).await;
    drop(broken);
    until_status(&world, "job_2", 404).await;
    world.until_free().await;
    assert!(world.runs().await < 0.5);
}

#[tokio::test]
async fn a_job_that_nobody_brought_is_unknown() {
    let world = World::new(&[]).await;
    for answer in [world.get("job_1").await, world.delete("job_1").await] {
        assert_eq!(answer.status, 404);
        assert_eq!(answer.code(), "not_found");
    }
}

#[tokio::test]
async fn claims_about_another_job_or_none_are_refused() {
    let world = World::new(&[]).await;
    world.gate.close();
    world.post("job_1", &form(tone())).await;
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let mut of_none = world.claims("job_1");
        of_none.job = None;
        for claims in [world.claims("job_2"), world.claims(""), of_none] {
            let answer = world
                .call(method.clone(), "job_1", &claims, &form(tone()))
                .await;
            assert_eq!(answer.status, 401, "{method}");
            assert_eq!(answer.code(), "invalid_signature", "{method}");
        }
    }
    let unsigned = post(
        world.service.address,
        &format!("{PATH}job_1"),
        &form(tone()),
    )
    .await;
    assert_eq!(unsigned.code(), "invalid_signature");
    let mut other_scope = world.claims("job_3");
    other_scope.scopes = vec!["translate".to_owned()];
    let answer = world
        .post_claiming("job_3", &other_scope, &form(tone()))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "insufficient_scope")
    );
    let mut for_nobody = world.claims("job_3");
    for_nobody.keep = None;
    let answer = world
        .post_claiming("job_3", &for_nobody, &form(tone()))
        .await;
    assert_eq!(answer.code(), "invalid_signature");
    // A request that was seen is not seen twice.
    let once = world.claims("job_1");
    assert_eq!(
        world.call(Method::GET, "job_1", &once, &[]).await.status,
        200
    );
    let twice = world.call(Method::GET, "job_1", &once, &[]).await;
    assert_eq!(twice.code(), "replayed_request");
    assert_eq!(report(&world.get("job_1").await).state, State::Running);
}

#[tokio::test]
async fn what_was_heard_before_is_found_and_not_heard_again() {
    let world = World::new(&[]).await;
    world.post("job_1", &form(tone())).await;
    world.over("job_1").await;
    world.post("job_2", &form(tone())).await;
    let over = world.over("job_2").await;
    assert_eq!(over.state, State::Succeeded);
    assert!(over.cached);
    assert_eq!(over.transcript.as_deref(), Some("tr_of_job_1"));
    assert!(over.audio_seconds.abs() < 1e-9);
    assert_eq!(over.duration, Some(1.0));
    assert!((over.progress - 1.0).abs() < 1e-9);
    assert!((world.runs().await - 1.0).abs() < 0.1);
    assert_eq!(world.edge.kept().len(), 1);
}

#[tokio::test]
async fn an_edge_that_is_down_for_a_while_is_waited_for() {
    let world = World::new(&[]).await;
    world.edge.store.lock().unwrap().failures = 4;
    world.post("job_1", &form(tone())).await;
    let asked = async {
        while world.edge.store.lock().unwrap().calls == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, asked).await.unwrap();
    // It is heard, and not kept yet.
    let waiting = report(&world.get("job_1").await);
    assert_eq!(waiting.state, State::Running);
    assert!(waiting.progress < 1.0);
    assert_eq!(waiting.duration, Some(1.0));
    let over = world.over("job_1").await;
    assert_eq!(over.state, State::Succeeded, "{over:?}");
    assert_eq!(world.edge.store.lock().unwrap().calls, 5);
    // Whoever ends it meanwhile does not wait for that.
    world.edge.store.lock().unwrap().failures = usize::MAX;
    world.post("job_2", &form(long(2))).await;
    let asked = async {
        while world.edge.store.lock().unwrap().calls == 5 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, asked).await.unwrap();
    assert_eq!(report(&world.delete("job_2").await).state, State::Cancelled);
    world.until_free().await;
}

#[tokio::test]
async fn a_host_whose_places_are_taken_says_so_before_it_reads_and_still_serves_those_who_wait() {
    let world = World::new(&["--jobs", "1", "--states", "2"]).await;
    world.gate.close();
    world.post("job_1", &form(tone())).await;
    let refused = world.post("job_2", &form(vec![0; 20_000_000])).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.code(), "queue_full");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(world.get("job_2").await.status, 404);
    world.gate.open();
    world.over("job_1").await;
    assert_eq!(world.post("job_2", &form(tone())).await.status, 202);
    world.over("job_2").await;
    let none = World::new(&["--jobs", "0"]).await;
    assert_eq!(none.post("job_1", &form(tone())).await.code(), "queue_full");
}

#[tokio::test]
async fn a_host_that_shuts_down_ends_its_jobs_forgets_them_and_takes_none() {
    let mut world = World::new(&[]).await;
    world.gate.close();
    world.post("job_1", &form(tone())).await;
    let running = |load: &serde_json::Value| load["states_busy"] == 1;
    world.service.until("running", running).await;
    // Somebody who waits keeps the host alive for a moment.
    let address = world.service.address;
    let claims = inference_api::claims::Claims {
        keep: None,
        job: None,
        ..world.claims("job_0")
    };
    let waits = tokio::spawn(async move { transcribe(address, &claims).await });
    let waiting = |load: &serde_json::Value| load["queue_waiting"] == 1;
    world.service.until("one waits", waiting).await;
    world.service.terminate();
    until_status(&world, "job_1", 404).await;
    assert_eq!(world.delete("job_1").await.status, 404);
    let refused = world.post("job_2", &form(tone())).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (503, "shutting_down")
    );
    let counted = async {
        let line = "inference_jobs_total{outcome=\"given_up\"}";
        while world.service.metric(line).await < 0.5 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, counted).await.unwrap();
    world.gate.open();
    assert_eq!(waits.await.unwrap(), "16000 samples");
    world.service.ended().await;
    assert!(world.edge.kept().is_empty());
}

/// A transcription that somebody waits for.
async fn transcribe(
    address: std::net::SocketAddr,
    claims: &inference_api::claims::Claims,
) -> String {
    use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
    let secret = inference_api::signature::Secret::new(SECRET).unwrap();
    let encoded = claims.encode();
    let signature = secret.sign("POST", TRANSCRIPTIONS, &encoded, unix_seconds());
    let (content_type, body) = encode(&form(tone()));
    let request = hyper::Request::post(TRANSCRIPTIONS)
        .header("content-type", content_type)
        .header(EDGE_CLAIMS, encoded)
        .header(EDGE_SIGNATURE, signature);
    let answer = crate::client::send(address, request.body(body).unwrap()).await;
    answer.text()
}

#[tokio::test]
async fn progress_never_falls_and_is_whole_only_when_the_transcript_is_kept() {
    let world = World::new(&[]).await;
    world.gate.close();
    world.post("job_1", &form(long(600))).await;
    let running = |load: &serde_json::Value| load["states_busy"] == 1;
    world.service.until("running", running).await;
    let first = report(&world.get("job_1").await);
    // Pieces are decoded ahead, but none of them is heard.
    assert!(first.progress < 0.1, "{first:?}");
    assert!(first.audio_seconds.abs() < 1e-9);
    world.gate.open();
    let mut last = first;
    let asking = async {
        loop {
            let now = report(&world.get("job_1").await);
            assert!(now.progress >= last.progress, "{now:?} after {last:?}");
            assert!(now.audio_seconds >= last.audio_seconds);
            if now.state != State::Running {
                return now;
            }
            assert!(now.progress < 1.0);
            last = now;
        }
    };
    let over = timeout(GUARD, asking).await.unwrap();
    assert_eq!(over.state, State::Succeeded);
    assert!((over.progress - 1.0).abs() < 1e-9);
    assert!((over.audio_seconds - 600.0).abs() < 1e-9);
    // Never as one piece: 40 of 15 s.
    assert!(world.runs().await > 39.5);
}

/// Panics over two seconds of audio, and hears all else.
struct Panicking(FakeBackend);

impl Backend for Panicking {
    fn abilities(&self) -> Abilities {
        self.0.abilities()
    }

    fn session(&self) -> Result<Box<dyn Session>, BackendError> {
        Ok(Box::new(PanickingSession(self.0.session()?)))
    }
}

struct PanickingSession(Box<dyn Session>);

impl Session for PanickingSession {
    fn transcribe(
        &mut self,
        speech: Speech<'_>,
        options: &DecodeOptions,
        abort: &Abort,
    ) -> Result<Decoded, BackendError> {
        assert_ne!(speech.samples.len(), 32_000, "two seconds");
        self.0.transcribe(speech, options, abort)
    }
}

#[tokio::test]
async fn a_panic_in_a_job_fails_it_and_no_other_and_it_can_be_brought_again() {
    let gate = Arc::<Gate>::default();
    let backend = Panicking(FakeBackend::new(Arc::clone(&gate)));
    let flags = ["--edge-signing-secrets", SECRET];
    let service = Service::with(&flags, Arc::new(backend)).await;
    let world = World::of(service, gate).await;
    world.post("job_1", &form(long(2))).await;
    world.post("job_2", &form(tone())).await;
    assert_eq!(
        world.failure("job_1").await,
        (500, "internal_error".to_owned())
    );
    assert_eq!(world.over("job_2").await.state, State::Succeeded);
    world.until_free().await;
    let counted = world
        .service
        .metric("inference_jobs_total{outcome=\"failed\"}")
        .await;
    assert!((counted - 1.0).abs() < 0.1);
    // Whoever brings a job that failed wants it tried again.
    assert_eq!(
        report(&world.post("job_1", &form(tone())).await).state,
        State::Running
    );
    let over = world.over("job_1").await;
    assert_eq!(over.state, State::Succeeded);
}

#[tokio::test]
async fn the_claims_deadline_ends_a_job() {
    let world = World::new(&["--request-timeout", "0.001"]).await;
    world.gate.close();
    let mut claims = world.claims("job_1");
    claims.deadline_ms = (unix_seconds() + 4) * 1000;
    let taken = world.post_claiming("job_1", &claims, &form(tone())).await;
    assert_eq!(taken.status, 202);
    assert_eq!(
        world.failure("job_1").await,
        (504, "deadline_exceeded".to_owned())
    );
    world.until_free().await;
    let mut late = world.claims("job_2");
    late.deadline_ms = unix_seconds() * 1000 - 1;
    let answer = world.post_claiming("job_2", &late, &form(tone())).await;
    assert_eq!(answer.code(), "deadline_exceeded");
}

#[tokio::test]
async fn the_form_of_the_answer_is_nobodys_matter_and_a_wrong_value_is_refused_at_once() {
    let world = World::new(&[]).await;
    let with = |name: &str, value: &str| [form(tone()), vec![field(name, value)]].concat();
    for (id, parts) in [
        ("job_1", with("stream", "true")),
        ("job_2", with("response_format", "srt")),
    ] {
        assert_eq!(world.post(id, &parts).await.status, 202);
        assert_eq!(world.over(id).await.state, State::Succeeded);
    }
    assert_eq!(world.edge.kept().len(), 1);
    let wrong = world.post("job_3", &with("temperature", "warm")).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code().as_str()),
        (400, "invalid_value")
    );
    assert_eq!(world.get("job_3").await.status, 404);
}
