//! How the hosts fare, for an administrator.

use serde::{Deserialize, Serialize};

use super::host::{Host, Standing};
use crate::ports::UnixMs;

/// All hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct HostList {
    /// The hosts, as the location that answers sees them.
    pub data: Vec<HostView>,
}

/// How a host fares, for an administrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct HostView {
    /// Its origin.
    pub url: String,
    /// From where it is known.
    pub sources: Vec<Source>,
    /// How it stands.
    pub health: Health,
    /// Until when it is left out, in unix seconds; `null` where it is not.
    pub out_until: Option<u64>,
    /// When it was heard of last, in unix seconds; `null`: never.
    pub heard_at: Option<u64>,
    /// Requests sent to it since its last news and not answered.
    pub sent: u32,
    /// What it said last; `null` where that is not known, or too old.
    pub load: Option<LoadView>,
}

/// From where a host is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The setting `INFERENCE_URLS` names it.
    Configured,
    /// It registered itself.
    Registered,
}

/// How a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It answers.
    Healthy,
    /// Nothing was heard of it for some seconds.
    Unknown,
    /// It is being replaced.
    Draining,
    /// It failed, and is left out.
    Ejected,
}

/// What a host said of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct LoadView {
    /// Requests that it would take.
    pub free: u32,
    /// How long another request would wait, in milliseconds.
    pub queue_ms: u32,
    /// Models that it has in memory.
    pub models: Vec<String>,
}

pub(super) fn of(host: &Host, now: UnixMs) -> HostView {
    let health = match host.standing(now) {
        Standing::Out | Standing::Returning => Health::Ejected,
        Standing::Draining => Health::Draining,
        Standing::Ready if host.is_doubtful(now) => Health::Unknown,
        Standing::Ready => Health::Healthy,
    };
    let sources = [
        host.is_configured.then_some(Source::Configured),
        host.is_registered.then_some(Source::Registered),
    ];
    HostView {
        url: host.origin.clone(),
        sources: sources.into_iter().flatten().collect(),
        health,
        out_until: (health == Health::Ejected).then(|| host.out_until.seconds()),
        heard_at: (host.heard_at.0 > 0).then(|| host.heard_at.seconds()),
        sent: host.sent,
        load: host.load(now).map(|load| LoadView {
            free: load.free,
            queue_ms: load.queue_ms,
            models: load.models.clone(),
        }),
    }
}
