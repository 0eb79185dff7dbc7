//! What has arrived of a file, and the hash of it so far.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{PullError, at};
use crate::digest::{Hasher, Sha256Digest};

/// Longest ETag that is kept.
const LONGEST_ETAG: usize = 256;

/// The file that grows until it is whole.
pub(super) struct PartialFile {
    path: PathBuf,
    etag_path: PathBuf,
    file: File,
    hasher: Hasher,
    received: u64,
}

impl PartialFile {
    /// Opens what an earlier pull left of `target`, or begins anew. More than `bytes` bytes cannot
    /// be a part of it.
    pub(super) fn open(target: &Path, bytes: u64) -> Result<Self, PullError> {
        let path = with_suffix(target, ".part");
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(at(&path))?;
        if file.metadata().map_err(at(&path))?.len() > bytes {
            file.set_len(0).map_err(at(&path))?;
        }
        let mut hasher = Hasher::default();
        // Reading to the end leaves the place where the next bytes belong.
        let received = hasher.read_to_end(&mut file).map_err(at(&path))?;
        Ok(Self {
            etag_path: with_suffix(target, ".part.etag"),
            path,
            file,
            hasher,
            received,
        })
    }

    /// Bytes that are here.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// The ETag of the file this is a part of, if the server gave a strong one.
    pub(super) fn etag(&self) -> Option<String> {
        let etag = fs::read_to_string(&self.etag_path).ok()?;
        is_strong(&etag).then_some(etag)
    }

    /// Keeps the ETag for the next pull. Only a strong one says that the bytes are the same.
    pub(super) fn remember_etag(&self, etag: Option<&str>) -> Result<(), PullError> {
        match etag.filter(|etag| is_strong(etag)) {
            Some(etag) => fs::write(&self.etag_path, etag).map_err(at(&self.etag_path)),
            None => self.forget_etag(),
        }
    }

    fn forget_etag(&self) -> Result<(), PullError> {
        match fs::remove_file(&self.etag_path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at(&self.etag_path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Throws away what is here, to begin at the first byte.
    pub(super) fn restart(&mut self) -> Result<(), PullError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(at(&self.path))?;
        self.hasher = Hasher::default();
        self.received = 0;
        self.forget_etag()
    }

    /// Adds the next bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        self.file.write_all(bytes).map_err(at(&self.path))?;
        self.hasher.update(bytes);
        self.received += bytes.len() as u64;
        Ok(())
    }

    /// Removes it: what is here is not the model.
    pub(super) fn discard(self) -> Result<(), PullError> {
        self.forget_etag()?;
        fs::remove_file(&self.path).map_err(at(&self.path))
    }

    /// Gives the whole file its name, if its hash is `expected`.
    pub(super) fn finish(
        mut self,
        target: &Path,
        expected: &Sha256Digest,
    ) -> Result<(), PullError> {
        let found = std::mem::take(&mut self.hasher).finish();
        if found != *expected {
            self.discard()?;
            return Err(PullError::WrongHash {
                expected: *expected,
                found,
            });
        }
        self.file.sync_all().map_err(at(&self.path))?;
        fs::rename(&self.path, target).map_err(at(target))?;
        self.forget_etag()
    }
}

/// RFC 9110, section 8.8.3: a quoted string of visible characters, no `W/` before it.
fn is_strong(etag: &str) -> bool {
    let inner = etag
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    etag.len() <= LONGEST_ETAG
        && inner.is_some_and(|inner| {
            inner
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
