//! Says by what a route matched.

use crate::config::{PathMatch, RouteMatch};

/// Of the routes that match, the most specific one is taken: so what it asks for is the reason.
pub(super) fn why(matcher: &RouteMatch) -> String {
    let mut reasons = Vec::new();
    if !matcher.hosts.is_empty() {
        reasons.push(format!("host {}", list(matcher.hosts.iter().map(String::as_str))));
    }
    reasons.push(match &matcher.path {
        PathMatch::Exact(path) => format!("path `{path}`"),
        PathMatch::Prefix(path) => format!("path `{path}/*`"),
    });
    if !matcher.methods.is_empty() {
        reasons.push(format!("method {}", list(matcher.methods.iter().map(http::Method::as_str))));
    }
    if !matcher.headers.is_empty() {
        reasons.push(format!("field {}", list(matcher.headers.iter().map(|header| header.name.as_str()))));
    }
    reasons.join(", ")
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn what_a_route_asks_for_is_the_reason() {
        let mut matcher = RouteMatch {
            hosts: Vec::new(),
            path: PathMatch::Prefix(String::new()),
            methods: Vec::new(),
            headers: Vec::new(),
        };
        assert_eq!(why(&matcher), "path `/*`");
        matcher.hosts = vec!["a.example".to_owned(), "*.b.example".to_owned()];
        matcher.path = PathMatch::Exact("/v1".to_owned());
        matcher.methods = vec![Method::GET];
        assert_eq!(why(&matcher), "host `a.example` or `*.b.example`, path `/v1`, method `GET`");
    }
}
