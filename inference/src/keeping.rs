//! Transcripts that are kept: looked for before anything is decoded, and brought to the edge before they are told.
//!
//! What is the same for the edge is the same file, the same model and the same wishes as to words and times; the form
//! of the answer is none of them, for it can be made of what is kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inference_api::claims::Claims;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE, TRANSCRIPT_ID};
use inference_api::keeping::{
    Brought, FIND_PATH, KEEP_PATH, Keep, Likeness, MAX_NAME_CHARS, MAX_TRANSCRIPT_BYTES, Sought,
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
/// How often a transcript is brought before it is given up, and the pause after the first failure; each is twice the
/// one before.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

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
    key_id: String,
    model: String,
    name: Option<String>,
}

/// One that was kept before.
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) transcript: Transcript,
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
        Ok(Keeping {
            keeper: Arc::clone(self),
            keep: keep.clone(),
            likeness: Likeness {
                account: keep.account.clone(),
                audio: hex::encode(audio),
                parameters: parameters(model, asked),
            },
            key_id: claims.key_id.clone(),
            model: model.to_owned(),
            name: form.file_name.as_deref().and_then(presentable),
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

    fn find(&self, edge: &str, statement: &str) -> Result<Option<Found>, String> {
        let mut answer = self.post(edge, FIND_PATH, statement, "")?;
        match answer.status().as_u16() {
            204 => return Ok(None),
            200 => {}
            status => return Err(format!("status {status}")),
        }
        let id = answer.headers().get(TRANSCRIPT_ID);
        let id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
        let id = id.to_owned();
        let body = answer.body_mut().with_config();
        let text = body.limit(u64::from(MAX_TRANSCRIPT_BYTES)).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let transcript = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(Some(Found { id, transcript }))
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
    /// Whether the same was kept before. A store that does not answer has nothing: then it is heard again.
    pub(crate) async fn find(&self) -> Option<Found> {
        let likeness = self.likeness.clone();
        let statement = encode(&Sought {
            likeness,
            until_ms: self.keep.until_ms,
            once: None,
            listed: self.keep.listed,
        });
        let (keeper, edge) = (Arc::clone(&self.keeper), self.keep.edge.clone());
        let asking = tokio::task::spawn_blocking(move || keeper.find(&edge, &statement)).await;
        let found = asking.unwrap_or_else(|error| Err(error.to_string()));
        found.unwrap_or_else(|cause| {
            tracing::warn!(
                edge = self.keep.edge,
                cause,
                "the store of transcripts can't be asked"
            );
            None
        })
    }

    /// Keeps it. The same call again changes nothing, so it is made until it is answered, though not for ever.
    pub(crate) async fn bring(self, transcript: &Transcript) -> Result<(), Error> {
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
            once: None,
            listed: keep.listed,
            job: None,
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
                Err(cause) if tries == TRIES => return Err(unavailable(cause)),
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE * (1 << (tries - 1))).await;
            tries += 1;
        }
    }

    /// The headers that name the transcript under this id.
    pub(crate) fn headers(&self, id: &str) -> [(&'static str, String); 2] {
        let link = format!(
            "<{}/v1/transcripts/{id}>; rel=\"canonical\"",
            self.keep.edge
        );
        [(TRANSCRIPT_ID, id.to_owned()), ("link", link)]
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
