//! What the edge costs, against baselines on the same workerd: a bare passthrough, the least that keeps the
//! promises, and the obvious TypeScript Worker with the same guarantees (bench/baselines).
//!
//! The machine is noisy and its absolute figures say little. So the Workers take turns of a tenth of a
//! second, many turns make a round, each round gives one ratio of CPU per request, and the median of
//! the rounds is what counts.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use inference_score::percentile;

use crate::deployment::{Deployment, Key, random_secret};
use crate::error::Error;
use crate::form;
use crate::load::{Connections, Load};
use crate::process;
use crate::report::{Detail, Figure, Part, number};
use crate::stats::{Spread, ms, us};
use crate::upstream::Upstream;
use crate::workerd::{Script, Workerd};

/// Most CPU of an admitted request, as a multiple of the TypeScript Worker's.
const MOST_OF_TYPESCRIPT: f64 = 0.85;
/// Most of its 99th percentile of latency, likewise.
const MOST_P99_OF_TYPESCRIPT: f64 = 1.0;
/// Most that an upload's median latency may lie above the passthrough's, in milliseconds.
const MOST_ADDED_MS: f64 = 1.0;
const UPLOAD_BYTES: usize = 350 * 1000;
/// Long enough for V8 to have compiled what is hot.
const WARM_UP: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(100);
const TURNS_OF_A_ROUND: usize = 8;

/// Where what it runs lies, and how long it may take.
pub(crate) struct Settings<'a> {
    /// workerd.mjs.
    pub(crate) harness: &'a Path,
    /// Folder of the built Worker.
    pub(crate) bundle: &'a Path,
    /// Folder of the bundled baselines: passthrough.js, floor.js and hono.js.
    pub(crate) baselines: &'a Path,
    /// How many ratios each median is of.
    pub(crate) rounds: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Ours,
    TypeScript,
    Passthrough,
    /// One call of an object, one durable write, one log line, and nothing else.
    Floor,
    /// Ours, with a key whose plan lets an isolate take permits ahead.
    Ahead,
}

impl Variant {
    const ALL: [Self; 5] = [
        Self::Ours,
        Self::TypeScript,
        Self::Passthrough,
        Self::Floor,
        Self::Ahead,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "whisper-edge",
            Self::TypeScript => "TypeScript",
            Self::Passthrough => "passthrough",
            Self::Floor => "floor",
            Self::Ahead => "permits ahead",
        }
    }

    fn script(self, settings: &Settings) -> Script {
        match self {
            Self::Ours | Self::Ahead => Script::built(settings.bundle),
            Self::TypeScript => Script::with_limiter(settings.baselines.join("hono.js")),
            Self::Passthrough => Script::plain(settings.baselines.join("passthrough.js")),
            Self::Floor => Script::with_limiter(settings.baselines.join("floor.js")),
        }
    }
}

struct Scenario {
    name: String,
    load: Load,
    concurrency: usize,
    is_upload: bool,
    /// Of each variant, in the order of [`Variant::ALL`].
    rounds: [Vec<Round>; Variant::ALL.len()],
}

/// What one round showed of one Worker.
#[derive(Default)]
struct Round {
    /// Of workerd, in all.
    cpu: Duration,
    /// Of each request; ascending in the end.
    latencies: Vec<Duration>,
}

impl Scenario {
    fn all(key: &Key) -> Result<Vec<Self>, Error> {
        let authorization = ("authorization", key.authorization.as_str());
        let admission = Load::new("/v1/models", &[authorization], Bytes::new())?;
        let headers = [authorization, form::CONTENT_TYPE];
        let body = form::of(&vec![0; UPLOAD_BYTES]);
        let upload = Load::new("/v1/audio/transcriptions", &headers, body)?;
        let scenario = |name: &str, load: &Load, concurrency, is_upload| Self {
            name: format!("{name}, c={concurrency}"),
            load: load.clone(),
            concurrency,
            is_upload,
            rounds: Default::default(),
        };
        Ok(vec![
            scenario("admission", &admission, 1, false),
            scenario("admission", &admission, 32, false),
            scenario("350 KB upload", &upload, 1, true),
            scenario("350 KB upload", &upload, 32, true),
        ])
    }

    async fn connect(&self, workerd: &Workerd) -> Result<Connections, Error> {
        Connections::open(workerd, self.concurrency, &self.load).await
    }

    /// Lets each Worker have its turn, again and again. Its CPU time is read over the whole round, so
    /// that what it does when its turn is over counts as well.
    async fn round(&mut self, workers: &[(Variant, Workerd)]) -> Result<(), Error> {
        let mut running = Vec::new();
        for (variant, workerd) in workers {
            let connections = self.connect(workerd).await?;
            running.push((*variant, workerd, connections, Round::default()));
        }
        for (_, workerd, _, round) in &mut running {
            round.cpu = process::cpu_time(workerd.pid)?;
        }
        for _ in 0..TURNS_OF_A_ROUND {
            for (_, _, connections, round) in &mut running {
                round
                    .latencies
                    .append(&mut connections.send(&self.load, TURN).await?);
            }
        }
        for (variant, workerd, _, mut round) in running {
            round.cpu = process::cpu_time(workerd.pid)?.saturating_sub(round.cpu);
            round.latencies.sort_unstable();
            self.rounds[variant as usize].push(round);
        }
        Ok(())
    }

