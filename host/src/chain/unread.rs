//! Requests of HTTP/1.1 whose head cannot be read: no plugin sees them, the log and the counters do.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};

use super::open::ClientConnection;
use super::plan::{Ground, Plan};
use crate::config::Dialect;
use crate::error::Refusal;
use crate::http::render::render;
use crate::telemetry::access_log::Record;
use crate::telemetry::metrics::Answered;
use crate::telemetry::outcome::Outcome;
use crate::telemetry::request_id::RequestId;

/// What stands in the log for a method that could not be read. It is no method of any client (RFC 9110, 5.6.2, knows no empty one).
const NO_METHOD: &str = "";

/// Counts it, logs it, and returns what its client is told. `unmatched`: the plan for requests without a route.
pub fn refuse_unread(
    ground: &Ground,
    unmatched: &Plan,
    refusal: &Refusal,
    client: &ClientConnection,
) -> Response<Bytes> {
    let id = RequestId::from_headers(&HeaderMap::new());
    let answer = render(refusal, Dialect::Http, id.as_str());
    unmatched.metrics.answered(&Answered {
        // Counted among all that have no name of their own.
        method: &Method::from_bytes(b"UNREAD").unwrap_or_default(),
        status: Some(refusal.status),
        outcome: Outcome::Rejected,
        fault: Some(refusal.fault),
        duration: Duration::ZERO,
        overhead: Duration::ZERO,
    });
    if ground.access_log.is_on() {
        ground.access_log.log(Record {
            time_unix_ms: ground.services.clock.now_unix_ms(),
            request_id: id.as_str().to_owned(),
            trace_id: None,
            client_address: client.address,
            client_certificate: client.certificate.as_deref().map(str::to_owned),
            protocol: "http/1.1",
            method: NO_METHOD.to_owned(),
            authority: String::new(),
            path: String::new(),
            route: None,
            generation: ground.generation,
            key_id: None,
            consumer: None,
            team: None,
            status: Some(refusal.status.as_u16()),
            outcome: Outcome::Rejected,
            fault: Some(refusal.fault),
            code: Some(refusal.code.to_string()),
            decided_by: None,
            plugins: Vec::new(),
            versions: BTreeMap::new(),
            shadow: BTreeMap::new(),
            upstream: None,
            attempts: 0,
            tried: Vec::new(),
            request_bytes: 0,
            reply_bytes: answer.body().len() as u64,
            first_byte: None,
            duration: Duration::ZERO,
            upgrade: None,
            model: None,
            usage: Default::default(),
            labels: BTreeMap::new(),
            bypasses: BTreeMap::new(),
        });
    }
    answer
}
