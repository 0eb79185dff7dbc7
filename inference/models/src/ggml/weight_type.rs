//! How weights are stored, and the numbers ggml gives each way.

use std::fmt;

/// A storage type of weights: of one tensor, or of most tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightType {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// 4 bits and a scale.
    Q4_0,
    /// 4 bits, a scale and a minimum.
    Q4_1,
    /// 5 bits and a scale.
    Q5_0,
    /// 5 bits, a scale and a minimum.
    Q5_1,
    /// 8 bits and a scale.
    Q8_0,
    /// 2 bits in super-blocks of 256.
    Q2K,
    /// 3 bits in super-blocks of 256.
    Q3K,
    /// 4 bits in super-blocks of 256.
    Q4K,
    /// 5 bits in super-blocks of 256.
    Q5K,
    /// 6 bits in super-blocks of 256.
    Q6K,
}

/// What ggml knows about one type.
struct Facts {
    name: &'static str,
    /// `ggml_ftype`: the number in a file's header.
    file_type: u32,
    /// `ggml_type`: the number at a tensor.
    tensor_type: u32,
    /// Elements that are stored together, and the bytes they take.
    block: (u64, u64),
}

impl WeightType {
    const ALL: [Self; 12] = [
        Self::F32,
        Self::F16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
    ];

    const fn facts(self) -> Facts {
        let (name, file_type, tensor_type, block) = match self {
            Self::F32 => ("f32", 0, 0, (1, 4)),
            Self::F16 => ("f16", 1, 1, (1, 2)),
            Self::Q4_0 => ("q4_0", 2, 2, (32, 18)),
            Self::Q4_1 => ("q4_1", 3, 3, (32, 20)),
            Self::Q5_0 => ("q5_0", 8, 6, (32, 22)),
            Self::Q5_1 => ("q5_1", 9, 7, (32, 24)),
            Self::Q8_0 => ("q8_0", 7, 8, (32, 34)),
            Self::Q2K => ("q2_k", 10, 10, (256, 84)),
            Self::Q3K => ("q3_k", 11, 11, (256, 110)),
            Self::Q4K => ("q4_k", 12, 12, (256, 144)),
            Self::Q5K => ("q5_k", 13, 13, (256, 176)),
            Self::Q6K => ("q6_k", 14, 14, (256, 210)),
        };
        Facts {
            name,
            file_type,
            tensor_type,
            block,
        }
    }

    /// As it stands in file names: `f16`, `q8_0`.
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The number of the type in a file's header, without the quantization version.
    pub(crate) const fn file_type(self) -> u32 {
        self.facts().file_type
    }

    /// The number of the type at a tensor.
    pub(crate) const fn tensor_type(self) -> u32 {
        self.facts().tensor_type
    }

    /// Whether values are stored in blocks with a common scale.
    pub const fn is_quantized(self) -> bool {
        self.facts().block.0 > 1
    }

    /// Bytes that `elements` take; `None` if they do not fill whole blocks or the sum overflows.
    pub fn bytes(self, elements: u64) -> Option<u64> {
        let (block_elements, block_bytes) = self.facts().block;
        if !elements.is_multiple_of(block_elements) {
            return None;
        }
        (elements / block_elements).checked_mul(block_bytes)
    }

    pub(crate) fn from_file_type(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.file_type() == number)
    }

    pub(crate) fn from_tensor_type(number: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.tensor_type() == number)
    }
}

impl fmt::Display for WeightType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_found_again_by_its_numbers() {
        for kind in WeightType::ALL {
            assert_eq!(WeightType::from_file_type(kind.file_type()), Some(kind));
            assert_eq!(WeightType::from_tensor_type(kind.tensor_type()), Some(kind));
        }
        assert_eq!(WeightType::from_file_type(4), None);
    }

    #[test]
    fn a_row_that_does_not_fill_its_blocks_has_no_size() {
        assert_eq!(WeightType::Q8_0.bytes(64), Some(68));
        assert_eq!(WeightType::Q8_0.bytes(33), None);
        assert_eq!(WeightType::F32.bytes(u64::MAX), None);
    }
}
