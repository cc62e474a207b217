//! Where clients can reach the gateway now: listeners come and go with the configuration, and all end with the process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::JoinSet;

use super::Shared;
use crate::chain::ClientConnection;
use crate::config::{self, collide};
use crate::error::Refusal;
use crate::listen::{Answers, BindError, ClientInfo, Door, Drain, DrainWatch, Listener, Terms};
use crate::workers::Workers;

/// Those that serve, or are about to.
pub(super) struct Listeners {
    /// In the order of the configuration.
    open: Mutex<Vec<Open>>,
    /// Also those that have been given up and still have connections.
    serving: tokio::sync::Mutex<JoinSet<()>>,
    workers: Arc<Workers>,
    /// Of the process.
    watch: DrainWatch,
}

struct Open {
    /// In the configuration, where the port may be 0.
    configured: SocketAddr,
    /// With the port that the system chose.
    address: SocketAddr,
    /// For connections that are yet to come.
    terms: Arc<ArcSwap<Terms>>,
    door: Door,
    /// Ends it alone.
    drain: Drain,
}

/// The listeners of a configuration before it serves: each bound, or one that serves already.
pub(super) struct Prepared(Vec<(SocketAddr, Place)>);

enum Place {
    New(Listener),
    /// By its address, and how it will serve from then on.
    Kept(SocketAddr, Terms),
}

impl Prepared {
    /// All of them are new. Each with its address in the configuration.
    pub(super) fn new(listeners: Vec<(SocketAddr, Listener)>) -> Prepared {
        Prepared(listeners.into_iter().map(|(configured, listener)| (configured, Place::New(listener))).collect())
    }

    /// Where clients will reach it, and whether it speaks TLS.
    pub(super) fn addresses(&self) -> Vec<(SocketAddr, bool)> {
        let places = self.0.iter().map(|(_, place)| match place {
            Place::New(listener) => (listener.address(), listener.terms().load().speaks_tls()),
            Place::Kept(address, terms) => (*address, terms.speaks_tls()),
        });
        places.collect()
    }
}

impl Listeners {
    pub(super) fn new(workers: Arc<Workers>, watch: DrainWatch) -> Listeners {
        Listeners { open: Mutex::default(), serving: tokio::sync::Mutex::default(), workers, watch }
    }

    /// Where clients reach it.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.open().iter().map(|open| open.address).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.open().len()
    }

    /// Binds what is not there yet. `terms`: for each listener of the configuration, in their order.
    ///
    /// Must be called within a Tokio runtime. What is bound and not taken over is closed again.
    pub(super) fn prepare(&self, listeners: &[config::Listener], terms: Vec<Terms>) -> Result<Prepared, String> {
        let open = self.open();
        // Several may have the port 0, so that each is taken once.
        let mut left: Vec<&Open> = open.iter().collect();
        let mut prepared = Vec::with_capacity(listeners.len());
        for (listener, terms) in listeners.iter().zip(terms) {
            let configured = listener.address;
            let place = match left.iter().position(|open| open.configured == configured) {
                Some(found) => Place::Kept(left.remove(found).address, terms),
                None => Place::New(bind(configured, terms, &open).map_err(|error| error.to_string())?),
            };
            prepared.push((configured, place));
        }
        Ok(Prepared(prepared))
    }

    /// The configuration serves: new ones begin to, kept ones go on as they are configured now, and the others accept nobody any
    /// longer. Their open requests may go on for `drain_timeout`.
    pub(super) async fn take_over(&self, shared: &Arc<Shared>, prepared: Prepared, drain_timeout: Duration) {
        let before = self.addresses();
        for (address, tls) in prepared.addresses().iter().filter(|(address, _)| !before.contains(address)) {
            tracing::info!("listening on {}://{address}", if *tls { "https" } else { "http" });
        }
        let mut begin = Vec::new();
        {
            let mut open = self.open();
            let mut before = std::mem::take(&mut *open);
            for (configured, place) in prepared.0 {
                match place {
                    Place::New(listener) => {
                        let (drain, watch) = self.watch.with_own_end();
                        let (address, terms, door) = (listener.address(), listener.terms(), listener.door());
                        begin.push((listener, watch));
                        open.push(Open { configured, address, terms, door, drain });
                    }
                    Place::Kept(address, terms) => {
                        let Some(found) = before.iter().position(|open| open.address == address) else { continue };
                        let kept = before.remove(found);
                        kept.terms.store(Arc::new(terms));
                        open.push(kept);
                    }
                }
            }
            for gone in before {
                tracing::info!("{} is no longer listened on; its open requests go on", gone.address);
                gone.drain.begin(Duration::ZERO, drain_timeout);
            }
        }
        let mut serving = self.serving.lock().await;
        while serving.try_join_next().is_some() {}
        for (listener, watch) in begin {
            serving.spawn(self.serve(shared.clone(), listener, watch));
        }
    }

    /// Returns when the process drains and each of them has ended.
    pub(super) async fn ended(&self) {
        self.watch.clone().begun().await;
        let mut serving = self.serving.lock().await;
        while serving.join_next().await.is_some() {}
    }

    fn serve(
        &self,
        shared: Arc<Shared>,
        listener: Listener,
        watch: DrainWatch,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (allowance, refusing_by) = (shared.allowance.clone(), shared.clone());
        let service = Answers {
            answer: move |request, client| super::serve(&shared, request, client),
            refuse_unread: move |refusal: &Refusal, client: &ClientInfo| {
                let connection: &ClientConnection = &client.connection;
                refusing_by.generations.current_generation().refuse_unread(refusal, connection)
            },
        };
        listener.serve(self.workers.clone(), allowance, watch, service)
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beside those of ours that have the port on other addresses, since the change may be that they go.
fn bind(configured: SocketAddr, terms: Terms, open: &[Open]) -> Result<Listener, BindError> {
    let in_the_way = open.iter().filter(|open| collide(open.address, configured));
    let doors: Vec<Door> = in_the_way.map(|open| open.door.clone()).collect();
    Listener::bind_beside(configured, &doors, terms)
}
