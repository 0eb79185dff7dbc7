//! Small text files of a folder, read with a bound.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::ImportError;

/// Opens an ordinary file and says how long it is; a pipe or a device would never end.
pub(super) fn open_file(path: &Path) -> Result<(File, u64), ImportError> {
    let reading = |source| ImportError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = path.metadata().map_err(reading)?;
    if !metadata.is_file() {
        return Err(reading(io::Error::other("not an ordinary file")));
    }
    Ok((File::open(path).map_err(reading)?, metadata.len()))
}

/// The whole file at `path`, which may have `most` bytes.
pub(super) fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, ImportError> {
    let (file, bytes) = open_file(path)?;
    if bytes > most {
        return Err(ImportError::TooLarge {
            path: path.to_owned(),
            bytes,
            most,
        });
    }
    let mut content = Vec::new();
    file.take(most)
        .read_to_end(&mut content)
        .map_err(|source| ImportError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(content)
}

/// The JSON document at `path`, which may have `most` bytes.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, most: u64) -> Result<T, ImportError> {
    serde_json::from_slice(&read_file(path, most)?).map_err(|error| malformed(path, error))
}

/// The first of `names` that is in `folder`.
pub(super) fn first_of(folder: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

pub(super) fn malformed(path: &Path, detail: impl Display) -> ImportError {
    ImportError::Malformed {
        path: path.to_owned(),
        detail: detail.to_string(),
    }
}
