#![no_main]

use inference_audio::{AudioError, Limits, decode};
use libfuzzer_sys::fuzz_target;
use std::{
    io::Cursor,
    time::{Duration, Instant},
};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        max_duration: Duration::from_mins(1),
        ..Limits::default()
    };
    let start = Instant::now();
    let result = decode(Cursor::new(bytes), &limits, &|| {
        start.elapsed() > Duration::from_secs(10)
    });
    match result {
        Ok(pcm) => assert!(pcm.samples.iter().all(|sample| sample.is_finite())),
        Err(error) => assert!(!matches!(error, AudioError::Cancelled), "took too long"),
    }
});
