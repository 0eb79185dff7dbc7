//! Models that come when they are asked for, and go when nobody asks: with a real model under several names.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::client::{GUARD, Part, field, file, get, transcribe};
use crate::process::{Running, program};
use crate::support::{Service, model_file, sample, words};

/// A folder that holds the model under these names.
fn folder(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        put(dir.path(), name);
    }
    dir
}

/// Puts the model there under a name, as `models pull` does: whole, at once.
fn put(dir: &Path, name: &str) {
    let path = dir.join(format!("ggml-{name}.bin"));
    std::os::unix::fs::symlink(model_file(), path).unwrap();
}

fn ask(model: &str) -> Vec<Part> {
    vec![field("model", model), file("clip.flac", sample())]
}

fn is_the_sample(text: &str) -> bool {
    words(text).starts_with(&["good".to_owned(), "morning".to_owned()])
}

fn ids(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap().iter();
    data.filter_map(|m| m["id"].as_str().map(str::to_owned))
        .collect()
}

/// The settings of these tests: one kept model, and any other on demand.
fn flags<'a>(dir: &'a TempDir, more: &[&'a str]) -> Vec<&'a str> {
    let dir = dir.path().to_str().unwrap();
    let common = [
        "--models-dir",
        dir,
        "--model",
        "kept",
        "--models-on-demand",
        "*",
        // Validated for the model that stands behind all of these names.
        "--fit-context",
        "on",
    ];
    [&common[..], more].concat()
}

#[tokio::test]
async fn a_file_that_comes_while_it_runs_is_listed_and_loaded_once_for_all_who_ask() {
    let dir = folder(&["kept"]);
    let service = Service::real(&flags(&dir, &["--model-alias", "gpt-4o-transcribe=late"])).await;
    let listed = get(service.address, "/v1/models").await.json();
    assert_eq!(ids(&listed), ["kept", "whisper-1"]);
    let unknown = transcribe(service.address, &ask("late")).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.code()),
        (404, "model_not_found".into())
    );

    put(dir.path(), "late-q8_0");
    let listed = get(service.address, "/v1/models").await.json();
    let all = ["kept", "whisper-1", "late-q8_0", "gpt-4o-transcribe"];
    assert_eq!(ids(&listed), all);
    let names = ["late", "late-q8_0", "gpt-4o-transcribe", "late"].map(ask);
    let asking = names.iter().map(|form| transcribe(service.address, form));
    for answer in join_all(asking).await {
        assert!(is_the_sample(&answer.text()), "{}", answer.body);
    }
    assert!(is_the_sample(
        &transcribe(service.address, &ask("whisper-1")).await.text()
    ));
    let loads = service
        .metric("inference_model_loads_total{outcome=\"ok\"}")
        .await;
    assert!((loads - 2.0).abs() < f64::EPSILON, "{loads}");
}

#[tokio::test]
async fn a_file_that_is_no_model_is_an_error_of_its_own_until_it_is_one() {
    let dir = folder(&["kept"]);
    let service = Service::real(&flags(&dir, &[])).await;
    let bad = dir.path().join("ggml-bad.bin");
    // Not a model at all; then one that was cut off while it was copied.
    let whole = std::fs::read(model_file()).unwrap();
    for content in [&b"not a model"[..], &whole[..1_000_000]] {
        std::fs::write(&bad, content).unwrap();
        for _ in 0..2 {
            let answer = transcribe(service.address, &ask("bad")).await;
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert_eq!(answer.code(), "model_unavailable");
            assert_eq!(answer.param().as_deref(), Some("model"));
            let seconds: u32 = answer.header("retry-after").parse().unwrap();
            assert!((1..=30).contains(&seconds), "{seconds}");
            assert!(!answer.body.contains("ggml-bad"), "{}", answer.body);
        }
    }
    // What fails late was tried once.
    let failed = service
        .metric("inference_model_loads_total{outcome=\"failed\"}")
        .await;
    assert!((failed - 1.0).abs() < f64::EPSILON, "{failed}");
    std::fs::write(&bad, whole).unwrap();
    assert!(is_the_sample(
        &transcribe(service.address, &ask("bad")).await.text()
    ));
    assert!(is_the_sample(
        &transcribe(service.address, &ask("kept")).await.text()
    ));
}

#[tokio::test]
async fn what_has_no_room_is_refused_and_the_least_recently_used_makes_room() {
    let dir = folder(&["kept", "a", "b"]);
    // With one state it takes about 200 MiB: there is room for two.
    let budget = ["--states", "1", "--model-memory-mib", "450"];
    let service = Service::real(&flags(&dir, &budget)).await;
    for model in ["a", "b", "a"] {
        let answer = transcribe(service.address, &ask(model)).await;
        assert!(is_the_sample(&answer.text()), "{model}");
    }
    let evicted = service
        .metric("inference_model_unloads_total{reason=\"evicted\"}")
        .await;
    assert!((evicted - 2.0).abs() < f64::EPSILON, "{evicted}");
    let loaded = service.metric("inference_models_loaded").await;
    assert!((loaded - 2.0).abs() < f64::EPSILON, "{loaded}");

    let tight = ["--states", "1", "--model-memory-mib", "300"];
    let service = Service::real(&flags(&dir, &tight)).await;
    let answer = transcribe(service.address, &ask("a")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "model_unavailable".into())
    );
    assert!(is_the_sample(
        &transcribe(service.address, &ask("kept")).await.text()
    ));
}

#[tokio::test]
async fn a_model_that_nobody_uses_gives_its_memory_back() {
    let dir = folder(&["kept", "a"]);
    let arguments = flags(&dir, &["--states", "2", "--model-idle-timeout", "1"]);
    let running = Running::start(&arguments).await;
    let resident = async || running.metric("inference_resident_bytes").await;
    let loaded = async || running.metric("inference_models_loaded").await;
    // What is needed for any request is there after the first.
    assert!(is_the_sample(
        &transcribe(running.address, &ask("kept")).await.text()
    ));
    let before = resident().await;
    assert!(is_the_sample(
        &transcribe(running.address, &ask("a")).await.text()
    ));
    let during = resident().await;
    let grown = during - before;
    assert!(grown > 40e6, "its weights alone are 43 MB: {grown}");
    let gone = async {
        while loaded().await > 1.5 {
            tokio::task::yield_now().await;
        }
        // It is counted out before its memory is given back.
        while resident().await > before + 0.25 * grown {
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(GUARD, gone).await.is_ok();
    assert!(in_time, "still {} of {during}", resident().await);
    println!(
        "resident: {before} before, {during} with it, {} after",
        resident().await
    );
    assert!(is_the_sample(
        &transcribe(running.address, &ask("a")).await.text()
    ));
}

#[tokio::test]
async fn kept_models_that_have_no_room_are_a_clear_error_at_the_start() {
    let dir = folder(&["kept"]);
    let mut arguments = vec!["--dev-insecure", "--listen", "127.0.0.1:0"];
    let more = flags(&dir, &["--model-memory-mib", "20"]);
    arguments.extend(more);
    let output = program(&arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("model 'kept'") && said.contains("bytes"),
        "{said}"
    );
}
