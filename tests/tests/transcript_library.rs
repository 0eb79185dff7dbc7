//! An account's kept transcripts: listed, searched, taken along, and gone when their time is over.

use e2e::edge::{Edge, Key};
use e2e::host::{Host, Told};
use e2e::http::Answer;
use e2e::upstream::Upstream;
use reqwest::Method;
use serde_json::{Value, json};

struct World {
    edge: Edge,
    _host: Upstream,
}

impl World {
    async fn new() -> Self {
        let host = Upstream::start().await;
        let edge = Edge::builder().upstream(&host.url()).start().await;
        Self { edge, _host: host }
    }

    async fn key(&self, owner: &str) -> Key {
        let limits =
            json!([{"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"}]);
        let key = json!({"name": "reads", "owner": owner, "limits": limits});
        self.edge.create_key(&key).await
    }

    async fn bring(&self, told: &Told) {
        Host::of(&self.edge).bring(told).await.expect(204);
    }

    async fn get(&self, key: &Key, path: &str) -> Answer {
        let path = format!("/v1/transcripts{path}");
        self.edge.get(&path).key(key).send().await
    }

    /// Ids on the page of a listing.
    async fn ids(&self, key: &Key, query: &str) -> Vec<String> {
        ids(&self.get(key, query).await.expect(200).json())
    }
}

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    let id = |entry: &Value| entry["id"].as_str().unwrap().to_owned();
    data.iter().map(id).collect()
}

fn told(number: usize, said: &str) -> Told {
    Told::new("acme", number, said)
}

