//! Whole answers of vendors.

use bytes::Bytes;

use crate::answer::{Answer, EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::{Dialect, read_answer};
use crate::error::{Broken, ProviderErrorKind};
use crate::usage::Usage;

fn read(body: &str) -> Result<Vec<Event>, Broken> {
    read_answer(Dialect::OpenAi, Operation::Chat, &Bytes::copy_from_slice(body.as_bytes()))
}

fn answer(body: &str) -> Answer {
    super::added(read(body).unwrap())
}

fn choice(members: &str) -> String {
    format!(r#"{{"id":"x","model":"m","choices":[{{{members}}}]}}"#)
}

fn vectors(body: &str) -> Result<Vec<Event>, Broken> {
    read_answer(Dialect::OpenAi, Operation::Embeddings, &Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn everything_of_an_answer_becomes_events() {
    let body = r#"{"id":"chatcmpl-1","object":"chat.completion","created":7,"model":"gpt-4o-2024","choices":[
        {"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"reasoning_content":"Hm","reasoning":"Hm","tool_calls":[
            {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
            {"type":"function","function":{"name":"g","arguments":{"x": 1}}}]},"logprobs":null,"finish_reason":"tool_calls"},
        {"index":1,"message":{"content":null,"refusal":"No"},"finish_reason":"stop"}],
      "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4},
        "completion_tokens_details":{"reasoning_tokens":3}},"service_tier":"default"}"#;
    let answer = answer(body);
    assert_eq!((answer.id.as_str(), answer.model.as_str(), answer.created), ("chatcmpl-1", "gpt-4o-2024", Some(7)));
    assert_eq!(answer.choices[0].pieces[..2], [Piece::Thought("Hm".to_owned()), Piece::Text("Hi".to_owned())]);
    assert_eq!(answer.choices[0].tool_calls(), [("a", "f", "{}"), ("call_0_1", "g", r#"{"x": 1}"#)]);
    assert_eq!(answer.choices[0].end, Some(EndReason::ToolCalls));
    assert_eq!(answer.choices[1].pieces, [Piece::Refusal("No".to_owned())]);
    assert_eq!(answer.choices[1].end, Some(EndReason::Refusal));
    let usage = answer.usage.unwrap();
    assert!(usage.raw.as_ref().unwrap().starts_with(r#"{"prompt_tokens":10,"#));
    let expected = Usage {
        input_tokens: 10,
        cache_read_tokens: 4,
        output_tokens: 5,
        reasoning_tokens: Some(3),
        raw: usage.raw.clone(),
        ..Usage::default()
    };
    assert_eq!(usage, expected);
    assert!(answer.done);
}

#[test]
fn reasons_of_the_end_are_told_apart() {
    let calls = r#","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]"#;
    for (reason, more, expected) in [
        (r#""stop""#, "", EndReason::Stop),
        (r#""stop""#, calls, EndReason::ToolCalls),
        ("null", calls, EndReason::ToolCalls),
        ("null", "", EndReason::Stop),
        (r#""eos""#, "", EndReason::Stop),
        (r#""length""#, calls, EndReason::Length),
        (r#""model_length""#, "", EndReason::Length),
        (r#""content_filter""#, "", EndReason::ContentFilter),
        (r#""function_call""#, "", EndReason::ToolCalls),
    ] {
        let body = choice(&format!(r#""message":{{"content":"x"{more}}},"finish_reason":{reason}"#));
        assert_eq!(answer(&body).choices[0].end, Some(expected), "{body}");
    }
    let body = choice(r#""message":{"content":"x"},"finish_reason":"insufficient_system_resource""#);
    let Some(Event::Error(error)) = read(&body).unwrap().pop() else { panic!() };
    assert_eq!((error.kind, error.status), (ProviderErrorKind::Overloaded, 503));
    let sentence = "The provider broke the answer off with the finish reason `insufficient_system_resource`.";
    assert_eq!(error.message, sentence);
}

#[test]
fn mistral_s_parts_and_figures_of_other_vendors_are_read() {
    let parts = r#"[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]},{"type":"text","text":"Hi"}]"#;
    let found = answer(&choice(&format!(r#""message":{{"content":{parts}}}"#)));
    assert_eq!(found.choices[0].pieces, [Piece::Thought("Hm".to_owned()), Piece::Text("Hi".to_owned())]);
    for (usage, input, read, output) in [
        (r#""usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4}"#, 9, 4, 2),
        (r#""usage":{"prompt_tokens":9,"total_tokens":12}"#, 9, 0, 3),
        (r#""usage":null,"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}"#, 1, 0, 2),
    ] {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],{usage}}}"#);
        let usage = answer(&body).usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.output_tokens), (input, read, output), "{body}");
    }
    assert_eq!(answer(r#"{"choices":[{"message":{"content":"x"}}],"usage":{}}"#).usage, None);
}

#[test]
fn an_error_with_a_good_status_is_an_error() {
    for body in [
        r#"{"error":{"message":"Busy","type":"server_error","code":503}}"#,
        r#"{"object":"error","message":"Busy","type":"overloaded","code":503}"#,
    ] {
        let events = read(body).unwrap();
        assert!(
            matches!(&events[..], [Event::Error(error)] if error.message == "Busy" && error.kind == ProviderErrorKind::Overloaded),
            "{events:?}"
        );
    }
}

#[test]
fn what_is_no_answer_is_said() {
    let long = format!("<html>{}", "x".repeat(100));
    let quoted = format!(
        "An answer in JSON was expected (this is no JSON value at byte 0), but it begins with `<html>{}`.",
        "x".repeat(58)
    );
    for (body, sentence) in [
        ("{}", "An answer with `choices` was expected, but it begins with `{}`."),
        (r#"{"choices":[]}"#, r#"An answer with `choices` was expected, but it begins with `{"choices":[]}`."#),
        (
            r#"{"choices":[1]}"#,
            r#"An answer with `choices[].message` was expected, but it begins with `{"choices":[1]}`."#,
        ),
        (r#"{"choices":[{"index":128,"message":{}}]}"#, "The answer has a choice 128, and at most 128 are taken."),
        (r#"{"choices":[{"message":{"tool_calls":[{"id":"a"}]}}]}"#, "A tool call of the answer names no tool."),
        (long.as_str(), quoted.as_str()),
    ] {
        assert_eq!(read(body).unwrap_err().message, sentence);
    }
    let calls = r#"{"function":{"name":"f"}},"#.repeat(1_025);
    let body = choice(&format!(r#""message":{{"tool_calls":[{}]}}"#, calls.trim_end_matches(',')));
    assert_eq!(read(&body).unwrap_err().message, "A choice of the answer has more than 1024 tool calls.");
}

#[test]
fn vectors_are_numbers_or_base64_in_the_order_of_the_inputs() {
    let body = r#"{"object":"list","model":"m","data":[{"index":1,"embedding":"AACAPwAAAEA="},{"index":0,"embedding":[0.5,-1]}],
        "usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let answer = super::added(vectors(body).unwrap());
    assert_eq!(answer.vectors, [vec![0.5, -1.0], vec![1.0, 2.0]]);
    assert_eq!(answer.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((3, 0)));
    assert!(answer.done);
    for embedding in [r#""AAA=""#, r#""AACA""#, r#""AADAfw==""#, "[1e60]", r#"["x"]"#, "null"] {
        let body = format!(r#"{{"data":[{{"embedding":{embedding}}}]}}"#);
        assert_eq!(vectors(&body).unwrap_err().message, "The embedding 0 of the answer is no vector.", "{embedding}");
    }
    assert_eq!(vectors("{}").unwrap_err().message, "An answer with `data` was expected, but it begins with `{}`.");
}
