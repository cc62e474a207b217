//! What other dialects' calls become.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{TARGET, body, chat, refusal, said, text, written};
use crate::call::{
    Call, Effort, Format, Image, ImageSource, Operation, Part, Reasoning, ResultPart, Role, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::{Family, Target};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn tool(name: &str) -> Tool {
    Tool { name: name.to_owned(), description: None, schema: None, strict: None }
}

fn used(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
    Part::ToolCall(ToolCall { id, name, arguments, span: None, signature: None })
}

fn result(id: &str, name: &str, content: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: name.to_owned(), content, is_error })
}

fn image(media_type: &str) -> Image {
    let source = ImageSource::Inline { media_type: media_type.to_owned(), data: "AAAA".to_owned() };
    Image { source, detail: Some("high".to_owned()) }
}

fn changed(change: impl FnOnce(&mut Call)) -> Call {
    let mut call = chat();
    change(&mut call);
    call
}

#[test]
fn the_path_names_the_model_and_the_manner() {
    let path = |call: &Call| written(call).unwrap().path;
    assert_eq!(path(&chat()), "/model/us.anthropic.claude-v1%3A0/converse");
    assert_eq!(path(&changed(|call| call.streamed = true)), "/model/us.anthropic.claude-v1%3A0/converse-stream");
    let arn = Target { model: "arn:aws:bedrock:x:1:inference-profile/é", ..TARGET };
    assert_eq!(
        super::super::write_call(&chat(), arn).unwrap().path,
        "/model/arn%3Aaws%3Abedrock%3Ax%3A1%3Ainference-profile%2F%C3%A9/converse"
    );
    let up = super::super::write_call(&chat(), Target { model: "..", ..TARGET }).unwrap_err();
    assert_eq!(up.message, "The name `..` of a model cannot stand in a path of bedrock.");
}

#[test]
fn counting_wraps_the_call_without_limits() {
    let call = changed(|call| {
        call.operation = Operation::CountTokens;
        call.parameters.max_output_tokens = Some(7);
        call.tools = vec![tool("f")];
    });
    assert_eq!(written(&call).unwrap().path, "/model/us.anthropic.claude-v1%3A0/count-tokens");
    let input = body(&call)["input"]["converse"].clone();
    assert_eq!(input["messages"], json!([{ "role": "user", "content": [{ "text": "Hi" }] }]));
    assert_eq!((&input["inferenceConfig"], input["toolConfig"].is_object()), (&Value::Null, true));
}

