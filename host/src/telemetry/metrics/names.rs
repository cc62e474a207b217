//! The one table of metric names. What operators build dashboards on changes here, and nowhere else.
//!
//! `http_*` follow the HTTP metrics of OpenTelemetry's semantic conventions in Prometheus' spelling, with their buckets.

/// Label value for requests that no route matched.
pub const NO_ROUTE: &str = "_none";
/// Label value past the limit of values.
pub const OTHER: &str = "_other";
/// Stands before the names that plugins declare. No name of the host's begins so.
pub const PLUGIN_PREFIX: &str = "sluicegate_plugin_";

/// A metric with `N` labels.
#[derive(Debug)]
pub struct Definition<const N: usize> {
    /// Without the suffix that the text format adds (`_total` for counters).
    pub name: &'static str,
    pub labels: [&'static str; N],
    pub help: &'static str,
}

/// In seconds, for whole exchanges: the buckets that the conventions advise.
pub const HTTP_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// In seconds, for the gateway's own work: from ten microseconds to a quarter of a second.
pub const OVERHEAD_BUCKETS: &[f64] =
    &[0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];
/// In seconds, for one call of a plugin: from one microsecond to a second.
pub const CALL_BUCKETS: &[f64] = &[
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_25,
    0.001,
    0.005,
    0.025,
    0.1,
    1.0,
];
/// Of no unit, for what plugins observe: powers of four from a thousandth to a million.
pub const PLUGIN_BUCKETS: &[f64] = &[
    0.001,
    0.004,
    0.016,
    0.064,
    0.256,
    1.024,
    4.096,
    16.384,
    65.536,
    262.144,
    1048.576,
    4194.304,
    16777.216,
    67108.864,
    268435.456,
    1073741.824,
];

macro_rules! table {
    ($($(#[doc = $help:literal])+ $constant:ident: $kind:literal $name:literal [$($label:literal),*];)+) => {
        $(
            $(#[doc = $help])+
            pub const $constant: Definition<{ [$($label),*].len() - 1 }> = table!(@define $name [$($label),*] concat!($($help),+));
        )+

        /// Kind, name and labels of each.
        pub const TABLE: &[(&str, &str, &[&str])] = &[$(($kind, $name, &$constant.labels),)+];
    };
    (@define $name:literal [$first:literal $(, $label:literal)*] $help:expr) => {
        Definition { name: $name, labels: [$($label),*], help: $help.trim_ascii() }
    };
}

// The first entry of each label list is a blank that keeps lists without labels typed.
table! {
    /// Duration of exchanges with clients in seconds, from head to last byte
    SERVER_DURATION: "histogram" "http_server_request_duration_seconds" ["", "http_route", "http_request_method", "http_response_status_code"];
    /// Duration of attempts at upstreams in seconds, from the connection asked for to the last byte
    CLIENT_DURATION: "histogram" "http_client_request_duration_seconds" ["", "upstream", "http_request_method", "http_response_status_code", "error_type"];
    /// Time that the gateway added to an exchange in seconds: all of it without waiting for client and upstream
    OVERHEAD: "histogram" "sluicegate_overhead_seconds" ["", "route"];
    /// Exchanges by what came of them and whose fault it was
    REQUESTS: "counter" "sluicegate_requests" ["", "route", "status_class", "outcome", "fault"];
    /// Connections that were upgraded to another protocol
    UPGRADES: "counter" "sluicegate_upgrades" ["", "route"];
    /// Connections that speak another protocol now
    UPGRADED_OPEN: "gauge" "sluicegate_upgraded_open" ["", "route"];
    /// Duration of plugin calls in seconds, host calls and their waiting included
    POLICY_CALLS: "histogram" "sluicegate_policy_call_seconds" ["", "entry", "version", "phase"];
    /// Plugin calls that failed, by kind
    POLICY_TRAPS: "counter" "sluicegate_policy_traps" ["", "entry", "version", "kind"];
    /// Exchanges that went on without this entry, because it failed and allows on error
    POLICY_BYPASSES: "counter" "sluicegate_policy_bypasses" ["", "entry", "version"];
    /// 1 while the entry's breaker is open
    POLICY_BREAKER: "gauge" "sluicegate_policy_breaker_open" ["", "entry", "version"];
    /// Values that a plugin wrote to metrics that it had not declared, or that are no number
    POLICY_METRIC_DROPS: "counter" "sluicegate_policy_metric_drops" ["", "entry", "version"];
    /// What entries decided: rejections and answers of every version, and each verdict of a shadow
    POLICY_DECISIONS: "counter" "sluicegate_policy_decisions" ["", "entry", "version", "decision"];
    /// Exchanges that an entry with a canary gave to this version
    POLICY_EXCHANGES: "counter" "sluicegate_policy_exchanges" ["", "entry", "version"];
    /// Canaries that were rolled back
    POLICY_ROLLBACKS: "counter" "sluicegate_policy_rollbacks" ["", "entry"];
    /// Plugin instances alive
    INSTANCES_LIVE: "gauge" "sluicegate_instances_live" [""];
    /// Client connections open
    CONNECTIONS_OPEN: "gauge" "sluicegate_connections_open" [""];
    /// Exchanges that are open, from their head to the last byte of their answer
    EXCHANGES_OPEN: "gauge" "sluicegate_exchanges_open" [""];
    /// Connections to upstreams of the current configuration, by whether they carry a request now (in_use, idle)
    UPSTREAM_CONNECTIONS: "gauge" "sluicegate_upstream_connections" ["", "upstream", "state"];
    /// Tasks on the event loops: connections, and what else goes on beside them
    TASKS_ALIVE: "gauge" "sluicegate_tasks_alive" [""];
    /// Client connections that were refused or cut, by what for
    CONNECTIONS_CLOSED: "counter" "sluicegate_connections_closed" ["", "reason"];
    /// Streams of HTTP/2 that the gateway has reset, or answered with a bare 431, by what it told the client
    STREAMS_RESET: "counter" "sluicegate_http2_streams_reset" ["", "error"];
    /// Number of the generation that serves new requests
    GENERATION: "gauge" "sluicegate_generation" [""];
    /// Generations that serve new requests or still have open ones
    GENERATIONS_LIVE: "gauge" "sluicegate_generations_live" [""];
    /// Changes of the configuration, by where they came from (file, push, rollback) and what came of them (applied, refused)
    CONFIG_CHANGES: "counter" "sluicegate_config_changes" ["", "origin", "result"];
    /// Access log lines dropped because the queue was full
    ACCESS_LOG_DROPPED: "counter" "sluicegate_access_log_dropped" [""];
    /// Access log lines that could not be written
    ACCESS_LOG_FAILED: "counter" "sluicegate_access_log_failed" [""];
    /// Rate-limit counters kept
    COUNTER_ENTRIES: "gauge" "sluicegate_counter_entries" [""];
    /// Takes denied because no further rate-limit counter could be kept
    COUNTER_DENIED: "counter" "sluicegate_counter_denied_when_full" [""];
}
