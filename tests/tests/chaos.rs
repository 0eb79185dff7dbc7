//! workerd is killed again and again under load; what was promised before a death holds after it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::seeded::Seeded;
use e2e::upstream::{Arrival, Upstream};
use e2e::{until_in, within};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

const DEATHS: usize = 50;
/// Requests that one key may make, over all lives.
const LIMIT: u64 = 400;
/// Permits of another limited key that an isolate takes ahead.
const AHEAD: u64 = 20;
/// Uploads that a key of one life may have under way.
const PARALLEL: u64 = 3;
/// Seconds of audio that the host measures of each upload, and the same in milliseconds.
const AUDIO: (&str, u64) = ("1.25", 1_250);
/// A lease outlives the longest request, here of one second, by half a minute; a little for the asking.
const LEASES_END: Duration = Duration::from_secs(1 + 30 + 5);

/// Uploads of one key, as the host sees them.
#[derive(Clone, Copy, Debug, Default)]
struct Uploads {
    all: u64,
    now: u64,
    most_at_once: u64,
}

/// What the callers and the host saw, over all lives.
#[derive(Debug, Default)]
struct Seen {
    /// Requests without audio of the limited key that were admitted.
    admitted: AtomicU64,
    /// Requests of the limited key whose fate nobody knows: cut off before its limit was reached.
    cut_off: AtomicU64,
    refused: AtomicBool,
    /// Requests that were admitted by permits taken ahead.
    admitted_ahead: AtomicU64,
    uploads: Mutex<BTreeMap<String, Uploads>>,
    events: AtomicU64,
    grown: Notify,
}

impl Seen {
    fn event(&self) {
        self.events.fetch_add(1, Ordering::SeqCst);
        self.grown.notify_waiters();
    }

    /// Waits for so many more events.
    async fn more(&self, count: u64) {
        let goal = self.events.load(Ordering::SeqCst) + count;
        let reached = async {
            loop {
                let mut grown = std::pin::pin!(self.grown.notified());
                // Before the look: what comes in between is noticed.
                grown.as_mut().enable();
                if self.events.load(Ordering::SeqCst) >= goal {
                    return;
                }
                grown.await;
            }
        };
        within("the callers get on", reached).await;
    }

    fn uploads_of(&self, key: &Key) -> Uploads {
        let uploads = self.uploads.lock().unwrap();
        uploads.get(&key.id).copied().unwrap_or_default()
    }
}

/// The host hears every upload to its end and answers it, every third one as a stream.
fn play_host(mut host: Upstream, seen: Arc<Seen>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut answers = JoinSet::new();
        while let Some(arrival) = host.arrival().await {
            let key = arrival.claims().key_id;
            let mut uploads = seen.uploads.lock().unwrap();
            let of_key = uploads.entry(key.clone()).or_default();
            of_key.all += 1;
            of_key.now += 1;
            of_key.most_at_once = of_key.most_at_once.max(of_key.now);
            let streams = of_key.all.is_multiple_of(3);
            drop(uploads);
            seen.event();
            answers.spawn(answer(arrival, streams, key, Arc::clone(&seen)));
        }
    })
}

async fn answer(mut arrival: Arrival, streams: bool, key: String, seen: Arc<Seen>) {
    // It breaks off where workerd dies.
    while let Some(Ok(_)) = arrival.piece().await {}
    let kind = if streams {
        "text/event-stream"
    } else {
        "text/plain"
    };
    seen.uploads.lock().unwrap().entry(key).or_default().now -= 1;
    arrival.reply(
        200,
        &[("content-type", kind), ("x-audio-seconds", AUDIO.0)],
        "words",
    );
}

/// Who calls: what his answers mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// Asks for the models with the limited key.
    Limited,
    /// Uploads with the limited key.
    LimitedUpload,
    /// Asks for the models with the key of which permits are taken ahead.
    Ahead,
    /// Uploads with another key.
    Upload,
}

/// Sends the same request again and again until workerd is gone.
async fn call_on(caller: Caller, request: RequestBuilder, seen: Arc<Seen>) {
    let limited = matches!(caller, Caller::Limited | Caller::LimitedUpload);
    loop {
        let sent = async {
            let answer = request.try_clone().unwrap().send().await?;
            let status = answer.status().as_u16();
            answer.bytes().await.map(|_| status)
        };
        match sent.await {
            Ok(200) if caller == Caller::Limited => {
                seen.admitted.fetch_add(1, Ordering::SeqCst);
            }
            Ok(200) if caller == Caller::Ahead => {
                seen.admitted_ahead.fetch_add(1, Ordering::SeqCst);
            }
            Ok(200) => {}
            Ok(429) if limited => seen.refused.store(true, Ordering::SeqCst),
            // A refusal from memory: nothing has come on.
            Ok(429) => continue,
            Ok(status) => panic!("an answer of {status}"),
            Err(_) => {
                if limited && !seen.refused.load(Ordering::SeqCst) {
                    seen.cut_off.fetch_add(1, Ordering::SeqCst);
                }
                return;
            }
        }
        seen.event();
    }
}

/// Looks at what a key used, and keeps the last that was said: it was promised.
async fn watch(usage: RequestBuilder, said: Arc<Mutex<Value>>) {
    while let Ok(answer) = usage.try_clone().unwrap().send().await {
        let Ok(body) = answer.bytes().await else {
            return;
        };
        *said.lock().unwrap() = serde_json::from_slice(&body).unwrap();
    }
}

