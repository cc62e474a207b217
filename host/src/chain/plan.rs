//! What a generation prepares for each route, so that a request finds everything at hand.

use std::sync::Arc;

use http::HeaderName;
use sluicegate_runtime::{Entry, Phase, services::Services};

use super::open::GenerationExchanges;
use crate::config::{Limits, Route};
use crate::secrets::{Credentials, Redaction};
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::{EntryMetrics, RouteMetrics, UpstreamMetrics};
use crate::upstream::Upstream;

/// Entries of one chain, the global one included.
pub const ENTRIES_MAX: usize = 64;

/// What all requests of a generation share.
pub struct Ground {
    pub generation: u64,
    pub limits: Limits,
    pub services: Arc<Services>,
    pub credentials: Credentials,
    pub access_log: Arc<AccessLog>,
    pub open: Arc<GenerationExchanges>,
    /// Knows the secrets of all live generations.
    pub redaction: Redaction,
}

/// One route, ready; or, without a route, what happens to requests that none matches.
pub struct Plan {
    pub route: Option<Arc<Route>>,
    pub name: Arc<str>,
    pub chain: Chain,
    pub target: Option<Target>,
    pub metrics: RouteMetrics,
    /// Request fields that carry credentials here, the usual ones included.
    pub credential_fields: Arc<[HeaderName]>,
}

pub struct Target {
    pub upstream: Arc<Upstream>,
    pub metrics: UpstreamMetrics,
}

/// The entries in order, and for each phase the positions that take part, in the order in which they run.
pub struct Chain {
    links: Box<[Link]>,
    /// By phase, in the order of [`Phase::ALL`].
    positions: [Box<[usize]>; Phase::ALL.len()],
}

pub struct Link {
    pub entry: Arc<Entry>,
    pub metrics: EntryMetrics,
}

impl Chain {
    /// At most [`ENTRIES_MAX`] links; further ones are refused before, when the config is read.
    pub fn new(links: Vec<Link>) -> Chain {
        let positions = Phase::ALL.map(|phase| {
            let taking_part = links.iter().enumerate().filter(|(_, link)| link.entry.phases().contains(phase));
            let mut positions: Vec<usize> = taking_part.map(|(position, _)| position).collect();
            // On the way back the chain runs in reverse, so that who wraps a request also unwraps its answer.
            if matches!(phase, Phase::ReplyHead | Phase::ReplyBody | Phase::Finish) {
                positions.reverse();
            }
            positions.into_boxed_slice()
        });
        Chain { links: links.into_boxed_slice(), positions }
    }

    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Positions of the entries that take part in a phase, in the order in which they run.
    pub fn positions(&self, phase: Phase) -> &[usize] {
        self.positions.get(phase as usize).map_or(&[], |positions| positions)
    }
}
