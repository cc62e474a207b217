//! Exchanges that are open: those of one generation, which they keep alive, and those of the whole process.

use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use slab::Slab;
use sluicegate_runtime::{Exchange, lane};
use tokio::sync::{Notify, watch};

use super::upgrade::Upgraded;
use crate::config::AddressRules;
use crate::http::fields::forwarded_for;
use crate::http::forwarded::Forwarded;

/// Counts exchanges from their head to their last byte, so that a drain knows when it is done.
#[derive(Debug, Default)]
pub struct OpenExchanges {
    count: AtomicUsize,
    none_left: Notify,
    upgraded: Arc<Upgraded>,
    /// From then on the gateway itself cuts what is open.
    cut_at: Mutex<Option<Instant>>,
}

/// The open exchanges of one generation, and the word that ends them.
pub struct GenerationExchanges {
    everywhere: Arc<OpenExchanges>,
    /// By lane, so that requests on different cores do not wait for each other.
    open: Box<[Mutex<Slab<Open>>]>,
    /// Read on every piece of an answer; `end` wakes those who wait.
    is_ended: AtomicBool,
    end: watch::Sender<bool>,
}

struct Open {
    exchange: Weak<Exchange>,
    connection: Arc<ClientConnection>,
    /// Of whoever answers it, and waits for something else than its end.
    waiting: Option<Waker>,
}

/// A client's connection, which can be ended from outside, whatever it is at.
#[derive(Debug)]
pub struct ClientConnection {
    pub address: IpAddr,
    pub tls: bool,
    /// The subject of the certificate that the client has presented.
    pub certificate: Option<Box<str>>,
    /// Whom its listener serves and believes.
    rules: Arc<AddressRules>,
    /// It is one of those that say for whom they ask.
    brings_others: bool,
    /// What its requests say of the client upstream.
    pub(super) forwarded_for: HeaderValue,
    /// Its listener cuts all that it has left.
    cut: Arc<AtomicBool>,
    end: Notify,
}

/// One exchange, open while this lives.
pub struct OpenExchange {
    of: Arc<GenerationExchanges>,
    lane: usize,
    slot: usize,
}

/// An open exchange as an operator is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenExchangeFacts {
    pub request_id: String,
    /// Empty where no route matched.
    pub route: Arc<str>,
    pub age: Duration,
}

impl OpenExchanges {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Says that the gateway will cut what is open then, so that no client is blamed for it.
    pub fn cut_at(&self, instant: Instant) {
        *self.cut_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(instant);
    }

    /// Returns when none is open.
    pub async fn wait_until_none(&self) {
        loop {
            let notified = self.none_left.notified();
            if self.count() == 0 {
                return;
            }
            notified.await;
        }
    }

    fn are_cut(&self) -> bool {
        let cut_at = *self.cut_at.lock().unwrap_or_else(PoisonError::into_inner);
        cut_at.is_some_and(|instant| Instant::now() >= instant)
    }
}

impl GenerationExchanges {
    pub fn new(everywhere: Arc<OpenExchanges>) -> GenerationExchanges {
        GenerationExchanges {
            everywhere,
            open: (0..lane::count()).map(|_| Mutex::default()).collect(),
            is_ended: AtomicBool::new(false),
            end: watch::Sender::new(false),
        }
    }

    pub(super) fn enter(
        self: &Arc<GenerationExchanges>,
        exchange: &Arc<Exchange>,
        connection: Arc<ClientConnection>,
    ) -> OpenExchange {
        self.everywhere.count.fetch_add(1, Ordering::AcqRel);
        let lane = lane::current();
        let slot = self.lock(lane).insert(Open { exchange: Arc::downgrade(exchange), connection, waiting: None });
        OpenExchange { of: self.clone(), lane, slot }
    }

    pub fn count(&self) -> usize {
        (0..self.open.len()).map(|lane| self.lock(lane).len()).sum()
    }

