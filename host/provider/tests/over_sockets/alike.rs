//! One question in every dialect: one model makes the answer up, and each dialect only writes it down.

use crate::support::Running;
use serde_json::{Value, json};

const ASK: &str = "Tell me 20 words, and use weather";

async fn told(provider: &Running, path: &str, request: Value, text: &str, arguments: &str) -> (String, Value) {
    let answer = provider.post_with(path, &request, "anthropic-version: 2023-06-01\r\n").await.json();
    let arguments = match answer.pointer(arguments) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap(),
        Some(other) => other.clone(),
        None => panic!("no arguments in {answer}"),
    };
    (answer.pointer(text).unwrap().as_str().unwrap().to_owned(), arguments)
}

#[tokio::test]
async fn the_same_question_gets_the_same_answer_in_every_dialect() {
    let provider = Running::start().await;
    let schema =
        json!({ "type": "object", "properties": { "city": { "type": "string" }, "days": { "type": "integer" } } });
    let messages = json!([{ "role": "user", "content": ASK }]);
    let nested = json!([{ "type": "function", "function": { "name": "weather", "parameters": schema } }]);
    let answers = [
        told(
            &provider,
            "/v1/chat/completions",
            json!({ "model": "story-1", "messages": messages, "tools": nested }),
            "/choices/0/message/content",
            "/choices/0/message/tool_calls/0/function/arguments",
        )
        .await,
        told(
            &provider,
            "/v1/responses",
            json!({ "model": "story-1", "input": ASK, "tools": [{ "type": "function", "name": "weather", "parameters": schema }] }),
            "/output/0/content/0/text",
            "/output/1/arguments",
        )
        .await,
        told(
            &provider,
            "/openai/deployments/story-1/chat/completions?api-version=2024-10-21",
            json!({ "messages": messages, "tools": nested }),
            "/choices/0/message/content",
            "/choices/0/message/tool_calls/0/function/arguments",
        )
        .await,
        told(
            &provider,
            "/v1/messages",
            json!({ "model": "story-1", "max_tokens": 999, "messages": messages, "tools": [{ "name": "weather", "input_schema": schema }] }),
            "/content/0/text",
            "/content/1/input",
        )
        .await,
        told(
            &provider,
            "/v1beta/models/story-1:generateContent",
            json!({ "contents": [{ "parts": [{ "text": ASK }] }], "tools": [{ "functionDeclarations": [{ "name": "weather", "parametersJsonSchema": schema }] }] }),
            "/candidates/0/content/parts/0/text",
            "/candidates/0/content/parts/1/functionCall/args",
        )
        .await,
        told(
            &provider,
            "/model/story-1/converse",
            json!({
                "messages": [{ "role": "user", "content": [{ "text": ASK }] }],
                "toolConfig": { "tools": [{ "toolSpec": { "name": "weather", "inputSchema": { "json": schema } } }] },
            }),
            "/output/message/content/0/text",
            "/output/message/content/1/toolUse/input",
        )
        .await,
    ];
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let lines = provider.invoice.lines();
    let usage =
        |line: &sluicegate_provider::InvoiceLine| (line.usage.input / line.answers, line.usage.output / line.answers);
    assert!(lines.len() == 5 && lines.iter().all(|line| usage(line) == usage(&lines[0])), "{lines:?}");
}
