//! WAV files as a test wants them, also those no honest program writes.

/// The fields of a WAV header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wav {
    pub(crate) channels: u16,
    pub(crate) rate: u32,
    /// What the header claims its data to be long; the truth if none.
    pub(crate) claimed_bytes: Option<u32>,
    /// Frames of a quiet tone.
    pub(crate) frames: usize,
}

impl Default for Wav {
    fn default() -> Self {
        Self {
            channels: 1,
            rate: 16_000,
            claimed_bytes: None,
            frames: 16_000,
        }
    }
}

impl Wav {
    /// The file: 16-bit PCM.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let real = u32::try_from(self.frames * usize::from(self.channels) * 2).unwrap();
        let data = self.claimed_bytes.unwrap_or(real);
        let frame = self.channels.wrapping_mul(2);
        let mut out = Vec::new();
        out.extend(b"RIFF");
        out.extend(data.wrapping_add(36).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(16_u32.to_le_bytes());
        out.extend(1_u16.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.rate.to_le_bytes());
        out.extend(self.rate.wrapping_mul(u32::from(frame)).to_le_bytes());
        out.extend(frame.to_le_bytes());
        out.extend(16_u16.to_le_bytes());
        out.extend(b"data");
        out.extend(data.to_le_bytes());
        let mut phase = 0.0_f32;
        for _ in 0..self.frames {
            phase += 0.17;
            #[expect(clippy::cast_possible_truncation, reason = "the amplitude is 1000")]
            let sample = (phase.sin() * 1000.0) as i16;
            for _ in 0..self.channels {
                out.extend(sample.to_le_bytes());
            }
        }
        out
    }
}

/// A second of a quiet tone.
pub(crate) fn tone() -> Vec<u8> {
    Wav::default().bytes()
}

/// These samples.
pub(crate) fn of(samples: &[f32]) -> Vec<u8> {
    let head = Wav {
        frames: 0,
        claimed_bytes: Some(u32::try_from(samples.len() * 2).unwrap()),
        ..Wav::default()
    };
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let pcm = |sample: &f32| (sample.clamp(-1.0, 1.0) * 32_767.0) as i16;
    let samples = samples.iter().flat_map(|sample| pcm(sample).to_le_bytes());
    head.bytes().into_iter().chain(samples).collect()
}
