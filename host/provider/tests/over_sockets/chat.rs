//! Answers of the models over a real socket, in one piece and streamed.

use crate::support::Running;
use serde_json::{Value, json};

fn echo(text: &str) -> Value {
    json!({ "model": "echo-1", "messages": [{ "role": "user", "content": text }] })
}

fn with(mut request: Value, name: &str, value: Value) -> Value {
    request[name] = value;
    request
}

#[tokio::test]
async fn an_echo_comes_back_in_openais_form_with_its_usage() {
    let provider = Running::start().await;
    let answer = provider.chat(&echo("Hello, gate!")).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let id = body["id"].as_str().unwrap();
    assert!(id.starts_with("chatcmpl-") && id.len() == 25, "{id}");
    let expected = json!({
        "id": id,
        "object": "chat.completion",
        "created": body["created"].as_u64().unwrap(),
        "model": "echo-1",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Hello, gate!", "refusal": null, "annotations": [] },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        // `Hell`, `o`, `,`, ` gate`, `!`; four for the message and two for the prompt.
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 5,
            "total_tokens": 16,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_sluicegate",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes_from_every_provider() {
    let (one, other) = (Running::start().await, Running::start().await);
    for stream in [false, true] {
        let request =
            json!({ "model": "story-1", "messages": [{ "role": "user", "content": "80 words" }], "stream": stream });
        assert_eq!(one.chat(&request).await.body(), other.chat(&request).await.body());
    }
    let (here, there) = (one.chat(&echo("here")).await.json(), one.chat(&echo("there")).await.json());
    assert_ne!(here["id"], there["id"]);
}

#[tokio::test]
async fn a_stream_has_a_role_one_token_in_each_delta_a_finish_and_done() {
    let provider = Running::start().await;
    let answer = provider.chat(&with(echo("Hello, gate!"), "stream", json!(true))).await;
    assert_eq!((answer.status, answer.whole, answer.field("cache-control")), (200, true, Some("no-cache")));
    let events = answer.events();
    let whole = provider.chat(&echo("Hello, gate!")).await.json();
    let deltas: Vec<Value> = events.iter().map(|event| event["choices"][0]["delta"].clone()).collect();
    let expected = json!([
        { "role": "assistant", "content": "", "refusal": null },
        { "content": "Hell" }, { "content": "o" }, { "content": "," }, { "content": " gate" }, { "content": "!" },
        {},
    ]);
    assert_eq!(Value::from(deltas), expected);
    let (last, others) = events.split_last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    for event in others {
        assert_eq!(event["choices"][0]["finish_reason"], Value::Null);
        assert_eq!(event["object"], "chat.completion.chunk");
        assert_eq!(
            (&event["id"], &event["created"], &event["model"]),
            (&whole["id"], &whole["created"], &whole["model"])
        );
        assert!(event.get("usage").is_none(), "nobody asked for usage: {event}");
    }
    assert_eq!(answer.chunks.len(), events.len() + 1, "each event is a chunk of its own");
}

#[tokio::test]
async fn usage_comes_in_a_chunk_without_choices_when_the_client_asks_for_it() {
    let provider = Running::start().await;
    let request =
        with(with(echo("one two"), "stream", json!(true)), "stream_options", json!({ "include_usage": true }));
    let events = provider.chat(&request).await.events();
    let (last, others) = events.split_last().unwrap();
    let whole = provider.chat(&echo("one two")).await.json();
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &whole["usage"]));
    assert!(others.iter().all(|event| event.get("usage") == Some(&Value::Null)));
}

#[tokio::test]
async fn a_limit_of_tokens_ends_an_answer_by_length_under_both_names() {
    let provider = Running::start().await;
    for name in ["max_tokens", "max_completion_tokens"] {
        let request = with(echo("one two three"), name, json!(2));
        let body = provider.chat(&request).await.json();
        assert_eq!(body["choices"][0]["message"]["content"], "one two");
        assert_eq!(body["choices"][0]["finish_reason"], "length");
        assert_eq!(body["usage"]["completion_tokens"], 2);
        let events = provider.chat(&with(request, "stream", json!(true))).await.events();
        assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "length");
    }
}

#[tokio::test]
async fn stop_strings_end_an_answer_before_them() {
    let provider = Running::start().await;
    for stop in [json!(" three"), json!(["four", " three"])] {
        let body = provider.chat(&with(echo("one two three four"), "stop", stop)).await.json();
        assert_eq!(body["choices"][0]["message"]["content"], "one two");
        assert_eq!(body["choices"][0]["finish_reason"], "stop");
    }
}

#[tokio::test]
async fn an_echo_repeats_the_last_user_message_whatever_form_it_has() {
    let provider = Running::start().await;
    let messages = json!([
        { "role": "system", "content": "Repeat." },
        { "role": "user", "content": "first" },
        { "role": "user", "content": [
            { "type": "text", "text": "se" }, { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }, { "type": "text", "text": "cond" },
        ] },
        { "role": "assistant", "content": "third" },
    ]);
    let body = provider.chat(&json!({ "model": "echo-1", "messages": messages })).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "second");
    // Texts 3 + 2 + (1 + 85 + 1) + 2, four messages of 4, and 2: `Repe`, `at`, `.`; `firs`, `t`; …
    assert_eq!(body["usage"]["prompt_tokens"], 3 + 2 + 87 + 2 + 4 * 4 + 2);
}

#[tokio::test]
async fn a_story_has_the_length_asked_for_and_is_the_same_streamed() {
    let provider = Running::start().await;
    let request = json!({ "model": "story-1", "messages": [{ "role": "user", "content": "Tell me 500 words." }] });
    let whole = provider.chat(&request).await.json();
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.split(' ').count(), 500);
    let events = provider.chat(&with(request, "stream", json!(true))).await.events();
    let streamed: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(streamed, text);
    assert_eq!(whole["usage"]["completion_tokens"], events.len() - 2);
}

#[tokio::test]
async fn models_are_listed_and_found_by_name() {
    let provider = Running::start().await;
    let list = provider.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    for name in ["echo-1", "story-1", "think-1", "refuse-1", "embed-1"] {
        let card = provider.get(&format!("/v1/models/{name}")).await.json();
        assert_eq!((&card["id"], &card["object"]), (&json!(name), &json!("model")));
        assert!(list["data"].as_array().unwrap().contains(&card));
    }
}
