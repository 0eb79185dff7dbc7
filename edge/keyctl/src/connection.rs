//! Which edge, and with which key: flags, environment, or the local run's `.dev/env`.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::cli::ApiArgs;
use crate::edge_url::EdgeUrl;
use crate::error::Error;
use crate::secret::{Credential, KeyKind, PresentedKey};

const DEV_ENV: &str = ".dev/env";
/// More than `make run` ever writes.
const MAX_DEV_ENV_BYTES: u64 = 64 * 1024;

/// An edge and the key for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) url: EdgeUrl,
    pub(crate) key: Credential,
}

impl Connection {
    /// Finds the edge and the root key. The address: `--url`, `EDGE_URL`, `.dev/env`. The root key:
    /// `--token-file`, `ADMIN_TOKEN`, `.dev/env`.
    pub(crate) fn find(args: &ApiArgs) -> Result<Self, Error> {
        let kind = KeyKind::Root;
        let key = match (&args.token_file, std::env::var(kind.variable())) {
            (Some(path), _) => Some(Credential::from_file(kind, path)?),
            (None, Ok(text)) if !text.is_empty() => {
                Some(Credential::parse(kind, &text, kind.variable())?)
            }
            (None, _) => None,
        };
        Self::found(kind, args.url.as_deref(), key)
    }

    /// Finds the edge and an API key: `--api-key`, `API_KEY`, `.dev/env`.
    pub(crate) fn find_for_caller(
        url: Option<&str>,
        given: Option<&PresentedKey>,
    ) -> Result<Self, Error> {
        let kind = KeyKind::Api;
        let given = given.map(PresentedKey::reveal);
        let given = given.filter(|text| !text.is_empty());
        let key = given.map(|text| Credential::parse(kind, text, "--api-key or API_KEY"));
        Self::found(kind, url, key.transpose()?)
    }

    fn found(kind: KeyKind, url: Option<&str>, key: Option<Credential>) -> Result<Self, Error> {
        let url = url.filter(|url| !url.is_empty());
        let dev = match (url, &key) {
            (Some(_), Some(_)) => None,
            _ => DevEnv::read(kind, Path::new(DEV_ENV))?,
        };
        Self::choose(kind, url, key, dev)
    }

    fn choose(
        kind: KeyKind,
        url: Option<&str>,
        key: Option<Credential>,
        dev: Option<DevEnv>,
    ) -> Result<Self, Error> {
        let url = match (url, &dev) {
            (Some(url), _) => {
                EdgeUrl::parse(url).map_err(|e| Error::Usage(format!("the address: {e}")))?
            }
            (None, Some(dev)) => dev.url.clone(),
            (None, None) => {
                return Err(Error::Usage(format!(
                    "no address: give --url or EDGE_URL, or start in a checkout where `make run` wrote {DEV_ENV}"
                )));
            }
        };
        let key = match (key, dev) {
            (Some(key), _) => key,
            // The local run's key is for the local run: a given address must not receive it.
            (None, Some(dev)) if dev.url == url => dev.key,
            (None, _) => {
                return Err(Error::Usage(format!(
                    "no {kind} for {url}: set {} or give {}",
                    kind.variable(),
                    kind.flag()
                )));
            }
        };
        Ok(Self { url, key })
    }
}

/// What `make run` leaves for other programs.
#[derive(Debug)]
struct DevEnv {
    url: EdgeUrl,
    key: Credential,
}

