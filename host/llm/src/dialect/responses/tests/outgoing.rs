//! What other dialects' calls become: a test for each row of the table.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{body, chat, refusal, written};
use crate::call::{
    Call, Effort, Format, Image, ImageSource, Message, Operation, Part, Reasoning, ResultPart, Role, Text, Thought,
    Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::{Dialect, Family};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn text(text: &str) -> Part {
    Part::Text(Text::from(text))
}

fn tool_call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
    Part::ToolCall(ToolCall { id, name, arguments, span: None, signature: Some((Family::Gemini, "s".to_owned())) })
}

fn result(id: &str, name: &str, content: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: name.to_owned(), content, is_error })
}

fn said(messages: Vec<(Role, Vec<Part>)>) -> Call {
    let mut call = chat();
    call.messages = messages.into_iter().map(|(role, parts)| Message { role, parts }).collect();
    call
}

fn input(messages: Vec<(Role, Vec<Part>)>) -> Value {
    body(&said(messages))["input"].clone()
}

#[test]
fn a_plain_call_is_plain() {
    let call = said(vec![(Role::System, vec![text("s")]), (Role::User, vec![text("u")])]);
    assert_eq!(
        body(&call),
        json!({
            "model": "gpt-5-theirs", "store": false,
            "input": [
                { "type": "message", "role": "system", "content": "s" },
                { "type": "message", "role": "user", "content": "u" },
            ],
        })
    );
    assert_eq!(written(&call).unwrap().path, "/responses");
}

