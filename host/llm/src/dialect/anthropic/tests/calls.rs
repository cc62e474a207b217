//! What is read of a client's call, what is foreign in it, and what is wrong with it.

use serde_json::{Value, json};

use super::{body, read, read_text};
use crate::call::{Effort, Format, ImageSource, Operation, Part, Reasoning, ResultPart, Role, ToolChoice};
use crate::dialect::Family;

#[test]
fn a_conversation_is_read_with_the_places_of_its_texts() {
    let text = r#"{"model":"claude","max_tokens":9,"system":[{"type":"text","text":"Be \"kind\"","cache_control":{"type":"ephemeral"}}],
        "messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBO"}},
            {"type":"image","source":{"type":"url","url":"https://a/b.png"}}]},
        {"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"s=="},{"type":"redacted_thinking","data":"x"},
            {"type":"text","text":"I look"},{"type":"tool_use","id":"toolu_1","name":"look","input":{ "a": 1.0 }}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a cat"},
            {"type":"image","source":{"type":"url","url":"https://a/c.png"}}],"is_error":true}]},
        {"role":"system","content":"Now short"}],
        "tools":[{"name":"look","description":"Looks","input_schema":{"type":"object", "x":1}}],
        "metadata":{"user_id":"u-1"},"stream":true}"#;
    let call = read_text(Operation::Chat, text).unwrap();
    assert_eq!(call.foreign, Vec::<String>::new());
    assert!(call.streamed && call.usage_wanted);
    let roles: Vec<Role> = call.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User, Role::System]);
    let Part::Text(system) = &call.messages[0].parts[0] else { panic!() };
    assert_eq!((system.text.as_str(), &text[system.span.clone().unwrap()]), ("Be \"kind\"", r#""Be \"kind\"""#));
    let Part::Image(image) = &call.messages[1].parts[1] else { panic!() };
    assert_eq!(image.source, ImageSource::Inline { media_type: "image/png".into(), data: "iVBO".into() });
    let Part::Thought(thought) = &call.messages[2].parts[0] else { panic!() };
    assert_eq!(
        (thought.family, thought.raw.as_str()),
        (Family::Anthropic, r#"{"type":"thinking","thinking":"Hm","signature":"s=="}"#)
    );
    let Part::ToolCall(tool_call) = &call.messages[2].parts[3] else { panic!() };
    assert_eq!((tool_call.id.as_str(), tool_call.arguments.as_str()), ("toolu_1", r#"{ "a": 1.0 }"#));
    assert_eq!(call.tool_names().get("toolu_1"), Some(&"look"));
    let Part::ToolResult(result) = &call.messages[3].parts[0] else { panic!() };
    assert!(result.is_error && result.content.len() == 2);
    let ResultPart::Text(found) = &result.content[0] else { panic!() };
    assert_eq!(&text[found.span.clone().unwrap()], "\"a cat\"");
    let Part::Text(late) = &call.messages[4].parts[0] else { panic!() };
    assert_eq!(&text[late.span.clone().unwrap()], "\"Now short\"");
    assert_eq!(call.tools[0].schema.as_ref().unwrap().get(), r#"{"type":"object", "x":1}"#);
    assert_eq!(&text[call.tools[0].description.clone().unwrap().span.unwrap()], "\"Looks\"");
    assert_eq!(&text[call.parameters.end_user.clone().unwrap().span.unwrap()], "\"u-1\"");
    assert_eq!(&text[call.model_span.clone().unwrap()], "\"claude\"");
}

#[test]
fn parameters_are_read() {
    let call = read(json!({
        "temperature": 0.5, "top_p": 0.9, "top_k": 5, "stop_sequences": ["a", "b"], "service_tier": "auto",
        "tool_choice": { "type": "tool", "name": "f", "disable_parallel_tool_use": true },
        "output_config": { "format": { "type": "json_schema", "schema": { "type": "object" } } },
    }))
    .unwrap();
    let parameters = &call.parameters;
    assert_eq!((parameters.temperature, parameters.top_p, parameters.top_k), (Some(0.5), Some(0.9), Some(5)));
    assert_eq!((parameters.max_output_tokens, parameters.stop.len()), (Some(100), 2));
    assert_eq!(parameters.service_tier.as_deref(), Some("auto"));
    assert_eq!((call.tool_choice, call.parallel_tools), (Some(ToolChoice::Named("f".into())), Some(false)));
    let Some(Format::Schema { name, schema, strict, .. }) = &call.format else { panic!() };
    assert_eq!((name.as_str(), schema.get(), *strict), ("answer", r#"{"type":"object"}"#, Some(true)));
    for (word, choice) in [("auto", ToolChoice::Auto), ("any", ToolChoice::Required), ("none", ToolChoice::None)] {
        assert_eq!(read(json!({ "tool_choice": { "type": word } })).unwrap().tool_choice, Some(choice));
    }
}

#[test]
fn thinking_is_read_with_the_effort_beside_it() {
    let enabled = json!({ "type": "enabled", "budget_tokens": 2000, "display": "omitted" });
    let cases = [
        (json!({}), None, vec![]),
        (json!({ "thinking": { "type": "disabled" } }), Some(Reasoning::Off), vec![]),
        (json!({ "thinking": { "type": "adaptive", "display": "summarized" } }), Some(Reasoning::Adaptive), vec![]),
        (json!({ "thinking": enabled }), Some(Reasoning::Budget(2000)), vec![]),
        (json!({ "output_config": { "effort": "low" } }), Some(Reasoning::Effort(Effort::Low)), vec![]),
        (
            json!({ "thinking": { "type": "adaptive" }, "output_config": { "effort": "medium" } }),
            Some(Reasoning::Effort(Effort::Medium)),
            vec![],
        ),
        (json!({ "output_config": { "effort": "high" } }), Some(Reasoning::Effort(Effort::High)), vec![]),
        (json!({ "output_config": { "effort": "xhigh" } }), Some(Reasoning::Effort(Effort::ExtraHigh)), vec![]),
        (json!({ "output_config": { "effort": "max" } }), Some(Reasoning::Effort(Effort::Highest)), vec![]),
        (
            json!({ "thinking": enabled, "output_config": { "effort": "low" } }),
            Some(Reasoning::Budget(2000)),
            vec!["/output_config/effort"],
        ),
        (
            json!({ "thinking": { "type": "disabled" }, "output_config": { "effort": "low" } }),
            Some(Reasoning::Off),
            vec!["/output_config/effort"],
        ),
        (json!({ "thinking": { "type": "between_tools" } }), None, vec!["/thinking"]),
    ];
    for (members, reasoning, foreign) in cases {
        let call = read(members.clone()).unwrap();
        assert_eq!(
            (call.parameters.reasoning, call.foreign),
            (reasoning, foreign.iter().map(ToString::to_string).collect()),
            "{members}"
        );
    }
}

fn content(block: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": [block] }] })
}

fn said(block: Value) -> Value {
    json!({ "messages": [{ "role": "assistant", "content": [block] }] })
}

#[test]
fn what_the_typed_form_has_no_place_for_is_foreign() {
    let tool = |member: &str, value: Value| {
        let mut tool = json!({ "name": "f", "input_schema": {} });
        tool[member] = value;
        json!({ "tools": [tool] })
    };
    let file = json!({ "type": "image", "source": { "type": "file", "file_id": "f" } });
    let cited = json!({ "type": "text", "text": "a", "citations": [{}] });
    let result = json!({ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "document" }] });
    let called = |member: &str, value: Value| {
        let mut block = json!({ "type": "tool_use", "id": "t", "name": "f", "input": {} });
        block[member] = value;
        said(block)
    };
    let cases = [
        (json!({ "container": "c" }), "/container"),
        (json!({ "mcp_servers": [] }), "/mcp_servers"),
        (json!({ "inference_geo": "us" }), "/inference_geo"),
        (json!({ "a/b~c": 1 }), "/a~1b~0c"),
        (json!({ "speed": "fast" }), "/speed"),
        (json!({ "output_config": { "format": { "type": "grammar" } } }), "/output_config/format"),
        (json!({ "output_config": { "task_budget": 1 } }), "/output_config/task_budget"),
        (json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] }), "/tools/0"),
        (tool("input_examples", json!([{}])), "/tools/0/input_examples"),
        (tool("defer_loading", json!(true)), "/tools/0/defer_loading"),
        (tool("allowed_callers", json!(["code_execution_20250825"])), "/tools/0/allowed_callers"),
        (content(file), "/messages/0/content/0/source"),
        (content(json!({ "type": "document", "source": {} })), "/messages/0/content/0"),
        (content(json!({ "type": "search_result" })), "/messages/0/content/0"),
        (content(cited), "/messages/0/content/0/citations"),
        (content(result), "/messages/0/content/0/content/0"),
        (said(json!({ "type": "server_tool_use", "id": "s" })), "/messages/0/content/0"),
        (called("caller", json!({ "type": "code_execution_20250825" })), "/messages/0/content/0/caller"),
        (called("toolset_name", json!("t")), "/messages/0/content/0/toolset_name"),
        (json!({ "messages": [{ "role": "user", "content": "a", "name": "n" }] }), "/messages/0/name"),
    ];
    for (members, pointer) in cases {
        assert_eq!(read(members.clone()).unwrap().foreign, [pointer], "{members}");
    }
}

#[test]
fn what_changes_no_answer_is_not_foreign() {
    let mark = json!({ "type": "ephemeral" });
    let call = read(json!({
        "cache_control": mark, "diagnostics": {}, "user_profile_id": "p", "workspace_id": "w", "speed": "standard",
        "service_tier": "auto", "metadata": { "user_id": null, "more": 1 }, "container": null,
        "tools": [{ "type": "custom", "name": "f", "input_schema": {}, "cache_control": mark, "eager_input_streaming": true,
            "defer_loading": false, "allowed_callers": ["direct"] }],
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a", "cache_control": mark, "citations": null }] },
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": { "type": "direct" } }] }],
    }))
    .unwrap();
    assert_eq!(call.foreign, Vec::<String>::new());
}

#[test]
fn a_clients_mistakes_are_told_with_their_place() {
    let cases = [
        (json!({ "model": null }), "model", "`model` is missing."),
        (json!({ "model": 1 }), "model", "`model` must be a string, and is 1."),
        (
            json!({ "max_tokens": null }),
            "max_tokens",
            "`max_tokens` is missing: say how many tokens the answer may have at most.",
        ),
        (json!({ "max_tokens": -1 }), "max_tokens", "`max_tokens` must be a whole number, 0 or more, and is -1."),
        (json!({ "messages": null }), "messages", "`messages` is missing."),
        (json!({ "messages": [] }), "messages", "`messages` is empty: at least one message is needed."),
        (json!({ "messages": [1] }), "messages[0]", "`messages[0]` must be an object, and is 1."),
        (
            json!({ "messages": [{ "role": "tool", "content": "" }] }),
            "messages[0].role",
            "`messages[0].role` must be \"user\", \"assistant\" or \"system\", and is \"tool\".",
        ),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content", "`messages[0].content` is missing."),
        (
            json!({ "messages": [{ "role": "user", "content": 1 }] }),
            "messages[0].content",
            "`messages[0].content` must be a string or an array of blocks, and is 1.",
        ),
        (content(json!({ "text": "a" })), "messages[0].content[0].type", "`messages[0].content[0].type` is missing."),
        (
            content(json!({ "type": "text" })),
            "messages[0].content[0].text",
            "`messages[0].content[0].text` is missing.",
        ),
        (
            content(json!({ "type": "tool_use" })),
            "messages[0].content[0].type",
            "`messages[0].content[0].type` is \"tool_use\", which stands only in messages of the role \"assistant\".",
        ),
        (
            said(json!({ "type": "tool_result" })),
            "messages[0].content[0].type",
            "`messages[0].content[0].type` is \"tool_result\", which stands only in messages of the role \"user\".",
        ),
        (
            said(json!({ "type": "tool_use", "id": "t", "name": "f", "input": "{}" })),
            "messages[0].content[0].input",
            "`messages[0].content[0].input` must be an object, and is \"{}\".",
        ),
        (
            content(json!({ "type": "image", "source": { "type": "base64", "data": "" } })),
            "messages[0].content[0].source.media_type",
            "`messages[0].content[0].source.media_type` is missing.",
        ),
        (json!({ "tools": [{ "name": "f" }] }), "tools[0].input_schema", "`tools[0].input_schema` is missing."),
        (
            json!({ "tool_choice": { "type": "required" } }),
            "tool_choice.type",
            "`tool_choice.type` must be \"auto\", \"any\", \"none\" or \"tool\", and is \"required\".",
        ),
        (json!({ "tool_choice": { "type": "tool" } }), "tool_choice.name", "`tool_choice.name` is missing."),
        (
            json!({ "thinking": { "type": "enabled" } }),
            "thinking.budget_tokens",
            "`thinking.budget_tokens` is missing.",
        ),
        (
            json!({ "output_config": { "effort": "huge" } }),
            "output_config.effort",
            "`output_config.effort` must be \"low\", \"medium\", \"high\", \"xhigh\" or \"max\", and is \"huge\".",
        ),
        (
            json!({ "stop_sequences": [1] }),
            "stop_sequences",
            "`stop_sequences` must be an array of strings, and is an array.",
        ),
    ];
    for (members, param, sentence) in cases {
        let error = read(members.clone()).unwrap_err();
        assert_eq!((error.param.as_str(), error.message.as_str()), (param, sentence), "{members}");
    }
}

#[test]
fn a_count_needs_no_limit() {
    let text = r#"{"model":"claude","messages":[{"role":"user","content":"a"}]}"#;
    assert_eq!(read_text(Operation::CountTokens, text).unwrap().parameters.max_output_tokens, None);
}

#[test]
fn towards_its_own_dialect_only_the_models_name_is_another() {
    let text =
        r#"{ "max_tokens" : 1e1,"container":"c", "model" :"claude", "messages":[{"content":"\u0041","role":"user"}] }"#;
    let call = read_text(Operation::Chat, text).unwrap();
    let outgoing = super::written(&call).unwrap();
    assert_eq!(outgoing.body, text.replace("\"claude\"", "\"claude-theirs\"").as_bytes());
    assert_eq!((outgoing.path.as_str(), outgoing.query, outgoing.fields), ("/v1/messages", None, vec![]));
    let call = read_text(Operation::CountTokens, text).unwrap();
    assert_eq!(super::written(&call).unwrap().path, "/v1/messages/count_tokens");
    assert_eq!(body(&call)["model"], "claude-theirs");
}

#[test]
fn whether_thoughts_are_shown_is_read() {
    for (display, wanted, foreign) in [
        (json!("summarized"), Some(true), 0),
        (json!("omitted"), Some(false), 0),
        (Value::Null, None, 0),
        (json!("updates"), None, 1),
    ] {
        let call = read(json!({ "thinking": { "type": "adaptive", "display": display } })).unwrap();
        assert_eq!((call.thoughts_wanted, call.foreign.len()), (wanted, foreign), "{display}");
    }
}

#[test]
fn edits_that_clear_the_context_are_left_out() {
    let context = |edits: Value| read(json!({ "context_management": { "edits": edits } })).unwrap().foreign;
    let clearing = json!([
        { "type": "clear_thinking_20251015", "keep": "all" },
        { "type": "clear_tool_uses_20250919", "trigger": { "type": "input_tokens", "value": 30000 }, "clear_at_least": null },
    ]);
    assert_eq!(context(clearing), [""; 0]);
    assert_eq!(context(json!([{ "type": "compact_20260112" }])), ["/context_management/edits/0"]);
    let other = read(json!({ "context_management": { "edits": [], "else": 1 } })).unwrap();
    assert_eq!(other.foreign, ["/context_management/else"]);
}
