//! A model from the hub or a mirror: resumable, and checked before it gets its name.
//!
//! What has arrived waits in `<file>.part`, beside it the server's ETag; the next pull continues
//! there (RFC 9110, range requests with If-Range). The file gets its name only with the size and
//! SHA-256 of the catalogue, in one step.

mod http;
mod partial;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::{self, CatalogueEntry, HUB_URL};
use crate::digest::{self, Sha256Digest};
use partial::PartialFile;

/// What to pull, and to where.
#[derive(Clone, Copy, Debug)]
pub struct PullRequest<'a> {
    /// The model.
    pub entry: &'a CatalogueEntry,
    /// The models directory; made if it is not there.
    pub directory: &'a Path,
    /// A mirror that has the hub's files under the same names; `None` for the hub.
    pub base_url: Option<&'a str>,
    /// Whether another file of that name may be replaced.
    pub replace: bool,
}

/// How a pull ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// The file was there, and is what it should be.
    AlreadyThere(PathBuf),
    /// The file was brought here.
    Downloaded(PathBuf),
}

/// Why a model was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process pulls the same model into the same directory.
    #[error("{} is being pulled by another process", .0.display())]
    Busy(PathBuf),
    /// Another file has the name.
    #[error(
        "{} exists already and is not the hub's file, perhaps an imported model; --force \
         replaces it", .0.display()
    )]
    Occupied(PathBuf),
    /// The base URL is neither HTTP nor HTTPS.
    #[error("the base URL has to begin with https:// or http://")]
    Url,
    /// The server could not be reached or broke HTTP.
    #[error("{url}: {source}")]
    Request {
        /// What was asked for, without credentials.
        url: String,
        /// Why.
        source: Box<ureq::Error>,
    },
    /// The server answered with something else than the file.
    #[error("{url}: the server answered with status {status}")]
    Status {
        /// What was asked for, without credentials.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server announces another length than the catalogue has.
    #[error("{url}: the server has {announced} bytes where the model has {expected}")]
    Size {
        /// What was asked for, without credentials.
        url: String,
        /// What the server says.
        announced: u64,
        /// What the catalogue says.
        expected: u64,
    },
    /// The server sent another range than was asked for.
    #[error("{url}: the server continued at another place than was asked for: {range}")]
    Range {
        /// What was asked for, without credentials.
        url: String,
        /// Its Content-Range.
        range: String,
    },
    /// The server goes on sending after the model's end.
    #[error("{url}: the server sent more than the {expected} bytes the model has")]
    TooLong {
        /// What was asked for, without credentials.
        url: String,
        /// What the catalogue says.
        expected: u64,
    },
    /// The transfer broke off. What arrived is kept.
    #[error(
        "the transfer broke off after {received} of {expected} bytes ({reason}); the same \
         command continues it"
    )]
    CutOff {
        /// Bytes that are here.
        received: u64,
        /// Bytes the model has.
        expected: u64,
        /// What happened.
        reason: String,
    },
    /// The bytes are not the model's. They are discarded.
    #[error("the file has the SHA-256 {found} where the model has {expected}; it was discarded")]
    WrongHash {
        /// What the catalogue says.
        expected: Sha256Digest,
        /// What arrived.
        found: Sha256Digest,
    },
}

/// Pulls one model. `progress` is told how many bytes are here.
///
/// # Errors
/// [`PullError`]; the models directory then holds no file of that name that it did not hold
/// before, at most a part to continue from.
pub fn pull(request: PullRequest<'_>, progress: &mut dyn FnMut(u64)) -> Result<Pulled, PullError> {
    let entry = request.entry;
    let target = request.directory.join(entry.file_name());
    fs::create_dir_all(request.directory).map_err(at(request.directory))?;
    let _lock = lock(request.directory, &entry.file_name())?;
    if is_there(entry, &target, request.replace)? {
        return Ok(Pulled::AlreadyThere(target));
    }

    let mut part = PartialFile::open(&target, entry.bytes)?;
    progress(part.received());
    if part.received() < entry.bytes {
        let base = request.base_url.unwrap_or(HUB_URL).trim_end_matches('/');
        let url = format!("{base}/{}", entry.file_name());
        http::Download::new(&url, entry.bytes)?.run(&mut part, progress)?;
    }
    part.finish(&target, &entry.sha256)?;
    Ok(Pulled::Downloaded(target))
}

/// Whether the model is there already.
fn is_there(entry: &CatalogueEntry, target: &Path, replace: bool) -> Result<bool, PullError> {
    let bytes = match target.metadata() {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(target)(error)),
    };
    if bytes == entry.bytes {
        let sha256 = digest::of_file(target).map_err(at(target))?;
        // A known import is as good as the hub's file, unless that very file is wanted.
        let known = !replace && catalogue::origin(entry.name, &sha256).is_some();
        if sha256 == entry.sha256 || known {
            return Ok(true);
        }
    }
    if replace {
        Ok(false)
    } else {
        Err(PullError::Occupied(target.to_owned()))
    }
}

/// Keeps other processes from pulling the same file. The operating system releases the lock when
/// this process ends, however it ends; the empty file stays, because removing it could hand the
/// lock to two others at once.
fn lock(directory: &Path, file_name: &str) -> Result<File, PullError> {
    let path = directory.join(format!(".{file_name}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PullError::Busy(directory.join(file_name))),
        Err(TryLockError::Error(source)) => Err(at(&path)(source)),
    }
}

/// An input or output error at `path`.
fn at(path: &Path) -> impl Fn(io::Error) -> PullError {
    move |source| PullError::Io {
        path: path.to_owned(),
        source,
    }
}
