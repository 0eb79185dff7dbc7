//! How fast files become samples, as multiples of real time: `cargo bench -p inference-audio`.
//!
//! `WHISPER_TEST_AUDIO_DIR` adds the files of its folder `formats`.

use inference_audio::{Limits, decode};
use std::{
    env, fs,
    io::Cursor,
    path::Path,
    time::{Duration, Instant},
};

const ROUNDS: u32 = 11;

fn main() {
    println!(
        "{:<28} {:>9} {:>12} {:>12} {:>10}",
        "file", "seconds", "median", "best", "x realtime"
    );
    for (name, bytes) in inputs() {
        measure(&name, &bytes);
    }
}

fn inputs() -> Vec<(String, Vec<u8>)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = |name: &str| fs::read(here.join("tests/fixtures").join(name)).unwrap_or_default();
    // A bare stream of frames can be repeated; at 44.1 kHz in stereo a fixture is 1.6 s.
    let mp3 = fixture("mp3.mp3").repeat(37);
    let mut inputs = vec![
        (
            "sample.flac, 16 kHz".to_owned(),
            fs::read(here.join("../../assets/sample.flac")).unwrap_or_default(),
        ),
        ("mp3, 44.1 kHz stereo, 60 s".to_owned(), mp3),
        ("wav, 44.1 kHz stereo, 60 s".to_owned(), wav()),
        (
            "opus, 48 kHz mono".to_owned(),
            fixture("opus.ogg").repeat(37),
        ),
    ];
    if let Some(folder) = env::var_os("WHISPER_TEST_AUDIO_DIR") {
        let mut paths: Vec<_> = fs::read_dir(Path::new(&folder).join("formats"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        inputs.extend(paths.iter().filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, fs::read(path).ok()?))
        }));
    }
    inputs
}

/// A minute of sawtooth in 16-bit stereo at 44.1 kHz.
fn wav() -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data\xff\xff\xff\xff".to_vec();
    file.extend((0..60 * 44_100u32).flat_map(|n| {
        [
            (n % 251) as u8,
            (n % 100) as u8,
            (n % 83) as u8,
            (n % 90) as u8,
        ]
    }));
    file
}

fn measure(name: &str, bytes: &[u8]) {
    let mut seconds = 0.0;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let result = decode(Cursor::new(bytes), &Limits::default(), &|| false);
        times.push(start.elapsed());
        match result {
            Ok(pcm) => seconds = pcm.duration.as_secs_f64(),
            Err(error) => {
                println!("{name:<28} {error}");
                return;
            }
        }
    }
    times.sort();
    let median = times[times.len() / 2];
    println!(
        "{name:<28} {seconds:>9.2} {median:>12.2?} {:>12.2?} {:>10.0}",
        times[0],
        seconds / median.as_secs_f64(),
    );
}
