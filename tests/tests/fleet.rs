//! Several hosts behind one edge: they come, go, die and hang, and callers do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::http::Answer;
use e2e::realtime::Session;
use e2e::service::Service;
use e2e::upstream::{Down, Hung, Upstream};
use e2e::{environment, speech, until, until_in};
use inference_api::headers::INFERENCE_LOAD;
use serde_json::Value;
use tokio::task::JoinSet;

/// For what waits for models to load, twice over, while others transcribe.
const LONG: Duration = Duration::from_mins(2);

/// A short clip of speech.
fn clip() -> Vec<u8> {
    let path = environment::repository().join("tests/fixtures/speech.wav");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Waits until the edge sees a host in this health.
async fn until_seen(edge: &Edge, url: &str, health: &str) -> Value {
    let look = || async { edge.host(url).await.filter(|host| host["health"] == health) };
    until(&format!("{url} is {health}"), look).await
}

/// Callers who transcribe one clip after the other, each at another isolate, until they are told to stop.
struct Callers {
    stop: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    failed: Arc<std::sync::Mutex<Vec<Answer>>>,
    tasks: JoinSet<()>,
}

impl Callers {
    fn start(edge: &Arc<Edge>, key: &Key, count: usize) -> Self {
        let mut callers = Self {
            stop: Arc::default(),
            served: Arc::default(),
            failed: Arc::default(),
            tasks: JoinSet::new(),
        };
        let audio = clip();
        for caller in 0..count {
            let (edge, key, audio) = (Arc::clone(edge), key.clone(), audio.clone());
            let (stop, served, failed) = (
                Arc::clone(&callers.stop),
                Arc::clone(&callers.served),
                Arc::clone(&callers.failed),
            );
            callers.tasks.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let form = speech::form("clip.wav", audio.clone());
                    let call = edge.transcribe_at(caller % 2, &key).form(form);
                    let answer = call.send().await;
                    if answer.status == 200 {
                        served.fetch_add(1, Ordering::SeqCst);
                    } else if let Ok(mut failed) = failed.lock() {
                        failed.push(answer);
                    }
                }
            });
        }
        callers
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    fn failed(&self) -> usize {
        self.failed.lock().unwrap().len()
    }

    /// Waits until so many more were served.
    async fn until_served(&self, more: usize) {
        let enough = self.served() + more;
        let look = || async { (self.served() >= enough).then_some(()) };
        until_in(LONG, "callers are served", look).await;
    }

    /// Lets each finish what it is about; how many were served, and what failed.
    async fn stop(mut self) -> (usize, Vec<Answer>) {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let failed = std::mem::take(&mut *self.failed.lock().unwrap());
        (self.served(), failed)
    }
}

/// Transcriptions that a host has served in this life of it.
async fn served_by(host: &Service) -> u64 {
    let url = format!("{}/metrics", host.url());
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let lines = metrics.lines().filter(|line| {
        line.starts_with("inference_requests_total{") && line.contains("status=\"200\"")
    });
    lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum()
}

async fn until_serving(host: &Service) -> u64 {
    let look = || async { Some(served_by(host).await).filter(|&served| served > 0) };
    until_in(LONG, "the host serves", look).await
}

/// A host on a port of its own, which it has again after a restart.
async fn host(port: &Down, secret: &str, more: &[(&str, &str)]) -> Service {
    let listen = port.address().to_string();
    let mut settings = vec![
        ("INFERENCE_LISTEN", listen.as_str()),
        ("EDGE_SIGNING_SECRETS", secret),
        ("INFERENCE_STATES", "1"),
        ("INFERENCE_DRAIN_DELAY", "3"),
    ];
    settings.extend(more);
    Service::start_with(&settings).await
}

