//! Which model a caller may use, by whichever name; and what he is told of them.

use std::time::{SystemTime, UNIX_EPOCH};

use inference_api::claims::Claims;
use inference_api::model::ALIAS_OF_DEFAULT;
use serde_json::{Value, json};

use crate::backend::Abilities;
use crate::error::Error;
use crate::models::{Loader, Names, Unavailable, Use};

/// A model that a caller may use; not necessarily in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Model {
    id: String,
    abilities: Abilities,
}

impl Model {
    /// The name in full, `tiny.en-q8_0`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn abilities(&self) -> Abilities {
        self.abilities
    }
}

/// A model as OpenAI's API shows it.
fn describe(name: &str, created: u64) -> Value {
    json!({"id": name, "object": "model", "created": created, "owned_by": "whisper-edge"})
}

/// All models that are served.
pub(crate) struct Registry {
    names: Names,
    loader: Loader,
    /// When the service started, in unix seconds.
    created: u64,
}

impl Registry {
    pub(crate) fn new(names: Names, loader: Loader) -> Self {
        Self {
            names,
            loader,
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |d| d.as_secs()),
        }
    }

    /// Loads the models that are to be kept, one after another. Blocks until all are loaded or one can't be.
    pub(crate) fn load_kept(&self) -> Result<(), Unavailable> {
        for model in self.names.kept() {
            self.loader.wait(&self.loader.request(model, true))?;
        }
        Ok(())
    }

    /// The default model, whoever asks.
    pub(crate) fn default_model(&self) -> Result<Model, Error> {
        let id = self
            .names
            .kept()
            .first()
            .ok_or_else(|| Error::ModelNotFound {
                model: ALIAS_OF_DEFAULT.to_owned(),
            })?;
        Ok(Model {
            abilities: self.loader.abilities(id)?,
            id: id.clone(),
        })
    }

    /// The model that a caller means, if he may use it.
    pub(crate) fn choose(&self, name: &str, claims: &Claims) -> Result<Model, Error> {
        let offered = self.offered();
        let id = self.names.resolve(name, &offered);
        let id = id.ok_or_else(|| Error::ModelNotFound {
            model: name.to_owned(),
        })?;
        // Before its file is touched: who may not use it learns nothing of it.
        if !self.is_allowed(id, &offered, claims) {
            return Err(Error::ModelNotAllowed {
                model: name.to_owned(),
            });
        }
        Ok(Model {
            abilities: self.loader.abilities(id)?,
            id: id.to_owned(),
        })
    }

    /// The first model that the claims' key may use: the default, if it may use that.
    pub(crate) fn first_for(&self, claims: &Claims) -> Result<Model, Error> {
        let offered = self.offered();
        let allowed = |id: &&String| self.is_allowed(id, &offered, claims);
        let first = offered.iter().find(allowed);
        let id = first.ok_or_else(|| Error::ModelNotAllowed {
            model: ALIAS_OF_DEFAULT.to_owned(),
        })?;
        Ok(Model {
            abilities: self.loader.abilities(id)?,
            id: id.clone(),
        })
    }

    /// Holds the model in memory, or has it loaded: whoever is served by it waits for that.
    pub(crate) fn hold(&self, model: &Model) -> Use {
        self.loader.request(&model.id, false)
    }

    /// The full names of the models in memory, in order.
    pub(crate) fn loaded(&self) -> Vec<String> {
        self.loader.loaded()
    }

    /// The names of the models in memory: each in full, then its aliases.
    pub(crate) fn names_loaded(&self) -> Vec<String> {
        let loaded = self.loader.loaded();
        // Without a look into the folder: this goes with every answer.
        let offered = self.names.offered(&loaded);
        let mut names = Vec::new();
        for model in loaded {
            let aliases = self.names.aliases_of(&model, &offered);
            let aliases: Vec<String> = aliases.into_iter().map(str::to_owned).collect();
            names.push(model);
            names.extend(aliases);
        }
        names
    }

    /// The body of `GET /v1/models`: what the claims' key may use.
    pub(crate) fn list(&self, claims: &Claims) -> Value {
        let offered = self.offered();
        let allowed = |id: &&String| self.is_allowed(id, &offered, claims);
        let usable = |id: &&String| self.loader.abilities(id).is_ok();
        let named = |id: &String| {
            let mut names = vec![id.clone()];
            let aliases = self.names.aliases_of(id, &offered);
            names.extend(aliases.into_iter().map(str::to_owned));
            names
        };
        let models = offered.iter().filter(allowed).filter(usable);
        let data: Vec<Value> = models
            .flat_map(named)
            .map(|name| describe(&name, self.created))
            .collect();
        json!({"object": "list", "data": data})
    }

    /// The body of `GET /v1/models/{name}`; one that the key may not use is not there.
    pub(crate) fn describe(&self, name: &str, claims: &Claims) -> Option<Value> {
        self.choose(name, claims).ok()?;
        Some(describe(name, self.created))
    }

    /// What is served now: a file that came to the folder, too.
    fn offered(&self) -> Vec<String> {
        let present = if self.names.has_on_demand() {
            self.loader.library().names()
        } else {
            Vec::new()
        };
        self.names.offered(&present)
    }

    /// Under whichever of its names it was allowed.
    fn is_allowed(&self, id: &str, offered: &[String], claims: &Claims) -> bool {
        let mut names = self.names.of(id, offered).into_iter();
        names.any(|name| claims.allows_model(name))
    }
}

