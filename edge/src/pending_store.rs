//! What the database could not take stands in the bucket, is read there, and is told to the database every minute
//! (`scheduled` in js/entry.js) until it has heard of it.

use edge_core::error::EdgeError;
use edge_core::ports::{PortError, UnixMs};
use edge_core::transcripts::{Aside, Kept, PENDING, Row, pending_folder, pending_place};
use js_sys::Promise;
use js_sys::futures::future_to_promise;
use serde::Serialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::database::Given;
use crate::glue::Call;
use crate::ports::Runtime;

/// How many the database is told of in one minute, and after how many of its refusals the rest waits for the next one.
/// What can't be read stops nothing: it must not keep others from being told.
const AT_A_TIME: u32 = 100;
const MOST_REFUSALS: u32 = 10;

fn failed(error: &EdgeError) -> PortError {
    PortError {
        port: "bucket",
        cause: error.cause().unwrap_or_default(),
    }
}

impl Runtime<'_> {
    /// Keeps a transcript: in the database, or, where that does not take it, beside it until it does.
    pub(crate) async fn keep_somewhere(&self, kept: &Kept) -> Result<(), EdgeError> {
        let Err(refused) = self.keep(kept).await else {
            return Ok(());
        };
        let text = Aside::kept(kept)?;
        let name = pending_place(&kept.of.likeness.account, &kept.of.id);
        let put = self.bucket_put(&name, &text).await;
        put.map_err(|_| EdgeError::DatabaseUnavailable(refused))
    }

    async fn aside(&self, name: &str) -> Result<Option<Aside>, PortError> {
        let text = self.bucket_get(name).await?;
        let aside = text.map(|text| Aside::read(&text)).transpose();
        aside.map_err(|error| failed(&error))
    }

    /// An account's transcript of this id, wherever it stands.
    pub(crate) async fn get_anywhere(
        &self,
        account: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<Option<Row>, PortError> {
        let row = self.get(account, id, now).await;
        if let Ok(Some(_)) = row {
            return row;
        }
        match self.aside(&pending_place(account, id)).await? {
            Some(aside) => Ok(aside.shown(account, now)),
            None => row,
        }
    }

    /// Deletes it, wherever it stands; whether it was there.
    pub(crate) async fn delete_anywhere(
        &self,
        account: &str,
        id: &str,
        now: UnixMs,
    ) -> Result<bool, PortError> {
        let name = pending_place(account, id);
        let waits = self.aside(&name).await?;
        let waits = waits.is_some_and(|aside| aside.shown(account, now).is_some());
        if waits {
            let note = Aside::deleted(account, id).map_err(|error| failed(&error))?;
            self.bucket_put(&name, &note).await?;
        }
        let deleted = self.delete(account, id).await;
        // If the database was told of it meanwhile, and can't be now, the note does it later.
        if waits { Ok(true) } else { deleted }
    }

    /// Forgets what waits of an account.
    pub(crate) async fn forget_pending(&self, account: &str) -> Result<(), PortError> {
        self.bucket_empty(&pending_folder(account)).await
    }

    /// Tells the database of what waits under a name.
    async fn write(&self, name: &str) -> Result<(), PortError> {
        let told = self.aside(name).await?;
        if let Some(Aside::Kept(kept)) = &told {
            self.keep(kept).await?;
        }
        // Read again: it may have been deleted meanwhile.
        if let Some(Aside::Deleted { account, id }) = self.aside(name).await? {
            self.delete(&account, &id).await?;
        }
        self.bucket_delete(name).await
    }

    async fn write_pending(&self) -> Result<Told, PortError> {
        let names = self.bucket_names(PENDING, AT_A_TIME).await?;
        let mut told = Told::default();
        if names.is_empty() {
            return Ok(told);
        }
        // Whether it answers at all: if not, the rest need not be read.
        let _: Vec<Given<Value>> = self.query(&json!([["SELECT 1"]])).await?;
        let mut refusals = 0;
        for name in names {
            let Err(error) = self.write(&name).await else {
                told.written += 1;
                continue;
            };
            refusals += u32::from(error.port == "database");
            if refusals == MOST_REFUSALS {
                return Err(error);
            }
            told.failed += 1;
            told.cause = Some(error.to_string());
        }
        Ok(told)
    }
}

/// What came of a minute's telling, for the log.
#[derive(Default, Serialize)]
struct Told {
    written: u32,
    failed: u32,
    /// Of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
}

/// Tells the database what it could not take; what came of it, as a JSON text, or nothing where nothing waited. `call`
/// has the bindings and no request. Run twice at once it does no harm: what was told twice is there once.
///
/// Unwind safety: it holds nothing of the isolate's memory.
#[wasm_bindgen(js_name = writePending)]
pub fn write_pending(call: Call) -> Promise {
    let writing = async move {
        let runtime = Runtime { call: &call };
        let told = runtime.write_pending().await;
        let told = told.map_err(|error| JsValue::from(error.to_string()))?;
        if told.written + told.failed == 0 {
            return Ok(JsValue::UNDEFINED);
        }
        let text = serde_json::to_string(&told);
        text.map_or_else(
            |error| Err(error.to_string().into()),
            |text| Ok(text.into()),
        )
    };
    future_to_promise(std::panic::AssertUnwindSafe(writing))
}
