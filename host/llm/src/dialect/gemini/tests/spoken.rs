//! Answers as a client gets them, whole and in pieces.

use serde_json::{Value, json};

use super::super::{StreamWriter, write_answer};
use super::answers::{arguments, begin, pieces, sealed};
use super::{read, read_as, sum, write_events};
use crate::answer::{Answer, EndReason, Event, Piece};
use crate::call::{Call, Operation};
use crate::dialect::{Family, WriteStream};
use crate::usage::Usage;

fn call(thoughts: bool) -> Call {
    read(json!({ "generationConfig": { "thinkingConfig": { "includeThoughts": thoughts } } })).unwrap()
}

fn events(pieces: Vec<Piece>, reason: EndReason) -> Vec<Event> {
    let usage = Usage {
        input_tokens: 9,
        cache_read_tokens: 4,
        output_tokens: 7,
        reasoning_tokens: Some(2),
        ..Usage::default()
    };
    let begin = Event::Begin { id: "msg_a/b".to_owned(), model: "theirs".to_owned(), created: Some(5) };
    let pieces = pieces.into_iter().map(|piece| Event::Piece { choice: 0, piece });
    let end = [Event::End { choice: 0, reason }, Event::Usage(usage), Event::Done];
    [begin].into_iter().chain(pieces).chain(end).collect()
}

fn whole(call: &Call, answer: &Answer) -> Value {
    serde_json::from_slice(&write_answer(call, answer)).unwrap()
}

/// The parts of the first candidate, and its end.
fn said(answer: &Value) -> (Value, Value) {
    let candidate = &answer["candidates"][0];
    (candidate["content"]["parts"].clone(), candidate["finishReason"].clone())
}

fn of_another_vendor() -> Vec<Piece> {
    vec![
        Piece::Thought("Hm".to_owned()),
        Piece::ThoughtSealed { family: Family::Anthropic, raw: "{\"signature\":\"A\"}".to_owned() },
        Piece::Text("Hi".to_owned()),
        begin(0, "c0", "f"),
        begin(1, "c1", "g"),
        arguments(1, "{\"y\""),
        arguments(0, ""),
        arguments(1, " : 1.0}"),
    ]
}

#[test]
fn a_whole_answer_of_another_vendor() {
    let answer = sum(&events(of_another_vendor(), EndReason::ToolCalls));
    let calls = [
        json!({ "functionCall": { "id": "c0", "name": "f", "args": {} } }),
        json!({ "functionCall": { "id": "c1", "name": "g", "args": { "y": 1.0 } } }),
    ];
    let thought = json!({ "text": "Hm", "thought": true });
    let parts = json!([thought, { "text": "Hi" }, calls[0], calls[1]]);
    let expected = json!({
        "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": {
            "promptTokenCount": 9, "candidatesTokenCount": 5, "totalTokenCount": 16, "cachedContentTokenCount": 4,
            "thoughtsTokenCount": 2,
        },
        "modelVersion": "gemini-3", "responseId": "msg_ab",
    });
    assert_eq!(whole(&call(true), &answer), expected);
    assert_eq!(said(&whole(&call(false), &answer)).0, json!([{ "text": "Hi" }, calls[0], calls[1]]));
}

#[test]
fn a_streams_pieces_add_up_to_the_whole_answer() {
    for (pieces, thoughts) in [(of_another_vendor(), true), (of_another_vendor(), false), (pieces(), true)] {
        let events = events(pieces, EndReason::ToolCalls);
        let chunks = write_events(&call(thoughts), &events);
        let whole = whole(&call(thoughts), &sum(&events));
        let mut parts = Vec::new();
        for chunk in &chunks {
            parts.extend(said(chunk).0.as_array().cloned().unwrap_or_default());
            assert_eq!((&chunk["modelVersion"], &chunk["responseId"]), (&json!("gemini-3"), &json!("msg_ab")));
        }
        assert_eq!(Value::from(parts), said(&whole).0);
        // Only the last says the end and the figures.
        let (last, before) = chunks.split_last().unwrap();
        assert!(before.iter().all(|chunk| said(chunk).1.is_null() && chunk.get("usageMetadata").is_none()));
        assert_eq!((said(last).1, &last["usageMetadata"]), (json!("STOP"), &whole["usageMetadata"]));
    }
}

