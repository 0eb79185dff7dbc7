//! What an administrator does, in few words.

use reqwest::Method;
use serde_json::{Value, json};

use crate::edge::{Edge, Key};
use crate::http::Answer;

/// A key's view without what changes by itself: what its limits stand at now.
pub fn still(mut view: Value) -> Value {
    if let Some(fields) = view.as_object_mut() {
        fields.remove("limits_now");
    }
    view
}

impl Edge {
    /// An administrator's question.
    pub async fn ask_admin(&self, path: &str) -> Value {
        let answer = self.admin(Method::GET, path).send().await;
        answer.expect(200).json()
    }

    /// How a host fares, as the first isolate sees it.
    pub async fn host(&self, url: &str) -> Option<Value> {
        let hosts = self.ask_admin("/admin/hosts").await;
        let hosts = hosts["data"].as_array().cloned().unwrap_or_default();
        hosts.into_iter().find(|host| host["url"] == url)
    }

    /// An administrator's request with a body.
    pub async fn tell(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.admin(method, path).json(body).send().await
    }

    /// A key as an administrator sees it.
    pub async fn key(&self, key: &Key) -> Value {
        still(self.ask_admin(&format!("/admin/keys/{}", key.id)).await)
    }

    /// Changes fields of a key.
    pub async fn patch(&self, key: &Key, fields: &Value) -> Answer {
        let path = format!("/admin/keys/{}", key.id);
        self.tell(Method::PATCH, &path, fields).await
    }

    /// Gives a key another secret; the key with that.
    pub async fn rotate(&self, key: &Key, overlap_seconds: u64) -> Key {
        let path = format!("/admin/keys/{}/rotate", key.id);
        let body = json!({ "overlap_seconds": overlap_seconds });
        let rotated = self.tell(Method::POST, &path, &body).await;
        self.new_key(&rotated.expect(200))
    }

    /// The key that an answer shows this once.
    pub fn new_key(&self, answer: &Answer) -> Key {
        let made = answer.json();
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let key = Key {
            id: text("id"),
            text: text("key"),
        };
        assert!(!key.text.is_empty(), "no key: {answer:?}");
        self.keep_secret(&key.text);
        key
    }

    /// A root key with these scopes.
    pub async fn root_key_with(&self, scopes: &[&str]) -> Key {
        let body = json!({"name": scopes.join(" "), "scopes": scopes});
        let made = self.tell(Method::POST, "/admin/root-keys", &body).await;
        self.new_key(&made.expect(201))
    }

    /// Makes a plan, or another one of it.
    pub async fn put_plan(&self, name: &str, body: &Value) -> Value {
        let path = format!("/admin/plans/{name}");
        self.tell(Method::PUT, &path, body).await.expect(200).json()
    }
}
