//! Many clients and an upstream that misbehaves by script, each with a record of its own; in the end the records must agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use sluicegate_tests::{Footing, Gateway, Notes, Raw, RawUpstream};

const CLIENTS: usize = 16;
const REQUESTS: usize = 30;

/// What the upstream does with one request, as its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Whole,
    Chunked,
    Trailers,
    /// Says so and closes behind the answer.
    Close,
    /// Hangs up in the middle of a body of known length, ...
    CutLength,
    /// ... of one in chunks, ...
    CutChunks,
    /// ... of its head, ...
    CutHead,
    /// ... or before it.
    Nothing,
    /// Resets in the middle.
    Reset,
    Switch,
}

const DEEDS: [Deed; 10] = [
    Deed::Whole,
    Deed::Chunked,
    Deed::Trailers,
    Deed::Close,
    Deed::CutLength,
    Deed::CutChunks,
    Deed::CutHead,
    Deed::Nothing,
    Deed::Reset,
    Deed::Switch,
];

impl Deed {
    fn breaks(self) -> bool {
        matches!(self, Deed::CutLength | Deed::CutChunks | Deed::Reset)
    }

    fn has_no_answer(self) -> bool {
        matches!(self, Deed::CutHead | Deed::Nothing)
    }
}

/// What one client saw of one request.
#[derive(Debug)]
struct Saw {
    deed: Deed,
    status: u16,
    /// The answer is for this request.
    own: bool,
    whole: bool,
}

/// Serves requests on one connection; the path of each is `/DEED/ID`.
async fn serve(mut raw: Raw, notes: Notes) {
    while let Some(head) = raw.try_read_until("\r\n\r\n").await {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let mut parts = path.split('/').skip(1);
        let deed = parts.next().and_then(|name| DEEDS.into_iter().find(|deed| format!("{deed:?}") == name));
        let id = parts.next().unwrap_or_default();
        notes.add(id);
        let Some(deed) = deed else { return };
        let body = format!("answer to {id}");
        let length = body.len();
        let known = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n");
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n";
        let chunk = format!("{length:x}\r\n{body}\r\n");
        let (half, _) = body.split_at(length / 2);
        let (written, goes_on) = match deed {
            Deed::Whole => (format!("{known}\r\n{body}"), true),
            Deed::Chunked => (format!("{chunked}{chunk}0\r\n\r\n"), true),
            Deed::Trailers => (format!("{chunked}{chunk}0\r\nx-end: {id}\r\n\r\n"), true),
            Deed::Close => (format!("{known}connection: close\r\n\r\n{body}"), false),
            Deed::CutLength => (format!("{known}\r\n{half}"), false),
            Deed::CutChunks => (format!("{chunked}{chunk}"), false),
            Deed::CutHead => (known, false),
            Deed::Nothing => (String::new(), false),
            Deed::Reset => (format!("{chunked}{chunk}"), false),
            Deed::Switch => {
                raw.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                    .await;
                let said = raw.try_read_until("\n").await.unwrap_or_default();
                raw.try_write(format!("{body} {said}")).await;
                return;
            }
        };
        raw.try_write(written).await;
        if deed == Deed::Reset {
            return raw.reset();
        }
        if !goes_on {
            return;
        }
    }
}

/// One request, over a connection that goes on where the answer lets it.
async fn ask(gateway: &Gateway, client: &mut Option<Raw>, deed: Deed, id: &str) -> Saw {
    let mut raw = match client.take() {
        Some(raw) => raw,
        None => Raw::connect(gateway.address()).await,
    };
    let upgrade = if deed == Deed::Switch { "connection: upgrade\r\nupgrade: websocket\r\n" } else { "" };
    let te = if deed == Deed::Trailers { "connection: te\r\nte: trailers\r\n" } else { "" };
    // No method that may be sent twice: what the upstream saw must be what the client asked for.
    let method = if deed == Deed::Switch { "GET" } else { "POST" };
    let length = if deed == Deed::Switch { "" } else { "content-length: 0\r\n" };
    raw.write(format!("{method} /{deed:?}/{id} HTTP/1.1\r\nhost: x\r\n{length}{upgrade}{te}\r\n")).await;
    let Some(head) = raw.try_read_until("\r\n\r\n").await else { panic!("{id}, {deed:?}: no answer") };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let expected = format!("answer to {id}");
    let (own, whole) = if deed == Deed::Switch && status == 101 {
        raw.write("hello\n").await;
        let rest = raw.read_to_end().await;
        return Saw { deed, status, own: rest.text() == format!("{expected} hello\n"), whole: !rest.reset };
    } else if head.contains("transfer-encoding: chunked") {
        let body = raw.try_read_until("\r\n0\r\n").await;
        let end = match body {
            Some(_) if deed == Deed::Trailers => raw.try_read_until(&format!("x-end: {id}\r\n\r\n")).await,
            Some(_) => raw.try_read_until("\r\n").await,
            None => None,
        };
        (body.is_none_or(|body| body.contains(&format!("{expected}\r\n"))), end.is_some())
    } else {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let body = raw.try_read_exact(length).await.map(|body| String::from_utf8_lossy(&body).into_owned());
        (status != 200 || body.as_ref().is_none_or(|body| *body == expected), body.is_some())
    };
    if whole && !head.contains("connection: close") {
        *client = Some(raw);
    }
    Saw { deed, status, own, whole }
}

