//! The API's description, made from the code: an OpenAPI 3.1.1 document and a page for people.
//!
//! [`routes`] is the one table of all routes; the schemas are those of the wire types themselves. The
//! Worker serves what `cargo run -p edge-core --features openapi --example openapi` wrote, and tests hold
//! that equal to the code. Nothing of this is compiled into the Worker.

mod admin_routes;
mod answers;
mod components;
mod document;
mod errors;
mod job_routes;
mod page;
mod parameters;
mod portal_routes;
mod public_routes;
mod route;
mod transcript_routes;
mod webhook_routes;

pub use errors::{CODES, ErrorCode};
pub use route::{Key, Method, Route};

use serde_json::Value;

/// A generated file that the Worker serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in the folder `edge`.
    pub name: &'static str,
    /// What it holds.
    pub text: String,
}

/// Every route of the edge, in the order in which it is shown.
pub fn routes() -> Vec<Route> {
    let mut routes = public_routes::all();
    routes.extend(transcript_routes::routes());
    routes.extend(job_routes::routes());
    routes.extend(webhook_routes::routes());
    routes.extend(portal_routes::routes());
    routes.extend(admin_routes::all());
    routes
}

/// The OpenAPI document.
pub fn document() -> Value {
    document::build(&routes())
}

/// All generated files: the document, its page, and the page's Content-Security-Policy.
pub fn files() -> [File; 3] {
    let routes = routes();
    let document = document::build(&routes);
    // Keys and strings always serialise; should they not, the test of the files says so.
    let json = serde_json::to_string_pretty(&document).unwrap_or_default();
    [
        File {
            name: "openapi.json",
            text: json + "\n",
        },
        File {
            name: "docs.html",
            text: page::render(&document, &routes),
        },
        File {
            name: "docs.csp",
            text: page::policy(),
        },
    ]
}

#[cfg(test)]
mod tests;
