//! A chain entry at work: which instance serves a call, what a failure means, and when the breaker steps in.

use std::sync::Arc;
use std::time::Instant;

use crate::breaker::{Admission, Breaker, BreakerPolicy};
use crate::call::{Call, Verdict};
use crate::exchange::Exchange;
use crate::failure::{Failure, FailureKind};
use crate::instance::Instance;
use crate::phase::PhaseSet;
use crate::plugin::{Isolation, Plugin};
use crate::setup::InstanceNeed;
use crate::turns;
use crate::version::Version;

/// What a failure of the plugin means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnError {
    Deny,
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOptions {
    pub on_error: OnError,
    pub breaker: BreakerPolicy,
    /// Bytes that one piece may grow to.
    pub piece_bytes_max: u64,
}

/// One entry of a chain with its plugin. Shared by all requests.
pub struct Entry {
    pub name: Arc<str>,
    pub plugin: Arc<Plugin>,
    pub options: EntryOptions,
    breaker: Breaker,
}

/// What an entry keeps of one exchange between its calls; dropping it gives up the instance.
#[derive(Default)]
pub struct Held {
    instance: Option<Box<Instance>>,
    /// Those that have heard the beginning of a body whose pieces go to one instance: the request's, and the answer's. Both can be
    /// under way at once, and other phases come in between.
    bodies: [Option<Box<Instance>>; 2],
    /// An instance that no other exchange may have is kept for later phases, also where another would do.
    reuses: bool,
}

impl Entry {
    pub fn new(name: Arc<str>, plugin: Arc<Plugin>, options: EntryOptions) -> Entry {
        let breaker = Breaker::new(options.breaker.clone());
        Entry { name, plugin, options, breaker }
    }

    pub fn version(&self) -> Version {
        self.plugin.version()
    }

    pub fn phases(&self) -> PhaseSet {
        self.plugin.phases()
    }

    pub fn breaker_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Calls one phase. `position`: where the entry stands in this exchange's chain, which finds its notes.
    ///
    /// Cancellation ends the instance that was at work, and only that.
    pub async fn call(
        &self,
        held: &mut Held,
        exchange: &Arc<Exchange>,
        position: usize,
        call: &Call,
    ) -> Result<Verdict, Failure> {
        self.call_at(Instant::now(), held, exchange, position, call).await
    }

    /// The same for who knows what time it is.
    pub async fn call_at(
        &self,
        now: Instant,
        held: &mut Held,
        exchange: &Arc<Exchange>,
        position: usize,
        call: &Call,
    ) -> Result<Verdict, Failure> {
        let admission = match self.breaker.is_open() {
            false => Admission::Run,
            true => self.breaker.admit(now),
        };
        if admission == Admission::Refuse {
            return Err(Failure::new(FailureKind::Suspended, "too many failures in a short time; the breaker is open"));
        }
        let mut admitted = Admitted { breaker: &self.breaker, admission, settled: false };
        let pace = &self.plugin.paces[call.phase() as usize];
        // One that waits for its turn first takes its instance then.
        let warm = || if pace.is_slow() { None } else { self.plugin.take() };
        // It owns what it needs, since it goes to another thread when its guest takes long.
        let work = Work {
            instance: self.take(held, call).or_else(warm).ok_or_else(|| self.plugin.clone()),
            exchange: exchange.clone(),
            position,
            bytes_max: self.options.piece_bytes_max,
            call: call.clone(),
        };
        let called = self.plugin.turns.run(pace, Box::pin(work.run(now))).await;
        match called {
            Ok((instance, verdict)) => {
                admitted.succeeded();
                self.keep(held, call, instance);
                Ok(verdict)
            }
            Err(failure) => {
                if admitted.failed(&failure) {
                    tracing::warn!(
                        plugin = self.name.as_ref(),
                        version = self.version().unless_stable(),
                        "breaker opened: {} failures",
                        self.options.breaker.failures
                    );
                }
                Err(failure)
            }
        }
    }

    /// Gives back what is held when no further phase will come.
    pub fn release(&self, held: &mut Held) {
        for instance in held.bodies.iter_mut().chain([&mut held.instance]).filter_map(Option::take) {
            self.plugin.release(instance);
        }
    }

