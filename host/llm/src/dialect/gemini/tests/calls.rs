//! What a client asks for, beside the conversation.

use serde_json::{Value, json};

use super::{body, read, read_as, refusal};
use crate::call::{Effort, Format, Operation, Reasoning, ToolChoice};
use crate::dialect::Dialect;

fn config(members: Value) -> crate::call::Call {
    read(json!({ "generationConfig": members })).unwrap()
}

fn schema_of(parameters: Value) -> String {
    let declaration = json!({ "name": "f", "parameters": parameters });
    let call = read(json!({ "tools": [{ "functionDeclarations": [declaration] }] })).unwrap();
    call.tools[0].schema.as_ref().unwrap().get().to_owned()
}

#[test]
fn the_path_names_the_model_and_the_manner() {
    let call = read(json!({})).unwrap();
    assert_eq!((call.model.as_str(), call.model_span, call.streamed), ("gemini-3", None, false));
    assert!(call.usage_wanted && call.foreign.is_empty());
}

#[test]
fn both_forms_of_names_are_one() {
    let camel = json!({
        "systemInstruction": { "parts": [{ "text": "S" }] },
        "contents": [{ "parts": [{ "inlineData": { "mimeType": "image/png", "data": "AA==" } }] }],
        "generationConfig": { "maxOutputTokens": 5, "topP": 0.5, "thinkingConfig": { "thinkingBudget": 9 } },
        "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f"] } },
        "tools": [{ "functionDeclarations": [{ "name": "f" }] }],
    });
    let snake = json!({
        "system_instruction": { "parts": [{ "text": "S" }] },
        "contents": [{ "parts": [{ "inline_data": { "mime_type": "image/png", "data": "AA==" } }] }],
        "generation_config": { "max_output_tokens": 5, "top_p": 0.5, "thinking_config": { "thinking_budget": 9 } },
        "tool_config": { "function_calling_config": { "mode": "ANY", "allowed_function_names": ["f"] } },
        "tools": [{ "function_declarations": [{ "name": "f" }] }],
    });
    let (mut camel, mut snake) = (read(camel).unwrap(), read(snake).unwrap());
    assert!(camel.foreign.is_empty() && snake.foreign.is_empty());
    (camel.dialect, snake.dialect) = (Dialect::OpenAi, Dialect::OpenAi);
    assert_eq!(body(&camel), body(&snake));
    assert_eq!(camel.parameters, snake.parameters);
    assert_eq!(camel.tool_choice, Some(ToolChoice::Named("f".to_owned())));
}

#[test]
fn parameters_have_their_places() {
    let call = config(json!({
        "temperature": 0.5, "topP": 0.9, "topK": 40, "maxOutputTokens": 100, "stopSequences": ["a", "b"], "candidateCount": 2,
        "seed": -7, "presencePenalty": 0.1, "frequencyPenalty": -0.2, "responseModalities": ["TEXT"], "responseLogprobs": false,
    }));
    let parameters = &call.parameters;
    assert_eq!((parameters.temperature, parameters.top_p, parameters.top_k), (Some(0.5), Some(0.9), Some(40)));
    assert_eq!((parameters.max_output_tokens, parameters.choices, parameters.seed), (Some(100), Some(2), Some(-7)));
    assert_eq!((parameters.presence_penalty, parameters.frequency_penalty), (Some(0.1), Some(-0.2)));
    assert_eq!(parameters.stop, ["a", "b"]);
    assert!(call.foreign.is_empty());
}

#[test]
fn thinking_is_off_adaptive_a_budget_or_an_effort() {
    let cases = [
        (json!({ "thinkingBudget": 0 }), Some(Reasoning::Off)),
        (json!({ "thinkingBudget": -1 }), Some(Reasoning::Adaptive)),
        (json!({ "thinkingBudget": 512 }), Some(Reasoning::Budget(512))),
        (json!({ "thinkingLevel": "minimal" }), Some(Reasoning::Effort(Effort::Minimal))),
        (json!({ "thinkingLevel": "LOW" }), Some(Reasoning::Effort(Effort::Low))),
        (json!({ "thinkingLevel": "HIGH" }), Some(Reasoning::Effort(Effort::High))),
        (json!({ "thinkingLevel": "THINKING_LEVEL_UNSPECIFIED" }), None),
        (json!({}), None),
    ];
    for (thinking, expected) in cases {
        assert_eq!(config(json!({ "thinkingConfig": thinking })).parameters.reasoning, expected, "{thinking}");
    }
    let wanted = |thinking: Value| config(json!({ "thinkingConfig": thinking })).thoughts_wanted;
    assert_eq!(wanted(json!({ "includeThoughts": true })), Some(true));
    assert_eq!(wanted(json!({ "includeThoughts": false })), Some(false));
    assert_eq!(wanted(json!({})), None);
}

