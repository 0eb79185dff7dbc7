//! Uploads: files that come in parts, for jobs.

use edge_core::error::EdgeError;
use edge_core::jobs::{MAX_PARTS, PART_BYTES, UPLOAD_PREFIX, UploadRequest, new_id};
use serde_json::json;
use wasm_bindgen::prelude::*;

use super::answers::{Answer, unavailable, wrong};
use super::{OfAccount, known};
use crate::clock::RuntimeRng;
use crate::reply;
use crate::router::Parts;

impl OfAccount {
    pub(super) async fn begin_upload(&self) -> Result<JsValue, EdgeError> {
        let body = self.request.json().await?;
        let wish = UploadRequest::read(&body, self.request.deployment.settings.max_job_bytes)?;
        let (mark, body) = self.once(&body)?;
        let id = new_id(UPLOAD_PREFIX, &mut RuntimeRng)?;
        let parts = wish.bytes.div_ceil(PART_BYTES);
        let UploadRequest {
            name,
            bytes,
            sha256,
        } = wish;
        let upload = json!({"id": id, "name": name, "bytes": bytes, "sha256": sha256});
        let args = json!([upload, parts, mark, body]);
        let answer = self.ask("createUpload", &args).await?;
        let answer = Answer::read(&answer, EdgeError::TooManyUploads)?;
        let view = answer.view.ok_or_else(|| unavailable("no view"))?;
        Ok(reply::json(&self.request.call, 201, &view))
    }

    /// Shows it, or deletes it.
    pub(super) async fn upload(&self, id: &str) -> Result<JsValue, EdgeError> {
        known(UPLOAD_PREFIX, id, "upload")?;
        if self.request.method != "DELETE" {
            return match self.ask("uploadView", &json!([id])).await?.as_str() {
                "null" => Err(EdgeError::NotFound("upload")),
                view => Ok(reply::json(&self.request.call, 200, view)),
            };
        }
        match self.ask("deleteUpload", &json!([id])).await?.as_str() {
            "true" => Ok(reply::empty(&self.request.call, 204)),
            _ => Err(EdgeError::NotFound("upload")),
        }
    }

    /// Number and length of a part that comes.
    pub(super) fn part(&self, id: &str, parts: &Parts<'_>) -> Result<(f64, f64), EdgeError> {
        known(UPLOAD_PREFIX, id, "upload")?;
        let number = self
            .request
            .query
            .get("part")
            .unwrap_or_else(|| "1".to_owned());
        let number: u32 = number
            .parse()
            .ok()
            .filter(|number| (1..=MAX_PARTS).contains(&u64::from(*number)))
            .ok_or_else(|| wrong("part", "`part` must be 1 to 10000."))?;
        let length: u32 = match parts.content_length {
            "" => return Err(EdgeError::LengthRequired),
            text => text.parse().map_err(|_| EdgeError::TooLarge(PART_BYTES))?,
        };
        if u64::from(length) > PART_BYTES {
            return Err(EdgeError::TooLarge(PART_BYTES));
        }
        Ok((f64::from(number), f64::from(length)))
    }
}
