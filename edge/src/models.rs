//! `GET /v1/models` and `/v1/models/{id}`: the deployment's models, as far as the key may use them.

use edge_core::config::Settings;
use edge_core::error::EdgeError;
use edge_core::key_record::Terms;
use serde::Serialize;

/// OpenAI's name for its hosted Whisper; stands for the default model here.
const ALIAS: &str = "whisper-1";

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

fn model(id: &str) -> Model<'_> {
    Model {
        id,
        object: "model",
        // OpenAI's Whisper weights were published on 2022-09-21; clients only sort by it.
        created: 1_663_718_400,
        owned_by: "openai",
    }
}

fn offered<'a>(settings: &'a Settings, terms: &'a Terms) -> impl Iterator<Item = &'a str> {
    let may = move |name: &str| terms.models.iter().any(|m| m == "*" || m == name);
    let default = settings.models.first().filter(|name| may(name.as_str()));
    default.map(|_| ALIAS).into_iter().chain(
        settings
            .models
            .iter()
            .map(String::as_str)
            .filter(move |name| may(name)),
    )
}

/// The JSON of the list.
pub(crate) fn list(settings: &Settings, terms: &Terms) -> Result<String, EdgeError> {
    let list = List {
        object: "list",
        data: offered(settings, terms).map(model).collect(),
    };
    serde_json::to_string(&list).map_err(|e| EdgeError::Internal(e.to_string()))
}

/// The JSON of one model.
pub(crate) fn get(settings: &Settings, terms: &Terms, id: &str) -> Result<String, EdgeError> {
    let found = offered(settings, terms)
        .find(|name| *name == id)
        .ok_or_else(|| EdgeError::ModelNotFound(id.chars().take(64).collect()))?;
    serde_json::to_string(&model(found)).map_err(|e| EdgeError::Internal(e.to_string()))
}
