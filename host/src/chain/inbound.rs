//! A request as it came in, and the exchange that is made of it before any plugin sees it.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, Version, header, request};
use hyper::body::Incoming;
use sluicegate_runtime::{Exchange, ExchangeFacts, RequestHead};

use super::extended_connect;
use super::model::{self, ModelExchange};
use super::open::ClientConnection;
use super::plan::{Ground, Plan};
use super::run::{Log, Run};
use super::trace::Recorder;
use super::upgrade::Upgrade;
use crate::error::Refusal;
use crate::http::end::is_all_there;
use crate::http::fields::{self, ClientSide, RequestHost};
use crate::http::forwarded::Forwarded;
use crate::http::path;
use crate::telemetry::request_id::{RequestId, TraceParent, X_REQUEST_ID};

/// A request as it came in, its head checked.
pub struct Inbound {
    pub head: request::Parts,
    pub body: Incoming,
    pub client: Arc<ClientConnection>,
    /// Where a trusted proxy has brought it.
    pub forwarded: Option<Box<Forwarded>>,
    /// Missing where the head was refused.
    pub host: Option<RequestHost>,
    pub started: Instant,
    pub id: RequestId,
}

/// Whether a request has somewhere to go.
pub enum Admission {
    Matched,
    /// There is no route for it; the global chain still runs, so that its answers look like all others.
    Unmatched(Box<Refusal>),
    /// It cannot be served at all. No plugin sees it; the log does.
    Unreadable(Box<Refusal>),
}

/// Takes the head apart: what the client presents goes where plugins cannot see it.
pub(super) fn begin(ground: Arc<Ground>, plan: Arc<Plan>, inbound: Inbound) -> (Arc<Run>, Incoming) {
    let Inbound { mut head, body, client, forwarded, host, started, id } = inbound;
    let forwarded = forwarded.as_deref();
    let tls = forwarded.and_then(|forwarded| forwarded.tls).unwrap_or(client.tls);
    let allowed = plan.route.as_ref().map_or(&[][..], |route| &route.upgrades);
    let connects = extended_connect::asks(&head);
    let upgrade = if allowed.is_empty() { None } else { Upgrade::asked(&mut head, &body, allowed) };
    let expects = !is_all_there(&body) && fields::expects_continue(head.version, &head.headers);
    let hop = fields::clean_request(&mut head.headers);
    // HTTP/2 has a place for them in every answer; in HTTP/1.1 a client must ask (RFC 9110, 6.5.1).
    let takes_trailers = hop.trailers || head.version == Version::HTTP_2;
    let hints = plan.models.as_ref().map(|_| model::hints(&head.headers, head.uri.query()));
    let places = plan.route.as_ref().map_or(&[][..], |route| &route.credential_places);
    let (presented, query) = fields::take_presented(&mut head.headers, head.uri.query(), places);
    let authority = host.as_ref().and_then(|host| host.field.to_str().ok()).unwrap_or_default().to_owned();
    if let Some(host) = &host {
        let side = ClientSide {
            forwarded_for: forwarded.map_or(&client.forwarded_for, |forwarded| &forwarded.chain),
            tls,
            host: forwarded.and_then(|forwarded| forwarded.host.as_ref()).unwrap_or(&host.field),
            version: head.version,
        };
        fields::announce_client(&mut head.headers, &side, hop);
    }
    head.headers.remove(header::HOST);
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        head.headers.insert(X_REQUEST_ID, value);
    }
    let trace_id = TraceParent::propagate(&mut head.headers).map(|trace| trace.trace_id_text());
    let log = Log {
        time_unix_ms: ground.services.clock.now_unix_ms(),
        trace_id,
        version: head.version,
        certificate: client.certificate.clone(),
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        ..Log::default()
    };
    let facts = ExchangeFacts {
        id: id.into_string(),
        route: plan.name.clone(),
        generation: ground.generation,
        client_address: forwarded.map_or(client.address, |forwarded| forwarded.client),
        started,
        services: ground.services.clone(),
        credential_fields: plan.credential_fields.clone(),
        candidates: plan.targets.clone(),
    };
    let request = RequestHead {
        method: head.method,
        scheme: if tls { "https" } else { "http" },
        authority,
        path: head.uri.path().to_owned(),
        query,
        headers: head.headers,
        sent: false,
    };
    let trace = Recorder::begin(&ground, &plan, &facts.id, started, &request, &presented);
    let exchange = Exchange::new(facts, request, presented);
    let exchange = Arc::new(if trace.is_some() { exchange.traced() } else { exchange });
    let model = hints.zip(plan.route.as_ref()).map(|(hints, route)| {
        let state = exchange.lock();
        let path = path::strip_prefix(&state.request.path, &route.strip_prefix).unwrap_or(&state.request.path);
        Box::new(ModelExchange::begin(state.request.method.as_str(), path, hints))
    });
    let mut run = Run::new(ground, plan, exchange, log, trace, model);
    run.takes_trailers = takes_trailers;
    run.expects = expects;
    run.upgrade = upgrade;
    run.connects = connects;
    (Arc::new(run), body)
}
