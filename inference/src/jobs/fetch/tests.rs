//! Addresses that no honest caller gives, and servers that no honest caller names. Each server is a real one on this
//! machine; names mean what a test says.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::*;

/// A guard against tests that hang; none waits for it.
const GUARD: Duration = Duration::from_secs(30);
const LIMIT: u64 = 100_000;

/// Names as a test has them; each answer stands for one question, the last for all that follow.
#[derive(Default)]
struct Book {
    answers: Mutex<HashMap<&'static str, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Book {
    fn with(self, name: &'static str, answers: &[&[&str]]) -> Self {
        let read = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        let answers = answers.iter().map(read).collect();
        self.answers.lock().unwrap().insert(name, answers);
        self
    }
}

impl Names for Book {
    fn resolve(&self, name: &str, _: Duration) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if name == "slow.example" {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut all = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = all.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        })
    }
}

fn book() -> Book {
    Book::default()
        .with("localhost", &[&["127.0.0.1"]])
        .with("inner.example", &[&["10.0.0.1"]])
        .with("metadata.example", &[&["169.254.169.254"]])
        .with("metadata6.example", &[&["fd00:ec2::254"]])
        .with("home.example", &[&["127.0.0.1"]])
        .with("home.example.", &[&["127.0.0.1"]])
        .with("mapped.example", &[&["::ffff:127.0.0.1"]])
        .with("translated.example", &[&["64:ff9b::7f00:1"]])
        .with("mixed.example", &[&["9.9.9.9", "127.0.0.1"]])
        .with("nowhere.example", &[&[]])
}

/// Writes an answer of its own making.
type Answering = dyn Fn(&str, &mut TcpStream) + Send + Sync;

/// A server on this machine.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Answers each request by its path, and closes.
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&asked);
        let answer: Arc<Answering> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    if let Some(path) = path(&mut stream) {
                        answer(&path, &mut stream);
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// Reads the head of a request.
fn path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    assert!(!head.contains("authorization"), "{head}");
    Some(head.split(' ').nth(1).unwrap().to_owned())
}

fn say(stream: &mut TcpStream, text: &str) {
    // A client that has seen enough is gone.
    let _ = stream.write_all(text.as_bytes());
}

fn redirect(stream: &mut TcpStream, location: &str) {
    let head = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    say(stream, &head);
}

struct World {
    fetcher: Fetcher,
    book: Arc<Book>,
    dir: tempfile::TempDir,
}

impl World {
    fn new(book: Book) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let book = Arc::new(book);
        let fetcher = Fetcher {
            names: Arc::clone(&book) as _,
            times: Times {
                connect: GUARD,
                answer: GUARD,
                stall: GUARD,
                total: GUARD,
            },
            dir: dir.path().to_path_buf(),
        };
        Self { fetcher, book, dir }
    }

    async fn fetch(&self, address: &str, policy: Fetch) -> Result<Fetched, Error> {
        let fetching = self.fetcher.fetch(address, policy, LIMIT);
        let fetched = tokio::time::timeout(GUARD, fetching).await.expect(address);
        // Files have no names, and none is left of one that failed.
        let left = std::fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(left, 0, "{address}");
        fetched
    }

    /// The code of its failure.
    async fn fails(&self, address: &str, policy: Fetch) -> &'static str {
        let error = self.fetch(address, policy).await.expect_err(address);
        assert_eq!(error.cause(), None, "{address}: {error:?}");
        error.kind().code
    }
}

/// What leads nowhere public, or may, or is no address at all.
const NOT_PUBLIC: [&str; 83] = [
    "http://audio.example/a.wav",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.2/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:a00:1::1]/",
    "https://[2001::1]/",
    "https://[2001:db8::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://198.18.0.1/",
    "https://192.0.2.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://a.localhost/",
    "https://metadata/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://printer.local/",
    "https://user@audio.example/",
    "https://user:password@audio.example/",
    "https://:password@audio.example/",
    "https://audio.example@127.0.0.1/",
    "https://audio.example:0/",
    "https://audio.example:70000/",
    "https://audio.example:x/",
    "https://１２７.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "https://loc%61lhost/",
    "https:\\\\127.0.0.1/",
    "https:///127.0.0.1/",
    "https:127.0.0.1",
    " https://audio.example/",
    "https://audio.example/a b",
    "java\nscript:alert(1)",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://audio.example/a.wav",
    "gopher://audio.example/",
    "javascript:alert(1)",
    "data:audio/wav;base64,AAAA",
    "blob:https://audio.example/1",
    "//audio.example/a.wav",
    "audio.example/a.wav",
    "/etc/passwd",
    "https://",
    "",
    // Names that lead there.
    "https://inner.example/",
    "https://metadata.example/",
    "https://metadata6.example/",
    "https://home.example/",
    "https://home.example./",
    "https://mapped.example/",
    "https://translated.example/",
    "https://mixed.example/",
];

