//! What an edge vouches for, and when.

use std::time::{SystemTime, UNIX_EPOCH};

use inference_api::claims::{Claims, Render};

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub(crate) fn claims(id: &str) -> Claims {
    Claims {
        request_id: id.into(),
        key_id: "key_1".into(),
        owner: Some("acme".into()),
        scopes: vec!["transcribe".into()],
        models: vec!["*".into()],
        max_audio_seconds: None,
        priority: 5,
        deadline_ms: (unix_seconds() + 60) * 1000,
        render: Render::Client,
        keep: None,
        job: None,
    }
}
