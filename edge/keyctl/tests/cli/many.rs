//! create-many and import: files of many keys.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use edge_core::api_key::KeyHash;
use edge_core::testing::{Memory, rate};
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::{Ended, Program, end};
use crate::server::{ROOT_KEY, Reply, Server};

/// Runs keyctl where `files` are.
fn run(program: &Program, server: &Server, command: &str) -> Ended {
    end(program
        .bare()
        .env("EDGE_URL", server.url())
        .env("ADMIN_TOKEN", ROOT_KEY)
        .args(command.split_whitespace()))
}

fn lines(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wishes(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, r#"{{"name":"k{n}","owner":"acme"}}"#).unwrap();
        text
    })
}

#[test]
fn each_key_of_a_file_is_told_once_as_a_line_of_json() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write(
        "wishes",
        "[{\"name\":\"a\",\"owner\":\"x\"},\n {\"name\":\"b\"}]",
    );
    let ended = run(&program, &server, "create-many wishes");
    assert_eq!(ended.code, 0, "{ended:?}");
    let made = lines(&ended.stdout);
    assert_eq!(
        (&made[0]["name"], &made[0]["owner"]),
        (&json!("a"), &json!("x"))
    );
    assert_eq!(
        (&made[1]["name"], &made[1]["owner"]),
        (&json!("b"), &Value::Null)
    );
    for key in &made {
        assert!(key["key"].as_str().unwrap().starts_with("wk_live_"));
        assert!(key["id"].as_str().unwrap().starts_with("key_"));
    }
    assert!(ended.stderr.contains("2 keys made"), "{ended:?}");
    let request = server.request();
    assert_eq!(request.line(), "POST /admin/keys/bulk");
    assert_eq!(
        request.body,
        br#"{"keys":[{"name":"a","owner":"x"},{"name":"b"}]}"#
    );
    assert!(request.header("idempotency-key").unwrap().ends_with(".1"));
}

#[test]
fn a_longer_file_takes_several_calls_each_with_a_key_of_its_own() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write("wishes", &wishes(2_001));
    let ended = run(&program, &server, "create-many wishes --idempotency-key x");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let made = lines(&ended.stdout);
    assert_eq!(made.len(), 2_001);
    assert!(
        made.iter()
            .enumerate()
            .all(|(n, key)| key["name"] == format!("k{n}"))
    );
    let keys: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["x.1", "x.2", "x.3"]);
    // The same command again makes nothing, and shows the same keys.
    let again = run(&program, &server, "create-many wishes --idempotency-key x");
    assert_eq!(lines(&again.stdout), made);
}

#[test]
fn what_was_made_before_a_failure_is_told_and_the_rest_can_be_had() {
    let memory = Memory::default();
    let api = admin_api(memory);
    let target = api.url().replace("http://", "");
    let mut calls = 0;
    let server = Server::start(move |request| {
        calls += 1;
        if calls == 2 {
            return Reply::Bytes(Vec::new());
        }
        Reply::Bytes(crate::server::passed_on(&target, request))
    });
    let program = Program::new();
    program.write("wishes", &wishes(1_500));
    let broken = run(&program, &server, "create-many wishes --keys-out keys");
    assert_eq!(
        (broken.code, broken.stdout.as_str()),
        (3, ""),
        "{}",
        broken.stderr
    );
    assert!(
        broken.stderr.contains("entries 1001 to 1500"),
        "{}",
        broken.stderr
    );
    assert!(
        broken.stderr.contains("1000 keys were made before"),
        "{}",
        broken.stderr
    );
    let path = program.directory.path().join("keys");
    let first = lines(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(first.len(), 1_000);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (_, hint) = broken.stderr.split_once("`--idempotency-key ").unwrap();
    let key = hint.split('`').next().unwrap();
    let command = format!("create-many wishes --idempotency-key {key}");
    let whole = run(&program, &server, &command);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let whole = lines(&whole.stdout);
    assert_eq!(whole.len(), 1_500);
    assert_eq!(whole[..1_000], first[..]);
}

#[test]
fn after_a_refused_entry_the_corrected_file_makes_nothing_twice() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    let good = wishes(1_000);
    program.write("wishes", &format!("{good}{}", "{\"name\":\"\"}\n"));
    let refused = run(&program, &server, "create-many wishes");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let first = lines(&refused.stdout);
    assert_eq!(first.len(), 1_000);
    assert!(
        refused.stderr.contains("from entry 1001 on"),
        "{}",
        refused.stderr
    );
    let (_, hint) = refused.stderr.split_once("`--idempotency-key ").unwrap();
    let key = hint.split('`').next().unwrap();

    program.write("wishes", &format!("{good}{}", "{\"name\":\"z\"}\n"));
    let command = format!("create-many wishes --idempotency-key {key}");
    let whole = run(&program, &server, &command);
    assert_eq!(whole.code, 0, "{}", whole.stderr);
    let whole = lines(&whole.stdout);
    assert_eq!(
        (&whole[..1_000], &whole[1_000]["name"]),
        (&first[..], &json!("z"))
    );
}

