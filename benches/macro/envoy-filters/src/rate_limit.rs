//! Counts requests by consumer in a window, and tells the client where it stands. Counters are this machine's own, without sharing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::CONSUMER;

pub struct Limit {
    requests: u64,
    window: Duration,
    counters: RefCell<HashMap<String, Window>>,
}

struct Window {
    ends: SystemTime,
    taken: u64,
}

impl Limit {
    /// From one line `REQUESTS SECONDS`.
    pub fn read<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Limit> {
        let (requests, seconds) = lines.next()?.split_once(' ')?;
        let window = Duration::from_secs(seconds.parse().ok()?);
        Some(Limit { requests: requests.parse().ok()?, window, counters: RefCell::default() })
    }

    /// Requests left and time to the end of the window; none left is a refusal.
    fn take(&self, consumer: String, now: SystemTime) -> (Option<u64>, Duration) {
        let mut counters = self.counters.borrow_mut();
        let window = counters.entry(consumer).or_insert(Window { ends: now + self.window, taken: 0 });
        if window.ends <= now {
            *window = Window { ends: now + self.window, taken: 0 };
        }
        let left = self.requests.checked_sub(window.taken + 1);
        window.taken += u64::from(left.is_some());
        (left, window.ends.duration_since(now).unwrap_or_default())
    }
}

pub struct Request {
    limit: Rc<Limit>,
    standing: Option<(u64, u64)>,
}

impl Request {
    pub fn new(limit: Rc<Limit>) -> Request {
        Request { limit, standing: None }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let consumer = self.get_http_request_header(CONSUMER).unwrap_or_default();
        let (left, rest) = self.limit.take(consumer, self.get_current_time());
        match left {
            Some(left) => {
                self.standing = Some((left, rest.as_secs() + 1));
                Action::Continue
            }
            None => {
                self.send_http_response(429, vec![], Some(b"too many requests\n"));
                Action::Pause
            }
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Some((left, seconds)) = self.standing {
            let (quota, window) = (self.limit.requests, self.limit.window.as_secs());
            self.set_http_response_header("ratelimit-policy", Some(&format!("\"requests\";q={quota};w={window}")));
            self.set_http_response_header("ratelimit", Some(&format!("\"requests\";r={left};t={seconds}")));
            self.set_http_response_header("x-ratelimit-limit-requests", Some(&quota.to_string()));
            self.set_http_response_header("x-ratelimit-remaining-requests", Some(&left.to_string()));
            self.set_http_response_header("x-ratelimit-reset-requests", Some(&format!("{seconds}s")));
        }
        Action::Continue
    }
}
