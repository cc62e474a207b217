//! A shadow runs on a copy: no byte of an exchange and no client's time depends on it, and what it would have done is recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Reply, Upstream, config, guests, metric, send, wait_for_metric};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A hostile plugin that only watches; further members of its entry in `lines`.
fn hostile(lines: &str) -> String {
    format!("plugin = \"hostile\"\nname = \"audit\"\nmode = \"shadow\"\ngrants = [\"identity-writer\"]\n{lines}\n")
}

/// What edits both heads.
const EDITOR: &str = "plugin = \"headers\"\nname = \"editor\"\nmode = \"shadow\"\nconfig = { request = [{ set = \"x-edited\", \
                      value = \"1\" }], reply = [{ set = \"x-edited\", value = \"1\" }, { remove = \"x-from\" }] }\n";

async fn start(upstream: &Upstream, entries: &[&str]) -> Gateway {
    let entries: String = entries.iter().map(|entry| format!("[[chains.all]]\n{entry}\n")).collect();
    let head = "[admin]\naddress = \"127.0.0.1:0\"\n[plugins.hostile]\nfile = \"hostile.wasm\"\n[limits]\nconnections_max = 1000\n";
    let chain = if entries.is_empty() { "" } else { "chain = \"all\"" };
    let config = format!("{head}{entries}{}", config::route(&upstream.url(), chain));
    Gateway::start(&config, &[("hostile.wasm", guests::HOSTILE)])
}

async fn echo() -> Upstream {
    Upstream::start(|request| {
        let reply = Response::builder().header("x-from", "upstream").header("content-type", "text/plain");
        reply.body(Full::new(request.body.clone())).unwrap()
    })
    .await
}

async fn post(gateway: &Gateway, acts: &str, body: &str) -> Reply {
    let request = Request::post(gateway.url("/")).header("x-do", acts).header("x-request-id", "the-id");
    send(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await
}

/// What the client sees, but for the date.
fn seen(reply: &Reply) -> Value {
    let fields = reply.headers.iter().filter(|(name, _)| *name != "date");
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value:?}")).collect();
    json!([reply.status.as_u16(), fields, reply.text(), reply.complete])
}

/// What the upstream saw last, but for the address of the gateway.
fn received(upstream: &Upstream) -> Value {
    let last = upstream.received().pop().unwrap();
    let fields =
        last.headers.iter().filter(|(name, _)| !["host", "x-forwarded-host", "forwarded"].contains(&name.as_str()));
    let fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value:?}")).collect();
    json!([last.method.as_str(), last.target, fields, String::from_utf8_lossy(&last.body)])
}

#[tokio::test]
async fn whatever_a_shadow_does_not_one_byte_of_the_exchange_differs() {
    let upstream = echo().await;
    let without = start(&upstream, &[]).await;
    let buffers = "config = { body = \"buffered\", reply_body = \"buffered\" }";
    for lines in ["", buffers] {
        let with = start(&upstream, &[&hostile(lines), EDITOR]).await;
        for acts in [
            "head=reject",
            "head=trap",
            "head=bytes",
            "head=headers",
            "head=labels",
            "head=identity",
            "head=bad-return",
            "head=memory",
            "body=change",
            "body=reject",
            "body=grow",
            "body=trap",
            "reply-head=reject",
            "reply-head=trap",
            "reply-body=change",
            "reply-body=reject",
            "reply-body=trap",
            "finish=trap",
        ] {
            let plain = (seen(&post(&without, acts, "hello!").await), received(&upstream));
            let watched = (seen(&post(&with, acts, "hello!").await), received(&upstream));
            assert_eq!(watched, plain, "{acts} {lines}");
        }
        for line in with.wait_for_log(18) {
            assert_eq!((&line["outcome"], &line["consumer"]), (&"complete".into(), &Value::Null), "{line}");
            assert_eq!((&line["labels"], &line["plugins"]), (&json!({}), &json!([])), "{line}");
            assert_eq!(line["shadow"]["editor"]["changed"], json!(["reply-head", "request-head"]), "{line}");
        }
    }
}

