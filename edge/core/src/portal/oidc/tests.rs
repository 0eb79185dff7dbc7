//! The way to the provider and back.

use super::super::{Hidden, OidcClient, PortalAuth};
use super::*;
use crate::testing::SeededRng;

const NOW: UnixMs = UnixMs(1_790_000_000_000);
const ISSUER: &str = "https://id.example";

fn settings(secret: Option<&str>) -> Settings {
    let mut settings = crate::testing::settings();
    settings.portal.auth = PortalAuth::Oidc;
    settings.portal.oidc = Some(OidcClient {
        issuer: ISSUER.to_owned(),
        client_id: "edge".to_owned(),
        client_secret: secret.map(Hidden::of),
        scopes: "openid profile".to_owned(),
    });
    settings
}

fn discovery() -> Discovery {
    let json = serde_json::json!({
        "issuer": ISSUER, "authorization_endpoint": "https://id.example/auth",
        "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
        "response_types_supported": ["code"],
    });
    Discovery::read("https://id.example/", &json.to_string()).unwrap()
}

fn provider<'a>(settings: &'a Settings, discovery: &'a Discovery) -> Provider<'a> {
    Provider {
        settings,
        discovery,
        origin: "https://edge.example",
    }
}

/// A parameter of an address or a form, decoded.
fn param(text: &str, name: &str) -> String {
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let value = value.unwrap_or_else(|| panic!("no {name}: {text}"));
    percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn cookie_of(departure: &Departure) -> String {
    let pair = departure.cookie.split(';').next().unwrap();
    pair.split_once('=').unwrap().1.to_owned()
}

#[test]
fn a_browser_goes_and_comes_back_with_what_it_took_along() {
    let (settings, discovery) = (settings(Some("hush")), discovery());
    let provider = provider(&settings, &discovery);
    let gone = provider
        .depart("/jobs", NOW, &mut SeededRng::new(1))
        .unwrap();
    assert!(
        gone.url
            .starts_with("https://id.example/auth?response_type=code&")
    );
    assert_eq!(
        param(&gone.url, "redirect_uri"),
        "https://edge.example/portal/callback"
    );
    assert_eq!(param(&gone.url, "code_challenge_method"), "S256");
    assert!(gone.cookie.contains("HttpOnly") && gone.cookie.contains("SameSite=Lax"));

    let state = param(&gone.url, "state");
    let back = provider
        .arrive(&cookie_of(&gone), &state, "the code", NOW)
        .unwrap();
    assert_eq!(back.back, "/jobs");
    assert_eq!(back.nonce, param(&gone.url, "nonce"));
    assert_eq!(param(&back.body, "code"), "the code");
    assert_eq!(param(&back.body, "client_secret"), "hush");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(param(&back.body, "code_verifier")));
    assert_eq!(challenge, param(&gone.url, "code_challenge"));
    // The verifier is for the token endpoint alone.
    assert!(!gone.url.contains(&param(&back.body, "code_verifier")));
}

#[test]
fn a_way_back_that_is_another_one_is_none() {
    let (settings, discovery) = (settings(None), discovery());
    let provider = provider(&settings, &discovery);
    let mine = provider.depart("", NOW, &mut SeededRng::new(1)).unwrap();
    let other = provider.depart("", NOW, &mut SeededRng::new(2)).unwrap();
    let (cookie, state) = (cookie_of(&mine), param(&mine.url, "state"));
    let late = NOW.plus_ms(u64::from(ATTEMPT_SECONDS) * 1000);
    let tampered = format!("{}A", &cookie[..cookie.len() - 1]);
    for (cookie, state, code, now) in [
        (
            cookie.as_str(),
            param(&other.url, "state").as_str(),
            "c",
            NOW,
        ),
        (&cookie_of(&other), &state, "c", NOW),
        (&cookie, "", "c", NOW),
        (&cookie, &state, "", NOW),
        (&cookie, &state, "c", late),
        ("", &state, "c", NOW),
        (&tampered, &state, "c", NOW),
    ] {
        let refused = provider.arrive(cookie, state, code, now).err();
        assert_eq!(refused, Some(EdgeError::InvalidSignIn), "{state}");
    }
    assert!(provider.arrive(&cookie, &state, "c", NOW).is_ok());
}

