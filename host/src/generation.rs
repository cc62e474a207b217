//! A generation: routes, chains, loaded plugins and upstreams of one configuration, immutable.

mod build;
mod kept;
mod places;
pub mod self_test;
mod services;
mod versions;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderMap, Method, Request, Response, Version, request};
use bytes::Bytes;
use hyper::body::Incoming;
use sluicegate_runtime::Phase;

pub use build::{BuildError, Built, Foundation, PluginFile, Stage};
pub use kept::Kept;

use crate::chain::{self, Admission, ClientConnection, GenerationExchanges, Ground, Inbound, Link, Plan, ReplyBody};
use crate::error::{Code, Refusal};
use crate::http::fields::{self, RequestHost};
use crate::http::path;
use crate::router::{Explanation, Match, Router};
use crate::telemetry::request_id::RequestId;

/// Taken once by each request, which keeps what it needs of it to its last byte.
pub struct Generation {
    pub id: u64,
    ground: Arc<Ground>,
    router: Router,
    /// By the route's name.
    plans: HashMap<String, Arc<Plan>>,
    /// For requests that no route matches: the global chain.
    unmatched: Arc<Plan>,
}

impl Generation {
    /// Serves one request. Always answers.
    pub fn serve(
        &self,
        request: Request<Incoming>,
        client: Arc<ClientConnection>,
    ) -> impl Future<Output = Result<Response<ReplyBody>, Infallible>> + Send + use<> {
        let started = Instant::now();
        let (mut head, body) = request.into_parts();
        if head.version == Version::HTTP_2 {
            fields::join_cookies(&mut head.headers);
            chain::extended_connect::as_get(&mut head);
        }
        let id = RequestId::from_headers(&head.headers);
        let forwarded = client.forwarded(&head.headers);
        let denied = forwarded.as_ref().is_some_and(|forwarded| !client.admits(forwarded));
        let checked = match denied {
            true => Err(Refusal::new(Code::AddressDenied, "This address is not served here.")),
            false => check(&head),
        };
        let (host, refused) = match checked {
            Ok(host) => (Some(host), None),
            Err(refusal) => (None, Some(Admission::Unreadable(Box::new(refusal)))),
        };
        let (plan, admission) = match (refused, &host) {
            (None, Some(host)) => self.find(&head, host),
            (refused, _) => (&self.unmatched, refused.unwrap_or(Admission::Matched)),
        };
        let inbound = Inbound { head, body, client, forwarded, host, started, id };
        chain::serve(&self.ground, plan, inbound, admission)
    }

    /// What the client of a request of HTTP/1.1 is told whose head cannot be read.
    pub fn refuse_unread(&self, refusal: &Refusal, client: &ClientConnection) -> Response<Bytes> {
        chain::refuse_unread(&self.ground, &self.unmatched, refusal, client)
    }

    /// Which route a request takes and why, by the code that serves.
    pub fn explain(&self, method: &Method, host: &str, path: &str, headers: &HeaderMap) -> Explanation {
        self.router.explain(method, host, path, headers)
    }

    /// The entries that take part in each phase of a route's exchanges, in the order in which they run. Without a route,
    /// those of the global chain.
    pub fn order(&self, route: Option<&str>) -> Vec<(Phase, Vec<String>)> {
        let plan = route.and_then(|name| self.plans.get(name)).unwrap_or(&self.unmatched);
        let names = |phase: Phase| {
            let positions = plan.chain.positions(phase).iter();
            positions.filter_map(|position| plan.chain.links().get(*position)).map(Link::to_string).collect()
        };
        Phase::ALL.into_iter().map(|phase| (phase, names(phase))).collect()
    }

    /// The exchanges that keep it alive once it is no longer the current one.
    pub fn exchanges(&self) -> &Arc<GenerationExchanges> {
        &self.ground.open
    }

    pub fn plans(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    fn find(&self, head: &request::Parts, host: &RequestHost) -> (&Arc<Plan>, Admission) {
        let found = self.router.find(&head.method, &host.name, head.uri.path(), &head.headers);
        if let Match::Matched(route) = &found
            && let Some(plan) = self.plans.get(&route.name)
        {
            return (plan, Admission::Matched);
        }
        (&self.unmatched, found.refusal().map_or(Admission::Matched, |refusal| Admission::Unmatched(Box::new(refusal))))
    }
}

/// One host, and one way to read the path: else nothing may be decided by either.
fn check(head: &request::Parts) -> Result<RequestHost, Refusal> {
    let host = fields::check_host(head.version, &head.method, &head.uri, &head.headers)
        .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
    if fields::has_unknown_transfer_coding(&head.headers) {
        let message = "The only transfer-encoding that is understood here is `chunked`, once.";
        return Err(Refusal::new(Code::BadRequest, message));
    }
    // An upstream's answer to TRACE is the request as it arrived, with the gateway's own credential in it.
    if head.method == Method::TRACE {
        return Err(Refusal::new(Code::MethodNotAllowed, "This gateway does not pass TRACE on."));
    }
    path::check(head.uri.path()).map_err(Refusal::from)?;
    Ok(host)
}