#[test]
fn the_form_of_the_answer_is_text_json_or_a_schema() {
    assert!(config(json!({ "responseMimeType": "text/plain" })).format.is_none());
    let json = config(json!({ "responseMimeType": "application/json" }));
    assert!(matches!(json.format, Some(Format::Json)));
    let own = json!({ "type": "OBJECT", "properties": { "type": { "type": "STRING" } } });
    let translated = r#"{"properties":{"type":{"type":"string"}},"type":"object"}"#;
    let plain = json!({ "type": "object" });
    for (name, schema, expected) in
        [("responseSchema", own, translated), ("responseJsonSchema", plain, r#"{"type":"object"}"#)]
    {
        let call = config(json!({ "responseMimeType": "application/json", name: schema }));
        let Some(Format::Schema { name, schema, strict: None, .. }) = call.format else { panic!("{name}") };
        assert_eq!((name.as_str(), schema.get()), ("response", expected));
    }
}

#[test]
fn functions_are_tools_and_their_schemas_are_json_schemas() {
    let text = r#"{"contents":[{"parts":[{"text":"Hi"}]}],"tools":[{"functionDeclarations":[
        {"name":"f","description":"D","parametersJsonSchema":{ "type" : "object", "x":1 }},{"name":"g"}]},{"functionDeclarations":[{"name":"h"}]}]}"#;
    let call = read_as(Operation::Chat, text).unwrap();
    let names: Vec<&str> = call.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["f", "g", "h"]);
    assert_eq!(call.tools[0].schema.as_ref().unwrap().get(), r#"{ "type" : "object", "x":1 }"#);
    let description = call.tools[0].description.as_ref().unwrap();
    assert_eq!(&text[description.span.clone().unwrap()], "\"D\"");
    assert!(call.tools[1].schema.is_none() && call.foreign.is_empty());
}

#[test]
fn the_vendors_own_schemas_are_translated_at_any_depth() {
    let own = json!({
        "type": "OBJECT", "properties": { "nullable": { "type": "INTEGER", "nullable": true } },
        "items": { "type": "ARRAY", "minItems": "2", "items": { "anyOf": [{ "type": "STRING", "maxLength": "7" }] } },
        "enum": ["STRING"], "description": "TYPE",
    });
    let expected = json!({
        "type": "object", "properties": { "nullable": { "type": ["integer", "null"], "nullable": true } },
        "items": { "type": "array", "minItems": 2, "items": { "anyOf": [{ "type": "string", "maxLength": 7 }] } },
        "enum": ["STRING"], "description": "TYPE",
    });
    assert_eq!(serde_json::from_str::<Value>(&schema_of(own)).unwrap(), expected);
}

#[test]
fn the_choice_of_tools_is_read() {
    let tools = json!([{ "functionDeclarations": [{ "name": "f" }, { "name": "g" }] }]);
    let cases = [
        (json!({ "mode": "AUTO" }), Some(ToolChoice::Auto)),
        (json!({ "mode": "MODE_UNSPECIFIED" }), None),
        (json!({}), None),
        (json!({ "mode": "NONE" }), Some(ToolChoice::None)),
        (json!({ "mode": "ANY" }), Some(ToolChoice::Required)),
        (json!({ "mode": "ANY", "allowedFunctionNames": ["g"] }), Some(ToolChoice::Named("g".to_owned()))),
        (json!({ "mode": "ANY", "allowedFunctionNames": ["g", "f"] }), Some(ToolChoice::Required)),
    ];
    for (calling, expected) in cases {
        let call = read(json!({ "tools": tools, "toolConfig": { "functionCallingConfig": calling } })).unwrap();
        assert_eq!((call.tool_choice, call.foreign), (expected, Vec::new()), "{calling}");
    }
}

