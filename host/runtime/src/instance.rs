//! One instance in a store of its own, and calls into it under limits.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::coop::unconstrained;
use tokio::time::{Sleep, sleep_until};
use wasmtime::component::Instance as ComponentInstance;
use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};

use crate::call::{Call, Verdict};
use crate::deeds::Site;
use crate::direct::Lent;
use crate::exchange::Exchange;
use crate::failure::{Failure, FailureKind, Violation};
use crate::frames;
use crate::guest::{Called, Configured, Guest, Prepared};
use crate::limits::{Limiter, PluginLimits};
use crate::names::Names;
use crate::phase::Phase;
use crate::symbols::Symbols;
use crate::ticker::{TICK, Ticker, Ticking};
use crate::turns;
use crate::values::Values;
use crate::version::Version;
use crate::wasi::Wasi;

/// What host calls find in the store.
pub(crate) struct PluginState {
    /// Set while a phase runs.
    pub(crate) exchange: Option<Arc<Exchange>>,
    /// The chain entry's name.
    pub(crate) entry: Arc<str>,
    pub(crate) version: Version,
    /// Where the entry stands in this exchange's chain, and the phase that runs.
    pub(crate) site: Site,
    pub(crate) grants: Arc<BTreeSet<String>>,
    pub(crate) limits: Arc<PluginLimits>,
    /// A cell, so that a host call can count itself and still read all else.
    pub(crate) host_calls_left: Cell<u64>,
    /// Of calls outside any exchange.
    pub(crate) configure_log_lines: Arc<AtomicU32>,
    pub(crate) wasi: Option<Box<Wasi>>,
    /// Of a guest that is called directly.
    pub(crate) lent: Lent,
    /// Of header fields.
    pub(crate) names: Names,
    pub(crate) values: Values,
    symbols: Option<Arc<Symbols>>,
    limiter: Limiter,
    ticks_left: u64,
    /// Of one call.
    ticks_max: u64,
    /// The call that runs has met a tick before.
    has_ticked: bool,
    wall_end: Instant,
    ticking: Ticking,
}

/// What instances of one plugin have in common.
#[derive(Clone)]
pub(crate) struct InstanceContext {
    pub(crate) entry: Arc<str>,
    pub(crate) version: Version,
    pub(crate) grants: Arc<BTreeSet<String>>,
    pub(crate) limits: Arc<PluginLimits>,
    pub(crate) ticker: Arc<Ticker>,
    /// To say where it failed.
    pub(crate) symbols: Option<Arc<Symbols>>,
}

pub(crate) struct Instance {
    store: Store<PluginState>,
    guest: Guest,
    /// Calls served, for recycling.
    pub(crate) calls: u64,
    /// When its last call began.
    pub(crate) last_used: Instant,
    permit: Option<OwnedSemaphorePermit>,
}

