//! Whole answers in and out.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{read, sum};
use crate::answer::{Answer, EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::dialect::responses::{read_answer, write_answer};
use crate::error::ProviderErrorKind;
use crate::usage::Usage;

pub fn response() -> Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 1700000000, "status": "completed", "model": "gpt-5-theirs", "error": null,
        "output": [
            { "type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": [
                { "type": "summary_text", "text": "One" }, { "type": "summary_text", "text": "Two" },
            ] },
            { "type": "web_search_call", "id": "ws_1", "status": "completed", "action": { "type": "search", "query": "q" } },
            { "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                { "type": "output_text", "text": "Hi", "annotations": [] },
            ] },
            { "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{\"a\":1}", "status": "completed" },
        ],
        "usage": {
            "input_tokens": 10, "input_tokens_details": { "cached_tokens": 4, "cache_write_tokens": 2 },
            "output_tokens": 7, "output_tokens_details": { "reasoning_tokens": 3 }, "total_tokens": 17,
        },
    })
}

pub fn events(response: &Value) -> Vec<Event> {
    read_answer(Operation::Chat, &Bytes::from(response.to_string())).unwrap()
}

fn end(response: &Value) -> Option<EndReason> {
    events(response).iter().find_map(|event| match event {
        Event::End { reason, .. } => Some(*reason),
        _ => None,
    })
}

#[test]
fn items_become_pieces() {
    let answer = sum(&events(&response()));
    assert_eq!((answer.id.as_str(), answer.model.as_str()), ("resp_1", "gpt-5-theirs"));
    assert_eq!((answer.created, answer.done), (Some(1_700_000_000), true));
    let [choice] = answer.choices.as_slice() else { panic!() };
    assert_eq!(choice.end, Some(EndReason::ToolCalls));
    let [
        Piece::Thought(thought),
        Piece::ThoughtSealed { family, raw },
        Piece::ThoughtSealed { raw: searched, .. },
        Piece::Text(text),
        ..,
    ] = choice.pieces.as_slice()
    else {
        panic!("{choice:?}")
    };
    assert_eq!((thought.as_str(), *family, text.as_str()), ("One\n\nTwo", Family::OpenAi, "Hi"));
    assert_eq!(serde_json::from_str::<Value>(raw).unwrap(), response()["output"][0]);
    assert_eq!(serde_json::from_str::<Value>(searched).unwrap(), response()["output"][1]);
    assert_eq!(choice.tool_calls(), [("call_1", "f", "{\"a\":1}")]);
    let usage = answer.usage.unwrap();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens), (10, 4, 2));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens), (7, Some(3)));
    assert_eq!(serde_json::from_str::<Value>(&usage.raw.unwrap()).unwrap(), response()["usage"]);
}

#[test]
fn a_status_is_a_reason() {
    let ended = |status: &str, reason: Value, content: Value| {
        json!({
            "object": "response", "status": status, "incomplete_details": { "reason": reason },
            "output": [{ "type": "message", "content": [content] }],
        })
    };
    let text = json!({ "type": "output_text", "text": "x" });
    for (status, reason, content, expected) in [
        ("completed", Value::Null, text.clone(), EndReason::Stop),
        ("completed", Value::Null, json!({ "type": "refusal", "refusal": "no" }), EndReason::Refusal),
        ("incomplete", "max_output_tokens".into(), text.clone(), EndReason::Length),
        ("incomplete", "content_filter".into(), text.clone(), EndReason::ContentFilter),
        ("incomplete", Value::Null, text.clone(), EndReason::Length),
        ("queued", Value::Null, text, EndReason::Pause),
    ] {
        assert_eq!(end(&ended(status, reason, content)), Some(expected), "{status}");
    }
}

#[test]
fn errors_are_told_in_place_of_an_answer() {
    for (body, kind, status, message) in [
        (
            json!({ "object": "response", "status": "failed", "output": [], "error": { "code": "rate_limit_exceeded", "message": "Slow" } }),
            ProviderErrorKind::RateLimited,
            429,
            "Slow",
        ),
        (
            json!({ "object": "response", "status": "failed", "output": [] }),
            ProviderErrorKind::Server,
            500,
            "The provider failed to answer, and does not say why.",
        ),
        (
            json!({ "object": "response", "status": "cancelled", "output": [] }),
            ProviderErrorKind::Server,
            500,
            "The provider cancelled the answer.",
        ),
        (
            json!({ "error": { "type": "invalid_request_error", "code": "context_length_exceeded", "message": "Long", "param": "input" } }),
            ProviderErrorKind::Invalid,
            400,
            "Long",
        ),
        (json!({ "error": "down" }), ProviderErrorKind::Server, 500, "down"),
        (
            json!({ "error": { "type": "insufficient_quota" } }),
            ProviderErrorKind::Exhausted,
            429,
            "The provider reported an error without a message.",
        ),
    ] {
        let events = events(&body);
        let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind, error.status, error.message.as_str()), (kind, status, message));
        assert!(!events.contains(&Event::Done));
    }
}

