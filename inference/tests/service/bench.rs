//! `inference bench`: the figures of a folder of speech.

use serde_json::Value;
use tokio::time::timeout;

use crate::client::GUARD;
use crate::process::program;
use crate::support::{MODEL, sample};

#[tokio::test]
async fn a_folder_of_speech_gives_figures_that_fit_each_other() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.flac", "b.flac"] {
        std::fs::write(folder.path().join(name), sample()).unwrap();
    }
    // The first is what is said in the sample, the second is not.
    let said = "Good morning, the sun is shining, and the birds are singing in the trees. It is a good day to go for a \
                walk.";
    let list = format!("a.flac\t{said}\nb.flac\ten\tnothing of the kind was ever said here\n");
    std::fs::write(folder.path().join("transcripts.tsv"), list).unwrap();
    let mut command = program(&[
        "bench",
        folder.path().to_str().unwrap(),
        "--json",
        "--states",
        "2",
    ]);
    let output = timeout(GUARD, command.output())
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let all: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(all.len(), 1);
    let figures = &all[0];
    let number = |name: &str| {
        figures[name]
            .as_f64()
            .unwrap_or_else(|| panic!("{name}: {figures}"))
    };
    assert_eq!(figures["model"], MODEL);
    assert_eq!(
        (&figures["clips"], &figures["states"]),
        (&Value::from(2), &Value::from(2))
    );
    let factor = number("wall_seconds") / number("audio_seconds");
    assert!((number("real_time_factor") - factor).abs() < 1e-9);
    assert!(number("p50_ms") > 0.0 && number("p50_ms") <= number("p99_ms"));
    assert!(number("p99_ms") <= number("wall_seconds") * 1000.0);
    assert!(
        number("peak_rss_mib") > 40.0,
        "less than the model itself: {figures}"
    );
    // Of 32 words 24 were said and heard; for the other 8 those 24 were heard.
    let wer = number("word_error_rate");
    assert!((70.0..=85.0).contains(&wer), "{figures}");
}

#[tokio::test]
async fn a_clip_that_is_no_audio_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.wav"), b"no audio").unwrap();
    std::fs::write(folder.path().join("transcripts.tsv"), "a.wav\tnothing\n").unwrap();
    let mut command = program(&["bench", folder.path().to_str().unwrap()]);
    let output = timeout(GUARD, command.output())
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("a.wav"), "{said}");
}
