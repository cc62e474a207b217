//! One scripted exchange: what a policy finds, and what it has made of it.

use std::collections::BTreeMap;

use super::message::Fields;
use super::model::Model;
use super::shared::Host;
use crate::keys::{Failure, Owner, Place};
use crate::log::Level;

/// A request on its way through a gateway, and its answer.
///
/// Build it with what the policy shall find, hand it to the phases of a [`Configured`](super::Configured) policy, then ask what
/// they changed.
pub struct Exchange {
    pub(super) stage: Stage,
    pub(super) host: Host,
    pub(super) request: Request,
    pub(super) reply: Option<Reply>,
    pub(super) id: String,
    pub(super) route: String,
    pub(super) entry: String,
    pub(super) client_address: String,
    pub(super) outcome: String,
    pub(super) started_ms: u64,
    pub(super) request_bytes: u64,
    pub(super) reply_bytes: u64,
    pub(super) upstream: String,
    pub(super) identity: BTreeMap<String, String>,
    pub(super) presented: Vec<(Place, Result<Owner, Failure>)>,
    pub(super) notes: Vec<u8>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) log: Vec<(Level, String)>,
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) observations: BTreeMap<String, Vec<f64>>,
    pub(super) random_next: u8,
    pub(super) targets: Vec<String>,
    pub(super) facts: BTreeMap<String, Vec<String>>,
    pub(super) figures: BTreeMap<String, Vec<Option<u64>>>,
    pub(super) capable: BTreeMap<String, Vec<u32>>,
    pub(super) plan: Vec<u32>,
    pub(super) model: Option<Box<Model>>,
}

/// Where an exchange stands: it decides which calls and edits the host allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Configure,
    Head,
    Body { head_waits: bool },
    Call,
    Route,
    Attempt,
    ReplyHead,
    Delta,
    ReplyBody { head_waits: bool },
    Finish,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) authority: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) fields: Fields,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) fields: Fields,
}

impl Exchange {
    /// `target` is a path with or without a query.
    pub fn new(method: &str, target: &str) -> Exchange {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let host = Host::new();
        Exchange {
            stage: Stage::Head,
            started_ms: host.now_ms(),
            host,
            request: Request {
                method: method.to_owned(),
                authority: "gateway.test".to_owned(),
                path: path.to_owned(),
                query,
                fields: Fields::default(),
            },
            reply: None,
            id: "exchange-1".to_owned(),
            route: "route-1".to_owned(),
            entry: "entry-1".to_owned(),
            client_address: "192.0.2.1".to_owned(),
            outcome: String::new(),
            request_bytes: 0,
            reply_bytes: 0,
            upstream: String::new(),
            identity: BTreeMap::new(),
            presented: Vec::new(),
            notes: Vec::new(),
            labels: BTreeMap::new(),
            log: Vec::new(),
            counts: BTreeMap::new(),
            observations: BTreeMap::new(),
            random_next: 0,
            targets: Vec::new(),
            facts: BTreeMap::new(),
            figures: BTreeMap::new(),
            capable: BTreeMap::new(),
            plan: Vec::new(),
            model: None,
        }
    }

