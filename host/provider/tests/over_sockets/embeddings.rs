//! Embeddings of OpenAI's dialect.

use crate::support::{Running, long_text};
use serde_json::{Value, json};

async fn embed(provider: &Running, members: Value) -> (u16, Value) {
    let mut request = json!({ "model": "embed-1" });
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let answer = provider.post("/v1/embeddings", &request).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn a_text_or_several_or_tokens_become_vectors() {
    let provider = Running::start().await;
    for (input, vectors, tokens) in [
        (json!("one two"), 1, 2),
        (json!(["one two", "three"]), 2, 4),
        (json!([1, 2, 3]), 1, 3),
        (json!([[1, 2, 3], [4]]), 2, 4),
    ] {
        let (status, body) = embed(&provider, json!({ "input": input, "dimensions": 8 })).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body["data"].as_array().unwrap().len(), vectors);
        assert_eq!(body["data"][vectors - 1]["embedding"].as_array().unwrap().len(), 8);
        assert_eq!(body["usage"], json!({ "prompt_tokens": tokens, "total_tokens": tokens }));
    }
}

#[tokio::test]
async fn both_encodings_hold_the_same_numbers() {
    use base64::Engine;
    let provider = Running::start().await;
    let (_, numbers) = embed(&provider, json!({ "input": "one", "dimensions": 4 })).await;
    let (_, text) = embed(&provider, json!({ "input": "one", "dimensions": 4, "encoding_format": "base64" })).await;
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(text["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let floats: Vec<f32> = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(json!(floats), numbers["data"][0]["embedding"]);
}

#[tokio::test]
async fn limits_of_inputs_tokens_and_dimensions_are_those_of_the_vendor() {
    let provider = Running::start().await;
    assert_eq!(embed(&provider, json!({ "input": vec!["x"; 2048], "dimensions": 1 })).await.0, 200);
    assert_eq!(embed(&provider, json!({ "input": long_text(8192), "dimensions": 1 })).await.0, 200);
    for (members, code) in [
        (json!({ "input": vec!["x"; 2049] }), "array_above_max_length"),
        (json!({ "input": long_text(8193) }), "context_length_exceeded"),
        (json!({ "input": vec![long_text(8192); 37] }), "max_tokens_per_request"),
        (json!({ "input": "x", "dimensions": 1537 }), "integer_above_max_value"),
        (json!({ "input": "" }), "empty_array"),
        (json!({ "input": [] }), "empty_array"),
        (json!({ "input": [1, "x"] }), "invalid_type"),
        (json!({}), "missing_required_parameter"),
    ] {
        let (status, body) = embed(&provider, members).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(embed(&provider, json!({ "input": "x", "model": "echo-1" })).await.0, 403);
    assert_eq!(embed(&provider, json!({ "input": "x", "model": "gpt-9" })).await.0, 404);
    let chat = json!({ "model": "embed-1", "messages": [{ "role": "user", "content": "x" }] });
    assert_eq!(provider.chat(&chat).await.status, 404);
}
