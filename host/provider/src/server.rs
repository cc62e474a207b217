//! The provider's life: bind, accept, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::cut::{CutStream, CutSwitch};
use crate::service::Service;
use crate::{Invoice, ProviderOptions, Received};

/// After a failed `accept`, which mostly means that the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bound to its address and not yet serving: connections wait in the listen queue until [`Provider::serve`].
#[derive(Debug)]
pub struct Provider {
    listener: TcpListener,
    address: SocketAddr,
    received: Received,
    invoice: Invoice,
    options: ProviderOptions,
}

impl Provider {
    /// Port 0 lets the system choose; [`Provider::address`] tells which.
    pub async fn bind(address: SocketAddr, options: ProviderOptions) -> io::Result<Provider> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Provider { listener, address, received: Received::new(), invoice: Invoice::default(), options })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle that stays good while the provider serves and after it.
    pub fn received(&self) -> Received {
        self.received.clone()
    }

    /// What each key has used; a handle that stays good likewise.
    pub fn invoice(&self) -> Invoice {
        self.invoice.clone()
    }

    /// Serves until `shutdown` is ready, then closes the listener, lets open answers end for
    /// [`ProviderOptions::drain_timeout`], and closes what is left.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let Provider { listener, received, invoice, options, .. } = self;
        let drain_timeout = options.drain_timeout;
        let permits = Arc::new(Semaphore::new(options.connections_max));
        let service = Arc::new(Service::new(options, received, invoice));
        let (stop, _) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            // The permit comes first, so that a connection too many stays in the listen queue.
            let accept = async { (Arc::clone(&permits).acquire_owned().await, listener.accept().await) };
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                (permit, accepted) = accept => match accepted {
                    Ok((stream, _)) => {
                        let serving = serve_connection(stream, Arc::clone(&service), stop.subscribe());
                        connections.spawn(async move {
                            serving.await;
                            drop(permit);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        stop.send_replace(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(drain_timeout, drained).await.is_err() {
            connections.shutdown().await;
        }
    }
}

async fn serve_connection(stream: TcpStream, service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    // Each chunk of a stream is to leave at once. Where that cannot be set the answer is right all the same.
    let _ = stream.set_nodelay(true);
    let switch = Arc::new(CutSwitch::default());
    let stream = CutStream::new(TokioIo::new(stream), Arc::clone(&switch));
    let answer = service_fn(|request| Arc::clone(&service).answer(request, Arc::clone(&switch)));
    let mut connection = pin!(http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, answer));
    let mut stop = pin!(async { stopping.wait_for(|stop| *stop).await.is_ok() });
    let mut draining = false;
    loop {
        tokio::select! {
            // A client that goes away in the middle is no error of the provider's.
            _ = connection.as_mut() => return,
            () = switch.fired() => return,
            _ = &mut stop, if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