    /// A field of the request. Those that carry credentials are hidden as in a gateway.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Exchange {
        self.request.fields.receive(name, value.as_ref());
        self
    }

    pub fn authority(mut self, authority: &str) -> Exchange {
        self.request.authority = authority.to_owned();
        self
    }

    /// Shares clock and counters with other exchanges.
    pub fn on(mut self, host: &Host) -> Exchange {
        self.host = host.clone();
        self.started_ms = host.now_ms();
        self
    }

    /// The request id; `exchange-1` unless given.
    pub fn id(mut self, id: &str) -> Exchange {
        self.id = id.to_owned();
        self
    }

    /// The route's name; `route-1` unless given.
    pub fn route(mut self, route: &str) -> Exchange {
        self.route = route.to_owned();
        self
    }

    /// `192.0.2.1` unless given.
    pub fn client_address(mut self, address: &str) -> Exchange {
        self.client_address = address.to_owned();
        self
    }

    /// A part that a plugin in front has established: `key`, `consumer`, `claim.NAME` and so on.
    pub fn identity(mut self, part: &str, value: &str) -> Exchange {
        self.identity.insert(part.to_owned(), value.to_owned());
        self
    }

    /// What the host finds out about the key that the client presents in a place. Elsewhere keys are absent.
    pub fn present(mut self, place: Place, found: Result<Owner, Failure>) -> Exchange {
        self.presented.push((place, found));
        self
    }

    /// The upstreams of the route, by name. The plan begins in this order.
    pub fn targets<const N: usize>(mut self, names: [&str; N]) -> Exchange {
        self.targets = names.map(str::to_owned).into();
        self.plan = (0..).take(N).collect();
        self
    }

    /// What a fact says of each of the targets, such as `provider`. Empty unless given.
    pub fn fact<const N: usize>(mut self, name: &str, values: [&str; N]) -> Exchange {
        self.facts.insert(name.to_owned(), values.map(str::to_owned).into());
        self
    }

    /// What a figure says of each of the targets, such as `in-flight`. Unknown unless given.
    pub fn figure<const N: usize>(mut self, name: &str, values: [Option<u64>; N]) -> Exchange {
        self.figures.insert(name.to_owned(), values.into());
        self
    }

    /// Bytes of the request's body and of the answer's that have passed, as the gateway counts them.
    pub fn bytes(mut self, request: u64, reply: u64) -> Exchange {
        (self.request_bytes, self.reply_bytes) = (request, reply);
        self
    }

    /// A label that another policy has set.
    pub fn labelled(mut self, name: &str, value: &str) -> Exchange {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The upstream that answers, as `finish` finds it.
    pub fn upstream(mut self, name: &str) -> Exchange {
        self.upstream = name.to_owned();
        self
    }

    /// The head of the answer has come.
    pub fn reply(&mut self, status: u16, fields: &[(&str, &str)]) {
        let mut reply = Reply { status, fields: Fields::default() };
        for (name, value) in fields {
            reply.fields.receive(name, value.as_bytes());
        }
        self.reply = Some(reply);
    }

    pub fn request_method(&self) -> &str {
        &self.request.method
    }

    pub fn request_path(&self) -> &str {
        &self.request.path
    }

    pub fn request_query(&self) -> Option<&str> {
        self.request.query.as_deref()
    }

    /// The first value of a field as it would go upstream.
    pub fn request_header(&self, name: &str) -> Option<String> {
        self.request.fields.in_clear(name).next().map(text)
    }

    pub fn request_headers(&self, name: &str) -> Vec<String> {
        self.request.fields.in_clear(name).map(text).collect()
    }

    /// 0 before there is an answer.
    pub fn reply_status(&self) -> u16 {
        self.reply.as_ref().map_or(0, |reply| reply.status)
    }

    /// The first value of a field as it would go to the client.
    pub fn reply_header(&self, name: &str) -> Option<String> {
        self.reply.as_ref()?.fields.in_clear(name).next().map(text)
    }

    pub fn reply_headers(&self, name: &str) -> Vec<String> {
        self.reply.iter().flat_map(|reply| reply.fields.in_clear(name)).map(text).collect()
    }

    pub fn identity_part(&self, part: &str) -> Option<&str> {
        self.identity.get(part).map(String::as_str)
    }

    /// Names of the targets in the order in which they would be tried.
    pub fn plan(&self) -> Vec<&str> {
        let name = |number: &u32| self.targets.get(*number as usize).map(String::as_str);
        self.plan.iter().filter_map(name).collect()
    }

    /// One fact of all targets.
    pub(super) fn facts(&self, name: &str) -> Vec<String> {
        if name == "name" {
            return self.targets.clone();
        }
        let mut facts = self.facts.get(name).cloned().unwrap_or_default();
        facts.resize(self.targets.len(), String::new());
        facts
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// What the policy wrote to the operator's log.
    pub fn log(&self) -> &[(Level, String)] {
        &self.log
    }

    /// The sum of what was added to a counter.
    pub fn counted(&self, metric: &str) -> u64 {
        self.counts.get(metric).copied().unwrap_or(0)
    }

    /// What a histogram observed, in order.
    pub fn observed(&self, metric: &str) -> &[f64] {
        self.observations.get(metric).map_or(&[], Vec::as_slice)
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
