//! Everything that is refused, with the exact error object.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{PATIENCE, Running, head};
use serde_json::{Value, json};

fn error(message: &str, param: Value, code: Value) -> Value {
    json!({ "error": { "message": message, "type": "invalid_request_error", "param": param, "code": code } })
}

#[tokio::test]
async fn a_wrong_parameter_is_named_in_openais_words() {
    let provider = Running::start().await;
    let cases: Vec<(&str, Value, &str, Value, Value)> = vec![
        ("model", json!(null), "you must provide a model parameter", json!(null), json!(null)),
        (
            "model",
            json!(1),
            "Invalid type for 'model': expected a string, but got an integer instead.",
            json!("model"),
            json!("invalid_type"),
        ),
        (
            "messages",
            json!(null),
            "Missing required parameter: 'messages'.",
            json!("messages"),
            json!("missing_required_parameter"),
        ),
        (
            "messages",
            json!({}),
            "Invalid type for 'messages': expected an array, but got an object instead.",
            json!("messages"),
            json!("invalid_type"),
        ),
        (
            "messages",
            json!([]),
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            json!("messages"),
            json!("empty_array"),
        ),
        (
            "messages",
            json!(["x"]),
            "Invalid type for 'messages[0]': expected an object, but got a string instead.",
            json!("messages[0]"),
            json!("invalid_type"),
        ),
        (
            "messages",
            json!([{ "content": "x" }]),
            "Missing required parameter: 'messages[0].role'.",
            json!("messages[0].role"),
            json!("missing_required_parameter"),
        ),
        (
            "messages",
            json!([{ "role": "king", "content": "x" }]),
            "Invalid value: 'king'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool', 'function'.",
            json!("messages[0].role"),
            json!("invalid_value"),
        ),
        (
            "messages",
            json!([{ "role": "user" }]),
            "Missing required parameter: 'messages[0].content'.",
            json!("messages[0].content"),
            json!("missing_required_parameter"),
        ),
        (
            "messages",
            json!([{ "role": "user", "content": 1.5 }]),
            "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got a decimal instead.",
            json!("messages[0].content"),
            json!("invalid_type"),
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [{ "type": "smell" }] }]),
            "Invalid value: 'smell'. Supported values are: 'text', 'refusal', 'image_url', 'input_audio', 'file'.",
            json!("messages[0].content[0].type"),
            json!("invalid_value"),
        ),
        (
            "messages",
            json!([{ "role": "tool", "content": "x" }]),
            "Missing required parameter: 'messages[0].tool_call_id'.",
            json!("messages[0].tool_call_id"),
            json!("missing_required_parameter"),
        ),
        (
            "stream",
            json!("yes"),
            "Invalid type for 'stream': expected a boolean, but got a string instead.",
            json!("stream"),
            json!("invalid_type"),
        ),
        (
            "stream_options",
            json!({}),
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            json!("stream_options"),
            json!("invalid_parameter_combination"),
        ),
        (
            "max_tokens",
            json!(0),
            "Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
            json!("max_tokens"),
            json!("integer_below_min_value"),
        ),
        (
            "max_tokens",
            json!(1.5),
            "Invalid type for 'max_tokens': expected an integer, but got a decimal instead.",
            json!("max_tokens"),
            json!("invalid_type"),
        ),
        (
            "max_tokens",
            json!(18_446_744_073_709_551_615_u64),
            "Invalid 'max_tokens': integer above maximum value. Expected a value <= 9223372036854775807, but got 18446744073709551615 instead.",
            json!("max_tokens"),
            json!("integer_above_max_value"),
        ),
        (
            "n",
            json!(129),
            "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129 instead.",
            json!("n"),
            json!("integer_above_max_value"),
        ),
        (
            "temperature",
            json!(2.5),
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.5 instead.",
            json!("temperature"),
            json!("decimal_above_max_value"),
        ),
        (
            "presence_penalty",
            json!(-3),
            "Invalid 'presence_penalty': decimal below minimum value. Expected a value >= -2, but got -3 instead.",
            json!("presence_penalty"),
            json!("decimal_below_min_value"),
        ),
        (
            "stop",
            json!(["a", "b", "c", "d", "e"]),
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
            json!("stop"),
            json!("array_above_max_length"),
        ),
        (
            "stop",
            json!(["a", null]),
            "Invalid type for 'stop[1]': expected a string, but got null instead.",
            json!("stop[1]"),
            json!("invalid_type"),
        ),
        (
            "tools",
            json!([true]),
            "Invalid type for 'tools[0]': expected an object, but got a boolean instead.",
            json!("tools[0]"),
            json!("invalid_type"),
        ),
        (
            "tools",
            json!([{ "type": "function", "function": { "name": "look up" } }]),
            "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
            json!("tools[0].function.name"),
            json!("invalid_value"),
        ),
        (
            "tools",
            json!([{ "type": "function", "function": { "name": "x".repeat(65) } }]),
            "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
            json!("tools[0].function.name"),
            json!("string_above_max_length"),
        ),
        (
            "tools",
            vec![json!({ "type": "function", "function": { "name": "x" } }); 129].into(),
            "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
            json!("tools"),
            json!("array_above_max_length"),
        ),
        (
            "tool_choice",
            json!("required"),
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
            json!("tool_choice"),
            json!(null),
        ),
        (
            "response_format",
            json!({ "type": "json_object" }),
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
            json!("messages"),
            json!(null),
        ),
        (
            "response_format",
            json!({ "type": "json_schema", "json_schema": { "name": "a", "strict": true, "schema": { "type": "object", "properties": {} } } }),
            "Invalid schema for response_format 'a': In context=(), 'additionalProperties' is required to be supplied and to be false.",
            json!("response_format"),
            json!(null),
        ),
        (
            "reasoning_effort",
            json!("low"),
            "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
            json!("reasoning_effort"),
            json!("unsupported_parameter"),
        ),
        (
            "messages",
            json!([{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } }] }]),
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: ['png', 'jpeg', 'gif', 'webp'].",
            json!("messages[0].content[0].image_url.url"),
            json!("invalid_image_format"),
        ),
        (
            "messages",
            json!([{ "role": "tool", "tool_call_id": "a", "content": "x" }]),
            "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
            json!("messages.[0].role"),
            json!(null),
        ),
        (
            "messages",
            vec![json!({ "role": "user", "content": "x" }); 2_049].into(),
            "Invalid 'messages': array too long. Expected an array with maximum length 2048, but got an array with length 2049 instead.",
            json!("messages"),
            json!("array_above_max_length"),
        ),
        ("colour", json!("red"), "Unknown parameter: 'colour'.", json!("colour"), json!("unknown_parameter")),
    ];
    for (name, value, message, param, code) in cases {
        let mut request = json!({ "model": "echo-1", "messages": [{ "role": "user", "content": "x" }] });
        request[name] = value.clone();
        let answer = provider.chat(&request).await;
        assert_eq!((answer.status, answer.json()), (400, error(message, param, code)), "{name} = {value}");
    }
}

