//! Random edits of calls in every dialect: none panics, none breaks the call, and what is read is what was written.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::dialect::{Target, Wire, write_call};

const DOCUMENTS: [(Dialect, Operation, &str); 9] = [
    (Dialect::OpenAi, Operation::Chat, OPENAI),
    (
        Dialect::OpenAi,
        Operation::Chat,
        r#"{"user":"u","safety_identifier":"v","messages":[{"role":"developer","content":[]},{"role":"assistant","content":"","refusal":"no"}, {"role":"user","content":[{"type":"text","text":""},{"type":"file","file":{}}]}],"model":"m"}"#,
    ),
    (Dialect::OpenAi, Operation::Embeddings, r#"{"model":"m","input":["a",[1],"b" ,"c"],"user":"u"}"#),
    (Dialect::OpenAiResponses, Operation::Chat, RESPONSES),
    (Dialect::OpenAiResponses, Operation::Chat, r#"{"model":"m","input": "Hi" , "reasoning":null,"text":{}}"#),
    (Dialect::Anthropic, Operation::Chat, ANTHROPIC),
    (
        Dialect::Anthropic,
        Operation::CountTokens,
        r#"{"model":"m","system":[],"messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}]}"#,
    ),
    (Dialect::Gemini, Operation::Chat, GEMINI),
    (
        Dialect::Gemini,
        Operation::Embeddings,
        r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"},{"text":"c"}]}}]}"#,
    ),
];

const TEXTS: [&str; 8] = ["", "x", "é\"\\\n", "{}", "{\"a\":[1,{}]}", "[1]", " {\"b\":null} ", "null"];
const TOKENS: [&str; 16] = [
    "",
    " ",
    "null",
    "\"\"",
    "\"a\"",
    "1",
    "{}",
    "[]",
    "{\"text\":\"b\"},",
    "\"user\"",
    "\"assistant\"",
    "\"model\"",
    "text",
    "x",
    ",",
    "tool",
];
const ROLES: [&str; 5] = ["system", "user", "assistant", "tool", ""];
const NAMES: [&str; 10] = [
    "temperature",
    "top-p",
    "top-k",
    "max-output-tokens",
    "seed",
    "tool-choice",
    "response-format",
    "reasoning-effort",
    "service-tier",
    "x",
];
const WORDS: [&str; 9] = ["auto", "none", "required", "see", "json", "text", "low", "xhigh", "flex"];

fn any<T: Copy>(random: &mut StdRng, values: &[T]) -> T {
    values[random.random_range(0..values.len())]
}

/// Makes one edit, and what is read must be what it was before with this edit alone.
fn edit(random: &mut StdRng, draft: &mut Draft, edits: &mut u32) {
    let before = texts(draft, "", "");
    let number = random.random_range(0..before.len() as u32 + 3);
    let text = any(random, &TEXTS);
    let mut expected = before.clone();
    let made = match random.random_range(0..10) {
        0..4 => {
            let made = draft.rewrite(number, text);
            // White space around arguments is not part of them where they are an object.
            let bare = matches!(draft.call().dialect, Dialect::Anthropic | Dialect::Gemini);
            let bare = bare && draft.place(number) == Some("tool-arguments");
            let text = if bare { text.trim() } else { text };
            expected.iter_mut().filter(|(other, _)| *other == number).for_each(|(_, old)| text.clone_into(old));
            made
        }
        4 | 5 => {
            let before = random.random_bool(0.6).then_some(number);
            draft.insert(any(random, &ROLES), text, before).map(|inserted| {
                let now = texts(draft, "", "");
                let place = now.iter().position(|(other, _)| *other == inserted).unwrap();
                expected.retain(|(other, _)| now.iter().any(|(number, _)| number == other));
                expected.insert(place, (inserted, text.to_owned()));
                let behind = now.iter().position(|(other, _)| Some(*other) == before);
                assert!(behind.is_none_or(|behind| place < behind));
            })
        }
        6 => {
            expected.retain(|(other, _)| *other != number);
            draft.remove(number)
        }
        7 => {
            let value = any(random, &[None, Some(0.5), Some(1.0), Some(-3.0), Some(f64::NAN)]);
            draft.set_number(any(random, &NAMES), value)
        }
        8 => {
            let value = random.random_bool(0.8).then(|| any(random, &WORDS));
            draft.set_word(any(random, &NAMES), value)
        }
        _ => draft.set_model(any(random, &["gemini-2", "m", "", "models/x"])),
    };
    let now = texts(draft, "", "");
    match made {
        Ok(()) => {
            *edits += 1;
            // A text that became empty may be none any more.
            expected.retain(|(number, text)| !text.is_empty() || now.iter().any(|(other, _)| other == number));
            assert_eq!(now, expected);
        }
        Err(_) => assert_eq!(now, before),
    }
}

/// Edits a call, and checks what comes of it.
fn edit_much(random: &mut StdRng, (dialect, operation): (Dialect, Operation), mut draft: Draft) -> u32 {
    let mut edits = 0;
    for _ in 0..random.random_range(1..20) {
        edit(random, &mut draft, &mut edits);
    }
    let said =
        |draft: &Draft| texts(draft, "", "").into_iter().filter(|(_, text)| !text.is_empty()).collect::<Vec<_>>();
    let waiting = said(&draft);
    let call = draft.finish().unwrap();
    assert_eq!(said(&draft), waiting);
    // Numbers apart, it is what the source says.
    let again = try_draft(dialect, operation, &call.source, draft.model()).unwrap();
    let plain = |draft: &Draft| texts(draft, "", "").into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(plain(&again), plain(&draft));
    let wire = match dialect {
        Dialect::OpenAi => Wire::OpenAi,
        Dialect::OpenAiResponses => Wire::OpenAiResponses,
        Dialect::Anthropic => Wire::Anthropic,
        Dialect::Gemini | Dialect::Bedrock => Wire::Gemini,
    };
    let outgoing = write_call(&call, &wire, Target { model: "theirs", output_tokens_default: 9 }).unwrap();
    serde_json::from_slice::<serde_json::Value>(&outgoing.body).unwrap();
    edits
}

fn try_draft(dialect: Dialect, operation: Operation, source: &[u8], model: &str) -> Option<Draft> {
    let model = (dialect == Dialect::Gemini).then(|| model.to_owned());
    let asked = Asked { dialect, operation, model, streamed: None, as_array: false };
    let call = read_call(&asked, Bytes::copy_from_slice(source)).ok()?;
    Some(Draft::new(asked, Arc::new(call)))
}

/// The document with some of its bytes exchanged.
fn mutated(random: &mut StdRng, document: &str) -> String {
    let mut text = document.to_owned();
    for _ in 0..random.random_range(1..4) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let start = any(random, &places);
        let end = places.iter().copied().find(|at| *at >= start + random.random_range(0..8)).unwrap_or(text.len());
        text.replace_range(start..end, any(random, &TOKENS));
    }
    text
}

#[test]
fn what_is_read_is_what_was_written() {
    let mut random = StdRng::seed_from_u64(5);
    let mut edits = 0;
    for _ in 0..3_000 {
        let (dialect, operation, document) = any(&mut random, &DOCUMENTS);
        edits += edit_much(&mut random, (dialect, operation), draft_of(dialect, operation, document));
    }
    assert!(edits > 10_000, "{edits}");
}

#[test]
fn so_it_is_for_calls_that_nobody_thought_of() {
    let mut random = StdRng::seed_from_u64(6);
    let mut edits = 0;
    for _ in 0..10_000 {
        let (dialect, operation, document) = any(&mut random, &DOCUMENTS);
        let document = mutated(&mut random, document);
        if let Some(draft) = try_draft(dialect, operation, document.as_bytes(), "gemini-3") {
            edits += edit_much(&mut random, (dialect, operation), draft);
        }
    }
    assert!(edits > 1_000, "{edits}");
}
