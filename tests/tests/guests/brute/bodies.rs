//! Bodies that a plugin makes ever longer, or shrinks to nothing.

use super::{gateway, is_whole, told};
use crate::support::{Ask, Origin};
use sluicegate_tests::{Gateway, Raw, RawUpstream, guests};

const STREAMS: &str = "limits = { cpu_max_ms = 10_000, wall_max_ms = 60_000 }, isolation = \"pooled\"";

#[tokio::test]
async fn a_body_that_shrinks_to_nothing_is_a_whole_message_without_bytes() {
    let origin = Origin::start().await;
    let buffered = format!("{STREAMS}, config = {{ buffered = true }}");
    let gateway = gateway(&origin, "", &[("stream", STREAMS), ("buffered", &buffered)]);
    for name in ["stream", "buffered"] {
        let heard = told(&gateway, name, "body=vanish, reply-body=vanish").await;
        assert_eq!((heard.status, heard.text().as_str(), heard.complete), (200, "", true), "{name}");
        assert!(is_whole(&told(&gateway, name, "head=nothing").await), "{name}");
    }
    let seen = origin.seen();
    assert_eq!((seen[0].1.as_slice(), seen[2].1.as_slice()), (&b"0\r\n\r\n"[..], &b""[..]));
    assert!(gateway.wait_for_log(4).iter().all(|line| line["outcome"] == "complete"));
}

#[tokio::test]
async fn bytes_for_an_end_without_bytes_go_on_once() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[("swell", STREAMS)]);
    let mut talk = Ask::to("/swell")
        .field("x-do", "body=swell")
        .field("transfer-encoding", "chunked")
        .open(gateway.address())
        .await;
    talk.say_chunk(b"one piece").await;
    talk.say(b"0\r\n\r\n").await;
    assert!(is_whole(&talk.hear_out().await));
    let (_, body) = origin.seen().remove(0);
    let (pieces, ends) =
        (body.iter().filter(|byte| **byte == b's').count(), body.iter().filter(|byte| **byte == b'e').count());
    // The letters of the chunks' sizes aside.
    assert!((1 << 20..(1 << 20) + 16).contains(&ends) && pieces == 1 << 20, "{pieces} and {ends}");
}

#[tokio::test]
async fn a_body_that_doubles_with_each_piece_ends_at_the_limit_of_a_piece() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "[limits]\nbuffer_bytes_max = 65_536\n", &[("double", STREAMS)]);
    let ask = Ask::to("/double").field("x-do", "body=double").field("transfer-encoding", "chunked");
    let mut talk = ask.open(gateway.address()).await;
    for _ in 0..40 {
        talk.say_chunk(b"x").await;
        tokio::task::yield_now().await;
    }
    talk.say(b"0\r\n\r\n").await;
    // It has reached 65,536 bytes, or the pieces came together and it is still short: never more than that.
    talk.hear_out().await;
    let line = &gateway.wait_for_log(1)[0];
    assert!(line["outcome"] == "failed" || line["outcome"] == "complete", "{line}");
    for (_, body) in origin.seen() {
        assert!(body.len() < 2 * 65_536 + 1_000, "{} bytes went on", body.len());
    }
}

/// Eight mebibytes of zeros in 52 KB: raw deflate, fixed codes, one zero and then matches of 258 bytes at distance 1.
fn deflated_zeros() -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    // The literal 0 has the code 00110000; a length of 258 the code 11000101, a distance of 1 the code 00000.
    bits.extend(code(0b0011_0000, 8));
    for _ in 0..(8 << 20) / 258 {
        bits.extend(code(0b1100_0101, 8));
        bits.extend(code(0, 5));
    }
    bits.extend(code(0, 7));
    bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |whole, bit| whole << 1 | u8::from(*bit))).collect()
}

fn code(bits: u32, length: u32) -> impl Iterator<Item = bool> {
    (0..length).rev().map(move |at| bits >> at & 1 == 1)
}

#[tokio::test]
async fn a_small_answer_that_decodes_to_many_pieces_which_all_swell_takes_the_memory_of_few() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        let zeros = deflated_zeros();
        connection.read_head().await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ncontent-length: {}\r\n\r\n", zeros.len());
        connection.write(head).await;
        connection.write(zeros).await;
        connection.closed().await;
    })
    .await;
    let config = format!(
        "[limits]\ndecode_ratio_max = 1_000\n[plugins.brute]\nfile = \"brute.wasm\"\n[upstreams.origin]\nurl = \
         \"{}\"\n[[routes]]\nname = \"all\"\nupstream = \"origin\"\nchain = [{{ plugin = \"brute\", grants = [\"metrics\"], \
         {STREAMS} }}]\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[("brute.wasm", guests::BRUTE)]);
    let before = gateway.resident_bytes_max();
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: x\r\nx-do: reply-body=swell\r\n\r\n").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 200"));
    let mut mebibytes = 0;
    // Each piece has become a chunk of a mebibyte; the last one is that of the end.
    loop {
        let size = client.read_until("\r\n").await;
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        let chunk = client.read_exact(size + 2).await;
        if size == 0 {
            break;
        }
        assert!(size == 1 << 20 && chunk.len() == size + 2, "{size}");
        mebibytes += 1;
    }
    assert!(mebibytes > 64, "{mebibytes} pieces");
    let grown = gateway.resident_bytes_max().saturating_sub(before);
    assert!(grown < 48 << 20, "{mebibytes} MiB went through, and the gateway grew by {} MiB", grown >> 20);
}
