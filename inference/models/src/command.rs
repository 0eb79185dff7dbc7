//! `models list | pull | import`: the subcommands, for a binary to mount.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::DEFAULT_MODEL;
use crate::catalogue::{self, MODELS, Origin};
use crate::directory::{self, DirectoryError, Held, InvalidName, ModelName};
use crate::import::{ImportError, ImportRequest, ImportType, import};
use crate::pull::{PullError, PullRequest, Pulled, pull};

/// Where the models are.
#[derive(Args, Clone, Debug)]
pub struct DirectoryArgs {
    /// Directory of the models [default: whisper-edge/models in the user's cache directory]
    #[arg(long, value_name = "DIR", env = directory::MODELS_DIR_VARIABLE)]
    pub models_dir: Option<PathBuf>,
}

impl DirectoryArgs {
    /// The directory that is meant.
    ///
    /// # Errors
    /// [`DirectoryError::NoDirectory`], if none is given and the user has no home.
    pub fn path(&self) -> Result<PathBuf, DirectoryError> {
        directory::directory_or_default(self.models_dir.as_deref())
    }
}

/// What can be done with models.
#[derive(Subcommand, Clone, Debug)]
pub enum ModelsCommand {
    /// List the models that are here
    List {
        /// Where the models are.
        #[command(flatten)]
        directory: DirectoryArgs,
        /// List the models that can be pulled instead
        #[arg(long)]
        available: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Bring a model from whisper.cpp's public hub; continues where an earlier pull stopped
    Pull {
        /// The model, such as tiny.en-q8_0; `models list --available` has them all
        name: String,
        /// Where the models are.
        #[command(flatten)]
        directory: DirectoryArgs,
        /// A mirror with the hub's files; their hashes are checked all the same
        #[arg(long, value_name = "URL", env = "WHISPER_MODELS_URL")]
        base_url: Option<String>,
        /// Replace another file of that name
        #[arg(long)]
        force: bool,
    },
    /// Make a model from a CTranslate2 or Hugging Face (safetensors) Whisper folder
    Import {
        /// The folder, with the weights, config.json and the tokenizer
        folder: PathBuf,
        /// Where the models are.
        #[command(flatten)]
        directory: DirectoryArgs,
        /// The model's name [default: the folder's, and the type]
        #[arg(long)]
        name: Option<String>,
        /// How to store the weights
        #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
        kind: ImportType,
        /// The file to make, instead of one in the models directory
        #[arg(long, value_name = "FILE", conflicts_with = "name")]
        out: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long)]
        force: bool,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The models directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A name that no model can have.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A name the catalogue does not have.
    #[error("there is no model {0} to pull; `models list --available` shows those there are")]
    NotInCatalogue(String),
    /// The download.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// The import.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The folder's name is not one for a model.
    #[error("{} does not make a model's name; give one with --name", .0.display())]
    FolderName(PathBuf),
    /// The report could not be printed.
    #[error("printing: {0}")]
    Print(#[from] io::Error),
}

/// Runs one command and prints its result to `out`; a progress bar goes to the error stream, if
/// that is a terminal.
///
/// # Errors
/// [`CommandError`].
pub fn run(command: &ModelsCommand, out: &mut dyn Write) -> Result<(), CommandError> {
    match dispatch(command, out) {
        // The reader of a pipe has seen enough.
        Err(CommandError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn dispatch(command: &ModelsCommand, out: &mut dyn Write) -> Result<(), CommandError> {
    match command {
        ModelsCommand::List {
            directory,
            available,
            json,
        } => {
            let rows = if *available {
                MODELS.iter().map(Row::available).collect()
            } else {
                let held = directory::list(&directory.path()?)?;
                held.iter().map(Row::held).collect()
            };
            print_rows(&rows, *json, out)
        }
        ModelsCommand::Pull {
            name,
            directory,
            base_url,
            force,
        } => run_pull(name, &directory.path()?, base_url.as_deref(), *force, out),
        ModelsCommand::Import {
            folder,
            directory,
            name,
            kind,
            out: file,
            force,
        } => {
            let target = match file {
                Some(file) => file.clone(),
                None => directory
                    .path()?
                    .join(import_name(folder, name.as_deref(), *kind)?.file_name()),
            };
            let request = ImportRequest {
                folder,
                target: &target,
                kind: *kind,
                replace: *force,
            };
            run_import(request, out)
        }
    }
}

fn run_pull(
    name: &str,
    directory: &Path,
    base_url: Option<&str>,
    replace: bool,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let entry =
        catalogue::find(name).ok_or_else(|| CommandError::NotInCatalogue(name.to_owned()))?;
    let bar = progress_bar(entry.name);
    bar.set_length(entry.bytes);
    let request = PullRequest {
        entry,
        directory,
        base_url: base_url.filter(|url| !url.is_empty()),
        replace,
    };
    let pulled = pull(request, &mut |received| bar.set_position(received));
    bar.finish_and_clear();
    match pulled? {
        Pulled::AlreadyThere(path) => writeln!(out, "{} is there already", path.display())?,
        Pulled::Downloaded(path) => {
            let size = size(entry.bytes);
            writeln!(out, "{} ({size}, SHA-256 verified)", path.display())?;
        }
    }
    Ok(())
}

fn run_import(request: ImportRequest<'_>, out: &mut dyn Write) -> Result<(), CommandError> {
    let bar = progress_bar("import");
    let imported = import(request, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let imported = imported?;
    writeln!(
        out,
        "{} ({}, {}, SHA-256 {})",
        imported.path.display(),
        imported.hyperparameters.weights,
        size(imported.bytes),
        imported.sha256
    )?;
    Ok(())
}

/// The name given, else the folder's with the type appended.
fn import_name(
    folder: &Path,
    given: Option<&str>,
    kind: ImportType,
) -> Result<ModelName, CommandError> {
    if let Some(given) = given {
        return Ok(given.parse()?);
    }
    let refused = || CommandError::FolderName(folder.to_owned());
    // A folder given as `.` has its name in the full path only.
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(refused)?;
    let name = match kind {
        ImportType::F16 => name.to_owned(), // as the hub names them
        ImportType::Q8_0 => format!("{name}-q8_0"),
    };
    name.parse().map_err(|_| refused())
}

fn progress_bar(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} {bar:32} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(0); // draws on standard error, and only on a terminal
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// One model of a list.
#[derive(Serialize)]
struct Row {
    name: String,
    /// Where the file is; absent for a model that is only available.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    size_bytes: u64,
    /// How the weights are stored.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Whether it knows other languages than English.
    #[serde(skip_serializing_if = "Option::is_none")]
    multilingual: Option<bool>,
    /// Whether the file's SHA-256 is known to the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
    /// `hub` or `import`, of a verified file.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    /// Why the file cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    default: bool,
}

impl Row {
    fn available(entry: &catalogue::CatalogueEntry) -> Self {
        let kind = entry
            .name
            .rsplit_once("-q")
            .map(|(_, bits)| format!("q{bits}"));
        Self {
            name: entry.name.to_owned(),
            file: None,
            size_bytes: entry.bytes,
            kind: Some(kind.unwrap_or_else(|| "f16".to_owned())),
            multilingual: Some(!entry.is_english_only()),
            verified: None,
            origin: None,
            problem: None,
            default: entry.name == DEFAULT_MODEL,
        }
    }

    fn held(held: &Held) -> Self {
        let parameters = held
            .contents
            .as_ref()
            .ok()
            .map(|summary| summary.hyperparameters);
        Self {
            name: held.name.to_string(),
            file: Some(held.path.clone()),
            size_bytes: held.bytes,
            kind: parameters.map(|parameters| parameters.weights.to_string()),
            multilingual: parameters.map(|parameters| parameters.is_multilingual()),
            verified: Some(held.origin.is_some()),
            origin: held.origin.map(|origin| match origin {
                Origin::Hub => "hub",
                Origin::Import => "import",
            }),
            problem: held.contents.as_ref().err().map(ToString::to_string),
            default: held.name.as_str() == DEFAULT_MODEL,
        }
    }

    /// The columns of a table.
    fn cells(&self) -> [String; 5] {
        let mark = if self.default { "*" } else { "" };
        let languages = match self.multilingual {
            Some(true) => "multilingual",
            Some(false) => "English",
            None => "-",
        };
        let state = match (&self.problem, self.verified) {
            (Some(problem), _) => format!("unusable: {problem}"),
            (None, Some(true)) => "verified".to_owned(),
            (None, Some(false)) => "not in the catalogue".to_owned(),
            (None, None) => "available".to_owned(),
        };
        [
            format!("{}{mark}", self.name),
            self.kind.clone().unwrap_or_else(|| "-".to_owned()),
            languages.to_owned(),
            size(self.size_bytes),
            state,
        ]
    }
}

fn print_rows(rows: &Vec<Row>, json: bool, out: &mut dyn Write) -> Result<(), CommandError> {
    if json {
        serde_json::to_writer_pretty(&mut *out, rows).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    let head = ["NAME", "TYPE", "LANGUAGES", "SIZE", "STATE"].map(str::to_owned);
    let table: Vec<[String; 5]> = std::iter::once(head)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let width = |column: usize| table.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    for [name, kind, languages, size, state] in &table {
        let [w0, w1, w2, w3] = widths;
        writeln!(
            out,
            "{name:w0$}  {kind:w1$}  {languages:w2$}  {size:>w3$}  {state}"
        )?;
    }
    if rows.iter().any(|row| row.default) {
        writeln!(out, "* the default model")?;
    }
    Ok(())
}

/// A length for people: `43.6 MB`.
fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
