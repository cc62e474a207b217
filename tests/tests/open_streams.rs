//! What an open stream costs whose plugins keep state between its events.

use sluicegate_tests::soak::process::{Sample, raise_descriptors};
use sluicegate_tests::{Gateway, Raw, RawUpstream, config, metric};

const STREAMS: usize = 5_000;
/// Of the gateway's memory, both connections and three plugins with their notes included.
const BYTES_EACH_MAX: usize = 60 << 10;
/// At once while they are opened: below what the system lets wait for an accept.
const AT_ONCE: usize = 200;
/// The next piece may go on with the address, so that each plugin holds back what came of it, in its notes.
const BEGINNING: &str = "data: {\"text\":\"write to ann@exam";

/// Begins a stream, and ends it when its client is gone.
async fn streaming() -> RawUpstream {
    RawUpstream::start(|mut raw, _| async move {
        raw.read_head().await;
        let event = "data: {\"text\":\"first\"}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        raw.write(format!("{head}{:x}\r\n{event}\r\n", event.len())).await;
        raw.write(format!("{:x}\r\n{BEGINNING}\r\n", BEGINNING.len())).await;
        raw.closed().await;
    })
    .await
}

fn text(upstream: &RawUpstream) -> String {
    let mut text = format!(
        "workers = 2\naccess_log = \"off\"\n[admin]\naddress = \"127.0.0.1:0\"\n[limits]\nconnections_max = 20_000\n\
         connections_per_address_max = 20_000\nbody_idle_timeout_ms = 600_000\n{}",
        config::service(&upstream.url(), "connections_max = 10_000")
    );
    for number in 0..3 {
        text += &format!(
            "[[chains.masking]]\nname = \"mask-{number}\"\nplugin = \"redact\"\nisolation = \"pooled\"\n\
             config = {{ bodies = [\"reply\"], kinds = [\"email\"] }}\n"
        );
    }
    text + "[[routes]]\nname = \"all\"\nupstream = \"service\"\nchain = \"masking\"\n"
}

/// So many streams of each of which the client has what no plugin holds back.
async fn opened(gateway: &Gateway, count: usize) -> Vec<Raw> {
    let mut open = Vec::with_capacity(count);
    while open.len() < count {
        let mut some = Vec::new();
        for _ in 0..AT_ONCE.min(count - open.len()) {
            let mut raw = Raw::connect(gateway.address()).await;
            raw.write("GET / HTTP/1.1\r\nhost: x\r\nuser-agent: a client that reads\r\naccept: */*\r\n\r\n").await;
            some.push(raw);
        }
        for raw in &mut some {
            raw.read_until("write to ").await;
        }
        open.append(&mut some);
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_stream_through_three_plugins_with_notes_costs_at_most_60_kib() {
    raise_descriptors();
    let upstream = streaming().await;
    let gateway = Gateway::start(&text(&upstream), &[]);
    // What is there once for all: pools, warm instances, the allocator's arenas.
    let warm = opened(&gateway, AT_ONCE).await;
    let before = Sample::of(gateway.id());
    let open = opened(&gateway, STREAMS).await;
    let after = Sample::of(gateway.id());
    assert_eq!(metric(&gateway, "sluicegate_exchanges_open", &[]).await as usize, STREAMS + warm.len());
    let each = (after.anonymous_kib - before.anonymous_kib) as usize * 1024 / STREAMS;
    eprintln!("{each} bytes for each of {STREAMS} open streams");
    assert!(each <= BYTES_EACH_MAX, "{each} bytes for each stream");
    drop((open, warm));
}
