//! The accept loop: connections with bounds of number and time, and a drain at the end.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use inference_audio::VoiceDetector;
use inference_models::directory::directory_or_default;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

#[cfg(any(test, feature = "test-support"))]
use crate::backend::LoadedModel;
use crate::backend::{BackendError, gpus};
use crate::config::{Config, ConfigError};
use crate::device::{self, Device, DeviceError};
use crate::heartbeat::Heart;
use crate::models::{Folder, Places, Running, Unavailable};
use crate::routes::router;
use crate::service::{CountedConnection, Ear, Models, Service};

/// Read and write buffer of a connection, at most. Also the largest request head.
const BUFFER_BYTES: usize = 64 * 1024;
/// Pause after the system refused a connection (out of file descriptors, most likely).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time for answers that are done to leave, after the drain.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why the service does not start, or stops.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model can't be found or loaded.
    #[error("model '{name}': {cause}")]
    Model {
        /// As it was asked for.
        name: String,
        /// What is wrong, and where it was looked for.
        cause: String,
    },
    /// There is no folder of models.
    #[error(transparent)]
    Directory(#[from] inference_models::directory::DirectoryError),
    /// What models are to run on is not there.
    #[error("--device: {0}")]
    Device(#[from] DeviceError),
    /// The threads can't be made.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The address can't be listened on; mostly because another process does.
    #[error("can't listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// The thread of the heartbeats can't be started.
    #[error("can't start the heartbeats: {0}")]
    Heart(io::Error),
    /// The address file can't be written.
    #[error("can't write the address file: {0}")]
    AddressFile(io::Error),
}

/// A service that listens and has its models loaded.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
    settings: ConnectionSettings,
    drain_delay: Duration,
    drain_timeout: Duration,
    heart: Option<Heart>,
}

#[derive(Clone, Copy)]
struct ConnectionSettings {
    header_timeout: Duration,
    stall_timeout: Duration,
    max_connections: usize,
}

impl Server {
    /// Listens, then loads the models of the settings; takes seconds for large ones. Must be called
    /// inside a tokio runtime.
    pub async fn start(config: &Config) -> Result<Self, ServerError> {
        config.check()?;
        // First, so that a busy port is known before a model is loaded for nothing.
        let listener = listen(config.listen).await?;
        let models = models_of(config)?;
        let ear: Ear = || Box::new(VoiceDetector::default());
        Self::new(listener, config, models, ear).await
    }

    /// As [`Server::start`], with backends of the caller's making, for which everything is speech.
    #[cfg(any(test, feature = "test-support"))]
    pub async fn start_with(
        config: &Config,
        models: Vec<LoadedModel>,
    ) -> Result<Self, ServerError> {
        config.check()?;
        let ear: Ear = || Box::new(crate::backend::fake::HearsAll);
        let kept = models.iter().map(|(name, _)| name.clone()).collect();
        let models = Models {
            names: config.models.names_with(kept),
            library: Box::new(crate::models::Given(models)),
            places: places(config, vec![Device::Cpu]),
        };
        Self::new(listen(config.listen).await?, config, models, ear).await
    }

    async fn new(
        listener: TcpListener,
        config: &Config,
        models: Models,
        ear: Ear,
    ) -> Result<Self, ServerError> {
        let address = listener.local_addr().map_err(|cause| ServerError::Listen {
            address: config.listen,
            cause,
        })?;
        let devices: Vec<String> = models
            .places
            .devices
            .iter()
            .map(Device::to_string)
            .collect();
        let service = Arc::new(Service::new(config, models, ear)?);
        let loading = Arc::clone(&service);
        tokio::task::spawn_blocking(move || loading.registry.load_kept())
            .await
            .map_err(|e| BackendError::Load(e.to_string()))??;
        let heart = Heart::start(config, &service).map_err(ServerError::Heart)?;
        let server = Self {
            listener,
            address,
            service,
            settings: ConnectionSettings {
                header_timeout: config.header_timeout,
                stall_timeout: config.stall_timeout,
                max_connections: config.max_connections,
            },
            drain_delay: config.drain_delay,
            drain_timeout: config.drain_timeout,
            heart,
        };
        if let Some(path) = &config.address_file {
            write_atomically(path, &address.to_string()).map_err(ServerError::AddressFile)?;
        }
        let load = server.service.load();
        let models = server.service.registry.loaded();
        tracing::info!(%address, ?models, ?devices, ?load, "listening");
        Ok(server)
    }

