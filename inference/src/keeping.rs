//! Transcripts that are kept: looked for before anything is decoded, and brought to the edge before they are told.
//!
//! What is the same for the edge is the same file, the same model and the same wishes as to words and times; the form
//! of the answer is none of them, for it can be made of what is kept. A request that comes again under its
//! `Idempotency-Key` is the same in the form of its answer, too.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue};
use inference_api::claims::Claims;
use inference_api::headers::{
    CACHE, EDGE_CLAIMS, EDGE_SIGNATURE, IDEMPOTENT, IDEMPOTENT_REPLAYED, TRANSCRIPT_ID,
};
use inference_api::keeping::{
    Brought, FIND_PATH, KEEP_PATH, Keep, Likeness, MAX_NAME_CHARS, MAX_TRANSCRIPT_BYTES, Once,
    Sought,
};
use inference_api::origin::{is_https, is_loopback, is_origin};
use inference_api::render::canonical;
use inference_api::signature::Secret;
use inference_api::statement::encode;
use inference_api::transcript::Transcript;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use ureq::Agent;
use ureq::http::Response;

use crate::error::Error;
use crate::form::{Asked, Form};

/// Longest wait for the edge's answer to one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the first failure to bring a transcript; each is twice the one before, up to the longest.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long it is tried to bring a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For somebody who waits: a moment.
    Waiting,
    /// For a job: what an edge that restarts takes, or its database.
    Job,
}

impl Patience {
    /// Most tries; those of a job take about five minutes.
    const fn tries(self) -> u32 {
        match self {
            Self::Waiting => 4,
            Self::Job => 17,
        }
    }
}

/// Speaks with the edge about transcripts.
pub(crate) struct Keeper {
    agent: Agent,
    secret: Secret,
}

/// A transcript that is to be kept.
pub(crate) struct Keeping {
    keeper: Arc<Keeper>,
    keep: Keep,
    likeness: Likeness,
    /// What it answers, where the same may be asked again.
    once: Option<Once>,
    key_id: String,
    model: String,
    name: Option<String>,
    job: Option<String>,
}

/// One that was kept before.
pub(crate) struct Found {
    pub(crate) id: String,
    /// Whether it answered the same request.
    pub(crate) is_repeated: bool,
    pub(crate) transcript: Transcript,
}

/// What the edge says to a question.
enum Said {
    Found(Box<Found>),
    Nothing,
    /// Another request had the same key.
    OtherRequest,
}

impl Keeper {
    pub(crate) fn new(secret: Secret) -> Arc<Self> {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("whisper-edge/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Arc::new(Self { agent, secret })
    }

    /// What the claims ask to keep of a form that was read.
    pub(crate) fn keeping(
        self: &Arc<Self>,
        claims: &Claims,
        keep: &Keep,
        form: &Form,
        asked: &Asked,
        model: &str,
    ) -> Result<Keeping, Error> {
        // What the edge signed is its own address; this bounds what a mistaken one can reach.
        let edge = &keep.edge;
        if !is_origin(edge) || !(is_https(edge) || is_loopback(edge)) {
            return Err(unavailable(format!("no address of an edge: {edge}")));
        }
        let audio = form.file_sha256.ok_or_else(|| {
            // The form is hashed whenever the claims ask to keep.
            Error::internal("a file that is to be kept was not hashed")
        })?;
        let likeness = Likeness {
            account: keep.account.clone(),
            audio: hex::encode(audio),
            parameters: parameters(model, asked),
        };
        let once = keep.once.clone().map(|key| Once {
            key,
            request: request(&likeness, asked),
        });
        Ok(Keeping {
            keeper: Arc::clone(self),
            keep: keep.clone(),
            likeness,
            once,
            key_id: claims.key_id.clone(),
            model: model.to_owned(),
            name: form.file_name.as_deref().and_then(presentable),
            job: claims.job.as_ref().map(|job| job.id.clone()),
        })
    }

    fn post(
        &self,
        edge: &str,
        path: &str,
        statement: &str,
        body: &str,
    ) -> Result<Response<ureq::Body>, String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let signature = self.secret.sign("POST", path, statement, now.as_secs());
        self.agent
            .post(format!("{edge}{path}"))
            .header(EDGE_CLAIMS, statement)
            .header(EDGE_SIGNATURE, &signature)
            .content_type("application/json")
            .send(body)
            .map_err(|error| error.to_string())
    }

