//! The guest that fails at marked places: what the operator's log says of them, with line tables and without.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluicegate_tests::{Gateway, Upstream, guests, send};

const SOURCE: &str = include_str!("../../guests/clumsy/src/lib.rs");

/// The line that a mark stands on.
fn line(mark: &str) -> usize {
    let mark = format!("// place: {mark}");
    1 + SOURCE.lines().position(|line| line.ends_with(&mark)).expect("a line with the mark")
}

fn gateway(upstream: &str, file: &[u8], isolation: &str) -> Gateway {
    gateway_with(upstream, file, isolation, "")
}

fn gateway_with(upstream: &str, file: &[u8], isolation: &str, head: &str) -> Gateway {
    let config = format!(
        "{head}\n[plugins.clumsy]\nfile = \"clumsy.wasm\"\n[upstreams.service]\nurl = \"{upstream}\"\n[[routes]]\nname = \"all\"\nupstream = \
         \"service\"\nchain = [{{ plugin = \"clumsy\", isolation = \"{isolation}\" }}]\n"
    );
    Gateway::start(&config, &[("clumsy.wasm", file)])
}

/// What the log says of a request that does this.
async fn failure(gateway: &Gateway, act: &str) -> String {
    let before = gateway.stderr_lines().len();
    let request = Request::get(gateway.url("/")).header("x-do", act).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(send(request).await.status, 500);
    gateway.wait_for_stderr_after(before, "plugin failed")
}

#[tokio::test]
async fn a_trap_names_functions_and_lines_of_a_plugin_that_has_line_tables() {
    let upstream = Upstream::ok().await;
    for isolation in ["request", "pooled"] {
        let gateway = gateway(&upstream.url(), guests::CLUMSY_WITH_LINES, isolation);
        let place = |function: &str, mark: &str| format!("{function} (tests/guests/clumsy/src/lib.rs:{}:", line(mark));
        for (act, first, later) in [
            ("unwrap", place("guest_clumsy::unwrap_nothing", "unwrap"), Some("head")),
            ("copies", place("guest_clumsy::copy_and_fail", "copies"), None),
            ("inlined", place("inner", "inner"), Some("outer")),
        ] {
            let said = failure(&gateway, act).await;
            let (cause, places) = said.split_once("; at ").unwrap_or_else(|| panic!("no place in {said}"));
            assert!(cause.contains("wasm trap") && cause.contains("unreachable"), "{said}");
            assert!(places.starts_with(&first), "{first} is not first in {said}");
            if let Some(mark) = later {
                let line = format!("tests/guests/clumsy/src/lib.rs:{}:", line(mark));
                assert!(places.contains(&line), "{line} is not in {said}");
            }
            assert!(!places.contains("panicking") && !places.contains("/rustc/") && !places.contains("::h"), "{said}");
            assert!(places.matches("), ").count() < 8, "{said}");
        }
    }
}

/// Where it was when its time was up.
#[tokio::test]
async fn a_call_that_uses_up_its_cpu_says_where() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), guests::CLUMSY_WITH_LINES, "request");
    let said = failure(&gateway, "spin").await;
    let (cause, places) = said.split_once("; at ").unwrap_or_else(|| panic!("no place in {said}"));
    assert!(cause.contains("of CPU, its limit"), "{said}");
    assert!(places.contains("guest_clumsy::spin (tests/guests/clumsy/src/lib.rs:"), "{said}");
}

/// The tables are not part of what is kept on disk, and are there again after a start from it.
#[tokio::test]
async fn lines_are_known_when_compiled_code_comes_from_the_disk() {
    let upstream = Upstream::ok().await;
    let folder = tempfile::tempdir().unwrap();
    let head = format!("data_dir = \"{}\"", folder.path().display());
    let mut said = Vec::new();
    for _ in 0..2 {
        let gateway = gateway_with(&upstream.url(), guests::CLUMSY_WITH_LINES, "request", &head);
        let failure = failure(&gateway, "copies").await;
        let places = failure.split_once("; at ").expect("a place").1;
        said.push(places.split(" plugin=").next().unwrap_or_default().to_owned());
    }
    assert_eq!(said[0], said[1]);
    assert!(said[0].contains(&format!("clumsy/src/lib.rs:{}:", line("copies"))), "{said:?}");
}

#[tokio::test]
async fn a_plugin_without_line_tables_and_names_says_why_and_no_place() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), guests::CLUMSY, "request");
    let said = failure(&gateway, "unwrap").await;
    assert!(said.contains("wasm trap: wasm `unreachable` instruction executed"), "{said}");
    assert!(!said.contains("lib.rs") && !said.contains("backtrace"), "{said}");
}
