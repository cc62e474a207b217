//! What is read of a provider's whole answer.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::read_answer;
use super::piece;
use crate::answer::{EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::ProviderErrorKind;
use crate::usage::Usage;

pub fn read(answer: &Value) -> Vec<Event> {
    read_answer(Operation::Chat, &Bytes::from(answer.to_string())).unwrap()
}

fn broken(operation: Operation, body: &'static str) -> String {
    read_answer(operation, &Bytes::from_static(body.as_bytes())).unwrap_err().message
}

pub fn whole() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-4", "stop_sequence": null,
        "content": [
            { "type": "thinking", "thinking": "Hm", "signature": "s" },
            { "type": "redacted_thinking", "data": "d" },
            { "type": "text", "text": "Hi", "citations": null },
            { "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} },
            { "type": "tool_use", "id": "toolu_1", "name": "f", "input": { "a": 1 } },
            { "type": "tool_use", "id": "toolu_2", "name": "g", "input": {} },
        ],
        "stop_reason": "tool_use",
        "usage": { "input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 7,
            "output_tokens_details": { "thinking_tokens": 3 }, "service_tier": "standard" },
    })
}

#[test]
fn a_message_is_read() {
    let events = read(&whole());
    let sealed = |raw: &str| piece(Piece::ThoughtSealed { family: Family::Anthropic, raw: raw.to_owned() });
    let Some(Event::Usage(usage)) = events.get(10) else { panic!("{events:?}") };
    assert!(usage.raw.as_ref().unwrap().contains(r#""service_tier":"standard""#));
    let expected = Usage {
        input_tokens: 325,
        cache_read_tokens: 300,
        cache_write_tokens: 20,
        output_tokens: 7,
        reasoning_tokens: Some(3),
        raw: usage.raw.clone(),
    };
    let begin = Event::Begin { id: "msg_1".into(), model: "claude-4".into(), created: None };
    let expected = [
        begin,
        piece(Piece::Thought("Hm".into())),
        sealed(&whole()["content"][0].to_string()),
        sealed(&whole()["content"][1].to_string()),
        piece(Piece::Text("Hi".into())),
        piece(Piece::ToolBegin { tool: 0, id: "toolu_1".into(), name: "f".into() }),
        piece(Piece::ToolArguments { tool: 0, text: "{\"a\":1}".into() }),
        piece(Piece::ToolBegin { tool: 1, id: "toolu_2".into(), name: "g".into() }),
        piece(Piece::ToolArguments { tool: 1, text: "{}".into() }),
        Event::End { choice: 0, reason: EndReason::ToolCalls },
        Event::Usage(expected),
        Event::Done,
    ];
    assert_eq!(events, expected);
}

#[test]
fn reasons_of_an_end_are_told_apart() {
    let cases = [
        ("end_turn", EndReason::Stop),
        ("max_tokens", EndReason::Length),
        ("model_context_window_exceeded", EndReason::Length),
        ("stop_sequence", EndReason::StopSequence),
        ("tool_use", EndReason::ToolCalls),
        ("pause_turn", EndReason::Pause),
        ("refusal", EndReason::Refusal),
        ("of tomorrow", EndReason::Stop),
    ];
    for (word, reason) in cases {
        let events = read(&json!({ "content": [], "stop_reason": word }));
        assert_eq!(events[1..], [Event::End { choice: 0, reason }, Event::Done], "{word}");
    }
    let refused = read(&json!({ "content": [], "stop_reason": "refusal", "stop_details": { "explanation": "No." } }));
    assert_eq!(refused[1], piece(Piece::Refusal("No.".into())));
    let block = json!({ "type": "text", "text": "No." });
    let said = read(&json!({ "content": [block], "stop_reason": "refusal", "stop_details": { "explanation": "No." } }));
    assert_eq!(said[1..3], [piece(Piece::Text("No.".into())), Event::End { choice: 0, reason: EndReason::Refusal }]);
}

#[test]
fn a_count_is_read() {
    let events = read_answer(Operation::CountTokens, &Bytes::from_static(b"{\"input_tokens\":14}")).unwrap();
    assert_eq!(events, [Event::Counted { input_tokens: 14 }, Event::Done]);
}

#[test]
fn an_error_in_place_of_an_answer_is_an_error() {
    let events = read(&json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }));
    let [Event::Error(error)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((error.kind, error.status, error.message.as_str()), (ProviderErrorKind::Overloaded, 529, "Overloaded"));
}

#[test]
fn what_is_no_answer_is_broken() {
    let message = "A message as a JSON object was expected, but it begins with";
    assert_eq!(broken(Operation::Chat, "<html>"), format!("{message} `<html>`."));
    assert_eq!(broken(Operation::Chat, "{\"a\":1}"), format!("{message} `{{\"a\":1}}`."));
    assert_eq!(broken(Operation::Chat, ""), "A message as a JSON object was expected.");
    assert_eq!(
        broken(Operation::CountTokens, "{}"),
        "A count of tokens as a JSON object was expected, but it begins with `{}`."
    );
    let long: &'static str = "é".repeat(100).leak();
    assert_eq!(broken(Operation::Chat, long), format!("{message} `{}`.", "é".repeat(32)));
    let many = json!({ "content": vec![json!({ "type": "tool_use", "id": "", "name": "f", "input": {} }); 1025] });
    let many = read_answer(Operation::Chat, &Bytes::from(many.to_string())).unwrap_err().message;
    assert_eq!(many, "The answer calls more than 1024 tools.");
}
