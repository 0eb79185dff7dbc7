//! Log lines, as JSON on standard output.

use tracing::Subscriber;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer};

use super::SPANS;

/// Writes the lines that pass the filter.
pub(super) fn layer<S>(filter: &str) -> Result<impl Layer<S> + use<S>, String>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let directive = |text: &str| text.parse::<Directive>().map_err(|e| e.to_string());
    let quiet = if filter == "off" {
        "whisper_rs=off"
    } else {
        "whisper_rs=warn"
    };
    let filter = EnvFilter::try_new(filter)
        .map_err(|e| format!("INFERENCE_LOG: {e}"))?
        // Whatever is asked for: below warnings whisper.cpp writes prompts and transcripts, token by token.
        .add_directive(directive(quiet)?)
        // Spans are for traces alone; a request's line says it all.
        .add_directive(directive(&format!("{SPANS}=off"))?);
    Ok(tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_filter(filter))
}
