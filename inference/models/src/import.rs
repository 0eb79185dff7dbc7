//! A ggml file made from a CTranslate2 or Hugging Face Whisper folder.
//!
//! What is written is what whisper.cpp's own tools would write from the same weights, in the
//! order encoder, decoder: `convert-h5-to-ggml.py`, then `quantize` for q8_0. Weights pass
//! through piece by piece, so that memory does not grow with the model.

mod config;
mod ctranslate2;
mod error;
mod hugging_face;
mod tensor_id;
mod vocabulary;
mod weights;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

pub use error::ImportError;

use crate::digest::{HashingWriter, Sha256Digest};
use crate::ggml::{self, Encoder, FilterBank, Hyperparameters, WeightType};
use tensor_id::{Param, Projection, TensorId};
use weights::{Stored, WeightFiles};

/// How the weight matrices of an imported model are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ImportType {
    /// Half precision: twice the size, no loss against float16 weights.
    #[value(name = "f16")]
    F16,
    /// 8 bits with a scale per 32 weights: what this service is tuned for.
    #[default]
    #[value(name = "q8_0")]
    Q8_0,
}

impl ImportType {
    /// The storage type in the file.
    pub fn weight_type(self) -> WeightType {
        match self {
            Self::F16 => WeightType::F16,
            Self::Q8_0 => WeightType::Q8_0,
        }
    }
}

/// What to import, and to where.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// A folder with `model.bin` (CTranslate2) or `model.safetensors` (Hugging Face), the model's
    /// `config.json` and its tokenizer.
    pub folder: &'a Path,
    /// The file to make. It appears whole or not at all.
    pub target: &'a Path,
    /// How to store the weight matrices.
    pub kind: ImportType,
    /// Whether a file that is already there may be replaced.
    pub replace: bool,
}

/// What an import made.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Sha256Digest,
    /// Its header.
    pub hyperparameters: Hyperparameters,
}

/// A folder that was opened: its shape is known, its weights can be found.
trait Source {
    fn hyperparameters(&self) -> Hyperparameters;
    fn files(&self) -> &WeightFiles;
    /// Where a tensor stands; `None` if the folder has no such variable.
    fn find(&self, id: TensorId) -> Result<Option<Stored>, ImportError>;
    /// Whether a variable that no tensor was made from may be left out.
    fn may_ignore(&self, variable: &str) -> bool;
    /// A second copy of the token embedding, which has to be equal to the first.
    fn output_projection(&self) -> Option<Stored>;
}

/// Makes a ggml file. `progress` is told how many bytes of how many are written.
///
/// # Errors
/// [`ImportError`]; nothing is left behind then, and a file that was there is untouched.
pub fn import(
    request: ImportRequest<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Imported, ImportError> {
    if !request.replace && request.target.exists() {
        return Err(ImportError::TargetExists(request.target.to_owned()));
    }
    let source = open(request.folder, request.kind.weight_type())?;
    let hyperparameters = source.hyperparameters();
    check_hyperparameters(&hyperparameters)?;
    let tokens = vocabulary::read(request.folder)?.base_tokens(&hyperparameters)?;
    let plan = plan(source.as_ref(), &hyperparameters)?;

    let folder = request
        .target
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let writing = |source| ImportError::Write {
        path: request.target.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(writing)?;
    let file = temporary_file(folder).map_err(writing)?;
    let mut out = HashingWriter::new(BufWriter::with_capacity(1 << 20, file.as_file()));
    ggml::write_hyperparameters(&mut out, &hyperparameters).map_err(writing)?;
    ggml::write_mel_filters(&mut out, &FilterBank::new(hyperparameters.mels)).map_err(writing)?;
    ggml::write_vocabulary(&mut out, &tokens).map_err(writing)?;
    write_tensors(&mut out, source.files(), &plan, &request, progress)?;
    out.flush().map_err(writing)?;
    let (_, sha256, bytes) = out.finish();
    file.as_file().sync_all().map_err(writing)?;
    let kept = if request.replace {
        file.persist(request.target)
    } else {
        file.persist_noclobber(request.target)
    };
    kept.map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => ImportError::TargetExists(request.target.to_owned()),
        _ => writing(error.error),
    })?;
    Ok(Imported {
        path: request.target.to_owned(),
        bytes,
        sha256,
        hyperparameters,
    })
}

/// Finds out which kind of folder it is, and opens it.
fn open(folder: &Path, kind: WeightType) -> Result<Box<dyn Source>, ImportError> {
    if ctranslate2::is_here(folder) {
        return Ok(Box::new(ctranslate2::Folder::open(folder, kind)?));
    }
    if hugging_face::is_here(folder) {
        return Ok(Box::new(hugging_face::Folder::open(folder, kind)?));
    }
    if folder.join("pytorch_model.bin").exists() {
        return Err(ImportError::Pickle(folder.to_owned()));
    }
    Err(ImportError::NoModel(folder.to_owned()))
}

