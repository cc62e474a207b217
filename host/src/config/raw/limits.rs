//! Bounds of the gateway itself, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawLimits {
    /// Client connections open at once; further ones wait.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_max: u32,
    /// Client connections open at once from one address, trusted proxies excepted; further ones are closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_address_max: u32,
    /// Request line and header fields together, in bytes.
    #[schemars(range(min = 8_192, max = 1_048_576))]
    pub head_bytes_max: u32,
    /// Header fields of a request.
    #[schemars(range(min = 16, max = 4_096))]
    pub headers_max: u32,
    /// Status line and header fields of an upstream's answer together, and the fields behind its body, in bytes.
    #[schemars(range(min = 8_192, max = 1_048_576))]
    pub reply_head_bytes_max: u32,
    /// Header fields of an upstream's answer.
    #[schemars(range(min = 16, max = 4_096))]
    pub reply_headers_max: u32,
    /// From the first byte of a request's head to its last, in milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    pub head_timeout_ms: u64,
    /// Requests of one HTTP/2 connection that are answered at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub http2_streams_max: u32,
    /// So long without a request ends a connection of HTTP/2, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub http2_idle_timeout_ms: u64,
    /// A request's body as it is sent, in bytes.
    #[schemars(range(min = 0, max = 1_099_511_627_776u64))]
    pub body_bytes_max: u64,
    /// A body that is kept in memory for a plugin, decoded, in bytes.
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub buffer_bytes_max: u64,
    /// Decoded bytes for each encoded byte, once a mebibyte is decoded.
    #[schemars(range(min = 1, max = 100_000))]
    pub decode_ratio_max: u64,
    /// A body that is decoded for a plugin, in bytes.
    #[schemars(range(min = 1_024, max = 1_099_511_627_776u64))]
    pub decoded_bytes_max: u64,
    /// So long without a byte of a body in either direction ends the exchange, in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub body_idle_timeout_ms: u64,
    /// A client that is waited for is cut if it takes less of an answer, or sends less of a body whose length it has announced: in bytes a second, over `body_idle_timeout_ms` of waiting. 0 for none.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub slow_bytes_per_second: u32,
    /// After the first signal to end, connections are accepted for so long while `/ready` says 503, so that balancers find out; in milliseconds. Only where there is an `[admin]` to ask.
    #[schemars(range(min = 0, max = 600_000))]
    pub drain_delay_ms: u64,
    /// How long open requests may go on after the first signal to end, in milliseconds.
    #[schemars(range(min = 0, max = 3_600_000))]
    pub drain_timeout_ms: u64,
    /// Connections that speak another protocol at once, such as WebSocket, in the whole gateway. A further one is refused with 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub upgraded_max: u32,
    /// Plugin instances alive at once in the whole gateway.
    #[schemars(range(min = 1, max = 10_000))]
    pub instances_max: u32,
}

impl Default for RawLimits {
    fn default() -> RawLimits {
        RawLimits {
            connections_max: 4_096,
            connections_per_address_max: 1_024,
            head_bytes_max: 65_536,
            headers_max: 100,
            reply_head_bytes_max: 65_536,
            reply_headers_max: 100,
            head_timeout_ms: 10_000,
            http2_streams_max: 100,
            http2_idle_timeout_ms: 60_000,
            body_bytes_max: 100 << 20,
            buffer_bytes_max: 10 << 20,
            decode_ratio_max: 100,
            decoded_bytes_max: 100 << 20,
            body_idle_timeout_ms: 120_000,
            slow_bytes_per_second: 240,
            drain_delay_ms: 1_000,
            drain_timeout_ms: 30_000,
            upgraded_max: 1_024,
            instances_max: 1_000,
        }
    }
}
