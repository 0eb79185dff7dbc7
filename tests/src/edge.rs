//! The built Worker in real workerd, with KV and limiter objects of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use edge_core::api_key::{KeyEnv, KeyFormat, KeyHash};
use edge_core::key_record::KeyRecord;
use edge_core::ports::{Rng, RngError};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Answer, Call};
use crate::process::{Log, Process};
use crate::service::Service;
use crate::{environment, storage, within};

/// A key and its id.
#[derive(Clone, Debug)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// The key itself.
    pub text: String,
}

impl Key {
    /// The name of its record in KV.
    pub fn record_name(&self) -> String {
        format!("key:{}", KeyHash::of(&self.text).to_hex())
    }
}

/// The system's generator.
struct SystemRng;

impl Rng for SystemRng {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(bytes).map_err(|_| RngError)
    }
}

/// A text that is new in every run: for secrets.
pub fn random_secret(prefix: &str) -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("no randomness: {error}"));
    format!("{prefix}{}", hex::encode(bytes))
}

/// A well-formed key that nobody was given.
pub fn unknown_key() -> String {
    let minted = KeyFormat::new("wk", KeyEnv::Live).and_then(|f| f.mint(None, &mut SystemRng).ok());
    let Some(key) = minted else {
        panic!("no key can be made");
    };
    key.reveal().to_owned()
}

/// How an edge is to run.
#[derive(Debug)]
pub struct Builder {
    bundle: PathBuf,
    isolates: usize,
    watched: bool,
    pages: bool,
    upstreams: Vec<String>,
    signing_secret: String,
    settings: BTreeMap<&'static str, String>,
}

impl Builder {
    /// Passes requests on to this host; to several in turn.
    #[must_use]
    pub fn upstream(mut self, url: &str) -> Self {
        self.upstreams.push(url.to_owned());
        self
    }

    /// Passes requests on to the real service.
    #[must_use]
    pub fn service(self, service: &Service) -> Self {
        self.signed_as(service).upstream(service.url())
    }

    /// Signs with the secret of a service that it reaches in another way than by its own address.
    #[must_use]
    pub fn signed_as(mut self, service: &Service) -> Self {
        service
            .signing_secret()
            .clone_into(&mut self.signing_secret);
        self
    }

    /// With a setting of the Worker.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.insert(name, value.to_owned());
        self
    }

    /// In so many isolates, each with its own memory and address: as in several locations.
    #[must_use]
    pub fn isolates(mut self, count: usize) -> Self {
        self.isolates = count;
        self
    }

    /// With the routes that only tests need.
    #[must_use]
    pub fn test_routes(mut self) -> Self {
        self.bundle = environment::edge_test_bundle();
        self
    }

    /// With its bindings watched; see [`Edge::kv_calls`] and [`Edge::take_away`].
    #[must_use]
    pub fn watch_bindings(mut self) -> Self {
        self.watched = true;
        self
    }

    /// With the built pages, behind the router that a deployment has for them.
    #[must_use]
    pub fn pages(mut self) -> Self {
        self.pages = true;
        self
    }

    /// Starts it, and returns once it answers.
    pub async fn start(self) -> Edge {
        let root_key = random_secret("root_");
        let mut bindings = json!({
            "EDGE_SIGNING_SECRETS": self.signing_secret,
            "ROOT_KEY_SHA256": KeyHash::of(&root_key).to_hex(),
            // Port 1 (tcpmux) refuses: for tests in which no host is asked.
            "INFERENCE_URLS": if self.upstreams.is_empty() { "http://127.0.0.1:1".to_owned() } else { self.upstreams.join(",") },
        });
        for (name, value) in &self.settings {
            bindings[name] = json!(value);
        }
        let state = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        let log = Log::default();
        let harness = json!({
            "bundle": self.bundle,
            "state": state.path().join("state"),
            "bindings": bindings,
            "isolates": self.isolates,
            "watched": self.watched,
            "assets": self.pages.then(environment::pages),
        });
        let (process, urls) = life(&harness, state.path(), &log).await;
        Edge {
            secrets: Mutex::new(vec![root_key.clone(), self.signing_secret.clone()]),
            root_key,
            signing_secret: self.signing_secret,
            harness,
            log,
            client: client(),
            urls,
            process: tokio::sync::Mutex::new(process),
            state,
        }
    }
}

