//! Small Whisper folders of both kinds, made from the same weights. Names and layouts are spelled
//! out here once more, from the formats' own descriptions, so that the importer's cannot be
//! wrong in the same place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Value, json};

pub(crate) const WIDTH: u32 = 32;
pub(crate) const MELS: u32 = 80;
pub(crate) const AUDIO_LAYERS: u32 = 2;
pub(crate) const TEXT_LAYERS: u32 = 1;
pub(crate) const AUDIO_CONTEXT: u32 = 6;
pub(crate) const TEXT_CONTEXT: u32 = 5;
pub(crate) const VOCABULARY: u32 = 51_865;
/// `<|endoftext|>` of a multilingual vocabulary.
const END_OF_TEXT: u32 = 50_257;

/// A tensor as numbers: its shape, slowest dimension first, and its values.
pub(crate) type Tensor = (Vec<u32>, Vec<f32>);

/// All tensors by whisper.cpp's names.
pub(crate) type Weights = BTreeMap<String, Tensor>;

/// Reproducible weights around zero that half precision and bfloat16 both hold exactly.
pub(crate) fn weights() -> Weights {
    let mut state = 0x9e37_79b9_u32;
    let mut tensor = |shape: &[u32]| -> Tensor {
        let count = shape.iter().product::<u32>();
        let values = (0..count).map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            // Eight bits of fraction: -127/512 to 128/512.
            f32::from(u8::try_from(state >> 24).unwrap()) / 512.0 - 127.0 / 512.0
        });
        (shape.to_vec(), values.collect())
    };
    let mut weights = Weights::new();
    let mut add = |name: String, shape: &[u32]| weights.insert(name, tensor(shape));
    let w = WIDTH;
    add("encoder.positional_embedding".into(), &[AUDIO_CONTEXT, w]);
    add("encoder.conv1.weight".into(), &[w, MELS, 3]);
    add("encoder.conv1.bias".into(), &[w]);
    add("encoder.conv2.weight".into(), &[w, w, 3]);
    add("encoder.conv2.bias".into(), &[w]);
    add("decoder.positional_embedding".into(), &[TEXT_CONTEXT, w]);
    add("decoder.token_embedding.weight".into(), &[VOCABULARY, w]);
    for norm in ["encoder.ln_post", "decoder.ln"] {
        add(format!("{norm}.weight"), &[w]);
        add(format!("{norm}.bias"), &[w]);
    }
    for (side, layers) in [("encoder", AUDIO_LAYERS), ("decoder", TEXT_LAYERS)] {
        for layer in 0..layers {
            let block = format!("{side}.blocks.{layer}");
            let attentions: &[&str] = match side {
                "encoder" => &["attn"],
                _ => &["attn", "cross_attn"],
            };
            for attention in attentions {
                for projection in ["query", "key", "value", "out"] {
                    add(format!("{block}.{attention}.{projection}.weight"), &[w, w]);
                    if projection != "key" {
                        add(format!("{block}.{attention}.{projection}.bias"), &[w]);
                    }
                }
                add(format!("{block}.{attention}_ln.weight"), &[w]);
                add(format!("{block}.{attention}_ln.bias"), &[w]);
            }
            add(format!("{block}.mlp.0.weight"), &[4 * w, w]);
            add(format!("{block}.mlp.0.bias"), &[4 * w]);
            add(format!("{block}.mlp.2.weight"), &[w, 4 * w]);
            add(format!("{block}.mlp.2.bias"), &[w]);
            add(format!("{block}.mlp_ln.weight"), &[w]);
            add(format!("{block}.mlp_ln.bias"), &[w]);
        }
    }
    weights
}

/// How values are stored in a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    F32,
    F16,
    Bf16,
}

impl Stored {
    fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => bits(values, |v| f16::from_f32(v).to_bits()),
            Self::Bf16 => bits(values, |v| bf16::from_f32(v).to_bits()),
        }
    }
}

fn bits(values: &[f32], convert: impl Fn(f32) -> u16) -> Vec<u8> {
    let convert = |value: &f32| convert(*value).to_le_bytes();
    values.iter().flat_map(convert).collect()
}

/// A variable of CTranslate2's `model.bin`.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) shape: Vec<u32>,
    /// CTranslate2's number of the type.
    pub(crate) data_type: u8,
    pub(crate) bytes: Vec<u8>,
}

