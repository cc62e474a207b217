//! The running gateway: listeners, the current generation, and the end in good order.

mod admin_state;
mod change;
mod generations;
mod history;
mod inherited;
mod listeners;
mod notify;
mod restart;
mod signals;
mod watch;

use std::borrow::Cow;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{Request, Response};
use hyper::body::Incoming;
use sluicegate_runtime::{EngineOptions, Runtime};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use self::admin_state::State;
use self::change::LastRefused;
use self::generations::{Current, Generations, Origin};
use self::history::History;
use self::inherited::{Inherited, InheritedError};
use self::listeners::{Listeners, Prepared};
use self::signals::Signals;
use self::watch::Fingerprint;
use crate::admin::{AdminError, AdminServer, AdminState};
use crate::chain::{OpenExchanges, ReplyBody, Traces};
use crate::clock::SystemClock;
use crate::config::{self, AdminAddress, Config, Diagnostics, Texts};
use crate::generation::{BuildError, Built, Foundation, Kept};
use crate::listen::{Allowance, BindError, ClientInfo, Drain, DrainWatch, Listener, Terms, TermsError};
use crate::plugin_source::{Patience, PluginSources};
use crate::secrets::Redaction;
use crate::state::counters::Counters;
use crate::telemetry::access_log::{AccessLog, AccessLogError, Redact};
use crate::telemetry::metrics::Metrics;
use crate::upstream::Tls;
use crate::workers::Workers;

/// The most linear memory that a chain entry may grant to an instance, in bytes.
pub const INSTANCE_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// How often instances that nobody has used are given up.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// For `finish` phases and the log's last lines, once all connections have ended.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Why the gateway does not start.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] Diagnostics),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Listen(#[from] TermsError),
    #[error(transparent)]
    Inherited(#[from] InheritedError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    #[error("cannot start the plugin runtime: {0:#}")]
    Runtime(anyhow::Error),
    #[error(
        "cannot start the threads that serve requests: {0}; lower `workers`, or raise the limits of threads and files"
    )]
    Workers(std::io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
    #[error("cannot keep earlier configurations in {}: {source}; check `data_dir`", path.display())]
    History { path: PathBuf, source: std::io::Error },
}

/// Bound and ready; [`Server::run`] serves.
pub struct Server {
    shared: Arc<Shared>,
    listeners: Prepared,
    admin: Option<AdminServer>,
    drain: Drain,
    watch: DrainWatch,
    signals: Signals,
}

/// What requests, the admin listener and changes of the configuration look at.
struct Shared {
    foundation: Foundation,
    generations: Generations,
    /// None where the data directory does not exist.
    history: Option<History>,
    watch: DrainWatch,
    allowance: Allowance,
    listeners: Listeners,
    config_path: PathBuf,
    /// Held while a configuration is built and swapped in.
    changing: Arc<Mutex<()>>,
    /// After each swap.
    changed: Notify,
    /// Those of the workers, and the one that the listeners and the admin are on.
    event_loops: Vec<Handle>,
    /// What the inputs looked like when they were last read.
    seen: ArcSwap<Fingerprint>,
    refused: ArcSwapOption<LastRefused>,
}

/// What is made before any generation is. Compiled plugins are kept in the data directory if it exists.
pub fn foundation(config: &Config, redaction: Redaction, access_log: AccessLog) -> Result<Foundation, StartError> {
    let runtime = Runtime::new(EngineOptions {
        instances_max: config.limits.instances_max,
        memory_bytes_max: INSTANCE_MEMORY_BYTES_MAX,
        // Whoever only checks a file makes no folder beside it.
        cache_dir: config.data_dir.is_dir().then(|| config.data_dir.join("code")),
        ..EngineOptions::default()
    })
    .map_err(StartError::Runtime)?;
    Ok(Foundation {
        runtime,
        metrics: Arc::new(Metrics::new()),
        access_log: Arc::new(access_log),
        counters: Arc::new(Counters::new()),
        clock: Arc::new(SystemClock::new()),
        redaction,
        tls: Tls::new(),
        plugin_sources: PluginSources::new(
            config.data_dir.is_dir().then(|| config.data_dir.join("plugins")),
            Patience::default(),
        ),
        open: Arc::new(OpenExchanges::default()),
        traces: Arc::new(Traces::new()),
        kept: Kept::default(),
    })
}

impl Server {
    /// Loads everything and binds every address, so that a start either works or says why not.
    pub async fn start(texts: Texts, redaction: Redaction) -> Result<Server, StartError> {
        let config = config::parse(&texts)?;
        let access_log = AccessLog::open(&config.access_log, redact(&redaction))?;
        Server::start_with(texts, config, redaction, access_log).await
    }

    /// The same, for whoever reads the access log in this process: its lines go to `sink`, whatever the configuration says.
    pub async fn start_logging_to(
        sink: impl Write + Send + 'static,
        texts: Texts,
        redaction: Redaction,
    ) -> Result<Server, StartError> {
        let config = config::parse(&texts)?;
        let access_log = AccessLog::to(sink, redact(&redaction))?;
        Server::start_with(texts, config, redaction, access_log).await
    }

