//! Anthropic's messages, in one piece and streamed, with tools, thinking, caches and the count of tokens.

use crate::support::{Answer, KEY, PNG, Running, long_text};
use serde_json::{Value, json};

const VERSION: &str = "anthropic-version: 2023-06-01\r\n";

fn request(model: &str, content: Value) -> Value {
    json!({ "model": model, "max_tokens": 2000, "messages": [{ "role": "user", "content": content }] })
}

fn with(request: &Value, members: Value) -> Value {
    let mut request = request.clone();
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

async fn post(provider: &Running, request: &Value) -> Answer {
    provider.post_with("/v1/messages", request, VERSION).await
}

async fn message(provider: &Running, request: &Value) -> Value {
    let answer = post(provider, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refused(provider: &Running, request: &Value) -> String {
    let answer = post(provider, request).await;
    let body = answer.json();
    assert_eq!(
        (answer.status, &body["type"], &body["error"]["type"]),
        (400, &json!("error"), &json!("invalid_request_error"))
    );
    assert_eq!(answer.field("request-id"), body["request_id"].as_str());
    body["error"]["message"].as_str().unwrap().to_owned()
}

/// What a stream's events add up to: the blocks, and the last usage.
fn collected(events: &[(String, Value)]) -> (Vec<Value>, Value) {
    let mut blocks: Vec<Value> = Vec::new();
    let mut partial: Vec<String> = Vec::new();
    let mut usage = json!(null);
    for (name, data) in events {
        assert_eq!(data["type"], *name);
        let index = data["index"].as_u64().unwrap_or_default() as usize;
        match name.as_str() {
            "content_block_start" => {
                assert_eq!(index, blocks.len());
                blocks.push(data["content_block"].clone());
                partial.push(String::new());
            }
            "content_block_delta" => {
                let (block, delta) = (&mut blocks[index], &data["delta"]);
                for member in ["text", "thinking", "signature"] {
                    if let Some(more) = delta[member].as_str() {
                        block[member] = format!("{}{more}", block[member].as_str().unwrap()).into();
                    }
                }
                partial[index].push_str(delta["partial_json"].as_str().unwrap_or_default());
            }
            "content_block_stop" if blocks[index]["type"] == "tool_use" => {
                blocks[index]["input"] = serde_json::from_str(&partial[index]).unwrap();
            }
            "message_delta" => usage = data["usage"].clone(),
            _ => {}
        }
    }
    (blocks, usage)
}

fn tools() -> Value {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    json!([{ "name": "weather", "description": "Looks.", "input_schema": schema }, { "name": "time", "input_schema": schema }])
}

fn thinking() -> Value {
    json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } })
}

