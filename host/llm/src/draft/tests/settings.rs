//! The model, parameters and features by name.

use super::*;

const NUMBERS: [&str; 8] =
    ["temperature", "top-p", "top-k", "max-output-tokens", "choices", "seed", "presence-penalty", "frequency-penalty"];

fn tools(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => r#""tools":[{"type":"function","function":{"name":"see"}}]"#,
        Dialect::OpenAiResponses => r#""tools":[{"type":"function","name":"see"}]"#,
        Dialect::Anthropic => r#""tools":[{"name":"see","input_schema":{}}]"#,
        Dialect::Gemini | Dialect::Bedrock => r#""tools":[{"functionDeclarations":[{"name":"see"}]}]"#,
    }
}

/// A short call with these members.
fn with(dialect: Dialect, members: &str) -> String {
    let rest = match dialect {
        Dialect::OpenAi => r#""model":"m","messages":[{"role":"user","content":"a"}]"#,
        Dialect::OpenAiResponses => r#""model":"m","input":"a""#,
        Dialect::Anthropic => r#""model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}]"#,
        Dialect::Gemini | Dialect::Bedrock => r#""contents":[{"parts":[{"text":"a"}]}]"#,
    };
    let comma = if members.is_empty() { "" } else { "," };
    format!("{{{members}{comma}{rest}}}")
}

/// Sets a word of a call with some members, which then has others.
#[track_caller]
fn assert_word(dialect: Dialect, (old, new): (&str, &str), name: &str, value: Option<&str>) {
    let mut draft = draft(dialect, &with(dialect, old));
    draft.set_word(name, value).unwrap();
    assert_eq!(source(&mut draft), with(dialect, new));
    assert_eq!(draft.word(name).as_deref(), value);
}