    async fn start_with(
        texts: Texts,
        config: Config,
        redaction: Redaction,
        access_log: AccessLog,
    ) -> Result<Server, StartError> {
        let seen = Fingerprint::of(&config.inputs);
        let foundation = foundation(&config, redaction, access_log)?;
        let history = match config.data_dir.is_dir() {
            true => Some(
                History::open(&config.data_dir)
                    .map_err(|source| StartError::History { path: config.data_dir.clone(), source })?,
            ),
            false => None,
        };
        // Numbers go on where an earlier process ended, so that each means one configuration for good.
        let id = 1 + history.as_ref().and_then(|history| history.list().last().map(|last| last.id)).unwrap_or(0);
        let terms = Terms::of_all(&config.listeners, &config.limits)?;
        let Built { generation, plugin_files } = foundation.build(&config, id).await?;
        let mut inherited = Inherited::take()?;
        let bound = config.listeners.iter().zip(terms).map(|(listener, terms)| match inherited.at(listener.address) {
            Some(socket) => Listener::adopt(socket, terms),
            None => Listener::bind(listener.address, terms),
        });
        let configured = config.listeners.iter().map(|listener| listener.address);
        let listeners = Prepared::new(configured.zip(bound.collect::<Result<Vec<_>, _>>()?).collect());
        inherited.are_all_taken()?;
        let workers = Arc::new(Workers::start(config.workers).map_err(StartError::Workers)?);
        let (drain, watch) = Drain::new();
        let allowance = Allowance::new(&config.limits, foundation.metrics.clone());
        let admin = config.admin.clone();
        let config_path = texts.files.first().map(|main| main.path.clone()).unwrap_or_default();
        let texts = Arc::new(texts);
        let (generation, config) = (Arc::new(generation), Arc::new(config));
        let first = Current { generation, config, texts: texts.clone(), origin: Origin::Start };
        let shared = Arc::new(Shared {
            foundation,
            generations: Generations::new(first),
            history,
            watch: watch.clone(),
            allowance,
            listeners: Listeners::new(workers.clone(), watch.clone()),
            config_path,
            changing: Arc::default(),
            changed: Notify::default(),
            event_loops: workers.event_loops().cloned().chain([Handle::current()]).collect(),
            seen: ArcSwap::from_pointee(seen),
            refused: ArcSwapOption::default(),
        });
        if let Err(error) = shared.keep(id, &Origin::Start, None, &texts, &plugin_files) {
            tracing::warn!("the configuration cannot be kept for a rollback: {error}");
        }
        let admin = match admin {
            Some(admin) => Some(AdminServer::bind(&admin, Arc::new(State(shared.clone()))).await?),
            None => None,
        };
        let signals = Signals::catch().map_err(StartError::Signals)?;
        Ok(Server { shared, listeners, admin, drain, watch, signals })
    }

    /// Where clients will reach it, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.addresses().into_iter().map(|(address, _)| address).collect()
    }

    pub fn admin_address(&self) -> Option<&AdminAddress> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// What the admin listener can do, for this process, also where none listens.
    pub fn admin_state(&self) -> Arc<dyn AdminState> {
        Arc::new(State(self.shared.clone()))
    }

    /// Serves until a signal, drains, and returns when the last exchange has its outcome in the log.
    pub async fn run(self) {
        let Server { shared, listeners, admin, drain, mut watch, signals } = self;
        shared.foundation.runtime.serves();
        let drain_timeout = shared.generations.current().config.limits.drain_timeout;
        shared.listeners.take_over(&shared, listeners, drain_timeout).await;
        let admin = admin.map(|admin| {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            // The admin listener answers until the last exchange has ended: it says that the gateway drains.
            let running = tokio::spawn(admin.run(async move { drop(stopped.await) }));
            (stop, running)
        });
        let mut background = JoinSet::new();
        background.spawn(sweep(shared.clone()));
        background.spawn(watch::watch(shared.clone()));
        background.spawn(signals::watch(shared.clone(), drain, signals));
        notify::tell("READY=1");
        watch.begun().await;
        shared.listeners.ended().await;
        let open = &shared.foundation.open;
        if tokio::time::timeout(SETTLE_MAX, open.wait_until_none()).await.is_err() {
            tracing::warn!("{} exchanges had not ended when the time for it was over", open.count());
        }
        // What they wait for will not come: their answers end before the listener does.
        shared.foundation.traces.end();
        if let Some((stop, running)) = admin {
            drop(stop);
            drop(running.await);
        }
        background.shutdown().await;
        let access_log = shared.foundation.access_log.clone();
        drop(tokio::task::spawn_blocking(move || access_log.close()).await);
        tracing::info!("ended");
    }
}

fn redact(redaction: &Redaction) -> Redact {
    let redaction = redaction.clone();
    Arc::new(move |text: &str| -> Cow<'_, str> { Cow::Owned(redaction.redact(text).into_owned()) })
}

/// One request: by the generation that is current now, to its last byte.
fn serve(
    shared: &Shared,
    request: Request<Incoming>,
    client: ClientInfo,
) -> impl Future<Output = Result<Response<ReplyBody>, Infallible>> + Send + use<> {
    shared.generations.current_generation().serve(request, client.connection)
}

async fn sweep(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        shared.foundation.runtime.sweep();
    }
}
