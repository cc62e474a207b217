//! A gateway whose answers say which configuration they were served by.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluicegate_tests::{Gateway, RawUpstream, Reply, Said, Upstream, get, send, sluicegate};

/// Every answer has `x-version`, and so has every request upstream.
pub fn versioned(upstream: &str, version: &str) -> String {
    format!(
        r#"
[admin]
address = "127.0.0.1:0"

[upstreams.service]
url = "{upstream}"

[[routes]]
name = "all"
upstream = "service"

[[routes.chain]]
plugin = "headers"
name = "versioned"

[routes.chain.config]
request = [{{ set = "x-version", value = "{version}" }}]
reply = [{{ set = "x-version", value = "{version}" }}]
"#
    )
}

pub fn start(upstream: &str, version: &str) -> Gateway {
    Gateway::start(&versioned(upstream, version), &[])
}

pub fn config_file(gateway: &Gateway) -> PathBuf {
    gateway.folder().join("sluicegate.toml")
}

/// The gateway's own file with one text in place of another.
pub fn edited(gateway: &Gateway, from: &str, to: &str) -> String {
    let text = fs::read_to_string(config_file(gateway)).unwrap();
    assert!(text.contains(from), "no {from:?} in:\n{text}");
    text.replace(from, to)
}

/// Another version than `from`, as a text.
pub fn next_version(gateway: &Gateway, from: &str, to: &str) -> String {
    edited(gateway, &format!("\"{from}\""), &format!("\"{to}\""))
}

/// Runs a command against the gateway's admin listener.
pub fn command(gateway: &Gateway, words: &[&str]) -> Said {
    let admin = gateway.admin().trim_start_matches("http://").to_owned();
    let mut all = words.to_vec();
    all.extend(["--admin", &admin]);
    sluicegate(gateway.folder(), &all)
}

/// The command's answer as JSON.
pub fn ask(gateway: &Gateway, words: &[&str]) -> serde_json::Value {
    let mut all = words.to_vec();
    all.push("--json");
    let said = command(gateway, &all);
    assert_eq!(said.status, 0, "{}", said.stderr);
    serde_json::from_str(&said.stdout).unwrap()
}

/// What the admin listener says of the configuration that runs.
pub async fn summary(gateway: &Gateway) -> serde_json::Value {
    let authorization = format!("Bearer {}", gateway.admin_token());
    let request = Request::get(format!("{}/config", gateway.admin())).header("authorization", authorization);
    send(request.body(Full::<Bytes>::default()).unwrap()).await.json()
}

/// Makes a text the configuration; the answer.
pub fn push(gateway: &Gateway, text: &str) -> Said {
    fs::write(gateway.folder().join("pushed.toml"), text).unwrap();
    command(gateway, &["config", "push", "pushed.toml"])
}

pub fn push_version(gateway: &Gateway, from: &str, to: &str) {
    let said = push(gateway, &next_version(gateway, from, to));
    assert_eq!(said.status, 0, "{}", said.stderr);
}

pub async fn version(gateway: &Gateway) -> String {
    version_of(&get(&gateway.url("/")).await)
}

pub fn version_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("x-version").expect("the plugin ran").to_owned()
}

/// Waits until a generation serves, as the operator's log says.
pub fn wait_for_generation(gateway: &Gateway, id: u64) {
    gateway.wait_for_stderr(&format!("generation {id} serves new requests"));
}

pub async fn ok() -> Upstream {
    Upstream::ok().await
}

/// Answers with the head of an endless stream and one event; each further connection gets the same. `content_type` of events,
/// or of anything else.
pub async fn streaming(content_type: &'static str) -> RawUpstream {
    RawUpstream::start(move |mut connection, notes| async move {
        connection.read_head().await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
        connection.write(head).await;
        connection.write("9\r\ndata: 1\n\n\r\n").await;
        connection.closed().await;
        notes.add("closed");
    })
    .await
}
