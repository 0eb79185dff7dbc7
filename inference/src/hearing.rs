//! From a file to the line of those that are heard: a thread decodes it and cuts it into pieces, sessions transcribe them.

use std::io::{Read, Seek};
use std::time::Duration;

use inference_api::claims::Claims;
use inference_audio::chunks::{Chunk, Chunker, Voice};
use inference_audio::{AudioError, Limits};

use crate::error::Error;
use crate::form::Asked;
use crate::queue::{Gone, Wanted};
use crate::registry::Model;
use crate::scheduler::Flow;
use crate::service::Service;
use crate::telemetry::SPANS;
use crate::ticket::{Feeder, Ticket};

/// How long the first piece of an answer that streams is, about: its words are there in a third of a second.
const FIRST_PIECE: Duration = Duration::from_secs(3);

/// What is to be heard, as what, and for whom.
pub(crate) struct Wish<'a> {
    pub(crate) claims: &'a Claims,
    pub(crate) model: &'a Model,
    pub(crate) asked: &'a Asked,
    pub(crate) limits: Limits,
}

/// Limits, and the key's where those are tighter.
pub(crate) fn limits(limits: &Limits, claims: &Claims) -> Limits {
    let mut limits = limits.clone();
    if let Some(seconds) = claims.max_audio_seconds
        && let Ok(of_key) = Duration::try_from_secs_f64(seconds)
    {
        limits.max_duration = limits.max_duration.min(of_key);
    }
    limits
}

/// Puts the file in line for somebody who waits; the ticket hears of it.
pub(crate) fn hear(
    service: &Service,
    wish: &Wish<'_>,
    file: impl Read + Seek + Send + Sync + 'static,
) -> Result<Ticket, Error> {
    let (flow, wanted) = in_line(service, wish);
    let (ticket, feeder) = service.pool.queue().open(flow, wanted);
    spawn(service, wish, file, feeder, |_| {})?;
    Ok(ticket)
}

/// The same for a job, which tells each piece to `note` before it enters.
pub(crate) fn hear_job(
    service: &Service,
    wish: &Wish<'_>,
    file: impl Read + Seek + Send + Sync + 'static,
    note: impl FnMut(&Chunk) + Send + 'static,
) -> Result<Ticket, Error> {
    let (flow, wanted) = in_line(service, wish);
    let (ticket, feeder) = service.pool.queue().open_job(flow, wanted);
    spawn(service, wish, file, feeder, note)?;
    Ok(ticket)
}

fn in_line(service: &Service, wish: &Wish<'_>) -> (Flow, Wanted) {
    let Wish {
        claims,
        model,
        asked,
        ..
    } = wish;
    let flow = Flow {
        caller: claims.caller().to_owned(),
        priority: claims.priority,
    };
    let wanted = Wanted {
        // Loaded while the audio is decoded, where it is not yet.
        model: service.registry.hold(model),
        options: asked.options.clone(),
        finds_language: asked.options.language.is_none() && model.abilities().is_multilingual(),
        carries_text: asked.carries_text,
    };
    (flow, wanted)
}

/// Decodes on a thread of its own: it waits for the sessions, and may not keep those of others from decoding. There are
/// no more of them than permits and jobs.
fn spawn(
    service: &Service,
    wish: &Wish<'_>,
    file: impl Read + Seek + Send + Sync + 'static,
    feeder: Feeder,
    note: impl FnMut(&Chunk) + Send + 'static,
) -> Result<(), Error> {
    let streams = wish.asked.stream;
    let decoding = tracing::info_span!(target: SPANS, "decode");
    let (limits, longest, ear) = (wish.limits.clone(), service.longest_piece, service.ear);
    std::thread::Builder::new()
        .name("decoder".to_owned())
        .spawn(move || {
            let _decoding = decoding.entered();
            let mut chunker = Chunker::new(ear(), longest);
            if streams {
                chunker = chunker.with_first(FIRST_PIECE);
            }
            feed_noting(file, &limits, chunker, feeder, note);
        })
        .map_err(Error::internal)?;
    Ok(())
}

/// Decodes, cuts and brings, until all is brought or nobody wants it any more.
pub(crate) fn feed(
    file: impl Read + Seek + Send + Sync,
    limits: &Limits,
    chunker: Chunker<impl Voice>,
    feeder: Feeder,
) {
    feed_noting(file, limits, chunker, feeder, |_| {});
}

fn feed_noting(
    file: impl Read + Seek + Send + Sync,
    limits: &Limits,
    mut chunker: Chunker<impl Voice>,
    mut feeder: Feeder,
    mut note: impl FnMut(&Chunk),
) {
    let gone = feeder.abort();
    let mut bring = |chunk: Chunk| {
        note(&chunk);
        feeder.push(chunk).map_err(|Gone| AudioError::Cancelled)
    };
    let decoded =
        inference_audio::decode_into(file, limits, &|| gone.is_aborted(), &mut |samples| {
            chunker.push(samples, &mut bring)
        });
    let decoded = decoded.and_then(|audio| chunker.finish(&mut bring).map(|()| audio));
    feeder.finish(decoded);
}
