//! Jobs: made of uploads, forms and addresses, done by the real service, ended by their owners, and nobody else's.

use e2e::edge::{Edge, Key};
use e2e::jobs::{JOB_BOUND, create, end, id_of, until_state, upload, view};
use e2e::service::Service;
use e2e::speech::{form_of, long, plain, sample};
use e2e::{until, until_in, within_bound};
use reqwest::Method;
use serde_json::{Value, json};

struct World {
    service: Service,
    edge: Edge,
}

impl World {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&'static str, &str)]) -> Self {
        let service = Service::start().await;
        let edge = settings
            .iter()
            .fold(Edge::builder().service(&service), |edge, (name, value)| {
                edge.setting(name, value)
            });
        let edge = edge.start().await;
        Self { service, edge }
    }

    async fn key(&self, owner: &str) -> Key {
        let limits = json!([
            {"name": "requests", "kind": "quota", "limit": 10_000, "period": "month"},
            {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 100_000, "period": "month"},
        ]);
        self.edge
            .create_key(&json!({"name": "jobs", "owner": owner, "limits": limits}))
            .await
    }

    async fn usage(&self, key: &Key) -> Value {
        let usage = self.edge.get("/v1/usage").key(key).send().await.expect(200);
        usage.json()["total"].clone()
    }

    async fn text_of(&self, key: &Key, job: &Value) -> String {
        let id = job["transcript_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{job}"));
        let read = self
            .edge
            .get(&format!("/v1/transcripts/{id}?format=text"))
            .key(key);
        plain(read.send().await.expect(200).text())
    }

    /// The service's number of jobs under way is this.
    async fn until_under_way(&self, jobs: &str) {
        let url = format!("{}/metrics", self.service.url());
        until("jobs under way at the host", || async {
            let metrics = reqwest::get(&url).await.ok()?.text().await.ok()?;
            metrics
                .lines()
                .any(|line| line == format!("inference_jobs {jobs}"))
                .then_some(())
        })
        .await;
    }
}

