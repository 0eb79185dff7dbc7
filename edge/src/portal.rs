//! `/portal/…`: what the pages ask for whoever is signed in. The rules are in `edge_core::portal`; who is signed in is
//! the word of the object of his sessions (`js/portal.js`).

use std::rc::Rc;

use edge_core::admin::{Idempotency, MAX_BODY_BYTES};
use edge_core::error::EdgeError;
use edge_core::portal::oidc::{ATTEMPT_COOKIE, Discovery, Provider, discovery_url, id_token};
use edge_core::portal::{
    COOKIE, Portal, PortalAuth, Ticket, clear_cookie, cookie_value, is_ours, set_cookie,
};
use edge_core::ports::Clock as _;
use wasm_bindgen::JsValue;

use crate::admin::{forget, usage_filter};
use crate::clock::RuntimeRng;
use crate::deployment::Deployment;
use crate::glue::{self, Call, UrlSearchParams};
use crate::ports::Runtime;
use crate::router::Parts;
use crate::{body, reply};

/// How their paths begin.
pub(crate) const PREFIX: &str = "/portal/";

/// Which of the routes below `/portal/`.
#[derive(Clone, Copy)]
pub(crate) enum PortalRoute<'a> {
    Session,
    SignIn,
    Callback,
    Plans,
    Keys,
    Key(&'a str),
    Rotate(&'a str),
    Usage(&'a str),
}

impl<'a> PortalRoute<'a> {
    /// The route of the rest of a path.
    pub(crate) fn of(rest: &'a str) -> Option<Self> {
        Some(match rest {
            "session" => Self::Session,
            "sign-in" => Self::SignIn,
            "callback" => Self::Callback,
            "plans" => Self::Plans,
            "keys" => Self::Keys,
            _ => {
                let rest = rest.strip_prefix("keys/")?;
                match rest.split_once('/') {
                    None => Self::Key(rest),
                    Some((id, "rotate")) => Self::Rotate(id),
                    Some((id, "usage")) => Self::Usage(id),
                    Some(_) => return None,
                }
            }
        })
    }

    /// The methods it has.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::Session => "GET, POST, DELETE",
            Self::Keys => "GET, POST",
            Self::Key(_) => "GET, DELETE",
            Self::Rotate(_) => "POST",
            Self::SignIn | Self::Callback | Self::Plans | Self::Usage(_) => "GET",
        }
    }
}

/// A request to the portal, kept while objects and others are waited for.
struct Asked {
    call: Call,
    deployment: Rc<Deployment>,
    method: String,
    path: String,
    query: UrlSearchParams,
    content_type: String,
    request_id: String,
    /// Under which browsers reach this edge.
    origin: String,
    cookies: String,
}

/// Answers a browser's request with the promise of a response.
pub(crate) fn handle(call: &Call, deployment: &Rc<Deployment>, parts: &Parts<'_>) -> JsValue {
    let asked = Asked {
        call: call.clone(),
        deployment: Rc::clone(deployment),
        method: parts.method.to_owned(),
        path: parts.path.to_owned(),
        query: UrlSearchParams::new(parts.query),
        content_type: parts.content_type.to_owned(),
        request_id: parts.request_id.to_owned(),
        origin: deployment.settings.origin(parts.origin).to_owned(),
        cookies: glue::header(call, "cookie"),
    };
    reply::promise(call, async move { asked.answer().await })
}

impl Asked {
    async fn answer(&self) -> Result<JsValue, EdgeError> {
        let runtime = Runtime { call: &self.call };
        let portal = Portal {
            ports: &runtime,
            settings: &self.deployment.settings,
            request_id: &self.request_id,
        };
        let rest = self.path.strip_prefix(PREFIX).unwrap_or_default();
        let route = PortalRoute::of(rest).ok_or(EdgeError::UnknownRoute)?;
        if matches!(route, PortalRoute::Session) && self.is_read() {
            return self.state(&portal).await;
        }
        if self.deployment.settings.portal.auth == PortalAuth::Off {
            return Err(EdgeError::PortalSwitchedOff);
        }
        if !self.is_read() {
            let site = glue::header(&self.call, "sec-fetch-site");
            let from = glue::header(&self.call, "origin");
            if !is_ours(&site, &from, &self.origin) {
                return Err(EdgeError::CrossSite);
            }
        }
        match route {
            PortalRoute::Session if self.method == "POST" => self.sign_in(&portal).await,
            PortalRoute::Session => self.sign_out(&portal).await,
            // It is a person who waits: where it fails, a page says what happened.
            PortalRoute::SignIn => {
                let provider = self.depart(&portal).await;
                Ok(provider.unwrap_or_else(|refused| self.not_signed_in(&refused)))
            }
            PortalRoute::Callback => {
                let page = self.arrive(&portal).await;
                Ok(page.unwrap_or_else(|refused| self.not_signed_in(&refused)))
            }
            route => self.at_desk(&portal, route).await,
        }
    }

    fn is_read(&self) -> bool {
        self.method == "GET"
    }

    fn ticket(&self) -> Option<Ticket> {
        cookie_value(&self.cookies, COOKIE).and_then(Ticket::parse)
    }

    async fn json(&self) -> Result<Vec<u8>, EdgeError> {
        body::json(&self.call, &self.content_type, MAX_BODY_BYTES).await
    }

    fn address(&self) -> String {
        glue::header(&self.call, "cf-connecting-ip")
    }

