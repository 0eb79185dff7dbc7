//! What `inference/deploy` says about the service is so: the metrics that dashboard, autoscaler and alerts look at are
//! given, the settings exist and take their values, the probes are answered, the times fit each other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is a test, its helper functions too"
)]

mod files;
mod promql;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use clap::{Command, CommandFactory as _, Parser as _};
use inference::backend::fake::{FakeBackend, Gate};
use inference::config::{Cli, Config};
use inference::server::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Labels that Prometheus adds: where a metric was scraped.
const TARGET_LABELS: [&str; 3] = ["namespace", "pod", "instance"];
/// Settings of the Worker that are spoken of.
const OF_THE_WORKER: [&str; 1] = ["INFERENCE_URLS"];
/// A guard against a test that hangs; none waits for it.
const GUARD: Duration = Duration::from_mins(1);

/// The settings with nothing given but what the service does not start without.
fn defaults(flags: &[&str]) -> Config {
    Cli::try_parse_from([&["inference"], flags].concat())
        .unwrap()
        .serve
}

/// Runs the service, on a port of the system's choice, for as long as `work` takes.
async fn with_service<T>(work: impl AsyncFnOnce(std::net::SocketAddr) -> T) -> T {
    let secret = "a-secret-of-32-bytes-or-more-for-tests";
    let flags = ["--listen", "127.0.0.1:0", "--states", "1"];
    let config = defaults(&[&flags[..], &["--edge-signing-secrets", secret]].concat());
    let backend = Arc::new(FakeBackend::new(Arc::new(Gate::default())));
    let models = vec![("tiny.en-q8_0".to_owned(), backend as _)];
    let server = Server::start_with(&config, models).await.unwrap();
    let address = server.local_addr();
    tokio::select! {
        () = server.run(std::future::pending()) => panic!("it stopped"),
        result = timeout(GUARD, work(address)) => result.expect("in time"),
    }
}

/// Status and body of an answer.
async fn ask(address: std::net::SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.expect("a status"), body.to_owned())
}

/// Everything `/metrics` names once a request was counted.
async fn given_metrics() -> promql::Named {
    let text = with_service(async |address| {
        loop {
            // Refused for want of a signature, and counted when its answer is sent.
            ask(address, "POST", "/v1/audio/transcriptions").await;
            let (status, text) = ask(address, "GET", "/metrics").await;
            assert_eq!(status, 200);
            if text.contains("\ninference_requests_total{") {
                return text;
            }
            tokio::task::yield_now().await;
        }
    });
    let mut all = promql::Named::default();
    for line in text.await.lines().filter(|l| !l.starts_with('#')) {
        let (series, _value) = line.rsplit_once(' ').unwrap();
        let named = promql::named(series);
        all.metrics.extend(named.metrics);
        all.labels.extend(named.labels);
    }
    all
}

#[tokio::test]
async fn dashboard_autoscaler_and_alerts_name_metrics_that_are_given() {
    let given = given_metrics().await;
    let codes: BTreeSet<_> = inference::Error::ALL_CODES.map(|c| c.0).into();
    let mut used = BTreeSet::new();
    for file in files::all() {
        let expressions = file.expressions();
        let looks = ["whisper-edge.json", "scaled-object.yaml", "alerts.yaml"]
            .iter()
            .any(|name| file.name.ends_with(name));
        assert_eq!(
            looks,
            !expressions.is_empty(),
            "expressions in {}",
            file.name
        );
        for expression in expressions {
            let named = promql::named(&expression);
            let at = format!("{}: {expression}", file.name);
            assert!(!named.metrics.is_empty(), "no metric in {at}");
            for metric in named.metrics {
                assert!(given.metrics.contains(&metric), "no metric {metric}: {at}");
                used.insert(metric);
            }
            for label in &named.labels {
                let is_known =
                    TARGET_LABELS.contains(&label.as_str()) || given.labels.contains(label);
                assert!(is_known, "no label {label}: {at}");
            }
            for (_, code) in named.values.iter().filter(|(label, _)| label == "code") {
                assert!(
                    code == "ok" || codes.contains(code.as_str()),
                    "no code {code}: {at}"
                );
            }
        }
    }
    // Whatever the service measures is to be seen somewhere, whichever of a histogram's series is looked at.
    let family = |metric: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        let stem = suffixes.iter().find_map(|s| metric.strip_suffix(s));
        stem.unwrap_or(metric).to_owned()
    };
    let used: BTreeSet<_> = used.iter().map(|m| family(m)).collect();
    let all: BTreeSet<_> = given.metrics.iter().map(|m| family(m)).collect();
    let unseen: Vec<_> = all.difference(&used).collect();
    assert!(
        unseen.is_empty(),
        "no panel, trigger or alert looks at {unseen:?}: add them to the dashboard"
    );
}