#[tokio::test]
async fn probabilities_are_nobodys_to_ask_for() {
    let provider = Running::start().await;
    let request = json!({ "model": "echo-1", "messages": [{ "role": "user", "content": "x" }], "logprobs": true });
    let answer = provider.chat(&request).await;
    let message = "You are not allowed to request logprobs from this model";
    assert_eq!((answer.status, answer.json()), (403, error(message, json!(null), json!(null))));
}

#[tokio::test]
async fn both_names_of_the_token_limit_at_once_are_refused() {
    let provider = Running::start().await;
    let request = json!({
        "model": "echo-1", "messages": [{ "role": "user", "content": "x" }], "max_tokens": 1, "max_completion_tokens": 1,
    });
    let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    let answer = provider.chat(&request).await;
    assert_eq!(
        (answer.status, answer.json()),
        (400, error(message, json!("max_tokens"), json!("invalid_parameter_combination")))
    );
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let provider = Running::start().await;
    let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
    for body in [&b"{"[..], b"", b"\xff", b"nonsense", &deep] {
        let answer = provider.request("POST", "/v1/chat/completions", "", body).await;
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 400);
        assert!(message.starts_with("We could not parse the JSON body of your request: "), "{message}");
    }
    let answer = provider.request("POST", "/v1/chat/completions", "", b"[]").await;
    let message = "The JSON body of your request must be an object.";
    assert_eq!((answer.status, answer.json()), (400, error(message, json!(null), json!(null))));
}

