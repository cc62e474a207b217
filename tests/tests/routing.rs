//! Which upstream a request reaches.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluicegate_tests::{Gateway, Reply, Upstream, send};

/// Says its name and what it was asked for.
async fn named(name: &'static str) -> Upstream {
    Upstream::start(move |request| Response::new(Full::new(format!("{name} {}", request.target).into()))).await
}

async fn ask(gateway: &Gateway, method: &str, host: &str, target: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(gateway.url(target)).header("host", host);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

#[tokio::test]
async fn the_most_specific_route_serves() {
    let upstream = named("up").await;
    let config = format!(
        r#"
[upstreams.service]
url = "{}/base"
[[routes]]
name = "any"
upstream = "service"
[[routes]]
name = "wild"
host = "*.example.com"
upstream = "service"
[[routes]]
name = "host"
hosts = ["shop.example.com", "store.example.com"]
upstream = "service"
[[routes]]
name = "prefix"
host = "shop.example.com"
path = "/v1/*"
strip_prefix = "/v1"
upstream = "service"
[[routes]]
name = "exact"
host = "shop.example.com"
path = "/v1/chat"
upstream = "service"
[[routes]]
name = "field"
host = "shop.example.com"
path = "/v1/chat"
headers = {{ "x-beta" = "yes" }}
upstream = "service"
[[routes]]
name = "put"
host = "write.org"
path = "/thing"
methods = ["PUT", "DELETE"]
upstream = "service"
"#,
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[]);
    let cases: [(&str, &str, &str, &[(&str, &str)], &str, &str); 14] = [
        ("GET", "other.org", "/v1/x", &[], "any", "/base/v1/x"),
        ("GET", "a.example.com", "/", &[], "wild", "/base/"),
        ("GET", "a.b.example.com", "/", &[], "wild", "/base/"),
        ("GET", "example.com", "/", &[], "any", "/base/"),
        ("GET", "SHOP.Example.COM:80", "/", &[], "host", "/base/"),
        ("GET", "store.example.com", "/v1/x", &[], "host", "/base/v1/x"),
        ("GET", "shop.example.com", "/v1/x?a=b", &[], "prefix", "/base/x?a=b"),
        ("GET", "shop.example.com", "/v1", &[], "prefix", "/base/"),
        ("GET", "shop.example.com", "/v10", &[], "host", "/base/v10"),
        ("GET", "shop.example.com", "/v1/chat", &[], "exact", "/base/v1/chat"),
        ("GET", "shop.example.com", "/v1/%63hat", &[], "exact", "/base/v1/%63hat"),
        ("GET", "shop.example.com", "/v1/chat", &[("x-beta", "yes")], "field", "/base/v1/chat"),
        ("GET", "shop.example.com", "/v1/chat", &[("x-beta", "no")], "exact", "/base/v1/chat"),
        ("PUT", "write.org", "/thing", &[], "put", "/base/thing"),
    ];
    for (number, (method, host, target, fields, route, seen)) in cases.into_iter().enumerate() {
        let reply = ask(&gateway, method, host, target, fields).await;
        assert_eq!(reply.text(), format!("up {seen}"), "{method} {host} {target}");
        assert_eq!(gateway.wait_for_log(number + 1)[number]["route"], route, "{method} {host} {target}");
    }
}

#[tokio::test]
async fn a_method_that_no_route_takes_is_405_with_those_that_are_taken() {
    let upstream = named("up").await;
    let config = format!(
        "[upstreams.service]\nurl = \"{}\"\n[[routes]]\nname = \"read\"\npath = \"/a\"\nmethods = [\"GET\"]\nupstream = \
         \"service\"\n[[routes]]\nname = \"write\"\npath = \"/a\"\nmethods = [\"PUT\", \"POST\"]\nupstream = \"service\"\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[]);
    let reply = ask(&gateway, "DELETE", "x", "/a", &[]).await;
    assert_eq!(reply.status, 405);
    let mut allow: Vec<&str> = reply.header("allow").unwrap().split(", ").collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "POST", "PUT"]);
    let missing = ask(&gateway, "GET", "x", "/b", &[]).await;
    assert_eq!((missing.status.as_u16(), &missing.json()["code"]), (404, &"client_no_route".into()));
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["code"], &log[0]["route"]), (&"client_method_not_allowed".into(), &().into()));
    assert_eq!((&log[1]["code"], &log[1]["outcome"]), (&"client_no_route".into(), &"rejected".into()));
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn the_global_chain_runs_where_no_route_matches() {
    let upstream = named("up").await;
    let config = format!(
        "global_chain = \"edge\"\n[upstreams.service]\nurl = \"{}\"\n[[chains.edge]]\nplugin = \"headers\"\nconfig = {{ \
         reply = [{{ set = \"x-edge\", value = \"${{reply.status}}\" }}] }}\n[[routes]]\nname = \"one\"\npath = \"/one\"\n\
         methods = [\"GET\"]\nupstream = \"service\"\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[]);
    for (method, target, status) in
        [("GET", "/one", "200"), ("GET", "/two", "404"), ("POST", "/one", "405"), ("HEAD", "/two", "404")]
    {
        let reply = ask(&gateway, method, "x", target, &[]).await;
        assert_eq!((reply.status.as_str(), reply.header("x-edge")), (status, Some(status)), "{method} {target}");
    }
    let log = gateway.wait_for_log(4);
    assert!(log.iter().all(|line| line["plugins"] == serde_json::json!(["headers"])), "{log:#?}");
    // A request that has no host has no route either, and is refused before any plugin.
    let mut client = sluicegate_tests::Raw::connect(gateway.address()).await;
    client.write("GET /one HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    let answer = client.read_to_end().await.text();
    assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains("x-edge"), "{answer}");
    assert_eq!(gateway.wait_for_log(5)[4]["plugins"], serde_json::json!([]));
}
