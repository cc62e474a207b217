//! Clients that leave, in whole or by half, before they have been answered.

use sluicegate_tests::{Gateway, Notes, Raw, RawUpstream, config};

/// Notes each request; answers one to `/slow` when it is told to, and others at once.
async fn noting() -> RawUpstream {
    RawUpstream::start(|mut raw: Raw, notes: Notes| async move {
        while let Some(head) = raw.try_read_until("\r\n\r\n").await {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            notes.add(format!("asked {path}"));
            if path == "/slow" {
                tokio::select! {
                    () = notes.wait_for("answer") => {}
                    () = raw.closed() => return notes.add("left"),
                }
            }
            if !raw.try_write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await {
                return;
            }
        }
    })
    .await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

async fn has_left(gateway: &Gateway, upstream: &RawUpstream) {
    upstream.notes.wait_for("left").await;
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["path"], &line["outcome"]), (&"/slow".into(), &"client_gone".into()));
}

#[tokio::test]
async fn a_client_that_ends_its_side_before_its_answer_has_left() {
    let upstream = noting().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(get("/slow")).await;
    upstream.notes.wait_for("asked /slow").await;
    client.end_writing().await;
    has_left(&gateway, &upstream).await;
    let rest = client.read_to_end().await;
    assert_eq!(rest.text(), "", "a part of an answer would look like one");
}

#[tokio::test]
async fn a_client_that_has_pipelined_and_left_ends_its_exchange_and_no_further_one_begins() {
    let upstream = noting().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    // More than is read at once and less than the system takes, so that its end stands behind what nobody reads.
    let further = get("/further").repeat(1_000);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(get("/slow")).await;
    client.write(further).await;
    upstream.notes.wait_for("asked /slow").await;
    drop(client);
    has_left(&gateway, &upstream).await;
    assert!(!upstream.notes.all().contains(&"asked /further".to_owned()));
    assert_eq!(gateway.log().len(), 1);
}

#[tokio::test]
async fn pipelined_requests_of_a_client_that_stays_are_answered_in_their_order() {
    let upstream = noting().await;
    let gateway = Gateway::start(&config::proxy(&upstream.url()), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write(format!("{}{}{}", get("/slow"), get("/2"), get("/3"))).await;
    upstream.notes.wait_for("asked /slow").await;
    // It is looked for meanwhile, and is there.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    upstream.notes.add("answer");
    for _ in 0..3 {
        client.read_until("ok").await;
    }
    let asked: Vec<_> = upstream.notes.all().into_iter().filter(|note| note.starts_with("asked")).collect();
    assert_eq!(asked, ["asked /slow", "asked /2", "asked /3"]);
    assert!(gateway.wait_for_log(3).iter().all(|line| line["outcome"] == "complete"));
}
