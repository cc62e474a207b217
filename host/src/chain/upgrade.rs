//! A request that asks for another protocol on its connection (RFC 9110, 7.8): whether it may have it, and what is sent for it.
//!
//! It goes through the chain like any other. Only once the upstream has answered 101, and the chain has let that answer pass, does a
//! [`Tunnel`] begin; until then not a byte of the other protocol has passed in either direction.
//! A client of HTTP/2 asks in another way, for one of its streams: see [`extended_connect`](super::extended_connect).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, request};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use sluicegate_runtime::{BodyMode, Phase};

use super::extended_connect::Handshake;
use super::finish::Finisher;
use super::pipe::Way;
use super::reply_body::{ReplyBody, Source};
use super::run::Run;
use super::stop::Stop;
use super::tunnel::{Ends, Tunnel};
use crate::error::{Code, Refusal};

/// The upgrade that a request asks for, and that its route allows.
pub(super) struct Upgrade {
    /// As the client spelled it.
    protocol: HeaderValue,
    client: OnUpgrade,
    /// Of a client of HTTP/2, in whose place it is made.
    handshake: Option<Handshake>,
    place: Mutex<Option<Place>>,
    /// The client was told that the other protocol is spoken from here on.
    switched: AtomicBool,
}

/// Connections that speak another protocol by now, or are about to; in the whole process.
#[derive(Debug, Default)]
pub(super) struct Upgraded(AtomicUsize);

/// One of them.
pub(super) struct Place(Arc<Upgraded>);

impl Upgraded {
    fn enter(self: &Arc<Self>, max: usize) -> Option<Place> {
        let within = |count: usize| (count < max).then_some(count + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, within).ok()?;
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Upgrade {
    /// None where the request asks for nothing that the route allows: then it goes on as if it had not asked.
    ///
    /// A body would have to pass whole in front of the other protocol; who asks with one is not taken at the word.
    pub(super) fn asked(head: &mut request::Parts, body: &Incoming, allowed: &[String]) -> Option<Box<Upgrade>> {
        let client = head.extensions.remove::<OnUpgrade>()?;
        if let Some(protocol) = head.extensions.remove::<Protocol>() {
            let is_allowed = allowed.iter().any(|allowed| protocol.as_str().eq_ignore_ascii_case(allowed));
            let protocol = HeaderValue::from_str(protocol.as_str()).ok().filter(|_| is_allowed)?;
            let handshake = Handshake::of(&protocol)?;
            return Some(Upgrade::boxed(protocol, client, Some(handshake)));
        }
        if head.version != Version::HTTP_11 || !body.is_end_stream() || !names_upgrade(&head.headers) {
            return None;
        }
        let offered =
            head.headers.get_all(UPGRADE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let mut known = offered.map(<[u8]>::trim_ascii).filter(|protocol| {
            let is_it = |allowed: &String| protocol.eq_ignore_ascii_case(allowed.as_bytes());
            // RFC 6455, 4.1: a WebSocket begins with a GET.
            allowed.iter().any(is_it) && (head.method == Method::GET || !protocol.eq_ignore_ascii_case(b"websocket"))
        });
        let protocol = HeaderValue::from_bytes(known.next()?).ok()?;
        Some(Upgrade::boxed(protocol, client, None))
    }

    fn boxed(protocol: HeaderValue, client: OnUpgrade, handshake: Option<Handshake>) -> Box<Upgrade> {
        Box::new(Upgrade { protocol, client, handshake, place: Mutex::default(), switched: AtomicBool::new(false) })
    }

    /// Asks the upstream for it.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        self.announce(headers);
        if let Some(handshake) = &self.handshake {
            handshake.ask(headers);
        }
    }

    /// Whether the upstream's answer is one to what it was asked; a client of HTTP/1.1 sees to that itself.
    pub(super) fn is_answered_by(&self, status: StatusCode, headers: &mut HeaderMap) -> bool {
        let Some(handshake) = &self.handshake else { return true };
        handshake.is_answered_by(headers) || status != StatusCode::SWITCHING_PROTOCOLS
    }

    fn announce(&self, headers: &mut HeaderMap) {
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
    }

    pub(super) fn has_switched(&self) -> bool {
        self.switched.load(Ordering::Relaxed)
    }

    pub(super) fn protocol(&self) -> &str {
        self.protocol.to_str().unwrap_or_default()
    }

    fn take_place(&self) -> Option<Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Run {
    /// Before the upstream is asked: every policy agrees, and there is room.
    pub(super) fn admit_upgrade(&self, upgrade: &Upgrade) -> Result<(), Stop> {
        for (phase, way) in [(Phase::Body, Way::Request), (Phase::ReplyBody, Way::Reply)] {
            for position in self.positions(phase) {
                let Some(link) = self.plan.chain.links().get(position) else { continue };
                let entry = self.chosen(position, link).entry;
                let reads = entry.phases().contains(phase) && way.need(entry.plugin.setup()).mode != BodyMode::None;
                if link.shadow.is_none() && reads {
                    self.cannot_read_upgrade(position)?;
                }
            }
        }
        let max = self.ground.limits.upgraded_max;
        let Some(place) = self.ground.open.upgraded().enter(max) else {
            let message = format!("{max} connections speak another protocol already, which is the limit.");
            return Err(Stop::refuse(Refusal::new(Code::UpgradesFull, message)));
        };
        *upgrade.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }

    /// What the answer's body will say of it, once the chain has let a 101 pass: the exchange ends with the tunnel.
    pub(super) fn switch(&self, source: &mut Source, finisher: &mut Finisher) -> Option<Tunnel> {
        let upgrade = self.upgrade.as_ref()?;
        // Without a tunnel, it is given back here.
        let place = upgrade.take_place()?;
        let is_let_pass = self.exchange.lock().reply.as_ref()?.status == StatusCode::SWITCHING_PROTOCOLS;
        let Source::AsItComes(body, _) = source else { return None };
        let upstream = is_let_pass.then(|| body.take_switched()).flatten()?;
        let idle_max = self.plan.route.as_ref()?.upgrade_idle_timeout;
        let open = self.plan.metrics.upgraded();
        let client = upgrade.client.clone();
        Some(Tunnel::new(Ends { client, upstream, finisher: finisher.hand_over(), idle_max, place, open }))
    }

    /// Says to the client that from here on the other protocol is spoken.
    pub(super) fn announce_switch(&self, response: &mut Response<ReplyBody>, tunnel: Tunnel) {
        // It would speak of a body, and there is none (RFC 9110, 8.6).
        response.headers_mut().remove(CONTENT_LENGTH);
        if let Some(upgrade) = &self.upgrade {
            upgrade.switched.store(true, Ordering::Relaxed);
            match upgrade.handshake {
                None => upgrade.announce(response.headers_mut()),
                Some(_) => *response.status_mut() = StatusCode::OK,
            }
        }
        response.extensions_mut().insert(tunnel);
    }
}

fn names_upgrade(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
}
