//! Weights into the bytes of a ggml tensor: f32, f16 and q8_0.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::WeightType;

/// Elements of one q8_0 block.
pub(crate) const BLOCK: usize = 32;

/// Turns runs of weights into the bytes of one storage type.
///
/// A matrix passes through half precision first, whichever way it is stored: whisper.cpp's own
/// tools write an f16 file and quantize that one, and the result should be the same as theirs.
pub(crate) struct Encoder {
    kind: EncodedType,
    halves: Vec<f16>,
    rounded: Vec<f32>,
}

/// The storage types an importer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EncodedType {
    F32,
    F16,
    Q8_0,
}

impl Encoder {
    /// An encoder for `kind`; `None` if it is not one this program writes.
    pub(crate) fn new(kind: WeightType) -> Option<Self> {
        let kind = match kind {
            WeightType::F32 => EncodedType::F32,
            WeightType::F16 => EncodedType::F16,
            WeightType::Q8_0 => EncodedType::Q8_0,
            _ => return None,
        };
        Some(Self {
            kind,
            halves: Vec::new(),
            rounded: Vec::new(),
        })
    }

    /// Appends the bytes of `weights` to `out`. For q8_0 they must be whole blocks of 32; what
    /// is left over is not written.
    pub(crate) fn encode(&mut self, weights: &[f32], out: &mut Vec<u8>) {
        if self.kind == EncodedType::F32 {
            out.extend(weights.iter().flat_map(|weight| weight.to_le_bytes()));
            return;
        }
        self.halves.resize(weights.len(), f16::ZERO);
        self.halves.convert_from_f32_slice(weights);
        if self.kind == EncodedType::F16 {
            out.extend(self.halves.iter().flat_map(|half| half.to_le_bytes()));
            return;
        }
        self.rounded.resize(weights.len(), 0.0);
        self.halves.convert_to_f32_slice(&mut self.rounded);
        for block in self.rounded.chunks_exact(BLOCK) {
            quantize_block(block, out);
        }
    }
}

/// One q8_0 block: scale as f16, then 32 signed bytes; `quantize_row_q8_0_ref` of ggml.
fn quantize_block(block: &[f32], out: &mut Vec<u8>) {
    let largest = block
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = largest / 127.0;
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(block.iter().map(|value| quantize(value * inverse)));
}

/// Rounds half away from zero, as C's `roundf`; |value| is at most 127 and a rounding error.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
fn quantize(value: f32) -> u8 {
    (value.round() as i8).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(kind: WeightType, weights: &[f32]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(kind).unwrap().encode(weights, &mut out);
        out
    }

    #[test]
    fn a_q8_0_block_is_its_scale_and_its_values_over_it() {
        let mut weights = [0.0; 32];
        weights[0] = -127.0;
        weights[1] = 63.5; // half, away from zero
        weights[2] = -0.4;
        let bytes = encoded(WeightType::Q8_0, &weights);
        assert_eq!(bytes.len(), 34);
        assert_eq!(bytes[..2], f16::ONE.to_le_bytes());
        assert_eq!(bytes[2..6], [0x81, 64, 0, 0]);
    }

    #[test]
    fn a_block_of_zeros_has_scale_zero() {
        assert_eq!(encoded(WeightType::Q8_0, &[0.0; 32]), [0; 34]);
    }

    #[test]
    fn q8_0_is_within_half_a_step_of_the_weight() {
        let weights: Vec<f32> = (0..320_u16)
            .map(|at| f16::from_f32((f32::from(at) * 0.37).sin() * 0.05).to_f32())
            .collect();
        let bytes = encoded(WeightType::Q8_0, &weights);
        for (block, stored) in weights.chunks(32).zip(bytes.chunks(34)) {
            let scale = f16::from_le_bytes([stored[0], stored[1]]).to_f32();
            for (weight, byte) in block.iter().zip(&stored[2..]) {
                let back = f32::from(byte.cast_signed()) * scale;
                assert!((back - weight).abs() <= scale * 0.57, "{back} for {weight}");
            }
        }
    }

    #[test]
    fn f16_and_f32_keep_what_they_can() {
        assert_eq!(encoded(WeightType::F16, &[1.0]), f16::ONE.to_le_bytes());
        assert_eq!(encoded(WeightType::F32, &[0.1]), 0.1_f32.to_le_bytes());
    }

    #[test]
    fn types_that_are_only_read_have_no_encoder() {
        assert!(Encoder::new(WeightType::Q5_1).is_none());
    }
}
