//! The whole way of a recording for which nobody waits: uploaded, taken on, told of by a webhook, shared, and read by
//! somebody in a browser.

use e2e::edge::Edge;
use e2e::jobs::{create, upload};
use e2e::receiver::Receiver;
use e2e::service::Service;
use e2e::speech::{plain, sample};
use e2e::{environment, within};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

/// What a browser shows of a page: its document after all has been loaded and run.
async fn shown(url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new(environment::browser_program());
    browser
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .kill_on_drop(true);
    let output = within("the browser", browser.output()).await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_upload_over_a_webhook_to_a_page_in_a_browser() {
    let service = Service::start().await;
    let mut receiver = Receiver::start().await;
    let edge = Edge::builder()
        .service(&service)
        .setting("FETCH_URLS", "development")
        .start()
        .await;
    let key = edge.any_key().await;
    let made = edge.call(Method::POST, "/v1/webhooks").key(&key);
    let made = made.json(&json!({"url": receiver.url("/200")}));
    let made = made.send().await.expect(201).json();
    let secret = made["secret"].as_str().unwrap();
    edge.keep_secret(secret);

    let (path, words) = sample();
    let upload = upload(&edge, &key, "talk.flac", &std::fs::read(path).unwrap()).await;
    let wish = json!({"upload_id": upload, "metadata": {"case": 7}, "webhook": made["id"]});
    let job = create(&edge, &key, &wish).await;

    let call = receiver.next().await;
    assert!(receiver.verifies(&call, secret).await, "{call}");
    let event: Value = serde_json::from_str(call["body"].as_str().unwrap()).unwrap();
    assert_eq!(event["type"], "job.succeeded", "{event}");
    assert_eq!(event["data"]["job_id"], json!(job));
    assert_eq!(event["data"]["metadata"], json!({"case": 7}));
    let transcript = event["data"]["transcript_id"].as_str().unwrap();

    let share = format!("/v1/transcripts/{transcript}/share");
    let shared = edge
        .call(Method::POST, &share)
        .key(&key)
        .send()
        .await
        .expect(201)
        .json();
    let page = shown(shared["url"].as_str().unwrap()).await;
    assert!(page.contains("talk.flac"), "{page}");
    // Between the words stand markup and times.
    let text = page.split('<').filter_map(|part| part.split_once('>'));
    let text: Vec<_> = text.map(|(_, text)| text).collect();
    let is_number = |word: &&str| word.bytes().all(|b| b.is_ascii_digit());
    let text = plain(&text.join(" "));
    let text: Vec<_> = text.split(' ').filter(|word| !is_number(word)).collect();
    assert!(text.join(" ").contains(&words), "{words}\n{text:?}");
}
