//! Two kinds of load, all that a proxy can take and a steady rate, and what a proxy makes of it.

pub mod rate;
pub mod steady;
pub mod wrk;
