//! The generations that are live: the current one, and older ones that exchanges still keep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde_json::{Value, json};

use crate::chain::GenerationExchanges;
use crate::config::{Config, Texts};
use crate::generation::Generation;

/// Generations that may be live at once; for one more, the oldest is ended.
pub const LIVE_MAX: usize = 16;
/// Open exchanges of one generation that an operator is shown, the oldest first.
const SHOWN_MAX: usize = 20;
/// How long exchanges of an ended generation have to say goodbye to their clients.
const GOODBYE_MAX: Duration = Duration::from_secs(2);
/// How long it may take until a connection that was cut is gone.
const CUT_MAX: Duration = Duration::from_secs(1);
/// How often it is looked whether they are gone.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// What serves, and what it was made from.
pub(super) struct Current {
    pub(super) generation: Arc<Generation>,
    pub(super) config: Arc<Config>,
    pub(super) texts: Arc<Texts>,
    pub(super) origin: Origin,
}

/// Where a generation comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Start,
    /// The config file, or a file that it names.
    File,
    Push,
    /// The generation whose configuration it is once more.
    Rollback(u64),
}

pub(super) struct Generations {
    current: ArcSwap<Current>,
    /// Oldest first; the current one is the last.
    live: Mutex<Vec<Live>>,
    /// The number that the next one gets.
    next: AtomicU64,
}

struct Live {
    id: u64,
    since: Instant,
    origin: Origin,
    generation: Weak<Generation>,
    exchanges: Arc<GenerationExchanges>,
}

/// Why a generation is not ended.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum EndError {
    #[error("there is no live generation {0}; `sluicegate generations` lists those that are")]
    Unknown(u64),
    #[error("generation {0} is the current one; roll back or push another configuration first")]
    Current(u64),
}

impl Origin {
    /// One word, for metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Origin::Start => "start",
            Origin::File => "file",
            Origin::Push => "push",
            Origin::Rollback(_) => "rollback",
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Origin::Rollback(id) => format!("rollback to {id}"),
            other => other.word().to_owned(),
        }
    }
}

impl Generations {
    pub(super) fn new(first: Current) -> Generations {
        let next = AtomicU64::new(first.generation.id + 1);
        let live = Mutex::new(vec![Live::of(&first)]);
        Generations { current: ArcSwap::from_pointee(first), live, next }
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// For one request, which keeps it to its last byte.
    pub(super) fn current_generation(&self) -> Arc<Generation> {
        self.current.load().generation.clone()
    }

    /// Numbers are given once, also to what is never swapped in.
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// From here on new requests get `next`. Makes room for it first.
    pub(super) async fn swap(&self, next: Current) {
        self.make_room().await;
        self.lock().push(Live::of(&next));
        self.current.store(Arc::new(next));
    }

    /// Those that are live, the oldest first: age, what keeps them, where they came from.
    pub(super) fn list(&self) -> Value {
        let current = self.current().generation.id;
        let live = self.lock();
        Value::Array(live.iter().map(|generation| generation.summary(generation.id == current)).collect())
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Ends the exchanges of an older generation; with the last of them it goes.
    pub(super) fn end(&self, id: u64) -> Result<(), EndError> {
        if self.current().generation.id == id {
            return Err(EndError::Current(id));
        }
        let exchanges = self.exchanges(id).ok_or(EndError::Unknown(id))?;
        tokio::spawn(async move { end(id, &exchanges).await });
        Ok(())
    }

    async fn make_room(&self) {
        while self.count() >= LIVE_MAX {
            let oldest = self.lock().first().map(|oldest| oldest.id);
            let Some((id, exchanges)) = oldest.and_then(|id| Some((id, self.exchanges(id)?))) else { return };
            tracing::warn!("{LIVE_MAX} generations are live; generation {id}, the oldest, is ended with its streams");
            end(id, &exchanges).await;
            self.lock().retain(|live| live.id != id);
        }
    }

    fn exchanges(&self, id: u64) -> Option<Arc<GenerationExchanges>> {
        self.lock().iter().find(|live| live.id == id).map(|live| live.exchanges.clone())
    }

    /// Without those that have gone since the last look.
    fn lock(&self) -> MutexGuard<'_, Vec<Live>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|generation| generation.generation.strong_count() > 0 || generation.exchanges.count() > 0);
        live
    }
}

impl Live {
    fn of(current: &Current) -> Live {
        Live {
            id: current.generation.id,
            since: Instant::now(),
            origin: current.origin.clone(),
            generation: Arc::downgrade(&current.generation),
            exchanges: current.generation.exchanges().clone(),
        }
    }

    fn summary(&self, current: bool) -> Value {
        let oldest = self.exchanges.oldest(SHOWN_MAX).into_iter().map(|exchange| {
            json!({
                "request_id": exchange.request_id,
                "route": exchange.route.as_ref(),
                "age_ms": exchange.age.as_millis() as u64,
            })
        });
        json!({
            "id": self.id,
            "current": current,
            "ending": self.exchanges.is_ended(),
            "origin": self.origin.describe(),
            "age_ms": self.since.elapsed().as_millis() as u64,
            "open_exchanges": self.exchanges.count(),
            "oldest_exchanges": oldest.collect::<Vec<_>>(),
        })
    }
}

/// First in good order; whoever does not read what he is told is cut.
async fn end(id: u64, exchanges: &GenerationExchanges) {
    exchanges.end();
    if !is_gone(exchanges, GOODBYE_MAX).await {
        tracing::warn!("generation {id}: {} connections did not take their end and are cut", exchanges.count());
        exchanges.cut();
        is_gone(exchanges, CUT_MAX).await;
    }
}

async fn is_gone(exchanges: &GenerationExchanges, most: Duration) -> bool {
    let deadline = Instant::now() + most;
    while exchanges.count() > 0 {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    true
}
