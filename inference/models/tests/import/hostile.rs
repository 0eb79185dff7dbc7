//! Folders that are damaged, malicious or not Whisper.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use inference_models::import::{ImportError, ImportType};
use serde_json::{Value, json};

use super::folder::{self, Stored, Variable};
use super::import_to;

/// Imports a folder that must be refused, and sees that nothing is left behind.
fn refused(folder: &Path) -> ImportError {
    let results = tempfile::tempdir().unwrap();
    let target = results.path().join("model.bin");
    let error = import_to(folder, &target, ImportType::Q8_0).unwrap_err();
    let left = fs::read_dir(results.path()).unwrap().count();
    assert_eq!(left, 0, "{error} left a file behind");
    error
}

/// A good CTranslate2 folder after `change` to its variables.
fn ctranslate2_with(change: impl FnOnce(&mut Vec<Variable>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut variables = folder::ctranslate2_variables(&folder::weights(), Stored::F16);
    change(&mut variables);
    folder::write_ctranslate2(folder.path(), &variables);
    folder
}

/// A good Hugging Face folder after `change` to its weights.
fn hugging_face_with(
    change: impl FnOnce(&mut BTreeMap<String, folder::Tensor>),
) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    folder::write_hugging_face_texts(folder.path());
    let mut variables = folder::hugging_face_variables(&folder::weights());
    change(&mut variables);
    let bytes = folder::safetensors(&variables, Stored::F16);
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

fn variable<'a>(variables: &'a mut [Variable], name: &str) -> &'a mut Variable {
    variables
        .iter_mut()
        .find(|variable| variable.name == name)
        .unwrap()
}

