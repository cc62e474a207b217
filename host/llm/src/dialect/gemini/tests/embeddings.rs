//! Texts to embed, and their vectors.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{read_answer, write_answer};
use super::{body, hello, read_as, refusal, written};
use crate::answer::{Answer, Event};
use crate::call::{Call, Embedding, Operation};

fn read(body: &Value) -> Call {
    read_as(Operation::Embeddings, &body.to_string()).unwrap()
}

fn content(text: &str) -> Value {
    json!({ "parts": [{ "text": text }] })
}

fn texts(call: &Call) -> Vec<&str> {
    let texts = call.embeddings.iter().map(|embedding| match embedding {
        Embedding::Text(text) => text.text.as_str(),
        Embedding::Tokens(_) => panic!(),
    });
    texts.collect()
}

#[test]
fn one_content_or_several_are_read() {
    let one =
        read(&json!({ "content": content("a"), "output_dimensionality": 64, "taskType": "TASK_TYPE_UNSPECIFIED" }));
    assert_eq!((texts(&one), one.parameters.dimensions, one.foreign.len()), (vec!["a"], Some(64), 0));
    let requests = [json!({ "model": "models/gemini-3", "content": content("a") }), json!({ "content": content("b") })];
    let several = read(&json!({ "requests": requests }));
    assert_eq!((texts(&several), several.foreign.len()), (vec!["a", "b"], 0));
}

#[test]
fn each_part_of_a_content_is_a_text() {
    let parts = json!({ "parts": [{ "text": "a" }, { "inlineData": {} }, { "text": "b" }] });
    assert_eq!(texts(&read(&json!({ "content": parts }))), ["a", "b"]);
    assert_eq!(
        texts(&read(&json!({ "requests": [{ "content": parts }, { "content": content("c") }] }))),
        ["a", "b", "c"]
    );
}

#[test]
fn what_others_cannot_embed_is_foreign() {
    let cases = [
        (json!({ "content": content("a"), "taskType": "CLUSTERING" }), "/taskType"),
        (json!({ "content": content("a"), "title": "T" }), "/title"),
        (json!({ "content": { "parts": [{ "text": "a" }, { "text": "b" }] } }), "/content/parts"),
        (json!({ "content": { "parts": [{ "inlineData": {} }] } }), "/content/parts/0/inlineData"),
        (
            json!({ "requests": [{ "content": content("a") }, { "content": content("b"), "outputDimensionality": 2 }] }),
            "/requests/1/outputDimensionality",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(read(&body).foreign, [expected]);
    }
}

#[test]
fn mistakes_are_named() {
    let cases = [
        (json!({ "requests": [] }), "`requests` must have at least one request."),
        (json!({}), "`content` is missing."),
        (json!({ "content": { "parts": [] } }), "`content.parts` must have a part with the text to embed."),
        (
            json!({ "requests": [{ "content": content("a"), "model": "models/x" }] }),
            "`requests[0].model` must be \"models/gemini-3\", as the path or another member has it.",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(read_as(Operation::Embeddings, &body.to_string()).unwrap_err().message, expected);
    }
}

#[test]
fn the_verb_is_that_of_the_clients_own_form() {
    let verb = |body: Value| written(&read(&body)).unwrap().path.rsplit_once(':').unwrap().1.to_owned();
    assert_eq!(verb(json!({ "content": content("a") })), "embedContent");
    assert_eq!(verb(json!({ "content": { "parts": [{ "inlineData": {} }] } })), "embedContent");
    assert_eq!(verb(json!({ "requests": [{ "content": content("a") }] })), "batchEmbedContents");
}

#[test]
fn calls_of_another_dialect_become_one_request_or_a_batch() {
    let mut call = hello();
    (call.operation, call.messages) = (Operation::Embeddings, Vec::new());
    call.parameters.dimensions = Some(8);
    call.embeddings = vec![Embedding::Text("a".into())];
    let request = |text| json!({ "model": "models/gemini-3-theirs", "content": { "parts": [{ "text": text }] }, "outputDimensionality": 8 });
    assert_eq!(body(&call), request("a"));
    assert_eq!(written(&call).unwrap().path, "/models/gemini-3-theirs:embedContent");
    call.embeddings.push(Embedding::Text("b".into()));
    assert_eq!(body(&call), json!({ "requests": [request("a"), request("b")] }));
    assert_eq!(written(&call).unwrap().path, "/models/gemini-3-theirs:batchEmbedContents");
    call.embeddings.push(Embedding::Tokens(vec![1]));
    assert_eq!(
        refusal(&call),
        "Tokens to embed of the openai-chat dialect have no counterpart in gemini; send the text."
    );
}

#[test]
fn vectors_are_read_in_both_forms() {
    let read = |body: Value| read_answer(Operation::Embeddings, &Bytes::from(body.to_string()));
    let vectors = |body: Value| {
        let found = read(body).unwrap().into_iter().find_map(|event| match event {
            Event::Vectors(vectors) => Some(vectors),
            _ => None,
        });
        found.unwrap()
    };
    assert_eq!(vectors(json!({ "embedding": { "values": [0.5, 1] } })), [[0.5, 1.0]]);
    assert_eq!(vectors(json!({ "embeddings": [{ "values": [1] }, { "values": [2] }] })), [[1.0], [2.0]]);
    let expected = "An answer with `embedding` or `embeddings` was expected, but it begins with `{\"embedding\":{\"values\":[\"x\"]}}`.";
    assert_eq!(read(json!({ "embedding": { "values": ["x"] } })).unwrap_err().message, expected);
}

#[test]
fn vectors_are_written_in_the_form_that_was_asked_for() {
    let answer = Answer { vectors: vec![vec![0.5]], ..Answer::default() };
    let written = |body: Value| serde_json::from_slice::<Value>(&write_answer(&read(&body), &answer)).unwrap();
    assert_eq!(written(json!({ "content": content("a") })), json!({ "embedding": { "values": [0.5] } }));
    let batch = json!({ "requests": [{ "content": content("a") }] });
    assert_eq!(written(batch), json!({ "embeddings": [{ "values": [0.5] }] }));
}
