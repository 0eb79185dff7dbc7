//! An OpenID provider that is not ours, and a browser's way through it.

use std::process::Command;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};

use crate::environment;
use crate::process::{Log, Process};
use crate::within;

/// The client's secret, as `clients/oidc_provider.mjs` has it.
pub const CLIENT_SECRET: &str = "a secret of the client's alone";
/// Most redirects of a way through it.
const MOST_REDIRECTS: usize = 8;

/// A running provider. It ends when it is dropped.
#[derive(Debug)]
pub struct Provider {
    process: Process,
    /// Its name, which is its address.
    pub issuer: String,
}

impl Provider {
    /// Listens. It knows no client before [`redirects_to`](Self::redirects_to).
    pub async fn start() -> Self {
        let mut command = Command::new(environment::node_program());
        command.arg(environment::own("clients/oidc_provider.mjs"));
        let mut process = Process::start("the provider", &mut command, &Log::default());
        let ready: Value = serde_json::from_str(&process.line().await).unwrap_or_default();
        let issuer = ready["issuer"].as_str().unwrap_or_default().to_owned();
        assert!(!issuer.is_empty(), "no issuer: {ready}");
        Self { process, issuer }
    }

    async fn tell(&mut self, told: &Value) {
        self.process.tell(&told.to_string());
        let line = self.process.line().await;
        assert_eq!(line, r#"{"ok":true}"#);
    }

    /// Where its client's browsers come back to.
    pub async fn redirects_to(&mut self, address: &str) {
        self.tell(&json!({ "redirect": address })).await;
    }

    /// Who signs in from now on.
    pub async fn next(&mut self, account: &str) {
        self.tell(&json!({ "account": account })).await;
    }

    /// A browser's way from the provider's first address to the one back: that.
    pub async fn way_through(&self, first: &str) -> String {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = client.no_proxy().build().unwrap_or_default();
        let mut cookies: Vec<(String, String)> = Vec::new();
        let mut address = first.to_owned();
        for _ in 0..MOST_REDIRECTS {
            if !address.starts_with(&self.issuer) {
                return address;
            }
            let pairs: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let call = client.get(&address).header(COOKIE, pairs.join("; "));
            let answer = within("the provider", call.send()).await;
            let answer = answer.unwrap_or_else(|error| panic!("no answer: {error:?}"));
            for set in answer.headers().get_all(SET_COOKIE) {
                let pair = set.to_str().unwrap_or_default().split(';').next();
                if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
                    cookies.retain(|(known, _)| known != name);
                    cookies.push((name.to_owned(), value.to_owned()));
                }
            }
            let next = answer
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok());
            let Some(next) = next.map(str::to_owned) else {
                let (status, said) = (answer.status(), answer.text().await);
                panic!("{address} leads nowhere: {status} {said:?}");
            };
            address = if next.starts_with('/') {
                format!("{}{next}", self.issuer)
            } else {
                next
            };
        }
        panic!("more than {MOST_REDIRECTS} redirects");
    }
}
