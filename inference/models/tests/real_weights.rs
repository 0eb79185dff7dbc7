//! Real weights against a ready file: `WHISPER_TEST_CT2_DIR` names a CTranslate2 or Hugging Face
//! folder, `WHISPER_TEST_GGML` the q8_0 file made from the same weights by whisper.cpp's tools.
//! Without them there is nothing to compare, and the tests say so.

#![expect(clippy::unwrap_used, reason = "what a test lacks fails it")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use inference_models::digest;
use inference_models::ggml::{self, Summary};
use inference_models::import::{ImportRequest, ImportType, import};

/// The folder, the ready file; `None` where they are not given.
fn fixtures() -> Option<(PathBuf, PathBuf)> {
    let given = ["WHISPER_TEST_CT2_DIR", "WHISPER_TEST_GGML"].map(env::var_os);
    let [Some(folder), Some(ready)] = given else {
        eprintln!("NOT TESTED: WHISPER_TEST_CT2_DIR and WHISPER_TEST_GGML are not both set");
        return None;
    };
    Some((folder.into(), ready.into()))
}

fn part(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap();
    &bytes[start..start + usize::try_from(length).unwrap()]
}

fn mel_filters(path: &Path, summary: &Summary) -> Vec<u8> {
    let filters = summary.mel_filters;
    let length = u64::from(filters.bands) * u64::from(filters.bins) * 4;
    part(&fs::read(path).unwrap(), filters.offset, length).to_vec()
}

#[test]
fn an_import_is_byte_for_byte_what_whisper_cpps_tools_make() {
    let Some((folder, ready)) = fixtures() else {
        return;
    };
    let scratch = tempfile::tempdir().unwrap();
    let target = scratch.path().join("model.bin");
    let request = ImportRequest {
        folder: &folder,
        target: &target,
        kind: ImportType::Q8_0,
        replace: false,
    };
    let made = import(request, &mut |_, _| {}).unwrap();

    // Part by part first: a difference is then named.
    let (ours, theirs) = (
        ggml::inspect(&target).unwrap(),
        ggml::inspect(&ready).unwrap(),
    );
    assert_eq!(ours.hyperparameters, theirs.hyperparameters);
    let same_filters = mel_filters(&target, &ours) == mel_filters(&ready, &theirs);
    assert!(same_filters, "the mel filters differ");
    assert!(ours.tokens == theirs.tokens, "the vocabulary differs");
    let [our_bytes, their_bytes] = [&target, &ready].map(|path| fs::read(path).unwrap());
    for (our, their) in ours.tensors.iter().zip(&theirs.tensors) {
        assert_eq!((&our.name, &our.shape), (&their.name, &their.shape));
        assert_eq!(our.kind, their.kind, "{}", our.name);
        let same = part(&our_bytes, our.offset, our.bytes)
            == part(&their_bytes, their.offset, their.bytes);
        assert!(same, "the values of {} differ", our.name);
    }
    assert_eq!(made.sha256, digest::of_file(&ready).unwrap());
}
