//! A generation: routes, chains, loaded plugins and upstreams of one configuration, immutable.

mod build;
mod kept;
pub mod self_test;
mod services;
mod versions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use sluicegate_runtime::Phase;

pub use build::{BuildError, Built, Foundation, PluginFile, Stage};
pub use kept::Kept;

use crate::chain::{self, GenerationExchanges, Ground, Inbound, Link, Plan, ReplyBody};
use crate::error::{Code, Refusal};
use crate::http::{fields, path};
use crate::listen::ClientInfo;
use crate::router::{Explanation, Match, Router};
use crate::secrets::Registered;
use crate::telemetry::request_id::RequestId;

/// Taken once by each request, and kept to its last byte.
pub struct Generation {
    pub id: u64,
    ground: Arc<Ground>,
    router: Router,
    /// By the route's name.
    plans: HashMap<String, Arc<Plan>>,
    /// For requests that no route matches: the global chain.
    unmatched: Arc<Plan>,
    /// Its credentials are known to the redactor while it lives.
    _registered: Registered,
}

impl Generation {
    /// Serves one request. Always answers.
    pub async fn serve(&self, request: Request<Incoming>, client: ClientInfo) -> Response<ReplyBody> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let id = RequestId::from_headers(&head.headers);
        let ClientInfo { address, connection, .. } = client;
        let mut inbound = Inbound { head, body, client: address.ip(), host: None, started, id, connection };
        let ground = self.ground.clone();
        if let Err(refusal) = self.check(&mut inbound) {
            return chain::refuse(ground, self.unmatched.clone(), inbound, refusal).await;
        }
        let (plan, refusal) = self.find(&inbound);
        chain::serve(ground, plan, inbound, refusal).await
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

    /// One host, and one way to read the path: else nothing may be decided by either.
    fn check(&self, inbound: &mut Inbound) -> Result<(), Refusal> {
        let head = &inbound.head;
        let host = fields::check_host(&head.method, &head.uri, &head.headers)
            .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        inbound.host = Some(host);
        if fields::has_unknown_transfer_coding(&head.headers) {
            let message = "The only transfer-encoding that is understood here is `chunked`, once.";
            return Err(Refusal::new(Code::BadRequest, message));
        }
        // An upstream's answer to TRACE is the request as it arrived, with the gateway's own credential in it.
        if head.method == Method::TRACE {
            return Err(Refusal::new(Code::MethodNotAllowed, "This gateway does not pass TRACE on."));
        }
        path::check(head.uri.path()).map_err(|problem| problem.refusal())
    }

    fn find(&self, inbound: &Inbound) -> (Arc<Plan>, Option<Refusal>) {
        let head = &inbound.head;
        let host = inbound.host.as_ref().map_or("", |host| host.name.as_str());
        let found = self.router.find(&head.method, host, head.uri.path(), &head.headers);
        if let Match::Matched(route) = &found
            && let Some(plan) = self.plans.get(&route.name)
        {
            return (plan.clone(), None);
        }
        (self.unmatched.clone(), found.refusal())
    }
}
