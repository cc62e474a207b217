//! What a client's members become, but for its input.

use serde_json::json;

use super::{TARGET, read, read_text, refusal};
use crate::call::{Effort, Format, Reasoning, ToolChoice};
use crate::dialect::{Wire, write_call};

#[test]
fn members_have_their_places() {
    let call = read(json!({
        "stream": true, "temperature": 0.5, "top_p": 0.9, "max_output_tokens": 100, "user": "u1",
        "parallel_tool_calls": false, "service_tier": "flex",
        "tools": [{ "type": "function", "name": "f", "description": "d", "parameters": { "type": "object" }, "strict": true }],
        "tool_choice": { "type": "function", "name": "f" },
        "text": { "format": { "type": "json_schema", "name": "n", "schema": { "a": 1 }, "strict": true } },
    }))
    .unwrap();
    assert_eq!((call.model.as_str(), call.streamed, call.usage_wanted), ("gpt-5", true, true));
    assert_eq!(call.parameters.temperature, Some(0.5));
    assert_eq!(call.parameters.top_p, Some(0.9));
    assert_eq!(call.parameters.max_output_tokens, Some(100));
    assert_eq!(call.parameters.end_user.as_ref().unwrap().text, "u1");
    assert_eq!(call.parameters.service_tier.as_deref(), Some("flex"));
    assert_eq!(call.parallel_tools, Some(false));
    assert_eq!(call.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    let [tool] = call.tools.as_slice() else { panic!("one tool") };
    assert_eq!((tool.name.as_str(), tool.strict), ("f", Some(true)));
    assert_eq!(tool.schema.as_ref().unwrap().get(), r#"{"type":"object"}"#);
    let span = tool.description.as_ref().unwrap().span.clone().unwrap();
    assert_eq!(&call.source[span], br#""d""#);
    let Some(Format::Schema { name, schema, strict, .. }) = &call.format else { panic!("a schema") };
    assert_eq!((name.as_str(), schema.get(), *strict), ("n", r#"{"a":1}"#, Some(true)));
    assert!(call.foreign.is_empty() && call.stateful.is_none());
}

#[test]
fn efforts_are_steps_of_reasoning() {
    for (word, expected) in [
        ("none", Reasoning::Off),
        ("minimal", Reasoning::Effort(Effort::Minimal)),
        ("low", Reasoning::Effort(Effort::Low)),
        ("medium", Reasoning::Effort(Effort::Medium)),
        ("high", Reasoning::Effort(Effort::High)),
        ("xhigh", Reasoning::Effort(Effort::ExtraHigh)),
        ("max", Reasoning::Effort(Effort::Highest)),
    ] {
        let call = read(json!({ "reasoning": { "effort": word, "summary": "auto" } })).unwrap();
        assert_eq!((call.parameters.reasoning, call.thoughts_wanted), (Some(expected), Some(true)));
        assert!(call.foreign.is_empty());
    }
}

#[test]
fn what_does_not_change_the_answer_is_not_foreign() {
    let call = read(json!({
        "store": true, "metadata": { "a": "b" }, "stream_options": { "include_obfuscation": false }, "max_tool_calls": 3,
        "prompt_cache_key": "k", "prompt_cache_retention": "24h", "prompt_cache_options": {}, "safety_identifier": "s",
        "background": false, "truncation": "disabled", "top_logprobs": 0, "conversation": null, "prompt": null,
        "include": ["reasoning.encrypted_content", "web_search_call.results", "message.input_image.image_url"],
        "reasoning": { "summary": "detailed", "context": "auto", "mode": "standard" },
    }))
    .unwrap();
    assert_eq!(call.foreign, [""; 0]);
    assert_eq!(call.stateful, None);
}

#[test]
fn what_changes_the_answer_is_foreign_and_named() {
    for (members, pointer) in [
        (json!({ "background": true }), "/background"),
        (json!({ "truncation": "auto" }), "/truncation"),
        (json!({ "top_logprobs": 2 }), "/top_logprobs"),
        (json!({ "prompt": { "id": "pmpt_1" } }), "/prompt"),
        (json!({ "include": ["reasoning.encrypted_content", "message.output_text.logprobs"] }), "/include/1"),
        (json!({ "text": { "verbosity": "low" } }), "/text/verbosity"),
        (json!({ "text": { "format": { "type": "grammar" } } }), "/text/format"),
        (json!({ "reasoning": { "mode": "pro" } }), "/reasoning/mode"),
        (json!({ "reasoning": { "context": "all_turns" } }), "/reasoning/context"),
        (json!({ "reasoning": { "depth": 3 } }), "/reasoning/depth"),
        (json!({ "tools": [{ "type": "web_search" }] }), "/tools/0"),
        (json!({ "tools": [{ "type": "function", "name": "f", "defer_loading": true }] }), "/tools/0/defer_loading"),
        (json!({ "tool_choice": { "type": "allowed_tools", "mode": "auto", "tools": [] } }), "/tool_choice"),
        (json!({ "context_management": [] }), "/context_management"),
        (json!({ "a/b~c": 1 }), "/a~1b~0c"),
        (json!({ "input": [{ "type": "computer_call", "id": "x" }] }), "/input/0"),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_file", "file_id": "f" }] }] }),
            "/input/0/content/0",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image", "file_id": "f" }] }] }),
            "/input/0/content/0",
        ),
        (
            json!({ "input": [{ "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}", "namespace": "n" }] }),
            "/input/0/namespace",
        ),
        (
            json!({ "input": [{ "type": "function_call", "call_id": "c", "name": "f", "arguments": "", "caller": { "type": "program" } }] }),
            "/input/0/caller",
        ),
    ] {
        assert_eq!(read(members.clone()).unwrap().foreign, [pointer], "{members}");
    }
}

#[test]
fn what_the_provider_keeps_binds_the_call_to_the_dialect() {
    for (members, expected) in [
        (json!({ "previous_response_id": "resp_1" }), "`previous_response_id` refers"),
        (json!({ "conversation": "conv_1" }), "`conversation` refers"),
        (
            json!({ "previous_response_id": "resp_1", "conversation": { "id": "c" } }),
            "`previous_response_id` and `conversation` refer",
        ),
        (json!({ "input": [{ "type": "item_reference", "id": "msg_1" }] }), "`input[0].id` refers"),
        (json!({ "input": [{ "id": "msg_1" }] }), "`input[0].id` refers"),
        (json!({ "input": null, "conversation": "conv_1" }), "`conversation` refers"),
    ] {
        let call = read(members).unwrap();
        let sentence = format!(
            "{expected} to what only a provider of the openai-responses dialect keeps: send the whole conversation in `input` instead."
        );
        assert_eq!(call.stateful.as_deref(), Some(sentence.as_str()));
        assert_eq!(write_call(&call, &Wire::Anthropic, TARGET).unwrap_err().message, sentence);
        assert!(write_call(&call, &Wire::OpenAiResponses, TARGET).is_ok());
    }
}

#[test]
fn towards_the_same_dialect_only_the_model_is_another() {
    let source = "{ \"model\" : \"gp\\u0074-5\",\n \"unknown\": [1 , 2],\"input\":[{\"id\":\"i\"}], \"previous_response_id\":\"r\" }";
    let outgoing = super::written(&read_text(source).unwrap()).unwrap();
    assert_eq!((outgoing.path.as_str(), outgoing.query, outgoing.fields.len()), ("/responses", None, 0));
    assert_eq!(outgoing.body, source.replace("\"gp\\u0074-5\"", "\"gpt-5-theirs\""));
}

#[test]
fn mistakes_are_named_with_the_way_out() {
    for (members, param, message) in [
        (json!({ "model": null }), "model", "`model` is missing."),
        (json!({ "model": 4 }), "model", "`model` must be a string, and is 4."),
        (json!({ "input": null }), "input", "`input` must be a string or an array, and is null."),
        (json!({ "input": {} }), "input", "`input` must be a string or an array, and is an object."),
        (json!({ "input": ["a"] }), "input[0]", "`input[0]` must be an object, and is \"a\"."),
        (json!({ "input": [{ "role": "user" }] }), "input[0].content", "`input[0].content` is missing."),
        (
            json!({ "input": [{ "role": "tool", "content": "" }] }),
            "input[0].role",
            "`input[0].role` must be \"user\", \"assistant\", \"system\" or \"developer\", and is \"tool\".",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_text" }] }] }),
            "input[0].content[0].text",
            "`input[0].content[0].text` is missing.",
        ),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "input_image", "image_url": "data:text/plain,x" }] }] }),
            "input[0].content[0].image_url",
            "`input[0].content[0].image_url` is a data URL of another form than `data:image/png;base64,…`: write the image's type and \
             its bytes in base64.",
        ),
        (
            json!({ "input": [{ "type": "function_call_output", "call_id": "c", "output": 3 }] }),
            "input[0].output",
            "`input[0].output` must be a string or an array, and is 3.",
        ),
        (
            json!({ "tool_choice": "any" }),
            "tool_choice",
            "`tool_choice` must be \"none\", \"auto\", \"required\" or an object, and is \"any\".",
        ),
        (json!({ "tools": [{ "type": "function" }] }), "tools[0].name", "`tools[0].name` is missing."),
        (
            json!({ "reasoning": { "effort": "huge" } }),
            "reasoning.effort",
            "`reasoning.effort` must be \"none\", \"minimal\", \"low\", \"medium\", \"high\", \"xhigh\" or \"max\", and is \"huge\".",
        ),
        (
            json!({ "text": { "format": { "type": "json_schema", "name": "n", "schema": true } } }),
            "text.format.schema",
            "`text.format.schema` must be an object, and is a boolean.",
        ),
    ] {
        let error = read(members).unwrap_err();
        assert_eq!((error.param.as_str(), error.message.as_str()), (param, message));
    }
}

