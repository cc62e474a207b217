//! A plugin that keeps a request's secret wherever it can, and what later instances find of it in all the memory that they can have.

use std::time::{Duration, Instant};

use serde_json::Value;
use sluicegate_tests::Gateway;

use super::{gateway, is_whole};
use crate::support::{Ask, Origin};

/// What the guest's scan undoes, so that what is sought stands nowhere in its memory.
const MASK: u8 = 0x5a;
/// How a call ends that has kept a secret.
const ENDS: [&str; 4] = ["keep", "keep-and-trap", "keep-and-loop", "client-leaves"];

/// One slot for all instances, so that each is made where the one before it was.
const ONE_SLOT: &str = "[limits]\ninstances_max = 1\n";

fn entry(isolation: &str, cpu_max_ms: u32, number: u32) -> String {
    format!(
        "isolation = \"{isolation}\", limits = {{ memory_bytes_max = 4_194_304, cpu_max_ms = {cpu_max_ms}, wall_max_ms = 60_000 }}, \
         config = {{ heads_only = true, metrics = {number} }}"
    )
}

/// 32 bytes of chance as text.
fn secret() -> String {
    let mut bytes = [0; 16];
    let chance =
        std::fs::File::open("/dev/urandom").and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes));
    chance.expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn masked(secret: &str) -> String {
    secret.bytes().map(|byte| format!("{:02x}", byte ^ MASK)).collect()
}

/// A request whose secret the plugin keeps. Returns when no instance is at work with it any more.
async fn keep(gateway: &Gateway, route: &str, end: &str, secret: &str) {
    let act = if end == "client-leaves" { "keep-and-loop" } else { end };
    let id = format!("keeper-{}", gateway.log().len());
    let ask = Ask::to(&format!("/{route}")).field("x-do", format!("head={act}")).field("x-secret", secret);
    let ask = ask.field("x-request-id", id.clone());
    if end == "client-leaves" {
        // Its route may loop for long.
        let before = gateway.log().len();
        let talk = ask.field("content-length", "0").open(gateway.address()).await;
        gateway.wait_for_stderr(&format!("kept of {id}"));
        drop(talk);
        // Its line says that everything is over.
        gateway.wait_for_log(before + 1);
        return;
    }
    let heard = ask.send(gateway.address()).await;
    assert_eq!(heard.status, if end == "keep" || end == "keep-some" { 200 } else { 500 }, "{end}: {heard:?}");
}

/// What a later call finds.
async fn scan(gateway: &Gateway, route: &str, secret: &str) -> Value {
    let id = format!("{route}-{}", gateway.log().len());
    let ask = Ask::to(&format!("/{route}")).field("x-do", "head=scan").field("x-sought", masked(secret));
    assert!(is_whole(&ask.field("x-request-id", id.clone()).send(gateway.address()).await));
    let started = Instant::now();
    loop {
        if let Some(line) = gateway.log().into_iter().find(|line| line["request_id"] == *id) {
            return line["labels"].clone();
        }
        assert!(started.elapsed() < sluicegate_tests::PATIENCE, "no line of {id}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nothing_of_a_request_is_in_the_memory_of_a_fresh_instance_or_of_another_entry() {
    let origin = Origin::start().await;
    let (short, long) = (200, 30_000);
    let entries = [
        ("fresh", entry("request", short, 0)),
        ("fresh-long", entry("request", long, 1)),
        ("warm", entry("pooled", short, 2)),
        ("warm-long", entry("pooled", long, 3)),
        ("other-fresh", entry("request", long, 4)),
        ("other-warm", entry("pooled", long, 5)),
    ];
    let gateway = gateway(&origin, ONE_SLOT, &entries.each_ref().map(|(name, entry)| (*name, entry.as_str())));
    for end in ENDS {
        for keeper in ["fresh", "warm"] {
            let keeper = if end == "client-leaves" { format!("{keeper}-long") } else { keeper.to_owned() };
            let mut scanners = vec!["fresh-long", "other-fresh", "other-warm"];
            // A warm instance whose memory has grown past half of its limit, or whose call failed, is not used again.
            scanners.push("warm-long");
            for scanner in scanners {
                let secret = secret();
                keep(&gateway, &keeper, end, &secret).await;
                let found = scan(&gateway, scanner, &secret).await;
                let told = ["found", "dirty", "noted"].map(|name| found[name].as_str().unwrap_or("nothing"));
                assert_eq!(told, ["0", "0", "0"], "{scanner} after {end} in {keeper}: {found}");
                assert_eq!(found["scanned"], "4194304", "{scanner} after {end} in {keeper}");
            }
        }
    }
}

#[tokio::test]
async fn the_scan_finds_what_a_warm_instance_of_the_same_entry_has_kept() {
    let origin = Origin::start().await;
    let entries = [("warm", entry("pooled", 30_000, 0)), ("fresh", entry("request", 30_000, 0))];
    let gateway = gateway(&origin, "", &entries.each_ref().map(|(name, entry)| (*name, entry.as_str())));
    for (route, keeps) in [("warm", true), ("fresh", false)] {
        let secret = secret();
        keep(&gateway, route, "keep-some", &secret).await;
        let found = scan(&gateway, route, &secret).await;
        let count: u32 = found["found"].as_str().and_then(|count| count.parse().ok()).expect("a count");
        // This is what `pooled` means, and notes are wiped all the same.
        assert_eq!((count >= 100, &found["noted"]), (keeps, &Value::from("0")), "{route}: {found}");
    }
}
