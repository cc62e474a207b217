//! One connection from its acceptance to its end: whom it is for, TLS if the listener has it, then HTTP/2 or HTTP/1.1.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::activity::Activity;
use super::allowance::{Allowance, Closed, Place};
use super::room::{Lodged, Rooms};
use super::service::Service;
use super::stall::StallGuard;
use super::terms::Terms;
use super::{ClientInfo, DrainWatch, first_bytes, http1, http2, proxy_header, report, subject};
use crate::chain::ClientConnection;

/// In a drain: for a request that is on its way, before a connection on which nothing is asked is closed.
pub(super) const HEAD_GRACE: Duration = Duration::from_secs(1);

/// A connection as it was accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// Which of our addresses it has reached.
    pub(super) local: SocketAddr,
}

/// What all connections of a listener have in common.
pub(super) struct Ground<S: Service> {
    pub(super) terms: Arc<Terms>,
    pub(super) allowance: Allowance,
    pub(super) drain: DrainWatch,
    pub(super) service: Arc<S>,
    pub(super) rooms: Arc<Rooms<S::Answer>>,
    /// The listener cuts what is left.
    pub(super) cut: Arc<AtomicBool>,
}

/// A connection whose client is known and may be served.
struct Opened<S: Service> {
    ground: Ground<S>,
    stream: StallGuard,
    activity: Arc<Activity>,
    address: SocketAddr,
    connection: ClientConnection,
    /// None: those of its address are not counted.
    place: Option<Place>,
    spoken: Spoken,
}

enum Spoken {
    Http1,
    Http2,
    Tls,
}

/// Returns when it has ended.
pub(super) async fn serve<S: Service>(accepted: Accepted, ground: Ground<S>) {
    let local = accepted.local;
    // Boxed, so that an open connection does not carry the room for its beginning.
    let Some(opened) = Box::pin(open(accepted, ground)).await else { return };
    let Opened { ground, stream, activity, address, connection, place, spoken } = opened;
    let client = move |connection| ClientInfo { address, local, connection: Arc::new(connection) };
    match spoken {
        // Boxed, so that connections in clear text do not carry the room for it; and so for HTTP/2.
        Spoken::Tls => {
            let client = move |subject| client(connection.in_tls(subject));
            Box::pin(ground.serve_in_tls(stream, activity, client)).await
        }
        Spoken::Http2 => {
            let client = client(connection);
            Box::pin(http2::serve(&ground, stream, &client, &activity)).await
        }
        Spoken::Http1 => {
            let client = client(connection);
            http1::serve(&ground, stream, &client, &activity).await
        }
    }
    drop(place);
}

/// Finds out whom it is for, and what is spoken. None: it was closed.
async fn open<S: Service>(accepted: Accepted, mut ground: Ground<S>) -> Option<Opened<S>> {
    let Accepted { stream, peer, .. } = accepted;
    let activity = Arc::new(Activity::default());
    let terms = ground.terms.clone();
    let mut stream = StallGuard::new(stream, &terms, activity.clone());
    let address = match terms.proxy_protocol {
        false => peer,
        true => ground.client_of(peer, &mut stream).await?,
    };
    let connection = ClientConnection::new(address.ip()).under(terms.addresses.clone()).cut_with(ground.cut.clone());
    if !connection.is_admitted() {
        ground.close(address, Closed::AddressDenied, "this listener does not serve its address");
        return None;
    }
    // Those of a balancer are not one client's.
    let is_one_of_many = terms.addresses.trusted_proxies.contain(address.ip());
    let place = match is_one_of_many {
        true => None,
        false => match ground.allowance.place(address.ip()) {
            None => {
                ground.close(address, Closed::AddressLimit, "its address has too many connections");
                return None;
            }
            place => place,
        },
    };
    let is_http2 = match (terms.protocols.http1, terms.protocols.http2) {
        _ if terms.tls.is_some() => false,
        (true, true) => match ground.in_time(first_bytes::begins_http2(&mut stream)).await {
            Some(Ok(is_http2)) => is_http2,
            // It has left.
            Some(Err(_)) => return None,
            // Many clients connect before they have something to ask.
            None if stream.is_silent() => return None,
            None => {
                ground.close(address, Closed::SlowHead, "no request came in time");
                return None;
            }
        },
        (_, is_http2) => is_http2,
    };
    let spoken = match (terms.tls.is_some(), is_http2) {
        (true, _) => Spoken::Tls,
        (false, true) => Spoken::Http2,
        (false, false) => Spoken::Http1,
    };
    Some(Opened { ground, stream, activity, address, connection, place, spoken })
}

