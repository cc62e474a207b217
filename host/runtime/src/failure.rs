//! How a call into a plugin can fail, in words that operators see as a label and in the log.

use std::fmt;
use std::ops::Deref;

/// The kind of a failure: the value of the label `kind` in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The guest trapped: a panic, `unreachable`, a bad access.
    Trap,
    /// The CPU budget of one call was spent.
    Cpu,
    /// One call with the host calls it waited for took too long.
    Wall,
    /// The guest wanted more memory or table than it may have.
    Memory,
    /// The guest's stack is used up.
    Stack,
    /// Too many calls into the host in one call, too many bytes or handles, or a handle that is none.
    HostCalls,
    /// What it returned breaks the contract.
    BadReturn,
    /// No instance became free in time.
    NoInstance,
    /// The breaker is open: the plugin was not called.
    Suspended,
}

impl FailureKind {
    pub const ALL: [FailureKind; 9] = [
        FailureKind::Trap,
        FailureKind::Cpu,
        FailureKind::Wall,
        FailureKind::Memory,
        FailureKind::Stack,
        FailureKind::HostCalls,
        FailureKind::BadReturn,
        FailureKind::NoInstance,
        FailureKind::Suspended,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Trap => "trap",
            FailureKind::Cpu => "cpu",
            FailureKind::Wall => "wall",
            FailureKind::Memory => "memory",
            FailureKind::Stack => "stack",
            FailureKind::HostCalls => "host_calls",
            FailureKind::BadReturn => "bad_return",
            FailureKind::NoInstance => "no_instance",
            FailureKind::Suspended => "suspended",
        }
    }

    /// Whether the breaker counts it: failures of the plugin itself, not of the machine around it.
    pub fn counts_for_breaker(self) -> bool {
        !matches!(self, FailureKind::NoInstance | FailureKind::Suspended)
    }
}

/// A failed call.
///
/// Boxed, for the results that could hold one are handed on with each call that went well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Why>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub kind: FailureKind,
    /// For the operator's log, never for a client.
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure(Box::new(Why { kind, message: message.into() }))
    }

    pub fn bad_return(message: impl Into<String>) -> Failure {
        Failure::new(FailureKind::BadReturn, message)
    }
}

impl Deref for Failure {
    type Target = Why;

    fn deref(&self) -> &Why {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}

/// Raised inside a host call to end the guest; found again in the error that the call returns.
#[derive(Debug, Clone)]
pub(crate) struct Violation(pub Failure);

impl Violation {
    pub(crate) fn raise(kind: FailureKind, message: impl Into<String>) -> wasmtime::Error {
        wasmtime::Error::new(Violation(Failure::new(kind, message)))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Violation {}
