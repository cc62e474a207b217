//! Streams of vendors, cut at every byte, and what comes in place of a stream.

use super::{added, stream};
use crate::answer::{EndReason, Event, Piece};
use crate::error::{Broken, ProviderErrorKind};

const OPENAI: &str = r#"data: {"id":"chatcmpl-1","created":7,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"usage":null}

: ping

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hé"}}]}

data: {"id":"chatcmpl-1","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"id":"chatcmpl-1","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]}}]}

data: {"id":"chatcmpl-1","choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}

data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","choices":[{"index":1,"delta":{},"finish_reason":"tool_calls"}]}

data: {"id":"chatcmpl-1","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}

data: [DONE]

"#;

const AZURE: &str = "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\r\n\r\ndata: \
    {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: \
    [DONE]\r\n\r\n";

fn chunk(choice: &str) -> String {
    format!("data: {{\"id\":\"c\",\"choices\":[{choice}]}}\n\n")
}

fn read(text: &str) -> (Vec<Event>, Result<(), Broken>) {
    stream(&[text.as_bytes()])
}

fn broken(text: &str) -> String {
    read(text).1.unwrap_err().message
}

#[test]
fn streams_say_the_same_wherever_they_are_cut() {
    let error = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"x\"}}\n\n";
    let whole = r#" {"id":"c","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let html = format!("<html>{}", "y".repeat(90));
    let html = html.as_str();
    for text in [OPENAI, AZURE, error, whole, html, "upstream failed", "data: {x}\n\n", "data: [DONE]\n\n", ""] {
        let expected = read(text);
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(stream(&[first, second]), expected, "{text} cut at {cut}");
        }
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(stream(&bytes), expected, "{text}");
    }
}

#[test]
fn every_chunk_becomes_events_in_order() {
    let (events, end) = read(OPENAI);
    assert_eq!(end, Ok(()));
    let piece = |choice, piece| Event::Piece { choice, piece };
    let expected = [
        Event::Begin { id: "chatcmpl-1".to_owned(), model: "m".to_owned(), created: Some(7) },
        piece(0, Piece::Text("Hé".to_owned())),
        piece(1, Piece::ToolBegin { tool: 0, id: "a".to_owned(), name: "f".to_owned() }),
        piece(1, Piece::ToolArguments { tool: 0, text: "{\"x\"".to_owned() }),
        piece(1, Piece::ToolArguments { tool: 0, text: ":1}".to_owned() }),
        Event::End { choice: 0, reason: EndReason::Stop },
        Event::End { choice: 1, reason: EndReason::ToolCalls },
    ];
    assert_eq!(events[..7], expected);
    assert!(matches!(&events[7], Event::Usage(usage) if (usage.input_tokens, usage.output_tokens) == (1, 2)));
    assert_eq!(events[8..], [Event::Done]);
    // Azure's first chunk does not name the answer.
    assert!(matches!(&read(AZURE).0[0], Event::Begin { id, .. } if id == "c"));
}

#[test]
fn calls_of_tools_are_told_apart_however_vendors_number_them() {
    let entry = |text: &str| chunk(&format!(r#"{{"delta":{{"tool_calls":[{text}]}}}}"#));
    let ended = chunk(r#"{"delta":{},"finish_reason":"tool_calls"}"#);
    let f = r#""function":{"name":"f","arguments":"1"}"#;
    let g = r#""function":{"name":"g","arguments":"3"}"#;
    let more = r#""function":{"arguments":"2"}"#;
    for entries in [
        // OpenAI's numbers, from any first one.
        vec![
            format!(r#"{{"index":5,"id":"a",{f}}}"#),
            format!(r#"{{"index":5,{more}}}"#),
            format!(r#"{{"index":7,"id":"b",{g}}}"#),
        ],
        // No numbers.
        vec![format!(r#"{{"id":"a",{f}}}"#), format!(r#"{{{more}}}"#), format!(r#"{{"id":"b",{g}}}"#)],
        // The same number for all.
        vec![
            format!(r#"{{"index":0,"id":"a",{f}}}"#),
            format!(r#"{{"index":0,{more}}}"#),
            format!(r#"{{"index":0,"id":"b",{g}}}"#),
        ],
        // The name comes behind the id and the arguments.
        vec![
            r#"{"index":0,"id":"a"}"#.to_owned(),
            r#"{"index":0,"function":{"arguments":"1"}}"#.to_owned(),
            format!(r#"{{"index":0,"function":{{"name":"f","arguments":"2"}}}}"#),
            format!(r#"{{"index":1,"id":"b",{g}}}"#),
        ],
        // Id and name are said again with each piece.
        vec![
            format!(r#"{{"index":0,"id":"a",{f}}}"#),
            r#"{"index":0,"id":"a","function":{"name":"f","arguments":"2"}}"#.to_owned(),
            format!(r#"{{"index":1,"id":"b",{g}}}"#),
        ],
    ] {
        let text: String = entries.iter().map(|text| entry(text)).chain([ended.clone()]).collect();
        let (events, end) = read(&text);
        assert_eq!(end, Ok(()), "{text}");
        assert_eq!(added(events).choices[0].tool_calls(), [("a", "f", "12"), ("b", "g", "3")], "{text}");
    }
    let nameless = entry(r#"{"function":{"name":"f"}},{"function":{"name":"g"}}"#) + &ended;
    assert_eq!(added(read(&nameless).0).choices[0].tool_calls(), [("call_0_0", "f", ""), ("call_0_1", "g", "")]);
}

#[test]
fn custom_tools_are_called_with_their_texts() {
    let entry = |text: &str| chunk(&format!(r#"{{"delta":{{"tool_calls":[{text}]}}}}"#));
    let first = entry(r#"{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":""}}"#);
    let more = [r#"{"index":0,"custom":{"input":"b "}}"#, r#"{"index":0,"custom":{"input":"c"}}"#].map(entry).concat();
    let streamed = first + &more + &chunk(r#"{"delta":{},"finish_reason":"tool_calls"}"#);
    let whole = r#"{"id":"c","choices":[{"message":{"content":null,"tool_calls":[
        {"id":"a","type":"custom","custom":{"name":"f","input":"b c"}}]},"finish_reason":"tool_calls"}]}"#;
    for text in [streamed.as_str(), whole] {
        let (events, end) = read(text);
        assert_eq!(end, Ok(()), "{text}");
        assert_eq!(added(events).choices[0].tool_calls(), [("a", "f", "b c")], "{text}");
    }
}

#[test]
fn vendors_deviate_and_are_read_all_the_same() {
    let said = chunk(r#"{"index":0,"delta":{"reasoning":"Hm"}}"#) + &chunk("") + "data:\n\n";
    let end = r#"{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}"#;
    let last = format!("data: {{\"choices\":[{end}],\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}\n\n");
    // No `[DONE]`, usage beside the last text, chunks that say nothing, what comes behind the end.
    let text = said.clone() + &last + &chunk(r#"{"index":0,"delta":{"content":""},"finish_reason":"stop"}"#);
    let (events, result) = read(&text);
    assert_eq!(result, Ok(()));
    let answer = added(events);
    assert_eq!(answer.choices[0].pieces, [Piece::Thought("Hm".to_owned()), Piece::Text("a".to_owned())]);
    assert_eq!((answer.usage.map(|usage| usage.output_tokens), answer.done), (Some(2), true));
    // `[DONE]` without a finish reason; no line's end behind it.
    let (events, result) = read(&(said.clone() + "data: [DONE]"));
    assert_eq!((result, added(events).choices[0].end), (Ok(()), Some(EndReason::Stop)));
    // Groq's usage.
    let groq =
        format!("data: {{\"choices\":[{end}],\"x_groq\":{{\"usage\":{{\"prompt_tokens\":3}}}}}}\n\ndata: [DONE]\n\n");
    assert_eq!(added(read(&groq).0).usage.map(|usage| usage.input_tokens), Some(3));
    // A vendor that does not stream.
    let whole = r#"{"id":"c","choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#;
    let answer = added(read(whole).0);
    assert_eq!((answer.choices[0].text().as_str(), answer.done), ("a", true));
}

#[test]
fn a_choice_that_goes_on_behind_its_end_is_broken() {
    let said = chunk(r#"{"delta":{"content":"a"},"finish_reason":"stop"}"#);
    for delta in [
        r#"{"content":"b"}"#,
        r#"{"reasoning":"b"}"#,
        r#"{"refusal":"b"}"#,
        r#"{"tool_calls":[{"id":"b","function":{"name":"f"}}]}"#,
    ] {
        let more = chunk(&format!(r#"{{"delta":{delta},"finish_reason":"stop"}}"#));
        assert_eq!(
            broken(&(said.clone() + &more + "data: [DONE]\n\n")),
            "The answer's choice 0 goes on behind its finish reason."
        );
    }
    let empty = chunk(r#"{"delta":{"content":"","tool_calls":[]},"finish_reason":"stop"}"#);
    assert_eq!(read(&(said + &empty + "data: [DONE]\n\n")).1, Ok(()));
}

#[test]
fn an_error_takes_the_place_of_the_rest() {
    let begun = chunk(r#"{"delta":{"content":"a"}}"#);
    for error in [
        "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n",
        "event: error\ndata: {\"message\":\"x\",\"type\":\"internal\"}\n\n",
        "data: {\"object\":\"error\",\"message\":\"x\"}\n\n",
        "data: {\"error\":\"x\"}\n\n",
    ] {
        let (events, result) = read(&(begun.clone() + error + &begun + "data: [DONE]\n\n"));
        assert_eq!((result, events.len()), (Ok(()), 3), "{error}");
        assert!(
            matches!(&events[2], Event::Error(found) if found.message == "x" && found.kind == ProviderErrorKind::Server)
        );
    }
    let whole = r#"{"error":{"message":"x","type":"insufficient_quota"}}"#;
    let (events, result) = read(whole);
    assert_eq!(result, Ok(()));
    assert!(matches!(&events[..], [Event::Error(error)] if error.kind == ProviderErrorKind::Exhausted));
    let cut = chunk(r#"{"delta":{"content":"a"},"finish_reason":"error"}"#) + "data: [DONE]\n\n";
    assert!(matches!(read(&cut).0.last(), Some(Event::Error(error)) if error.status == 500));
}

#[test]
fn what_is_no_whole_stream_is_said() {
    let begun = chunk(r#"{"delta":{"content":"a"}}"#);
    let cut = "The stream ended before every choice had its finish reason, and without `[DONE]`.";
    for (text, sentence) in [
        (begun.clone(), cut),
        (
            OPENAI[..OPENAI.find("data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":1,\"delta\":{},").unwrap()]
                .to_owned(),
            cut,
        ),
        (chunk(""), cut),
        (String::new(), "The stream ended before an answer began."),
        (
            "upstream failed".to_owned(),
            "The stream ended before an answer began, but it begins with `upstream failed`.",
        ),
        ("data: [DONE]\n\n".to_owned(), "The stream ended before an answer began: `[DONE]` stands alone."),
        ("<html>".to_owned(), "A stream was expected, but it begins with `<html>`."),
        (
            begun.clone() + "data: {x}\n\n",
            "An event with a JSON object was expected (a member's name in quotes is expected at byte 1), but it begins with `{x}`.",
        ),
        (chunk(r#"{"index":128,"delta":{}}"#), "The answer has a choice 128, and at most 128 are taken."),
        (
            chunk(r#"{"delta":{"tool_calls":[{"index":0,"id":"a"}]},"finish_reason":"stop"}"#),
            "A tool call of the answer names no tool.",
        ),
    ] {
        assert_eq!(broken(&text), sentence, "{text}");
    }
    let many: String = (0..1_025)
        .map(|index| chunk(&format!(r#"{{"delta":{{"tool_calls":[{{"index":{index},"function":{{"name":"f"}}}}]}}}}"#)))
        .collect();
    assert_eq!(broken(&many), "A choice of the answer has more than 1024 tool calls.");
    let held = chunk(&format!(
        r#"{{"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":"{}"}}}}]}}}}"#,
        "x".repeat(65_537)
    ));
    assert_eq!(broken(&held), "Tool calls have more than 65536 bytes, and no name yet.");
    let long = format!("{{{}", " ".repeat(4 << 20));
    assert_eq!(broken(&long), "The answer is no stream, and longer than 4194304 bytes.");
}