    fn find(&self, edge: &str, statement: &str) -> Result<Said, String> {
        let mut answer = self.post(edge, FIND_PATH, statement, "")?;
        match answer.status().as_u16() {
            204 => return Ok(Said::Nothing),
            409 => return Ok(Said::OtherRequest),
            200 => {}
            status => return Err(format!("status {status}")),
        }
        let header = |name: &str| {
            let value = answer.headers().get(name).and_then(|v| v.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (id, is_repeated) = (header(TRANSCRIPT_ID), header(IDEMPOTENT) == "hit");
        let body = answer.body_mut().with_config();
        let text = body.limit(u64::from(MAX_TRANSCRIPT_BYTES)).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let transcript = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(Said::Found(Box::new(Found {
            id,
            is_repeated,
            transcript,
        })))
    }

    fn bring(&self, edge: &str, statement: &str, body: &str) -> Result<(), String> {
        let answer = self.post(edge, KEEP_PATH, statement, body)?;
        match answer.status().as_u16() {
            204 => Ok(()),
            status => Err(format!("status {status}")),
        }
    }
}

impl Keeping {
    /// Whether the same was kept before. A store that does not answer has nothing: then it is heard again. The only error
    /// is that of a key that came with another request.
    pub(crate) async fn find(&self) -> Result<Option<Found>, Error> {
        let statement = encode(&Sought {
            likeness: self.likeness.clone(),
            until_ms: self.keep.until_ms,
            once: self.once.clone(),
            listed: self.keep.listed,
        });
        let (keeper, edge) = (Arc::clone(&self.keeper), self.keep.edge.clone());
        let asking = tokio::task::spawn_blocking(move || keeper.find(&edge, &statement)).await;
        let said = asking.unwrap_or_else(|error| Err(error.to_string()));
        match said {
            Ok(Said::Found(found)) => Ok(Some(*found)),
            Ok(Said::Nothing) => Ok(None),
            Ok(Said::OtherRequest) if self.once.is_some() => Err(Error::IdempotencyKeyReused),
            Ok(Said::OtherRequest) => Ok(self.not_told("status 409")),
            Err(cause) => Ok(self.not_told(&cause)),
        }
    }

    fn not_told(&self, cause: &str) -> Option<Found> {
        tracing::warn!(
            edge = self.keep.edge,
            cause,
            "the store of transcripts can't be asked"
        );
        None
    }

    /// Keeps it. The same call again changes nothing, so it is made until it is answered, though not for ever.
    pub(crate) async fn bring(
        self,
        transcript: &Transcript,
        patience: Patience,
    ) -> Result<(), Error> {
        let body = Arc::<str>::from(canonical(transcript));
        let Self { keeper, keep, .. } = self;
        let statement = Arc::<str>::from(encode(&Brought {
            id: keep.id,
            likeness: self.likeness,
            until_ms: keep.until_ms,
            key_id: self.key_id,
            model: self.model,
            name: self.name,
            body: hex::encode(Sha256::digest(body.as_bytes())),
            once: self.once,
            listed: keep.listed,
            job: self.job,
        }));
        let mut tries = 1;
        loop {
            let (keeper, edge) = (Arc::clone(&keeper), keep.edge.clone());
            let (statement, body) = (Arc::clone(&statement), Arc::clone(&body));
            let bringing =
                tokio::task::spawn_blocking(move || keeper.bring(&edge, &statement, &body));
            let brought = bringing
                .await
                .unwrap_or_else(|error| Err(error.to_string()));
            match brought {
                Ok(()) => return Ok(()),
                Err(cause) if tries == patience.tries() => return Err(unavailable(cause)),
                Err(_) => {}
            }
            let pause = PAUSE.saturating_mul(1 << (tries - 1).min(16));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            tries += 1;
        }
    }

    /// The headers of an answer that is the transcript under this id; one that is none of the account's has no name.
    fn name(&self, id: &str, headers: &mut HeaderMap) {
        if !self.keep.listed {
            return;
        }
        let link = format!(
            "<{}/v1/transcripts/{id}>; rel=\"canonical\"",
            self.keep.edge
        );
        for (name, value) in [(TRANSCRIPT_ID, id), ("link", &link)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }

    /// The headers of an answer that is new.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        self.name(&self.keep.id, &mut headers);
        headers
    }

    /// And of one that was found.
    pub(crate) fn headers_of(&self, found: &Found) -> HeaderMap {
        let mut headers = HeaderMap::new();
        self.name(&found.id, &mut headers);
        if found.is_repeated {
            headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        } else if self.keep.listed {
            headers.insert(CACHE, HeaderValue::from_static("hit"));
        }
        headers
    }

    /// The id that it will have.
    pub(crate) fn id(&self) -> &str {
        &self.keep.id
    }
}

fn unavailable(cause: String) -> Error {
    Error::StoreUnavailable { cause }
}

/// One hash over all that words and times depend on beside the audio.
fn parameters(model: &str, asked: &Asked) -> String {
    let options = &asked.options;
    // Words always come with what is kept. The number goes up with the meaning of what follows.
    let all = json!([
        1,
        model,
        options.task,
        options.language,
        options.prompt,
        options.hotwords,
        options.temperature.to_bits(),
        options.logprobs,
        asked.carries_text,
    ]);
    hex::encode(Sha256::digest(all.to_string()))
}

/// One hash over all that the answer to a request depends on.
fn request(likeness: &Likeness, asked: &Asked) -> String {
    // The number goes up with the meaning of what follows.
    let all = json!([
        1,
        likeness.parameters,
        likeness.audio,
        asked.format.as_str(),
        asked.shows_words,
        asked.options.logprobs,
        asked.stream,
    ]);
    hex::encode(Sha256::digest(all.to_string()))
}

/// A file's name without its folders and without what can't be shown; none if nothing is left.
fn presentable(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = name.chars().filter(|c| !c.is_control());
    let name: String = shown.take(MAX_NAME_CHARS).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_files_without_its_folders() {
        for (name, shown) in [
            ("talk.flac", Some("talk.flac")),
            ("C:\\calls\\ talk.flac", Some("talk.flac")),
            ("../../etc/passwd", Some("passwd")),
            ("a\r\nb\u{7}.wav", Some("ab.wav")),
            ("folder/", None),
            ("  ", None),
        ] {
            assert_eq!(presentable(name).as_deref(), shown, "{name:?}");
        }
        let long = presentable(&"ü".repeat(1_000)).unwrap();
        assert_eq!(long.chars().count(), MAX_NAME_CHARS);
    }
}
