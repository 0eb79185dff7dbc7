//! Every container and codec gives the same speech.

use crate::fixtures::{FIXTURES, bytes, decode_bytes};
use inference_audio::SAMPLE_RATE;

/// The lag, up to `most` samples, at which `signal` is most like `reference`, and how like it is
/// (1 is the same up to its level).
fn best_match(reference: &[f32], signal: &[f32], most: usize) -> (usize, f64) {
    (0..=most)
        .map(|lag| (lag, likeness(reference, &signal[lag.min(signal.len())..])))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .unwrap()
}

fn likeness(a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let cross: f64 = pairs().map(|(a, b)| a * b).sum();
    let (aa, bb) = pairs().fold((0.0, 0.0), |(aa, bb), (a, b)| (aa + a * a, bb + b * b));
    cross / (aa * bb).sqrt()
}

#[test]
fn every_container_and_codec_gives_the_same_speech_at_the_same_place() {
    let reference = decode_bytes(&bytes("flac.flac")).unwrap().samples;
    for fixture in FIXTURES {
        let pcm = decode_bytes(&fixture.bytes()).unwrap();
        let (lag, likeness) = best_match(&reference, &pcm.samples, 1200);
        let name = fixture.name;
        assert!(
            lag.abs_diff(fixture.lead) <= 2,
            "{name} is {lag} samples late"
        );
        // Half the rate, or 16 kbit/s, leave this much of it at least.
        assert!(
            likeness > 0.93,
            "{name} is only {likeness} like the original"
        );
        assert!(!pcm.truncated, "{name}");
    }
}

#[test]
fn every_file_says_what_it_was() {
    for fixture in FIXTURES {
        let source = decode_bytes(&fixture.bytes()).unwrap().source;
        assert_eq!(source.container, fixture.container, "{}", fixture.name);
        assert_eq!(source.codec, fixture.codec, "{}", fixture.name);
        assert_eq!(source.sample_rate, fixture.sample_rate, "{}", fixture.name);
        assert_eq!(source.channels, fixture.channels, "{}", fixture.name);
    }
}

#[test]
fn durations_are_those_of_the_source_and_agree_with_the_samples() {
    for fixture in FIXTURES {
        let pcm = decode_bytes(&fixture.bytes()).unwrap();
        let seconds = pcm.duration.as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let by_samples = pcm.samples.len() as f64 / f64::from(SAMPLE_RATE);
        let name = fixture.name;
        assert!(
            (seconds - by_samples).abs() < 0.6 / f64::from(SAMPLE_RATE),
            "{name}: {seconds}"
        );
        // 1.6 s, and whole frames before and behind where a format has no way to say less.
        assert!((1.6..1.68).contains(&seconds), "{name}: {seconds}");
    }
}

#[test]
fn a_files_name_and_tags_do_not_decide_what_it_is() {
    let art = vec![0xff; 70_000];
    let size = [0, 4, 0x22, 0x70]; // 70,000 in four times seven bits
    let tag = [b"ID3\x04\0\0".as_slice(), &size, &art].concat();
    for name in ["mp3.mp3", "aac.aac", "flac.flac"] {
        let plain = decode_bytes(&bytes(name)).unwrap();
        let tagged = decode_bytes(&[tag.clone(), tag.clone(), bytes(name)].concat()).unwrap();
        assert_eq!(plain, tagged, "{name}");
    }
}

#[test]
fn files_that_were_joined_are_heard_to_the_end() {
    for name in [
        "mp3.mp3",
        "mp3-22k-mono.mp3",
        "aac.aac",
        "opus.ogg",
        "vorbis.ogg",
    ] {
        let once = decode_bytes(&bytes(name)).unwrap().duration;
        let joined = decode_bytes(&bytes(name).repeat(3)).unwrap().duration;
        let lost = (once * 3).abs_diff(joined).as_secs_f64();
        // Of an mp3 whose header is for the first part alone, what looks like padding.
        assert!(lost < 0.15, "{name}: {joined:?} of three times {once:?}");
    }
}

#[test]
fn text_and_headerless_pcm_and_pictures_are_refused() {
    let speech = decode_bytes(&bytes("flac.flac")).unwrap().samples;
    #[allow(clippy::cast_possible_truncation)]
    let raw: Vec<u8> = speech
        .iter()
        .flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes())
        .collect();
    let text = "RIFFs and waves: a text that calls itself sample.wav. ".repeat(500);
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), &[0; 500]].concat();
    let avi = [b"RIFF\0\x10\0\0AVI LIST".as_slice(), &[0; 500]].concat();
    let html = b"<!DOCTYPE html><html><body>404</body></html>".to_vec();
    for bytes in [
        raw,
        text.into_bytes(),
        png,
        avi,
        html,
        vec![0; 5000],
        vec![0xff; 5000],
        vec![7],
    ] {
        let error = decode_bytes(&bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file is not audio in a supported format"
        );
    }
}
