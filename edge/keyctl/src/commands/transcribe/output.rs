//! Where transcripts go: files of their own, whole or not at all, or standard output.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use inference_api::render::ResponseFormat;
use serde::Deserialize;
use tempfile::NamedTempFile;
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::CONTENT_TYPE;

use crate::cli::transcribe::TranscribeArgs;
use crate::client::Client;
use crate::error::Error;
use crate::table::printable;

/// Longest transcript that is taken: many days of speech, each word with its times.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Where a transcript is to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Output,
    File(PathBuf),
    /// The same, whatever is there.
    Replaced(PathBuf),
}

/// A transcript that is there.
pub(super) enum Written {
    /// It goes to standard output when its turn has come; until then it is in a file without a name.
    Spooled(File),
    File(PathBuf),
}

/// The places of all files: one each.
pub(super) fn targets(args: &TranscribeArgs) -> Result<Vec<Target>, Error> {
    // A job that is not waited for leaves nothing here to write.
    if args.stdout || (args.job && !args.watch) {
        return Ok(args.files.iter().map(|_| Target::Output).collect());
    }
    let mut taken: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    let mut targets = Vec::new();
    for file in &args.files {
        let path = beside(file, args.output_dir.as_deref(), args.format);
        if path == *file {
            return Err(Error::Usage(format!(
                "{} would be replaced by its own transcript: give another --output-dir",
                shown(file)
            )));
        }
        if let Some(other) = taken.insert(path.clone(), file) {
            return Err(Error::Usage(format!(
                "{} and {} would both be written to {}",
                shown(other),
                shown(file),
                shown(&path)
            )));
        }
        targets.push(if args.force {
            Target::Replaced(path)
        } else {
            Target::File(path)
        });
    }
    Ok(targets)
}

/// `talk.flac` is written to `talk.srt`, in its own folder or in another.
fn beside(file: &Path, folder: Option<&Path>, format: ResponseFormat) -> PathBuf {
    let extension = match format {
        ResponseFormat::Text => "txt",
        ResponseFormat::Srt => "srt",
        ResponseFormat::Vtt => "vtt",
        ResponseFormat::Json | ResponseFormat::VerboseJson => "json",
    };
    let path = file.with_extension(extension);
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

pub(super) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl Target {
    /// Whether a transcript can be written there, before one is made.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Output => Ok(()),
            Self::File(path) if path.symlink_metadata().is_ok() => {
                Err(Error::OutputExists(shown(path)))
            }
            Self::File(path) | Self::Replaced(path) => new_file(path).map(|_| ()),
        }
    }

    /// Takes a transcript from its answer: whole, and in the format that was asked for.
    pub(super) fn write(
        &self,
        client: &Client,
        response: Response<Body>,
        format: ResponseFormat,
    ) -> Result<Written, Error> {
        let kind = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
        let told = response.headers().get(CONTENT_TYPE);
        let told = told.and_then(|told| told.to_str().ok()).unwrap_or_default();
        if kind(told) != kind(format.content_type()) {
            return Err(client.unexpected("no transcript of the format that was asked for"));
        }
        match self {
            Self::Output => {
                let mut file = tempfile::tempfile()?;
                fill(client, response, format, &mut file)?;
                Ok(Written::Spooled(file))
            }
            Self::File(path) | Self::Replaced(path) => {
                let mut file = new_file(path)?;
                fill(client, response, format, file.as_file_mut())?;
                let kept = match self {
                    Self::Replaced(_) => file.persist(path),
                    _ => file.persist_noclobber(path),
                };
                match kept {
                    Ok(_) => Ok(Written::File(path.clone())),
                    Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
                        Err(Error::OutputExists(shown(path)))
                    }
                    Err(e) => Err(not_written(path, e.error)),
                }
            }
        }
    }
}

/// A file beside `path` that goes away unless it is given that name. As readable as the user's others.
fn new_file(path: &Path) -> Result<NamedTempFile, Error> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".keyctl-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(|cause| not_written(path, cause))
}

fn not_written(path: &Path, cause: io::Error) -> Error {
    let path = shown(path);
    Error::NotWritten { path, cause }
}

fn fill(
    client: &Client,
    response: Response<Body>,
    format: ResponseFormat,
    file: &mut File,
) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Transcript {
        #[allow(dead_code)] // It must be there.
        text: String,
    }
    client.save(response, MAX_BYTES, file)?;
    if matches!(format, ResponseFormat::Json | ResponseFormat::VerboseJson) {
        file.seek(SeekFrom::Start(0))?;
        serde_json::from_reader::<_, Transcript>(BufReader::new(&*file))
            .map_err(|_| client.unexpected("JSON that is no transcript"))?;
    }
    Ok(file.sync_all()?)
}

/// Copies a spooled transcript. A terminal gets nothing of it that could drive it.
pub(super) fn copy(mut from: File, to: &mut impl Write, terminal: bool) -> io::Result<()> {
    from.seek(SeekFrom::Start(0))?;
    if !terminal {
        io::copy(&mut from, to)?;
        // JSON comes without the end of its line.
        if from.stream_position()? > 0 {
            let mut last = [0];
            from.seek(SeekFrom::End(-1))?;
            from.read_exact(&mut last)?;
            if last != *b"\n" {
                to.write_all(b"\n")?;
            }
        }
        return to.flush();
    }
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        writeln!(to, "{}", printable(text.trim_end_matches(['\r', '\n'])))?;
        line.clear();
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_stands_beside_its_recording_or_in_the_folder_that_was_given() {
        for (file, folder, format, path) in [
            ("talk.flac", None, ResponseFormat::Text, "talk.txt"),
            ("a/talk.x.mp3", None, ResponseFormat::Srt, "a/talk.x.srt"),
            ("talk", None, ResponseFormat::Vtt, "talk.vtt"),
            ("a/t.wav", Some("out"), ResponseFormat::Json, "out/t.json"),
            (
                "t.wav",
                Some("out"),
                ResponseFormat::VerboseJson,
                "out/t.json",
            ),
        ] {
            let found = beside(Path::new(file), folder.map(Path::new), format);
            assert_eq!(found, Path::new(path));
        }
    }

    #[test]
    fn a_terminal_is_not_driven_by_what_was_said() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\x1b[2J\n\ntwo").unwrap();
        let mut plain = Vec::new();
        copy(file.try_clone().unwrap(), &mut plain, false).unwrap();
        assert_eq!(plain, b"one\x1b[2J\n\ntwo\n");
        let mut drawn = Vec::new();
        copy(file, &mut drawn, true).unwrap();
        assert_eq!(String::from_utf8(drawn).unwrap(), "one\u{fffd}[2J\n\ntwo\n");
    }
}
