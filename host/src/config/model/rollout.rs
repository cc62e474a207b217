//! How a new version of an entry comes into service: its tests, its shadow, its canary.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode};

use super::ChainEntry;
use crate::config::Place;

/// Self-tests of one entry.
pub const SELF_TESTS_MAX: usize = 64;

/// Whether an entry decides about exchanges, or only watches copies of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    Shadow,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        }
    }
}

/// A second version of an entry that serves a share of the exchanges.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The entry as it is with the second version: same name, `on_error`, breaker, limits and isolation; no canary of its own.
    pub entry: Arc<ChainEntry>,
    /// Percent of the exchanges, 0 to 100.
    pub weight: u8,
    pub sticky: Sticky,
    pub rollback: RollbackPolicy,
}

/// Who meets the same version again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sticky {
    Request,
    Consumer,
}

impl Sticky {
    pub fn as_str(self) -> &'static str {
        match self {
            Sticky::Request => "request",
            Sticky::Consumer => "consumer",
        }
    }
}

/// When a canary is taken out of service: whichever comes first within `window`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPolicy {
    /// So many failures.
    pub failures: u32,
    /// Percentage points by which the canary's share of rejections is above the stable version's.
    pub rejections_percent: u8,
    /// Shares are compared once each version has met so many exchanges.
    pub exchanges_min: u32,
    pub window: Duration,
}

/// One exchange that a plugin must pass before it serves.
#[derive(Debug, Clone)]
pub struct SelfTest {
    pub exchange: TestExchange,
    pub expect: Expect,
}

/// An exchange that a plugin is driven through, without a client and without an upstream.
#[derive(Debug, Clone)]
pub struct TestExchange {
    pub name: String,
    pub request: TestRequest,
    /// Part and value.
    pub identity: Vec<(String, String)>,
    /// The phases of the answer run only with one.
    pub reply: Option<TestReply>,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub struct TestRequest {
    pub method: Method,
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Names of upstreams; the phase `route` runs only with one.
    pub targets: Vec<String>,
}

impl TestRequest {
    /// The names of targets by their numbers.
    pub fn names(&self, targets: &[u32]) -> Vec<String> {
        targets.iter().filter_map(|number| self.targets.get(usize::try_from(*number).ok()?).cloned()).collect()
    }
}

#[derive(Debug, Clone)]
pub struct TestReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Of a model's answer, in pieces.
    pub text: Vec<String>,
}

/// What must hold at the end of a self-test. What is not given is not looked at.
#[derive(Debug, Clone)]
pub struct Expect {
    pub decision: Decision,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub request_headers: Vec<(HeaderName, Expected)>,
    pub request_body: Option<Bytes>,
    /// Names of targets in their order.
    pub plan: Option<Vec<String>>,
    pub reply_status: Option<u16>,
    pub reply_headers: Vec<(HeaderName, Expected)>,
    pub reply_body: Option<Bytes>,
    pub labels: Vec<(String, Expected)>,
    pub call: ExpectCall,
}

/// What must have come of a model's call.
#[derive(Debug, Clone, Default)]
pub struct ExpectCall {
    pub model: Option<String>,
    pub texts: Option<Vec<String>>,
    /// A target's name; empty where none was left.
    pub target: Option<String>,
    pub text: Option<String>,
    pub end: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Proceed,
    Reject,
    Respond,
}

impl Decision {
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Proceed => "proceed",
            Decision::Reject => "reject",
            Decision::Respond => "respond",
        }
    }
}

/// What a field or a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Absent,
    Any,
    Value(String),
}
