//! The deployment's settings, read once and typed. A missing, malformed or unknown one stops the
//! Worker with a clear cause: a typing error in a setting must not pass as its default.

use std::fmt;

use inference_api::job::Fetch;
pub use inference_api::model::is_model_name;
use inference_api::origin::{is_https, is_loopback, is_origin};
use inference_api::signature::Secret;

use crate::api_key::{KeyEnv, KeyFormat, KeyHash};
use crate::heartbeat::Registration;
use crate::limit::{Limit, check_all};
use crate::portal::PortalSettings;

/// Where settings come from: the Worker's variables and secrets.
pub trait Lookup {
    /// The value of a setting, if it is set.
    fn get(&self, name: &str) -> Option<String>;
    /// Names of all settings that are set.
    fn names(&self) -> Vec<String>;
}

/// Every setting there is, with its default (`None`: it must be set). docs/operations.md explains each.
pub const SETTINGS: [(&str, Option<&str>); 35] = [
    ("INFERENCE_URLS", None),
    ("EDGE_SIGNING_SECRETS", None),
    ("ROOT_KEY_SHA256", None),
    ("MODELS", Some("tiny.en")),
    ("KEY_PREFIX", Some("wk")),
    ("KEY_ENV", Some("live")),
    ("IMPORTED_KEY_PREFIXES", Some("")),
    ("USAGE_FLUSH_SECONDS", Some("300")),
    ("MAX_UPLOAD_BYTES", Some("26214400")),
    ("MAX_AUDIO_SECONDS", Some("7200")),
    ("REQUEST_TIMEOUT_SECONDS", Some("600")),
    (
        "DEFAULT_LIMITS",
        Some(r#"[{"name":"minute","kind":"rate","limit":60,"window_seconds":60}]"#),
    ),
    ("CORS", Some("off")),
    ("LOG", Some("requests")),
    ("HOST_REGISTRATION", Some("off")),
    ("PUBLIC_URL", Some("")),
    ("JOBS_AT_ONCE", Some("4")),
    ("JOB_ATTEMPTS", Some("12")),
    ("JOB_TIMEOUT_SECONDS", Some("43200")),
    ("MAX_JOB_AUDIO_SECONDS", Some("86400")),
    ("MAX_JOB_BYTES", Some("5368709120")),
    ("FETCH_URLS", Some("off")),
    ("RESOLVER_URL", Some("https://cloudflare-dns.com/dns-query")),
    (
        "WEBHOOK_RETRY_SECONDS",
        Some("5,30,120,600,1800,3600,7200,14400,28800,28800"),
    ),
    ("WEBHOOK_TIMEOUT_SECONDS", Some("15")),
    ("PORTAL_AUTH", Some("off")),
    ("PORTAL_SESSION_SECONDS", Some("43200")),
    ("PORTAL_SIGN_INS_PER_HOUR", Some("20")),
    ("TURNSTILE_SITE_KEY", Some("")),
    ("TURNSTILE_SECRET", Some("")),
    (
        "TURNSTILE_URL",
        Some("https://challenges.cloudflare.com/turnstile/v0/siteverify"),
    ),
    ("OIDC_ISSUER", Some("")),
    ("OIDC_CLIENT_ID", Some("")),
    ("OIDC_CLIENT_SECRET", Some("")),
    ("OIDC_SCOPES", Some("openid profile email")),
];

/// Largest upload that any deployment can allow: 100 MiB, the platform's own bound.
pub const MAX_UPLOAD_BYTES: u64 = 100 * 1024 * 1024;

/// Largest file of a job that any deployment can allow: 5 GiB, the platform's bound for one object in parts of ours.
pub const MAX_JOB_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// What is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// One line for each request.
    Requests,
    /// One line for each request that ended in an error.
    Errors,
}

