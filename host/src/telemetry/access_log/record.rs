//! What is known of an exchange at its end, and the line that it becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::error::Fault;
use crate::telemetry::outcome::Outcome;

/// What a shadow would have done with an exchange, in words that stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShadowRecord {
    /// `proceed`, `reject`, `respond`, `fail` where its entry denies on error, or `given-up`.
    pub decision: &'static str,
    /// Where it decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'static str>,
    /// Of its rejection or answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Of its rejection; at most 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The kind of its first failure, or the reason why it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// What it changed on its copy.
    pub changed: BTreeSet<&'static str>,
}

impl Default for ShadowRecord {
    fn default() -> ShadowRecord {
        ShadowRecord { decision: "proceed", phase: None, status: None, code: None, why: None, changed: BTreeSet::new() }
    }
}

/// One exchange. Never a credential: of a key its id, of a path no query.
#[derive(Debug, Clone)]
pub struct Record {
    /// When the head of the request had been read; milliseconds since 1970.
    pub time_unix_ms: u64,
    pub request_id: String,
    /// 32 hexadecimal digits, from a valid `traceparent`.
    pub trace_id: Option<String>,
    pub client_address: IpAddr,
    /// The subject of the certificate that the client has presented (RFC 4514).
    pub client_certificate: Option<String>,
    /// By its name in ALPN.
    pub protocol: &'static str,
    pub method: String,
    /// As the client asked for it.
    pub authority: String,
    /// As sent, without query.
    pub path: String,
    /// None where no route matched.
    pub route: Option<String>,
    /// The generation that served it.
    pub generation: u64,
    pub key_id: Option<String>,
    pub consumer: Option<String>,
    pub team: Option<String>,
    /// As sent to the client; None when it left before there was one.
    pub status: Option<u16>,
    pub outcome: Outcome,
    /// Whose fault, where the answer is a refusal or the exchange was cut.
    pub fault: Option<Fault>,
    /// The refusal's stable code.
    pub code: Option<String>,
    /// The chain entry that rejected or answered.
    pub decided_by: Option<String>,
    /// The chain entries that were called, in the order of their first calls.
    pub plugins: Vec<String>,
    /// Which of them were served by another version than the stable one.
    pub versions: BTreeMap<String, &'static str>,
    /// What each shadow would have done.
    pub shadow: BTreeMap<String, ShadowRecord>,
    /// The upstream that answered, or was tried last.
    pub upstream: Option<String>,
    /// How often an upstream was tried.
    pub attempts: u32,
    /// The other upstreams that were tried, in that order.
    pub tried: Vec<String>,
    /// Of the body, as received.
    pub request_bytes: u64,
    /// Of the body, as sent.
    pub reply_bytes: u64,
    /// From the head of the request to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From the head of the request to the end of the exchange.
    pub duration: Duration,
    /// The protocol that the connection spoke behind a 101; the bytes are then those of it.
    pub upgrade: Option<String>,
    /// The language model that the client called, by its own name.
    pub model: Option<String>,
    /// What the provider said of itself and of what the answer used.
    pub usage: sluicegate_llm::Seen,
    /// Set by plugins.
    pub labels: BTreeMap<String, String>,
    /// How often each chain entry did not run, or failed and was passed over.
    pub bypasses: BTreeMap<Arc<str>, u32>,
}

/// The line's members in their order. All are always there, so that a reader can count on them.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    request_id: &'a str,
    trace_id: Option<&'a str>,
    client_address: IpAddr,
    client_certificate: Option<&'a str>,
    protocol: &'static str,
    method: &'a str,
    authority: &'a str,
    path: &'a str,
    route: Option<&'a str>,
    generation: u64,
    key_id: Option<&'a str>,
    consumer: Option<&'a str>,
    team: Option<&'a str>,
    status: Option<u16>,
    outcome: &'static str,
    fault: Option<&'static str>,
    code: Option<&'a str>,
    decided_by: Option<&'a str>,
    plugins: &'a [String],
    versions: &'a BTreeMap<String, &'static str>,
    shadow: &'a BTreeMap<String, ShadowRecord>,
    upstream: Option<&'a str>,
    attempts: u32,
    tried: &'a [String],
    request_bytes: u64,
    reply_bytes: u64,
    first_byte_us: Option<u64>,
    duration_us: u64,
    upgrade: Option<&'a str>,
    model: Option<&'a str>,
    model_served: Option<&'a str>,
    input_tokens: Option<u64>,
    cache_read_tokens: Option<u64>,
    output_tokens: Option<u64>,
    labels: &'a BTreeMap<String, String>,
    bypasses: BTreeMap<&'a str, u32>,
}

impl Record {
    /// One line of JSON without its line end.
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        let usage = self.usage.usage.as_ref();
        serde_json::to_string(&Line {
            time: rfc_3339(self.time_unix_ms),
            request_id: &self.request_id,
            trace_id: self.trace_id.as_deref(),
            client_address: self.client_address,
            client_certificate: self.client_certificate.as_deref(),
            protocol: self.protocol,
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            route: self.route.as_deref(),
            generation: self.generation,
            key_id: self.key_id.as_deref(),
            consumer: self.consumer.as_deref(),
            team: self.team.as_deref(),
            status: self.status,
            outcome: self.outcome.as_str(),
            fault: self.fault.map(Fault::as_str),
            code: self.code.as_deref(),
            decided_by: self.decided_by.as_deref(),
            plugins: &self.plugins,
            versions: &self.versions,
            shadow: &self.shadow,
            upstream: self.upstream.as_deref(),
            attempts: self.attempts,
            tried: &self.tried,
            request_bytes: self.request_bytes,
            reply_bytes: self.reply_bytes,
            first_byte_us: self.first_byte.map(microseconds),
            duration_us: microseconds(self.duration),
            upgrade: self.upgrade.as_deref(),
            model: self.model.as_deref(),
            model_served: self.usage.model.as_deref(),
            input_tokens: usage.map(|usage| usage.input_tokens),
            cache_read_tokens: usage.map(|usage| usage.cache_read_tokens),
            output_tokens: usage.map(|usage| usage.output_tokens),
            labels: &self.labels,
            bypasses: self.bypasses.iter().map(|(entry, count)| (entry.as_ref(), *count)).collect(),
        })
    }
}

/// UTC, to the millisecond. A time past the year 9999 has no such form and is printed as the epoch.
pub fn rfc_3339(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", timestamp.unwrap_or_default())
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
