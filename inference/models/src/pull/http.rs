//! One request for the rest of a file, and what the server may answer.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::PullError;
use super::partial::PartialFile;

/// Longest wait for a connection, and for the answer to begin.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence within the answer. There is no limit on the whole: the line may be slow.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// The hub hands a request on to its storage by one or two redirects.
const MOST_REDIRECTS: u32 = 5;
/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// A file at a URL, of known length.
pub(super) struct Download<'a> {
    url: &'a str,
    bytes: u64,
    agent: Agent,
}

impl<'a> Download<'a> {
    /// Prepares to fetch `url`, which is to have `bytes` bytes.
    pub(super) fn new(url: &'a str, bytes: u64) -> Result<Self, PullError> {
        let https = url.starts_with("https://");
        if !https && !url.starts_with("http://") {
            return Err(PullError::Url);
        }
        let agent = Agent::config_builder()
            // A mirror may be plain HTTP, since hashes are checked; HTTPS never becomes less.
            .https_only(https)
            .http_status_as_error(false)
            .max_redirects(MOST_REDIRECTS)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .user_agent(concat!("whisper-edge/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { url, bytes, agent })
    }

    /// Fetches what `part` lacks and appends it.
    pub(super) fn run(
        &self,
        part: &mut PartialFile,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PullError> {
        let response = self.ask(part)?;
        match response.status().as_u16() {
            200 => {
                // The server knows no ranges, or has another file than the part is of.
                self.check_length(&response, self.bytes)?;
                part.restart()?;
                part.remember_etag(text(&response, header::ETAG))?;
            }
            206 => {
                self.check_range(&response, part.received())?;
                self.check_length(&response, self.bytes - part.received())?;
            }
            status => {
                if status == 416 {
                    // There is nothing after the part: it cannot be one of this file.
                    part.restart()?;
                }
                return Err(PullError::Status {
                    url: self.shown(),
                    status,
                });
            }
        }
        self.receive(response, part, progress)
    }

    fn ask(&self, part: &PartialFile) -> Result<Response<Body>, PullError> {
        // No coding: ranges and lengths count the file's own bytes.
        let mut request = self
            .agent
            .get(self.url)
            .header(header::ACCEPT_ENCODING, "identity");
        if part.received() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", part.received()));
            if let Some(etag) = part.etag() {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        request.call().map_err(|source| PullError::Request {
            url: self.shown(),
            source: Box::new(source),
        })
    }

    fn check_length(&self, response: &Response<Body>, expected: u64) -> Result<(), PullError> {
        let announced = text(response, header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
        match announced {
            Some(announced) if announced != expected => Err(PullError::Size {
                url: self.shown(),
                announced,
                expected,
            }),
            _ => Ok(()),
        }
    }

    /// A part of the same file that begins where ours ends (RFC 9110, section 14.4).
    fn check_range(&self, response: &Response<Body>, start: u64) -> Result<(), PullError> {
        let range = text(response, header::CONTENT_RANGE).unwrap_or_default();
        let (place, whole) = range
            .strip_prefix("bytes ")
            .and_then(|range| range.split_once('/'))
            .unwrap_or_default();
        let first = place
            .split_once('-')
            .and_then(|(first, _)| first.parse().ok());
        let whole = whole.parse().unwrap_or(self.bytes); // `*`: the server does not say
        if first != Some(start) {
            return Err(PullError::Range {
                url: self.shown(),
                range: range.to_owned(),
            });
        }
        if whole != self.bytes {
            return Err(PullError::Size {
                url: self.shown(),
                announced: whole,
                expected: self.bytes,
            });
        }
        Ok(())
    }

    fn receive(
        &self,
        response: Response<Body>,
        part: &mut PartialFile,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), PullError> {
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) if part.received() == self.bytes => return Ok(()),
                Ok(0) => return Err(self.cut_off(part, &"the connection was closed")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut_off(part, &error)),
            };
            if part.received() + read as u64 > self.bytes {
                part.restart()?;
                return Err(PullError::TooLong {
                    url: self.shown(),
                    expected: self.bytes,
                });
            }
            part.append(&buffer[..read])?;
            progress(part.received());
        }
    }

    fn cut_off(&self, part: &PartialFile, reason: &dyn ToString) -> PullError {
        PullError::CutOff {
            received: part.received(),
            expected: self.bytes,
            reason: reason.to_string(),
        }
    }

    /// The URL without the credentials a mirror's may have.
    fn shown(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return String::new();
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        format!("{scheme}://{host}/{path}")
    }
}

fn text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_mirror_are_not_shown() {
        let download = Download::new("https://user:secret@mirror.example/m/f.bin", 1).unwrap();
        assert_eq!(download.shown(), "https://mirror.example/m/f.bin");
    }

    #[test]
    fn only_http_and_https_are_fetched() {
        assert!(matches!(
            Download::new("file:///etc/passwd", 1),
            Err(PullError::Url)
        ));
    }
}
