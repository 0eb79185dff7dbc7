//! The program itself: how it starts, says where it listens, and ends.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::{Answer, GUARD, Part, field, form, get, transcribe};
use crate::support::sample;

pub(crate) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inference"));
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// The program while it serves.
pub(crate) struct Program {
    pub(crate) address: std::net::SocketAddr,
    child: Child,
}

/// Starts the program, and waits until it is ready.
pub(crate) async fn start(flags: &[&str]) -> Program {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("address");
    let mut child = program(flags)
        .args(["--address-file", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    let address = address(&file, &mut child).await;
    Program { address, child }
}

impl Program {
    /// Tells it to end, as a system does, and gives the lines of its log.
    pub(crate) async fn terminate(self) -> Vec<serde_json::Value> {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.unwrap().success());
        let output = timeout(GUARD, self.child.wait_with_output())
            .await
            .expect("ends in time")
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let log = String::from_utf8(output.stdout).unwrap();
        log.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

/// Waits for the file that the program writes when it is ready.
async fn address(file: &std::path::Path, child: &mut Child) -> std::net::SocketAddr {
    let asking = async {
        loop {
            if let Ok(text) = std::fs::read_to_string(file) {
                return text.parse().expect("an address");
            }
            assert_eq!(child.try_wait().unwrap(), None, "the program ended");
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, asking).await.expect("ready in time")
}

/// A service in a process of its own, which ends with the test.
pub(crate) struct Running {
    pub(crate) address: std::net::SocketAddr,
    _child: Child,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Unsigned, with these flags.
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("address");
        let place = file.to_str().unwrap();
        let mut args = vec![
            "--dev-insecure",
            "--listen",
            "127.0.0.1:0",
            "--address-file",
            place,
        ];
        args.extend(flags);
        let mut child = program(&args).stdout(Stdio::null()).spawn().unwrap();
        Self {
            address: address(&file, &mut child).await,
            _child: child,
            _dir: dir,
        }
    }

    /// The value of a metric.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = get(self.address, "/metrics").await.body;
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        text.lines().find_map(value).expect("the metric")
    }
}

#[tokio::test]
async fn sigterm_ends_the_program_cleanly_and_logs_hold_no_words() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("address");
    let mut child = program(&[
        "--dev-insecure",
        "--states",
        "1",
        "--drain-delay",
        "0",
        "--listen",
        "127.0.0.1:0",
        "--address-file",
        file.to_str().unwrap(),
    ])
    .spawn()
    .unwrap();
    let address = address(&file, &mut child).await;
    assert_eq!(get(address, "/readyz").await.status, 200);
    let answer = transcribe(address, &form(sample())).await;
    assert_eq!(answer.status, 200);

    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(sent.unwrap().success());
    let output = timeout(GUARD, child.wait_with_output())
        .await
        .expect("ends in time")
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");

    let log = String::from_utf8(output.stdout).unwrap();
    let id = answer.header("x-request-id");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .filter(|l: &serde_json::Value| l["request_id"] == id)
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(lines[0]["status"], 200);
    assert!(lines[0]["audio_seconds"].as_f64().unwrap() > 1.0);
    assert!(!log.contains("sun is shining"), "{log}");
}

#[tokio::test]
async fn sigterm_amid_fifty_streams_lets_all_of_them_finish() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("address");
    // A drain as long as the slowest machine needs, and a door that lets in whoever has room.
    let mut child = program(&["--dev-insecure", "--listen", "127.0.0.1:0"])
        .args([
            "--max-queue-wait",
            "600",
            "--drain-delay",
            "0",
            "--drain-timeout",
            "50",
            "--address-file",
            file.to_str().unwrap(),
        ])
        .spawn()
        .unwrap();
    let address = address(&file, &mut child).await;
    // "Good morning": what matters is that there are many.
    let words = std::io::Cursor::new(sample());
    let words = inference_audio::decode(words, &inference_audio::Limits::default(), &|| false);
    let mut asked = form(crate::wav::of(&words.unwrap().samples[..20_000]));
    asked.push(field("stream", "true"));
    let streams: Vec<_> = (0..50)
        .map(|_| tokio::spawn(send_form(address, asked.clone())))
        .collect();
    let taken = async {
        loop {
            let load = get(address, "/v1/load").await.json();
            let total = load["permits_total"].as_u64().unwrap();
            if load["permits_free"] == total - 50 && load["uploads"] == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(GUARD, taken).await.expect("all are in flight");
    let pid = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(sent.unwrap().success());
    for stream in streams {
        let answer = stream.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        let last = answer.body.trim_end().rsplit("\n\n").next().unwrap();
        assert!(last.contains("transcript.text.done"), "{}", answer.body);
    }
    let output = timeout(GUARD, child.wait_with_output())
        .await
        .expect("ends in time")
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

async fn send_form(address: std::net::SocketAddr, parts: Vec<Part>) -> Answer {
    transcribe(address, &parts).await
}

#[tokio::test]
async fn a_busy_port_a_missing_model_and_an_open_door_are_clear_errors() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    for (args, says) in [
        (vec!["--dev-insecure", "--listen", &busy], "can't listen on"),
        (
            vec![
                "--dev-insecure",
                "--listen",
                "127.0.0.1:0",
                "--model",
                "nosuch",
            ],
            "nosuch",
        ),
        (
            vec!["--dev-insecure", "--listen", "0.0.0.0:0"],
            "needs a loopback address",
        ),
        (vec!["--listen", "127.0.0.1:0"], "EDGE_SIGNING_SECRETS"),
        (
            vec![
                "--dev-insecure",
                "--listen",
                "127.0.0.1:0",
                "--device",
                "cuda:9",
            ],
            if cfg!(feature = "cuda") {
                "no cuda:9"
            } else {
                "--features cuda"
            },
        ),
    ] {
        let output = timeout(
            Duration::from_mins(1),
            program(&args).env_remove("EDGE_SIGNING_SECRETS").output(),
        )
        .await
        .expect("ends in time")
        .unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{said}");
    }
}
