//! Who may ask for what: every route by every kind of caller (OWASP API Security 2023: 1, 3 and 5).

use std::collections::BTreeSet;
use std::fs;

use e2e::edge::{Edge, Key, unknown_key};
use e2e::environment;
use e2e::http::Answer;
use e2e::upstream::Upstream;
use edge_core::api_key::KeyHash;
use edge_core::key_record::KeyRecord;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

/// What a path wants of its caller, whatever the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing.
    Nothing,
    /// An ordinary key.
    Key,
    /// A root key with this scope.
    Root(&'static str),
    /// A root key.
    AnyRoot,
}

/// A status, or an error's status and code.
type Expected = Result<u16, (u16, &'static str)>;

/// A path with its methods, each with a body and the answer to one who may: its status, or its error.
/// `{key}` is an ordinary key, `{root}` a root key.
struct Route(&'static str, Need, Vec<(Method, Value, Expected)>);

/// The id of no transcript.
const NO_TRANSCRIPT: &str = "tr_00000000000000000000";
const NONE_KEPT: &str = "/v1/transcripts/tr_00000000000000000000";
const NONE_SHARED: &str = "/v1/transcripts/tr_00000000000000000000/share";
const NONE_HEARD: &str = "/v1/transcripts/tr_00000000000000000000/audio";
/// The id of no webhook.
const NO_WEBHOOK: &str = "wh_00000000000000000000";
/// The token of no link.
const NO_TOKEN: &str = "00000000000000000000000000000000";
const NO_LINK: &str = "/t/00000000000000000000000000000000";

const NO_LINKED_AUDIO: &str = "/t/00000000000000000000000000000000/audio";

const METHODS: [Method; 6] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

fn routes() -> Vec<Route> {
    let mut routes = callers_routes();
    routes.extend(routes_of_webhooks());
    routes.extend(routes_of_jobs());
    routes.extend(routes_of_the_portal());
    routes.extend(routes_of_keys());
    routes.extend(routes_of_the_rest());
    routes
}

fn get() -> (Method, Value, Expected) {
    (Method::GET, Value::Null, Ok(200))
}

fn limits() -> Value {
    json!([{"name": "hour", "kind": "rate", "limit": 1_000_000, "window_seconds": 3600}])
}

fn callers_routes() -> Vec<Route> {
    use Need::{Key, Nothing};
    vec![
        Route("/healthz", Nothing, vec![get()]),
        Route("/openapi.json", Nothing, vec![get()]),
        Route("/docs", Nothing, vec![get()]),
        // A page that says so.
        Route(NO_LINK, Nothing, vec![(Method::GET, Value::Null, Ok(404))]),
        Route(
            NO_LINKED_AUDIO,
            Nothing,
            vec![(Method::GET, Value::Null, Err((404, "not_found")))],
        ),
        Route("/v1/models", Key, vec![get()]),
        Route("/v1/models/tiny.en", Key, vec![get()]),
        Route("/v1/usage", Key, vec![get()]),
        Route("/v1/transcripts", Key, vec![get()]),
        Route("/v1/transcripts/export", Key, vec![get()]),
        // Nobody's; tests/transcripts.rs has some.
        Route(
            NONE_KEPT,
            Key,
            vec![
                (Method::GET, Value::Null, Err((404, "not_found"))),
                (Method::DELETE, Value::Null, Err((404, "not_found"))),
            ],
        ),
        Route(
            NONE_SHARED,
            Key,
            vec![
                (Method::POST, Value::Null, Err((404, "not_found"))),
                (Method::DELETE, Value::Null, Err((404, "not_found"))),
            ],
        ),
        // Nobody's; tests/kept_audio.rs has some.
        Route(
            NONE_HEARD,
            Key,
            vec![(Method::GET, Value::Null, Err((404, "not_found")))],
        ),
        // Over plain HTTP nobody gets further; tests/realtime.rs does.
        Route(
            "/v1/realtime",
            Key,
            vec![(Method::GET, Value::Null, Err((426, "upgrade_required")))],
        ),
        Route(
            "/v1/audio/transcriptions",
            Key,
            vec![(Method::POST, json!("audio"), Ok(200))],
        ),
        Route(
            "/v1/audio/translations",
            Key,
            vec![(Method::POST, json!("audio"), Ok(200))],
        ),
    ]
}

/// Where nobody has a job or an upload; tests/jobs.rs and tests/uploads.rs have some.
fn routes_of_jobs() -> Vec<Route> {
    use Need::Key;
    let missing = |method: Method, body: Value| (method, body, Err((404, "not_found")));
    let of_nothing = json!({"upload_id": "up_00000000000000000000"});
    vec![
        Route(
            "/v1/jobs",
            Key,
            vec![get(), missing(Method::POST, of_nothing.clone())],
        ),
        Route(
            "/v1/jobs/batch",
            Key,
            vec![(Method::POST, json!({"jobs": [of_nothing]}), Ok(202))],
        ),
        Route(
            "/v1/jobs/job_00000000000000000000",
            Key,
            vec![
                missing(Method::GET, Value::Null),
                missing(Method::DELETE, Value::Null),
            ],
        ),
        Route(
            "/v1/jobs/job_00000000000000000000/events",
            Key,
            vec![missing(Method::GET, Value::Null)],
        ),
        Route(
            "/v1/uploads",
            Key,
            vec![(Method::POST, json!({}), Err((400, "invalid_body")))],
        ),
        Route(
            "/v1/uploads/up_00000000000000000000",
            Key,
            vec![
                missing(Method::GET, Value::Null),
                missing(Method::PUT, json!({})),
                missing(Method::DELETE, Value::Null),
            ],
        ),
        Route(
            "/admin/jobs",
            Need::Root("admin:jobs"),
            vec![(Method::GET, Value::Null, Err((400, "invalid_value")))],
        ),
        Route(
            "/admin/jobs/job_00000000000000000000/retry",
            Need::Root("admin:jobs"),
            vec![missing(Method::POST, Value::Null)],
        ),
    ]
}

/// Where nobody is signed in, and no key stands for that; tests/portal.rs has people who are.
fn routes_of_the_portal() -> Vec<Route> {
    use Need::Nothing;
    let no_session = |method: Method| (method, Value::Null, Err((401, "no_session")));
    // None of these callers is a page of ours.
    let foreign = |method: Method| (method, json!({}), Err((403, "cross_site_request")));
    let (one, of_one) = (
        "/portal/keys/key_00000000000000000000",
        "/portal/keys/key_00000000000000000000/usage",
    );
    vec![
        Route(
            "/portal/session",
            Nothing,
            vec![get(), foreign(Method::POST), foreign(Method::DELETE)],
        ),
        // To the page that says why not.
        Route(
            "/portal/sign-in",
            Nothing,
            vec![(Method::GET, Value::Null, Ok(302))],
        ),
        Route(
            "/portal/callback",
            Nothing,
            vec![(Method::GET, Value::Null, Ok(302))],
        ),
        Route("/portal/plans", Nothing, vec![no_session(Method::GET)]),
        Route(
            "/portal/keys",
            Nothing,
            vec![no_session(Method::GET), foreign(Method::POST)],
        ),
        Route(
            one,
            Nothing,
            vec![no_session(Method::GET), foreign(Method::DELETE)],
        ),
        Route(
            "/portal/keys/key_00000000000000000000/rotate",
            Nothing,
            vec![foreign(Method::POST)],
        ),
        Route(of_one, Nothing, vec![no_session(Method::GET)]),
        Route(
            "/admin/portal-sessions",
            Need::Root("admin:portal"),
            vec![(Method::POST, json!({"owner": "acme"}), Ok(201))],
        ),
    ]
}

/// Where no address of a caller is asked, and no webhook is; tests/webhooks.rs has some.
fn routes_of_webhooks() -> Vec<Route> {
    use Need::Key;
    let missing = |method: Method, body: Value| (method, body, Err((404, "not_found")));
    let wish = json!({"url": "https://receiver.example/"});
    vec![
        Route(
            "/v1/webhooks",
            Key,
            vec![get(), (Method::POST, wish, Err((403, "urls_switched_off")))],
        ),
        Route(
            "/v1/webhooks/wh_00000000000000000000",
            Key,
            vec![
                missing(Method::GET, Value::Null),
                missing(Method::PATCH, json!({"enabled": true})),
                missing(Method::DELETE, Value::Null),
            ],
        ),
        Route(
            "/v1/webhooks/wh_00000000000000000000/rotate",
            Key,
            vec![missing(Method::POST, Value::Null)],
        ),
        Route(
            "/v1/webhooks/wh_00000000000000000000/test",
            Key,
            vec![missing(Method::POST, Value::Null)],
        ),
        Route(
            "/v1/webhooks/wh_00000000000000000000/deliveries",
            Key,
            vec![missing(Method::GET, Value::Null)],
        ),
    ]
}

fn routes_of_keys() -> Vec<Route> {
    use Need::Root;
    let create = json!({"name": "made by the matrix", "limits": limits()});
    // The same requests come many times: what they make must be there already, or never come to be.
    let known_hash = json!({"keys": [{"hash": "0".repeat(64), "key": create}]});
    let none = "key_00000000000000000000";
    vec![
        Route(
            "/v1/keys/verify",
            Root("admin:verify"),
            vec![(Method::POST, json!({"key": none}), Ok(200))],
        ),
        Route(
            "/admin/keys",
            Root("admin:keys"),
            vec![get(), (Method::POST, create.clone(), Ok(201))],
        ),
        Route(
            "/admin/keys/bulk",
            Root("admin:keys"),
            vec![(Method::POST, json!({"keys": [create]}), Ok(201))],
        ),
        Route(
            "/admin/keys/import",
            Root("admin:keys"),
            vec![(Method::POST, known_hash, Err((409, "key_exists")))],
        ),
        Route(
            "/admin/keys/{key}",
            Root("admin:keys"),
            vec![
                get(),
                (Method::PATCH, json!({"name": "renamed"}), Ok(200)),
                (Method::DELETE, Value::Null, Ok(204)),
            ],
        ),
        Route(
            "/admin/keys/{key}/rotate",
            Root("admin:keys"),
            vec![(Method::POST, json!({}), Ok(200))],
        ),
        Route(
            "/admin/keys/{key}/credits",
            Root("admin:keys"),
            vec![(Method::POST, json!({"add": 1}), Ok(200))],
        ),
        Route("/admin/keys/{key}/usage", Root("admin:keys"), vec![get()]),
    ]
}

fn routes_of_the_rest() -> Vec<Route> {
    use Need::Root;
    let root = json!({"name": "made by the matrix", "scopes": ["admin:audit"]});
    vec![
        // What a session may do: tests/console_sessions.rs.
        Route(
            "/admin/session",
            Need::AnyRoot,
            vec![
                get(),
                (Method::POST, Value::Null, Ok(201)),
                (Method::DELETE, Value::Null, Ok(204)),
            ],
        ),
        Route(
            "/admin/root-keys",
            Root("admin:*"),
            vec![get(), (Method::POST, root, Ok(201))],
        ),
        Route(
            "/admin/root-keys/{root}",
            Root("admin:*"),
            vec![
                get(),
                (Method::PATCH, json!({"name": "renamed"}), Ok(200)),
                (Method::DELETE, Value::Null, Ok(204)),
            ],
        ),
        Route(
            "/admin/root-keys/{root}/rotate",
            Root("admin:*"),
            vec![(Method::POST, json!({}), Ok(200))],
        ),
        Route("/admin/plans", Root("admin:plans"), vec![get()]),
        Route(
            "/admin/plans/busy",
            Root("admin:plans"),
            vec![
                get(),
                (Method::PUT, json!({"limits": limits()}), Ok(200)),
                (Method::DELETE, Value::Null, Err((409, "plan_in_use"))),
            ],
        ),
        Route(
            "/admin/owners/nobody",
            Root("admin:owners"),
            vec![get(), (Method::DELETE, Value::Null, Ok(200))],
        ),
        Route(
            "/admin/owners/nobody/limits",
            Root("admin:owners"),
            vec![(Method::PUT, json!({"limits": []}), Ok(200))],
        ),
        Route("/admin/usage", Root("admin:usage"), vec![get()]),
        Route("/admin/audit", Root("admin:audit"), vec![get()]),
        Route("/admin/hosts", Root("admin:hosts"), vec![get()]),
        // Where no host may register itself; tests/fleet.rs has a deployment where they may.
        Route(
            "/fleet/heartbeat",
            Need::Nothing,
            vec![(Method::POST, Value::Null, Err((404, "not_found")))],
        ),
        // Hosts only, by their signature.
        Route(
            "/fleet/transcripts/find",
            Need::Nothing,
            vec![(Method::POST, Value::Null, Err((401, "invalid_signature")))],
        ),
        Route(
            "/fleet/transcripts/keep",
            Need::Nothing,
            vec![(Method::POST, Value::Null, Err((401, "invalid_signature")))],
        ),
    ]
}

/// A kind of caller.
enum Caller {
    Nobody,
    /// A key that is none, or nobody's.
    Stranger(String),
    /// An ordinary key, and the code that refuses it.
    Key(String, Option<&'static str>),
    /// A root key with its scopes, and the code that refuses it.
    Root(String, Vec<&'static str>, Option<&'static str>),
}

impl Caller {
    /// The status and code that refuse him what needs `need`; `None`: he may.
    fn refusal(&self, need: Need) -> Option<(u16, &'static str)> {
        match (need, self) {
            (Need::Nothing, _) | (Need::AnyRoot, Self::Root(_, _, None)) => None,
            (_, Self::Nobody) => Some((401, "missing_api_key")),
            (Need::Key, Self::Key(_, refusal)) => refusal.map(|code| (401, code)),
            (Need::Root(_) | Need::AnyRoot, Self::Root(_, _, Some(code))) => Some((401, code)),
            (Need::Root(scope), Self::Root(_, scopes, None)) => {
                let may = scopes.contains(&scope) || scopes.contains(&"admin:*");
                (!may).then_some((403, "insufficient_scope"))
            }
            _ => Some((401, "invalid_api_key")),
        }
    }

    fn token(&self) -> Option<&str> {
        match self {
            Self::Nobody => None,
            Self::Stranger(text) | Self::Key(text, _) | Self::Root(text, ..) => Some(text),
        }
    }
}

const SCOPES: [&str; 9] = [
    "admin:keys",
    "admin:plans",
    "admin:owners",
    "admin:usage",
    "admin:audit",
    "admin:hosts",
    "admin:jobs",
    "admin:portal",
    "admin:verify",
];

async fn ordinary(edge: &Edge, owner: &str) -> Key {
    let wish = json!({"name": "ordinary", "owner": owner, "limits": limits(), "credits": {"balance": 1_000_000}});
    edge.create_key(&wish).await
}

/// Writes a root key's record to KV with a field of another value; its object does not hear of it.
async fn overwrite(edge: &Edge, root: &Key, field: &str, value: Value) {
    let entry = format!("root:{}", KeyHash::of(&root.text).to_hex());
    let record = edge.kv_get(&entry).await.unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    record[field] = value;
    edge.kv_put(&entry, &record.to_string()).await;
}

async fn callers(edge: &Edge) -> Vec<(String, Caller)> {
    let good = ordinary(edge, "acme").await;
    let revoked = ordinary(edge, "acme").await;
    edge.revoke(&revoked).await.expect(204);
    let disabled = ordinary(edge, "acme").await;
    edge.patch(&disabled, &json!({"enabled": false}))
        .await
        .expect(200);
    let expired = KeyRecord {
        id: "key_expired0expired0expi".to_owned(),
        expires_at: Some(1),
        ..edge.record(&good).await
    };
    let expired = edge.import_key(expired).await;
    let mut callers = vec![
        ("nobody".to_owned(), Caller::Nobody),
        ("garbage".to_owned(), Caller::Stranger("garbage".to_owned())),
        (
            "a key nobody has".to_owned(),
            Caller::Stranger(unknown_key()),
        ),
        ("a key".to_owned(), Caller::Key(good.text, None)),
        (
            "a key of another owner".to_owned(),
            Caller::Key(ordinary(edge, "rival").await.text, None),
        ),
        (
            "a revoked key".to_owned(),
            Caller::Key(revoked.text, Some("revoked_api_key")),
        ),
        (
            "a disabled key".to_owned(),
            Caller::Key(disabled.text, Some("disabled_api_key")),
        ),
        (
            "an expired key".to_owned(),
            Caller::Key(expired.text, Some("expired_api_key")),
        ),
        (
            "the first root key".to_owned(),
            Caller::Root(edge.root_key().to_owned(), vec!["admin:*"], None),
        ),
    ];
    for scope in SCOPES.into_iter().chain(["admin:*"]) {
        let root = edge.root_key_with(&[scope]).await;
        callers.push((scope.to_owned(), Caller::Root(root.text, vec![scope], None)));
    }
    for refusal in ["revoked_api_key", "disabled_api_key", "expired_api_key"] {
        let root = edge.root_key_with(&["admin:*"]).await;
        let path = format!("/admin/root-keys/{}", root.id);
        match refusal {
            "revoked_api_key" => {
                edge.admin(Method::DELETE, &path).send().await.expect(204);
            }
            "disabled_api_key" => {
                edge.tell(Method::PATCH, &path, &json!({"enabled": false}))
                    .await
                    .expect(200);
            }
            _ => overwrite(edge, &root, "expires_at", json!(1)).await,
        }
        callers.push((
            refusal.to_owned(),
            Caller::Root(root.text, vec!["admin:*"], Some(refusal)),
        ));
    }
    callers
}

async fn ask(edge: &Edge, caller: &Caller, method: &Method, path: &str, body: &Value) -> Answer {
    let mut call = edge.call(method.clone(), path);
    if let Some(token) = caller.token() {
        call = call.bearer(token);
    }
    match body {
        Value::Null => call.send().await,
        Value::String(audio) => call.upload(audio.clone()).send().await,
        body => call.json(body).send().await,
    }
}

#[test]
fn the_matrix_has_every_route_of_the_api_and_no_other() {
    let document = environment::repository().join("edge/openapi.json");
    let document: Value = serde_json::from_slice(&fs::read(document).unwrap()).unwrap();
    let documented: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            let methods = methods.filter(|name| {
                METHODS
                    .iter()
                    .any(|m| m.as_str().eq_ignore_ascii_case(name))
            });
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let in_matrix = routes().into_iter().flat_map(|Route(path, _, methods)| {
        let path = path
            .replace("{key}", "{id}")
            .replace("{root}", "{id}")
            .replace("tiny.en", "{id}")
            .replace(NO_TRANSCRIPT, "{id}")
            .replace(NO_WEBHOOK, "{id}")
            .replace("key_00000000000000000000", "{id}")
            .replace("job_00000000000000000000", "{id}")
            .replace("up_00000000000000000000", "{id}")
            .replace(NO_TOKEN, "{token}")
            .replace("busy", "{name}")
            .replace("nobody", "{owner}");
        methods
            .into_iter()
            .map(move |(method, ..)| format!("{method} {path}"))
    });
    assert_eq!(in_matrix.collect::<BTreeSet<_>>(), documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_caller_as_the_matrix_says() {
    let host = Upstream::start().await.answer_all("words");
    let edge = Edge::builder().upstream(host.url());
    let edge = edge.setting("PORTAL_AUTH", "open").start().await;
    let plan =
        json!({"limits": [{"name": "hour", "kind": "rate", "limit": 1, "window_seconds": 3600}]});
    edge.put_plan("busy", &plan).await;
    edge.create_key(&json!({"name": "on the plan", "plan": "busy"}))
        .await;
    let wish = json!({"name": "known", "limits": plan["limits"]});
    let import = json!({"keys": [{"hash": "0".repeat(64), "key": wish}]});
    edge.tell(Method::POST, "/admin/keys/import", &import)
        .await
        .expect(201);
    let callers = callers(&edge).await;
    // One row after the other would take its time; rows have nothing in common.
    let rows = routes()
        .into_iter()
        .map(|route| check_row(&edge, &callers, route));
    let cells: usize = join_all(rows).await.into_iter().sum();
    assert_eq!(cells, routes().len() * METHODS.len() * callers.len());
}

/// Every method of a path by every caller; how many cells that was.
async fn check_row(edge: &Edge, callers: &[(String, Caller)], route: Route) -> usize {
    let Route(template, need, methods) = route;
    let mut cells = 0;
    for method in METHODS {
        let known = methods.iter().find(|(known, ..)| *known == method);
        // Of its own: what one cell does is not seen by the next row.
        let path = template
            .replace("{key}", &ordinary(edge, "victim").await.id)
            .replace("{root}", &edge.root_key_with(&["admin:audit"]).await.id);
        for (name, caller) in callers {
            let body = known.map_or(&Value::Null, |(_, body, _)| body);
            let answer = ask(edge, caller, &method, &path, body).await;
            let expected = match (known, caller.refusal(need)) {
                // A public path says first what it can't do at all.
                (None, _) if !matches!(need, Need::Root(_) | Need::AnyRoot) => {
                    Err((405, "method_not_allowed"))
                }
                (_, Some(refusal)) => Err(refusal),
                (None, None) => Err((405, "method_not_allowed")),
                (Some((_, _, good)), None) => *good,
            };
            let code = || answer.json()["error"]["code"].as_str().map(str::to_owned);
            let (status, expected_code) = match expected {
                Ok(status) => (status, None),
                Err((status, code)) => (status, Some(code.to_owned())),
            };
            let failed = answer.status >= 400 && !answer.is_page();
            let said = (answer.status, failed.then(code).flatten());
            assert_eq!(said, (status, expected_code), "{name}: {method} {template}");
            cells += 1;
        }
    }
    cells
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_apart_from_nothing_by_nobody() {
    let edge = Edge::builder().start().await;
    let (key, root) = (
        ordinary(&edge, "acme").await,
        edge.root_key_with(&["admin:audit"]).await,
    );
    let mut said = Vec::new();
    for id in [
        "key_00000000000000000000",
        "key_0",
        "key_' OR 1=1--",
        // Root keys are none of these, nor the other way round.
        &root.id,
    ] {
        for (method, rest, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({"name": "mine"})),
            (Method::DELETE, "", Value::Null),
            (Method::POST, "/rotate", json!({})),
            (Method::POST, "/credits", json!({"add": 1})),
            (Method::GET, "/usage", Value::Null),
        ] {
            let path = format!("/admin/keys/{id}{rest}");
            let caller = Caller::Root(edge.root_key().to_owned(), vec![], None);
            let answer = ask(&edge, &caller, &method, &path, &body).await;
            said.push(answer.expect_error(404, "not_found").text().to_owned());
        }
    }
    let path = format!("/admin/root-keys/{}", key.id);
    let answer = edge.admin(Method::GET, &path).send().await;
    said.push(answer.expect_error(404, "not_found").text().to_owned());
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    // A caller sees his own usage, whosever he asks for.
    let rival = ordinary(&edge, "rival").await;
    for _ in 0..3 {
        edge.get("/v1/models").key(&rival).send().await.expect(200);
    }
    for query in [
        String::new(),
        format!("?id={0}&key_id={0}&owner=rival", rival.id),
    ] {
        let usage = edge
            .get(&format!("/v1/usage{query}"))
            .key(&key)
            .send()
            .await;
        assert_eq!(usage.expect(200).json()["total"]["requests"], 0);
    }
}
