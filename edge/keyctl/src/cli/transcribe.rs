//! Flags of `transcribe`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{ArgGroup, Args};
use inference_api::render::ResponseFormat;

use super::CallerArgs;

/// Most files at a time: an edge has better to do than to hold more of one caller's.
const MAX_PARALLEL: u64 = 32;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("place").args(["output_dir", "stdout"]))]
#[allow(clippy::struct_excessive_bools)] // Each is a flag.
pub(crate) struct TranscribeArgs {
    /// Recordings: flac, mp3, mp4, mpeg, mpga, m4a, ogg, opus, wav, webm
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// What to write: text, subtitles (srt, vtt) or JSON
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = format_parser())]
    pub(crate) format: ResponseFormat,

    /// Have the transcripts kept, and print their ids
    #[arg(long, conflicts_with = "job")]
    pub(crate) store: bool,

    /// Upload, have it done in the background, and print the jobs' ids; the transcripts are kept
    #[arg(long)]
    pub(crate) job: bool,

    /// Wait for the jobs, and write their transcripts
    #[arg(long, requires = "job")]
    pub(crate) watch: bool,

    /// Upload of an earlier command that broke off: only what is missing is sent
    #[arg(long, value_name = "ID", requires = "job")]
    pub(crate) upload: Option<String>,

    /// Model, as `GET /v1/models` lists them
    #[arg(long, value_name = "MODEL", default_value = "whisper-1")]
    pub(crate) model: String,

    /// Language that is spoken, as ISO 639-1 (`en`) [default: it is found out]
    #[arg(long, value_name = "LANGUAGE")]
    pub(crate) language: Option<String>,

    /// Text that guides style and spelling
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,

    /// Names and terms that are likely to be said
    #[arg(long, value_name = "TEXT")]
    pub(crate) hotwords: Option<String>,

    /// Into English, whatever is spoken
    #[arg(long)]
    pub(crate) translate: bool,

    /// How freely to guess, 0 to 1 [default: as little as serves]
    #[arg(long, value_name = "T", value_parser = parse_temperature)]
    pub(crate) temperature: Option<f32>,

    /// Folder for what is written [default: beside each file]
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,

    /// Write to standard output instead, in the order of the files
    #[arg(long, conflicts_with = "force")]
    pub(crate) stdout: bool,

    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,

    /// How many files at a time
    #[arg(long, value_name = "N", default_value = "2", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_PARALLEL))]
    pub(crate) parallel: usize,

    #[command(flatten)]
    pub(crate) caller: CallerArgs,
}

fn format_parser() -> impl TypedValueParser<Value = ResponseFormat> {
    PossibleValuesParser::new(ResponseFormat::ALL.map(ResponseFormat::as_str))
        .try_map(|text| ResponseFormat::parse(&text).ok_or("no such format"))
}

fn parse_temperature(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|t| (0.0..=1.0).contains(t));
    number.ok_or_else(|| "it is a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_is_a_number_from_0_to_1() {
        assert_eq!(parse_temperature("0.4"), Ok(0.4));
        for text in ["", "-0.1", "1.01", "NaN", "inf", "hot"] {
            assert!(parse_temperature(text).is_err(), "{text}");
        }
    }
}
