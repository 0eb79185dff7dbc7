//! The inference hosts, as the location that answers sees them.

use std::io::Write;

use edge_core::upstream::{Health, HostList, HostView, Source};

use crate::cli::report::HostsArgs;
use crate::error::Error;
use crate::path::ApiPath;
use crate::table::columns;
use crate::time_spec::utc;

use super::{client, print};

/// Lists the hosts.
pub(crate) fn hosts(args: &HostsArgs, out: &mut impl Write) -> Result<(), Error> {
    let client = client(&args.api)?;
    let answer = client.get(&ApiPath::of("/admin/hosts"))?;
    print(&answer, args.api.json, out, table)
}

fn table(hosts: &HostList) -> String {
    let rows: Vec<[String; 7]> = hosts.data.iter().map(row).collect();
    let header = [
        "HOST", "SOURCE", "HEALTH", "FREE", "QUEUE", "MODELS", "HEARD",
    ];
    columns(header, &rows)
}

fn row(host: &HostView) -> [String; 7] {
    let nothing = || "-".to_owned();
    let sources = host.sources.iter().map(|source| match source {
        Source::Configured => "configured",
        Source::Registered => "registered",
    });
    let health = match host.health {
        Health::Healthy => "healthy",
        Health::Unknown => "unknown",
        Health::Draining => "draining",
        Health::Ejected => "ejected",
    };
    let load = host.load.as_ref();
    [
        host.url.clone(),
        sources.collect::<Vec<_>>().join(", "),
        health.to_owned(),
        load.map_or_else(nothing, |load| load.free.to_string()),
        load.map_or_else(nothing, |load| format!("{} ms", load.queue_ms)),
        load.map_or_else(nothing, |load| load.models.join(", ")),
        host.heard_at.map_or_else(nothing, utc),
    ]
}
