//! Contents and their parts, as a client sends them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{read, read_as};
use crate::call::{
    Image, ImageSource, Message, Operation, Part, ResultPart, Role, Text, Thought, ToolCall, ToolResult,
};
use crate::dialect::Family;

fn messages(contents: Value) -> Vec<Message> {
    let call = read(json!({ "contents": contents })).unwrap();
    assert!(call.foreign.is_empty(), "{:?}", call.foreign);
    call.messages
}

/// Parts of the only content.
fn parts(parts: Value) -> Vec<Part> {
    messages(json!([{ "role": "model", "parts": parts }])).remove(0).parts
}

fn thought(raw: &str) -> Part {
    Part::Thought(Thought { family: Family::Gemini, raw: raw.to_owned() })
}

#[test]
fn roles_and_the_systems_instruction_are_messages() {
    let call = read(json!({
        "systemInstruction": { "role": "user", "parts": [{ "text": "S" }] },
        "contents": [{ "parts": [{ "text": "A" }] }, { "role": "model", "parts": [{ "text": "B" }] }, { "role": "function", "parts": [] },
            { "role": "tool", "parts": [] }],
    }));
    let roles: Vec<Role> = call.unwrap().messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool, Role::Tool]);
}

#[test]
fn texts_know_their_places() {
    let source = r#"{"contents":[{"parts":[{ "text" : "H\u0069\n"}]}]}"#;
    let call = read_as(Operation::Chat, source).unwrap();
    let Part::Text(Text { text, span: Some(span) }) = &call.messages[0].parts[0] else { panic!() };
    assert_eq!((text.as_str(), &source[span.clone()]), ("Hi\n", r#""H\u0069\n""#));
    assert_eq!(call.source, Bytes::from(source));
}

#[test]
fn images_are_inline_or_by_address() {
    let found = parts(json!([
        { "inlineData": { "mimeType": "image/png", "data": "-_8" } },
        { "fileData": { "mimeType": "image/jpeg", "fileUri": "https://a.example/b.jpg" } },
    ]));
    let inline = ImageSource::Inline { media_type: "image/png".to_owned(), data: "+/8=".to_owned() };
    let address = ImageSource::Address("https://a.example/b.jpg".to_owned());
    assert_eq!(found, [inline, address].map(|source| Part::Image(Image { source, detail: None })));
}

#[test]
fn thoughts_and_signatures_are_kept_for_the_vendor() {
    let raw = r#"{"text":"Hm","thought":true,"thoughtSignature":"T"}"#;
    let found = parts(serde_json::from_str(&format!(
        r#"[{raw},{{"text":"Hi","thoughtSignature":"S"}},{{"text":"","thoughtSignature":"E"}},{{"thought_signature":"A"}}]"#
    ))
    .unwrap());
    let Part::Text(text) = &found[1] else { panic!() };
    assert_eq!(text.text, "Hi");
    assert_eq!(found[0], thought(raw));
    assert_eq!(
        found[2..],
        ["S", "E", "A"].map(|signature| thought(&format!(r#"{{"text":"","thoughtSignature":"{signature}"}}"#)))
    );
}

#[test]
fn no_one_but_the_model_thinks() {
    let said = json!({ "text": "Hi", "thought": true });
    let told = json!({ "functionResponse": { "name": "f", "response": { "output": "x" } }, "thought": true });
    for role in ["user", "function", "tool"] {
        let found = messages(json!([{ "role": role, "parts": [said, told] }])).remove(0).parts;
        assert!(matches!(&found[..], [Part::Text(text), Part::ToolResult(_)] if text.text == "Hi"), "{found:?}");
    }
    let system = read(json!({ "systemInstruction": { "parts": [said] } })).unwrap();
    assert!(matches!(&system.messages[0].parts[..], [Part::Text(_)]));
    assert!(matches!(&parts(json!([told]))[..], [Part::ToolResult(_)]));
}

#[test]
fn calls_and_results_find_each_other_with_and_without_ids() {
    let mut found = messages(json!([
        { "role": "model", "parts": [
            { "functionCall": { "name": "f", "args": { "x": 1 } }, "thoughtSignature": "S" },
            { "functionCall": { "name": "f" } },
            { "functionCall": { "id": "own", "name": "g", "args": {} } },
        ] },
        { "role": "user", "parts": [
            { "functionResponse": { "id": "own", "name": "g", "response": { "result": { "y": 2 } } } },
            { "functionResponse": { "name": "f", "response": { "output": "one" } } },
            { "functionResponse": { "name": "f", "response": { "error": "two" } } },
            { "functionResponse": { "name": "other", "response": { "output": 1, "more": 2 } } },
        ] },
    ]));
    let call = |id: &str, name: &str, arguments: &str, signature: Option<&str>| {
        let signature = signature.map(|signature| (Family::Gemini, signature.to_owned()));
        let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
        Part::ToolCall(ToolCall { id, name, arguments, span: None, signature })
    };
    let calls = [
        call("call_0_0", "f", "{\"x\":1}", Some("S")),
        call("call_0_1", "f", "{}", None),
        call("own", "g", "{}", None),
    ];
    for part in &mut found[0].parts {
        let Part::ToolCall(call) = part else { panic!() };
        // The one whose arguments are left out has no place for them.
        assert_eq!(call.span.take().is_none(), call.id == "call_0_1");
    }
    assert_eq!(found[0].parts, calls);
    let results: Vec<(&str, &str, &str, bool)> = found[1]
        .parts
        .iter()
        .map(|part| {
            let Part::ToolResult(ToolResult { id, name, content, is_error }) = part else { panic!() };
            let [ResultPart::Text(text)] = content.as_slice() else { panic!() };
            (id.as_str(), name.as_str(), text.text.as_str(), *is_error)
        })
        .collect();
    let expected = [
        ("own", "g", "{\"y\":2}", false),
        ("call_0_0", "f", "one", false),
        ("call_0_1", "f", "two", true),
        ("", "other", "{\"more\":2,\"output\":1}", false),
    ];
    assert_eq!(results, expected);
}

#[test]
fn results_may_have_images() {
    let found = messages(json!([{ "parts": [{ "functionResponse": {
        "name": "f", "response": { "output": "see" }, "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AA==" } }],
    } }] }]));
    let Part::ToolResult(result) = &found[0].parts[0] else { panic!() };
    assert!(matches!(result.content.as_slice(), [ResultPart::Text(_), ResultPart::Image(_)]));
}