#[tokio::test]
async fn the_record_says_what_the_shadow_would_have_done_and_where() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("breaker = { traps = 100 }")]).await;
    let reject = |phase: &str| json!({ "decision": "reject", "phase": phase, "status": 418, "code": "told_to_reject", "changed": [] });
    let proceed = |changed: &[&str]| json!({ "decision": "proceed", "changed": changed });
    let cases = [
        ("nothing=nothing", proceed(&[])),
        ("head=reject", reject("head")),
        ("body=reject", reject("body")),
        ("route=reject", reject("route")),
        ("reply-head=reject", reject("reply-head")),
        ("reply-body=reject", reject("reply-body")),
        ("head=trap", json!({ "decision": "fail", "phase": "head", "why": "trap", "changed": [] })),
        ("body=bad-return", json!({ "decision": "fail", "phase": "body", "why": "bad_return", "changed": [] })),
        ("finish=trap", json!({ "decision": "proceed", "why": "trap", "changed": [] })),
        ("head=bytes", proceed(&["labels", "request-head"])),
        ("head=identity", proceed(&["identity", "labels"])),
        ("body=change", proceed(&["request-body"])),
        ("reply-body=change", proceed(&["reply-body"])),
    ];
    for (number, (acts, record)) in cases.iter().enumerate() {
        assert_eq!(post(&gateway, acts, "hello!").await.text(), "hello!");
        let log = gateway.wait_for_log(number + 1);
        assert_eq!(log[number]["shadow"], json!({ "audit": record }), "{acts}");
    }
    for (decision, count) in [("reject", 5.0), ("fail", 2.0), ("proceed", 6.0)] {
        let labels = ["entry=\"audit\"", "version=\"shadow\"", &format!("decision=\"{decision}\"")];
        assert_eq!(metric(&gateway, "sluicegate_policy_decisions_total", &labels).await, count);
    }
    assert_eq!(metric(&gateway, "sluicegate_policy_traps_total", &["version=\"shadow\""]).await, 3.0);
    assert!(metric(&gateway, "sluicegate_policy_call_seconds_count", &["version=\"shadow\""]).await > 0.0);
    assert_eq!(metric(&gateway, "sluicegate_policy_call_seconds_count", &["version=\"stable\""]).await, 0.0);
}

#[tokio::test]
async fn a_shadow_reads_each_phase_once_and_finish_after_its_own_rejection() {
    let upstream = echo().await;
    let witness = "config = { witness = true }";
    let gateway = start(&upstream, &[&hostile(witness)]).await;
    post(&gateway, "", "hello!").await;
    let calls = |phase: &'static str| {
        let gateway = &gateway;
        async move {
            let phase = format!("phase=\"{phase}\"");
            metric(gateway, "sluicegate_policy_call_seconds_count", &["version=\"shadow\"", &phase]).await
        }
    };
    gateway.wait_for_log(1);
    for (phase, count) in
        [("head", 1.0), ("route", 1.0), ("reply-head", 1.0), ("finish", 1.0), ("body", 2.0), ("reply-body", 2.0)]
    {
        assert_eq!(calls(phase).await, count, "{phase}");
    }
    let gateway = start(&upstream, &[&hostile("")]).await;
    post(&gateway, "head=reject", "hello!").await;
    gateway.wait_for_log(1);
    let labels = |phase: &str| ["version=\"shadow\"".to_owned(), format!("phase=\"{phase}\"")];
    for (phase, count) in
        [("head", 1.0), ("finish", 1.0), ("body", 0.0), ("route", 0.0), ("reply-head", 0.0), ("reply-body", 0.0)]
    {
        let [version, phase] = labels(phase);
        let found = metric(&gateway, "sluicegate_policy_call_seconds_count", &[&version, &phase]).await;
        assert_eq!(found, count, "{phase}");
    }
}

#[tokio::test]
async fn a_shadow_that_allows_on_error_goes_on_after_a_failure() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("on_error = \"allow\"")]).await;
    post(&gateway, "head=trap,reply-head=reject", "hello!").await;
    let record = json!({ "decision": "reject", "phase": "reply-head", "status": 418, "code": "told_to_reject", "why": "trap", "changed": [] });
    assert_eq!(gateway.wait_for_log(1)[0]["shadow"]["audit"], record);
}

#[tokio::test]
async fn the_answer_arrives_while_the_shadow_still_loops() {
    let upstream = echo().await;
    let limits = "limits = { cpu_max_ms = 60000, wall_max_ms = 60000 }";
    let gateway = start(&upstream, &[&hostile(limits)]).await;
    for acts in ["head=loop", "body=loop", "reply-head=loop", "reply-body=loop"] {
        let before = gateway.log().len();
        assert_eq!(post(&gateway, acts, "hello!").await.text(), "hello!");
        assert_eq!(gateway.log().len(), before, "{acts}: the record waits, the client does not");
        let log = gateway.wait_for_log(before + 1);
        let record = &log[before]["shadow"]["audit"];
        assert_eq!((&record["decision"], &record["why"]), (&"given-up".into(), &"time".into()), "{acts}");
        let microseconds = log[before]["duration_us"].as_u64().unwrap();
        assert!(microseconds < 1_900_000, "{acts}: the exchange did not last as long as its shadow");
    }
    wait_for_metric(&gateway, "sluicegate_instances_live", &[], 0.0).await;
}

