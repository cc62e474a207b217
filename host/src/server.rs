//! The running gateway: listeners, the current generation, and the end in good order.

mod admin_state;
mod signals;

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;
use sluicegate_runtime::{EngineOptions, Runtime};
use thiserror::Error;
use tokio::task::JoinSet;

use self::admin_state::State;
use crate::admin::{AdminError, AdminServer};
use crate::chain::{OpenExchanges, ReplyBody};
use crate::clock::SystemClock;
use crate::config::{AdminAddress, Config};
use crate::generation::{BuildError, Foundation, Generation};
use crate::listen::{Allowance, BindError, ClientInfo, Drain, DrainWatch, Listener};
use crate::plugin_source::{Patience, PluginSources};
use crate::secrets::Redaction;
use crate::state::counters::Counters;
use crate::telemetry::access_log::{AccessLog, AccessLogError, Redact};
use crate::telemetry::metrics::Metrics;
use crate::upstream::Tls;

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
    Build(#[from] BuildError),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    #[error("cannot start the plugin runtime: {0:#}")]
    Runtime(anyhow::Error),
}

/// Bound and ready; [`Server::run`] serves.
pub struct Server {
    shared: Arc<Shared>,
    listeners: Vec<Listener>,
    admin: Option<AdminServer>,
    drain: Drain,
    watch: DrainWatch,
    drain_timeout: Duration,
}

/// What requests and the admin listener look at.
struct Shared {
    foundation: Foundation,
    generation: ArcSwap<Generation>,
    watch: DrainWatch,
    allowance: Allowance,
    /// Where clients reach it, with the ports that the system chose.
    addresses: Vec<SocketAddr>,
    /// For the summary that the admin listener shows.
    config: Config,
}

/// What is made before any generation is. Compiled plugins are kept in the data directory if it exists.
pub fn foundation(config: &Config, redaction: Redaction, access_log: AccessLog) -> Result<Foundation, StartError> {
    let runtime = Runtime::new(EngineOptions {
        instances_max: config.limits.instances_max,
        memory_bytes_max: INSTANCE_MEMORY_BYTES_MAX,
        // Whoever only checks a file makes no folder beside it.
        cache_dir: config.data_dir.is_dir().then(|| config.data_dir.join("code")),
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
    })
}

impl Server {
    /// Loads everything and binds every address, so that a start either works or says why not.
    pub async fn start(config: Config, redaction: Redaction) -> Result<Server, StartError> {
        let access_log = AccessLog::open(&config.access_log, redact(&redaction))?;
        let foundation = foundation(&config, redaction, access_log)?;
        let generation = foundation.build(&config, 1).await?;
        let listeners =
            config.listeners.iter().map(|listener| Listener::bind(listener.address)).collect::<Result<Vec<_>, _>>()?;
        let (drain, watch) = Drain::new();
        let allowance = Allowance::new(&config.limits);
        let drain_timeout = config.limits.drain_timeout;
        let admin = config.admin.clone();
        let generation = ArcSwap::from_pointee(generation);
        let addresses = listeners.iter().map(Listener::address).collect();
        let shared = Arc::new(Shared { foundation, generation, watch: watch.clone(), allowance, addresses, config });
        let admin = match admin {
            Some(admin) => Some(AdminServer::bind(&admin, Arc::new(State(shared.clone()))).await?),
            None => None,
        };
        Ok(Server { shared, listeners, admin, drain, watch, drain_timeout })
    }

    /// Where clients reach it, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.shared.addresses
    }

    pub fn admin_address(&self) -> Option<&AdminAddress> {
        self.admin.as_ref().map(AdminServer::address)
    }

    /// Serves until a signal, drains, and returns when the last exchange has its outcome in the log.
    pub async fn run(self) {
        let Server { shared, listeners, admin, drain, mut watch, drain_timeout } = self;
        let mut serving = JoinSet::new();
        for listener in listeners {
            let serving_by = shared.clone();
            let service = move |request, client| serve(serving_by.clone(), request, client);
            serving.spawn(listener.serve(shared.allowance.clone(), watch.clone(), service));
        }
        let admin = admin.map(|admin| {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            // The admin listener answers until the last exchange has ended: it says that the gateway drains.
            let running = tokio::spawn(admin.run(async move { drop(stopped.await) }));
            (stop, running)
        });
        let background = tokio::spawn(sweep(shared.clone()));
        let signals = tokio::spawn(signals::watch(shared.clone(), drain, drain_timeout));
        watch.begun().await;
        while serving.join_next().await.is_some() {}
        let open = &shared.foundation.open;
        if tokio::time::timeout(SETTLE_MAX, open.wait_until_none()).await.is_err() {
            tracing::warn!("{} exchanges had not ended when the time for it was over", open.count());
        }
        if let Some((stop, running)) = admin {
            drop(stop);
            drop(running.await);
        }
        background.abort();
        signals.abort();
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
async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    client: ClientInfo,
) -> Result<Response<ReplyBody>, Infallible> {
    let generation = shared.generation.load_full();
    Ok(generation.serve(request, client).await)
}

async fn sweep(shared: Arc<Shared>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        shared.foundation.runtime.sweep();
    }
}
