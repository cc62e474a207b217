//! Answers on their way back: what a plugin may still read, and a limit that the gateway's own refusal is past, too.

use std::time::Duration;

use serde_json::json;

use crate::support::{Ask, Cell, Origin, WHOLE, gateway};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_answer_past_a_plugins_own_limit_is_refused_once() {
    let origin = Origin::start().await;
    // The refusal has more than four bytes as well.
    let small = Cell { name: "small", entry: r#"config = { reply_body = "buffered", reply_bytes_max = 4 }"# };
    let gateway = gateway(&origin, "", &[small]);
    let heard = tokio::time::timeout(LONG, Ask::get("/small").send(gateway.address())).await.expect("an answer");
    assert_eq!(heard.status, 502);
    assert!(heard.text().contains("policy_cannot_buffer"), "{}", heard.text());
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!((line["outcome"].as_str(), line["decided_by"].as_str()), (Some("rejected"), Some("small")));
}

#[tokio::test]
async fn fields_of_an_answer_can_be_read_in_finish() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "plain", entry: "config = {}" }]);
    let heard = Ask::get("/plain").field("x-bytes", "kept").send(gateway.address()).await;
    assert_eq!((heard.status, heard.field("x-bytes-back")), (200, Some(&b"kept"[..])));
    assert_eq!(gateway.wait_for_log(1)[0]["labels"]["bytes-back"], "kept");
}

#[tokio::test]
async fn a_stream_of_events_with_line_ends_of_two_bytes_ends_with_an_error_event_of_its_own() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "events", entry: "config = {}" }]);
    let ask = Ask::to("/events").field("x-do", "reply-body=trap").field("x-origin", "events-crlf");
    let mut talk = ask.field("content-length", "0").open(gateway.address()).await;
    talk.hear("data: 1\r\n\r\n").await;
    origin.go_on();
    let heard = talk.hear_out().await;
    let text = heard.text();
    let event = text.strip_prefix("data: 1\r\n\r\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let event: serde_json::Value = serde_json::from_str(event.expect("one more event")).expect("an error object");
    assert_eq!(event["error"]["code"], "policy_failed");
}

#[tokio::test]
async fn an_answer_of_grpc_is_never_buffered() {
    let origin = Origin::start().await;
    let entry = |on_error: &str| format!("on_error = \"{on_error}\", config = {{ reply_body = \"buffered\" }}");
    let (allow, deny) = (entry("allow"), entry("deny"));
    let gateway = gateway(&origin, "", &[Cell { name: "allow", entry: &allow }, Cell { name: "deny", entry: &deny }]);
    let ask = |name: &str| Ask::to(&format!("/{name}")).field("x-origin", "grpc").field("content-length", "0");
    let mut talk = ask("allow").open(gateway.address()).await;
    // It goes on before the upstream has said all: nobody waits for its end.
    talk.hear("first\n").await;
    origin.go_on();
    let heard = talk.hear_out().await;
    assert_eq!((heard.status, heard.text().as_str(), heard.complete), (200, WHOLE, true));
    // Lines may overtake each other.
    gateway.wait_for_log(1);
    let refused = ask("deny").open(gateway.address()).await.hear_out().await;
    assert_eq!(
        (refused.status, refused.field("x-sluicegate-code")),
        (502, Some(&b"policy_cannot_buffer"[..])),
        "{refused:?}"
    );
    let log = gateway.wait_for_log(2);
    assert_eq!((&log[0]["bypasses"], &log[1]["bypasses"]), (&json!({ "allow": 1 }), &json!({})));
}
