//! Streams in and out.

use serde_json::{Value, json};

use super::answers::{self, response};
use super::{read, read_pieces, sum, write_events};
use crate::answer::{EndReason, Event, Piece};
use crate::dialect::Family;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::sse;
use crate::usage::Usage;

pub fn stream(events: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        sse::write(event["type"].as_str().unwrap_or_default(), &event.to_string(), &mut bytes);
    }
    bytes
}

fn whole() -> Vec<Value> {
    let response = response();
    let mut begun = response.clone();
    begun["status"] = "in_progress".into();
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    vec![
        json!({ "type": "response.created", "sequence_number": 0, "response": begun }),
        json!({ "type": "response.in_progress", "response": begun }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "reasoning", "id": "rs_1", "summary": [] } }),
        json!({ "type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0 }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "O" }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "ne" }),
        json!({ "type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "Two" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": response["output"][0] }),
        json!({ "type": "response.web_search_call.searching", "output_index": 1 }),
        json!({ "type": "response.output_item.done", "output_index": 1, "item": response["output"][1] }),
        json!({ "type": "response.output_item.added", "output_index": 2, "item": { "type": "message", "content": [] } }),
        json!({ "type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "H" }),
        json!({ "type": "response.output_text.delta", "output_index": 2, "content_index": 0, "delta": "i" }),
        json!({ "type": "response.output_text.done", "output_index": 2, "content_index": 0, "text": "Hi" }),
        json!({ "type": "response.output_item.done", "output_index": 2, "item": response["output"][2] }),
        json!({
            "type": "response.output_item.added", "output_index": 3,
            "item": { "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "" },
        }),
        json!({ "type": "response.function_call_arguments.delta", "output_index": 3, "delta": "{\"a\"" }),
        json!({ "type": "response.function_call_arguments.delta", "output_index": 3, "delta": ":1}" }),
        json!({ "type": "response.function_call_arguments.done", "output_index": 3, "arguments": "{\"a\":1}" }),
        json!({ "type": "response.output_item.done", "output_index": 3, "item": response["output"][3] }),
        json!({ "type": "response.completed", "response": response }),
    ]
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let (events, end) = read_pieces(&[&stream(&whole())]);
    assert_eq!(end, Ok(()));
    assert_eq!(sum(&events), sum(&answers::events(&response())));
    let begins = events.iter().filter(|event| matches!(event, Event::Begin { .. })).count();
    assert_eq!((begins, events.last()), (1, Some(&Event::Done)));
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_events() {
    let bytes = stream(&whole());
    let expected = read_pieces(&[&bytes]);
    for at in 0..=bytes.len() {
        assert_eq!(read_pieces(&[&bytes[..at], &bytes[at..]]), expected, "{at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read_pieces(&single), expected);
}

#[test]
fn texts_that_come_only_when_they_are_done_are_not_lost() {
    let all = whole();
    let without = |names: &[&str]| -> Vec<Value> {
        let kept = all.iter().filter(|event| !names.iter().any(|name| event["type"].as_str().unwrap().contains(name)));
        kept.cloned().collect()
    };
    for names in [
        &["delta"][..],
        &["delta", "text.done", "arguments.done"],
        &["added", "delta", "text.done", "arguments.done"],
        &["created", "in_progress", "added", "part", "delta", "done", "web"],
    ] {
        let (events, end) = read_pieces(&[&stream(&without(names))]);
        assert_eq!((sum(&events), end), (sum(&answers::events(&response())), Ok(())), "{names:?}");
    }
}

#[test]
fn a_stream_without_its_end_is_broken() {
    let all = whole();
    for until in 0..all.len() {
        let (events, end) = read_pieces(&[&stream(&all[..until])]);
        let expected = if until == 0 { "response.created" } else { "response.completed" };
        assert_eq!(end.unwrap_err().message, format!("The stream ended before its `{expected}` event."));
        assert!(!events.contains(&Event::Done));
    }
    for (bytes, message) in [
        (" <!doctype html>", "A stream was expected, but it begins with `<!doctype html>`."),
        ("nonsense", "The stream ended before its `response.created` event, but it begins with `nonsense`."),
        ("data: nonsense\n\n", "An event's data was expected to be a JSON object, but it begins with `nonsense`."),
        ("{\"a\":1}", "A response as a JSON object was expected, but it begins with `{\"a\":1}`."),
        (
            "data: {\"type\":\"response.completed\"}\n\n",
            "The stream's last event was expected to hold its response, but it begins with `{\"type\":\"response.completed\"}`.",
        ),
        (
            "data: {\"type\":\"response.function_call_arguments.delta\",\"delta\":\"x\"}\n\n",
            "The stream has arguments of a call before the call's `response.output_item.added` event.",
        ),
    ] {
        assert_eq!(read_pieces(&[bytes.as_bytes()]).1.unwrap_err().message, message);
    }
    let many = |kind: &str, number: u64| -> Vec<u8> {
        let added = |index| json!({ "type": "response.output_item.added", "output_index": index, "item": { "type": kind, "name": "f" } });
        let text = |index| json!({ "type": "response.output_text.delta", "output_index": index, "delta": "x" });
        stream(&(0..number).flat_map(|index| [added(index), text(index)]).collect::<Vec<Value>>())
    };
    let broken = |bytes: &[u8]| read_pieces(&[bytes]).1.unwrap_err().message;
    assert_eq!(broken(&many("function_call", 1025)), "The answer calls more than 1024 tools.");
    assert_eq!(broken(&many("message", 4097)), "The answer has more than 4096 items.");
}

#[test]
fn errors_within_a_stream_take_its_place() {
    let begun = whole().swap_remove(0);
    let failed = json!({ "status": "failed", "error": { "code": "server_error", "message": "m" } });
    for event in [
        json!({ "type": "error", "code": "server_error", "message": "m", "param": null }),
        json!({ "type": "error", "error": { "type": "server_error", "message": "m" } }),
        json!({ "type": "response.failed", "response": failed }),
        json!({ "error": { "type": "server_error", "message": "m" } }),
    ] {
        let (events, end) = read_pieces(&[&stream(&[begun.clone(), event, begun.clone()])]);
        let [Event::Begin { .. }, Event::Error(error)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((error.kind, error.message.as_str(), end), (ProviderErrorKind::Server, "m", Ok(())));
    }
    for body in ["{\"error\":{\"message\":\"m\"}}", "\n{\"error\":{\"message\":\"m\"}}\n"] {
        let (events, end) = read_pieces(&[body.as_bytes()]);
        assert!(matches!(events.as_slice(), [Event::Error(error)] if error.message == "m") && end.is_ok());
    }
    let (events, end) = read_pieces(&[response().to_string().as_bytes()]);
    assert_eq!((events, end), (answers::events(&response()), Ok(())), "an answer that does not stream");
}

/// What another dialect's provider may say, with calls whose arguments come between each other.
pub fn said() -> Vec<Event> {
    let piece = |piece| Event::Piece { choice: 0, piece };
    let begin = |tool, name: &str| Piece::ToolBegin { tool, id: format!("c{tool}"), name: name.to_owned() };
    let argue = |tool, text: &str| Piece::ToolArguments { tool, text: text.to_owned() };
    vec![
        Event::Begin { id: "msg_1".to_owned(), model: "theirs".to_owned(), created: Some(7) },
        piece(Piece::Thought("H".to_owned())),
        piece(Piece::Thought("m".to_owned())),
        piece(Piece::ThoughtSealed { family: Family::Anthropic, raw: "{}".to_owned() }),
        piece(Piece::Text("A".to_owned())),
        piece(Piece::Text(String::new())),
        piece(Piece::Refusal("B".to_owned())),
        Event::Piece { choice: 1, piece: Piece::Text("another".to_owned()) },
        piece(begin(0, "f")),
        piece(argue(0, "{\"a\"")),
        piece(begin(1, "g")),
        piece(argue(1, "{}")),
        piece(argue(0, ":1}")),
        piece(argue(9, "nobody's")),
        piece(begin(2, "h")),
        Event::End { choice: 0, reason: EndReason::ToolCalls },
        Event::Usage(Usage { input_tokens: 3, output_tokens: 4, ..Usage::default() }),
        Event::Done,
    ]
}

#[test]
fn events_are_written_in_the_vendors_order() {
    let call = read(json!({ "stream": true })).unwrap();
    let written = write_events(&call, &said());
    let expected = [
        ("response.created", None),
        ("response.in_progress", None),
        ("response.output_item.added", Some(0)),
        ("response.reasoning_summary_part.added", Some(0)),
        ("response.reasoning_summary_text.delta", Some(0)),
        ("response.reasoning_summary_text.delta", Some(0)),
        ("response.reasoning_summary_text.done", Some(0)),
        ("response.reasoning_summary_part.done", Some(0)),
        ("response.output_item.done", Some(0)),
        ("response.output_item.added", Some(1)),
        ("response.content_part.added", Some(1)),
        ("response.output_text.delta", Some(1)),
        ("response.output_text.done", Some(1)),
        ("response.content_part.done", Some(1)),
        ("response.content_part.added", Some(1)),
        ("response.refusal.delta", Some(1)),
        ("response.refusal.done", Some(1)),
        ("response.content_part.done", Some(1)),
        ("response.output_item.done", Some(1)),
        ("response.output_item.added", Some(2)),
        ("response.function_call_arguments.delta", Some(2)),
        ("response.output_item.added", Some(3)),
        ("response.function_call_arguments.delta", Some(3)),
        ("response.function_call_arguments.delta", Some(2)),
        ("response.function_call_arguments.done", Some(2)),
        ("response.output_item.done", Some(2)),
        ("response.function_call_arguments.done", Some(3)),
        ("response.output_item.done", Some(3)),
        ("response.output_item.added", Some(4)),
        ("response.function_call_arguments.delta", Some(4)),
        ("response.function_call_arguments.done", Some(4)),
        ("response.output_item.done", Some(4)),
        ("response.completed", None),
    ];
    let found: Vec<(&str, Option<u64>)> =
        written.iter().map(|(name, data)| (name.as_str(), data["output_index"].as_u64())).collect();
    assert_eq!(found, expected);
    for (number, (name, data)) in written.iter().enumerate() {
        assert_eq!(
            (data["type"].as_str(), data["sequence_number"].as_u64()),
            (Some(name.as_str()), Some(number as u64))
        );
    }
    let last = &written.last().unwrap().1["response"];
    assert_eq!((last["id"].as_str(), last["created_at"].as_u64()), (Some("resp_msg_1"), Some(7)));
    let done: Vec<&Value> =
        written.iter().filter(|(name, _)| name == "response.output_item.done").map(|(_, data)| &data["item"]).collect();
    assert_eq!(last["output"].as_array().unwrap().iter().collect::<Vec<_>>(), done);
    let whole = crate::dialect::responses::write_answer(&call, &sum(&said()));
    assert_eq!(*last, serde_json::from_slice::<Value>(&whole).unwrap(), "streamed or not");
}

#[test]
fn what_is_written_is_read_as_the_same_answer() {
    let call = read(json!({})).unwrap();
    let written: Vec<Value> = write_events(&call, &said()).into_iter().map(|(_, data)| data).collect();
    let (events, end) = read_pieces(&[&stream(&written)]);
    let (mut found, mut expected) = (sum(&events), sum(&said()));
    assert_eq!(end, Ok(()));
    assert_eq!(found.choices[0].tool_calls(), [("c0", "f", "{\"a\":1}"), ("c1", "g", "{}"), ("c2", "h", "{}")]);
    assert_eq!(found.choices[0].text(), expected.choices[0].text());
    let counted = |usage: Option<Usage>| usage.map(|usage| (usage.input_tokens, usage.output_tokens));
    assert_eq!(counted(found.usage.take()), counted(expected.usage.take()));
}

#[test]
fn a_cut_answer_is_incomplete() {
    let mut events = said();
    events.truncate(12);
    events.extend([Event::End { choice: 0, reason: EndReason::Length }, Event::Done]);
    let written = write_events(&read(json!({})).unwrap(), &events);
    let (name, last) = written.last().unwrap();
    assert_eq!((name.as_str(), &last["response"]["status"]), ("response.incomplete", &json!("incomplete")));
    assert_eq!(last["response"]["incomplete_details"], json!({ "reason": "max_output_tokens" }));
    let items = last["response"]["output"].as_array().unwrap();
    let statuses: Vec<Option<&str>> = items.iter().map(|item| item["status"].as_str()).collect();
    assert_eq!(statuses, [None, Some("completed"), Some("completed"), Some("incomplete")]);
}

#[test]
fn after_an_error_nothing_follows_and_without_done_no_end() {
    let error = ProviderError {
        kind: ProviderErrorKind::Server,
        status: 500,
        message: "m".to_owned(),
        code: Some("server_error".to_owned()),
        param: None,
        retry_after: None,
    };
    let call = read(json!({})).unwrap();
    let mut events = said();
    events.insert(5, Event::Error(error.clone()));
    let written = write_events(&call, &events);
    let (name, data) = written.last().unwrap();
    assert_eq!(name, "error");
    let number = written.len() - 1;
    let expected =
        json!({ "type": "error", "sequence_number": number, "code": "server_error", "message": "m", "param": null });
    assert_eq!(*data, expected);
    let unnamed = ProviderError { code: None, kind: ProviderErrorKind::RateLimited, ..error };
    let written = write_events(&call, &[Event::Error(unnamed)]);
    assert_eq!((written.len(), &written[0].1["code"]), (1, &json!("rate_limit_exceeded")), "before anything else");
    events.truncate(5);
    assert!(write_events(&call, &events).iter().all(|(name, _)| name != "response.completed"));
}

#[test]
fn a_thought_of_the_vendors_own_comes_back_as_it_was() {
    let call = read(json!({})).unwrap();
    let raw = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#;
    let sealed =
        |family, raw: &str| Event::Piece { choice: 0, piece: Piece::ThoughtSealed { family, raw: raw.to_owned() } };
    let written =
        write_events(&call, &[sealed(Family::OpenAi, raw), sealed(Family::Gemini, raw), sealed(Family::OpenAi, "{}")]);
    let [(_, added), (_, done)] = written.as_slice() else { panic!("{written:?}") };
    assert_eq!(added["item"], json!({ "type": "reasoning", "id": "rs_1", "summary": [] }));
    assert_eq!(done["item"], serde_json::from_str::<Value>(raw).unwrap());
}

pub fn custom_call() -> Vec<Value> {
    let item = json!({ "type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "run", "input": "ls -l" });
    let mut added = item.clone();
    added["input"] = "".into();
    vec![
        json!({ "type": "response.created", "response": { "id": "resp_1", "object": "response", "status": "in_progress" } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": added }),
        json!({ "type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": "ls " }),
        json!({ "type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": "-l" }),
        json!({ "type": "response.custom_tool_call_input.done", "output_index": 0, "input": "ls -l" }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "response": { "id": "resp_1", "object": "response", "status": "completed" } }),
    ]
}

#[test]
fn a_call_of_a_custom_tool_is_told_in_its_own_events() {
    let call = read(json!({ "tools": [{ "type": "custom", "name": "run" }] })).unwrap();
    let (events, end) = read_pieces(&[&stream(&custom_call())]);
    assert_eq!((sum(&events).choices[0].tool_calls(), end), (vec![("c", "run", "ls -l")], Ok(())));
    let written = write_events(&call, &events);
    let told = |name: &str, member: &str| -> String {
        written.iter().filter(|(other, _)| other == name).filter_map(|(_, data)| data[member].as_str()).collect()
    };
    assert_eq!(told("response.custom_tool_call_input.delta", "delta"), "ls -l");
    assert_eq!(told("response.custom_tool_call_input.done", "input"), "ls -l");
    assert!(written.iter().all(|(name, _)| !name.contains("function_call")), "{written:?}");
    let bytes = written.into_iter().map(|(_, data)| data).collect::<Vec<Value>>();
    assert_eq!(sum(&read_pieces(&[&stream(&bytes)]).0).choices, sum(&events).choices);
}
