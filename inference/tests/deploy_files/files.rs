//! The deployment's files, and what is picked out of them without a reader of YAML: their form is held by
//! `scripts/check-deploy`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file below `inference/deploy`.
#[derive(Debug)]
pub(crate) struct DeployFile {
    /// Its path there.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Every file below `inference/deploy`, at any depth.
pub(crate) fn all() -> Vec<DeployFile> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(DeployFile {
                    name: relative(&path, &root),
                    text: fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    files
}

fn relative(path: &Path, root: &Path) -> String {
    let path = path.strip_prefix(root).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The file of this name.
pub(crate) fn one(name: &str) -> String {
    let file = all().into_iter().find(|f| f.name == name);
    file.unwrap_or_else(|| panic!("no {name}")).text
}

impl DeployFile {
    /// Every PromQL expression in the file.
    pub(crate) fn expressions(&self) -> Vec<String> {
        if Path::new(&self.name).extension() == Some("json".as_ref()) {
            return in_dashboard(&serde_json::from_str(&self.text).unwrap());
        }
        [
            yaml_values(&self.text, "expr"),
            yaml_values(&self.text, "query"),
        ]
        .concat()
    }

    /// The words that look like the name of a setting of this service.
    pub(crate) fn settings(&self) -> Vec<&str> {
        let is_setting = |word: &&str| {
            ["INFERENCE_", "WHISPER_", "EDGE_"]
                .iter()
                .any(|p| word.starts_with(p) && word.len() > p.len())
        };
        self.text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(is_setting)
            .collect()
    }

    /// Settings and the values they are given: `NAME=value`, and YAML's `name: NAME` with `value: …` after it.
    pub(crate) fn given(&self) -> Vec<(String, String)> {
        let mut given = Vec::new();
        let mut named = None;
        for line in self.text.lines().map(str::trim) {
            if line.starts_with('#') {
                continue;
            }
            for word in line.split_whitespace() {
                if let Some((name, value)) =
                    word.rsplit_once('"').map_or(word, |w| w.0).split_once('=')
                    && is_name(name)
                {
                    given.push((name.to_owned(), value.to_owned()));
                }
            }
            if let (Some(name), Some(value)) = (named.take(), line.strip_prefix("value: ")) {
                given.push((name, value.trim_matches('"').to_owned()));
            }
            named = line
                .strip_prefix("- name: ")
                .filter(|n| is_name(n))
                .map(str::to_owned);
        }
        given
    }
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// The expressions of a dashboard's panels and variables.
fn in_dashboard(json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![json];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                found.extend(
                    fields
                        .get("expr")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                );
                found.extend(fields.get("definition").and_then(Value::as_str).map(|d| {
                    // Grafana's own function: an expression, and a label as if it were grouped by it.
                    let inner = d
                        .strip_prefix("label_values(")
                        .and_then(|d| d.strip_suffix(')'));
                    let (expression, label) = inner.unwrap().rsplit_once(", ").unwrap();
                    format!("count by ({label}) ({expression})")
                }));
                left.extend(fields.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

/// The values of a key of YAML, on its line or folded (`>-`) below it.
pub(crate) fn yaml_values(text: &str, key: &str) -> Vec<String> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let mut values = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let entry = line.trim_start().trim_start_matches("- ");
        let Some(value) = entry.strip_prefix(key).and_then(|v| v.strip_prefix(": ")) else {
            continue;
        };
        if value != ">-" {
            values.push(value.to_owned());
            continue;
        }
        let folded = lines[at + 1..]
            .iter()
            .take_while(|l| depth(l) > depth(line))
            .map(|l| l.trim());
        values.push(folded.collect::<Vec<_>>().join(" "));
    }
    values
}