fn id(number: usize) -> String {
    told(number, "").id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_the_accounts_newest_first_page_by_page() {
    let world = World::new().await;
    let (key, stranger) = (world.key("acme").await, world.key("rival").await);
    for number in 0..5 {
        let mut told = told(number, &format!("Number {number}."));
        told.language = if number == 3 { "de" } else { "en" };
        told.name = Some(format!("talk {number}.flac"));
        world.bring(&told).await;
        // Brought twice it stands here once.
        world.bring(&told).await;
    }
    world.bring(&Told::new("rival", 9, "Of another.")).await;
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = world.get(&key, &query).await.expect(200).json();
        seen.push(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [vec![id(4), id(3)], vec![id(2), id(1)], vec![id(0)]]);
    assert_eq!(world.ids(&stranger, "").await, [id(9)]);
    let first = world.get(&key, "?limit=1").await.expect(200).json();
    let entry = &first["data"][0];
    assert_eq!(
        (&entry["excerpt"], &entry["name"], &entry["duration"]),
        (&json!("Number 4."), &json!("talk 4.flac"), &json!(2.0))
    );
    assert_eq!(world.ids(&key, "?language=de").await, [id(3)]);
    let created = entry["created_at"].as_u64().unwrap();
    let early = format!("?to={}", created - 60);
    assert_eq!(world.ids(&key, &early).await, Vec::<String>::new());
    let around = format!("?from={}&to={}", created - 60, created + 60);
    assert_eq!(world.ids(&key, &around).await.len(), 5);
    let cursor = first["next_cursor"].as_str().unwrap();
    for (key, query) in [
        (&stranger, format!("?limit=1&cursor={cursor}")),
        (&key, format!("?language=en&cursor={cursor}")),
        (
            &key,
            format!("?cursor={}", cursor.replace(&cursor[20..22], "zz")),
        ),
        (&key, "?cursor=x".to_owned()),
    ] {
        let refused = world.get(key, &query).await;
        assert_eq!(refused.param().as_deref(), Some("cursor"), "{query}");
        refused.expect_error(400, "invalid_value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_words_phrases_and_beginnings_in_any_script_and_only_ones_own() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let mut named = told(3, "Nothing about it.");
    named.name = Some("umbrella-review.flac".into());
    for told in [
        told(0, "The rain in Spain stays mainly in the plain."),
        told(1, "Spain in the rain: a café, and it pours."),
        told(2, "昨日は東京で雨が降りました"),
        named,
        Told::new("rival", 4, "The rain in Spain."),
    ] {
        world.bring(&told).await;
    }
    for (asked, found) in [
        ("rain", vec![id(1), id(0)]),
        ("RAIN spain", vec![id(1), id(0)]),
        ("%22rain%20in%20Spain%22", vec![id(0)]),
        ("main*", vec![id(0)]),
        ("main", vec![]),
        ("cafe", vec![id(1)]),
        ("%E9%9B%A8", vec![id(2)]),
        ("%E6%9D%B1%E4%BA%AC", vec![id(2)]),
        ("%E4%BA%AC%E6%9D%B1", vec![]),
        ("umbrella", vec![id(3)]),
        // Nothing of the index's own language is understood.
        ("rain%20OR%20umbrella", vec![]),
        ("rain%20NOT%20cafe", vec![]),
        ("account:rain", vec![]),
        ("rain%29%20OR%20%28umbrella", vec![]),
        ("rain%27%3BDROP%20TABLE%20transcripts%3B--", vec![]),
        ("rain&language=en", vec![id(1), id(0)]),
        ("rain&language=de", vec![]),
        ("rain&limit=1", vec![id(1)]),
    ] {
        let page = world.ids(&key, &format!("?q={asked}")).await;
        assert_eq!(page, found, "{asked}");
    }
    for bad in ["", "%22%22", "*", "%00", &"a".repeat(201)] {
        let refused = world.get(&key, &format!("?q={bad}")).await;
        refused.expect_error(400, "invalid_value");
    }
    let path = format!("/v1/transcripts/{}", id(0));
    let delete = world.edge.call(Method::DELETE, &path).key(&key);
    delete.send().await.expect(204);
    assert_eq!(world.ids(&key, "?q=rain").await, [id(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_all_of_an_account_however_long_one_is() {
    let world = World::new().await;
    let (key, stranger) = (world.key("acme").await, world.key("rival").await);
    for number in 0..20 {
        world
            .bring(&told(number, &format!("Number {number}.")))
            .await;
    }
    // Too long for a row: in the bucket.
    let mut long = told(20, "");
    let line = "Ünd so on and so on, and so forth, until there is nothing left to say. ".repeat(20);
    long.said = vec![line; 1_500];
    world.bring(&long).await;
    assert_eq!(world.edge.bucket().await.len(), 1);
    let export = world.get(&key, "/export").await.expect(200);
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = export
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut all: Vec<_> = (0..=20).map(id).collect();
    all.reverse();
    let exported: Vec<_> = lines
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert_eq!(exported, all);
    let said = |line: &Value| line["transcript"]["segments"].as_array().unwrap().len();
    assert_eq!(said(&lines[0]), 1_500);
    assert_eq!(lines[1]["transcript"]["segments"][0]["text"], " Number 19.");
    assert_eq!(world.get(&stranger, "/export").await.expect(200).text(), "");
    let text = world.get(&key, &format!("/{}?format=text", id(20))).await;
    assert!(text.expect(200).text().len() > 2_000_000);
    assert_eq!(world.ids(&key, "?q=forth").await, [id(20)]);
    let path = format!("/v1/transcripts/{}", id(20));
    let delete = world.edge.call(Method::DELETE, &path).key(&key);
    delete.send().await.expect(204);
    assert_eq!(world.edge.bucket().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_nowhere_and_then_is_removed() {
    let world = World::new().await;
    let key = world.key("acme").await;
    let long = vec!["so on and so forth and so on ".repeat(100); 1_000];
    // 1970, and the year 2248.
    for (number, until_ms) in [(0, 1), (1, 8_772_796_800_000)] {
        let mut told = told(number, "");
        (told.said, told.until_ms) = (long.clone(), Some(until_ms));
        world.bring(&told).await;
    }
    let (gone, kept) = (told(0, ""), told(1, ""));
    let host = Host::of(&world.edge);
    host.find(&gone).await.expect(204);
    assert_eq!(world.ids(&key, "").await, [id(1)]);
    assert_eq!(world.ids(&key, "?q=forth").await, [id(1)]);
    let read = world.get(&key, &format!("/{}", id(0))).await;
    read.expect_error(404, "not_found");
    assert_eq!(world.get(&key, "/export").await.text().lines().count(), 1);
    let count = async |table: &str| {
        let query = format!("SELECT count(*) AS n FROM {table}");
        world.edge.count(&query, &[]).await
    };
    assert_eq!(
        (count("transcripts").await, world.edge.bucket().await.len()),
        (2, 2)
    );
    world.edge.strike().await;
    assert_eq!(
        (count("transcripts").await, world.edge.bucket().await.len()),
        (1, 1)
    );
    assert_eq!(count("transcript_words").await, 1);
    // Asked for again by somebody who may keep it for good, it stays for good.
    let detail = async || {
        world
            .get(&key, &format!("/{}", id(1)))
            .await
            .expect(200)
            .json()
    };
    assert_eq!(detail().await["expires_at"], 8_772_796_800_u64);
    host.find(&kept).await.expect(200);
    assert_eq!(detail().await["expires_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_for_how_many_days() {
    let mut host = Upstream::start().await;
    let edge = Edge::builder().upstream(&host.url()).start().await;
    let limits = json!([{"name": "requests", "kind": "quota", "limit": 10, "period": "month"}]);
    edge.put_plan("week", &json!({"limits": limits, "retention_days": 7}))
        .await;
    let key = edge.create_key(&json!({"name": "k", "plan": "week"})).await;
    let call = edge.transcribe(&key).header("x-store", "true");
    let asking = tokio::spawn(call.upload("audio").send());
    let arrival = host.next().await;
    let claims = arrival.claims();
    let until = claims.keep.unwrap().until_ms.unwrap();
    let week = 7 * 86_400_000;
    // The deadline is the moment of the request, and ten minutes.
    assert_eq!(until, claims.deadline_ms - 600_000 + week);
    arrival.reply(200, &[], "words");
    asking.await.unwrap().expect(200);
    for bad in [json!(0), json!(36_501), json!(-1), json!("week")] {
        let plan = json!({"limits": limits, "retention_days": bad});
        let put = edge.admin(Method::PUT, "/admin/plans/week").json(&plan);
        assert_eq!(put.send().await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hosts_bring_that_is_no_transcript_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let host = Host::of(&world.edge);
    let one = told(1, "Good morning.");
    for body in ["", "{}", "[]", "null", "{\"task\":", "\u{0}"] {
        let refused = host.bring_as(&one, body.to_owned()).await;
        refused.expect_error(401, "invalid_signature");
    }
    let mut elsewhere = one.clone();
    elsewhere.id = "tr_../../../other/tr_0".to_owned();
    let refused = host.bring(&elsewhere).await;
    refused.expect_error(401, "invalid_signature");
    // A body that is longer than any transcript is not read to its end.
    let long = host.bring_as(&one, "a".repeat(33 * 1024 * 1024)).await;
    long.expect_error(413, "file_too_large");
    assert_eq!(world.edge.bucket().await, Vec::<String>::new());
    let query = "SELECT count(*) AS n FROM transcripts";
    assert_eq!(world.edge.count(query, &[]).await, 0);
    host.bring(&one).await.expect(204);
}
