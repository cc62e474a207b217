//! Azure OpenAI: deployments in the path, a version in the query, filters in the answer.

use crate::support::{KEY, Running};
use serde_json::{Value, json};

const CHAT: &str = "/openai/deployments/echo-1/chat/completions?api-version=2024-10-21";

fn request(stream: bool) -> Value {
    json!({ "messages": [{ "role": "user", "content": "one two" }], "stream": stream })
}

#[tokio::test]
async fn an_answer_is_openais_with_the_filters_findings() {
    let provider = Running::start().await;
    let answer = provider.post(CHAT, &request(false)).await;
    assert!(answer.field("apim-request-id").is_some());
    let mut body = answer.json();
    let safe = json!({ "filtered": false, "severity": "safe" });
    assert_eq!(body["choices"][0]["content_filter_results"]["hate"], safe);
    assert_eq!(body["prompt_filter_results"][0]["content_filter_results"]["violence"], safe);
    body.as_object_mut().unwrap().remove("prompt_filter_results");
    body["choices"][0].as_object_mut().unwrap().remove("content_filter_results");
    let mut same = request(false);
    same["model"] = "echo-1".into();
    assert_eq!(body, provider.chat(&same).await.json());
}

#[tokio::test]
async fn a_stream_begins_with_a_chunk_without_choices() {
    let provider = Running::start().await;
    let events = provider.post(CHAT, &request(true)).await.events();
    assert_eq!((&events[0]["choices"], events[0]["prompt_filter_results"].is_array()), (&json!([]), true));
    let text: String =
        events[1..].iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, "one two");
    assert!(events[2]["choices"][0]["content_filter_results"]["hate"].is_object());
}

#[tokio::test]
async fn the_newer_paths_name_the_model_in_the_body() {
    let provider = Running::start().await;
    let mut chat = request(false);
    chat["model"] = "echo-1".into();
    let body = provider.post("/openai/v1/chat/completions", &chat).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "one two");
    let response = json!({ "model": "echo-1", "input": "one" });
    for path in ["/openai/v1/responses", "/openai/responses?api-version=2025-04-01-preview"] {
        assert_eq!(provider.post(path, &response).await.json()["output"][0]["content"][0]["text"], "one");
    }
    let embedded =
        provider.post("/openai/deployments/embed-1/embeddings?api-version=2024-10-21", &json!({ "input": "x" })).await;
    assert_eq!(embedded.json()["data"][0]["embedding"].as_array().unwrap().len(), 1536);
}

#[tokio::test]
async fn refusals_are_azures_own() {
    let provider = Running::start().await;
    let code = |answer: &crate::support::Answer| answer.json()["error"]["code"].clone();
    let without_version = provider.post("/openai/deployments/echo-1/chat/completions", &request(false)).await;
    assert_eq!((without_version.status, code(&without_version)), (404, json!("404")));
    let unknown = CHAT.replace("echo-1", "gpt-9");
    let unknown = provider.post(&unknown, &request(false)).await;
    assert_eq!((unknown.status, code(&unknown)), (404, json!("DeploymentNotFound")));
    let limited =
        provider.post_with(CHAT, &request(false), "x-provider-status: 429\r\nx-provider-retry-after: 3\r\n").await;
    assert_eq!((limited.status, code(&limited), limited.field("retry-after")), (429, json!("429"), Some("3")));
    let by_name = CHAT.replace("echo-1", "echo-1~status=503");
    assert_eq!(provider.post(&by_name, &request(false)).await.status, 503);
    let wrong = provider.post(CHAT, &json!({ "messages": [] })).await;
    assert_eq!((wrong.status, code(&wrong)), (400, json!("empty_array")));
}

#[tokio::test]
async fn the_key_stands_in_a_field_of_its_own() {
    let provider = Running::start().await;
    for (field, status) in
        [(format!("api-key: {KEY}"), 200), ("api-key: wrong".to_owned(), 401), ("x-api-key: x".to_owned(), 401)]
    {
        let body = request(false).to_string();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n{field}\r\n\r\n",
            body.len()
        );
        let answer = provider.send(&head, body.as_bytes()).await;
        assert_eq!(answer.status, status);
        if status == 401 {
            assert_eq!(answer.json()["error"]["code"], "401");
        }
    }
}
