//! What passes between caller and inference host, and in which direction. Everything else stays.

/// Headers of the caller that the host may see. The body keeps its own length.
pub const TO_UPSTREAM: [&str; 2] = ["content-type", "traceparent"];

/// Headers of the host that the caller may see.
pub const TO_CALLER: [&str; 7] = [
    "content-type",
    "retry-after",
    "x-audio-seconds",
    "x-transcript-id",
    "x-cache",
    "idempotent-replayed",
    "link",
];

/// The key a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential<'a> {
    /// None at all.
    Missing,
    /// Two different ones.
    Conflicting,
    /// This text, not yet looked at.
    Presented(&'a str),
}

/// Reads `Authorization: Bearer …` (RFC 6750, 2.1; the scheme in any case) and `X-API-Key: …`. An
/// empty text stands for an absent header. Another scheme than Bearer carries no key.
pub fn credential<'a>(authorization: &'a str, api_key: &'a str) -> Credential<'a> {
    let bearer = authorization
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty());
    let api_key = Some(api_key.trim()).filter(|key| !key.is_empty());
    match (bearer, api_key) {
        (None, None) => Credential::Missing,
        (Some(a), Some(b)) if a != b => Credential::Conflicting,
        (Some(key), _) | (None, Some(key)) => Credential::Presented(key),
    }
}

/// What stands before a key among a WebSocket's subprotocols, where a browser can't set headers; OpenAI's clients
/// write it so.
const KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// The key among the subprotocols of `Sec-WebSocket-Protocol` (RFC 6455, 11.3.4), if there is one.
pub fn key_among(protocols: &str) -> Option<&str> {
    let keys = protocols.split(',');
    keys.filter_map(|protocol| protocol.trim().strip_prefix(KEY_PROTOCOL))
        .find(|key| !key.is_empty())
}

/// Whether an `Upgrade` header asks for WebSocket (RFC 6455, 4.2.1).
pub fn asks_for_websocket(upgrade: &str) -> bool {
    let mut protocols = upgrade.split(',');
    protocols.any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Whether a content type is `multipart/form-data` (RFC 7578) with a boundary.
pub fn is_multipart(content_type: &str) -> bool {
    let mut parts = content_type.split(';');
    let form = parts
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("multipart/form-data"));
    form && parts.any(|p| {
        p.trim_start()
            .get(..9)
            .is_some_and(|name| name.eq_ignore_ascii_case("boundary="))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_either_header_and_from_both_if_they_agree() {
        for (authorization, api_key, expected) in [
            ("", "", Credential::Missing),
            ("Bearer ", "", Credential::Missing),
            ("Basic d2s=", "", Credential::Missing),
            ("Bearer wk_1", "", Credential::Presented("wk_1")),
            ("bearer  wk_1 ", "", Credential::Presented("wk_1")),
            ("", "wk_1", Credential::Presented("wk_1")),
            ("Bearer wk_1", "wk_1", Credential::Presented("wk_1")),
            ("Bearer wk_1", "wk_2", Credential::Conflicting),
        ] {
            assert_eq!(
                credential(authorization, api_key),
                expected,
                "{authorization} {api_key}"
            );
        }
    }

    #[test]
    fn a_key_is_found_among_subprotocols() {
        for (protocols, key) in [
            ("", None),
            ("realtime", None),
            ("openai-insecure-api-key.", None),
            ("realtime, openai-insecure-api-key.wk_1", Some("wk_1")),
            (
                "openai-insecure-api-key.wk_1,openai-beta.realtime-v1",
                Some("wk_1"),
            ),
            ("x-openai-insecure-api-key.wk_1", None),
        ] {
            assert_eq!(key_among(protocols), key, "{protocols}");
        }
    }

    #[test]
    fn an_upgrade_to_websocket_is_one_among_others() {
        assert!(asks_for_websocket("WebSocket"));
        assert!(asks_for_websocket("h2c, websocket"));
        assert!(!asks_for_websocket(""));
        assert!(!asks_for_websocket("websockets"));
    }

    #[test]
    fn only_a_form_with_a_boundary_is_multipart() {
        assert!(is_multipart("multipart/form-data; boundary=x"));
        assert!(is_multipart(
            "Multipart/Form-Data; charset=utf-8; Boundary=\"x\""
        ));
        for bad in [
            "",
            "multipart/form-data",
            "application/json",
            "multipart/mixed; boundary=x",
            "multipart/form-data; böundary=x",
        ] {
            assert!(!is_multipart(bad), "{bad}");
        }
    }
}
