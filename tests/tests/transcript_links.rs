//! Permanent links: whoever has one reads the transcript, until it is ended or expires.

use e2e::edge::{Edge, Key};
use e2e::host::{Host, Told};
use e2e::http::{Answer, Call};
use e2e::until;
use e2e::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

const EVIL: &str = "<script>alert(1)</script>";

struct World {
    edge: Edge,
    key: Key,
    told: Told,
    _host: Upstream,
}

impl World {
    async fn new() -> Self {
        let host = Upstream::start().await;
        let edge = Edge::builder().upstream(&host.url()).start().await;
        let key = key_of(&edge, "acme").await;
        let mut told = Told::new("acme", 1, "Good morning.");
        told.said.push(EVIL.to_owned());
        told.name = Some("the talk.flac".to_owned());
        Host::of(&edge).bring(&told).await.expect(204);
        Self {
            edge,
            key,
            told,
            _host: host,
        }
    }

    fn call(&self, method: Method, key: &Key) -> Call {
        let path = format!("/v1/transcripts/{}/share", self.told.id);
        self.edge.call(method, &path).key(key)
    }

    fn share(&self) -> Call {
        self.call(Method::POST, &self.key)
    }

    /// Follows a link, without a key.
    async fn follow(&self, url: &str, query: &str) -> Answer {
        let path = url.strip_prefix(self.edge.url()).unwrap();
        self.edge.get(&format!("{path}{query}")).send().await
    }

    async fn links(&self) -> Value {
        let path = format!("/v1/transcripts/{}", self.told.id);
        let detail = self.edge.get(&path).key(&self.key).send().await;
        detail.expect(200).json()["links"].clone()
    }
}

async fn key_of(edge: &Edge, owner: &str) -> Key {
    let limits = json!([{"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"}]);
    let key = json!({"name": "shares", "owner": owner, "limits": limits});
    edge.create_key(&key).await
}