impl Instance {
    pub(crate) async fn new(
        prepared: &Prepared,
        context: &InstanceContext,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Instance, Failure> {
        let state = PluginState {
            exchange: None,
            entry: context.entry.clone(),
            version: context.version,
            site: Site { position: 0, phase: Phase::Head },
            grants: context.grants.clone(),
            limits: context.limits.clone(),
            host_calls_left: Cell::new(0),
            configure_log_lines: Arc::default(),
            wasi: None,
            lent: Lent::default(),
            names: Names::default(),
            values: Values::default(),
            symbols: context.symbols.clone(),
            limiter: Limiter::new(&context.limits),
            ticks_left: 0,
            // One more than asked for: the first tick comes at any time.
            ticks_max: 1 + (context.limits.cpu_max.as_millis() / TICK.as_millis()) as u64,
            has_ticked: false,
            wall_end: Instant::now(),
            ticking: Ticking::new(context.ticker.clone()),
        };
        let mut store = Store::new(prepared.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(usize::try_from(context.limits.memory_bytes_max).unwrap_or(usize::MAX));
        store.epoch_deadline_callback(at_tick);
        arm(&mut store, Instant::now());
        let guest = match prepared.instantiate(&mut store).await {
            Ok(guest) => guest,
            Err(error) => return Err(store.data().classify(&error)),
        };
        store.data_mut().ticking.end();
        Ok(Instance { store, guest, calls: 0, last_used: Instant::now(), permit })
    }

    /// Calls one phase, which began at `began`. After an error the instance must not be used again.
    pub(crate) async fn call(
        &mut self,
        began: Instant,
        exchange: Arc<Exchange>,
        position: usize,
        bytes_max: u64,
        call: &Call,
    ) -> Result<Verdict, Failure> {
        let state = self.store.data_mut();
        state.exchange = Some(exchange);
        state.site = Site { position, phase: call.phase() };
        self.last_used = began;
        arm(&mut self.store, began);
        let wall = self.store.data().wall();
        self.guest.enter();
        let (called, at_once) = within(wall, pin!(self.call_phase(bytes_max, call))).await;
        self.guest.used(at_once);
        let state = self.store.data_mut();
        if let Some(exchange) = state.exchange.take() {
            let host_calls = state.limits.host_calls_max.saturating_sub(state.host_calls_left.get());
            exchange.note_done(state.site, |done| done.host_calls += host_calls);
        }
        state.ticking.end();
        self.calls += 1;
        called?
    }

    async fn call_phase(&mut self, bytes_max: u64, call: &Call) -> Called {
        match self.guest.call(&mut self.store, bytes_max, call).await {
            Ok(verdict) => verdict,
            Err(error) => Err(self.store.data().classify(&error)),
        }
    }

    /// Calls `configure`: outside any exchange, so that every host call but `log` traps.
    pub(crate) async fn configure(&mut self, config: &str) -> Result<Configured, Failure> {
        arm(&mut self.store, Instant::now());
        let wall = self.store.data().wall();
        let configured = {
            let configuring = pin!(async {
                let configured = self.guest.configure(&mut self.store, config).await;
                configured.map_err(|error| self.store.data().classify(&error))
            });
            within(wall, configuring).await.0
        };
        self.store.data_mut().ticking.end();
        configured?
    }

    /// Resolves the function of each phase, so that a wrong signature is found at load.
    pub(crate) fn resolve(&mut self) -> Result<(), Failure> {
        self.guest.resolve(&mut self.store).map_err(|error| classify(&error, false, None))
    }

    /// To be called before its first call: what it is now is what `wipe` gives back. True for the first of its plugin.
    pub(crate) fn remember(&mut self) -> bool {
        self.guest.remember(&mut self.store)
    }

    /// Its place, for another one.
    pub(crate) fn into_permit(self) -> Option<OwnedSemaphorePermit> {
        self.permit
    }

    /// Whether `wipe` would succeed now.
    pub(crate) fn can_be_wiped(&self) -> bool {
        self.store.data().wasi.is_none() && self.guest.can_be_wiped(&self.store)
    }

    /// Gives back the state in which it was made: no byte of a request is left that a guest could find. False where that is not
    /// possible; it must not be used again then.
    pub(crate) fn wipe(&mut self) -> bool {
        self.store.data().wasi.is_none() && self.guest.wipe(&mut self.store)
    }

    /// Linear memory in use, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.store.data().limiter.memory_bytes()
    }

    /// True if the guest holds no handle into the host.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.store.data().wasi.as_ref().is_none_or(|wasi| wasi.holds_nothing())
    }

    /// None of what is no component.
    pub(crate) fn component(&mut self) -> Option<(&mut Store<PluginState>, &ComponentInstance)> {
        match &self.guest {
            Guest::Component(component) => Some((&mut self.store, &component.instance)),
            Guest::Direct(_) => None,
        }
    }
}

impl PluginState {
    /// Waits for the host on a guest's behalf, no longer than its wall limit.
    pub(crate) fn wait_within_wall<F: Future>(
        &self,
        waiting: F,
    ) -> impl Future<Output = wasmtime::Result<F::Output>> + use<F> {
        let wall = self.wall();
        let traced = self.exchange.as_ref().filter(|exchange| exchange.is_traced()).cloned();
        let site = self.site;
        async move {
            let started = Instant::now();
            let (waited, _) = within(wall, pin!(waiting)).await;
            let waited = waited.map_err(|failure| wasmtime::Error::new(Violation(failure)));
            if let Some(exchange) = traced {
                exchange.note_done(site, |done| done.waited += started.elapsed());
            }
            waited
        }
    }

    fn classify(&self, error: &wasmtime::Error) -> Failure {
        classify(error, self.limiter.denied, self.symbols.as_deref())
    }

    /// When the call that runs must have ended, and how long it may take.
    fn wall(&self) -> (Instant, Duration) {
        (self.wall_end, self.limits.wall_max)
    }
}

/// Ends a call that waits for too long, whatever it waits for: a guest that runs meets its end at a tick, and one that sleeps
/// in the host or waits for its turn meets none. With whether it needed no second look.
async fn within<F: Future>(
    (wall_end, wall_max): (Instant, Duration),
    mut call: Pin<&mut F>,
) -> (Result<F::Output, Failure>, bool) {
    // Most calls need none, and no room for one.
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    let done = poll_fn(|context| {
        if let Poll::Ready(output) = call.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(wall_end.into())));
        // Also where the call has used up what its task may do in one go.
        pin!(unconstrained(timer.as_mut())).poll(context).map(|()| Err(wall_failure(wall_max)))
    })
    .await;
    (done, timer.is_none())
}

fn wall_failure(wall_max: Duration) -> Failure {
    let max = wall_max.as_millis();
    Failure::new(FailureKind::Wall, format!("one call took over {max} ms, its wall limit"))
}

/// Gives a call its budgets.
fn arm(store: &mut Store<PluginState>, began: Instant) {
    let state = store.data_mut();
    state.ticking.begin();
    state.host_calls_left.set(state.limits.host_calls_max);
    // What an earlier call was refused and got over does not explain how this one ends.
    state.limiter.denied = false;
    state.ticks_left = state.ticks_max;
    state.has_ticked = false;
    state.wall_end = began + state.limits.wall_max;
    store.set_epoch_deadline(1);
}

