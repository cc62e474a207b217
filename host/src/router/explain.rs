//! Why a request met its route: what `sluicegate explain` prints.

use std::fmt;
use std::sync::Arc;

use ::http::Method;

use super::{HostRule, Match, PathRule, Verdict};
use crate::config::{PathMatch, Route};

/// The candidates of one request in the order in which they were tried, and what came of it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Only routes whose host and path match are candidates.
    pub tried: Vec<Tried>,
    pub result: Match,
}

#[derive(Debug, Clone)]
pub struct Tried {
    pub route: Arc<Route>,
    pub host: HostRule,
    pub path: PathRule,
    pub verdict: Verdict,
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            Match::Matched(route) => writeln!(formatter, "route `{}`", route.name)?,
            Match::NoRoute => writeln!(formatter, "no route")?,
            Match::MethodNotAllowed(methods) => {
                let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
                writeln!(formatter, "no route for this method; allowed: {}", names.join(", "))?;
            }
        }
        if self.tried.is_empty() {
            writeln!(formatter, "  no route has this host and path")?;
        }
        for (number, tried) in self.tried.iter().enumerate() {
            writeln!(formatter, "  {}. {tried}", number + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.host {
            HostRule::Exact => "exact host",
            HostRule::Wildcard => "wildcard host",
            HostRule::Any => "any host",
        };
        write!(formatter, "`{}` ({host}, ", self.route.name)?;
        match (&self.path, &self.route.matcher.path) {
            (PathRule::Exact, PathMatch::Exact(path)) => write!(formatter, "exact path `{path}`")?,
            (PathRule::Prefix { segments: 0 }, _) => write!(formatter, "any path")?,
            (_, PathMatch::Prefix(path) | PathMatch::Exact(path)) => write!(formatter, "path prefix `{path}`")?,
        }
        write!(formatter, "): {}", Reason { tried: self })
    }
}

/// The verdict as a sentence, with what the route wants.
struct Reason<'a> {
    tried: &'a Tried,
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matcher = &self.tried.route.matcher;
        match &self.tried.verdict {
            Verdict::Matched => write!(formatter, "matches"),
            Verdict::MethodDiffers => {
                let names: Vec<&str> = matcher.methods.iter().map(Method::as_str).collect();
                write!(formatter, "the method is not {}", names.join(" or "))
            }
            Verdict::FieldAbsent(name) => write!(formatter, "the request has no field `{name}`"),
            Verdict::FieldDiffers(name) => {
                let wanted =
                    matcher.headers.iter().find(|header| header.name == *name).and_then(|header| header.value.as_ref());
                let wanted = wanted.map(|value| String::from_utf8_lossy(value.as_bytes())).unwrap_or_default();
                write!(formatter, "no field `{name}` is `{wanted}`")
            }
        }
    }
}
