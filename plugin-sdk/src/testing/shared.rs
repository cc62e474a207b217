//! What outlives an exchange: a clock that a test moves, and the counters.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::counters::{Claim, Taken};

const CLAIMS_MAX: usize = 16;

/// A gateway's clock and counters. Exchanges that are to share them name it with [`Exchange::on`](super::Exchange::on).
#[derive(Clone)]
pub struct Host(Rc<State>);

struct State {
    now_ms: Cell<u64>,
    counters: RefCell<HashMap<(String, String), Window>>,
}

#[derive(Clone, Copy)]
struct Window {
    opened_ms: u64,
    used: u64,
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Host {
    /// The clock stands at 2026-01-01T00:00:00Z until it is moved.
    pub fn new() -> Host {
        Host(Rc::new(State { now_ms: Cell::new(1_767_225_600_000), counters: RefCell::default() }))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.now_ms.set(self.0.now_ms.get() + u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.0.now_ms.get()
    }

    pub(super) fn take(&self, claims: &[Claim]) -> Vec<Taken> {
        assert!(claims.len() <= CLAIMS_MAX, "more than {CLAIMS_MAX} claims trap");
        let now_ms = self.now_ms();
        let mut counters = self.0.counters.borrow_mut();
        let mut trial = counters.clone();
        let allowed: Vec<bool> = claims.iter().map(|claim| take_one(&mut trial, claim, now_ms)).collect();
        if allowed.iter().all(|allowed| *allowed) {
            *counters = trial;
        }
        claims.iter().zip(allowed).map(|(claim, allowed)| taken(&counters, claim, allowed, now_ms)).collect()
    }
}

fn take_one(counters: &mut HashMap<(String, String), Window>, claim: &Claim, now_ms: u64) -> bool {
    let open = open_window(counters, claim, now_ms);
    let used = open.map_or(0, |window| window.used);
    if claim.units > claim.quota.limit.saturating_sub(used) {
        return false;
    }
    if claim.units > 0 {
        let opened_ms = open.map_or(now_ms, |window| window.opened_ms);
        counters.insert((claim.bucket.clone(), claim.key.clone()), Window { opened_ms, used: used + claim.units });
    }
    true
}

fn taken(counters: &HashMap<(String, String), Window>, claim: &Claim, allowed: bool, now_ms: u64) -> Taken {
    let open = open_window(counters, claim, now_ms);
    Taken {
        allowed,
        remaining: claim.quota.limit.saturating_sub(open.map_or(0, |window| window.used)),
        reset_ms: open.map_or(claim.quota.window_ms, |window| window.opened_ms + claim.quota.window_ms - now_ms),
    }
}

fn open_window(counters: &HashMap<(String, String), Window>, claim: &Claim, now_ms: u64) -> Option<Window> {
    let window = counters.get(&(claim.bucket.clone(), claim.key.clone())).copied();
    window.filter(|window| now_ms < window.opened_ms + claim.quota.window_ms)
}
