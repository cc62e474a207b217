//! Clients and upstreams of HTTP/2 that leave in the middle, whenever that is: nothing of it may stay.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::{Reason, client, server};
use http::{Request, Response};
use sluicegate_tests::{Footing, Gateway, Notes, PATIENCE, Raw};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const ROUNDS: usize = 8;

/// What becomes of a request, as its path says.
const DEEDS: [&str; 7] = [
    // Upstream: never answers, ...
    "silent",  // ... resets before its answer, ...
    "reset",   // ... in the middle of it, ...
    "cut",     // ... refuses, each time, ...
    "refuse",  // ... answers and takes no more of the request, ...
    "early",   // ... sends for ever, ...
    "endless", // ... or does what it should.
    "whole",
];

async fn upstream(notes: Notes) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let notes = notes.clone();
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(serve(request, respond, notes.clone()));
                }
            });
        }
    });
    url
}

async fn serve(request: Request<h2::RecvStream>, mut respond: server::SendResponse<Bytes>, notes: Notes) {
    let deed = request.uri().path().trim_start_matches('/').to_owned();
    notes.add(&deed);
    let mut stream = match deed.as_str() {
        "silent" => {
            // Until the gateway has given up.
            let given_up = std::future::poll_fn(|context| respond.poll_reset(context));
            let reason = timeout(PATIENCE, given_up).await.expect("it is told").expect("of this stream alone");
            return notes.add(format!("silent: {}", if reason == Reason::CANCEL { "CANCEL" } else { "other" }));
        }
        "reset" => return respond.send_reset(Reason::INTERNAL_ERROR),
        "refuse" => return respond.send_reset(Reason::REFUSED_STREAM),
        _ => match respond.send_response(Response::new(()), false) {
            Ok(stream) => stream,
            Err(_) => return,
        },
    };
    let mut send = |bytes: &'static [u8], ends| drop(stream.send_data(Bytes::from_static(bytes), ends));
    match deed.as_str() {
        "cut" => {
            send(b"half", false);
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        "endless" => loop {
            stream.reserve_capacity(4096);
            match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
                Some(Ok(room)) => drop(stream.send_data(Bytes::from(vec![b'x'; room.min(4096)]), false)),
                _ => return,
            }
        },
        _ => send(b"ok", true),
    }
}

/// One request of HTTP/2 whose client leaves after this, by dropping all that it has of it.
async fn ask_and_leave(gateway: &Gateway, deed: &str, with_body: bool, patience: Duration) {
    let stream = TcpStream::connect(gateway.address()).await.expect("the gateway accepts");
    let (sender, connection) = client::handshake(stream).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await.expect("the connection is open");
    let request = Request::post(format!("http://x/{deed}")).body(()).expect("a request");
    let (answer, mut body) = sender.send_request(request, !with_body).expect("it is sent");
    if with_body {
        drop(body.send_data(Bytes::from(vec![b'x'; 10_000]), false));
    }
    let reading = async {
        let Ok(answer) = answer.await else { return };
        let mut pieces = answer.into_body();
        while let Some(Ok(_)) = pieces.data().await {}
    };
    // Who has no more patience leaves; so does who has its answer, with the rest of its body unsent.
    drop(timeout(patience, reading).await);
    connection.abort();
}

/// The same over HTTP/1.1.
async fn ask_and_reset(gateway: &Gateway, deed: &str, with_body: bool, patience: Duration) {
    let mut client = Raw::connect(gateway.address()).await;
    let length = if with_body { 100_000 } else { 0 };
    let sent = if with_body { 10_000 } else { 0 };
    let head = format!("POST /{deed} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    client.write(format!("{head}{}", "x".repeat(sent))).await;
    drop(timeout(patience, client.closed()).await);
    client.reset();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_whenever_over_http_2_leaves_nothing_behind() {
    let notes = Notes::default();
    let text = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n\n[upstreams.service]\nurl = \"{}\"\nprotocols = [\"h2\"]\nidle_timeout_ms = 300\n\n\
         [[routes]]\nname = \"all\"\nupstream = \"service\"\n",
        upstream(notes.clone()).await
    );
    let gateway = Arc::new(Gateway::start(&text, &[]));
    let footing = Footing::of(&gateway).await;
    for round in 0..ROUNDS {
        let patience = Duration::from_millis(20 * round as u64);
        let mut asking = JoinSet::new();
        for (deed, with_body) in DEEDS.iter().flat_map(|deed| [(*deed, false), (*deed, true)]) {
            let (one, other) = (gateway.clone(), gateway.clone());
            asking.spawn(async move { ask_and_leave(&one, deed, with_body, patience).await });
            asking.spawn(async move { ask_and_reset(&other, deed, with_body, patience).await });
        }
        asking.join_all().await;
    }
    footing.wait_until_back(&gateway).await;
    // And each upstream that had nothing to say is told that nobody waits.
    let count = |note: &str| notes.all().iter().filter(|one| *one == note).count();
    assert!(count("silent") > 0);
    let started = Instant::now();
    while count("silent: CANCEL") < count("silent") {
        assert!(started.elapsed() < PATIENCE, "{} of {} were told", count("silent: CANCEL"), count("silent"));
        sleep(Duration::from_millis(5)).await;
    }
}