/// Starts node and workerd on a state; the addresses of the isolates.
async fn life(harness: &Value, state: &Path, log: &Log) -> (Process, Vec<String>) {
    let mut command = Command::new(environment::node_program());
    command
        .arg(environment::own("harness/edge.mjs"))
        .arg(harness.to_string())
        // What Miniflare puts aside vanishes with the state, even when it is killed.
        .env("TMPDIR", state)
        .env("XDG_CONFIG_HOME", state)
        .env("CLOUDFLARE_DEV_REGISTRY_PATH", state.join("registry"));
    let mut process = Process::start("workerd", &mut command, log);
    let ready: Value = serde_json::from_str(&process.line().await).unwrap_or_default();
    let urls: Vec<String> = ready["urls"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|url| url.as_str().map(str::to_owned))
        .collect();
    assert!(!urls.is_empty(), "no address: {ready}");
    (process, urls)
}

fn client() -> Client {
    Client::builder()
        .no_proxy()
        // Where an answer leads is looked at, not gone.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap_or_else(|error| panic!("no HTTP client: {error}"))
}

/// A running edge. When it is dropped its processes end, its state vanishes, and neither its log nor its
/// state may hold any of the secrets that were about.
#[derive(Debug)]
pub struct Edge {
    root_key: String,
    signing_secret: String,
    secrets: Mutex<Vec<String>>,
    harness: Value,
    log: Log,
    client: Client,
    urls: Vec<String>,
    process: tokio::sync::Mutex<Process>,
    // Last: the processes that write there are gone when it vanishes.
    state: TempDir,
}

