//! docs/api.md is true: every line of it that begins with `curl` is run by bash, in order, against a real edge and the
//! real service, in a folder with a recording `talk.flac`.
//!
//! `$URL` is the edge, `$KEY` a key with every scope, `$ROOT_KEY` a root key, `$HOOK` a receiver of webhooks. All else is what answers gave
//! before: `$ID` the header `x-transcript-id`, `$TOKEN` the end of a `url`, `$UPLOAD`, `$JOB`, `$KEY_ID` and `$WEBHOOK` the `id` of
//! one, `$TRANSCRIPT` a `transcript_id`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use e2e::edge::Edge;
use e2e::receiver::Receiver;
use e2e::service::Service;
use e2e::speech::sample;
use e2e::{environment, within};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

const PAGE: &str = "docs/api.md";

/// Runs a line; the head and the body of the answer, which must not be an error.
async fn run(folder: &Path, line: &str, given: &BTreeMap<&str, String>) -> (String, String) {
    let line = line.replacen("curl ", "curl -sS --fail-with-body -D head ", 1);
    let mut command = Command::new("bash");
    command
        .args(["-euc", &line])
        .envs(given)
        .current_dir(folder);
    let ran = within(&line, command.output()).await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{line}\n{said}\n{complaint}");
    let head = fs::read_to_string(folder.join("head")).unwrap();
    (head, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_page_works_as_it_stands_there() {
    let service = Service::start().await;
    let mut receiver = Receiver::start().await;
    let edge = Edge::builder().service(&service);
    let edge = edge.setting("FETCH_URLS", "development");
    let edge = edge.setting("PORTAL_AUTH", "open").start().await;
    let limits = json!([{"name": "requests", "kind": "quota", "limit": 1_000, "period": "month"}]);
    let key = json!({"name": "page", "owner": "acme", "limits": limits});
    let key = edge.create_key(&key).await;
    let plan = json!({"limits": limits, "self_service": true});
    let plan = edge.admin(Method::PUT, "/admin/plans/starter").json(&plan);
    plan.send().await.expect(200);
    let folder = tempfile::tempdir().unwrap();
    fs::copy(sample().0, folder.path().join("talk.flac")).unwrap();
    let mut given = BTreeMap::from([
        ("URL", edge.url().to_owned()),
        ("KEY", key.text),
        ("ROOT_KEY", edge.root_key().to_owned()),
        ("HOOK", receiver.url("/204")),
    ]);
    let page = fs::read_to_string(environment::repository().join(PAGE)).unwrap();
    let mut count = 0;
    for line in page
        .lines()
        .filter_map(|line| line.strip_prefix("    curl "))
    {
        count += 1;
        let (head, body) = run(folder.path(), &format!("curl {line}"), &given).await;
        if let Some(id) = head
            .lines()
            .find_map(|line| line.strip_prefix("x-transcript-id: "))
        {
            given.insert("ID", id.trim().to_owned());
        }
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        if let Some((_, token)) = body["url"].as_str().and_then(|url| url.rsplit_once("/t/")) {
            given.insert("TOKEN", token.to_owned());
        }
        for (name, prefix) in [("UPLOAD", "up_"), ("JOB", "job_"), ("KEY_ID", "key_")] {
            if let Some(id) = body["id"].as_str().filter(|id| id.starts_with(prefix)) {
                given.insert(name, id.to_owned());
            }
        }
        if let Some(id) = body["transcript_id"].as_str() {
            given.insert("TRANSCRIPT", id.to_owned());
        }
        if body["object"] == "webhook" {
            given.insert("WEBHOOK", body["id"].as_str().unwrap().to_owned());
        }
        if line.contains("/test") {
            assert_eq!(body["delivered"], true, "{body}");
            receiver.next().await;
        }
        if line.contains("?q=") {
            // The line finds what the lines before it kept.
            assert_eq!(body["data"][0]["id"], given["ID"], "{line}");
        }
    }
    assert!(count >= 39, "only {count} lines");
    for file in ["transcripts.ndjson", "talk.vtt"] {
        let written = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(written.contains("morning"), "{file}: {written}");
    }
}
