//! What is read of a provider's stream, wherever it is cut.

use serde_json::{Value, json};

use super::answers;
use super::{piece, read_pieces, sum};
use crate::answer::{EndReason, Event, Piece};
use crate::dialect::ReadStream;
use crate::error::ProviderErrorKind;
use crate::usage::Usage;

fn stream(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or(""))).collect()
}

fn start() -> Value {
    json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-4",
        "content": [], "stop_reason": null, "usage": { "input_tokens": 5, "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 300, "output_tokens": 1 } } })
}

fn opens(index: u64, block: Value) -> Value {
    json!({ "type": "content_block_start", "index": index, "content_block": block })
}

fn grows(index: u64, kind: &str, member: &str, text: &str) -> Value {
    let mut delta = json!({ "type": kind });
    delta[member] = text.into();
    json!({ "type": "content_block_delta", "index": index, "delta": delta })
}

fn stops(index: u64) -> Value {
    json!({ "type": "content_block_stop", "index": index })
}

fn ends(reason: &str, usage: Value) -> Value {
    json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": usage })
}

fn stop() -> Value {
    json!({ "type": "message_stop" })
}

/// The same answer as the whole one of the other tests.
fn all() -> Vec<Value> {
    vec![
        start(),
        opens(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
        json!({ "type": "ping" }),
        grows(0, "thinking_delta", "thinking", "H"),
        grows(0, "thinking_delta", "thinking", "m"),
        grows(0, "signature_delta", "signature", "s"),
        stops(0),
        opens(1, json!({ "type": "redacted_thinking", "data": "d" })),
        stops(1),
        opens(2, json!({ "type": "text", "text": "" })),
        grows(2, "text_delta", "text", "H"),
        grows(2, "citations_delta", "citation", "c"),
        grows(2, "text_delta", "text", "i"),
        stops(2),
        opens(3, json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": {} })),
        grows(3, "input_json_delta", "partial_json", "{}"),
        stops(3),
        opens(4, json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} })),
        grows(4, "input_json_delta", "partial_json", ""),
        grows(4, "input_json_delta", "partial_json", "{\"a\""),
        grows(4, "input_json_delta", "partial_json", ":1}"),
        stops(4),
        opens(5, json!({ "type": "tool_use", "id": "toolu_2", "name": "g", "input": {} })),
        stops(5),
        json!({ "type": "of_tomorrow" }),
        ends("tool_use", json!({ "output_tokens": 7, "output_tokens_details": { "thinking_tokens": 3 } })),
        stop(),
    ]
}

fn plain(mut answer: crate::Answer) -> crate::Answer {
    if let Some(usage) = &mut answer.usage {
        usage.raw = None;
    }
    for piece in answer.choices.iter_mut().flat_map(|choice| &mut choice.pieces) {
        if let Piece::ThoughtSealed { raw, .. } = piece {
            *raw = serde_json::from_str::<Value>(raw).unwrap().to_string();
        }
    }
    answer
}

#[test]
fn a_stream_adds_up_to_the_whole_answer() {
    let (events, end) = read_pieces(&[stream(&all()).as_bytes()]);
    end.unwrap();
    assert_eq!(plain(sum(&events)), plain(sum(&answers::read(&answers::whole()))));
    let usages: Vec<&Usage> =
        events.iter().filter_map(|event| if let Event::Usage(usage) = event { Some(usage) } else { None }).collect();
    assert_eq!(
        usages.iter().map(|usage| (usage.input_tokens, usage.output_tokens)).collect::<Vec<_>>(),
        [(325, 1), (325, 7)]
    );
    let raw: Value = serde_json::from_str(usages[1].raw.as_ref().unwrap()).unwrap();
    assert_eq!((&raw["input_tokens"], &raw["output_tokens"]), (&json!(5), &json!(7)));
    assert_eq!(events.last(), Some(&Event::Done));
}

