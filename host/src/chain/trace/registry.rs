//! The traces that are armed, in the whole process: over swaps of the configuration, too.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Instant;

use super::filter::{Filter, Head, Terms, TraceRequest};
use super::lines::TraceLines;

/// Traces armed at once.
pub const ARMED_MAX: usize = 8;
/// Exchanges recorded at once; further ones are counted as missed. Many are recorded only to find out whose they are.
pub(super) const RECORDING_MAX: usize = 64;
/// Recorded exchanges that wait for the reader of one trace.
pub(super) const QUEUE_EXCHANGES_MAX: usize = 16;

pub struct Traces {
    /// Read for each request, without the lock.
    count: AtomicUsize,
    armed: Mutex<Vec<Arc<Armed>>>,
    next_id: AtomicU64,
    recording: Arc<Semaphore>,
    /// True once the gateway ends.
    ended: watch::Sender<bool>,
}

/// One trace.
pub(super) struct Armed {
    pub(super) id: u64,
    filter: Filter,
    pub(super) until: Instant,
    /// Exchanges that it may still take.
    left: AtomicU32,
    /// Exchanges that it has taken and that have not ended.
    pub(super) open: AtomicU32,
    /// Exchanges that matched and are not told: too many at once, or the reader is too slow.
    pub(super) missed: AtomicU64,
    told: mpsc::Sender<Bytes>,
}

/// What makes an exchange one of a trace's; given back unless it is told.
pub(super) struct Claim {
    armed: Arc<Armed>,
    /// Not where only its consumer decides.
    taken: bool,
}

/// Why a trace is not armed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    #[error("{0}")]
    Invalid(String),
    #[error("{ARMED_MAX} traces are armed already; wait until one ends, or end one.")]
    Full,
    #[error("The gateway is about to end.")]
    Ended,
}

impl Traces {
    pub fn new() -> Traces {
        Traces {
            count: AtomicUsize::new(0),
            armed: Mutex::default(),
            next_id: AtomicU64::new(1),
            recording: Arc::new(Semaphore::new(RECORDING_MAX)),
            ended: watch::Sender::new(false),
        }
    }

    /// From here on requests are compared with it, until the lines are dropped, have ended, or its time is over.
    pub fn arm(self: &Arc<Traces>, request: TraceRequest) -> Result<TraceLines, ArmError> {
        let Terms { filter, count, time } = request.check().map_err(ArmError::Invalid)?;
        let (told, lines) = mpsc::channel(QUEUE_EXCHANGES_MAX);
        let mut armed = self.live();
        if *self.ended.borrow() {
            return Err(ArmError::Ended);
        }
        if armed.len() >= ARMED_MAX {
            return Err(ArmError::Full);
        }
        let trace = Arc::new(Armed {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            filter,
            until: Instant::now() + time,
            left: AtomicU32::new(count),
            open: AtomicU32::new(0),
            missed: AtomicU64::new(0),
            told,
        });
        armed.push(trace.clone());
        self.count.store(armed.len(), Ordering::Relaxed);
        Ok(TraceLines::new(self.clone(), trace, lines, self.ended.subscribe(), count, time))
    }

    /// The gateway ends: who still waits is told so.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    pub fn is_armed(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Of those that a request matches, as far as its head tells.
    pub(super) fn claims(&self, head: &Head<'_>) -> Vec<Claim> {
        let armed = self.live();
        let matching = armed.iter().filter(|armed| armed.filter.matches(head));
        matching.filter_map(Claim::new).collect()
    }

    /// None when too many exchanges are recorded already.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.recording.clone().try_acquire_owned().ok()
    }

    pub(super) fn disarm(&self, id: u64) {
        let mut armed = self.lock();
        armed.retain(|armed| armed.id != id);
        self.count.store(armed.len(), Ordering::Relaxed);
    }

    /// Those whose time is not over. A reader that has stalled says nothing of its own, and must keep no place.
    fn live(&self) -> MutexGuard<'_, Vec<Arc<Armed>>> {
        let now = Instant::now();
        let mut armed = self.lock();
        armed.retain(|armed| now < armed.until);
        self.count.store(armed.len(), Ordering::Relaxed);
        armed
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Armed>>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Traces {
    fn default() -> Traces {
        Traces::new()
    }
}

impl Claim {
    fn new(armed: &Arc<Armed>) -> Option<Claim> {
        if armed.filter.waits_for_consumer() {
            let has_room = armed.left.load(Ordering::Relaxed) > 0;
            return has_room.then(|| Claim { armed: armed.clone(), taken: false });
        }
        armed.take().then(|| Claim { armed: armed.clone(), taken: true })
    }

    pub(super) fn miss(&self) {
        self.armed.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// The exchange has ended; `line` is made if somebody is to be told.
    pub(super) fn tell(mut self, consumer: Option<&str>, line: impl FnOnce() -> Bytes) {
        if !self.taken {
            self.taken = self.armed.filter.matches_consumer(consumer) && self.armed.take();
        }
        if !self.taken {
            return;
        }
        match self.armed.told.try_send(line()) {
            Ok(()) => {
                self.taken = false;
                self.armed.open.fetch_sub(1, Ordering::Relaxed);
            }
            Err(_) => self.miss(),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.taken {
            self.armed.open.fetch_sub(1, Ordering::Relaxed);
            self.armed.left.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Armed {
    /// False when it has as many exchanges as it wants.
    fn take(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if taken {
            self.open.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

#[cfg(test)]
mod tests;
