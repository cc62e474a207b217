//! What a swap keeps, and what it does not leave behind.

use std::fs;

use serde_json::json;
use sluicegate_tests::{Gateway, Raw, get};

use crate::support::*;

/// Sends a request on an open connection; the answer has a length.
async fn ask_on(client: &mut Raw) -> String {
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    let head = client.read_head().await;
    client.read_exact(2).await;
    head
}

#[tokio::test]
async fn an_idle_client_connection_and_the_upstreams_go_on_in_the_next_generation() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let mut client = Raw::connect(gateway.address()).await;
    assert!(ask_on(&mut client).await.contains("x-version: one"));
    push_version(&gateway, "one", "two");
    assert!(ask_on(&mut client).await.contains("x-version: two"));
    assert_eq!(upstream.connections(), 1);
    // An upstream that has changed gets connections of its own.
    let text = next_version(&gateway, "one", "three").replace("[[routes]]", "connect_timeout_ms = 4000\n[[routes]]");
    assert_eq!(push(&gateway, &text).status, 0);
    assert!(ask_on(&mut client).await.contains("x-version: three"));
    assert_eq!(upstream.connections(), 2);
}

/// Lengths of the files in the folder of compiled code.
fn compiled(gateway: &Gateway) -> Vec<u64> {
    let files = fs::read_dir(gateway.folder().join(".sluicegate/code")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().len()).collect()
}

#[tokio::test]
async fn another_config_of_a_plugin_is_no_other_code() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let before: u64 = compiled(&gateway).iter().sum();
    for other in ["two", "three"] {
        push_version(&gateway, "one", other);
        assert_eq!(version(&gateway).await, other);
    }
    let after: u64 = compiled(&gateway).iter().sum();
    // Some pages of each config beside the code of all.
    assert!(after > before && after - before < before / 5, "{before} bytes, then {after}");
}

#[tokio::test]
async fn counters_go_on_over_a_swap() {
    let upstream = ok().await;
    let limit = "[[routes.chain]]\nplugin = \"rate-limit\"\n[routes.chain.config]\nlimits = [{ name = \"hour\", requests = 3, window_ms = 3600000, by = \"address\" }]\n";
    let text = versioned(&upstream.url(), "one").replace("[[routes.chain]]", &format!("{limit}[[routes.chain]]"));
    let gateway = Gateway::start(&text, &[]);
    let mut statuses = Vec::new();
    for number in 1..=4 {
        statuses.push(get(&gateway.url("/")).await.status.as_u16());
        push_version(&gateway, "one", &format!("other {number}"));
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn an_unchanged_entry_keeps_its_warm_instance_and_its_breaker() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    version(&gateway).await;
    let warm = metric(&gateway, "sluicegate_instances_live").await;
    let made = || metric(&gateway, "sluicegate_instances_live");
    // The chain of another route changes; this entry does not.
    let other = "[[routes]]\nname = \"other\"\nupstream = \"service\"\npath = \"/other\"\n[[listen]]";
    for _ in 0..3 {
        assert_eq!(push(&gateway, &edited(&gateway, "[[listen]]", other)).status, 0);
        assert_eq!(version(&gateway).await, "one");
        assert_eq!(made().await, warm);
    }
}

#[tokio::test]
async fn of_a_generation_without_requests_nothing_stays() {
    let upstream = ok().await;
    // With little room, what is reused is reused soon.
    let text = format!("limits.instances_max = 8\n{}", versioned(&upstream.url(), "v0"));
    let gateway = Gateway::start(&text, &[]);
    let mut client = Raw::connect(gateway.address()).await;
    let mut swaps = 0;
    let mut swap = async |count: u32| {
        for _ in 0..count {
            swaps += 1;
            push_version(&gateway, "v0", &format!("v{swaps}"));
            assert!(ask_on(&mut client).await.contains(&format!("x-version: v{swaps}\r\n")));
        }
    };
    swap(16).await;
    let taken = async || {
        let instances = metric(&gateway, "sluicegate_instances_live").await;
        (descriptors(&gateway), mappings(&gateway), threads(&gateway), instances)
    };
    let before = taken().await;
    swap(16).await;
    // A thread that has answered, or a connection that was closed, may need a moment to be gone.
    let started = std::time::Instant::now();
    loop {
        let after = taken().await;
        if after.0 <= before.0 && after.1 <= before.1 + 8 && after.2 <= before.2 && after.3 <= before.3 {
            break;
        }
        assert!(started.elapsed() < sluicegate_tests::PATIENCE, "{before:?} became {after:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(ask(&gateway, &["generations"]).as_array().unwrap().len(), 1);
    assert_eq!(gateway.log().iter().filter(|line| line["outcome"] != json!("complete")).count(), 0);
}

async fn metric(gateway: &Gateway, name: &str) -> f64 {
    let authorization = format!("Bearer {}", gateway.admin_token());
    let request = http::Request::get(format!("{}/metrics", gateway.admin())).header("authorization", authorization);
    let text =
        sluicegate_tests::send(request.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect("the metric is there");
    line.parse().unwrap()
}

fn descriptors(gateway: &Gateway) -> usize {
    fs::read_dir(format!("/proc/{}/fd", gateway.id())).unwrap().count()
}

fn mappings(gateway: &Gateway) -> usize {
    fs::read_to_string(format!("/proc/{}/maps", gateway.id())).unwrap().lines().count()
}

fn threads(gateway: &Gateway) -> usize {
    fs::read_dir(format!("/proc/{}/task", gateway.id())).unwrap().count()
}
