//! Why an import was refused.

use std::io;
use std::path::PathBuf;

/// Why a folder could not be made into a ggml file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder holds neither kind of model.
    #[error(
        "{} holds neither model.bin (CTranslate2) nor model.safetensors (Hugging Face)", .0.display()
    )]
    NoModel(PathBuf),
    /// The folder holds weights only as a Python pickle.
    #[error(
        "{} holds only pytorch_model.bin, a pickle, which can run code and is not read; save the \
         model with safe_serialization=True", .0.display()
    )]
    Pickle(PathBuf),
    /// A file of the folder could not be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result could not be written.
    #[error("{} cannot be written: {source}", path.display())]
    Write {
        /// The result.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result is there already.
    #[error("{} exists already; --force replaces it", .0.display())]
    TargetExists(PathBuf),
    /// A file is larger than anything of its kind.
    #[error("{} has {bytes} bytes, more than the {most} such a file may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// A file is not what its name says.
    #[error("{} is malformed: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The folder has no tokenizer.
    #[error(
        "{} holds no tokenizer.json, vocab.json, vocabulary.json or vocabulary.txt", .0.display()
    )]
    NoTokenizer(PathBuf),
    /// The vocabulary is not Whisper's.
    #[error("the vocabulary is not one of Whisper's: {0}")]
    Vocabulary(String),
    /// The configuration says something whisper.cpp does not compute.
    #[error("the model is not one whisper.cpp can run: {0}")]
    Unsupported(String),
    /// A dimension is outside what whisper.cpp loads.
    #[error("the model is not one whisper.cpp can run: its {what} is {value}")]
    Dimension {
        /// Which dimension.
        what: &'static str,
        /// Its value.
        value: u32,
    },
    /// A weight is missing.
    #[error("the folder has no weights for {0}")]
    MissingTensor(String),
    /// There are weights whisper.cpp has no place for.
    #[error("the folder has weights that a Whisper model does not have: {0}")]
    UnexpectedTensor(String),
    /// A weight has another shape than the configuration says.
    #[error("{variable} has the shape {found:?} where {wanted:?} is wanted")]
    Shape {
        /// The weight in the folder.
        variable: String,
        /// Its shape.
        found: Vec<u32>,
        /// The shape it should have.
        wanted: Vec<u32>,
    },
    /// A weight is stored in a type that is not read.
    #[error("{variable} is stored as {found}; export the model as float16 or float32")]
    ElementType {
        /// The weight in the folder.
        variable: String,
        /// Its type.
        found: String,
    },
    /// A weight is infinite, not a number or too large for half precision.
    #[error("{0} has a value that half precision cannot hold")]
    Value(String),
    /// The keys have a bias, for which whisper.cpp has no place.
    #[error("{0} is not zero; whisper.cpp knows no bias on attention keys")]
    KeyBias(String),
    /// The output projection is not the token embedding.
    #[error("{0} is not equal to the token embedding; whisper.cpp uses one for both")]
    UntiedProjection(String),
}