#[test]
fn what_is_no_answer_is_broken() {
    for (body, shown) in
        [("<html>\n<p>", "<html> <p>"), ("{}", "{}"), ("[1]", "[1]"), (&"ä".repeat(99), &"ä".repeat(32))]
    {
        let broken = read_answer(Operation::Chat, &Bytes::from(body.to_owned())).unwrap_err();
        assert_eq!(broken.message, format!("A response as a JSON object was expected, but it begins with `{shown}`."));
    }
    let broken = read_answer(Operation::Chat, &Bytes::new()).unwrap_err();
    assert_eq!(broken.message, "A response as a JSON object was expected.");
    let broken = read_answer(Operation::Embeddings, &Bytes::from_static(b"{}")).unwrap_err();
    assert_eq!(broken.message, "The openai-responses dialect answers chats only.");
    let calls = vec![json!({ "type": "function_call", "name": "f", "arguments": "" }); 1025];
    let body = json!({ "object": "response", "output": calls }).to_string();
    assert_eq!(
        read_answer(Operation::Chat, &Bytes::from(body)).unwrap_err().message,
        "The answer calls more than 1024 tools."
    );
}

/// An answer as other dialects bring it.
pub fn answer(pieces: Vec<Piece>, end: EndReason) -> Answer {
    let usage = Usage { input_tokens: 5, output_tokens: 2, ..Usage::default() };
    let mut answer = Answer { usage: Some(usage), done: true, id: "chatcmpl-a/b".to_owned(), ..Answer::default() };
    for piece in pieces {
        answer.take(Event::Piece { choice: 0, piece });
    }
    answer.take(Event::End { choice: 0, reason: end });
    answer
}

fn printed(call: Value, answer: &Answer) -> Value {
    serde_json::from_slice(&write_answer(&read(call).unwrap(), answer)).unwrap()
}

#[test]
fn items_without_a_counterpart_and_calls_of_custom_tools_are_written_as_they_came() {
    let custom = json!({
        "type": "custom_tool_call", "id": "ctc_1_1", "status": "completed", "call_id": "c", "name": "run", "input": "ls -l",
    });
    let images = json!({ "type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "AA==" });
    let call = json!({ "tools": [{ "type": "custom", "name": "run" }, { "type": "image_generation" }] });
    let items = json!([images, custom]);
    let answer = sum(&events(&json!({ "id": "resp_1", "object": "response", "status": "completed", "output": items })));
    assert_eq!(answer.choices[0].tool_calls(), [("c", "run", "ls -l")]);
    assert_eq!(printed(call, &answer)["output"], items);
}

#[test]
fn an_answer_of_another_dialect_is_a_response() {
    let thinking = Piece::ThoughtSealed { family: Family::Anthropic, raw: "{}".to_owned() };
    let pieces = vec![
        Piece::Thought("Hm".to_owned()),
        thinking,
        Piece::Text("Hi".to_owned()),
        Piece::ToolBegin { tool: 0, id: "c0".to_owned(), name: "f".to_owned() },
        Piece::ToolBegin { tool: 1, id: "c1".to_owned(), name: "g".to_owned() },
        Piece::ToolArguments { tool: 1, text: "{\"x\":1}".to_owned() },
    ];
    let found =
        printed(json!({ "store": true, "temperature": 0.3, "user": "u" }), &answer(pieces, EndReason::ToolCalls));
    assert_eq!(
        found,
        json!({
            "id": "resp_chatcmpl-ab", "object": "response", "created_at": 0, "status": "completed", "background": false, "error": null,
            "incomplete_details": null, "instructions": null, "max_output_tokens": null, "max_tool_calls": null, "model": "gpt-5",
            "output": [
                { "type": "reasoning", "id": "rs_chatcmpl-ab_0", "summary": [{ "type": "summary_text", "text": "Hm" }] },
                { "type": "message", "id": "msg_chatcmpl-ab_1", "status": "completed", "role": "assistant", "content": [
                    { "type": "output_text", "text": "Hi", "annotations": [], "logprobs": [] },
                ] },
                { "type": "function_call", "id": "fc_chatcmpl-ab_2", "status": "completed", "call_id": "c0", "name": "f", "arguments": "{}" },
                { "type": "function_call", "id": "fc_chatcmpl-ab_3", "status": "completed", "call_id": "c1", "name": "g", "arguments": "{\"x\":1}" },
            ],
            "parallel_tool_calls": true, "previous_response_id": null, "prompt_cache_key": null,
            "reasoning": { "effort": null, "summary": null }, "safety_identifier": null, "store": false, "temperature": 0.3,
            "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [], "top_p": 1.0, "truncation": "disabled",
            "usage": {
                "input_tokens": 5, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
                "output_tokens": 2, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 7,
            },
            "user": "u", "metadata": {},
        })
    );
}

#[test]
fn reasons_are_statuses() {
    let text = || Piece::Text("x".to_owned());
    let refused = || Piece::Refusal("no".to_owned());
    for (piece, end, status, reason) in [
        (text(), EndReason::Stop, "completed", Value::Null),
        (text(), EndReason::StopSequence, "completed", Value::Null),
        (text(), EndReason::Pause, "completed", Value::Null),
        (text(), EndReason::Length, "incomplete", "max_output_tokens".into()),
        (text(), EndReason::ContentFilter, "incomplete", "content_filter".into()),
        (text(), EndReason::Refusal, "incomplete", "content_filter".into()),
        (refused(), EndReason::Refusal, "completed", Value::Null),
    ] {
        let found = printed(json!({}), &answer(vec![piece], end));
        assert_eq!(found["status"], status, "{end:?}");
        assert_eq!(found["output"][0]["status"], status, "{end:?}");
        assert_eq!(found["incomplete_details"]["reason"], reason, "{end:?}");
    }
}

#[test]
fn the_vendors_own_answer_stays_its_own() {
    let found = printed(json!({}), &sum(&events(&response())));
    assert_eq!((found["id"].as_str(), found["store"].as_bool()), (Some("resp_1"), Some(true)));
    assert_eq!(found["output"][0], response()["output"][0], "the sealed thought as it came");
}
