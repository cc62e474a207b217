//! Streams of frames.

use serde_json::{Value, json};

use super::super::frame::tests::frame;
use super::{answers, read_pieces, sum};
use crate::answer::{EndReason, Event};
use crate::error::ProviderErrorKind;

fn event(name: &str, payload: &Value) -> Vec<u8> {
    let headers = [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")];
    frame(&headers, payload.to_string().as_bytes())
}

fn events() -> Vec<Vec<u8>> {
    let delta =
        |index: u64, delta: Value| event("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": delta }));
    let stop = |index: u64| event("contentBlockStop", &json!({ "contentBlockIndex": index }));
    let used = json!({ "toolUse": { "toolUseId": "tooluse_1", "name": "f" } });
    vec![
        event("messageStart", &json!({ "role": "assistant" })),
        delta(0, json!({ "reasoningContent": { "text": "S" } })),
        delta(0, json!({ "reasoningContent": { "text": "o" } })),
        delta(0, json!({ "reasoningContent": { "signature": "sig" } })),
        stop(0),
        delta(1, json!({ "reasoningContent": { "redactedContent": "c2VhbGVk" } })),
        stop(1),
        event("somethingNew", &json!([])),
        delta(2, json!({ "text": "H" })),
        delta(2, json!({ "text": "i" })),
        stop(2),
        event("contentBlockStart", &json!({ "contentBlockIndex": 3, "start": used })),
        delta(3, json!({ "toolUse": { "input": "{\"a\"" } })),
        delta(3, json!({ "toolUse": { "input": ":1}" } })),
        stop(3),
        event("messageStop", &json!({ "stopReason": "tool_use" })),
        event("metadata", &json!({ "usage": answers::answer()["usage"], "metrics": { "latencyMs": 1 } })),
    ]
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let (found, end) = read_pieces(&[&events().concat()]);
    assert_eq!((end, found.last()), (Ok(()), Some(&Event::Done)));
    let found = sum(&found);
    assert_eq!(found.choices[0].pieces, answers::pieces());
    assert_eq!(found.choices[0].end, Some(EndReason::ToolCalls));
    assert_eq!(found.usage.unwrap().input_tokens, 37);
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_events() {
    let bytes = events().concat();
    let expected = read_pieces(&[&bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(read_pieces(&[&bytes[..at], &bytes[at..]]), expected, "{at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read_pieces(&single), expected);
}

#[test]
fn a_stream_that_ends_early_is_broken() {
    let (bytes, whole) = (events().concat(), events());
    for at in 0..bytes.len() {
        let (found, end) = read_pieces(&[&bytes[..at]]);
        assert!(end.is_err() && !found.contains(&Event::Done), "{at}");
    }
    let sentence = |frames: usize| read_pieces(&[&whole[..frames].concat()]).1.unwrap_err().message;
    assert_eq!(sentence(0), "The stream ended before its `messageStart` event.");
    assert_eq!(sentence(3), "The stream ended before its `messageStop` event.");
    assert_eq!(sentence(whole.len() - 1), "The stream ended before its `metadata` event.");
    assert_eq!(read_pieces(&[&bytes[..9]]).1.unwrap_err().message, "The stream ended in the middle of a frame.");
}

#[test]
fn exceptions_and_errors_end_a_stream() {
    let cases = [
        ("throttlingException", ProviderErrorKind::RateLimited, 429),
        ("serviceUnavailableException", ProviderErrorKind::Overloaded, 503),
        ("validationException", ProviderErrorKind::Invalid, 400),
        ("modelStreamErrorException", ProviderErrorKind::Server, 500),
        ("internalServerException", ProviderErrorKind::Server, 500),
        ("aNewException", ProviderErrorKind::Server, 500),
    ];
    for (name, kind, status) in cases {
        let headers = [(":exception-type", name), (":message-type", "exception")];
        let bytes = [events()[..9].concat(), frame(&headers, br#"{"message":"No"}"#), events()[9..].concat()].concat();
        let (found, end) = read_pieces(&[&bytes]);
        let Some(Event::Error(error)) = found.last() else { panic!("{name}") };
        assert_eq!((end, error.kind, error.status, error.message.as_str()), (Ok(()), kind, status, "No"), "{name}");
    }
    let headers = [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "Oh")];
    let (found, _) = read_pieces(&[&frame(&headers, b"")]);
    let Some(Event::Error(error)) = found.last() else { panic!() };
    assert_eq!((error.kind, error.message.as_str()), (ProviderErrorKind::Server, "Oh"));
}

#[test]
fn what_is_no_stream_is_an_error_or_broken() {
    let (found, end) = read_pieces(&[br#"{"message":"#, br#""No"}"#]);
    assert!(matches!((found.as_slice(), end), ([Event::Error(_)], Ok(()))));
    let (_, end) = read_pieces(&[b"<html>"]);
    assert_eq!(end.unwrap_err().message, "A stream was expected, but it begins with `<html>`.");
    let input = json!({ "contentBlockIndex": 0, "delta": { "toolUse": { "input": "{" } } });
    let (_, end) = read_pieces(&[&event("contentBlockDelta", &input)]);
    assert_eq!(end.unwrap_err().message, "A piece of a tool's input comes before the call's beginning.");
    let used = json!({ "contentBlockIndex": 0, "start": { "toolUse": { "toolUseId": "a", "name": "f" } } });
    let (_, end) = read_pieces(&[&event("contentBlockStart", &used).repeat(1025)]);
    assert_eq!(end.unwrap_err().message, "The answer calls more than 1024 tools.");
}

#[test]
fn thoughts_that_are_kept_have_a_limit() {
    let text = json!({ "delta": { "reasoningContent": { "text": "x".repeat(1 << 20) } } });
    let (_, end) = read_pieces(&[&event("contentBlockDelta", &text).repeat(5)]);
    assert_eq!(end.unwrap_err().message, "The thoughts of the answer are longer than 4194304 bytes.");
}
