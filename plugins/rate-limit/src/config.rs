//! The limits as written and as meant, and whom each of them counts.

use std::net::IpAddr;

use serde::Deserialize;
use sluicegate_plugin::fields::{is_credential, is_name};
use sluicegate_plugin::{Pointer, Problems, Rejection, Schema, exchange, identity, request};

/// As many as the host takes from at once.
const LIMITS_MAX: usize = 16;
const NAME_BYTES_MAX: usize = 64;
/// The largest integer of a structured field (RFC 9651, 3.3.1).
const REQUESTS_MAX: u64 = 999_999_999_999_999;
const WINDOW_MS_MAX: u64 = 366 * 24 * 3_600_000;
/// Longer values of a header share one counter, so that a client cannot fill the host's memory with its keys.
const HEADER_BYTES_MAX: usize = 256;

/// Limits how many requests a caller may make in a window of time.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// A request counts in all limits or, if one of them refuses it, in none.
    #[schema(min_items = 1, max_items = LIMITS_MAX)]
    limits: Vec<RawLimit>,
}

/// So many requests in a window of time, for each that `by` tells apart.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawLimit {
    /// Unique. Clients see it in the header fields and in a refusal. Counters belong to it: a limit that keeps its name keeps its
    /// counts when the configuration changes.
    #[schema(pattern = "^[A-Za-z0-9_-]*$", min_length = 1, max_length = NAME_BYTES_MAX, example = "burst")]
    name: String,
    /// How many pass in one window.
    #[schema(minimum = 1, maximum = REQUESTS_MAX, example = 100)]
    requests: u64,
    /// The window in milliseconds, at most 366 days. It opens with the first request that it counts.
    #[schema(minimum = 1, maximum = WINDOW_MS_MAX, example = 60_000)]
    window_ms: u64,
    /// Who shares a counter: `key` (gateway key), `consumer`, `route`, `address` (the client's; those of one IPv6 /64 share one),
    /// `header:NAME` (first value of the field), or `global` for all. `key` and `consumer` need a plugin in front that
    /// establishes an identity.
    #[schema(
        pattern = "^(key|consumer|route|address|global|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
        example = "consumer"
    )]
    by: String,
}

/// `requests` in a window of `window_ms`, counted for each value of `by`.
pub struct Limit {
    /// Unique; letters, digits, `-` and `_`.
    pub name: String,
    pub requests: u64,
    pub window_ms: u64,
    pub by: By,
}

/// Who shares a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Key,
    Consumer,
    Route,
    Address,
    Header(String),
    Global,
}

impl RawConfig {
    pub fn into_limits(self) -> Result<Vec<Limit>, Problems> {
        let list = Pointer::root().key("limits");
        let mut problems = Vec::new();
        if self.limits.is_empty() || self.limits.len() > LIMITS_MAX {
            problems.push(Problems::new(&list, format!("`limits` must hold 1 to {LIMITS_MAX} limits.")));
        }
        let mut limits: Vec<Limit> = Vec::new();
        for (index, raw) in self.limits.into_iter().enumerate() {
            let pointer = list.index(index);
            if limits.iter().any(|limit| limit.name == raw.name) {
                let message = format!(
                    "Another limit is named `{}` already, and would share its counters: choose another name.",
                    raw.name
                );
                problems.push(Problems::new(&pointer.key("name"), message));
            }
            match raw.into_limit(&pointer) {
                Ok(limit) => limits.push(limit),
                Err(found) => problems.push(found),
            }
        }
        Problems::check(problems)?;
        Ok(limits)
    }
}

impl RawLimit {
    fn into_limit(self, pointer: &Pointer) -> Result<Limit, Problems> {
        let mut problems = Vec::new();
        let mut report = |name: &str, message: String| problems.push(Problems::new(&pointer.key(name), message));
        let name_is_valid = (1..=NAME_BYTES_MAX).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !name_is_valid {
            report(
                "name",
                format!("`name` must be 1 to {NAME_BYTES_MAX} letters, digits, `-` or `_`: clients see it."),
            );
        }
        if !(1..=REQUESTS_MAX).contains(&self.requests) {
            report("requests", format!("`requests` must be between 1 and {REQUESTS_MAX}."));
        }
        if !(1..=WINDOW_MS_MAX).contains(&self.window_ms) {
            report("window_ms", format!("`window_ms` must be between 1 and {WINDOW_MS_MAX}, which is 366 days."));
        }
        match By::parse(&self.by) {
            Ok(by) => {
                Problems::check(problems)?;
                Ok(Limit { name: self.name, requests: self.requests, window_ms: self.window_ms, by })
            }
            Err(message) => {
                problems.push(Problems::new(&pointer.key("by"), message));
                Err(Problems::join(problems))
            }
        }
    }
}

impl By {
    fn parse(text: &str) -> Result<By, String> {
        match text {
            "key" => Ok(By::Key),
            "consumer" => Ok(By::Consumer),
            "route" => Ok(By::Route),
            "address" => Ok(By::Address),
            "global" => Ok(By::Global),
            _ => match text.strip_prefix("header:").map(str::to_ascii_lowercase) {
                Some(name) if is_credential(&name) => Err(format!(
                    "`{name}` carries a credential, which plugins do not see: count by \"key\" or \"consumer\"."
                )),
                Some(name) if is_name(&name) => Ok(By::Header(name)),
                _ => Err(format!(
                    "{text:?} counts nobody: write \"key\", \"consumer\", \"route\", \"address\", \"header:NAME\" or \"global\"."
                )),
            },
        }
    }

    /// The counter's key for this exchange. It begins with the kind, so that a consumer and a route of the same name never meet
    /// in one counter when a limit's `by` is changed.
    pub fn key(&self) -> Result<String, Rejection> {
        match self {
            By::Key => identity::key().map(|key| of("key:", &key)).ok_or_else(identity_required),
            By::Consumer => identity::consumer().map(|name| of("consumer:", &name)).ok_or_else(identity_required),
            By::Route => Ok(of("route:", &exchange::route())),
            By::Address => Ok(of("address:", &network(exchange::client_address()))),
            By::Header(name) => Ok(match request::header(name) {
                None => "header-absent".to_owned(),
                Some(value) if value.len() > HEADER_BYTES_MAX => "header-long".to_owned(),
                Some(value) => of("header:", &String::from_utf8_lossy(&value)),
            }),
            By::Global => Ok("global".to_owned()),
        }
    }
}

fn of(kind: &str, value: &str) -> String {
    [kind, value].concat()
}

/// Nobody is counted whom nobody knows, and to let such a caller pass would be the way around the limit.
fn identity_required() -> Rejection {
    Rejection::new(
        401,
        "identity_required",
        "This route limits each caller, and nobody knows who you are. Send a gateway key.",
    )
    .header("www-authenticate", "Bearer")
}

/// One host has at least a /64 of IPv6 addresses to itself (RFC 6177): counted one by one they would be no limit.
fn network(address: String) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => address,
    }
}
