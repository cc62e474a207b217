//! Which bodies are looked at, and what is counted.

use serde_json::json;
use sluicegate_plugin::testing::Exchange;
use sluicegate_plugin::{Phase, Piece};

use super::{answer, everything, policy, read, sent};

#[test]
fn only_bodies_of_text_are_looked_at() {
    let policy = everything();
    for (content_type, looked_at) in [
        ("text/plain; charset=utf-8", true),
        ("Application/JSON", true),
        ("application/problem+json", true),
        ("text/event-stream", true),
        ("application/x-ndjson", true),
        ("application/octet-stream", false),
        ("image/png", false),
        ("", false),
    ] {
        let expected = if looked_at { "a [email]" } else { "a ann@example.com" };
        assert_eq!(read(&policy, content_type, "a ann@example.com"), expected, "{content_type}");
        let mut request = Exchange::new("POST", "/").header("content-type", content_type);
        let piece = policy.body(&mut request, b"a ann@example.com", true);
        let expected = if looked_at { Piece::Replace(b"a [email]".to_vec()) } else { Piece::Pass };
        assert_eq!(piece, expected, "{content_type}");
    }
}

#[test]
fn the_config_says_which_types_are_text() {
    let policy = policy(json!({ "kinds": ["email"], "content_types": ["application/x-own", "+xml"] }));
    assert_eq!(read(&policy, "application/x-own;a=b", "ann@example.com"), "[email]");
    assert_eq!(read(&policy, "application/atom+xml", "ann@example.com"), "[email]");
    assert_eq!(read(&policy, "text/plain", "ann@example.com"), "ann@example.com");
    let policy = super::policy(json!({ "kinds": ["email"], "content_types": ["*"] }));
    let mut exchange = Exchange::new("GET", "/");
    exchange.reply(200, &[]);
    policy.reply_head(&mut exchange);
    assert_eq!(sent(&policy, &mut exchange, &["ann@example.com"]), b"[email]");
}

#[test]
fn a_body_that_is_not_named_is_not_met() {
    let request = policy(json!({ "kinds": ["email"], "bodies": ["request"] }));
    assert_eq!(request.setup().phases, ["body"]);
    let reply = policy(json!({ "kinds": ["email"], "bodies": ["reply"] }));
    assert_eq!(reply.setup().phases, ["reply-head", "reply-body"]);
    assert!(everything().runs(Phase::Body) && everything().runs(Phase::ReplyBody));
}

#[test]
fn a_request_and_its_answer_do_not_meet_in_the_notes() {
    let policy = everything();
    let mut exchange = Exchange::new("POST", "/").header("content-type", "text/plain");
    assert_eq!(policy.body(&mut exchange, b"to ann@exa", false), Piece::Replace(b"to ".to_vec()));
    exchange.reply(200, &[("content-type", "text/plain")]);
    policy.reply_head(&mut exchange);
    assert_eq!(policy.reply_body(&mut exchange, b"for bob@", false), Piece::Replace(b"for ".to_vec()));
    assert_eq!(policy.body(&mut exchange, b"mple.com", true), Piece::Replace(b"[email]".to_vec()));
    assert_eq!(policy.reply_body(&mut exchange, b"example.com", true), Piece::Replace(b"[email]".to_vec()));
}

#[test]
fn what_is_held_of_an_answer_is_not_in_the_one_that_replaces_it() {
    let policy = everything();
    let mut exchange = answer(&policy, "text/plain");
    assert_eq!(policy.reply_body(&mut exchange, b"ann@exam", false), Piece::Replace(Vec::new()));
    exchange.reply(503, &[("content-type", "application/problem+json")]);
    policy.reply_head(&mut exchange);
    assert_eq!(policy.reply_body(&mut exchange, b"{\"status\":503}", true), Piece::Pass);
}

#[test]
fn matches_are_counted_by_kind() {
    let policy = policy(json!({ "kinds": ["email", "card"], "words": ["falcon"] }));
    let declared: Vec<&str> = policy.setup().metrics.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(declared, ["redacted_email", "redacted_card", "redacted_word"]);
    let mut exchange = answer(&policy, "text/plain");
    sent(&policy, &mut exchange, &["a@b.de c@d", ".fr and 41111111", "11111111, Falcon", " and +4930123456"]);
    let counts = declared.iter().map(|name| exchange.counted(name)).collect::<Vec<_>>();
    assert_eq!((counts, exchange.counted("redacted_phone")), (vec![2, 1, 1], 0));
}

#[test]
fn masks_are_the_configs() {
    let policy = policy(json!({ "kinds": ["email", "ip"], "masks": { "email": "•", "ip": "" } }));
    assert_eq!(read(&policy, "text/plain", "ann@example.com 192.0.2.1 bob@example.com"), "•  •");
}