/// The variables of a layer that hold one tensor each, and which.
const LAYER_VARIABLES: [(&str, &str); 16] = [
    ("self_attention/layer_norm/gamma", "attn_ln.weight"),
    ("self_attention/layer_norm/beta", "attn_ln.bias"),
    ("self_attention/linear_1/weight", "attn.out.weight"),
    ("self_attention/linear_1/bias", "attn.out.bias"),
    ("attention/layer_norm/gamma", "cross_attn_ln.weight"),
    ("attention/layer_norm/beta", "cross_attn_ln.bias"),
    ("attention/linear_0/weight", "cross_attn.query.weight"),
    ("attention/linear_0/bias", "cross_attn.query.bias"),
    ("attention/linear_2/weight", "cross_attn.out.weight"),
    ("attention/linear_2/bias", "cross_attn.out.bias"),
    ("ffn/linear_0/weight", "mlp.0.weight"),
    ("ffn/linear_0/bias", "mlp.0.bias"),
    ("ffn/linear_1/weight", "mlp.2.weight"),
    ("ffn/linear_1/bias", "mlp.2.bias"),
    ("ffn/layer_norm/gamma", "mlp_ln.weight"),
    ("ffn/layer_norm/beta", "mlp_ln.bias"),
];

/// The variables CTranslate2's converter makes of these weights.
pub(crate) fn ctranslate2_variables(weights: &Weights, stored: Stored) -> Vec<Variable> {
    let mut variables = Vec::new();
    let data_type = match stored {
        Stored::F32 => 0,
        Stored::F16 => 4,
        Stored::Bf16 => 5,
    };
    let make = |name: String, shape: Vec<u32>, values: &[f32]| Variable {
        name,
        shape,
        data_type,
        bytes: stored.bytes(values),
    };
    let copy = |to: String, from: &str| {
        let (shape, values) = &weights[from];
        make(to, shape.clone(), values)
    };
    for side in ["encoder", "decoder"] {
        let from = format!("{side}.positional_embedding");
        variables.push(copy(format!("{side}/position_encodings/encodings"), &from));
        let norm = if side == "encoder" {
            "encoder.ln_post"
        } else {
            "decoder.ln"
        };
        variables.push(copy(
            format!("{side}/layer_norm/gamma"),
            &format!("{norm}.weight"),
        ));
        variables.push(copy(
            format!("{side}/layer_norm/beta"),
            &format!("{norm}.bias"),
        ));
    }
    variables.push(copy(
        "decoder/embeddings/weight".into(),
        "decoder.token_embedding.weight",
    ));
    for convolution in ["conv1", "conv2"] {
        for param in ["weight", "bias"] {
            let from = format!("encoder.{convolution}.{param}");
            variables.push(copy(format!("encoder/{convolution}/{param}"), &from));
        }
    }
    for (block, layer) in blocks('/') {
        for (to, from) in LAYER_VARIABLES {
            let from = format!("{block}.{from}");
            if weights.contains_key(&from) {
                variables.push(copy(format!("{layer}/{to}"), &from));
            }
        }
        // Fused: query, key, value; in cross-attention key, value. The keys' bias is zero.
        let zero = vec![0.0; WIDTH as usize];
        let joined = |parts: &[&str]| -> Vec<f32> {
            let part = |part: &&str| match weights.get(&format!("{block}.{part}")) {
                Some((_, values)) => values.clone(),
                None => zero.clone(),
            };
            parts.iter().flat_map(part).collect()
        };
        let own = ["query", "key", "value"];
        for param in ["weight", "bias"] {
            let shape = |rows: u32| match param {
                "weight" => vec![rows * WIDTH, WIDTH],
                _ => vec![rows * WIDTH],
            };
            let parts = own.map(|part| format!("attn.{part}.{param}"));
            let values = joined(&parts.each_ref().map(String::as_str));
            variables.push(make(
                format!("{layer}/self_attention/linear_0/{param}"),
                shape(3),
                &values,
            ));
            if layer.starts_with("decoder") {
                let parts = ["key", "value"].map(|part| format!("cross_attn.{part}.{param}"));
                let values = joined(&parts.each_ref().map(String::as_str));
                variables.push(make(
                    format!("{layer}/attention/linear_1/{param}"),
                    shape(2),
                    &values,
                ));
            }
        }
    }
    for side in ["encoder", "decoder"] {
        variables.push(Variable {
            name: format!("{side}/num_heads"),
            shape: Vec::new(),
            data_type: 2,
            bytes: 2_i16.to_le_bytes().to_vec(),
        });
    }
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables
}

/// Blocks by whisper.cpp's name, with the name of the layer in another spelling.
fn blocks(separator: char) -> Vec<(String, String)> {
    let sides = [("encoder", AUDIO_LAYERS), ("decoder", TEXT_LAYERS)];
    let of_side = |(side, layers): (&'static str, u32)| {
        (0..layers).map(move |layer| {
            let other = match separator {
                '/' => format!("{side}/layer_{layer}"),
                _ => format!("{side}.layers.{layer}"),
            };
            (format!("{side}.blocks.{layer}"), other)
        })
    };
    sides.into_iter().flat_map(of_side).collect()
}