/// Runs when a guest meets a tick: it yields its thread, or has used up its budget.
fn at_tick(mut store: StoreContextMut<'_, PluginState>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data_mut();
    let now = Instant::now();
    if now >= state.wall_end {
        return Err(wasmtime::Error::new(Violation(wall_failure(state.limits.wall_max))));
    }
    state.ticks_left = state.ticks_left.saturating_sub(1);
    if state.ticks_left == 0 {
        let max = state.limits.cpu_max.as_millis();
        return Err(Violation::raise(FailureKind::Cpu, format!("one call used over {max} ms of CPU, its limit")));
    }
    let first = !std::mem::replace(&mut state.has_ticked, true);
    // A short call that is under way at a tick has met one, too.
    let left = state.wall_end.saturating_duration_since(now);
    if !first || state.limits.wall_max.saturating_sub(left) >= TICK {
        state.ticking.turns_out_long();
    }
    let wait = turns::at_tick(first);
    Ok(wait.map_or(UpdateDeadline::Continue(1), |wait| UpdateDeadline::YieldCustom(1, wait)))
}

/// Finds out what went wrong in a call from the error that it returned.
fn classify(error: &wasmtime::Error, memory_denied: bool, symbols: Option<&Symbols>) -> Failure {
    if let Some(violation) = error.downcast_ref::<Violation>() {
        let failure = &violation.0;
        return Failure::new(failure.kind, failure.message.clone() + &frames::places(error, symbols));
    }
    let text = one_line(&frames::cause(error));
    let trap = error.downcast_ref::<Trap>();
    let kind = match trap {
        Some(Trap::StackOverflow) => FailureKind::Stack,
        Some(Trap::Interrupt) => FailureKind::Cpu,
        Some(Trap::MemoryOutOfBounds) if is_below_the_stack(&text) => FailureKind::Stack,
        _ if memory_denied => FailureKind::Memory,
        Some(_) => FailureKind::Trap,
        None if text.contains("pooling allocator") || text.contains("concurrent limit") => FailureKind::NoInstance,
        // What was raised while the guest ran was raised by the host: too much was handed over, or a handle that is none.
        None if error.is::<WasmBacktrace>() => FailureKind::HostCalls,
        None => FailureKind::BadReturn,
    };
    Failure::new(kind, text + &frames::places(error, symbols))
}

/// A cause may name what the component named, so that it would look like further lines of the log.
fn one_line(text: &str) -> String {
    /// Bytes kept of its start and of its end.
    const HALF_BYTES_MAX: usize = 1024;
    let words: Vec<&str> = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.len() <= 2 * HALF_BYTES_MAX {
        return line;
    }
    let (start, end) = (line.floor_char_boundary(HALF_BYTES_MAX), line.ceil_char_boundary(line.len() - HALF_BYTES_MAX));
    format!("{} … {}", &line[..start], &line[end..])
}

/// A guest's own stack lies at the bottom of its memory, as the SDK links it and LLVM does by default: who recurses past its end
/// reaches below address 0, which is the top of a 32-bit address space.
///
/// The engine tells the address in the error's text and nowhere else.
fn is_below_the_stack(text: &str) -> bool {
    /// Bytes of one frame: no more than a stack that anyone links.
    const FRAME_BYTES_MAX: u64 = 1 << 20;
    let address = text.split_once("memory fault at wasm address 0x").and_then(|(_, rest)| {
        let digits = rest.split(|letter: char| !letter.is_ascii_hexdigit()).next()?;
        u64::from_str_radix(digits, 16).ok()
    });
    address.is_some_and(|address| ((1 << 32) - FRAME_BYTES_MAX..1 << 32).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_one_line_of_bounded_length_with_the_cause_at_its_end() {
        assert_eq!(one_line("error:\n   0: f\r\n   1: \x1b[31mg: cause"), "error: 0: f 1: [31mg: cause");
        let long = one_line(&format!("error: {}: cause", "caf\u{e9}\n".repeat(10_000)));
        assert!(long.len() < 2100 && long.starts_with("error: caf\u{e9}") && long.ends_with(": cause"), "{long}");
    }

    #[test]
    fn only_a_fault_below_address_0_is_called_a_stack_that_overflowed() {
        let fault =
            |address: &str| format!("memory fault at wasm address 0x{address} in linear memory of size 0x30000");
        for address in ["fffffff8", "fff00000", "ffffffff"] {
            assert!(is_below_the_stack(&fault(address)), "{address}");
        }
        for address in ["0", "30000", "ffefffff", "100000000", "ffffffffffffffff", "", "zz"] {
            assert!(!is_below_the_stack(&fault(address)), "{address}");
        }
        assert!(!is_below_the_stack("out of bounds memory access"));
    }
}
