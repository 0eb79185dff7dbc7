//! The models that are loaded, and the names by which callers may mean them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use inference_api::claims::Claims;
use serde_json::{Value, json};

use crate::backend::{Backend, LoadedModel};

/// The name by which OpenAI's clients ask for Whisper.
pub(crate) const ALIAS_OF_DEFAULT: &str = "whisper-1";

/// A loaded model.
pub(crate) struct Model {
    id: String,
    /// Its place among the sessions of each thread.
    index: usize,
    backend: Arc<dyn Backend>,
}

impl Model {
    /// The name in full, `tiny.en-q8_0`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Every name it answers to.
    fn names(&self) -> impl Iterator<Item = &str> {
        let alias = (self.index == 0).then_some(ALIAS_OF_DEFAULT);
        [self.id.as_str(), without_quantization(&self.id)]
            .into_iter()
            .chain(alias)
    }

    /// Whether the claims' key may use it, under whichever of its names it was allowed.
    pub(crate) fn is_allowed_by(&self, claims: &Claims) -> bool {
        self.names().any(|name| claims.allows_model(name))
    }
}

/// A model as OpenAI's API shows it.
fn describe(name: &str, created: u64) -> Value {
    json!({"id": name, "object": "model", "created": created, "owned_by": "whisper-edge"})
}

/// `tiny.en-q8_0` without its `-q8_0`; a name that has none stays as it is.
fn without_quantization(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((base, suffix))
            if suffix.starts_with('q')
                && suffix.as_bytes().get(1).is_some_and(u8::is_ascii_digit) =>
        {
            base
        }
        _ => name,
    }
}

/// All loaded models; the first is the default.
pub(crate) struct Registry {
    models: Vec<Model>,
    /// When they were loaded, in unix seconds.
    created: u64,
}

impl Registry {
    pub(crate) fn new(models: Vec<LoadedModel>) -> Self {
        Self {
            models: models
                .into_iter()
                .enumerate()
                .map(|(index, (id, backend))| Model { id, index, backend })
                .collect(),
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
        }
    }

    /// The model a caller means: by its full name first, then by a shorter one or the alias.
    pub(crate) fn resolve(&self, name: &str) -> Option<&Model> {
        self.models
            .iter()
            .find(|m| m.id == name)
            .or_else(|| self.models.iter().find(|m| m.names().any(|n| n == name)))
    }

    /// The first model that the claims' key may use.
    pub(crate) fn first_for(&self, claims: &Claims) -> Option<&Model> {
        self.models.iter().find(|m| m.is_allowed_by(claims))
    }

    pub(crate) fn backends(&self) -> Vec<Arc<dyn Backend>> {
        self.models.iter().map(|m| Arc::clone(&m.backend)).collect()
    }

    /// The full names of the models in memory, in order; the default comes first.
    #[allow(dead_code, reason = "what a host says of itself to the edge lists them")]
    pub(crate) fn loaded(&self) -> Vec<String> {
        self.models.iter().map(|m| m.id.clone()).collect()
    }

    /// The body of `GET /v1/models`: what the claims' key may use.
    pub(crate) fn list(&self, claims: &Claims) -> Value {
        let data: Vec<Value> = self
            .models
            .iter()
            .filter(|m| m.is_allowed_by(claims))
            .flat_map(|m| {
                let alias = (m.index == 0).then_some(ALIAS_OF_DEFAULT);
                [m.id.as_str()]
                    .into_iter()
                    .chain(alias)
                    .map(|n| describe(n, self.created))
            })
            .collect();
        json!({"object": "list", "data": data})
    }

    /// The body of `GET /v1/models/{name}`.
    pub(crate) fn describe(&self, name: &str, claims: &Claims) -> Option<Value> {
        self.resolve(name)
            .filter(|m| m.is_allowed_by(claims))
            .map(|_| describe(name, self.created))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fake::FakeBackend;
    use inference_api::claims::Render;

    fn registry() -> Registry {
        let backend = || -> Arc<dyn Backend> { Arc::new(FakeBackend::default()) };
        Registry::new(vec![
            ("tiny.en-q8_0".to_owned(), backend()),
            ("large-v3-turbo-q5_0".to_owned(), backend()),
            ("tiny.en".to_owned(), backend()),
        ])
    }

    fn claims(models: &[&str]) -> Claims {
        Claims {
            request_id: "r".into(),
            key_id: "k".into(),
            owner: None,
            scopes: vec![],
            models: models.iter().map(|m| (*m).to_owned()).collect(),
            max_audio_seconds: None,
            priority: 5,
            deadline_ms: 0,
            render: Render::Client,
        }
    }

    #[test]
    fn a_model_is_meant_by_full_name_short_name_or_alias() {
        let registry = registry();
        for (name, id) in [
            ("tiny.en-q8_0", Some("tiny.en-q8_0")),
            ("whisper-1", Some("tiny.en-q8_0")),
            ("tiny.en", Some("tiny.en")),
            ("large-v3-turbo", Some("large-v3-turbo-q5_0")),
            ("large-v3", None),
            ("", None),
            ("../tiny.en", None),
        ] {
            assert_eq!(registry.resolve(name).map(Model::id), id, "{name}");
        }
    }

    #[test]
    fn a_key_may_be_allowed_a_model_under_any_of_its_names() {
        let registry = registry();
        let default = registry.resolve("whisper-1").unwrap();
        for models in [&["*"][..], &["whisper-1"], &["tiny.en-q8_0"], &["tiny.en"]] {
            assert!(default.is_allowed_by(&claims(models)), "{models:?}");
        }
        assert!(!default.is_allowed_by(&claims(&["large-v3-turbo"])));
    }

    #[test]
    fn a_key_sees_the_models_it_may_use() {
        let list = registry().list(&claims(&["large-v3-turbo", "whisper-1"]));
        let ids: Vec<_> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|m| m["id"].as_str())
            .collect();
        assert_eq!(ids, ["tiny.en-q8_0", "whisper-1", "large-v3-turbo-q5_0"]);
        assert!(registry().describe("tiny.en", &claims(&["base"])).is_none());
    }
}
