//! Pulls from a server that does everything servers do.
#![expect(clippy::unwrap_used, reason = "what a test lacks fails it")]

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread;

use inference_models::catalogue::CatalogueEntry;
use inference_models::digest;
use inference_models::pull::{PullError, PullRequest, Pulled, pull};
use server::{Answer, Server, answer, endless};

/// What the hub has: long enough for several reads.
fn model() -> Vec<u8> {
    (0..1_000_003_u32)
        .map(|at| at.to_le_bytes()[usize::from(at % 7 == 0)])
        .collect()
}

/// The catalogue's entry for [`model`].
fn entry() -> CatalogueEntry {
    let scratch = tempfile::NamedTempFile::new().unwrap();
    fs::write(scratch.path(), model()).unwrap();
    CatalogueEntry {
        name: "test",
        bytes: model().len() as u64,
        sha256: digest::of_file(scratch.path()).unwrap(),
    }
}

/// A models directory of its own.
struct Models(tempfile::TempDir);

impl Models {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("ggml-test.bin{suffix}"))
    }

    /// What an earlier pull left: the first `bytes` bytes and the ETag.
    fn with_part(bytes: usize, etag: Option<&str>) -> Self {
        let models = Self::new();
        fs::write(models.path(".part"), &model()[..bytes]).unwrap();
        if let Some(etag) = etag {
            fs::write(models.path(".part.etag"), etag).unwrap();
        }
        models
    }

    fn pull(&self, url: &str) -> Result<Pulled, PullError> {
        self.pull_with(url, false)
    }

    fn pull_with(&self, url: &str, replace: bool) -> Result<Pulled, PullError> {
        let request = PullRequest {
            entry: &entry(),
            directory: self.0.path(),
            base_url: Some(url),
            replace,
        };
        let mut last = 0;
        let pulled = pull(request, &mut |received| last = received);
        assert!(
            last <= entry().bytes,
            "{last} bytes are more than there are"
        );
        pulled
    }

    /// The model is there, whole, and nothing else but the lock.
    fn assert_complete(&self) {
        assert!(fs::read(self.path("")).unwrap() == model(), "another file");
        assert_eq!(self.files(), [".ggml-test.bin.lock", "ggml-test.bin"]);
    }

    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        files
    }

    fn part(&self) -> Vec<u8> {
        fs::read(self.path(".part")).unwrap()
    }
}

fn whole() -> Answer {
    let length = format!("Content-Length: {}", model().len());
    answer("200 OK", &[&length, "ETag: \"v1\""], model())
}

fn rest(from: usize) -> Answer {
    let all = model().len();
    let range = format!("Content-Range: bytes {from}-{}/{all}", all - 1);
    let length = format!("Content-Length: {}", all - from);
    answer(
        "206 Partial Content",
        &[&range, &length],
        model()[from..].to_vec(),
    )
}

/// Pulls once from a server with one answer; what came of it and what was asked.
fn pull_once(models: &Models, reply: Answer) -> (Result<Pulled, PullError>, server::Request) {
    let server = Server::start(vec![reply]);
    let pulled = models.pull(server.url());
    let mut requests = server.requests();
    (pulled, requests.remove(0))
}

#[test]
fn a_whole_file_arrives_under_its_name() {
    let models = Models::new();
    let (pulled, request) = pull_once(&models, whole());
    assert_eq!(pulled.unwrap(), Pulled::Downloaded(models.path("")));
    models.assert_complete();
    assert_eq!(request.line, "GET /ggml-test.bin HTTP/1.1");
    assert_eq!(request.header("Range"), None);
    assert_eq!(request.header("Accept-Encoding"), Some("identity"));
}

