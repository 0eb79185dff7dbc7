//! The bucket (R2): texts under names.

use edge_core::ports::PortError;
use js_sys::Promise;
use js_sys::futures::JsFuture;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::JsValue;

use crate::glue::{self, thrown};
use crate::ports::Runtime;

async fn answered(asked: Promise<JsValue>) -> Result<JsValue, PortError> {
    JsFuture::from(asked).await.map_err(|error| PortError {
        port: "bucket",
        cause: thrown(&error),
    })
}

impl Runtime<'_> {
    /// What stands under a name.
    pub(crate) async fn bucket_get(&self, name: &str) -> Result<Option<String>, PortError> {
        let text = answered(glue::bucket_get(self.call, name)).await?;
        Ok(text.as_string())
    }

    /// Puts a text there, instead of what stood there.
    pub(crate) async fn bucket_put(&self, name: &str, text: &str) -> Result<(), PortError> {
        answered(glue::bucket_put(self.call, name, text)).await?;
        Ok(())
    }

    /// Takes away what stands under these names, one a line, if anything does.
    pub(crate) async fn bucket_delete(&self, names: &str) -> Result<(), PortError> {
        answered(glue::bucket_delete(self.call, names)).await?;
        Ok(())
    }

    /// Takes away all whose names begin so.
    pub(crate) async fn bucket_empty(&self, prefix: &str) -> Result<(), PortError> {
        answered(glue::bucket_empty(self.call, prefix)).await?;
        Ok(())
    }

    /// Names of up to so many that begin so, in their order.
    pub(crate) async fn bucket_names(
        &self,
        prefix: &str,
        limit: u32,
    ) -> Result<Vec<String>, PortError> {
        let names = answered(glue::bucket_names(self.call, prefix, limit)).await?;
        let names: js_sys::Array = names.unchecked_into();
        Ok(names.iter().filter_map(|name| name.as_string()).collect())
    }
}
