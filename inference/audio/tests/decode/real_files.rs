//! Longer real recordings, where there are some: the folder `formats` of `WHISPER_TEST_AUDIO_DIR` has
//! `jfk*` in many formats, 11 seconds each.

use inference_audio::{AudioError, Limits, decode};
use std::{env, ffi::OsStr, fs::File, path::PathBuf};

fn folder() -> Option<PathBuf> {
    env::var_os("WHISPER_TEST_AUDIO_DIR").map(|folder| PathBuf::from(folder).join("formats"))
}

#[test]
fn every_recording_of_the_folder_has_its_eleven_seconds() {
    let Some(folder) = folder() else {
        return;
    };
    let mut decoded = 0;
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap();
        let seconds = match name {
            "jfk.pcm16le.raw" => {
                let result = decode(File::open(&path).unwrap(), &Limits::default(), &|| false);
                assert!(matches!(result, Err(AudioError::UnsupportedContainer)));
                continue;
            }
            "jfk-48k-stereo-4s.wav" => 4.0,
            name if name.starts_with("jfk") => 11.0,
            _ => continue,
        };
        let pcm = decode(File::open(&path).unwrap(), &Limits::default(), &|| false).unwrap();
        let off = pcm.duration.as_secs_f64() - seconds;
        assert!(
            (0.0..0.1).contains(&off),
            "{name}: {} s",
            pcm.duration.as_secs_f64()
        );
        assert!(!pcm.truncated, "{name}");
        decoded += 1;
    }
    assert!(decoded > 0, "no recordings in {}", folder.display());
}
