use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use super::*;
use crate::error::Fault;
use crate::telemetry::outcome::Outcome;

fn record(path: &str) -> Record {
    Record {
        time_unix_ms: 1_700_000_000_042,
        request_id: "req-1".to_string(),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_string()),
        client_address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        client_certificate: Some("CN=robot".to_string()),
        protocol: "h2",
        method: "POST".to_string(),
        authority: "api.example.com".to_string(),
        path: path.to_string(),
        route: Some("chat".to_string()),
        generation: 3,
        key_id: Some("0123456789ab".to_string()),
        consumer: Some("acme".to_string()),
        team: None,
        status: Some(429),
        outcome: Outcome::Rejected,
        fault: Some(Fault::Policy),
        code: Some("rate_limited".to_string()),
        decided_by: Some("limit".to_string()),
        plugins: vec!["api-key".to_string(), "limit".to_string()],
        versions: BTreeMap::from([("limit".to_string(), "canary")]),
        shadow: BTreeMap::from([("audit".to_string(), shadow())]),
        upstream: None,
        attempts: 0,
        tried: vec!["first".to_string()],
        request_bytes: 120,
        reply_bytes: 231,
        first_byte: Some(Duration::from_micros(812)),
        duration: Duration::from_micros(1033),
        upgrade: Some("websocket".to_string()),
        model: Some("small".to_string()),
        usage: sluicegate_llm::Seen {
            model: Some("small-2026".to_string()),
            usage: Some(sluicegate_llm::Usage {
                input_tokens: 12,
                cache_read_tokens: 4,
                output_tokens: 3,
                ..Default::default()
            }),
            done: true,
        },
        labels: BTreeMap::from([("model".to_string(), "small \"one\"\n".to_string())]),
        bypasses: BTreeMap::from([(Arc::from("headers"), 1)]),
    }
}

fn shadow() -> ShadowRecord {
    ShadowRecord {
        decision: "reject",
        phase: Some("head"),
        status: Some(403),
        code: Some("blocked".to_string()),
        why: Some("trap"),
        changed: ["request-head", "labels"].into(),
    }
}

fn as_is() -> Redact {
    Arc::new(|line| Cow::Borrowed(line))
}

#[test]
fn a_record_is_one_line_of_json() {
    insta::assert_snapshot!(record("/v1/chat/completions").to_line().unwrap());
    let bare = Record {
        trace_id: None,
        route: None,
        key_id: None,
        consumer: None,
        status: None,
        outcome: Outcome::ClientGone,
        fault: None,
        code: None,
        decided_by: None,
        plugins: Vec::new(),
        versions: BTreeMap::new(),
        shadow: BTreeMap::from([("audit".to_string(), ShadowRecord::default())]),
        first_byte: None,
        tried: Vec::new(),
        labels: BTreeMap::new(),
        bypasses: BTreeMap::new(),
        ..record("/\r\n{\"forged\":1}\u{1b}[0m")
    };
    let line = bare.to_line().unwrap();
    assert!(!line.contains(['\r', '\n', '\u{1b}']), "{line}");
    insta::assert_snapshot!(line);
}

#[test]
fn every_record_is_in_the_file_once_the_log_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    fs::write(&path, "from before\n").unwrap();
    let log = AccessLog::open(&config::AccessLog::File(path.clone()), as_is()).unwrap();
    for n in 0..1000 {
        log.log(record(&format!("/{n}")));
    }
    assert!(log.close());
    let text = fs::read_to_string(&path).unwrap();
    let paths: Vec<String> = text.lines().skip(1).map(path_of).collect();
    assert_eq!(paths, (0..1000).map(|n| format!("/{n}")).collect::<Vec<_>>());
    assert_eq!((log.dropped(), log.failed()), (0, 0));
    log.log(record("/late"));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_reopened_log_leaves_the_file_that_was_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let log = AccessLog::open(&config::AccessLog::File(path.clone()), as_is()).unwrap();
    log.log(record("/first"));
    wait_until(|| fs::read_to_string(&path).unwrap().ends_with('\n'));
    fs::rename(&path, &moved).unwrap();
    log.reopen();
    wait_until(|| path.exists());
    log.log(record("/second"));
    assert!(log.close());
    assert_eq!(path_of(fs::read_to_string(&moved).unwrap().trim_end()), "/first");
    assert_eq!(path_of(fs::read_to_string(&path).unwrap().trim_end()), "/second");
}

#[test]
fn a_log_that_cannot_be_opened_anew_is_written_on() {
    let folder = tempfile::tempdir().unwrap();
    let (home, moved) = (folder.path().join("logs"), folder.path().join("moved"));
    fs::create_dir(&home).unwrap();
    let log = AccessLog::open(&config::AccessLog::File(home.join("access.log")), as_is()).unwrap();
    fs::rename(&home, &moved).unwrap();
    log.reopen();
    log.log(record("/kept"));
    assert!(log.close());
    assert_eq!(path_of(fs::read_to_string(moved.join("access.log")).unwrap().trim_end()), "/kept");
}

#[test]
fn a_log_that_cannot_be_opened_says_where_and_how_to_mend_it() {
    let error = AccessLog::open(&config::AccessLog::File("/nowhere/access.log".into()), as_is()).unwrap_err();
    insta::assert_snapshot!(error, @r#"the access log /nowhere/access.log cannot be opened for appending: No such file or directory (os error 2); mend its path or permissions, or set the log to "stdout""#);
}

#[test]
fn a_log_that_is_off_takes_records_and_writes_none() {
    let log = AccessLog::open(&config::AccessLog::Off, as_is()).unwrap();
    assert!(!log.is_on());
    log.log(record("/"));
    assert!(log.close());
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_full_queue_drops_and_counts_and_makes_nobody_wait() {
    const QUEUE: usize = 10;
    const LINES: u64 = 1000;
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let output = Output::to(Gated { gate: gate.clone(), lines: lines.clone() });
    let log = AccessLog::start(output, as_is(), QUEUE).unwrap();
    let started = Instant::now();
    for n in 0..LINES {
        log.log(record(&format!("/{}", "x".repeat(n as usize))));
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    let dropped = log.dropped();
    assert!(dropped > 0, "the writer stands before a gate, and the queue holds {QUEUE}");
    drop(held);
    assert!(log.close());
    let written = lines.lock().unwrap().iter().filter(|byte| **byte == b'\n').count() as u64;
    assert_eq!(written, LINES - dropped);
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let log = AccessLog::start(Output::to(Broken), as_is(), 1000).unwrap();
    for _ in 0..100 {
        log.log(record(&"/x".repeat(5000)));
    }
    assert!(log.close());
    assert_eq!(log.failed(), 100);
}

#[test]
fn secrets_are_taken_out_before_a_line_is_written() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let redact: Redact = Arc::new(|line| Cow::Owned(line.replace("hunter2", "[redacted]")));
    let log = AccessLog::start(Output::to(Gated { gate: Arc::default(), lines: lines.clone() }), redact, 10).unwrap();
    log.log(record("/hunter2"));
    assert!(log.close());
    assert_eq!(path_of(std::str::from_utf8(&lines.lock().unwrap()).unwrap().trim_end()), "/[redacted]");
}

/// Writes only while the gate is open.
struct Gated {
    gate: Arc<Mutex<()>>,
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _open = self.gate.lock().unwrap();
        self.lines.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("disk full"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn path_of(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["path"].as_str().unwrap().to_string()
}

fn wait_until(condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(10), "waited in vain");
        thread::yield_now();
    }
}
