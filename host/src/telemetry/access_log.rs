//! The access log: one JSON line for each exchange, written by a thread of its own, so that no request waits for a disk.
//!
//! Lines go through a queue of [`QUEUE_LINES_MAX`]. Where it is full, the line is dropped and counted: a log that cannot
//! keep up must not slow the gateway down. At the end the queue is written out, for at most [`CLOSE_MAX`].

mod record;
#[cfg(test)]
mod tests;
mod writer;

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

pub use self::record::{Record, ShadowRecord, rfc_3339};
use self::writer::{Message, Output, Writer};
use crate::config;

/// Lines waiting to be written.
pub const QUEUE_LINES_MAX: usize = 8192;
/// How long the end of the process waits for the queue to be written.
pub const CLOSE_MAX: Duration = Duration::from_secs(5);

/// Takes live secrets out of a line before it is written.
pub type Redact = Arc<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;

/// Where the requests leave their records. Off: nothing is built, nothing is written.
#[derive(Debug)]
pub struct AccessLog {
    /// None when off or closed.
    queue: RwLock<Option<SyncSender<Message>>>,
    shared: Arc<Shared>,
    ended: Mutex<Option<Receiver<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Asked for, and not yet done.
    reopen: AtomicBool,
    dropped: AtomicU64,
    failed: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum AccessLogError {
    #[error("the access log {} cannot be opened for appending: {source}; mend its path or permissions, or set the log to \"stdout\"", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("the thread that writes the access log cannot be started: {0}")]
    Thread(io::Error),
}

impl AccessLog {
    pub fn open(target: &config::AccessLog, redact: Redact) -> Result<AccessLog, AccessLogError> {
        match Output::open(target)? {
            Some(output) => AccessLog::start(output, redact, QUEUE_LINES_MAX),
            None => Ok(AccessLog { queue: RwLock::new(None), shared: Arc::default(), ended: Mutex::new(None) }),
        }
    }

    /// Lines go to `sink`, which the thread that writes them owns.
    pub fn to(sink: impl io::Write + Send + 'static, redact: Redact) -> Result<AccessLog, AccessLogError> {
        AccessLog::start(Output::to(sink), redact, QUEUE_LINES_MAX)
    }

    /// Whether a record would be written: where not, none needs to be built.
    pub fn is_on(&self) -> bool {
        self.queue.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Never waits.
    pub fn log(&self, record: Record) {
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref()
            && queue.try_send(Message::Line(Box::new(record))).is_err()
        {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the file anew at its path, before the next line: for whoever has moved it away.
    /// If that fails, the old file is written on and the operator's log says why.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queue.as_ref() {
            // Wakes an idle writer. A full queue needs no waking.
            let _ = queue.try_send(Message::Wake);
        }
    }

    /// Lines dropped because the queue was full.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Lines that could not be written.
    pub fn failed(&self) -> u64 {
        self.shared.failed.load(Ordering::Relaxed)
    }

    /// Writes out what is queued and ends; later records are not written. False if that took longer than [`CLOSE_MAX`].
    /// Blocks: not for a thread that serves requests.
    pub fn close(&self) -> bool {
        // Without a sender the writer's queue ends once it is empty.
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The writer says nothing at its end: it drops its side.
        ended.is_none_or(|ended| ended.recv_timeout(CLOSE_MAX) == Err(RecvTimeoutError::Disconnected))
    }

    fn start(output: Output, redact: Redact, queue_lines_max: usize) -> Result<AccessLog, AccessLogError> {
        let (queue, messages) = mpsc::sync_channel(queue_lines_max);
        let (ending, ended) = mpsc::channel::<()>();
        let shared: Arc<Shared> = Arc::default();
        let mut writer = Writer::new(output, redact, shared.clone());
        thread::Builder::new()
            .name("access-log".to_string())
            .spawn(move || {
                writer.run(&messages);
                drop(ending);
            })
            .map_err(AccessLogError::Thread)?;
        Ok(AccessLog { queue: RwLock::new(Some(queue)), shared, ended: Mutex::new(Some(ended)) })
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.close();
    }
}
