//! A file to be transcribed, which may be larger than the memory.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::multipart::Exact;

/// A regular file, as long as it was when it was first looked at.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    /// Its name without its folder.
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Recording {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| unreadable(&e))?;
        let metadata = file.metadata().map_err(|e| unreadable(&e))?;
        if !metadata.is_file() {
            return Err(unreadable(&"it is no regular file"));
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_string_lossy().into_owned(),
            bytes: metadata.len(),
        })
    }

    /// So many bytes of it, from `start` on; `told` is told how many were read, each time.
    pub(super) fn part<F: FnMut(u64)>(
        &self,
        start: u64,
        bytes: u64,
        told: F,
    ) -> Result<Exact<impl Read, F>, Error> {
        let mut file = File::open(&self.path).map_err(|e| unreadable(&e))?;
        let now = file.metadata().map_err(|e| unreadable(&e))?.len();
        if now != self.bytes {
            // Parts of two recordings are none.
            return Err(unreadable(&"its length has changed meanwhile"));
        }
        file.seek(SeekFrom::Start(start))
            .map_err(|e| unreadable(&e))?;
        Ok(Exact::new(file, bytes, told))
    }
}

fn unreadable(cause: &dyn Display) -> Error {
    Error::Usage(format!("the file cannot be read: {cause}"))
}
