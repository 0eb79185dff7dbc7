//! The audio that was kept with a transcript (`keep_audio` of a job), for its owner and for whoever has a link. It is
//! streamed out of the bucket; no byte of it enters wasm.

use edge_core::error::EdgeError;
use edge_core::ports::{PortError, UnixMs};
use edge_core::transcripts::{audio_headers, audio_place, byte_range, inline, media_type};
use js_sys::JsString;
use js_sys::futures::JsFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::database::Given;
use crate::glue::{self, Call, thrown};
use crate::ports::Runtime;
use crate::transcript_store::{LINKED, OWNED};

/// Before the clauses that say which transcript.
const SELECT: &str = "SELECT t.id,t.account,t.name,t.audio_type,t.audio_bytes";
const IS_KEPT: &str = "AND t.audio_type IS NOT NULL";

/// What is known of the audio of a transcript.
#[derive(Deserialize)]
pub(crate) struct KeptAudio {
    id: String,
    account: String,
    name: Option<String>,
    audio_type: String,
    audio_bytes: u64,
}

/// The media type of the audio of a job of this name.
#[wasm_bindgen(js_name = mediaType)]
pub fn media_type_of(name: &str) -> String {
    media_type(name).to_owned()
}

impl Runtime<'_> {
    /// The audio of an account's transcript.
    pub(crate) async fn audio(
        &self,
        account: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<KeptAudio>, PortError> {
        let statement = format!("{SELECT} {OWNED} {IS_KEPT}");
        self.kept_audio(&json!([[statement, now.0, id, account]]))
            .await
    }

    /// The audio of the transcript that a link leads to.
    pub(crate) async fn linked_audio(
        &self,
        hash: &str,
        now: UnixMs,
    ) -> Result<Option<KeptAudio>, PortError> {
        let statement = format!("{SELECT} {LINKED} {IS_KEPT}");
        self.kept_audio(&json!([[statement, now.0, hash]])).await
    }

    async fn kept_audio(&self, statement: &Value) -> Result<Option<KeptAudio>, PortError> {
        let given: Vec<Given<KeptAudio>> = self.query(statement).await?;
        Ok(given.into_iter().flat_map(|given| given.rows).next())
    }
}

/// The answer with audio, or with the part of it that is asked for; `None`: it is gone from the bucket.
pub(crate) async fn answer(call: &Call, audio: &KeptAudio) -> Result<Option<JsValue>, EdgeError> {
    let KeptAudio {
        id,
        account,
        name,
        audio_type,
        audio_bytes,
    } = audio;
    let range = byte_range(&glue::header(call, "range"), *audio_bytes);
    let (first, length) = range.map_or((0, *audio_bytes), |range| (range.first, range.length));
    let headers = audio_headers(range, *audio_bytes, &inline(name.as_deref()));
    #[expect(clippy::cast_precision_loss, reason = "at most 5 GB")]
    let streamed = glue::stored(
        call,
        &audio_place(account, id),
        if range.is_some() { 206 } else { 200 },
        &JsString::from(audio_type.as_str()),
        &headers,
        first as f64,
        length as f64,
    );
    let answer = JsFuture::from(streamed).await.map_err(|error| {
        EdgeError::StoreUnavailable(PortError {
            port: "bucket",
            cause: thrown(&error),
        })
    })?;
    Ok((!answer.is_null()).then_some(answer))
}