impl DevEnv {
    /// Reads the file, or nothing where there is none.
    fn read(kind: KeyKind, path: &Path) -> Result<Option<Self>, Error> {
        let wrong = |problem: String| Error::Usage(format!("{}: {problem}", path.display()));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(e) => return Err(wrong(e.to_string())),
        };
        let mut text = String::new();
        file.take(MAX_DEV_ENV_BYTES)
            .read_to_string(&mut text)
            .map_err(|e| wrong(e.to_string()))?;
        Self::parse(kind, &text).map(Some).map_err(wrong)
    }

    /// Reads lines `NAME=VALUE`; other names and comments are other programs' business.
    fn parse(kind: KeyKind, text: &str) -> Result<Self, String> {
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.trim().split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
                .ok_or_else(|| format!("no line {name}="))
        };
        let url = EdgeUrl::parse(value("EDGE_URL")?).map_err(|e| format!("EDGE_URL: {e}"))?;
        // The file comes with whatever directory one stands in. It may name the local run and nothing
        // else, or a stranger's checkout could have the administrator's root key sent anywhere.
        if !url.is_loopback() {
            return Err("EDGE_URL must be this machine's own; use --url for others".to_owned());
        }
        let key = Credential::parse(kind, value(kind.variable())?, kind.variable())
            .map_err(|error| error.to_string())?;
        Ok(Self { url, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str =
        "# of make run\nEDGE_URL=http://127.0.0.1:8787\nAPI_KEY=wk_test_1\nADMIN_TOKEN=dev-root\n";

    const ROOT: KeyKind = KeyKind::Root;

    fn dev() -> DevEnv {
        DevEnv::parse(ROOT, LOCAL).unwrap()
    }

    fn key(text: &str) -> Credential {
        Credential::parse(ROOT, text, "test").unwrap()
    }

    fn chosen(connection: Result<Connection, Error>) -> (String, String) {
        let connection = connection.unwrap();
        (
            connection.url.to_string(),
            connection.key.reveal().to_owned(),
        )
    }

    #[test]
    fn the_local_run_is_found_where_nothing_is_given() {
        assert_eq!(
            chosen(Connection::choose(ROOT, None, None, Some(dev()))),
            ("http://127.0.0.1:8787".into(), "dev-root".into())
        );
    }

    #[test]
    fn what_is_given_goes_before_the_local_run() {
        let given = Connection::choose(
            ROOT,
            Some("https://edge.example"),
            Some(key("k")),
            Some(dev()),
        );
        assert_eq!(chosen(given), ("https://edge.example".into(), "k".into()));
        let other_key = Connection::choose(ROOT, None, Some(key("k")), Some(dev()));
        assert_eq!(chosen(other_key).1, "k");
    }

    #[test]
    fn the_key_of_the_local_run_goes_to_no_other_address() {
        let same = Connection::choose(ROOT, Some("http://127.0.0.1:8787/"), None, Some(dev()));
        assert_eq!(chosen(same).1, "dev-root");
        for other in ["https://edge.example", "http://127.0.0.1:8788"] {
            let error = Connection::choose(ROOT, Some(other), None, Some(dev())).unwrap_err();
            assert!(error.to_string().contains("no root key for"), "{error}");
        }
    }

    #[test]
    fn a_dev_file_that_names_another_machine_is_refused() {
        let text = LOCAL.replace("http://127.0.0.1:8787", "https://evil.example");
        assert!(DevEnv::parse(ROOT, &text).unwrap_err().contains("EDGE_URL"));
    }

    #[test]
    fn a_dev_file_without_one_of_both_is_refused_by_the_name_of_what_is_missing() {
        for (kind, name) in [
            (ROOT, "EDGE_URL"),
            (ROOT, "ADMIN_TOKEN"),
            (KeyKind::Api, "API_KEY"),
        ] {
            let text = LOCAL.replace(name, "OTHER");
            assert!(DevEnv::parse(kind, &text).unwrap_err().contains(name));
        }
    }

    #[test]
    fn the_local_run_has_a_key_of_each_kind() {
        let dev = DevEnv::parse(KeyKind::Api, LOCAL).unwrap();
        let connection = Connection::choose(KeyKind::Api, None, None, Some(dev));
        assert_eq!(chosen(connection).1, "wk_test_1");
    }

    #[test]
    fn nothing_given_and_no_local_run_is_told() {
        let error = Connection::choose(ROOT, None, Some(key("k")), None).unwrap_err();
        assert!(error.to_string().contains("--url"), "{error}");
        let error = Connection::choose(ROOT, Some("https://a.example"), None, None).unwrap_err();
        assert!(error.to_string().contains("ADMIN_TOKEN"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
