//! Whom the service serves: requests of an edge that shares its secret, for what the claims allow.

use hyper::Request;
use inference_api::claims::{Claims, Render};
use inference_api::headers::{EDGE_CLAIMS, EDGE_REQUEST_ID, EDGE_SIGNATURE};
use inference_api::signature::Secret;

use crate::client::{Answer, TRANSCRIPTIONS, TRANSLATIONS, encode, form, get, send, transcribe};
use crate::signing::{claims, unix_seconds};
use crate::support::Service;
use crate::wav::tone;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn service() -> Service {
    Service::fake(&["--edge-signing-secrets", SECRET]).await.0
}

/// A signed upload, with its parts apart so that a test can break one.
struct Signed {
    secret: &'static str,
    path: &'static str,
    claims: Claims,
    seconds: u64,
}

impl Signed {
    fn new(claims: Claims) -> Self {
        Self {
            secret: SECRET,
            path: TRANSCRIPTIONS,
            claims,
            seconds: unix_seconds(),
        }
    }

    async fn send(&self, service: &Service) -> Answer {
        let encoded = self.claims.encode();
        let signature =
            Secret::new(self.secret)
                .unwrap()
                .sign("POST", self.path, &encoded, self.seconds);
        let (content_type, body) = encode(&form(tone()));
        let request = Request::post(self.path)
            .header("content-type", content_type)
            .header(EDGE_CLAIMS, encoded)
            .header(EDGE_SIGNATURE, signature)
            .header(EDGE_REQUEST_ID, "the-edges-id")
            .body(body)
            .unwrap();
        send(service.address, request).await
    }
}

#[tokio::test]
async fn a_signed_request_is_served_under_the_edges_id() {
    let service = service().await;
    let answer = Signed::new(claims("1")).send(&service).await;
    assert_eq!(answer.text(), "16000 samples");
    assert_eq!(answer.header("x-request-id"), "the-edges-id");
    for timing in [
        "x-audio-seconds",
        "x-queue-ms",
        "x-decode-ms",
        "x-inference-ms",
    ] {
        assert!(answer.header(timing).parse::<f64>().unwrap() >= 0.0);
    }
}

#[tokio::test]
async fn unsigned_wrong_stale_and_replayed_requests_are_refused() {
    let service = service().await;
    let unsigned = transcribe(service.address, &form(tone())).await;
    let wrong = Signed {
        secret: "another-secret-of-thirty-two-byt",
        ..Signed::new(claims("1"))
    };
    let stale = Signed {
        seconds: unix_seconds() - 61,
        ..Signed::new(claims("2"))
    };
    for answer in [
        unsigned,
        wrong.send(&service).await,
        stale.send(&service).await,
    ] {
        assert_eq!(answer.status, 401);
        assert_eq!(answer.code(), "invalid_signature");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let genuine = Signed::new(claims("3"));
    assert_eq!(genuine.send(&service).await.status, 200);
    let replayed = genuine.send(&service).await;
    assert_eq!(replayed.status, 401);
    assert_eq!(replayed.code(), "replayed_request");
    service.until_free().await;
}

#[tokio::test]
async fn a_clock_may_be_a_minute_off_either_way_and_no_more() {
    let service = service().await;
    let now = unix_seconds();
    // A second may pass on the way: what is meant to pass is well within, what is not well beyond.
    for (number, (seconds, status)) in [
        (now - 55, 200),
        (now + 55, 200),
        (now - 65, 401),
        (now + 65, 401),
    ]
    .into_iter()
    .enumerate()
    {
        let skewed = Signed {
            seconds,
            ..Signed::new(claims(&number.to_string()))
        };
        let answer = skewed.send(&service).await;
        assert_eq!(answer.status, status, "{seconds} at {now}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_signature_is_good_for_its_claims_and_path_alone() {
    let service = service().await;
    let genuine = claims("1").encode();
    let richer = Claims {
        models: vec!["*".into()],
        max_audio_seconds: Some(1e9),
        ..claims("2")
    };
    let secret = Secret::new(SECRET).unwrap();
    let now = unix_seconds();
    let signature = secret.sign("POST", TRANSCRIPTIONS, &genuine, now);
    let (content_type, body) = encode(&form(tone()));
    for (what, path, encoded, signature) in [
        (
            "other claims",
            TRANSCRIPTIONS,
            richer.encode(),
            signature.clone(),
        ),
        (
            "another path",
            TRANSLATIONS,
            genuine.clone(),
            signature.clone(),
        ),
        (
            "another method",
            TRANSCRIPTIONS,
            genuine.clone(),
            secret.sign("GET", TRANSCRIPTIONS, &genuine, now),
        ),
        (
            "a later second",
            TRANSCRIPTIONS,
            genuine.clone(),
            signature.replace(&format!("t={now}"), &format!("t={}", now + 1)),
        ),
        (
            "a digest cut short",
            TRANSCRIPTIONS,
            genuine.clone(),
            signature[..signature.len() - 2].to_owned(),
        ),
        (
            "claims without end",
            TRANSCRIPTIONS,
            "A".repeat(9_000),
            secret.sign("POST", TRANSCRIPTIONS, &"A".repeat(9_000), now),
        ),
    ] {
        let request = Request::post(path)
            .header("content-type", &content_type)
            .header(EDGE_CLAIMS, encoded)
            .header(EDGE_SIGNATURE, signature)
            .body(body.clone())
            .unwrap();
        let answer = send(service.address, request).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.body);
        assert_eq!(answer.code(), "invalid_signature", "{what}");
    }
    // None of them used the id up.
    assert_eq!(Signed::new(claims("1")).send(&service).await.status, 200);
    service.until_free().await;
}

#[tokio::test]
async fn models_are_listed_to_signed_requests_only() {
    let service = service().await;
    let answer = get(service.address, "/v1/models").await;
    assert_eq!(answer.code(), "invalid_signature");
}

#[tokio::test]
async fn the_claims_bound_scope_model_length_and_time() {
    let service = service().await;
    let translate = Signed {
        path: TRANSLATIONS,
        ..Signed::new(claims("1"))
    };
    let other_model = Signed::new(Claims {
        models: vec!["base".into()],
        ..claims("2")
    });
    let short = Signed::new(Claims {
        max_audio_seconds: Some(0.5),
        ..claims("3")
    });
    let late = Signed::new(Claims {
        deadline_ms: unix_seconds() * 1000 - 1,
        ..claims("4")
    });
    for (request, status, code) in [
        (translate, 403, "insufficient_scope"),
        (other_model, 403, "model_not_allowed"),
        (short, 413, "audio_too_long"),
        (late, 504, "deadline_exceeded"),
    ] {
        let answer = request.send(&service).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code)
        );
    }
    service.until_free().await;
}

#[tokio::test]
async fn the_canonical_rendering_can_become_any_format_later() {
    use inference_api::transcript::Transcript;
    let service = service().await;
    let stored = Signed::new(Claims {
        render: Render::Canonical,
        ..claims("1")
    });
    let answer = stored.send(&service).await;
    let transcript: Transcript = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(transcript.text(), "16000 samples");
    assert!(transcript.words.is_some());
}
