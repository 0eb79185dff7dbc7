//! A CTranslate2 Whisper folder: `model.bin` and its variables.
//!
//! The binary format is that of CTranslate2's `Model::load` (`src/models/model.cc`), version 6:
//! little-endian; version, name and revision of the specification, variables with their values,
//! then aliases. Text has its length as u16, a closing NUL included.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::config::{malformed, open_file};
use super::tensor_id::{Attention, Convolution, Linear, Param, Projection, Side, TensorId};
use super::vocabulary;
use super::weights::{Element, Stored, WeightFiles};
use super::{ImportError, Source};
use crate::ggml::{Hyperparameters, WeightType};

/// From version 4 on a variable says its type; version 6 is today's.
const VERSIONS: std::ops::RangeInclusive<u32> = 4..=6;
const SPECIFICATION: &str = "WhisperSpec";
/// Most variables that are read; large-v3 has 1260.
const MOST_VARIABLES: u32 = 16_384;
/// A Whisper head is 64 wide, in every size of the model.
const HEAD_WIDTH: u32 = 64;

const MODEL: &str = "model.bin";
const OUTPUT_PROJECTION: &str = "decoder/projection/weight";

pub(super) fn is_here(folder: &Path) -> bool {
    folder.join(MODEL).is_file()
}

/// An opened folder.
pub(super) struct Folder {
    files: WeightFiles,
    hyperparameters: Hyperparameters,
}

impl Folder {
    pub(super) fn open(folder: &Path, weights: WeightType) -> Result<Self, ImportError> {
        let path = folder.join(MODEL);
        let (file, length) = open_file(&path)?;
        let directory = file.try_clone().map_err(|source| ImportError::Read {
            path: path.clone(),
            source,
        })?;
        let mut files = WeightFiles::default();
        let number = files.add_file(&path, file);
        let settings = Directory {
            path: &path,
            file: BufReader::new(directory),
            at: 0,
            length,
            settings: Settings::new(),
        }
        .read(number, &mut files)?;
        let hyperparameters = hyperparameters(folder, &files, &settings, weights)?;
        Ok(Self {
            files,
            hyperparameters,
        })
    }
}

impl Source for Folder {
    fn hyperparameters(&self) -> Hyperparameters {
        self.hyperparameters
    }

    fn files(&self) -> &WeightFiles {
        &self.files
    }

    fn find(&self, id: TensorId) -> Result<Option<Stored>, ImportError> {
        let Some(stored) = self.files.get(&variable(id)) else {
            return Ok(None);
        };
        if let Element::Other(found) = &stored.element {
            return Err(ImportError::ElementType {
                variable: stored.variable.clone(),
                found: found.clone(),
            });
        }
        let Some((of, count)) = part(id) else {
            if id == TensorId::TokenEmbedding {
                // The converter may have padded the vocabulary.
                return Ok(stored.rows(0..self.hyperparameters.vocabulary));
            }
            return Ok(Some(stored.clone()));
        };
        let state = self.hyperparameters.audio_state;
        let whole = state.checked_mul(count);
        if whole.is_none() || stored.shape.first().copied() != whole {
            return Err(ImportError::Shape {
                variable: stored.variable.clone(),
                found: stored.shape.clone(),
                wanted: vec![whole.unwrap_or(u32::MAX), state],
            });
        }
        Ok(stored.rows(of * state..(of + 1) * state))
    }

    fn may_ignore(&self, variable: &str) -> bool {
        variable == OUTPUT_PROJECTION
    }

    fn output_projection(&self) -> Option<Stored> {
        // An alias of the embedding, and no variable then, unless the model has its own.
        self.files.get(OUTPUT_PROJECTION).cloned()
    }
}