#[test]
fn what_others_cannot_say_is_foreign_by_its_pointer() {
    let tools = |function: Value| json!({ "tools": [{ "functionDeclarations": [function] }] });
    let calling = |calling: Value| json!({ "toolConfig": { "functionCallingConfig": calling } });
    let config = |config: Value| json!({ "generationConfig": config });
    let part = |part: Value| json!({ "contents": [{ "parts": [part] }] });
    let cases = [
        (json!({ "safetySettings": [{}] }), "/safetySettings"),
        (json!({ "safety_settings": [{}] }), "/safety_settings"),
        (json!({ "cachedContent": "cachedContents/1" }), "/cachedContent"),
        (json!({ "new~er/one": 1 }), "/new~0er~1one"),
        (json!({ "tools": [{ "googleSearch": {} }] }), "/tools/0/googleSearch"),
        (json!({ "tools": [{ "codeExecution": {} }] }), "/tools/0/codeExecution"),
        (tools(json!({ "name": "f", "behavior": "BLOCKING" })), "/tools/0/functionDeclarations/0/behavior"),
        (calling(json!({ "mode": "VALIDATED" })), "/toolConfig/functionCallingConfig/mode"),
        (json!({ "toolConfig": { "retrievalConfig": {} } }), "/toolConfig/retrievalConfig"),
        (
            calling(json!({ "mode": "AUTO", "allowedFunctionNames": ["f"] })),
            "/toolConfig/functionCallingConfig/allowedFunctionNames",
        ),
        (
            json!({
                "tools": [{ "functionDeclarations": [{ "name": "f" }, { "name": "g" }, { "name": "h" }] }],
                "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["f", "g"] } },
            }),
            "/toolConfig/functionCallingConfig/allowedFunctionNames",
        ),
        (
            part(json!({ "functionResponse": {
                "name": "f", "response": {}, "parts": [{ "inlineData": { "mimeType": "audio/wav", "data": "AA==" } }],
            } })),
            "/contents/0/parts/0/functionResponse/parts/0",
        ),
        (
            part(json!({ "functionResponse": { "name": "f", "response": {}, "willContinue": true } })),
            "/contents/0/parts/0/functionResponse/willContinue",
        ),
        (config(json!({ "responseLogprobs": true })), "/generationConfig/responseLogprobs"),
        (config(json!({ "logprobs": 3 })), "/generationConfig/logprobs"),
        (config(json!({ "responseModalities": ["TEXT", "IMAGE"] })), "/generationConfig/responseModalities"),
        (config(json!({ "responseMimeType": "text/x.enum" })), "/generationConfig/responseMimeType"),
        (config(json!({ "thinkingConfig": { "more": 1 } })), "/generationConfig/thinkingConfig/more"),
        (part(json!({ "executableCode": { "code": "1" } })), "/contents/0/parts/0/executableCode"),
        (part(json!({ "text": "Hi", "videoMetadata": {} })), "/contents/0/parts/0/videoMetadata"),
        (part(json!({ "inlineData": { "mimeType": "audio/wav", "data": "AA" } })), "/contents/0/parts/0/inlineData"),
        (
            part(json!({ "fileData": { "mimeType": "image/png", "fileUri": "gs://a/b.png" } })),
            "/contents/0/parts/0/fileData",
        ),
        (
            part(
                json!({ "fileData": { "mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a" } }),
            ),
            "/contents/0/parts/0/fileData",
        ),
        (part(json!({ "fileData": { "fileUri": "https://a/b" } })), "/contents/0/parts/0/fileData"),
    ];
    for (members, expected) in cases {
        let mut call = read(members.clone()).unwrap();
        assert_eq!(call.foreign, [expected], "{members}");
        // The same dialect takes it; another would be told so, as this one tells others.
        super::written(&call).unwrap();
        call.dialect = Dialect::OpenAi;
        let sentence = format!("`{expected}` of the openai-chat dialect has no counterpart in gemini.");
        assert_eq!(refusal(&call), sentence);
    }
}

#[test]
fn what_does_not_change_the_answer_is_not_foreign() {
    let members = json!({
        "labels": { "a": "b" }, "store": false, "safetySettings": [], "serviceTier": "SERVICE_TIER_FLEX",
        "contents": [{ "parts": [{ "text": "Hi", "partMetadata": {} }] }],
    });
    let call = read(members).unwrap();
    assert!(call.foreign.is_empty());
    assert_eq!(call.parameters.service_tier.as_deref(), Some("flex"));
}

