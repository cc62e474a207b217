//! What a chain does with single requests, told to an operator while it happens.
//!
//! A trace is armed with a [`Filter`](filter::Filter), and recorded are the exchanges that match it: each call of a plugin with its
//! times and deeds, and between them the host's own steps. While none is armed, a request pays for one load of a number; while one
//! is, for one comparison at its head. No value of a credential and no byte of a body is in a record.

mod attempt;
mod call;
mod filter;
mod lines;
mod record;
mod registry;
mod step;
mod veil;
mod why;

pub use filter::{COUNT_MAX, TIME_MAX, TraceRequest};
pub use lines::TraceLines;
pub use registry::{ARMED_MAX, ArmError, Traces};

pub(super) use attempt::AttemptTrace;
pub(super) use call::{CallTrace, OnFailure, micros};
pub(super) use record::{Ending, Recorder};
pub(super) use step::BodyWay;
