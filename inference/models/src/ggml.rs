//! The ggml file whisper.cpp loads: header, mel filter bank, vocabulary, tensors.
//!
//! Little-endian throughout. Source: `whisper_model_load` and `models/convert-pt-to-ggml.py` of
//! whisper.cpp 1.8, `ggml.h` for the numbers of types.

mod inspect;
mod mel;
mod quantize;
mod weight_type;
mod write;

pub use inspect::{FormatError, Summary, Tensor, inspect, read_hyperparameters};
pub use weight_type::WeightType;

pub use mel::FilterBank;
pub(crate) use mel::SUPPORTED_MELS;
pub(crate) use quantize::Encoder;
pub(crate) use write::{
    write_hyperparameters, write_mel_filters, write_tensor_header, write_vocabulary,
};

/// First four bytes of the file, `ggml` as a number.
const MAGIC: u32 = 0x6767_6d6c;

/// `GGML_QNT_VERSION`: the layout of quantized blocks, in the file type as thousands.
const QUANTIZATION_VERSION: u32 = 2;
const QUANTIZATION_VERSION_FACTOR: u32 = 1000;

/// Vocabulary size of the English-only models.
pub const VOCABULARY_ENGLISH: u32 = 51_864;
/// Vocabulary size of the multilingual models before large-v3, with 99 languages.
pub const VOCABULARY_MULTILINGUAL: u32 = 51_865;
/// Vocabulary size from large-v3 on, which added Cantonese.
pub const VOCABULARY_MULTILINGUAL_V3: u32 = 51_866;

/// The eleven numbers at the head of the file, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hyperparameters {
    /// Tokens, special ones included. whisper.cpp tells the kind of model by it.
    pub vocabulary: u32,
    /// Positions of the encoder: 1500, 50 a second.
    pub audio_context: u32,
    /// Width of the encoder.
    pub audio_state: u32,
    /// Attention heads of the encoder.
    pub audio_heads: u32,
    /// Blocks of the encoder.
    pub audio_layers: u32,
    /// Positions of the decoder: 448 tokens.
    pub text_context: u32,
    /// Width of the decoder; the same as the encoder's.
    pub text_state: u32,
    /// Attention heads of the decoder.
    pub text_heads: u32,
    /// Blocks of the decoder.
    pub text_layers: u32,
    /// Mel bands: 80, or 128 from large-v3 on.
    pub mels: u32,
    /// How the weight matrices are stored.
    pub weights: WeightType,
}

impl Hyperparameters {
    /// Whether the model knows languages besides English.
    pub fn is_multilingual(&self) -> bool {
        self.vocabulary >= VOCABULARY_MULTILINGUAL
    }

    /// Id of `<|endoftext|>`, where the special tokens begin.
    pub(crate) fn end_of_text(&self) -> u32 {
        50_256 + u32::from(self.is_multilingual())
    }
}
