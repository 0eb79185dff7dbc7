//! How much memory one transcription at a time needs beside a model's weights, by estimate.
//!
//! whisper.cpp (1.8) makes it all when the state is made: the attention caches in f16, and a buffer for each of its four
//! graphs. What is counted here are the tensors that decide their sizes, with the full window of 30 s and the longest
//! prompt, so many of each that it comes out just above what is resident on a CPU: 165 MB for tiny.en, where 157 MB were
//! measured, and 210 MB for base, where 207 MB were.

use inference_models::ggml::Hyperparameters;

/// Positions of a window in the cross-attention cache: 1500, and what whisper.cpp fills up to.
const PADDED_AUDIO: u64 = 1536;
/// Positions of a window, and frames of its spectrogram.
const AUDIO: u64 = 1500;
const FRAMES: u64 = 3000;
/// Positions of the decoder's cache, and how many of them are run at once with the longest prompt, about.
const TEXT: u64 = 512;
const PROMPT: u64 = 256;
const F16: u64 = 2;
const F32: u64 = 4;
/// Tensors of a window by the encoder's width that are there at the same time.
const ENCODER_TENSORS: u64 = 10;
/// The same for the two convolutions before it.
const CONVOLUTION_TENSORS: u64 = 4;

/// Bytes of a state. Never overflows: what a file may claim is bounded, and whatever is beyond is the most there is.
pub(super) fn of_state(model: &Hyperparameters, flash_attention: bool) -> u64 {
    let product = |factors: &[u64]| {
        factors
            .iter()
            .fold(1_u64, |product, factor| product.saturating_mul(*factor))
    };
    let (width, layers) = (u64::from(model.audio_state), u64::from(model.text_layers));
    let caches = [
        product(&[2, layers, TEXT, width, F16]),
        product(&[2, layers, PADDED_AUDIO, width, F16]),
        product(&[2, PADDED_AUDIO, width, F16]),
    ];
    // Flash attention never writes the scores of all positions for all others down.
    let heads = if flash_attention {
        0
    } else {
        u64::from(model.audio_heads)
    };
    let graphs = [
        product(&[CONVOLUTION_TENSORS, FRAMES, width, F32]),
        product(&[u64::from(model.mels), FRAMES, F32]),
        product(&[ENCODER_TENSORS, AUDIO, width, F32]),
        product(&[heads, AUDIO, AUDIO, F32]),
        product(&[PROMPT, u64::from(model.vocabulary), F32]),
    ];
    let all = caches.iter().chain(&graphs);
    all.fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inference_models::ggml::WeightType;

    fn model(width: u32, layers: u32) -> Hyperparameters {
        Hyperparameters {
            vocabulary: 51_864,
            audio_context: 1500,
            audio_state: width,
            audio_heads: width / 64,
            audio_layers: layers,
            text_context: 448,
            text_state: width,
            text_heads: width / 64,
            text_layers: layers,
            mels: 80,
            weights: WeightType::F16,
        }
    }

    #[test]
    fn a_larger_model_needs_more_and_flash_attention_less() {
        let (tiny, base, large) = (model(384, 4), model(512, 6), model(1280, 32));
        let mb = |model, flash| of_state(model, flash) / 1_000_000;
        // Measured: 157 and 207.
        assert!(
            (157..173).contains(&mb(&tiny, false)),
            "{}",
            mb(&tiny, false)
        );
        assert!(
            (207..228).contains(&mb(&base, false)),
            "{}",
            mb(&base, false)
        );
        assert!(mb(&large, false) > 3 * mb(&base, false));
        assert!(mb(&large, true) + 150 < mb(&large, false));
    }

    #[test]
    fn no_claim_of_a_file_overflows() {
        let most = model(u32::MAX, u32::MAX);
        assert_eq!(of_state(&most, false), u64::MAX);
    }
}
