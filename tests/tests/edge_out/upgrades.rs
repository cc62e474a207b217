//! Connections that speak another protocol behind a 101: who gets one, what passes, and how it ends.

use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, Script, Upstream, config, guests, metric, wait_for_metric};

const ADMIN: &str = "[admin]\naddress = \"127.0.0.1:0\"\n\n";
const ALLOWED: &str = "upgrades = [\"websocket\", \"echo/2\"]";
const ASKS: &str = "GET /talk HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\r\n";
const SWITCHES: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-from: upstream\r\n\r\n";

/// A gateway that allows upgrades on its one route. `lines` are further ones of the route, `limits` those of the gateway.
pub fn gateway(upstream: &str, lines: &str, limits: &str) -> Gateway {
    Gateway::start(&format!("{ADMIN}{limits}\n{}", config::route(upstream, &format!("{ALLOWED}\n{lines}"))), &[])
}

/// Switches, and then gives back all that comes until `end`, behind which it hangs up.
async fn echoing() -> RawUpstream {
    RawUpstream::start(|mut raw, notes| async move {
        notes.add(raw.read_head().await);
        raw.write(SWITCHES).await;
        while let Some(line) = raw.try_read_until("\n").await {
            notes.add(line.trim_end());
            if !raw.try_write(&line).await || line == "end\n" {
                return;
            }
        }
    })
    .await
}

/// A client behind the 101.
async fn upgraded(gateway: &Gateway) -> Raw {
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_library_talks_to_itself_through_the_gateway() {
    let (_server, port) = Script::serving("websocket.py", &["serve".to_owned()]);
    let gateway = gateway(&format!("http://127.0.0.1:{port}"), "", "");
    let url = gateway.url("/talk").replace("http://", "ws://");
    let mut talk = Script::command("websocket.py", &["talk".to_owned(), url]);
    let talking = tokio::task::spawn_blocking(move || talk.output().expect("Python runs"));
    let output = talking.await.expect("it ran");
    let saw: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it came to its end");
    let expected = serde_json::json!({
        "subprotocol": "echo.v1", "compressed": true, "text": "héllo", "large": true, "in_order": true, "ping": true,
        "last": "leave", "closed": [4001, "as told"],
    });
    assert_eq!(saw, expected);
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!(
        (&line["status"], &line["outcome"], &line["upgrade"]),
        (&101.into(), &"complete".into(), &"websocket".into())
    );
    for bytes in ["request_bytes", "reply_bytes"] {
        assert!(line[bytes].as_u64().is_some_and(|bytes| (1 << 20..4 << 20).contains(&bytes)), "{bytes}: {line}");
    }
    assert_eq!(metric(&gateway, "sluicegate_upgrades_total", &["route=\"all\""]).await, 1.0);
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 0.0).await;
}

#[tokio::test]
async fn the_upstream_is_asked_for_one_protocol_and_its_answer_comes_with_it() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "");
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS.replace("WebSocket", "h2c, other, WebSocket, echo/2")).await;
    let head = client.read_head().await.to_ascii_lowercase();
    for field in
        ["connection: upgrade\r\n", "upgrade: websocket\r\n", "x-from: upstream\r\n", "via: 1.1 sluicegate\r\n"]
    {
        assert_eq!(head.matches(field).count(), 1, "{field:?} in {head}");
    }
    assert!(!head.contains("content-length") && !head.contains("transfer-encoding"), "{head}");
    client.write("end\n").await;
    assert_eq!(client.read_to_end().await.text(), "end\n");
    let asked = upstream.notes.all()[1].to_ascii_lowercase();
    assert!(asked.contains("\r\nconnection: upgrade\r\n") && asked.contains("\r\nupgrade: websocket\r\n"), "{asked}");
    assert!(!asked.contains("h2c") && !asked.contains("other"), "{asked}");
}