    /// The oldest first, at most `most` of them.
    pub fn oldest(&self, most: usize) -> Vec<OpenExchangeFacts> {
        let of_lane = |lane| -> Vec<Arc<Exchange>> {
            self.lock(lane).iter().filter_map(|(_, open)| open.exchange.upgrade()).collect()
        };
        let exchanges: Vec<Arc<Exchange>> = (0..self.open.len()).flat_map(of_lane).collect();
        let mut open: Vec<OpenExchangeFacts> = exchanges
            .iter()
            .map(|exchange| OpenExchangeFacts {
                request_id: exchange.facts.id.clone(),
                route: exchange.facts.route.clone(),
                age: exchange.facts.started.elapsed(),
            })
            .collect();
        open.sort_by_key(|exchange| std::cmp::Reverse(exchange.age));
        open.truncate(most);
        open
    }

    /// Ends every exchange that is open now or comes later: those without an answer get an error, streams an error in the
    /// client's dialect or a cut.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.end.send_replace(true);
        for lane in 0..self.open.len() {
            let waiting: Vec<Waker> = self.lock(lane).iter_mut().filter_map(|(_, open)| open.waiting.take()).collect();
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    /// Cuts the connections of those that are still open: a client that reads nothing cannot be told anything.
    pub fn cut(&self) {
        for lane in 0..self.open.len() {
            self.lock(lane).iter().for_each(|(_, open)| open.connection.end());
        }
    }

    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// Returns when [`GenerationExchanges::end`] was called. Registers nothing before it is polled.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut end = self.end.subscribe();
        async move {
            if end.wait_for(|ended| *ended).await.is_err() {
                std::future::pending().await
            }
        }
    }

    pub(super) fn upgraded(&self) -> &Arc<Upgraded> {
        &self.everywhere.upgraded
    }

    /// `lane`: less than there are; another one would be a mistake in this file.
    fn lock(&self, lane: usize) -> MutexGuard<'_, Slab<Open>> {
        self.open[lane].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientConnection {
    pub fn new(address: IpAddr) -> ClientConnection {
        ClientConnection {
            address,
            tls: false,
            certificate: None,
            rules: Arc::default(),
            brings_others: false,
            forwarded_for: forwarded_for(address),
            cut: Arc::default(),
            end: Notify::new(),
        }
    }

    pub fn under(self, rules: Arc<AddressRules>) -> ClientConnection {
        let brings_others = rules.trusted_proxies.contain(self.address);
        ClientConnection { rules, brings_others, ..self }
    }

    /// True in `cut` says that from then on it is not the client who ends it.
    pub fn cut_with(self, cut: Arc<AtomicBool>) -> ClientConnection {
        ClientConnection { cut, ..self }
    }

    /// Whether it is served at all. Those whom a trusted proxy brings are judged one by one.
    pub fn is_admitted(&self) -> bool {
        self.brings_others || self.rules.admit(self.address)
    }

    /// What a trusted proxy says of a request.
    pub fn forwarded(&self, headers: &HeaderMap) -> Option<Box<Forwarded>> {
        self.brings_others.then(|| Box::new(Forwarded::read(self.address, &self.rules.trusted_proxies, headers)))
    }

    /// Whether whom it brings is served.
    pub fn admits(&self, forwarded: &Forwarded) -> bool {
        self.rules.admit(forwarded.client)
    }

    pub fn in_tls(self, certificate: Option<Box<str>>) -> ClientConnection {
        ClientConnection { tls: true, certificate, ..self }
    }

    /// Ends the connection, whatever it is at.
    pub fn end(&self) {
        self.end.notify_one();
    }

    /// Returns when the connection must end.
    pub async fn wanted(&self) {
        self.end.notified().await;
    }
}

impl OpenExchange {
    /// The gateway itself cuts it: because it ends, or gives up the listener.
    pub(super) fn is_cut(&self) -> bool {
        let of_connection = |open: &Open| open.connection.cut.load(Ordering::Acquire);
        self.of.everywhere.are_cut() || self.of.lock(self.lane).get(self.slot).is_some_and(of_connection)
    }

    /// Ready when its generation was ended. For one waiter, and without a place in a list that all of them share.
    pub(super) fn poll_ended(&self, context: &Context<'_>) -> Poll<()> {
        if let Some(open) = self.of.lock(self.lane).get_mut(self.slot) {
            let is_known = open.waiting.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
            if !is_known {
                open.waiting = Some(context.waker().clone());
            }
        }
        // After the waker is there: who ends the generation now finds it.
        if self.of.is_ended() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        self.of.lock(self.lane).try_remove(self.slot);
        if self.of.everywhere.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.of.everywhere.none_left.notify_waiters();
        }
    }
}
