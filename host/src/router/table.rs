//! The routes of one host, and the walk over them that serves requests and explains itself.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, Method};

use super::{Match, Tried};
use crate::config::{PathMatch, Route};
use crate::http::path::decode;

/// By which rule the host of a candidate matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostRule {
    Exact,
    Wildcard,
    Any,
}

/// By which rule its path matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRule {
    Exact,
    Prefix { segments: usize },
}

/// What became of a candidate whose host and path match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Matched,
    MethodDiffers,
    FieldAbsent(HeaderName),
    FieldDiffers(HeaderName),
}

#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub route: Arc<Route>,
    /// Place in the file.
    pub order: usize,
}

/// Strongest first; see the module for what that means.
type Candidates = Vec<Candidate>;

#[derive(Debug, Default)]
pub(super) struct HostTable {
    /// By the decoded path.
    exact: HashMap<Box<[u8]>, Candidates>,
    prefixes: Node,
}

/// One segment deeper than its parent.
#[derive(Debug, Default)]
struct Node {
    candidates: Candidates,
    /// By the decoded segment.
    children: HashMap<Box<[u8]>, Node>,
}

impl HostTable {
    pub(super) fn insert(&mut self, candidate: Candidate) {
        let route = candidate.route.clone();
        let candidates = match &route.matcher.path {
            PathMatch::Exact(path) => self.exact.entry(Box::from(decode(path))).or_default(),
            PathMatch::Prefix(prefix) => {
                let mut node = &mut self.prefixes;
                for segment in segments(prefix).filter(|segment| !segment.is_empty()) {
                    node = node.children.entry(Box::from(decode(segment))).or_default();
                }
                &mut node.candidates
            }
        };
        let place = candidates.partition_point(|other| strength(other) <= strength(&candidate));
        candidates.insert(place, candidate);
    }
}

/// Smaller is stronger.
fn strength(candidate: &Candidate) -> (Reverse<usize>, bool, usize) {
    let matcher = &candidate.route.matcher;
    (Reverse(matcher.headers.len()), matcher.methods.is_empty(), candidate.order)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Sees each candidate that is tried, in order. Serving looks away; explaining takes notes.
pub(super) trait Observer {
    fn tried(&mut self, route: &Arc<Route>, host: HostRule, path: PathRule, verdict: &Verdict);
}

impl Observer for () {
    fn tried(&mut self, _: &Arc<Route>, _: HostRule, _: PathRule, _: &Verdict) {}
}

impl Observer for Vec<Tried> {
    fn tried(&mut self, route: &Arc<Route>, host: HostRule, path: PathRule, verdict: &Verdict) {
        self.push(Tried { route: route.clone(), host, path, verdict: verdict.clone() });
    }
}

/// One request on its way through the tables. It ends at the first candidate that matches.
pub(super) struct Walk<'a, O> {
    method: &'a Method,
    path: &'a str,
    decoded_path: Cow<'a, [u8]>,
    headers: &'a HeaderMap,
    found: Option<&'a Arc<Route>>,
    /// Of candidates that failed by their method alone.
    other_methods: Vec<&'a Method>,
    pub(super) observer: O,
}

impl<'a, O: Observer> Walk<'a, O> {
    pub(super) fn new(method: &'a Method, path: &'a str, headers: &'a HeaderMap, observer: O) -> Walk<'a, O> {
        let decoded_path = decode(path);
        Walk { method, path, decoded_path, headers, found: None, other_methods: Vec::new(), observer }
    }

    /// Breaks once a route is found.
    pub(super) fn host(&mut self, table: &'a HostTable, host: HostRule) -> ControlFlow<()> {
        if let Some(candidates) = table.exact.get(self.decoded_path.as_ref()) {
            self.candidates(candidates, host, PathRule::Exact)?;
        }
        self.prefixes(&table.prefixes, host, 0, segments(self.path))
    }

    /// The longest prefix first. Goes no deeper than the longest one in the config, however long the path is.
    fn prefixes(
        &mut self,
        node: &'a Node,
        host: HostRule,
        depth: usize,
        mut rest: impl Iterator<Item = &'a str>,
    ) -> ControlFlow<()> {
        if !node.children.is_empty()
            && let Some(child) = rest.next().and_then(|segment| node.children.get(decode(segment).as_ref()))
        {
            self.prefixes(child, host, depth + 1, rest)?;
        }
        self.candidates(&node.candidates, host, PathRule::Prefix { segments: depth })
    }

    pub(super) fn into_match(mut self) -> Match {
        if let Some(route) = self.found {
            return Match::Matched(route.clone());
        }
        if self.other_methods.is_empty() {
            return Match::NoRoute;
        }
        self.other_methods.sort_unstable_by_key(|method| method.as_str());
        self.other_methods.dedup();
        Match::MethodNotAllowed(self.other_methods.into_iter().cloned().collect())
    }

    fn candidates(&mut self, candidates: &'a Candidates, host: HostRule, path: PathRule) -> ControlFlow<()> {
        for candidate in candidates {
            let verdict = self.verdict(&candidate.route);
            self.observer.tried(&candidate.route, host, path, &verdict);
            match verdict {
                Verdict::Matched => {
                    self.found = Some(&candidate.route);
                    return ControlFlow::Break(());
                }
                Verdict::MethodDiffers => self.other_methods.extend(&candidate.route.matcher.methods),
                Verdict::FieldAbsent(_) | Verdict::FieldDiffers(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn verdict(&self, route: &Route) -> Verdict {
        for wanted in &route.matcher.headers {
            let mut values = self.headers.get_all(&wanted.name).iter().peekable();
            if values.peek().is_none() {
                return Verdict::FieldAbsent(wanted.name.clone());
            }
            if let Some(value) = &wanted.value
                && !values.any(|present| present == value)
            {
                return Verdict::FieldDiffers(wanted.name.clone());
            }
        }
        // The method comes last: only a route that matches in everything else makes the answer a 405.
        let methods = &route.matcher.methods;
        if methods.is_empty() || methods.contains(self.method) { Verdict::Matched } else { Verdict::MethodDiffers }
    }
}
