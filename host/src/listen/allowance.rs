//! What all listeners of a process allow together, and what they count.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::telemetry::metrics::Metrics;

/// Whoever has an IPv6 address has the 2^64 around it.
const IPV6_PREFIX_BITS: u32 = 64;

/// Shared by all listeners of a process.
#[derive(Clone)]
pub struct Allowance(Arc<Shared>);

struct Shared {
    connections: Arc<Semaphore>,
    connections_max: usize,
    per_address_max: AtomicUsize,
    /// Connections open now; none stands here with zero.
    by_address: Mutex<HashMap<IpAddr, usize>>,
    metrics: Arc<Metrics>,
}

/// Why a connection was refused or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    AddressDenied,
    AddressLimit,
    ProxyHeader,
    TlsHandshake,
    SlowHead,
    SlowReader,
    /// It costs more than it asks for.
    Http2Abuse,
    /// It breaks the rules of HTTP/2.
    Http2Protocol,
}

/// One connection among those of its address.
pub(super) struct Place {
    of: Allowance,
    address: IpAddr,
}

impl Allowance {
    pub fn new(limits: &Limits, metrics: Arc<Metrics>) -> Allowance {
        let connections_max = limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Allowance(Arc::new(Shared {
            connections: Arc::new(Semaphore::new(connections_max)),
            connections_max,
            per_address_max: AtomicUsize::new(limits.connections_per_address_max),
            by_address: Mutex::default(),
            metrics,
        }))
    }

    /// For connections that are accepted from here on. The number of all of them stays as it is.
    pub fn change(&self, limits: &Limits) {
        self.0.per_address_max.store(limits.connections_per_address_max, Ordering::Relaxed);
    }

    /// Connections open now. Each of the `listeners` holds a place for the next one, which is not counted.
    pub fn connections_open(&self, listeners: usize) -> usize {
        self.0.connections_max.saturating_sub(self.connections().available_permits()).saturating_sub(listeners)
    }

    /// One permit for each connection.
    pub(super) fn connections(&self) -> &Arc<Semaphore> {
        &self.0.connections
    }

    /// None: this address has as many connections as it may have.
    pub(super) fn place(&self, address: IpAddr) -> Option<Place> {
        let address = whole(address);
        let mut by_address = self.by_address();
        let count = by_address.entry(address).or_default();
        if *count >= self.0.per_address_max.load(Ordering::Relaxed) {
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), address })
    }

    pub(super) fn closed(&self, closed: Closed) {
        self.0.metrics.connection_closed(closed.as_str());
    }

    /// By the name of the error that the client was told.
    pub(super) fn stream_refused(&self, error: &'static str) {
        self.0.metrics.stream_refused(error);
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Closed::AddressDenied => "address_denied",
            Closed::AddressLimit => "address_limit",
            Closed::ProxyHeader => "proxy_header",
            Closed::TlsHandshake => "tls_handshake",
            Closed::SlowHead => "slow_head",
            Closed::SlowReader => "slow_reader",
            Closed::Http2Abuse => "http2_abuse",
            Closed::Http2Protocol => "http2_protocol",
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.of.by_address();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address.
fn whole(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> IPV6_PREFIX_BITS << IPV6_PREFIX_BITS).into(),
        ipv4 => ipv4,
    }
}
