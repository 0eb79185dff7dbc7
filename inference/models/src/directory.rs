//! A directory of models: where it is, what it holds, which file a name means.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::catalogue::{self, Origin};
use crate::digest;
use crate::ggml::{self, FormatError, Summary};

/// The environment variable that names the models directory.
pub const MODELS_DIR_VARIABLE: &str = "WHISPER_MODELS_DIR";

/// Longest model name in bytes.
const LONGEST_NAME: usize = 64;

/// A name that is safe as part of a file name: ASCII letters, digits, `.`, `_` and `-`, at most
/// 64 of them, the first a letter or digit, no two dots in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelName(String);

impl ModelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file a model of this name is in: `ggml-<name>.bin`.
    pub fn file_name(&self) -> String {
        format!("ggml-{}.bin", self.0)
    }

    /// The name of the model in a file called `file_name`, if it is a model's.
    pub fn of_file(file_name: &str) -> Option<Self> {
        let name = file_name.strip_prefix("ggml-")?.strip_suffix(".bin")?;
        name.parse().ok()
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModelName {
    type Err = InvalidName;

    fn from_str(name: &str) -> Result<Self, InvalidName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let valid = name.len() <= LONGEST_NAME
            && name.bytes().all(allowed)
            && name
                .as_bytes()
                .first()
                .is_some_and(u8::is_ascii_alphanumeric)
            && !name.contains("..");
        if valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName)
        }
    }
}

/// A name that could be something else than a model's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a model's name has up to 64 letters, digits, '.', '_' and '-', such as tiny.en-q8_0")]
pub struct InvalidName;

/// Why a model was not found.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The name is not one a model can have.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// There is no such file.
    #[error("there is no model {name} in {}; it holds {}", directory.display(), listed(held))]
    NotFound {
        /// The name that was asked for.
        name: ModelName,
        /// Where it was looked for.
        directory: PathBuf,
        /// The models that are there.
        held: Vec<ModelName>,
    },
    /// The directory or a file in it could not be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No directory was given, and the user has no home to keep a cache in.
    #[error("no models directory: set WHISPER_MODELS_DIR")]
    NoDirectory,
}

