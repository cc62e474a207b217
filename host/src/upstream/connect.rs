//! Opens connections: resolves the name, tries each address in turn, and shakes hands.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::error::UpstreamError;
use super::tls;
use crate::config;

/// More addresses of one name are not tried.
const ADDRESSES_MAX: usize = 8;

pub(super) struct Connector {
    config: Arc<config::Upstream>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Why one address gave no connection.
enum Refused {
    Network(io::Error),
    Tls(String),
}

impl Connector {
    pub(super) fn new(
        config: Arc<config::Upstream>,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    ) -> Connector {
        Connector { config, tls: tls.map(|(client, name)| (TlsConnector::from(client), name)) }
    }

    /// All of it within the connect timeout, of which each address still to be tried gets an equal share.
    pub(super) async fn connect(&self) -> Result<Wire, UpstreamError> {
        let started = Instant::now();
        let remaining = || self.config.connect_timeout.saturating_sub(started.elapsed());
        let origin = &self.config.origin;
        let mut addresses: Vec<SocketAddr> =
            match timeout(remaining(), lookup_host((origin.host.as_str(), origin.port))).await {
                Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
                Ok(Err(error)) => return Err(self.unreachable(format!("the name cannot be resolved: {error}"))),
                Err(_) => return Err(self.unreachable(self.timed_out("resolving the name"))),
            };
        addresses.dedup();
        let count = addresses.len();
        let mut why = format!("the name `{}` has no address", origin.host);
        for (position, address) in addresses.into_iter().enumerate() {
            let share = remaining() / u32::try_from(count - position).unwrap_or(u32::MAX);
            why = match timeout(share, self.connect_to(address)).await {
                Ok(Ok(wire)) => return Ok(wire),
                // Another address of the same name would have to prove the same.
                Ok(Err(Refused::Tls(why))) => {
                    return Err(UpstreamError::Tls {
                        upstream: self.config.name.clone(),
                        origin: origin.to_uri_prefix(),
                        why,
                    });
                }
                Ok(Err(Refused::Network(error))) => format!("{address}: {error}"),
                Err(_) => self.timed_out(&format!("connecting to {address}")),
            };
        }
        if count > 1 {
            why = format!("none of {count} addresses answered; the last: {why}");
        }
        Err(self.unreachable(why))
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<Wire, Refused> {
        let stream = TcpStream::connect(address).await.map_err(Refused::Network)?;
        stream.set_nodelay(true).map_err(Refused::Network)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some((connector, name)) => match connector.connect(name.clone(), stream).await {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(error) => {
                    return Err(
                        tls::explain(&error, &self.config.origin.host).map_or(Refused::Network(error), Refused::Tls)
                    );
                }
            },
        };
        Ok(Wire { stream, heard: Arc::new(AtomicBool::new(false)) })
    }

    pub(super) fn unreachable(&self, why: String) -> UpstreamError {
        UpstreamError::Unreachable {
            upstream: self.config.name.clone(),
            origin: self.config.origin.to_uri_prefix(),
            why,
        }
    }

    fn timed_out(&self, what: &str) -> String {
        format!("{what} took longer than its share of {:?}", self.config.connect_timeout)
    }
}

/// A connection that remembers whether the other side has said anything.
pub(super) struct Wire {
    stream: Stream,
    /// Set with the first byte of an answer; cleared before a request.
    pub(super) heard: Arc<AtomicBool>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let before = buffer.filled().len();
        ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        if buffer.filled().len() > before {
            wire.heard.store(true, Ordering::Release);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
