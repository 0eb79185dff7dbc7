//! Kept transcripts: a hundred thousand of them, brought by the way that hosts bring them, then read, listed and searched
//! one request after the other. Half are one account's, half are many others'.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use inference_api::headers::{EDGE_CLAIMS, EDGE_SIGNATURE};
use inference_api::keeping::{Brought, KEEP_PATH, Likeness};
use inference_api::language::Language;
use inference_api::render::canonical;
use inference_api::signature::Secret;
use inference_api::statement::encode;
use inference_api::transcript::{Segment, Task, Transcript};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::client::{self, Connection};
use crate::deployment::{Deployment, random_secret};
use crate::error::Error;
use crate::report::{Figure, Part};
use crate::stats::{Spread, ms};
use crate::workerd::{Script, Workerd};

const TRANSCRIPTS: usize = 100_000;
/// Who has every second one, as deployment.rs names him; and the number of the others.
const OWNER: &str = "bench";
const OTHERS: usize = 100;
/// Of a minute of speech.
const SEGMENTS: usize = 10;
const WORDS_OF_SEGMENT: usize = 15;
/// How many different words there are. The k-th comes as often as Zipf's law has it.
const VOCABULARY: f64 = 30_000.0;
/// How many bring at the same time.
const CONNECTIONS: usize = 8;
/// How often each thing is asked for.
const ASKED: usize = 200;
/// Targets, in milliseconds.
const MOST_TO_READ: f64 = 10.0;
const MOST_TO_SEARCH: f64 = 50.0;

type Open = Connection<Full<Bytes>>;

/// A generator of its own, so that every run has the same texts (xorshift, Marsaglia 2003).
struct Dice(u64);

impl Dice {
    #[expect(clippy::cast_precision_loss, reason = "53 bits of it")]
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A word, the more frequent ones more often.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank below 30,000"
    )]
    fn word(&mut self) -> String {
        word(VOCABULARY.powf(self.uniform()) as usize)
    }
}

/// The word of a rank, from 1.
fn word(mut rank: usize) -> String {
    const SYLLABLES: [&str; 20] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu",
        "va", "we", "xi", "yo", "zu",
    ];
    let mut word = String::new();
    while rank > 0 {
        word.push_str(SYLLABLES[rank % 20]);
        rank /= 20;
    }
    word
}

fn id(number: usize) -> String {
    format!("tr_{number:020}")
}

/// The transcript of a number: its statement's header value, and its canonical form.
fn told(number: usize) -> (String, String) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1));
    let segment = |at: u32| {
        let words: Vec<_> = (0..WORDS_OF_SEGMENT).map(|_| dice.word()).collect();
        Segment {
            id: at,
            seek: 0,
            start: f64::from(at) * 6.0,
            end: f64::from(at) * 6.0 + 6.0,
            text: format!(" {}.", words.join(" ")),
            tokens: vec![50_000; WORDS_OF_SEGMENT],
            temperature: 0.0,
            avg_logprob: -0.2,
            compression_ratio: 1.5,
            no_speech_prob: 0.01,
        }
    };
    let transcript = Transcript {
        task: Task::Transcribe,
        language: Language::ENGLISH,
        language_probability: None,
        duration: 60.0,
        segments: (0..).map(segment).take(SEGMENTS).collect(),
        words: Some(Vec::new()),
        logprobs: None,
    };
    let body = canonical(&transcript);
    let owner = match number % 2 {
        0 => OWNER.to_owned(),
        _ => format!("other-{}", number / 2 % OTHERS),
    };
    let statement = encode(&Brought {
        id: id(number),
        likeness: Likeness {
            account: format!("owner:{owner}"),
            audio: hex::encode(Sha256::digest(number.to_string())),
            parameters: "0".repeat(64),
        },
        until_ms: None,
        key_id: "key_bench".to_owned(),
        model: "tiny.en".to_owned(),
        name: Some(format!("recording {number}.flac")),
        body: hex::encode(Sha256::digest(&body)),
        once: None,
        listed: true,
        job: None,
    });
    (statement, body)
}

