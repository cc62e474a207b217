//! The admin listener: who may ask, and what it says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluicegate_tests::{Gateway, Raw, Reply, Upstream, config, get, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

fn with_admin(upstream: &str) -> String {
    format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::proxy(upstream))
}

async fn ask(gateway: &Gateway, path: &str, token: &str) -> Reply {
    let request = Request::get(format!("{}{path}", gateway.admin())).header("authorization", format!("Bearer {token}"));
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

#[tokio::test]
async fn the_token_is_made_for_its_owner_alone_and_kept() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_admin(&upstream.url()), &[]);
    let file = gateway.folder().join(".sluicegate/admin.token");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = gateway.admin_token();
    assert!(token.len() >= 32, "{}", token.len());
    for path in ["/metrics", "/config", "/nothing"] {
        let without = get(&format!("{}{path}", gateway.admin())).await;
        assert_eq!((without.status.as_u16(), &without.json()["code"]), (401, &"admin_unauthorized".into()), "{path}");
        assert_eq!(ask(&gateway, path, "wrong").await.status, 401, "{path}");
    }
    assert_eq!(ask(&gateway, "/metrics", &token).await.status, 200);
    assert_eq!(ask(&gateway, "/nothing", &token).await.status, 404);
    for open in ["/health", "/ready"] {
        assert_eq!(get(&format!("{}{open}", gateway.admin())).await.status, 200);
    }
    assert!(!gateway.stderr_lines().join("\n").contains(&token));
}

#[tokio::test]
async fn a_page_that_points_its_own_name_at_this_machine_stays_outside() {
    let upstream = Upstream::ok().await;
    let gateway = Gateway::start(&with_admin(&upstream.url()), &[]);
    let address = gateway.admin().trim_start_matches("http://").parse().unwrap();
    for (host, status) in [("evil.example", "400"), ("localhost.evil.example", "400"), ("localhost:1", "200")] {
        let mut client = Raw::connect(address).await;
        let token = gateway.admin_token();
        client.write(format!("GET /config HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n")).await;
        let answer = client.read_to_end().await.text();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host}: {answer}");
    }
}

#[tokio::test]
async fn a_unix_socket_serves_its_owner_and_goes_with_the_gateway() {
    let upstream = Upstream::ok().await;
    let config = format!("[admin]\naddress = \"unix:admin.sock\"\n{}", config::proxy(&upstream.url()));
    let gateway = Gateway::start(&config, &[]);
    let socket = gateway.folder().join("admin.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    let request =
        format!("GET /config HTTP/1.1\r\nhost: any\r\nauthorization: Bearer {}\r\n\r\n", gateway.admin_token());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"generation\":1"), "{answer}");
    gateway.signal("TERM");
    while socket.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_summary_shows_routes_chains_and_upstreams() {
    let upstream = Upstream::ok().await;
    let config = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[trust]\nkeys = [\"ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]\n\
         [[chains.edge]]\nplugin = \"headers\"\nname = \"edge-headers\"\nconfig = {{ reply \
         = [{{ set = \"x-edge\", value = \"1\" }}] }}\n{}",
        config::route(&upstream.url(), "chain = \"edge\"")
    );
    let gateway = Gateway::start(&config, &[]);
    let summary = ask(&gateway, "/config", &gateway.admin_token()).await.json();
    assert_eq!(summary["routes"][0]["name"], "all");
    assert_eq!(summary["routes"][0]["chain"][0]["name"], "edge-headers");
    assert_eq!(summary["trust"], serde_json::json!({ "keys": ["21fe31dfa154a261"], "require_signed": false }));
    assert_eq!(summary["upstreams"][0]["origin"], upstream.url());
    assert_eq!(
        summary["listen"][0],
        gateway.address().to_string(),
        "the address that was bound, not the one asked for"
    );
}

/// Name and labels of each sample, with its value. The text must be what OpenMetrics says.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let bare = name.split('{').next().unwrap();
        assert!(bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        assert!(!name.contains('{') || name.ends_with('}'), "{line}");
        assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
    }
    samples
}

/// The sum over all samples of a name whose labels hold all of these.
fn sum(samples: &BTreeMap<String, f64>, name: &str, labels: &[&str]) -> f64 {
    let of_name = samples.iter().filter(|(sample, _)| sample.split('{').next() == Some(name));
    of_name.filter(|(sample, _)| labels.iter().all(|label| sample.contains(label))).map(|(_, value)| value).sum()
}

#[tokio::test]
async fn metrics_count_what_has_happened() {
    let upstream = Upstream::ok().await;
    let config = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n[[chains.all]]\nplugin = \"rate-limit\"\nconfig = {{ limits = [{{ name = \
         \"few\", requests = 3, window_ms = 600000, by = \"route\" }}] }}\n{}",
        config::route(&upstream.url(), "chain = \"all\"\npath = \"/in/*\"")
    );
    let gateway = Gateway::start(&config, &[]);
    for _ in 0..5 {
        get(&gateway.url("/in/x")).await;
    }
    get(&gateway.url("/out")).await;
    gateway.wait_for_log(6);
    let text = ask(&gateway, "/metrics", &gateway.admin_token()).await.text();
    let samples = samples(&text);
    let requests = |labels: &[&str]| sum(&samples, "sluicegate_requests_total", labels);
    assert_eq!(requests(&[]), 6.0, "{text}");
    assert_eq!(requests(&["route=\"all\"", "outcome=\"complete\"", "status_class=\"2xx\""]), 3.0, "{text}");
    assert_eq!(requests(&["route=\"all\"", "outcome=\"rejected\"", "fault=\"policy\""]), 2.0, "{text}");
    assert_eq!(requests(&["route=\"_none\"", "fault=\"client\""]), 1.0, "{text}");
    let durations = |labels: &[&str]| sum(&samples, "http_server_request_duration_seconds_count", labels);
    assert_eq!(durations(&["http_response_status_code=\"429\""]), 2.0, "{text}");
    let attempts = |labels: &[&str]| sum(&samples, "http_client_request_duration_seconds_count", labels);
    assert_eq!(attempts(&["upstream=\"service\"", "http_response_status_code=\"200\""]), 3.0, "{text}");
    let calls = |labels: &[&str]| sum(&samples, "sluicegate_policy_call_seconds_count", labels);
    assert_eq!(calls(&["entry=\"rate-limit\"", "phase=\"head\""]), 5.0, "{text}");
    // The generation, by whichever member names it.
    assert!(samples.keys().any(|name| name.contains("generation")), "{text}");
}