#[test]
fn foreign_members_of_another_dialect_are_refused_by_name() {
    let mut call = super::chat();
    call.foreign.push("/logprobs".to_owned());
    assert_eq!(refusal(&call), "`/logprobs` of the openai-chat dialect has no counterpart in openai-responses.");
}

#[test]
fn what_a_hosted_tool_reaches_is_named() {
    let cases = [
        (json!({ "type": "mcp", "server_label": "s", "server_url": "https://a.example" }), vec!["/tools/0/server_url"]),
        (
            json!({ "type": "mcp", "connector_id": "c", "authorization": "t", "headers": {} }),
            vec!["/tools/0/connector_id", "/tools/0/authorization", "/tools/0/headers"],
        ),
        (json!({ "type": "file_search", "vector_store_ids": ["vs"] }), vec!["/tools/0/vector_store_ids"]),
        (json!({ "type": "code_interpreter", "container": "cntr" }), vec!["/tools/0/container"]),
        (
            json!({ "type": "code_interpreter", "container": { "type": "auto", "file_ids": ["file"] } }),
            vec!["/tools/0/container"],
        ),
        (json!({ "type": "code_interpreter", "container": { "type": "auto" } }), vec![]),
        (
            json!({ "type": "shell", "environment": { "type": "container_reference", "container_id": "cntr" } }),
            vec!["/tools/0/environment"],
        ),
        (json!({ "type": "web_search" }), vec![]),
    ];
    for (tool, members) in cases {
        let foreign = read(json!({ "tools": [tool] })).unwrap().foreign;
        assert_eq!(foreign, [vec!["/tools/0"], members].concat(), "{tool}");
    }
}