#[test]
fn events_are_the_same_wherever_the_stream_is_cut() {
    for text in [stream(&all()), stream(&all()).replace('\n', "\r\n")] {
        let (expected, _) = read_pieces(&[text.as_bytes()]);
        for at in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            let (events, end) = read_pieces(&[first, second]);
            assert_eq!((events, end), (expected.clone(), Ok(())), "{at}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read_pieces(&bytes), (expected, Ok(())));
    }
}

#[test]
fn a_stream_that_is_cut_is_broken() {
    let all = all();
    for count in 0..all.len() - 1 {
        let (events, end) = read_pieces(&[stream(&all[..count]).as_bytes()]);
        let missing = if count == 0 { "message_start" } else { "message_stop" };
        assert_eq!(end.unwrap_err().message, format!("The stream ended before its `{missing}` event."));
        assert!(!events.contains(&Event::Done));
    }
    let whole = stream(&all);
    assert_eq!(read_pieces(&[whole.trim_end().as_bytes()]).1, Ok(()));
}

#[test]
fn an_error_ends_a_stream() {
    let error = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    let nameless = json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } });
    for error in [error, nameless] {
        let events = [start(), error.clone(), stop()];
        let (events, end) = read_pieces(&[stream(&events).as_bytes()]);
        assert_eq!((end, events.len()), (Ok(()), 3));
        let Some(Event::Error(found)) = events.last() else { panic!("{events:?}") };
        assert_eq!((found.kind, found.status), (ProviderErrorKind::Overloaded, 529));
        // The whole body is that error, with and without a space in front of it.
        let body = format!(" {error}");
        for at in 0..body.len() {
            let (first, second) = body.as_bytes().split_at(at);
            assert_eq!(read_pieces(&[first, second]).0, [Event::Error(found.clone())]);
        }
    }
}

#[test]
fn an_answer_that_does_not_stream_is_read_all_the_same() {
    let (events, end) = read_pieces(&[answers::whole().to_string().as_bytes()]);
    assert_eq!((events, end), (answers::read(&answers::whole()), Ok(())));
}

#[test]
fn what_is_no_stream_is_broken() {
    let broken = |text: &str| read_pieces(&[text.as_bytes()]).1.unwrap_err().message;
    assert_eq!(broken("<html>"), "A stream was expected, but it begins with `<html>`.");
    assert_eq!(broken("nothing"), "The stream ended before its `message_start` event, but it begins with `nothing`.");
    assert_eq!(broken("data: [1]\n\n"), "An event's data was expected to be a JSON object, but it begins with `[1]`.");
    assert_eq!(
        broken("data: {\"type\"\n\n"),
        "An event's data was expected to be a JSON object, but it begins with `{\"type\"`."
    );
    let early = stream(&[start(), grows(3, "text_delta", "text", "x")]);
    assert_eq!(
        broken(&early),
        "The stream has a piece of block 3 outside of the block's `content_block_start` and `content_block_stop` events."
    );
    let nameless = stream(&[json!({ "type": "error", "error": {} })]);
    assert!(
        broken(&nameless).starts_with("An error event was expected to hold its error, but it begins with"),
        "{nameless}"
    );
}

#[test]
fn a_stream_has_limits() {
    let text = || json!({ "type": "text", "text": "" });
    let many: Vec<Value> = (0..65).map(|index| opens(index, text())).collect();
    let broken = read_pieces(&[stream(&many).as_bytes()]).1.unwrap_err().message;
    assert_eq!(broken, "The answer has more than 64 blocks open at once.");
    let call = json!({ "type": "tool_use", "id": "", "name": "f", "input": {} });
    let many: Vec<Value> = (0..1025).map(|_| opens(0, call.clone())).collect();
    let broken = read_pieces(&[stream(&many).as_bytes()]).1.unwrap_err().message;
    assert_eq!(broken, "The answer calls more than 1024 tools.");
    let mut reader = super::super::StreamReader::default();
    let mut events = Vec::new();
    reader.push(stream(&[opens(0, json!({ "type": "thinking" }))]).as_bytes(), &mut events).unwrap();
    let long = stream(&[grows(0, "thinking_delta", "thinking", &"x".repeat(3 << 20))]);
    reader.push(long.as_bytes(), &mut events).unwrap();
    let broken = reader.push(long.as_bytes(), &mut events).unwrap_err().message;
    assert_eq!(broken, "The thoughts under way in the answer are longer than 4194304 bytes.");
    let mut reader = super::super::StreamReader::default();
    reader.push(b"{", &mut events).unwrap();
    let broken = reader.push(&vec![b' '; 4 << 20], &mut events).unwrap_err().message;
    assert_eq!(broken, "The answer is no stream, and longer than 4194304 bytes.");
}

