#![no_main]

use inference_audio::{AudioError, Limits, decode};
use libfuzzer_sys::fuzz_target;
use std::{
    io::Cursor,
    sync::Once,
    time::{Duration, Instant},
};

static HOOK: Once = Once::new();

fuzz_target!(|bytes: &[u8]| {
    // The fuzzer's hook aborts at every panic. Here one inside a decoder is a file's refusal, caught and tested; only
    // one that comes out is a find, at which the fuzzer aborts by itself.
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
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
