//! Gets the file of a job from the address that its caller gave. The caller is not trusted with where this host's
//! requests go, nor is whoever answers: every hop is judged as it is written, the name is resolved here, each of its
//! addresses is judged too, and the connection goes to those and to no other. What comes is bounded in bytes and time.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use inference_api::address::{Reach, Refusal, Target, judge, judge_redirect};
use inference_api::job::Fetch;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;
use ureq::http::Response;
use ureq::http::header::{CONNECTION, CONTENT_ENCODING, LOCATION};
use ureq::{Agent, Body};
use url::{Host, Url};

use self::connection::{Pinned, Watching};
use self::names::{Names, SystemNames};
use self::stop::{Stop, StopOnDrop};
use crate::error::Error;
use crate::spool::{Spooled, free_bytes};

mod connection;
mod names;
mod stop;

/// Most redirects that are followed.
const MAX_REDIRECTS: u32 = 3;
/// Until the name is resolved, and then until the connection stands, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// From the question to the answer's head.
const ANSWER: Duration = Duration::from_secs(30);
/// Largest head of an answer.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// What is read at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The bounds of time of one file.
#[derive(Clone, Copy, Debug)]
struct Times {
    connect: Duration,
    answer: Duration,
    /// Longest pause within the body.
    stall: Duration,
    /// For all hops together, to the last byte.
    total: Duration,
}

/// Gets files.
pub(crate) struct Fetcher {
    names: Arc<dyn Names>,
    times: Times,
    dir: PathBuf,
}

/// A file that came.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) file: Spooled,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
    /// By the address that the caller gave.
    pub(crate) name: Option<String>,
}

impl Fetcher {
    /// Puts files into this folder. They stand still for `stall` at most, and have come after `total`.
    pub(crate) fn new(dir: PathBuf, stall: Duration, total: Duration) -> Self {
        Self {
            names: Arc::new(SystemNames),
            times: Times {
                connect: CONNECT,
                answer: ANSWER,
                stall,
                total,
            },
            dir,
        }
    }

    /// The file of at most so many bytes. Dropping the future breaks the connection off.
    pub(crate) async fn fetch(
        &self,
        address: &str,
        policy: Fetch,
        max_bytes: u64,
    ) -> Result<Fetched, Error> {
        let stop = Arc::<Stop>::default();
        let _stops = StopOnDrop(Arc::clone(&stop));
        let fetching = Fetching {
            names: Arc::clone(&self.names),
            times: self.times,
            dir: self.dir.clone(),
            policy,
            max_bytes,
            until: Instant::now() + self.times.total,
            stop,
        };
        let address = address.to_owned();
        let (done, is_done) = oneshot::channel();
        // A thread of its own, for minutes maybe; there are no more of them than jobs.
        std::thread::Builder::new()
            .name("fetch".to_owned())
            .spawn(move || {
                // Nobody may be waiting any longer.
                let _ = done.send(fetching.run(&address));
            })
            .map_err(Error::internal)?;
        let lost = |_| Err(Error::internal("a fetch was lost"));
        is_done.await.unwrap_or_else(lost)
    }
}

/// The fetch of one file.
struct Fetching {
    names: Arc<dyn Names>,
    times: Times,
    dir: PathBuf,
    policy: Fetch,
    max_bytes: u64,
    until: Instant,
    stop: Arc<Stop>,
}

/// The answer of the last hop.
struct Answer {
    response: Response<Body>,
    /// Set at its end, if there was more than it announced.
    has_more: Arc<AtomicBool>,
}

