use std::cmp::Reverse;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};

use super::*;
use crate::config::{Dialect, HeaderMatch, Origin, PathMatch, RouteMatch, Upstream};
use crate::http::path::decode;

#[test]
fn an_exact_host_wins_over_a_wildcard_and_a_wildcard_over_any() {
    let router = router(&[
        route("any", &[], prefix("")),
        route("wide", &["*.com"], prefix("")),
        route("narrow", &["*.example.com"], prefix("")),
        route("exact", &["api.example.com"], prefix("")),
    ]);
    for (host, expected) in [
        ("api.example.com", "exact"),
        ("API.EXAMPLE.COM.:8443", "exact"),
        ("b.example.com", "narrow"),
        ("a.b.example.com", "narrow"),
        ("example.com", "wide"),
        ("com", "any"),
        ("127.0.0.1:80", "any"),
    ] {
        assert_eq!(found(&router.find(&Method::GET, host, "/", &HeaderMap::new())), expected, "{host}");
    }
}

#[test]
fn an_exact_path_wins_over_prefixes_and_a_longer_prefix_over_a_shorter() {
    let router = router(&[
        route("all", &[], prefix("")),
        route("v1", &[], prefix("/v1")),
        route("chat", &[], prefix("/v1/chat")),
        route("exact", &[], exact("/v1/chat/completions")),
    ]);
    for (path, expected) in [
        ("/v1/chat/completions", "exact"),
        ("/v1/chat/completions/", "chat"),
        ("/v1/chat/x/y", "chat"),
        ("/v1/chats", "v1"),
        ("/v1/", "v1"),
        ("/v1", "v1"),
        ("/v10", "all"),
        ("/", "all"),
    ] {
        assert_eq!(found(&router.find(&Method::GET, "h", path, &HeaderMap::new())), expected, "{path}");
    }
}

#[test]
fn an_escaped_letter_leads_to_the_same_route_as_the_letter() {
    let router = router(&[
        route("open", &[], prefix("")),
        route("admin", &[], prefix("/admin")),
        route("call", &[], exact("/v1/models/gemini:generate")),
    ]);
    for (path, expected) in [
        ("/%61dmin/users", "admin"),
        ("/admi%6E", "admin"),
        ("/v1/models/gemini%3Agenerate", "call"),
        ("/v1/models/gemini%3agenerat%65", "call"),
    ] {
        assert_eq!(found(&router.find(&Method::GET, "h", path, &HeaderMap::new())), expected, "{path}");
    }
}

#[test]
fn more_fields_win_then_a_method_then_the_order_in_the_file() {
    let with_method = |mut route: Route| {
        route.matcher.methods = vec![Method::GET];
        route
    };
    let with_field = |mut route: Route| {
        route.matcher.headers = vec![field("x-team", Some("red"))];
        route
    };
    let router = router(&[
        route("plain", &[], prefix("/a")),
        route("plain-later", &[], prefix("/a")),
        with_method(route("method", &[], prefix("/a"))),
        with_field(route("field", &[], prefix("/a"))),
    ]);
    let team = |name: &'static str| {
        HeaderMap::from_iter([(HeaderName::from_static("x-team"), HeaderValue::from_static(name))])
    };
    assert_eq!(found(&router.find(&Method::GET, "h", "/a", &team("red"))), "field");
    assert_eq!(found(&router.find(&Method::GET, "h", "/a", &team("blue"))), "method");
    assert_eq!(found(&router.find(&Method::POST, "h", "/a", &team("blue"))), "plain");
}

#[test]
fn the_next_candidate_is_tried_when_a_stronger_one_fails_by_method_or_field() {
    let mut stronger = route("stronger", &["api.example.com"], exact("/a"));
    stronger.matcher.methods = vec![Method::DELETE];
    let mut middle = route("middle", &["*.example.com"], prefix("/a"));
    middle.matcher.headers = vec![field("x-beta", None)];
    let router = router(&[stronger, middle, route("last", &[], prefix(""))]);
    assert_eq!(found(&router.find(&Method::GET, "api.example.com", "/a", &HeaderMap::new())), "last");
}

#[test]
fn a_path_that_matches_but_for_the_method_is_answered_with_405_and_the_methods() {
    let mut one = route("one", &[], exact("/a"));
    one.matcher.methods = vec![Method::POST, Method::PUT];
    let mut two = route("two", &[], prefix("/a"));
    two.matcher.methods = vec![Method::PUT, Method::DELETE];
    let mut hidden = route("hidden", &[], prefix("/a"));
    hidden.matcher.methods = vec![Method::PATCH];
    hidden.matcher.headers = vec![field("x-beta", None)];
    let router = router(&[one, two, hidden]);

    let refusal = router.find(&Method::GET, "h", "/a", &HeaderMap::new()).refusal().unwrap();
    assert_eq!(refusal.status, 405);
    assert_eq!(refusal.fields.get(ALLOW).unwrap(), "DELETE, POST, PUT");
    let refusal = router.find(&Method::GET, "h", "/b", &HeaderMap::new()).refusal().unwrap();
    assert_eq!(refusal.status, 404);
}

