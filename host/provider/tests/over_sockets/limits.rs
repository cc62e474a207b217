//! Each dialect takes what stands at its limits, and not one more.

use crate::support::Running;
use serde_json::{Value, json};

const VERSION: &str = "anthropic-version: 2023-06-01\r\n";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GENERATE: &str = "/v1beta/models/echo-1:generateContent";
const CONVERSE: &str = "/model/echo-1/converse";

/// Larger than any request at a limit.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

fn with(mut base: Value, name: &str, value: Value) -> Value {
    base[name] = value;
    base
}

fn many(count: usize, value: &Value) -> Value {
    vec![value.clone(); count].into()
}

fn named(count: usize, object: impl Fn(String) -> Value) -> Value {
    (0..count).map(|number| object(format!("name-{number}"))).collect()
}

fn role(number: usize) -> &'static str {
    if number.is_multiple_of(2) { "user" } else { "assistant" }
}

fn chat() -> Value {
    json!({ "model": "echo-1", "messages": [{ "role": "user", "content": "x" }] })
}

fn message() -> Value {
    with(chat(), "max_tokens", json!(9))
}

fn contents() -> Value {
    json!({ "contents": [{ "parts": [{ "text": "x" }] }] })
}

fn conversation() -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": "x" }] }] })
}

/// A path, the limit, and a request that has so many of what is limited.
type Limit = (&'static str, usize, Box<dyn Fn(usize) -> Value>);

fn limits() -> Vec<Limit> {
    let metadata = |count| {
        named(count, Value::String)
            .as_array()
            .unwrap()
            .iter()
            .map(|name| (name.as_str().unwrap().to_owned(), json!("x")))
            .collect::<serde_json::Map<_, _>>()
    };
    let calls = |count| {
        let calls =
            named(count, |id| json!({ "id": id, "type": "function", "function": { "name": "a", "arguments": "{}" } }));
        let results = named(count, |id| json!({ "role": "tool", "tool_call_id": id, "content": "x" }));
        let mut messages = vec![json!({ "role": "assistant", "tool_calls": calls })];
        messages.extend(results.as_array().unwrap().clone());
        with(chat(), "messages", messages.into())
    };
    let text = json!({ "type": "text", "text": "x" });
    let input_text = json!({ "type": "input_text", "text": "x" });
    let said = json!({ "role": "user", "content": "x" });
    let content = json!({ "parts": [{ "text": "x" }] });
    let turns = |count: usize| -> Value {
        (0..count).map(|number| json!({ "role": role(number), "content": [{ "text": "x" }] })).collect()
    };
    let config = |name: &str, value: Value| with(contents(), "generationConfig", json!({ name: value }));
    vec![
        (
            CHAT,
            2_048,
            Box::new(move |count| with(chat(), "messages", json!([{ "role": "user", "content": many(count, &text) }]))),
        ),
        (CHAT, 16, Box::new(move |count| with(chat(), "metadata", metadata(count).into()))),
        (CHAT, 128, Box::new(calls)),
        (CHAT, 4, Box::new(|count| with(chat(), "stop", many(count, &json!("y"))))),
        (
            RESPONSES,
            2_048,
            Box::new(
                move |count| json!({ "model": "echo-1", "input": [{ "role": "user", "content": many(count, &input_text) }] }),
            ),
        ),
        (MESSAGES, 100_000, Box::new(move |count| with(message(), "messages", many(count, &said)))),
        (MESSAGES, 8_191, Box::new(|count| with(message(), "stop_sequences", many(count, &json!("y"))))),
        (
            MESSAGES,
            100_000,
            Box::new(|count| {
                with(
                    message(),
                    "messages",
                    json!([{ "role": "user", "content": many(count, &json!({ "type": "text", "text": "x" })) }]),
                )
            }),
        ),
        (GENERATE, 10_000, Box::new(move |count| with(contents(), "contents", many(count, &content)))),
        (
            GENERATE,
            10_000,
            Box::new(|count| json!({ "contents": [{ "parts": many(count, &json!({ "text": "x" })) }] })),
        ),
        (GENERATE, 5, Box::new(move |count| config("stopSequences", many(count, &json!("y"))))),
        (
            GENERATE,
            512,
            Box::new(|count| {
                with(
                    contents(),
                    "tools",
                    json!([{ "functionDeclarations": named(count, |name| json!({ "name": name })) }]),
                )
            }),
        ),
        (
            "/v1beta/models/embed-1:batchEmbedContents",
            100,
            Box::new(|count| json!({ "requests": many(count, &json!({ "content": { "parts": [{ "text": "x" }] } })) })),
        ),
        (CONVERSE, 100_000, Box::new(move |count| json!({ "messages": turns(count) }))),
        (
            CONVERSE,
            100_000,
            Box::new(
                |count| json!({ "messages": [{ "role": "user", "content": many(count, &json!({ "text": "x" })) }] }),
            ),
        ),
        (
            CONVERSE,
            2_500,
            Box::new(|count| {
                with(conversation(), "inferenceConfig", json!({ "stopSequences": many(count, &json!("y")) }))
            }),
        ),
        (
            CONVERSE,
            512,
            Box::new(|count| {
                let tool = |name| json!({ "toolSpec": { "name": name, "inputSchema": { "json": {} } } });
                with(conversation(), "toolConfig", json!({ "tools": named(count, tool) }))
            }),
        ),
    ]
}

#[tokio::test]
async fn a_request_at_a_limit_is_answered_and_one_beyond_it_is_told_the_limit() {
    let provider = Running::start_with(|options| options.body_bytes_max = BODY_BYTES_MAX).await;
    for (path, limit, request) in limits() {
        let answer = provider.post_with(path, &request(limit), VERSION).await;
        assert_eq!(answer.status, 200, "{path}, {limit}: {}", String::from_utf8_lossy(&answer.body()));
        let answer = provider.post_with(path, &request(limit + 1), VERSION).await;
        let said = String::from_utf8(answer.body()).unwrap();
        assert!(answer.status == 400 && said.contains(&limit.to_string()), "{path}, {limit}: {said}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_in_each_dialects_form() {
    let provider = Running::start_with(|options| options.body_bytes_max = 100).await;
    let long = json!({ "x": "x".repeat(100) });
    for (path, pointer, word) in [
        (CHAT, "/error/code", json!("request_too_large")),
        (MESSAGES, "/error/type", json!("request_too_large")),
        (GENERATE, "/error/status", json!("INVALID_ARGUMENT")),
        (CONVERSE, "/message", json!("The request body has more than 100 bytes.")),
    ] {
        let answer = provider.post_with(path, &long, VERSION).await;
        assert_eq!((answer.status, answer.json().pointer(pointer)), (413, Some(&word)), "{path}");
    }
}
