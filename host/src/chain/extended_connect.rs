//! A client of HTTP/2 that wants to speak another protocol on one of its streams (RFC 8441): a CONNECT with `:protocol`.
//!
//! From the router on it is what it would be in HTTP/1.1: a GET that asks for an upgrade, which is also what the upstream gets. The
//! fields with which a WebSocket's ends prove to each other that they mean it are not part of such a request, so that the gateway
//! proves it in the client's place.
//! There are two answers: the stream is the other protocol's from here on, which is said by 200, or an error.

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::{HeaderMap, HeaderValue, Method, request};
use hyper::ext::Protocol;

use super::run::Run;
use super::stop::Stop;
use crate::error::{Code, Refusal};

/// RFC 6455, 1.3.
const ACCEPT_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 16;

/// Of HTTP/2 alone; h2 has refused a `:protocol` of any other method.
pub fn as_get(head: &mut request::Parts) {
    if asks(head) {
        head.method = Method::GET;
    }
}

/// Whether it is one, also by its other method.
pub(super) fn asks(head: &request::Parts) -> bool {
    head.extensions.get::<Protocol>().is_some()
}

/// What the gateway says to an upstream in the client's place, and what it must hear; nothing unless it is about WebSocket.
pub(super) struct Handshake(Option<WebSocketKey>);

struct WebSocketKey {
    key: HeaderValue,
    accept: String,
}

impl Handshake {
    /// None where the system gives no random bytes.
    pub(super) fn of(protocol: &HeaderValue) -> Option<Handshake> {
        match protocol.as_bytes().eq_ignore_ascii_case(b"websocket") {
            true => WebSocketKey::new().map(|key| Handshake(Some(key))),
            false => Some(Handshake(None)),
        }
    }

    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        if let Some(WebSocketKey { key, .. }) = &self.0 {
            headers.insert(SEC_WEBSOCKET_KEY, key.clone());
        }
    }

    /// Takes the upstream's proof out of its answer, which is none of the client's business.
    pub(super) fn is_answered_by(&self, headers: &mut HeaderMap) -> bool {
        let Some(WebSocketKey { accept, .. }) = &self.0 else { return true };
        headers.remove(SEC_WEBSOCKET_ACCEPT).is_some_and(|proof| proof.as_bytes() == accept.as_bytes())
    }
}

impl WebSocketKey {
    fn new() -> Option<WebSocketKey> {
        let mut bytes = [0; KEY_BYTES];
        rand::fill(&mut bytes).ok()?;
        let key = STANDARD.encode(bytes);
        let accept = accept(&key);
        Some(WebSocketKey { key: HeaderValue::try_from(key).ok()?, accept })
    }
}

fn accept(key: &str) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{ACCEPT_SUFFIX}").as_bytes());
    STANDARD.encode(digest)
}

impl Run {
    /// In HTTP/1.1 a request that asks for what is not allowed goes on without; this one is nothing without it.
    pub(super) fn check_protocol(&self) -> Result<(), Stop> {
        if !self.connects || self.upgrade.is_some() {
            return Ok(());
        }
        let message = "This route does not speak the protocol that the request asks for.";
        Err(Stop::refuse(Refusal::new(Code::ProtocolNotAllowed, message)))
    }

    /// Whether what is about to be answered would make the client speak the other protocol to nobody.
    pub(super) fn misleads(&self, switches: bool) -> Option<Stop> {
        let status = self.exchange.lock().reply.as_ref()?.status;
        if !self.connects || switches || !status.is_success() {
            return None;
        }
        let message =
            format!("The request for another protocol was answered with {}, and not by speaking it.", status.as_u16());
        Some(Stop::refuse(Refusal::new(Code::NotUpgraded, message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_that_of_rfc_6455_and_each_key_is_another() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let websocket = HeaderValue::from_static("WebSocket");
        let key = || {
            let mut headers = HeaderMap::new();
            Handshake::of(&websocket).unwrap().ask(&mut headers);
            STANDARD.decode(headers[SEC_WEBSOCKET_KEY].as_bytes()).unwrap()
        };
        assert_eq!(key().len(), KEY_BYTES);
        assert_ne!(key(), key());
    }

    #[test]
    fn another_protocol_has_no_proof() {
        let mut headers = HeaderMap::new();
        let handshake = Handshake::of(&HeaderValue::from_static("echo")).unwrap();
        handshake.ask(&mut headers);
        assert!(headers.is_empty() && handshake.is_answered_by(&mut headers));
    }
}
