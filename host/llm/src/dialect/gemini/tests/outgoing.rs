//! Calls as a provider gets them.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{TARGET, body, chat, hello, read, read_as, refusal, written};
use crate::call::{
    Call, Effort, Format, Image, ImageSource, Operation, Part, Reasoning, ResultPart, Role, Text, Thought, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use crate::dialect::{Family, Target, Wire};

fn tool(strict: Option<bool>) -> Tool {
    let schema = RawValue::from_string(r#"{ "type":"object" , "$ref":"x"}"#.to_owned()).unwrap();
    Tool { name: "f".to_owned(), description: Some("D".into()), schema: Some(schema), strict }
}

fn tool_call(id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.to_owned(), "f".to_owned(), arguments.to_owned());
    Part::ToolCall(ToolCall { id, name, arguments, span: None, signature: None })
}

fn result(id: &str, content: Vec<ResultPart>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { id: id.to_owned(), name: String::new(), content, is_error })
}

fn image(source: ImageSource) -> Image {
    Image { source, detail: Some("low".to_owned()) }
}

fn address(text: &str) -> Image {
    image(ImageSource::Address(text.to_owned()))
}

fn config_for(model: &str, change: impl FnOnce(&mut Call)) -> Value {
    let mut call = hello();
    change(&mut call);
    let outgoing = super::super::write_call(&call, Target { model, ..TARGET }).unwrap();
    serde_json::from_slice::<Value>(&outgoing.body).unwrap()["generationConfig"].clone()
}

#[test]
fn paths_say_the_model_and_what_is_asked() {
    let mut call = hello();
    let outgoing = written(&call).unwrap();
    assert_eq!((outgoing.path.as_str(), outgoing.query), ("/models/gemini-3-theirs:generateContent", None));
    assert!(outgoing.fields.is_empty());
    call.streamed = true;
    let outgoing = written(&call).unwrap();
    assert_eq!(outgoing.path, "/models/gemini-3-theirs:streamGenerateContent");
    assert_eq!(outgoing.query.as_deref(), Some("alt=sse"));
    call.operation = Operation::CountTokens;
    let outgoing = written(&call).unwrap();
    assert_eq!((outgoing.path.as_str(), outgoing.query), ("/models/gemini-3-theirs:countTokens", None));
    call.operation = Operation::Chat;
    let target = Target { model: "models/a b:c/ü", ..TARGET };
    let path = super::super::write_call(&call, target).unwrap().path;
    assert_eq!(path, "/models/a%20b%3Ac%2F%C3%BC:streamGenerateContent");
}

#[test]
fn the_same_dialect_keeps_every_byte_but_the_models_name() {
    let source = "{ \"contents\" : [ {\"parts\":[{\"text\":\"H\\u0069\"}] } ], \"unknown\": 1e0,\"labels\":{} }";
    let call = read_as(Operation::Chat, source).unwrap();
    assert_eq!(written(&call).unwrap().body, source);
    let counted =
        r#"{"generate_content_request":{ "model":"models/gemini-3", "contents":[{"parts":[{"text":"a"}]}]} }"#;
    let call = read_as(Operation::CountTokens, counted).unwrap();
    let expected = counted.replace("models/gemini-3", "models/gemini-3-theirs");
    assert_eq!(written(&call).unwrap().body, expected);
    let batch = r#"{"requests":[{"model":"models/gemini-3","content":{"parts":[{"text":"a"}]}}, {"model":"models/gemini-3","content":{"parts":[{"text":"b"}]},"taskType":"X"}]}"#;
    let call = read_as(Operation::Embeddings, batch).unwrap();
    let outgoing = written(&call).unwrap();
    assert_eq!(outgoing.path, "/models/gemini-3-theirs:batchEmbedContents");
    assert_eq!(outgoing.body, batch.replace("models/gemini-3", "models/gemini-3-theirs"));
}