#[test]
fn nobody_is_sent_away_from_our_own_pages() {
    let (settings, discovery) = (settings(None), discovery());
    let provider = provider(&settings, &discovery);
    for bad in [
        "",
        "https://evil.example",
        "//evil.example",
        "/keys\r\nx: y",
        "/admin",
        "/t/x",
    ] {
        let gone = provider.depart(bad, NOW, &mut SeededRng::new(1)).unwrap();
        let state = param(&gone.url, "state");
        let back = provider
            .arrive(&cookie_of(&gone), &state, "c", NOW)
            .unwrap();
        assert_eq!(back.back, "/keys", "{bad:?}");
    }
}

/// Claims that are good, with one changed.
fn claims(name: &str, value: Value) -> String {
    let now = NOW.seconds();
    let mut claims = serde_json::json!({
        "iss": ISSUER, "sub": "5f7c", "aud": "edge", "exp": now + 300, "iat": now,
        "nonce": "n", "name": "Ann",
    });
    claims[name] = value;
    claims.to_string()
}

#[test]
fn the_claims_say_who_somebody_is() {
    let (settings, discovery) = (settings(None), discovery());
    let provider = provider(&settings, &discovery);
    let guest = |claims: &str| provider.guest(claims, "n", NOW);
    let ann = guest(&claims("x", Value::Null)).unwrap();
    assert_eq!(
        (ann.owner.as_str(), ann.name.as_str()),
        ("oidc|5f7c", "Ann")
    );
    assert_eq!(guest(&claims("name", Value::Null)).unwrap().name, "5f7c");
    assert!(guest(&claims("aud", serde_json::json!(["edge"]))).is_ok());
    let skewed = NOW.seconds() - SKEW_SECONDS + 1;
    assert!(guest(&claims("exp", skewed.into())).is_ok());
}

#[test]
fn claims_of_anything_else_are_not_believed() {
    let (settings, discovery) = (settings(None), discovery());
    let provider = provider(&settings, &discovery);
    let now = NOW.seconds();
    for (name, value) in [
        ("iss", Value::from("https://evil.example")),
        ("iss", Value::from("https://id.example.evil")),
        ("aud", Value::from("other")),
        ("aud", serde_json::json!(["other"])),
        ("aud", serde_json::json!(["edge", "other"])),
        ("azp", Value::from("other")),
        ("exp", Value::from(now - SKEW_SECONDS)),
        ("exp", Value::from("never")),
        ("iat", Value::from(now + SKEW_SECONDS + 1)),
        ("nonce", Value::from("m")),
        ("nonce", Value::Null),
        ("sub", Value::from("")),
        ("sub", Value::from("a".repeat(256))),
        ("sub", Value::Null),
    ] {
        let refused = provider.guest(&claims(name, value.clone()), "n", NOW);
        assert!(
            matches!(refused, Err(EdgeError::SignInFailed(_))),
            "{name}: {value}"
        );
    }
}

#[test]
fn a_provider_must_be_the_one_that_was_asked_and_safe() {
    let good = |name: &str, value: &str| {
        let mut json = serde_json::json!({
            "issuer": ISSUER, "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
        });
        json[name] = value.into();
        Discovery::read(ISSUER, &json.to_string())
    };
    assert!(good("token_endpoint", "http://127.0.0.1:3000/token").is_ok());
    for (name, value) in [
        ("issuer", "https://evil.example"),
        ("token_endpoint", "http://id.example/token"),
        ("jwks_uri", "ftp://id.example/jwks"),
        ("authorization_endpoint", "javascript:alert(1)"),
    ] {
        assert!(good(name, value).is_err(), "{name} {value}");
    }
    for bad in ["", "[]", "{}"] {
        assert!(Discovery::read(ISSUER, bad).is_err());
    }
    assert_eq!(discovery_url("https://id.example/"), discovery_url(ISSUER));
}
