//! An address that stays while what is behind it is killed and comes back under another one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes connections on to wherever it leads at the time. While that is nowhere it ends them at once.
#[derive(Debug)]
pub struct Relay {
    url: String,
    target: Arc<Mutex<Option<String>>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Listens; it leads nowhere yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("no port: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("no address: {error}"));
        let target = Arc::new(Mutex::new(None));
        let leads = Arc::clone(&target);
        let accepting = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let to: Option<String> =
                    leads.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tokio::spawn(async move {
                    if let Some(to) = to
                        && let Ok(mut to) = TcpStream::connect(to).await
                    {
                        // Whoever breaks off breaks off for both.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self {
            url: format!("http://{address}"),
            target,
            accepting,
        }
    }

    /// Its own address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Leads to this address from now on, `http://host:port`.
    pub fn lead_to(&self, url: &str) {
        let target = url.trim_start_matches("http://").to_owned();
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(target);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
