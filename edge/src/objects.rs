//! Keys' objects and directories, as administration speaks to them: JSON in, JSON out.

use edge_core::admission::{Answer, Code};
use edge_core::api_key::KeyHash;
use edge_core::change::{Actor, AuditEvent, Change};
use edge_core::key_record::KeyRecord;
use edge_core::key_state::KeyState;
use edge_core::limit::Limit;
use edge_core::portal::portal_object;
use edge_core::ports::{
    AccountObjects, Changed, Claim, Directories, Entered, KeyObjects, PortError, UnixMs,
    owner_directory,
};
use edge_core::transcripts::account_hash;
use edge_core::usage::Rollup;
use js_sys::futures::JsFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::glue::{self, thrown};
use crate::ports::Runtime;

fn failed(port: &'static str, cause: impl std::fmt::Display) -> PortError {
    PortError {
        port,
        cause: cause.to_string(),
    }
}

fn text(value: &impl Serialize) -> Result<String, PortError> {
    serde_json::to_string(value).map_err(|e| failed("limiter", e))
}

impl Runtime<'_> {
    /// A method of an object; its text.
    pub(crate) async fn ask(
        &self,
        (port, binding): (&'static str, &str),
        name: &str,
        method: &str,
        args: &Value,
    ) -> Result<String, PortError> {
        let asked = glue::ask(self.call, binding, name, method, &args.to_string());
        match JsFuture::from(asked).await {
            Ok(answer) => Ok(String::from(&answer)),
            Err(error) => Err(failed(port, thrown(&error))),
        }
    }

    /// A method of an account's webhooks.
    pub(crate) async fn webhooks<T: DeserializeOwned>(
        &self,
        account: &str,
        method: &str,
        args: &Value,
    ) -> Result<T, PortError> {
        let port = ("webhooks", "WEBHOOKS");
        let answer = self.ask(port, &account_hash(account), method, args).await?;
        serde_json::from_str(&answer).map_err(|e| failed("webhooks", e))
    }

    async fn limiter<T: DeserializeOwned>(
        &self,
        name: &str,
        method: &str,
        args: &Value,
    ) -> Result<T, PortError> {
        let answer = self.ask(("limiter", "LIMITER"), name, method, args).await?;
        serde_json::from_str(&answer).map_err(|e| failed("limiter", e))
    }

    async fn directory<T: DeserializeOwned>(
        &self,
        name: &str,
        method: &str,
        args: &Value,
    ) -> Result<T, PortError> {
        let port = ("directory", "DIRECTORY");
        let answer = self.ask(port, name, method, args).await?;
        serde_json::from_str(&answer).map_err(|e| failed("directory", e))
    }
}

impl KeyObjects for Runtime<'_> {
    async fn create(&self, key: &KeyState, by: &Actor) -> Result<Changed, PortError> {
        let args = json!([text(key)?, text(by)?]);
        self.limiter(&key.record.id, "create", &args).await
    }

    async fn change(
        &self,
        id: &str,
        change: &Change,
        by: &Actor,
        known: Option<&KeyState>,
    ) -> Result<Changed, PortError> {
        let known = match known {
            Some(key) => json!({ "record": key.record, "hash": key.hash }).to_string(),
            None => String::new(),
        };
        let args = json!([text(change)?, text(by)?, known]);
        self.limiter(id, "change", &args).await
    }

    async fn admit(
        &self,
        record: &KeyRecord,
        hash: &KeyHash,
        cost: u32,
    ) -> Result<String, PortError> {
        let port = ("limiter", "LIMITER");
        let admit = json!([cost, record.generation, 0, 0, 0, 0, ""]);
        let packed = self.ask(port, &record.id, "admit", &admit).await?;
        if Answer::read(&packed, UnixMs(0)) != Some(Answer::Bare(Code::Unconfigured)) {
            return Ok(packed);
        }
        let adopt = json!([text(record)?, hash.to_hex()]);
        self.ask(port, &record.id, "adopt", &adopt).await?;
        self.ask(port, &record.id, "admit", &admit).await
    }

    async fn view(&self, id: &str) -> Result<Changed, PortError> {
        self.limiter(id, "view", &json!([])).await
    }

    async fn live_usage(&self, id: &str) -> Result<Vec<Rollup>, PortError> {
        self.limiter(id, "usage", &json!([])).await
    }

    async fn purge(&self, id: &str) -> Result<u64, PortError> {
        self.limiter(id, "purge", &json!([])).await
    }

    async fn set_owner_limits(
        &self,
        owner: &str,
        limits: &[Limit],
    ) -> Result<Vec<Limit>, PortError> {
        let args = json!([text(&limits)?]);
        let name = owner_directory(owner);
        self.limiter(&name, "setOwnerLimits", &args).await
    }

    async fn owner_limits(&self, owner: &str) -> Result<Vec<Limit>, PortError> {
        let name = owner_directory(owner);
        self.limiter(&name, "ownerLimits", &json!([])).await
    }
}

impl Directories for Runtime<'_> {
    async fn enter(
        &self,
        directory: &str,
        keys: &[&str],
        claim: Option<Claim<'_>>,
    ) -> Result<Entered, PortError> {
        let args = json!([keys, claim]);
        self.directory(directory, "enter", &args).await
    }

    async fn leave(&self, directory: &str, key: &str) -> Result<(), PortError> {
        let left: Value = self.directory(directory, "leave", &json!([key])).await?;
        debug_assert!(left.is_null());
        Ok(())
    }

    async fn announce(
        &self,
        directory: &str,
        value: &Value,
        expected: Option<u32>,
        event: &AuditEvent,
    ) -> Result<Option<Value>, PortError> {
        let args = json!([value, expected, event]);
        self.directory(directory, "announce", &args).await
    }

    async fn announced(&self, directory: &str) -> Result<Option<Value>, PortError> {
        self.directory(directory, "announced", &json!([])).await
    }

    async fn members(&self, directory: &str) -> Result<Vec<String>, PortError> {
        self.directory(directory, "members", &json!([])).await
    }

    async fn dissolve(&self, directory: &str, event: &AuditEvent) -> Result<u64, PortError> {
        self.directory(directory, "dissolve", &json!([event])).await
    }
}

impl AccountObjects for Runtime<'_> {
    async fn purge_webhooks(&self, account: &str) -> Result<u64, PortError> {
        self.webhooks(account, "purge", &json!([])).await
    }

    async fn purge_portal(&self, owner: &str) -> Result<u64, PortError> {
        let port = ("portal", "PORTAL");
        let rows = self
            .ask(port, &portal_object(owner), "purge", &json!([]))
            .await?;
        rows.parse().map_err(|_| failed("portal", rows))
    }
}
