//! Wav in all its forms, honest and not.

use crate::{
    fixtures::decode_bytes,
    wav_file::{EXTENSIBLE, FLOAT, PCM, WavFile, tone, tone16},
};
use inference_audio::{AudioError, Pcm};
use std::time::Duration;

fn decode(wav: &WavFile) -> Result<Pcm, AudioError> {
    decode_bytes(&wav.bytes())
}

/// The samples that [`tone16`] must come out as.
fn expected() -> Vec<f32> {
    tone16().iter().map(|s| f32::from(*s) / 32_768.0).collect()
}

#[test]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn every_sample_width_holds_the_same_tone() {
    type Encode = fn(f64) -> Vec<u8>;
    let widths: [(u16, u16, Encode); 6] = [
        (PCM, 8, |s| vec![(s * 127.0 + 128.0) as u8]),
        (PCM, 16, |s| ((s * 32_768.0) as i16).to_le_bytes().to_vec()),
        (PCM, 24, |s| {
            ((s * 8_388_608.0) as i32).to_le_bytes()[..3].to_vec()
        }),
        (PCM, 32, |s| {
            ((s * 2_147_483_648.0) as i32).to_le_bytes().to_vec()
        }),
        (FLOAT, 32, |s| (s as f32).to_le_bytes().to_vec()),
        (FLOAT, 64, |s| s.to_le_bytes().to_vec()),
    ];
    for (tag, bits, encode) in widths {
        let data = tone(16_000).into_iter().flat_map(encode).collect();
        let plain = WavFile::new(tag, bits, 16_000, 1, data);
        for wav in [plain.clone(), plain.extensible(bits)] {
            let pcm = decode(&wav).unwrap();
            assert_eq!(pcm.samples.len(), 16_000);
            assert_eq!(pcm.duration, Duration::from_secs(1));
            for (out, ideal) in pcm.samples.iter().zip(tone(16_000)) {
                assert!(
                    (f64::from(*out) - ideal).abs() < 0.012,
                    "{bits} bits: {out} {ideal}"
                );
            }
        }
    }
}

#[test]
fn channels_are_mixed_down_and_other_rates_resampled() {
    let frames = tone16().into_iter().flat_map(|s| [s, 0]);
    let data = frames.flat_map(i16::to_le_bytes).collect();
    let pcm = decode(&WavFile::new(PCM, 16, 8_000, 2, data)).unwrap();
    assert_eq!((pcm.source.sample_rate, pcm.source.channels), (8_000, 2));
    assert_eq!(pcm.duration, Duration::from_secs(2));
    assert_eq!(pcm.samples.len(), 32_000);
    let loudest = pcm.samples[1000..]
        .iter()
        .fold(0.0, |most: f32, s| most.max(s.abs()));
    assert!((loudest - 0.25).abs() < 0.01, "{loudest}");
}

#[test]
fn a_stream_whose_sizes_were_never_filled_in_decodes_to_its_end() {
    for size in [u32::MAX, 0] {
        let mut wav = WavFile::pcm16(&tone16());
        (wav.riff_size, wav.data_size) = (Some(size), Some(size));
        let pcm = decode(&wav).unwrap();
        assert_eq!(pcm.samples, expected());
        assert!(!pcm.truncated);
    }
}

#[test]
fn a_wav_claiming_4_gb_gives_what_is_there() {
    for size in [0xffff_fff0, 0x7fff_f000, 40_000] {
        let mut wav = WavFile::pcm16(&tone16());
        (wav.riff_size, wav.data_size) = (Some(size), Some(size));
        let pcm = decode(&wav).unwrap();
        assert_eq!(pcm.samples, expected());
        assert!(pcm.truncated);
    }
}

#[test]
fn a_wav_claiming_4_gb_of_nothing_is_refused() {
    let mut wav = WavFile::pcm16(&[]);
    (wav.riff_size, wav.data_size) = (Some(0xffff_fff0), Some(0xffff_fff0));
    assert!(matches!(decode(&wav), Err(AudioError::Malformed(_))));
}

#[test]
fn what_stands_around_the_data_is_not_heard() {
    let mut wav = WavFile::pcm16(&tone16());
    wav.between = vec![
        (*b"JUNK", vec![0; 27]),
        (*b"LIST", b"INFOISFT\xff\xff\xff\x7fLavf".to_vec()), // its own sizes lie
        (*b"fact", vec![1]),
        (*b"fmt ", vec![0; 3]), // a second, broken format is none
    ];
    wav.behind = b"LIST\x04\0\0\0INFO".repeat(100);
    assert_eq!(decode(&wav).unwrap().samples, expected());
}

