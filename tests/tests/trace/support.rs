//! A gateway with an admin listener, and a trace that is read line by line.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Key, PATIENCE, Reply, config, guests, send};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// One route named `all`, whose chain is `entries`, each a table of `[[chains.all]]`; `lines` are further ones of the route.
pub fn gateway(upstream: &str, entries: &[&str], keys: &[&Key], lines: &str) -> Gateway {
    let entries: String = entries.iter().map(|entry| format!("[[chains.all]]\n{entry}\n")).collect();
    let keys: String = keys.iter().map(|key| format!("{}\n", key.table)).collect();
    let head = "[admin]\naddress = \"127.0.0.1:0\"\n[plugins.hostile]\nfile = \"hostile.wasm\"\n";
    let route = config::route(upstream, &format!("chain = \"all\"\n{lines}"));
    Gateway::start(&format!("{head}{entries}{keys}{route}"), &[("hostile.wasm", guests::HOSTILE)])
}

/// Does what a request's `x-do` says.
pub const HOSTILE: &str =
    "plugin = \"hostile\"\nname = \"hostile\"\ngrants = [\"identity-writer\"]\nconfig = { reply_body = \"none\" }";
/// Sets a field on both ways, and takes one away.
pub const EDITOR: &str = "plugin = \"headers\"\nname = \"editor\"\nconfig = { request = [{ set = \"x-a\", value = \"b\" }], reply = \
                          [{ set = \"x-c\", value = \"d\" }, { remove = \"x-from\" }] }";

/// A trace that is armed. Dropped, it leaves.
pub struct Trace {
    body: Incoming,
    read: Vec<u8>,
    connection: JoinHandle<()>,
}

impl Trace {
    /// Returns once it is armed.
    pub async fn arm(gateway: &Gateway, request: Value) -> Trace {
        Trace::try_arm(gateway, request).await.unwrap_or_else(|(status, answer)| panic!("{status}: {answer}"))
    }

    /// The error: status and problem.
    pub async fn try_arm(gateway: &Gateway, request: Value) -> Result<Trace, (StatusCode, Value)> {
        let stream = TcpStream::connect(gateway.admin().trim_start_matches("http://")).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move { drop(connection.await) });
        let request = Request::post("/traces")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", gateway.admin_token()))
            .body(Full::new(Bytes::from(request.to_string())))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        if head.status != 200 {
            let body = body.collect().await.unwrap().to_bytes();
            return Err((head.status, serde_json::from_slice(&body).unwrap()));
        }
        assert_eq!(head.headers["content-type"], "application/x-ndjson");
        let mut trace = Trace { body, read: Vec::new(), connection };
        let first = trace.next().await.expect("a first line");
        assert!(first["armed"]["id"].is_u64(), "{first}");
        Ok(trace)
    }

    /// None at its end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("each line is JSON"));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("a line");
            self.read.extend_from_slice(frame?.expect("no break").data_ref().expect("no trailers"));
        }
    }

    pub async fn exchange(&mut self) -> Value {
        let line = self.next().await.expect("an exchange");
        assert!(line["exchange"].is_object(), "{line}");
        line["exchange"].clone()
    }

    pub async fn end(&mut self) -> Value {
        let line = self.next().await.expect("an end");
        assert!(line["ended"].is_object(), "{line}");
        assert!(self.next().await.is_none());
        line["ended"].clone()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A request with these fields is served; its one trace.
pub async fn traced(gateway: &Gateway, fields: &[(&str, &str)]) -> (Reply, Value) {
    let mut trace = Trace::arm(gateway, json!({})).await;
    let reply = ask(gateway, "/", fields, "").await;
    (reply, trace.exchange().await)
}

/// A GET, or a POST where there is a body.
pub async fn ask(gateway: &Gateway, target: &str, fields: &[(&str, &str)], body: &str) -> Reply {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let mut request = Request::builder().method(method).uri(gateway.url(target));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

pub fn steps(exchange: &Value) -> Vec<Value> {
    exchange["steps"].as_array().expect("steps").clone()
}

/// Each step in a few words: `head editor proceed`, or the host's own.
pub fn outline(exchange: &Value) -> Vec<String> {
    let word = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let outline = steps(exchange).into_iter().map(|step| match word(&step, "step").as_str() {
        "call" => ["phase", "entry", "decision"].map(|name| word(&step, name)).join(" "),
        "body" => format!("body {} {}", word(&step, "of"), word(&step, "how")),
        other => other.to_owned(),
    });
    outline.collect()
}

/// The call of an entry in a phase.
pub fn call(exchange: &Value, phase: &str, entry: &str) -> Value {
    let found = steps(exchange).into_iter().find(|step| step["phase"] == phase && step["entry"] == entry);
    found.unwrap_or_else(|| panic!("no {phase} of {entry} in {exchange:#}"))
}
