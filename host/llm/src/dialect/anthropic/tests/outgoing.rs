//! What a call of another dialect becomes, and what is refused of it.

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{body, chat, message, refusal, written};
use crate::call::{
    Call, Effort, Format, Image, ImageSource, Operation, Part, Reasoning, ResultPart, Role, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::{Dialect, Family};

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn tool(name: &str) -> Tool {
    Tool { name: name.to_owned(), description: None, schema: None, strict: None }
}

fn called(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
    Part::ToolCall(ToolCall { id, name, arguments, span: None, signature: Some((Family::Gemini, "s".into())) })
}

fn result(id: &str, name: &str, text: &str) -> Part {
    let content = vec![ResultPart::Text(text.into())];
    Part::ToolResult(ToolResult { id: id.to_owned(), name: name.to_owned(), content, is_error: false })
}

fn image(source: ImageSource) -> Part {
    Part::Image(Image { source, detail: Some("high".into()) })
}

/// One that uses everything that has a counterpart.
pub fn asked() -> Call {
    let mut call = chat();
    let inline = ImageSource::Inline { media_type: "image/png".into(), data: "iVBO".into() };
    let failed = ToolResult {
        id: "b.1".into(),
        name: String::new(),
        content: vec![ResultPart::Text("no".into()), ResultPart::Image(Image { source: inline.clone(), detail: None })],
        is_error: true,
    };
    call.messages = vec![
        message(Role::System, vec![Part::Text("Be kind".into())]),
        message(Role::User, vec![Part::Text("Hi".into()), image(inline)]),
        message(Role::User, vec![image(ImageSource::Address("https://a/b".into()))]),
        message(
            Role::Assistant,
            vec![
                Part::Thought(Thought { family: Family::OpenAi, raw: r#"{"type":"reasoning"}"#.into() }),
                Part::Text("".into()),
                Part::Refusal("Hm".into()),
                called("a", "f", r#" {"x": 1.0} "#),
                called("b.1", "g", ""),
            ],
        ),
        message(Role::User, vec![Part::Text("And?".into())]),
        message(Role::Tool, vec![result("a", "f", "yes")]),
        message(Role::System, vec![Part::Text("Be short".into())]),
        message(Role::Tool, vec![Part::ToolResult(failed)]),
    ];
    call.tools = vec![
        Tool {
            schema: Some(raw(r#"{"type":"object", "a":1}"#)),
            description: Some("F".into()),
            strict: Some(true),
            ..tool("f")
        },
        tool("g"),
    ];
    call.tool_choice = Some(ToolChoice::Auto);
    call.parallel_tools = Some(false);
    call.streamed = true;
    call.format = Some(Format::Schema {
        name: "n".into(),
        description: None,
        schema: raw(r#"{"type":"object"}"#),
        strict: Some(false),
    });
    let parameters = &mut call.parameters;
    parameters.temperature = Some(1.0);
    parameters.top_p = Some(0.97);
    parameters.max_output_tokens = Some(99);
    parameters.stop = vec!["END".into()];
    parameters.choices = Some(1);
    parameters.presence_penalty = Some(0.0);
    parameters.reasoning = Some(Reasoning::Effort(Effort::Highest));
    parameters.end_user = Some("u".into());
    parameters.service_tier = Some("default".into());
    call
}

#[test]
fn a_call_of_another_dialect_is_printed() {
    let outgoing = written(&asked()).unwrap();
    assert_eq!(outgoing.path, "/v1/messages");
    assert_eq!(outgoing.fields, [("anthropic-version", "2023-06-01".to_owned())]);
    assert!(std::str::from_utf8(&outgoing.body).unwrap().contains(r#""input_schema":{"type":"object", "a":1}"#));
    let png = json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "iVBO" } });
    let expected = json!({
        "model": "claude-theirs", "max_tokens": 99, "stream": true,
        "system": [{ "type": "text", "text": "Be kind" }, { "type": "text", "text": "Be short" }],
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "Hi" }, png,
                { "type": "image", "source": { "type": "url", "url": "https://a/b" } }] },
            { "role": "assistant", "content": [{ "type": "text", "text": "Hm" },
                { "type": "tool_use", "id": "a", "name": "f", "input": { "x": 1.0 } },
                { "type": "tool_use", "id": "b_2e1", "name": "g", "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "a", "content": "yes" },
                { "type": "tool_result", "tool_use_id": "b_2e1", "content": [{ "type": "text", "text": "no" }, png], "is_error": true },
                { "type": "text", "text": "And?" }] },
        ],
        "tools": [{ "name": "f", "description": "F", "input_schema": { "type": "object", "a": 1 }, "strict": true },
            { "name": "g", "input_schema": { "type": "object", "properties": {} } }],
        "tool_choice": { "type": "auto", "disable_parallel_tool_use": true },
        "thinking": { "type": "adaptive" },
        "output_config": { "effort": "max", "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "top_p": 0.97, "stop_sequences": ["END"], "metadata": { "user_id": "u" },
    });
    assert_eq!(serde_json::from_slice::<Value>(&outgoing.body).unwrap(), expected);
}

#[test]
fn a_short_call_is_printed_short() {
    let expected =
        json!({ "model": "claude-theirs", "max_tokens": 4096, "messages": [{ "role": "user", "content": "Hi" }] });
    assert_eq!(body(&chat()), expected);
    let mut call = chat();
    call.tool_choice = Some(ToolChoice::None);
    call.parallel_tools = Some(false);
    call.format = Some(Format::Text);
    assert_eq!(body(&call), expected);
}

#[test]
fn a_count_has_only_what_counts() {
    let mut call = asked();
    call.operation = Operation::CountTokens;
    let outgoing = written(&call).unwrap();
    assert_eq!(outgoing.path, "/v1/messages/count_tokens");
    let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
    let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["messages", "model", "output_config", "system", "thinking", "tool_choice", "tools"]);
}

#[test]
fn a_choice_of_tools_is_told() {
    let told = |choice: Option<ToolChoice>, parallel: Option<bool>| {
        let mut call = chat();
        call.tools = vec![tool("f")];
        (call.tool_choice, call.parallel_tools) = (choice, parallel);
        body(&call)["tool_choice"].take()
    };
    assert_eq!(told(None, Some(true)), Value::Null);
    assert_eq!(told(None, Some(false)), json!({ "type": "auto", "disable_parallel_tool_use": true }));
    assert_eq!(told(Some(ToolChoice::Auto), None), json!({ "type": "auto" }));
    assert_eq!(told(Some(ToolChoice::None), Some(false)), json!({ "type": "none" }));
    assert_eq!(
        told(Some(ToolChoice::Required), Some(false)),
        json!({ "type": "any", "disable_parallel_tool_use": true })
    );
    assert_eq!(told(Some(ToolChoice::Named("f".into())), None), json!({ "type": "tool", "name": "f" }));
}

#[test]
fn calls_without_ids_find_their_results_by_name() {
    let mut call = chat();
    call.messages
        .push(message(Role::Assistant, vec![called("", "f", "{}"), called("", "f", "{}"), called("", "g", "{}")]));
    call.messages.push(message(Role::User, vec![result("", "g", "3"), result("", "f", "1"), result("", "f", "2")]));
    let body = body(&call);
    let ids = |turn: usize, member: &str| -> Vec<Value> {
        body["messages"][turn]["content"].as_array().unwrap().iter().map(|block| block[member].clone()).collect()
    };
    assert_eq!(ids(1, "id"), ["call_1_0", "call_1_1", "call_1_2"]);
    assert_eq!(ids(2, "tool_use_id"), ["call_1_2", "call_1_0", "call_1_1"]);
}

#[test]
fn thoughts_go_back_only_to_their_own_vendor() {
    let own = r#"{"type":"thinking", "thinking":"Hm","signature":"s"}"#;
    let mut call = chat();
    let thoughts = [
        (Family::Anthropic, own),
        (Family::Anthropic, r#"{"reasoningContent":{}}"#),
        (Family::Gemini, own),
        (Family::Anthropic, "no JSON"),
    ];
    let parts = thoughts.map(|(family, raw)| Part::Thought(Thought { family, raw: raw.to_owned() }));
    call.messages.push(message(Role::Assistant, parts.to_vec()));
    let outgoing = written(&call).unwrap();
    assert!(
        std::str::from_utf8(&outgoing.body).unwrap().contains(&format!(r#"{{"role":"assistant","content":[{own}]}}"#))
    );
}

#[test]
fn reasoning_is_told() {
    let told = |reasoning: Reasoning, limit: Option<u64>| {
        let mut call = chat();
        call.parameters.reasoning = Some(reasoning);
        call.parameters.max_output_tokens = limit;
        let mut body = body(&call);
        (body["thinking"].take(), body["output_config"]["effort"].take(), body["max_tokens"].as_u64().unwrap())
    };
    let adaptive = || json!({ "type": "adaptive" });
    assert_eq!(told(Reasoning::Off, None), (json!({ "type": "disabled" }), Value::Null, 4096));
    assert_eq!(told(Reasoning::Budget(0), None), (json!({ "type": "disabled" }), Value::Null, 4096));
    assert_eq!(told(Reasoning::Adaptive, Some(9)), (adaptive(), Value::Null, 9));
    let efforts = Effort::ALL.map(|effort| told(Reasoning::Effort(effort), None).1);
    assert_eq!(efforts, ["low", "low", "medium", "high", "xhigh", "max"]);
    let enabled = json!({ "type": "enabled", "budget_tokens": 2000 });
    assert_eq!(told(Reasoning::Budget(2000), None), (enabled.clone(), Value::Null, 6096));
    assert_eq!(told(Reasoning::Budget(2000), Some(2001)), (enabled, Value::Null, 2001));
}

#[test]
fn a_budget_becomes_an_effort_where_the_thoughts_of_the_last_calls_are_missing() {
    let mut call = chat();
    call.parameters.reasoning = Some(Reasoning::Budget(8192));
    call.messages.push(message(Role::Assistant, vec![called("a", "f", "{}")]));
    assert_eq!(body(&call)["thinking"]["type"], "enabled");
    call.messages.push(message(Role::Tool, vec![result("a", "f", "1")]));
    assert_eq!(body(&call)["thinking"], json!({ "type": "adaptive" }));
    assert_eq!(body(&call)["output_config"], json!({ "effort": "medium" }));
    let raw = r#"{"type":"thinking","thinking":"","signature":"s"}"#.to_owned();
    call.messages[1].parts.insert(0, Part::Thought(Thought { family: Family::Anthropic, raw }));
    assert_eq!(body(&call)["thinking"]["type"], "enabled");
}

fn with(change: impl FnOnce(&mut Call)) -> String {
    let mut call = chat();
    change(&mut call);
    refusal(&call)
}

fn says(parts: Vec<Part>) -> impl FnOnce(&mut Call) {
    move |call| call.messages.push(message(Role::User, parts))
}

#[test]
fn what_has_no_counterpart_is_refused_with_its_name() {
    let none = "of the openai-chat dialect has no counterpart in anthropic-messages.";
    assert_eq!(with(|call| call.foreign.push("/logprobs".into())), format!("`/logprobs` {none}"));
    assert_eq!(with(|call| call.parameters.seed = Some(1)), format!("`seed` {none}"));
    assert_eq!(with(|call| call.parameters.presence_penalty = Some(0.1)), format!("`presence_penalty` {none}"));
    assert_eq!(with(|call| call.parameters.frequency_penalty = Some(-1.0)), format!("`frequency_penalty` {none}"));
    assert_eq!(
        with(|call| call.parameters.service_tier = Some("flex".into())),
        format!("The service tier `flex` {none}")
    );
    assert_eq!(
        with(|call| call.parameters.temperature = Some(1.5)),
        "The openai-chat call's temperature of 1.5 has no counterpart in anthropic-messages, where the highest is 1."
    );
    assert_eq!(
        with(|call| call.parameters.stop.push("\n".into())),
        "The openai-chat call has a stop string of white space only, which has no counterpart in anthropic-messages."
    );
    assert_eq!(
        with(|call| call.parameters.choices = Some(2)),
        "The openai-chat call asks for 2 choices, and an answer of anthropic-messages has one only."
    );
    assert_eq!(
        with(|call| call.format = Some(Format::Json)),
        "The openai-chat call asks for any JSON object, which has no counterpart in anthropic-messages: give a schema."
    );
    let description = Some("d".to_owned());
    assert_eq!(
        with(|call| call.format =
            Some(Format::Schema { name: "n".into(), description, schema: raw("{}"), strict: None })),
        "The description of the openai-chat call's schema for the answer has no counterpart in anthropic-messages: put it into the schema."
    );
    assert_eq!(
        with(|call| call.operation = Operation::Embeddings),
        "The anthropic-messages dialect has no embeddings."
    );
    assert_eq!(
        with(|call| call.tools.push(tool("a.b"))),
        "The tool `a.b` of the openai-chat call has a name that anthropic-messages does not take: up to 128 letters, digits, `_` and `-`."
    );
}

#[test]
fn what_cannot_be_thought_is_refused() {
    let budget = |tokens, limit| {
        with(|call| {
            call.parameters.reasoning = Some(Reasoning::Budget(tokens));
            call.parameters.max_output_tokens = limit;
        })
    };
    assert_eq!(
        budget(1000, None),
        "The openai-chat call's budget of 1000 tokens for thinking has no counterpart in anthropic-messages, where the least is 1024."
    );
    assert_eq!(
        budget(2000, Some(2000)),
        "The openai-chat call's budget of 2000 tokens for thinking must be less than its limit of 2000 output tokens in anthropic-messages."
    );
    assert_eq!(
        with(|call| {
            call.parameters.reasoning = Some(Reasoning::Effort(Effort::Low));
            call.tool_choice = Some(ToolChoice::Required);
        }),
        "The openai-chat call forces the use of a tool and asks for thinking, and anthropic-messages has only one of both at a time."
    );
}

#[test]
fn what_cannot_be_said_is_refused() {
    assert_eq!(
        with(|call| call.messages.clear()),
        "The openai-chat call has no message with anything in it beside the system's, and anthropic-messages needs one."
    );
    assert_eq!(
        with(|call| call.messages[0].role = Role::Assistant),
        "The conversation of the openai-chat call begins with the assistant, and one of anthropic-messages begins with the user."
    );
    assert_eq!(
        with(says(vec![image(ImageSource::Address("http://a/b".into()))])),
        "Message 1 of the openai-chat call has an image at an address of the scheme `http`, and anthropic-messages takes only `https`."
    );
    assert_eq!(
        with(says(vec![image(ImageSource::Inline { media_type: "image/tiff".into(), data: String::new() })])),
        "Message 1 of the openai-chat call has an image of the type `image/tiff`, and anthropic-messages takes only image/jpeg, image/png, \
         image/gif, image/webp."
    );
    let picture = || image(ImageSource::Address("https://a/b".into()));
    assert_eq!(
        with(|call| call.messages.push(message(Role::Assistant, vec![picture()]))),
        "Message 1 of the openai-chat call has an image of the assistant's, which has no counterpart in anthropic-messages."
    );
    assert_eq!(
        with(|call| call.messages.push(message(Role::System, vec![picture()]))),
        "Message 1 of the openai-chat call has an image of the system's, which has no counterpart in anthropic-messages."
    );
    assert_eq!(
        with(says(vec![called("a", "f", "{}")])),
        "Message 1 of the openai-chat call has a call of a tool of the user's, which has no counterpart in anthropic-messages."
    );
    assert_eq!(
        with(|call| call.messages.push(message(Role::Assistant, vec![called("a", "f", "[1]")]))),
        "Message 1 of the openai-chat call calls the tool `f` with what is no JSON object, which has no counterpart in anthropic-messages."
    );
    assert_eq!(
        with(says(vec![result("", "f", "1")])),
        "Message 1 of the openai-chat call has a result of the tool `f` that answers no call before it, and anthropic-messages needs the \
         call's id."
    );
}

#[test]
fn texts_of_white_space_are_left_out() {
    let mut call = Call { messages: Vec::new(), ..chat() };
    let text = |text: &str| Part::Text(Text::from(text));
    call.messages.push(message(Role::System, vec![text("")]));
    call.messages.push(message(Role::User, vec![text(" \n"), text("a")]));
    call.messages.push(message(Role::Assistant, vec![text("")]));
    call.messages.push(message(Role::User, vec![text("b")]));
    let blocks = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
    assert_eq!(body(&call)["messages"], json!([{ "role": "user", "content": blocks }]));
    assert_eq!(body(&call).get("system"), None);
}

#[test]
fn a_call_whose_path_names_the_model_gets_it_into_the_body() {
    let mut call = Call::new(Dialect::Anthropic, Operation::Chat, Bytes::from_static(b"{\"a\":1}"));
    call.model = "m".to_owned();
    assert_eq!(written(&call).unwrap().body, "{\"model\":\"claude-theirs\",\"a\":1}");
}

#[test]
fn what_is_drawn_at_chance_is_told_where_nothing_is_thought() {
    let mut call = chat();
    (call.parameters.temperature, call.parameters.top_k) = (Some(0.5), Some(7));
    let sampling = |call: &Call| (body(call)["temperature"].clone(), body(call)["top_k"].clone());
    assert_eq!(sampling(&call), (json!(0.5), json!(7)));
    call.parameters.reasoning = Some(Reasoning::Adaptive);
    assert!(refusal(&call).contains("asks for thinking with a `temperature` of 0.5"));
}

#[test]
fn what_the_client_wants_to_see_of_a_thought_is_told() {
    let mut call = chat();
    call.parameters.reasoning = Some(Reasoning::Adaptive);
    for (wanted, display) in [(Some(true), json!("summarized")), (Some(false), json!("omitted")), (None, Value::Null)] {
        call.thoughts_wanted = wanted;
        assert_eq!(body(&call)["thinking"]["display"], display);
    }
}
