//! Documents with faults in them: nothing panics, and what can be read can be written.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::super::{StreamWriter, read_answer, read_error, write_answer};
use super::{read, read_pieces, streams, sum, written};
use crate::call::Operation;
use crate::dialect::{Asked, Dialect, WriteStream, read_call};

fn mutations(valid: &[u8], seed: u64, count: usize, mut test: impl FnMut(&[u8])) {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..count {
        let mut bytes = valid.to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = b"{}[]\",:0ax\\ \xff"[random.random_range(0..13)];
        }
        bytes.truncate(random.random_range(0..4 * bytes.len()));
        test(&bytes);
    }
}

#[test]
fn mutations_of_calls_never_panic() {
    let chat = json!({
        "systemInstruction": { "parts": [{ "text": "S" }] },
        "contents": [
            { "role": "user", "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AA==" } }] },
            { "role": "model", "parts": [{ "text": "t", "thought": true }, { "functionCall": { "name": "f", "args": { "x": [1] } }, "thoughtSignature": "S" }] },
            { "parts": [{ "functionResponse": { "name": "f", "response": { "output": "o" } } }] },
        ],
        "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": { "type": "OBJECT", "nullable": true } }] }],
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } },
        "generationConfig": { "topK": 3, "responseMimeType": "application/json", "responseSchema": { "type": "OBJECT" }, "thinkingConfig": { "thinkingBudget": 5 } },
    });
    let batch = json!({ "requests": [{ "model": "models/gemini-3", "content": { "parts": [{ "text": "t" }] } }] });
    let whole = json!({ "generateContentRequest": chat });
    let documents = [(Operation::Chat, &chat), (Operation::CountTokens, &whole), (Operation::Embeddings, &batch)];
    for (operation, document) in documents {
        let (model, streamed) = (Some("gemini-3".to_owned()), Some(true));
        let asked = Asked { dialect: Dialect::Gemini, operation, model, streamed };
        mutations(document.to_string().as_bytes(), 3, 3_000, |bytes| {
            let Ok(mut call) = read_call(&asked, Bytes::copy_from_slice(bytes)) else { return };
            assert!(written(&call).is_ok());
            call.dialect = Dialect::OpenAi;
            let _outgoing_or_no_counterpart = written(&call);
        });
    }
}

#[test]
fn mutations_of_answers_never_panic() {
    let call = read(json!({})).unwrap();
    let valid = super::answers::response().to_string();
    mutations(valid.as_bytes(), 4, 3_000, |bytes| {
        let _error = read_error(500, bytes);
        let Ok(events) = read_answer(Operation::Chat, &Bytes::copy_from_slice(bytes)) else { return };
        assert!(serde_json::from_slice::<serde_json::Value>(&write_answer(&call, &sum(&events))).is_ok());
    });
    let vectors = json!({ "embeddings": [{ "values": [0.5, 1, -2e3] }], "error": null, "totalTokens": 3 }).to_string();
    mutations(vectors.as_bytes(), 5, 2_000, |bytes| {
        for operation in [Operation::Embeddings, Operation::CountTokens] {
            let _events_or_broken = read_answer(operation, &Bytes::copy_from_slice(bytes));
        }
    });
}

#[test]
fn mutations_of_streams_never_panic() {
    let call = read(json!({})).unwrap();
    mutations(&streams::stream(&streams::cut()), 6, 3_000, |bytes| {
        let (events, _) = read_pieces(&[bytes]);
        let (mut writer, mut out) = (StreamWriter::new(&call), Vec::new());
        events.iter().for_each(|event| writer.write(event, &mut out));
    });
}

#[test]
fn mutations_of_errors_never_panic() {
    let details = json!([{ "@type": "a/google.rpc.RetryInfo", "retryDelay": "10s" }, { "@type": "a/google.rpc.BadRequest", "fieldViolations": [{ "field": "f" }] }]);
    let valid = json!({ "error": { "code": 429, "message": "M", "status": "RESOURCE_EXHAUSTED", "details": details } });
    mutations(valid.to_string().as_bytes(), 7, 3_000, |bytes| {
        let error = read_error(429, bytes);
        assert!((400..600).contains(&error.status) && !error.message.is_empty());
    });
}