#[tokio::test]
async fn the_probes_and_the_scrape_are_answered() {
    let mut paths = BTreeSet::new();
    for file in files::all()
        .iter()
        .filter(|f| f.name.starts_with("kubernetes/"))
    {
        let found = files::yaml_values(&file.text, "path");
        paths.extend(
            found
                .into_iter()
                .filter(|p| p.starts_with('/') && !p.starts_with("/spec/")),
        );
    }
    let expected = ["/healthz", "/metrics", "/readyz"].map(str::to_owned);
    assert_eq!(paths, BTreeSet::from(expected));
    with_service(async |address| {
        for path in &paths {
            assert_eq!(ask(address, "GET", path).await.0, 200, "{path}");
        }
    })
    .await;
}

/// The environment variables of a command and of those below it, with the flag each stands for.
fn variables(command: &Command) -> Vec<(String, String)> {
    let own = command.get_arguments().filter_map(|argument| {
        let variable = argument.get_env()?.to_str()?.to_owned();
        Some((variable, format!("--{}", argument.get_long()?)))
    });
    own.chain(command.get_subcommands().flat_map(variables))
        .collect()
}

#[test]
fn every_setting_exists_and_takes_the_value_it_is_given() {
    let known = variables(&Cli::command());
    let flag = |name: &str| {
        known
            .iter()
            .find(|(variable, _)| variable == name)
            .map(|k| &k.1)
    };
    let mut tried = BTreeSet::new();
    for file in files::all() {
        for name in file.settings() {
            let is_known = flag(name).is_some() || OF_THE_WORKER.contains(&name);
            assert!(is_known, "no setting {name}: {}", file.name);
        }
        for (name, value) in file.given() {
            let Some(flag) = flag(&name) else { continue };
            let parsed = Cli::try_parse_from(["inference", flag, &value]);
            assert!(
                parsed.is_ok(),
                "{name}={value} in {}: {:?}",
                file.name,
                parsed.err()
            );
            if name == "WHISPER_MODEL" {
                let model = inference_models::catalogue::find(&value);
                assert!(model.is_some(), "no model {value} to pull: {}", file.name);
            }
            tried.insert(name);
        }
    }
    for name in [
        "INFERENCE_STATES",
        "INFERENCE_LISTEN",
        "INFERENCE_SPOOL_DIR",
        "WHISPER_MODEL",
    ] {
        assert!(tried.contains(name), "{name} is given nowhere: {tried:?}");
    }
}

/// The seconds of `text`'s line that begins with `key`.
fn seconds_of(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|l| l.trim().strip_prefix(key));
    let value = line.unwrap_or_else(|| panic!("no {key}"));
    value.trim_end_matches('s').parse().unwrap()
}

#[test]
fn the_times_fit_those_of_the_service() {
    let service = defaults(&[]);
    let unit = files::one("whisper-edge-inference.service");
    let stop = Duration::from_secs(seconds_of(&unit, "TimeoutStopSec="));
    let drain = service.drain_delay + service.drain_timeout;
    assert!(stop > drain, "systemd kills a drain");

    let tunnel = files::one("cloudflared/config.yml");
    let idle = Duration::from_secs(seconds_of(&tunnel, "keepAliveTimeout: "));
    assert!(
        idle < service.header_timeout,
        "the tunnel uses connections that are being closed"
    );
    let to = format!("service: http://{}\n", service.listen);
    assert!(tunnel.contains(&to), "the tunnel leads elsewhere than {to}");
}
