//! What the provider says that each key has used.

use crate::support::{KEY, Running};
use serde_json::{Value, json};
use sluicegate_provider::{ProviderKey, Usage};

const OTHER: &str = "another-key";

fn chat(model: &str, text: &str, stream: bool) -> Value {
    json!({
        "model": model, "messages": [{ "role": "user", "content": text }], "stream": stream,
        "stream_options": if stream { json!({ "include_usage": true }) } else { json!(null) },
    })
}

async fn start() -> Running {
    Running::start_with(|options| options.keys.push(ProviderKey::new(OTHER))).await
}

#[tokio::test]
async fn what_answers_say_of_their_usage_is_what_is_charged() {
    let provider = start().await;
    let whole = provider.chat(&chat("think-1", "one two", false)).await.json()["usage"].clone();
    let events = provider.chat(&chat("think-1", "one two three", true)).await.events();
    let streamed = events.last().unwrap()["usage"].clone();
    let sum =
        |pointer: &str| [&whole, &streamed].iter().map(|usage| usage.pointer(pointer).unwrap().as_u64().unwrap()).sum();
    let expected = Usage {
        input: sum("/prompt_tokens"),
        output: sum("/completion_tokens"),
        reasoning: sum("/completion_tokens_details/reasoning_tokens"),
        ..Usage::default()
    };
    let lines = provider.invoice.lines();
    assert_eq!((lines.len(), lines[0].dialect, lines[0].model), (1, "openai", "think-1"));
    assert_eq!((lines[0].answers, lines[0].incomplete, lines[0].usage), (2, 0, expected));
    assert_eq!(provider.invoice.total(&ProviderKey::new(KEY).id()), expected);
}

#[tokio::test]
async fn each_dialect_charges_its_own_answers() {
    let provider = start().await;
    let message = json!({ "model": "echo-1", "max_tokens": 9, "messages": [{ "role": "user", "content": "one two" }] });
    let content = json!({ "contents": [{ "parts": [{ "text": "one two" }] }] });
    let conversation = json!({ "messages": [{ "role": "user", "content": [{ "text": "one two" }] }] });
    let azure = "/openai/deployments/echo-1/chat/completions?api-version=2024-10-21";
    for stream in [false, true] {
        provider.chat(&chat("echo-1", "one two", stream)).await;
        provider.post("/v1/responses", &json!({ "model": "echo-1", "input": "one two", "stream": stream })).await;
        provider
            .post(azure, &json!({ "messages": [{ "role": "user", "content": "one two" }], "stream": stream }))
            .await;
        let mut message = message.clone();
        message["stream"] = stream.into();
        provider.post_with("/v1/messages", &message, "anthropic-version: 2023-06-01\r\n").await;
        let verb = if stream { "streamGenerateContent" } else { "generateContent" };
        provider.post(&format!("/v1beta/models/echo-1:{verb}"), &content).await;
        let operation = if stream { "converse-stream" } else { "converse" };
        provider.post(&format!("/model/echo-1/{operation}"), &conversation).await;
    }
    let lines = provider.invoice.lines();
    let charged: Vec<(&str, u64, u64, u64)> =
        lines.iter().map(|line| (line.dialect, line.answers, line.usage.input, line.usage.output)).collect();
    assert_eq!(
        charged,
        [
            ("anthropic", 2, 16, 4),
            ("azure", 2, 16, 4),
            ("bedrock", 2, 16, 4),
            ("gemini", 2, 16, 4),
            ("openai", 4, 32, 8),
        ]
    );
}

#[tokio::test]
async fn calls_of_tools_cost_the_same_streamed_or_not() {
    let provider = start().await;
    let tool = json!({ "type": "function", "function": { "name": "weather", "parameters": {
        "type": "object", "properties": { "city": { "type": "string" } },
    } } });
    for stream in [false, true] {
        let mut request = chat("story-1", "weather in 7 words", stream);
        request["tools"] = json!([tool]);
        provider.chat(&request).await;
    }
    let answers = provider.invoice.answers();
    assert_eq!((answers.len(), answers[0].usage), (2, answers[1].usage));
}

#[tokio::test]
async fn a_stream_that_is_cut_is_charged_as_far_as_it_was_made() {
    let provider = start().await;
    let whole = provider.chat(&chat("story-1", "500 words", true)).await;
    let fields = format!("x-provider-cut-after: {}\r\n", whole.body().len() / 2);
    provider.chat_with(&chat("story-1", "500 words", true), &fields).await;
    let [complete, cut] = &provider.invoice.answers()[..] else { panic!() };
    assert_eq!((complete.complete, cut.complete), (true, false));
    assert_eq!(cut.usage.input, complete.usage.input);
    let share = cut.usage.output as f64 / complete.usage.output as f64;
    assert!((0.45..0.55).contains(&share), "{share}");
}

#[tokio::test]
async fn errors_and_refusals_cost_nothing() {
    let provider = start().await;
    provider.chat_with(&chat("echo-1", "x", false), "x-provider-status: 500\r\n").await;
    provider.chat(&json!({ "model": "echo-1", "messages": [] })).await;
    provider.get("/v1/models").await;
    assert!(provider.invoice.lines().is_empty());
}

#[tokio::test]
async fn a_key_can_ask_for_its_own_invoice_and_sees_no_other() {
    let provider = start().await;
    provider.chat(&chat("echo-1", "one two", false)).await;
    let invoice = provider.get("/provider/invoice").await.json();
    let id = ProviderKey::new(KEY).id();
    let usage = json!({ "input": 8, "cache_read": 0, "cache_write": 0, "output": 2, "reasoning": 0 });
    assert_eq!((&invoice["key"], &invoice["total"]), (&json!(id), &usage));
    assert_eq!(
        invoice["lines"],
        json!([{ "key": id, "dialect": "openai", "model": "echo-1", "answers": 1, "incomplete": 0, "usage": usage }])
    );
    assert_eq!(invoice["answers"][0]["complete"], true);
    assert!(!invoice.to_string().contains(KEY));
    let head = format!(
        "GET /provider/invoice HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {OTHER}\r\n\r\n"
    );
    let other = provider.send(&head, b"").await.json();
    assert_eq!((&other["lines"], &other["total"]["input"]), (&json!([]), &json!(0)));
}
