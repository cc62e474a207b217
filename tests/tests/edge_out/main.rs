//! What flows between the gateway and its upstreams, byte by byte on both sides.

mod again;
mod early;
mod ends;
mod expect;
mod expect_http2;
mod extended_connect;
mod frames;
mod heads;
mod http2;
mod large;
mod leavers;
mod record;
mod support;
mod tls;
mod trailers;
mod upgrades;
