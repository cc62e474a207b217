//! How a listener treats the connections that it accepts from now on; a change of the configuration puts others in their place.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use super::http2::Http2Limits;
use super::tls::{self, TlsError};
use crate::config::{AddressRules, Limits, Listener, Protocols};

/// What is read ahead of a body, in bytes, unless the head may be longer.
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// hyper keeps so many fields on the stack, and allocates for any other number.
const HEADERS_ON_STACK: usize = 100;

/// What one connection is allowed for its whole life.
pub struct Terms {
    pub(super) protocols: Protocols,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) proxy_protocol: bool,
    pub(super) addresses: Arc<AddressRules>,
    pub(super) http1: http1::Builder,
    pub(super) http2: Http2Limits,
    /// For a TLS handshake, for the first bytes that tell which protocol it is, and for a head of HTTP/1.1.
    pub(super) head_timeout: Duration,
    /// For a client that takes nothing, and over which its speed is looked at.
    pub(super) stall_max: Duration,
    pub(super) slow_bytes_per_second: u64,
}

/// Why a listener cannot do what it is configured to.
#[derive(Debug, Error)]
#[error("`[[listen]]` at {address}: {source}")]
pub struct TermsError {
    pub address: SocketAddr,
    #[source]
    pub source: TlsError,
}

impl Terms {
    /// Reads the files that the listener names.
    pub fn new(listener: &Listener, limits: &Limits) -> Result<Terms, TermsError> {
        let failed = |source| TermsError { address: listener.address, source };
        let tls =
            listener.tls.as_ref().map(|tls| tls::acceptor(tls, listener.protocols)).transpose().map_err(failed)?;
        Ok(Terms {
            protocols: listener.protocols,
            tls,
            proxy_protocol: listener.proxy_protocol,
            addresses: listener.addresses.clone(),
            http1: http1(limits),
            http2: Http2Limits::of(limits),
            head_timeout: limits.head_timeout,
            stall_max: limits.body_idle_timeout,
            slow_bytes_per_second: limits.slow_bytes_per_second,
        })
    }

    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// For each listener, in their order.
    pub fn of_all(listeners: &[Listener], limits: &Limits) -> Result<Vec<Terms>, TermsError> {
        listeners.iter().map(|listener| Terms::new(listener, limits)).collect()
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(READ_BUFFER_BYTES.max(limits.head_bytes_max))
        .half_close(false)
        .keep_alive(true);
    if limits.headers_max != HEADERS_ON_STACK {
        builder.max_headers(limits.headers_max);
    }
    builder
}