#[test]
fn tokens_are_counted_of_contents_or_of_a_whole_request() {
    let contents = r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#;
    let whole = format!(r#"{{"generateContentRequest":{{"model":"models/gemini-3",{}}}"#, &contents[1..]);
    for text in [contents, &whole] {
        let call = read_as(Operation::CountTokens, text).unwrap();
        assert_eq!((call.operation, call.messages.len(), call.foreign.len()), (Operation::CountTokens, 1, 0));
    }
    let call = read_as(Operation::CountTokens, &whole).unwrap();
    assert_eq!(&whole[call.model_span.unwrap()], "\"models/gemini-3\"");
    let more = whole.replace("\"model\"", "\"cachedContent\":\"c\",\"model\"");
    assert_eq!(read_as(Operation::CountTokens, &more).unwrap().foreign, ["/generateContentRequest/cachedContent"]);
}

#[test]
fn a_clients_mistake_is_named_in_one_sentence() {
    let part = |part: Value| json!({ "contents": [{ "parts": [part] }] });
    let config = |config: Value| json!({ "generationConfig": config });
    let cases = [
        (json!({ "contents": [] }), "contents", "`contents` must have at least one content."),
        (json!({ "contents": null }), "contents", "`contents` is missing."),
        (json!({ "contents": "Hi" }), "contents", "`contents` must be an array, and is \"Hi\"."),
        (json!({ "contents": [{}] }), "contents[0].parts", "`contents[0].parts` is missing."),
        (
            json!({ "contents": [{ "role": "assistant", "parts": [] }] }),
            "contents[0].role",
            "`contents[0].role` must be \"user\", \"model\" or \"tool\", and is \"assistant\".",
        ),
        (
            part(json!({})),
            "contents[0].parts[0]",
            "`contents[0].parts[0]` must have one of text, inlineData, fileData, functionCall, functionResponse.",
        ),
        (
            part(json!({ "text": "a", "functionCall": { "name": "f" } })),
            "contents[0].parts[0].functionCall",
            "`contents[0].parts[0].functionCall` must not stand beside another kind of part.",
        ),
        (
            part(json!({ "inline_data": { "data": "AA" } })),
            "contents[0].parts[0].inline_data.mimeType",
            "`contents[0].parts[0].inline_data.mimeType` is missing.",
        ),
        (
            part(json!({ "functionCall": { "name": "f", "args": [] } })),
            "contents[0].parts[0].functionCall.args",
            "`contents[0].parts[0].functionCall.args` must be an object, and is an array.",
        ),
        (
            part(json!({ "functionResponse": { "name": "f" } })),
            "contents[0].parts[0].functionResponse.response",
            "`contents[0].parts[0].functionResponse.response` is missing.",
        ),
        (
            json!({ "model": "models/other" }),
            "model",
            "`model` must be \"models/gemini-3\", as the path or another member has it.",
        ),
        (
            config(json!({ "candidateCount": 0 })),
            "generationConfig.candidateCount",
            "`generationConfig.candidateCount` must be a whole number from 1 to 128, and is 0.",
        ),
        (
            config(json!({ "stop_sequences": [1] })),
            "generationConfig.stop_sequences",
            "`generationConfig.stop_sequences` must be an array of strings, and is an array.",
        ),
        (
            config(json!({ "responseSchema": {} })),
            "generationConfig.responseMimeType",
            "`generationConfig.responseMimeType` must be \"application/json\" where there is a schema.",
        ),
        (
            config(json!({ "responseSchema": {}, "responseJsonSchema": {} })),
            "generationConfig.responseJsonSchema",
            "`generationConfig.responseJsonSchema` must not stand beside `responseSchema`.",
        ),
        (
            config(json!({ "thinkingConfig": { "thinkingBudget": -2 } })),
            "generationConfig.thinkingConfig.thinkingBudget",
            "`generationConfig.thinkingConfig.thinkingBudget` must be a whole number, -1 or more, and is -2.",
        ),
        (
            config(json!({ "thinkingConfig": { "thinkingBudget": 1, "thinkingLevel": "LOW" } })),
            "generationConfig.thinkingConfig.thinkingLevel",
            "`generationConfig.thinkingConfig.thinkingLevel` must not stand beside `thinkingBudget`.",
        ),
        (
            config(json!({ "thinkingConfig": { "thinkingLevel": "DEEP" } })),
            "generationConfig.thinkingConfig.thinkingLevel",
            "`generationConfig.thinkingConfig.thinkingLevel` must be \"MINIMAL\", \"LOW\", \"MEDIUM\", \"HIGH\" or \"XHIGH\", and is \"DEEP\".",
        ),
        (
            json!({ "tools": [{ "functionDeclarations": [{ "name": "f", "parameters": {}, "parametersJsonSchema": {} }] }] }),
            "tools[0].functionDeclarations[0].parametersJsonSchema",
            "`tools[0].functionDeclarations[0].parametersJsonSchema` must not stand beside `parameters`.",
        ),
        (
            json!({ "toolConfig": { "functionCallingConfig": { "mode": "SOME" } } }),
            "toolConfig.functionCallingConfig.mode",
            "`toolConfig.functionCallingConfig.mode` must be \"AUTO\", \"ANY\", \"NONE\" or \"VALIDATED\", and is \"SOME\".",
        ),
    ];
    for (members, param, message) in cases {
        let error = read(members.clone()).unwrap_err();
        assert_eq!((error.param.as_str(), error.message.as_str()), (param, message), "{members}");
    }
}