#[test]
fn wrong_files_are_refused_before_anything_is_sent() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write("unknown-field", "{\"name\":\"a\",\"admin\":true}");
    program.write("no-json", "name,owner\na,b\n");
    program.write("empty", "\n");
    program.write("there", "mine");
    program.write("good", "{\"name\":\"a\"}");
    for command in [
        "create-many unknown-field",
        "create-many no-json",
        "create-many empty",
        "create-many nowhere",
        "create-many good --keys-out there",
        "create-many good --keys-out there --json",
        "import good",
        "import",
    ] {
        let ended = run(&program, &server, command);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    }
    assert!(server.requests().is_empty());
    let there = std::fs::read_to_string(program.directory.path().join("there"));
    assert_eq!(there.unwrap(), "mine");
}

#[test]
fn a_refused_file_leaves_no_file_of_keys_behind() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write(
        "wishes",
        "{\"name\":\"a\"}\n{\"name\":\"b\",\"owner\":\"no:colon\"}\n",
    );
    let ended = run(&program, &server, "create-many wishes --keys-out keys");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("keys[1]"), "{ended:?}");
    assert!(!program.directory.path().join("keys").exists());
}

#[test]
fn under_json_each_call_is_the_apis_answer() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    program.write("wishes", &wishes(2));
    let ended = run(&program, &server, "create-many wishes --json");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_that_was_minted_elsewhere_is_taken_in_by_its_hash() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    let hash = KeyHash::of("sk-0123456789abcdef").to_hex();
    let command = format!(
        "import --hash {hash} --start sk-0123 --name old --owner acme --limit minute=5/60s"
    );
    let ended = run(&program, &server, &command);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("sk-0123…") && ended.stdout.contains("acme"));
    let request = server.request();
    assert_eq!(request.line(), "POST /admin/keys/import");
    assert_eq!(
        request.json(),
        json!({"keys": [{"hash": hash, "start": "sk-0123", "key": {
            "name": "old", "owner": "acme", "limits": [rate("minute", 5, 60)], "enabled": true,
        }}]})
    );
    let again = run(&program, &server, &command);
    assert!(
        again.code == 1 && again.stderr.contains("key_exists"),
        "{again:?}"
    );
}

#[test]
fn a_file_of_hashes_is_imported_and_a_key_in_the_place_of_a_hash_is_not_repeated() {
    let server = admin_api(Memory::default());
    let program = Program::new();
    let entries = ["a", "b"].map(|name| {
        let hash = KeyHash::of(name).to_hex();
        json!({"hash": hash, "start": name, "key": {"name": name}}).to_string()
    });
    program.write("hashes", &entries.join("\n"));
    let ended = run(&program, &server, "import hashes");
    assert_eq!(
        (ended.code, ended.stdout.lines().count()),
        (0, 3),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("2 keys imported"), "{ended:?}");

    let wrong = run(
        &program,
        &server,
        "import --hash sk-0123456789abcdef --name a",
    );
    assert_eq!(wrong.code, 2);
    assert!(!wrong.stderr.contains("sk-0123"), "{wrong:?}");
    for command in [
        "import hashes --owner acme",
        "import hashes --name a",
        "import --hash 00",
        "import hashes --hash 00 --name a",
    ] {
        assert_eq!(run(&program, &server, command).code, 2, "{command}");
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_import_without_an_answer_says_how_to_find_out() {
    let server = Server::start(|_| Reply::Bytes(Vec::new()));
    let program = Program::new();
    let hash = "0".repeat(64);
    let ended = run(&program, &server, &format!("import --hash {hash} --name a"));
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("keyctl list"), "{ended:?}");
}
