//! The origin of a host: `https://gpu-1.example`, `http://127.0.0.1:9000`.

/// Longest origin, in bytes.
pub const MAX_BYTES: usize = 255;

/// Whether a text is an origin over HTTP or HTTPS (RFC 6454, 6.2): scheme, host and port, and nothing else.
pub fn is_origin(text: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(is_authority))
        && text.len() <= MAX_BYTES
}

/// Whether it is reached over TLS.
pub fn is_https(origin: &str) -> bool {
    origin.starts_with("https://")
}

/// Whether it is this machine itself (RFC 6761, 6.3; the addresses that are usual).
pub fn is_loopback(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or("", |(_, after)| after);
    matches!(parts(authority).0, "127.0.0.1" | "[::1]" | "localhost")
}

/// Host and port; the port is empty where there is none.
fn parts(authority: &str) -> (&str, &str) {
    let end_of_address = authority.find(']').map_or(0, |end| end + 1);
    match authority[end_of_address..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end_of_address + colon);
            (host, &port[1..])
        }
        None => (authority, ""),
    }
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = parts(authority);
    let has_port = host.len() < authority.len();
    let good_port =
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let good_host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(Some(address)) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        Some(None) => false,
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    good_host && (good_port || !has_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for good in [
            "https://gpu-1.example",
            "https://gpu-1.example:8443",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "http://inference_a:1",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "gpu.example",
            "ftp://gpu.example",
            "https://",
            "https://:1",
            "https://host/",
            "https://host/path",
            "https://host?q",
            "https://host#f",
            "https://user@host",
            "https://host:",
            "https://host:0",
            "https://host:65536",
            "https://host:+1",
            "https://host:1:2",
            "https://ho st",
            "https://host\n",
            "https://[::1",
            "https://[host]",
            "https://[::1]x",
            "HTTPS://host",
            "https://höst",
            &format!("https://{}", "a".repeat(MAX_BYTES)),
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn loopback_is_told_from_names_that_look_like_it() {
        for (origin, loopback) in [
            ("http://127.0.0.1:9000", true),
            ("http://[::1]:9000", true),
            ("http://localhost", true),
            ("http://localhost.example", false),
            ("http://127.0.0.1.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(origin), loopback, "{origin}");
        }
    }
}
