//! Finds the route of a request: hosts and exact paths by hash, path prefixes by a trie over segments.
//!
//! Precedence, strongest first:
//! 1. exact host, then wildcard hosts with the longest name first, then routes for any host;
//! 2. exact path, then path prefixes with the most segments first;
//! 3. more header matches;
//! 4. a method given, before none;
//! 5. order in the file.
//!
//! Where method or fields do not match, the next candidate in this order is tried. Host names are compared without
//! case, port and final dot; paths by decoded segments, after [`crate::http::path::check`] has passed them. Only
//! candidates whose host and path match are ever looked at, so the cost does not depend on how many other routes exist.

mod explain;
mod host;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use ::http::Method;
use ::http::header::{ALLOW, HeaderMap, HeaderValue};

pub use self::explain::{Explanation, Tried};
use self::table::{Candidate, HostTable, Walk};
pub use self::table::{HostRule, PathRule, Verdict};
use crate::config::Route;
use crate::error::{Code, Refusal};

/// All routes of one generation.
#[derive(Debug)]
pub struct Router {
    exact_hosts: HashMap<String, HostTable>,
    /// By what follows `*.`
    wildcard_hosts: HashMap<String, HostTable>,
    any_host: HostTable,
}

/// What was found.
#[derive(Debug, Clone)]
pub enum Match {
    Matched(Arc<Route>),
    /// No route has this host, path and these fields.
    NoRoute,
    /// A route matches but for the method. The methods that would match, each once, sorted.
    MethodNotAllowed(Vec<Method>),
}

impl Router {
    /// `routes` in file order.
    pub fn new(routes: &[Arc<Route>]) -> Router {
        let mut router =
            Router { exact_hosts: HashMap::new(), wildcard_hosts: HashMap::new(), any_host: HostTable::default() };
        for (order, route) in routes.iter().enumerate() {
            let candidate = Candidate { route: route.clone(), order };
            if route.matcher.hosts.is_empty() {
                router.any_host.insert(candidate);
                continue;
            }
            for host in &route.matcher.hosts {
                let table = match host.strip_prefix("*.") {
                    Some(suffix) => router.wildcard_hosts.entry(host::canonical(suffix).into_owned()),
                    None => router.exact_hosts.entry(host::canonical(host).into_owned()),
                };
                table.or_default().insert(candidate.clone());
            }
        }
        router
    }

    /// `host` as in the request, with or without port; `path` as sent, without its query.
    pub fn find(&self, method: &Method, host: &str, path: &str, headers: &HeaderMap) -> Match {
        self.walk(Walk::new(method, path, headers, ()), host).into_match()
    }

    /// The same walk, keeping each candidate and why it was not taken.
    pub fn explain(&self, method: &Method, host: &str, path: &str, headers: &HeaderMap) -> Explanation {
        let walk = self.walk(Walk::new(method, path, headers, Vec::new()), host);
        Explanation { tried: walk.observer.clone(), result: walk.into_match() }
    }

    fn walk<'a, O: table::Observer>(&'a self, mut walk: Walk<'a, O>, host: &str) -> Walk<'a, O> {
        let host = host::canonical(host);
        if let Some(table) = self.exact_hosts.get(host.as_ref())
            && walk.host(table, HostRule::Exact).is_break()
        {
            return walk;
        }
        if !self.wildcard_hosts.is_empty() {
            for suffix in host::suffixes(&host) {
                let Some(table) = self.wildcard_hosts.get(suffix) else { continue };
                if walk.host(table, HostRule::Wildcard).is_break() {
                    return walk;
                }
            }
        }
        // The last table: whether it broke off or came to its end, the walk is over.
        let _ = walk.host(&self.any_host, HostRule::Any);
        walk
    }
}

impl Match {
    /// The answer where no route was found; a 405 has `allow`.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Match::Matched(_) => None,
            Match::NoRoute => Some(Refusal::new(
                Code::NoRoute,
                "No route of this gateway matches the host, path and fields of this request.",
            )),
            Match::MethodNotAllowed(methods) => {
                let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
                let list = names.join(", ");
                let message = format!("This path does not take the method; it takes {list}.");
                let mut refusal = Refusal::new(Code::MethodNotAllowed, message);
                if let Ok(value) = HeaderValue::from_str(&list) {
                    refusal.fields.insert(ALLOW, value);
                }
                Some(refusal)
            }
        }
    }
}