/// The settings, typed. Secrets are redacted in `Debug`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Origins of the inference hosts, without a trailing slash; none where all of them register themselves.
    pub inference_urls: Vec<String>,
    /// The origin under which callers and hosts reach the Worker; none: that of each request.
    pub public_url: Option<String>,
    /// Which hosts may register themselves.
    pub registration: Registration,
    /// The first signs what goes to a host; the second is for a rotation under way.
    pub signing_secrets: Vec<Secret>,
    /// SHA-256 of the first root key.
    pub root_key: KeyHash,
    /// Models offered, the first by default.
    pub models: Vec<String>,
    /// Form of the keys.
    pub key_format: KeyFormat,
    /// How keys begin that others minted and whose hashes were imported.
    pub imported_key_prefixes: Vec<String>,
    /// How long a key's usage waits in its object before it goes to the database, in seconds.
    pub usage_flush_seconds: u32,
    /// Largest body of an upload, in bytes.
    pub max_upload_bytes: u64,
    /// Longest audio, in seconds.
    pub max_audio_seconds: u32,
    /// How long a request may take in all, in seconds.
    pub request_timeout_seconds: u32,
    /// How many jobs of an account are at the hosts at the same time.
    pub jobs_at_once: u32,
    /// How often a job is handed to a host before it is given up.
    pub job_attempts: u32,
    /// How long a host may take for a job, in seconds.
    pub job_timeout_seconds: u32,
    /// Longest audio of a job, in seconds.
    pub max_job_audio_seconds: u32,
    /// Largest file of a job, in bytes.
    pub max_job_bytes: u64,
    /// Limits of a key that is made without any.
    pub default_limits: Vec<Limit>,
    /// Whether browsers are answered when they ask before a request (CORS). Which answers they may read is
    /// each key's matter.
    pub cors: bool,
    /// What is logged.
    pub log: LogLevel,
    /// Which addresses that callers give are asked for something.
    pub fetch: Fetch,
    /// Where it is asked what names mean: DNS over HTTPS, in JSON.
    pub resolver_url: String,
    /// Pauses between the attempts to deliver to a webhook, in seconds.
    pub webhook_retries: Vec<u32>,
    /// How long a webhook's receiver may take to answer, in seconds.
    pub webhook_timeout_seconds: u32,
    /// How people sign in who get keys by themselves.
    pub portal: PortalSettings,
}

/// What is wrong with the settings. It never holds a value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The setting.
    pub name: String,
    /// What it must be.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting {}: {}", self.name, self.problem)
    }
}

impl std::error::Error for ConfigError {}

impl Settings {
    /// The origin under which callers and hosts reach the Worker; `came`: that under which a request came.
    pub fn origin<'a>(&'a self, came: &'a str) -> &'a str {
        self.public_url.as_deref().unwrap_or(came)
    }

