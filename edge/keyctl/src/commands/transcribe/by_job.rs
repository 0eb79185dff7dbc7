//! A recording that is uploaded in parts, and transcribed by a job.

use std::collections::BTreeSet;
use std::time::Duration;

use ureq::http::Method;

use crate::client::Stream;
use crate::error::Error;
use crate::idempotency::given_or_random;
use crate::job_watch::{JOBS, succeeded, watch};
use crate::job_wire::{JobView, NewJob, NewUpload, Upload, UploadState};
use crate::path::ApiPath;
use crate::patience::patiently;
use crate::progress::Progress;
use crate::table::printable;

use super::output::Target;
use super::recording::Recording;
use super::{Outcome, Session};

const UPLOADS: &str = "/v1/uploads";
/// How long the answer to a part may take once it is sent, and a transcript that is there.
const PATIENCE: Duration = Duration::from_mins(5);
/// Most parts of a file: as many as the stores of the world take.
const MAX_PARTS: u64 = 10_000;

impl Session<'_> {
    /// Uploads the file, has it done, and where it is to be waited for, waits and writes the transcript.
    pub(super) fn by_job(
        &self,
        recording: &Recording,
        target: &Target,
        progress: &Progress,
        wait: bool,
    ) -> Result<Outcome, Error> {
        let upload = self.upload(recording, progress)?;
        let job = self.order(&upload, recording, progress)?;
        if !wait {
            progress.say(&format!("is {}", printable(&job.id)));
            return Ok(Outcome::Job(job.id));
        }
        self.underway.job(&job.id, &recording.name);
        progress.job(&job);
        self.await_transcript(job, target, progress)
    }

    /// The id of the file's upload, complete.
    fn upload(&self, recording: &Recording, progress: &Progress) -> Result<String, Error> {
        let say = |text: &str| progress.say(text);
        let upload = if let Some(id) = &self.args.upload {
            let path = ApiPath::of(UPLOADS).under(id)?;
            patiently(&say, || self.client.get::<Upload>(&path))?.value
        } else {
            let wish = NewUpload {
                name: &recording.name,
                bytes: recording.bytes,
            };
            let key = given_or_random(None)?;
            let path = ApiPath::of(UPLOADS);
            patiently(&say, || {
                self.client.post_under::<Upload>(&path, &wish, &key)
            })?
            .value
        };
        if upload.bytes != recording.bytes {
            return Err(Error::Usage(format!(
                "{} is an upload of {} bytes ({}), and the file has {}",
                printable(&upload.id),
                upload.bytes,
                printable(&upload.name),
                recording.bytes
            )));
        }
        self.underway.upload(&upload.id, &recording.name);
        let sent = self.send_parts(&upload, recording, progress);
        self.underway.upload_over(&upload.id);
        match sent {
            Ok(()) => Ok(upload.id),
            Err(cause @ Error::Usage(_)) => Err(cause),
            Err(cause) => Err(Error::UploadLeft {
                id: printable(&upload.id),
                cause: Box::new(cause),
            }),
        }
    }

    /// Sends the parts that are not there yet.
    fn send_parts(
        &self,
        upload: &Upload,
        recording: &Recording,
        progress: &Progress,
    ) -> Result<(), Error> {
        if upload.state == UploadState::Complete {
            return Ok(());
        }
        let all = recording.bytes.max(1).div_ceil(upload.part_bytes.max(1));
        if upload.part_bytes == 0 || all > MAX_PARTS {
            let problem = "an upload of no parts that a file can have";
            return Err(self.client.unexpected(problem));
        }
        let there: BTreeSet<u64> = upload.parts.iter().map(|part| part.part).collect();
        progress.sending(recording.bytes);
        for part in 1..=all {
            let start = (part - 1) * upload.part_bytes;
            let bytes = upload.part_bytes.min(recording.bytes - start);
            if !there.contains(&part) {
                self.send_part(upload, recording, part, (start, bytes), progress)?;
            }
            progress.sent_in_all(start + bytes);
        }
        Ok(())
    }

    /// Sends one part, and sends it again where it did not arrive.
    fn send_part(
        &self,
        upload: &Upload,
        recording: &Recording,
        part: u64,
        (start, bytes): (u64, u64),
        progress: &Progress,
    ) -> Result<(), Error> {
        let whole = ApiPath::of(UPLOADS).under(&upload.id)?;
        let number = part.to_string();
        let path = whole.clone().query(&[("part", Some(&number))]);
        let mut again = false;
        patiently(
            &|text| progress.say(&format!("part {part}: {text}")),
            || {
                // The answer may have been lost, and not the part.
                if std::mem::replace(&mut again, true) && self.has(&whole, part) {
                    return Ok(());
                }
                progress.sent_in_all(start);
                let told = |more| progress.sent(more);
                let mut file = recording.part(start, bytes, told)?;
                let response = self.client.send_stream(
                    &Method::PUT,
                    &path,
                    Stream {
                        content_type: "application/octet-stream",
                        bytes,
                        body: &mut file,
                        idempotency: None,
                        patience: PATIENCE,
                    },
                )?;
                self.client.read_answer::<Upload>(response).map(|_| ())
            },
        )
    }

    /// Whether a part is there, as far as that can be told.
    fn has(&self, upload: &ApiPath, part: u64) -> bool {
        self.client.get::<Upload>(upload).is_ok_and(|answer| {
            let upload = answer.value;
            upload.state == UploadState::Complete || upload.parts.iter().any(|p| p.part == part)
        })
    }

    /// Has the upload transcribed.
    fn order(
        &self,
        upload: &str,
        recording: &Recording,
        progress: &Progress,
    ) -> Result<JobView, Error> {
        let args = self.args;
        let wish = NewJob {
            upload_id: upload,
            name: &recording.name,
            model: &args.model,
            task: if args.translate {
                "translate"
            } else {
                "transcribe"
            },
            language: args.language.as_deref(),
            prompt: args.prompt.as_deref(),
            hotwords: args.hotwords.as_deref(),
            temperature: args.temperature,
        };
        let key = given_or_random(None)?;
        let path = ApiPath::of(JOBS);
        let made = patiently(&|text| progress.say(text), || {
            self.client.post_under::<JobView>(&path, &wish, &key)
        });
        match made {
            Ok(answer) => Ok(answer.value),
            Err(cause) => Err(Error::UploadLeft {
                id: printable(upload),
                cause: Box::new(cause),
            }),
        }
    }

    /// Waits for the job, and writes its transcript.
    fn await_transcript(
        &self,
        job: JobView,
        target: &Target,
        progress: &Progress,
    ) -> Result<Outcome, Error> {
        let say = |text: &str| progress.say(text);
        let id = job.id.clone();
        let job = if job.state.is_over() {
            job
        } else {
            let mut tell = |job: &JobView| progress.job(job);
            let over = watch(&self.client, &id, &mut tell, &say);
            over.map_err(|cause| Error::JobLeft {
                id: printable(&id),
                cause: Box::new(cause),
            })?
            .value
        };
        // Whatever comes of writing it, the job is over.
        self.underway.job_over(&id);
        succeeded(&job)?;
        let transcript = job.transcript_id;
        let transcript =
            transcript.ok_or_else(|| self.client.unexpected("a job without its transcript"))?;
        let path = ApiPath::of("/v1/transcripts").under(&transcript)?;
        let format = self.args.format;
        let path = path.query(&[("format", Some(format.as_str()))]);
        let written = patiently(&say, || {
            let response = self.client.get_long(&path, PATIENCE)?;
            target.write(&self.client, response, format)
        })?;
        let id = Some(transcript);
        Ok(Outcome::Transcript { written, id })
    }
}