#[test]
fn what_a_provider_of_this_vendor_sealed_comes_to_the_client() {
    let answer = sum(&events(pieces(), EndReason::ToolCalls));
    let expected = json!([
        { "text": "Hi" },
        { "text": "", "thoughtSignature": "T" },
        { "functionCall": { "id": "call_0_0", "name": "f", "args": { "x": 1 } }, "thoughtSignature": "S" },
        { "functionCall": { "id": "own", "name": "g", "args": {} } },
    ]);
    assert_eq!(said(&whole(&call(false), &answer)).0, expected);
    // And comes back to the provider as it was.
    let back = read(json!({ "contents": [{ "role": "model", "parts": expected }] })).unwrap();
    assert!(back.foreign.is_empty());
    let odd = events(vec![sealed("no JSON"), sealed("{}")], EndReason::Stop);
    assert_eq!(said(&whole(&call(true), &sum(&odd))), (Value::Null, json!("STOP")));
}

#[test]
fn ends_have_the_vendors_words() {
    let cases = [
        (EndReason::Stop, "STOP"),
        (EndReason::StopSequence, "STOP"),
        (EndReason::ToolCalls, "STOP"),
        (EndReason::Pause, "STOP"),
        (EndReason::Length, "MAX_TOKENS"),
        (EndReason::ContentFilter, "SAFETY"),
        (EndReason::Refusal, "SAFETY"),
    ];
    for (reason, word) in cases {
        let events = events(vec![Piece::Refusal("No".to_owned())], reason);
        let expected = (json!([{ "text": "No" }]), json!(word));
        assert_eq!(said(&whole(&call(false), &sum(&events))), expected);
        assert_eq!(said(write_events(&call(false), &events).last().unwrap()).1, word);
    }
}

#[test]
fn a_call_whose_arguments_are_no_object_is_malformed() {
    for text in ["[1]", "{\"x\":", "1"] {
        let events = events(vec![begin(0, "c", "f"), arguments(0, text)], EndReason::ToolCalls);
        let expected = (Value::Null, json!("MALFORMED_FUNCTION_CALL"));
        assert_eq!(said(&whole(&call(false), &sum(&events))), expected);
        assert_eq!(said(write_events(&call(false), &events).last().unwrap()), expected);
    }
}

#[test]
fn nothing_ends_a_stream_but_done() {
    let mut events = events(of_another_vendor(), EndReason::Stop);
    events.pop();
    let chunks = write_events(&call(true), &events);
    assert!(!chunks.is_empty());
    assert!(chunks.iter().all(|chunk| said(chunk).1.is_null() && chunk.get("usageMetadata").is_none()));
    // And nothing comes behind it.
    let (mut writer, mut out) = (StreamWriter::new(&call(true)), Vec::new());
    writer.write(&Event::Done, &mut out);
    let length = out.len();
    events.iter().for_each(|event| writer.write(event, &mut out));
    assert_eq!(out.len(), length);
}

#[test]
fn a_stream_can_be_one_array() {
    let (mut writer, mut out) = (StreamWriter::array(&call(false)), Vec::new());
    let events = events(vec![Piece::Text("a".to_owned()), Piece::Text("b".to_owned())], EndReason::Stop);
    events.iter().for_each(|event| writer.write(event, &mut out));
    let answers: Vec<Value> = serde_json::from_slice(&out).unwrap();
    let texts: Vec<Value> = answers.iter().map(|answer| said(answer).0[0]["text"].clone()).collect();
    assert_eq!(texts, [json!("a"), json!("b"), Value::Null]);
}

#[test]
fn arguments_are_kept_only_to_a_limit() {
    let (mut writer, mut out) = (StreamWriter::new(&call(false)), Vec::new());
    let text = "x".repeat(1 << 20);
    writer.write(&Event::Piece { choice: 0, piece: begin(0, "c", "f") }, &mut out);
    for _ in 0..40 {
        writer.write(&Event::Piece { choice: 0, piece: arguments(0, &text) }, &mut out);
    }
    let expected = "The arguments of the answer's calls are longer than 16777216 bytes.";
    assert!(out.len() < 400 && String::from_utf8(out).unwrap().contains(expected));
}

#[test]
fn several_choices_and_a_count_are_written() {
    let mut events = events(vec![Piece::Text("a".to_owned())], EndReason::Stop);
    events.insert(2, Event::Piece { choice: 1, piece: Piece::Text("b".to_owned()) });
    events.insert(3, Event::End { choice: 1, reason: EndReason::Length });
    let answer = whole(&call(false), &sum(&events));
    assert_eq!(
        (&answer["candidates"][1]["index"], &answer["candidates"][1]["finishReason"]),
        (&json!(1), &json!("MAX_TOKENS"))
    );
    let last = write_events(&call(false), &events).pop().unwrap();
    assert_eq!(last["candidates"][1]["finishReason"], "MAX_TOKENS");
    let call = read_as(Operation::CountTokens, r#"{"contents":[{"parts":[{"text":"a"}]}]}"#).unwrap();
    let answer = Answer { counted: Some(7), ..Answer::default() };
    assert_eq!(whole(&call, &answer), json!({ "totalTokens": 7 }));
}