#[tokio::test]
async fn nothing_passes_before_the_101_and_all_that_was_sent_early_passes_behind_it() {
    let upstream = echoing().await;
    let allowing = gateway(&upstream.url(), "", "");
    let mut client = Raw::connect(allowing.address()).await;
    client.write(format!("{ASKS}early\n")).await;
    client.read_head().await;
    assert_eq!(client.read_until("\n").await, "early\n");
    assert_eq!(upstream.notes.all()[2], "early");

    let refusing = RawUpstream::start(|mut raw, notes| async move {
        raw.read_head().await;
        raw.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno").await;
        notes.add(format!("then {:?}", raw.read_to_end().await.text()));
    })
    .await;
    let allowing = gateway(&refusing.url(), "", "");
    let mut client = Raw::connect(allowing.address()).await;
    client.write(format!("{ASKS}early\n")).await;
    // What was meant for the other protocol is read as the next request, which it is not.
    let answer = client.read_to_end().await.text();
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("\r\n\r\nnoHTTP/1.1 400"), "{answer}");
    refusing.notes.wait_for("then \"\"").await;
    assert_eq!(allowing.wait_for_log(1)[0]["upgrade"], serde_json::Value::Null);
}

#[tokio::test]
async fn what_the_route_does_not_allow_goes_on_as_an_ordinary_request() {
    let upstream = Upstream::ok().await;
    let without = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let with = gateway(&upstream.url(), "", "");
    let other = ASKS.replace("WebSocket", "h2c");
    let with_body = ASKS.replace("\r\n\r\n", "\r\ncontent-length: 2\r\n\r\nhi");
    for (gateway, request) in [
        (&without, ASKS.to_owned()),
        (&with, other),
        (&with, with_body),
        (&with, ASKS.replace("GET", "POST")),
        (&with, ASKS.replace(", Upgrade", "")),
        (&with, ASKS.replace("HTTP/1.1", "HTTP/1.0")),
    ] {
        let mut client = Raw::connect(gateway.address()).await;
        client.write(&request).await;
        let head = client.read_head().await;
        assert!(head.contains(" 200 "), "{request}: {head}");
    }
    let received = upstream.received();
    assert_eq!(received.len(), 6);
    assert!(received.iter().all(|request| !request.headers.contains_key("upgrade")), "{received:#?}");
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_or_for_another_protocol_is_no_answer() {
    for (asks, protocol) in [("", "websocket"), (ASKS, "echo/2"), (ASKS, "websocket, echo/2"), (ASKS, "")] {
        let upstream = RawUpstream::start(move |mut raw, _| async move {
            raw.read_head().await;
            raw.write(SWITCHES.replace("upgrade: websocket", &format!("upgrade: {protocol}"))).await;
            raw.closed().await;
        })
        .await;
        let gateway = gateway(&upstream.url(), "", "");
        let request = if asks.is_empty() { "GET / HTTP/1.1\r\nhost: x\r\n\r\n" } else { asks };
        let mut client = Raw::connect(gateway.address()).await;
        client.write(request).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 502"), "{protocol}: {head}");
    }
}

#[tokio::test]
async fn the_chain_decides_before_the_upstream_hears_of_it() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "chain = [{ plugin = \"api-key\" }]", "");
    let mut client = Raw::connect(gateway.address()).await;
    client.write(ASKS).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    assert!(upstream.notes.all().is_empty());
}

