//! Where the file of a job comes from, and what it may be.

use hyper::Method;
use inference_api::job::{Fetch, Job, PATH, State};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::world::{World, report};
use crate::client::{GUARD, Part, Raw, field, form, head};
use crate::wav::{Wav, tone};

#[tokio::test]
async fn a_file_with_another_hash_than_the_declared_one_is_not_heard() {
    let world = World::new(&[]).await;
    let declared = |hash: &[u8]| Some(hex::encode(Sha256::digest(hash)));
    let other = world.post_as("job_1", form(tone()), |job| job.sha256 = declared(b"other"));
    assert_eq!(other.await.status, 202);
    assert_eq!(
        world.failure("job_1").await,
        (400, "upload_mismatch".to_owned())
    );
    let odd = world.post_as("job_2", form(tone()), |job| {
        job.sha256 = Some("x".to_owned());
    });
    odd.await;
    assert_eq!(
        world.failure("job_2").await,
        (400, "upload_mismatch".to_owned())
    );
    assert!(world.runs().await < 0.5);
    let right = world.post_as("job_3", form(tone()), |job| {
        job.sha256 = declared(&tone()).map(|hash| hash.to_uppercase());
    });
    right.await;
    assert_eq!(world.over("job_3").await.state, State::Succeeded);
}

#[tokio::test]
async fn jobs_have_bounds_of_their_own() {
    let world = World::new(&[
        "--max-file-bytes",
        "1000",
        "--max-audio-seconds",
        "0.1",
        "--max-job-bytes",
        "40000",
        "--max-job-audio-seconds",
        "1.1",
    ])
    .await;
    assert_eq!(world.post("job_1", &form(tone())).await.status, 202);
    assert_eq!(world.over("job_1").await.state, State::Succeeded);
    // As it says, and as it comes.
    let large = world.post("job_2", &form(vec![0; 400_000])).await;
    assert_eq!(
        (large.status.as_u16(), large.code().as_str()),
        (413, "file_too_large")
    );
    let larger = world.post("job_2", &form(vec![0; 40_001])).await;
    assert_eq!(larger.code(), "file_too_large");
    let of_claims = world.post_as("job_2", form(tone()), |job| job.max_file_bytes = 100);
    assert_eq!(of_claims.await.code(), "file_too_large");
    assert_eq!(world.get("job_2").await.status, 404);
    let mut claims = world.claims("job_3");
    claims.max_audio_seconds = Some(0.5);
    // Another file: what was heard before is as long as it was.
    let other = [tone(), vec![0; 2]].concat();
    world.post_claiming("job_3", &claims, &form(other)).await;
    assert_eq!(
        world.failure("job_3").await,
        (413, "audio_too_long".to_owned())
    );
    // Eleven tenths are the most, whatever the claims say.
    let frames = 18_000;
    let longer = Wav {
        frames,
        ..Wav::default()
    };
    world.post("job_4", &form(longer.bytes())).await;
    assert_eq!(
        world.failure("job_4").await,
        (413, "audio_too_long".to_owned())
    );
}

#[tokio::test]
async fn what_is_no_audio_fails_as_it_would_for_somebody_who_waits() {
    let world = World::new(&[]).await;
    for (id, bytes, code) in [
        ("job_1", b"no audio at all".to_vec(), "unsupported_audio"),
        ("job_2", Vec::new(), "empty_file"),
    ] {
        assert_eq!(world.post(id, &form(bytes)).await.status, 202);
        assert_eq!(world.failure(id).await, (400, code.to_owned()));
    }
}

