//! Answers on their way back: what a plugin may still read, and a limit that the gateway's own refusal is past, too.

use std::time::Duration;

use crate::support::{Ask, Cell, Origin, gateway};

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
