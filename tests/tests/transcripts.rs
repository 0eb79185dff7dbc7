//! Transcripts that are kept: read again in any form, by their owner alone, and never heard twice.

use e2e::edge::{Edge, Key};
use e2e::http::{Answer, Call};
use e2e::service::Service;
use e2e::speech::{form_of, long, plain, sample};
use e2e::upstream::Upstream;
use e2e::{speech, until};
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

const KEEPING: &str = "/v1/audio/transcriptions?store=true";
const FORMATS: [&str; 5] = ["json", "text", "srt", "vtt", "verbose_json"];

struct World {
    service: Service,
    edge: Edge,
}

impl World {
    async fn new() -> Self {
        let service = Service::start().await;
        let edge = Edge::builder().service(&service).start().await;
        Self { service, edge }
    }

    /// A key of this owner with these scopes.
    async fn key(&self, owner: &str, scopes: &[&str]) -> Key {
        let limits = json!([
            {"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"},
            {"name": "audio", "kind": "quota", "unit": "audio_seconds", "limit": 1_000, "period": "month"},
        ]);
        let key = json!({"name": "keeps", "owner": owner, "scopes": scopes, "limits": limits});
        self.edge.create_key(&key).await
    }

    async fn any_key(&self, owner: &str) -> Key {
        let scopes = ["transcribe", "transcripts:read", "transcripts:write"];
        self.key(owner, &scopes).await
    }

    fn keep(&self, key: &Key, form: Form) -> Call {
        self.edge.call(Method::POST, KEEPING).key(key).form(form)
    }

    fn read(&self, key: &Key, path: &str) -> Call {
        self.edge.get(&format!("/v1/transcripts/{path}")).key(key)
    }

    /// Pieces of audio that the model heard so far.
    async fn heard(&self) -> u64 {
        self.service.heard().await
    }

    /// Seconds of audio that a key was charged for.
    async fn charged(&self, key: &Key) -> f64 {
        let usage = self.edge.get("/v1/usage").key(key).send().await.expect(200);
        usage.json()["total"]["audio_seconds"].as_f64().unwrap()
    }
}