#[tokio::test]
async fn a_file_for_which_the_disk_has_no_room_is_refused_before_it_is_read() {
    // More than any disk has.
    let bytes = "8000000000000000000";
    let world = World::new(&["--max-job-bytes", bytes]).await;
    let mut claims = world.claims("job_1");
    claims.job.as_mut().unwrap().max_file_bytes = u64::MAX / 2;
    let mut lines = vec![
        "content-type: multipart/form-data; boundary=b".to_owned(),
        format!("content-length: {bytes}"),
    ];
    for (name, value) in World::signed(&Method::POST, "job_1", &claims) {
        lines.push(format!("{name}: {value}"));
    }
    let mut connection = Raw::open(world.service.address).await;
    connection
        .write(&head(&Method::POST, &format!("{PATH}job_1"), &lines))
        .await;
    let mut status = [0; 12];
    let read = connection.0.read_exact(&mut status);
    timeout(GUARD, read).await.unwrap().unwrap();
    assert_eq!(&status, b"HTTP/1.1 503");
    drop(connection);
    let counted = async {
        let line = "inference_requests_total{code=\"storage_full\",status=\"503\"}";
        while world.service.metric(line).await < 0.5 {
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, counted).await.unwrap();
    world.until_free().await;
}

/// A form that names an address.
fn at(url: &str) -> Vec<Part> {
    vec![field("model", "whisper-1"), field("url", url)]
}

/// A server that gives a second of a tone to everybody, or to whom it should be silent says nothing.
async fn origin(is_silent: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/talks/a%20tone.wav",
        listener.local_addr().unwrap()
    );
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let _ = stream.read(&mut head).await;
                if is_silent {
                    // Until the other end closes.
                    let _ = stream.read(&mut head).await;
                    return;
                }
                let length = tone().len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                let answer = [answer.into_bytes(), tone()].concat();
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    url
}

#[tokio::test]
async fn a_file_is_fetched_from_its_address_where_the_claims_allow_that() {
    let world = World::new(&[]).await;
    let url = origin(false).await;
    let taken = world.post_as("job_1", at(&url), |job| {
        job.fetch = Fetch::Development;
        job.sha256 = Some(hex::encode(Sha256::digest(tone())));
    });
    assert_eq!(taken.await.status, 202);
    let over = world.over("job_1").await;
    assert_eq!(over.state, State::Succeeded, "{over:?}");
    let kept = world.edge.kept();
    assert_eq!(kept[0].0.name.as_deref(), Some("a tone.wav"));
    assert_eq!(
        kept[0].0.likeness.audio,
        hex::encode(Sha256::digest(tone()))
    );
    // The same file by another way is the same.
    world.post("job_2", &form(tone())).await;
    assert!(world.over("job_2").await.cached);
    for (id, fetch, url) in [
        ("job_3", Fetch::Off, url.as_str()),
        ("job_4", Fetch::Public, &url),
        ("job_5", Fetch::Development, "http://169.254.169.254/latest"),
        ("job_6", Fetch::Public, "file:///etc/passwd"),
    ] {
        world.post_as(id, at(url), |job| job.fetch = fetch).await;
        assert_eq!(world.failure(id).await, (403, "url_not_allowed".to_owned()));
    }
    let large = world.post_as("job_7", at(&url), |job| {
        (job.fetch, job.max_file_bytes) = (Fetch::Development, 1000);
    });
    large.await;
    assert_eq!(
        world.failure("job_7").await,
        (413, "file_too_large".to_owned())
    );
    world.until_free().await;
}

#[tokio::test]
async fn a_form_has_a_file_or_an_address() {
    let world = World::new(&[]).await;
    let neither = world.post("job_1", &[field("model", "whisper-1")]).await;
    assert_eq!(neither.code(), "missing_parameter");
    let url = field("url", "https://audio.example/a.wav");
    let both = [form(tone()), vec![url]].concat();
    let fetching = |job: &mut Job| job.fetch = Fetch::Public;
    let refused = world.post_as("job_1", &both, fetching).await;
    assert_eq!(refused.code(), "invalid_value");
    assert_eq!(refused.param().as_deref(), Some("url"));
    // Where nothing is fetched it is no field.
    world.post("job_1", &both).await;
    assert_eq!(world.over("job_1").await.state, State::Succeeded);
}

#[tokio::test]
async fn a_job_that_is_ended_while_it_is_fetched_lets_go() {
    let world = World::new(&[]).await;
    let url = origin(true).await;
    world
        .post_as("job_1", at(&url), |job| job.fetch = Fetch::Development)
        .await;
    assert_eq!(report(&world.get("job_1").await).state, State::Running);
    assert_eq!(report(&world.delete("job_1").await).state, State::Cancelled);
    world.until_free().await;
}
