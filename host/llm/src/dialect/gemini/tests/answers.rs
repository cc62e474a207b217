//! A provider's answers that do not stream.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::read_answer;
use super::sum;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::{Broken, ProviderErrorKind};
use crate::usage::Usage;

pub fn response() -> Value {
    json!({
        "candidates": [{ "index": 0, "finishReason": "STOP", "safetyRatings": [], "content": { "role": "model", "parts": [
            { "text": "Hm", "thought": true },
            { "text": "Hi", "thoughtSignature": "T" },
            { "functionCall": { "name": "f", "args": { "x": 1 } }, "thoughtSignature": "S" },
            { "functionCall": { "id": "own", "name": "g" } },
            { "executableCode": { "code": "1" } },
        ] } }],
        "usageMetadata": {
            "promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
            "toolUsePromptTokenCount": 2, "totalTokenCount": 20,
        },
        "modelVersion": "gemini-3-001", "responseId": "r1",
    })
}

fn read_text(text: &str) -> Result<Vec<Event>, Broken> {
    read_answer(Operation::Chat, &Bytes::from(text.to_owned()))
}

fn read(answer: Value) -> Vec<Event> {
    read_text(&answer.to_string()).unwrap()
}

pub fn sealed(raw: &str) -> Piece {
    Piece::ThoughtSealed { family: Family::Gemini, raw: raw.to_owned() }
}

pub fn begin(tool: u32, id: &str, name: &str) -> Piece {
    Piece::ToolBegin { tool, id: id.to_owned(), name: name.to_owned() }
}

pub fn arguments(tool: u32, text: &str) -> Piece {
    Piece::ToolArguments { tool, text: text.to_owned() }
}

