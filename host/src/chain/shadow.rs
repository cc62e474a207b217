//! Entries that only watch: each runs on a copy of the exchange, in a task of its own, and what it would have done is recorded.
//!
//! The exchange never waits for a shadow. What passes is put into a queue with bounds of calls and of bytes; a shadow that cannot
//! keep up is given up for this exchange, and the record says so. At the end of the exchange the record waits for it, for at most
//! [`END_MAX`].

mod watch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use sluicegate_runtime::{BodyMode, Call, Delta, Exchange, Snapshot};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use self::watch::Watch;
use super::pipe::Way;
use super::plan::Plan;
use super::run::Run;
use crate::telemetry::access_log::ShadowRecord;

/// Exchanges that one shadow watches at once; it does not see further ones.
pub const EXCHANGES_MAX: usize = 256;
/// Calls of one shadow that run, and instances that it keeps between calls, at once: what it takes from others is bounded.
pub const INSTANCES_MAX: usize = 8;
/// What waits for one shadow of one exchange.
const QUEUE_CALLS_MAX: usize = 64;
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// How long the record of an exchange waits for its shadows.
const END_MAX: Duration = Duration::from_secs(2);

/// How much of a shadow may be at work at once, in all exchanges.
pub struct Room {
    exchanges: Arc<Semaphore>,
    instances: Arc<Semaphore>,
}

/// One shadow in one exchange.
pub(super) struct Watcher {
    position: usize,
    /// None once it was given up.
    queue: Option<Queue>,
    record: Arc<Mutex<Seen>>,
}

struct Queue {
    sender: mpsc::Sender<Shown>,
    bytes: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// What passes a shadow.
pub(super) enum Shown {
    Phase {
        call: Call,
        now: Option<Box<Snapshot>>,
    },
    /// A body begins. `coding`: the content-codings that are not yet undone.
    Begin {
        way: Way,
        coding: Vec<HeaderValue>,
        now: Option<Box<Snapshot>>,
    },
    Piece(Bytes),
    End,
}

/// What is known of a shadow so far.
#[derive(Default)]
struct Seen {
    record: ShadowRecord,
    /// It decided or was given up: it gets no further phase but `finish`.
    over: bool,
}

/// The shadows that read a body which no plugin between them changes.
#[derive(Default)]
pub(super) struct Taps {
    positions: Vec<usize>,
    coding: Vec<HeaderValue>,
    way: Way,
    begun: bool,
    ended: bool,
}

impl Room {
    pub fn new() -> Room {
        let (exchanges, instances) = (Semaphore::new(EXCHANGES_MAX), Semaphore::new(INSTANCES_MAX));
        Room { exchanges: Arc::new(exchanges), instances: Arc::new(instances) }
    }
}

impl Default for Room {
    fn default() -> Room {
        Room::new()
    }
}

impl Run {
    /// Hands what passes to the shadow at a position. Never waits.
    pub(super) fn show(&self, position: usize, shown: Shown) {
        let Some(room) = self.plan.chain.links().get(position).and_then(|link| link.shadow.as_ref()) else { return };
        self.mark_ran(position);
        let mut watchers = self.watchers();
        match watchers.iter_mut().find(|watcher| watcher.position == position) {
            Some(watcher) => watcher.show(&self.exchange, shown),
            None => {
                let mut watcher = self.watch(room, position);
                watcher.send(shown);
                watchers.push(watcher);
            }
        }
    }

    fn watch(&self, room: &Arc<Room>, position: usize) -> Watcher {
        let record: Arc<Mutex<Seen>> = Arc::default();
        let Ok(permit) = room.exchanges.clone().try_acquire_owned() else {
            give_up(&record, "too-many");
            return Watcher { position, queue: None, record };
        };
        let (sender, receiver) = mpsc::channel(QUEUE_CALLS_MAX);
        let bytes: Arc<AtomicUsize> = Arc::default();
        let watch = Watch::new(self, position, room.instances.clone(), record.clone());
        let queued = bytes.clone();
        let task = tokio::spawn(async move {
            watch.run(receiver, &queued).await;
            drop(permit);
        });
        Watcher { position, queue: Some(Queue { sender, bytes, task }), record }
    }

    pub(super) fn has_shadows(&self) -> bool {
        !self.watchers().is_empty()
    }

