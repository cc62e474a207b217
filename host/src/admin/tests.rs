use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::{EventKind, RecursiveMode, Watcher};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

#[derive(Default)]
struct State {
    draining: AtomicBool,
    change_takes: Duration,
    traces: Arc<crate::chain::Traces>,
}

impl AdminState for State {
    fn ready(&self) -> Result<(), String> {
        if self.draining.load(Ordering::SeqCst) { Err("The gateway is about to end.".to_string()) } else { Ok(()) }
    }

    fn metrics_text(&self) -> String {
        "# EOF\n".to_string()
    }

    fn summary(&self) -> serde_json::Value {
        json!({"routes": ["chat"]})
    }

    fn status(&self) -> Value {
        json!({"generation": 1})
    }

    fn history(&self) -> Value {
        json!([])
    }

    fn generations(&self) -> Value {
        json!([])
    }

    fn end_generation(&self, id: u64) -> Result<(), String> {
        Err(format!("there is no live generation {id}"))
    }

    fn trace(&self, request: TraceRequest) -> Result<TraceLines, ArmError> {
        self.traces.arm(request)
    }

    fn change(&self, change: ConfigChange) -> Changing {
        let wait = self.change_takes;
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            match change {
                ConfigChange::Reload => Ok(json!({"generation": 2})),
                _ => Err(json!({"stage": "config", "entry": null, "reason": "why", "mistakes": []})),
            }
        })
    }
}

/// A server on a free port, with a folder that holds its token file.
struct Running {
    address: AdminAddress,
    folder: TempDir,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn tcp() -> Running {
        Running::start(|_| AdminAddress::Tcp("127.0.0.1:0".parse().unwrap())).await
    }

    async fn start(address: impl Fn(&Path) -> AdminAddress) -> Running {
        Running::with_timeouts(address, Timeouts::default()).await
    }

    async fn with_timeouts(address: impl Fn(&Path) -> AdminAddress, timeouts: Timeouts) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("admin.token");
        write_token(&token_file, TOKEN, 0o600);
        let state = Arc::new(State { change_takes: timeouts.connection * 2, ..State::default() });
        let admin = Admin { address: address(folder.path()), token_file };
        let mut server = AdminServer::bind(&admin, state.clone()).await.unwrap();
        server.timeouts = timeouts;
        let address = server.address().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Running { address, folder, state, stop: Some(stop), task }
    }

    async fn connect(&self) -> Stream {
        match &self.address {
            AdminAddress::Tcp(address) => Box::new(TcpStream::connect(address).await.unwrap()),
            AdminAddress::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        }
    }

    /// The whole answer, without the fields that change.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
    }

    async fn status(&self, request: &str) -> u16 {
        self.ask(request).await.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn get(&self, path: &str, host: &str, authorization: &str) -> u16 {
        self.status(&format!("GET {path} HTTP/1.1\nhost: {host}\nauthorization: {authorization}\n\n")).await
    }
}

