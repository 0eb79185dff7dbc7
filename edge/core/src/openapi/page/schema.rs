//! Schemas as tables.

use serde_json::Value;

use super::text::{escape, inline, list, prose, string, table};

/// All schemas that have a name.
pub(super) fn all(schemas: &Value) -> String {
    let each = schemas.as_object().into_iter().flatten();
    let each: String = each.map(|(name, schema)| one(name, schema)).collect();
    format!(
        "<section aria-labelledby=\"schemas\">\n<h2 id=\"schemas\">Schemas</h2>\n{each}</section>\n"
    )
}

fn one(name: &str, schema: &Value) -> String {
    let mut html = format!(
        "<section class=\"schema\" id=\"schema-{name}\">\n<h3>{name}</h3>\n{}",
        prose(string(&schema["description"]))
    );
    html += &body(schema);
    html + "</section>\n"
}

/// What stands in the place of a schema: its fields, its forms, or its kind.
pub(super) fn body(schema: &Value) -> String {
    if schema["properties"].is_object() {
        return fields(schema);
    }
    let forms = list(&schema["oneOf"]);
    if forms.is_empty() {
        return format!("<p>{}</p>\n", kind(schema));
    }
    if forms.iter().any(|form| form["properties"].is_object()) {
        let each = forms.iter().map(|form| {
            let says = inline(string(&form["description"]));
            format!("<h4>One of: {says}</h4>\n{}", fields(form))
        });
        return each.collect();
    }
    let rows = forms.iter().map(|form| {
        let says = inline(string(&form["description"]));
        format!("<tr><td>{}</td><td>{says}</td></tr>\n", kind(form))
    });
    table(&["Value", "Meaning"], rows)
}

fn fields(schema: &Value) -> String {
    let required = list(&schema["required"]);
    let is_required = |name: &str| required.iter().any(|field| field == name);
    let mut properties: Vec<(&String, &Value)> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    properties.sort_by_key(|(name, _)| !is_required(name));
    let rows = properties.into_iter().map(|(name, field)| {
        let due = if is_required(name) {
            " <span class=\"required\">required</span>"
        } else {
            ""
        };
        let mut says = prose(string(&field["description"]));
        if field["properties"].is_object() {
            says += &fields(field);
        }
        format!(
            "<tr><td><code>{}</code>{due}</td><td>{}</td><td>{says}</td></tr>\n",
            escape(name),
            kind(field)
        )
    });
    table(&["Field", "Type", "Meaning"], rows)
}

/// What kind of value a schema asks for, with its bounds.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = string(&schema["$ref"])
        .rsplit('/')
        .next()
        .filter(|n| !n.is_empty())
    {
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(value) = schema.get("const") {
        return format!("<code>{}</code>", escape(&value.to_string()));
    }
    let values = list(&schema["enum"]);
    if !values.is_empty() {
        let values = values
            .iter()
            .map(|v| format!("<code>{}</code>", escape(&v.to_string())));
        return values.collect::<Vec<_>>().join(", ") + &bounds(schema);
    }
    let forms = list(&schema["anyOf"]);
    if !forms.is_empty() {
        return forms.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(string).collect(),
        of_one => vec![string(of_one)],
    };
    let names = types.into_iter().map(|name| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "" => "anything".to_owned(),
        name => name.to_owned(),
    });
    let names = names.collect::<Vec<_>>().join(" or ");
    format!("{names}{}", bounds(schema))
}

fn bounds(schema: &Value) -> String {
    let mut says = Vec::new();
    let mut between =
        |least: &str, most: &str, unit: &str| match (schema.get(least), schema.get(most)) {
            (Some(a), Some(b)) => says.push(format!("{a} to {b}{unit}")),
            (Some(a), None) if *a != 0 => says.push(format!("at least {a}{unit}")),
            (None, Some(b)) => says.push(format!("at most {b}{unit}")),
            _ => {}
        };
    between("minimum", "maximum", "");
    between("minLength", "maxLength", " characters");
    between("minItems", "maxItems", " items");
    if let Some(pattern) = schema.get("pattern") {
        says.push(format!("<code>{}</code>", escape(string(pattern))));
    }
    if let Some(default) = schema.get("default").filter(|v| !v.is_array()) {
        says.push(format!(
            "<code>{}</code> if left out",
            escape(&default.to_string())
        ));
    }
    if says.is_empty() {
        return String::new();
    }
    format!(" <span class=\"faint\">{}</span>", says.join(", "))
}
