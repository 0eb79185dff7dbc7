//! A row of the table of routes, and the words it is written with.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::scope::{AdminScope, Scope};

/// A method, as HTTP writes it.
pub type Method = &'static str;

/// Which key a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// None.
    None,
    /// An ordinary key, with this scope where one is named.
    Ordinary(Option<Scope>),
    /// A root key, with this scope where one is named; or a session of the console, which stands for one.
    Root(Option<AdminScope>),
    /// The cookie of somebody who is signed in to the portal.
    Session,
}

/// Makes the schema of a type.
pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What a request brings along.
#[derive(Clone, Debug)]
pub(super) struct Body {
    /// Media type.
    pub kind: &'static str,
    pub schema: Content,
    /// Whether it may be left out.
    pub optional: bool,
    /// A body that works.
    pub example: Option<Value>,
}

/// The schema of a body.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Of a wire type.
    Of(MakeSchema),
    /// Of a wire type, without these fields, and under another name.
    Without(MakeSchema, &'static str, &'static [&'static str]),
    /// Written by hand.
    Plain(Value),
}

/// A parameter of path, query or header.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub place: &'static str,
    pub name: &'static str,
    pub says: &'static str,
    pub schema: Value,
    pub required: bool,
}

/// An answer that is no error.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub says: &'static str,
    /// Media types with their schemas; none: no body.
    pub content: Vec<(&'static str, Content)>,
    /// Headers beside those that every answer of this kind of key has.
    pub headers: &'static [&'static str],
}

/// One route: a method on a path.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{name}` stands for a parameter.
    pub path: &'static str,
    /// Its name in programs.
    pub id: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// The key it needs.
    pub key: Key,
    pub(super) group: &'static str,
    pub(super) says: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) errors: Vec<&'static str>,
}

/// A route that nothing more is known of yet.
pub(super) fn route(
    method: Method,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        id,
        summary,
        key: Key::None,
        group: "",
        says: "",
        parameters: Vec::new(),
        body: None,
        answers: Vec::new(),
        errors: vec!["internal_error", "misconfigured"],
    }
}

/// What the check of an ordinary key can answer.
const OF_KEY: [&str; 12] = [
    "conflicting_api_keys",
    "missing_api_key",
    "invalid_api_key",
    "revoked_api_key",
    "disabled_api_key",
    "expired_api_key",
    "address_not_allowed",
    "rate_limit_exceeded",
    "insufficient_quota",
    "insufficient_credits",
    "limiter_unavailable",
    "key_store_unavailable",
];

/// What the check of a root key, or of a session that stands for one, can answer; everything an administrator does asks KV
/// or an object.
const OF_ROOT_KEY: [&str; 11] = [
    "missing_api_key",
    "invalid_api_key",
    "revoked_api_key",
    "disabled_api_key",
    "expired_api_key",
    "no_session",
    "cross_site_request",
    "address_not_allowed",
    "limiter_unavailable",
    "key_store_unavailable",
    "portal_unavailable",
];

/// What the check of a session can answer; a request that changes something must come from our own pages.
const OF_SESSION: [&str; 4] = [
    "no_session",
    "portal_switched_off",
    "cross_site_request",
    "portal_unavailable",
];

/// What the reading of a body of JSON can answer.
const OF_JSON: [&str; 4] = [
    "invalid_body",
    "invalid_value",
    "file_too_large",
    "unsupported_media_type",
];

impl Route {
    /// Belongs to a group of the page.
    pub(super) fn of(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    /// Needs a key.
    pub(super) fn needs(mut self, key: Key) -> Self {
        self.key = key;
        match key {
            Key::None => self,
            Key::Ordinary(None) => self.fails(&OF_KEY),
            Key::Ordinary(Some(_)) => self.fails(&OF_KEY).fails(&["insufficient_scope"]),
            Key::Root(None) => self.fails(&OF_ROOT_KEY),
            Key::Root(Some(_)) => self.fails(&OF_ROOT_KEY).fails(&["insufficient_scope"]),
            Key::Session => self.fails(&OF_SESSION),
        }
    }

    /// More about it; Markdown.
    pub(super) fn says(mut self, text: &'static str) -> Self {
        self.says = text;
        self
    }

    /// Takes a parameter. A wrong one in the query or a header is an `invalid_value`.
    pub(super) fn takes(mut self, parameters: &[fn() -> Parameter]) -> Self {
        for parameter in parameters {
            let parameter = parameter();
            if parameter.place != "path" {
                self = self.fails(&["invalid_value"]);
            }
            self.parameters.push(parameter);
        }
        self
    }

    /// Takes a body of JSON.
    pub(super) fn reads<T: JsonSchema>(self, example: Value) -> Self {
        self.reads_content(Content::Of(SchemaGenerator::subschema_for::<T>), example)
    }

    /// Takes a body of JSON with some of a type's fields.
    pub(super) fn reads_content(mut self, schema: Content, example: Value) -> Self {
        self.body = Some(Body {
            kind: "application/json",
            schema,
            optional: false,
            example: Some(example),
        });
        self.fails(&OF_JSON)
    }

    /// The body may be left out.
    pub(super) fn or_no_body(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body.optional = true;
        }
        self
    }

    /// Answers JSON.
    pub(super) fn gives<T: JsonSchema>(self, status: u16, says: &'static str) -> Self {
        let content = vec![(
            "application/json",
            Content::Of(SchemaGenerator::subschema_for::<T>),
        )];
        self.answers(status, says, content, &[])
    }

    /// The same with these headers.
    pub(super) fn gives_at<T: JsonSchema>(
        self,
        status: u16,
        says: &'static str,
        headers: &'static [&'static str],
    ) -> Self {
        let schema = Content::Of(SchemaGenerator::subschema_for::<T>);
        self.answers(status, says, vec![("application/json", schema)], headers)
    }

    /// Answers without a body.
    pub(super) fn gives_nothing(self, status: u16, says: &'static str) -> Self {
        self.answers(status, says, Vec::new(), &[])
    }

    /// Answers.
    pub(super) fn answers(
        mut self,
        status: u16,
        says: &'static str,
        content: Vec<(&'static str, Content)>,
        headers: &'static [&'static str],
    ) -> Self {
        self.answers.push(Answer {
            status,
            says,
            content,
            headers,
        });
        self
    }

    /// Answers errors of these codes, too.
    pub(super) fn fails(mut self, codes: &[&'static str]) -> Self {
        for code in codes {
            if !self.errors.contains(code) {
                self.errors.push(code);
            }
        }
        self
    }

    /// The codes of the errors it can answer.
    pub fn error_codes(&self) -> &[&'static str] {
        &self.errors
    }
}