fn write_token(path: &Path, token: &str, mode: u32) {
    fs::write(path, format!("{token}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let running = Running::tcp().await;
    assert_eq!(running.status("GET /health HTTP/1.1\nhost: localhost\n\n").await, 200);
    assert_eq!(running.status("HEAD /ready HTTP/1.1\nhost: localhost\n\n").await, 200);
    running.state.draining.store(true, Ordering::SeqCst);
    assert_eq!(running.status("GET /health HTTP/1.1\nhost: localhost\n\n").await, 200);
    insta::assert_snapshot!(running.ask("GET /ready HTTP/1.1\nhost: localhost\nx-request-id: req-1\n\n").await, @r#"
    HTTP/1.1 503 Service Unavailable
    content-type: application/problem+json
    content-length: 151
    x-sluicegate-code: gateway_not_ready
    x-request-id: req-1
    cache-control: no-store
    x-content-type-options: nosniff
    connection: close

    {"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The gateway is about to end.","instance":"req-1","code":"gateway_not_ready"}
    "#);
}

#[tokio::test]
async fn metrics_and_config_need_the_token() {
    let running = Running::tcp().await;
    let right = format!("Bearer {TOKEN}");
    for path in ["/metrics", "/config"] {
        assert_eq!(running.get(path, "localhost", &right).await, 200);
        assert_eq!(running.get(path, "localhost", &right.replace("Bearer", "bearer")).await, 200);
        let wrong = [
            "Bearer 0123456789abcdef0123456789abcdee".to_string(),
            "Bearer".to_string(),
            "Bearer ".to_string(),
            format!("Basic {TOKEN}"),
            TOKEN.to_string(),
            format!("{right}0"),
            format!("{right}\nauthorization: {right}"),
        ];
        for wrong in wrong {
            assert_eq!(running.get(path, "localhost", &wrong).await, 401, "{wrong}");
        }
    }
    assert_eq!(running.get("/elsewhere", "localhost", "").await, 401);
    assert_eq!(running.get("/elsewhere", "localhost", &right).await, 404);
    insta::assert_snapshot!(running.ask("GET /config HTTP/1.1\nhost: localhost\nx-request-id: req-1\n\n").await, @r#"
    HTTP/1.1 401 Unauthorized
    www-authenticate: Bearer realm="sluicegate-admin"
    content-type: application/problem+json
    content-length: 193
    x-sluicegate-code: admin_unauthorized
    x-request-id: req-1
    cache-control: no-store
    x-content-type-options: nosniff
    connection: close

    {"type":"about:blank","title":"Unauthorized","status":401,"detail":"Send the admin token: `Authorization: Bearer` and what the token file holds.","instance":"req-1","code":"admin_unauthorized"}
    "#);
}

#[tokio::test]
async fn the_good_answers_are_what_the_state_reports() {
    let running = Running::tcp().await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\nhost: localhost\nauthorization: Bearer {TOKEN}\n\n");
    insta::assert_snapshot!(running.ask(&ask("/metrics")).await, @r"
    HTTP/1.1 200 OK
    content-type: application/openmetrics-text; version=1.0.0; charset=utf-8
    cache-control: no-store
    x-content-type-options: nosniff
    connection: close
    content-length: 6

    # EOF
    ");
    assert!(running.ask(&ask("/config")).await.ends_with(r#"{"routes":["chat"]}"#));
}

#[tokio::test]
async fn a_host_that_is_no_loopback_name_is_refused_whatever_its_token() {
    let running = Running::tcp().await;
    let right = format!("Bearer {TOKEN}");
    for host in ["localhost", "LOCALHOST:9901", "127.0.0.1:1", "127.1.2.3", "[::1]:9901"] {
        assert_eq!(running.get("/metrics", host, &right).await, 200, "{host}");
    }
    for host in ["rebound.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[fe80::1]", "0.0.0.0", ""] {
        assert_eq!(running.get("/metrics", host, &right).await, 400, "{host}");
        assert_eq!(running.get("/health", host, "").await, 400, "{host}");
    }
    assert_eq!(running.status("GET /health HTTP/1.0\n\n").await, 400);
    assert_eq!(running.status("GET /health HTTP/1.1\nhost: localhost\nhost: rebound.example\n\n").await, 400);
    assert_eq!(running.status("GET http://rebound.example/health HTTP/1.1\nhost: localhost\n\n").await, 400);
}

#[tokio::test]
async fn a_change_may_take_longer_than_any_other_connection() {
    let tcp = |_: &Path| AdminAddress::Tcp("127.0.0.1:0".parse().unwrap());
    let timeouts = Timeouts { head: HEAD_TIMEOUT, connection: Duration::from_millis(200) };
    let running = Running::with_timeouts(tcp, timeouts).await;
    let ask = |path: &str| {
        format!("POST {path} HTTP/1.1\nhost: localhost\nauthorization: Bearer {TOKEN}\ncontent-length: 0\n\n")
    };
    assert!(running.ask(&ask("/config/reload")).await.ends_with(r#"{"generation":2}"#));
    insta::assert_snapshot!(running.ask(&ask("/config")).await.lines().last().unwrap().split_once("\"code\"").unwrap().1, @r#":"admin_config_refused","entry":null,"mistakes":[],"reason":"why","stage":"config"}"#);
}

#[tokio::test]
async fn health_takes_get_and_head_only() {
    let running = Running::tcp().await;
    let answer = running.ask("POST /health HTTP/1.1\nhost: localhost\ncontent-length: 0\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{answer}");
}

#[tokio::test]
async fn a_head_past_the_limits_is_refused() {
    let running = Running::tcp().await;
    let many: String = (0..=HEADERS_MAX).map(|n| format!("x-{n}: 1\n")).collect();
    assert_eq!(running.status(&format!("GET /health HTTP/1.1\nhost: localhost\n{many}\n")).await, 431);
    let long = "x".repeat(2 * HEAD_BYTES_MAX);
    assert_eq!(running.status(&format!("GET /health HTTP/1.1\nhost: localhost\nx: {long}\n\n")).await, 431);
}

#[tokio::test]
async fn past_the_limit_of_connections_a_client_waits_until_one_ends() {
    let running = Running::tcp().await;
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = running.connect().await;
        stream.write_all(b"GET /").await.unwrap();
        idle.push(stream);
    }
    let ask = running.status("GET /health HTTP/1.1\nhost: localhost\n\n");
    let mut ask = pin!(ask);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut ask).await;
    assert!(early.is_err(), "answered with status {early:?} though every place was taken");
    idle.pop();
    assert_eq!(ask.await, 200);
}

#[tokio::test]
async fn a_head_that_does_not_end_and_a_connection_that_lasts_too_long_are_cut() {
    let tcp = |_: &Path| AdminAddress::Tcp("127.0.0.1:0".parse().unwrap());
    let (short, long) = (Duration::from_millis(50), Duration::from_secs(3600));
    for timeouts in [Timeouts { head: short, connection: long }, Timeouts { head: long, connection: short }] {
        let running = Running::with_timeouts(tcp, timeouts).await;
        let mut slow = running.connect().await;
        slow.write_all(b"GET /").await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut answer)).await;
        ended.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_unix_socket_takes_any_host_and_only_its_owner() {
    let mut running = Running::start(|folder| AdminAddress::Unix(folder.join("admin.sock"))).await;
    let path = running.folder.path().join("admin.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(running.get("/metrics", "anything", &format!("Bearer {TOKEN}")).await, 200);
    assert_eq!(running.get("/metrics", "anything", "").await, 401);

    let second = Listener::bind(&running.address).await.unwrap_err();
    assert!(second.to_string().contains("another process listens"), "{second}");

    running.stop.take();
    (&mut running.task).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_unix_socket_is_its_owners_alone_from_its_first_moment_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let (sender, events) = std::sync::mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event| drop(sender.send(event))).unwrap();
    watcher.watch(folder.path(), RecursiveMode::NonRecursive).unwrap();
    let listener = Listener::bind(&AdminAddress::Unix(path.clone())).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    drop(listener);
    let kinds = events.iter().map(|event: notify::Result<notify::Event>| event.unwrap().kind);
    let until_removed: Vec<_> = kinds.take_while(|kind| !kind.is_remove()).collect();
    assert!(until_removed.iter().any(EventKind::is_create), "{until_removed:?}");
    // The mode that it has now is the one that it was made with.
    assert!(!until_removed.iter().any(EventKind::is_modify), "{until_removed:?}");
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_a_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(Listener::bind(&AdminAddress::Unix(path.clone())).await.unwrap());

    fs::write(&path, "precious").unwrap();
    let error = Listener::bind(&AdminAddress::Unix(path.clone())).await.unwrap_err();
    assert!(matches!(error, AdminError::NotASocket(_)), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn an_address_beyond_loopback_is_refused() {
    let error = Listener::bind(&AdminAddress::Tcp("0.0.0.0:0".parse().unwrap())).await.unwrap_err();
    insta::assert_snapshot!(error, @"the admin address 0.0.0.0:0 is not a loopback address; use 127.0.0.1, [::1] or a Unix socket");
}

#[tokio::test]
async fn the_end_does_not_wait_for_an_idle_client() {
    let mut running = Running::tcp().await;
    let mut idle = running.connect().await;
    idle.write_all(b"GET /").await.unwrap();
    assert_eq!(running.status("GET /health HTTP/1.1\nhost: localhost\n\n").await, 200);
    running.stop.take();
    let ended = tokio::time::timeout(CLOSE_MAX + Duration::from_secs(5), &mut running.task).await;
    ended.unwrap().unwrap();
}

#[test]
fn a_token_is_made_once_with_mode_0600_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.token");
    let made = Token::load_or_create(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim_end().len(), 64);
    assert!(made.is(text.trim_end().as_bytes()));
    assert!(Token::load_or_create(&path).unwrap().is(text.trim_end().as_bytes()));
    assert_eq!(format!("{made:?}"), "Token(..)");

    let other = Token::load_or_create(&folder.path().join("other.token")).unwrap();
    assert!(!other.is(text.trim_end().as_bytes()));
}

#[test]
fn a_token_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.token");
    for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
        write_token(&path, TOKEN, mode);
        let error = Token::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("run `chmod 600 {}`", path.display())), "{error}");
        assert!(error.contains(&format!("(mode {mode:04o})")) && !error.contains(TOKEN), "{error}");
    }
    write_token(&path, TOKEN, 0o400);
    assert!(Token::load_or_create(&path).is_ok());
}

#[test]
fn a_token_file_without_a_usable_token_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.token");
    for text in [
        "",
        "short",
        &"x".repeat(TOKEN_BYTES_MAX_PLUS),
        "two lines that are long enough\nbut two of them",
        "0123456789abcdef 0123456789abcdef",
    ] {
        write_token(&path, text, 0o600);
        let error = Token::load_or_create(&path).unwrap_err();
        assert!(matches!(error, TokenError::Malformed(_)), "{text}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text}\n"));
    }
    assert!(matches!(Token::load_or_create(folder.path()).unwrap_err(), TokenError::NotAFile(_)));
    let error = Token::load_or_create(Path::new("/nowhere/admin.token")).unwrap_err();
    insta::assert_snapshot!(error, @"the admin token file /nowhere/admin.token cannot be made: No such file or directory (os error 2); make its folder, or choose another path");
}

const TOKEN_BYTES_MAX_PLUS: usize = token::TOKEN_BYTES_MAX + 1;