#[test]
fn turns_alternate_and_the_system_stands_in_front() {
    let call = Call {
        tools: vec![tool("f")],
        ..said(vec![
            (Role::System, vec![text("one")]),
            (Role::User, vec![text("a"), text(""), Part::Image(image("image/jpg"))]),
            (Role::User, vec![text("b")]),
            (Role::Assistant, vec![text("c"), used("t1", "f", r#"{"x": 1.50}"#), used("t2", "f", "")]),
            (Role::Tool, vec![result("t1", "", vec![ResultPart::Text(Text::from("r"))], true)]),
            (Role::Tool, vec![result("t2", "", vec![ResultPart::Image(image("image/png"))], false)]),
            (Role::System, vec![text("two")]),
            (Role::User, vec![text("d")]),
        ])
    };
    let found = body(&call);
    assert_eq!(found["system"], json!([{ "text": "one" }, { "text": "two" }]));
    let picture = |format: &str| json!({ "image": { "format": format, "source": { "bytes": "AAAA" } } });
    assert_eq!(
        found["messages"],
        json!([
            { "role": "user", "content": [{ "text": "a" }, picture("jpeg"), { "text": "b" }] },
            { "role": "assistant", "content": [
                { "text": "c" },
                { "toolUse": { "toolUseId": "t1", "name": "f", "input": { "x": 1.5 } } },
                { "toolUse": { "toolUseId": "t2", "name": "f", "input": {} } },
            ] },
            { "role": "user", "content": [
                { "toolResult": { "toolUseId": "t1", "content": [{ "text": "r" }], "status": "error" } },
                { "toolResult": { "toolUseId": "t2", "content": [picture("png")] } },
                { "text": "d" },
            ] },
        ])
    );
    assert!(String::from_utf8(written(&call).unwrap().body.to_vec()).unwrap().contains(r#""input":{"x": 1.50}"#));
}

#[test]
fn calls_without_ids_get_some_and_results_find_them() {
    let call = Call {
        tools: vec![tool("f"), tool("g")],
        ..said(vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![used("", "f", "{}"), used("", "g", "{}")]),
            (Role::User, vec![result("", "g", vec![], false), result("", "f", vec![], false)]),
        ])
    };
    let messages = body(&call)["messages"].clone();
    assert_eq!(messages[1]["content"][1]["toolUse"]["toolUseId"], "call_1_1");
    assert_eq!(messages[2]["content"][0]["toolResult"]["toolUseId"], "call_1_1");
    assert_eq!(messages[2]["content"][1]["toolResult"]["toolUseId"], "call_1_0");
}

#[test]
fn thoughts_go_back_to_their_own_family_only() {
    let thought = |family, raw: &str| Part::Thought(Thought { family, raw: raw.to_owned() });
    let call = said(vec![
        (Role::User, vec![text("a")]),
        (
            Role::Assistant,
            vec![
                thought(Family::Anthropic, r#"{"type":"thinking","thinking":"So","signature":"sig"}"#),
                thought(Family::Anthropic, r#"{"type":"redacted_thinking","data":"sealed"}"#),
                thought(Family::Anthropic, r#"{"type":"thinking","thinking":"So","signature":""}"#),
                thought(Family::OpenAi, r#"{"type":"reasoning"}"#),
                text("b"),
            ],
        ),
    ]);
    assert_eq!(
        body(&call)["messages"][1]["content"],
        json!([
            { "reasoningContent": { "reasoningText": { "text": "So", "signature": "sig" } } },
            { "reasoningContent": { "redactedContent": "c2VhbGVk" } },
            { "text": "b" },
        ])
    );
}

#[test]
fn parameters_and_forms_have_their_places() {
    let call = changed(|call| {
        let parameters = &mut call.parameters;
        (parameters.temperature, parameters.top_p, parameters.top_k) = (Some(0.5), Some(0.9), Some(40));
        (parameters.max_output_tokens, parameters.stop) = (Some(100), vec!["x".to_owned()]);
        parameters.end_user = Some(Text::from("me"));
        let schema = raw(r#"{"type": "object"}"#);
        call.format = Some(Format::Schema { name: "n".to_owned(), description: None, schema, strict: Some(true) });
    });
    assert_eq!(
        body(&call),
        json!({
            "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
            "inferenceConfig": { "maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"] },
            "additionalModelRequestFields": { "top_k": 40 },
            "outputConfig": { "textFormat": { "type": "json_schema", "structure": {
                "jsonSchema": { "name": "n", "schema": "{\"type\": \"object\"}" },
            } } },
        })
    );
}

#[test]
fn a_budget_makes_room_for_the_answer() {
    let thinking = |reasoning, limit| {
        let found = changed(|call| {
            call.parameters.reasoning = Some(reasoning);
            call.parameters.max_output_tokens = limit;
        });
        let found = body(&found);
        (found["additionalModelRequestFields"]["thinking"].clone(), found["inferenceConfig"]["maxTokens"].clone())
    };
    let enabled = json!({ "type": "enabled", "budget_tokens": 2_000 });
    assert_eq!(thinking(Reasoning::Budget(2_000), None), (enabled.clone(), json!(6_096)));
    assert_eq!(thinking(Reasoning::Budget(2_000), Some(2_001)), (enabled, json!(2_001)));
    assert_eq!(thinking(Reasoning::Adaptive, None), (json!({ "type": "adaptive" }), Value::Null));
    assert_eq!(thinking(Reasoning::Off, None), (Value::Null, Value::Null));
}

#[test]
fn tools_and_choices_are_told() {
    let config = |choice| {
        body(&changed(|call| (call.tools, call.tool_choice) = (vec![tool("f")], choice)))["toolConfig"].clone()
    };
    let specification = json!({ "name": "f", "inputSchema": { "json": { "type": "object", "properties": {} } } });
    assert_eq!(config(None), json!({ "tools": [{ "toolSpec": specification }] }));
    assert_eq!(config(Some(ToolChoice::Auto))["toolChoice"], json!({ "auto": {} }));
    assert_eq!(config(Some(ToolChoice::Required))["toolChoice"], json!({ "any": {} }));
    assert_eq!(config(Some(ToolChoice::Named("f".to_owned())))["toolChoice"], json!({ "tool": { "name": "f" } }));
    assert_eq!(config(Some(ToolChoice::None)), Value::Null);
}

#[test]
fn what_cannot_be_said_is_refused_with_its_name() {
    let history = || {
        said(vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![used("t", "f", "{}")]),
            (Role::Tool, vec![result("t", "f", vec![], false)]),
        ])
    };
    let address = Image { source: ImageSource::Address("https://x/a.png".to_owned()), detail: None };
    let cases: Vec<(Call, &str)> = vec![
        (changed(|call| call.operation = Operation::Embeddings), "The bedrock dialect has no embeddings."),
        (
            changed(|call| call.foreign = vec!["/logprobs".to_owned()]),
            "`/logprobs` of the openai-chat dialect has no counterpart in bedrock.",
        ),
        (
            changed(|call| call.parameters.seed = Some(1)),
            "`seed` of the openai-chat dialect has no counterpart in bedrock.",
        ),
        (
            changed(|call| call.parameters.presence_penalty = Some(0.5)),
            "`presence_penalty` of the openai-chat dialect has no counterpart in bedrock.",
        ),
        (
            changed(|call| (call.tools, call.parallel_tools) = (vec![tool("f")], Some(false))),
            "`parallel_tool_calls` of the openai-chat dialect has no counterpart in bedrock.",
        ),
        (
            changed(|call| call.parameters.choices = Some(2)),
            "The openai-chat call asks for 2 choices, and an answer of bedrock has one only.",
        ),
        (
            changed(|call| call.format = Some(Format::Json)),
            "The openai-chat call asks for JSON without a schema, which has no counterpart in bedrock; give a schema.",
        ),
        (
            changed(|call| call.parameters.service_tier = Some("flex".to_owned())),
            "The service tier `flex` of the openai-chat dialect has no counterpart in bedrock.",
        ),
        (
            changed(|call| call.parameters.reasoning = Some(Reasoning::Budget(100))),
            "The openai-chat call's budget of 100 tokens for thinking has no counterpart in bedrock, where the least is 1024.",
        ),
        (
            changed(|call| {
                (call.tools, call.tool_choice) = (vec![tool("f")], Some(ToolChoice::Required));
                call.parameters.reasoning = Some(Reasoning::Effort(Effort::Low));
            }),
            "The openai-chat call forces the use of a tool and asks for thinking, and bedrock has only one of both at a time.",
        ),
        (
            history(),
            "The openai-chat call has calls of tools in its messages and offers none, which has no counterpart in bedrock.",
        ),
        (
            said(vec![(Role::Assistant, vec![text("a")])]),
            "The openai-chat call does not begin with a message of the user's behind the system's, and bedrock needs one.",
        ),
        (
            said(vec![(Role::User, vec![Part::Image(address)])]),
            "Message 0 of the openai-chat call has an image by its address, which the provider does not fetch; send the image itself for \
             bedrock.",
        ),
        (
            said(vec![(Role::User, vec![Part::Image(image("image/bmp"))])]),
            "Message 0 of the openai-chat call has an image of the type `image/bmp`, which has no counterpart in bedrock.",
        ),
        (
            said(vec![(Role::User, vec![text("a")]), (Role::Assistant, vec![used("t", "f", "[]")])]),
            "Message 1 of the openai-chat call calls the tool `f` with arguments that are no JSON object, which has no counterpart in \
             bedrock.",
        ),
    ];
    for (call, sentence) in cases {
        assert_eq!(refusal(&call), sentence);
    }
    assert!(written(&Call { tools: vec![tool("f")], ..history() }).is_ok());
}

#[test]
fn ids_that_must_change_stay_apart_and_find_each_other() {
    let long = "x".repeat(70);
    let call = Call {
        tools: vec![tool("f")],
        ..said(vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![used("t.1", "f", "{}"), used("t:1", "f", "{}"), used(&long, "f", "{}")]),
            (Role::Tool, vec![result("t.1", "f", vec![], false), result(&long, "f", vec![], false)]),
        ])
    };
    let messages = body(&call)["messages"].clone();
    let asked = |at: usize| messages[1]["content"][at]["toolUse"]["toolUseId"].as_str().unwrap();
    let answered = |at: usize| messages[2]["content"][at]["toolResult"]["toolUseId"].as_str().unwrap();
    assert_ne!(asked(0), asked(1));
    assert_eq!((answered(0), answered(1)), (asked(0), asked(2)));
    assert_eq!(asked(2).len(), 64);
}

#[test]
fn blank_texts_are_left_out() {
    let call = said(vec![(Role::User, vec![text("a"), text(" \n")])]);
    assert_eq!(body(&call)["messages"][0]["content"], json!([{ "text": "a" }]));
}

#[test]
fn redacted_bytes_that_are_no_text_come_back_as_they_came() {
    let piece = super::super::thought::redacted(vec![0xff, 0xfe]).unwrap();
    let crate::Piece::ThoughtSealed { family, raw } = piece else { panic!() };
    let thought = Part::Thought(Thought { family, raw });
    let call = said(vec![(Role::User, vec![text("a")]), (Role::Assistant, vec![thought])]);
    let content = json!([{ "reasoningContent": { "redactedContent": "//4=" } }]);
    assert_eq!(body(&call)["messages"][1]["content"], content);
}
