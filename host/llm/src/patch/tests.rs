use super::*;
use crate::call::Operation;
use crate::intake::Decode;

fn call(dialect: Dialect) -> Call {
    Call { streamed: true, usage_wanted: true, ..Call::new(dialect, Operation::Chat, Bytes::new()) }
}

fn text(choice: u32, before: &str, after: &str) -> Rewritten {
    Rewritten { choice, kind: TextKind::Text, before: before.to_owned(), after: after.to_owned() }
}

fn frame(raw: &str) -> Frame {
    let (mut decoder, mut frames) = (sse::Decoder::default(), Vec::new());
    decoder.push(raw.as_bytes(), &mut frames).expect("an event");
    assert_eq!(frames.len(), 1, "{raw:?}");
    frames.remove(0)
}

fn passed(patch: &mut Patch, raw: &str, texts: &[Rewritten]) -> String {
    let mut out = Vec::new();
    patch.frame(frame(raw), texts.to_vec(), &mut out).expect("the text is there");
    String::from_utf8(out).expect("JSON")
}

#[test]
fn what_is_not_changed_passes_byte_for_byte() {
    let raw = "id: 7\r\ndata:{ \"choices\":[{\"delta\":{\"content\":\"a\"}}]}\r\n\r\n";
    let mut patch = Patch::new(&call(Dialect::OpenAi));
    assert_eq!(passed(&mut patch, raw, &[text(0, "a", "a")]), raw);
    assert_eq!(passed(&mut patch, ": ping\n\n", &[]), ": ping\n\n");
}

#[test]
fn a_text_is_changed_in_its_place_and_what_tells_it_again_is_gone() {
    let raw = r#"data: {"id":"x","choices":[{"index":1,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}},{"index":0,"delta":{"content":"a","extra":1.0},"logprobs":{"content":[]}}],"system_fingerprint":"f"}

"#;
    let mut patch = Patch::new(&call(Dialect::OpenAi));
    let changed = passed(&mut patch, raw, &[text(1, "a", "b\n"), text(0, "a", "a")]);
    let expected = r#"data: {"id":"x","choices":[{"index":1,"delta":{"content":"b\n"},"logprobs":null},{"index":0,"delta":{"content":"a","extra":1.0},"logprobs":{"content":[]}}],"system_fingerprint":"f"}

"#;
    assert_eq!(changed, expected);
}

#[test]
fn a_changed_text_that_is_nowhere_fails_instead_of_passing_the_old_one() {
    let mut patch = Patch::new(&call(Dialect::OpenAi));
    let raw = "data: {\"choices\":[{\"delta\":{\"content\":\"ab\"}}]}\n\n";
    assert!(patch.frame(frame(raw), vec![text(0, "a", "x")], &mut Vec::new()).is_err());
    // Nor does one pass that was never shown.
    assert!(patch.frame(frame(raw), Vec::new(), &mut Vec::new()).is_err());
}

#[test]
fn arguments_of_tools_are_changed_as_text_and_as_an_object() {
    let arguments = |before: &str, after: &str| Rewritten { kind: TextKind::ToolArguments, ..text(0, before, after) };
    let openai = r#"{"choices":[{"message":{"content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a\":1}"}}]}}]}"#;
    let changed = whole(Dialect::OpenAi, &Bytes::from(openai), &[arguments("{\"a\":1}", "{\"a\":2}")]).expect("there");
    assert_eq!(changed, openai.replace("1}", "2}"));
    let gemini = r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a": 1}}}]}}]}"#;
    let changed = whole(Dialect::Gemini, &Bytes::from(gemini), &[arguments("{\"a\": 1}", "{\"a\":2}")]).expect("there");
    assert_eq!(changed, gemini.replace("{\"a\": 1}", "{\"a\":2}"));
}

const START: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\",\"text\":\"secret\"}}\n\n";
const STOP: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":3}\n\n";
const END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{}}\n\n";

/// Index and text of each delta, and the names of all other events.
fn read(stream: &str) -> Vec<String> {
    let (mut decoder, mut frames) = (sse::Decoder::default(), Vec::new());
    decoder.push(stream.as_bytes(), &mut frames).expect("events");
    let told = frames.iter().map(|frame| {
        let data: serde_json::Value = serde_json::from_str(frame.data.as_deref().unwrap_or("null")).expect("JSON");
        match data["delta"]["text"].as_str() {
            Some(text) => format!("{} {text}", data["index"]),
            None => format!("{} {}", frame.name.trim_start_matches("content_"), data["index"]),
        }
    });
    told.collect()
}

#[test]
fn text_that_was_held_back_goes_into_the_block_that_is_about_to_end() {
    let mut patch = Patch::new(&call(Dialect::Anthropic));
    let mut stream = passed(&mut patch, START, &[]);
    stream += &passed(&mut patch, DELTA, &[text(0, "secret", "")]);
    stream += &passed(&mut patch, STOP, &[]);
    let mut held = Vec::new();
    patch.text(0, "[name]", &mut [], &mut held);
    stream += std::str::from_utf8(&held).expect("JSON");
    stream += &passed(&mut patch, END, &[]);
    let expected = ["block_start 3", "3 ", "3 [name]", "block_stop 3", "message_delta null"];
    assert_eq!(read(&stream), expected);
}

#[test]
fn held_text_behind_another_block_has_a_block_of_its_own() {
    let mut patch = Patch::new(&call(Dialect::Anthropic));
    let tool = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":4,\"content_block\":{\"type\":\"tool_use\"}}\n\n";
    let mut stream = String::new();
    for frame in [START, STOP, tool, &STOP.replace('3', "4")] {
        stream += &passed(&mut patch, frame, &[]);
    }
    let mut held = Vec::new();
    patch.text(0, "more", &mut [], &mut held);
    stream += std::str::from_utf8(&held).expect("JSON");
    stream += &passed(&mut patch, END, &[]);
    let expected = [
        "block_start 3",
        "block_stop 3",
        "block_start 4",
        "block_stop 4",
        "block_start 5",
        "5 more",
        "block_stop 5",
        "message_delta null",
    ];
    assert_eq!(read(&stream), expected);
}

