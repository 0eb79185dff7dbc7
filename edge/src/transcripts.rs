//! `/v1/transcripts/…` for their owners, `/t/…` for whoever has a link, `/fleet/transcripts/…` for hosts.

use std::rc::Rc;

use edge_core::error::EdgeError;
use edge_core::ports::Clock as _;
use edge_core::transcripts::{
    Sharing, Shown, TranscriptFilter, account_hash, account_of, announced, brought, download,
    is_id, link_hash, missing_page, next_page, page, page_headers, query, show, sought,
};
use inference_api::keeping::MAX_TRANSCRIPT_BYTES;
use wasm_bindgen::JsValue;

use crate::account_request::AccountRequest;
use crate::audio::{self, KeptAudio};
use crate::clock::RuntimeRng;
use crate::deployment::{Deployment, KnownKey};
use crate::glue::{self, Call, UrlSearchParams};
use crate::ports::Runtime;
use crate::router::{Parts, Route};
use crate::{body, export, reply};

/// What a host says of transcripts.
#[derive(Clone, Copy)]
pub(crate) enum Said {
    /// It looks for one.
    Find,
    /// It brings one.
    Keep,
}

/// Answers a host.
pub(crate) fn of_host(call: &Call, deployment: &Rc<Deployment>, said: Said) -> JsValue {
    let (asked, deployment) = (call.clone(), Rc::clone(deployment));
    reply::promise(call, async move {
        let runtime = Runtime { call: &asked };
        let secrets = &deployment.settings.signing_secrets;
        let statement = glue::statement(&asked);
        let stated = statement.split_once('\n').unwrap_or_default();
        let now = runtime.now();
        match said {
            Said::Find => {
                let sought = sought(secrets, stated, now)?;
                Ok(match runtime.look_for(&sought, now).await? {
                    Some(found) => reply::found(&asked, &found),
                    None => reply::empty(&asked, 204),
                })
            }
            Said::Keep => {
                let of = announced(secrets, stated, now)?;
                let (account, job) = (account_hash(&of.likeness.account), of.job.clone());
                let body = body::read(&asked, MAX_TRANSCRIPT_BYTES as usize).await?;
                runtime.keep_somewhere(&brought(of, body, now)?).await?;
                if let Some(job) = job {
                    notice(&asked, &account, &job).await;
                }
                Ok(reply::empty(&asked, 204))
            }
        }
    })
}

/// Tells the object of a job that its transcript is there: it need not find out. Where it can't be told it does.
async fn notice(call: &Call, account: &str, job: &str) {
    let args = serde_json::json!([job]).to_string();
    let told = glue::ask(call, "JOBS", account, "noticed", &args);
    let _ = js_sys::futures::JsFuture::from(told).await;
}

/// A request about the transcripts of a key's account.
struct OfAccount {
    request: AccountRequest,
    account: String,
}

/// Answers one of the account's keys, which may do what it asks for.
pub(crate) fn of_owner(
    call: &Call,
    deployment: &Rc<Deployment>,
    key: &KnownKey,
    route: Route<'_>,
    parts: &Parts<'_>,
) -> JsValue {
    let asked = OfAccount {
        request: AccountRequest::new(call, deployment, key, parts),
        account: account_of(&key.record),
    };
    match route {
        Route::TranscriptList => reply::promise(call, async move { asked.list().await }),
        Route::Export => export::all(call, &asked.account),
        Route::Share(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.share(&id).await })
        }
        Route::Audition(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.audio(&id).await })
        }
        Route::Transcript(id) => {
            let id = id.to_owned();
            reply::promise(call, async move { asked.one(&id).await })
        }
        _ => reply::error(call, &EdgeError::UnknownRoute),
    }
}

fn missing() -> EdgeError {
    EdgeError::NotFound("transcript")
}

fn known(id: &str) -> Result<(), EdgeError> {
    if is_id(id) { Ok(()) } else { Err(missing()) }
}

impl OfAccount {
    async fn list(&self) -> Result<JsValue, EdgeError> {
        let runtime = self.request.runtime();
        let settings = &self.request.deployment.settings;
        let filter = TranscriptFilter {
            q: self.request.query.get("q"),
            language: self.request.query.get("language"),
            from: self.request.query.get("from"),
            to: self.request.query.get("to"),
            limit: self.request.query.get("limit"),
            cursor: self.request.query.get("cursor"),
        };
        let query = query(settings, &self.account, &filter, runtime.now())?;
        let found = runtime.page(&query).await;
        let found = found.map_err(EdgeError::DatabaseUnavailable)?;
        let page = next_page(settings, &self.account, &filter, query.limit, found);
        reply::object(&self.request.call, 200, &page)
    }

