//! A Hugging Face Whisper folder: `config.json` and safetensors, in one file or in shards.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde::Deserialize;

use super::config::{malformed, open_file, read_json};
use super::tensor_id::{Attention, Convolution, Linear, Projection, Side, TensorId};
use super::weights::{Element, Stored, WeightFiles};
use super::{ImportError, Source};
use crate::ggml::{Hyperparameters, WeightType};

const CONFIG: &str = "config.json";
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const OUTPUT_PROJECTION: &str = "proj_out.weight";

const LONGEST_CONFIG: u64 = 1 << 20;
/// Longest list of weights: large-v3's has 120 KB.
const LONGEST_HEADER: u64 = 16 << 20;
const MOST_SHARDS: usize = 64;

pub(super) fn is_here(folder: &Path) -> bool {
    [WHOLE, INDEX]
        .iter()
        .any(|name| folder.join(name).is_file())
}

/// What this program needs of `config.json`; `WhisperConfig` of transformers.
#[derive(Deserialize)]
struct Config {
    model_type: String,
    vocab_size: u32,
    num_mel_bins: u32,
    d_model: u32,
    encoder_layers: u32,
    encoder_attention_heads: u32,
    decoder_layers: u32,
    decoder_attention_heads: u32,
    max_source_positions: u32,
    max_target_positions: u32,
    #[serde(default = "gelu")]
    activation_function: String,
    #[serde(default)]
    scale_embedding: bool,
}

fn gelu() -> String {
    "gelu".to_owned()
}

/// Which shard each weight is in.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// An opened folder.
pub(super) struct Folder {
    files: WeightFiles,
    hyperparameters: Hyperparameters,
    /// `model.`, unless the folder was saved without the generation head.
    prefix: &'static str,
}

impl Folder {
    pub(super) fn open(folder: &Path, weights: WeightType) -> Result<Self, ImportError> {
        let config: Config = read_json(&folder.join(CONFIG), LONGEST_CONFIG)?;
        let hyperparameters = config.hyperparameters(weights)?;
        let mut files = WeightFiles::default();
        if folder.join(WHOLE).is_file() {
            add_shard(&folder.join(WHOLE), &mut files)?;
        } else {
            for shard in shards(&folder.join(INDEX))? {
                add_shard(&folder.join(shard), &mut files)?;
            }
        }
        let prefix = match files.get("encoder.conv1.weight") {
            Some(_) => "",
            None => "model.",
        };
        Ok(Self {
            files,
            hyperparameters,
            prefix,
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
        let Some(stored) = self.files.get(&format!("{}{}", self.prefix, variable(id))) else {
            return Ok(None);
        };
        if let Element::Other(found) = &stored.element {
            return Err(ImportError::ElementType {
                variable: stored.variable.clone(),
                found: found.clone(),
            });
        }
        Ok(Some(stored.clone()))
    }

    fn may_ignore(&self, variable: &str) -> bool {
        variable == OUTPUT_PROJECTION || variable.ends_with(".k_proj.bias")
    }

    fn output_projection(&self) -> Option<Stored> {
        self.files.get(OUTPUT_PROJECTION).cloned()
    }
}

impl Config {
    fn hyperparameters(&self, weights: WeightType) -> Result<Hyperparameters, ImportError> {
        if self.model_type != "whisper" {
            let message = format!("config.json says model_type {:?}", self.model_type);
            return Err(ImportError::Unsupported(message));
        }
        if self.activation_function != "gelu" {
            let message = format!("activation_function is {:?}", self.activation_function);
            return Err(ImportError::Unsupported(message));
        }
        if self.scale_embedding {
            return Err(ImportError::Unsupported(
                "scale_embedding is true".to_owned(),
            ));
        }
        Ok(Hyperparameters {
            vocabulary: self.vocab_size,
            audio_context: self.max_source_positions,
            audio_state: self.d_model,
            audio_heads: self.encoder_attention_heads,
            audio_layers: self.encoder_layers,
            text_context: self.max_target_positions,
            text_state: self.d_model,
            text_heads: self.decoder_attention_heads,
            text_layers: self.decoder_layers,
            mels: self.num_mel_bins,
            weights,
        })
    }
}

/// The files an index names; each must be in the folder itself.
fn shards(index: &Path) -> Result<BTreeSet<String>, ImportError> {
    let Index { weight_map } = read_json(index, LONGEST_HEADER)?;
    let shards: BTreeSet<String> = weight_map.into_values().collect();
    if shards.len() > MOST_SHARDS {
        return Err(malformed(index, format!("{} shards", shards.len())));
    }
    for shard in &shards {
        if shard.contains(['/', '\\', '\0']) || !shard.ends_with(".safetensors") {
            return Err(malformed(index, format!("a shard named {shard:?}")));
        }
    }
    Ok(shards)
}

/// Reads the header of one file; its length stands before it as u64.
fn add_shard(path: &Path, files: &mut WeightFiles) -> Result<(), ImportError> {
    let (mut file, length) = open_file(path)?;
    let reading = |source| ImportError::Read {
        path: path.to_owned(),
        source,
    };
    let mut size = [0; 8];
    file.read_exact(&mut size).map_err(reading)?;
    let size = u64::from_le_bytes(size);
    if size > LONGEST_HEADER || size > length.saturating_sub(8) {
        return Err(malformed(path, format!("a header of {size} bytes")));
    }
    let mut header = Vec::new();
    Read::take(&mut file, size)
        .read_to_end(&mut header)
        .map_err(reading)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| malformed(path, error))?;
    let number = files.add_file(path, file);
    for (variable, info) in metadata.tensors() {
        let refused = |detail: String| malformed(path, detail);
        let (start, end) = info.data_offsets;
        let shape = info.shape.iter().map(|&size| u32::try_from(size)).collect();
        let (Ok(shape), Some(bytes), Some(offset)) = (
            shape,
            end.checked_sub(start),
            (start as u64).checked_add(8 + size),
        ) else {
            return Err(refused(format!("the place of {variable}")));
        };
        let stored = Stored {
            variable,
            file: number,
            offset,
            element: element(info.dtype),
            shape,
        };
        files
            .add_variable(stored, bytes as u64, length)
            .map_err(refused)?;
    }
    Ok(())
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        other => Element::Other(other.to_string()),
    }
}

