//! Sockets that a service manager has opened, and what it is told.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sluicegate_tests::{Gateway, Upstream, binary, config, get, python};

/// Started with a socket at a port that the system chose; the configuration listens at what `address` makes of it.
fn activated(folder: &Path, upstream: &Upstream, address: impl Fn(u16) -> String) -> (Child, u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/pass_socket.py");
    let mut child = Command::new(python())
        .arg(script)
        .args(["127.0.0.1", "0"])
        .arg(binary())
        .args(["run", "-c", "sluicegate.toml"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse().unwrap();
    let text = format!(
        "access_log = \"off\"\n[[listen]]\naddress = \"{}\"\n{}",
        address(port),
        config::proxy(&upstream.url())
    );
    std::fs::write(folder.join("sluicegate.toml"), text).unwrap();
    writeln!(child.stdin.take().unwrap(), "go on").unwrap();
    (child, port)
}

#[tokio::test]
async fn connections_wait_in_a_socket_that_was_passed_in_until_the_gateway_serves_them() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::ok().await);
    let (mut child, port) = activated(folder.path(), &upstream, |port| format!("127.0.0.1:{port}"));
    // Nothing is waited for: the socket listened before the gateway ran.
    let reply = get(&format!("http://127.0.0.1:{port}/")).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "ok"));
}

#[tokio::test]
async fn a_socket_that_no_listener_wants_is_a_mistake() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::ok().await);
    let (child, port) = activated(folder.path(), &upstream, |_| "127.0.0.1:0".to_owned());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("listens on 127.0.0.1:{port}, and no `[[listen]]` does")), "{said}");
}

#[tokio::test]
async fn the_service_manager_is_told_when_it_serves_and_when_it_ends() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::ok().await);
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(sluicegate_tests::PATIENCE)).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let gateway = Gateway::try_start(&config::proxy(&upstream.url()), &[], &environment).unwrap();
    let mut told = [0; 64];
    let length = socket.recv(&mut told).unwrap();
    assert_eq!(&told[..length], b"READY=1");
    gateway.signal("TERM");
    let length = socket.recv(&mut told).unwrap();
    assert_eq!(&told[..length], b"STOPPING=1");
    assert!(gateway.wait().0.success());
}
