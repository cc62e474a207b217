//! Listeners that come, go and move while the gateway runs.

use std::net::{SocketAddr, TcpListener};

use sluicegate_tests::{Gateway, PATIENCE, Raw, RawUpstream, get};
use tokio::net::TcpStream;

use crate::support::{config_file, edited, ok, push, start, summary};

const FIRST: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\n";

fn listen(address: SocketAddr) -> String {
    format!("[[listen]]\naddress = \"{address}\"\n")
}

/// Of a port that nobody has now.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The gateway's listeners are these from now on; the answer of the command that said so.
fn relisten(gateway: &Gateway, listeners: &str) -> sluicegate_tests::Said {
    push(gateway, &edited(gateway, FIRST, listeners))
}

async fn wait_until_refused(address: SocketAddr) {
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.expect("nobody listens there any longer");
}

/// Answers when it is told to.
async fn patient() -> RawUpstream {
    RawUpstream::start(|mut raw, notes| async move {
        while let Some(head) = raw.try_read_until("\r\n\r\n").await {
            if head.starts_with("GET /slow") {
                notes.add("asked");
                notes.wait_for("answer").await;
            }
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    })
    .await
}

#[tokio::test]
async fn a_listener_is_added_and_another_is_given_up_when_its_requests_have_ended() {
    let upstream = patient().await;
    let gateway = start(&upstream.url(), "one");
    let (first, second) = (gateway.address(), free());
    let mut idle = Raw::connect(first).await;
    idle.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    idle.read_until("ok").await;

    let said = relisten(&gateway, &format!("{FIRST}{}", listen(second)));
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(get(&format!("http://{second}/")).await.text(), "ok");
    assert_eq!(summary(&gateway).await["listen"], serde_json::json!([first.to_string(), second.to_string()]));
    // Those of the first one have noticed nothing.
    idle.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    idle.read_until("ok").await;

    let mut busy = Raw::connect(first).await;
    busy.write("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    upstream.notes.wait_for("asked").await;
    let said = relisten(&gateway, &listen(second));
    assert_eq!(said.status, 0, "{}", said.stderr);
    wait_until_refused(first).await;
    idle.closed().await;
    upstream.notes.add("answer");
    let answer = busy.read_to_end().await.text().to_ascii_lowercase();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("ok"), "{answer}");
    assert_eq!(get(&format!("http://{second}/")).await.text(), "ok");
    assert_eq!(summary(&gateway).await["listen"], serde_json::json!([second.to_string()]));
    assert!(gateway.wait_for_log(5).iter().all(|line| line["outcome"] == "complete"));
    // And the process ends with those that are left.
    assert!(gateway.stop().0.success());
}

#[tokio::test]
async fn an_address_that_cannot_be_had_refuses_the_change_and_nothing_is_lost() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let (other, free) = (TcpListener::bind("127.0.0.1:0").unwrap(), free());
    let taken = other.local_addr().unwrap();
    let text = edited(&gateway, FIRST, &format!("{}{}", listen(free), listen(taken)));
    let said = push(&gateway, &text.replace("\"one\"", "\"two\""));
    assert_eq!(said.status, 1);
    let why = format!("cannot listen on {taken}: another process has this port");
    assert!(said.stderr.contains("stage `listen`") && said.stderr.contains(&why), "{}", said.stderr);
    assert!(TcpStream::connect(free).await.is_err(), "what was bound before is closed");
    assert_eq!(get(&gateway.url("/")).await.header("x-version"), Some("one"));
    // From the file as well.
    std::fs::write(config_file(&gateway), text).unwrap();
    gateway.wait_for_stderr("refused at stage `listen`");
    assert_eq!(get(&gateway.url("/")).await.header("x-version"), Some("one"));
    // Once the port is free, the same text serves.
    drop(other);
    std::fs::write(config_file(&gateway), std::fs::read_to_string(config_file(&gateway)).unwrap()).unwrap();
    gateway.wait_for_stderr(&format!("listening on http://{taken}"));
    assert_eq!(get(&format!("http://{taken}/")).await.text(), "ok");
}

#[tokio::test]
async fn a_port_that_another_listener_still_has_is_refused_by_the_name_of_that_listener() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let everywhere = SocketAddr::from(([0, 0, 0, 0], free().port()));
    let said = relisten(&gateway, &listen(everywhere));
    assert_eq!(said.status, 0, "{}", said.stderr);
    let here = SocketAddr::from(([127, 0, 0, 1], everywhere.port()));
    assert_eq!(get(&format!("http://{here}/")).await.text(), "ok");
    let said = relisten(&gateway, &listen(here));
    assert_eq!(said.status, 1);
    let why = format!("cannot listen on {here}: this gateway listens on {everywhere} until the change is made");
    assert!(said.stderr.contains(&why), "{}", said.stderr);
    assert_eq!(get(&format!("http://{here}/")).await.text(), "ok");
}

#[tokio::test]
async fn what_a_listener_that_is_given_up_has_open_is_cut_at_the_deadline_and_no_client_is_blamed() {
    let upstream = patient().await;
    let gateway = start(&upstream.url(), "one");
    let mut busy = Raw::connect(gateway.address()).await;
    busy.write("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    upstream.notes.wait_for("asked").await;
    let limits = "[limits]\ndrain_timeout_ms = 300\n";
    let said = relisten(&gateway, &format!("{}{limits}", listen(free())));
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(busy.read_to_end().await.text(), "");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["outcome"], &line["code"]), (&"timed_out".into(), &"gateway_draining".into()));
}
