//! Where an upload is kept until it is decoded: in memory while it is small, then in a file that
//! has no name, so that it vanishes with its last handle, whatever ends the process.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt as _;

/// Bytes kept in memory.
const MEMORY: usize = 1024 * 1024;

/// What the folder's disk has room for, in bytes; none where the system does not tell.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(dir).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// An upload being written.
pub(crate) struct Spool {
    dir: PathBuf,
    place: Place,
    bytes: u64,
}

enum Place {
    Memory(Vec<u8>),
    File(tokio::fs::File),
}

impl Spool {
    /// An empty spool that puts its file, should it need one, into `dir`.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            place: Place::Memory(Vec::new()),
            bytes: 0,
        }
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) async fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        if let Place::Memory(memory) = &mut self.place {
            if memory.len() + chunk.len() <= MEMORY {
                memory.extend_from_slice(chunk);
                self.bytes += chunk.len() as u64;
                return Ok(());
            }
            let dir = self.dir.clone();
            let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir))
                .await
                .map_err(io::Error::other)??;
            let mut file = tokio::fs::File::from_std(file);
            file.write_all(memory).await?;
            self.place = Place::File(file);
        }
        if let Place::File(file) = &mut self.place {
            file.write_all(chunk).await?;
            self.bytes += chunk.len() as u64;
        }
        Ok(())
    }

    /// Ends the writing.
    pub(crate) async fn finish(self) -> io::Result<Spooled> {
        Ok(match self.place {
            Place::Memory(memory) => Spooled::Memory(Cursor::new(memory)),
            Place::File(mut file) => {
                file.flush().await?;
                Spooled::File(file.into_std().await)
            }
        })
    }
}

/// An upload, to be read.
#[derive(Debug)]
pub(crate) enum Spooled {
    Memory(Cursor<Vec<u8>>),
    File(File),
}

impl Read for Spooled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(memory) => memory.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

impl Seek for Spooled {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(memory) => memory.seek(position),
            Self::File(file) => file.seek(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spooled(chunks: usize, chunk: &[u8], dir: &tempfile::TempDir) -> Spooled {
        let mut spool = Spool::new(dir.path().to_path_buf());
        for _ in 0..chunks {
            spool.write(chunk).await.unwrap();
        }
        assert_eq!(spool.bytes(), (chunks * chunk.len()) as u64);
        spool.finish().await.unwrap()
    }

    #[tokio::test]
    async fn what_is_written_is_read_from_memory_and_from_file() {
        let dir = tempfile::tempdir().unwrap();
        let chunk: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for (chunks, in_memory) in [(1, true), (30, false)] {
            let mut spooled = spooled(chunks, &chunk, &dir).await;
            assert_eq!(matches!(spooled, Spooled::Memory(_)), in_memory);
            let mut read = Vec::new();
            spooled.rewind().unwrap();
            spooled.read_to_end(&mut read).unwrap();
            assert_eq!(read, chunk.repeat(chunks));
        }
    }

    #[tokio::test]
    async fn a_spooled_file_leaves_no_name_behind() {
        let dir = tempfile::tempdir().unwrap();
        let _spooled = spooled(30, &vec![1; 100_000], &dir).await;
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error() {
        let mut spool = Spool::new("/nonexistent".into());
        assert!(spool.write(&vec![0; MEMORY + 1]).await.is_err());
    }
}
