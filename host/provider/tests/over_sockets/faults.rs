//! Answers that are not as they should be, in each dialect that has a form of its own for them.

use crate::support::{Answer, Running};
use serde_json::{Value, json};
use sluicegate_provider::{ENDLESS_BYTES_MAX, NESTED_LEVELS};

fn chat(stream: bool) -> Value {
    json!({ "model": "echo-1", "messages": [{ "role": "user", "content": "one two" }], "stream": stream })
}

async fn faulty(provider: &Running, stream: bool, fault: &str) -> Answer {
    provider.chat_with(&chat(stream), &format!("x-provider-fault: {fault}\r\n")).await
}

#[tokio::test]
async fn a_page_stands_in_place_of_json_with_the_status_beside_it() {
    let provider = Running::start().await;
    let answer = faulty(&provider, false, "html").await;
    assert_eq!((answer.status, answer.field("content-type")), (502, Some("text/html")));
    let answer = provider.chat_with(&chat(true), "x-provider-fault: html\r\nx-provider-status: 504\r\n").await;
    assert!(answer.status == 504 && answer.body().starts_with(b"<html>"));
    assert!(provider.invoice.lines().is_empty());
}

#[tokio::test]
async fn an_error_in_200_is_told_in_the_vendors_form() {
    let provider = Running::start().await;
    let answer = faulty(&provider, false, "error-in-200").await;
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (200, &json!("server_error")));
    let [(_, event)] = &faulty(&provider, true, "error-in-200").await.named_events()[..] else { panic!() };
    assert_eq!(event["error"]["type"], "server_error");
}

#[tokio::test]
async fn a_stream_may_end_early_and_cleanly() {
    let provider = Running::start().await;
    let answer = faulty(&provider, true, "no-end").await;
    assert_eq!((answer.status, answer.whole), (200, true));
    let events = answer.named_events();
    assert!(events.len() == 3 && events.iter().all(|(_, event)| event["choices"][0]["finish_reason"].is_null()));
    let answer = faulty(&provider, true, "no-newline").await;
    assert!(answer.whole && answer.body().ends_with(b"\n\ndata: [DONE]"));
    let answer = faulty(&provider, false, "no-end").await;
    assert!(answer.whole && serde_json::from_slice::<Value>(&answer.body()).is_err());
}

#[tokio::test]
async fn an_endless_line_goes_on_for_a_bounded_while() {
    let provider = Running::start().await;
    let answer = faulty(&provider, true, "endless-line").await;
    let body = answer.body();
    let line = body.rsplit(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(line.len(), "data: ".len() + ENDLESS_BYTES_MAX);
}

#[tokio::test]
async fn deep_nesting_is_json_all_the_same() {
    let provider = Running::start().await;
    for stream in [false, true] {
        let body = faulty(&provider, stream, "deep").await.body();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(&"[".repeat(NESTED_LEVELS)), "{stream}");
        assert_eq!(text.matches('[').count(), text.matches(']').count());
    }
}

#[tokio::test]
async fn an_error_in_the_middle_ends_a_stream_in_each_dialect() {
    let provider = Running::start().await;
    let fields = "x-provider-error-after: 2\r\nanthropic-version: 2023-06-01\r\n";
    let message = json!({ "model": "echo-1", "max_tokens": 9, "stream": true, "messages": [{ "role": "user", "content": "one two" }] });
    let events = provider.post_with("/v1/messages", &message, fields).await.named_events();
    assert_eq!(
        (events.len(), events[2].0.as_str(), &events[2].1["error"]["type"]),
        (3, "error", &json!("overloaded_error"))
    );

    let fields = "x-provider-error-after: 2\r\nx-provider-status: 429\r\n";
    let events = provider.chat_with(&chat(true), fields).await.named_events();
    assert_eq!((events.len(), &events[2].1["error"]["code"]), (3, &json!("rate_limit_exceeded")));
    let response = json!({ "model": "echo-1", "input": "one two", "stream": true });
    let events = provider.post_with("/v1/responses", &response, fields).await.named_events();
    assert_eq!(
        (events.len(), &events[2].1["type"], &events[2].1["code"]),
        (3, &json!("error"), &json!("rate_limit_exceeded"))
    );

    let content = json!({ "contents": [{ "parts": [{ "text": "one two three" }] }] });
    let path = "/v1beta/models/echo-1:streamGenerateContent";
    let events = provider.post_with(&format!("{path}?alt=sse"), &content, fields).await.named_events();
    assert_eq!((events.len(), &events[2].1["error"]["status"]), (3, &json!("RESOURCE_EXHAUSTED")));
    for events in [0, 2] {
        let fields = format!("x-provider-error-after: {events}\r\n");
        let array = provider.post_with(path, &content, &fields).await.json();
        let elements = array.as_array().unwrap();
        assert_eq!((elements.len(), &elements[events]["error"]["status"]), (events + 1, &json!("UNAVAILABLE")));
    }
    let whole = provider.chat_with(&chat(false), fields).await;
    assert_eq!(whole.status, 429, "an answer in one piece is that error");
}

#[tokio::test]
async fn lines_end_as_asked_for_and_are_cut_within_their_end() {
    let provider = Running::start().await;
    let plain = provider.chat(&chat(true)).await.body();
    let fields = "x-provider-line-end: crlf\r\nx-provider-fragment-seed: 3\r\n";
    let answer = provider.chat_with(&chat(true), fields).await;
    let text = String::from_utf8(answer.body()).unwrap();
    assert_eq!(text.replace("\r\n", "\n").as_bytes(), plain);
    assert!(answer.chunks.iter().any(|chunk| chunk.ends_with(b"\r")), "a CRLF is cut");
    let answer = provider.chat_with(&chat(true), "x-provider-line-end: cr\r\n").await;
    assert!(!answer.body().contains(&b'\n'));
}

#[tokio::test]
async fn the_end_of_a_models_name_asks_for_the_same_as_a_field() {
    let provider = Running::start().await;
    let named =
        |suffix: &str| json!({ "model": format!("echo-1~{suffix}"), "messages": [{ "role": "user", "content": "x" }] });
    let answer = provider.chat(&named("status=429~retry-after=2")).await;
    assert_eq!((answer.status, answer.field("retry-after")), (429, Some("2")));
    let cut = provider.chat(&named("cut-after=10")).await;
    assert_eq!((cut.body().len(), cut.whole), (10, false));
    let good = provider.chat(&named("fragment-seed=1")).await;
    assert_eq!((good.status, &good.json()["model"]), (200, &json!("echo-1")));
    let wrong = provider.chat(&named("speed=1")).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (400, &json!("invalid_provider_field")));
}

#[tokio::test]
async fn a_request_that_nests_too_deep_is_refused_in_each_dialect() {
    let provider = Running::start().await;
    let deep = [vec![b'['; 128], vec![b']'; 128]].concat();
    for path in [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/messages",
        "/v1beta/models/echo-1:generateContent",
        "/openai/deployments/echo-1/chat/completions?api-version=2024-10-21",
        "/model/echo-1/converse",
    ] {
        assert_eq!(
            provider.request("POST", path, "anthropic-version: 2023-06-01\r\n", &deep).await.status,
            400,
            "{path}"
        );
    }
}