fn start(upstream: &RawUpstream) -> Arc<Gateway> {
    let text = format!(
        "[admin]\naddress = \"127.0.0.1:0\"\n\n[upstreams.service]\nurl = \"{}\"\nidle_timeout_ms = 300\n\n\
         [[routes]]\nname = \"all\"\nupstream = \"service\"\nupgrades = [\"websocket\"]\n",
        upstream.url()
    );
    Arc::new(Gateway::start(&text, &[]))
}

/// All clients with all their requests. `round`: stands in front of each request's name.
async fn ask_all(gateway: &Arc<Gateway>, round: &str) -> BTreeMap<String, Saw> {
    let saw: Arc<Mutex<BTreeMap<String, Saw>>> = Arc::default();
    let clients = (0..CLIENTS).map(|number| {
        let (gateway, saw, round) = (gateway.clone(), saw.clone(), round.to_owned());
        tokio::spawn(async move {
            let mut connection = None;
            for request in 0..REQUESTS {
                let deed = DEEDS[(number * 7 + request * 3) % DEEDS.len()];
                let id = format!("{round}{number}-{request}");
                let one = ask(&gateway, &mut connection, deed, &id).await;
                saw.lock().expect("no panic here").insert(id, one);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("it asked");
    }
    Arc::into_inner(saw).expect("all have ended").into_inner().expect("no panic here")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_upstream_does_the_records_of_both_sides_and_the_log_agree() {
    let upstream = RawUpstream::start(serve).await;
    let gateway = start(&upstream);
    let footing = Footing::of(&gateway).await;
    let saw = ask_all(&gateway, "").await;
    assert_eq!(saw.len(), CLIENTS * REQUESTS);

    // Each answer belongs to its request, and none that was broken looks whole.
    for (id, one) in &saw {
        assert!(one.own, "{id}: {one:?}");
        let expected = match one.deed {
            deed if deed.has_no_answer() => (502, true),
            Deed::Switch => (101, true),
            deed => (200, !deed.breaks()),
        };
        assert_eq!((one.status, one.whole), expected, "{id}: {one:?}");
    }

    // No request upstream without a client's, and none twice.
    let received: Vec<String> = upstream.notes.all().into_iter().filter(|note| note != "connection").collect();
    let distinct: BTreeSet<&String> = received.iter().collect();
    assert_eq!(received.len(), distinct.len(), "some were sent twice");
    assert!(distinct.into_iter().eq(saw.keys()), "what the upstream got is not what clients asked for");

    // One outcome a request, and the right one.
    let log = gateway.wait_for_log(CLIENTS * REQUESTS);
    let mut logged: BTreeMap<&str, &str> = BTreeMap::new();
    for line in &log {
        let id = line["path"].as_str().and_then(|path| path.rsplit('/').next()).expect("a path");
        let before = logged.insert(id, line["outcome"].as_str().expect("an outcome"));
        assert_eq!(before, None, "{id} has two lines");
    }
    for (id, one) in &saw {
        let expected = match one.deed {
            deed if deed.has_no_answer() => "rejected",
            deed if deed.breaks() => "upstream_cut",
            _ => "complete",
        };
        assert_eq!(logged.get(id.as_str()), Some(&expected), "{id}: {one:?}");
    }

    // Nothing stays open, and nobody stays behind.
    footing.wait_until_back(&gateway).await;
}

/// What the allocator may keep of what was given back, and what is made once, late.
const GROWTH_BYTES_MAX: u64 = 4 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_upstream_does_leaves_no_memory_behind() {
    let upstream = RawUpstream::start(serve).await;
    let gateway = start(&upstream);
    let footing = Footing::of(&gateway).await;
    // By then all is there that is made once, and the allocator has what it takes for so many at once.
    for round in ["a", "b"] {
        ask_all(&gateway, round).await;
    }
    footing.wait_until_back(&gateway).await;
    let before = gateway.resident_bytes();
    for round in ["c", "d", "e", "f"] {
        ask_all(&gateway, round).await;
    }
    footing.wait_until_back(&gateway).await;
    let after = gateway.resident_bytes();
    let requests = 4 * CLIENTS * REQUESTS;
    assert!(after < before + GROWTH_BYTES_MAX, "{before} bytes became {after} with {requests} requests");
    println!("{before} bytes became {after} with {requests} requests");
}