fn sample_bytes() -> (Vec<u8>, String) {
    let (path, words) = sample();
    (std::fs::read(path).unwrap(), words)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_a_job_and_the_job_a_transcript_charged_once() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let (bytes, words) = sample_bytes();
    let upload = upload(&world.edge, &key, "sample.flac", &bytes).await;
    let wish = json!({"upload_id": upload, "metadata": {"case": 7}});
    let id = create(&world.edge, &key, &wish).await;
    let job = end(&world.edge, &key, &id).await;
    assert_eq!(
        (&job["state"], &job["progress"]),
        (&json!("succeeded"), &json!(1.0)),
        "{job}"
    );
    assert_eq!(
        (&job["name"], &job["attempts"]),
        (&json!("sample.flac"), &json!(1))
    );
    assert_eq!(job["metadata"], json!({"case": 7}));
    assert_eq!(world.text_of(&key, &job).await, words);
    let seconds = job["duration"].as_f64().unwrap();
    let usage = until("the charge", || async {
        let usage = world.usage(&key).await;
        (usage["audio_seconds"].as_f64() > Some(0.0)).then_some(usage)
    })
    .await;
    assert!(
        (usage["audio_seconds"].as_f64().unwrap() - seconds).abs() < 0.01,
        "{usage} {job}"
    );
    // The same again is there already: nothing is heard, and nothing charged for it.
    let again = create(&world.edge, &key, &wish).await;
    let again = end(&world.edge, &key, &again).await;
    assert_eq!(
        (&again["cached"], &again["transcript_id"]),
        (&json!(true), &job["transcript_id"])
    );
    let after = world.usage(&key).await;
    assert_eq!(after["audio_seconds"], usage["audio_seconds"]);
    // Newest first, by state, in pages.
    let list = world
        .edge
        .get("/v1/jobs?limit=1&state=succeeded")
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list["data"][0]["id"], again["id"]);
    let cursor = list["next_cursor"].as_str().unwrap();
    let path = format!("/v1/jobs?limit=1&state=succeeded&cursor={cursor}");
    let next = world
        .edge
        .get(&path)
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&next["data"][0]["id"], &next["next_cursor"]),
        (&job["id"], &Value::Null)
    );
    let tampered = format!("/v1/jobs?state=failed&cursor={cursor}");
    world
        .edge
        .get(&tampered)
        .key(&key)
        .send()
        .await
        .expect_error(400, "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_so_need_not_wait_for_his_transcription() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let (path, words) = sample();
    let call = || {
        world
            .edge
            .transcribe(&key)
            .header("prefer", "respond-async")
            .header("idempotency-key", "one")
    };
    let made = call().form(form_of(&path)).send().await.expect(202);
    assert_eq!(made.header("preference-applied"), Some("respond-async"));
    let id = id_of(&made.json());
    assert_eq!(made.header("location"), Some(&*format!("/v1/jobs/{id}")));
    let again = call().form(form_of(&path)).send().await.expect(202);
    assert_eq!(id_of(&again.json()), id);
    let longer = call().form(form_of(&path).text("prompt", "x")).send().await;
    longer.expect_error(409, "idempotency_key_reused");
    let job = end(&world.edge, &key, &id).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(world.text_of(&key, &job).await, words);
    // The form is not needed any more.
    until("the form is deleted", || async {
        world.edge.bucket().await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_cannot_succeed_says_why_and_is_not_tried_again() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let upload = upload(&world.edge, &key, "a.flac", b"no audio at all").await;
    let id = create(&world.edge, &key, &json!({"upload_id": upload})).await;
    let job = end(&world.edge, &key, &id).await;
    assert_eq!(
        (&job["state"], &job["attempts"]),
        (&json!("failed"), &json!(1)),
        "{job}"
    );
    assert_eq!(job["error"]["code"], "unsupported_audio", "{job}");
    let id = create(
        &world.edge,
        &key,
        &json!({"upload_id": upload, "model": "large-v9"}),
    )
    .await;
    let job = end(&world.edge, &key, &id).await;
    assert_eq!(job["error"]["code"], "model_not_found", "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_ended_by_its_owner_even_while_it_runs() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let upload = upload(&world.edge, &key, "long.wav", &long(900)).await;
    let id = create(&world.edge, &key, &json!({"upload_id": upload})).await;
    until_state(&world.edge, &key, &id, "running").await;
    world.until_under_way("1").await;
    let path = format!("/v1/jobs/{id}");
    let ended = world
        .edge
        .call(Method::DELETE, &path)
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(ended["state"], "cancelled");
    world.until_under_way("0").await;
    // One that is over stays as it is.
    let again = world
        .edge
        .call(Method::DELETE, &path)
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(again, view(&world.edge, &key, &id).await);
    // One that waits is ended, too.
    let id = create(&world.edge, &key, &json!({"upload_id": upload})).await;
    let path = format!("/v1/jobs/{id}");
    let ended = world
        .edge
        .call(Method::DELETE, &path)
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(ended["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_course_of_a_job_to_its_end() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let upload = upload(&world.edge, &key, "long.wav", &long(60)).await;
    let id = create(&world.edge, &key, &json!({"upload_id": upload})).await;
    let events = world
        .edge
        .get(&format!("/v1/jobs/{id}/events"))
        .key(&key)
        .start()
        .await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    // They end with the job.
    let events = within_bound(JOB_BOUND, "the last event", events.text()).await;
    let events: Vec<Value> = events
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let (last, before) = events.split_last().unwrap();
    assert_eq!(
        (&last["type"], &last["job"]["id"]),
        (&json!("job.succeeded"), &json!(id)),
        "{events:?}"
    );
    assert!(before.iter().all(|event| event["type"] == "job.updated"));
    let progress: Vec<f64> = events
        .iter()
        .map(|event| event["job"]["progress"].as_f64().unwrap())
        .collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(
        progress.iter().any(|share| (0.01..0.99).contains(share)),
        "{progress:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_the_bad_items_fail_alone() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let (bytes, _) = sample_bytes();
    let good = upload(&world.edge, &key, "sample.flac", &bytes).await;
    let item = |n: usize| match n {
        2 => json!({"upload_id": "up_00000000000000000000"}),
        5 => json!({"upload_id": good, "temperature": 7}),
        8 => json!({"url": "https://audio.example/a.flac"}),
        _ => json!({"upload_id": good, "prompt": n.to_string()}),
    };
    let batch = json!({"jobs": (0..10).map(item).collect::<Vec<_>>()});
    let call = || {
        world
            .edge
            .call(Method::POST, "/v1/jobs/batch")
            .key(&key)
            .header("idempotency-key", "b")
    };
    let made = call().json(&batch).send().await.expect(202).json();
    let items = made["data"].as_array().unwrap();
    let codes: Vec<_> = items
        .iter()
        .map(|item| item["error"]["code"].as_str().unwrap_or("made"))
        .collect();
    let made_ = "made";
    let due = [
        made_,
        made_,
        "not_found",
        made_,
        made_,
        "invalid_value",
        made_,
        made_,
        "urls_switched_off",
        made_,
    ];
    assert_eq!(codes, due);
    assert_eq!(
        call().json(&batch).send().await.expect(202).json(),
        made,
        "the same request again"
    );
    let other = json!({"jobs": [item(0)]});
    call()
        .json(&other)
        .send()
        .await
        .expect_error(409, "idempotency_key_reused");
    for item in items.iter().filter_map(|item| item.get("job")) {
        let job = end(&world.edge, &key, &id_of(item)).await;
        assert_eq!(job["state"], "succeeded", "{job}");
    }
    let all = world
        .edge
        .get("/v1/jobs")
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(all["data"].as_array().unwrap().len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_an_upload_are_their_accounts_alone() {
    let world = World::new().await;
    let (mine, theirs) = (world.key("acme").await, world.key("other").await);
    let (bytes, _) = sample_bytes();
    let upload = upload(&world.edge, &mine, "sample.flac", &bytes).await;
    let id = create(&world.edge, &mine, &json!({"upload_id": upload})).await;
    for (method, path) in [
        (Method::GET, format!("/v1/jobs/{id}")),
        (Method::DELETE, format!("/v1/jobs/{id}")),
        (Method::GET, format!("/v1/jobs/{id}/events")),
        (Method::GET, format!("/v1/uploads/{upload}")),
        (Method::DELETE, format!("/v1/uploads/{upload}")),
        (Method::GET, "/v1/jobs/job_1".to_owned()),
        (Method::GET, "/v1/jobs/job_0000000000000000000'".to_owned()),
        (Method::GET, format!("/v1/jobs/{upload}")),
        (Method::GET, "/v1/jobs/events/x".to_owned()),
    ] {
        let asked = world
            .edge
            .call(method.clone(), &path)
            .key(&theirs)
            .send()
            .await;
        assert_eq!(asked.status, 404, "{method} {path}: {asked:?}");
    }
    let theirs_of_mine = world.edge.call(Method::POST, "/v1/jobs").key(&theirs);
    let refused = theirs_of_mine
        .json(&json!({"upload_id": upload}))
        .send()
        .await;
    refused.expect_error(404, "not_found");
    assert_eq!(end(&world.edge, &mine, &id).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_lost_costs_an_attempt_and_nothing_else() {
    let mut world = World::new().await;
    let key = world.key("acme").await;
    let upload = upload(&world.edge, &key, "long.wav", &long(600)).await;
    let id = create(&world.edge, &key, &json!({"upload_id": upload})).await;
    until_state(&world.edge, &key, &id, "running").await;
    world.service.kill();
    until_in(JOB_BOUND, "the job is taken back", || async {
        (view(&world.edge, &key, &id).await["state"] == "queued").then_some(())
    })
    .await;
    // Nobody is there to do it: it waits, and can be ended.
    let path = format!("/v1/jobs/{id}");
    let ended = world
        .edge
        .call(Method::DELETE, &path)
        .key(&key)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(ended["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_is_found_and_revived_by_an_administrator() {
    let world = World::with(&[("JOB_ATTEMPTS", "1")]).await;
    let mut world = world;
    let key = world.key("acme").await;
    let (bytes, _) = sample_bytes();
    let upload = upload(&world.edge, &key, "sample.flac", &bytes).await;
    world.service.kill();
    let id = create(
        &world.edge,
        &key,
        &json!({"upload_id": upload, "name": "lost"}),
    )
    .await;
    let job = end(&world.edge, &key, &id).await;
    assert_eq!(
        (&job["state"], &job["error"]["code"]),
        (&json!("failed"), &json!("upstream_unavailable"))
    );
    let dead = until("the dead job is listed", || async {
        let list = world
            .edge
            .admin(Method::GET, "/admin/jobs?state=dead&owner=acme")
            .send()
            .await
            .expect(200);
        list.json()["data"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (&dead["id"], &dead["name"], &dead["attempts"]),
        (&json!(id), &json!("lost"), &json!(1))
    );
    let other = world
        .edge
        .admin(Method::GET, "/admin/jobs?state=dead&owner=other")
        .send()
        .await
        .expect(200);
    assert_eq!(other.json()["data"], json!([]));
    let retry = format!("/admin/jobs/{id}/retry");
    let revived = world
        .edge
        .admin(Method::POST, &retry)
        .send()
        .await
        .expect(200)
        .json();
    assert!(
        revived["state"] == "queued" || revived["state"] == "failed",
        "{revived}"
    );
    world
        .edge
        .admin(Method::POST, "/admin/jobs/job_00000000000000000000/retry")
        .send()
        .await
        .expect_error(404, "not_found");
    // What was done by an administrator is in the audit.
    until("the audit", || async {
        let audit = world
            .edge
            .admin(Method::GET, "/admin/audit?action=job.retry")
            .send()
            .await
            .expect(200);
        (audit.json()["data"][0]["target"] == id).then_some(())
    })
    .await;
}