#[tokio::test]
async fn a_policy_that_reads_bodies_refuses_what_it_cannot_read_unless_it_allows_on_error() {
    for (mode, on_error, status) in
        [("stream", "deny", 403), ("buffered", "deny", 403), ("stream", "allow", 101), ("none", "deny", 101)]
    {
        let upstream = echoing().await;
        let chain = format!(
            "{ALLOWED}\nchain = [{{ plugin = \"hostile\", on_error = \"{on_error}\", grants = [\"identity-writer\"], \
             config = {{ body = \"{mode}\", reply_body = \"{mode}\" }} }}]"
        );
        let plugin = "[plugins.hostile]\nfile = \"hostile.wasm\"\n\n";
        let text = format!("{ADMIN}{plugin}{}", config::route(&upstream.url(), &chain));
        let gateway = Gateway::start(&text, &[("hostile.wasm", guests::HOSTILE)]);
        let mut client = Raw::connect(gateway.address()).await;
        client.write(ASKS).await;
        let head = client.read_head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{mode} {on_error}: {head}");
        assert_eq!(upstream.notes.all().is_empty(), status == 403, "{mode} {on_error}");
        drop(client);
        let line = gateway.wait_for_log(1).remove(0);
        let code = if status == 403 { "policy_cannot_read_upgrade".into() } else { serde_json::Value::Null };
        assert_eq!(line["code"], code, "{mode} {on_error}");
        assert_eq!(line["bypasses"]["hostile"].is_null(), on_error == "deny", "{mode} {on_error}: {line}");
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_ends_after_its_idle_time() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "upgrade_idle_timeout_ms = 300", "");
    let mut client = upgraded(&gateway).await;
    client.write("one\n").await;
    assert_eq!(client.read_until("\n").await, "one\n");
    assert_eq!(client.read_to_end().await.text(), "");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!(
        (&line["outcome"], &line["code"], &line["request_bytes"], &line["reply_bytes"]),
        (&"timed_out".into(), &"gateway_upgrade_idle".into(), &4.into(), &4.into())
    );
}

#[tokio::test]
async fn no_more_connections_are_upgraded_at_once_than_the_limit_says() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "[limits]\nupgraded_max = 1\n");
    let first = upgraded(&gateway).await;
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 1.0).await;
    let mut second = Raw::connect(gateway.address()).await;
    second.write(ASKS).await;
    let head = second.read_head().await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    drop(first);
    wait_for_metric(&gateway, "sluicegate_upgraded_open", &["route=\"all\""], 0.0).await;
    upgraded(&gateway).await;
    let outcomes: Vec<_> = gateway.wait_for_log(2).iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["rejected", "complete"]);
}

#[tokio::test]
async fn who_ends_first_is_noted_and_the_other_side_hears_of_it() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "");
    let mut client = upgraded(&gateway).await;
    client.write("end\n").await;
    let rest = client.read_to_end().await;
    assert_eq!((rest.text().as_str(), rest.reset), ("end\n", false));
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "complete");

    // A side that breaks leaves the other one in no doubt.
    let breaking = RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        notes.wait_for("break").await;
        raw.reset();
    })
    .await;
    let gateway = self::gateway(&breaking.url(), "", "");
    let client = upgraded(&gateway).await;
    breaking.notes.add("break");
    assert!(client.read_to_end().await.reset);
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["fault"]), (&"upstream_cut".into(), &"upstream".into()));

    let hearing = RawUpstream::start(|mut raw, notes: Notes| async move {
        raw.read_head().await;
        raw.write(SWITCHES).await;
        notes.add(format!("reset {}", raw.read_to_end().await.reset));
    })
    .await;
    let gateway = self::gateway(&hearing.url(), "", "");
    upgraded(&gateway).await.reset();
    hearing.notes.wait_for("reset true").await;
    assert_eq!(gateway.wait_for_log(1)[0]["outcome"], "client_gone");
}

#[tokio::test]
async fn an_upgraded_connection_goes_on_in_a_drain_until_its_deadline() {
    let upstream = echoing().await;
    let gateway = gateway(&upstream.url(), "", "[limits]\ndrain_timeout_ms = 1_000\n");
    let mut client = upgraded(&gateway).await;
    gateway.signal("TERM");
    gateway.wait_for_stderr("draining: 1 open exchanges");
    client.write("still\n").await;
    assert_eq!(client.read_until("\n").await, "still\n");
    assert_eq!(client.read_to_end().await.text(), "");
    let (status, log, _) = gateway.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!((&log[0]["outcome"], &log[0]["code"]), (&"timed_out".into(), &"gateway_draining".into()));
}
