//! Towards its own dialect every byte stays that need not change; the paths of OpenAI and Azure.

use super::{TARGET, chat, embeddings};
use crate::call::{Call, Operation};
use crate::dialect::{Asked, Dialect, Outgoing, Target, Wire, read_call, write_call};

const MESSAGES: &str = r#""messages" : [ {"role":"user","content":"\u0048i" } ]"#;

fn outgoing(call: &Call, wire: &Wire) -> Outgoing {
    write_call(call, wire, TARGET).unwrap()
}

fn spliced(body: &str) -> String {
    String::from_utf8(outgoing(&chat(body).unwrap(), &Wire::OpenAi).body.to_vec()).unwrap()
}

#[test]
fn only_the_model_changes() {
    let body = format!(r#"{{ "model" : "fast", {MESSAGES}, "temperature": 1.50, "new": [1 ] }}"#);
    assert_eq!(spliced(&body), body.replace("\"fast\"", "\"gpt-4o\""));
    let same = body.replace("fast", "gpt\\u002d4o");
    assert_eq!(spliced(&same), same);
}

#[test]
fn a_stream_is_asked_for_its_usage() {
    let usage = r#""stream_options":{"include_usage":true}"#;
    for (options, front, expected) in [
        ("", format!("{usage},"), ""),
        (r#","stream_options":null"#, String::new(), r#","stream_options":{"include_usage":true}"#),
        (r#","stream_options": { }"#, String::new(), r#","stream_options": {"include_usage":true }"#),
        (
            r#","stream_options":{"include_obfuscation":false}"#,
            String::new(),
            r#","stream_options":{"include_usage":true,"include_obfuscation":false}"#,
        ),
        (
            r#","stream_options":{"include_usage": false}"#,
            String::new(),
            r#","stream_options":{"include_usage": true}"#,
        ),
        (r#","stream_options":{"include_usage":true }"#, String::new(), r#","stream_options":{"include_usage":true }"#),
    ] {
        let body = |front: &str, rest: &str| format!(r#"{{{front}"model":"gpt-4o","stream":true,{MESSAGES}{rest}}}"#);
        assert_eq!(spliced(&body("", options)), body(&front, expected), "{options}");
    }
}

#[test]
fn a_limit_has_the_name_that_the_server_knows() {
    let older = Wire::Azure { api_version: Some("2024-06-01".to_owned()) };
    let sent = |members: &str, model: &str, wire: &Wire| {
        let call = chat(&format!("{{{members}}}")).unwrap();
        let body = write_call(&call, wire, Target { model, ..TARGET }).unwrap().body;
        String::from_utf8(body.to_vec()).unwrap()
    };
    for (members, expected) in [
        (
            r#""model":"m", "max_completion_tokens" : 9,"messages":[{"role":"user","content":"a"}]"#,
            r#"{"model":"m", "max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            r#" "max_completion_tokens":9,"model":"x","messages":[{"role":"user","content":"a"}]"#,
            r#"{ "max_tokens":9,"model":"m","messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            r#""max_completion_tokens":9, "max_tokens":5,"model":"m","messages":[{"role":"user","content":"a"}]"#,
            r#"{"max_tokens":9,"model":"m","messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            r#""max_tokens":5,"model":"x", "max_completion_tokens":9,"messages":[{"role":"user","content":"a"}]"#,
            r#"{"max_tokens":9,"model":"m","messages":[{"role":"user","content":"a"}]}"#,
        ),
        (
            r#""max_tokens":5,"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":null "#,
            r#"{"max_tokens":5,"model":"m","messages":[{"role":"user","content":"a"}] }"#,
        ),
    ] {
        assert_eq!(sent(members, "m", &Wire::OpenAi), expected);
    }
    let body = r#""model":"gpt-4o","max_completion_tokens":9,"messages":[{"role":"user","content":"a"}]"#;
    assert_eq!(sent(body, "gpt-4o", &Wire::OpenAi), format!("{{{body}}}"));
    assert_eq!(
        sent(body, "gpt-4o", &older),
        r#"{"model":"gpt-4o","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#
    );
}

#[test]
fn paths_are_of_the_operation_and_of_the_wire() {
    let chat = chat(&format!(r#"{{"model":"m",{MESSAGES}}}"#)).unwrap();
    let embeddings = embeddings(r#"{"model":"m","input":"a"}"#).unwrap();
    let dated = Wire::Azure { api_version: Some("2024-10-21".to_owned()) };
    let undated = Wire::Azure { api_version: None };
    for (call, wire, path, query) in [
        (&chat, &Wire::OpenAi, "/chat/completions", None),
        (&embeddings, &Wire::OpenAi, "/embeddings", None),
        (&chat, &undated, "/openai/v1/chat/completions", None),
        (&chat, &dated, "/openai/deployments/gpt-4o/chat/completions", Some("api-version=2024-10-21")),
        (&embeddings, &dated, "/openai/deployments/gpt-4o/embeddings", Some("api-version=2024-10-21")),
    ] {
        let outgoing = outgoing(call, wire);
        assert_eq!((outgoing.path.as_str(), outgoing.query.as_deref()), (path, query));
        assert!(std::str::from_utf8(&outgoing.body).unwrap().contains(r#""model":"gpt-4o""#));
    }
    let odd = Target { model: "my model/ü?", ..TARGET };
    let outgoing = write_call(&chat, &dated, odd).unwrap();
    assert_eq!(outgoing.path, "/openai/deployments/my%20model%2F%C3%BC%3F/chat/completions");
}

/// Azure refuses members that its version does not know.
#[test]
fn an_old_version_of_azure_is_not_asked_for_usage() {
    let body = format!(r#"{{"model":"gpt-4o","stream":true,{MESSAGES}}}"#);
    let call = chat(&body).unwrap();
    for (version, asked) in
        [("2024-06-01", false), ("2024-09-01-preview", true), ("2024-10-21", true), ("preview", true)]
    {
        let outgoing = outgoing(&call, &Wire::Azure { api_version: Some(version.to_owned()) });
        assert_eq!(std::str::from_utf8(&outgoing.body).unwrap() != body, asked, "{version}");
    }
}

#[test]
fn a_model_of_the_path_is_put_into_the_body() {
    let asked = Asked {
        dialect: Dialect::OpenAi,
        operation: Operation::Chat,
        model: Some("fast".to_owned()),
        streamed: Some(true),
        as_array: false,
    };
    let call = read_call(&asked, format!("{{{MESSAGES}}}").into()).unwrap();
    assert_eq!((call.model.as_str(), call.streamed), ("fast", true));
    let body = outgoing(&call, &Wire::OpenAi).body;
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    let expected =
        format!(r#"{{"model":"gpt-4o","stream":true,"stream_options":{{"include_usage":true}},{MESSAGES}}}"#);
    assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
}
