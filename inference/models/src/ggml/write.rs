//! Writing the parts of a ggml file, in the order they stand.

use std::io::{self, Write};

use super::{
    FilterBank, Hyperparameters, MAGIC, QUANTIZATION_VERSION, QUANTIZATION_VERSION_FACTOR,
    WeightType,
};

/// Magic and the eleven numbers.
pub(crate) fn write_hyperparameters(
    out: &mut impl Write,
    parameters: &Hyperparameters,
) -> io::Result<()> {
    let version = if parameters.weights.is_quantized() {
        QUANTIZATION_VERSION * QUANTIZATION_VERSION_FACTOR
    } else {
        0
    };
    write_numbers(
        out,
        &[
            MAGIC,
            parameters.vocabulary,
            parameters.audio_context,
            parameters.audio_state,
            parameters.audio_heads,
            parameters.audio_layers,
            parameters.text_context,
            parameters.text_state,
            parameters.text_heads,
            parameters.text_layers,
            parameters.mels,
            version + parameters.weights.file_type(),
        ],
    )
}

/// Dimensions of the filter bank and its weights.
pub(crate) fn write_mel_filters(out: &mut impl Write, bank: &FilterBank) -> io::Result<()> {
    write_numbers(out, &[bank.bands, bank.bins])?;
    let bytes: Vec<u8> = bank
        .weights
        .iter()
        .flat_map(|weight| weight.to_le_bytes())
        .collect();
    out.write_all(&bytes)
}

/// Number of tokens, then each with its length.
pub(crate) fn write_vocabulary(out: &mut impl Write, tokens: &[Vec<u8>]) -> io::Result<()> {
    write_numbers(out, &[length(tokens.len())?])?;
    for token in tokens {
        write_numbers(out, &[length(token.len())?])?;
        out.write_all(token)?;
    }
    Ok(())
}

/// What stands before a tensor's data. `shape` has the slowest dimension first, as numpy and
/// torch write it; the file wants the fastest first.
pub(crate) fn write_tensor_header(
    out: &mut impl Write,
    name: &str,
    shape: &[u32],
    kind: WeightType,
) -> io::Result<()> {
    write_numbers(
        out,
        &[
            length(shape.len())?,
            length(name.len())?,
            kind.tensor_type(),
        ],
    )?;
    let dimensions: Vec<u32> = shape.iter().rev().copied().collect();
    write_numbers(out, &dimensions)?;
    out.write_all(name.as_bytes())
}

fn write_numbers(out: &mut impl Write, numbers: &[u32]) -> io::Result<()> {
    numbers
        .iter()
        .try_for_each(|number| out.write_all(&number.to_le_bytes()))
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}