/// The variable a tensor is in.
fn variable(id: TensorId) -> String {
    match id {
        TensorId::Positions(side) => format!("{}/position_encodings/encodings", side.name()),
        TensorId::TokenEmbedding => "decoder/embeddings/weight".to_owned(),
        TensorId::Convolution(Convolution::First, param) => {
            format!("encoder/conv1/{}", param.name())
        }
        TensorId::Convolution(Convolution::Second, param) => {
            format!("encoder/conv2/{}", param.name())
        }
        TensorId::Attention {
            side,
            layer,
            attention,
            projection,
            param,
        } => {
            // Query, key and value are one matrix; in cross-attention, key and value are.
            let linear = match (attention, projection) {
                (Attention::Own, Projection::Query | Projection::Key | Projection::Value)
                | (Attention::Cross, Projection::Query) => 0,
                (Attention::Own, Projection::Out)
                | (Attention::Cross, Projection::Key | Projection::Value) => 1,
                (Attention::Cross, Projection::Out) => 2,
            };
            let attention = attention_name(attention);
            let layer = layer_name(side, layer);
            format!("{layer}/{attention}/linear_{linear}/{}", param.name())
        }
        TensorId::AttentionNorm {
            side,
            layer,
            attention,
            param,
        } => format!(
            "{}/{}/layer_norm/{}",
            layer_name(side, layer),
            attention_name(attention),
            norm(param)
        ),
        TensorId::FeedForward {
            side,
            layer,
            linear,
            param,
        } => {
            let linear = match linear {
                Linear::Up => 0,
                Linear::Down => 1,
            };
            format!(
                "{}/ffn/linear_{linear}/{}",
                layer_name(side, layer),
                param.name()
            )
        }
        TensorId::FeedForwardNorm { side, layer, param } => {
            format!("{}/ffn/layer_norm/{}", layer_name(side, layer), norm(param))
        }
        TensorId::FinalNorm(side, param) => format!("{}/layer_norm/{}", side.name(), norm(param)),
    }
}

/// Which part of its variable a tensor is, of how many; `None` if it is all of it.
fn part(id: TensorId) -> Option<(u32, u32)> {
    let TensorId::Attention {
        attention,
        projection,
        ..
    } = id
    else {
        return None;
    };
    match (attention, projection) {
        (Attention::Own, Projection::Query) => Some((0, 3)),
        (Attention::Own, Projection::Key) => Some((1, 3)),
        (Attention::Own, Projection::Value) => Some((2, 3)),
        (Attention::Cross, Projection::Key) => Some((0, 2)),
        (Attention::Cross, Projection::Value) => Some((1, 2)),
        (Attention::Cross, Projection::Query) | (_, Projection::Out) => None,
    }
}

fn layer_name(side: Side, layer: u32) -> String {
    format!("{}/layer_{layer}", side.name())
}

const fn attention_name(attention: Attention) -> &'static str {
    match attention {
        Attention::Own => "self_attention",
        Attention::Cross => "attention",
    }
}

const fn norm(param: Param) -> &'static str {
    match param {
        Param::Weight => "gamma",
        Param::Bias => "beta",
    }
}

/// The model's dimensions, from the shapes of its variables.
fn hyperparameters(
    folder: &Path,
    files: &WeightFiles,
    settings: &Settings,
    weights: WeightType,
) -> Result<Hyperparameters, ImportError> {
    let size = |id: TensorId, dimension: usize| {
        files
            .get(&variable(id))
            .and_then(|stored| stored.shape.get(dimension).copied())
            .ok_or_else(|| ImportError::MissingTensor(id.ggml_name()))
    };
    let convolution = TensorId::Convolution(Convolution::First, Param::Weight);
    let audio_state = size(convolution, 0)?;
    let text_state = size(TensorId::TokenEmbedding, 1)?;
    Ok(Hyperparameters {
        vocabulary: match vocabulary::listed(folder)? {
            Some(count) => count,
            None => size(TensorId::TokenEmbedding, 0)?,
        },
        audio_context: size(TensorId::Positions(Side::Encoder), 0)?,
        audio_state,
        audio_heads: heads(settings, Side::Encoder, audio_state),
        audio_layers: layers(files, Side::Encoder),
        text_context: size(TensorId::Positions(Side::Decoder), 0)?,
        text_state,
        text_heads: heads(settings, Side::Decoder, text_state),
        text_layers: layers(files, Side::Decoder),
        mels: size(convolution, 1)?,
        weights,
    })
}

