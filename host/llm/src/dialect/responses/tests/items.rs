//! What a client's input becomes.

use serde_json::json;

use super::read;
use crate::call::{ImageSource, Part, ResultPart, Role};
use crate::dialect::Family;

#[test]
fn items_become_turns_in_their_order() {
    let call = read(json!({
        "instructions": "Be brief.",
        "input": [
            { "role": "developer", "content": "In German." },
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "Look" },
                { "type": "input_image", "image_url": "https://example.org/a.png", "detail": "low" },
                { "type": "input_image", "image_url": "data:image/png;base64,AAAA" },
            ] },
            { "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" },
            { "type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "commentary", "content": [
                { "type": "output_text", "text": "I look", "annotations": [], "logprobs": [] },
                { "type": "refusal", "refusal": "No." },
            ] },
            { "type": "function_call", "id": "fc_1", "status": "completed", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}" },
            { "type": "function_call", "call_id": "c2", "name": "g", "arguments": "", "caller": { "type": "direct" } },
            { "type": "function_call_output", "call_id": "c1", "output": "one" },
            { "type": "function_call_output", "call_id": "c2", "output": [
                { "type": "input_text", "text": "two" },
                { "type": "input_image", "image_url": "https://example.org/b.png" },
            ] },
            { "role": "assistant", "content": "Done" },
            { "role": "assistant", "content": "Really" },
        ],
    }))
    .unwrap();
    assert_eq!(call.foreign, [""; 0]);
    let roles: Vec<Role> = call.messages.iter().map(|message| message.role).collect();
    let (system, user, assistant, tool) = (Role::System, Role::User, Role::Assistant, Role::Tool);
    assert_eq!(roles, [system, system, user, assistant, tool, assistant, assistant]);
    assert!(matches!(call.messages[0].parts.as_slice(), [Part::Text(text)] if text.text == "Be brief."));
    let [Part::Text(_), Part::Image(there), Part::Image(inline)] = call.messages[2].parts.as_slice() else { panic!() };
    assert_eq!(there.source, ImageSource::Address("https://example.org/a.png".to_owned()));
    assert_eq!(there.detail.as_deref(), Some("low"));
    let source = ImageSource::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
    assert_eq!(inline.source, source);
    let [
        Part::Thought(thought),
        Part::Text(said),
        Part::Refusal(refused),
        Part::ToolCall(first),
        Part::ToolCall(second),
    ] = call.messages[3].parts.as_slice()
    else {
        panic!("{:?}", call.messages[3])
    };
    assert_eq!(thought.family, Family::OpenAi);
    let raw: serde_json::Value = serde_json::from_str(&thought.raw).unwrap();
    assert_eq!(raw["encrypted_content"], "x");
    for (text, span) in [
        ("\"I look\"", &said.span),
        ("\"No.\"", &refused.span),
        (r#""{\"a\":1}""#, &first.span),
        ("\"\"", &second.span),
    ] {
        assert_eq!(&call.source[span.clone().unwrap()], text.as_bytes());
    }
    assert_eq!((first.id.as_str(), first.name.as_str(), first.arguments.as_str()), ("c1", "f", "{\"a\":1}"));
    let [Part::ToolResult(one), Part::ToolResult(two)] = call.messages[4].parts.as_slice() else { panic!() };
    assert!(matches!(one.content.as_slice(), [ResultPart::Text(text)] if text.text == "one" && text.span.is_some()));
    assert!(matches!(two.content.as_slice(), [ResultPart::Text(_), ResultPart::Image(_)]));
    assert_eq!(call.tool_names().get("c2"), Some(&"g"));
}

#[test]
fn a_text_is_a_message_of_the_user() {
    let call = read(json!({ "input": "Hällo \"you\"" })).unwrap();
    let [message] = call.messages.as_slice() else { panic!() };
    let [Part::Text(text)] = message.parts.as_slice() else { panic!() };
    assert_eq!((message.role, text.text.as_str()), (Role::User, "Hällo \"you\""));
    assert_eq!(&call.source[text.span.clone().unwrap()], "\"Hällo \\\"you\\\"\"".as_bytes());
}