#[test]
fn a_pull_that_broke_off_is_continued_where_it_stopped() {
    let models = Models::new();
    let length = format!("Content-Length: {}", model().len());
    let cut = model()[..300_000].to_vec();
    let headers = [length.as_str(), "ETag: \"v1\""];
    let server = Server::start(vec![answer("200 OK", &headers, cut), rest(300_000)]);

    let error = models.pull(server.url()).unwrap_err();
    assert!(
        matches!(
            error,
            PullError::CutOff {
                received: 300_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(!models.path("").exists());
    assert!(models.part() == model()[..300_000]);

    models.pull(server.url()).unwrap();
    models.assert_complete();
    let requests = server.requests();
    assert_eq!(requests[1].header("Range"), Some("bytes=300000-"));
    assert_eq!(requests[1].header("If-Range"), Some("\"v1\""));
}

#[test]
fn a_server_without_ranges_gives_the_whole_file_again() {
    let models = Models::with_part(123_456, Some("\"v0\""));
    let (pulled, request) = pull_once(&models, whole());
    pulled.unwrap();
    assert_eq!(request.header("Range"), Some("bytes=123456-"));
    models.assert_complete();
}

#[test]
fn a_weak_or_broken_etag_is_not_sent() {
    for etag in ["W/\"v1\"", "v1", "\"a\r\nX: y\"", "\"\u{e9}\""] {
        let models = Models::with_part(10, Some(etag));
        let (pulled, request) = pull_once(&models, rest(10));
        pulled.unwrap();
        assert_eq!(request.header("If-Range"), None, "{etag:?}");
        models.assert_complete();
    }
}

#[test]
fn a_part_that_is_the_whole_file_needs_no_request() {
    let models = Models::with_part(model().len(), None);
    models.pull("http://nobody.invalid").unwrap();
    models.assert_complete();
}

#[test]
fn a_part_longer_than_the_model_is_begun_anew() {
    let models = Models::new();
    fs::write(models.path(".part"), vec![0; model().len() + 1]).unwrap();
    let (pulled, request) = pull_once(&models, whole());
    pulled.unwrap();
    assert_eq!(request.header("Range"), None);
    models.assert_complete();
}

#[test]
fn a_wrong_hash_is_refused_and_discarded() {
    let models = Models::new();
    let mut bytes = model();
    bytes[500_000] ^= 1;
    let (pulled, _) = pull_once(&models, answer("200 OK", &[], bytes));
    assert!(matches!(pulled.unwrap_err(), PullError::WrongHash { .. }));
    assert_eq!(models.files(), [".ggml-test.bin.lock"]);
}

#[test]
fn a_damaged_part_is_found_by_the_hash_of_the_whole() {
    let models = Models::new();
    let mut bytes = model()[..1000].to_vec();
    bytes[0] ^= 1;
    fs::write(models.path(".part"), bytes).unwrap();
    let (pulled, _) = pull_once(&models, rest(1000));
    assert!(matches!(pulled.unwrap_err(), PullError::WrongHash { .. }));
    assert_eq!(models.files(), [".ggml-test.bin.lock"]);
}

#[test]
fn an_endless_body_is_cut_at_the_catalogued_size() {
    let models = Models::new();
    let (pulled, _) = pull_once(&models, endless(&[]));
    assert!(matches!(pulled.unwrap_err(), PullError::TooLong { .. }));
    assert!(models.part().is_empty());
    assert!(!models.path("").exists());
}

#[test]
fn another_length_is_refused_before_the_body_and_the_part_kept() {
    let models = Models::with_part(10, None);
    let headers = ["Content-Length: 4000000000"];
    let (pulled, _) = pull_once(&models, answer("200 OK", &headers, Vec::new()));
    let error = pulled.unwrap_err();
    assert!(
        matches!(
            error,
            PullError::Size {
                announced: 4_000_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert!(models.part() == model()[..10]);
}

#[test]
fn another_range_than_asked_for_is_refused_and_the_part_kept() {
    let all = model().len();
    let wrong = [
        format!("bytes 0-{}/{all}", all - 1),
        format!("bytes 11-{}/{all}", all - 1),
        "bytes */5".to_owned(),
        "garbage".to_owned(),
    ];
    for range in wrong {
        let models = Models::with_part(10, None);
        let header = format!("Content-Range: {range}");
        let reply = answer("206 Partial Content", &[&header], model()[10..].to_vec());
        let (pulled, _) = pull_once(&models, reply);
        assert!(
            matches!(pulled.unwrap_err(), PullError::Range { .. }),
            "{range}"
        );
        assert!(models.part() == model()[..10]);
    }
    let models = Models::with_part(10, None);
    let header = format!("Content-Range: bytes 10-{all}/{}", all + 1);
    let reply = answer("206 Partial Content", &[&header], Vec::new());
    let (pulled, _) = pull_once(&models, reply);
    assert!(matches!(pulled.unwrap_err(), PullError::Size { .. }));
}

#[test]
fn a_status_that_is_no_file_is_reported() {
    for (status, number) in [
        ("404 Not Found", 404),
        ("500 Oops", 500),
        ("403 Forbidden", 403),
    ] {
        let models = Models::new();
        let (pulled, _) = pull_once(
            &models,
            answer(status, &["Content-Length: 2"], b"no".into()),
        );
        match pulled.unwrap_err() {
            PullError::Status { status, url } => {
                assert_eq!(status, number);
                assert!(url.ends_with("/ggml-test.bin"), "{url}");
            }
            other => panic!("{other}"),
        }
        assert!(!models.path("").exists());
    }
}

#[test]
fn a_range_beyond_the_servers_file_begins_anew_next_time() {
    let models = Models::with_part(10, Some("\"v1\""));
    let reply = answer(
        "416 Range Not Satisfiable",
        &["Content-Length: 0"],
        Vec::new(),
    );
    let (pulled, _) = pull_once(&models, reply);
    assert!(matches!(
        pulled.unwrap_err(),
        PullError::Status { status: 416, .. }
    ));
    let (pulled, request) = pull_once(&models, whole());
    pulled.unwrap();
    assert_eq!(request.header("Range"), None);
    models.assert_complete();
}

#[test]
fn a_server_that_hangs_up_is_reported() {
    let models = Models::new();
    let (pulled, _) = pull_once(&models, Box::new(|_| {}));
    assert!(matches!(pulled.unwrap_err(), PullError::Request { .. }));
}

#[test]
fn a_redirect_is_followed() {
    let storage = Server::start(vec![whole()]);
    let location = format!("Location: {}/elsewhere", storage.url());
    let headers = [location.as_str(), "Content-Length: 0"];
    let models = Models::new();
    let (pulled, _) = pull_once(&models, answer("302 Found", &headers, Vec::new()));
    pulled.unwrap();
    models.assert_complete();
    assert_eq!(storage.requests()[0].line, "GET /elsewhere HTTP/1.1");
}

#[test]
fn a_file_that_is_there_is_kept() {
    let models = Models::new();
    fs::write(models.path(""), model()).unwrap();
    let pulled = models.pull("http://nobody.invalid").unwrap();
    assert_eq!(pulled, Pulled::AlreadyThere(models.path("")));

    fs::write(models.path(""), b"imported").unwrap();
    let error = models.pull("http://nobody.invalid").unwrap_err();
    assert!(matches!(error, PullError::Occupied(_)));
    assert_eq!(fs::read(models.path("")).unwrap(), b"imported");

    let server = Server::start(vec![whole()]);
    models.pull_with(server.url(), true).unwrap();
    server.requests();
    models.assert_complete();
}

#[test]
fn two_pulls_of_one_file_do_not_meet() {
    let models = Models::new();
    let (asked, is_asked) = channel();
    let (go_on, may_go_on) = channel();
    let slow: Answer = Box::new(move |stream| {
        asked.send(()).unwrap();
        may_go_on.recv().unwrap();
        whole()(stream);
    });
    let server = Server::start(vec![slow]);
    thread::scope(|scope| {
        let first = scope.spawn(|| models.pull(server.url()));
        is_asked.recv().unwrap();
        // The first one waits for its answer. Were the second let in, it would ask, too.
        let error = models.pull(server.url()).unwrap_err();
        assert!(
            matches!(&error, PullError::Busy(path) if *path == models.path("")),
            "{error}"
        );
        go_on.send(()).unwrap();
        first.join().unwrap().unwrap();
    });
    assert_eq!(server.requests().len(), 1);
    models.assert_complete();
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let scratch = tempfile::tempdir().unwrap();
    let directory: &Path = &scratch.path().join("a").join("b");
    let server = Server::start(vec![whole()]);
    let request = PullRequest {
        entry: &entry(),
        directory,
        base_url: Some(server.url()),
        replace: false,
    };
    pull(request, &mut |_| {}).unwrap();
    server.requests();
    assert!(directory.join("ggml-test.bin").is_file());
}
