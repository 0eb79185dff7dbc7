//! usage: what is asked, and what is drawn of the answer.

use edge_core::testing::Memory;
use serde_json::json;

use crate::api::admin_api;
use crate::program::keyctl;
use crate::server::Server;

fn report() -> String {
    let part = |start: u64, served: u64, refused: u64| {
        json!({
            "start": start, "requests": served + refused,
            "outcomes": {"served": served, "quota_used_up": refused},
            "audio_seconds": 7_200.0, "bytes": 1_048_576,
            "latency_ms": {"p50": 362, "p90": 724, "p99": 2_048},
        })
    };
    json!({
        "from": 1_789_999_200, "to": 1_790_010_000, "by": "hour",
        "data": [part(1_789_999_200, 40, 0), part(1_790_006_400, 10, 10)],
        "total": {
            "requests": 60, "outcomes": {"served": 50, "quota_used_up": 10},
            "audio_seconds": 14_400.0, "bytes": 2_097_152, "latency_ms": null,
        },
    })
    .to_string()
}

#[test]
fn a_report_is_drawn_in_ascii_where_no_terminal_is() {
    let ended = keyctl(&Server::answering(200, report()), &["usage"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(ended.stdout.is_ascii(), "{ended:?}");
    assert!(
        lines[4].starts_with("2026-09-21 14:00  ########"),
        "{ended:?}"
    );
    assert!(
        lines[4].contains("40      40  2.0 h  362 ms  724 ms  2.0 s"),
        "{ended:?}"
    );
    assert!(lines[5].starts_with("2026-09-21 15:00 "), "{ended:?}");
    assert!(
        lines[6].contains("#.") && lines[6].contains(" 20 "),
        "{ended:?}"
    );
    assert!(
        lines[7].starts_with("total ") && lines[7].contains(" 60 "),
        "{ended:?}"
    );
    assert!(
        ended
            .stdout
            .contains("served         50\nquota_used_up  10\nuploads        2.0 MiB\n")
    );
    let json = keyctl(&Server::answering(200, report()), &["usage", "--json"]);
    assert_eq!(json.stdout, format!("{}\n", report()));
}

#[test]
fn what_is_asked_stands_in_path_and_query() {
    for (flags, wanted) in [
        ("usage", "/admin/usage"),
        ("usage key_1 --by hour", "/admin/keys/key_1/usage?by=hour"),
        (
            "usage --owner a|b --plan pro --from 2026-09-21T14:13:20Z --to 1790003600 --by day",
            "/admin/usage?owner=a%7Cb&plan=pro&from=1790000000&to=1790003600&by=day",
        ),
        (
            "usage --to 1790000000 --by day",
            "/admin/usage?from=1787408000&to=1790000000&by=day",
        ),
    ] {
        let server = Server::answering(200, report());
        let ended = keyctl(&server, &flags.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, 0, "{ended:?}");
        assert_eq!(server.request().line(), format!("GET {wanted}"));
    }
}

#[test]
fn the_api_understands_it() {
    let server = admin_api(Memory::default());
    for args in [
        vec!["usage"],
        vec!["usage", "--to", "1790000000", "--by", "day"],
        vec![
            "usage",
            "--owner",
            "acme",
            "--from",
            "1789990000",
            "--to",
            "1790000000",
        ],
    ] {
        let ended = keyctl(&server, &args);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stdout.contains("nothing was used"), "{ended:?}");
    }
    let unknown = keyctl(&server, &["usage", "key_00000000000000000000"]);
    assert!(
        unknown.code == 1 && unknown.stderr.contains("not_found"),
        "{unknown:?}"
    );
}

#[test]
fn wrong_flags_are_refused_before_anything_is_sent() {
    let server = admin_api(Memory::default());
    for args in [
        vec!["usage", "key_1", "--owner", "acme"],
        vec!["usage", "--by", "minute"],
        vec!["usage", "--owner", ""],
        vec!["usage", "--from", "yesterday"],
        vec!["usage", "--from", "2000000000", "--to", "1000000000"],
        vec!["usage", ".."],
    ] {
        assert_eq!(keyctl(&server, &args).code, 2, "{args:?}");
    }
    assert!(server.requests().is_empty());
}
