//! Transcription beside its peers in the same run: faster-whisper (CTranslate2, int8), plain and batched, CTranslate2 on
//! pieces with fitted windows as a backend of the service would run it, and whisper.cpp the plain way. Short clips one after the other, and one long recording.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use inference_score::Errors;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::client::Connection;
use crate::clips::Clips;
use crate::error::Error;
use crate::process;
use crate::recording::{Recording, Speech};
use crate::report::{Detail, Figure, Part, number};
use crate::speech::Settings;
use crate::stack::Stack;
use crate::stats::Spread;
use crate::words::Normalizer;

/// Of the service; as many as cores.
const STATES: usize = 2;
const ROUNDS: usize = 2;
/// Of the long recording.
const LONG_SECONDS: u32 = 480;
/// Most of faster-whisper's CPU, clip by clip.
const MOST_CPU_OF_CLIPS: f64 = 0.65;
/// Most of its CPU and of its time, on the recording.
const MOST_CPU_OF_LONG: f64 = 0.9;
const MOST_WALL_OF_LONG: f64 = 0.65;
/// Most points of word errors more than whisper.cpp with its full context.
const MOST_ERRORS_MORE: f64 = 0.3;

/// The programs that are compared with.
pub(crate) struct Programs<'a> {
    /// Python with the packages of bench/requirements.txt.
    pub(crate) python: &'a Path,
    /// bench/faster_whisper_peer.py.
    pub(crate) script: &'a Path,
    /// A CTranslate2 folder of the same model.
    pub(crate) weights: &'a Path,
    /// The example `plain_whisper` of the service.
    pub(crate) plain: &'a Path,
    /// The model file of the service.
    pub(crate) model: &'a Path,
}

/// What one file took.
#[derive(Clone, Debug, Deserialize)]
struct Run {
    text: String,
    /// Seconds.
    wall: f64,
    cpu: f64,
}

/// Files transcribed one after the other.
#[derive(Default)]
struct Total {
    wall: f64,
    cpu: f64,
    errors: Errors,
}

/// A program that transcribes the files it is told.
struct Peer {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

#[derive(Serialize)]
struct Ask<'a> {
    file: &'a Path,
    threads: usize,
    batch: usize,
    fitted: bool,
}

impl Peer {
    fn start(mut command: Command) -> Result<Self, Error> {
        let program = command.as_std().get_program().display().to_string();
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(Error::io(program.as_str()))?;
        let (stdin, stdout) = process
            .stdin
            .take()
            .zip(process.stdout.take())
            .ok_or_else(|| Error::Unexpected(program))?;
        Ok(Self {
            stdin,
            lines: BufReader::new(stdout).lines(),
            _process: process,
        })
    }

    async fn run(&mut self, ask: &Ask<'_>) -> Result<Run, Error> {
        let failed = |why: String| Error::Unexpected(format!("a peer: {why}"));
        let mut line = serde_json::to_string(ask).map_err(|e| failed(e.to_string()))?;
        line.push('\n');
        self.stdin
            .write_all(line.as_bytes())
            .await
            .map_err(Error::io("a peer"))?;
        let answer = self.lines.next_line().await.map_err(Error::io("a peer"))?;
        let answer = answer.ok_or_else(|| failed("it ended".to_owned()))?;
        serde_json::from_str(&answer).map_err(|e| failed(e.to_string()))
    }
}