/// The variable a tensor is, without the prefix; `WhisperModel` of transformers.
fn variable(id: TensorId) -> String {
    match id {
        TensorId::Positions(side) => format!("{}.embed_positions.weight", side.name()),
        TensorId::TokenEmbedding => "decoder.embed_tokens.weight".to_owned(),
        TensorId::Convolution(convolution, param) => {
            let number = match convolution {
                Convolution::First => 1,
                Convolution::Second => 2,
            };
            format!("encoder.conv{number}.{}", param.name())
        }
        TensorId::Attention {
            side,
            layer,
            attention,
            projection,
            param,
        } => {
            let projection = match projection {
                Projection::Query => "q_proj",
                Projection::Key => "k_proj",
                Projection::Value => "v_proj",
                Projection::Out => "out_proj",
            };
            let attention = attention_name(attention);
            let layer = layer_name(side, layer);
            format!("{layer}.{attention}.{projection}.{}", param.name())
        }
        TensorId::AttentionNorm {
            side,
            layer,
            attention,
            param,
        } => format!(
            "{}.{}_layer_norm.{}",
            layer_name(side, layer),
            attention_name(attention),
            param.name()
        ),
        TensorId::FeedForward {
            side,
            layer,
            linear,
            param,
        } => {
            let linear = match linear {
                Linear::Up => "fc1",
                Linear::Down => "fc2",
            };
            format!("{}.{linear}.{}", layer_name(side, layer), param.name())
        }
        TensorId::FeedForwardNorm { side, layer, param } => {
            format!(
                "{}.final_layer_norm.{}",
                layer_name(side, layer),
                param.name()
            )
        }
        TensorId::FinalNorm(side, param) => format!("{}.layer_norm.{}", side.name(), param.name()),
    }
}

fn layer_name(side: Side, layer: u32) -> String {
    format!("{}.layers.{layer}", side.name())
}

const fn attention_name(attention: Attention) -> &'static str {
    match attention {
        Attention::Own => "self_attn",
        Attention::Cross => "encoder_attn",
    }
}