/// Uploads that were settled, and the milliseconds of audio that they were charged.
fn settled(usage: &Value) -> (u64, u64) {
    let served = usage["total"]["outcomes"]["served"]
        .as_u64()
        .unwrap_or_default();
    let seconds = usage["total"]["audio_seconds"].as_f64().unwrap_or_default();
    (
        served,
        Duration::from_secs_f64(seconds)
            .as_millis()
            .try_into()
            .unwrap(),
    )
}

/// One life of workerd under load, and its death after so many events.
async fn live_and_die(
    edge: &mut Edge,
    [limited, ahead, busy, fresh]: [&Key; 4],
    events: u64,
    seen: &Arc<Seen>,
) {
    let mut callers = JoinSet::new();
    let mut call = |caller: Caller, request: e2e::http::Call| {
        callers.spawn(call_on(caller, request.into_inner(), Arc::clone(seen)));
    };
    for _ in 0..3 {
        call(Caller::Limited, edge.get("/v1/models").key(limited));
    }
    call(
        Caller::LimitedUpload,
        edge.transcribe(limited).upload("audio"),
    );
    for isolate in [0, 1, 1] {
        let models = edge.call_at(isolate, Method::GET, "/v1/models");
        call(Caller::Ahead, models.key(ahead));
    }
    for _ in 0..3 {
        call(Caller::Upload, edge.transcribe(busy).upload("audio"));
    }
    for _ in 0..=PARALLEL {
        call(Caller::Upload, edge.transcribe(fresh).upload("audio"));
    }
    let path = format!("/admin/keys/{}/usage", busy.id);
    let said = Arc::new(Mutex::new(Value::Null));
    let usage = edge.admin(Method::GET, &path).into_inner();
    callers.spawn(watch(usage, Arc::clone(&said)));

    seen.more(events).await;
    edge.restart().await;
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }

    let before = said.lock().unwrap().clone();
    let after = edge.ask_admin(&path).await;
    let (count, audio_ms) = settled(&after);
    let (promised, _) = settled(&before);
    assert!(count >= promised, "a settlement is lost: {before} {after}");
    assert_eq!(audio_ms, AUDIO.1 * count, "half a settlement: {after}");
    let all = seen.uploads_of(busy).all;
    assert!(count <= all, "{count} of {all} were settled: {after}");
}

/// Uses up what is left of the limit. What was never admitted is still there: to the last one, and not
/// one more.
async fn check_limit(edge: &Edge, limited: &Key, seen: &Seen) {
    loop {
        let answer = edge.get("/v1/models").key(limited).send().await;
        if answer.status == 429 {
            break;
        }
        answer.expect(200);
        seen.admitted.fetch_add(1, Ordering::SeqCst);
    }
    let admitted = seen.admitted.load(Ordering::SeqCst) + seen.uploads_of(limited).all;
    let cut_off = seen.cut_off.load(Ordering::SeqCst);
    eprintln!("{admitted} of {LIMIT} are known to be admitted, {cut_off} were cut off");
    assert!(admitted <= LIMIT, "{admitted} of {LIMIT} were admitted");
    assert!(
        admitted + cut_off >= LIMIT,
        "{admitted} of {LIMIT}, {cut_off} unknown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deaths_under_load_admit_none_too_many_lose_no_settlement_and_leave_no_lease() {
    let mut seeded = Seeded::new();
    let host = Upstream::start().await;
    let builder = Edge::builder().upstream(&host.url());
    let builder = builder.setting("REQUEST_TIMEOUT_SECONDS", "1").isolates(2);
    let mut edge = builder.setting("USAGE_FLUSH_SECONDS", "1").start().await;
    let limited = edge.limited_key(LIMIT).await;
    let hour = json!({"name": "hour", "kind": "rate", "limit": LIMIT, "window_seconds": 3600});
    edge.put_plan("hot", &json!({"limits": [hour], "permits_ahead": AHEAD}))
        .await;
    let ahead = edge
        .create_key(&json!({"name": "ahead", "plan": "hot"}))
        .await;
    let audio = json!({"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1_000_000, "period": "month"});
    let busy = edge
        .create_key(&json!({"name": "busy", "limits": [audio]}))
        .await;
    let parallel = json!({"name": "parallel", "kind": "concurrency", "limit": PARALLEL});
    let mut fresh = Vec::new();
    for _ in 0..DEATHS {
        fresh.push(
            edge.create_key(&json!({"name": "of one life", "limits": [parallel]}))
                .await,
        );
    }
    let seen = Arc::new(Seen::default());
    let _host = play_host(host, Arc::clone(&seen));

    for fresh in &fresh {
        let events = seeded.below(80);
        live_and_die(&mut edge, [&limited, &ahead, &busy, fresh], events, &seen).await;
    }

    check_limit(&edge, &limited, &seen).await;
    let admitted_ahead = seen.admitted_ahead.load(Ordering::SeqCst);
    assert!(
        admitted_ahead <= LIMIT,
        "{admitted_ahead} of {LIMIT} were admitted ahead"
    );
    assert!(seen.uploads_of(&busy).all > DEATHS as u64);
    for key in &fresh {
        let most = seen.uploads_of(key).most_at_once;
        assert!(most <= PARALLEL, "{most} of {PARALLEL} at the same time");
    }
    // A lease whose end nobody told of ends by itself, and its place is free again.
    for key in &fresh {
        let free = async || (edge.key(key).await["under_way"] == 0).then_some(());
        until_in(LEASES_END, "the leases end", free).await;
        edge.transcribe(key)
            .upload("audio")
            .send()
            .await
            .expect(200);
    }
}