/// Two isolates of an edge that knows these hosts.
async fn before(ports: &[Down; 2]) -> Arc<Edge> {
    let [first, second] = ports.each_ref().map(Down::url);
    let builder = Edge::builder().upstream(&first).upstream(&second);
    Arc::new(builder.isolates(2).start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_restarted_one_after_the_other_and_no_request_fails() {
    let ports = [Down::new(), Down::new()];
    let edge = before(&ports).await;
    let mut hosts = Vec::new();
    for port in &ports {
        hosts.push(host(port, edge.signing_secret(), &[]).await);
    }
    let key = edge.any_key().await;
    let callers = Callers::start(&edge, &key, 4);
    callers.until_served(8).await;
    for (index, port) in ports.iter().enumerate() {
        hosts[index].terminate();
        hosts[index].ended().await;
        let before = callers.served();
        callers.until_served(4).await;
        hosts[index] = host(port, edge.signing_secret(), &[]).await;
        let served = until_serving(&hosts[index]).await;
        println!("host {index}: {before} served when it had ended, {served} by its next life");
    }
    callers.until_served(8).await;
    let (served, failed) = callers.stop().await;
    println!("rolling restart: {served} served, {} failed", failed.len());
    assert!(failed.is_empty(), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_register_are_replaced_one_after_the_other_and_no_request_fails() {
    let edge = registering().isolates(2).start().await;
    let edge = Arc::new(edge);
    let key = edge.any_key().await;
    let first = [Down::new(), Down::new()];
    let mut hosts = Vec::new();
    for port in &first {
        hosts.push(registered_host(&edge, port).await);
    }
    let callers = Callers::start(&edge, &key, 4);
    callers.until_served(8).await;
    for host in &mut hosts {
        // Its successor is another host, of which nobody was told but by itself.
        let port = Down::new();
        let successor = registered_host(&edge, &port).await;
        until_serving(&successor).await;
        host.terminate();
        host.ended().await;
        *host = successor;
        callers.until_served(4).await;
    }
    let (served, failed) = callers.stop().await;
    println!("replacement: {served} served, {} failed", failed.len());
    assert!(failed.is_empty(), "{failed:?}");
    for port in &first {
        let look = || async { edge.host(&port.url()).await.is_none().then_some(()) };
        until("a host that has ended is forgotten", look).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_costs_what_it_had_in_flight_and_no_more() {
    let ports = [Down::new(), Down::new()];
    let edge = before(&ports).await;
    let mut dying = host(&ports[0], edge.signing_secret(), &[]).await;
    let _other = host(&ports[1], edge.signing_secret(), &[]).await;
    let key = edge.any_key().await;
    let callers = Callers::start(&edge, &key, 4);
    until_serving(&dying).await;
    dying.kill();
    callers.until_served(12).await;
    let lost = callers.failed();
    callers.until_served(12).await;
    assert_eq!(callers.failed(), lost, "a request failed long after");
    until_seen(&edge, &ports[0].url(), "ejected").await;
    let (served, failed) = callers.stop().await;
    println!("kill: {served} served, {} failed", failed.len());
    // Each caller had one request under way, and each isolate may have sent one more before it knew.
    assert!(failed.len() <= 6, "{failed:?}");
    assert!(
        failed.iter().all(|answer| answer.status == 502),
        "{failed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_host_gets_nothing_new_and_callers_never_see_what_hosts_say_of_themselves() {
    let (mut leaving, mut staying) = (Upstream::start().await, Upstream::start().await);
    let builder = Edge::builder().upstream(&leaving.url());
    let edge = builder.upstream(&staying.url()).start().await;
    let key = edge.any_key().await;
    let mut has_left = false;
    for _ in 0..40 {
        let client = tokio::spawn(edge.transcribe(&key).upload("audio").send());
        let (mut arrival, load) = tokio::select! {
            arrival = leaving.next() => {
                assert!(!has_left, "it has said that it drains");
                has_left = true;
                (arrival, "free=99, draining=?1")
            }
            arrival = staying.next() => (arrival, "free=1, draining=?0"),
        };
        arrival.whole_body().await;
        arrival.reply(200, &[(INFERENCE_LOAD, load)], "words");
        let answer = client.await.unwrap().expect(200);
        assert_eq!(answer.header(INFERENCE_LOAD), None);
    }
    assert!(has_left, "it was never chosen");
    assert_eq!(
        edge.host(&leaving.url()).await.unwrap()["health"],
        "draining"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_hangs_is_asked_found_out_and_left_out() {
    let (hung, host) = (Hung::start().await, Upstream::start().await);
    let url = host.url();
    let host = host.answer_all("words");
    let edge = Edge::builder().upstream(&hung.url()).upstream(&url);
    let edge = edge.start().await;
    let key = edge.any_key().await;
    let mut served = 0;
    let ejected = || async {
        edge.host(&hung.url())
            .await
            .is_some_and(|host| host["health"] == "ejected")
    };
    while !ejected().await {
        let answer = edge.transcribe(&key).upload("audio").send().await;
        answer.expect(200);
        served += 1;
    }
    // It was asked and nothing more: no upload was lost to it.
    assert_eq!(hung.asked(), 1);
    assert_eq!(host.count().await, served);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_host_cannot_be_reached_is_opened_with_another() {
    let down = Down::new();
    let service = Service::start().await;
    let edge = Edge::builder().upstream(&down.url()).service(&service);
    let edge = edge.start().await;
    let key = edge.any_key().await;
    let ejected = || async {
        edge.host(&down.url())
            .await
            .is_some_and(|host| host["health"] == "ejected")
    };
    // Until the choice has fallen on the one that is down.
    while !ejected().await {
        Session::open(&edge, &key).await.close().await;
    }
    Session::open(&edge, &key).await.close().await;
}

/// An edge whose hosts register themselves.
fn registering() -> e2e::edge::Builder {
    Edge::builder()
        .setting("HOST_REGISTRATION", "development")
        .setting("INFERENCE_URLS", "none")
}

/// A host that registers itself.
async fn registered_host(edge: &Edge, port: &Down) -> Service {
    let url = port.url();
    let settings = [
        ("INFERENCE_EDGE_URL", edge.url()),
        ("INFERENCE_PUBLIC_URL", url.as_str()),
        ("INFERENCE_HEARTBEAT_INTERVAL", "0.5"),
    ];
    let host = host(port, edge.signing_secret(), &settings).await;
    let look = || async { edge.host(&url).await };
    until("the host is registered", look).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_registers_is_used_and_one_that_is_killed_is_forgotten() {
    let edge = registering().isolates(2).start().await;
    let key = edge.any_key().await;
    let transcribe = |isolate| {
        let form = speech::form("clip.wav", clip());
        edge.transcribe_at(isolate, &key).form(form).send()
    };
    let answer = transcribe(0).await;
    answer.expect_error(503, "upstream_unavailable");
    let port = Down::new();
    let mut host = registered_host(&edge, &port).await;
    // This isolate has never heard of it: its first request waits for the list.
    transcribe(1).await.expect(200);
    let look = || async { Some(transcribe(0).await).filter(|answer| answer.status == 200) };
    until("the other isolate reads the list again", look).await;
    let seen_so = edge.host(&port.url()).await.unwrap();
    assert_eq!(seen_so["sources"], serde_json::json!(["registered"]));
    assert!(seen_so["load"]["free"].as_u64().unwrap() > 0, "{seen_so}");
    assert_eq!(
        seen_so["load"]["models"],
        serde_json::json!(["tiny.en-q8_0", "whisper-1"])
    );
    host.kill();
    let look = || async { edge.host(&port.url()).await.is_none().then_some(()) };
    until("a host that misses its beats is forgotten", look).await;
}