    /// One figure of a variant, round by round.
    fn of(&self, variant: Variant, figure: fn(&Round) -> f64) -> impl Iterator<Item = f64> {
        self.rounds[variant as usize].iter().map(figure)
    }

    fn ratio(&self, variant: Variant, baseline: Variant, figure: fn(&Round) -> f64) -> Spread {
        let ours = self.of(variant, figure);
        Spread::of(
            ours.zip(self.of(baseline, figure))
                .map(|(ours, baseline)| ours / baseline),
        )
    }

    fn added_ms(&self) -> Spread {
        let ours = self.of(Variant::Ours, p50_ms);
        let floor = self.of(Variant::Passthrough, p50_ms);
        Spread::of(ours.zip(floor).map(|(ours, floor)| ours - floor))
    }
}

fn cpu_us(round: &Round) -> f64 {
    let requests = u32::try_from(round.latencies.len()).unwrap_or(u32::MAX);
    us(round.cpu.checked_div(requests).unwrap_or_default())
}

fn p50_ms(round: &Round) -> f64 {
    ms(percentile(&round.latencies, 50))
}

fn p99_ms(round: &Round) -> f64 {
    ms(percentile(&round.latencies, 99))
}

/// Runs the Workers side by side and measures them in turn.
pub(crate) async fn run(settings: &Settings<'_>) -> Result<Part, Error> {
    let upstream = Upstream::start().await?;
    let deployment = Deployment::new(&upstream.origin, &random_secret()?)?;
    let mut workers = Vec::new();
    for variant in Variant::ALL {
        let worker = if variant == Variant::Ahead {
            deployment.worker_ahead(variant.script(settings))
        } else {
            deployment.worker(variant.script(settings))
        };
        workers.push((variant, Workerd::start(settings.harness, &worker).await?));
    }
    let mut scenarios = Scenario::all(&deployment.key)?;
    for scenario in &scenarios {
        for (_, workerd) in &workers {
            let mut connections = scenario.connect(workerd).await?;
            connections.send(&scenario.load, WARM_UP).await?;
        }
    }
    for round in 0..settings.rounds {
        eprintln!("edge: round {} of {}", round + 1, settings.rounds);
        for scenario in &mut scenarios {
            scenario.round(&workers).await?;
        }
        // Who comes first changes from round to round.
        workers.rotate_left(1);
    }
    Ok(report(&scenarios, settings))
}

fn report(scenarios: &[Scenario], settings: &Settings) -> Part {
    let mut part = Part::default();
    for scenario in scenarios {
        let target = (!scenario.is_upload).then_some(MOST_OF_TYPESCRIPT);
        let name = format!("edge: {}: CPU ÷ TypeScript", scenario.name);
        part.figures.push(Figure::spread(
            name,
            scenario.ratio(Variant::Ours, Variant::TypeScript, cpu_us),
            "",
            target,
        ));
    }
    for scenario in scenarios.iter().filter(|scenario| !scenario.is_upload) {
        part.figures.push(Figure::spread(
            format!("edge: {}: p99 ÷ TypeScript", scenario.name),
            scenario.ratio(Variant::Ours, Variant::TypeScript, p99_ms),
            "",
            Some(MOST_P99_OF_TYPESCRIPT),
        ));
        part.figures.push(Figure::spread(
            format!("edge: {}: CPU, permits ahead ÷ without", scenario.name),
            scenario.ratio(Variant::Ahead, Variant::Ours, cpu_us),
            "",
            None,
        ));
    }
    for scenario in scenarios {
        // An admission asks an object and no host, an upload both.
        let (floor, what) = if scenario.is_upload {
            (Variant::Passthrough, "passthrough")
        } else {
            (Variant::Floor, "floor")
        };
        part.figures.push(Figure::spread(
            format!("edge: {}: CPU ÷ {what}", scenario.name),
            scenario.ratio(Variant::Ours, floor, cpu_us),
            "",
            None,
        ));
    }
    for scenario in scenarios.iter().filter(|scenario| !scenario.is_upload) {
        part.figures.push(Figure::spread(
            format!("edge: {}: floor's CPU ÷ TypeScript", scenario.name),
            scenario.ratio(Variant::Floor, Variant::TypeScript, cpu_us),
            "",
            None,
        ));
    }
    for scenario in scenarios.iter().filter(|scenario| scenario.is_upload) {
        let name = format!("edge: {}: added to the passthrough's p50", scenario.name);
        let target = (scenario.concurrency == 1).then_some(MOST_ADDED_MS);
        part.figures
            .push(Figure::spread(name, scenario.added_ms(), "ms", target));
    }
    let rows = scenarios.iter().flat_map(|scenario| {
        Variant::ALL.map(|variant| {
            let of = |figure| number(Spread::of(scenario.of(variant, figure)).median);
            let requests: usize = scenario.rounds[variant as usize]
                .iter()
                .map(|round| round.latencies.len())
                .sum();
            vec![
                scenario.name.clone(),
                variant.name().to_owned(),
                of(cpu_us),
                of(p50_ms),
                of(p99_ms),
                requests.to_string(),
            ]
        })
    });
    part.details.push(Detail {
        title: format!(
            "The edge, request by request: server CPU and latency, medians of {} rounds",
            settings.rounds
        ),
        columns: vec![
            "scenario", "Worker", "CPU µs", "p50 ms", "p99 ms", "requests",
        ],
        rows: rows.collect(),
    });
    part
}