#[test]
fn all_that_can_be_said_is_said() {
    let mut call = chat();
    call.streamed = true;
    call.tools = vec![
        Tool {
            name: "f".into(),
            description: Some("d".into()),
            schema: Some(raw(r#"{"b":1, "a":2}"#)),
            strict: Some(true),
        },
        Tool { name: "g".into(), description: None, schema: None, strict: None },
    ];
    call.tool_choice = Some(ToolChoice::Named("g".into()));
    call.parallel_tools = Some(false);
    call.format = Some(Format::Schema { name: "n".into(), description: None, schema: raw("{ }"), strict: Some(true) });
    call.parameters.temperature = Some(0.5);
    call.parameters.top_p = Some(1.0);
    call.parameters.max_output_tokens = Some(99);
    call.parameters.reasoning = Some(Reasoning::Effort(Effort::Low));
    call.parameters.end_user = Some("u".into());
    call.parameters.service_tier = Some("flex".into());
    call.parameters.choices = Some(1);
    call.parameters.presence_penalty = Some(0.0);
    let found = body(&call);
    assert_eq!(
        found,
        json!({
            "model": "gpt-5-theirs", "store": false, "input": [], "stream": true,
            "tools": [
                { "type": "function", "name": "f", "description": "d", "parameters": { "b": 1, "a": 2 }, "strict": true },
                { "type": "function", "name": "g", "parameters": { "type": "object", "properties": {} }, "strict": false },
            ],
            "tool_choice": { "type": "function", "name": "g" }, "parallel_tool_calls": false,
            "text": { "format": { "type": "json_schema", "name": "n", "schema": {}, "strict": true } },
            "temperature": 0.5, "top_p": 1.0, "max_output_tokens": 99, "reasoning": { "effort": "low" },
            "user": "u", "service_tier": "flex",
        })
    );
    let bytes = written(&call).unwrap().body;
    let bytes = std::str::from_utf8(&bytes).unwrap();
    assert!(bytes.contains(r#"{"b":1, "a":2}"#) && bytes.contains("{ }"), "schemas byte for byte");
}

#[test]
fn words_for_choices_formats_and_efforts() {
    let mut call = chat();
    call.tool_choice = Some(ToolChoice::Auto);
    call.parallel_tools = Some(true);
    assert!(body(&call).get("tool_choice").is_none() && body(&call).get("parallel_tool_calls").is_none());
    call.tool_choice = Some(ToolChoice::Required);
    assert_eq!(body(&call)["tool_choice"], "required", "which the provider will refuse");
    call.tools = vec![Tool { name: "f".into(), description: None, schema: None, strict: None }];
    for (choice, word) in [(ToolChoice::Auto, "auto"), (ToolChoice::None, "none"), (ToolChoice::Required, "required")] {
        call.tool_choice = Some(choice);
        assert_eq!(body(&call)["tool_choice"], word);
    }
    for (format, word) in [(Format::Text, "text"), (Format::Json, "json_object")] {
        call.format = Some(format);
        assert_eq!(body(&call)["text"], json!({ "format": { "type": word } }));
    }
    for (reasoning, expected) in [
        (Reasoning::Off, json!({ "effort": "none" })),
        (Reasoning::Adaptive, Value::Null),
        (Reasoning::Budget(5000), json!({ "effort": "medium" })),
        (Reasoning::Effort(Effort::Minimal), json!({ "effort": "minimal" })),
        (Reasoning::Effort(Effort::High), json!({ "effort": "high" })),
        (Reasoning::Effort(Effort::ExtraHigh), json!({ "effort": "xhigh" })),
        (Reasoning::Effort(Effort::Highest), json!({ "effort": "max" })),
    ] {
        call.parameters.reasoning = Some(reasoning);
        assert_eq!(body(&call).get("reasoning").cloned().unwrap_or_default(), expected);
    }
    (call.parameters.reasoning, call.thoughts_wanted) = (None, Some(true));
    assert_eq!(body(&call)["reasoning"], json!({ "summary": "auto" }));
}

#[test]
fn service_tiers_stay_within_the_family() {
    for (dialect, tier, expected) in [
        (Dialect::OpenAi, "auto", Value::Null),
        (Dialect::OpenAi, "default", Value::Null),
        (Dialect::OpenAi, "priority", "priority".into()),
        (Dialect::Anthropic, "auto", Value::Null),
        (Dialect::Anthropic, "standard_only", Value::Null),
    ] {
        let mut call = Call { dialect, ..chat() };
        call.parameters.service_tier = Some(tier.to_owned());
        assert_eq!(body(&call).get("service_tier").cloned().unwrap_or_default(), expected);
    }
    let mut call = Call { dialect: Dialect::Anthropic, ..chat() };
    call.parameters.service_tier = Some("batch".to_owned());
    let expected = "The service tier `batch` of the anthropic-messages dialect has no counterpart in openai-responses.";
    assert_eq!(refusal(&call), expected);
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    type Ask = fn(&mut Call);
    let asked: [(&str, Ask); 5] = [
        ("top_k", |call| call.parameters.top_k = Some(4)),
        ("stop", |call| call.parameters.stop = vec!["x".to_owned()]),
        ("seed", |call| call.parameters.seed = Some(1)),
        ("presence_penalty", |call| call.parameters.presence_penalty = Some(0.5)),
        ("frequency_penalty", |call| call.parameters.frequency_penalty = Some(-0.5)),
    ];
    for (name, ask) in asked {
        let mut call = Call { dialect: Dialect::Gemini, ..chat() };
        ask(&mut call);
        assert_eq!(refusal(&call), format!("`{name}` of the gemini dialect has no counterpart in openai-responses."));
    }
    let mut call = chat();
    call.parameters.choices = Some(3);
    assert_eq!(
        refusal(&call),
        "The openai-chat call asks for 3 choices, and an answer of openai-responses has one only."
    );
    for (operation, what) in [(Operation::Embeddings, "embeddings"), (Operation::CountTokens, "counts of tokens")] {
        let call = Call { operation, ..chat() };
        assert_eq!(refusal(&call), format!("The openai-responses dialect has no {what}."));
    }
}

#[test]
fn turns_become_items_in_their_order() {
    let image = |source| Image { source, detail: None };
    let there = image(ImageSource::Address("https://example.org/a.png".to_owned()));
    let inline = image(ImageSource::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() });
    let found = input(vec![
        (Role::User, vec![text("u"), Part::Image(Image { detail: Some("low".to_owned()), ..there.clone() })]),
        (
            Role::Assistant,
            vec![text("a"), Part::Refusal("no".into()), tool_call("c1", "f", " "), tool_call("c2", "g", "{\"x\":1}")],
        ),
        (
            Role::User,
            vec![
                result("c1", "", vec![], true),
                result("c2", "", vec![ResultPart::Text("r".into()), ResultPart::Image(inline)], false),
                text("go on"),
            ],
        ),
        (Role::System, vec![text("late")]),
    ]);
    assert_eq!(
        found,
        json!([
            { "type": "message", "role": "user", "content": [
                { "type": "input_text", "text": "u" },
                { "type": "input_image", "image_url": "https://example.org/a.png", "detail": "low" },
            ] },
            { "type": "message", "role": "assistant", "content": [
                { "type": "output_text", "text": "a" }, { "type": "refusal", "refusal": "no" },
            ] },
            { "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}" },
            { "type": "function_call", "call_id": "c2", "name": "g", "arguments": "{\"x\":1}" },
            { "type": "function_call_output", "call_id": "c1", "output": "Error" },
            { "type": "function_call_output", "call_id": "c2", "output": [
                { "type": "input_text", "text": "r" },
                { "type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto" },
            ] },
            { "type": "message", "role": "user", "content": "go on" },
            { "type": "message", "role": "system", "content": "late" },
        ])
    );
    let call = said(vec![(Role::Assistant, vec![Part::Image(there)])]);
    let expected = "Message 0 of the openai-chat call has an image of the assistant's, which has no counterpart in openai-responses.";
    assert_eq!(refusal(&call), expected);
}

#[test]
fn results_without_ids_find_their_calls_by_name() {
    let answer = |name: &str| result("", name, vec![ResultPart::Text(name.into())], false);
    let messages = vec![
        (Role::User, vec![text("u")]),
        (Role::Assistant, vec![tool_call("", "f", "{}"), tool_call("", "g", "{}"), tool_call("", "f", "{}")]),
        (Role::Tool, vec![answer("g"), answer("f"), answer("f")]),
    ];
    let found = input(messages.clone());
    let ids: Vec<&str> = found.as_array().unwrap().iter().filter_map(|item| item["call_id"].as_str()).collect();
    assert_eq!(ids, ["call_1_0", "call_1_1", "call_1_2", "call_1_1", "call_1_0", "call_1_2"]);
    let more = [messages, vec![(Role::Tool, vec![answer("f")])]].concat();
    assert_eq!(
        refusal(&said(more)),
        "Message 3 of the openai-chat call has a result of the tool `f` that answers no call before it, and openai-responses needs the \
         call's id."
    );
}

#[test]
fn thoughts_go_back_to_their_maker_only() {
    let item = r#"{"type":"reasoning", "id":"rs_1","summary":[],"encrypted_content":"x"}"#;
    let thought = |family, raw: &str| Part::Thought(Thought { family, raw: raw.to_owned() });
    let call = said(vec![(
        Role::Assistant,
        vec![
            thought(Family::Anthropic, r#"{"type":"thinking","thinking":"t","signature":"s"}"#),
            thought(Family::OpenAi, r#"{"reasoning_content":"t"}"#),
            thought(Family::OpenAi, "broken"),
            thought(Family::OpenAi, item),
            text("a"),
        ],
    )]);
    let found = body(&call)["input"].clone();
    assert_eq!(found.as_array().unwrap().len(), 2);
    let bytes = written(&call).unwrap().body;
    assert!(std::str::from_utf8(&bytes).unwrap().contains(item), "byte for byte");
}

/// A call of another dialect with a little of all that the vendor's package has types for.
pub fn asked() -> Call {
    let mut call = said(vec![
        (Role::System, vec![text("s")]),
        (
            Role::User,
            vec![
                text("u json"),
                Part::Image(Image {
                    source: ImageSource::Address("https://example.org/a.png".to_owned()),
                    detail: None,
                }),
            ],
        ),
        (Role::Assistant, vec![text("a"), tool_call("c1", "f", " ")]),
        (Role::User, vec![result("c1", "", vec![ResultPart::Text("r".into()), ResultPart::Text("r".into())], true)]),
    ]);
    call.tools = vec![Tool { name: "f".into(), description: None, schema: None, strict: None }];
    call.tool_choice = Some(ToolChoice::Named("f".into()));
    call.format = Some(Format::Json);
    call.parameters.reasoning = Some(Reasoning::Off);
    call
}
