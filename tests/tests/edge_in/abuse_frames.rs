//! Frames of HTTP/2 that ask for nothing and cost something: windows, priorities, fields that unfold, and frames of no kind.

use sluicegate_tests::http2::{
    CONTINUATION, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RST_STREAM, WINDOW_UPDATE, ask, connect, frames,
    get, get_block, wait_for,
};
use sluicegate_tests::{Gateway, Upstream, config, wait_for_metric};

const PRIORITY: u8 = 2;
/// Of no kind that there is (RFC 9113, 4.1: to be ignored).
const UNKNOWN: u8 = 0xfa;
const FLOW_CONTROL_ERROR: u32 = 3;
const PROTOCOL_ERROR: u32 = 1;
/// Memory that such a flood may take at most: nothing of it is kept.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

fn gateway(upstream: &Upstream) -> Gateway {
    let limits = "[limits]\nhead_bytes_max = 16384\nbody_idle_timeout_ms = 2_000\n";
    Gateway::start(&format!("[admin]\naddress = \"127.0.0.1:0\"\n{limits}{}", config::proxy(&upstream.url())), &[])
}

fn request(stream: u32) -> Vec<u8> {
    Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, get_block("/")).bytes()
}

/// A connection on which this was sent has gone, and another one is served.
async fn is_as_before(gateway: &Gateway) {
    wait_for_metric(gateway, "sluicegate_connections_open", &[], 0.0).await;
    assert_eq!(ask(&mut connect(gateway.address()).await, get("http://x/")).await.unwrap().status, 200);
}

#[tokio::test]
async fn floods_that_ask_for_nothing_take_no_memory_and_the_next_request_is_answered() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream);
    let floods = [
        // One byte more each time, and not so many that the window overflows.
        ("WINDOW_UPDATE", Frame::new(WINDOW_UPDATE, 0, 0, 1_u32.to_be_bytes())),
        // Of streams that are idle (RFC 9113, 5.3.2: to be ignored).
        ("PRIORITY", Frame::new(PRIORITY, 0, 4_001, [0, 0, 0, 0, 16])),
        ("unknown", Frame::new(UNKNOWN, 0xff, 0, [0; 64])),
        ("RST_STREAM of a stream that is over", Frame::new(RST_STREAM, 0, 1, 8_u32.to_be_bytes())),
    ];
    for (name, frame) in floods {
        let mut raw = frames(gateway.address(), &[]).await;
        raw.write(request(1)).await;
        wait_for(&mut raw, |frame| frame.kind == HEADERS).await.unwrap_or_else(|| panic!("{name}: no answer"));
        let before = gateway.resident_bytes();
        let flood = frame.bytes().repeat(1_000);
        for _ in 0..200 {
            if !raw.try_write(&flood).await {
                break;
            }
        }
        // It goes on, or has been told to leave; in either case others are served.
        if raw.try_write(request(3)).await {
            let answer = wait_for(&mut raw, |frame| matches!(frame.kind, HEADERS | GOAWAY)).await;
            assert!(answer.is_none_or(|frame| frame.kind == GOAWAY || frame.stream == 3), "{name}");
        }
        let grown = gateway.resident_bytes().saturating_sub(before);
        assert!(grown < GROWTH_BYTES_MAX, "{name}: {grown} bytes more");
        drop(raw);
        is_as_before(&gateway).await;
    }
}

#[tokio::test]
async fn a_window_that_overflows_ends_the_connection() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(Frame::new(WINDOW_UPDATE, 0, 0, 0x7fff_ffff_u32.to_be_bytes()).bytes()).await;
    let end = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await.expect("it is told");
    assert_eq!(end.error(), FLOW_CONTROL_ERROR);
    raw.closed().await;
    is_as_before(&gateway).await;
}

/// A literal with incremental indexing (RFC 7541, 6.2.1): it goes into the table.
fn indexed(name: &str, value: &[u8]) -> Vec<u8> {
    let mut block = vec![0x40, u8::try_from(name.len()).expect("a short name")];
    block.extend(name.as_bytes());
    // The length of the value with a prefix of 7 bits (RFC 7541, 5.1).
    let rest = value.len() - 127;
    block.extend([127, (rest % 128) as u8 | 128, (rest / 128) as u8]);
    block.extend(value);
    block
}

#[tokio::test]
async fn a_few_bytes_that_unfold_to_a_long_head_are_counted_as_the_long_head() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream);
    let before = gateway.resident_bytes();
    let mut raw = frames(gateway.address(), &[]).await;
    let mut block = get_block("/");
    block.extend(indexed("bomb", &[b'x'; 3_000]));
    // 62 is the newest of the table: 3 KB for one byte, and 36 MB for a head.
    block.extend([0x80 | 62; 12_000]);
    raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block).bytes()).await;
    let answer = wait_for(&mut raw, |frame| matches!(frame.kind, HEADERS | RST_STREAM | GOAWAY)).await;
    drop((answer, raw));
    is_as_before(&gateway).await;
    assert_eq!(upstream.received().len(), 1, "the head that unfolds went upstream");
    let grown = gateway.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more");
}

#[tokio::test]
async fn a_table_of_fields_that_is_made_larger_than_was_offered_ends_the_connection() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream);
    let mut raw = frames(gateway.address(), &[]).await;
    // A size of 1 MiB (RFC 7541, 6.3), where 4 KiB are offered.
    let mut block = vec![0x3f, 0xe1, 0xff, 0x3f];
    block.extend(get_block("/"));
    raw.write(Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block).bytes()).await;
    let end = wait_for(&mut raw, |frame| frame.kind == GOAWAY).await.expect("it is told");
    // RFC 7541, 6.3 would have it called an error of compression; h2 says less.
    assert_eq!(end.error(), PROTOCOL_ERROR);
    raw.closed().await;
    assert!(upstream.received().is_empty());
    is_as_before(&gateway).await;
}

#[tokio::test]
async fn empty_pieces_of_a_head_without_end_are_cut_off() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream);
    let mut raw = frames(gateway.address(), &[]).await;
    raw.write(Frame::new(HEADERS, END_STREAM, 1, get_block("/")).bytes()).await;
    let empty = Frame::new(CONTINUATION, 0, 1, []).bytes();
    let mut sent = 0;
    while sent < 100_000 && raw.try_write(&empty).await {
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(sent < 100_000, "it was never stopped");
    raw.closed().await;
    is_as_before(&gateway).await;
    assert_eq!(upstream.received().len(), 1);
}