impl Fetching {
    fn run(&self, address: &str) -> Result<Fetched, Error> {
        let mut url = parse(address, None)?;
        let name = file_name(&url);
        let mut reach = judge(target(&url), self.policy).map_err(Error::UrlNotAllowed)?;
        let mut redirects = 0;
        loop {
            let answer = self.ask(&url, reach)?;
            let status = answer.response.status().as_u16();
            if status == 200 {
                return self.save(answer, name);
            }
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Err(unreachable(format!("it answers with status {status}")));
            }
            if redirects == MAX_REDIRECTS {
                let problem = format!("it redirects more than {MAX_REDIRECTS} times");
                return Err(unreachable(problem));
            }
            redirects += 1;
            let location = answer.response.headers().get(LOCATION);
            let location = location.and_then(|l| l.to_str().ok());
            let location =
                location.ok_or_else(|| unreachable("it redirects without saying where to"))?;
            let next = parse(location, Some(&url))?;
            reach = judge_redirect(target(&url), target(&next), self.policy)
                .map_err(Error::UrlNotAllowed)?;
            url = next;
        }
    }

    /// Asks one hop.
    fn ask(&self, url: &Url, reach: Reach) -> Result<Answer, Error> {
        let addresses = self.addresses(url, reach)?;
        let config = Agent::config_builder()
            // One from the environment would resolve names itself.
            .proxy(None)
            .https_only(url.scheme() == "https")
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD_BYTES)
            .max_idle_connections(0)
            // What is compressed may be a thousand times as long.
            .accept_encoding("identity")
            .timeout_global(Some(self.time_left()?))
            .timeout_connect(Some(self.times.connect))
            .timeout_send_request(Some(self.times.connect))
            .timeout_recv_response(Some(self.times.answer))
            .timeout_per_read(Some(self.times.stall.max(self.times.answer)))
            .user_agent(concat!("whisper-edge/", env!("CARGO_PKG_VERSION")))
            .build();
        let has_more = Arc::<AtomicBool>::default();
        let connector = Watching::new(Arc::clone(&has_more));
        let agent = Agent::with_parts(config, connector, Pinned::new(addresses));
        self.stop.watch(&agent)?;
        let response = agent
            .get(url.as_str())
            .header(CONNECTION, "close")
            .call()
            .map_err(|error| explain(&error))?;
        Ok(Answer { response, has_more })
    }

    /// Where the URL's host is, if all of it is where it may be: one bad address among good ones is a trap.
    fn addresses(&self, url: &Url, reach: Reach) -> Result<Vec<std::net::IpAddr>, Error> {
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            Some(Host::Domain(name)) => {
                let patience = self.times.connect.min(self.time_left()?);
                self.names
                    .resolve(name, patience)
                    .map_err(|cause| match cause.kind() {
                        io::ErrorKind::TimedOut => Error::UrlTimeout,
                        _ => unreachable("its name is not known"),
                    })?
            }
            None => return Err(Error::UrlNotAllowed(Refusal::Host)),
        };
        if found.is_empty() {
            return Err(unreachable("its name has no address"));
        }
        if found.iter().all(|address| reach.covers(*address)) {
            Ok(found)
        } else {
            Err(Error::UrlNotAllowed(Refusal::NotPublic))
        }
    }

    /// Reads the answer into a file without a name.
    fn save(&self, answer: Answer, name: Option<String>) -> Result<Fetched, Error> {
        let Answer { response, has_more } = answer;
        let encodings = response.headers().get_all(CONTENT_ENCODING);
        if encodings.iter().any(|encoding| encoding != "identity") {
            return Err(unreachable("it sends the file in an encoding"));
        }
        let body = response.into_body();
        let limit = self.max_bytes;
        if let Some(announced) = body.content_length() {
            if announced > limit {
                return Err(Error::FileTooLarge { limit });
            }
            if free_bytes(&self.dir).is_some_and(|free| free < announced) {
                return Err(Error::storage_full());
            }
        }
        let mut file = tempfile::tempfile_in(&self.dir).map_err(Error::spooling)?;
        let (bytes, sha256) = self.copy(body, &mut file)?;
        if has_more.load(Ordering::Acquire) {
            return Err(unreachable("it sends more than it announces"));
        }
        file.rewind().map_err(Error::spooling)?;
        Ok(Fetched {
            file: Spooled::File(file),
            bytes,
            sha256,
            name,
        })
    }

    fn copy(&self, body: Body, file: &mut File) -> Result<(u64, [u8; 32]), Error> {
        let limit = self.max_bytes;
        let mut reader = body.into_reader();
        let mut piece = vec![0; PIECE_BYTES];
        let mut hash = Sha256::new();
        let mut bytes = 0_u64;
        loop {
            self.stop.check()?;
            // However little comes at a time.
            self.time_left()?;
            let read = match reader.read(&mut piece) {
                Ok(0) => return Ok((bytes, hash.finalize().into())),
                Ok(read) => read,
                Err(error) => return Err(explain(&ureq::Error::from(error))),
            };
            bytes += read as u64;
            if bytes > limit {
                return Err(Error::FileTooLarge { limit });
            }
            let read = piece.get(..read).unwrap_or_default();
            hash.update(read);
            file.write_all(read).map_err(Error::spooling)?;
        }
    }

    fn time_left(&self) -> Result<Duration, Error> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::UrlTimeout);
        }
        Ok(left)
    }
}

/// Reads an address, or where one redirects to.
fn parse(text: &str, base: Option<&Url>) -> Result<Url, Error> {
    // The parser would leave them out: what is judged is to be what is written.
    if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err(Error::UrlNotAllowed(Refusal::Host));
    }
    let url = base.map_or_else(|| Url::parse(text), |base| base.join(text));
    let mut url = url.map_err(|_| Error::UrlNotAllowed(Refusal::Host))?;
    url.set_fragment(None);
    Ok(url)
}

fn target(url: &Url) -> Target<'_> {
    Target {
        scheme: url.scheme(),
        host: url.host_str().unwrap_or_default(),
        port: url.port_or_known_default().unwrap_or(0),
        has_credentials: !url.username().is_empty() || url.password().is_some(),
    }
}

/// The last part of its path.
fn file_name(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    let name = percent_encoding::percent_decode_str(last).decode_utf8_lossy();
    Some(name.into_owned())
}

fn unreachable(problem: impl Into<String>) -> Error {
    Error::UrlUnreachable {
        problem: problem.into(),
    }
}

/// What the caller is told; nothing of whom the name leads to.
fn explain(error: &ureq::Error) -> Error {
    match error {
        ureq::Error::Timeout(_) => Error::UrlTimeout,
        ureq::Error::Io(cause) => match cause.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::UrlTimeout,
            io::ErrorKind::UnexpectedEof => unreachable("the connection ended early"),
            _ => unreachable("the connection failed"),
        },
        ureq::Error::ConnectionFailed => unreachable("the connection failed"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::TlsRequired => {
            unreachable("its certificate or its TLS is not good")
        }
        _ => unreachable("its answer is not HTTP as it should be"),
    }
}

#[cfg(test)]
mod tests;
