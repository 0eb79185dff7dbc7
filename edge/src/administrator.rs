//! Who asks the admin API: whoever shows a root key, or has a session of the console, which stands for one
//! (`edge_core::portal`, "console").

use edge_core::admission::{Answer, Code};
use edge_core::api_key::KeyHash;
use edge_core::config::Settings;
use edge_core::error::EdgeError;
use edge_core::headers::{Credential, credential};
use edge_core::key_record::KeyRecord;
use edge_core::key_state::record_entry;
use edge_core::portal::{
    Administrator, ConsoleSession, Ticket, clear_console_cookie, console_session, console_ticket,
    is_ours, set_console_cookie, sign_in_to_console, sign_out_of_console,
};
use edge_core::ports::{Clock as _, KeyObjects as _, KeyStore as _};
use edge_core::scope::AdminScope;
use edge_core::verify::{Verdict, verify};
use wasm_bindgen::JsValue;

use crate::clock::RuntimeRng;
use crate::glue::{self, Call};
use crate::ports::Runtime;
use crate::reply;

/// Methods of [`Authority::console`].
pub(crate) const CONSOLE_METHODS: &str = "GET, POST, DELETE";

/// Who asks, and what he may do.
pub(crate) struct Authority {
    /// `root_…`; `root`: that of the deployment's secret.
    pub(crate) id: String,
    pub(crate) scopes: Vec<AdminScope>,
    /// The root key or the session's ticket as it was presented.
    pub(crate) credential: String,
    root_key: KeyHash,
    session: Option<(Ticket, ConsoleSession)>,
}

impl Authority {
    /// Whoever holds a key, or a session, that is one at this very request. `origin`: of our own pages.
    pub(crate) async fn of(
        call: &Call,
        settings: &Settings,
        (method, authorization, origin): (&str, &str, &str),
    ) -> Result<Self, EdgeError> {
        let runtime = Runtime { call };
        let presented = match credential(authorization, "") {
            Credential::Presented(key) => Some(key),
            Credential::Missing => None,
            Credential::Conflicting => return Err(EdgeError::MissingKey),
        };
        let (root_key, credential, session) = if let Some(key) = presented {
            let hash = KeyHash::of(key);
            if !hash.eq_constant_time(&settings.root_key) {
                // What can be no root key is looked for nowhere.
                let parsed = settings.key_format.parse_root(key);
                parsed.map_err(|_| EdgeError::InvalidKey)?;
            }
            (hash, authorization.to_owned(), None)
        } else {
            let ticket = console_ticket(&glue::header(call, "cookie"));
            let ticket = ticket.ok_or(EdgeError::MissingKey)?;
            let is_ours = is_ours(
                &glue::header(call, "sec-fetch-site"),
                &glue::header(call, "origin"),
                origin,
            );
            // A browser sends the cookie by itself, whoever made it ask.
            if method != "GET" && !is_ours {
                return Err(EdgeError::CrossSite);
            }
            let (session, hash) = console_session(&runtime, &ticket).await?;
            let credential = ticket.reveal().to_owned();
            (hash, credential, Some((ticket, session)))
        };
        let (id, scopes) = scopes_of(&runtime, settings, &root_key).await?;
        Ok(Self {
            id,
            scopes,
            credential,
            root_key,
            session,
        })
    }

    /// `/admin/session`: who asks, and the beginning and the end of his session.
    pub(crate) async fn console(&self, call: &Call, method: &str) -> Result<JsValue, EdgeError> {
        let runtime = Runtime { call };
        let told = |expires_at| Administrator {
            root_key_id: self.id.clone(),
            scopes: self.scopes.clone(),
            expires_at,
        };
        match method {
            "GET" => {
                let session = self.session.as_ref();
                let expires_at = session.map(|(_, session)| session.expires_at);
                reply::object(call, 200, &told(expires_at))
            }
            // A session is none to make another one by: it would never end.
            "POST" if self.session.is_some() => Err(EdgeError::MissingKey),
            "POST" => {
                let rng = &mut RuntimeRng;
                let (ticket, session) = sign_in_to_console(&runtime, &self.root_key, rng).await?;
                let cookie = format!("set-cookie: {}", set_console_cookie(&ticket));
                reply::object_with(call, 201, &told(Some(session.expires_at)), &cookie)
            }
            "DELETE" => {
                if let Some((ticket, _)) = &self.session {
                    sign_out_of_console(&runtime, ticket).await?;
                }
                let cookie = format!("set-cookie: {}", clear_console_cookie());
                Ok(reply::empty_with(call, 204, &cookie, ("", "")))
            }
            _ => Err(EdgeError::MethodNotAllowed(CONSOLE_METHODS)),
        }
    }
}

/// The root key with this hash, and what it may do. That of the deployment's secret may do everything; every other one is
/// asked of its own object, so that its revocation, too, holds at the very next request.
async fn scopes_of(
    runtime: &Runtime<'_>,
    settings: &Settings,
    hash: &KeyHash,
) -> Result<(String, Vec<AdminScope>), EdgeError> {
    if hash.eq_constant_time(&settings.root_key) {
        return Ok(("root".to_owned(), vec![AdminScope::All]));
    }
    let record = runtime.record(&record_entry(true, &hash.to_hex())).await;
    let record = record
        .map_err(EdgeError::KeyStoreUnavailable)?
        .filter(KeyRecord::is_root)
        .ok_or(EdgeError::InvalidKey)?;
    let address = glue::header(runtime.call, "cf-connecting-ip").parse().ok();
    match verify(&record, &record.terms(None), None, address, runtime.now()) {
        Verdict::Valid => {}
        Verdict::Disabled => return Err(EdgeError::DisabledKey),
        Verdict::Expired => return Err(EdgeError::ExpiredKey),
        Verdict::ForbiddenAddress => return Err(EdgeError::ForbiddenAddress),
        Verdict::Revoked | Verdict::InsufficientScope(_) => return Err(EdgeError::RevokedKey),
    }
    let packed = runtime.admit(&record, hash, 0).await;
    let packed = packed.map_err(EdgeError::LimiterUnavailable)?;
    match Answer::read(&packed, runtime.now()) {
        Some(Answer::Admitted) => Ok((record.id, record.admin_scopes)),
        Some(Answer::Bare(Code::Disabled)) => Err(EdgeError::DisabledKey),
        Some(Answer::Bare(Code::Expired)) => Err(EdgeError::ExpiredKey),
        Some(Answer::Bare(Code::Revoked)) => Err(EdgeError::RevokedKey),
        _ => Err(crate::limiter_client::unintelligible()),
    }
}
