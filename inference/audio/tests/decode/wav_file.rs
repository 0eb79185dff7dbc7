//! Wav files built byte by byte, right ones and wrong ones.

/// Format tags of RFC 2361.
pub(crate) const PCM: u16 = 1;
pub(crate) const FLOAT: u16 = 3;
pub(crate) const EXTENSIBLE: u16 = 0xfffe;

/// A wav header's fields and the chunks around it, each of which may be set to a lie.
#[derive(Clone)]
pub(crate) struct WavFile {
    pub(crate) magic: [u8; 4],
    pub(crate) riff_size: Option<u32>,
    pub(crate) tag: u16,
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
    pub(crate) block_align: Option<u16>,
    pub(crate) bits: u16,
    /// What stands behind the first 16 bytes of the format chunk.
    pub(crate) extension: Vec<u8>,
    /// Chunks between the format and the data.
    pub(crate) between: Vec<([u8; 4], Vec<u8>)>,
    pub(crate) data_size: Option<u32>,
    pub(crate) data: Vec<u8>,
    /// What stands behind the data.
    pub(crate) behind: Vec<u8>,
}

impl WavFile {
    pub(crate) fn new(tag: u16, bits: u16, sample_rate: u32, channels: u16, data: Vec<u8>) -> Self {
        Self {
            magic: *b"RIFF",
            riff_size: None,
            tag,
            channels,
            sample_rate,
            block_align: None,
            bits,
            extension: Vec::new(),
            between: Vec::new(),
            data_size: None,
            data,
            behind: Vec::new(),
        }
    }

    /// 16-bit mono at 16 kHz, the one that passes through unchanged.
    pub(crate) fn pcm16(samples: &[i16]) -> Self {
        let data = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        Self::new(PCM, 16, 16_000, 1, data)
    }

    /// Makes the format extensible, with the sub-format's tag and the valid bits per sample.
    pub(crate) fn extensible(mut self, valid_bits: u16) -> Self {
        self.extension = [22u16, valid_bits, 0, 0, self.tag]
            .iter()
            .flat_map(|field| field.to_le_bytes())
            .chain([0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71])
            .collect();
        self.tag = EXTENSIBLE;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let frame = self.channels.wrapping_mul(self.bits / 8);
        let mut format = Vec::new();
        format.extend(self.tag.to_le_bytes());
        format.extend(self.channels.to_le_bytes());
        format.extend(self.sample_rate.to_le_bytes());
        format.extend(self.sample_rate.wrapping_mul(frame.into()).to_le_bytes());
        format.extend(self.block_align.unwrap_or(frame).to_le_bytes());
        format.extend(self.bits.to_le_bytes());
        format.extend(&self.extension);

        let mut body = b"WAVE".to_vec();
        put_chunk(&mut body, *b"fmt ", None, &format);
        for (tag, chunk) in &self.between {
            put_chunk(&mut body, *tag, None, chunk);
        }
        put_chunk(&mut body, *b"data", self.data_size, &self.data);
        body.extend(&self.behind);

        let mut file = self.magic.to_vec();
        let size = u32::try_from(body.len()).unwrap();
        file.extend(self.riff_size.unwrap_or(size).to_le_bytes());
        file.extend(body);
        file
    }
}

fn put_chunk(body: &mut Vec<u8>, tag: [u8; 4], size: Option<u32>, chunk: &[u8]) {
    body.extend(tag);
    let len = u32::try_from(chunk.len()).unwrap();
    body.extend(size.unwrap_or(len).to_le_bytes());
    body.extend(chunk);
    if chunk.len() % 2 == 1 {
        body.push(0);
    }
}

/// A second of a 440 Hz tone at half level, as the samples of `rate`.
pub(crate) fn tone(rate: u32) -> Vec<f64> {
    (0..rate)
        .map(|n| (std::f64::consts::TAU * 440.0 * f64::from(n) / f64::from(rate)).sin() / 2.0)
        .collect()
}

/// The tone in 16 bits at 16 kHz.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn tone16() -> Vec<i16> {
    tone(16_000).iter().map(|s| (s * 32_768.0) as i16).collect()
}
