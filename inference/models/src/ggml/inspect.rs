//! Reading a ggml file with bounds: whether it is whole, and what stands where.
//!
//! whisper.cpp trusts the lengths in the file; this is what may be asked before it is let near.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::{Hyperparameters, MAGIC, QUANTIZATION_VERSION_FACTOR, WeightType};

/// Most tensors a file may list; large-v3 has 1259.
const MOST_TENSORS: usize = 16_384;
/// Longest name of a tensor; the real ones have up to 41 bytes.
const LONGEST_NAME: u32 = 256;
/// Longest token; the vocabulary's longest has 128 bytes.
const LONGEST_TOKEN: u32 = 1024;
/// Largest value of a hyperparameter; the largest real one is the vocabulary.
const LARGEST_NUMBER: u32 = 1 << 20;
/// Values a tensor may have at most, as whisper.cpp counts them in an `int32_t`.
const MOST_ELEMENTS: u64 = i32::MAX as u64;

/// Why a file is not a whole ggml Whisper model.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The file could not be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It ends before what it announces.
    #[error("the file is cut off at {at} of the {wanted} bytes it announces")]
    CutOff {
        /// Length of the file.
        at: u64,
        /// Length it would need.
        wanted: u64,
    },
    /// It does not begin with ggml's magic number.
    #[error("not a ggml file")]
    Magic,
    /// The number of a storage type is unknown.
    #[error("unknown weight type {0}")]
    WeightType(u32),
    /// A number is outside what any Whisper model has.
    #[error("{what} is {value}, at most {most} is possible")]
    OutOfRange {
        /// What the number counts.
        what: &'static str,
        /// The number.
        value: u64,
        /// The bound.
        most: u64,
    },
    /// A tensor's name is not text, or its values do not fill its blocks.
    #[error("tensor {0} is malformed")]
    Tensor(usize),
}

/// What a ggml file holds.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The header.
    pub hyperparameters: Hyperparameters,
    /// The tokens the file spells out, by id; whisper.cpp makes up the special ones.
    pub tokens: Vec<Vec<u8>>,
    /// The mel filter bank's bands, bins and place in the file.
    pub mel_filters: MelFilters,
    /// All tensors in the file's order.
    pub tensors: Vec<Tensor>,
}

/// Where the mel filter bank is.
#[derive(Clone, Copy, Debug)]
pub struct MelFilters {
    /// Rows.
    pub bands: u32,
    /// Columns.
    pub bins: u32,
    /// Byte offset of the first weight (f32).
    pub offset: u64,
}

/// Where a tensor is.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name in whisper.cpp.
    pub name: String,
    /// Its dimensions, the slowest first.
    pub shape: Vec<u32>,
    /// How its values are stored.
    pub kind: WeightType,
    /// Byte offset of its data.
    pub offset: u64,
    /// Bytes of its data.
    pub bytes: u64,
}

/// Reads only the header of the file at `path`.
///
/// # Errors
/// [`FormatError`], if the file does not begin like a ggml Whisper model.
pub fn read_hyperparameters(path: &Path) -> Result<Hyperparameters, FormatError> {
    Cursor::open(path)?.hyperparameters()
}

/// Walks the whole file at `path`, without reading the weights.
///
/// # Errors
/// [`FormatError`], if any part of it does not fit.
pub fn inspect(path: &Path) -> Result<Summary, FormatError> {
    let mut cursor = Cursor::open(path)?;
    let hyperparameters = cursor.hyperparameters()?;
    let mel_filters = cursor.mel_filters()?;
    let tokens = cursor.tokens()?;
    let mut tensors = Vec::new();
    while cursor.at < cursor.length {
        in_range(
            "number of tensors",
            tensors.len() as u64 + 1,
            MOST_TENSORS as u64,
        )?;
        tensors.push(cursor.tensor(tensors.len())?);
    }
    Ok(Summary {
        hyperparameters,
        tokens,
        mel_filters,
        tensors,
    })
}

/// A reader that knows where it is and how long the file is.
struct Cursor {
    file: BufReader<File>,
    at: u64,
    length: u64,
}