/// What whisper.cpp can load, and no number that makes a tensor absurdly large.
fn check_hyperparameters(parameters: &Hyperparameters) -> Result<(), ImportError> {
    let &Hyperparameters {
        vocabulary,
        audio_context,
        audio_state: state,
        audio_heads,
        audio_layers,
        text_context,
        text_state,
        text_heads,
        text_layers,
        mels,
        weights: _,
    } = parameters;
    let vocabularies = [
        ggml::VOCABULARY_ENGLISH,
        ggml::VOCABULARY_MULTILINGUAL,
        ggml::VOCABULARY_MULTILINGUAL_V3,
    ];
    if !vocabularies.contains(&vocabulary) {
        return Err(ImportError::Vocabulary(format!(
            "{vocabulary} tokens; whisper.cpp knows the special tokens of {vocabularies:?} only"
        )));
    }
    let unfit = |what: &'static str, value: u32| Err(ImportError::Dimension { what, value });
    if !ggml::SUPPORTED_MELS.contains(&mels) {
        return unfit("number of mel bands", mels);
    }
    if state == 0 || state > 8192 || !state.is_multiple_of(32) {
        return unfit("width", state);
    }
    if text_state != state {
        return unfit("decoder's width", text_state);
    }
    for heads in [audio_heads, text_heads] {
        if heads == 0 || !state.is_multiple_of(heads) {
            return unfit("number of attention heads", heads);
        }
    }
    for layers in [audio_layers, text_layers] {
        if layers == 0 || layers > 256 {
            return unfit("number of layers", layers);
        }
    }
    for context in [audio_context, text_context] {
        if context == 0 || context > 65_536 {
            return unfit("number of positions", context);
        }
    }
    Ok(())
}

/// Every tensor with its place in the source; refuses a folder that lacks one, has one of
/// another shape, or has weights this format has no place for.
fn plan(
    source: &dyn Source,
    parameters: &Hyperparameters,
) -> Result<Vec<(TensorId, Stored)>, ImportError> {
    let mut plan = Vec::new();
    for id in tensor_id::in_file_order(parameters) {
        let stored = source
            .find(id)?
            .ok_or_else(|| ImportError::MissingTensor(id.ggml_name()))?;
        let shape = id.shape(parameters);
        if stored.shape != shape {
            return Err(ImportError::Shape {
                variable: stored.variable,
                found: stored.shape,
                wanted: shape,
            });
        }
        plan.push((id, stored));
        check_key_bias(source, id)?;
    }
    let used: HashSet<&str> = plan
        .iter()
        .map(|(_, stored)| stored.variable.as_str())
        .collect();
    for variable in source.files().weight_names() {
        if !used.contains(variable) && !source.may_ignore(variable) {
            return Err(ImportError::UnexpectedTensor(variable.to_owned()));
        }
    }
    if let Some(projection) = source.output_projection() {
        let embedding = plan.iter().find(|(id, _)| *id == TensorId::TokenEmbedding);
        if let Some((_, embedding)) = embedding
            && !source.files().are_equal(&projection, embedding)?
        {
            return Err(ImportError::UntiedProjection(projection.variable));
        }
    }
    Ok(plan)
}

/// whisper.cpp's attention has no bias on its keys: one that is there must be zero.
fn check_key_bias(source: &dyn Source, id: TensorId) -> Result<(), ImportError> {
    let TensorId::Attention {
        side,
        layer,
        attention,
        projection: Projection::Key,
        param: Param::Weight,
    } = id
    else {
        return Ok(());
    };
    let bias = source.find(TensorId::Attention {
        side,
        layer,
        attention,
        projection: Projection::Key,
        param: Param::Bias,
    })?;
    let Some(bias) = bias else { return Ok(()) };
    let mut zero = true;
    source.files().stream(&bias, &mut |values| {
        zero &= values.iter().all(|&value| value == 0.0);
        Ok(())
    })?;
    if zero {
        Ok(())
    } else {
        Err(ImportError::KeyBias(bias.variable))
    }
}

fn write_tensors(
    out: &mut impl Write,
    files: &WeightFiles,
    plan: &[(TensorId, Stored)],
    request: &ImportRequest<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), ImportError> {
    let writing = |source| ImportError::Write {
        path: request.target.to_owned(),
        source,
    };
    let kind = request.kind.weight_type();
    let total = plan
        .iter()
        .filter_map(|(id, stored)| id.storage(kind).bytes(stored.elements()))
        .sum();
    let mut done = 0;
    let mut bytes = Vec::new();
    for (id, stored) in plan {
        let storage = id.storage(kind);
        let mut encoder = Encoder::new(storage)
            .filter(|_| storage.bytes(stored.elements()).is_some())
            .ok_or_else(|| ImportError::MissingTensor(id.ggml_name()))?;
        ggml::write_tensor_header(out, &id.ggml_name(), &id.file_shape(&stored.shape), storage)
            .map_err(writing)?;
        files.stream(stored, &mut |values| {
            bytes.clear();
            encoder.encode(values, &mut bytes);
            out.write_all(&bytes).map_err(writing)?;
            done += bytes.len() as u64;
            progress(done, total);
            Ok(())
        })?;
    }
    Ok(())
}

/// A nameless-to-others file beside the target, with the rights an ordinary new file has: the
/// service may run as another user than the importer.
fn temporary_file(folder: &Path) -> std::io::Result<tempfile::NamedTempFile<File>> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".import-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
