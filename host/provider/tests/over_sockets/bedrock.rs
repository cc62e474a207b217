//! AWS Bedrock: Converse, its stream in frames, invoked models, and counted tokens. Signatures are for the client's test.

use crate::support::{Answer, PNG, Running, long_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn path(model: &str, operation: &str) -> String {
    format!("/model/{model}/{operation}")
}

fn request(text: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": [{ "text": text }] }] })
}

fn with(request: &Value, members: Value) -> Value {
    let mut request = request.clone();
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

async fn converse(provider: &Running, model: &str, request: &Value) -> Value {
    let answer = provider.post(&path(model, "converse"), request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refused(provider: &Running, request: &Value) -> (String, String) {
    let answer = provider.post(&path("echo-1", "converse"), request).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    (answer.field("x-amzn-errortype").unwrap().to_owned(), answer.json()["message"].as_str().unwrap().to_owned())
}

/// Event types and payloads.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let named = |(headers, payload): (Vec<(String, String)>, Value)| {
        assert_eq!(headers[2], (":message-type".to_owned(), "event".to_owned()));
        (headers[0].1.clone(), payload)
    };
    answer.frames().into_iter().map(named).collect()
}

fn tools() -> Value {
    let schema = json!({ "json": { "type": "object", "properties": { "city": { "type": "string" } } } });
    json!({ "tools": [{ "toolSpec": { "name": "weather", "inputSchema": schema } }, { "toolSpec": { "name": "time", "inputSchema": schema } }] })
}

#[tokio::test]
async fn a_conversation_is_answered_in_converses_form() {
    let provider = Running::start().await;
    let body =
        converse(&provider, "echo-1", &with(&request("Hello, gate!"), json!({ "system": [{ "text": "Be brief." }] })))
            .await;
    let expected = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hello, gate!" }] } },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 19, "outputTokens": 5, "totalTokens": 24, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0 },
        "metrics": { "latencyMs": 1 },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_stream_is_framed_and_adds_up_to_the_answer() {
    let provider = Running::start().await;
    let thinking = json!({ "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } }, "toolConfig": tools() });
    let request = with(&request("weather"), thinking);
    let whole = converse(&provider, "think-1", &request).await;
    let events = events(&provider.post(&path("think-1", "converse-stream"), &request).await);
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "messageStart",
            "contentBlockDelta",
            "contentBlockStop",
            "contentBlockStart",
            "contentBlockDelta",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]
    );
    let told = |pointer: &str| -> String {
        events.iter().filter_map(|(_, payload)| payload.pointer(pointer)?.as_str()).collect()
    };
    let content = &whole["output"]["message"]["content"];
    assert_eq!(content[0]["reasoningContent"]["reasoningText"]["text"], told("/delta/reasoningContent/text"));
    assert_eq!(content[0]["reasoningContent"]["reasoningText"]["signature"], told("/delta/reasoningContent/signature"));
    assert_eq!(content[1]["toolUse"]["input"], serde_json::from_str::<Value>(&told("/delta/toolUse/input")).unwrap());
    assert_eq!(content[1]["toolUse"]["toolUseId"], told("/start/toolUse/toolUseId"));
    assert_eq!((&events.last().unwrap().1["usage"], told("/stopReason").as_str()), (&whole["usage"], "tool_use"));
}

#[tokio::test]
async fn results_come_back_with_the_signed_thoughts() {
    let provider = Running::start().await;
    let members = json!({ "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } }, "toolConfig": tools() });
    let first = with(&request("weather"), members);
    let said = converse(&provider, "think-1", &first).await["output"]["message"].clone();
    let result = json!({ "toolResult": { "toolUseId": said["content"][1]["toolUse"]["toolUseId"], "content": [{ "json": { "sky": "sun" } }] } });
    let next = |said: &Value| {
        let messages = json!([first["messages"][0], said, { "role": "user", "content": [result] }]);
        with(&first, json!({ "messages": messages }))
    };
    let told = converse(&provider, "think-1", &next(&said)).await;
    assert_eq!(told["output"]["message"]["content"][1]["text"], r#"{"sky":"sun"}"#);
    let mut changed = said.clone();
    changed["content"][0]["reasoningContent"]["reasoningText"]["text"] = "else".into();
    let (_, message) = refused(&provider, &next(&changed)).await;
    assert!(message.ends_with("Invalid `signature` in `thinking` block"), "{message}");
}

#[tokio::test]
async fn cache_points_and_forms_and_refusals_are_heeded() {
    let provider = Running::start().await;
    let system = json!({ "system": [{ "text": long_text(1100) }, { "cachePoint": { "type": "default" } }] });
    let usage = converse(&provider, "echo-1", &with(&request("a"), system)).await["usage"].clone();
    assert_eq!(
        (&usage["inputTokens"], &usage["cacheWriteInputTokens"], &usage["totalTokens"]),
        (&json!(5), &json!(1106), &json!(1112))
    );
    assert_eq!(usage["cacheDetails"], json!([{ "ttl": "5m", "inputTokens": 1106 }]));
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#;
    let format = json!({ "outputConfig": { "textFormat": { "type": "json_schema", "structure": { "jsonSchema": { "schema": schema } } } } });
    let formed = converse(&provider, "echo-1", &with(&request("x"), format)).await;
    let text = formed["output"]["message"]["content"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["n"].is_i64());
    assert_eq!(converse(&provider, "refuse-1", &request("x")).await["stopReason"], "content_filtered");
    let limits = json!({ "inferenceConfig": { "maxTokens": 1 } });
    assert_eq!(converse(&provider, "echo-1", &with(&request("one two"), limits)).await["stopReason"], "max_tokens");
}

#[tokio::test]
async fn an_invoked_model_speaks_its_own_dialect() {
    let provider = Running::start().await;
    let body = json!({ "anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": [{ "role": "user", "content": "one two" }] });
    let whole = provider.post(&path("echo-1", "invoke"), &body).await;
    assert_eq!(
        (whole.field("x-amzn-bedrock-input-token-count"), whole.field("x-amzn-bedrock-output-token-count")),
        (Some("8"), Some("2"))
    );
    assert_eq!(whole.json()["content"], json!([{ "type": "text", "text": "one two" }]));
    let events = events(&provider.post(&path("echo-1", "invoke-with-response-stream"), &body).await);
    let inner = |(name, payload): &(String, Value)| -> Value {
        assert_eq!(name, "chunk");
        serde_json::from_slice(&STANDARD.decode(payload["bytes"].as_str().unwrap()).unwrap()).unwrap()
    };
    let inner: Vec<Value> = events.iter().map(inner).collect();
    let text: String = inner.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    let last = inner.last().unwrap();
    assert_eq!((text.as_str(), &last["type"]), ("one two", &json!("message_stop")));
    assert_eq!(last["amazon-bedrock-invocationMetrics"]["outputTokenCount"], 2);
    let refused = provider.post(&path("echo-1", "invoke"), &json!({ "max_tokens": 1 })).await;
    assert_eq!((refused.status, &refused.json()["message"]), (400, &json!("anthropic_version: Field required")));
    let counted = json!({ "input": { "invokeModel": { "body": STANDARD.encode(body.to_string()) } } });
    assert_eq!(provider.post(&path("echo-1", "count-tokens"), &counted).await.json(), json!({ "inputTokens": 8 }));
    let counted = json!({ "input": { "converse": request("one two") } });
    assert_eq!(provider.post(&path("echo-1", "count-tokens"), &counted).await.json(), json!({ "inputTokens": 8 }));
}

#[tokio::test]
async fn what_is_wrong_is_named_as_aws_does() {
    let provider = Running::start().await;
    let image = json!({ "image": { "format": "png", "source": { "bytes": PNG } } });
    let said = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    for (members, sentence) in [
        (
            json!({ "messages": null }),
            "1 validation error detected: Value null at 'messages' failed to satisfy constraint: Member must not be null",
        ),
        (
            json!({ "messages": [] }),
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ),
        (
            json!({ "inferenceConfig": { "maxTokens": 0 } }),
            "1 validation error detected: Value '0' at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ),
        (
            json!({ "messages": [{ "role": "king", "content": [] }] }),
            "1 validation error detected: Value 'king' at 'messages.0.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant, system]",
        ),
        (
            said(json!([])),
            "The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.",
        ),
        (
            said(json!([{ "text": "" }])),
            "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.",
        ),
        (said(vec![image; 21].into()), "A message may have at most 20 images, not 21."),
        (
            said(json!([{ "toolResult": { "toolUseId": "a", "content": [] } }])),
            "The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.",
        ),
        (
            json!({ "toolConfig": { "tools": [{ "toolSpec": { "name": "a b", "inputSchema": { "json": {} } } }] } }),
            "1 validation error detected: Value 'a b' at 'toolConfig.tools.0.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_-]+",
        ),
        (
            json!({ "toolConfig": { "tools": [] } }),
            "1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
    ] {
        let (kind, message) = refused(&provider, &with(&request("x"), members)).await;
        assert_eq!((kind.as_str(), message.as_str()), ("ValidationException", sentence));
    }
    let (kind, _) = refused(&provider, &json!({ "messages": "x" })).await;
    assert_eq!(kind, "SerializationException");
    let unknown = provider.post(&path("gpt-9", "converse"), &request("x")).await;
    assert_eq!(
        (unknown.status, &unknown.json()["message"]),
        (400, &json!("The provided model identifier is invalid."))
    );
}

#[tokio::test]
async fn aws_has_its_kinds_of_errors_also_within_a_stream() {
    let provider = Running::start().await;
    for (status, kind) in [
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
        (500, "InternalServerException"),
        (403, "AccessDeniedException"),
    ] {
        let name = format!("echo-1%7Estatus%3D{status}");
        let answer = provider.post(&path(&name, "converse"), &request("x")).await;
        assert_eq!((answer.status, answer.field("x-amzn-errortype")), (status, Some(kind)));
    }
    let answer = provider.post(&path("echo-1~error-after=2", "converse-stream"), &request("one two three")).await;
    let frames = answer.frames();
    assert_eq!(frames.len(), 3);
    let (headers, payload) = &frames[2];
    assert_eq!(headers[0], (":exception-type".to_owned(), "serviceUnavailableException".to_owned()));
    assert_eq!(headers[2], (":message-type".to_owned(), "exception".to_owned()));
    assert_eq!(payload["message"], "Bedrock is unable to process your request.");
}

#[tokio::test]
async fn without_a_good_signature_or_token_nothing_is_answered() {
    let provider = Running::start().await;
    for (field, kind) in [
        ("", "MissingAuthenticationTokenException"),
        ("authorization: Bearer wrong\r\n", "UnrecognizedClientException"),
        ("authorization: AWS4-HMAC-SHA256 Credential=x\r\n", "InvalidSignatureException"),
    ] {
        let body = request("x").to_string();
        let head = format!(
            "POST /model/echo-1/converse HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n{field}\r\n",
            body.len()
        );
        let answer = provider.send(&head, body.as_bytes()).await;
        assert_eq!((answer.status, answer.field("x-amzn-errortype")), (403, Some(kind)));
    }
}
