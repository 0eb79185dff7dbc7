//! Imports of small folders of both kinds: what comes out, and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test lacks fails it"
)]

mod folder;
mod hostile;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use folder::{Stored, Weights};
use half::f16;
use inference_models::digest;
use inference_models::ggml::{self, Summary, WeightType};
use inference_models::import::{ImportError, ImportRequest, ImportType, Imported, import};

/// Imports `folder` to `target`.
fn import_to(folder: &Path, target: &Path, kind: ImportType) -> Result<Imported, ImportError> {
    let request = ImportRequest {
        folder,
        target,
        kind,
        replace: false,
    };
    import(request, &mut |_, _| {})
}

/// The bytes a folder is made into.
fn imported(folder: &Path, kind: ImportType) -> Vec<u8> {
    let scratch = tempfile::tempdir().unwrap();
    let target = scratch.path().join("ggml-made.bin");
    import_to(folder, &target, kind).unwrap();
    fs::read(target).unwrap()
}

/// The values of each tensor of a file, by name.
fn tensors(path: &Path, summary: &Summary) -> BTreeMap<String, (Vec<u32>, WeightType, Vec<f32>)> {
    let bytes = fs::read(path).unwrap();
    let values = |tensor: &ggml::Tensor| {
        let start = usize::try_from(tensor.offset).unwrap();
        let data = &bytes[start..start + usize::try_from(tensor.bytes).unwrap()];
        let half = |pair: &[u8]| f16::from_le_bytes([pair[0], pair[1]]).to_f32();
        match tensor.kind {
            WeightType::F32 => data
                .chunks_exact(4)
                .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
                .collect(),
            WeightType::F16 => data.chunks_exact(2).map(half).collect(),
            WeightType::Q8_0 => data
                .chunks_exact(34)
                .flat_map(|block| {
                    let scale = half(&block[..2]);
                    block[2..]
                        .iter()
                        .map(move |byte| f32::from(byte.cast_signed()) * scale)
                })
                .collect(),
            other => panic!("{other} was not asked for"),
        }
    };
    let all = summary.tensors.iter();
    all.map(|tensor| {
        (
            tensor.name.clone(),
            (tensor.shape.clone(), tensor.kind, values(tensor)),
        )
    })
    .collect()
}

/// The shape a tensor has in a file: the convolutions' biases are columns.
fn file_shape(name: &str, shape: &[u32]) -> Vec<u32> {
    match name {
        "encoder.conv1.bias" | "encoder.conv2.bias" => vec![shape[0], 1],
        _ => shape.to_vec(),
    }
}

/// How a tensor is stored, as whisper.cpp's quantize tool decides: matrices are quantized, but for
/// the positions; the convolutions' kernels have three dimensions.
fn storage(name: &str, shape: &[u32], matrices: WeightType) -> WeightType {
    match shape.len() {
        3 => WeightType::F16,
        2 if !name.ends_with("positional_embedding") => matrices,
        _ => WeightType::F32,
    }
}

/// Imports `weights` and gives the closest look at each tensor to `check`: wanted, found.
fn for_each_tensor(kind: ImportType, check: impl Fn(&str, &[f32], &[f32])) {
    let scratch = tempfile::tempdir().unwrap();
    let weights = folder::weights();
    folder::write_hugging_face(scratch.path(), &weights, Stored::F32);
    let target = scratch.path().join("ggml-made.bin");
    let made = import_to(scratch.path(), &target, kind).unwrap();
    assert_eq!(made.sha256, digest::of_file(&target).unwrap());
    assert_eq!(made.bytes, target.metadata().unwrap().len());

    let summary = ggml::inspect(&target).unwrap();
    let found = tensors(&target, &summary);
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(names, weights.keys().collect::<Vec<_>>());
    for (name, (shape, values)) in &weights {
        let (found_shape, found_kind, found_values) = &found[name];
        assert_eq!(*found_shape, file_shape(name, shape), "{name}");
        assert_eq!(
            *found_kind,
            storage(name, shape, kind.weight_type()),
            "{name}"
        );
        check(name, values, found_values);
    }
}

#[test]
fn an_f16_file_gives_back_every_tensor_exactly() {
    for_each_tensor(ImportType::F16, |name, wanted, found| {
        assert!(wanted == found, "the values of {name} differ");
    });
}

#[test]
fn a_q8_0_file_gives_back_every_tensor_within_its_step() {
    for_each_tensor(ImportType::Q8_0, |name, wanted, found| {
        assert_eq!(wanted.len(), found.len(), "{name}");
        // Half a step of the largest scale, 0.25 / 127, and the rounding of the scale itself.
        let close = |(wanted, found): (&f32, &f32)| (wanted - found).abs() < 0.001_2;
        assert!(
            wanted.iter().zip(found).all(close),
            "the values of {name} differ"
        );
    });
}

#[test]
fn both_kinds_of_folder_give_byte_identical_files() {
    let scratch = tempfile::tempdir().unwrap();
    let (ct2, hf) = (scratch.path().join("ct2"), scratch.path().join("hf"));
    let weights = folder::weights();
    // Half precision in one, single in the other; a list of tokens in one, a tokenizer in the other.
    let variables = folder::ctranslate2_variables(&weights, Stored::F16);
    folder::write_ctranslate2(&ct2, &variables);
    folder::write_hugging_face(&hf, &weights, Stored::F32);
    for kind in [ImportType::F16, ImportType::Q8_0] {
        assert!(
            imported(&ct2, kind) == imported(&hf, kind),
            "{kind:?} differs"
        );
    }
}

