//! Which edge, and with which root key: flags, environment, or the local run's `.dev/env`.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::cli::ApiArgs;
use crate::edge_url::EdgeUrl;
use crate::error::Error;
use crate::secret::RootKey;

const DEV_ENV: &str = ".dev/env";
/// More than `make run` ever writes.
const MAX_DEV_ENV_BYTES: u64 = 64 * 1024;
const TOKEN_VARIABLE: &str = "ADMIN_TOKEN";

/// An edge and the root key for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) url: EdgeUrl,
    pub(crate) root_key: RootKey,
}

impl Connection {
    /// Finds both. The address: `--url`, `EDGE_URL`, `.dev/env`. The root key: `--token-file`,
    /// `ADMIN_TOKEN`, `.dev/env`.
    pub(crate) fn find(args: &ApiArgs) -> Result<Self, Error> {
        let url = args.url.as_deref().filter(|url| !url.is_empty());
        let root_key = match (&args.token_file, std::env::var(TOKEN_VARIABLE)) {
            (Some(path), _) => Some(RootKey::from_file(path)?),
            (None, Ok(text)) if !text.is_empty() => Some(RootKey::parse(&text, TOKEN_VARIABLE)?),
            (None, _) => None,
        };
        let dev = match (url, &root_key) {
            (Some(_), Some(_)) => None,
            _ => DevEnv::read(Path::new(DEV_ENV))?,
        };
        Self::choose(url, root_key, dev)
    }

    fn choose(
        url: Option<&str>,
        root_key: Option<RootKey>,
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
        let root_key = match (root_key, dev) {
            (Some(key), _) => key,
            // The local run's root key is for the local run: a given address must not receive it.
            (None, Some(dev)) if dev.url == url => dev.root_key,
            (None, _) => {
                return Err(Error::Usage(format!(
                    "no root key for {url}: set {TOKEN_VARIABLE} or give --token-file"
                )));
            }
        };
        Ok(Self { url, root_key })
    }
}

/// What `make run` leaves for other programs.
#[derive(Debug)]
struct DevEnv {
    url: EdgeUrl,
    root_key: RootKey,
}

impl DevEnv {
    /// Reads the file, or nothing where there is none.
    fn read(path: &Path) -> Result<Option<Self>, Error> {
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
        Self::parse(&text).map(Some).map_err(wrong)
    }

    /// Reads lines `NAME=VALUE`; other names and comments are other programs' business.
    fn parse(text: &str) -> Result<Self, String> {
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
        let root_key = RootKey::parse(value(TOKEN_VARIABLE)?, TOKEN_VARIABLE)
            .map_err(|error| error.to_string())?;
        Ok(Self { url, root_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str =
        "# of make run\nEDGE_URL=http://127.0.0.1:8787\nAPI_KEY=wk_test_1\nADMIN_TOKEN=dev-root\n";

    fn dev() -> DevEnv {
        DevEnv::parse(LOCAL).unwrap()
    }

    fn key(text: &str) -> RootKey {
        RootKey::parse(text, "test").unwrap()
    }

    fn chosen(connection: Result<Connection, Error>) -> (String, String) {
        let connection = connection.unwrap();
        (
            connection.url.to_string(),
            connection.root_key.reveal().to_owned(),
        )
    }

    #[test]
    fn the_local_run_is_found_where_nothing_is_given() {
        assert_eq!(
            chosen(Connection::choose(None, None, Some(dev()))),
            ("http://127.0.0.1:8787".into(), "dev-root".into())
        );
    }

    #[test]
    fn what_is_given_goes_before_the_local_run() {
        let given = Connection::choose(Some("https://edge.example"), Some(key("k")), Some(dev()));
        assert_eq!(chosen(given), ("https://edge.example".into(), "k".into()));
        let other_key = Connection::choose(None, Some(key("k")), Some(dev()));
        assert_eq!(chosen(other_key).1, "k");
    }

    #[test]
    fn the_root_key_of_the_local_run_goes_to_no_other_address() {
        let same = Connection::choose(Some("http://127.0.0.1:8787/"), None, Some(dev()));
        assert_eq!(chosen(same).1, "dev-root");
        for other in ["https://edge.example", "http://127.0.0.1:8788"] {
            let error = Connection::choose(Some(other), None, Some(dev())).unwrap_err();
            assert!(error.to_string().contains("no root key for"), "{error}");
        }
    }

    #[test]
    fn a_dev_file_that_names_another_machine_is_refused() {
        let text = LOCAL.replace("http://127.0.0.1:8787", "https://evil.example");
        assert!(DevEnv::parse(&text).unwrap_err().contains("EDGE_URL"));
    }

    #[test]
    fn a_dev_file_without_one_of_both_is_refused_by_the_name_of_what_is_missing() {
        for name in ["EDGE_URL", "ADMIN_TOKEN"] {
            let text = LOCAL.replace(name, "OTHER");
            assert!(DevEnv::parse(&text).unwrap_err().contains(name));
        }
    }

    #[test]
    fn nothing_given_and_no_local_run_is_told() {
        let error = Connection::choose(None, Some(key("k")), None).unwrap_err();
        assert!(error.to_string().contains("--url"), "{error}");
        let error = Connection::choose(Some("https://a.example"), None, None).unwrap_err();
        assert!(error.to_string().contains("ADMIN_TOKEN"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
