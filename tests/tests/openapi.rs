//! The API's description is what the Worker does: its files, its routes, its errors, and every answer that
//! schemathesis could get out of it.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use e2e::edge::{Edge, Key};
use e2e::environment;
use e2e::service::Service;
use edge_core::error::EdgeError;
use reqwest::Method;
use serde_json::Value;
use tokio::process::Command;

/// Everything that has a method of its own somewhere.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// The bound on one run of schemathesis; it takes a fraction of it.
const RUN: Duration = Duration::from_mins(5);

fn file(name: &str) -> String {
    let path = environment::repository().join("edge").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn document() -> Value {
    serde_json::from_str(&file("openapi.json")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_document_and_its_page_are_the_generated_files() {
    let edge = Edge::builder().pages().start().await;
    let answer = edge.get("/openapi.json").send().await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert!(answer.text() == file("openapi.json"), "another document");

    let answer = edge.get("/docs").send().await.expect(200);
    let header = |name| answer.header(name);
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header("cache-control"), Some("public, max-age=300"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    let policy = file("docs.csp");
    assert_eq!(header("content-security-policy"), Some(policy.trim_end()));
    assert!(answer.text() == file("docs.html"), "another page");
}

/// The path with something in the place of each parameter that is well-formed, and nobody's.
fn example(path: &str) -> String {
    path.replace("/root-keys/{id}", "/root-keys/root_00000000000000000000")
        .replace("/keys/{id}", "/keys/key_00000000000000000000")
        .replace("{id}", "nobody")
        .replace("{name}", "nobody")
        .replace("{owner}", "nobody")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_paths_are_the_workers_with_these_methods_and_no_others() {
    // Else hosts have no route.
    let edge = Edge::builder().setting("HOST_REGISTRATION", "on");
    let edge = edge.start().await;
    let key = edge.any_key().await;
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let documented: BTreeSet<String> = operations
            .as_object()
            .unwrap()
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        for method in METHODS {
            let call = edge.call(method.clone(), &example(path));
            let of_root = path.starts_with("/admin/") || path == "/v1/keys/verify";
            let answer = if of_root {
                call.bearer(edge.root_key())
            } else {
                call.key(&key)
            };
            let answer = answer.send().await;
            if documented.contains(method.as_str()) {
                let unknown = answer.status == 404 && answer.text().contains("no such route");
                let refused = answer.status == 405 || unknown;
                assert!(!refused, "{method} {path}: {answer:?}");
            } else {
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
                let allowed = answer.header("allow").unwrap_or_default();
                let allowed: BTreeSet<String> = allowed.split(", ").map(str::to_owned).collect();
                assert_eq!(allowed, documented, "{method} {path}");
            }
        }
    }
}

/// The texts in quotes of a source file that begin with `start`.
fn quoted(source: &str, start: &str) -> BTreeSet<String> {
    let texts = source.split('"').skip(1).step_by(2);
    texts
        .filter(|text| text.starts_with(start) && text.len() > start.len())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_path_that_the_router_knows_is_in_the_document() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let known = |start: &str| paths.keys().any(|path| path.starts_with(start));
    let of_router = quoted(&file("src/router.rs"), "/");
    assert!(of_router.len() >= 8, "the router is read wrongly");
    for path in of_router {
        assert!(known(&path), "{path} is not in the document");
    }
    // Those of administrators are matched by their parts.
    let admin = file("src/admin.rs");
    let parts: Vec<_> = admin.split("[\"admin\", \"").skip(1).collect();
    assert!(
        parts.len() >= 6,
        "the administrator's routes are read wrongly"
    );
    for part in parts {
        let part = part.split('"').next().unwrap_or_default();
        assert!(
            known(&format!("/admin/{part}")),
            "{part} is not in the document"
        );
    }
}

#[test]
fn the_documents_error_codes_are_those_that_a_caller_can_get() {
    let document = document();
    let codes = document.pointer("/components/schemas/Error/properties/error/properties/code/enum");
    let documented: BTreeSet<&str> = codes
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let edge = EdgeError::one_of_each();
    let edge = edge.iter().map(|error| error.answer().code);
    let service = inference::Error::ALL_CODES.iter().map(|(code, _)| *code);
    // Nobody is there to read it.
    let unheard = "client_closed_request";
    let real: BTreeSet<&str> = edge
        .chain(service)
        .filter(|&code| code != unheard)
        .collect();
    assert_eq!(documented, real);
}

/// Lets schemathesis ask the edge for whatever the document allows, and for what it does not.
async fn schemathesis(edge: &Edge, of_routes: &str, of_root_routes: &str, only: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(environment::python_program())
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(environment::repository().join("tests/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", edge.url())])
        .args(only)
        .env("KEY_OF_ROUTES", of_routes)
        .env("KEY_OF_ROOT_ROUTES", of_root_routes)
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Where it may write what it likes.
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(RUN, run).await;
    let output = output.expect("schemathesis does not end").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    // A run that asked nothing would find nothing, too.
    let asked = said.lines().find_map(|line| line.split_once(" generated,"));
    let asked = asked.and_then(|(count, _)| count.trim().parse::<u32>().ok());
    assert!(asked > Some(1_000), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_as_an_administrator() {
    let edge = Edge::builder().start().await;
    let root = edge.root_key();
    let only = ["--include-path-regex", "^/(admin|v1/keys)/"];
    schemathesis(&edge, root, root, &only).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_with_an_ordinary_key_not_even_on_an_administrators_routes() {
    let service = Service::start().await;
    let edge = Edge::builder().service(&service).start().await;
    let Key { text, .. } = edge.any_key().await;
    schemathesis(&edge, &text, &text, &[]).await;
}
