//! `--help`: all that a new administrator needs, without an address and a root key.

use crate::program::{Program, end};

fn help(args: &[&str]) -> String {
    let ended = end(Program::new().bare().args(args));
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    ended.stdout
}

#[test]
fn the_help_alone_suffices() {
    let text = help(&["--help"]);
    for part in [
        "Transcription:",
        "Keys:",
        "Many keys:",
        "Plans and owners:",
        "Reports:",
        "Root keys:",
        "  create-many  Make the keys that a file wishes for",
        "Examples:",
        "keyctl create --name ci",
        "audio=10h-audio/month",
        "EDGE_URL",
        "ADMIN_TOKEN",
        "--token-file",
        "Exit codes",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(help(&["-h"]).matches("Examples:").count(), 1);
}

#[test]
fn a_command_explains_its_flags_limits_and_connection() {
    for args in [["help", "create"], ["update", "--help"]] {
        let text = help(&args);
        for part in [
            "--limit",
            "parallel=4@once",
            "ADMIN_TOKEN",
            "--allow-origin",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
    let text = help(&["plan", "put", "--help"]);
    assert!(
        text.contains("parallel=4@once") && text.contains("ADMIN_TOKEN"),
        "{text}"
    );
    assert!(!help(&["bulk", "--help"]).contains("ADMIN_TOKEN"));
}

#[test]
fn a_command_of_callers_names_the_api_key_and_gives_examples() {
    let text = help(&["transcribe", "--help"]);
    for part in [
        "API_KEY",
        "--api-key",
        "keyctl transcribe talk.flac --stdout",
        "--hotwords",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("ADMIN_TOKEN"), "{text}");
    assert!(help(&["webhooks", "create", "--help"]).contains("--edge-url"));
    assert!(help(&["webhooks", "--help"]).contains("keyctl webhooks test wh_…"));
    assert!(help(&["jobs", "retry", "--help"]).contains("ADMIN_TOKEN"));
    assert!(help(&["jobs", "watch", "--help"]).contains("API_KEY"));
}
