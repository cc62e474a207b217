//! Calls of other dialects, printed: a test for each row of the table.

use serde_json::{Value, json};

use super::{foreign, message, printed, refusal, text};
use crate::call::{
    Call, Effort, Format, Image, ImageSource, Operation, Part, Reasoning, ResultPart, Role, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::{Dialect, Family, Target, Wire, write_call};

fn tool_call(id: &str, name: &str, arguments: &str) -> Part {
    let signature = Some((Family::Gemini, "sig".to_owned()));
    Part::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), span: None, signature })
}

fn result(id: &str, name: &str, content: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: name.to_owned(), content, is_error })
}

fn said(text: &str) -> ResultPart {
    ResultPart::Text(Text::from(text))
}

fn image() -> Image {
    let source = ImageSource::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
    Image { source, detail: Some("low".to_owned()) }
}

fn messages(messages: Vec<crate::Message>) -> Value {
    printed(&Call { messages, ..foreign() })["messages"].clone()
}

fn refused(messages: Vec<crate::Message>) -> String {
    refusal(&Call { messages, ..foreign() })
}

fn changed(change: impl FnOnce(&mut Call)) -> Call {
    let mut call = foreign();
    change(&mut call);
    call
}

fn tool() -> Tool {
    let schema = serde_json::value::RawValue::from_string(r#"{"type":  "object"}"#.to_owned()).unwrap();
    Tool { name: "look".into(), description: Some("Looks.".into()), schema: Some(schema), strict: Some(true) }
}

#[test]
fn the_least_call_has_nothing_besides_model_and_messages() {
    assert_eq!(printed(&foreign()), json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hi" }] }));
}

#[test]
fn texts_images_and_the_system_stay_where_they_are() {
    let address = Image { source: ImageSource::Address("https://x/a".to_owned()), detail: None };
    let found = messages(vec![
        message(Role::System, vec![text("a")]),
        message(Role::User, vec![text("b"), Part::Image(image()), Part::Image(address)]),
        message(Role::System, vec![text("c"), text("d")]),
        message(Role::User, vec![]),
    ]);
    let expected = json!([
        { "role": "system", "content": "a" },
        { "role": "user", "content": [
            { "type": "text", "text": "b" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA", "detail": "low" } },
            { "type": "image_url", "image_url": { "url": "https://x/a" } },
        ] },
        { "role": "system", "content": [{ "type": "text", "text": "c" }, { "type": "text", "text": "d" }] },
        { "role": "user", "content": "" },
    ]);
    assert_eq!(found, expected);
}

#[test]
fn results_are_messages_of_their_own_in_front_of_the_rest() {
    let thought = Part::Thought(Thought { family: Family::OpenAi, raw: "{}".to_owned() });
    let found = messages(vec![
        message(
            Role::Assistant,
            vec![thought.clone(), tool_call("t1", "look", ""), tool_call("t2", "go", r#"{"a":1}"#)],
        ),
        message(
            Role::User,
            vec![text("And now?"), result("t2", "", vec![said("x"), said("y")], true), result("t1", "", vec![], true)],
        ),
        message(Role::Assistant, vec![thought]),
        message(Role::Assistant, vec![text("Well."), Part::Refusal("No".into())]),
    ]);
    let call = |id: &str, name: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
    let expected = json!([
        { "role": "assistant", "content": null, "tool_calls": [call("t1", "look", "{}"), call("t2", "go", r#"{"a":1}"#)] },
        { "role": "tool", "tool_call_id": "t2", "content": [{ "type": "text", "text": "Error: x" }, { "type": "text", "text": "y" }] },
        { "role": "tool", "tool_call_id": "t1", "content": "Error" },
        { "role": "user", "content": "And now?" },
        { "role": "assistant", "content": "" },
        { "role": "assistant", "content": "Well.", "refusal": "No" },
    ]);
    assert_eq!(found, expected);
}

#[test]
fn calls_without_ids_get_stable_ones_and_results_find_them() {
    let found = messages(vec![
        message(Role::User, vec![text("Hi")]),
        message(Role::Assistant, vec![tool_call("", "a", "{}"), tool_call("", "b", "{}"), tool_call("", "a", "{}")]),
        message(
            Role::Tool,
            vec![
                result("", "b", vec![said("1")], false),
                result("", "a", vec![said("2")], false),
                result("", "a", vec![said("3")], false),
            ],
        ),
    ]);
    let ids: Vec<&str> =
        found[1]["tool_calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["call_1_0", "call_1_1", "call_1_2"]);
    let results: Vec<&Value> = (2..5).map(|number| &found[number]["tool_call_id"]).collect();
    assert_eq!(results, ["call_1_1", "call_1_0", "call_1_2"]);
}

#[test]
fn messages_that_cannot_be_said_are_refused() {
    let image = || Part::Image(image());
    let stored = ImageSource::Address("gs://bucket/a.png".to_owned());
    let stored = Part::Image(Image { source: stored, detail: None });
    for (role, part, sentence) in [
        (Role::User, stored, "An image at an address of the scheme `gs` has no counterpart in openai-chat."),
        (Role::System, image(), "An image in a message of the system has no counterpart in openai-chat."),
        (Role::Assistant, image(), "An image in a message of the assistant has no counterpart in openai-chat."),
        (
            Role::User,
            tool_call("a", "b", ""),
            "A tool call in a message of the user has no counterpart in openai-chat.",
        ),
        (
            Role::User,
            result("a", "", vec![ResultPart::Image(super::printed::image())], false),
            "An image in the result of a tool has no counterpart in openai-chat.",
        ),
        (
            Role::User,
            result("", "a", vec![], false),
            "The result of a tool belongs to no call in front of it, as openai-chat demands.",
        ),
    ] {
        assert_eq!(refused(vec![message(role, vec![part])]), sentence);
    }
}

#[test]
fn parameters_are_called_as_openai_calls_them() {
    let call = changed(|call| {
        call.streamed = true;
        call.tools = vec![tool()];
        call.tool_choice = Some(ToolChoice::Named("look".to_owned()));
        call.parallel_tools = Some(false);
        let parameters = &mut call.parameters;
        parameters.temperature = Some(0.5);
        parameters.top_p = Some(0.25);
        parameters.max_output_tokens = Some(9);
        parameters.stop = vec!["a".to_owned()];
        parameters.seed = Some(-1);
        parameters.choices = Some(2);
        parameters.presence_penalty = Some(0.1);
        parameters.frequency_penalty = Some(0.2);
        parameters.reasoning = Some(Reasoning::Budget(5_000));
        parameters.end_user = Some("u".into());
        parameters.service_tier = Some("standard_only".to_owned());
    });
    let expected = json!({
        "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hi" }],
        "tools": [{ "type": "function", "function": {
            "name": "look", "description": "Looks.", "parameters": { "type": "object" }, "strict": true } }],
        "tool_choice": { "type": "function", "function": { "name": "look" } }, "parallel_tool_calls": false,
        "max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.25, "stop": ["a"], "seed": -1, "n": 2,
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "reasoning_effort": "medium",
        "stream": true, "stream_options": { "include_usage": true },
    });
    assert_eq!(printed(&call), expected);
    let body = write_call(&call, &Wire::OpenAi, super::TARGET).unwrap().body;
    assert!(std::str::from_utf8(&body).unwrap().contains(r#""parameters":{"type":  "object"}"#));
}

#[test]
fn what_makes_no_difference_is_left_out() {
    let least = printed(&foreign());
    assert_eq!(printed(&changed(|call| call.format = Some(Format::Text))), least);
    assert_eq!(printed(&changed(|call| call.parameters.reasoning = Some(Reasoning::Adaptive))), least);
    assert_eq!(printed(&changed(|call| call.parameters.reasoning = Some(Reasoning::Off))), least);
    assert_eq!(printed(&changed(|call| call.tool_choice = Some(ToolChoice::Auto))), least);
    assert_eq!(printed(&changed(|call| call.parallel_tools = Some(true))), least);
    for tier in ["auto", "default", "standard", "standard_only"] {
        assert_eq!(printed(&changed(|call| call.parameters.service_tier = Some(tier.to_owned()))), least);
    }
    let required = printed(&changed(|call| call.tool_choice = Some(ToolChoice::Required)));
    assert_eq!(required["tool_choice"], "required");
}

#[test]
fn efforts_and_formats_have_their_words() {
    for (effort, word) in Effort::ALL.into_iter().zip(["minimal", "low", "medium", "high", "xhigh", "max"]) {
        let call = changed(|call| call.parameters.reasoning = Some(Reasoning::Effort(effort)));
        assert_eq!(printed(&call)["reasoning_effort"], word);
    }
    let json = printed(&changed(|call| call.format = Some(Format::Json)));
    assert_eq!(json["response_format"], json!({ "type": "json_object" }));
    let schema = tool().schema.unwrap();
    let format = Format::Schema { name: String::new(), description: Some("d".to_owned()), schema, strict: Some(true) };
    let expected = json!({ "name": "answer", "description": "d", "schema": { "type": "object" }, "strict": true });
    let printed = printed(&changed(|call| call.format = Some(format)));
    assert_eq!(printed["response_format"], json!({ "type": "json_schema", "json_schema": expected }));
}

/// The vendors that imitate OpenAI know only the older of both, and OpenAI's thinking models only the newer.
#[test]
fn the_limit_of_tokens_is_called_as_the_model_s_vendor_calls_it() {
    let call = changed(|call| {
        call.parameters.max_output_tokens = Some(9);
        call.parameters.reasoning = Some(Reasoning::Off);
    });
    let older = Wire::Azure { api_version: Some("2024-06-01".to_owned()) };
    let newer = Wire::Azure { api_version: Some("2024-10-21".to_owned()) };
    for (model, wire, limit, effort) in [
        ("gpt-4o", &Wire::OpenAi, "max_completion_tokens", None),
        ("openai/gpt-5.1", &Wire::OpenAi, "max_completion_tokens", Some("none")),
        ("ft:gpt-4o:a", &Wire::OpenAi, "max_completion_tokens", None),
        ("o3-mini", &Wire::OpenAi, "max_completion_tokens", Some("none")),
        ("chatgpt-4o-latest", &Wire::OpenAi, "max_completion_tokens", None),
        ("gpt-oss:20b", &Wire::OpenAi, "max_tokens", Some("none")),
        ("mistral-large", &Wire::OpenAi, "max_tokens", Some("none")),
        ("ours", &newer, "max_completion_tokens", Some("none")),
        ("ours", &older, "max_tokens", Some("none")),
    ] {
        let body = write_call(&call, wire, Target { model, output_tokens_default: 1 }).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body[limit], 9, "{model}");
        assert_eq!(body.get("reasoning_effort").and_then(Value::as_str), effort, "{model}");
        assert_eq!(body.get("model").is_none(), matches!(wire, Wire::Azure { .. }), "{model}");
    }
}

#[test]
fn openai_s_other_dialect_passes_on_what_is_the_vendor_s() {
    let call = changed(|call| {
        call.dialect = Dialect::OpenAiResponses;
        call.parameters.service_tier = Some("flex".to_owned());
        call.parameters.end_user = Some("u".into());
    });
    let printed = printed(&call);
    assert_eq!((&printed["service_tier"], &printed["user"]), (&json!("flex"), &json!("u")));
}

#[test]
fn what_the_dialect_cannot_say_is_refused() {
    let refusals = [
        (
            changed(|call| call.foreign = vec!["/container".to_owned()]),
            "`/container` of a call in anthropic-messages has no counterpart in openai-chat.",
        ),
        (
            changed(|call| call.operation = Operation::CountTokens),
            "A request that only counts tokens has no counterpart in openai-chat.",
        ),
        (
            changed(|call| call.parameters.top_k = Some(4)),
            "A limit to the `k` most likely tokens (top-k) has no counterpart in openai-chat.",
        ),
        (
            changed(|call| call.parameters.stop = vec!["a".to_owned(); 5]),
            "The call has 5 stop strings, and openai-chat takes at most 4.",
        ),
        (
            changed(|call| call.parameters.service_tier = Some("turbo".to_owned())),
            "The service tier \"turbo\" has no counterpart in openai-chat.",
        ),
    ];
    for (call, sentence) in refusals {
        assert_eq!(refusal(&call), sentence);
    }
}

#[test]
fn inputs_to_embed_are_printed() {
    let call = changed(|call| {
        call.operation = Operation::Embeddings;
        call.embeddings = vec![crate::Embedding::Text("a".into()), crate::Embedding::Tokens(vec![1, 2])];
        call.parameters.dimensions = Some(8);
    });
    assert_eq!(printed(&call), json!({ "model": "gpt-4o", "input": ["a", [1, 2]], "dimensions": 8 }));
}