impl From<Unavailable> for Error {
    fn from(why: Unavailable) -> Self {
        Self::ModelUnavailable {
            model: why.model,
            retry_after: why.retry_after,
            cause: why.cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::testing::{Shelf, claims, registry};

    fn ids(list: &Value) -> Vec<&str> {
        let data = list["data"].as_array().unwrap().iter();
        data.filter_map(|m| m["id"].as_str()).collect()
    }

    const KEPT: [&str; 3] = ["tiny.en-q8_0", "large-v3-turbo-q5_0", "tiny.en"];

    #[test]
    fn a_key_may_be_allowed_a_model_under_any_of_its_names() {
        let registry = registry(&Shelf::with(&KEPT), &KEPT, &[], &["fast=tiny.en-q8_0"]);
        for models in [
            &["*"][..],
            &["whisper-1"],
            &["tiny.en-q8_0"],
            &["tiny.en"],
            &["fast"],
        ] {
            for name in ["whisper-1", "tiny.en-q8_0", "fast"] {
                let chosen = registry.choose(name, &claims(models)).unwrap();
                assert_eq!(chosen.id(), "tiny.en-q8_0", "{models:?}");
            }
        }
        let other = registry.choose("whisper-1", &claims(&["large-v3-turbo"]));
        assert!(matches!(other, Err(Error::ModelNotAllowed { .. })));
        let none = registry.choose("medium", &claims(&["*"]));
        assert!(matches!(none, Err(Error::ModelNotFound { .. })));
    }

    #[test]
    fn a_key_sees_the_models_it_may_use_with_their_further_names() {
        let registry = registry(&Shelf::with(&KEPT), &KEPT, &[], &["turbo=large-v3-turbo"]);
        let list = registry.list(&claims(&["turbo", "whisper-1"]));
        assert_eq!(
            ids(&list),
            ["tiny.en-q8_0", "whisper-1", "large-v3-turbo-q5_0", "turbo"]
        );
        assert!(registry.describe("turbo", &claims(&["turbo"])).is_some());
        assert!(registry.describe("tiny.en", &claims(&["base"])).is_none());
        assert_eq!(
            registry.first_for(&claims(&["turbo"])).unwrap().id(),
            "large-v3-turbo-q5_0"
        );
        assert!(registry.first_for(&claims(&["base"])).is_err());
    }

    #[test]
    fn a_model_that_comes_later_is_listed_and_served_and_one_that_goes_is_not() {
        let shelf = Shelf::with(&["tiny"]);
        let registry = registry(&shelf, &["tiny"], &["*"], &["later=base-q8_0"]);
        let everyone = claims(&["*"]);
        assert_eq!(ids(&registry.list(&everyone)), ["tiny", "whisper-1"]);
        assert!(registry.choose("base", &everyone).is_err());
        shelf.put("base-q8_0", 10);
        assert_eq!(
            ids(&registry.list(&everyone)),
            ["tiny", "whisper-1", "base-q8_0", "later"]
        );
        for name in ["base", "base-q8_0", "later"] {
            assert_eq!(registry.choose(name, &everyone).unwrap().id(), "base-q8_0");
        }
        assert_eq!(registry.loaded(), ["tiny"], "a listing loads nothing");
        shelf.remove("base-q8_0");
        assert!(registry.choose("base", &everyone).is_err());
    }

    #[test]
    fn what_is_no_model_is_not_listed_and_whoever_may_not_use_it_learns_nothing_of_it() {
        let shelf = Shelf::with(&["tiny"]);
        let registry = registry(&shelf, &["tiny"], &["*"], &[]);
        shelf.put_broken("bad");
        assert_eq!(ids(&registry.list(&claims(&["*"]))), ["tiny", "whisper-1"]);
        let error = registry.choose("bad", &claims(&["*"])).unwrap_err();
        assert_eq!(error.kind().code, "model_unavailable");
        assert!(error.retry_after().is_some());
        let other = registry.choose("bad", &claims(&["tiny"]));
        assert!(matches!(other, Err(Error::ModelNotAllowed { .. })));
    }
}
