//! What is different on a terminal: blocks instead of ASCII, and questions.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::json;

use crate::api::admin_api;
use crate::program::Program;
use crate::server::{Reply, Server};
use crate::stored::memory_with;

/// Runs keyctl on a terminal of 90 columns on which `typed` was typed; its exit code, and what the
/// terminal shows.
fn on_a_terminal(server: &Server, typed: &str, args: &[&str]) -> (i32, String) {
    in_a_terminal(&Program::new(), server, typed, args)
}

/// The same where files are.
fn in_a_terminal(program: &Program, server: &Server, typed: &str, args: &[&str]) -> (i32, String) {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let far = OpenOptions::new()
        .read(true)
        .write(true)
        .open(OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    let size = Winsize {
        ws_row: 40,
        ws_col: 90,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&near, size).unwrap();
    let mut near = File::from(near);
    near.write_all(typed.as_bytes()).unwrap();
    // The command holds the far end open; it must be gone before the near end can be read to its end.
    let mut child = program
        .at(server)
        .env("TERM", "xterm")
        .args(args)
        .stdin(far.try_clone().unwrap())
        .stdout(far.try_clone().unwrap())
        .stderr(far)
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    // Linux ends a terminal without a far end with an error, after everything that was written to it.
    let _ = near.read_to_end(&mut shown);
    let code = child.wait().unwrap().code().unwrap();
    (code, String::from_utf8(shown).unwrap())
}

#[test]
fn bars_are_blocks_and_as_wide_as_the_terminal() {
    let sum = json!({
        "requests": 3, "outcomes": {"served": 2, "rate_limited": 1}, "audio_seconds": 1.0,
        "bytes": 0, "latency_ms": null,
    });
    let mut part = sum.clone();
    part["start"] = 1_789_999_200.into();
    let report = json!({
        "from": 1_789_999_200, "to": 1_790_002_800, "by": "hour", "data": [part], "total": sum,
    });
    let server = Server::answering(200, report.to_string());
    let (code, shown) = on_a_terminal(&server, "", &["usage"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("██░"), "{shown}");
    let widest = shown.lines().map(|line| line.trim_end().chars().count());
    let widest = widest.max().unwrap();
    assert!((85..=90).contains(&widest), "{widest}\n{shown}");
    let (_, ascii) = on_a_terminal(&server, "", &["usage", "--ascii"]);
    assert!(ascii.is_ascii() && ascii.contains("##."), "{ascii}");
}

#[test]
fn a_purge_is_asked_for_and_only_the_owners_name_confirms_it() {
    let server = admin_api(memory_with(1));
    let (code, shown) = on_a_terminal(&server, "yes\n", &["purge-owner", "acme"]);
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("not confirmed"), "{shown}");
    assert!(server.requests().is_empty());
    let (code, shown) = on_a_terminal(&server, "acme\n", &["purge-owner", "acme"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("deletes every key of acme"), "{shown}");
    assert_eq!(server.request().line(), "DELETE /admin/owners/acme");
}

#[test]
fn a_deletion_is_asked_for_and_only_the_webhooks_id_confirms_it() {
    let server = Server::answering(204, "");
    let delete = ["webhooks", "delete", "wh_1"];
    let (code, shown) = on_a_terminal(&server, "y\n", &delete);
    assert!(code == 2 && shown.contains("not confirmed"), "{shown}");
    assert!(server.requests().is_empty());
    let (code, shown) = on_a_terminal(&server, "wh_1\n", &delete);
    assert!(code == 0 && shown.contains("deleted wh_1"), "{shown}");
}

#[test]
fn transcripts_have_headings_and_drive_no_terminal_and_what_is_sent_has_a_bar() {
    let server = Server::start(|_| Reply::text("one\x1b]0;title\x07\n"));
    let program = Program::new();
    program.write("a.wav", "x");
    program.write("b.wav", "x");
    let args = ["transcribe", "a.wav", "b.wav", "--stdout"];
    let (code, shown) = in_a_terminal(&program, &server, "", &args);
    assert_eq!(code, 0, "{shown}");
    for text in [
        "==> a.wav <==",
        "==> b.wav <==",
        "one\u{fffd}]0;title\u{fffd}",
    ] {
        assert!(shown.contains(text), "{text}\n{shown}");
    }
    assert!(!shown.contains("\x1b]0;"), "{shown}");
    let (_, alone) = in_a_terminal(&program, &server, "", &["transcribe", "a.wav", "--stdout"]);
    assert!(!alone.contains("==>"), "{alone}");
    let bar = alone
        .lines()
        .any(|line| line.contains("a.wav") && line.contains("1 B/1 B"));
    assert!(bar || alone.contains("transcribing"), "{alone}");
}