#[tokio::test]
async fn a_shadow_that_falls_behind_is_given_up_and_the_body_goes_on() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("limits = { cpu_max_ms = 60000, wall_max_ms = 60000 }")]).await;
    let body = "x".repeat(4 << 20);
    assert_eq!(post(&gateway, "head=loop", &body).await.body.len(), 4 << 20);
    let record = gateway.wait_for_log(1)[0]["shadow"]["audit"].clone();
    assert_eq!(record, json!({ "decision": "given-up", "why": "too-slow", "changed": [] }));
}

#[tokio::test]
async fn a_body_longer_than_a_shadow_may_buffer_is_not_refused() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("config = { reply_body = \"buffered\", reply_bytes_max = 3 }")]).await;
    assert_eq!(post(&gateway, "", "hello!").await.text(), "hello!");
    let record = gateway.wait_for_log(1)[0]["shadow"]["audit"].clone();
    assert_eq!(record, json!({ "decision": "given-up", "why": "too-large", "changed": [] }));
}

#[tokio::test]
async fn an_encoded_answer_stays_encoded_and_the_shadow_reads_it_decoded() {
    // `hello!` by gzip.
    let gzip: &[u8] =
        &[31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 87, 4, 0, 31, 186, 94, 157, 6, 0, 0, 0];
    let upstream = Upstream::start(move |_| {
        Response::builder().header("content-encoding", "gzip").body(Full::new(Bytes::from_static(gzip))).unwrap()
    })
    .await;
    let gateway = start(&upstream, &[&hostile("")]).await;
    let reply = post(&gateway, "reply-body=reject", "x").await;
    assert_eq!((reply.header("content-encoding"), &reply.body[..]), (Some("gzip"), gzip));
    let record = gateway.wait_for_log(1)[0]["shadow"]["audit"].clone();
    assert_eq!((&record["decision"], &record["phase"]), (&"reject".into(), &"reply-body".into()), "it met the `!`");
}

#[tokio::test]
async fn what_a_shadow_cannot_read_is_said_and_passes_as_it_is() {
    let upstream = Upstream::start(|request| {
        let (name, value) = match request.target.as_str() {
            "/coded" => ("content-encoding", "secret-sauce"),
            _ => ("content-type", "text/event-stream"),
        };
        Response::builder().header(name, value).body(Full::new(Bytes::from_static(b"data: !\n\n"))).unwrap()
    })
    .await;
    let gateway = start(&upstream, &[&hostile("config = { reply_body = \"buffered\" }")]).await;
    for (number, (path, why)) in [("/coded", "coding"), ("/events", "stream")].into_iter().enumerate() {
        let request = Request::get(gateway.url(path)).body(Full::default()).unwrap();
        assert_eq!(send(request).await.text(), "data: !\n\n");
        let record = gateway.wait_for_log(number + 1)[number]["shadow"]["audit"].clone();
        assert_eq!((&record["decision"], &record["why"]), (&"given-up".into(), &why.into()));
    }
}

#[tokio::test]
async fn a_shadow_that_buffers_decides_on_the_whole_body() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("config = { body = \"buffered\", reply_body = \"buffered\" }")]).await;
    let body = "x".repeat(200_000) + "!";
    for (number, phase) in ["body", "reply-body"].into_iter().enumerate() {
        assert_eq!(post(&gateway, &format!("{phase}=change"), &body).await.text(), body);
        let record = gateway.wait_for_log(number + 1)[number]["shadow"]["audit"].clone();
        let changed = if phase == "body" { "request-body" } else { "reply-body" };
        assert_eq!(record, json!({ "decision": "proceed", "changed": [changed] }));
        let calls = metric(&gateway, "sluicegate_policy_call_seconds_count", &[&format!("phase=\"{phase}\"")]).await;
        assert_eq!(calls, 1.0 + number as f64, "one call with the whole for each exchange");
    }
}

