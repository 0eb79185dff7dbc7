//! What the default model hears, and when, held to golden files (`scripts/make-golden`): the words within a
//! tolerance, their times against those of a larger model. Other processors round differently, hence tolerances.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::client::{field, form, transcribe};
use crate::support::{Service, repository, words};

/// Of a hundred words so many may differ from the golden ones.
const MOST_DIFFERENT_PERCENT: usize = 5;
/// Most seconds, in the median, between when a word begins and when the larger model hears it begin.
const MOST_OFF: f64 = 0.3;

#[derive(Deserialize)]
struct Golden {
    file: String,
    text: String,
    /// By the larger model: word, start, end.
    words: Vec<(String, f64, f64)>,
}

/// Where a golden recording is, if it is there: the sample always, the others in `WHISPER_TEST_AUDIO_DIR`.
fn path_of(file: &str, folder: Option<&Path>) -> Option<PathBuf> {
    if file == "sample.flac" {
        Some(repository().join("assets").join(file))
    } else {
        folder.map(|folder| folder.join(file))
    }
}

/// Pairs of equal words in two texts, in order: a longest common subsequence.
fn common(ours: &[String], theirs: &[String]) -> Vec<(usize, usize)> {
    let mut lengths = vec![vec![0_usize; theirs.len() + 1]; ours.len() + 1];
    for (i, our) in ours.iter().enumerate().rev() {
        for (j, their) in theirs.iter().enumerate().rev() {
            lengths[i][j] = if our == their {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < ours.len() && j < theirs.len() {
        if ours[i] == theirs[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[tokio::test]
async fn recordings_are_heard_as_they_were_and_when_a_larger_model_hears_them() {
    let service = Service::real(&["--states", "2"]).await;
    let folder = std::env::var_os("WHISPER_TEST_AUDIO_DIR").map(PathBuf::from);
    let golden = repository().join("inference/tests/golden/transcripts.jsonl");
    let golden = std::fs::read_to_string(golden).unwrap();
    let (mut spoken, mut same, mut off) = (0, 0, Vec::new());
    for line in golden.lines() {
        let golden: Golden = serde_json::from_str(line).unwrap();
        let Some(path) = path_of(&golden.file, folder.as_deref()) else {
            continue;
        };
        let mut asked = form(std::fs::read(path).unwrap());
        asked.push(field("response_format", "verbose_json"));
        asked.push(field("timestamp_granularities[]", "word"));
        let heard = transcribe(service.address, &asked).await.json();

        let (text, expected) = (words(heard["text"].as_str().unwrap()), words(&golden.text));
        spoken += expected.len().max(text.len());
        same += common(&text, &expected).len();

        let ours: Vec<(String, f64)> = heard["words"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| {
                (
                    words(w["word"].as_str().unwrap()).concat(),
                    w["start"].as_f64().unwrap(),
                )
            })
            .collect();
        let of_ours: Vec<String> = ours.iter().map(|(word, _)| word.clone()).collect();
        let of_golden: Vec<String> = golden
            .words
            .iter()
            .map(|(word, ..)| words(word).concat())
            .collect();
        let pairs = common(&of_ours, &of_golden);
        off.extend(
            pairs
                .iter()
                .map(|(i, j)| (ours[*i].1 - golden.words[*j].1).abs()),
        );
        assert!(
            golden.words.iter().all(|(_, start, end)| start <= end),
            "{}",
            golden.file
        );
    }
    let different = spoken - same;
    assert!(
        different * 100 <= spoken * MOST_DIFFERENT_PERCENT,
        "{different} of {spoken} words"
    );
    off.sort_by(f64::total_cmp);
    let median = off[off.len() / 2];
    assert!(median <= MOST_OFF, "{median} s");
}
