//! A model imported from its published weights transcribes as well as the ready file.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::edge::Edge;
use e2e::environment;
use e2e::service::Service;
use e2e::speech::{self, form_of, plain};

const NAME: &str = "imported";

/// Clips and what is said in them: the repository's own, and recordings where there are some.
fn clips() -> Vec<(PathBuf, String)> {
    let mut clips = vec![speech::sample()];
    if let Some(recordings) = environment::recordings() {
        let table = std::fs::read_to_string(recordings.join("transcripts.tsv")).unwrap();
        for line in table.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            if fields[0].starts_with("en/") {
                clips.push((recordings.join(fields[0]), plain(fields[2])));
            }
        }
    }
    clips
}

/// Words said in all clips, and words that were heard wrong, missed or made up (Levenshtein's distance).
async fn heard_wrong(edge: &Edge, clips: &[(PathBuf, String)]) -> (usize, usize) {
    let key = edge.any_key().await;
    let (mut said_in_all, mut wrong) = (0, 0);
    for (path, said) in clips {
        let form = form_of(path).text("response_format", "text");
        let answer = edge.transcribe(&key).form(form).send().await;
        let heard = plain(answer.expect(200).text());
        let said: Vec<&str> = said.split(' ').collect();
        said_in_all += said.len();
        wrong += distance(&said, &heard.split(' ').collect::<Vec<_>>());
    }
    (said_in_all, wrong)
}

fn distance(said: &[&str], heard: &[&str]) -> usize {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[heard.len()]
}

fn import(weights: &Path, models: &Path) {
    let output = Command::new(environment::inference_program())
        .args(["models", "import"])
        .arg(weights)
        .args(["--name", NAME, "--type", "q8_0"])
        .env("WHISPER_MODELS_DIR", models)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_model_transcribes_as_well_as_the_ready_file() {
    let models = tempfile::tempdir().unwrap();
    import(&environment::weights(), models.path());
    let folder = models.path().to_str().unwrap();
    // The window is fitted for models it was validated on, by their names: this one has another.
    let fitted = ("INFERENCE_FIT_CONTEXT", "on");
    let of_imported = [
        ("WHISPER_MODELS_DIR", folder),
        ("WHISPER_MODEL", NAME),
        fitted,
    ];
    let of_ready = [fitted];
    let (imported, ready) = tokio::join!(
        Service::start_with(&of_imported),
        Service::start_with(&of_ready)
    );
    let (to_imported, to_ready) = tokio::join!(
        Edge::builder().service(&imported).start(),
        Edge::builder().service(&ready).start()
    );
    let clips = clips();
    let (said, wrong) = heard_wrong(&to_imported, &clips).await;
    let (_, wrong_by_ready) = heard_wrong(&to_ready, &clips).await;
    // One word in a hundred: quantized from other copies of the weights, a file may differ in a last bit.
    assert!(
        wrong.abs_diff(wrong_by_ready) <= said / 100,
        "of {said} words {wrong} wrong, by the ready file {wrong_by_ready}"
    );
    let (_, wrong_in_sample) = heard_wrong(&to_imported, &clips[..1]).await;
    assert_eq!(wrong_in_sample, 0, "the sample");
}