    async fn state(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<JsValue, EdgeError> {
        let session = match portal.session(self.ticket().as_ref()).await {
            Ok(session) => Some(session),
            Err(EdgeError::NoSession) => None,
            Err(error) => return Err(error),
        };
        reply::object(&self.call, 200, &portal.state(session))
    }

    async fn sign_in(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<JsValue, EdgeError> {
        let wish = self.json().await?;
        let entered = portal
            .sign_in(&wish, &self.address(), &mut RuntimeRng)
            .await;
        let (ticket, session) = entered?;
        let seconds = self.deployment.settings.portal.session_seconds;
        let cookie = format!("set-cookie: {}", set_cookie(&ticket, seconds));
        reply::object_with(&self.call, 201, &portal.state(Some(session)), &cookie)
    }

    async fn sign_out(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<JsValue, EdgeError> {
        if let Some(ticket) = self.ticket() {
            let all = self.query.get("all").as_deref() == Some("true");
            portal.sign_out(&ticket, all).await?;
        }
        let cookie = format!("set-cookie: {}", clear_cookie());
        Ok(reply::empty_with(&self.call, 204, &cookie, ("", "")))
    }

    /// What is done for somebody who is signed in.
    async fn at_desk(
        &self,
        portal: &Portal<'_, Runtime<'_>>,
        route: PortalRoute<'_>,
    ) -> Result<JsValue, EdgeError> {
        let ticket = self.ticket();
        let session = portal.session(ticket.as_ref()).await?;
        let credential = ticket.as_ref().map_or("", Ticket::reveal);
        let desk = portal.desk(&session, credential);
        let idempotency =
            |body: &[u8]| Idempotency::of(&glue::header(&self.call, "idempotency-key"), body);
        let rng = &mut RuntimeRng;
        match route {
            PortalRoute::Plans => reply::object(&self.call, 200, &desk.plans().await?),
            PortalRoute::Keys if self.is_read() => {
                reply::object(&self.call, 200, &desk.keys().await?)
            }
            PortalRoute::Keys => {
                let wish = self.json().await?;
                let made = desk.take(&wish, idempotency(&wish)?.as_ref(), rng).await?;
                reply::object(&self.call, 201, &made)
            }
            PortalRoute::Key(id) if self.is_read() => {
                reply::object(&self.call, 200, &desk.one(id).await?)
            }
            PortalRoute::Key(id) => {
                let hashes = desk.revoke(id).await?;
                forget(&self.deployment, Some(&hashes));
                Ok(reply::empty(&self.call, 204))
            }
            PortalRoute::Rotate(id) => {
                let wish = self.json().await?;
                let idempotency = idempotency(&wish)?;
                let rotated = desk.rotate(id, &wish, idempotency.as_ref(), rng).await?;
                forget(&self.deployment, None);
                reply::object(&self.call, 200, &rotated)
            }
            PortalRoute::Usage(id) => {
                let filter = usage_filter(&self.query);
                reply::object(&self.call, 200, &desk.usage(id, &filter).await?)
            }
            PortalRoute::Session | PortalRoute::SignIn | PortalRoute::Callback => {
                Err(EdgeError::UnknownRoute)
            }
        }
    }

    /// Sends the browser to the provider.
    async fn depart(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<JsValue, EdgeError> {
        let discovery = self.discovery(portal).await?;
        let back = self.query.get("return").unwrap_or_default();
        let now = portal.ports.now();
        let departure = self
            .provider(&discovery)
            .depart(&back, now, &mut RuntimeRng)?;
        Ok(self.go_on(&departure.url, &departure.cookie))
    }

    /// The browser is back, and goes on to the page of ours that was wanted.
    async fn arrive(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<JsValue, EdgeError> {
        portal.count_attempt(&self.address()).await?;
        let discovery = self.discovery(portal).await?;
        let provider = self.provider(&discovery);
        let cookie = cookie_value(&self.cookies, ATTEMPT_COOKIE).unwrap_or_default();
        let given = |name| self.query.get(name).unwrap_or_default();
        let now = portal.ports.now();
        let arrival = provider.arrive(cookie, &given("state"), &given("code"), now)?;
        let runtime = portal.ports;
        let answer = runtime
            .fetch_text(&discovery.token_endpoint, Some(&arrival.body))
            .await?;
        let keys = runtime.fetch_text(&discovery.jwks_uri, None).await?;
        let claims = runtime.verified(&id_token(&answer)?, &keys).await?;
        let guest = provider.guest(&claims, &arrival.nonce, portal.ports.now())?;
        let (ticket, _) = portal.admit(guest, &mut RuntimeRng).await?;
        let seconds = self.deployment.settings.portal.session_seconds;
        let cookie = set_cookie(&ticket, seconds);
        Ok(self.go_on(&arrival.back, &cookie))
    }

    fn go_on(&self, address: &str, cookie: &str) -> JsValue {
        let extra = format!("location: {address}\nset-cookie: {cookie}");
        reply::empty_with(&self.call, 302, &extra, ("", ""))
    }

    fn not_signed_in(&self, refused: &EdgeError) -> JsValue {
        let code = refused.answer().code;
        let extra = format!("location: /keys#sign-in-failed={code}");
        let cause = refused.cause().unwrap_or_default();
        reply::empty_with(&self.call, 302, &extra, (code, &cause))
    }

    fn provider<'a>(&'a self, discovery: &'a Discovery) -> Provider<'a> {
        Provider {
            settings: &self.deployment.settings,
            discovery,
            origin: &self.origin,
        }
    }

    /// What the provider says of itself; a browser comes here seldom enough to ask each time.
    async fn discovery(&self, portal: &Portal<'_, Runtime<'_>>) -> Result<Discovery, EdgeError> {
        let issuer = &self.deployment.settings.portal.oidc()?.issuer;
        let told = portal
            .ports
            .fetch_text(&discovery_url(issuer), None)
            .await?;
        Discovery::read(issuer, &told)
    }
}
