//! What no trace tells: credentials of clients, secrets of the gateway, bodies. And to whom it tells anything.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Upstream, guests, send};

use crate::support::*;

#[tokio::test]
async fn nobody_without_the_token_arms_one() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    for token in [None, Some("wrong")] {
        let mut request = Request::post(format!("{}/traces", gateway.admin()));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let reply = send(request.body(Full::default()).unwrap()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (401, &json!("admin_unauthorized")));
    }
}

/// A plugin that is trusted with credentials puts them wherever it can, and another one knows a secret of the gateway.
#[tokio::test]
async fn no_credential_and_no_secret_is_told_whatever_a_plugin_does_with_it() {
    let upstream = Upstream::ok().await;
    let config = format!(
        r#"
[admin]
address = "127.0.0.1:0"
[plugins.gossip]
file = "gossip.wasm"
[credentials.service]
value = "${{file:secret}}"
origin = "{url}"
[upstreams.service]
url = "{url}"
credential = "service"
[[routes]]
name = "all"
path = "/*"
upstream = "service"
credential_places = ["?token", "x-session"]
[[routes.chain]]
plugin = "gossip"
grants = ["credentials-in-clear", "identity-writer", "metrics"]
limits = {{ cpu_max_ms = 10_000, wall_max_ms = 60_000 }}
[[routes.chain]]
plugin = "headers"
name = "copies"
config = {{ request = [{{ set = "x-copy", value = "the-gateways-own-secret" }}], reply = [{{ set = "x-note", value = "the-gateways-own-secret" }}] }}
"#,
        url = upstream.url()
    );
    let gateway = Gateway::start(&config, &[("gossip.wasm", guests::GOSSIP), ("secret", b"the-gateways-own-secret")]);
    for reject in [false, true] {
        let mut trace = Trace::arm(&gateway, json!({})).await;
        let mut fields = vec![
            ("authorization", "Bearer client-credential-1"),
            ("x-request-id", "of-client-credential-1"),
            ("cookie", "session=client-credential-2; theme=dark"),
            ("x-session", "client_credential_3"),
        ];
        fields.extend(reject.then_some(("x-reject", "1")));
        let reply =
            ask(&gateway, "/a?token=client%2Dcredential-4&page=client-page", &fields, "a body that nobody tells").await;
        assert_eq!(reply.status, if reject { 403 } else { 200 });
        let exchange = trace.exchange().await;
        let text = exchange.to_string();
        let token = gateway.admin_token();
        for secret in [
            "client-credential",
            "client_credential",
            "client%2Dcredential",
            "a-new-credential",
            "gateways-own",
            "client-page",
            "nobody tells",
            &token,
        ] {
            assert!(!text.contains(secret), "{secret} is told: {exchange:#}");
        }
        for (member, shown) in [("request_id", "of-[hidden]"), ("consumer", "[hidden]"), ("key_id", "[hidden]")] {
            assert_eq!(exchange[member], shown, "{member}");
        }
        let told = call(&exchange, "head", "gossip");
        let code = if reject { json!("[hidden]") } else { Value::Null };
        assert_eq!((&exchange["code"], &told["code"]), (&code, &code));
        assert_eq!(told["decision"], if reject { "reject" } else { "proceed" });
        let did = |call: &str, name: &str| {
            let found = told["did"]
                .as_array()
                .unwrap()
                .iter()
                .find(|did| did["call"] == call && did["name"].as_str().unwrap_or_default() == name)
                .cloned();
            found.unwrap_or_else(|| panic!("no {call} {name} in {told:#}"))
        };
        assert_eq!(did("request.set-header", "x-told-0")["value"], "[hidden]");
        assert_eq!(did("request.append-header", "x-told-0")["value"], "again [hidden]");
        assert_eq!(did("request.set-query", "")["value"], "told=[hidden]");
        assert_eq!(did("log.write", "warn")["value"], "psst: [hidden]");
        assert_eq!(did("credentials-in-clear.set-header", "x-session")["value"], "[hidden]");
        let refused = did("request.set-header", "authorization");
        assert_eq!((&refused["value"], &refused["refused"]), (&json!("[hidden]"), &json!("forbidden")));
        assert_eq!(did("metrics.add", "gossip")["value"], "1");
        // The panic in `finish` is told, too, without what it told.
        let last = call(&exchange, "finish", "gossip");
        assert_eq!((&last["failure"], &last["then"]), (&json!("trap"), &json!("nothing")));
        if !reject {
            let copied = call(&exchange, "head", "copies")["did"][0].clone();
            assert_eq!((&copied["name"], &copied["value"]), (&json!("x-copy"), &json!("[redacted]")));
        }
    }
}

#[tokio::test]
async fn a_credential_cannot_be_asked_for() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let refused = Trace::try_arm(&gateway, json!({"headers": {"authorization": "Bearer guess"}})).await.err().unwrap();
    assert_eq!((refused.0.as_u16(), &refused.1["code"]), (422, &json!("admin_trace_refused")));
    assert!(!refused.1.to_string().contains("guess"));
}