/// Older converters did not write the number of heads.
fn heads(settings: &Settings, side: Side, state: u32) -> u32 {
    settings
        .get(&format!("{}/num_heads", side.name()))
        .copied()
        .unwrap_or(state / HEAD_WIDTH)
}

fn layers(files: &WeightFiles, side: Side) -> u32 {
    let has = |layer: &u32| {
        let first = TensorId::FeedForwardNorm {
            side,
            layer: *layer,
            param: Param::Weight,
        };
        files.get(&variable(first)).is_some()
    };
    // At most as many as there are variables.
    (0..MOST_VARIABLES)
        .take_while(has)
        .count()
        .try_into()
        .unwrap_or(u32::MAX)
}

/// Variables that are one integer.
type Settings = BTreeMap<String, u32>;

/// The list of variables, read front to back.
struct Directory<'a> {
    path: &'a Path,
    file: BufReader<File>,
    at: u64,
    length: u64,
    settings: Settings,
}

impl Directory<'_> {
    fn read(mut self, file: usize, files: &mut WeightFiles) -> Result<Settings, ImportError> {
        let version = self.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(malformed(
                self.path,
                format!("CTranslate2 format version {version}"),
            ));
        }
        let specification = self.text()?;
        if specification != SPECIFICATION {
            let message = format!("a CTranslate2 model of the kind {specification:?}");
            return Err(ImportError::Unsupported(message));
        }
        self.u32()?; // revision of the specification: what changed is seen in the variables
        let count = self.u32()?;
        if count > MOST_VARIABLES {
            return Err(malformed(self.path, format!("{count} variables")));
        }
        for _ in 0..count {
            self.variable(file, files)?;
        }
        Ok(self.settings)
    }

    fn variable(&mut self, file: usize, files: &mut WeightFiles) -> Result<(), ImportError> {
        let variable = self.text()?;
        let rank = self.u8()?;
        if rank > 4 {
            return Err(malformed(
                self.path,
                format!("{variable} has {rank} dimensions"),
            ));
        }
        let mut shape = Vec::with_capacity(usize::from(rank));
        for _ in 0..rank {
            shape.push(self.u32()?);
        }
        let element = element(self.u8()?);
        let bytes = u64::from(self.u32()?);
        if let (0, 1..=4, Element::Other(_)) = (rank, bytes, &element) {
            return self.setting(variable, bytes);
        }
        let stored = Stored {
            variable,
            file,
            offset: self.at,
            element,
            shape,
        };
        files
            .add_variable(stored, bytes, self.length)
            .map_err(|detail| malformed(self.path, detail))?;
        self.at += bytes;
        // At most 2³² − 1.
        self.file
            .seek_relative(bytes.cast_signed())
            .map_err(|source| self.failed(source))
    }

    /// A little-endian integer of one to four bytes.
    fn setting(&mut self, variable: String, bytes: u64) -> Result<(), ImportError> {
        let mut value = 0;
        for place in 0..bytes {
            value |= u32::from(self.u8()?) << (8 * place);
        }
        self.settings.insert(variable, value);
        Ok(())
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = u16::from_le_bytes(self.bytes()?);
        let mut text = vec![0; usize::from(length)];
        self.fill(&mut text)?;
        while text.last() == Some(&0) {
            text.pop();
        }
        String::from_utf8(text).map_err(|_| malformed(self.path, "a name that is not text"))
    }

    fn u8(&mut self) -> Result<u8, ImportError> {
        self.bytes().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ImportError> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ImportError> {
        self.file
            .read_exact(bytes)
            .map_err(|source| self.failed(source))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> ImportError {
        if source.kind() == std::io::ErrorKind::UnexpectedEof {
            return malformed(self.path, "it ends within its list of variables");
        }
        ImportError::Read {
            path: self.path.to_owned(),
            source,
        }
    }
}

/// `DataType` of CTranslate2.
fn element(number: u8) -> Element {
    match number {
        0 => Element::F32,
        1 => Element::Other("int8".to_owned()),
        2 => Element::Other("int16".to_owned()),
        3 => Element::Other("int32".to_owned()),
        4 => Element::F16,
        5 => Element::Bf16,
        _ => Element::Other(format!("type {number}")),
    }
}
