//! Which model a name means, and under which names a model may be allowed.
//!
//! In this order: a model's full name; a name from the operator's table; `whisper-1`, the default; a name without its
//! quantization (`tiny.en` for `tiny.en-q8_0`), of the first model that has it.

use std::str::FromStr;

use inference_api::model::{ALIAS_OF_DEFAULT, without_quantization};
use inference_models::ModelName;

/// In place of a list: every model of the folder.
const EVERY: &str = "*";

/// A further name for a model, `name=model`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    name: String,
    model: String,
}

/// Why a text is no [`Alias`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// There is no `=` in it.
    #[error("must be name=model")]
    Form,
    /// One of both could not be a model's name.
    #[error(transparent)]
    Name(#[from] inference_models::directory::InvalidName),
}

impl FromStr for Alias {
    type Err = AliasError;

    fn from_str(text: &str) -> Result<Self, AliasError> {
        let (name, model) = text.split_once('=').ok_or(AliasError::Form)?;
        let checked = |name: &str| name.trim().parse::<ModelName>();
        Ok(Self {
            name: checked(name)?.to_string(),
            model: checked(model)?.to_string(),
        })
    }
}

/// The operator's say on models.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Loaded at the start and kept; the first is the default.
    kept: Vec<String>,
    /// May be loaded when asked for.
    on_demand: Vec<String>,
    aliases: Vec<Alias>,
}

impl Names {
    pub(crate) fn new(kept: Vec<String>, on_demand: Vec<String>, aliases: Vec<Alias>) -> Self {
        Self {
            kept,
            on_demand,
            aliases,
        }
    }

    pub(crate) fn kept(&self) -> &[String] {
        &self.kept
    }

    /// Whether models beside the kept ones may be served.
    pub(crate) fn has_on_demand(&self) -> bool {
        !self.on_demand.is_empty()
    }

    fn may_load(&self, model: &str) -> bool {
        let allows = |listed: &String| listed == EVERY || listed == model;
        self.on_demand.iter().any(allows)
    }

    /// What the table says that can never be: a name that it has twice, or one for a model that is never served.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let alias = self.aliases.iter().enumerate().find(|(at, alias)| {
            let earlier = &self.aliases[..*at];
            earlier.iter().any(|a| a.name == alias.name)
        });
        if let Some((_, Alias { name, .. })) = alias {
            return Some(format!("the alias '{name}' is given twice"));
        }
        let served = |alias: &Alias| {
            let named: Vec<_> = self.kept.iter().chain(&self.on_demand).cloned().collect();
            self.may_load(&alias.model) || by_own_name(&alias.model, &named).is_some()
        };
        let alias = self.aliases.iter().find(|alias| !served(alias))?;
        let Alias { name, model } = alias;
        Some(format!(
            "the alias '{name}' is for '{model}', which is neither a model to load nor one on demand"
        ))
    }

    /// The models that may be served while the folder holds `present`: the kept ones first, then by name.
    pub(crate) fn offered(&self, present: &[String]) -> Vec<String> {
        let more = present
            .iter()
            .filter(|model| self.may_load(model) && !self.kept.contains(model));
        self.kept.iter().chain(more).cloned().collect()
    }

    /// The model that a caller means, of those `offered`.
    pub(crate) fn resolve<'o>(&self, name: &str, offered: &'o [String]) -> Option<&'o str> {
        let full = offered.iter().find(|model| *model == name);
        if let Some(model) = full {
            return Some(model);
        }
        if let Some(alias) = self.aliases.iter().find(|alias| alias.name == name) {
            return by_own_name(&alias.model, offered);
        }
        if name == ALIAS_OF_DEFAULT {
            return offered.first().map(String::as_str);
        }
        by_own_name(name, offered)
    }

    /// Every name by which a model may be allowed, its full one first.
    pub(crate) fn of<'n>(&'n self, model: &'n str, offered: &[String]) -> Vec<&'n str> {
        let mut names = vec![model];
        names.extend(self.aliases_of(model, offered));
        names.push(without_quantization(model));
        names
    }

    /// The names of the table and `whisper-1`, as far as they mean this model.
    pub(crate) fn aliases_of<'n>(&'n self, model: &str, offered: &[String]) -> Vec<&'n str> {
        let aliases = self.aliases.iter().map(|alias| alias.name.as_str());
        let common = [ALIAS_OF_DEFAULT].into_iter();
        let common = common.filter(|common| self.aliases.iter().all(|a| a.name != *common));
        let mut names: Vec<_> = aliases.chain(common).collect();
        names.retain(|name| self.resolve(name, offered) == Some(model) && *name != model);
        names
    }
}