    /// The address it listens on, with the port the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends. Then it says that it is being replaced and goes on serving for a while, then
    /// refuses what is new and finishes what is in flight within the drain's time.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let heart = self.heart.take();
        let router = router(Arc::clone(&self.service));
        let connections = Connections::new();
        let accept = async {
            loop {
                self.accept(&router, &connections).await;
            }
        };
        let drained = async {
            shutdown.await;
            // Not ready from this moment; whoever has not heard of it yet is served all the same.
            self.service.leave();
            heart.iter().for_each(Heart::changed);
            tracing::info!(load = ?self.service.load(), "leaving");
            tokio::time::sleep(self.drain_delay).await;
            self.service.drain();
            tracing::info!(load = ?self.service.load(), "draining");
            timeout(self.drain_timeout, self.service.idle()).await
        };
        let in_time = tokio::select! {
            () = accept => true,
            drained = drained => drained.is_ok(),
        };
        drop(self.listener);
        if let Some(heart) = heart {
            heart.stop().await;
        }
        let left = timeout(FAREWELL, connections.shutdown()).await.is_ok();
        tracing::info!(in_time, all_connections_closed = left, "stopped");
    }

    async fn accept(&self, router: &Router, connections: &Connections) {
        let stream = match self.listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        let most = self.settings.max_connections;
        let Some(counted) = CountedConnection::enter(&self.service, most) else {
            // Dropped at once: the listener's backlog stays free for those who come later.
            return;
        };
        let connection = connect(stream, router.clone(), self.settings);
        let Ok(connection) = connection else { return };
        let closing = connections.closing.clone();
        let open = connections.open.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // A connection that breaks is the peer's business; its requests have log lines.
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            drop((counted, open));
        });
    }
}

/// All connections that speak HTTP, to be told to close. One that was upgraded ends with its session's permit.
struct Connections {
    closing: CancellationToken,
    /// Each connection has a clone of it.
    open: mpsc::Sender<std::convert::Infallible>,
    ended: mpsc::Receiver<std::convert::Infallible>,
}

impl Connections {
    fn new() -> Self {
        let (open, ended) = mpsc::channel(1);
        Self {
            closing: CancellationToken::new(),
            open,
            ended,
        }
    }

    /// Tells them to close after the answer under way, and waits until all are.
    async fn shutdown(self) {
        let Self {
            closing,
            open,
            mut ended,
        } = self;
        closing.cancel();
        drop(open);
        // Nothing is ever sent: it ends with the last connection.
        while ended.recv().await.is_some() {}
    }
}

type Connection = http1::UpgradeableConnection<
    TokioIo<std::pin::Pin<Box<TimeoutStream<TcpStream>>>>,
    TowerToHyperService<Router>,
>;

fn connect(
    stream: TcpStream,
    router: Router,
    settings: ConnectionSettings,
) -> io::Result<Connection> {
    // Answers are small and written at once: waiting to fill a packet only delays them.
    stream.set_nodelay(true)?;
    let mut stream = TimeoutStream::new(stream);
    // A peer that does not read its answer. Reads have bounds of their own: of the head below, of
    // the body in `upload`; between the two a peer rightly sends nothing.
    stream.set_write_timeout(Some(settings.stall_timeout));
    Ok(http1::Builder::new()
        .timer(TokioTimer::new())
        // Runs from the connection's start, and again after each answer: it bounds idleness too.
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(router),
        )
        .with_upgrades())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| ServerError::Listen { address, cause })
}

/// The models of the settings' folder, on the settings' devices; none is loaded yet.
pub(crate) fn models_of(config: &Config) -> Result<Models, ServerError> {
    let folder = directory_or_default(config.models.models_dir.as_deref())?;
    let devices = config
        .models
        .device
        .resolve(&gpus::present(), &device::built())?;
    let running = Running {
        threads: config.threads_per_state.get(),
        flash_attention: config.flash_attention,
        fit_context: config.fit_context,
    };
    Ok(Models {
        names: config.models.names(),
        library: Box::new(Folder::new(folder, running, &devices)),
        places: places(config, devices),
    })
}

fn places(config: &Config, devices: Vec<Device>) -> Places {
    let on_gpu = devices.iter().any(Device::is_gpu);
    Places {
        threads_each: config.state_count(on_gpu),
        devices,
    }
}

impl From<Unavailable> for ServerError {
    fn from(why: Unavailable) -> Self {
        Self::Model {
            name: why.model,
            cause: why.cause,
        }
    }
}

/// Whoever waits for the file never sees a half of it.
fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    use io::Write as _;
    let dir = path
        .parent()
        .filter(|d| !d.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