#[tokio::test]
async fn no_address_that_is_not_of_the_public_internet_is_asked() {
    let server = Server::start(|_, _| {});
    let world = World::new(book());
    let port = server.address.port();
    let mut addresses = NOT_PUBLIC.map(str::to_owned).to_vec();
    // Where somebody would answer.
    addresses.extend([
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://home.example:{port}/"),
        format!("https://mixed.example:{port}/"),
    ]);
    for address in &addresses {
        let code = world.fails(address, Fetch::Public).await;
        assert_eq!(code, "url_not_allowed", "{address}");
        let code = world.fails(address, Fetch::Off).await;
        assert_eq!(code, "url_not_allowed", "{address}");
    }
    assert_eq!(server.asked(), 0);
    assert!(addresses.len() >= 80);
}

#[tokio::test]
async fn in_development_too_this_machine_alone_is_added() {
    let server = Server::start(|_, _| {});
    let world = World::new(book().with("localhost", &[&["10.0.0.1"], &["127.0.0.1", "9.9.9.9"]]));
    let port = server.address.port();
    for address in [
        format!("http://127.0.0.2:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://home.example:{port}/"),
        format!("https://home.example:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        "http://10.0.0.1/".to_owned(),
        "http://audio.example/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        // A name of this machine that means another, and one that means another as well.
        format!("http://localhost:{port}/"),
        format!("http://localhost:{port}/"),
    ] {
        let code = world.fails(&address, Fetch::Development).await;
        assert_eq!(code, "url_not_allowed", "{address}");
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_or_too_slow_is_a_failure_of_the_callers() {
    let world = World::new(book());
    for (address, code) in [
        ("https://nowhere.example/", "url_unreachable"),
        ("https://unknown.example/", "url_unreachable"),
        ("https://slow.example/", "url_timeout"),
    ] {
        assert_eq!(world.fails(address, Fetch::Public).await, code, "{address}");
    }
}

#[tokio::test]
async fn no_redirect_leads_where_the_first_address_might_not() {
    let other = Server::start(|_, _| {});
    let elsewhere = other.address.port();
    let server = Server::start(move |path, stream| {
        let port = stream.local_addr().unwrap().port();
        let location = match path {
            "/other-port" => format!("http://127.0.0.1:{elsewhere}/"),
            "/other-name" => format!("http://localhost:{port}/"),
            "/other-loopback" => format!("http://[::1]:{port}/"),
            "/other-scheme" => format!("https://127.0.0.1:{port}/"),
            "/mapped" => "https://[::ffff:10.0.0.1]/".to_owned(),
            "/private" => "https://10.0.0.1/".to_owned(),
            "/metadata" => "http://169.254.169.254/latest".to_owned(),
            "/to-metadata" => "https://metadata.example/".to_owned(),
            "/to-mixed" => "https://mixed.example/".to_owned(),
            "/plain" => "http://audio.example/".to_owned(),
            "/of-scheme" => "//10.0.0.1/".to_owned(),
            "/credentials" => "https://a:b@audio.example/".to_owned(),
            "/file" => "file:///etc/passwd".to_owned(),
            "/ftp" => "ftp://audio.example/".to_owned(),
            "/javascript" => "javascript:alert(1)".to_owned(),
            "/data" => "data:audio/wav;base64,AAAA".to_owned(),
            "/odd" => "https://0x7f.1/".to_owned(),
            "/broken" => "https://[::1/".to_owned(),
            _ => panic!("{path}"),
        };
        redirect(stream, &location);
    });
    let world = World::new(book());
    let paths = [
        "/other-port",
        "/other-name",
        "/other-loopback",
        "/other-scheme",
        "/mapped",
        "/private",
        "/metadata",
        "/to-metadata",
        "/to-mixed",
        "/plain",
        "/of-scheme",
        "/credentials",
        "/file",
        "/ftp",
        "/javascript",
        "/data",
        "/odd",
        "/broken",
    ];
    for path in paths {
        let code = world.fails(&server.url(path), Fetch::Development).await;
        assert_eq!(code, "url_not_allowed", "{path}");
    }
    assert_eq!((server.asked(), other.asked()), (paths.len(), 0));
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_fourth_and_none_to_nowhere() {
    let server = Server::start(|path, stream| match path {
        "/loop" => redirect(stream, "/loop"),
        "/empty" => redirect(stream, ""),
        "/nowhere" => say(stream, "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n"),
        "/bytes" => {
            let head = b"HTTP/1.1 302 Found\r\nlocation: /\xff\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(head).unwrap();
        }
        "/0" => say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfile"),
        path => {
            let left: u32 = path[1..].parse().unwrap();
            redirect(stream, &format!("/{}#part", left - 1));
        }
    });
    let world = World::new(book());
    let fetched = world.fetch(&server.url("/3"), Fetch::Development).await;
    let fetched = fetched.unwrap();
    assert_eq!((fetched.bytes, fetched.name.as_deref()), (4, Some("3")));
    for path in ["/4", "/loop", "/empty", "/nowhere", "/bytes"] {
        let code = world.fails(&server.url(path), Fetch::Development).await;
        assert_eq!(code, "url_unreachable", "{path}");
    }
}

#[tokio::test]
async fn a_file_comes_whole_with_its_hash_and_name_by_either_form_of_a_body() {
    let server = Server::start(|path, stream| match path {
        "/folder/a%20talk.wav?token=1" => {
            let body = "x".repeat(90_000);
            say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n");
            say(stream, "content-encoding: identity\r\n\r\n");
            say(stream, &body);
        }
        "/chunked" => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            say(stream, head);
            say(stream, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        }
        _ => say(stream, "HTTP/1.0 200 OK\r\n\r\nuntil it closes"),
    });
    let world = World::new(book());
    for (path, body, name) in [
        (
            "/folder/a%20talk.wav?token=1",
            "x".repeat(90_000),
            "a talk.wav",
        ),
        ("/chunked", "abcde".to_owned(), "chunked"),
        ("/", "until it closes".to_owned(), ""),
    ] {
        let fetched = world.fetch(&server.url(path), Fetch::Development).await;
        let mut fetched = fetched.unwrap();
        let mut read = String::new();
        fetched.file.read_to_string(&mut read).unwrap();
        assert_eq!(read, body);
        assert_eq!(fetched.bytes, body.len() as u64);
        assert_eq!(fetched.sha256, <[u8; 32]>::from(Sha256::digest(&body)));
        assert_eq!(fetched.name.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to_whatever_the_name_means_next() {
    let server = Server::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    });
    // Good when it is asked first, and a trap from then on.
    let world = World::new(Book::default().with("localhost", &[&["127.0.0.1"], &["10.0.0.1"]]));
    let address = format!("http://localhost:{}/", server.address.port());
    let fetched = world.fetch(&address, Fetch::Development).await;
    assert_eq!(fetched.unwrap().bytes, 2);
    assert_eq!(world.book.asked.load(Ordering::Relaxed), 1);
    // The client has no other way to an address: a name that no system knows leads to what it was given.
    let pinned = Pinned::new(vec!["127.0.0.1".parse().unwrap()]);
    let config = Agent::config_builder().proxy(None).build();
    let agent = Agent::with_parts(config, Watching::new(Arc::default()), pinned);
    let address = format!("http://nobody.invalid:{}/", server.address.port());
    let asking = tokio::task::spawn_blocking(move || {
        let mut answer = agent
            .get(address)
            .header("accept-encoding", "identity")
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    });
    assert_eq!(asking.await.unwrap(), "ok");
}

#[tokio::test]
async fn a_body_that_is_too_long_or_lies_about_its_length_or_is_packed_is_refused() {
    let server = Server::start(|path, stream| {
        let ok = "HTTP/1.1 200 OK\r\n";
        match path {
            "/announced" => say(stream, &format!("{ok}content-length: 100001\r\n\r\n")),
            "/endless" => {
                say(stream, &format!("{ok}\r\n"));
                while stream.write_all(&[0; 4096]).is_ok() {}
            }
            "/endless-chunks" => {
                say(stream, &format!("{ok}transfer-encoding: chunked\r\n\r\n"));
                while stream.write_all(b"1\r\nx\r\n").is_ok() {}
            }
            "/less" => say(stream, &format!("{ok}content-length: 10\r\n\r\nabc")),
            "/more" => say(stream, &format!("{ok}content-length: 3\r\n\r\nabcdef")),
            "/more-chunks" => say(
                stream,
                &format!("{ok}transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nmore"),
            ),
            "/half-a-chunk" => say(
                stream,
                &format!("{ok}transfer-encoding: chunked\r\n\r\n9\r\nabc"),
            ),
            "/no-chunk" => say(
                stream,
                &format!("{ok}transfer-encoding: chunked\r\n\r\nxyz\r\n"),
            ),
            "/gzip" => say(
                stream,
                &format!("{ok}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
            ),
            "/twice-packed" => say(
                stream,
                &format!(
                    "{ok}content-encoding: identity\r\ncontent-encoding: br\r\ncontent-length: 3\r\n\r\nabc"
                ),
            ),
            "/no-number" => say(stream, &format!("{ok}content-length: -1\r\n\r\n")),
            "/huge" => say(
                stream,
                &format!("{ok}content-length: 99999999999999999999\r\n\r\n"),
            ),
            "/head" => {
                say(stream, ok);
                while stream.write_all(b"x-more: and more\r\n").is_ok() {}
            }
            "/ssh" => say(stream, "SSH-2.0-OpenSSH_9.9\r\n"),
            "/closed" => {}
            path => say(
                stream,
                &format!("HTTP/1.1 {} So\r\ncontent-length: 3\r\n\r\nabc", &path[1..]),
            ),
        }
    });
    let world = World::new(book());
    for (path, code) in [
        ("/announced", "file_too_large"),
        ("/endless", "file_too_large"),
        ("/endless-chunks", "file_too_large"),
        ("/less", "url_unreachable"),
        ("/more", "url_unreachable"),
        ("/more-chunks", "url_unreachable"),
        ("/half-a-chunk", "url_unreachable"),
        ("/no-chunk", "url_unreachable"),
        ("/gzip", "url_unreachable"),
        ("/twice-packed", "url_unreachable"),
        ("/no-number", "url_unreachable"),
        ("/huge", "url_unreachable"),
        ("/head", "url_unreachable"),
        ("/ssh", "url_unreachable"),
        ("/closed", "url_unreachable"),
        ("/206", "url_unreachable"),
        ("/300", "url_unreachable"),
        ("/401", "url_unreachable"),
        ("/404", "url_unreachable"),
        ("/500", "url_unreachable"),
    ] {
        let got = world.fails(&server.url(path), Fetch::Development).await;
        assert_eq!(got, code, "{path}");
    }
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let closed = format!("http://{}/", closed.unwrap());
    let code = world.fails(&closed, Fetch::Development).await;
    assert_eq!(code, "url_unreachable");
}

/// A server that drips, or says nothing at all, until the test is over.
fn slow_server() -> (Server, Sender<()>) {
    let (over, is_over) = channel::<()>();
    let is_over: Mutex<Receiver<()>> = Mutex::new(is_over);
    let server = Server::start(move |path, stream| {
        let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 90000\r\n\r\n";
        match path {
            "/silent" => {}
            "/stalls" => say(stream, &format!("{ok}abc")),
            _ => {
                say(stream, ok);
                let pause = Duration::from_millis(10);
                while is_over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    if stream.write_all(b"x").is_err() {
                        return;
                    }
                }
                return;
            }
        }
        // Until the client gives it up.
        let _ = stream.read(&mut [0]);
    });
    (server, over)
}

/// Makes one of the bounds short.
type Change = fn(&mut Times, Duration);

#[tokio::test]
async fn who_answers_too_late_or_stalls_or_drips_is_given_up() {
    let (server, _over) = slow_server();
    let short = Duration::from_millis(300);
    let changes: [(&str, Change); 4] = [
        ("/silent", |times, short| times.answer = short),
        ("/silent", |times, short| times.total = short),
        ("/stalls", |times, short| {
            (times.stall, times.answer) = (short, short);
        }),
        // Each byte comes in time, all of them do not.
        ("/drips", |times, short| times.total = short),
    ];
    for (path, change) in changes {
        let mut world = World::new(book());
        change(&mut world.fetcher.times, short);
        let code = world.fails(&server.url(path), Fetch::Development).await;
        assert_eq!(code, "url_timeout", "{path}");
    }
}

#[tokio::test]
async fn a_fetch_that_nobody_waits_for_lets_go_of_its_connection() {
    let (asked, mut is_asked) = tokio::sync::mpsc::unbounded_channel();
    let (gone, mut is_gone) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(move |path, stream| {
        if path == "/body" {
            say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
        }
        asked.send(()).unwrap();
        let read = stream.read(&mut [0]);
        gone.send(read.unwrap_or(0)).unwrap();
    });
    for path in ["/head", "/body"] {
        let world = World::new(book());
        let address = server.url(path);
        let fetching = tokio::spawn(async move {
            let fetched = world.fetcher.fetch(&address, Fetch::Development, LIMIT);
            drop(fetched.await);
        });
        let heard = tokio::time::timeout(GUARD, is_asked.recv()).await;
        assert_eq!(heard, Ok(Some(())));
        fetching.abort();
        let left = tokio::time::timeout(GUARD, is_gone.recv()).await;
        assert_eq!(left, Ok(Some(0)), "{path}");
    }
}