fn id_of(answer: &Answer) -> String {
    let id = answer.header("x-transcript-id");
    id.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_read_in_every_format_until_it_is_deleted() {
    let world = World::new().await;
    let key = world.any_key("acme").await;
    let (path, words) = sample();
    let made = world.keep(&key, form_of(&path)).send().await.expect(200);
    assert_eq!(plain(made.json()["text"].as_str().unwrap()), words);
    let id = id_of(&made);
    let link = format!(
        "<{}/v1/transcripts/{id}>; rel=\"canonical\"",
        world.edge.url()
    );
    assert_eq!(made.header("link"), Some(link.as_str()));
    let heard = world.heard().await;
    for format in FORMATS {
        let form = form_of(&path).text("response_format", format);
        // The header says the same as the query.
        let asked = world
            .edge
            .transcribe(&key)
            .header("x-store", "true")
            .form(form);
        let again = asked.send().await.expect(200);
        assert_eq!(again.header("x-cache"), Some("hit"), "{again:?}");
        assert_eq!(id_of(&again), id);
        let read = world
            .read(&key, &format!("{id}?format={format}"))
            .send()
            .await
            .expect(200);
        assert_eq!(read.header("content-type"), again.header("content-type"));
        if format == "verbose_json" {
            // What is kept has its words, whether they were asked for or not.
            assert_eq!(read.json()["segments"], again.json()["segments"]);
            assert!(
                read.json()["words"]
                    .as_array()
                    .is_some_and(|words| !words.is_empty())
            );
        } else {
            assert_eq!(read.text(), again.text());
        }
    }
    assert_eq!(world.heard().await, heard);
    let detail = world.read(&key, &id).send().await.expect(200).json();
    assert_eq!(detail["name"], "sample.flac");
    assert_eq!(
        (&detail["task"], &detail["language"]),
        (&json!("transcribe"), &json!("en"))
    );
    assert_eq!(detail["text"], made.json()["text"]);
    let bad = world.read(&key, &format!("{id}?format=pdf")).send().await;
    bad.expect_error(400, "invalid_value");
    let delete = world
        .edge
        .call(Method::DELETE, &format!("/v1/transcripts/{id}"));
    delete.key(&key).send().await.expect(204);
    world
        .read(&key, &id)
        .send()
        .await
        .expect_error(404, "not_found");
    let anew = world.keep(&key, form_of(&path)).send().await.expect(200);
    assert_eq!(anew.header("x-cache"), None);
    assert_ne!(id_of(&anew), id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_is_charged_as_a_request_without_audio() {
    let world = World::new().await;
    let key = world.any_key("acme").await;
    let (path, _) = sample();
    world.keep(&key, form_of(&path)).send().await.expect(200);
    let charged = until("the audio is charged", async || {
        Some(world.charged(&key).await).filter(|seconds| *seconds > 0.0)
    })
    .await;
    let again = world.keep(&key, form_of(&path)).send().await.expect(200);
    assert_eq!(again.header("x-cache"), Some("hit"));
    // The next request takes the end of this one along.
    until("both are counted", async || {
        let usage = world
            .edge
            .get("/v1/usage")
            .key(&key)
            .send()
            .await
            .expect(200);
        (usage.json()["total"]["outcomes"]["served"] == 2).then_some(())
    })
    .await;
    assert!((world.charged(&key).await - charged).abs() < 1e-6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_its_owners_and_takes_the_scopes_that_it_takes() {
    let world = World::new().await;
    let (key, sibling) = (world.any_key("acme").await, world.any_key("acme").await);
    let stranger = world.any_key("rival").await;
    let (path, _) = sample();
    let id = id_of(&world.keep(&key, form_of(&path)).send().await.expect(200));
    world.read(&sibling, &id).send().await.expect(200);
    let of_sibling = world
        .keep(&sibling, form_of(&path))
        .send()
        .await
        .expect(200);
    assert_eq!(of_sibling.header("x-cache"), Some("hit"));
    world
        .read(&stranger, &id)
        .send()
        .await
        .expect_error(404, "not_found");
    let delete = |key: &Key| {
        let call = world
            .edge
            .call(Method::DELETE, &format!("/v1/transcripts/{id}"));
        call.key(key)
    };
    delete(&stranger)
        .send()
        .await
        .expect_error(404, "not_found");
    let of_stranger = world
        .keep(&stranger, form_of(&path))
        .send()
        .await
        .expect(200);
    assert_eq!(of_stranger.header("x-cache"), None);
    let reader = world.key("acme", &["transcribe", "transcripts:read"]).await;
    world.read(&reader, &id).send().await.expect(200);
    delete(&reader)
        .send()
        .await
        .expect_error(403, "insufficient_scope");
    let refused = world.keep(&reader, form_of(&path)).send().await;
    refused.expect_error(403, "insufficient_scope");
    let writer = world
        .key("acme", &["transcribe", "transcripts:write"])
        .await;
    world
        .read(&writer, &id)
        .send()
        .await
        .expect_error(403, "insufficient_scope");
    delete(&writer).send().await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_to_keep_is_yes_or_no() {
    let host = Upstream::start().await.answer_all("words");
    let edge = Edge::builder().upstream(host.url()).start().await;
    let key = edge.any_key().await;
    for (query, param) in [("store=yes", "store"), ("store=", "store")] {
        let call = edge.call(Method::POST, &format!("/v1/audio/transcriptions?{query}"));
        let refused = call.key(&key).upload("audio").send().await;
        assert_eq!(refused.json()["error"]["param"], param);
        refused.expect_error(400, "invalid_value");
    }
    let call = edge.transcribe(&key).header("x-store", "maybe");
    let refused = call.upload("audio").send().await;
    refused.expect_error(400, "invalid_value");
    let not = edge.call(Method::POST, "/v1/audio/transcriptions?store=false");
    not.key(&key).upload("audio").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_finds_the_whole_transcript_and_is_charged_for_all_of_it() {
    let world = World::new().await;
    let key = world.any_key("acme").await;
    let audio = || speech::form("long.wav", long(16));
    // One whose answer streams: he has its id.
    let streaming = world
        .keep(&key, audio().text("stream", "true"))
        .start()
        .await;
    let id = streaming.headers()["x-transcript-id"]
        .to_str()
        .unwrap()
        .to_owned();
    drop(streaming);
    let kept = until("it is kept", async || {
        let read = world.read(&key, &id).send().await;
        (read.status == 200).then(|| read.json())
    })
    .await;
    assert!(kept["duration"].as_f64() >= Some(16.0), "{kept}");
    let charged = async |least: f64| {
        let all = async || Some(world.charged(&key).await).filter(|seconds| *seconds >= least);
        until("all of it is charged", all).await
    };
    charged(16.0).await;
    // One whose answer comes in one piece.
    let prompted = || audio().text("prompt", "Weather.");
    let leaving = tokio::spawn(world.keep(&key, prompted()).into_inner().send());
    world.service.until_busy().await;
    leaving.abort();
    charged(32.0).await;
    let again = world.keep(&key, prompted()).send().await.expect(200);
    assert_eq!(again.header("x-cache"), Some("hit"));
    assert_eq!(world.edge.key(&key).await["under_way"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_owners_transcripts_are_gone() {
    let world = World::new().await;
    let (key, stranger) = (world.any_key("acme").await, world.any_key("rival").await);
    let (path, _) = sample();
    world.keep(&key, form_of(&path)).send().await.expect(200);
    let id = id_of(
        &world
            .keep(&stranger, form_of(&path))
            .send()
            .await
            .expect(200),
    );
    let purge = world.edge.admin(Method::DELETE, "/admin/owners/acme");
    let purged: Value = purge.send().await.expect(200).json();
    assert_eq!(purged["transcripts"], 1);
    world.read(&stranger, &id).send().await.expect(200);
}