    /// Shows it, or deletes it.
    async fn one(&self, id: &str) -> Result<JsValue, EdgeError> {
        known(id)?;
        let runtime = self.request.runtime();
        if self.request.method == "DELETE" {
            let was_there = runtime.delete_anywhere(&self.account, id, runtime.now());
            let was_there = was_there.await;
            return self.done(was_there.map_err(EdgeError::DatabaseUnavailable)?);
        }
        let shown = Shown::of(self.request.query.get("format").as_deref())?;
        let row = runtime.get_anywhere(&self.account, id, runtime.now()).await;
        let row = row.map_err(EdgeError::DatabaseUnavailable)?;
        let body = show(row.ok_or_else(missing)?, shown)?;
        Ok(reply::text(
            &self.request.call,
            shown.content_type(),
            &body,
            "",
        ))
    }

    async fn audio(&self, id: &str) -> Result<JsValue, EdgeError> {
        known(id)?;
        let runtime = self.request.runtime();
        let kept = runtime.audio(&self.account, id, runtime.now()).await;
        let kept = kept.map_err(EdgeError::DatabaseUnavailable)?;
        audio_or_missing(&self.request.call, kept).await
    }

    /// Makes a link to it, or ends all.
    async fn share(&self, id: &str) -> Result<JsValue, EdgeError> {
        known(id)?;
        let runtime = self.request.runtime();
        let now = runtime.now();
        if self.request.method == "DELETE" {
            let was_there = runtime.unshare(&self.account, id, now).await;
            return self.done(was_there.map_err(EdgeError::DatabaseUnavailable)?);
        }
        let wish = self.request.optional_json().await?;
        let sharing = Sharing {
            settings: &self.request.deployment.settings,
            credential: &self.request.credential,
            transcript: id,
        };
        let repeated = glue::header(&self.request.call, "idempotency-key");
        let link = sharing.link(&wish, &repeated, now, &mut RuntimeRng)?;
        let made = runtime.share(&self.account, id, &link, &self.request.origin, now);
        reply::object(&self.request.call, 201, &made.await?)
    }

    fn done(&self, was_there: bool) -> Result<JsValue, EdgeError> {
        if was_there {
            Ok(reply::empty(&self.request.call, 204))
        } else {
            Err(missing())
        }
    }
}

async fn audio_or_missing(call: &Call, kept: Option<KeptAudio>) -> Result<JsValue, EdgeError> {
    let missing = || EdgeError::NotFound("audio");
    let kept = kept.ok_or_else(missing)?;
    audio::answer(call, &kept).await?.ok_or_else(missing)
}

/// The audio of what a link leads to. Nobody is asked for a key.
pub(crate) fn audio_of_link(call: &Call, token: &str) -> JsValue {
    let (asked, hash) = (call.clone(), link_hash(token));
    reply::promise(call, async move {
        let runtime = Runtime { call: &asked };
        let kept = match hash {
            Some(hash) => runtime.linked_audio(&hash, runtime.now()).await,
            None => Ok(None),
        };
        let kept = kept.map_err(EdgeError::DatabaseUnavailable)?;
        audio_or_missing(&asked, kept).await
    })
}

/// The page that a link leads to, or the transcript as a file. Nobody is asked for a key.
pub(crate) fn of_link(call: &Call, token: String, query: String) -> JsValue {
    let asked = call.clone();
    reply::promise(call, async move {
        let runtime = Runtime { call: &asked };
        let found = match link_hash(&token) {
            Some(hash) => runtime.linked(&hash, runtime.now()).await,
            None => Ok(None),
        };
        let Some((row, embed)) = found.map_err(EdgeError::DatabaseUnavailable)? else {
            let headers = page_headers(false, false);
            return Ok(reply::page(&asked, 404, &missing_page(), &headers));
        };
        let headers = page_headers(embed, row.about.has_audio);
        let query = UrlSearchParams::new(&query);
        let Shown::As(format) = Shown::of(query.get("format").as_deref())? else {
            let page = page(&row, &token)?;
            return Ok(reply::page(&asked, 200, &page, &headers));
        };
        let disposition = download(row.about.name.as_deref(), format);
        let headers = format!("{headers}\ncontent-disposition: {disposition}");
        let file = show(row, Shown::As(format))?;
        Ok(reply::text(&asked, format.content_type(), &file, &headers))
    })
}