fn url_of(answer: &Answer) -> String {
    answer.json()["url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_a_page_and_to_files_until_it_is_ended() {
    let world = World::new().await;
    let url = url_of(&world.share().send().await.expect(201));
    let other = url_of(&world.share().send().await.expect(201));
    assert_ne!(url, other);
    assert_eq!(world.links().await, 2);
    let page = world.follow(&url, "").await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("<title>the talk.flac</title>"));
    assert!(page.text().contains("Good morning."));
    assert!(!page.text().contains(EVIL));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert_eq!(page.header("x-robots-tag"), Some("noindex, nofollow"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for (format, kind, file) in [
        ("text", "text/plain; charset=utf-8", "the talk.txt"),
        ("srt", "text/plain; charset=utf-8", "the talk.srt"),
        ("vtt", "text/plain; charset=utf-8", "the talk.vtt"),
        ("verbose_json", "application/json", "the talk.json"),
    ] {
        let read = world.follow(&url, &format!("?format={format}")).await;
        let read = read.expect(200);
        assert_eq!(read.header("content-type"), Some(kind));
        let disposition = read.header("content-disposition").unwrap();
        let begin = format!("attachment; filename=\"{file}\"");
        assert!(disposition.starts_with(&begin), "{disposition}");
        assert!(read.text().contains("Good morning."));
    }
    let bad = world.follow(&url, "?format=pdf").await;
    bad.expect_error(400, "invalid_value");
    world
        .call(Method::DELETE, &world.key)
        .send()
        .await
        .expect(204);
    for url in [&url, &other] {
        let ended = world.follow(url, "").await.expect(404);
        assert!(ended.text().contains("Nothing is here"));
        world.follow(url, "?format=text").await.expect(404);
    }
    assert_eq!(world.links().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_link_that_may_be_embedded_is_shown_within_another_page() {
    let world = World::new().await;
    let embed = json!({"embed": true});
    for (call, embedded, ancestors) in [
        (world.share().json(&embed), true, "frame-ancestors *"),
        (world.share(), false, "frame-ancestors 'none'"),
    ] {
        let made = call.send().await.expect(201);
        assert_eq!(made.json()["embed"], embedded);
        let page = world.follow(&url_of(&made), "").await.expect(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains(ancestors), "{policy}");
        assert_eq!(page.header("x-frame-options"), None);
        assert!(!policy.contains("script-src"), "it runs nothing: {policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_expires_or_goes_with_its_transcript() {
    let world = World::new().await;
    let short = json!({"expires_in_seconds": 1});
    let made = world.share().json(&short).send().await.expect(201).json();
    let created = made["created_at"].as_u64().unwrap();
    assert_eq!(made["expires_at"], created + 1);
    let short = made["url"].as_str().unwrap();
    until("it expires", async || {
        (world.follow(short, "").await.status == 404).then_some(())
    })
    .await;
    let url = url_of(&world.share().send().await.expect(201));
    world.follow(&url, "").await.expect(200);
    let path = format!("/v1/transcripts/{}", world.told.id);
    let delete = world.edge.call(Method::DELETE, &path).key(&world.key);
    delete.send().await.expect(204);
    world.follow(&url, "").await.expect(404);
    assert_eq!(
        world
            .edge
            .count("SELECT count(*) AS n FROM links", &[])
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_makes_one_link_and_never_again_one_that_was_ended() {
    let world = World::new().await;
    let body = json!({"expires_in_seconds": 3600});
    let share = |key: &str| world.share().json(&body).header("idempotency-key", key);
    let made = share("once").send().await.expect(201);
    let again = share("once").send().await.expect(201);
    assert_eq!(made.json(), again.json());
    assert_ne!(
        url_of(&share("twice").send().await.expect(201)),
        url_of(&made)
    );
    let other = world.share().header("idempotency-key", "once").send().await;
    other.expect_error(409, "idempotency_key_reused");
    world
        .call(Method::DELETE, &world.key)
        .send()
        .await
        .expect(204);
    let replayed = share("once").send().await.expect(201);
    assert_eq!(replayed.json(), made.json());
    world.follow(&url_of(&made), "").await.expect(404);
    let long = share(&"k".repeat(256)).send().await;
    long.expect_error(400, "invalid_value");
}

#[tokio::test(flavor = "multi_thread")]
async fn sharing_is_the_owners_and_bounded() {
    let world = World::new().await;
    let stranger = key_of(&world.edge, "rival").await;
    for method in [Method::POST, Method::DELETE] {
        let refused = world.call(method, &stranger).send().await;
        refused.expect_error(404, "not_found");
    }
    for body in [
        json!({"expires_in_seconds": 0}),
        json!({"for": "ever"}),
        json!([]),
    ] {
        let refused = world.share().json(&body).send().await;
        assert_eq!(refused.status, 400, "{body}");
    }
    let wrong = world
        .share()
        .header("content-type", "text/plain")
        .body("{}");
    wrong
        .send()
        .await
        .expect_error(415, "unsupported_media_type");
    for _ in 0..16 {
        world.share().send().await.expect(201);
    }
    let seventeenth = world.share().send().await;
    seventeenth.expect_error(409, "too_many_links");
    let guesses = [
        "a",
        &"a".repeat(32),
        &"a".repeat(5_000),
        "%27%20OR%201=1",
        "../v1/usage",
        "a/b",
    ];
    for token in guesses {
        let guess = world.edge.get(&format!("/t/{token}")).send().await;
        assert!(matches!(guess.status, 401 | 404), "{token}: {guess:?}");
    }
    let files = world.edge.files_holding(
        &url_of(&{
            world
                .call(Method::DELETE, &world.key)
                .send()
                .await
                .expect(204);
            world.share().send().await.expect(201)
        })[world.edge.url().len() + 3..],
    );
    assert!(files.is_empty(), "a token stands in {files:?}");
}
