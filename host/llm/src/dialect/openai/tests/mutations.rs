//! Random changes of valid documents: whatever comes, nothing panics, and what is spliced stays JSON.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{TARGET, asked, stream};
use crate::call::Operation;
use crate::dialect::{Dialect, Wire, read_answer, read_call, read_error, write_call};

const DOCUMENTS: [&str; 4] = [
    r#"{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"auto","stop":["a"],"n":2,"stream_options":{}}"#,
    r#"{"model":"m","input":["a",[1,2]],"encoding_format":"base64","dimensions":3}"#,
    r#"{"id":"c","choices":[{"index":0,"message":{"content":"a","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]},"delta":{"content":"a","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    r#"{"data":[{"index":0,"embedding":"AACAPw=="},{"index":1,"embedding":[1]}],"error":{"message":"x","code":1,"type":"t"}}"#,
];

const TOKENS: [&str; 18] = [
    "{", "}", "[", "]", "null", "true", "\"\"", "-1", "1e9", ",", ":", "\"a\":1", "\n\n", "data: ", "[DONE]", "[]",
    "{}", "é",
];

fn mutated(random: &mut StdRng) -> String {
    let mut text = DOCUMENTS[random.random_range(0..DOCUMENTS.len())].to_owned();
    for _ in 0..random.random_range(1..4) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let start = places[random.random_range(0..places.len())];
        let end = places.iter().copied().find(|at| *at >= start + random.random_range(0..8)).unwrap_or(text.len());
        text.replace_range(start..end, TOKENS[random.random_range(0..TOKENS.len())]);
    }
    text
}

#[test]
fn no_document_makes_a_reader_panic() {
    let mut random = StdRng::seed_from_u64(11);
    let mut spliced = 0;
    for _ in 0..30_000 {
        let text = mutated(&mut random);
        for operation in [Operation::Chat, Operation::Embeddings] {
            let body = bytes::Bytes::copy_from_slice(text.as_bytes());
            let _events = read_answer(Dialect::OpenAi, operation, &body);
            if let Ok(call) = read_call(&asked(operation), body) {
                let outgoing = write_call(&call, &Wire::OpenAi, TARGET).unwrap();
                let written: serde_json::Value = serde_json::from_slice(&outgoing.body).unwrap();
                assert_eq!(written["model"], TARGET.model);
                spliced += 1;
                let other = crate::Call { dialect: Dialect::Gemini, foreign: Vec::new(), ..call };
                let _printed = write_call(&other, &Wire::Azure { api_version: None }, TARGET);
            }
        }
        let _error = read_error(Dialect::OpenAi, 400, text.as_bytes());
        let events = format!("data: {text}\n\ndata: [DONE]\n\n");
        let cut = random.random_range(0..=events.len());
        let (first, second) = events.as_bytes().split_at(cut);
        assert_eq!(stream(&[first, second]), stream(&[events.as_bytes()]), "{events}");
    }
    assert!(spliced > 500, "{spliced}");
}
