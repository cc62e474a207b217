//! What is logged about connections, with whose fault it was.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::allowance::Closed;
use super::{ClientInfo, tls};
use crate::chain::Cut;
use crate::error::Fault;

/// The end of a connection that was not in order. Most are clients that leave, so that nothing here is a warning
/// unless it is our own fault.
pub(super) fn connection_failed(client: &ClientInfo, error: &hyper::Error) {
    let (fault, what) = classify(error);
    let (address, fault_name, detail) = (client.address, fault.as_str(), detail(error));
    match fault {
        Fault::Client => tracing::info!(client = %address, fault = fault_name, detail, "{what}"),
        _ => tracing::warn!(client = %address, fault = fault_name, detail, "{what}"),
    }
}

pub(super) fn connection_panicked(client: SocketAddr) {
    tracing::error!(%client, fault = Fault::Gateway.as_str(), "a request panicked; its connection was closed");
}

/// Anything on the internet knocks at a port; what it says is of no interest unless somebody looks for it.
pub(super) fn handshake_failed(client: SocketAddr, error: &io::Error) {
    let detail = tls::explain(error);
    tracing::debug!(%client, fault = Fault::Client.as_str(), detail, "the TLS handshake failed");
}

/// Whoever attacks must not fill the log.
pub(super) fn connection_closed(client: SocketAddr, closed: Closed, why: &str) {
    let reason = closed.as_str();
    tracing::debug!(%client, fault = Fault::Client.as_str(), reason, "a connection was closed: {why}");
}

/// Its head was malformed, or its body not as long as it said.
pub(super) fn stream_refused(client: &ClientInfo) {
    tracing::debug!(
        client = %client.address, fault = Fault::Client.as_str(),
        "a request breaks the rules of HTTP/2; its stream was reset"
    );
}

/// It was longer than may be.
pub(super) fn head_refused(client: &ClientInfo) {
    tracing::debug!(
        client = %client.address, fault = Fault::Client.as_str(),
        "the head of a request of HTTP/2 is longer than `limits.head_bytes_max`; it was answered with 431"
    );
}

/// Without an error, and though the client was there.
pub(super) fn connection_given_up(client: &ClientInfo) {
    tracing::info!(
        client = %client.address, fault = Fault::Client.as_str(),
        "the client breaks the rules of HTTP/2, such as by a CONNECT that announces a body; its connection was closed"
    );
}

pub(super) fn stream_stalled(client: &ClientInfo, stall_max: Duration) {
    tracing::info!(
        client = %client.address, fault = Fault::Client.as_str(),
        "the client took no byte of an answer within {stall_max:?}; its stream was reset"
    );
}

pub(super) fn cannot_accept(listener: SocketAddr, error: &io::Error) {
    tracing::error!(
        %listener, fault = Fault::Gateway.as_str(), %error,
        "cannot accept a connection; if files are short, raise `ulimit -n` or lower `connections_max`"
    );
}

pub(super) fn cut_by_deadline(connections: usize) {
    if connections > 0 {
        tracing::warn!(
            connections,
            fault = Fault::Gateway.as_str(),
            "the time to drain is over; open connections were cut"
        );
    }
}

/// Whose fault it was, and what happened.
pub(super) fn classify(error: &hyper::Error) -> (Fault, &'static str) {
    if error.is_parse_version_h2() {
        (Fault::Client, "the client speaks HTTP/2, which this listener does not; its connection was closed")
    } else if error.is_parse_too_large() {
        (Fault::Client, "the request's head is longer than a limit; refused")
    } else if error.is_parse() {
        (Fault::Client, "the request's head cannot be understood; refused")
    } else if error.is_timeout() {
        (Fault::Client, "no whole request head came in time; the connection was closed")
    } else if let Some(cut) = error.source().and_then(|source| source.downcast_ref::<Cut>()) {
        (cut.fault(), "the answer was cut; its exchange says why")
    } else if error.source().and_then(|source| source.downcast_ref::<h2::Error>()).is_some_and(h2::Error::is_library) {
        (Fault::Client, "the client breaks the rules of HTTP/2; its connection was closed")
    } else if error.is_user() {
        (Fault::Gateway, "the answer could not be completed; the connection was closed")
    } else {
        // An incomplete message, a reset, a broken pipe.
        (Fault::Client, "the client has left")
    }
}

fn detail(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
