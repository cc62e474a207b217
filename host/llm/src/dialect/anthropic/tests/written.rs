//! What a client gets: whole answers and streams.

use serde_json::{Value, json};

use super::super::write_answer;
use super::{piece, read, read_pieces, sum, write_bytes, write_events};
use crate::answer::{EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::Family;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::usage::Usage;

pub const SIGNED: &str = r#"{"type":"thinking","thinking":"Hm","signature":"s"}"#;
pub const REDACTED: &str = r#"{"type":"redacted_thinking","data":"d"}"#;

fn sealed(family: Family, raw: &str) -> Event {
    piece(Piece::ThoughtSealed { family, raw: raw.to_owned() })
}

fn text(text: &str) -> Event {
    piece(Piece::Text(text.into()))
}

fn begins(tool: u32, id: &str, name: &str) -> Event {
    piece(Piece::ToolBegin { tool, id: id.to_owned(), name: name.to_owned() })
}

fn argues(tool: u32, text: &str) -> Event {
    piece(Piece::ToolArguments { tool, text: text.to_owned() })
}

fn end(reason: EndReason) -> Event {
    Event::End { choice: 0, reason }
}

/// Every kind of piece, in between a begin and an end.
pub fn all() -> Vec<Event> {
    let usage = Usage {
        input_tokens: 325,
        cache_read_tokens: 300,
        cache_write_tokens: 20,
        output_tokens: 7,
        reasoning_tokens: Some(3),
        raw: None,
    };
    vec![
        Event::Begin { id: "chatcmpl-1.2".into(), model: "theirs".into(), created: Some(1) },
        piece(Piece::Thought("H".into())),
        piece(Piece::Thought("m".into())),
        sealed(Family::Anthropic, SIGNED),
        sealed(Family::Anthropic, REDACTED),
        piece(Piece::Thought("Other".into())),
        sealed(Family::OpenAi, "{}"),
        text("a"),
        text("b"),
        begins(0, "call_a", "f"),
        argues(0, "{\"a\":"),
        argues(0, "1}"),
        begins(1, "", "g"),
        text("c"),
        end(EndReason::ToolCalls),
        Event::Usage(usage),
        Event::Done,
    ]
}

fn usage() -> Value {
    json!({ "input_tokens": 5, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 7,
        "output_tokens_details": { "thinking_tokens": 3 } })
}

fn whole(call: &Call, events: &[Event]) -> Value {
    serde_json::from_slice(&write_answer(call, &sum(events))).unwrap()
}

#[test]
fn a_whole_answer_is_written() {
    let expected = json!({
        "id": "msg_chatcmpl-1_2", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            serde_json::from_str::<Value>(SIGNED).unwrap(),
            serde_json::from_str::<Value>(REDACTED).unwrap(),
            { "type": "thinking", "thinking": "Other", "signature": "" },
            { "type": "text", "text": "ab" },
            { "type": "tool_use", "id": "call_a", "name": "f", "input": { "a": 1 } },
            { "type": "tool_use", "id": "call_0_1", "name": "g", "input": {} },
            { "type": "text", "text": "c" },
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": usage(),
    });
    assert_eq!(whole(&read(json!({})).unwrap(), &all()), expected);
}

#[test]
fn a_stream_is_written_block_by_block() {
    let events = write_events(&read(json!({ "stream": true })).unwrap(), &all());
    let brief: Vec<String> = events
        .iter()
        .map(|(name, data)| {
            assert_eq!(data["type"], name.as_str());
            match name.as_str() {
                "content_block_start" => {
                    format!("+{} {}", data["index"], data["content_block"]["type"].as_str().unwrap())
                }
                "content_block_delta" => format!("{} {}", data["index"], data["delta"]),
                "content_block_stop" => format!("-{}", data["index"]),
                name => name.to_owned(),
            }
        })
        .collect();
    let delta = |index: u64, delta: Value| format!("{index} {delta}");
    let expected = [
        "message_start".to_owned(),
        "+0 thinking".to_owned(),
        delta(0, json!({ "type": "thinking_delta", "thinking": "H" })),
        delta(0, json!({ "type": "thinking_delta", "thinking": "m" })),
        delta(0, json!({ "type": "signature_delta", "signature": "s" })),
        "-0".to_owned(),
        "+1 redacted_thinking".to_owned(),
        "-1".to_owned(),
        "+2 thinking".to_owned(),
        delta(2, json!({ "type": "thinking_delta", "thinking": "Other" })),
        "-2".to_owned(),
        "+3 text".to_owned(),
        delta(3, json!({ "type": "text_delta", "text": "a" })),
        delta(3, json!({ "type": "text_delta", "text": "b" })),
        "-3".to_owned(),
        "+4 tool_use".to_owned(),
        delta(4, json!({ "type": "input_json_delta", "partial_json": "{\"a\":" })),
        delta(4, json!({ "type": "input_json_delta", "partial_json": "1}" })),
        "-4".to_owned(),
        "+5 tool_use".to_owned(),
        "+6 text".to_owned(),
        delta(6, json!({ "type": "text_delta", "text": "c" })),
        "-5".to_owned(),
        "-6".to_owned(),
        "message_delta".to_owned(),
        "message_stop".to_owned(),
    ];
    assert_eq!(brief, expected);
    let start = json!({ "id": "msg_chatcmpl-1_2", "type": "message", "role": "assistant", "model": "claude", "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": { "input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0 } });
    assert_eq!(events[0].1["message"], start);
    let last = json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use", "stop_sequence": null }, "usage": usage() });
    assert_eq!(events[24].1, last);
    assert_eq!(
        events[19].1["content_block"],
        json!({ "type": "tool_use", "id": "call_0_1", "name": "g", "input": {} })
    );
}

#[test]
fn arguments_of_several_calls_may_come_mixed() {
    let events = [
        begins(0, "a", "f"),
        begins(1, "b", "g"),
        argues(1, "{\"s\":\"}"),
        argues(0, "{}"),
        argues(1, "\\\"\"}"),
        Event::Done,
    ];
    let (read, end) = read_pieces(&[&write_bytes(&super::read(json!({})).unwrap(), &events)]);
    end.unwrap();
    let answer = sum(&read);
    assert_eq!(answer.choices[0].tool_calls(), [("a", "f", "{}"), ("b", "g", "{\"s\":\"}\\\"\"}")]);
}

#[test]
fn what_is_written_is_read_as_the_same_answer() {
    let call = read(json!({})).unwrap();
    let (events, end) = read_pieces(&[&write_bytes(&call, &all())]);
    end.unwrap();
    let (mut streamed, mut whole) = (sum(&events), sum(&super::answers::read(&whole(&call, &all()))));
    for answer in [&mut streamed, &mut whole] {
        answer.usage.as_mut().unwrap().raw = None;
    }
    // An empty object is written as such where an answer is whole, and so it is read.
    assert_eq!(streamed.choices[0].tool_calls(), whole.choices[0].tool_calls());
    assert_eq!(streamed.choices[0].text(), whole.choices[0].text());
    assert_eq!(streamed.choices[0].end, whole.choices[0].end);
    assert_eq!(streamed.usage, whole.usage);
    assert_eq!(streamed.id, whole.id);
}

#[test]
fn a_thought_that_comes_sealed_only_is_written_as_a_block() {
    let hidden = r#"{"type":"thinking","thinking":"","signature":"s"}"#;
    let call = read(json!({})).unwrap();
    for raw in [hidden, SIGNED] {
        let events = [sealed(Family::Anthropic, raw), text("a"), Event::Done];
        let (read, _) = read_pieces(&[&write_bytes(&call, &events)]);
        assert!(read.contains(&sealed(Family::Anthropic, raw)), "{read:?}");
        assert_eq!(whole(&call, &events)["content"][0], serde_json::from_str::<Value>(raw).unwrap());
    }
}

#[test]
fn reasons_of_an_end_are_written() {
    let cases = [
        (EndReason::Stop, "end_turn"),
        (EndReason::StopSequence, "stop_sequence"),
        (EndReason::Length, "max_tokens"),
        (EndReason::ToolCalls, "tool_use"),
        (EndReason::ContentFilter, "refusal"),
        (EndReason::Refusal, "refusal"),
        (EndReason::Pause, "pause_turn"),
    ];
    let call = read(json!({ "stop_sequences": ["END"] })).unwrap();
    for (reason, word) in cases {
        let events = [text("a"), end(reason), Event::Done];
        let answer = whole(&call, &events);
        let sequence = if reason == EndReason::StopSequence { json!("END") } else { Value::Null };
        assert_eq!((&answer["stop_reason"], &answer["stop_sequence"]), (&json!(word), &sequence));
        let streamed = write_events(&call, &events);
        let delta = &streamed[streamed.len() - 2].1["delta"];
        assert_eq!((&delta["stop_reason"], &delta["stop_sequence"]), (&json!(word), &sequence));
    }
    let refused = [piece(Piece::Refusal("No.".into())), end(EndReason::Stop), Event::Done];
    let answer = whole(&call, &refused);
    assert_eq!((&answer["stop_reason"], &answer["content"][0]["text"]), (&json!("refusal"), &json!("No.")));
    let two = read(json!({ "stop_sequences": ["A", "B"] })).unwrap();
    assert_eq!(whole(&two, &[end(EndReason::StopSequence)])["stop_sequence"], Value::Null);
}

#[test]
fn arguments_that_a_limit_has_cut_are_kept() {
    let events = [begins(0, "a", "f"), argues(0, "{\"a\":"), end(EndReason::Length), Event::Done];
    let answer = whole(&read(json!({})).unwrap(), &events);
    assert_eq!(answer["content"][0]["input"], json!({ "INVALID_JSON": "{\"a\":" }));
}

#[test]
fn a_stream_ends_as_it_ends_with_the_provider() {
    let error = ProviderError {
        kind: ProviderErrorKind::Overloaded,
        status: 503,
        message: "No room".into(),
        code: Some("busy".into()),
        param: None,
        retry_after: None,
    };
    let call = read(json!({})).unwrap();
    let written = write_events(&call, &[text("a"), Event::Error(error), text("b"), Event::Done]);
    let (name, data) = written.last().unwrap();
    assert_eq!(name, "error");
    assert_eq!(*data, json!({ "type": "error", "error": { "type": "overloaded_error", "message": "No room" } }));
    assert_eq!(written.len(), 4);
    // Without the provider's end there is none.
    let written = write_events(&call, &[text("a"), end(EndReason::Stop)]);
    assert!(written.iter().all(|(name, _)| name != "message_delta" && name != "message_stop"));
    // An answer without anything in it.
    let names: Vec<String> =
        write_events(&call, &[Event::Done, Event::Done]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["message_start", "message_delta", "message_stop"]);
}

#[test]
fn other_choices_and_other_operations_events_are_not_written() {
    let call = read(json!({})).unwrap();
    let other = [
        Event::Piece { choice: 1, piece: Piece::Text("x".into()) },
        Event::End { choice: 1, reason: EndReason::Length },
        Event::Vectors(vec![vec![0.0]]),
        Event::Counted { input_tokens: 1 },
    ];
    assert!(write_bytes(&call, &other).is_empty());
}

#[test]
fn a_count_is_written() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#;
    let call = super::read_text(crate::Operation::CountTokens, text).unwrap();
    assert_eq!(write_answer(&call, &sum(&[Event::Counted { input_tokens: 14 }])), b"{\"input_tokens\":14}");
}

#[test]
fn an_id_of_the_vendors_own_goes_on() {
    let begin = Event::Begin { id: "msg_01X".into(), model: String::new(), created: None };
    assert_eq!(whole(&read(json!({})).unwrap(), &[begin])["id"], "msg_01X");
}