/// One file by ours.
async fn by_ours(ours: &Stack, file: &[u8]) -> Result<Run, Error> {
    #[derive(Deserialize)]
    struct Body {
        text: String,
    }
    let upload = ours.transcription(file)?;
    // The peers' turns are longer than an idle connection lives.
    let mut connection: Connection<Full<Bytes>> = Connection::open(&ours.workerd.authority).await?;
    let (wall, cpu) = (Instant::now(), process::cpu_time(ours.service.pid)?);
    let answer = connection.send(upload.request()).await?;
    let wall = wall.elapsed();
    let cpu = process::cpu_time(ours.service.pid)?.saturating_sub(cpu);
    let body: Body = serde_json::from_slice(answer.body())
        .map_err(|error| Error::Unexpected(format!("transcript: {error}")))?;
    Ok(Run {
        text: body.text,
        wall: wall.as_secs_f64(),
        cpu: cpu.as_secs_f64(),
    })
}
const OURS: usize = 0;
const FASTER: usize = 1;
const BATCHED: usize = 2;
const FITTED: usize = 3;
const PLAIN: usize = 4;
const NAMES: [&str; 5] = [
    "whisper-edge",
    "faster-whisper int8",
    "faster-whisper int8, batched 8",
    "CTranslate2 int8, fitted pieces, 1 thread",
    "whisper.cpp, plain",
];

/// Runs all of them, in turn, over the same files.
pub(crate) async fn run(settings: &Settings<'_>, programs: &Programs<'_>) -> Result<Part, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let (clips, long) = material(settings, &folder)?;
    let ours = Stack::start(settings, STATES, &[], &[]).await?;
    let mut command = Command::new(programs.python);
    command.arg(programs.script).arg(programs.weights);
    let mut faster = Peer::start(command)?;
    let mut command = Command::new(programs.plain);
    command.arg(programs.model);
    let mut plain = Peer::start(command)?;

    let sets: [(&[Recording], usize); 2] = [(&clips, 1), (std::slice::from_ref(&long), STATES)];
    let mut totals: [[Vec<Total>; NAMES.len()]; 2] = Default::default();
    for round in 0..=ROUNDS {
        eprintln!("peers: round {round} of {ROUNDS} (0 is the warm-up)");
        for ((files, threads), totals) in sets.iter().zip(&mut totals) {
            // Each program has its model loaded and its memory touched before it counts.
            let files = if round == 0 { &clips[..1] } else { files };
            for (who, totals) in totals.iter_mut().enumerate() {
                let mut runs = Vec::new();
                for file in files {
                    let ask = |batch| Ask {
                        file: &file.file,
                        threads: *threads,
                        batch,
                        fitted: false,
                    };
                    // Its decoder takes three times the CPU with two threads.
                    let fitted = Ask {
                        threads: 1,
                        fitted: true,
                        ..ask(0)
                    };
                    runs.push(match who {
                        OURS => by_ours(&ours, &file.bytes).await?,
                        FASTER => faster.run(&ask(0)).await?,
                        BATCHED => faster.run(&ask(8)).await?,
                        FITTED => faster.run(&fitted).await?,
                        _ => plain.run(&ask(0)).await?,
                    });
                }
                if round > 0 {
                    totals.push(total(&settings.normalizer, files, &runs).await?);
                }
            }
        }
    }
    let peak = process::peak_memory(ours.service.pid)?;
    Ok(report(&clips, &long, &totals, peak))
}

/// All the speech there is.
pub(crate) fn speech(settings: &Settings<'_>) -> Result<Vec<Speech>, Error> {
    let [audio, words] = ["sample.flac", "sample.txt"].map(|name| settings.sample.join(name));
    if let Some(folder) = settings.audio {
        return Clips::speech(folder);
    }
    let words = std::fs::read_to_string(words).map_err(Error::io("sample.txt"))?;
    Ok(vec![Speech::read(&audio, &words)?])
}

/// The clips, and the recording that is made of them.
fn material(
    settings: &Settings<'_>,
    folder: &TempDir,
) -> Result<(Vec<Recording>, Recording), Error> {
    let speech = speech(settings)?;
    let path = |name: &str| folder.path().join(name);
    let long = Recording::of(&speech, LONG_SECONDS, false, path("long.wav"))?;
    // The long ones of them are for the recording alone.
    let short = speech.iter().filter(|s| s.samples.len() < 30 * 16_000);
    let clips = short.enumerate().map(|(place, speech)| {
        let file = path(&format!("clip{place}.wav"));
        Recording::of(std::slice::from_ref(speech), 1, false, file)
    });
    Ok((clips.collect::<Result<_, _>>()?, long))
}