#[tokio::test]
async fn an_unknown_model_is_not_found_on_either_path() {
    let provider = Running::start().await;
    let expected = error(
        "The model `gpt-9` does not exist or you do not have access to it.",
        json!(null),
        json!("model_not_found"),
    );
    let request = json!({ "model": "gpt-9", "messages": [{ "role": "user", "content": "x" }] });
    for answer in [provider.chat(&request).await, provider.get("/v1/models/gpt-9").await] {
        assert_eq!((answer.status, answer.json()), (404, expected.clone()));
    }
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused_and_not_repeated() {
    let provider = Running::start().await;
    for (field, code) in [
        ("", json!(null)),
        ("authorization: Basic eDp5\r\n", json!(null)),
        ("authorization: Bearer\r\n", json!(null)),
        ("authorization: Bearer wrong-key\r\n", json!("invalid_api_key")),
        ("authorization: Bearer provider-key-of-the-tests2\r\n", json!("invalid_api_key")),
    ] {
        let head = format!("GET /v1/models HTTP/1.1\r\nhost: provider\r\nconnection: close\r\n{field}\r\n");
        let answer = provider.send(&head, b"").await;
        assert_eq!((answer.status, answer.field("www-authenticate")), (401, Some("Bearer")), "{field}");
        let body = answer.json();
        assert_eq!(
            (&body["error"]["type"], &body["error"]["code"]),
            (&json!("invalid_request_error"), &code),
            "{field}"
        );
        assert!(!body.to_string().contains("-key-of") && !body.to_string().contains("wrong-key"), "{body}");
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_told_apart() {
    let provider = Running::start().await;
    for path in ["/", "/v1/completions", "/v1/models2", "/v1/chat/completions/"] {
        let answer = provider.get(path).await;
        let message = format!("Unknown request URL: GET {path}. Check the URL for typos.");
        assert_eq!((answer.status, answer.json()), (404, error(&message, json!(null), json!("unknown_url"))));
    }
    for (method, path, allowed) in
        [("GET", "/v1/chat/completions", "POST"), ("DELETE", "/v1/models", "GET"), ("POST", "/v1/models/echo-1", "GET")]
    {
        let answer = provider.request(method, path, "", b"").await;
        let message = format!("Not allowed to {method} on {path}. Use {allowed}.");
        assert_eq!((answer.status, answer.field("allow")), (405, Some(allowed)));
        assert_eq!(answer.json(), error(&message, json!(null), json!("method_not_supported")));
    }
}

#[tokio::test]
async fn a_body_of_the_limit_passes_and_one_byte_more_does_not() {
    let text = "x".repeat(1000);
    let body = json!({ "model": "echo-1", "messages": [{ "role": "user", "content": text }] }).to_string();
    let provider = Running::start_with(|options| options.body_bytes_max = body.len()).await;
    let answer = provider.request("POST", "/v1/chat/completions", "", body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    let answer = provider.request("POST", "/v1/chat/completions", "", format!("{body} ").as_bytes()).await;
    let message = format!("Maximum content size limit ({} bytes) exceeded.", body.len());
    assert_eq!((answer.status, answer.json()), (413, error(&message, json!(null), json!("request_too_large"))));
    let last = provider.received.last().unwrap();
    assert_eq!((last.body_bytes, last.body_complete), (body.len() as u64 + 1, false));
}

#[tokio::test]
async fn a_body_without_end_is_not_read_for_ever() {
    let provider = Running::start_with(|options| options.body_timeout = 10 * PATIENCE).await;
    let mut stream = TcpStream::connect(provider.address).await.unwrap();
    stream.write_all(head("POST", "/v1/chat/completions", "", usize::MAX >> 1).as_bytes()).await.unwrap();
    // Four mebibytes are kept, sixteen more thrown away, and after that the provider may close at any time.
    let megabyte = vec![b' '; 1_000_000];
    for _ in 0..22 {
        let _ = stream.write_all(&megabyte).await;
    }
    provider.wait_until(|received| received.count() == 1).await;
    let last = provider.received.last().unwrap();
    assert!(last.body_bytes < 22_000_000 && !last.body_complete, "{}", last.body_bytes);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let provider = Running::start_with(|options| options.body_timeout = Duration::from_millis(20)).await;
    let answer = provider.send(&head("POST", "/v1/chat/completions", "", 100), b"{").await;
    let message = "The body of the request did not arrive in time.";
    assert_eq!((answer.status, answer.json()), (408, error(message, json!(null), json!("request_timeout"))));
}
