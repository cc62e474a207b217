//! Gemini's content, in one piece and as both kinds of stream.

use crate::support::{Answer, KEY, PNG, Running, long_text};
use serde_json::{Value, json};

fn path(model: &str, verb: &str) -> String {
    format!("/v1beta/models/{model}:{verb}")
}

fn request(text: &str) -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] })
}

fn with(request: &Value, members: Value) -> Value {
    let mut request = request.clone();
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

async fn generate(provider: &Running, model: &str, request: &Value) -> Value {
    let answer = provider.post(&path(model, "generateContent"), request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refused(provider: &Running, model: &str, request: &Value) -> (u16, String) {
    let answer = provider.post(&path(model, "generateContent"), request).await;
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], answer.status);
    (answer.status, error["message"].as_str().unwrap().to_owned())
}

fn tools() -> Value {
    let parameters = json!({ "type": "OBJECT", "properties": { "city": { "type": "STRING" } } });
    json!([{ "functionDeclarations": [{ "name": "weather", "parameters": parameters }, { "name": "time", "parameters": parameters }] }])
}

/// The parts of all chunks, texts of a kind joined.
fn collected(chunks: &[Value]) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    for part in
        chunks.iter().flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array().into_iter().flatten())
    {
        match (parts.last_mut(), part["text"].as_str()) {
            (Some(last), Some(more)) if last["text"].is_string() && last["thought"] == part["thought"] => {
                last["text"] = format!("{}{more}", last["text"].as_str().unwrap()).into();
                if part["thoughtSignature"].is_string() {
                    last["thoughtSignature"] = part["thoughtSignature"].clone();
                }
            }
            _ => parts.push(part.clone()),
        }
    }
    parts
}

