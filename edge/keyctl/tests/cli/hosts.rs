//! hosts: what is shown of each.

use serde_json::Value;

use crate::program::keyctl;
use crate::server::Server;

const HOSTS: &str = r#"{"data":[
    {"url":"https://gpu-1.example","sources":["configured","registered"],"health":"healthy","out_until":null,
     "heard_at":1790000000,"sent":0,"load":{"free":12,"queue_ms":340,"models":["tiny.en-q8_0","whisper-1"]}},
    {"url":"https://gpu-2.example","sources":["registered"],"health":"ejected","out_until":1790000005,
     "heard_at":null,"sent":1,"load":null}]}"#;

#[test]
fn hosts_are_listed_with_how_they_fare() {
    let server = Server::answering(200, HOSTS);
    let ended = keyctl(&server, &["hosts"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(server.request().line(), "GET /admin/hosts");
    let lines: Vec<&str> = ended.stdout.lines().map(str::trim_end).collect();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        words(lines[0]),
        "HOST SOURCE HEALTH FREE QUEUE MODELS HEARD"
    );
    assert_eq!(
        words(lines[1]),
        "https://gpu-1.example configured, registered healthy 12 340 ms tiny.en-q8_0, whisper-1 \
         2026-09-21 14:13:20 UTC"
    );
    assert_eq!(
        words(lines[2]),
        "https://gpu-2.example registered ejected - - - -"
    );
    let json = keyctl(&server, &["hosts", "--json"]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["data"][1]["health"], "ejected");
}
