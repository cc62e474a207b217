//! A browser: one page over TLS and HTTP/2 that fetches, listens to events and speaks WebSocket.

use std::path::Path;
use std::process::Command;

use sluicegate_tests::{Authority, Gateway, Notes, Raw, RawUpstream, Script, parts, script};

/// The page waits for the picture, and the browser for the page: it is dumped once all has been seen.
const PAGE: &str = include_str!("page.html");

/// The page, what it fetches, a stream of events, and the picture that comes when the page has reported.
async fn site() -> RawUpstream {
    RawUpstream::start(|mut raw: Raw, notes: Notes| async move {
        while let Some(head) = raw.try_read_until("\r\n\r\n").await {
            let (line, fields) = head.split_once("\r\n").unwrap_or_default();
            let length = fields.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            let body = raw.try_read_exact(length).await.unwrap_or_default();
            let path = line.split(' ').nth(1).unwrap_or_default();
            notes.add(path);
            let (kind, text) = match path {
                "/" => ("text/html", PAGE.to_owned()),
                "/events" => {
                    raw.try_write(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
                    )
                    .await;
                    for number in 0..3 {
                        let event = format!("id: {number}\ndata: event {number}\n\n");
                        raw.try_write(format!("{:x}\r\n{event}\r\n", event.len())).await;
                        // The page has it before there is a next one.
                        notes.wait_for(&format!("/heard/{number}")).await;
                    }
                    // A browser that is done has left.
                    return raw.closed().await;
                }
                "/hold" => {
                    notes.wait_for("/report").await;
                    ("text/plain", String::new())
                }
                "/echo" => ("text/plain", String::from_utf8_lossy(&body).chars().rev().collect()),
                _ => ("text/plain", String::new()),
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n", text.len());
            if !raw.try_write(format!("{head}{text}")).await {
                return;
            }
        }
    })
    .await
}

fn gateway(site: &RawUpstream, sockets: u16) -> Gateway {
    let issued = Authority::new("servers").issue(&["localhost"]);
    let text = format!(
        "[upstreams.site]\nurl = \"{}\"\n[upstreams.sockets]\nurl = \"http://127.0.0.1:{sockets}\"\n\
         [[routes]]\nname = \"site\"\nupstream = \"site\"\n\
         [[routes]]\nname = \"sockets\"\npath = \"/socket\"\nupstream = \"sockets\"\nupgrades = [\"websocket\"]\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[listen.tls.certificates]]\ncertificate_file = \"a.pem\"\nkey_file = \"a.key\"\n",
        site.url()
    );
    Gateway::start(&text, &[("a.pem", issued.certificate.as_bytes()), ("a.key", issued.key.as_bytes())])
}

/// It asks nobody but the gateway for anything.
fn browser(profile: &Path, url: &str) -> Command {
    let mut browser = parts::client("chromium-headless-shell");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    browser.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
    ]);
    browser.args(["--ignore-certificate-errors", "--disable-dev-shm-usage"]);
    browser.arg(format!("--user-data-dir={}", profile.display())).args(["--dump-dom", url]);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_over_tls_and_http_2_fetches_hears_events_and_speaks_websocket() {
    let site = site().await;
    let (_server, port) = Script::serving("websocket.py", &["serve".to_owned()]);
    let gateway = gateway(&site, port);
    let profile = tempfile::tempdir().expect("a folder for the browser");
    let url = format!("https://localhost:{}/", gateway.address().port());
    let page = script::said(browser(profile.path(), &url)).await;
    for said in [
        "protocol h2",
        "fetched 200 edcba",
        "large true",
        "events event 0,event 1,event 2",
        "socket echo.v1 text binary 70000 closed 4001",
        "all at once 40",
    ] {
        assert!(page.contains(&format!("<li>{said}</li>")), "{said:?} is missing in {page}");
    }
    let log = gateway.wait_for_log(50);
    let of = |path: &str| log.iter().find(|line| line["path"] == path).unwrap_or_else(|| panic!("{path} in {log:?}"));
    assert_eq!((&of("/")["protocol"], &of("/")["outcome"]), (&"h2".into(), &"complete".into()));
    // A socket is one more stream of the connection (RFC 8441).
    assert_eq!((&of("/socket")["protocol"], &of("/socket")["upgrade"]), (&"h2".into(), &"websocket".into()));
    assert_eq!((&of("/events")["protocol"], &of("/events")["outcome"]), (&"h2".into(), &"client_gone".into()));
    assert!(gateway.stderr_lines().iter().all(|line| !line.contains("panicked")));
}
