//! The side of clients: TLS, HTTP/2, limits, who they are, framing, and an end in good order.

mod abuse;
mod abuse_frames;
mod addresses;
mod chunked;
mod drain;
mod heads;
mod http2;
mod leaving;
mod limits;
mod rest;
mod sockets;
mod through;
mod tls;
