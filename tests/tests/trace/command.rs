//! `sluicegate trace`: what a person and what a program reads.

use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sluicegate_tests::{Gateway, Said, Upstream, binary, get, sluicegate};

use crate::support::*;

/// The command at work, once it says that it waits.
fn start(gateway: &Gateway, words: &[&str]) -> Child {
    let admin = gateway.admin().trim_start_matches("http://");
    let mut command = Command::new(binary());
    command.arg("trace").args(words).args(["--admin", admin]).current_dir(gateway.folder());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = String::new();
    let mut stderr = std::io::BufReader::new(child.stderr.as_mut().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut waiting).unwrap();
    assert!(waiting.starts_with("waiting for "), "{waiting}");
    child
}

fn output(child: Child) -> (bool, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn a_person_reads_a_table_without_colours_in_a_pipe() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let child = start(&gateway, &["--route", "all", "--path", "/"]);
    get(&gateway.url("/shop")).await;
    let (success, text) = output(child);
    assert!(success, "{text}");
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(&format!("GET {}/shop → 200, complete, ", gateway.address())), "{text}");
    for line in ["editor   proceed", "request: set x-a: b", "answer: remove x-from", "attempt", "service"] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
    assert!(!text.contains('\x1b'));
}

#[tokio::test]
async fn a_program_reads_the_lines_as_they_come() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let child = start(&gateway, &["--json", "--count", "2"]);
    get(&gateway.url("/a")).await;
    get(&gateway.url("/b")).await;
    let (success, text) = output(child);
    assert!(success);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert_eq!((&lines[1]["exchange"]["path"], &lines[2]["exchange"]["path"]), (&"/a".into(), &"/b".into()));
    assert_eq!((&lines[0]["armed"]["count"], &lines[3]["ended"]["why"]), (&2.into(), &"count".into()));
}

#[tokio::test]
async fn nothing_seen_and_nothing_understood_are_errors() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "");
    let admin = gateway.admin().trim_start_matches("http://").to_owned();
    let run = |words: &[&str]| -> Said {
        let words = [&["trace", "--admin", &admin], words].concat();
        sluicegate(gateway.folder(), &words)
    };
    for (words, error) in [
        (&["--timeout", "1"][..], "error: no request that matches was served within 1 seconds\n"),
        (&["--route", "none"], "error: There is no route `none`; the routes are: all.\n"),
        (&["--header", "x-a"], "error: `x-a` is no header field; write NAME=VALUE, such as x-team=blue\n"),
        (&["--count", "0"], "error: A trace takes 1 to 100 requests, not 0.\n"),
    ] {
        let said = run(words);
        assert_eq!(said.status, 1, "{words:?}: {said:?}");
        assert!(said.stderr.ends_with(error), "{words:?}: {}", said.stderr);
        assert_eq!(said.stdout, "");
    }
}
