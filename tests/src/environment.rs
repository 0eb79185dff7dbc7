//! Where the tested programs and their data are. What is missing is named, with the way to get it.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout.
pub fn repository() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn existing(path: PathBuf, what: &str) -> PathBuf {
    assert!(
        path.exists(),
        "{what} is missing ({}): run `scripts/test`, which builds it",
        path.display()
    );
    path
}

fn set(variable: &str, what: &str) -> PathBuf {
    let path = env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set ({what}): run `scripts/test`, which sets it")
    });
    existing(path.into(), what)
}

fn bundle(variable: &str, default: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| repository().join(default), PathBuf::from);
    existing(path.join("worker.js"), "the built Worker");
    existing(path.join("index_bg.wasm"), "the built Worker");
    path
}

/// The Worker as it is deployed: `E2E_EDGE_BUNDLE`, or `edge/build`.
pub fn edge_bundle() -> PathBuf {
    bundle("E2E_EDGE_BUNDLE", "edge/build")
}

/// The Worker with the routes that only tests need: `E2E_EDGE_TEST_BUNDLE`, or `edge/build-test`.
pub fn edge_test_bundle() -> PathBuf {
    bundle("E2E_EDGE_TEST_BUNDLE", "edge/build-test")
}

/// The built pages.
pub fn pages() -> PathBuf {
    existing(repository().join("edge/ui/dist"), "the pages")
}

/// The inference service: `E2E_INFERENCE_BIN`.
pub fn inference_program() -> PathBuf {
    set("E2E_INFERENCE_BIN", "the inference service")
}

/// The administrator's command line: `E2E_KEYCTL_BIN`.
pub fn keyctl_program() -> PathBuf {
    set("E2E_KEYCTL_BIN", "keyctl")
}

/// A Python with the packages of tests/requirements.txt: `E2E_PYTHON`.
pub fn python_program() -> PathBuf {
    set("E2E_PYTHON", "the Python environment")
}

/// A browser of Chromium's family: `E2E_BROWSER`.
pub fn browser_program() -> PathBuf {
    set("E2E_BROWSER", "the browser")
}

/// Node: the one of package.json where there is one for this machine, else that of PATH.
pub fn node_program() -> PathBuf {
    let pinned = repository().join("node_modules/.bin/node");
    if pinned.exists() {
        pinned
    } else {
        "node".into()
    }
}

/// Published weights of tiny.en, in CTranslate2's form: `E2E_WEIGHTS_DIR`.
pub fn weights() -> PathBuf {
    set("E2E_WEIGHTS_DIR", "the weights to import")
}

/// Folder of the model files: `WHISPER_MODELS_DIR`.
pub fn models() -> PathBuf {
    set("WHISPER_MODELS_DIR", "the folder of the models")
}

/// Recorded speech beyond the repository's own: `WHISPER_TEST_AUDIO_DIR`, if it is set.
pub fn recordings() -> Option<PathBuf> {
    let path = env::var_os("WHISPER_TEST_AUDIO_DIR")?;
    Some(existing(path.into(), "the folder of recorded speech"))
}

/// A file of the crate: `harness/edge.mjs`.
pub(crate) fn own(path: &str) -> PathBuf {
    existing(Path::new(env!("CARGO_MANIFEST_DIR")).join(path), "a file")
}
