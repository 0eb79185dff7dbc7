//! Decodes files and prints what they were: `cargo run -p inference-audio --example decode FILE…`.

use inference_audio::{Limits, decode};
use std::{fs::File, time::Instant};

fn main() {
    for path in std::env::args_os().skip(1) {
        let shown = path.to_string_lossy().into_owned();
        let start = Instant::now();
        let result = File::open(&path)
            .map_err(Into::into)
            .and_then(|file| decode(file, &Limits::default(), &|| false));
        let took = start.elapsed();
        match result {
            Ok(pcm) => println!(
                "{shown}: {} {} {} Hz {} ch, {:.4} s, {} samples{}, took {took:.2?}",
                pcm.source.container,
                pcm.source.codec,
                pcm.source.sample_rate,
                pcm.source.channels,
                pcm.duration.as_secs_f64(),
                pcm.samples.len(),
                if pcm.truncated { ", truncated" } else { "" },
            ),
            Err(error) => println!("{shown}: {error} (after {took:.2?})"),
        }
    }
}
