//! Whole answers and errors.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{read_answer, read_error};
use super::sum;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::{Broken, ProviderErrorKind};
use crate::usage::Usage;

pub fn answer() -> Value {
    json!({
        "metrics": { "latencyMs": 1 },
        "output": { "message": { "role": "assistant", "content": [
            { "reasoningContent": { "reasoningText": { "text": "So", "signature": "sig" } } },
            { "reasoningContent": { "redactedContent": "c2VhbGVk" } },
            { "text": "Hi" },
            { "toolUse": { "toolUseId": "tooluse_1", "name": "f", "input": { "a": 1 } } },
            { "somethingNew": {} },
        ] } },
        "stopReason": "tool_use",
        "usage": {
            "inputTokens": 10, "outputTokens": 5, "totalTokens": 42, "cacheReadInputTokens": 20, "cacheWriteInputTokens": 7,
        },
    })
}

fn read(value: &Value) -> Result<Vec<Event>, Broken> {
    read_answer(Operation::Chat, &Bytes::from(value.to_string()))
}

pub fn pieces() -> Vec<Piece> {
    let sealed = |raw: &str| Piece::ThoughtSealed { family: Family::Anthropic, raw: raw.to_owned() };
    vec![
        Piece::Thought("So".to_owned()),
        sealed(r#"{"type":"thinking","thinking":"So","signature":"sig"}"#),
        sealed(r#"{"type":"redacted_thinking","data":"sealed"}"#),
        Piece::Text("Hi".to_owned()),
        Piece::ToolBegin { tool: 0, id: "tooluse_1".to_owned(), name: "f".to_owned() },
        Piece::ToolArguments { tool: 0, text: r#"{"a":1}"#.to_owned() },
    ]
}

#[test]
fn an_answer_is_read_and_its_cache_counts_as_input() {
    let found = sum(&read(&answer()).unwrap());
    assert_eq!(found.choices[0].pieces, pieces());
    assert_eq!((found.choices[0].end, found.done), (Some(EndReason::ToolCalls), true));
    let usage = found.usage.unwrap();
    assert_eq!(usage.raw.clone().unwrap(), answer()["usage"].to_string());
    assert_eq!(
        Usage { raw: None, ..usage },
        Usage {
            input_tokens: 37,
            cache_read_tokens: 20,
            cache_write_tokens: 7,
            output_tokens: 5,
            reasoning_tokens: None,
            raw: None
        }
    );
}

#[test]
fn every_reason_of_an_end_has_its_own() {
    let cases = [
        ("end_turn", EndReason::Stop),
        ("a_new_one", EndReason::Stop),
        ("stop_sequence", EndReason::StopSequence),
        ("max_tokens", EndReason::Length),
        ("model_context_window_exceeded", EndReason::Length),
        ("content_filtered", EndReason::ContentFilter),
        ("guardrail_intervened", EndReason::ContentFilter),
    ];
    for (word, reason) in cases {
        let mut answer = answer();
        answer["stopReason"] = word.into();
        assert_eq!(sum(&read(&answer).unwrap()).choices[0].end, Some(reason), "{word}");
    }
    for word in ["malformed_model_output", "malformed_tool_use"] {
        let mut answer = answer();
        answer["stopReason"] = word.into();
        assert!(matches!(read(&answer).unwrap().last(), Some(Event::Error(_))), "{word}");
    }
}

#[test]
fn a_count_is_read() {
    let events = read_answer(Operation::CountTokens, &Bytes::from_static(br#"{"inputTokens":7}"#)).unwrap();
    assert_eq!(events[1..], [Event::Counted { input_tokens: 7 }, Event::Done]);
}

#[test]
fn what_is_no_answer_is_an_error_or_broken() {
    let error = json!({ "__type": "com.amazon.coral.service#ThrottlingException", "message": "Slow" });
    let events = read(&error);
    let Ok([Event::Error(error)]) = events.as_deref() else { panic!() };
    assert_eq!((error.kind, error.status), (ProviderErrorKind::RateLimited, 429));
    let page = Bytes::from(format!("<html>{}", "x".repeat(99)));
    assert_eq!(
        read_answer(Operation::Chat, &page).unwrap_err().message,
        format!("An answer as a JSON object was expected, but it begins with `<html>{}`.", "x".repeat(58))
    );
    assert!(read(&json!({})).is_err());
}

#[test]
fn errors_have_the_kind_of_their_name_or_their_status() {
    use ProviderErrorKind as Kind;
    let cases = [
        (400, r#"{"message":"Malformed input request"}"#, Kind::Invalid, None),
        (
            400,
            r#"{"__type":"ServiceQuotaExceededException","message":"Full"}"#,
            Kind::Exhausted,
            Some("ServiceQuotaExceededException"),
        ),
        (
            403,
            r#"{"message":"You don't have access to the model with the specified model ID."}"#,
            Kind::Permission,
            None,
        ),
        (403, r#"{"message":"The security token included in the request is invalid."}"#, Kind::Authentication, None),
        (404, r#"{"message":"No such model"}"#, Kind::NotFound, None),
        (408, r#"{"message":"Slow"}"#, Kind::Timeout, None),
        (424, r#"{"message":"The model failed"}"#, Kind::Server, None),
        (
            429,
            r#"{"code":"ModelNotReadyException:http://x","Message":"Wait"}"#,
            Kind::Overloaded,
            Some("ModelNotReadyException"),
        ),
        (429, r#"{"message":"Too many requests"}"#, Kind::RateLimited, None),
        (500, "", Kind::Server, None),
        (503, "<html>", Kind::Overloaded, None),
        (502, "\u{0}\u{ff}", Kind::Server, None),
    ];
    for (status, body, kind, code) in cases {
        let error = read_error(status, body.as_bytes());
        assert_eq!((error.kind, error.status, error.code.as_deref()), (kind, status, code), "{body}");
        assert!(!error.message.is_empty());
    }
}