    /// The instance that has to serve the call, or may.
    fn take(&self, held: &mut Held, call: &Call) -> Option<Box<Instance>> {
        let of_body = way(call).and_then(|way| held.bodies[way].take());
        of_body.or_else(|| held.instance.take())
    }

    /// For later phases, or gives it back.
    fn keep(&self, held: &mut Held, call: &Call, instance: Box<Instance>) {
        let goes_on =
            way(call).filter(|_| !matches!(call, Call::Body { end: true, .. } | Call::ReplyBody { end: true, .. }));
        let replaced = match (self.plugin.setup().need, goes_on) {
            (InstanceNeed::Body, Some(way)) => held.bodies[way].replace(instance),
            (need, _) if self.is_kept_after(held, call, need, goes_on.is_some(), &instance) => {
                held.instance.replace(instance)
            }
            _ => Some(instance),
        };
        if let Some(instance) = replaced {
            self.plugin.release(instance);
        }
    }

    /// One that is merely of use makes room before instances are short.
    fn is_kept_after(
        &self,
        held: &Held,
        call: &Call,
        need: InstanceNeed,
        body_goes_on: bool,
        instance: &Instance,
    ) -> bool {
        let is_needed = need == InstanceNeed::Exchange;
        // One that is wiped serves others between two phases: the fewer are alive, the more of them is in the processor's caches.
        if !is_needed && !(self.reuses(held) && (body_goes_on || !instance.can_be_wiped())) {
            return false;
        }
        let is_of_use = body_goes_on || self.phases().any_after(call.phase());
        is_of_use && (is_needed || self.plugin.slots.have_room())
    }

    /// What pools take back serves others in the meantime.
    fn reuses(&self, held: &Held) -> bool {
        held.reuses && self.isolation() == Isolation::Request
    }

    pub fn isolation(&self) -> Isolation {
        self.plugin.isolation()
    }
}

impl Held {
    /// Keeps an instance with isolation `request` for the exchange's further phases, whatever its plugin needs, where another one costs
    /// more.
    pub fn reusing() -> Held {
        Held { reuses: true, ..Held::default() }
    }

    /// Whether no instance is kept.
    pub fn is_empty(&self) -> bool {
        self.instance.is_none() && self.bodies.iter().all(Option::is_none)
    }
}

/// The request's way or the answer's, of a call with a piece of a body.
fn way(call: &Call) -> Option<usize> {
    match call {
        Call::Body { .. } => Some(0),
        Call::ReplyBody { .. } | Call::Delta(_) => Some(1),
        _ => None,
    }
}

/// One call.
struct Work {
    /// Or who has one.
    instance: Result<Box<Instance>, Arc<Plugin>>,
    exchange: Arc<Exchange>,
    position: usize,
    bytes_max: u64,
    call: Call,
}

impl Work {
    /// The instance that has served it comes back unless it has failed. `now`: when the call was wanted.
    fn run(self, now: Instant) -> impl Future<Output = Result<(Box<Instance>, Verdict), Failure>> + Send {
        async move {
            let instance = match self.instance {
                Ok(instance) => Ok(instance),
                Err(plugin) => plugin.take().ok_or(plugin),
            };
            let (mut instance, began) = match instance {
                Ok(instance) if turns::is_serving() => (instance, now),
                // What it has waited for is not held against it.
                Ok(instance) => (instance, Instant::now()),
                // Apart, so that a call of a warm instance does not carry the room for it.
                Err(plugin) => (Box::pin(async move { plugin.create().await }).await?, Instant::now()),
            };
            let verdict = instance.call(began, self.exchange, self.position, self.bytes_max, &self.call).await?;
            Ok((instance, verdict))
        }
    }
}

/// Tells the breaker how a call ended, also when it is cancelled.
struct Admitted<'a> {
    breaker: &'a Breaker,
    admission: Admission,
    settled: bool,
}

impl Admitted<'_> {
    fn succeeded(&mut self) {
        self.settled = true;
        self.breaker.succeeded(self.admission);
    }

    /// True if this opened the breaker.
    fn failed(&mut self, failure: &Failure) -> bool {
        if !failure.kind.counts_for_breaker() {
            return false;
        }
        self.settled = true;
        self.breaker.failed(self.admission, Instant::now())
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.breaker.abandoned(self.admission);
        }
    }
}