    /// Waits for the shadows, for a bounded time, and gives what each would have done.
    pub(super) async fn end_shadows(&self) -> Vec<(Arc<str>, ShadowRecord)> {
        let watchers = std::mem::take(&mut *self.watchers());
        let ends_at = tokio::time::Instant::now() + END_MAX;
        let mut records = Vec::with_capacity(watchers.len());
        for watcher in watchers {
            let Some(link) = self.plan.chain.links().get(watcher.position) else { continue };
            if let Some(Queue { sender, mut task, .. }) = watcher.queue {
                // Nothing more will come.
                drop(sender);
                if tokio::time::timeout_at(ends_at, &mut task).await.is_err() {
                    task.abort();
                    give_up(&watcher.record, "time");
                }
            }
            let record = lock(&watcher.record).record.clone();
            link.metrics.decided(record.decision);
            records.push((link.entry.name.clone(), record));
        }
        records
    }
}

impl Shown {
    /// That wait in the queue.
    fn bytes(&self) -> usize {
        match self {
            Shown::Piece(bytes) => bytes.len(),
            Shown::Phase {
                call: Call::Delta(Delta::Text { text, .. } | Delta::ToolArguments { text, .. }), ..
            } => text.len(),
            _ => 0,
        }
    }
}

impl Watcher {
    fn show(&mut self, exchange: &Exchange, shown: Shown) {
        // What it decided ends its way but for `finish`.
        let is_finish = matches!(&shown, Shown::Phase { call: Call::Finish, .. });
        if self.queue.is_none() || (lock(&self.record).over && !is_finish) {
            return;
        }
        let now = || Some(Box::new(exchange.snapshot()));
        self.send(match shown {
            // There are many, and what else there is of the exchange does not change between them.
            Shown::Phase { call: Call::Delta(Delta::Text { .. } | Delta::ToolArguments { .. }), .. } => shown,
            Shown::Phase { call, .. } => Shown::Phase { call, now: now() },
            Shown::Begin { way, coding, .. } => Shown::Begin { way, coding, now: now() },
            other => other,
        });
    }

    fn send(&mut self, shown: Shown) {
        let Some(queue) = &self.queue else { return };
        let length = shown.bytes();
        let queued = queue.bytes.fetch_add(length, Ordering::AcqRel);
        // One piece alone may be longer: it is there anyhow.
        let is_full = queued > 0 && queued + length > QUEUE_BYTES_MAX;
        if is_full || queue.sender.try_send(shown).is_err() {
            queue.task.abort();
            self.queue = None;
            give_up(&self.record, "too-slow");
        }
    }
}

impl Taps {
    /// Without shadows this is empty and costs nothing.
    pub(super) fn of(run: &Run, way: Way) -> Taps {
        let positions = match run.plan.chain.has_shadows() {
            true => run.positions(way.phase()).filter(|position| reads(&run.plan, *position, way)).collect(),
            false => Vec::new(),
        };
        let coding = if positions.is_empty() { Vec::new() } else { way.coding(run) };
        Taps::at(positions, way, coding)
    }

    pub(super) fn at(positions: Vec<usize>, way: Way, coding: Vec<HeaderValue>) -> Taps {
        Taps { positions, coding, way, begun: false, ended: false }
    }

    pub(super) fn push(&mut self, run: &Run, bytes: &Bytes) {
        if self.positions.is_empty() || bytes.is_empty() {
            return;
        }
        self.begin(run);
        self.positions.iter().for_each(|position| run.show(*position, Shown::Piece(bytes.clone())));
    }

    /// Only the first time counts: a body can come to its end in several ways.
    pub(super) fn end(&mut self, run: &Run) {
        if self.positions.is_empty() || std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.begin(run);
        self.positions.iter().for_each(|position| run.show(*position, Shown::End));
    }

    fn begin(&mut self, run: &Run) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        for position in &self.positions {
            run.show(*position, Shown::Begin { way: self.way, coding: self.coding.clone(), now: None });
        }
    }
}

/// Whether the entry at a position is a shadow that reads this body.
pub(super) fn reads(plan: &Plan, position: usize, way: Way) -> bool {
    let shadow = plan.chain.links().get(position).filter(|link| link.shadow.is_some());
    shadow.is_some_and(|link| way.need(link.entry.plugin.setup()).mode != BodyMode::None)
}

fn give_up(record: &Mutex<Seen>, why: &'static str) {
    let mut seen = lock(record);
    if !seen.over {
        seen.over = true;
        seen.record.decision = "given-up";
        seen.record.why = Some(why);
    }
}

fn lock(record: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