#[test]
fn the_model_is_named_where_the_client_named_it() {
    assert_edited(Dialect::OpenAi, OPENAI, (r#""gpt""#, r#""a \"b\"""#), |draft| {
        draft.set_model("a \"b\"").unwrap();
        assert_eq!(draft.model(), "a \"b\"");
    });
    let mut gemini = draft(Dialect::Gemini, GEMINI);
    gemini.set_model("models/gemini-4").unwrap();
    assert_eq!((gemini.model(), source(&mut gemini.clone()).as_str()), ("gemini-4", GEMINI));
    // What the path says stays said when the call is read again.
    gemini.set_number("top-p", None).unwrap();
    assert_eq!(gemini.model(), "gemini-4");

    let counted = r#"{"generateContentRequest":{"model":"models/gemini-3","contents":[{"parts":[{"text":"a"}]}]}}"#;
    let mut counted = draft_of(Dialect::Gemini, Operation::CountTokens, counted);
    counted.set_model("gemini-4").unwrap();
    assert!(source(&mut counted).contains(r#""model":"models/gemini-4""#));

    let asked = Asked {
        dialect: Dialect::OpenAi,
        operation: Operation::Chat,
        model: Some("deployed".to_owned()),
        streamed: None,
        as_array: false,
    };
    let call = read_call(&asked, Bytes::from_static(OPENAI.as_bytes())).unwrap();
    let mut azure = Draft::new(asked, Arc::new(call));
    azure.set_model("other").unwrap();
    assert_eq!((azure.model(), source(&mut azure.clone()).as_str()), ("other", OPENAI));
    assert_refused(&mut azure, EditError::InvalidValue, |draft| draft.set_model(""));
}

#[test]
fn numbers_are_set_where_they_stand_or_under_the_vendors_name() {
    let case = |dialect, change: (&str, &str), name, value| {
        let mut draft = draft(dialect, &with(dialect, change.0));
        draft.set_number(name, value).unwrap();
        assert_eq!(source(&mut draft), with(dialect, change.1));
        assert_eq!(draft.number(name), value);
    };
    let openai = |change, name, value| case(Dialect::OpenAi, change, name, value);
    openai((r#""max_tokens": 7 "#, r#""max_tokens": 5 "#), "max-output-tokens", Some(5.0));
    openai(("", r#""max_completion_tokens":5"#), "max-output-tokens", Some(5.0));
    openai(
        (r#""max_completion_tokens":null,"max_tokens":7"#, r#""max_completion_tokens":null,"max_tokens":5"#),
        "max-output-tokens",
        Some(5.0),
    );
    openai((r#""max_completion_tokens":7 , "max_tokens":7"#, ""), "max-output-tokens", None);
    openai((r#""n":2"#, r#""n":3"#), "choices", Some(3.0));
    openai(("", r#""seed":-4"#), "seed", Some(-4.0));
    openai(("", r#""frequency_penalty":-1.5"#), "frequency-penalty", Some(-1.5));
    openai((r#""temperature":0.3"#, ""), "temperature", None);
    case(Dialect::Anthropic, ("", r#""top_k":40"#), "top-k", Some(40.0));
    case(Dialect::OpenAiResponses, ("", r#""top_p":0.1"#), "top-p", Some(0.1));
    let gemini = |change, name, value| case(Dialect::Gemini, change, name, value);
    gemini(("", r#""generationConfig":{"maxOutputTokens":5}"#), "max-output-tokens", Some(5.0));
    gemini((r#""generationConfig":{ }"#, r#""generationConfig":{"topP":0.5 }"#), "top-p", Some(0.5));
    gemini((r#""generation_config":{"top_p":0.9}"#, r#""generation_config":{"top_p":0.5}"#), "top-p", Some(0.5));
    gemini((r#""generationConfig":{"topK":1,"seed":2}"#, r#""generationConfig":{"topK":1}"#), "seed", None);
    gemini((r#""generationConfig":null"#, r#""generationConfig":{"seed":2}"#), "seed", Some(2.0));
}

#[test]
fn each_number_is_read_back_or_has_no_place() {
    let lacking = |dialect| match dialect {
        Dialect::OpenAi => &NUMBERS[2..3],
        Dialect::OpenAiResponses => &NUMBERS[2..8],
        Dialect::Anthropic => &NUMBERS[4..8],
        _ => &NUMBERS[..0],
    };
    for dialect in [Dialect::OpenAi, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini] {
        for name in NUMBERS {
            let mut draft = draft(dialect, &with(dialect, ""));
            // The first dialect's and the last's is another range, so that 3 fits none of three.
            if NUMBERS[..2].contains(&name) || name.ends_with("penalty") {
                assert_refused(
                    &mut draft,
                    if lacking(dialect).contains(&name) { EditError::Forbidden } else { EditError::InvalidValue },
                    |draft| draft.set_number(name, Some(3.0)),
                );
            }
            for wrong in [f64::NAN, f64::INFINITY, -1e300] {
                assert!(draft.set_number(name, Some(wrong)).is_err());
            }
            match draft.set_number(name, Some(1.0)) {
                Ok(()) => assert_eq!(draft.number(name), Some(1.0), "{name}"),
                Err(error) => {
                    assert_eq!(error, EditError::Forbidden);
                    assert!(lacking(dialect).contains(&name), "{name}");
                }
            }
        }
        let mut draft = draft(dialect, &with(dialect, ""));
        assert_refused(&mut draft, EditError::InvalidName, |draft| draft.set_number("logprobs", Some(1.0)));
        assert_refused(&mut draft, EditError::InvalidValue, |draft| draft.set_number("max-output-tokens", Some(1.5)));
    }
    let mut claude = draft(Dialect::Anthropic, ANTHROPIC);
    // The vendor demands it.
    assert_refused(&mut claude, EditError::Forbidden, |draft| draft.set_number("max-output-tokens", None));
    assert_refused(&mut claude, EditError::InvalidValue, |draft| draft.set_number("temperature", Some(1.5)));
    let mut embedded = draft_of(Dialect::OpenAi, Operation::Embeddings, r#"{"model":"m","input":"a"}"#);
    assert_refused(&mut embedded, EditError::Forbidden, |draft| draft.set_number("temperature", Some(1.0)));
    assert_refused(&mut embedded, EditError::Forbidden, |draft| draft.set_word("tool-choice", Some("none")));
}

#[test]
fn a_choice_of_tools_is_said_in_each_dialect() {
    let case = |dialect, (old, new): (&str, &str), value| {
        let tools = tools(dialect);
        let members = |choice: &str| if choice.is_empty() { tools.to_owned() } else { format!("{choice},{tools}") };
        assert_word(dialect, (&members(old), &members(new)), "tool-choice", value);
    };
    let openai = r#""tool_choice":"required""#;
    case(Dialect::OpenAi, ("", openai), Some("required"));
    case(Dialect::OpenAi, (openai, r#""tool_choice":{"type":"function","function":{"name":"see"}}"#), Some("see"));
    case(Dialect::OpenAi, (openai, ""), None);
    case(Dialect::OpenAiResponses, ("", r#""tool_choice":{"type":"function","name":"see"}"#), Some("see"));
    case(Dialect::OpenAiResponses, (openai, r#""tool_choice":"none""#), Some("none"));
    let single = r#""tool_choice":{"type":"any","disable_parallel_tool_use":true}"#;
    case(Dialect::Anthropic, ("", r#""tool_choice":{"type":"any"}"#), Some("required"));
    case(
        Dialect::Anthropic,
        (single, r#""tool_choice":{"type":"tool","name":"see","disable_parallel_tool_use":true}"#),
        Some("see"),
    );
    case(Dialect::Anthropic, (single, r#""tool_choice":{"type":"none"}"#), Some("none"));
    let any = r#""toolConfig":{"functionCallingConfig":{"mode":"ANY"}}"#;
    case(Dialect::Gemini, ("", any), Some("required"));
    case(
        Dialect::Gemini,
        (any, r#""toolConfig":{"functionCallingConfig":{"allowedFunctionNames":["see"],"mode":"ANY"}}"#),
        Some("see"),
    );
    let named = r#""tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["see"]}}"#;
    case(Dialect::Gemini, (named, r#""tool_config":{"function_calling_config":{"mode":"AUTO"}}"#), Some("auto"));
    case(Dialect::Gemini, (named, r#""tool_config":{"function_calling_config":{}}"#), None);

    let mut single =
        draft(Dialect::Anthropic, &with(Dialect::Anthropic, &format!("{single},{}", tools(Dialect::Anthropic))));
    single.set_word("tool-choice", None).unwrap();
    assert!(source(&mut single).contains(r#""tool_choice":{"type":"auto","disable_parallel_tool_use":true}"#));
    assert_refused(&mut single, EditError::InvalidValue, |draft| draft.set_word("tool-choice", Some("hear")));
    let mut none = draft(Dialect::OpenAi, &with(Dialect::OpenAi, ""));
    assert_refused(&mut none, EditError::InvalidValue, |draft| draft.set_word("tool-choice", Some("required")));
}

#[test]
fn a_form_of_the_answer_is_said_in_each_dialect() {
    let case = |dialect, change: (&str, &str), value| assert_word(dialect, change, "response-format", value);
    let json = r#""response_format":{"type":"json_object"}"#;
    case(Dialect::OpenAi, ("", json), Some("json"));
    case(Dialect::OpenAi, (json, r#""response_format":{"type":"text"}"#), Some("text"));
    case(Dialect::OpenAi, (json, ""), None);
    let verbose = r#""text":{"verbosity":"low"}"#;
    case(Dialect::OpenAiResponses, ("", r#""text":{"format":{"type":"json_object"}}"#), Some("json"));
    case(Dialect::OpenAiResponses, (verbose, r#""text":{"format":{"type":"text"},"verbosity":"low"}"#), Some("text"));
    let schema = r#""generationConfig":{"responseSchema":{"type":"OBJECT"},"responseMimeType":"application/json"}"#;
    case(Dialect::Gemini, (schema, r#""generationConfig":{"responseMimeType":"application/json"}"#), Some("json"));
    case(Dialect::Gemini, (schema, r#""generationConfig":{}"#), None);
    let schema = r#""output_config":{"format":{"type":"json_schema","schema":{}},"effort":"low"}"#;
    case(Dialect::Anthropic, (schema, r#""output_config":{"effort":"low"}"#), None);

    let mut claude = draft(Dialect::Anthropic, &with(Dialect::Anthropic, schema));
    assert_eq!(claude.word("response-format").as_deref(), Some("schema"));
    assert!(claude.has("structured-output"));
    assert_refused(&mut claude, EditError::Forbidden, |draft| draft.set_word("response-format", Some("json")));
    let mut openai = draft(Dialect::OpenAi, OPENAI);
    assert_refused(&mut openai, EditError::InvalidValue, |draft| draft.set_word("response-format", Some("schema")));
    // As in this dialect there is no word for text.
    claude.set_word("response-format", Some("text")).unwrap();
    assert!(!claude.has("structured-output"));
}

#[test]
fn an_effort_is_said_in_each_dialect() {
    let case = |dialect, change: (&str, &str), value| assert_word(dialect, change, "reasoning-effort", value);
    case(Dialect::OpenAi, ("", r#""reasoning_effort":"xhigh""#), Some("xhigh"));
    case(Dialect::OpenAi, (r#""reasoning_effort":"low""#, ""), None);
    let summary = r#""reasoning":{"summary":"auto"}"#;
    case(Dialect::OpenAiResponses, (summary, r#""reasoning":{"effort":"low","summary":"auto"}"#), Some("low"));
    case(Dialect::OpenAiResponses, ("", r#""reasoning":{"effort":"none"}"#), Some("none"));
    let adaptive = r#""thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#;
    case(
        Dialect::Anthropic,
        (r#""thinking":{"type":"enabled","budget_tokens":2000},"output_config":{"effort":"low"}"#, adaptive),
        Some("max"),
    );
    case(Dialect::Anthropic, (adaptive, r#""thinking":{"type":"disabled"},"output_config":{}"#), Some("none"));
    case(Dialect::Anthropic, (adaptive, r#""output_config":{}"#), None);
    case(Dialect::Anthropic, ("", r#""output_config":{"effort":"low"},"thinking":{"type":"adaptive"}"#), Some("low"));
    let shown = r#""thinking":{"type":"adaptive","display":"omitted"}"#;
    case(Dialect::Anthropic, (shown, &format!(r#""output_config":{{"effort":"high"}},{shown}"#)), Some("high"));
    case(Dialect::Anthropic, (shown, r#""thinking":{"type":"disabled"}"#), Some("none"));
    let level = r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}}"#;
    case(Dialect::Gemini, ("", level), Some("high"));
    case(Dialect::Gemini, (level, r#""generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#), Some("none"));
    case(Dialect::Gemini, (level, r#""generationConfig":{"thinkingConfig":{}}"#), None);
    let budget = r#""generationConfig":{"thinkingConfig":{"thinkingBudget":1}}"#;
    case(Dialect::Gemini, (budget, r#""generationConfig":{"thinkingConfig":{"thinkingBudget":8192}}"#), Some("medium"));

    let mut claude = draft(Dialect::Anthropic, ANTHROPIC);
    assert_refused(&mut claude, EditError::InvalidValue, |draft| draft.set_word("reasoning-effort", Some("minimal")));
    assert_refused(&mut claude, EditError::InvalidValue, |draft| draft.set_word("reasoning-effort", Some("much")));
    let mut gemini = draft(Dialect::Gemini, GEMINI);
    assert_refused(&mut gemini, EditError::InvalidValue, |draft| draft.set_word("reasoning-effort", Some("max")));
    claude.set_word("reasoning-effort", Some("low")).unwrap();
    assert!(claude.has("thinking"));
    assert_eq!(claude.word("reasoning-effort").as_deref(), Some("low"));
    claude.set_word("reasoning-effort", Some("none")).unwrap();
    assert!(!claude.has("thinking"));
}

#[test]
fn a_tier_is_a_name() {
    let case = |dialect, change: (&str, &str), value| assert_word(dialect, change, "service-tier", value);
    for dialect in [Dialect::OpenAi, Dialect::OpenAiResponses, Dialect::Anthropic] {
        case(dialect, ("", r#""service_tier":"flex""#), Some("flex"));
        case(dialect, (r#""service_tier":"flex""#, ""), None);
    }
    case(Dialect::Gemini, ("", r#""serviceTier":"flex""#), Some("flex"));
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    for wrong in ["", "A", "a b", &"a".repeat(65)] {
        assert_refused(&mut draft, EditError::InvalidValue, |draft| draft.set_word("service-tier", Some(wrong)));
    }
    assert_refused(&mut draft, EditError::InvalidName, |draft| draft.set_word("end-user-id", Some("x")));
    assert_eq!(draft.word("end-user-id"), None);
}

#[test]
fn features_are_what_the_call_needs() {
    let has = |dialect, source: &str| {
        let draft = draft(dialect, source);
        let all = ["tools", "images", "audio", "structured-output", "thinking", "stored-conversation", "flight"];
        all.into_iter().filter(|feature| draft.has(feature)).collect::<Vec<_>>()
    };
    assert_eq!(has(Dialect::OpenAi, OPENAI), ["tools", "images"]);
    assert_eq!(has(Dialect::Gemini, &with(Dialect::Gemini, "")), [""; 0]);
    let openai = |part: &str| {
        has(Dialect::OpenAi, &format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#))
    };
    assert_eq!(openai(r#"{"type":"input_audio","input_audio":{"data":"","format":"wav"}}"#), ["audio"]);
    assert_eq!(openai(r#"{"type":"file","file":{}}"#), [""; 0]);
    assert_eq!(has(Dialect::OpenAi, &with(Dialect::OpenAi, r#""modalities":["text","audio"],"audio":{}"#)), ["audio"]);
    let gemini = |kind: &str| {
        let part = format!(r#"{{"fileData":{{"mimeType":"{kind}","fileUri":"gs://a"}}}}"#);
        has(Dialect::Gemini, &format!(r#"{{"contents":[{{"parts":[{part}]}}]}}"#))
    };
    assert_eq!(
        (gemini("audio/mp3"), gemini("image/png"), gemini("application/pdf")),
        (vec!["audio"], vec!["images"], vec![])
    );
    let kept = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#;
    assert_eq!(has(Dialect::Anthropic, kept), ["images"]);
    let kept = r#"{"model":"m","previous_response_id":"r","reasoning":{"effort":"low"},"tools":[{"type":"web_search"}],"text":{"format":{"type":"json_object"}}}"#;
    assert_eq!(has(Dialect::OpenAiResponses, kept), ["tools", "structured-output", "thinking", "stored-conversation"]);
}

#[test]
fn text_that_no_segment_shows_makes_a_call_opaque() {
    let opaque = |dialect, source: &str| draft(dialect, source).has("opaque");
    let said = |dialect: Dialect, part: &str| {
        let message = format!(r#"{{"role":"user","content":[{{"type":"text","text":"a"}},{part}]}}"#);
        opaque(dialect, &format!(r#"{{"model":"m","max_tokens":9,"messages":[{message}]}}"#))
    };
    assert!(said(Dialect::OpenAi, r#"{"type":"file","file":{"file_data":"aGk"}}"#));
    assert!(!said(Dialect::OpenAi, r#"{"type":"file","file":{}}"#));
    assert!(said(Dialect::OpenAi, r#"{"type":"text","text":"b","odd":[{"more":"c"}]}"#));
    let document = r#"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"Secret"}}"#;
    assert!(said(Dialect::Anthropic, document));
    assert!(said(Dialect::Anthropic, r#"{"type":"search_result","content":[{"type":"text","text":"Secret"}]}"#));
    for source in [OPENAI, RESPONSES, ANTHROPIC, GEMINI] {
        let dialect = match source {
            OPENAI => Dialect::OpenAi,
            RESPONSES => Dialect::OpenAiResponses,
            ANTHROPIC => Dialect::Anthropic,
            _ => Dialect::Gemini,
        };
        assert!(!opaque(dialect, source), "{source}");
    }
    assert!(opaque(Dialect::OpenAi, &with(Dialect::OpenAi, r#""a/b~":{"c":"d"}"#)));
    assert!(!opaque(Dialect::OpenAi, &with(Dialect::OpenAi, r#""logprobs":true,"top_logprobs":2"#)));
    assert!(!opaque(Dialect::OpenAiResponses, r#"{"model":"m","input":"a","tools":[{"type":"web_search"}]}"#));
}