impl Cursor {
    fn open(path: &Path) -> Result<Self, FormatError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file: BufReader::new(file),
            at: 0,
            length,
        })
    }

    fn hyperparameters(&mut self) -> Result<Hyperparameters, FormatError> {
        if self.number()? != MAGIC {
            return Err(FormatError::Magic);
        }
        let mut numbers = [0; 10];
        for number in &mut numbers {
            *number = self.bounded("a hyperparameter", LARGEST_NUMBER)?;
        }
        let [
            vocabulary,
            audio_context,
            audio_state,
            audio_heads,
            audio_layers,
            text_context,
            text_state,
            text_heads,
            text_layers,
            mels,
        ] = numbers;
        let file_type = self.number()? % QUANTIZATION_VERSION_FACTOR;
        Ok(Hyperparameters {
            vocabulary,
            audio_context,
            audio_state,
            audio_heads,
            audio_layers,
            text_context,
            text_state,
            text_heads,
            text_layers,
            mels,
            weights: WeightType::from_file_type(file_type)
                .ok_or(FormatError::WeightType(file_type))?,
        })
    }

    fn mel_filters(&mut self) -> Result<MelFilters, FormatError> {
        let bands = self.bounded("number of mel bands", 1024)?;
        let bins = self.bounded("number of frequency bins", 65_536)?;
        let offset = self.at;
        self.skip(u64::from(bands) * u64::from(bins) * 4)?;
        Ok(MelFilters {
            bands,
            bins,
            offset,
        })
    }

    fn tokens(&mut self) -> Result<Vec<Vec<u8>>, FormatError> {
        let count = self.bounded("number of tokens", LARGEST_NUMBER)?;
        // Each token takes four bytes at least: a count the file cannot hold allocates nothing.
        self.has(u64::from(count) * 4)?;
        let mut tokens = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let length = self.bounded("length of a token", LONGEST_TOKEN)?;
            tokens.push(self.bytes(length)?);
        }
        Ok(tokens)
    }

    fn tensor(&mut self, index: usize) -> Result<Tensor, FormatError> {
        let dimensions = self.bounded("number of dimensions", 4)?;
        let name_length = self.bounded("length of a tensor's name", LONGEST_NAME)?;
        let number = self.number()?;
        let kind = WeightType::from_tensor_type(number).ok_or(FormatError::WeightType(number))?;
        let mut shape = Vec::with_capacity(dimensions as usize);
        for _ in 0..dimensions {
            shape.insert(0, self.number()?);
        }
        let elements = shape
            .iter()
            .try_fold(1_u64, |product, &dimension| {
                product.checked_mul(u64::from(dimension))
            })
            .unwrap_or(u64::MAX);
        in_range("number of values in a tensor", elements, MOST_ELEMENTS)?;
        let name =
            String::from_utf8(self.bytes(name_length)?).map_err(|_| FormatError::Tensor(index))?;
        let bytes = kind.bytes(elements).ok_or(FormatError::Tensor(index))?;
        let offset = self.at;
        self.skip(bytes)?;
        Ok(Tensor {
            name,
            shape,
            kind,
            offset,
            bytes,
        })
    }

    fn bounded(&mut self, what: &'static str, most: u32) -> Result<u32, FormatError> {
        let value = self.number()?;
        in_range(what, u64::from(value), u64::from(most))?;
        Ok(value)
    }

    fn number(&mut self) -> Result<u32, FormatError> {
        self.has(4)?;
        let mut bytes = [0; 4];
        self.file.read_exact(&mut bytes)?;
        self.at += 4;
        Ok(u32::from_le_bytes(bytes))
    }

    fn bytes(&mut self, length: u32) -> Result<Vec<u8>, FormatError> {
        self.has(u64::from(length))?;
        let mut bytes = vec![0; length as usize];
        self.file.read_exact(&mut bytes)?;
        self.at += u64::from(length);
        Ok(bytes)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), FormatError> {
        self.has(bytes)?;
        // At most the file's length, which the operating system itself keeps in an i64.
        self.file.seek_relative(bytes.cast_signed())?;
        self.at += bytes;
        Ok(())
    }

    /// Whether the file goes on for `bytes` more.
    fn has(&self, bytes: u64) -> Result<(), FormatError> {
        let wanted = self.at.saturating_add(bytes);
        if wanted > self.length {
            return Err(FormatError::CutOff {
                at: self.length,
                wanted,
            });
        }
        Ok(())
    }
}

fn in_range(what: &'static str, value: u64, most: u64) -> Result<(), FormatError> {
    if value > most {
        return Err(FormatError::OutOfRange { what, value, most });
    }
    Ok(())
}