#[test]
fn every_way_to_store_the_same_weights_gives_the_same_file() {
    let scratch = tempfile::tempdir().unwrap();
    let weights = folder::weights();
    let mut results = Vec::new();
    for (name, stored) in [
        ("f32", Stored::F32),
        ("f16", Stored::F16),
        ("bf16", Stored::Bf16),
    ] {
        let hf = scratch.path().join(format!("hf-{name}"));
        folder::write_hugging_face(&hf, &weights, stored);
        results.push((
            format!("Hugging Face {name}"),
            imported(&hf, ImportType::Q8_0),
        ));
        let ct2 = scratch.path().join(format!("ct2-{name}"));
        folder::write_ctranslate2(&ct2, &folder::ctranslate2_variables(&weights, stored));
        results.push((
            format!("CTranslate2 {name}"),
            imported(&ct2, ImportType::Q8_0),
        ));
    }
    for (name, bytes) in &results {
        assert!(
            *bytes == results[0].1,
            "{name} differs from {}",
            results[0].0
        );
    }
}

#[test]
fn shards_give_the_same_file_as_one() {
    let scratch = tempfile::tempdir().unwrap();
    let (whole, sharded) = (scratch.path().join("whole"), scratch.path().join("sharded"));
    let weights = folder::weights();
    folder::write_hugging_face(&whole, &weights, Stored::F16);
    write_shards(&sharded, &weights);
    assert!(imported(&whole, ImportType::F16) == imported(&sharded, ImportType::F16));
}

/// Two shards and their index.
fn write_shards(path: &Path, weights: &Weights) {
    folder::write_hugging_face_texts(path);
    let mut shards = [BTreeMap::new(), BTreeMap::new()];
    let mut index = serde_json::Map::new();
    for (at, (name, tensor)) in folder::hugging_face_variables(weights)
        .into_iter()
        .enumerate()
    {
        let shard = at % 2;
        index.insert(
            name.clone(),
            format!("model-0000{}-of-00002.safetensors", shard + 1).into(),
        );
        shards[shard].insert(name, tensor);
    }
    for (at, shard) in shards.iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", at + 1);
        fs::write(path.join(name), folder::safetensors(shard, Stored::F16)).unwrap();
    }
    let index = serde_json::json!({"metadata": {}, "weight_map": index});
    fs::write(path.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

#[test]
fn the_header_says_what_the_folder_is() {
    let scratch = tempfile::tempdir().unwrap();
    folder::write_hugging_face(scratch.path(), &folder::weights(), Stored::F16);
    let target = scratch.path().join("ggml-made.bin");
    import_to(scratch.path(), &target, ImportType::Q8_0).unwrap();
    let parameters = ggml::read_hyperparameters(&target).unwrap();
    let wanted = ggml::Hyperparameters {
        vocabulary: folder::VOCABULARY,
        audio_context: folder::AUDIO_CONTEXT,
        audio_state: folder::WIDTH,
        audio_heads: 2,
        audio_layers: folder::AUDIO_LAYERS,
        text_context: folder::TEXT_CONTEXT,
        text_state: folder::WIDTH,
        text_heads: 2,
        text_layers: folder::TEXT_LAYERS,
        mels: folder::MELS,
        weights: WeightType::Q8_0,
    };
    assert_eq!(parameters, wanted);
    // Quantized blocks have a version, in thousands (`GGML_QNT_VERSION`).
    assert_eq!(fs::read(&target).unwrap()[44..48], 2007_u32.to_le_bytes());
}

#[test]
fn the_vocabulary_is_the_tokens_raw_bytes_without_the_special_ones() {
    let scratch = tempfile::tempdir().unwrap();
    folder::write_hugging_face(scratch.path(), &folder::weights(), Stored::F16);
    let target = scratch.path().join("ggml-made.bin");
    import_to(scratch.path(), &target, ImportType::Q8_0).unwrap();
    let tokens = ggml::inspect(&target).unwrap().tokens;
    assert_eq!(tokens.len(), 50_257);
    assert_eq!(
        tokens[..4],
        [
            b"!".to_vec(),
            b" space".to_vec(),
            b"\n".to_vec(),
            vec![0xA1, 0xAD]
        ]
    );
    assert_eq!(tokens[50_255], b"token50255");
    assert_eq!(tokens[50_256], b"");
}

#[test]
fn progress_reaches_the_announced_total() {
    let scratch = tempfile::tempdir().unwrap();
    folder::write_hugging_face(scratch.path(), &folder::weights(), Stored::F16);
    let target = scratch.path().join("ggml-made.bin");
    let request = ImportRequest {
        folder: scratch.path(),
        target: &target,
        kind: ImportType::Q8_0,
        replace: false,
    };
    let mut seen = Vec::new();
    import(request, &mut |done, total| seen.push((done, total))).unwrap();
    assert!(seen.is_sorted());
    let &(done, total) = seen.last().unwrap();
    assert_eq!(done, total);
    let sizes: u64 = ggml::inspect(&target)
        .unwrap()
        .tensors
        .iter()
        .map(|t| t.bytes)
        .sum();
    assert_eq!(total, sizes);
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_asked() {
    let scratch = tempfile::tempdir().unwrap();
    folder::write_hugging_face(scratch.path(), &folder::weights(), Stored::F16);
    let target = scratch.path().join("ggml-mine.bin");
    fs::write(&target, b"mine").unwrap();
    let refused = import_to(scratch.path(), &target, ImportType::Q8_0).unwrap_err();
    assert!(matches!(refused, ImportError::TargetExists(_)));
    assert_eq!(fs::read(&target).unwrap(), b"mine");
    let request = ImportRequest {
        folder: scratch.path(),
        target: &target,
        kind: ImportType::Q8_0,
        replace: true,
    };
    import(request, &mut |_, _| {}).unwrap();
    assert!(ggml::inspect(&target).is_ok());
}
