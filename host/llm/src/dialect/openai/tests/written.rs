//! Answers written for clients, whole and in pieces; what is written is read again as the same.

use serde_json::{Value, json};

use super::{added, chat, embeddings, stream, with};
use crate::answer::{Answer, EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::{Dialect, Family, read_answer, write_answer, write_stream};
use crate::error::{ProviderError, ProviderErrorKind};
use crate::usage::Usage;

fn usage() -> Usage {
    Usage { input_tokens: 10, cache_read_tokens: 4, output_tokens: 5, reasoning_tokens: Some(3), ..Usage::default() }
}

fn begin(id: &str) -> Event {
    Event::Begin { id: id.to_owned(), model: "claude".to_owned(), created: None }
}

fn piece(piece: Piece) -> Event {
    Event::Piece { choice: 0, piece }
}

fn events() -> Vec<Event> {
    vec![
        begin("msg_01/ü"),
        piece(Piece::Thought("Hm".to_owned())),
        piece(Piece::ThoughtSealed { family: Family::Anthropic, raw: "{}".to_owned() }),
        piece(Piece::Text("Hi".to_owned())),
        piece(Piece::ToolBegin { tool: 0, id: "t".to_owned(), name: "f".to_owned() }),
        piece(Piece::ToolArguments { tool: 0, text: "{\"x\"".to_owned() }),
        piece(Piece::ToolBegin { tool: 1, id: String::new(), name: "g".to_owned() }),
        piece(Piece::ToolArguments { tool: 0, text: ":1}".to_owned() }),
        Event::End { choice: 0, reason: EndReason::ToolCalls },
        Event::Usage(usage()),
        Event::Done,
    ]
}

fn whole(call: &Call, answer: &Answer) -> Value {
    serde_json::from_slice(&write_answer(call, answer)).unwrap()
}

fn written(call: &Call, events: &[Event]) -> String {
    let (mut writer, mut out) = (write_stream(call), Vec::new());
    events.iter().for_each(|event| writer.write(event, &mut out));
    String::from_utf8(out).unwrap()
}

fn chunks(call: &Call, events: &[Event]) -> Vec<Value> {
    let text = written(call, events);
    text.split_terminator("\n\n")
        .map(|event| serde_json::from_str(&event[6..]).unwrap_or_else(|_| json!(&event[6..])))
        .collect()
}

fn streamed(usage: bool) -> Call {
    chat(&with(&format!(r#""stream":true,"stream_options":{{"include_usage":{usage}}}"#))).unwrap()
}

#[test]
fn a_whole_answer_is_as_openai_writes_it() {
    let call = chat(&with(r#""n":1"#)).unwrap();
    let function = |name: &str, arguments: &str| json!({ "name": name, "arguments": arguments });
    let message = json!({
        "role": "assistant", "content": "Hi", "refusal": null, "reasoning_content": "Hm", "tool_calls": [
            { "id": "t", "type": "function", "function": function("f", "{\"x\":1}") },
            { "id": "call_0_1", "type": "function", "function": function("g", "{}") },
        ],
    });
    let expected = json!({
        "id": "chatcmpl-msg_01--", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": "tool_calls" }],
        "usage": {
            "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
            "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens_details": { "reasoning_tokens": 3 },
        },
    });
    assert_eq!(whole(&call, &added(events())), expected);
}

#[test]
fn the_content_is_null_only_beside_calls_and_refusals() {
    let call = chat(&with(r#""n":1"#)).unwrap();
    let begun = piece(Piece::ToolBegin { tool: 0, id: "t".to_owned(), name: "f".to_owned() });
    for (events, content, refusal) in [
        (vec![], json!(""), Value::Null),
        (vec![begun], Value::Null, Value::Null),
        (vec![piece(Piece::Refusal("No".to_owned()))], Value::Null, json!("No")),
    ] {
        let end = Event::End { choice: 0, reason: EndReason::Stop };
        let written = whole(&call, &added([events, vec![end]].concat()));
        let message = &written["choices"][0]["message"];
        assert_eq!((&message["content"], &message["refusal"]), (&content, &refusal));
        assert_eq!(written.get("usage"), None);
    }
}

#[test]
fn ends_have_openai_s_words() {
    let call = chat(&with(r#""n":1"#)).unwrap();
    for (reason, word) in [
        (EndReason::Stop, "stop"),
        (EndReason::StopSequence, "stop"),
        (EndReason::Pause, "stop"),
        (EndReason::Length, "length"),
        (EndReason::ToolCalls, "tool_calls"),
        (EndReason::ContentFilter, "content_filter"),
        (EndReason::Refusal, "content_filter"),
    ] {
        let events = vec![begin("a"), Event::End { choice: 0, reason }];
        assert_eq!(chunks(&call, &events).last().unwrap()["choices"][0]["finish_reason"], word);
        assert_eq!(whole(&call, &added(events))["choices"][0]["finish_reason"], word);
    }
    let refused = vec![piece(Piece::Refusal("No".to_owned())), Event::End { choice: 0, reason: EndReason::Refusal }];
    assert_eq!(chunks(&call, &refused).last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole(&call, &added(refused))["choices"][0]["finish_reason"], "stop");
}

#[test]
fn a_stream_is_as_openai_writes_it() {
    let chunks = chunks(&streamed(true), &events());
    let deltas: Vec<&Value> =
        chunks.iter().filter_map(|chunk| chunk["choices"].get(0)).map(|choice| &choice["delta"]).collect();
    let call = |index: u32, id: &str, name: &str| json!({ "tool_calls": [{ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "" } }] });
    let more = |text: &str| json!({ "tool_calls": [{ "index": 0, "function": { "arguments": text } }] });
    let expected = [
        json!({ "role": "assistant", "content": "" }),
        json!({ "reasoning_content": "Hm" }),
        json!({ "content": "Hi" }),
        call(0, "t", "f"),
        more("{\"x\""),
        call(1, "call_0_1", "g"),
        more(":1}"),
        // A call without arguments.
        json!({ "tool_calls": [{ "index": 1, "function": { "arguments": "{}" } }] }),
        json!({}),
    ];
    assert_eq!(deltas, expected.iter().collect::<Vec<_>>());
    assert!(chunks[..9].iter().all(|chunk| chunk["id"] == "chatcmpl-msg_01--" && chunk["usage"].is_null()));
    assert_eq!((&chunks[9]["choices"], &chunks[9]["usage"]["total_tokens"]), (&json!([]), &json!(15)));
    assert_eq!(chunks[10], "[DONE]");
}

#[test]
fn usage_is_written_only_for_those_who_asked() {
    let text = written(&streamed(false), &events());
    assert!(!text.contains("usage") && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn a_first_chunk_without_text_has_null_for_content() {
    let begun = piece(Piece::ToolBegin { tool: 0, id: "t".to_owned(), name: "f".to_owned() });
    let chunks = chunks(&streamed(false), &[begin("a"), begun]);
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": null }));
}

#[test]
fn an_error_ends_a_stream_and_nothing_else_does() {
    let error = ProviderError {
        kind: ProviderErrorKind::Overloaded,
        status: 503,
        message: "Busy".to_owned(),
        code: Some("busy".to_owned()),
        param: None,
        retry_after: None,
    };
    let events = [begin("a"), piece(Piece::Text("x".to_owned())), Event::Error(error), Event::Done];
    let chunks = chunks(&streamed(true), &events);
    let expected = json!({ "error": { "message": "Busy", "type": "server_error", "param": null, "code": "busy" } });
    assert_eq!((chunks.len(), &chunks[2]), (3, &expected));
    assert!(!written(&streamed(true), &events[..2]).contains("[DONE]"));
}

#[test]
fn what_is_written_is_read_as_the_same() {
    let expected = added(events());
    let read = added(stream(&[written(&streamed(true), &events()).as_bytes()]).0);
    let whole = write_answer(&chat(&with(r#""n":1"#)).unwrap(), &expected);
    let whole = added(read_answer(Dialect::OpenAi, crate::Operation::Chat, &whole.into()).unwrap());
    for found in [read, whole] {
        assert_eq!(found.choices[0].text(), "Hi");
        assert_eq!(found.choices[0].tool_calls()[0], ("t", "f", "{\"x\":1}"));
        assert_eq!(found.choices[0].end, Some(EndReason::ToolCalls));
        let usage = Usage { raw: None, ..found.usage.clone().unwrap() };
        assert_eq!((usage, found.done), (self::usage(), true));
    }
}

#[test]
fn ids_are_openai_s_own_or_made_of_the_provider_s() {
    let call = chat(&with(r#""n":1"#)).unwrap();
    for (id, expected) in [("chatcmpl-Ab_1", "chatcmpl-Ab_1"), ("", "chatcmpl-0"), ("a b\"", "chatcmpl-a-b-")] {
        assert_eq!(whole(&call, &Answer { id: id.to_owned(), ..Answer::default() })["id"], expected);
    }
}

#[test]
fn vectors_are_written_as_they_were_asked_for() {
    let answer = Answer { vectors: vec![vec![1.0, 2.0]], usage: Some(usage()), ..Answer::default() };
    for (format, embedding) in [("float", json!([1.0, 2.0])), ("base64", json!("AACAPwAAAEA="))] {
        let call = embeddings(&format!(r#"{{"model":"m","input":"a","encoding_format":"{format}"}}"#)).unwrap();
        let expected = json!({
            "object": "list", "data": [{ "object": "embedding", "index": 0, "embedding": embedding }], "model": "m",
            "usage": { "prompt_tokens": 10, "total_tokens": 15 },
        });
        assert_eq!(whole(&call, &answer), expected);
    }
}
