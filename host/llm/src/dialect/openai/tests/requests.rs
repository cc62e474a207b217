//! Calls of clients: what is taken, what is foreign, what is refused and in which words.

use super::{asked, chat, embeddings, saying, with};
use crate::call::{
    Effort, Embedding, Format, ImageSource, Operation, Part, Reasoning, ResultPart, Role, Text, ToolChoice,
};

const WHOLE: &str = r#"{
  "model": "gpt-4o", "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
  "messages": [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [
      {"type": "text", "text": "What is\nit?", "cache_control": {"type": "ephemeral"}},
      {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
      {"type": "image_url", "image_url": {"url": "data:image/PNG;base64,AAAA"}}]},
    {"role": "assistant", "content": null, "refusal": null, "annotations": [], "audio": null, "function_call": null,
     "reasoning_content": "Hm.", "tool_calls": [
      {"id": "call_1", "type": "function", "index": 0, "function": {"name": "look", "arguments": "{\"at\": 1}"}},
      {"id": "call_2", "type": "function", "function": {"name": "stop", "arguments": ""}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "A cat."},
    {"role": "tool", "tool_call_id": "call_2", "name": "stop", "content": [{"type": "text", "text": "Done."}]},
    {"role": "assistant", "content": "It is a cat.", "refusal": "No more."}
  ],
  "tools": [
    {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": {"type":  "object"}, "strict": true}},
    {"type": "function", "function": {"name": "stop"}}],
  "tool_choice": {"type": "function", "function": {"name": "look"}}, "parallel_tool_calls": false,
  "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"x":  1}, "strict": true}},
  "max_tokens": 5, "max_completion_tokens": 7, "temperature": 0.5, "top_p": 1, "stop": ["a", "b"], "seed": -3, "n": 2,
  "presence_penalty": 0.1, "frequency_penalty": -0.1, "reasoning_effort": "xhigh", "user": "u-1", "service_tier": "flex",
  "metadata": {"a": "b"}, "store": false, "logprobs": false, "top_logprobs": 0, "logit_bias": {}, "modalities": ["text"],
  "verbosity": "medium", "prompt_cache_key": "k", "safety_identifier": "s", "web_search_options": null
}"#;

#[test]
fn a_whole_call_is_taken_and_nothing_of_it_is_foreign() {
    let call = chat(WHOLE).unwrap();
    assert_eq!(call.foreign, [""; 0]);
    assert_eq!((call.model.as_str(), call.streamed, call.usage_wanted), ("gpt-4o", true, true));
    assert_eq!(&WHOLE[call.model_span.clone().unwrap()], "\"gpt-4o\"");
    let roles: Vec<Role> = call.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::Assistant]);
    let Part::Image(image) = &call.messages[1].parts[1] else { panic!() };
    assert_eq!(image.source, ImageSource::Address("https://example.com/a.png".to_owned()));
    assert_eq!(image.detail.as_deref(), Some("low"));
    let Part::Image(image) = &call.messages[1].parts[2] else { panic!() };
    let inline = ImageSource::Inline { media_type: "image/png".to_owned(), data: "AAAA".to_owned() };
    assert_eq!(image.source, inline);
    let Part::ToolCall(tool_call) = &call.messages[2].parts[0] else { panic!() };
    assert_eq!((tool_call.name.as_str(), tool_call.arguments.as_str()), ("look", r#"{"at": 1}"#));
    assert_eq!(call.messages[2].parts.len(), 2);
    let Part::ToolResult(result) = &call.messages[4].parts[0] else { panic!() };
    assert_eq!((result.id.as_str(), result.name.as_str()), ("call_2", "stop"));
    assert!(matches!(&call.messages[5].parts[1], Part::Refusal(text) if text.text == "No more."));
    assert_eq!(call.tools[0].schema.as_ref().unwrap().get(), r#"{"type":  "object"}"#);
    assert_eq!((call.tools[0].strict, call.tools[1].strict), (Some(true), None));
    assert!(call.tools[1].schema.is_none());
    assert_eq!(call.tool_choice, Some(ToolChoice::Named("look".to_owned())));
    assert_eq!(call.parallel_tools, Some(false));
    assert!(
        matches!(&call.format, Some(Format::Schema { schema, strict: Some(true), .. }) if schema.get() == r#"{"x":  1}"#)
    );
    let parameters = &call.parameters;
    assert_eq!((parameters.max_output_tokens, parameters.choices, parameters.seed), (Some(7), Some(2), Some(-3)));
    assert_eq!(parameters.stop, ["a", "b"]);
    assert_eq!(parameters.reasoning, Some(Reasoning::Effort(Effort::ExtraHigh)));
    assert_eq!(parameters.end_user.as_ref().unwrap().text, "u-1");
    assert_eq!(parameters.service_tier.as_deref(), Some("flex"));
}

/// Plugins rewrite through these places.
#[test]
fn every_text_knows_its_place_in_the_source() {
    let call = chat(WHOLE).unwrap();
    let mut texts: Vec<Text> = Vec::new();
    for part in call.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text(text) | Part::Refusal(text) => texts.push(text.clone()),
            Part::ToolCall(call) => texts.push(Text { text: call.arguments.clone(), span: call.span.clone() }),
            Part::ToolResult(result) => texts.extend(result.content.iter().filter_map(|part| match part {
                ResultPart::Text(text) => Some(text.clone()),
                ResultPart::Image(_) => None,
            })),
            Part::Image(_) | Part::Thought(_) => {}
        }
    }
    texts.extend(call.tools.iter().filter_map(|tool| tool.description.clone()));
    texts.extend(call.parameters.end_user.clone());
    assert_eq!(texts.len(), 10);
    for text in texts {
        let there: String = serde_json::from_str(&WHOLE[text.span.unwrap()]).unwrap();
        assert_eq!(there, text.text);
    }
}

#[test]
fn what_has_no_place_is_named() {
    let audio =
        r#"{"role":"user","content":[{"type":"input_audio","input_audio":{}},{"type":"text","text":"x","odd":1}]}"#;
    for (body, expected) in [
        (with(r#""logprobs":true,"top_logprobs":2"#), &["/logprobs", "/top_logprobs"][..]),
        (with(r#""logit_bias":{"1":2}"#), &["/logit_bias"]),
        (with(r#""prediction":{"type":"content","content":"a"}"#), &["/prediction"]),
        (with(r#""web_search_options":{}"#), &["/web_search_options"]),
        (with(r#""modalities":["text","audio"],"audio":{}"#), &["/modalities", "/audio"]),
        (with(r#""store":true"#), &["/store"]),
        (with(r#""verbosity":"low""#), &["/verbosity"]),
        (with(r#""a/b~":1"#), &["/a~1b~0"]),
        (with(r#""reasoning_effort":"huge""#), &["/reasoning_effort"]),
        (saying(r#"{"role":"user","name":"Ann","content":"a"}"#), &["/messages/0/name"]),
        (with(r#""tools":[{"type":"custom","custom":{"name":"a"}}]"#), &["/tools/0"]),
        (with(r#""tools":[{"type":"function","function":{"name":"a","x":1}}]"#), &["/tools/0/function/x"]),
        (with(r#""tool_choice":{"type":"allowed_tools","allowed_tools":{}}"#), &["/tool_choice"]),
        (with(r#""response_format":{"type":"grammar"}"#), &["/response_format"]),
        (
            saying(r#"{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]}]}"#),
            &["/messages/0/content/0"],
        ),
        (saying(audio), &["/messages/0/content/0", "/messages/0/content/1/odd"]),
        (saying(r#"{"role":"assistant","audio":{"id":"a"}}"#), &["/messages/0/audio"]),
        (
            saying(r#"{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{}}]}"#),
            &["/messages/0/tool_calls/0"],
        ),
    ] {
        assert_eq!(chat(&body).unwrap().foreign, expected, "{body}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    for (body, param, message) in [
        ("[]".to_owned(), "", "The body must be an object, and is an array."),
        ("{".to_owned(), "", "The body cannot be read as JSON: a member's name in quotes is expected at byte 1."),
        (r#"{"messages":[]}"#.to_owned(), "model", "`model` is missing."),
        (r#"{"model":"","messages":[]}"#.to_owned(), "model", "`model` is empty: name the model that is to answer."),
        (r#"{"model":"m"}"#.to_owned(), "messages", "`messages` is missing."),
        (saying(""), "messages", "`messages` is empty: send at least one message."),
        (saying("1"), "messages[0]", "`messages[0]` must be an object, and is 1."),
        (
            saying(r#"{"role":"robot","content":""}"#),
            "messages[0].role",
            "`messages[0].role` must be \"system\", \"developer\", \"user\", \"assistant\" or \"tool\", and is \"robot\".",
        ),
        (
            saying(r#"{"role":"function","name":"a","content":""}"#),
            "messages[0].role",
            "`messages[0].role` is of functions, which are not supported any more: send the result as a message with the role \"tool\".",
        ),
        (
            saying(r#"{"role":"assistant","function_call":{}}"#),
            "messages[0].function_call",
            "`messages[0].function_call` is of functions, which are not supported any more: send the call in `tool_calls`.",
        ),
        (saying(r#"{"role":"user"}"#), "messages[0].content", "`messages[0].content` is missing."),
        (
            saying(r#"{"role":"user","content":1}"#),
            "messages[0].content",
            "`messages[0].content` must be a string or an array of parts, and is 1.",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"text"}]}"#),
            "messages[0].content[0].text",
            "`messages[0].content[0].text` is missing.",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png,x"}}]}"#),
            "messages[0].content[0].image_url.url",
            "`messages[0].content[0].image_url.url` is a data URI, and must begin like `data:image/png;base64,` with an image behind.",
        ),
        (
            saying(r#"{"role":"user","content":[{"type":"image_url","image_url":"cat.png"}]}"#),
            "messages[0].content[0].image_url",
            "`messages[0].content[0].image_url` must be an address such as `https://…` or a data URI.",
        ),
        (
            saying(r#"{"role":"tool","content":"x"}"#),
            "messages[0].tool_call_id",
            "`messages[0].tool_call_id` is missing.",
        ),
        (
            saying(r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":{}}}]}"#),
            "messages[0].tool_calls[0].function.arguments",
            "`messages[0].tool_calls[0].function.arguments` must be a string, and is an object.",
        ),
        (
            with(r#""functions":[]"#),
            "functions",
            "`functions` is not supported any more: describe each function in `tools`.",
        ),
        (
            with(r#""function_call":"auto""#),
            "function_call",
            "`function_call` is not supported any more: say in `tool_choice` which tool is to be called.",
        ),
        (with(r#""n":0"#), "n", "`n` must be a whole number from 1 to 128, and is 0."),
        (with(r#""stop":[1]"#), "stop", "`stop` must be a string or an array of strings, and is an array."),
        (
            with(r#""tool_choice":"some""#),
            "tool_choice",
            "`tool_choice` must be \"none\", \"auto\", \"required\" or an object, and is \"some\".",
        ),
        (
            with(r#""tools":[{"type":"function","function":{"name":"a","parameters":1}}]"#),
            "tools[0].function.parameters",
            "`tools[0].function.parameters` must be a JSON schema, which is an object, and is 1.",
        ),
        (
            with(r#""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#),
            "response_format.json_schema.schema",
            "`response_format.json_schema.schema` is missing.",
        ),
    ] {
        let error = chat(&body).unwrap_err();
        assert_eq!((error.param.as_str(), error.message.as_str()), (param, message), "{body}");
    }
}

#[test]
fn an_operation_that_the_dialect_lacks_is_refused() {
    let body = bytes::Bytes::from_static(br#"{"model":"m"}"#);
    let error = crate::dialect::read_call(&asked(Operation::CountTokens), body).unwrap_err();
    assert_eq!(error.message, "OpenAI's dialect has no request that only counts tokens.");
}

#[test]
fn small_forms_of_members_are_read() {
    assert_eq!(chat(&with(r#""stop":"x""#)).unwrap().parameters.stop, ["x"]);
    assert_eq!(chat(&with(r#""max_tokens":3.0"#)).unwrap().parameters.max_output_tokens, Some(3));
    assert_eq!(chat(&with(r#""reasoning_effort":"none""#)).unwrap().parameters.reasoning, Some(Reasoning::Off));
    assert_eq!(chat(&with(r#""safety_identifier":"s""#)).unwrap().parameters.end_user.unwrap().text, "s");
    assert!(matches!(chat(&with(r#""response_format":{"type":"json_object"}"#)).unwrap().format, Some(Format::Json)));
    for (word, choice) in [("none", ToolChoice::None), ("auto", ToolChoice::Auto), ("required", ToolChoice::Required)] {
        assert_eq!(chat(&with(&format!(r#""tool_choice":"{word}""#))).unwrap().tool_choice, Some(choice));
    }
    // Without a stream there is no stream to have usage in.
    assert!(!chat(&with(r#""stream_options":{"include_usage":true}"#)).unwrap().usage_wanted);
}

#[test]
fn inputs_to_embed_are_texts_or_tokens() {
    let inputs = |input: &str| embeddings(&format!(r#"{{"model":"m","input":{input}}}"#)).map(|call| call.embeddings);
    assert_eq!(inputs(r#""a""#).unwrap(), [Embedding::Text(Text::at("a", 21..24))]);
    assert_eq!(inputs(r#"["a","b"]"#).unwrap().len(), 2);
    assert_eq!(inputs("[1,2]").unwrap(), [Embedding::Tokens(vec![1, 2])]);
    assert_eq!(inputs("[[1],[2]]").unwrap(), [Embedding::Tokens(vec![1]), Embedding::Tokens(vec![2])]);
    assert_eq!(inputs("[]").unwrap_err().message, "`input` is empty: send at least one text.");
    let wrong = "`input` must be a string, an array of strings, or token numbers, and is ";
    assert_eq!(inputs("true").unwrap_err().message, format!("{wrong}a boolean."));
    assert_eq!(inputs(r#"["a",1]"#).unwrap_err().message, format!("{wrong}an array."));
    let call = embeddings(
        r#"{"model":"m","input":"a","encoding_format":"base64","dimensions":8,"user":"u","input_type":"query"}"#,
    );
    let call = call.unwrap();
    assert_eq!((call.parameters.base64_vectors, call.parameters.dimensions), (true, Some(8)));
    assert_eq!(call.foreign, ["/input_type"]);
    let error = embeddings(r#"{"model":"m","input":"a","encoding_format":"hex"}"#).unwrap_err();
    assert_eq!(error.message, "`encoding_format` must be \"float\" or \"base64\", and is \"hex\".");
}

#[test]
fn what_a_hosted_tool_reaches_is_named() {
    let call = chat(&with(r#""tools":[{"type":"mcp","server_url":"https://a.example"}]"#)).unwrap();
    assert_eq!(call.foreign, ["/tools/0", "/tools/0/server_url"]);
}

#[test]
fn a_text_has_three_names() {
    for kind in ["text", "input_text", "output_text"] {
        let call = chat(&saying(&format!(r#"{{"role":"user","content":[{{"type":"{kind}","text":"a"}}]}}"#))).unwrap();
        assert!(matches!(&call.messages[0].parts[..], [Part::Text(text)] if text.text == "a"), "{kind}");
        assert_eq!(call.foreign, [""; 0]);
    }
}