    /// Reads and checks every setting.
    pub fn read(lookup: &impl Lookup) -> Result<Self, ConfigError> {
        if let Some(unknown) = lookup
            .names()
            .into_iter()
            .find(|name| SETTINGS.iter().all(|(known, _)| known != name))
        {
            return Err(ConfigError {
                name: unknown,
                problem: "no such setting".to_owned(),
            });
        }
        let log = match text(lookup, "LOG")?.as_str() {
            "requests" => LogLevel::Requests,
            "errors" => LogLevel::Errors,
            _ => return wrong("LOG", "must be `requests` or `errors`"),
        };
        let cors = match text(lookup, "CORS")?.as_str() {
            "keys" => true,
            "off" => false,
            _ => return wrong("CORS", "must be `off` or `keys`"),
        };
        let registration = match text(lookup, "HOST_REGISTRATION")?.as_str() {
            "off" => Registration::Off,
            "on" => Registration::On,
            "development" => Registration::Development,
            _ => {
                return wrong("HOST_REGISTRATION", "must be `off`, `on` or `development`");
            }
        };
        let fetch = match text(lookup, "FETCH_URLS")?.as_str() {
            "off" => Fetch::Off,
            "public" => Fetch::Public,
            "development" => Fetch::Development,
            _ => return wrong("FETCH_URLS", "must be `off`, `public` or `development`"),
        };
        Ok(Self {
            fetch,
            resolver_url: resolver(&text(lookup, "RESOLVER_URL")?)?,
            webhook_retries: pauses(&text(lookup, "WEBHOOK_RETRY_SECONDS")?)?,
            webhook_timeout_seconds: number(lookup, "WEBHOOK_TIMEOUT_SECONDS", 60)?,
            portal: PortalSettings::read(lookup)?,
            public_url: origin(&text(lookup, "PUBLIC_URL")?)?,
            cors,
            inference_urls: origins(&text(lookup, "INFERENCE_URLS")?, registration)?,
            registration,
            signing_secrets: Secret::parse_list(&text(lookup, "EDGE_SIGNING_SECRETS")?)
                .or_else(|e| wrong("EDGE_SIGNING_SECRETS", &e.to_string()))?,
            root_key: KeyHash::from_hex(text(lookup, "ROOT_KEY_SHA256")?.trim())
                .map_or_else(|| wrong("ROOT_KEY_SHA256", "must be 64 hex digits"), Ok)?,
            models: models(&text(lookup, "MODELS")?)?,
            key_format: key_format(lookup)?,
            imported_key_prefixes: prefixes(&text(lookup, "IMPORTED_KEY_PREFIXES")?)?,
            usage_flush_seconds: number(lookup, "USAGE_FLUSH_SECONDS", 3_600)?,
            max_upload_bytes: number(lookup, "MAX_UPLOAD_BYTES", MAX_UPLOAD_BYTES)?,
            max_audio_seconds: number(lookup, "MAX_AUDIO_SECONDS", 86_400)?,
            request_timeout_seconds: number(lookup, "REQUEST_TIMEOUT_SECONDS", 3_600)?,
            jobs_at_once: number(lookup, "JOBS_AT_ONCE", 1_000)?,
            job_attempts: number(lookup, "JOB_ATTEMPTS", 100)?,
            job_timeout_seconds: number(lookup, "JOB_TIMEOUT_SECONDS", 86_400)?,
            max_job_audio_seconds: number(lookup, "MAX_JOB_AUDIO_SECONDS", 7 * 86_400)?,
            max_job_bytes: number(lookup, "MAX_JOB_BYTES", MAX_JOB_BYTES)?,
            default_limits: default_limits(&text(lookup, "DEFAULT_LIMITS")?)?,
            log,
        })
    }
}

/// Longest imported key, in bytes.
const MAX_IMPORTED_BYTES: usize = 256;

impl Settings {
    /// The hash under which a presented key is looked up. `None`: no key of this deployment, and no I/O
    /// is needed to say so.
    pub fn hash_of(&self, text: &str) -> Option<KeyHash> {
        if let Ok(key) = self.key_format.parse(text) {
            return Some(key.hash());
        }
        let prefixes = &self.imported_key_prefixes;
        let imported = text.len() <= MAX_IMPORTED_BYTES
            && prefixes.iter().any(|prefix| {
                text.strip_prefix(prefix)
                    .is_some_and(|rest| rest.len() >= 16)
            });
        imported.then(|| KeyHash::of(text))
    }
}

pub(crate) fn wrong<T>(name: &str, problem: &str) -> Result<T, ConfigError> {
    Err(ConfigError {
        name: name.to_owned(),
        problem: problem.to_owned(),
    })
}

pub(crate) fn text(lookup: &impl Lookup, name: &str) -> Result<String, ConfigError> {
    let default = SETTINGS
        .iter()
        .find(|(known, _)| *known == name)
        .and_then(|(_, default)| *default);
    match (lookup.get(name), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => wrong(name, "must be set"),
    }
}

pub(crate) fn number<T: TryFrom<u64>>(
    lookup: &impl Lookup,
    name: &str,
    most: u64,
) -> Result<T, ConfigError> {
    text(lookup, name)?
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|n| (1..=most).contains(n))
        .and_then(|n| T::try_from(n).ok())
        .map_or_else(
            || wrong(name, &format!("must be a number from 1 to {most}")),
            Ok,
        )
}

