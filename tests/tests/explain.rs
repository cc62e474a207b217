//! What `explain` says is what happens: a thousand random requests over a random configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate::config::{AccessLog as AccessLogConfig, parse};
use sluicegate::generation::Generation;
use sluicegate::router::Match;
use sluicegate::secrets::Redaction;
use sluicegate::telemetry::access_log::AccessLog;
use sluicegate_tests::{Gateway, Reply, Upstream, send, sluicegate};

const REQUESTS: usize = 1_000;
const ROUTES: usize = 60;
/// Another number draws another configuration and other requests.
const SEED: u64 = 20_261;

const HOSTS: [&str; 5] = ["example.com", "a.example.com", "b.example.com", "x.a.example.com", "other.org"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const TIERS: [&str; 3] = ["gold", "tin", "none"];

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn path(&mut self) -> String {
        (0..self.below(4)).map(|_| format!("/{}", self.one(&["a", "b", "c"]))).collect()
    }
}

/// Appends its name to what the upstream and what the client see.
fn entry(chain: &str, name: &str) -> String {
    format!(
        "[[chains.{chain}]]\nplugin = \"headers\"\nname = \"{name}\"\nconfig = {{ request = [{{ append = \"x-order\", value = \
         \"{name}\" }}], reply = [{{ append = \"x-back\", value = \"{name}\" }}] }}\n"
    )
}

fn route(random: &mut Random, name: &str) -> String {
    let mut text = format!("[[routes]]\nname = \"{name}\"\nupstream = \"service\"\n");
    match random.below(4) {
        0 => text.push_str(&format!("host = \"{}\"\n", random.one(&HOSTS))),
        1 => text.push_str(&format!("hosts = [\"{}\", \"*.a.example.com\"]\n", random.one(&HOSTS))),
        2 => text.push_str("host = \"*.example.com\"\n"),
        _ => {}
    }
    let path = random.path();
    match random.below(3) {
        0 if !path.is_empty() => text.push_str(&format!("path = \"{path}\"\n")),
        // Everything below one segment at least, so that some requests find no route.
        _ => text.push_str(&format!("path = \"/{}{path}/*\"\n", random.one(&["a", "b", "c"]))),
    }
    match random.below(3) {
        0 => text.push_str(&format!("methods = [\"{}\"]\n", random.one(&METHODS))),
        1 => text.push_str("methods = [\"GET\", \"POST\"]\n"),
        _ => {}
    }
    match random.below(4) {
        0 => text.push_str("headers = { \"x-tier\" = \"gold\" }\n"),
        1 => text.push_str("headers = { \"x-tier\" = \"*\" }\n"),
        _ => {}
    }
    let mut chains: Vec<String> = (0..5).map(|number| format!("\"c{number}\"")).collect();
    chains.retain(|_| random.below(2) == 0);
    if random.below(2) == 0 {
        chains.reverse();
    }
    text.push_str(&format!("chain = [{}]\n", chains.join(", ")));
    text
}

/// Only routes that can be told apart from those before them.
fn configuration(random: &mut Random, upstream: &str) -> String {
    let mut text = format!(
        "global_chain = \"edge\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[upstreams.service]\nurl = \"{upstream}\"\n{}{}",
        entry("edge", "edge-one"),
        entry("edge", "edge-two")
    );
    for chain in 0..5 {
        for number in 0..=random.below(3) {
            text.push_str(&entry(&format!("c{chain}"), &format!("c{chain}-{number}")));
        }
    }
    let mut routes = 0;
    while routes < ROUTES {
        let longer = format!("{text}{}", route(random, &format!("r{routes}")));
        if parse(&longer, "random.toml", Path::new("")).is_ok() {
            text = longer;
            routes += 1;
        }
    }
    text
}

/// A generation of the same text, made by the code that serves.
async fn generation(text: &str, folder: &Path) -> Generation {
    let config = parse(text, "random.toml", folder).unwrap();
    let silent = AccessLog::open(&AccessLogConfig::Off, Arc::new(|text| text.into())).unwrap();
    let foundation = sluicegate::server::foundation(&config, Redaction::new(), silent).unwrap();
    foundation.build(&config, 1).await.unwrap()
}

struct Asked {
    method: String,
    host: String,
    path: String,
    tier: Option<String>,
}

