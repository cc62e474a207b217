//! Opens connections: resolves the name, tries each address in turn, and shakes hands.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls_pki_types::ServerName;
use sluicegate_framing::Watch;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::heard::{Asked, Heard};
use super::tls::{self, Tls, TlsSetupError, TlsTerms};
use crate::config::{Origin, UpstreamProtocol};
use crate::http::held_back;

/// More addresses of one name are not tried.
const ADDRESSES_MAX: usize = 8;

/// Opens connections to one origin.
pub struct Connector {
    origin: Origin,
    connect_timeout: Duration,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    protocol: UpstreamProtocol,
}

/// Why an origin cannot be connected to, before anything is tried.
#[derive(Debug, Error)]
pub enum ConnectSetupError {
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    #[error("`{host}` is neither a host name nor an address")]
    Host { host: String },
}

/// Why there is no connection; both are sentences that name the address or the certificate.
#[derive(Debug)]
pub enum ConnectError {
    Unreachable(String),
    Tls(String),
}

/// Why one address gave no connection.
enum Refused {
    Network(io::Error),
    Tls(String),
}

impl Connector {
    /// Reads the certificate authorities when the origin is `https`; connects to nothing yet.
    pub fn new(
        origin: Origin,
        connect_timeout: Duration,
        terms: &TlsTerms<'_>,
        tls: &Tls,
    ) -> Result<Connector, ConnectSetupError> {
        let tls = if origin.tls {
            let client = tls.client_config(terms)?;
            let host = terms.server_name.unwrap_or(&origin.host);
            let name =
                ServerName::try_from(host.to_owned()).map_err(|_| ConnectSetupError::Host { host: host.to_owned() })?;
            Some((TlsConnector::from(client), name))
        } else {
            None
        };
        let protocol = terms.protocol.unwrap_or(UpstreamProtocol::Http1);
        Ok(Connector { origin, connect_timeout, tls, protocol })
    }

    /// All of it within the connect timeout, of which each address still to be tried gets an equal share.
    pub async fn connect(&self) -> Result<Wire, ConnectError> {
        let started = Instant::now();
        let remaining = || self.connect_timeout.saturating_sub(started.elapsed());
        let origin = &self.origin;
        let mut addresses: Vec<SocketAddr> =
            match timeout(remaining(), lookup_host((origin.host.as_str(), origin.port))).await {
                Ok(Ok(addresses)) => addresses.take(ADDRESSES_MAX).collect(),
                Ok(Err(error)) => {
                    return Err(ConnectError::Unreachable(format!("the name cannot be resolved: {error}")));
                }
                Err(_) => return Err(ConnectError::Unreachable(self.timed_out("resolving the name"))),
            };
        addresses.dedup();
        let count = addresses.len();
        let mut why = format!("the name `{}` has no address", origin.host);
        for (position, address) in addresses.into_iter().enumerate() {
            let share = remaining() / u32::try_from(count - position).unwrap_or(u32::MAX);
            why = match timeout(share, self.connect_to(address)).await {
                Ok(Ok(wire)) => return Ok(wire),
                // Another address of the same name would have to prove the same.
                Ok(Err(Refused::Tls(why))) => return Err(ConnectError::Tls(why)),
                Ok(Err(Refused::Network(error))) => format!("{address}: {error}"),
                Err(_) => self.timed_out(&format!("connecting to {address}")),
            };
        }
        if count > 1 {
            why = format!("none of {count} addresses answered; the last: {why}");
        }
        Err(ConnectError::Unreachable(why))
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<Wire, Refused> {
        let stream = TcpStream::connect(address).await.map_err(Refused::Network)?;
        stream.set_nodelay(true).map_err(Refused::Network)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some((connector, name)) => match connector.connect(name.clone(), stream).await {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(error) => {
                    return Err(tls::explain(&error, &name.to_str()).map_or(Refused::Network(error), Refused::Tls));
                }
            },
        };
        let is_http2 = match &stream {
            Stream::Plain(_) => self.protocol == UpstreamProtocol::Http2,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        };
        if !is_http2 && self.protocol == UpstreamProtocol::Http2 {
            let why = "it does not agree to speak HTTP/2 (ALPN); add `http/1.1` to its `protocols`";
            return Err(Refused::Tls(why.to_owned()));
        }
        Ok(Wire { stream, is_http2, heard: Arc::default(), watch: Watch::answers() })
    }

    fn timed_out(&self, what: &str) -> String {
        format!("{what} took longer than its share of {:?}", self.connect_timeout)
    }
}

/// A connection that remembers whether the other side has said anything.
///
/// An upstream may answer before it has all of a request, and hang up: then writing fails while its answer waits to be read. So what
/// cannot be written is thrown away, and reading says how it ended: with the answer, and never with an end in good order.
pub struct Wire {
    stream: Stream,
    pub(super) is_http2: bool,
    pub(super) heard: Arc<Heard>,
    /// Of HTTP/1.1: keeps what is wrong in an answer from whoever reads it.
    watch: Watch,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// What became of writing; nothing of it, once the other side takes no more.
    fn or_thrown_away<T>(&self, written: io::Result<T>, all: T) -> io::Result<T> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match written {
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionReset) && self.heard.breaks() => Ok(all),
            written => written,
        }
    }

    pub(super) fn reset(self) {
        let stream = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        };
        // If it fails, the connection is gone already.
        let _ = stream.set_zero_linger();
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        held_back::check(&wire.watch)?;
        let before = buffer.filled().len();
        ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        })?;
        let read = buffer.filled().len() - before;
        if read == 0 && wire.heard.is_broken() && buffer.remaining() > 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        wire.heard.add(read).map_err(io::Error::other)?;
        if wire.is_http2 {
            return Poll::Ready(Ok(()));
        }
        if let Some(asked) = wire.heard.take_asked() {
            wire.watch.asked(asked == Asked::Head);
        }
        Poll::Ready(held_back::pass(&mut wire.watch, buffer, before))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.heard.is_broken() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        });
        Poll::Ready(wire.or_thrown_away(written, bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let length = || bytes.iter().map(|slice| slice.len()).sum();
        if wire.heard.is_broken() {
            return Poll::Ready(Ok(length()));
        }
        let written = ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        });
        Poll::Ready(wire.or_thrown_away(written, length()))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.heard.is_broken() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        });
        Poll::Ready(wire.or_thrown_away(flushed, ()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
