//! Tools, forms, choices, reasoning and refusals in chat completions.

use crate::support::{PNG, Running, long_text};
use serde_json::{Value, json};

fn request(model: &str, text: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }] })
}

fn with(mut request: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

fn tools() -> Value {
    let tool = |name: &str| {
        let parameters = json!({
            "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"], "additionalProperties": false,
        });
        json!({ "type": "function", "function": { "name": name, "description": "Looks.", "parameters": parameters, "strict": true } })
    };
    json!([tool("weather"), tool("time")])
}

#[tokio::test]
async fn tools_that_the_text_names_are_called_at_once_and_streamed_piece_by_piece() {
    let provider = Running::start().await;
    let request = with(request("echo-1", "weather and time, please"), json!({ "tools": tools() }));
    let body = provider.chat(&request).await.json();
    let choice = &body["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("tool_calls"), &json!(null)));
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    let names: Vec<&Value> = calls.iter().map(|call| &call["function"]["name"]).collect();
    assert_eq!(names, ["weather", "time"]);
    let events = provider.chat(&with(request.clone(), json!({ "stream": true }))).await.events();
    let mut streamed = vec![json!({}), json!({})];
    for delta in events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array()).flatten() {
        let call = &mut streamed[delta["index"].as_u64().unwrap() as usize];
        if delta["id"].is_string() {
            *call = delta.clone();
            call.as_object_mut().unwrap().remove("index");
        } else {
            let more = delta["function"]["arguments"].as_str().unwrap();
            let whole = format!("{}{more}", call["function"]["arguments"].as_str().unwrap());
            call["function"]["arguments"] = whole.into();
        }
    }
    assert_eq!(&streamed, calls);
    for call in calls {
        let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["city"].is_string() && arguments.as_object().unwrap().len() == 1);
    }
    let one = provider.chat(&with(request, json!({ "parallel_tool_calls": false }))).await.json();
    assert_eq!(one["choices"][0]["message"]["tool_calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_choice_of_tools_is_kept_to() {
    let provider = Running::start().await;
    let called = async |choice: Value| {
        let request = with(request("echo-1", "hello"), json!({ "tools": tools(), "tool_choice": choice }));
        let message = provider.chat(&request).await.json()["choices"][0]["message"].clone();
        message["tool_calls"][0]["function"]["name"].clone()
    };
    assert_eq!(called(json!("auto")).await, json!(null));
    assert_eq!(called(json!("required")).await, json!("weather"));
    assert_eq!(called(json!({ "type": "function", "function": { "name": "time" } })).await, json!("time"));
    let request = with(request("echo-1", "time"), json!({ "tools": tools(), "tool_choice": "none" }));
    assert_eq!(provider.chat(&request).await.json()["choices"][0]["message"]["content"], "time");
}

#[tokio::test]
async fn results_of_tools_are_told_and_must_be_complete() {
    let provider = Running::start().await;
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": "{}" } });
    let mut messages = json!([
        { "role": "user", "content": "weather" },
        { "role": "assistant", "content": null, "tool_calls": [call("a"), call("b")] },
        { "role": "tool", "tool_call_id": "a", "content": "sun" },
    ]);
    let ask = |messages: &Value| json!({ "model": "echo-1", "messages": messages, "tools": tools() });
    let refused = provider.chat(&ask(&messages)).await;
    assert_eq!(refused.status, 400);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("did not have response messages: b"), "{message}");
    let second = json!({ "role": "tool", "tool_call_id": "b", "content": [{ "type": "text", "text": "rain" }] });
    messages.as_array_mut().unwrap().push(second);
    let body = provider.chat(&ask(&messages)).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "sun\nrain");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_story_is_told_in_front_of_its_calls() {
    let provider = Running::start().await;
    let request = with(request("story-1", "weather in 3 words"), json!({ "tools": tools() }));
    let choice = provider.chat(&request).await.json()["choices"][0].clone();
    assert_eq!(choice["message"]["content"].as_str().unwrap().split(' ').count(), 3);
    assert_eq!(choice["message"]["tool_calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_fits_the_schema_that_it_is_to_have() {
    let provider = Running::start().await;
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["steps", "final"],
        "properties": {
            "steps": { "type": "array", "items": { "$ref": "#/$defs/step" } },
            "final": { "type": ["string", "null"], "enum": ["yes", "no", null] },
        },
        "$defs": { "step": {
            "type": "object", "additionalProperties": false, "required": ["text", "score"],
            "properties": { "text": { "type": "string" }, "score": { "type": "number", "minimum": 0, "maximum": 1 } },
        } },
    });
    let format = json!({ "type": "json_schema", "json_schema": { "name": "plan", "strict": true, "schema": schema } });
    let request = with(request("story-1", "plan"), json!({ "response_format": format }));
    let text = provider.chat(&request).await.json()["choices"][0]["message"]["content"].clone();
    let value: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
    let format = json!({ "response_format": { "type": "json_object" } });
    let text = provider.chat(&with(self::request("echo-1", "in JSON"), format)).await.json();
    assert_eq!(text["choices"][0]["message"]["content"], r#"{"answer":"in JSON"}"#);
}

#[tokio::test]
async fn a_refusal_stands_in_a_member_of_its_own() {
    let provider = Running::start().await;
    let body = provider.chat(&request("refuse-1", "x")).await.json();
    let message = &body["choices"][0]["message"];
    assert_eq!((&message["content"], &message["refusal"]), (&json!(null), &json!("I cannot help with that.")));
    let events = provider.chat(&with(request("refuse-1", "x"), json!({ "stream": true }))).await.events();
    let told: String = events.iter().filter_map(|event| event["choices"][0]["delta"]["refusal"].as_str()).collect();
    assert_eq!(told, "I cannot help with that.");
    assert!(events.iter().all(|event| event["choices"][0]["delta"]["content"].is_null()));
}

#[tokio::test]
async fn several_choices_are_streamed_side_by_side() {
    let provider = Running::start().await;
    let request = with(request("story-1", "4 words"), json!({ "n": 3 }));
    let whole = provider.chat(&request).await.json();
    let events = provider.chat(&with(request, json!({ "stream": true }))).await.events();
    for index in 0..3 {
        let deltas = events
            .iter()
            .flat_map(|event| event["choices"].as_array().unwrap())
            .filter(|choice| choice["index"] == index);
        let text: String = deltas.filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(whole["choices"][index]["message"]["content"], text);
    }
    assert_ne!(whole["choices"][0]["message"], whole["choices"][1]["message"]);
}

#[tokio::test]
async fn thinking_is_hidden_and_counted() {
    let provider = Running::start().await;
    let body = provider.chat(&with(request("think-1", "one two"), json!({ "reasoning_effort": "low" }))).await.json();
    assert_eq!(body["choices"][0]["message"]["content"], "one two");
    let usage = &body["usage"];
    let thought = usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
    assert!(thought >= 8, "{usage}");
    assert_eq!(usage["completion_tokens"], thought + 2);
    let none = provider.chat(&with(request("think-1", "one two"), json!({ "reasoning_effort": "none" }))).await.json();
    assert_eq!(none["usage"]["completion_tokens"], 2);
    let fields =
        "x-provider-reasoning-tokens: 7\r\nx-provider-cache-read-tokens: 3\r\nx-provider-cache-write-tokens: 2\r\n";
    let asked = provider.chat_with(&request("echo-1", "one two"), fields).await.json();
    assert_eq!(asked["usage"]["completion_tokens_details"]["reasoning_tokens"], 7);
    let details = &asked["usage"]["prompt_tokens_details"];
    assert_eq!((&details["cached_tokens"], &details["cache_write_tokens"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn what_was_sent_before_counts_as_cached_in_whole_steps() {
    let provider = Running::start().await;
    let messages = json!([
        { "role": "system", "content": long_text(1200) },
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": "b" },
        { "role": "user", "content": "c" },
    ]);
    let usage = provider.chat(&json!({ "model": "echo-1", "messages": messages })).await.json()["usage"].clone();
    assert_eq!(usage["prompt_tokens"], 1200 + 3 + 4 * 4 + 2);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 9 * 128);
}

#[tokio::test]
async fn images_come_by_address_or_in_base64_and_only_from_the_user() {
    let provider = Running::start().await;
    let message = |role: &str, url: &str| json!({ "role": role, "content": [{ "type": "image_url", "image_url": { "url": url } }] });
    let ask = |message: Value| json!({ "model": "echo-1", "messages": [message] });
    let data = format!("data:image/png;base64,{PNG}");
    for url in ["https://example.com/a.png", &data] {
        assert_eq!(provider.chat(&ask(message("user", url))).await.json()["usage"]["prompt_tokens"], 85 + 4 + 2);
    }
    for (message, code) in [
        (message("user", "data:image/gif;base64,A"), "invalid_base64"),
        (message("user", "a.png"), "invalid_image_url"),
        (message("system", &data), "invalid_value"),
    ] {
        let answer = provider.chat(&ask(message)).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(code)));
    }
}

#[tokio::test]
async fn a_seed_and_a_field_choose_another_story() {
    let provider = Running::start().await;
    let story = async |members: Value, fields: &str| {
        let request = with(request("story-1", "9 words"), members);
        provider.chat_with(&request, fields).await.json()["choices"][0]["message"]["content"].clone()
    };
    let plain = story(json!({}), "").await;
    assert_eq!(plain, story(json!({}), "").await);
    assert_ne!(plain, story(json!({ "seed": 7 }), "").await);
    assert_ne!(plain, story(json!({}), "x-provider-answer-seed: 7\r\n").await);
}