/// By full name or the one without quantization.
fn by_own_name<'o>(name: &str, offered: &'o [String]) -> Option<&'o str> {
    let full = offered.iter().find(|model| *model == name);
    let mut all = offered.iter();
    full.or_else(|| all.find(|model| without_quantization(model) == name))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn names(kept: &[&str], on_demand: &[&str], aliases: &[&str]) -> Names {
        let aliases = aliases.iter().map(|alias| alias.parse().unwrap()).collect();
        Names::new(strings(kept), strings(on_demand), aliases)
    }

    const KEPT: [&str; 3] = ["tiny.en-q8_0", "large-v3-turbo-q5_0", "tiny.en"];

    #[test]
    fn a_model_is_meant_by_full_name_alias_or_short_name() {
        let names = names(
            &KEPT,
            &[],
            &["fast=tiny.en-q8_0", "gpt-4o-transcribe=large-v3-turbo"],
        );
        let offered = names.offered(&[]);
        for (name, model) in [
            ("tiny.en-q8_0", Some("tiny.en-q8_0")),
            ("whisper-1", Some("tiny.en-q8_0")),
            ("tiny.en", Some("tiny.en")),
            ("large-v3-turbo", Some("large-v3-turbo-q5_0")),
            ("fast", Some("tiny.en-q8_0")),
            ("gpt-4o-transcribe", Some("large-v3-turbo-q5_0")),
            ("large-v3", None),
            ("Fast", None),
            ("", None),
            ("../tiny.en", None),
        ] {
            assert_eq!(names.resolve(name, &offered), model, "{name}");
        }
    }

    #[test]
    fn whisper_1_is_the_default_unless_it_is_given_to_another() {
        let names = names(&["tiny", "base"], &[], &["whisper-1=base", "tiny=base"]);
        let offered = names.offered(&[]);
        assert_eq!(names.resolve("whisper-1", &offered), Some("base"));
        // A model's own full name is nobody else's.
        assert_eq!(names.resolve("tiny", &offered), Some("tiny"));
        assert_eq!(names.of("base", &offered), ["base", "whisper-1", "base"]);
        assert_eq!(names.of("tiny", &offered), ["tiny", "tiny"]);
    }

    #[test]
    fn only_what_is_kept_or_allowed_on_demand_is_offered() {
        let present = strings(&["base", "small-q5_1", "tiny"]);
        let offered = |on_demand: &[&str]| names(&["tiny"], on_demand, &[]).offered(&present);
        assert_eq!(offered(&[]), ["tiny"]);
        assert_eq!(offered(&["base", "medium"]), ["tiny", "base"]);
        assert_eq!(offered(&["*"]), ["tiny", "base", "small-q5_1"]);
    }

    #[test]
    fn a_table_that_contradicts_itself_is_found() {
        let found = |on_demand: &[&str], aliases: &[&str]| {
            names(&["tiny.en-q8_0"], on_demand, aliases).contradiction()
        };
        assert_eq!(found(&[], &["a=tiny.en", "b=tiny.en-q8_0"]), None);
        assert_eq!(found(&["*"], &["a=comes-later"]), None);
        assert_eq!(found(&["base-q8_0"], &["a=base"]), None);
        assert!(found(&[], &["a=base"]).unwrap().contains("'base'"));
        assert!(
            found(&[], &["a=tiny.en", "a=tiny.en"])
                .unwrap()
                .contains("twice")
        );
    }

    #[test]
    fn what_is_no_alias_is_refused() {
        for text in ["", "a", "a=", "=b", "a=b=c", "../a=b", "a=b/c"] {
            assert!(text.parse::<Alias>().is_err(), "{text:?}");
        }
        assert!(" a = b ".parse::<Alias>().is_ok());
    }
}
