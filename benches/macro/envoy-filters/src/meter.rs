//! Counts requests, bytes and what they cost when an exchange is over.

use proxy_wasm::hostcalls::{define_metric, increment_metric};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MetricType};

const NANO_USD_PER_REQUEST: i64 = 1000;
const NANO_USD_PER_BYTE: i64 = 2;

#[derive(Clone, Copy)]
pub struct Metrics {
    requests: u32,
    bytes: u32,
    cost: u32,
}

impl Metrics {
    pub fn define() -> Option<Metrics> {
        let counter = |name| define_metric(MetricType::Counter, name).ok();
        Some(Metrics {
            requests: counter("bench_requests")?,
            bytes: counter("bench_bytes")?,
            cost: counter("bench_cost_nano_usd")?,
        })
    }
}

pub struct Request {
    metrics: Metrics,
    bytes: usize,
}

impl Request {
    pub fn new(metrics: Metrics) -> Request {
        Request { metrics, bytes: 0 }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_response_body(&mut self, size: usize, _end: bool) -> Action {
        self.bytes += size;
        Action::Continue
    }

    fn on_log(&mut self) {
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        let cost = NANO_USD_PER_REQUEST + bytes.saturating_mul(NANO_USD_PER_BYTE);
        for (metric, by) in [(self.metrics.requests, 1), (self.metrics.bytes, bytes), (self.metrics.cost, cost)] {
            // A counter that this machine has defined can be incremented.
            let _ = increment_metric(metric, by);
        }
    }
}
