//! The native inference service: HTTP in, Whisper behind

fn main() {}