/// Brings every transcript whose number is `first` and so many on.
async fn bring(authority: String, secret: Secret, first: usize) -> Result<(), Error> {
    let mut connection = Open::open(&authority).await?;
    for number in (first..TRANSCRIPTS).step_by(CONNECTIONS) {
        let (statement, body) = told(number);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        let signature = secret.sign("POST", KEEP_PATH, &statement, now);
        let headers = [
            (EDGE_CLAIMS, statement.as_str()),
            (EDGE_SIGNATURE, signature.as_str()),
        ];
        let request = client::request(Method::POST, KEEP_PATH, &headers, Full::from(body))?;
        let answer = connection.ask(request).await?;
        if answer.status() != 204 {
            let said = String::from_utf8_lossy(answer.body());
            return Err(Error::Unexpected(format!("{KEEP_PATH}: {said}")));
        }
    }
    Ok(())
}

/// Milliseconds of each of many requests, one after the other.
async fn ask(
    connection: &mut Open,
    authorization: &str,
    path: impl Fn(usize) -> String,
) -> Result<Vec<f64>, Error> {
    let mut took = Vec::with_capacity(ASKED);
    for at in 0..ASKED {
        let headers = [("authorization", authorization)];
        let request = client::request(Method::GET, &path(at), &headers, Full::default())?;
        let begun = Instant::now();
        connection.send(request).await?;
        took.push(ms(begun.elapsed()));
    }
    Ok(took)
}

/// Measures all of it.
pub(crate) async fn run(harness: &Path, bundle: &Path) -> Result<Part, Error> {
    let secret = random_secret()?;
    // Nothing is transcribed: no host is asked.
    let deployment = Deployment::new("http://127.0.0.1:1", &secret)?;
    let workerd = Workerd::start(harness, &deployment.worker(Script::with_stores(bundle))).await?;
    let secret = Secret::new(secret).map_err(|error| Error::Unexpected(error.to_string()))?;
    eprintln!("library: {TRANSCRIPTS} transcripts are brought");
    let begun = Instant::now();
    let mut bringing = JoinSet::new();
    for first in 0..CONNECTIONS {
        bringing.spawn(bring(workerd.authority.clone(), secret.clone(), first));
    }
    while let Some(brought) = bringing.join_next().await {
        brought.map_err(|error| Error::Unexpected(error.to_string()))??;
    }
    #[expect(clippy::cast_precision_loss, reason = "100,000")]
    let each = ms(begun.elapsed()) / TRANSCRIPTS as f64;
    eprintln!("library: they are read");
    let mut connection = Open::open(&workerd.authority).await?;
    let key = deployment.key.authorization.as_str();
    let mut part = Part::default();
    part.figures.push(Figure::once(
        "library: to bring one of 100,000 transcripts, 8 at a time",
        each,
        "ms",
        None,
    ));
    let own = |at: usize| (at * 487 % (TRANSCRIPTS / 2)) * 2;
    let search = |q: String| format!("/v1/transcripts?limit=20&q={q}");
    let read = ask(&mut connection, key, |at| {
        format!("/v1/transcripts/{}", id(own(at)))
    })
    .await?;
    part.figures
        .push(p50("library: one is read", read, Some(MOST_TO_READ)));
    let list = ask(&mut connection, key, |_| {
        "/v1/transcripts?limit=20".to_owned()
    })
    .await?;
    part.figures.push(p50("library: 20 are listed", list, None));
    let frequent = ask(&mut connection, key, |at| search(word(1 + at % 20))).await?;
    let name = "library: a frequent word is searched";
    part.figures.push(p50(name, frequent, Some(MOST_TO_SEARCH)));
    let rare = ask(&mut connection, key, |at| search(word(20_000 + at * 37))).await?;
    let name = "library: a rare word is searched";
    part.figures.push(p50(name, rare, Some(MOST_TO_SEARCH)));
    let both = ask(&mut connection, key, |at| {
        search(format!("{}+{}", word(500 + at), word(2_000 + at)))
    });
    let name = "library: two words are searched";
    part.figures
        .push(p50(name, both.await?, Some(MOST_TO_SEARCH)));
    let phrase = ask(&mut connection, key, |at| {
        search(format!("%22{}+{}%22", word(1 + at % 7), word(2 + at % 5)))
    });
    let name = "library: a phrase is searched";
    part.figures
        .push(p50(name, phrase.await?, Some(MOST_TO_SEARCH)));
    let begins = ask(&mut connection, key, |at| {
        search(format!("{}*", word(21 + at)))
    })
    .await?;
    let name = "library: a beginning is searched";
    part.figures.push(p50(name, begins, Some(MOST_TO_SEARCH)));
    Ok(part)
}

fn p50(name: &str, took: Vec<f64>, most: Option<f64>) -> Figure {
    Figure::spread(format!("{name}: p50"), Spread::of(took), "ms", most)
}