#[tokio::test]
async fn content_comes_in_geminis_form() {
    let provider = Running::start().await;
    let request =
        with(&request("Hello, gate!"), json!({ "system_instruction": { "parts": [{ "text": "Be brief." }] } }));
    let body = generate(&provider, "echo-1", &request).await;
    let expected = json!({
        "candidates": [{ "content": { "parts": [{ "text": "Hello, gate!" }], "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": {
            "promptTokenCount": 19, "candidatesTokenCount": 5, "totalTokenCount": 24,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 19 }],
        },
        "modelVersion": "echo-1", "responseId": body["responseId"],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn both_kinds_of_stream_hold_the_same_chunks() {
    let provider = Running::start().await;
    let events =
        provider.post(&format!("{}?alt=sse", path("echo-1", "streamGenerateContent")), &request("one two three")).await;
    assert!(events.body().ends_with(b"}\r\n\r\n"));
    let events: Vec<Value> = events.named_events().into_iter().map(|(_, data)| data).collect();
    let array = provider.post(&path("echo-1", "streamGenerateContent"), &request("one two three")).await;
    assert!(array.chunks.len() > 3 && array.whole);
    assert_eq!(array.json(), json!(events));
    assert_eq!(collected(&events), [json!({ "text": "one two three" })]);
    let counts: Vec<&Value> = events.iter().map(|event| &event["usageMetadata"]["candidatesTokenCount"]).collect();
    assert_eq!(counts, [1, 2, 3, 4, 4], "cumulative");
    let whole = generate(&provider, "echo-1", &request("one two three")).await;
    assert_eq!(events.last().unwrap()["usageMetadata"], whole["usageMetadata"]);
    assert_eq!(events.last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test]
async fn functions_are_called_and_their_responses_told() {
    let provider = Running::start().await;
    let first = with(&request("weather and time"), json!({ "tools": tools() }));
    let body = generate(&provider, "echo-1", &first).await;
    let parts = body["candidates"][0]["content"]["parts"].clone();
    let names: Vec<&Value> = parts.as_array().unwrap().iter().map(|part| &part["functionCall"]["name"]).collect();
    assert_eq!(names, ["weather", "time"]);
    assert!(parts[0]["functionCall"]["args"]["city"].is_string());
    let answer =
        |name: &str, text: &str| json!({ "functionResponse": { "name": name, "response": { "result": text } } });
    let without_ids = |part: &Value| json!({ "functionCall": { "name": part["functionCall"]["name"], "args": {} } });
    let calls: Vec<Value> = parts.as_array().unwrap().iter().map(without_ids).collect();
    let conversation = |responses: Value| {
        let contents = json!([
            { "role": "user", "parts": [{ "text": "weather and time" }] },
            { "role": "model", "parts": calls },
            { "role": "user", "parts": responses },
        ]);
        with(&first, json!({ "contents": contents }))
    };
    let told =
        generate(&provider, "echo-1", &conversation(json!([answer("weather", "sun"), answer("time", "noon")]))).await;
    assert_eq!(told["candidates"][0]["content"]["parts"][0]["text"], "sun\nnoon");
    let (status, said) = refused(&provider, "echo-1", &conversation(json!([answer("weather", "sun")]))).await;
    assert_eq!(status, 400);
    assert!(said.starts_with("Please ensure that the number of function response parts is equal"), "{said}");
    let only =
        json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["time"] } } });
    let forced = generate(&provider, "echo-1", &with(&first, only)).await;
    assert_eq!(forced["candidates"][0]["content"]["parts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn thoughts_are_signed_and_a_call_needs_its_signature() {
    let provider = Running::start().await;
    let config =
        json!({ "generationConfig": { "thinkingConfig": { "includeThoughts": true, "thinkingLevel": "LOW" } } });
    let first = with(&with(&request("weather"), json!({ "tools": tools() })), config);
    let body = generate(&provider, "think-1", &first).await;
    let parts = body["candidates"][0]["content"]["parts"].clone();
    assert_eq!((&parts[0]["thought"], parts[1]["thoughtSignature"].is_string()), (&json!(true), true));
    let usage = &body["usageMetadata"];
    let sum: u64 = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"]
        .iter()
        .map(|name| usage[name].as_u64().unwrap())
        .sum();
    assert_eq!(usage["totalTokenCount"], sum);
    let events =
        provider.post(&format!("{}?alt=sse", path("think-1", "streamGenerateContent")), &first).await.named_events();
    let events: Vec<Value> = events.into_iter().map(|(_, data)| data).collect();
    let streamed: Vec<Value> = collected(&events).into_iter().filter(|part| part["text"] != "").collect();
    assert_eq!(json!(streamed), parts);
    let conversation = |parts: &Value| {
        let response = json!({ "functionResponse": { "name": "weather", "id": parts[1]["functionCall"]["id"], "response": { "sky": "sun" } } });
        let contents = json!([
            { "role": "user", "parts": [{ "text": "weather" }] }, { "role": "model", "parts": parts }, { "role": "user", "parts": [response] },
        ]);
        with(&first, json!({ "contents": contents }))
    };
    let told = generate(&provider, "think-1", &conversation(&parts)).await;
    assert_eq!(told["candidates"][0]["content"]["parts"][1]["text"], r#"{"sky":"sun"}"#);
    let mut changed = parts.clone();
    changed[1]["thoughtSignature"] = "AAAA".into();
    assert_eq!(
        refused(&provider, "think-1", &conversation(&changed)).await,
        (400, "Corrupted thought signature.".into())
    );
    changed[1]["thoughtSignature"] = "skip_thought_signature_validator".into();
    generate(&provider, "think-1", &conversation(&changed)).await;
    changed[1].as_object_mut().unwrap().remove("thoughtSignature");
    let (_, said) = refused(&provider, "think-1", &conversation(&changed)).await;
    assert!(
        said.contains("missing a thought_signature") && said.contains("`default_api:weather` , position 2"),
        "{said}"
    );
}

#[tokio::test]
async fn limits_forms_and_refusals_show_in_the_candidate() {
    let provider = Running::start().await;
    let config = |config: Value| with(&request("one two"), json!({ "generationConfig": config }));
    let cut = generate(&provider, "echo-1", &config(json!({ "maxOutputTokens": 1 }))).await;
    assert_eq!(cut["candidates"][0]["finishReason"], "MAX_TOKENS");
    let stopped = generate(&provider, "echo-1", &config(json!({ "stopSequences": [" two"] }))).await;
    assert_eq!(stopped["candidates"][0]["content"]["parts"][0]["text"], "one");
    let schema = json!({ "type": "OBJECT", "properties": { "n": { "type": "INTEGER" } }, "required": ["n"] });
    let formed = generate(
        &provider,
        "echo-1",
        &config(json!({ "responseMimeType": "application/json", "responseSchema": schema })),
    )
    .await;
    let text = formed["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["n"].is_i64());
    let two = generate(&provider, "story-1", &config(json!({ "candidateCount": 2 }))).await;
    assert_eq!(two["candidates"][1]["index"], 1);
    let refused = generate(&provider, "refuse-1", &request("x")).await;
    assert_eq!(refused["candidates"], json!([{ "finishReason": "SAFETY", "index": 0 }]));
}

#[tokio::test]
async fn tokens_are_counted_and_cached_and_vectors_made() {
    let provider = Running::start().await;
    let image = json!({ "contents": [{ "parts": [{ "inline_data": { "mime_type": "image/png", "data": PNG } }] }] });
    let counted = provider.post(&path("echo-1", "countTokens"), &image).await.json();
    assert_eq!(counted["totalTokens"], 91);
    let whole = json!({ "generateContentRequest": with(&image, json!({ "model": "models/echo-1" })) });
    assert_eq!(provider.post(&path("echo-1", "countTokens"), &whole).await.json()["totalTokens"], 91);
    let contents = json!([
        { "role": "user", "parts": [{ "text": long_text(1200) }] },
        { "role": "model", "parts": [{ "text": "b" }] },
        { "role": "user", "parts": [{ "text": "c" }] },
    ]);
    let usage = generate(&provider, "echo-1", &json!({ "contents": contents })).await["usageMetadata"].clone();
    assert_eq!(usage["cachedContentTokenCount"], 1152);
    let content = json!({ "content": { "parts": [{ "text": "one" }] }, "outputDimensionality": 4 });
    let one = provider.post(&path("embed-1", "embedContent"), &content).await.json();
    let several = json!({ "requests": [with(&content, json!({ "model": "models/embed-1" })), content] });
    let several = provider.post(&path("embed-1", "batchEmbedContents"), &several).await.json();
    assert_eq!((&several["embeddings"][0], &several["embeddings"][1]), (&one["embedding"], &one["embedding"]));
}

#[tokio::test]
async fn what_is_wrong_is_named_in_googles_words() {
    let provider = Running::start().await;
    let config = |config: Value| json!({ "generationConfig": config });
    for (members, sentence) in [
        (json!({ "contents": null }), "* GenerateContentRequest.contents: contents is not specified\n"),
        (json!({ "contents": [] }), "* GenerateContentRequest.contents: contents must not be empty\n"),
        (json!({ "colour": 1 }), "Invalid JSON payload received. Unknown name \"colour\": Cannot find field."),
        (
            config(json!({ "colour": 1 })),
            "Invalid JSON payload received. Unknown name \"colour\" at 'generation_config': Cannot find field.",
        ),
        (
            json!({ "contents": [{ "parts": [{ "text": 1 }] }] }),
            "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 1",
        ),
        (
            json!({ "contents": [{ "role": "king", "parts": [{ "text": "x" }] }] }),
            "Please use a valid role: user, model.",
        ),
        (
            json!({ "contents": [{ "parts": [{}] }] }),
            "* GenerateContentRequest.contents[0].parts[0].data: required oneof field 'data' must have one initialized field\n",
        ),
        (
            config(json!({ "stopSequences": ["a", "b", "c", "d", "e", "f"] })),
            "* GenerateContentRequest.generation_config.stop_sequences: the maximum number is 5, found 6\n",
        ),
        (
            config(json!({ "candidateCount": 9 })),
            "Unable to submit request because it has a candidate_count value of 9 but the supported range is up to 8. Update the value and try again.",
        ),
        (config(json!({ "thinkingConfig": { "thinkingBudget": 5 } })), "Thinking is not supported for this model."),
        (json!({ "tools": [{ "googleSearch": {} }] }), "Only function tools are supported for this model."),
    ] {
        assert_eq!(refused(&provider, "echo-1", &with(&request("x"), members)).await, (400, sentence.to_owned()));
    }
    let (status, said) = refused(&provider, "gpt-9", &request("x")).await;
    assert_eq!(status, 404);
    assert!(said.starts_with("models/gpt-9 is not found for API version v1beta"), "{said}");
    assert_eq!(provider.post(&path("echo-1", "predict"), &request("x")).await.status, 404);
}

#[tokio::test]
async fn errors_on_demand_have_googles_status_and_may_come_by_the_models_name() {
    let provider = Running::start().await;
    let answer = provider.post(&path("echo-1~status=429~retry-after=7", "generateContent"), &request("x")).await;
    let error = answer.json()["error"].clone();
    assert_eq!(
        (answer.status, &error["status"], answer.field("retry-after")),
        (429, &json!("RESOURCE_EXHAUSTED"), Some("7"))
    );
    assert_eq!(error["details"][0]["retryDelay"], "7s");
    for (status, word) in [(500, "INTERNAL"), (503, "UNAVAILABLE"), (403, "PERMISSION_DENIED")] {
        let name = format!("echo-1~status={status}");
        assert_eq!(provider.post(&path(&name, "generateContent"), &request("x")).await.json()["error"]["status"], word);
    }
}

#[tokio::test]
async fn the_key_stands_in_a_field_or_in_the_query() {
    let provider = Running::start().await;
    let send = async |query: &str, field: &str| -> Answer {
        let body = request("x").to_string();
        let head = format!(
            "POST {}{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n{field}\r\n",
            path("echo-1", "generateContent"),
            body.len()
        );
        provider.send(&head, body.as_bytes()).await
    };
    assert_eq!(send("", &format!("x-goog-api-key: {KEY}\r\n")).await.status, 200);
    assert_eq!(send(&format!("?key={}", KEY.replace('-', "%2D")), "").await.status, 200);
    let wrong = send("?key=wrong", "").await;
    assert_eq!((wrong.status, &wrong.json()["error"]["details"][0]["reason"]), (400, &json!("API_KEY_INVALID")));
    let missing = send("", "").await;
    assert_eq!((missing.status, &missing.json()["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    let seen = format!("{:?}", provider.received.requests());
    assert!(!seen.contains(KEY) && !seen.contains("%2Dkey"), "{seen}");
}
