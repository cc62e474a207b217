//! Requests and streams that are open while the configuration changes, and their end.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Raw};

use crate::support::*;

const EVENTS: &str = "text/event-stream";

/// A stream through the gateway that has had its first event.
async fn open(gateway: &Gateway) -> (Raw, String) {
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    let head = client.read_head().await;
    client.read_until("data: 1\n\n\r\n").await;
    (client, head)
}

fn generations(gateway: &Gateway) -> Vec<Value> {
    ask(gateway, &["generations"]).as_array().unwrap().clone()
}

/// Waits until the gateway lists exactly these generations.
async fn wait_for_generations(gateway: &Gateway, ids: &[u64]) {
    let started = std::time::Instant::now();
    loop {
        let live: Vec<u64> = generations(gateway).iter().map(|one| one["id"].as_u64().unwrap()).collect();
        if live == ids {
            return;
        }
        assert!(started.elapsed() < sluicegate_tests::PATIENCE, "{live:?} instead of {ids:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stream_goes_on_under_the_configuration_that_it_began_with() {
    let upstream = streaming(EVENTS).await;
    let gateway = start(&upstream.url(), "one");
    let (mut first, head) = open(&gateway).await;
    assert!(head.contains("x-version: one"), "{head}");
    push_version(&gateway, "one", "two");
    let (second, head) = open(&gateway).await;
    assert!(head.contains("x-version: two"), "{head}");

    let live = generations(&gateway);
    assert_eq!(live.len(), 2, "{live:#?}");
    assert_eq!(
        (&live[0]["id"], &live[0]["open_exchanges"], &live[0]["current"]),
        (&json!(1), &json!(1), &json!(false))
    );
    assert_eq!(live[0]["oldest_exchanges"][0]["route"], "all");
    assert_eq!((&live[1]["id"], &live[1]["open_exchanges"], &live[1]["current"]), (&json!(2), &json!(1), &json!(true)));
    let table = command(&gateway, &["generations"]).stdout;
    assert!(table.contains("2 (current)") && table.contains("on route `all`"), "{table}");

    // With its last stream a generation goes.
    drop(second);
    first.write("").await;
    drop(first);
    wait_for_generations(&gateway, &[2]).await;
    let lines = gateway.wait_for_log(2);
    let mut of: Vec<u64> = lines.iter().map(|line| line["generation"].as_u64().unwrap()).collect();
    of.sort_unstable();
    assert_eq!(of, [1, 2]);
}

#[tokio::test]
async fn a_generation_that_is_ended_tells_its_event_streams_and_cuts_the_others() {
    for (content_type, dialect, told) in
        [(EVENTS, "openai", true), (EVENTS, "anthropic", true), ("application/octet-stream", "openai", false)]
    {
        let upstream = streaming(content_type).await;
        let text = versioned(&upstream.url(), "one")
            .replace("name = \"all\"", &format!("name = \"all\"\ndialect = \"{dialect}\""));
        let gateway = Gateway::start(&text, &[]);
        let (client, _) = open(&gateway).await;
        push_version(&gateway, "one", "two");
        assert_eq!(command(&gateway, &["generations", "end", "1"]).stdout, "generation 1 is being ended\n");
        let rest = client.read_to_end().await.text();
        // A whole chunked body ends with an empty chunk.
        assert_eq!((rest.contains("has been ended; ask again"), rest.ends_with("0\r\n\r\n")), (told, told), "{rest}");
        if dialect == "anthropic" {
            assert!(rest.contains("event: error"), "{rest}");
        }
        wait_for_generations(&gateway, &[2]).await;
        let line = &gateway.wait_for_log(1)[0];
        assert_eq!(
            (&line["outcome"], &line["fault"], &line["code"], &line["generation"]),
            (&json!("timed_out"), &json!("gateway"), &json!("gateway_generation_ended"), &json!(1))
        );
        upstream.notes.wait_for("closed").await;
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_told_by_an_answer() {
    let upstream = sluicegate_tests::RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        notes.add("asked");
        connection.closed().await;
    })
    .await;
    let gateway = start(&upstream.url(), "one");
    let url = gateway.url("/");
    let waiting = tokio::spawn(async move { sluicegate_tests::get(&url).await });
    upstream.notes.wait_for("asked").await;
    push_version(&gateway, "one", "two");
    command(&gateway, &["generations", "end", "1"]);
    let reply = waiting.await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (503, &json!("gateway_generation_ended")));
    // Whoever wrapped the request wraps its end, too.
    assert_eq!(reply.header("x-version"), Some("one"));
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_keep_an_ended_generation() {
    let upstream = sluicegate_tests::RawUpstream::start(|mut connection, notes| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
        while connection.try_write([b'x'; 65536]).await {}
        notes.add("closed");
    })
    .await;
    let gateway = start(&upstream.url(), "one");
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    client.read_head().await;
    push_version(&gateway, "one", "two");
    command(&gateway, &["generations", "end", "1"]);
    wait_for_generations(&gateway, &[2]).await;
    upstream.notes.wait_for("closed").await;
    assert_eq!(gateway.wait_for_log(1)[0]["code"], "gateway_generation_ended");
}

#[tokio::test]
async fn at_the_seventeenth_generation_the_oldest_is_ended() {
    let upstream = streaming(EVENTS).await;
    let gateway = start(&upstream.url(), "v1");
    let mut clients = Vec::new();
    for number in 1..=16_u64 {
        clients.push(open(&gateway).await.0);
        if number < 16 {
            fs_push(&gateway, number);
        }
    }
    assert_eq!(generations(&gateway).len(), 16);
    fs_push(&gateway, 16);
    gateway.wait_for_stderr("generation 1, the oldest, is ended with its streams");
    let rest = clients.remove(0).read_to_end().await.text();
    assert!(rest.contains("gateway_generation_ended"), "{rest}");
    wait_for_generations(&gateway, &(2..=17).collect::<Vec<_>>()).await;
    // The others still stream.
    drop(clients);
    wait_for_generations(&gateway, &[17]).await;
}

/// The file itself stays at `v1`.
fn fs_push(gateway: &Gateway, number: u64) {
    push_version(gateway, "v1", &format!("v{}", number + 1));
}

#[tokio::test]
async fn only_a_live_generation_that_is_not_the_current_one_can_be_ended() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let said = command(&gateway, &["generations", "end", "1"]);
    assert!(said.status == 1 && said.stderr.contains("generation 1 is the current one; roll back or push"), "{said:?}");
    let said = command(&gateway, &["generations", "end", "7"]);
    assert!(said.status == 1 && said.stderr.contains("there is no live generation 7"), "{said:?}");
}
