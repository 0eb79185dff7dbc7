//! Names to addresses.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// What resolves names.
pub(super) trait Names: Send + Sync + 'static {
    /// All addresses of the name, within so much time.
    fn resolve(&self, name: &str, patience: Duration) -> io::Result<Vec<IpAddr>>;
}

/// As this system resolves them.
pub(super) struct SystemNames;

impl Names for SystemNames {
    fn resolve(&self, name: &str, patience: Duration) -> io::Result<Vec<IpAddr>> {
        let (found, is_found) = sync_channel(1);
        let name = name.to_owned();
        // What the system is asked can't be taken back: the thread ends when it answers.
        std::thread::Builder::new()
            .name("resolve".to_owned())
            .spawn(move || {
                let addresses = (name.as_str(), 0).to_socket_addrs();
                let _ = found.send(addresses.map(|all| all.map(|a: SocketAddr| a.ip()).collect()));
            })?;
        match is_found.recv_timeout(patience) {
            Ok(addresses) => addresses,
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::Other.into()),
        }
    }
}