/// Changes one field of a folder's `config.json`.
fn set_config(folder: &Path, field: &str, value: Value) {
    let mut config = folder::config();
    config[field] = value;
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// Changes one token's content in a folder's `tokenizer.json`.
fn rename_token(folder: &Path, from: &str, to: &str) {
    let path = folder.join("tokenizer.json");
    let text = fs::read_to_string(&path).unwrap();
    let (from, to) = (json!(from).to_string(), json!(to).to_string());
    assert!(text.contains(&from));
    fs::write(path, text.replace(&from, &to)).unwrap();
}

#[test]
fn a_model_bin_cut_anywhere_is_refused() {
    let folder = ctranslate2_with(|_| {});
    let path = folder.path().join("model.bin");
    let whole = fs::read(&path).unwrap();
    // The aliases at the end are not needed.
    let needed = whole.len() - 64;
    let cuts = (0..200).chain((200..needed).step_by(needed / 100));
    for cut in cuts {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = refused(folder.path());
        assert!(
            matches!(error, ImportError::Malformed { .. }),
            "cut at {cut}: {error}"
        );
    }
}

#[test]
fn a_safetensors_file_cut_anywhere_is_refused() {
    let folder = hugging_face_with(|_| {});
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for cut in (0..200).chain((200..whole.len()).step_by(whole.len() / 100)) {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = refused(folder.path());
        let typed = matches!(
            error,
            ImportError::Malformed { .. } | ImportError::Read { .. }
        );
        assert!(typed, "cut at {cut}: {error}");
    }
}

#[test]
fn damaged_headers_never_panic_nor_leave_a_file() {
    let results = tempfile::tempdir().unwrap();
    let target = results.path().join("model.bin");
    let mut state = 1_u32;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    // The token embedding moves to the end, so that headers are what is damaged.
    let ct2 = ctranslate2_with(|variables| {
        let at = variables
            .iter()
            .position(|v| v.name == "decoder/embeddings/weight")
            .unwrap();
        let embedding = variables.remove(at);
        variables.push(embedding);
    });
    let hf = hugging_face_with(|_| {});
    for (folder, file, span) in [(ct2, "model.bin", 40_000), (hf, "model.safetensors", 6_000)] {
        let path = folder.path().join(file);
        let whole = fs::read(&path).unwrap();
        let mut failed = 0;
        for _ in 0..40 {
            let mut damaged = whole.clone();
            for _ in 0..=random(3) {
                damaged[random(span)] = u8::try_from(random(256)).unwrap();
            }
            fs::write(&path, damaged).unwrap();
            match import_to(folder.path(), &target, ImportType::F16) {
                Ok(_) => fs::remove_file(&target).unwrap(),
                Err(_) => failed += 1,
            }
            assert_eq!(fs::read_dir(results.path()).unwrap().count(), 0);
        }
        assert!(failed > 0, "no damage to {file} was seen");
    }
}

#[test]
fn a_variable_that_claims_4_gb_is_refused() {
    let folder = ctranslate2_with(|_| {});
    let path = folder.path().join("model.bin");
    let mut bytes = fs::read(&path).unwrap();
    let name = b"decoder/embeddings/weight\0";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap()
        + name.len();
    // Rank, two dimensions, type, then the length in bytes.
    bytes[at + 10..at + 14].copy_from_slice(&u32::MAX.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let message = refused(folder.path()).to_string();
    assert!(message.contains("beyond the end of the file"), "{message}");
}

#[test]
fn a_header_that_claims_exabytes_is_refused() {
    let folder = hugging_face_with(|_| {});
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    for claimed in [u64::MAX, 1 << 40, 17 << 20] {
        bytes[..8].copy_from_slice(&claimed.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(
            refused(folder.path()),
            ImportError::Malformed { .. }
        ));
    }
}

#[test]
fn offsets_that_lie_are_refused() {
    let folder = hugging_face_with(|_| {});
    let path = folder.path().join("model.safetensors");
    for offsets in [
        json!([8, 0]),
        json!([0, u64::MAX]),
        json!([u64::MAX - 1, u64::MAX]),
    ] {
        let info = json!({"x": {"dtype": "F32", "shape": [2], "data_offsets": offsets}});
        fs::write(&path, folder::with_header(&info.to_string(), &[0; 8])).unwrap();
        assert!(matches!(
            refused(folder.path()),
            ImportError::Malformed { .. }
        ));
    }
}

#[test]
fn a_shard_outside_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    folder::write_hugging_face_texts(folder.path());
    for shard in [
        "../model.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "model.bin",
    ] {
        let index = json!({"weight_map": {"model.encoder.conv1.weight": shard}});
        let path = folder.path().join("model.safetensors.index.json");
        fs::write(path, index.to_string()).unwrap();
        let message = refused(folder.path()).to_string();
        assert!(message.contains("a shard named"), "{message}");
    }
}

#[test]
fn int8_weights_are_refused_by_name() {
    let folder = ctranslate2_with(|variables| {
        let weight = variable(variables, "encoder/layer_0/ffn/linear_0/weight");
        weight.data_type = 1;
        weight.bytes.truncate(weight.bytes.len() / 2);
    });
    let message = refused(folder.path()).to_string();
    assert!(
        message.contains("linear_0/weight is stored as int8"),
        "{message}"
    );
}

#[test]
fn keys_with_a_bias_are_refused() {
    let folder = ctranslate2_with(|variables| {
        let bias = variable(variables, "decoder/layer_0/attention/linear_1/bias");
        bias.bytes[1] = 0x3C; // 1.0 in the keys' part
    });
    assert!(matches!(refused(folder.path()), ImportError::KeyBias(_)));
    let folder = hugging_face_with(|variables| {
        let bias = (vec![folder::WIDTH], vec![1.0; folder::WIDTH as usize]);
        variables.insert("model.encoder.layers.1.self_attn.k_proj.bias".into(), bias);
    });
    assert!(matches!(refused(folder.path()), ImportError::KeyBias(_)));
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        let folder = hugging_face_with(|variables| {
            let bias = variables.get_mut("model.encoder.conv1.bias").unwrap();
            bias.1[3] = value;
        });
        assert!(matches!(refused(folder.path()), ImportError::Value(_)));
    }
}

