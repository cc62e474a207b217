//! What the provider remembers of the requests that reached it, so that a test can say what arrived.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use tokio::sync::watch;

/// Older requests are counted and forgotten.
pub const REQUESTS_KEPT_MAX: usize = 64;

/// Of a longer body the beginning is kept.
pub const BODY_KEPT_BYTES_MAX: usize = 256 * 1024;

/// The fields that hold a key in one of the dialects, or what is as good as one.
const SECRET_FIELDS: [&str; 7] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "api-key",
    "x-api-key",
    "x-goog-api-key",
    "x-amz-security-token",
];

/// One request as it arrived. `Debug` shows no key.
#[derive(Clone)]
pub struct ReceivedRequest {
    pub method: Method,
    /// Path and query as sent.
    pub target: String,
    /// In the order of arrival for each name.
    pub headers: HeaderMap,
    /// At most [`BODY_KEPT_BYTES_MAX`] bytes.
    pub body: Bytes,
    /// As sent, also of a body that was too long to keep.
    pub body_bytes: u64,
    /// False if the body broke off, came too slowly or was too long for the provider.
    pub body_complete: bool,
}

/// A handle on the memory; clones share it.
#[derive(Debug, Clone)]
pub struct Received {
    memory: Arc<Mutex<Memory>>,
    /// Counts changes, for those who wait.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Memory {
    count: u64,
    delivered: u64,
    abandoned: u64,
    kept: VecDeque<Arc<ReceivedRequest>>,
}

impl ReceivedRequest {
    /// The first field of this name, if it is there and is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What stood in `Authorization`, scheme included.
    pub fn authorization(&self) -> Option<&str> {
        self.header(header::AUTHORIZATION.as_str())
    }
}

impl fmt::Debug for ReceivedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Gemini's clients may put their key into the query.
        let path = self.target.split('?').next().unwrap_or_default();
        formatter
            .debug_struct("ReceivedRequest")
            .field("method", &self.method)
            .field("path", &path)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .field("body_bytes", &self.body_bytes)
            .field("body_complete", &self.body_complete)
            .finish()
    }
}

impl Received {
    pub(crate) fn new() -> Received {
        Received { memory: Arc::default(), changes: watch::Sender::new(0) }
    }

    /// Requests since the start, refused ones included. A request counts when its body has arrived or was given up.
    pub fn count(&self) -> u64 {
        self.read(|memory| memory.count)
    }

    /// Answers of which every byte was handed to the connection.
    pub fn delivered(&self) -> u64 {
        self.read(|memory| memory.delivered)
    }

    /// Answers that the client did not wait for. An answer that the provider cut off itself is not among them.
    pub fn abandoned(&self) -> u64 {
        self.read(|memory| memory.abandoned)
    }

    /// The last [`REQUESTS_KEPT_MAX`] requests, oldest first.
    pub fn requests(&self) -> Vec<Arc<ReceivedRequest>> {
        self.read(|memory| memory.kept.iter().cloned().collect())
    }

    pub fn last(&self) -> Option<Arc<ReceivedRequest>> {
        self.read(|memory| memory.kept.back().cloned())
    }

    /// Returns once the condition holds, for instance `|received| received.abandoned() == 1`.
    ///
    /// Waits for ever if it never does: the caller sets the limit.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Received) -> bool) {
        let mut changes = self.changes.subscribe();
        // The sender lives in `self`, so that the channel cannot be closed here.
        while !condition(self) && changes.changed().await.is_ok() {}
    }

    pub(crate) fn record(&self, mut request: ReceivedRequest) -> Delivery {
        for name in SECRET_FIELDS {
            if let header::Entry::Occupied(mut fields) = request.headers.entry(name) {
                fields.iter_mut().for_each(|value| value.set_sensitive(true));
            }
        }
        request.body.truncate(BODY_KEPT_BYTES_MAX);
        self.change(|memory| {
            memory.count += 1;
            if memory.kept.len() == REQUESTS_KEPT_MAX {
                memory.kept.pop_front();
            }
            memory.kept.push_back(Arc::new(request));
        });
        self.delivery()
    }

    pub(crate) fn delivery(&self) -> Delivery {
        Delivery { received: self.clone(), open: true }
    }

    fn read<T>(&self, read: impl FnOnce(&Memory) -> T) -> T {
        read(&self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// Belongs to an answer; counts how it ended, by being dropped at the latest.
#[derive(Debug)]
pub(crate) struct Delivery {
    received: Received,
    open: bool,
}

impl Delivery {
    pub fn complete(&mut self) {
        if std::mem::take(&mut self.open) {
            self.received.change(|memory| memory.delivered += 1);
        }
    }

    /// The provider itself ends the answer early.
    pub fn cut(&mut self) {
        self.open = false;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.open {
            self.received.change(|memory| memory.abandoned += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, body: Bytes) -> ReceivedRequest {
        let headers = [(header::AUTHORIZATION, http::HeaderValue::from_static("Bearer secret"))].into_iter().collect();
        let body_bytes = body.len() as u64;
        ReceivedRequest { method: Method::GET, target: target.into(), headers, body, body_bytes, body_complete: true }
    }

    #[test]
    fn the_last_requests_are_kept_and_all_are_counted() {
        let received = Received::new();
        for number in 0..=REQUESTS_KEPT_MAX {
            received.record(request(&format!("/{number}"), Bytes::new())).complete();
        }
        assert_eq!(received.count(), REQUESTS_KEPT_MAX as u64 + 1);
        let kept = received.requests();
        assert_eq!((kept.len(), kept[0].target.as_str()), (REQUESTS_KEPT_MAX, "/1"));
        assert_eq!(received.last().unwrap().target, "/64");
    }

    #[test]
    fn a_long_body_is_kept_in_part_with_its_whole_length() {
        let received = Received::new();
        received.record(request("/", vec![7; BODY_KEPT_BYTES_MAX + 1].into())).complete();
        let last = received.last().unwrap();
        assert_eq!((last.body.len(), last.body_bytes), (BODY_KEPT_BYTES_MAX, BODY_KEPT_BYTES_MAX as u64 + 1));
    }

    #[test]
    fn a_credential_can_be_asked_for_and_does_not_show_in_debug_output() {
        let received = Received::new();
        drop(received.record(request("/", Bytes::new())));
        assert_eq!(received.last().unwrap().authorization(), Some("Bearer secret"));
        assert!(!format!("{received:?}").contains("secret"));
    }

    #[test]
    fn an_answer_is_delivered_or_abandoned_or_cut_and_counted_once() {
        let received = Received::new();
        let (mut whole, left, mut cut) = (
            received.record(request("/", Bytes::new())),
            received.record(request("/", Bytes::new())),
            received.record(request("/", Bytes::new())),
        );
        whole.complete();
        whole.complete();
        cut.cut();
        drop((whole, left, cut));
        assert_eq!((received.delivered(), received.abandoned()), (1, 1));
    }
}
