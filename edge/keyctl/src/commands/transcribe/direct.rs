//! A recording that is transcribed by the request that brings it.

use std::time::Duration;

use inference_api::headers::TRANSCRIPT_ID;
use ureq::http::Method;

use crate::client::Stream;
use crate::error::Error;
use crate::idempotency::given_or_random;
use crate::multipart::Form;
use crate::path::ApiPath;
use crate::patience::patiently;
use crate::progress::Progress;

use super::output::Target;
use super::recording::Recording;
use super::{Outcome, Session};

/// How long a transcript may take: longer than any edge waits for its host.
const PATIENCE: Duration = Duration::from_mins(30);

impl Session<'_> {
    /// Sends the file, and writes the answer. Sent again under the same key, it is done once.
    pub(super) fn directly(
        &self,
        recording: &Recording,
        target: &Target,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let args = self.args;
        let route = if args.translate {
            "/v1/audio/translations"
        } else {
            "/v1/audio/transcriptions"
        };
        let store = args.store.then_some("true");
        let path = ApiPath::of(route).query(&[("store", store)]);
        let form = self.form(recording)?;
        let content_type = form.content_type();
        let key = given_or_random(None)?;
        patiently(&|text| progress.say(text), || {
            progress.sending(recording.bytes);
            let mut sent = 0;
            let told = |more| {
                sent += more;
                progress.sent(more);
                if sent == recording.bytes {
                    progress.waiting();
                }
            };
            let file = recording.part(0, recording.bytes, told)?;
            let response = self.client.send_stream(
                &Method::POST,
                &path,
                Stream {
                    content_type: &content_type,
                    bytes: form.bytes(recording.bytes),
                    body: &mut form.around(file),
                    idempotency: Some(&key),
                    patience: PATIENCE,
                },
            )?;
            let id = response.headers().get(TRANSCRIPT_ID);
            let id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
            if args.store && id.is_none() {
                return Err(self.client.unexpected("no id of the transcript to be kept"));
            }
            let written = target.write(&self.client, response, args.format)?;
            let id = id.filter(|_| args.store);
            Ok(Outcome::Transcript { written, id })
        })
    }

    fn form(&self, recording: &Recording) -> Result<Form, Error> {
        let args = self.args;
        let temperature = args.temperature.map(|t| t.to_string());
        let fields = [
            ("model", Some(args.model.as_str())),
            ("response_format", Some(args.format.as_str())),
            ("language", args.language.as_deref()),
            ("prompt", args.prompt.as_deref()),
            ("hotwords", args.hotwords.as_deref()),
            ("temperature", temperature.as_deref()),
        ];
        let fields: Vec<(&str, &str)> = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let boundary = format!("keyctl-{}", given_or_random(None)?);
        Ok(Form::new(boundary, &fields, &recording.name))
    }
}
