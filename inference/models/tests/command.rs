//! The subcommands as a user types them.
#![expect(clippy::unwrap_used, reason = "what a test lacks fails it")]

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Parser;
use inference_models::command::{CommandError, ModelsCommand, run};
use serde_json::Value;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: ModelsCommand,
}

/// Runs `models` with these words and this directory; what it printed.
fn models(words: &[&str], directory: Option<&Path>) -> Result<String, CommandError> {
    let directory = directory.map(|directory| format!("--models-dir={}", directory.display()));
    let words = std::iter::once("models").chain(words.iter().copied());
    let line = Line::try_parse_from(words.chain(directory.as_deref())).unwrap();
    let mut out = Vec::new();
    run(&line.command, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn what_can_be_pulled_is_listed_with_the_default_marked() {
    let table = models(&["list", "--available"], None).unwrap();
    assert!(table.starts_with("NAME "), "{table}");
    let default = table
        .lines()
        .find(|line| line.starts_with("tiny.en-q8_0* "));
    assert!(default.unwrap().contains("English"), "{table}");

    let json: Value =
        serde_json::from_str(&models(&["list", "--available", "--json"], None).unwrap()).unwrap();
    let find = |name: &str| {
        let rows = json.as_array().unwrap().iter();
        rows.filter(|row| row["name"] == name).collect::<Vec<_>>()
    };
    assert_eq!(find("large-v3-turbo-q5_0")[0]["size_bytes"], 574_041_195);
    assert_eq!(find("large-v3")[0]["type"], "f16");
    assert_eq!(find("tiny.en-q8_0")[0]["default"], true);
}

#[test]
fn what_is_here_is_listed_with_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("ggml-broken.bin"), b"lmgg").unwrap();
    let table = models(&["list"], Some(directory.path())).unwrap();
    assert!(table.contains("broken"), "{table}");
    assert!(table.contains("unusable: the file is cut off"), "{table}");

    let json = models(&["list", "--json"], Some(directory.path())).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["size_bytes"], 4);
    assert_eq!(json[0]["verified"], false);
    assert!(json[0]["problem"].is_string());
}

#[test]
fn a_model_that_does_not_exist_is_not_pulled() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["tiny.de", "../tiny", ""] {
        let error = models(&["pull", name], Some(directory.path())).unwrap_err();
        assert!(matches!(error, CommandError::NotInCatalogue(_)), "{error}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_name_that_leaves_the_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap();
    let words = ["import", folder, "--name", "../x"];
    let error = models(&words, Some(directory.path())).unwrap_err();
    assert!(matches!(error, CommandError::Name(_)), "{error}");
}

#[test]
fn a_file_of_its_own_does_not_mind_a_models_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("a.bin");
    let words = ["import", "nothing-here", "--out", out.to_str().unwrap()];
    let error = models(&words, Some(scratch.path())).unwrap_err();
    assert!(matches!(error, CommandError::Import(_)), "{error}");
}

/// What a closed pipe does.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for words in [
        &["models", "list", "--available"][..],
        &["models", "list", "--available", "--json"],
    ] {
        let line = Line::try_parse_from(words).unwrap();
        run(&line.command, &mut Closed).unwrap();
    }
}

#[test]
fn out_and_name_exclude_each_other() {
    let words = ["models", "import", "x", "--out", "a.bin", "--name", "b"];
    assert!(Line::try_parse_from(words).is_err());
}
