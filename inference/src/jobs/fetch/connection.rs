//! A connection of the HTTP client that goes where it was decided, and tells of what was left in it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};

/// Most addresses that are tried: what the client takes.
const MOST_ADDRESSES: usize = 16;

/// Addresses that were judged. Whatever the client asks for, it gets these, and no name is resolved a second time.
#[derive(Debug)]
pub(super) struct Pinned(Vec<IpAddr>);

impl Pinned {
    pub(super) fn new(mut addresses: Vec<IpAddr>) -> Self {
        addresses.truncate(MOST_ADDRESSES);
        Self(addresses)
    }
}

impl Resolver for Pinned {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let default = if uri.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        let port = uri.port_u16().unwrap_or(default);
        let mut all = self.empty();
        for address in &self.0 {
            all.push(SocketAddr::new(*address, port));
        }
        Ok(all)
    }
}

/// Opens connections as the client does, and looks what is left in them.
#[derive(Debug)]
pub(super) struct Watching {
    inner: DefaultConnector,
    has_more: Arc<AtomicBool>,
}

impl Watching {
    /// Sets `has_more` when a connection is closed in which there was more than the answer.
    pub(super) fn new(has_more: Arc<AtomicBool>) -> Self {
        Self {
            inner: DefaultConnector::new(),
            has_more,
        }
    }
}

impl Connector for Watching {
    type Out = Watched;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<()>,
    ) -> Result<Option<Watched>, Error> {
        let transport = self.inner.connect(details, chained)?;
        Ok(transport.map(|inner| Watched {
            inner,
            has_more: Arc::clone(&self.has_more),
        }))
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Box<dyn Transport>,
    has_more: Arc<AtomicBool>,
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.inner.buffers().input().is_empty() {
            self.has_more.store(true, Ordering::Release);
        }
    }
}