impl Edge {
    /// An edge of one isolate, as it is deployed.
    pub fn builder() -> Builder {
        Builder {
            bundle: environment::edge_bundle(),
            isolates: 1,
            watched: false,
            pages: false,
            upstreams: Vec::new(),
            signing_secret: random_secret("signing_"),
            settings: BTreeMap::new(),
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.urls[0]
    }

    /// The root key.
    pub fn root_key(&self) -> &str {
        &self.root_key
    }

    /// What it signs with.
    pub fn signing_secret(&self) -> &str {
        &self.signing_secret
    }

    /// What workerd has logged so far, over all its lives.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Names a text that must never be in the log.
    pub fn keep_secret(&self, text: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.push(text.to_owned());
    }

    /// Kills workerd (SIGKILL) and starts it again on the same state; it has new addresses.
    pub async fn restart(&mut self) {
        self.restart_with(|_| {}).await;
    }

    /// The same, with something done to the folder of the state while nothing runs.
    pub async fn restart_with(&mut self, change: impl FnOnce(&Path)) {
        self.process.get_mut().kill();
        change(self.state.path());
        let (process, urls) = life(&self.harness, self.state.path(), &self.log).await;
        self.process = tokio::sync::Mutex::new(process);
        self.urls = urls;
        self.client = client();
    }

    /// The same, with another value of a setting.
    pub async fn restart_set(&mut self, name: &str, value: &str) {
        self.harness["bindings"][name] = json!(value);
        self.restart().await;
    }

    /// A request to the first isolate.
    pub fn call(&self, method: Method, path: &str) -> Call {
        self.call_at(0, method, path)
    }

    /// A request to one of the isolates.
    pub fn call_at(&self, isolate: usize, method: Method, path: &str) -> Call {
        Call::new(
            &self.client,
            method,
            format!("{}{path}", self.urls[isolate]),
        )
    }

    /// `GET`, to the first isolate.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// `POST /v1/audio/transcriptions`, to the first isolate.
    pub fn transcribe(&self, key: &Key) -> Call {
        self.transcribe_at(0, key)
    }

    /// `POST /v1/audio/transcriptions`, to one of the isolates.
    pub fn transcribe_at(&self, isolate: usize, key: &Key) -> Call {
        let call = self.call_at(isolate, Method::POST, "/v1/audio/transcriptions");
        call.key(key)
    }

    /// An administrator's request.
    pub fn admin(&self, method: Method, path: &str) -> Call {
        self.call(method, path).bearer(&self.root_key)
    }

    /// Makes a key as an administrator does.
    pub async fn create_key(&self, body: &Value) -> Key {
        let answer = self
            .admin(Method::POST, "/admin/keys")
            .json(body)
            .send()
            .await;
        let created = answer.expect(201).json();
        let text = |name: &str| created[name].as_str().unwrap_or_default().to_owned();
        let key = Key {
            id: text("id"),
            text: text("key"),
        };
        self.keep_secret(&key.text);
        key
    }

    /// A key with one limit: so many requests in an hour, which is longer than any test.
    pub async fn limited_key(&self, requests: u64) -> Key {
        self.create_key(&json!({"name": "limited", "limits": [
            {"name": "hour", "kind": "rate", "limit": requests, "window_seconds": 3600},
        ]}))
        .await
    }

    /// A key whose limit no test reaches.
    pub async fn any_key(&self) -> Key {
        self.limited_key(1_000_000).await
    }

    /// Revokes a key as an administrator does.
    pub async fn revoke(&self, key: &Key) -> Answer {
        let path = format!("/admin/keys/{}", key.id);
        self.admin(Method::DELETE, &path).send().await
    }

    /// A key's record, as KV holds it.
    pub async fn record(&self, key: &Key) -> KeyRecord {
        let json = self.kv_get(&key.record_name()).await.unwrap_or_default();
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
    }

    /// A new key whose record is written to KV alone, behind the Worker's back.
    pub async fn import_key(&self, record: KeyRecord) -> Key {
        let key = Key {
            id: record.id.clone(),
            text: unknown_key(),
        };
        self.keep_secret(&key.text);
        self.kv_put(&key.record_name(), &json!(record).to_string())
            .await;
        key
    }

    /// Waits until the log holds `text`: it comes through a pipe.
    pub async fn until_logged(&self, text: &str) {
        within("a line of workerd's log", self.log.until_holds(text)).await;
    }

    /// Names of all entries of KV.
    pub async fn kv_names(&self) -> Vec<String> {
        let names = self.ask(json!({"op": "kv_list"})).await;
        let names = names.as_array().into_iter().flatten();
        names
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    /// An entry of KV.
    pub async fn kv_get(&self, name: &str) -> Option<String> {
        let value = self.ask(json!({"op": "kv_get", "key": name})).await;
        value.as_str().map(str::to_owned)
    }

    /// Writes an entry of KV behind the Worker's back.
    pub async fn kv_put(&self, name: &str, value: &str) {
        self.ask(json!({"op": "kv_put", "key": name, "value": value}))
            .await;
    }

    pub(crate) async fn ask(&self, request: Value) -> Value {
        let mut process = self.process.lock().await;
        process.tell(&request.to_string());
        let line = process.line().await;
        let mut answer: Value = serde_json::from_str(&line).unwrap_or_default();
        answer["value"].take()
    }

    /// The folder of the state.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.process.get_mut().kill();
        if std::thread::panicking() {
            eprintln!("--- log of workerd\n{}", self.log.tail());
            return;
        }
        let secrets = self
            .secrets
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        assert_holds_none_of(&self.log, secrets);
        let state = self.state.path().join("state");
        for secret in secrets {
            let found = storage::holding(&state, secret);
            assert!(
                found.is_empty(),
                "a secret is stored: {secret} in {found:?}"
            );
        }
    }
}

/// No log may hold a secret.
pub(crate) fn assert_holds_none_of(log: &Log, secrets: &[String]) {
    for line in log.text().lines() {
        let leaked = secrets.iter().any(|secret| line.contains(secret.as_str()));
        assert!(!leaked, "a secret was logged: {line}");
    }
}
