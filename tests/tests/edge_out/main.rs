//! What flows between the gateway and its upstreams, byte by byte on both sides.

mod expect;
mod frames;
mod http2;
mod record;
mod support;
mod tls;
mod trailers;
mod upgrades;