fn listed(names: &[ModelName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = names.iter().map(ModelName::as_str).collect();
    names.join(", ")
}

/// The models directory: `given` if it is not empty, else `whisper-edge/models` under the user's
/// cache directory (`$XDG_CACHE_HOME`, else `~/.cache`; XDG Base Directory Specification 0.8).
///
/// # Errors
/// [`DirectoryError::NoDirectory`], if none is given and the user has no home.
pub fn directory_or_default(given: Option<&Path>) -> Result<PathBuf, DirectoryError> {
    default_directory(given, |variable| env::var_os(variable).map(PathBuf::from))
}

fn default_directory(
    given: Option<&Path>,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Result<PathBuf, DirectoryError> {
    if let Some(given) = given.filter(|given| !given.as_os_str().is_empty()) {
        return Ok(given.to_owned());
    }
    // The specification has relative paths ignored.
    let absolute = |name| variable(name).filter(|path: &PathBuf| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("whisper-edge").join("models"))
        .ok_or(DirectoryError::NoDirectory)
}

/// The file of the model called `name`, which is there.
///
/// # Errors
/// [`DirectoryError`], if the name is invalid or there is no such file.
pub fn resolve(directory: &Path, name: &str) -> Result<PathBuf, DirectoryError> {
    let name: ModelName = name.parse()?;
    let path = directory.join(name.file_name());
    if path.is_file() {
        return Ok(path);
    }
    Err(DirectoryError::NotFound {
        name,
        directory: directory.to_owned(),
        held: names(directory)?,
    })
}

/// The names of the models in `directory`, in order; none if there is no such directory.
///
/// # Errors
/// [`DirectoryError::Read`].
pub fn names(directory: &Path) -> Result<Vec<ModelName>, DirectoryError> {
    let reading = |source| DirectoryError::Read {
        path: directory.to_owned(),
        source,
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reading(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(reading)?;
        let name = entry.file_name().to_str().and_then(ModelName::of_file);
        if let Some(name) = name
            && entry.path().is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A model in a directory.
#[derive(Debug)]
pub struct Held {
    /// Its name.
    pub name: ModelName,
    /// Its file.
    pub path: PathBuf,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// What is in the file, or why it is not a whole model.
    pub contents: Result<Summary, FormatError>,
    /// Whether the catalogue knows this very file. Only a file that has a known length is hashed,
    /// which takes about a second per gigabyte.
    pub origin: Option<Origin>,
}

/// Everything the models directory holds, by name.
///
/// # Errors
/// [`DirectoryError::Read`], if the directory or a file in it cannot be read.
pub fn list(directory: &Path) -> Result<Vec<Held>, DirectoryError> {
    names(directory)?
        .into_iter()
        .map(|name| look_at(directory, name))
        .collect()
}

fn look_at(directory: &Path, name: ModelName) -> Result<Held, DirectoryError> {
    let path = directory.join(name.file_name());
    let reading = |source| DirectoryError::Read {
        path: path.clone(),
        source,
    };
    let bytes = path.metadata().map_err(reading)?.len();
    let origin = if catalogue::may_be_known(name.as_str(), bytes) {
        let sha256 = digest::of_file(&path).map_err(reading)?;
        catalogue::origin(name.as_str(), &sha256)
    } else {
        None
    };
    Ok(Held {
        contents: ggml::inspect(&path),
        name,
        path,
        bytes,
        origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_directory() {
        let tricks = [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "/etc/passwd",
            "-v",
            ".hidden",
            "a..b",
            "a b",
            "a\0b",
            "é",
            "C:x",
        ];
        for trick in tricks {
            assert_eq!(trick.parse::<ModelName>(), Err(InvalidName), "{trick:?}");
        }
        assert_eq!("x".repeat(65).parse::<ModelName>(), Err(InvalidName));
        assert!("tiny.en-q8_0".parse::<ModelName>().is_ok());
    }

    #[test]
    fn only_ggml_files_are_models() {
        let name = ModelName::of_file("ggml-tiny.en-q8_0.bin").unwrap();
        assert_eq!(name.as_str(), "tiny.en-q8_0");
        for other in [
            "ggml-tiny.bin.part",
            "tiny.bin",
            "ggml-.bin",
            ".ggml-tiny.bin.lock",
        ] {
            assert_eq!(ModelName::of_file(other), None, "{other}");
        }
    }

    #[test]
    fn a_missing_model_is_named_with_those_that_are_there() {
        let directory = tempfile::tempdir().unwrap();
        for file in ["ggml-base.bin", "ggml-a.bin", "notes.txt"] {
            fs::write(directory.path().join(file), b"").unwrap();
        }
        fs::create_dir(directory.path().join("ggml-folder.bin")).unwrap();
        assert!(resolve(directory.path(), "base").is_ok());
        let message = resolve(directory.path(), "tiny").unwrap_err().to_string();
        assert!(message.contains("no model tiny"), "{message}");
        assert!(message.ends_with("it holds a, base"), "{message}");
        assert!(matches!(
            resolve(directory.path(), "../base"),
            Err(DirectoryError::Name(InvalidName))
        ));
    }

    #[test]
    fn a_directory_that_is_not_there_holds_nothing() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(names(&directory.path().join("none")).unwrap(), []);
    }

    #[test]
    fn a_file_that_is_no_model_is_listed_with_the_reason() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("ggml-bad.bin"), b"not a model").unwrap();
        let held = list(directory.path()).unwrap();
        assert_eq!((held.len(), held[0].bytes, held[0].origin), (1, 11, None));
        assert!(matches!(held[0].contents, Err(FormatError::Magic)));
    }

    #[test]
    fn the_default_is_under_the_users_cache() {
        let none = |_: &str| None;
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/a"));
        let xdg = |name: &str| match name {
            "XDG_CACHE_HOME" => Some(PathBuf::from("/cache")),
            _ => home(name),
        };
        let relative = |name: &str| match name {
            "XDG_CACHE_HOME" => Some(PathBuf::from("cache")),
            _ => home(name),
        };
        let find = |given: Option<&str>, variable: &dyn Fn(&str) -> Option<PathBuf>| {
            default_directory(given.map(Path::new), variable).ok()
        };
        let in_home = Some(PathBuf::from("/home/a/.cache/whisper-edge/models"));
        assert_eq!(find(Some("m"), &none), Some(PathBuf::from("m")));
        assert_eq!(find(None, &none), None);
        assert_eq!(find(Some(""), &home), in_home);
        assert_eq!(find(None, &relative), in_home);
        assert_eq!(
            find(None, &xdg),
            Some(PathBuf::from("/cache/whisper-edge/models"))
        );
    }
}