/// What `INFERENCE_URLS` says where all hosts register themselves. A secret can't be empty.
const NO_ORIGINS: &str = "none";

fn origins(list: &str, registration: Registration) -> Result<Vec<String>, ConfigError> {
    if list.trim() == NO_ORIGINS && registration.is_on() {
        return Ok(Vec::new());
    }
    let origins: Vec<String> = list
        .split(',')
        .map(|origin| origin.trim().trim_end_matches('/').to_owned())
        .filter(|origin| !origin.is_empty())
        .collect();
    if (1..=16).contains(&origins.len()) && origins.iter().all(|origin| is_origin(origin)) {
        Ok(origins)
    } else {
        wrong(
            "INFERENCE_URLS",
            "must be 1 to 16 origins (https://host[:port]), separated by commas; `none` only with HOST_REGISTRATION",
        )
    }
}

fn origin(text: &str) -> Result<Option<String>, ConfigError> {
    match text.trim().trim_end_matches('/') {
        "" => Ok(None),
        origin if is_origin(origin) => Ok(Some(origin.to_owned())),
        _ => wrong("PUBLIC_URL", "must be an origin (https://host[:port])"),
    }
}

/// An address over HTTPS, or one of this machine: what it says decides what is asked.
fn resolver(text: &str) -> Result<String, ConfigError> {
    let url = text.trim();
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    let (origin, path) = url.split_at(path);
    let visible = |b: u8| b.is_ascii_graphic() && !matches!(b, b'?' | b'#');
    if is_origin(origin) && (is_https(origin) || is_loopback(origin)) && path.bytes().all(visible) {
        Ok(url.to_owned())
    } else {
        wrong(
            "RESOLVER_URL",
            "must be an address (https://host/path) without a query",
        )
    }
}

/// Most attempts to deliver, but for the first.
const MAX_RETRIES: usize = 20;

fn pauses(list: &str) -> Result<Vec<u32>, ConfigError> {
    let pause = |text: &str| {
        let seconds = text.trim().parse().ok();
        seconds.filter(|seconds| (1..=86_400).contains(seconds))
    };
    let pauses: Option<Vec<u32>> = list.split(',').map(pause).collect();
    match pauses.filter(|pauses| pauses.len() <= MAX_RETRIES) {
        Some(pauses) => Ok(pauses),
        None => wrong(
            "WEBHOOK_RETRY_SECONDS",
            "must be 1 to 20 numbers from 1 to 86400, separated by commas",
        ),
    }
}

fn prefixes(list: &str) -> Result<Vec<String>, ConfigError> {
    let prefixes = list.split(',').map(|prefix| prefix.trim().to_owned());
    let prefixes: Vec<String> = prefixes.filter(|prefix| !prefix.is_empty()).collect();
    let good = |prefix: &String| {
        let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        (2..=32).contains(&prefix.len()) && prefix.bytes().all(word)
    };
    if prefixes.len() <= 16 && prefixes.iter().all(good) {
        Ok(prefixes)
    } else {
        wrong(
            "IMPORTED_KEY_PREFIXES",
            "must be at most 16 of 2 to 32 letters, digits, _ - and ., separated by commas",
        )
    }
}

fn models(list: &str) -> Result<Vec<String>, ConfigError> {
    let models: Vec<String> = list.split(',').map(|m| m.trim().to_owned()).collect();
    if models.len() <= 64 && models.iter().all(|model| is_model_name(model)) {
        Ok(models)
    } else {
        wrong(
            "MODELS",
            "must be model names (a-z, 0-9, . _ -), separated by commas",
        )
    }
}

