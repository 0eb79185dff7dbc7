//! One route of the page.

use serde_json::Value;

use super::super::route::{Key, Route};
use super::schema::{body, kind};
use super::text::{escape, inline, list, prose, string, table};

/// Its line in the list of contents.
pub(super) fn entry(route: &Route) -> String {
    format!(
        "<li><a href=\"#{}\"><span class=\"method {method}\">{method}</span> <code>{}</code></a></li>\n",
        route.id,
        route.path,
        method = route.method,
    )
}

/// All about it. `says` is the operation of the document.
pub(super) fn article(route: &Route, says: &Value, document: &Value) -> String {
    let mut html = format!(
        "<article id=\"{id}\" aria-labelledby=\"{id}-title\">\n<header><h3 id=\"{id}-title\">{}</h3>\n\
         <span class=\"method {method}\">{method}</span> <code>{}</code></header>\n",
        escape(route.summary),
        route.path,
        id = route.id,
        method = route.method,
    );
    html += &prose(string(&says["description"]));
    html += &format!("<p class=\"faint\">{}</p>\n", key(route.key));
    html += &parameters(list(&says["parameters"]));
    html += &request(&says["requestBody"]);
    html += &format!(
        "<h4>Example</h4>\n<pre tabindex=\"0\"><code>{}</code></pre>\n",
        escape(&curl(route, says))
    );
    html += &responses(&says["responses"], document);
    html + "</article>\n"
}

fn key(key: Key) -> String {
    match key {
        Key::None => "No key.".to_owned(),
        Key::Ordinary(None) => "A key.".to_owned(),
        Key::Ordinary(Some(scope)) => {
            format!("A key with the scope <code>{}</code>.", scope.as_str())
        }
        Key::Root(None) => "A root key.".to_owned(),
        Key::Root(Some(scope)) => {
            format!("A root key with the scope <code>{}</code>.", scope.as_str())
        }
        Key::Session => "Somebody who is signed in.".to_owned(),
    }
}

fn parameters(parameters: &[Value]) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let rows = parameters.iter().map(|parameter| {
        format!(
            "<tr><td><code>{}</code> <span class=\"faint\">{}</span></td><td>{}</td><td>{}</td></tr>\n",
            escape(string(&parameter["name"])),
            escape(string(&parameter["in"])),
            kind(&parameter["schema"]),
            inline(string(&parameter["description"]))
        )
    });
    let rows = table(&["Parameter", "Type", "Meaning"], rows);
    format!("<h4>Parameters</h4>\n{rows}")
}

fn request(request: &Value) -> String {
    let content = request["content"].as_object().into_iter().flatten();
    let each = content.map(|(kind_of_body, content)| {
        let schema = &content["schema"];
        let optional = if request["required"] == true {
            ""
        } else {
            ", may be left out"
        };
        let what = match schema.get("$ref") {
            Some(_) => format!("<p>{}</p>\n", kind(schema)),
            None => body(schema),
        };
        format!(
            "<h4>Body: <code>{}</code>{optional}</h4>\n{what}",
            escape(kind_of_body)
        )
    });
    each.collect()
}

fn responses(responses: &Value, document: &Value) -> String {
    let each = responses.as_object().into_iter().flatten();
    let rows = each.map(|(status, response)| {
        let shared = string(&response["$ref"])
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let response = document["components"]["responses"]
            .get(shared)
            .unwrap_or(response);
        let codes = list(
            &response["content"]["application/json"]["schema"]["properties"]["error"]["properties"]
                ["code"]["enum"],
        );
        let what = if codes.is_empty() {
            let content = response["content"].as_object().into_iter().flatten();
            let kinds = content.map(|(name, content)| {
                let schema = &content["schema"];
                let says = match string(&schema["description"]) {
                    "" => kind(schema),
                    says => inline(says),
                };
                format!("<p><code>{}</code>: {says}</p>", escape(name))
            });
            let says = inline(string(&response["description"]));
            format!("<p>{says}</p>{}", kinds.collect::<String>())
        } else {
            let links = codes
                .iter()
                .map(string)
                .map(|code| format!("<a href=\"#error-{code}\"><code>{code}</code></a>"));
            links.collect::<Vec<_>>().join(" ")
        };
        format!("<tr><td>{status}</td><td>{what}</td></tr>\n")
    });
    let rows = table(&["Status", "Answer"], rows);
    format!("<h4>Answers</h4>\n{rows}")
}

/// A request that works, for a shell.
fn curl(route: &Route, says: &Value) -> String {
    let mut line = "curl".to_owned();
    if !matches!(route.method, "get" | "post") {
        line += &format!(" -X {}", route.method.to_uppercase());
    } else if route.method == "post" && says["requestBody"]["required"] == false {
        line += " -X POST";
    }
    line += &format!(" \"$EDGE_URL{}\"", example_path(route.path));
    line += match route.key {
        Key::None => "",
        Key::Ordinary(_) => " \\\n  -H \"Authorization: Bearer $KEY\"",
        Key::Root(_) => " \\\n  -H \"Authorization: Bearer $ROOT_KEY\"",
        Key::Session => " \\\n  -H \"Origin: $EDGE_URL\" -b cookies",
    };
    let content = &says["requestBody"]["content"];
    if content["multipart/form-data"].is_object() {
        line += " \\\n  -F file=@speech.mp3 -F model=whisper-1";
    } else if let Some(example) = content["application/json"].get("example") {
        let json = serde_json::to_string_pretty(example).unwrap_or_default();
        line += &format!(" \\\n  --json '{json}'");
    }
    line
}

fn example_path(path: &str) -> String {
    path.replace("/root-keys/{id}", "/root-keys/root_4fQzX0aBcD1eFgH2iJkL")
        .replace("/keys/{id}", "/keys/key_4fQzX0aBcD1eFgH2iJkL")
        .replace("/models/{id}", "/models/whisper-1")
        .replace("{name}", "starter")
        .replace("{owner}", "acme")
}