impl Asked {
    fn draw(random: &mut Random) -> Asked {
        let path = random.path();
        let tier = random.one(&TIERS);
        Asked {
            method: random.one(&METHODS).to_owned(),
            host: random.one(&HOSTS).to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path },
            tier: (tier != "none").then(|| tier.to_owned()),
        }
    }

    fn headers(&self) -> HeaderMap {
        self.tier
            .iter()
            .map(|tier| (http::HeaderName::from_static("x-tier"), HeaderValue::from_str(tier).unwrap()))
            .collect()
    }

    async fn send(&self, gateway: &Gateway, id: &str) -> Reply {
        let mut request = Request::builder().method(self.method.as_str()).uri(gateway.url(&self.path));
        request = request.header("host", &self.host).header("x-request-id", id);
        if let Some(tier) = &self.tier {
            request = request.header("x-tier", tier);
        }
        send(request.body(Full::<Bytes>::default()).unwrap()).await
    }
}

fn names(headers: &HeaderMap, field: &str) -> Vec<String> {
    headers.get_all(field).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_random_requests_take_the_route_and_the_plugins_that_explain_says() {
    let mut random = Random(SEED);
    let upstream = Upstream::start(|_| Response::new(Full::default())).await;
    let text = configuration(&mut random, &upstream.url());
    let gateway = Gateway::start(&text, &[]);
    let generation = generation(&text, gateway.folder()).await;
    let asked: Vec<Asked> = (0..REQUESTS).map(|_| Asked::draw(&mut random)).collect();
    let mut replies = Vec::new();
    for (number, asked) in asked.iter().enumerate() {
        replies.push(asked.send(&gateway, &format!("n{number}")).await);
    }
    let by_id: BTreeMap<String, Value> = gateway
        .wait_for_log(REQUESTS)
        .into_iter()
        .map(|line| (line["request_id"].as_str().unwrap().to_owned(), line))
        .collect();
    assert_eq!(by_id.len(), REQUESTS);
    let seen: BTreeMap<String, Vec<String>> = upstream
        .received()
        .into_iter()
        .map(|request| {
            (request.headers["x-request-id"].to_str().unwrap().to_owned(), names(&request.headers, "x-order"))
        })
        .collect();

    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let mut routes: BTreeMap<String, usize> = BTreeMap::new();
    for (number, (asked, reply)) in asked.iter().zip(&replies).enumerate() {
        let id = format!("n{number}");
        let line = &by_id[&id];
        let method: Method = asked.method.parse().unwrap();
        let explanation = generation.explain(&method, &asked.host, &asked.path, &asked.headers());
        let (route, status) = match &explanation.result {
            Match::Matched(route) => (Some(route.name.as_str()), 200),
            Match::NoRoute => (None, 404),
            Match::MethodNotAllowed(_) => (None, 405),
        };
        let context =
            format!("request {number}: {} {} {}\n{explanation}\n{line}", asked.method, asked.host, asked.path);
        assert_eq!((reply.status.as_u16(), line["route"].as_str()), (status, route), "{context}");
        let order: BTreeMap<&str, Vec<String>> =
            generation.order(route).into_iter().map(|(phase, entries)| (phase.as_str(), entries)).collect();
        assert_eq!(line["plugins"], json!(order["head"]), "{context}");
        assert_eq!(names(&reply.headers, "x-back"), order["reply-head"], "{context}");
        assert_eq!(seen.get(&id).is_some(), route.is_some(), "{context}");
        if let Some(seen) = seen.get(&id) {
            assert_eq!(*seen, order["head"], "{context}");
        }
        *statuses.entry(status).or_default() += 1;
        *routes.entry(route.unwrap_or("none").to_owned()).or_default() += 1;
    }
    // The draw is worth something: each kind of answer, and most routes.
    assert!([200, 404, 405].iter().all(|status| statuses.get(status).is_some_and(|count| *count > 10)), "{statuses:?}");
    assert!(routes.len() > ROUTES / 3, "{routes:?}");

    // And the command prints what the library says.
    for asked in asked.iter().take(5) {
        let url = format!("http://{}{}", asked.host, asked.path);
        let field = asked.tier.as_ref().map(|tier| format!("x-tier: {tier}"));
        let mut words = vec!["explain", &asked.method, &url];
        words.extend(field.iter().flat_map(|field| ["-H", field]));
        let said = sluicegate(gateway.folder(), &words);
        let method: Method = asked.method.parse().unwrap();
        let explanation = generation.explain(&method, &asked.host, &asked.path, &asked.headers());
        assert!(said.stdout.starts_with(&explanation.to_string()), "{said:?}\n{explanation}");
    }
}