#[tokio::test]
async fn a_message_comes_in_anthropics_form() {
    let provider = Running::start().await;
    let request = with(&request("echo-1", json!("Hello, gate!")), json!({ "system": "Be brief." }));
    let body = message(&provider, &request).await;
    let expected = json!({
        "id": body["id"], "type": "message", "role": "assistant", "model": "echo-1",
        "content": [{ "type": "text", "text": "Hello, gate!" }],
        "stop_reason": "end_turn", "stop_sequence": null, "stop_details": null,
        "usage": {
            "input_tokens": 4 + 5 + 8 + 2, "output_tokens": 5,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
            "output_tokens_details": { "thinking_tokens": 0 }, "service_tier": "standard",
        },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_stream_has_all_its_events_and_a_ping() {
    let provider = Running::start().await;
    let request = with(&request("echo-1", json!("one two")), json!({ "stream": true }));
    let events = post(&provider, &request).await.named_events();
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let start = &events[0].1["message"];
    assert_eq!((&start["content"], &start["usage"]["input_tokens"]), (&json!([]), &json!(8)));
    let whole = message(&provider, &with(&request, json!({ "stream": false }))).await;
    assert_eq!(collected(&events), (whole["content"].as_array().unwrap().clone(), whole["usage"].clone()));
}

#[tokio::test]
async fn tools_are_used_at_once_or_one_at_a_time() {
    let provider = Running::start().await;
    let request = with(&request("story-1", json!("weather and time in 5 words")), json!({ "tools": tools() }));
    let whole = message(&provider, &request).await;
    let kinds: Vec<&Value> = whole["content"].as_array().unwrap().iter().map(|block| &block["type"]).collect();
    assert_eq!(
        (kinds, &whole["stop_reason"]),
        (vec![&json!("text"), &json!("tool_use"), &json!("tool_use")], &json!("tool_use"))
    );
    assert!(whole["content"][1]["input"]["city"].is_string());
    let events = post(&provider, &with(&request, json!({ "stream": true }))).await.named_events();
    assert_eq!(collected(&events).0, *whole["content"].as_array().unwrap());
    let choice = json!({ "tool_choice": { "type": "any", "disable_parallel_tool_use": true } });
    let one = message(&provider, &with(&request, choice)).await;
    assert_eq!(one["content"].as_array().unwrap().len(), 2);
    let named = json!({ "tool_choice": { "type": "tool", "name": "time" } });
    assert_eq!(message(&provider, &with(&request, named)).await["content"][1]["name"], "time");
}

#[tokio::test]
async fn thoughts_are_signed_and_must_come_back_unchanged() {
    let provider = Running::start().await;
    let first = with(&with(&request("think-1", json!("weather")), thinking()), json!({ "tools": tools() }));
    let answer = message(&provider, &first).await;
    let events = post(&provider, &with(&first, json!({ "stream": true }))).await.named_events();
    assert_eq!(collected(&events).0, *answer["content"].as_array().unwrap());
    let used = &answer["content"][1];
    let result =
        json!({ "type": "tool_result", "tool_use_id": used["id"], "content": [{ "type": "text", "text": "sun" }] });
    let next = |content: Value| {
        let messages = json!([
            { "role": "user", "content": "weather" }, { "role": "assistant", "content": content }, { "role": "user", "content": [result] },
        ]);
        with(&first, json!({ "messages": messages }))
    };
    let told = message(&provider, &next(answer["content"].clone())).await;
    assert_eq!(told["content"][1]["text"], "sun");
    let mut changed = answer["content"].clone();
    changed[0]["thinking"] = "something else".into();
    let said = refused(&provider, &next(changed)).await;
    assert_eq!(said, "messages.1.content.0: Invalid `signature` in `thinking` block");
    let said = refused(&provider, &next(json!([used]))).await;
    assert!(
        said.starts_with("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
        "{said}"
    );
}

#[tokio::test]
async fn thoughts_may_be_redacted_or_left_out() {
    let provider = Running::start().await;
    let trigger = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";
    let redacted = with(&request("think-1", json!(trigger)), thinking());
    let whole = message(&provider, &redacted).await;
    assert_eq!(whole["content"][0]["type"], "redacted_thinking");
    let events = post(&provider, &with(&redacted, json!({ "stream": true }))).await.named_events();
    assert_eq!(collected(&events).0, *whole["content"].as_array().unwrap());
    let again = |content: Value| {
        with(
            &redacted,
            json!({ "messages": [
            { "role": "user", "content": "x" }, { "role": "assistant", "content": content }, { "role": "user", "content": "y" },
        ] }),
        )
    };
    message(&provider, &again(whole["content"].clone())).await;
    let changed = json!([{ "type": "redacted_thinking", "data": "AAAA" }]);
    assert!(refused(&provider, &again(changed)).await.starts_with("messages.1.content.0: Invalid `data`"));

    let omitted = json!({ "thinking": { "type": "adaptive", "display": "omitted" } });
    let whole = message(&provider, &with(&request("think-1", json!("x")), omitted)).await;
    assert_eq!((&whole["content"][0]["type"], &whole["content"][0]["thinking"]), (&json!("thinking"), &json!("")));
    assert!(whole["usage"]["output_tokens_details"]["thinking_tokens"].as_u64() > Some(30));
    message(&provider, &again(whole["content"].clone())).await;
}

#[tokio::test]
async fn what_is_marked_is_written_to_the_cache_and_read_from_then_on() {
    let provider = Running::start().await;
    let system =
        json!([{ "type": "text", "text": long_text(1100), "cache_control": { "type": "ephemeral", "ttl": "1h" } }]);
    let first = with(&request("echo-1", json!("a")), json!({ "system": system }));
    let usage = message(&provider, &first).await["usage"].clone();
    assert_eq!((&usage["input_tokens"], &usage["cache_creation_input_tokens"]), (&json!(5), &json!(1106)));
    assert_eq!(usage["cache_creation"], json!({ "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1106 }));
    let messages = json!([{ "role": "user", "content": "a" }, { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" }]);
    let usage = message(&provider, &with(&first, json!({ "messages": messages }))).await["usage"].clone();
    assert_eq!((&usage["cache_read_input_tokens"], &usage["cache_creation_input_tokens"]), (&json!(1106), &json!(0)));
    let counted = provider.post_with("/v1/messages/count_tokens", &first, VERSION).await.json();
    assert_eq!(counted, json!({ "input_tokens": 1111 }));
}

#[tokio::test]
async fn counting_needs_no_limit_and_costs_nothing() {
    let provider = Running::start().await;
    let mut request = request(
        "echo-1",
        json!([{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": PNG } }]),
    );
    request.as_object_mut().unwrap().remove("max_tokens");
    let counted = provider.post_with("/v1/messages/count_tokens", &request, VERSION).await.json();
    assert_eq!(counted["input_tokens"], 85 + 4 + 2);
    assert!(provider.invoice.lines().is_empty());
}

#[tokio::test]
async fn reasons_to_stop_are_told() {
    let provider = Running::start().await;
    for (model, members, reason, stop) in [
        ("echo-1", json!({ "max_tokens": 1 }), "max_tokens", json!(null)),
        ("echo-1", json!({ "stop_sequences": ["x", " two"] }), "stop_sequence", json!(" two")),
        ("refuse-1", json!({}), "refusal", json!(null)),
    ] {
        let body = message(&provider, &with(&request(model, json!("one two")), members)).await;
        assert_eq!((&body["stop_reason"], &body["stop_sequence"]), (&json!(reason), &stop));
        assert_eq!(body["stop_details"].is_object(), reason == "refusal");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_at_its_place() {
    let provider = Running::start().await;
    let mark = json!({ "type": "text", "text": "x", "cache_control": { "type": "ephemeral" } });
    let image = json!({ "type": "image", "source": { "type": "base64", "media_type": "image/gif", "data": PNG } });
    let picture = json!({ "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } });
    let said = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    let used = json!({ "type": "tool_use", "id": "t1", "name": "weather", "input": {} });
    for (members, sentence) in [
        (json!({ "max_tokens": null }), "max_tokens: Field required"),
        (json!({ "max_tokens": 0 }), "max_tokens: Input should be greater than or equal to 1"),
        (json!({ "max_tokens": "x" }), "max_tokens: Input should be a valid integer"),
        (json!({ "temperature": 1.5 }), "temperature: Input should be less than or equal to 1"),
        (json!({ "messages": [] }), "messages: at least one message is required"),
        (
            json!({ "messages": [{ "role": "king", "content": "x" }] }),
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        (
            json!({ "messages": [{ "role": "assistant", "content": "x" }] }),
            "messages: first message must use the \"user\" role",
        ),
        (json!({ "colour": "red" }), "colour: Extra inputs are not permitted"),
        (
            said(json!("")),
            "messages.0: all messages must have non-empty content except for the optional final assistant message",
        ),
        (said(json!([{ "type": "text", "text": "" }])), "messages: text content blocks must be non-empty"),
        (said(json!([used])), "messages.0.content.0.type: `tool_use` blocks are not allowed in `user` content"),
        (said(vec![mark; 5].into()), "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (said(vec![picture; 101].into()), "messages: too many images. At most 100 are allowed, found 101"),
        (
            said(json!([image])),
            "messages.0.content.0.source.base64.data: The image was specified using the image/gif media type, but the image appears to be a image/png image",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": "x" }, { "role": "assistant", "content": [used] }, { "role": "user", "content": "y" }] }),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: t1. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ),
        (
            said(json!([{ "type": "tool_result", "tool_use_id": "t2" }])),
            "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t2. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
        ),
        (
            json!({ "tools": [{ "name": "a b", "input_schema": { "type": "object" } }] }),
            "tools.0.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
        ),
        (
            json!({ "tools": vec![json!({ "name": "a", "input_schema": { "type": "object" } }); 513] }),
            "tools: array should have at most 512 items, not 513",
        ),
        (
            json!({ "tool_choice": { "type": "any" } }),
            "tool_choice: tool_choice may only be specified while providing tools",
        ),
        (json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }), "'echo-1' does not support thinking."),
        (
            json!({ "model": "think-1", "thinking": { "type": "enabled", "budget_tokens": 1023 } }),
            "thinking.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            json!({ "model": "think-1", "max_tokens": 1024, "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our documentation on extended thinking.",
        ),
    ] {
        assert_eq!(refused(&provider, &with(&request("echo-1", json!("x")), members)).await, sentence);
    }
}

#[tokio::test]
async fn the_newer_version_takes_no_sampling_and_no_citations_of_the_user() {
    let provider = Running::start().await;
    let cited = json!([{ "type": "text", "text": "x", "citations": [{ "type": "char_location" }] }]);
    let plain = request("echo-1", json!("x"));
    for (request, name) in [
        (with(&plain, json!({ "temperature": 1 })), "temperature"),
        (with(&plain, json!({ "top_k": 5 })), "top_k"),
        (request("echo-1", cited), "messages.0.content.0.citations"),
    ] {
        assert_eq!(post(&provider, &request).await.status, 200);
        let answer = provider.post_with("/v1/messages", &request, "anthropic-version: 2026-10-21\r\n").await;
        let said = answer.json()["error"]["message"].clone();
        assert_eq!((answer.status, said), (400, json!(format!("{name}: Extra inputs are not permitted"))));
    }
    let unknown = provider.post_with("/v1/messages", &plain, "anthropic-version: 2023-01-01\r\n").await;
    assert_eq!(unknown.json()["error"]["message"], "anthropic-version: \"2023-01-01\" is not a valid version");
}

#[tokio::test]
async fn errors_have_anthropics_words_for_each_status() {
    let provider = Running::start().await;
    for (status, kind) in [
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
        (413, "request_too_large"),
        (403, "permission_error"),
    ] {
        let fields = format!("{VERSION}x-provider-status: {status}\r\nx-provider-retry-after: 7\r\n");
        let answer = provider.post_with("/v1/messages", &request("echo-1", json!("x")), &fields).await;
        assert_eq!((answer.status, answer.field("retry-after")), (status, Some("7")));
        assert_eq!(answer.json()["error"]["type"], kind);
    }
    let unknown = post(&provider, &request("gpt-9", json!("x"))).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["message"]), (404, &json!("model: gpt-9")));
    let unversioned = provider.post("/v1/messages", &request("echo-1", json!("x"))).await;
    assert_eq!(unversioned.json()["error"]["message"], "anthropic-version: header is required");
    let unknown = provider.request("GET", "/v1/messages/batches", VERSION, b"").await;
    assert_eq!((unknown.status, &unknown.json()["error"]["type"]), (404, &json!("not_found_error")));
    let broken = provider.request("POST", "/v1/messages", VERSION, b"{").await;
    assert!(broken.json()["error"]["message"].as_str().unwrap().starts_with("The request body is not valid JSON: "));
}

#[tokio::test]
async fn the_key_stands_in_a_field_of_its_own() {
    let provider = Running::start().await;
    for (field, status) in
        [(format!("x-api-key: {KEY}\r\n"), 200), ("x-api-key: wrong\r\n".to_owned(), 401), (String::new(), 401)]
    {
        let body = request("echo-1", json!("x")).to_string();
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n{VERSION}{field}\r\n",
            body.len()
        );
        let answer = provider.send(&head, body.as_bytes()).await;
        assert_eq!(answer.status, status);
        if status == 401 {
            assert_eq!(answer.json()["error"]["type"], "authentication_error");
        }
    }
}
