//! A chain entry at work: which instance serves a call, what a failure means, and when the breaker steps in.

use std::sync::Arc;
use std::time::Instant;

use crate::breaker::{Admission, Breaker, BreakerPolicy};
use crate::call::{Call, Verdict};
use crate::exchange::Exchange;
use crate::failure::{Failure, FailureKind};
use crate::instance::Instance;
use crate::phase::{Phase, PhaseSet};
use crate::plugin::{Isolation, Plugin};
use crate::setup::InstanceNeed;
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
    instance: Option<Instance>,
    /// The last phase that was called.
    last: Option<Phase>,
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
        let admission = self.breaker.admit(Instant::now());
        if admission == Admission::Refuse {
            return Err(Failure::new(FailureKind::Suspended, "too many failures in a short time; the breaker is open"));
        }
        let mut admitted = Admitted { breaker: &self.breaker, admission, settled: false };
        let held_instance = held.instance.take().filter(|_| self.keeps(held.last, call.phase()));
        let bytes_max = self.options.piece_bytes_max;
        // It owns what it needs, since it goes to another thread when its guest takes long.
        let work = work(self.plugin.clone(), held_instance, exchange.clone(), position, bytes_max, call.clone());
        let called = self.plugin.turns.run(&self.plugin.paces[call.phase() as usize], Box::pin(work)).await;
        held.last = Some(call.phase());
        match called {
            Ok((instance, verdict)) => {
                admitted.succeeded();
                match self.is_needed_after(call) {
                    true => held.instance = Some(instance),
                    false => self.plugin.release(instance),
                }
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
        if let Some(instance) = held.instance.take() {
            self.plugin.release(instance);
        }
    }

    /// Whether an instance held after `last` may serve `phase`.
    fn keeps(&self, last: Option<Phase>, phase: Phase) -> bool {
        match self.plugin.setup().need {
            InstanceNeed::Exchange => true,
            InstanceNeed::Body => last == Some(phase),
            InstanceNeed::Call => false,
        }
    }

    fn is_needed_after(&self, call: &Call) -> bool {
        let body_goes_on =
            matches!(call, Call::Body { end: false, .. } | Call::ReplyBody { end: false, .. } | Call::Delta(_));
        match self.plugin.setup().need {
            InstanceNeed::Call => false,
            InstanceNeed::Body => body_goes_on,
            InstanceNeed::Exchange => body_goes_on || self.phases().any_after(call.phase()),
        }
    }

    pub fn isolation(&self) -> Isolation {
        self.plugin.isolation()
    }
}

impl Held {
    /// Whether no instance is kept.
    pub fn is_empty(&self) -> bool {
        self.instance.is_none()
    }
}

/// One call, with the instance that serves it: it comes back unless it has failed.
async fn work(
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
    exchange: Arc<Exchange>,
    position: usize,
    bytes_max: u64,
    call: Call,
) -> Result<(Instance, Verdict), Failure> {
    let mut instance = match instance {
        Some(instance) => instance,
        None => plugin.acquire().await?,
    };
    let verdict = instance.call(&plugin.prepared, &exchange, position, bytes_max, &call).await?;
    Ok((instance, verdict))
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
