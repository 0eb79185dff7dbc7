//! Calls whose answer was lost: what is told, and that they can be made again.

use edge_core::testing::{Fault, Memory};
use serde_json::Value;

use crate::api::admin_api;
use crate::program::{Ended, keyctl};
use crate::server::{Reply, Server};

const ONCE: [&str; 5] = [
    "create --name a",
    "rotate key_1",
    "credits key_1 --add 5",
    "root-keys create --name a --scope admin:keys",
    "root-keys rotate root_1",
];

fn run(server: &Server, command: &str) -> Ended {
    keyctl(server, &command.split_whitespace().collect::<Vec<_>>())
}

/// What the error says that `flag` is to be given.
fn hinted(ended: &Ended, flag: &str) -> String {
    let (_, rest) = ended.stderr.split_once(&format!("`{flag} ")).unwrap();
    rest.split('`').next().unwrap().to_owned()
}

fn sent_key(server: &Server) -> String {
    let request = server.requests().pop().unwrap();
    request.header("idempotency-key").unwrap().to_owned()
}

#[test]
fn a_broken_connection_names_the_key_that_was_sent() {
    let server = Server::start(|_| Reply::Bytes(Vec::new()));
    for command in ONCE {
        let ended = run(&server, command);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
        assert!(ended.stderr.contains("unknown"), "{ended:?}");
        let key = hinted(&ended, "--idempotency-key");
        assert_eq!(key, sent_key(&server));
        let again = run(&server, &format!("{command} --idempotency-key {key}"));
        assert_eq!(hinted(&again, "--idempotency-key"), key);
        assert_eq!(sent_key(&server), key);
        let [.., first, second] = &server.requests()[..] else {
            panic!("two requests were sent");
        };
        assert_eq!(first.body, second.body);
    }
}

#[test]
fn an_answer_that_never_comes_leaves_the_same_doubt_and_is_never_repeated() {
    let server = Server::start(|_| Reply::Silence);
    let ended = run(&server, "create --name a --timeout 1s");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert_eq!(hinted(&ended, "--idempotency-key"), sent_key(&server));
    assert_eq!(server.requests().len(), 1, "a creation is never repeated");
}

#[test]
fn a_repeated_creation_means_the_same_instant() {
    let server = Server::start(|_| Reply::Bytes(Vec::new()));
    for command in [
        "create --name a --expires-in 30d",
        "root-keys create --name a --scope admin:* --expires-in 30d",
    ] {
        let ended = run(&server, command);
        let instant = hinted(&ended, "--expires-at");
        let sent = server.requests().pop().unwrap().json();
        assert_eq!(sent["expires_at"].to_string(), instant);
    }
    let plain = run(&server, "create --name a --expires-at 1900000000");
    assert!(!plain.stderr.contains("--expires-at"), "{plain:?}");
}

#[test]
fn a_key_whose_answer_was_lost_can_be_had_by_the_hint() {
    let memory = Memory::default();
    // The object has made it, and its answer is lost.
    memory.faults.plan(0, Fault::After);
    let server = admin_api(memory);
    let lost = run(&server, "create --name a");
    assert_eq!((lost.code, lost.stdout.as_str()), (1, ""), "{lost:?}");
    assert!(lost.stderr.contains("limiter_unavailable"), "{lost:?}");
    let key = hinted(&lost, "--idempotency-key");
    let command = format!("create --name a --idempotency-key {key}");
    let had = run(&server, &command);
    assert_eq!(had.code, 0, "{had:?}");
    assert_eq!(run(&server, &command).stdout, had.stdout, "and again");
    let listed: Value = serde_json::from_str(&run(&server, "list --json").stdout).unwrap();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let other = run(&server, &format!("create --name b --idempotency-key {key}"));
    assert!(other.stderr.contains("idempotency_key_reused"), "{other:?}");
}

#[test]
fn what_the_api_refuses_leaves_no_doubt() {
    let server = admin_api(Memory::default());
    let ended = run(&server, "credits key_00000000000000000000 --add 1");
    assert_eq!(ended.code, 1);
    assert!(!ended.stderr.contains("--idempotency-key"), "{ended:?}");
}

#[test]
fn under_json_the_refusal_of_a_doubtful_call_is_still_the_apis_envelope() {
    let memory = Memory::default();
    memory.faults.plan(0, Fault::Before);
    let ended = run(&admin_api(memory), "create --name a --json");
    let body: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(body["error"]["code"], "limiter_unavailable");
    assert!(ended.stderr.contains("--idempotency-key"), "{ended:?}");
}
