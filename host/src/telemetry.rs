//! What the gateway tells its operators: access log, metrics, and the ids that tie them together.

pub mod access_log;
pub mod metrics;
pub mod outcome;
pub mod request_id;