#[test]
fn explain_names_each_candidate_and_why_it_was_not_taken() {
    let mut stronger = route("stronger", &["api.example.com"], exact("/a"));
    stronger.matcher.methods = vec![Method::POST, Method::DELETE];
    let mut beta = route("beta", &["*.example.com"], prefix("/a"));
    beta.matcher.headers = vec![field("x-beta", None)];
    let mut red = route("red", &[], prefix("/a"));
    red.matcher.headers = vec![field("x-team", Some("red"))];
    let router = router(&[stronger, beta, red, route("last", &[], prefix("")), route("elsewhere", &[], prefix("/b"))]);
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-team"), HeaderValue::from_static("blue"))]);

    insta::assert_snapshot!(router.explain(&Method::GET, "api.example.com", "/a", &headers), @r"
    route `last`
      1. `stronger` (exact host, exact path `/a`): the method is not POST or DELETE
      2. `beta` (wildcard host, path prefix `/a`): the request has no field `x-beta`
      3. `red` (any host, path prefix `/a`): no field `x-team` is `red`
      4. `last` (any host, any path): matches
    ");
    let empty = Router::new(&[]);
    insta::assert_snapshot!(empty.explain(&Method::GET, "h", "/a", &headers), @r"
    no route
      no route has this host and path
    ");
}

#[test]
fn ten_thousand_routes_cost_no_more_candidates_than_ten() {
    for count in [10, 10_000] {
        let mut routes: Vec<Route> =
            (0..count).map(|n| route(&format!("r{n}"), &[], prefix(&format!("/tenant-{n}/v1")))).collect();
        routes.extend((0..count).map(|n| route(&format!("h{n}"), &[&format!("h{n}.example.com")], exact("/x"))));
        let router = router(&routes);
        let path = format!("/tenant-{}/v1/chat", count - 1);
        assert_eq!(router.explain(&Method::GET, "h3.example.com", &path, &HeaderMap::new()).tried.len(), 1);
        assert_eq!(router.explain(&Method::GET, "h3.example.com", "/x", &HeaderMap::new()).tried.len(), 1);
    }
}

#[test]
fn a_very_long_path_is_walked_no_deeper_than_the_longest_prefix() {
    let router = router(&[route("deep", &[], prefix("/a/a/a"))]);
    let path = "/a".repeat(100_000);
    let started = std::time::Instant::now();
    assert_eq!(found(&router.find(&Method::GET, "h", &path, &HeaderMap::new())), "deep");
    assert!(started.elapsed() < Duration::from_secs(1));
}

/// The rules of precedence once more, as one sort over all routes.
fn naive<'a>(routes: &'a [Arc<Route>], request: &Request) -> (Option<&'a str>, Vec<Method>) {
    let host = request.host.to_ascii_lowercase();
    let host = host.split(':').next().unwrap().trim_end_matches('.');
    let mut ranked = Vec::new();
    for (order, route) in routes.iter().enumerate() {
        let hosts = &route.matcher.hosts;
        let host_rank = hosts
            .iter()
            .filter_map(|wanted| match wanted.strip_prefix('*') {
                Some(suffix) => (host.len() > suffix.len() && host.ends_with(suffix)).then_some(1000 - suffix.len()),
                None => (wanted == host).then_some(0),
            })
            .min()
            .or(hosts.is_empty().then_some(2000));
        let path = String::from_utf8(decode(&request.path).into_owned()).unwrap();
        let path_rank = match &route.matcher.path {
            PathMatch::Exact(wanted) => (*wanted == path).then_some(0),
            PathMatch::Prefix(wanted) => (path == *wanted || path.starts_with(&format!("{wanted}/")))
                .then_some(1000 - wanted.matches('/').count()),
        };
        let fields = route.matcher.headers.iter().all(|wanted| match &wanted.value {
            None => request.headers.contains_key(&wanted.name),
            Some(value) => request.headers.get_all(&wanted.name).iter().any(|present| present == value),
        });
        if let (Some(host_rank), Some(path_rank), true) = (host_rank, path_rank, fields) {
            let matcher = &route.matcher;
            ranked.push((
                (host_rank, path_rank, Reverse(matcher.headers.len()), matcher.methods.is_empty(), order),
                route,
            ));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let takes = |route: &Route| route.matcher.methods.is_empty() || route.matcher.methods.contains(&request.method);
    let winner = ranked.iter().find(|(_, route)| takes(route)).map(|(_, route)| route.name.as_str());
    let mut methods: Vec<Method> = ranked.iter().flat_map(|(_, route)| route.matcher.methods.clone()).collect();
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    methods.dedup();
    (winner, methods)
}

#[test]
fn two_thousand_random_requests_meet_the_same_route_as_in_a_naive_matcher() {
    let mut random = Random(0x5eed);
    let (mut matched, mut wrong_method, mut nothing) = (0, 0, 0);
    for case in 0..100 {
        let routes: Vec<Arc<Route>> = (0..random.below(24)).map(|n| Arc::new(random_route(&mut random, n))).collect();
        let router = Router::new(&routes);
        for _ in 0..20 {
            let request = random_request(&mut random);
            let result = router.find(&request.method, &request.host, &request.path, &request.headers);
            let (winner, methods) = naive(&routes, &request);
            let context = format!(
                "case {case}: {request:?}\n{:#?}",
                routes.iter().map(|route| (&route.name, &route.matcher)).collect::<Vec<_>>()
            );
            match (&result, winner) {
                (Match::Matched(route), Some(name)) => {
                    matched += 1;
                    assert_eq!(route.name, name, "{context}");
                }
                (Match::MethodNotAllowed(allowed), None) if !methods.is_empty() => {
                    wrong_method += 1;
                    assert_eq!(*allowed, methods, "{context}");
                }
                (Match::NoRoute, None) if methods.is_empty() => nothing += 1,
                other => panic!("{other:?}\n{context}"),
            }
            let explained = router.explain(&request.method, &request.host, &request.path, &request.headers);
            assert_eq!(format!("{:?}", explained.result), format!("{result:?}"), "{context}");
        }
    }
    // The cases are worth something only if each outcome is common among them.
    assert!(matched > 500 && wrong_method > 50 && nothing > 100, "{matched} {wrong_method} {nothing}");
}

#[derive(Debug)]
struct Request {
    method: Method,
    host: String,
    path: String,
    headers: HeaderMap,
}

const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];
const HOSTS: [&str; 6] =
    ["a.example.com", "b.a.example.com", "example.com", "*.example.com", "*.a.example.com", "*.com"];
const ASKED_HOSTS: [&str; 6] =
    ["a.example.com", "B.A.example.com:80", "example.com.", "c.example.com", "x.org", "d.b.a.example.com"];
const PATHS: [&str; 6] = ["", "/a", "/a/b", "/a/b/c", "/b", "/ab"];
const ASKED_PATHS: [&str; 9] = ["/", "/a", "/a/", "/a/b", "/%61/b", "/a/b/c", "/a/bc", "/b/c", "/ab"];

fn random_route(random: &mut Random, number: usize) -> Route {
    let hosts: Vec<&str> = (0..random.below(3)).map(|_| random.of(&HOSTS)).copied().collect();
    let path = *random.of(&PATHS);
    let path = if random.below(3) == 0 && !path.is_empty() { exact(path) } else { prefix(path) };
    let mut route = route(&format!("r{number}"), &hosts, path);
    route.matcher.methods = (0..random.below(3)).map(|_| random.of(&METHODS).clone()).collect();
    for name in ["x-a", "x-b"] {
        if random.below(4) == 0 {
            let value = [None, Some("1"), Some("2")][random.below(3)];
            route.matcher.headers.push(field(name, value));
        }
    }
    route
}

fn random_request(random: &mut Random) -> Request {
    let mut headers = HeaderMap::new();
    for name in ["x-a", "x-b"] {
        for _ in 0..random.below(3) {
            headers.append(name, HeaderValue::from_static(["1", "2", "3"][random.below(3)]));
        }
    }
    Request {
        method: random.of(&METHODS).clone(),
        host: (*random.of(&ASKED_HOSTS)).to_string(),
        path: (*random.of(&ASKED_PATHS)).to_string(),
        headers,
    }
}

/// xorshift64: the same cases in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

fn found(result: &Match) -> &str {
    match result {
        Match::Matched(route) => &route.name,
        other => panic!("{other:?}"),
    }
}

fn router(routes: &[Route]) -> Router {
    Router::new(&routes.iter().cloned().map(Arc::new).collect::<Vec<_>>())
}

fn exact(path: &str) -> PathMatch {
    PathMatch::Exact(path.to_string())
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.to_string())
}

fn field(name: &'static str, value: Option<&'static str>) -> HeaderMatch {
    HeaderMatch { name: HeaderName::from_static(name), value: value.map(HeaderValue::from_static) }
}

fn route(name: &str, hosts: &[&str], path: PathMatch) -> Route {
    let upstream = Upstream {
        name: "up".to_string(),
        origin: Origin { tls: false, host: "127.0.0.1".to_string(), port: 1 },
        base_path: String::new(),
        credential: None,
        connect_timeout: Duration::from_secs(1),
        reply_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(1),
        connections_max: 1,
        protocol: crate::config::UpstreamProtocol::Http1,
        streams_max: 100,
        ca_file: None,
        server_name: None,
        client_certificate: None,
        reply_heads: crate::config::ReplyHeads { bytes_max: 65_536, fields_max: 100 },
    };
    Route {
        name: name.to_string(),
        matcher: RouteMatch {
            hosts: hosts.iter().map(ToString::to_string).collect(),
            path,
            methods: Vec::new(),
            headers: Vec::new(),
        },
        chain: Vec::new(),
        upstreams: vec![Arc::new(upstream)],
        models: None,
        strip_prefix: String::new(),
        dialect: Dialect::Http,
        timeout: None,
        upgrades: Vec::new(),
        upgrade_idle_timeout: std::time::Duration::from_secs(1),
        credential_places: Vec::new(),
        forward_credentials: Vec::new(),
    }
}