#[test]
fn a_conversation_is_contents() {
    let call = chat(vec![
        (Role::System, vec![Part::Text("S1".into())]),
        (Role::User, vec![Part::Text("Hi".into()), Part::Text("".into()), Part::Image(address("https://a/b.PNG?x=1"))]),
        (Role::Assistant, vec![Part::Refusal("No".into())]),
        (Role::Assistant, vec![tool_call("c1", ""), tool_call("c2", "{ \"x\" : 1.0 }")]),
        (Role::Tool, vec![result("c1", vec![ResultPart::Text("a".into()), ResultPart::Text("b".into())], false)]),
        (Role::Tool, vec![result("c2", vec![ResultPart::Text("c".into())], true)]),
        (Role::System, vec![Part::Text("S2".into())]),
        (Role::User, vec![Part::Text("Go".into())]),
    ]);
    let expected = json!({
        "systemInstruction": { "parts": [{ "text": "S1" }, { "text": "S2" }] },
        "contents": [
            { "role": "user", "parts": [{ "text": "Hi" }, { "fileData": { "mimeType": "image/png", "fileUri": "https://a/b.PNG?x=1" } }] },
            { "role": "model", "parts": [
                { "text": "No" },
                { "functionCall": { "id": "c1", "name": "f", "args": {} }, "thoughtSignature": "skip_thought_signature_validator" },
                { "functionCall": { "id": "c2", "name": "f", "args": { "x": 1.0 } } },
            ] },
            { "role": "user", "parts": [
                { "functionResponse": { "id": "c1", "name": "f", "response": { "output": "a\nb" } } },
                { "functionResponse": { "id": "c2", "name": "f", "response": { "error": "c" } } },
            ] },
            { "role": "user", "parts": [{ "text": "Go" }] },
        ],
    });
    assert_eq!(body(&call), expected);
    let text = String::from_utf8(written(&call).unwrap().body.to_vec()).unwrap();
    assert!(text.contains(r#""args":{ "x" : 1.0 }"#), "{text}");
}

#[test]
fn only_thoughts_of_the_own_family_come_back() {
    let thought = |family, raw: &str| Part::Thought(Thought { family, raw: raw.to_owned() });
    let own = r#"{ "text":"Hm","thought":true}"#;
    let call = chat(vec![
        (Role::User, vec![Part::Text("Hi".into())]),
        (
            Role::Assistant,
            vec![
                thought(Family::Anthropic, r#"{"type":"thinking"}"#),
                thought(Family::Gemini, own),
                thought(Family::Gemini, r#"{"thoughtSignature":"S"}"#),
                tool_call("c", "{}"),
            ],
        ),
    ]);
    let parts = &body(&call)["contents"][1]["parts"];
    let call_part = json!({ "functionCall": { "id": "c", "name": "f", "args": {} }, "thoughtSignature": "S" });
    assert_eq!(*parts, json!([{ "text": "Hm", "thought": true }, call_part]));
    assert!(String::from_utf8(written(&call).unwrap().body.to_vec()).unwrap().contains(own));
}

#[test]
fn old_models_need_no_stand_in_for_a_signature_and_own_signatures_stay() {
    let user = (Role::User, vec![Part::Text("Hi".into())]);
    let mut call = chat(vec![user, (Role::Assistant, vec![tool_call("c", "{}")])]);
    let sign = |call: &Call, model| {
        let outgoing = super::super::write_call(call, Target { model, ..TARGET }).unwrap();
        let body: Value = serde_json::from_slice(&outgoing.body).unwrap();
        body["contents"][1]["parts"][0]["thoughtSignature"].clone()
    };
    assert_eq!(sign(&call, "gemini-2.5-pro"), Value::Null);
    for (family, expected) in [(Family::Gemini, "own"), (Family::Anthropic, "skip_thought_signature_validator")] {
        let Part::ToolCall(made) = &mut call.messages[1].parts[0] else { panic!() };
        made.signature = Some((family, "own".to_owned()));
        assert_eq!(sign(&call, "gemini-3-pro"), expected);
    }
}

#[test]
fn inline_images_stand_in_results_too() {
    let inline = || image(ImageSource::Inline { media_type: "image/png".to_owned(), data: "AA==".to_owned() });
    let call = chat(vec![
        (Role::User, vec![Part::Image(inline()), Part::Image(address("https://a/b"))]),
        (Role::Assistant, vec![tool_call("c", "{}")]),
        (Role::Tool, vec![result("c", vec![ResultPart::Image(inline())], false)]),
    ]);
    let found = body(&call);
    let inline = json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } });
    assert_eq!(found["contents"][0]["parts"], json!([inline, { "fileData": { "fileUri": "https://a/b" } }]));
    assert_eq!(found["contents"][2]["parts"][0]["functionResponse"]["parts"], json!([inline]));
}

#[test]
fn tools_keep_their_schemas_and_the_choice_has_its_mode() {
    let mut call = hello();
    call.tools = vec![tool(None)];
    assert!(String::from_utf8(written(&call).unwrap().body.to_vec()).unwrap().contains(
        r#""tools":[{"functionDeclarations":[{"name":"f","description":"D","parametersJsonSchema":{ "type":"object" , "$ref":"x"}}]}]"#
    ));
    let named = ToolChoice::Named("f".to_owned());
    let cases = [
        (None, None, Value::Null),
        (None, Some(true), json!({ "mode": "VALIDATED" })),
        (Some(ToolChoice::Auto), Some(true), json!({ "mode": "VALIDATED" })),
        (Some(ToolChoice::Auto), Some(false), json!({ "mode": "AUTO" })),
        (Some(ToolChoice::None), None, json!({ "mode": "NONE" })),
        (Some(ToolChoice::Required), Some(true), json!({ "mode": "ANY" })),
        (Some(named), None, json!({ "mode": "ANY", "allowedFunctionNames": ["f"] })),
    ];
    for (choice, strict, expected) in cases {
        (call.tools, call.tool_choice) = (vec![tool(strict)], choice);
        assert_eq!(body(&call)["toolConfig"]["functionCallingConfig"], expected);
    }
    (call.tools, call.tool_choice) = (Vec::new(), Some(ToolChoice::Auto));
    assert!(body(&call).get("toolConfig").is_none());
}

#[test]
fn parameters_are_the_generation_config() {
    let found = config_for("gemini-3", |call| {
        let parameters = &mut call.parameters;
        (parameters.temperature, parameters.top_p, parameters.top_k) = (Some(0.5), Some(0.9), Some(40));
        (parameters.max_output_tokens, parameters.choices, parameters.seed) = (Some(100), Some(2), Some(-7));
        (parameters.presence_penalty, parameters.frequency_penalty) = (Some(0.1), Some(-0.2));
        parameters.stop = vec!["a".to_owned()];
        parameters.end_user = Some(Text::from("someone"));
        parameters.service_tier = Some("auto".to_owned());
    });
    let expected = json!({
        "temperature": 0.5, "topP": 0.9, "topK": 40, "maxOutputTokens": 100, "stopSequences": ["a"], "candidateCount": 2,
        "seed": -7, "presencePenalty": 0.1, "frequencyPenalty": -0.2,
    });
    assert_eq!(found, expected);
    assert_eq!(config_for("gemini-3", |call| call.parameters.choices = Some(1)), Value::Null);
}

#[test]
fn reasoning_is_a_level_or_a_budget_by_the_model() {
    let effort = Reasoning::Effort;
    let cases = [
        ("gemini-3-pro", Reasoning::Off, json!({ "thinkingBudget": 0 })),
        ("gemini-3-pro", Reasoning::Adaptive, json!({ "includeThoughts": true })),
        ("gemini-3-pro", Reasoning::Budget(77), json!({ "includeThoughts": true, "thinkingBudget": 77 })),
        ("gemini-3-pro", effort(Effort::Minimal), json!({ "includeThoughts": true, "thinkingLevel": "MINIMAL" })),
        ("gemini-3-pro", effort(Effort::High), json!({ "includeThoughts": true, "thinkingLevel": "HIGH" })),
        ("gemini-2.5-pro", Reasoning::Adaptive, json!({ "includeThoughts": true, "thinkingBudget": -1 })),
        ("gemini-2.5-pro", effort(Effort::Low), json!({ "includeThoughts": true, "thinkingBudget": 2048 })),
    ];
    for (model, reasoning, expected) in cases {
        let found = config_for(model, |call| call.parameters.reasoning = Some(reasoning));
        assert_eq!(found, json!({ "thinkingConfig": expected }));
    }
    let silent = config_for("gemini-3", |call| {
        call.parameters.reasoning = Some(effort(Effort::Low));
        call.thoughts_wanted = Some(false);
    });
    assert_eq!(silent["thinkingConfig"], json!({ "includeThoughts": false, "thinkingLevel": "LOW" }));
}

#[test]
fn the_form_of_the_answer_is_json_or_a_schema() {
    let schema = RawValue::from_string("{ \"a\":1 }".to_owned()).unwrap();
    let format = Format::Schema { name: "n".to_owned(), description: None, schema, strict: Some(true) };
    let cases = [
        (Format::Text, Value::Null),
        (Format::Json, json!({ "responseMimeType": "application/json" })),
        (format, json!({ "responseMimeType": "application/json", "responseJsonSchema": { "a": 1 } })),
    ];
    for (format, expected) in cases {
        assert_eq!(config_for("gemini-3", |call| call.format = Some(format)), expected);
    }
}

#[test]
fn counting_takes_the_whole_request() {
    let mut call = hello();
    call.operation = Operation::CountTokens;
    let contents = json!([{ "role": "user", "parts": [{ "text": "Hi" }] }]);
    let whole = json!({ "model": "models/gemini-3-theirs", "contents": contents });
    assert_eq!(body(&call), json!({ "generateContentRequest": whole }));
}

#[test]
fn what_has_no_counterpart_is_refused_in_one_sentence() {
    let changed = |change: fn(&mut Call)| {
        let mut call = hello();
        change(&mut call);
        call
    };
    let with = |role, part| chat(vec![(Role::User, vec![Part::Text("Hi".into())]), (role, vec![part])]);
    let cases = [
        (
            changed(|call| call.foreign.push("/logprobs".to_owned())),
            "`/logprobs` of the openai-chat dialect has no counterpart in gemini.",
        ),
        (
            changed(|call| (call.tools, call.parallel_tools) = (vec![tool(None)], Some(false))),
            "That the openai-chat call forbids several tools at once has no counterpart in gemini.",
        ),
        (
            changed(|call| call.parameters.seed = Some(1 << 31)),
            "The openai-chat call's `seed` does not fit the 32 bits that gemini has for it.",
        ),
        (
            changed(|call| call.parameters.service_tier = Some("priority".to_owned())),
            "The service tier `priority` of the openai-chat dialect has no counterpart in gemini.",
        ),
        (
            chat(vec![(Role::System, vec![Part::Text("S".into())]), (Role::User, vec![Part::Text("".into())])]),
            "The openai-chat call has no message but the system's, and gemini needs one of the user.",
        ),
        (
            with(Role::System, Part::Image(address("https://a/b"))),
            "Message 1 of the openai-chat call has an image of the system's, which has no counterpart in gemini.",
        ),
        (
            with(Role::Assistant, tool_call("c", "[1]")),
            "Message 1 of the openai-chat call calls the tool `f` with arguments that are no JSON object, which has no counterpart in gemini.",
        ),
        (
            with(Role::Assistant, tool_call("c", "{\"x\":")),
            "Message 1 of the openai-chat call calls the tool `f` with arguments that are no JSON object, which has no counterpart in gemini.",
        ),
        (
            with(Role::Tool, result("c", Vec::new(), false)),
            "Message 1 of the openai-chat call has a result for `c`, which is no call before it; the tool's name is needed in gemini.",
        ),
        (
            chat(vec![
                (Role::Assistant, vec![tool_call("c", "{}")]),
                (Role::Tool, vec![result("c", vec![ResultPart::Image(address("https://a/b"))], false)]),
            ]),
            "Message 1 of the openai-chat call has an image by its address in a tool's result, which has no counterpart in gemini.",
        ),
    ];
    for (call, expected) in cases {
        assert_eq!(refusal(&call), expected);
    }
    // What only forbids something without tools is nothing.
    assert!(written(&changed(|call| call.parallel_tools = Some(false))).is_ok());
}

#[test]
fn a_call_of_this_dialect_goes_through_the_dispatcher() {
    let call = read(json!({ "cachedContent": "c" })).unwrap();
    assert!(crate::dialect::write_call(&call, &Wire::Gemini, TARGET).is_ok());
}
