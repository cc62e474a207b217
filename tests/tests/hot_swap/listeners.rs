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

/// One request after another, each on a connection of its own, until nobody listens at another address any longer; how many.
///
/// # Panics
/// If one of them is not answered.
async fn ask_until_refused(address: SocketAddr, other: SocketAddr) -> usize {
    let mut answered = 0;
    while TcpStream::connect(other).await.is_ok() {
        let mut raw = Raw::connect(address).await;
        raw.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        raw.read_until("\r\n\r\nok").await;
        answered += 1;
    }
    answered
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_moves_to_an_address_that_the_one_before_covers_in_one_change_and_no_connection_is_lost() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let everywhere = SocketAddr::from(([0, 0, 0, 0], free().port()));
    let [here, there] = [1, 2].map(|last| SocketAddr::from(([127, 0, 0, last], everywhere.port())));
    for _ in 0..3 {
        let said = relisten(&gateway, &listen(everywhere));
        assert_eq!(said.status, 0, "{}", said.stderr);
        assert_eq!(get(&format!("http://{there}/")).await.text(), "ok");
        let asking: Vec<_> = (0..4).map(|_| tokio::spawn(ask_until_refused(here, there))).collect();
        let said = relisten(&gateway, &listen(here));
        assert_eq!(said.status, 0, "{}", said.stderr);
        for asked in asking {
            assert!(asked.await.expect("every request was answered") > 0);
        }
        assert_eq!(summary(&gateway).await["listen"], serde_json::json!([here.to_string()]));
    }
    assert!(gateway.stop().0.success());
}

#[tokio::test]
async fn a_move_that_is_refused_leaves_the_listener_where_it_was_and_a_port_that_it_shares_is_nobody_elses() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let everywhere = SocketAddr::from(([0, 0, 0, 0], free().port()));
    let here = SocketAddr::from(([127, 0, 0, 1], everywhere.port()));
    assert_eq!(relisten(&gateway, &listen(everywhere)).status, 0);
    let said = relisten(&gateway, &format!("{}{}", listen(here), listen(other.local_addr().unwrap())));
    assert_eq!(said.status, 1);
    assert_eq!(get(&format!("http://{here}/")).await.text(), "ok");
    assert_eq!(summary(&gateway).await["listen"], serde_json::json!([everywhere.to_string()]));
    assert_eq!(relisten(&gateway, &listen(here)).status, 0);
    let shares = tokio::net::TcpSocket::new_v4().unwrap();
    shares.set_reuseport(true).unwrap();
    assert!(shares.bind(everywhere).is_err(), "another socket has the port beside the gateway's");
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
