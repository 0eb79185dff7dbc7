//! bulk: keys minted here, entries for `wrangler kv bulk put`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use edge_core::api_key::{KeyEnv, KeyFormat, KeyHash};
use edge_core::key_record::KeyRecord;
use edge_core::testing::Memory;
use serde_json::{Value, json};

use crate::api::admin_api;
use crate::program::{Ended, Program, end, keyctl};

/// Runs it without an address, a root key and a network.
fn bulk(program: &Program, flags: &str) -> Ended {
    end(program
        .bare()
        .args(["bulk", "wishes", "--out", "entries"])
        .args(flags.split_whitespace()))
}

fn entries(program: &Program) -> Vec<Value> {
    let path = program.directory.path().join("entries");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn keys(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const WISHES: &str = r#"{"name":"a","owner":"acme","scopes":["transcribe"],"expires_at":4000000000}
{"name":"b","limits":[{"name":"day","kind":"quota","limit":5,"period":"day"}]}
"#;

#[test]
fn the_entries_are_those_that_the_api_would_write() {
    let program = Program::new();
    program.write("wishes", WISHES);
    let ended = bulk(&program, "");
    assert_eq!(ended.code, 0, "{ended:?}");
    let format = KeyFormat::new("wk", KeyEnv::Live).unwrap();
    let made = keys(&ended.stdout);
    let entries = entries(&program);
    assert_eq!((made.len(), entries.len()), (2, 6));
    let by_name: BTreeMap<&str, &Value> = entries
        .iter()
        .map(|entry| (entry["key"].as_str().unwrap(), entry))
        .collect();
    for (key, owner) in made.iter().zip(["acme", ""]) {
        let (id, text) = (key["id"].as_str().unwrap(), key["key"].as_str().unwrap());
        assert!(format.parse(text).is_ok());
        let hash = KeyHash::of(text).to_hex();
        assert_eq!(by_name[format!("id:{id}").as_str()]["value"], hash);
        let listing = by_name[format!("owner:{owner}:{id}").as_str()];
        assert_eq!(listing["value"], "");
        assert_eq!(listing["metadata"]["id"], id);
        let record = by_name[format!("key:{hash}").as_str()]["value"]
            .as_str()
            .unwrap();
        let record: KeyRecord = serde_json::from_str(record).unwrap();
        assert_eq!(
            (&record.id, &record.name),
            (&id.to_owned(), &key["name"].as_str().unwrap().to_owned())
        );
        assert!(text.starts_with(&record.start) && !record.limits.is_empty());
        assert!(
            !format!("{entries:?}").contains(text),
            "the key itself is nowhere"
        );
    }
    // A key that works can be found: what makes it work comes after everything else.
    let last: Vec<bool> = entries
        .iter()
        .map(|entry| entry["key"].as_str().unwrap().starts_with("key:"))
        .collect();
    assert_eq!(last, [false, false, false, false, true, true]);
    assert!(ended.stderr.contains("kv bulk put"), "{ended:?}");
}

#[test]
fn the_api_finds_shows_and_revokes_such_keys() {
    let program = Program::new();
    program.write("wishes", WISHES);
    let made = keys(&bulk(&program, "").stdout);
    let memory = Memory::default();
    for entry in entries(&program) {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        let metadata = entry.get("metadata").cloned();
        memory
            .kv
            .borrow_mut()
            .insert(text("key"), (text("value"), metadata));
    }
    let server = admin_api(memory);
    let listed = keyctl(&server, &["list", "--owner", "acme"]);
    let id = made[0]["id"].as_str().unwrap();
    assert!(listed.stdout.contains(id), "{listed:?}");
    let key = made[0]["key"].as_str().unwrap();
    let verified = keyctl(&server, &["verify", key, "--scope", "transcribe"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(keyctl(&server, &["revoke", id]).code, 0);
    assert_eq!(keyctl(&server, &["verify", key]).code, 1);
}

#[test]
fn files_are_readable_by_their_owner_alone_and_never_written_over() {
    let program = Program::new();
    program.write("wishes", WISHES);
    let ended = bulk(&program, "--keys-out keys");
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""), "{ended:?}");
    for name in ["entries", "keys"] {
        let metadata = std::fs::metadata(program.directory.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let before = entries(&program);
    let again = bulk(&program, "");
    assert_eq!((again.code, again.stdout.as_str()), (2, ""), "{again:?}");
    assert_eq!(entries(&program), before);
    std::fs::remove_file(program.directory.path().join("entries")).unwrap();
    let taken = bulk(&program, "--keys-out keys");
    assert_eq!(taken.code, 2, "{taken:?}");
    assert!(!program.directory.path().join("entries").exists());
}

#[test]
fn the_deployments_settings_and_plans_are_given() {
    let program = Program::new();
    program.write("wishes", r#"[{"name":"a","plan":"pro"},{"name":"b"}]"#);
    let plan = json!({"data": [{
        "name": "pro", "limits": [{"name": "day", "kind": "quota", "unit": "requests", "limit": 9, "period": "day"}],
        "credits": {"balance": 70}, "scopes": ["transcribe"], "models": ["*"], "cost": 1,
        "permits_ahead": 0, "self_service": false, "version": 4,
    }]});
    program.write("plans", &plan.to_string());
    let ended = bulk(
        &program,
        "--plans plans --prefix acme --env test --default-limit hour=7/1h",
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let made = keys(&ended.stdout);
    assert!(
        made.iter()
            .all(|key| key["key"].as_str().unwrap().starts_with("acme_test_"))
    );
    let records: BTreeMap<String, KeyRecord> = entries(&program)
        .iter()
        .filter(|entry| entry["key"].as_str().unwrap().starts_with("key:"))
        .map(|entry| serde_json::from_str(entry["value"].as_str().unwrap()).unwrap())
        .map(|record: KeyRecord| (record.name.clone(), record))
        .collect();
    assert_eq!(
        records["a"].credits.map(|credits| credits.balance),
        Some(70)
    );
    assert!(records["a"].limits.is_empty());
    assert_eq!(
        records["b"].limits,
        [edge_core::testing::rate("hour", 7, 3_600)]
    );
}

#[test]
fn what_the_api_would_refuse_is_refused_and_nothing_is_written() {
    let program = Program::new();
    for (wishes, flags, says) in [
        (r#"{"name":"a","owner":"no:colon"}"#, "", "`owner`"),
        (r#"{"name":""}"#, "", "`name`"),
        (r#"{"name":"a","expires_at":1}"#, "", "past"),
        (r#"{"name":"a","cost":0}"#, "", "`cost`"),
        (r#"{"name":"a","limits":[]}"#, "", "limit or credits"),
        (r#"{"name":"a","plan":"pro"}"#, "", "--plans"),
        (r#"{"name":"a","nmae":"b"}"#, "", "line 1"),
        (
            r#"{"name":"a","owner":"x","plan":"p","self_service":true}"#,
            "",
            "create-many",
        ),
        (r#"{"name":"a"}"#, "--prefix NO", "--prefix"),
        (r#"{"name":"a"}"#, "--plans nowhere", "nowhere"),
        (r#"{"name":"a"}"#, "--plans wishes", "plan list"),
        ("", "", "no entries"),
    ] {
        program.write("wishes", wishes);
        let ended = bulk(&program, &format!("{flags} --keys-out keys"));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (2, ""),
            "{wishes} {ended:?}"
        );
        assert!(ended.stderr.contains(says), "{wishes} {ended:?}");
        for name in ["entries", "keys"] {
            assert!(!program.directory.path().join(name).exists(), "{wishes}");
        }
    }
}

#[test]
fn thousands_are_minted_with_no_two_alike() {
    let program = Program::new();
    program.write("wishes", &"{\"name\":\"a\"}\n".repeat(2_500));
    let ended = bulk(&program, "");
    let made = keys(&ended.stdout);
    let distinct: std::collections::BTreeSet<&str> = made
        .iter()
        .map(|key| key["key"].as_str().unwrap())
        .collect();
    assert_eq!((made.len(), distinct.len()), (2_500, 2_500));
    assert_eq!(entries(&program).len(), 7_500);
}