#[test]
fn imitations_are_understood() {
    let whole_call = json!({ "type": "tool_use", "id": "t", "name": "f", "input": { "a": 1 } });
    let events = [
        opens(0, json!({ "type": "text", "text": "Hi" })),
        opens(1, whole_call),
        json!({ "type": "message_delta", "delta": {} }),
        stop(),
    ];
    let text = format!("{}data: [DONE]\n\n", stream(&events));
    let (events, end) = read_pieces(&[text.as_bytes()]);
    let expected = [
        Event::Begin { id: String::new(), model: String::new(), created: None },
        piece(Piece::Text("Hi".into())),
        piece(Piece::ToolBegin { tool: 0, id: "t".into(), name: "f".into() }),
        piece(Piece::ToolArguments { tool: 0, text: "{\"a\":1}".into() }),
        Event::End { choice: 0, reason: EndReason::ToolCalls },
        Event::Done,
    ];
    assert_eq!((events.as_slice(), end), (expected.as_slice(), Ok(())));
}

#[test]
fn a_refusal_is_told_once() {
    let details = json!({ "type": "refusal", "explanation": "No." });
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": "refusal", "stop_details": details } });
    let text = [opens(0, json!({ "type": "text", "text": "" })), grows(0, "text_delta", "text", "No."), stops(0)];
    let pieces = |events: &[Value]| {
        let (events, _) = read_pieces(&[stream(events).as_bytes()]);
        sum(&events).choices.remove(0).pieces
    };
    assert_eq!(pieces(&[start(), end.clone(), stop()]), [Piece::Refusal("No.".into())]);
    let [opened, grown, stopped] = text;
    assert_eq!(pieces(&[start(), opened, grown, stopped, end, stop()]), [Piece::Text("No.".into())]);
}

#[test]
fn a_block_that_goes_on_behind_the_end_is_broken() {
    let with = |more: &[Value]| {
        let text = [opens(0, json!({ "type": "text", "text": "" })), grows(0, "text_delta", "text", "a"), stops(0)];
        let events = [&[start()][..], &text, &[ends("end_turn", json!({}))], more, &[stop()]].concat();
        read_pieces(&[stream(&events).as_bytes()]).1
    };
    for more in [
        opens(1, json!({ "type": "text", "text": "b" })),
        opens(1, json!({ "type": "tool_use", "id": "t", "name": "f", "input": {} })),
        grows(0, "text_delta", "text", "b"),
        grows(0, "thinking_delta", "thinking", "b"),
        grows(0, "input_json_delta", "partial_json", "{}"),
    ] {
        let message = with(std::slice::from_ref(&more)).unwrap_err().message;
        assert_eq!(message, "The answer has a block that goes on behind its `stop_reason`.", "{more}");
    }
    let silent = [opens(1, json!({ "type": "text", "text": "" })), grows(1, "text_delta", "text", ""), stops(1)];
    assert_eq!(with(&silent), Ok(()));
}

#[test]
fn an_input_that_comes_whole_is_told_with_the_start_of_its_block() {
    let call = |input: Value| opens(0, json!({ "type": "tool_use", "id": "t", "name": "f", "input": input }));
    let arguments = |events: &[Value]| {
        let (events, end) = read_pieces(&[stream(events).as_bytes()]);
        let told = events.into_iter().find_map(|event| match event {
            Event::Piece { piece: Piece::ToolArguments { text, .. }, .. } => Some(text),
            _ => None,
        });
        (told, end.map_err(|broken| broken.message))
    };
    let cut = "The stream ended before its `message_stop` event.";
    let whole = call(json!({ "a": 1 }));
    assert_eq!(arguments(&[start(), whole.clone()]), (Some("{\"a\":1}".to_owned()), Err(cut.to_owned())));
    assert_eq!(arguments(&[start(), call(json!({}))]), (None, Err(cut.to_owned())));
    assert_eq!(arguments(&[start(), call(json!({})), stops(0)]), (Some("{}".to_owned()), Err(cut.to_owned())));
    let twice = "Block 0 of the answer has all of its `input` at its start, and pieces of it behind that.";
    assert_eq!(
        arguments(&[start(), whole, grows(0, "input_json_delta", "partial_json", "{}")]).1,
        Err(twice.to_owned())
    );
}
