//! What a policy writes in its own ways reaches the operator's log: level, place and the name of the chain entry.

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin};

async fn gateway(origin: &Origin) -> Gateway {
    let config = format!(
        r#"
data_dir = "data"

[plugins.scribe]
file = "scribe.wasm"

[upstreams.origin]
url = "{}"

[[routes]]
name = "all"
upstream = "origin"
chain = [{{ plugin = "scribe", name = "the-scribe" }}]
"#,
        origin.url()
    );
    let files = [("scribe.wasm", guests::SCRIBE)];
    Gateway::try_start(&config, &files, &[("SLUICEGATE_LOG", "info,plugin=trace")]).unwrap()
}

/// The line's level and all that follows it.
fn said(gateway: &Gateway, text: &str) -> String {
    let line = gateway.wait_for_stderr(text);
    let begin = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].iter().find_map(|level| line.find(level));
    line[begin.unwrap_or(0)..].to_owned()
}

#[tokio::test]
async fn what_the_macros_of_log_and_tracing_write_reaches_the_operator_with_its_level() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin).await;
    assert_eq!(Ask::to("/here").send(gateway.address()).await.status, 200);
    for (level, text) in [
        ("INFO", "written by log in configure"),
        ("INFO", "written by the SDK"),
        ("ERROR", "written by log at error"),
        ("WARN", "written by log at warn, /here"),
        ("INFO", "written by log at info"),
        ("DEBUG", "written by log at debug"),
        ("TRACE", "written by log at trace"),
        ("INFO", "some_crate::inner: written by another crate"),
        ("WARN", "written by tracing path=\"/here\""),
    ] {
        let line = said(&gateway, text);
        assert!(line.starts_with(level) && line.contains("the-scribe"), "{line}");
        // Where it stands in front of the text, it is somebody else's.
        assert!(!line.contains("guest_scribe"), "{line}");
    }
}

#[tokio::test]
async fn a_panic_tells_the_operator_message_place_and_entry() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin).await;
    let asked = Ask::to("/here").field("x-panic", "1").send(gateway.address()).await;
    assert_eq!(asked.status, 500);
    assert!(!asked.text().contains("told to panic"), "the client learns nothing of it: {}", asked.text());
    let line = said(&gateway, "told to panic at /here");
    assert!(line.starts_with("ERROR") && line.contains("the-scribe"), "{line}");
    assert!(line.contains("tests/guests/scribe/src/lib.rs:26:9: told to panic"), "{line}");
}