#[test]
fn a_missing_or_misshapen_or_unknown_weight_is_refused_by_name() {
    let missing = hugging_face_with(|variables| {
        variables.remove("model.decoder.layers.0.fc2.bias").unwrap();
    });
    let message = refused(missing.path()).to_string();
    assert!(
        message.ends_with("decoder.blocks.0.mlp.2.bias"),
        "{message}"
    );

    let misshapen = hugging_face_with(|variables| {
        let bias = (vec![3], vec![0.0; 3]);
        variables.insert("model.decoder.layers.0.fc2.bias".into(), bias);
    });
    assert!(matches!(
        refused(misshapen.path()),
        ImportError::Shape { .. }
    ));

    let unknown = hugging_face_with(|variables| {
        variables.insert("model.adapter.weight".into(), (vec![1], vec![0.0]));
    });
    let message = refused(unknown.path()).to_string();
    assert!(message.ends_with("model.adapter.weight"), "{message}");
}

#[test]
fn an_output_projection_has_to_be_the_embedding() {
    let with_projection = |change: f32| {
        hugging_face_with(|variables| {
            let mut projection = variables["model.decoder.embed_tokens.weight"].clone();
            projection.1[100_000] += change;
            variables.insert("proj_out.weight".into(), projection);
        })
    };
    let target = tempfile::tempdir().unwrap();
    let target = target.path().join("model.bin");
    import_to(with_projection(0.0).path(), &target, ImportType::Q8_0).unwrap();
    assert!(matches!(
        refused(with_projection(0.5).path()),
        ImportError::UntiedProjection(_)
    ));
}

#[test]
fn rows_that_only_pad_the_vocabulary_are_left_out() {
    let plain = ctranslate2_with(|_| {});
    let padded = ctranslate2_with(|variables| {
        let embedding = variable(variables, "decoder/embeddings/weight");
        embedding.shape[0] += 7;
        embedding
            .bytes
            .extend(vec![0x55; 7 * folder::WIDTH as usize * 2]);
    });
    let [plain, padded] = [plain, padded].map(|f| super::imported(f.path(), ImportType::F16));
    assert!(plain == padded);
}

#[test]
fn a_vocabulary_that_is_not_whispers_is_refused() {
    let cases = [
        ("<|endoftext|>", "<|end|>", "token 50257"),
        ("<|notimestamps|>", "<|other|>", "token 50363"),
        ("token5", "emoji 🙂", "token 5"),
    ];
    for (from, to, named) in cases {
        let folder = hugging_face_with(|_| {});
        rename_token(folder.path(), from, to);
        let error = refused(folder.path());
        assert!(matches!(error, ImportError::Vocabulary(_)), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    let folder = hugging_face_with(|_| {});
    rename_token(folder.path(), "token7", "token8");
    assert!(matches!(refused(folder.path()), ImportError::Vocabulary(_)));
}

#[test]
fn a_token_with_a_huge_id_is_refused() {
    let folder = hugging_face_with(|_| {});
    let tokenizer = json!({"model": {"vocab": {"a": u32::MAX}}});
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    assert!(matches!(
        refused(folder.path()),
        ImportError::Malformed { .. }
    ));
}

#[test]
fn configurations_whisper_cpp_cannot_run_are_refused() {
    let cases = [
        ("model_type", json!("bart")),
        ("activation_function", json!("relu")),
        ("scale_embedding", json!(true)),
        ("vocab_size", json!(32_000)),
        ("num_mel_bins", json!(64)),
        ("encoder_layers", json!(u32::MAX)),
        ("decoder_layers", json!(0)),
        ("d_model", json!(1_000_000_000)),
        ("d_model", json!(-1)),
        ("encoder_attention_heads", json!(0)),
        ("max_source_positions", json!(u32::MAX)),
    ];
    let folder = hugging_face_with(|_| {});
    for (field, value) in cases {
        set_config(folder.path(), field, value.clone());
        refused(folder.path());
    }
}

#[test]
fn a_folder_without_a_model_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(refused(folder.path()), ImportError::NoModel(_)));
    fs::write(folder.path().join("pytorch_model.bin"), b"PK").unwrap();
    assert!(matches!(refused(folder.path()), ImportError::Pickle(_)));

    let folder = ctranslate2_with(|_| {});
    fs::remove_file(folder.path().join("vocabulary.txt")).unwrap();
    assert!(matches!(
        refused(folder.path()),
        ImportError::NoTokenizer(_)
    ));
}
