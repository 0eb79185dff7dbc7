//! The address of the edge: an origin, and a safe one to send a root key to.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

/// Why a text is no address of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EdgeUrlError {
    #[error("write the address as https://host or https://host:port, and nothing after it")]
    Form,
    #[error(
        "plain http would show the root key to the network: use https (only this machine's own address may be http)"
    )]
    Insecure,
}

/// Scheme, host and port of an edge: https, or http on this machine itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EdgeUrl {
    scheme: &'static str,
    /// Lower case; an IPv6 address in its brackets.
    host: String,
    port: u16,
}

impl EdgeUrl {
    /// Reads `https://host[:port][/]`, or `http://` where the host is a loopback address.
    ///
    /// The parser is the one of the HTTP client: no other reading of the text can name another host.
    pub(crate) fn parse(text: &str) -> Result<Self, EdgeUrlError> {
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return Err(EdgeUrlError::Form);
        }
        let uri: Uri = text.parse().map_err(|_| EdgeUrlError::Form)?;
        let authority = uri.authority().ok_or(EdgeUrlError::Form)?;
        let host = authority.host().to_ascii_lowercase();
        let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        if host.is_empty() || authority.as_str().contains('@') || !bare {
            return Err(EdgeUrlError::Form);
        }
        // A port that is written and is no number (or none at all, `host:`) is an error, not a default.
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None => None,
            Some(port) => Some(port.parse().map_err(|_| EdgeUrlError::Form)?),
        };
        let (scheme, default_port) = match uri.scheme_str() {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => ("https", 443),
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => ("http", 80),
            _ => return Err(EdgeUrlError::Form),
        };
        if scheme == "http" && !is_loopback(&host) {
            return Err(EdgeUrlError::Insecure);
        }
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(default_port),
        })
    }

    /// Whether it is this machine's own.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Whether what goes there is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }
}

impl fmt::Display for EdgeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme, self.port) {
            ("https", 443) | ("http", 80) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

/// Whether a host never leaves this machine: `localhost` (RFC 6761, 6.3), `127.0.0.0/8`, `::1`.
fn is_loopback(host: &str) -> bool {
    let ip = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost" || ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_edge_written_differently_is_the_same() {
        for (text, shown) in [
            ("https://edge.example", "https://edge.example"),
            ("HTTPS://Edge.Example:443/", "https://edge.example"),
            ("https://edge.example:8443", "https://edge.example:8443"),
            ("http://127.0.0.1:8787/", "http://127.0.0.1:8787"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://LOCALHOST:80", "http://localhost"),
            ("http://[::1]:8787", "http://[::1]:8787"),
        ] {
            let url = EdgeUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(EdgeUrl::parse(shown), Ok(url));
        }
    }

    #[test]
    fn plain_http_leaves_this_machine_never() {
        for text in [
            "http://edge.example",
            "http://192.168.0.1:8787",
            "http://0.0.0.0:8787",
            "http://127.1:8787",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://[::ffff:10.0.0.1]",
        ] {
            assert_eq!(EdgeUrl::parse(text), Err(EdgeUrlError::Insecure), "{text}");
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for text in [
            "",
            "edge.example",
            "edge.example:443",
            "/admin/keys",
            "ftp://edge.example",
            "https://",
            "https://:443",
            "https://user@edge.example",
            "https://localhost@edge.example",
            "https://edge.example/admin",
            "https://edge.example/?a=1",
            "https://edge.example#x",
            "https://edge.example:",
            "https://edge.example:x",
            "https://edge.example:65536",
            "https://edge example",
            "https://edge.example\r\nx: y",
        ] {
            assert_eq!(EdgeUrl::parse(text), Err(EdgeUrlError::Form), "{text:?}");
        }
    }
}
