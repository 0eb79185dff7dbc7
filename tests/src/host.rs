//! What an inference host tells the edge of transcripts, without one: many of them, at once, and of any length.

use std::time::{SystemTime, UNIX_EPOCH};

use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::keeping::{Brought, FIND_PATH, KEEP_PATH, Likeness, Once, Sought};
use inference_api::language::Language;
use inference_api::render::canonical;
use inference_api::signature::Secret;
use inference_api::statement::encode;
use inference_api::transcript::{Segment, Task, Transcript};
use reqwest::Method;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::edge::Edge;
use crate::http::Answer;

/// Speaks as a host that knows the deployment's secret.
#[derive(Debug)]
pub struct Host<'a> {
    edge: &'a Edge,
}

/// A transcript that is to be brought.
#[derive(Clone, Debug)]
pub struct Told {
    /// `tr_…`.
    pub id: String,
    /// Whose.
    pub account: String,
    /// Name of the file.
    pub name: Option<String>,
    /// ISO 639-1.
    pub language: &'static str,
    /// What was said: a segment each.
    pub said: Vec<String>,
    /// From when on it is gone, in unix milliseconds.
    pub until_ms: Option<u64>,
    /// The request that it answers.
    pub once: Option<Once>,
    /// Whether it is one of the account's transcripts.
    pub listed: bool,
}

impl Told {
    /// One of `owner`'s, in English; the number makes its id.
    pub fn new(owner: &str, number: usize, said: &str) -> Self {
        Self {
            id: format!("tr_{number:020}"),
            account: format!("owner:{owner}"),
            name: None,
            language: "en",
            said: vec![said.to_owned()],
            until_ms: None,
            once: None,
            listed: true,
        }
    }

    /// Answers a request with an `Idempotency-Key`; both are made of the texts. It is no transcript of the account.
    #[must_use]
    pub fn once(mut self, key: &str, request: &str) -> Self {
        let hash = |text: &str| hex::encode(Sha256::digest(text));
        let (key, request) = (hash(key), hash(request));
        self.once = Some(Once { key, request });
        self.listed = false;
        self
    }

    fn transcript(&self) -> Transcript {
        let language = Language::parse(self.language);
        Transcript {
            task: Task::Transcribe,
            language: language.unwrap_or_else(|| panic!("no such language: {}", self.language)),
            language_probability: None,
            duration: 2.0,
            segments: (0..).zip(&self.said).map(segment).collect(),
            words: Some(Vec::new()),
            logprobs: None,
        }
    }

    fn likeness(&self) -> Likeness {
        Likeness {
            account: self.account.clone(),
            audio: hex::encode(Sha256::digest(&self.id)),
            parameters: "0".repeat(64),
        }
    }
}

fn segment((id, text): (u32, &String)) -> Segment {
    Segment {
        id,
        seek: 0,
        start: 0.0,
        end: 2.0,
        text: format!(" {text}"),
        tokens: vec![1],
        temperature: 0.0,
        avg_logprob: -0.1,
        compression_ratio: 1.0,
        no_speech_prob: 0.0,
    }
}

impl<'a> Host<'a> {
    /// A host of this edge.
    pub const fn of(edge: &'a Edge) -> Self {
        Self { edge }
    }

    async fn tell(&self, path: &str, statement: &impl Serialize, body: String) -> Answer {
        let secret = Secret::new(self.edge.signing_secret());
        let secret = secret.unwrap_or_else(|error| panic!("no secret: {error}"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let encoded = encode(statement);
        let now = now.unwrap_or_default().as_secs();
        let signature = secret.sign("POST", path, &encoded, now);
        let call = self.edge.call(Method::POST, path);
        let call = call.header(EDGE_CLAIMS, &encoded);
        call.header(EDGE_SIGNATURE, &signature)
            .body(body)
            .send()
            .await
    }

    /// Brings a transcript.
    pub async fn bring(&self, told: &Told) -> Answer {
        self.bring_as(told, canonical(&told.transcript())).await
    }

    /// Brings any body as a transcript, with the sum that it has.
    pub async fn bring_as(&self, told: &Told, body: String) -> Answer {
        let brought = Brought {
            id: told.id.clone(),
            likeness: told.likeness(),
            until_ms: told.until_ms,
            key_id: "key_1".to_owned(),
            model: "tiny.en".to_owned(),
            name: told.name.clone(),
            body: hex::encode(Sha256::digest(&body)),
            once: told.once.clone(),
            listed: told.listed,
            job: None,
        };
        self.tell(KEEP_PATH, &brought, body).await
    }

    /// Asks whether it is there.
    pub async fn find(&self, told: &Told) -> Answer {
        let sought = Sought {
            likeness: told.likeness(),
            until_ms: told.until_ms,
            once: told.once.clone(),
            listed: told.listed,
        };
        self.tell(FIND_PATH, &sought, String::new()).await
    }
}