#[test]
fn a_stream_that_is_ended_here_ends_as_its_dialect_does() {
    let mut patch = Patch::new(&call(Dialect::Anthropic));
    let mut stream = passed(&mut patch, START, &[]).into_bytes();
    patch.finish(&[(0, EndReason::ContentFilter)], Vec::new(), Vec::new(), &mut stream);
    let stream = String::from_utf8(stream).expect("JSON");
    assert_eq!(read(&stream), ["block_start 3", "block_stop 3", "message_delta null", "message_stop null"]);
    assert!(stream.contains("\"stop_reason\":\"refusal\""), "{stream}");

    let mut patch = Patch::new(&call(Dialect::OpenAi));
    patch.begin(&Event::Begin { id: "chatcmpl-1".to_owned(), model: "m".to_owned(), created: Some(7) });
    let mut stream = Vec::new();
    patch.finish(&[(0, EndReason::ContentFilter)], Vec::new(), Vec::new(), &mut stream);
    let stream = String::from_utf8(stream).expect("JSON");
    assert!(stream.contains("chatcmpl-1") && stream.contains("\"finish_reason\":\"content_filter\""), "{stream}");
    assert!(stream.ends_with("data: [DONE]\n\n") && !stream.contains("\"role\""), "{stream}");
}

#[test]
fn held_text_follows_the_text_of_the_event_that_ends_its_choice() {
    let mut patch = Patch::new(&call(Dialect::OpenAi));
    let raw = "data: {\"choices\":[{\"delta\":{\"content\":\"foo bar\"},\"finish_reason\":\"stop\"}]}\n\n";
    let (mut texts, mut ahead) = (vec![text(0, "foo bar", "foo ")], Vec::new());
    patch.text(0, "[bar]", &mut texts, &mut ahead);
    assert!(ahead.is_empty());
    assert!(passed(&mut patch, raw, &texts).contains("\"foo [bar]\""));

    let mut patch = Patch::new(&call(Dialect::Gemini));
    let raw =
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"foo bar\"}]},\"finishReason\":\"STOP\"}]}\n\n";
    assert_eq!(passed(&mut patch, raw, &[text(0, "foo bar", "foo ")]), "");
    let mut out = Vec::new();
    patch.text(0, "[bar]", &mut [], &mut out);
    patch.end(&mut out).expect("the text is there");
    assert!(std::str::from_utf8(&out).expect("JSON").contains("\"foo [bar]\""));
}

#[test]
fn what_passed_before_a_stop_is_not_lost() {
    let mut patch = Patch::new(&call(Dialect::Gemini));
    let raw = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"all\"}]},\"finishReason\":\"STOP\"}]}\n\n";
    assert_eq!(passed(&mut patch, raw, &[text(0, "all", "all")]), "");
    let mut out = Vec::new();
    patch.finish(&[(0, EndReason::Length)], Vec::new(), Vec::new(), &mut out);
    let out = String::from_utf8(out).expect("JSON");
    assert!(out.contains("\"all\"") && out.contains("MAX_TOKENS"), "{out}");
}

#[test]
fn what_quotes_a_changed_text_in_a_later_event_is_gone_too() {
    let mut patch = Patch::new(&call(Dialect::Gemini));
    let raw = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a secret\"}]}}]}\n\n";
    passed(&mut patch, raw, &[text(0, "a secret", "a [x]")]);
    let last = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"groundingMetadata\":{\"text\":\"a secret\"}}]}\n\n";
    passed(&mut patch, last, &[]);
    let mut out = Vec::new();
    patch.end(&mut out).expect("nothing is hidden");
    let out = String::from_utf8(out).expect("JSON");
    assert!(out.contains("\"groundingMetadata\":null") && !out.contains("secret"), "{out}");
}

#[test]
fn a_thought_with_the_same_words_is_not_the_text() {
    let answer =
        Bytes::from(r#"{"candidates":[{"content":{"parts":[{"text":"4111","thought":true},{"text":"4111"}]}}]}"#);
    let changed = whole(Dialect::Gemini, &answer, &[text(0, "4111", "[card]")]).expect("there");
    assert_eq!(changed, r#"{"candidates":[{"content":{"parts":[{"text":"4111","thought":true},{"text":"[card]"}]}}]}"#);
}

#[test]
fn arguments_that_are_no_object_any_more_fail() {
    let answer = Bytes::from(r#"{"content":[{"type":"tool_use","id":"1","name":"f","input":{"a":1}}]}"#);
    let arguments = |after: &str| Rewritten { kind: TextKind::ToolArguments, ..text(0, "{\"a\":1}", after) };
    for after in ["", "{},\"stop_reason\":\"x\"", "[1]"] {
        assert!(whole(Dialect::Anthropic, &answer, &[arguments(after)]).is_err(), "{after}");
    }
}

#[test]
fn many_pieces_of_one_choice_in_one_event_are_no_trouble() {
    let piece = r#"{"index":0,"delta":{"content":"a"},"logprobs":{"x":1}}"#;
    let raw = format!("data: {{\"choices\":[{}]}}\n\n", vec![piece; 20_000].join(","));
    let mut patch = Patch::new(&call(Dialect::OpenAi));
    let changed = passed(&mut patch, &raw, &vec![text(0, "a", "b"); 20_000]);
    assert_eq!(changed.matches("\"logprobs\":null").count(), 20_000);
}