impl<S: Service> Ground<S> {
    /// The future is moved several times on its way into the connection, if it is not put away here.
    pub(super) fn answer(&self, request: Request<Incoming>, client: ClientInfo) -> Lodged<S::Answer> {
        self.rooms.lodge(|| self.service.answer(request, client))
    }

    async fn serve_in_tls(
        mut self,
        stream: StallGuard,
        activity: Arc<Activity>,
        client: impl FnOnce(Option<Box<str>>) -> ClientInfo,
    ) {
        let peer = stream.peer();
        let terms = self.terms.clone();
        let Some(acceptor) = &terms.tls else { return };
        // All that is large is boxed: a connection at rest carries the room for neither its handshake nor the other protocol, and
        // what is spoken in TLS is moved several times.
        let stream = match Box::pin(self.in_time(acceptor.accept(stream))).await {
            Some(Ok(stream)) => Box::new(stream),
            Some(Err(error)) => {
                self.allowance.closed(Closed::TlsHandshake);
                return report::handshake_failed(peer, &error);
            }
            None => return self.close(peer, Closed::TlsHandshake, "no TLS handshake came in time"),
        };
        let (_, session) = stream.get_ref();
        let is_http2 = match session.alpn_protocol() {
            Some(protocol) => protocol == b"h2",
            None => !self.terms.protocols.http1,
        };
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let client = client(certificate.and_then(|der| subject::subject(der)));
        match is_http2 {
            true => Box::pin(http2::serve(&self, stream, &client, &activity)).await,
            false => Box::pin(http1::serve(&self, stream, &client, &activity)).await,
        }
    }

    /// By the header of the PROXY protocol. None: the connection is of no use.
    async fn client_of(&mut self, peer: SocketAddr, stream: &mut StallGuard) -> Option<SocketAddr> {
        if !self.terms.addresses.trusted_proxies.contain(peer.ip()) {
            self.close(
                peer,
                Closed::ProxyHeader,
                "it is none of the trusted proxies, and this listener is for them alone",
            );
            return None;
        }
        match self.in_time(proxy_header::read(stream)).await {
            Some(Ok(client)) => return Some(client.unwrap_or(peer)),
            Some(Err(error)) if error.kind() != io::ErrorKind::InvalidData => {}
            Some(Err(_)) => {
                self.close(peer, Closed::ProxyHeader, "it does not begin with a header of the PROXY protocol")
            }
            None => self.close(peer, Closed::ProxyHeader, "no header of the PROXY protocol came in time"),
        }
        None
    }

    fn close(&self, client: SocketAddr, closed: Closed, why: &str) {
        self.allowance.closed(closed);
        report::connection_closed(client, closed, why);
    }

    /// None when it took longer than a head may take, or than a drain waits for one.
    async fn in_time<T>(&mut self, work: impl Future<Output = io::Result<T>>) -> Option<io::Result<T>> {
        let drain = &mut self.drain;
        let draining = async {
            drain.begun().await;
            tokio::time::sleep(HEAD_GRACE).await;
        };
        tokio::select! {
            biased;
            done = timeout(self.terms.head_timeout, work) => done.ok(),
            () = draining => None,
        }
    }
}