#[tokio::test]
async fn a_shadow_reads_what_passes_between_two_plugins_that_enforce() {
    let upstream = echo().await;
    let changes = |name: &str| format!("plugin = \"hostile\"\nname = \"{name}\"\ngrants = [\"identity-writer\"]\n");
    let gateway = start(&upstream, &[&changes("first"), &hostile("")]).await;
    // Both change what holds a `!`; the shadow meets what the first has made of it.
    assert_eq!(post(&gateway, "body=change", "hello!").await.text(), "hello! and more");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!(line["shadow"]["audit"]["changed"], json!(["request-body"]), "{line}");
    assert_eq!(line["plugins"], json!(["first"]), "{line}");
}

#[tokio::test]
async fn a_shadow_takes_its_quota_from_counters_of_its_own() {
    let upstream = echo().await;
    let limit = "config = { limits = [{ name = \"few\", requests = 2, window_ms = 600000, by = \"route\" }] }";
    let entry = format!("plugin = \"rate-limit\"\nname = \"limit\"\nmode = \"shadow\"\n{limit}");
    let gateway = start(&upstream, &[&entry]).await;
    for _ in 0..5 {
        assert_eq!(post(&gateway, "", "x").await.header("ratelimit"), None);
    }
    let log = gateway.wait_for_log(5);
    let rejected = log.iter().filter(|line| line["shadow"]["limit"]["decision"] == "reject").count();
    assert_eq!(rejected, 3);
    assert!(log.iter().all(|line| line["status"] == 200));
}

#[tokio::test]
async fn a_shadow_that_keeps_failing_is_suspended_by_its_breaker_and_requests_pass() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("breaker = { traps = 3, backoff_ms = 600000 }")]).await;
    for number in 0..6 {
        assert_eq!(post(&gateway, "head=trap", "x").await.status, 200);
        gateway.wait_for_log(number + 1);
    }
    let why: Vec<Value> = gateway.log().iter().map(|line| line["shadow"]["audit"]["why"].clone()).collect();
    assert_eq!(why, ["trap", "trap", "trap", "suspended", "suspended", "suspended"]);
}

#[tokio::test]
async fn a_shadow_watches_at_most_256_exchanges_at_once() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("")]).await;
    let address = gateway.address();
    let mut open = Vec::new();
    for _ in 0..260 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        open.push(stream);
    }
    // All heads have passed once each exchange has its connection to the upstream.
    let started = std::time::Instant::now();
    while upstream.connections() < 256 {
        assert!(started.elapsed() < sluicegate_tests::PATIENCE, "{} connections", upstream.connections());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wait_for_metric(&gateway, "sluicegate_policy_call_seconds_count", &["version=\"shadow\"", "phase=\"head\""], 256.0)
        .await;
    for stream in &mut open {
        stream.write_all(b"x").await.unwrap();
    }
    for mut stream in open {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
    let log = gateway.wait_for_log(260);
    let given_up = log.iter().filter(|line| line["shadow"]["audit"]["why"] == "too-many").count();
    assert_eq!(given_up, 4);
}

#[tokio::test]
async fn looping_shadows_keep_at_most_8_instances() {
    let upstream = echo().await;
    let gateway = start(&upstream, &[&hostile("limits = { cpu_max_ms = 60000, wall_max_ms = 60000 }")]).await;
    let mut open = Vec::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
        let head = "POST / HTTP/1.1\r\nhost: x\r\nx-do: head=loop\r\ncontent-length: 5\r\n\r\nhe";
        stream.write_all(head.as_bytes()).await.unwrap();
        open.push(stream);
    }
    wait_for_metric(&gateway, "sluicegate_instances_live", &[], 8.0).await;
    assert_eq!(post(&gateway, "", "hello").await.text(), "hello", "who waits is a shadow, not a client");
    assert_eq!(metric(&gateway, "sluicegate_instances_live", &[]).await, 8.0);
    drop(open);
    wait_for_metric(&gateway, "sluicegate_instances_live", &[], 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_its_shadow_too() {
    let upstream = echo().await;
    let gateway = Arc::new(start(&upstream, &[&hostile("config = { instance = \"exchange\" }")]).await);
    let mut stream = TcpStream::connect(gateway.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe").await.unwrap();
    wait_for_metric(&gateway, "sluicegate_instances_live", &[], 1.0).await;
    drop(stream);
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["shadow"]["audit"]["decision"]), (&"client_gone".into(), &"proceed".into()));
    wait_for_metric(&gateway, "sluicegate_instances_live", &[], 0.0).await;
}
