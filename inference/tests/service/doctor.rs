//! `inference doctor`: what it finds of a host that is fit, and of one that is not.

use std::process::Output;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::client::GUARD;
use crate::process::program;
use crate::support::MODEL;

async fn doctor(flags: &[&str]) -> (Output, Vec<Value>) {
    let mut command = program(&["doctor", "--json", "--listen", "127.0.0.1:0"]);
    command.args(flags).env_remove("EDGE_SIGNING_SECRETS");
    let output = timeout(GUARD, command.output())
        .await
        .expect("in time")
        .unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let checks = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    (output, checks)
}

fn verdict<'a>(checks: &'a [Value], check: &str) -> &'a str {
    let found = checks.iter().find(|c| c["check"] == check);
    found.and_then(|c| c["verdict"].as_str()).expect(check)
}

#[tokio::test]
async fn a_fit_host_passes_with_its_model_loaded() {
    let secret = "0123456789abcdef".repeat(2);
    let (output, checks) = doctor(&["--edge-signing-secrets", &secret]).await;
    assert_eq!(output.status.code(), Some(0), "{checks:?}");
    for check in ["secrets", "model", "address", "clock"] {
        assert_eq!(verdict(&checks, check), "ok", "{checks:?}");
    }
    let model = checks.iter().find(|c| c["check"] == "model").unwrap();
    assert!(
        model["found"].as_str().unwrap().contains("loads in"),
        "{model}"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains(&secret));
}

#[tokio::test]
async fn what_would_keep_the_service_from_serving_is_a_failure_with_advice() {
    let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let busy = busy.local_addr().unwrap().to_string();
    let broken = tempfile::tempdir().unwrap();
    let file = broken.path().join(format!("ggml-{MODEL}.bin"));
    std::fs::write(file, b"not a model").unwrap();
    let broken = broken.path().to_str().unwrap();
    let nowhere = "/nowhere/at/all";
    for (flags, check) in [
        (vec!["--listen", &busy], "address"),
        (vec!["--model", "nosuch"], "model"),
        (vec!["--models-dir", broken], "model"),
        (vec!["--spool-dir", nowhere], "spool folder"),
        (vec![], "secrets"),
        // Nobody listens on port 1 (tcpmux).
        (vec!["--edge-url", "http://127.0.0.1:1"], "edge"),
    ] {
        let mut command = program(&["doctor", "--json"]);
        command.env_remove("EDGE_SIGNING_SECRETS").args(&flags);
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let output = timeout(GUARD, command.output())
            .await
            .expect("in time")
            .unwrap();
        let checks: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {checks:?}");
        let failed = checks
            .iter()
            .find(|c| c["check"] == check && c["verdict"] == "fail");
        let failed = failed.unwrap_or_else(|| panic!("{check}: {checks:?}"));
        assert!(
            failed["advice"].as_str().is_some_and(|a| a.len() > 10),
            "{failed}"
        );
    }
}

#[tokio::test]
async fn people_are_told_in_lines() {
    let mut command = program(&["doctor", "--listen", "127.0.0.1:0", "--dev-insecure"]);
    let output = timeout(GUARD, command.output())
        .await
        .expect("in time")
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.lines().any(|l| l.starts_with("warn  secrets")),
        "{said}"
    );
    assert!(said.lines().any(|l| l.starts_with("ok    model")), "{said}");
}