pub fn pieces() -> Vec<Piece> {
    vec![
        Piece::Thought("Hm".to_owned()),
        Piece::Text("Hi".to_owned()),
        sealed(r#"{"text":"","thoughtSignature":"T"}"#),
        sealed(r#"{"thoughtSignature":"S"}"#),
        begin(0, "call_0_0", "f"),
        arguments(0, "{\"x\":1}"),
        begin(1, "own", "g"),
        arguments(1, "{}"),
    ]
}

#[test]
fn an_answer_is_pieces_an_end_and_figures() {
    let events = read(response());
    let begin = Event::Begin { id: "r1".to_owned(), model: "gemini-3-001".to_owned(), created: None };
    assert_eq!((events.first(), events.last()), (Some(&begin), Some(&Event::Done)));
    let answer = sum(&events);
    assert_eq!(answer.choices[0].pieces, pieces());
    assert_eq!(answer.choices[0].end, Some(EndReason::ToolCalls));
    let usage = answer.usage.unwrap();
    let raw = usage.raw.clone();
    assert_eq!(serde_json::from_str::<Value>(&raw.clone().unwrap()).unwrap(), response()["usageMetadata"]);
    let (input_tokens, output_tokens) = (12, 8);
    let expected = Usage {
        input_tokens,
        cache_read_tokens: 4,
        cache_write_tokens: 0,
        output_tokens,
        reasoning_tokens: Some(3),
        raw,
    };
    assert_eq!(usage, expected);
}

#[test]
fn a_candidates_end_has_its_reason() {
    let cases = [
        ("STOP", EndReason::Stop),
        ("A_NEW_ONE", EndReason::Stop),
        ("MAX_TOKENS", EndReason::Length),
        ("SAFETY", EndReason::ContentFilter),
        ("RECITATION", EndReason::ContentFilter),
        ("BLOCKLIST", EndReason::ContentFilter),
        ("PROHIBITED_CONTENT", EndReason::ContentFilter),
        ("SPII", EndReason::ContentFilter),
        ("CONTINUATION", EndReason::Pause),
    ];
    for (word, reason) in cases {
        let answer = sum(&read(json!({ "candidates": [{ "finishReason": word }] })));
        assert_eq!((answer.choices[0].end, answer.done), (Some(reason), true), "{word}");
    }
}

#[test]
fn candidates_are_choices_by_their_number() {
    let candidate =
        |index, text| json!({ "index": index, "finishReason": "STOP", "content": { "parts": [{ "text": text }] } });
    let answer = sum(&read(json!({ "candidates": [candidate(1, "b"), candidate(0, "a")] })));
    let texts: Vec<String> = answer.choices.iter().map(|choice| choice.text()).collect();
    assert_eq!(texts, ["a", "b"]);
    // One that is left out says nothing of the others.
    let answer = sum(&read(json!({ "candidates": [candidate(1, "b")] })));
    assert_eq!((answer.choices.len(), answer.choices[0].end, answer.done), (2, None, true));
}

#[test]
fn a_blocked_prompt_ends_with_the_content_filter() {
    let events =
        read(json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": { "promptTokenCount": 3 } }));
    let end = Event::End { choice: 0, reason: EndReason::ContentFilter };
    assert_eq!(events[events.len() - 2..], [end, Event::Done]);
    assert_eq!(sum(&events).usage.unwrap().input_tokens, 3);
}

#[test]
fn an_answer_that_is_none_is_an_error_of_the_provider() {
    let candidate = json!({ "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "print(" });
    let events = read(json!({ "candidates": [candidate] }));
    let Some(Event::Error(error)) = events.last() else { panic!() };
    assert_eq!(error.kind, ProviderErrorKind::Server);
    assert_eq!(error.message, "The model's answer is none: MALFORMED_FUNCTION_CALL: print(");
    assert_eq!(error.code.as_deref(), Some("MALFORMED_FUNCTION_CALL"));
    let error = json!({ "error": { "code": 429, "message": "M", "status": "RESOURCE_EXHAUSTED" } });
    for body in [error.clone(), json!([error])] {
        let events = read(body);
        let [Event::Error(error)] = events.as_slice() else { panic!() };
        assert_eq!((error.kind, error.status), (ProviderErrorKind::RateLimited, 429));
    }
}

#[test]
fn tokens_are_counted() {
    let count = |body: Value| read_answer(Operation::CountTokens, &Bytes::from(body.to_string()));
    for (body, input_tokens) in [(json!({ "totalTokens": 31, "promptTokensDetails": [] }), 31), (json!({}), 0)] {
        let events = count(body).unwrap();
        assert_eq!(events[1..], [Event::Counted { input_tokens }, Event::Done]);
    }
    let message = count(json!({ "tokens": 1 })).unwrap_err().message;
    assert_eq!(message, "A count with `totalTokens` was expected, but it begins with `{\"tokens\":1}`.");
}

#[test]
fn what_is_no_answer_is_broken() {
    let page = format!("<html>\n{}", "x".repeat(200));
    let cases = [
        (
            page.as_str(),
            format!("An answer as a JSON object was expected, but it begins with `<html> {}`.", "x".repeat(57)),
        ),
        ("", "An answer as a JSON object was expected.".to_owned()),
        ("{\"a\":1}", "An answer as a JSON object was expected, but it begins with `{\"a\":1}`.".to_owned()),
        ("{\"candidates\":[{}]}", "The answer ended before its `finishReason`.".to_owned()),
        ("{\"candidates\":[]}", "The answer ended before its `finishReason`.".to_owned()),
        ("{\"candidates\":[{\"index\":128}]}", "The answer has a candidate beyond 128.".to_owned()),
    ];
    for (text, message) in cases {
        assert_eq!(read_text(text).unwrap_err().message, message);
    }
    let calls = |count| {
        let part = json!({ "functionCall": { "name": "f" } });
        let parts = vec![part; count];
        json!({ "candidates": [{ "finishReason": "STOP", "content": { "parts": parts } }] }).to_string()
    };
    assert!(read_text(&calls(1024)).is_ok());
    assert_eq!(read_text(&calls(1025)).unwrap_err().message, "A candidate calls more than 1024 tools.");
}