async fn total(
    normalizer: &Normalizer<'_>,
    files: &[Recording],
    runs: &[Run],
) -> Result<Total, Error> {
    let references: Vec<&str> = files.iter().map(|file| file.reference.as_str()).collect();
    let texts: Vec<&str> = runs.iter().map(|run| run.text.as_str()).collect();
    let references = normalizer.apply(&references).await?;
    let texts = normalizer.apply(&texts).await?;
    let errors = references.iter().zip(&texts);
    Ok(Total {
        wall: runs.iter().map(|run| run.wall).sum(),
        cpu: runs.iter().map(|run| run.cpu).sum(),
        errors: errors.fold(Errors::default(), |sum, (reference, text)| {
            sum.and(Errors::of(reference, text))
        }),
    })
}

/// `peak` in bytes, far below what an f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn report(
    clips: &[Recording],
    long: &Recording,
    totals: &[[Vec<Total>; NAMES.len()]; 2],
    peak: u64,
) -> Part {
    let [of_clips, of_long] = totals;
    let ratio = |totals: &[Vec<Total>; NAMES.len()], figure: fn(&Total) -> f64| {
        let pairs = totals[OURS].iter().zip(&totals[FASTER]);
        Spread::of(pairs.map(|(ours, faster)| figure(ours) / figure(faster)))
    };
    let errors = |totals: &[Vec<Total>; NAMES.len()], who: usize| {
        let all = totals[who].iter().map(|total| total.errors);
        all.fold(Errors::default(), Errors::and).percent()
    };
    let cpu = |total: &Total| total.cpu;
    let figures = vec![
        Figure::spread(
            format!("peers: {} clips: CPU ÷ faster-whisper int8", clips.len()),
            ratio(of_clips, cpu),
            "",
            Some(MOST_CPU_OF_CLIPS),
        ),
        Figure::spread(
            format!(
                "peers: {:.0} s recording: CPU ÷ faster-whisper int8",
                long.seconds
            ),
            ratio(of_long, cpu),
            "",
            Some(MOST_CPU_OF_LONG),
        ),
        Figure::spread(
            format!(
                "peers: {:.0} s recording: wall ÷ faster-whisper int8",
                long.seconds
            ),
            ratio(of_long, |total| total.wall),
            "",
            Some(MOST_WALL_OF_LONG),
        ),
        Figure::once(
            format!(
                "peers: {:.0} s recording: points of word error rate above whisper.cpp's",
                long.seconds
            ),
            errors(of_long, OURS) - errors(of_long, PLAIN),
            "",
            Some(MOST_ERRORS_MORE),
        ),
        Figure::once(
            "peers: peak RSS of the service",
            peak as f64 / 1e6,
            "MB",
            None,
        ),
    ];
    let audio: f64 = clips.iter().map(|clip| clip.seconds).sum();
    let sets = [
        ("clips", audio, of_clips),
        ("recording", long.seconds, of_long),
    ];
    let rows = sets.iter().flat_map(|(set, audio, totals)| {
        NAMES.iter().enumerate().map(move |(who, name)| {
            let of = |figure: fn(&Total) -> f64| Spread::of(totals[who].iter().map(figure)).median;
            vec![
                (*set).to_owned(),
                (*name).to_owned(),
                number(of(|total| total.wall)),
                number(of(cpu)),
                number(of(cpu) / audio),
                number(errors(totals, who)),
            ]
        })
    });
    Part {
        figures,
        details: vec![Detail {
            title: format!(
                "Beside its peers: clips one after the other with 1 thread, the recording with {STATES} states or threads; \
                 greedy; medians of {ROUNDS} rounds"
            ),
            columns: vec!["set", "program", "wall s", "CPU s", "CPU ÷ audio", "WER %"],
            rows: rows.collect(),
        }],
        notes: Vec::new(),
    }
}
