//! The file as demuxers see it: a window of it, behind a prefix, that counts and can be stopped.

use crate::AudioError;
use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use symphonia::core::io::MediaSource;

/// Bytes a demuxer may read before the first packet: cover art, tags and sample tables are held in
/// memory, so this is the constant in the memory bound. Ten hours of AAC have tables of 10 MB.
const HEADER_BUDGET: u64 = 16 << 20;

/// What all reads of a file may add up to, as a multiple of its length. Demuxers that follow
/// offsets in the file (mp4 sample tables, matroska cues) could be sent over the same bytes for ever.
const REREAD_FACTOR: u64 = 4;

/// Shared between the source, which a demuxer owns and may swallow the errors of, and the decoding
/// loop: what stopped the source, and how much may still be read.
#[derive(Debug, Default)]
pub(crate) struct SourceMonitor {
    fault: Mutex<Option<AudioError>>,
    budget: AtomicU64,
}

impl SourceMonitor {
    pub(crate) fn new() -> Self {
        Self {
            fault: Mutex::new(None),
            budget: AtomicU64::new(HEADER_BUDGET),
        }
    }

    /// Ends the header phase: from now on all reads together may take a multiple of the length.
    pub(crate) fn headers_done(&self, source_len: u64) {
        let budget = source_len.saturating_mul(REREAD_FACTOR);
        self.budget
            .store(budget.saturating_add(HEADER_BUDGET), Ordering::Relaxed);
    }

    /// What made the source fail, if it did.
    pub(crate) fn take_fault(&self) -> Option<AudioError> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn fail(&self, fault: AudioError) -> io::Error {
        // The kind must be none that demuxers take for an end of stream.
        let shown = io::Error::other(fault.to_string());
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(fault);
        shown
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let left = self.budget.load(Ordering::Relaxed);
        if bytes > left {
            return Err(self.fail(AudioError::Malformed(
                "it has too much metadata or refers to the same bytes over and over",
            )));
        }
        self.budget.store(left - bytes, Ordering::Relaxed);
        Ok(())
    }
}

/// A window of a file behind a prefix of bytes that replace what stands before it.
pub(crate) struct WindowedSource<'a, R> {
    inner: R,
    prefix: Vec<u8>,
    window_start: u64,
    window_len: u64,
    /// Position in prefix and window taken as one.
    position: u64,
    /// Where `inner` stands, as an offset in the window, when known.
    inner_at: Option<u64>,
    seekable: bool,
    monitor: Arc<SourceMonitor>,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a, R: Read + Seek> WindowedSource<'a, R> {
    pub(crate) fn new(
        inner: R,
        window: std::ops::Range<u64>,
        prefix: Vec<u8>,
        monitor: Arc<SourceMonitor>,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self {
            inner,
            prefix,
            window_start: window.start,
            window_len: window.end.saturating_sub(window.start),
            position: 0,
            inner_at: None,
            seekable: true,
            monitor,
            cancelled,
        }
    }

    /// Tells demuxers whether they may seek.
    pub(crate) fn seekable(mut self, seekable: bool) -> Self {
        self.seekable = seekable;
        self
    }

    fn len(&self) -> u64 {
        self.prefix.len() as u64 + self.window_len
    }

    fn read_window(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.window_len.saturating_sub(offset);
        let wanted = usize::try_from(left).map_or(buf.len(), |left| left.min(buf.len()));
        if wanted == 0 {
            return Ok(0);
        }
        self.monitor.spend(wanted as u64)?;
        if self.inner_at != Some(offset) {
            self.inner
                .seek(SeekFrom::Start(self.window_start.saturating_add(offset)))?;
        }
        self.inner_at = None;
        let read = loop {
            match self.inner.read(&mut buf[..wanted]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.inner_at = Some(offset + read as u64);
        Ok(read)
    }
}

impl<R: Read + Seek> Read for WindowedSource<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if (self.cancelled)() {
            return Err(self.monitor.fail(AudioError::Cancelled));
        }
        let read = match usize::try_from(self.position) {
            Ok(at) if at < self.prefix.len() => {
                let read = (self.prefix.len() - at).min(buf.len());
                buf[..read].copy_from_slice(&self.prefix[at..at + read]);
                read
            }
            _ => {
                let offset = self.position - self.prefix.len() as u64;
                match self.read_window(offset, buf) {
                    Ok(read) => read,
                    // Kept whole for the caller: demuxers turn some of them into their own errors.
                    Err(error) => {
                        let kind = error.kind();
                        self.monitor.fail(AudioError::Io(error));
                        return Err(io::Error::other(kind.to_string()));
                    }
                }
            }
        };
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for WindowedSource<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(delta) => self.len().checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for WindowedSource<'_, R> {
    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const KEEP_ON: &(dyn Fn() -> bool + Sync) = &|| false;

    #[test]
    fn a_demuxer_sees_the_prefix_and_the_window_and_nothing_else() {
        let file = Cursor::new(b"..........window...".to_vec());
        let monitor = Arc::new(SourceMonitor::new());
        let mut source = WindowedSource::new(file, 10..16, b"prefix ".to_vec(), monitor, KEEP_ON);
        let mut seen = String::new();
        source.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "prefix window");
        assert_eq!(source.byte_len(), Some(13));

        for (to, rest) in [
            (SeekFrom::Start(3), "fix window"),
            (SeekFrom::End(-3), "dow"),
            (SeekFrom::End(5), ""),
            (SeekFrom::Current(-11), "window"),
        ] {
            source.seek(to).unwrap();
            seen.clear();
            source.read_to_string(&mut seen).unwrap();
            // Seeking behind the end is allowed, reading there gives nothing.
            assert_eq!(seen, rest, "{to:?}");
        }
        assert!(source.seek(SeekFrom::Current(-100)).is_err());
    }

    #[test]
    fn reading_without_end_before_the_first_packet_is_stopped() {
        let monitor = Arc::new(SourceMonitor::new());
        let file = Cursor::new(vec![0; 1 << 20]);
        let shared = Arc::clone(&monitor);
        let mut source = WindowedSource::new(file, 0..1 << 20, Vec::new(), shared, KEEP_ON);
        let mut read = 0;
        let error = loop {
            source.rewind().unwrap();
            match source.read_to_end(&mut Vec::new()) {
                Ok(bytes) => read += bytes as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(read, HEADER_BUDGET);
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert!(matches!(
            monitor.take_fault(),
            Some(AudioError::Malformed(_))
        ));
    }

    #[test]
    fn a_caller_that_has_gone_stops_the_next_read() {
        let monitor = Arc::new(SourceMonitor::new());
        let shared = Arc::clone(&monitor);
        let mut source = WindowedSource::new(Cursor::new([0; 9]), 0..9, vec![], shared, &|| true);
        assert!(source.read(&mut [0; 4]).is_err());
        assert!(matches!(monitor.take_fault(), Some(AudioError::Cancelled)));
    }
}
