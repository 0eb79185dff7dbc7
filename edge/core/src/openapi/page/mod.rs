//! The document as one page of HTML that loads nothing and runs nothing.

// It is made once, on a developer's machine: what is read easily goes before what allocates little.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod operation;
mod schema;
mod text;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::text::{escape, list, prose, string};
use super::errors::CODES;
use super::route::Route;

const STYLE: &str = include_str!("page.css");

/// The page's Content-Security-Policy (CSP Level 3): nothing but its own style.
pub(super) fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'\n"
    )
}

/// Renders the page; the routes say the order.
pub(super) fn render(document: &Value, routes: &[Route]) -> String {
    let info = &document["info"];
    let (title, version) = (
        escape(string(&info["title"])),
        escape(string(&info["version"])),
    );
    let mut nav = String::from(
        "<ul><li><a href=\"#authentication\">Authentication</a></li>\
         <li><a href=\"#errors\">Errors</a></li><li><a href=\"#schemas\">Schemas</a></li></ul>\n",
    );
    let about = format!(
        "<header>\n<h1>{title} <span class=\"faint\">{version}</span></h1>\n{}\
         <p>For programs: <a href=\"openapi.json\">openapi.json</a>. \
         For people: <a href=\"/\">the pages</a>.</p>\n</header>\n",
        prose(string(&info["description"])),
    );
    let mut main = authentication(document);
    for tag in list(&document["tags"]) {
        let name = escape(string(&tag["name"]));
        let id = name.replace(' ', "-").to_lowercase();
        nav += &format!("<h2>{name}</h2>\n<ul>\n");
        main += &format!(
            "<section aria-labelledby=\"group-{id}\">\n<h2 id=\"group-{id}\">{name}</h2>\n{}",
            prose(string(&tag["description"]))
        );
        for route in routes.iter().filter(|route| route.group == tag["name"]) {
            let says = &document["paths"][route.path][route.method];
            nav += &operation::entry(route);
            main += &operation::article(route, says, document);
        }
        nav += "</ul>\n";
        main += "</section>\n";
    }
    main += &errors();
    main += &schema::all(&document["components"]["schemas"]);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">To the content</a>\n<div class=\"frame\">\n\
         {about}<nav aria-label=\"Routes\"><details><summary>Contents</summary>\n{nav}</details></nav>\n\
         <main id=\"content\" tabindex=\"-1\">\n{main}</main>\n</div>\n</body>\n</html>\n"
    )
}

fn authentication(document: &Value) -> String {
    let schemes = document["components"]["securitySchemes"].as_object();
    let rows = schemes.into_iter().flatten().map(|(name, scheme)| {
        let says = text::inline(string(&scheme["description"]));
        format!(
            "<tr><td><code>{}</code></td><td>{says}</td></tr>\n",
            escape(name)
        )
    });
    format!(
        "<section aria-labelledby=\"authentication\">\n<h2 id=\"authentication\">Authentication</h2>\n{}</section>\n",
        text::table(&["Scheme", "How"], rows)
    )
}

fn errors() -> String {
    let rows = CODES.iter().map(|known| {
        format!(
            "<tr id=\"error-{code}\"><td>{}</td><td><code>{code}</code></td><td>{}</td></tr>\n",
            known.status,
            text::inline(known.meaning),
            code = known.code,
        )
    });
    format!(
        "<section aria-labelledby=\"errors\">\n<h2 id=\"errors\">Errors</h2>\n\
         <p>Their body is <a href=\"#schema-Error\">Error</a>. Wherever a path has other methods, the answer \
         is 405 and <code>Allow</code> lists them.</p>\n{}</section>\n",
        text::table(&["Status", "Code", "When"], rows)
    )
}