/// `model.bin` in version 6.
pub(crate) fn model_bin(variables: &[Variable]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend(u16::try_from(text.len() + 1).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.push(0);
    };
    let number = |bytes: &mut Vec<u8>, number: usize| {
        bytes.extend(u32::try_from(number).unwrap().to_le_bytes());
    };
    number(&mut bytes, 6);
    text(&mut bytes, "WhisperSpec");
    number(&mut bytes, 3);
    number(&mut bytes, variables.len());
    for variable in variables {
        text(&mut bytes, &variable.name);
        bytes.push(u8::try_from(variable.shape.len()).unwrap());
        for &size in &variable.shape {
            number(&mut bytes, size as usize);
        }
        bytes.push(variable.data_type);
        number(&mut bytes, variable.bytes.len());
        bytes.extend(&variable.bytes);
    }
    number(&mut bytes, 1);
    text(&mut bytes, "decoder/projection/weight");
    text(&mut bytes, "decoder/embeddings/weight");
    bytes
}

/// A CTranslate2 folder with its own list of tokens.
pub(crate) fn write_ctranslate2(folder: &Path, variables: &[Variable]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("model.bin"), model_bin(variables)).unwrap();
    fs::write(folder.join("config.json"), b"{}").unwrap();
    let tokens: Vec<String> = (0..VOCABULARY).map(token).collect();
    fs::write(folder.join("vocabulary.txt"), tokens.join("\n") + "\n").unwrap();
}

/// The variables of `WhisperForConditionalGeneration`.
pub(crate) fn hugging_face_variables(weights: &Weights) -> BTreeMap<String, Tensor> {
    let mut variables = BTreeMap::new();
    for (name, tensor) in weights {
        let mut name = name
            .replace("positional_embedding", "embed_positions.weight")
            .replace("token_embedding", "embed_tokens")
            .replace("encoder.ln_post", "encoder.layer_norm")
            .replace("decoder.ln.", "decoder.layer_norm.")
            .replace("blocks", "layers")
            .replace("cross_attn_ln", "encoder_attn_layer_norm")
            .replace("attn_ln", "self_attn_layer_norm")
            .replace("mlp_ln", "final_layer_norm")
            .replace("mlp.0", "fc1")
            .replace("mlp.2", "fc2")
            .replace(".cross_attn.", ".encoder_attn.")
            .replace(".attn.", ".self_attn.");
        for projection in ["query", "key", "value"] {
            let short = format!(".{}_proj.", &projection[..1]);
            name = name.replace(&format!(".{projection}."), &short);
        }
        name = name.replace(".out.", ".out_proj.");
        variables.insert(format!("model.{name}"), tensor.clone());
    }
    variables
}

/// A safetensors file.
pub(crate) fn safetensors(variables: &BTreeMap<String, Tensor>, stored: Stored) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    let dtype = match stored {
        Stored::F32 => "F32",
        Stored::F16 => "F16",
        Stored::Bf16 => "BF16",
    };
    for (name, (shape, values)) in variables {
        let start = data.len();
        data.extend(stored.bytes(values));
        let info = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
        header.insert(name.clone(), info);
    }
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    with_header(&Value::Object(header).to_string(), &data)
}

/// Data behind any header.
pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// What `WhisperConfig` says of these weights.
pub(crate) fn config() -> Value {
    json!({
        "model_type": "whisper", "activation_function": "gelu", "scale_embedding": false,
        "vocab_size": VOCABULARY, "num_mel_bins": MELS, "d_model": WIDTH,
        "encoder_layers": AUDIO_LAYERS, "encoder_attention_heads": 2,
        "decoder_layers": TEXT_LAYERS, "decoder_attention_heads": 2,
        "max_source_positions": AUDIO_CONTEXT, "max_target_positions": TEXT_CONTEXT,
    })
}

/// Everything of a Hugging Face folder but the weights.
pub(crate) fn write_hugging_face_texts(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), config().to_string()).unwrap();
    // As transformers writes it: the base tokens as a map, the special ones in a list.
    let base: serde_json::Map<String, Value> =
        (0..END_OF_TEXT).map(|id| (token(id), json!(id))).collect();
    let added: Vec<Value> = (END_OF_TEXT..VOCABULARY)
        .map(|id| json!({"id": id, "content": token(id), "special": true}))
        .collect();
    let tokenizer = json!({"added_tokens": added, "model": {"type": "BPE", "vocab": base}});
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// A Hugging Face folder with its weights in one file.
pub(crate) fn write_hugging_face(folder: &Path, weights: &Weights, stored: Stored) {
    write_hugging_face_texts(folder);
    let bytes = safetensors(&hugging_face_variables(weights), stored);
    fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

/// The byte-level spelling of a token.
pub(crate) fn token(id: u32) -> String {
    match id {
        0 => "!".into(),
        1 => "Ġspace".into(),
        2 => "Ċ".into(),
        3 => "¡Ń".into(),
        50_256 => String::new(),
        END_OF_TEXT => "<|endoftext|>".into(),
        50_258 => "<|startoftranscript|>".into(),
        50_363 => "<|notimestamps|>".into(),
        _ if id > END_OF_TEXT => format!("<|special{id}|>"),
        _ => format!("token{id}"),
    }
}
