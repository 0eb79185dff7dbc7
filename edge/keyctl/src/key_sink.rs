//! Where keys that were made many at a time are told, once: lines of JSON on standard output, or in a
//! new file that nobody else can read.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Error;

/// One key that was made. Not `Debug`: it holds the key.
#[derive(Serialize)]
pub(crate) struct MadeKey<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) owner: Option<&'a str>,
    pub(crate) key: &'a str,
}

/// Takes keys.
pub(crate) enum KeySink<'a, W> {
    Output(&'a mut W),
    File(PrivateFile),
}

impl<'a, W: Write> KeySink<'a, W> {
    /// The file, if one is named, or `out`. The file is made now: a place where nothing can be written is
    /// found before keys are made for it.
    pub(crate) fn new(path: Option<&Path>, out: &'a mut W) -> Result<Self, Error> {
        Ok(match path {
            None => Self::Output(out),
            Some(path) => Self::File(PrivateFile::create(path)?),
        })
    }

    /// Writes one line.
    pub(crate) fn tell(&mut self, key: &MadeKey<'_>) -> io::Result<()> {
        let line = serde_json::to_string(key).map_err(io::Error::from)?;
        match self {
            Self::Output(out) => writeln!(out, "{line}"),
            Self::File(file) => writeln!(file.writer, "{line}"),
        }
    }

    /// What was told is written, to the disk too.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Output(out) => out.flush(),
            Self::File(file) => file.sync(),
        }
    }

    /// Takes the file away again, where nothing came of it.
    pub(crate) fn discard(self) {
        if let Self::File(file) = self {
            file.discard();
        }
    }
}

/// A new file that its owner alone can read.
pub(crate) struct PrivateFile {
    pub(crate) writer: BufWriter<File>,
    path: PathBuf,
}

impl PrivateFile {
    /// Makes it; one that is there already is not touched.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| Error::Usage(format!("{} cannot be made: {e}", path.display())))?;
        Ok(Self {
            writer: BufWriter::new(file),
            path: path.to_owned(),
        })
    }

    /// Writes what is buffered, to the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.writer.get_ref().sync_all()
    }

    /// Takes it away again.
    pub(crate) fn discard(self) {
        // Left behind it does no harm but its name: nothing usable is in it.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const KEY: MadeKey<'_> = MadeKey {
        id: "key_1",
        name: "a\"b",
        owner: None,
        key: "wk_live_1",
    };
    const LINE: &str =
        "{\"id\":\"key_1\",\"name\":\"a\\\"b\",\"owner\":null,\"key\":\"wk_live_1\"}\n";

    #[test]
    fn keys_go_to_the_output_or_into_a_file_of_their_owner_alone() {
        let mut out = Vec::new();
        let mut sink = KeySink::new(None, &mut out).unwrap();
        sink.tell(&KEY).unwrap();
        sink.flush().unwrap();
        assert_eq!(out, LINE.as_bytes());

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let mut out = Vec::new();
        let mut sink = KeySink::new(Some(&path), &mut out).unwrap();
        sink.tell(&KEY).unwrap();
        sink.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), LINE);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        sink.discard();
        assert!(!path.exists() && out.is_empty());
    }

    #[test]
    fn a_file_that_is_there_is_not_touched() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "mine").unwrap();
        assert!(PrivateFile::create(file.path()).is_err());
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "mine");
    }
}
