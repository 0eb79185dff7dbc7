//! Where weights stand in their files, and reading them as f32, piece by piece.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::ImportError;

/// Values read at a time: a multiple of every block of every storage type.
const CHUNK: usize = 1 << 16;

/// How a value is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F16,
    Bf16,
    /// Something that is not read, by its name.
    Other(String),
}

impl Element {
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::Other(_) => None,
        }
    }
}

/// A run of values in one of the files.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// Its name in the folder's own spelling.
    pub(super) variable: String,
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) element: Element,
    /// Slowest dimension first.
    pub(super) shape: Vec<u32>,
}

impl Stored {
    pub(super) fn elements(&self) -> u64 {
        elements(&self.shape).unwrap_or(u64::MAX)
    }

    /// The part of it that has these places in the slowest dimension; `None` if it is too small.
    pub(super) fn rows(&self, rows: Range<u32>) -> Option<Self> {
        let (&count, row) = self.shape.split_first()?;
        if rows.end > count {
            return None;
        }
        let skipped = elements(row)?.checked_mul(u64::from(rows.start))?;
        let mut part = self.clone();
        part.offset = skipped
            .checked_mul(self.element.bytes()?)?
            .checked_add(self.offset)?;
        *part.shape.first_mut()? = rows.end - rows.start;
        Some(part)
    }
}

/// Number of values of a shape, if it fits.
pub(super) fn elements(shape: &[u32]) -> Option<u64> {
    shape
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(u64::from(size)))
}

/// The files of a folder, and every variable in them.
#[derive(Debug, Default)]
pub(super) struct WeightFiles {
    files: Vec<(PathBuf, File)>,
    variables: BTreeMap<String, Stored>,
}

impl WeightFiles {
    /// Adds a file; its number.
    pub(super) fn add_file(&mut self, path: &Path, file: File) -> usize {
        self.files.push((path.to_owned(), file));
        self.files.len() - 1
    }

    /// Adds a variable, after checking that its values are within `length` bytes of its file and
    /// are as many as its shape says.
    pub(super) fn add_variable(
        &mut self,
        stored: Stored,
        bytes: u64,
        length: u64,
    ) -> Result<(), String> {
        let name = &stored.variable;
        if stored
            .offset
            .checked_add(bytes)
            .is_none_or(|end| end > length)
        {
            return Err(format!(
                "the values of {name} go beyond the end of the file"
            ));
        }
        let wanted = elements(&stored.shape).and_then(|count| match stored.element.bytes() {
            Some(size) => count.checked_mul(size),
            None => Some(bytes), // never read
        });
        if wanted != Some(bytes) {
            return Err(format!(
                "{name} has {bytes} bytes for the shape {:?}",
                stored.shape
            ));
        }
        match self.variables.insert(name.clone(), stored) {
            None => Ok(()),
            Some(twice) => Err(format!("{} is there twice", twice.variable)),
        }
    }

    pub(super) fn get(&self, variable: &str) -> Option<&Stored> {
        self.variables.get(variable)
    }

    /// Variables that hold weights rather than a setting.
    pub(super) fn weight_names(&self) -> impl Iterator<Item = &str> {
        self.variables
            .values()
            .filter(|stored| stored.element.bytes().is_some() && !stored.shape.is_empty())
            .map(|stored| stored.variable.as_str())
    }

    /// Gives the values of `stored` to `sink`, in order, at most [`CHUNK`] at a time.
    pub(super) fn stream(
        &self,
        stored: &Stored,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let mut left = stored.elements();
        let mut reader = ChunkReader::new(self, stored)?;
        while left > 0 {
            let count = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            sink(reader.read(count)?)?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Whether two runs have the same shape and the same values.
    pub(super) fn are_equal(&self, one: &Stored, other: &Stored) -> Result<bool, ImportError> {
        if one.shape != other.shape {
            return Ok(false);
        }
        let mut others = ChunkReader::new(self, other)?;
        let mut equal = true;
        self.stream(one, &mut |values| {
            equal &= others.read(values.len())? == values;
            Ok(())
        })?;
        Ok(equal)
    }
}

/// Reads one run of values from its beginning.
struct ChunkReader<'a> {
    path: &'a Path,
    file: &'a File,
    stored: &'a Stored,
    position: u64,
    bytes: Vec<u8>,
    values: Vec<f32>,
}

impl<'a> ChunkReader<'a> {
    fn new(files: &'a WeightFiles, stored: &'a Stored) -> Result<Self, ImportError> {
        let (path, file) = files
            .files
            .get(stored.file)
            .ok_or_else(|| ImportError::MissingTensor(stored.variable.clone()))?;
        Ok(Self {
            path,
            file,
            stored,
            position: stored.offset,
            bytes: Vec::new(),
            values: Vec::new(),
        })
    }

    /// The next `count` values.
    fn read(&mut self, count: usize) -> Result<&[f32], ImportError> {
        let size = match &self.stored.element {
            Element::F32 => 4,
            Element::F16 | Element::Bf16 => 2,
            Element::Other(found) => {
                return Err(ImportError::ElementType {
                    variable: self.stored.variable.clone(),
                    found: found.clone(),
                });
            }
        };
        self.bytes.resize(count * size, 0);
        // Two runs of one file may be read in turns.
        let mut file = self.file;
        file.seek(SeekFrom::Start(self.position))
            .and_then(|_| file.read_exact(&mut self.bytes))
            .map_err(|source| ImportError::Read {
                path: self.path.to_owned(),
                source,
            })?;
        self.position += self.bytes.len() as u64;
        self.values.resize(count, 0.0);
        convert(&self.stored.element, &self.bytes, &mut self.values);
        // Comparing is false for what is not a number, too.
        let largest = f16::MAX.to_f32();
        if !self.values.iter().all(|value| value.abs() <= largest) {
            return Err(ImportError::Value(self.stored.variable.clone()));
        }
        Ok(&self.values)
    }
}

fn convert(element: &Element, bytes: &[u8], values: &mut [f32]) {
    match element {
        Element::F32 => {
            for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                *value = f32::from_le_bytes(*bytes);
            }
        }
        Element::F16 => {
            let halves: Vec<f16> = pairs(bytes).map(f16::from_bits).collect();
            halves.convert_to_f32_slice(values);
        }
        Element::Bf16 => {
            let halves: Vec<bf16> = pairs(bytes).map(bf16::from_bits).collect();
            halves.convert_to_f32_slice(values);
        }
        Element::Other(_) => {}
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair))
}