fn key_format(lookup: &impl Lookup) -> Result<KeyFormat, ConfigError> {
    let env = match text(lookup, "KEY_ENV")?.as_str() {
        "live" => KeyEnv::Live,
        "test" => KeyEnv::Test,
        _ => return wrong("KEY_ENV", "must be `live` or `test`"),
    };
    KeyFormat::new(&text(lookup, "KEY_PREFIX")?, env)
        .map_or_else(|| wrong("KEY_PREFIX", "must be 1 to 16 of a-z and 0-9"), Ok)
}

fn default_limits(json: &str) -> Result<Vec<Limit>, ConfigError> {
    let limits: Vec<Limit> =
        serde_json::from_str(json).or_else(|e| wrong("DEFAULT_LIMITS", &e.to_string()))?;
    check_all(&limits).or_else(|e| wrong("DEFAULT_LIMITS", &e.to_string()))?;
    if limits.is_empty() {
        return wrong("DEFAULT_LIMITS", "a key needs a limit");
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Vars(BTreeMap<&'static str, String>);

    impl Lookup for Vars {
        fn get(&self, name: &str) -> Option<String> {
            self.0.get(name).cloned()
        }

        fn names(&self) -> Vec<String> {
            self.0.keys().map(|&name| name.to_owned()).collect()
        }
    }

    fn good() -> Vars {
        Vars(BTreeMap::from([
            (
                "INFERENCE_URLS",
                "http://127.0.0.1:9000/, https://gpu.example".to_owned(),
            ),
            ("EDGE_SIGNING_SECRETS", "s3cr3t-".repeat(5)),
            ("ROOT_KEY_SHA256", "ab".repeat(32)),
        ]))
    }

    #[test]
    fn what_must_be_set_is_enough() {
        let settings = Settings::read(&good()).unwrap();
        assert_eq!(
            settings.inference_urls,
            ["http://127.0.0.1:9000", "https://gpu.example"]
        );
        assert_eq!(settings.max_upload_bytes, 25 * 1024 * 1024);
        assert_eq!(settings.default_limits.len(), 1);
        let printed = format!("{settings:?}");
        assert!(
            !printed.contains("s3cr3t") && !printed.contains(&"ab".repeat(32)),
            "{printed}"
        );
    }

    #[test]
    fn no_address_of_a_caller_is_asked_unless_that_is_switched_on() {
        let settings = Settings::read(&good()).unwrap();
        assert_eq!(settings.fetch, Fetch::Off);
        assert_eq!(settings.webhook_retries.len(), 10);
        assert_eq!(settings.webhook_retries.iter().sum::<u32>(), 85_355);
        let mut vars = good();
        vars.0.insert("FETCH_URLS", "public".to_owned());
        vars.0.insert("WEBHOOK_RETRY_SECONDS", "1, 60".to_owned());
        for resolver in [
            "http://127.0.0.1:53/",
            "https://dns.example",
            "https://[::1]:1/a/b",
        ] {
            vars.0.insert("RESOLVER_URL", resolver.to_owned());
            let settings = Settings::read(&vars).unwrap();
            assert_eq!(settings.fetch, Fetch::Public);
            assert_eq!(settings.webhook_retries, [1, 60]);
            assert_eq!(settings.resolver_url, resolver);
        }
    }

    #[test]
    fn hosts_need_not_be_named_where_they_register_themselves() {
        let mut vars = good();
        vars.0.insert("HOST_REGISTRATION", "on".to_owned());
        let named = Settings::read(&vars).unwrap();
        assert_eq!(named.inference_urls.len(), 2);
        assert_eq!(named.registration, Registration::On);
        vars.0.insert("INFERENCE_URLS", "none".to_owned());
        assert!(Settings::read(&vars).unwrap().inference_urls.is_empty());
    }

    #[test]
    fn imported_keys_are_looked_up_by_their_prefix_and_garbage_is_not() {
        let mut vars = good();
        vars.0
            .insert("IMPORTED_KEY_PREFIXES", "sk-, unkey_".to_owned());
        let settings = Settings::read(&vars).unwrap();
        for (text, known) in [
            ("sk-0123456789abcdef", true),
            ("unkey_0123456789abcdef", true),
            ("sk-short", false),
            ("pk-0123456789abcdef", false),
            ("wk_live_0123456789abcdef012345678901", false),
            (&format!("sk-{}", "a".repeat(300)), false),
        ] {
            let hash = known.then(|| KeyHash::of(text));
            assert_eq!(settings.hash_of(text), hash, "{text}");
        }
        let plain = Settings::read(&good()).unwrap();
        assert_eq!(plain.hash_of("sk-0123456789abcdef"), None);
    }

    #[test]
    fn of_100_000_mutated_keys_none_needs_a_read_of_kv() {
        use crate::testing::SeededRng;
        let settings = Settings::read(&good()).unwrap();
        let mut rng = SeededRng::new(3);
        let key = settings.key_format.mint(None, &mut rng).unwrap();
        let key = key.reveal();
        assert!(settings.hash_of(key).is_some());
        for _ in 0..100_000 {
            let mut mutated = key.as_bytes().to_vec();
            for _ in 0..=rng.below(3) {
                let at = usize::try_from(rng.below(mutated.len() as u64)).unwrap();
                mutated[at] = b'0' + u8::try_from(rng.below(10)).unwrap();
            }
            let mutated = String::from_utf8(mutated).unwrap();
            assert!(mutated == key || settings.hash_of(&mutated).is_none());
        }
    }

    #[test]
    fn a_missing_wrong_or_unknown_setting_stops_the_worker_and_is_named() {
        for name in ["INFERENCE_URLS", "EDGE_SIGNING_SECRETS", "ROOT_KEY_SHA256"] {
            let mut vars = good();
            vars.0.remove(name);
            assert_eq!(Settings::read(&vars).unwrap_err().name, name);
        }
        for (name, value) in [
            ("INFERENCE_URLS", "ftp://x"),
            ("INFERENCE_URLS", "https://host/path"),
            ("INFERENCE_URLS", "https://user@host"),
            ("INFERENCE_URLS", ","),
            ("EDGE_SIGNING_SECRETS", "short"),
            ("ROOT_KEY_SHA256", "zz"),
            ("MODELS", "../x"),
            ("MODELS", ""),
            ("KEY_PREFIX", "W"),
            ("KEY_ENV", "prod"),
            ("MAX_UPLOAD_BYTES", "0"),
            ("MAX_UPLOAD_BYTES", "104857601"),
            ("MAX_AUDIO_SECONDS", "-1"),
            ("REQUEST_TIMEOUT_SECONDS", "soon"),
            ("DEFAULT_LIMITS", "[]"),
            ("DEFAULT_LIMITS", "{"),
            ("LOG", "all"),
            ("CORS", "*"),
            ("IMPORTED_KEY_PREFIXES", "a"),
            ("IMPORTED_KEY_PREFIXES", "sk-,*"),
            ("USAGE_FLUSH_SECONDS", "0"),
            ("INFERENCE_URLS", "none"),
            ("HOST_REGISTRATION", "yes"),
            ("FETCH_URLS", "on"),
            ("RESOLVER_URL", "http://dns.example/dns-query"),
            ("RESOLVER_URL", "https://dns.example/dns-query?x=1"),
            ("RESOLVER_URL", "dns.example"),
            ("RESOLVER_URL", ""),
            ("WEBHOOK_RETRY_SECONDS", ""),
            ("WEBHOOK_RETRY_SECONDS", "5,,30"),
            ("WEBHOOK_RETRY_SECONDS", "0"),
            ("WEBHOOK_RETRY_SECONDS", "86401"),
            (
                "WEBHOOK_RETRY_SECONDS",
                "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
            ),
            ("WEBHOOK_TIMEOUT_SECONDS", "61"),
            ("MAX_UPLAOD_BYTES", "1"),
        ] {
            let mut vars = good();
            vars.0.insert(name, value.to_owned());
            assert_eq!(Settings::read(&vars).unwrap_err().name, name, "{value}");
        }
    }
}