#[test]
fn an_empty_recording_is_no_audio_whatever_follows_it() {
    let mut wav = WavFile::pcm16(&[]);
    wav.behind = b"LIST\x04\0\0\0INFO".repeat(100);
    assert!(matches!(
        decode(&wav),
        Err(AudioError::Malformed("no audio could be decoded"))
    ));
}

#[test]
fn a_last_frame_cut_in_half_is_left_out() {
    let mut wav = WavFile::pcm16(&tone16());
    wav.data.pop();
    assert_eq!(decode(&wav).unwrap().samples, expected()[..15_999]);
}

#[test]
fn rf64_is_wav() {
    let mut wav = WavFile::pcm16(&tone16());
    wav.magic = *b"RF64";
    (wav.riff_size, wav.data_size) = (Some(u32::MAX), Some(u32::MAX));
    assert_eq!(decode(&wav).unwrap().samples, expected());
}

#[test]
fn three_thousand_channels_are_refused() {
    let wav = WavFile::new(PCM, 16, 16_000, 3000, vec![0; 60_000]);
    assert!(matches!(
        decode(&wav),
        Err(AudioError::TooManyChannels {
            channels: 3000,
            limit: 8
        })
    ));
}

#[test]
fn no_channels_are_refused() {
    let wav = WavFile::new(PCM, 16, 16_000, 0, vec![0; 600]);
    assert!(matches!(decode(&wav), Err(AudioError::Malformed(_))));
}

#[test]
fn rates_of_nothing_and_of_gigahertz_are_refused() {
    for claimed in [0, 1, 3_999, 384_001, u32::MAX] {
        let wav = WavFile::new(PCM, 16, claimed, 1, vec![0; 600]);
        assert!(matches!(
            decode(&wav),
            Err(AudioError::BadSampleRate { rate, min: 4_000, max: 384_000 }) if rate == claimed
        ));
    }
}

#[test]
fn codecs_and_widths_that_no_decoder_reads_are_refused_by_name() {
    let g723 = WavFile::new(0x14, 0, 8_000, 1, vec![0; 600]);
    let twelve_bits = WavFile::new(PCM, 12, 16_000, 1, vec![0; 600]);
    let half_floats = WavFile::new(FLOAT, 16, 16_000, 1, vec![0; 600]);
    let no_width = WavFile::new(PCM, 0, 16_000, 1, vec![0; 600]);
    let no_sub_format = WavFile::new(EXTENSIBLE, 16, 16_000, 1, vec![0; 600]);
    for wav in [g723, twelve_bits, half_floats, no_width, no_sub_format] {
        assert!(matches!(decode(&wav), Err(AudioError::UnsupportedCodec(_))));
    }
}

#[test]
fn a_frame_size_that_contradicts_the_format_is_refused() {
    let mut wav = WavFile::pcm16(&tone16());
    wav.block_align = Some(3);
    assert!(matches!(decode(&wav), Err(AudioError::Malformed(_))));
}

#[test]
fn a_file_of_empty_chunks_ends_in_a_typed_error() {
    let mut file = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
    file.extend(b"junk\0\0\0\0".repeat(1 << 17));
    assert!(matches!(
        decode_bytes(&file),
        Err(AudioError::Malformed("wav: no data chunk"))
    ));
}

#[test]
fn data_without_a_format_is_refused() {
    let file = b"RIFF\x20\0\0\0WAVEdata\x04\0\0\0abcd";
    assert!(matches!(
        decode_bytes(file),
        Err(AudioError::Malformed("wav: no format chunk"))
    ));
}

#[test]
fn samples_that_are_no_numbers_come_out_finite_at_every_rate() {
    let hostile = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MAX,
        f32::MIN,
        1e-40,
        0.5,
    ];
    for rate in [16_000, 44_100, 47_999] {
        let data = hostile
            .repeat(3000)
            .iter()
            .flat_map(|s| s.to_le_bytes())
            .collect();
        let pcm = decode(&WavFile::new(FLOAT, 32, rate, 1, data)).unwrap();
        assert!(pcm.samples.iter().all(|s| s.is_finite()), "{rate} Hz");
    }
}
