//! Which call a request makes, what the client gets, and which configs are refused.

use serde_json::{Value, json};
use sluicegate_plugin::testing::{self, Configured, Exchange};

use super::*;

fn config() -> Value {
    json!({ "prompts": [{
        "path": "/summaries",
        "model": "fast",
        "messages": [
            { "role": "system", "content": "You write {{ tone }} summaries of at most {{words}} words." },
            { "role": "user", "content": "{{text}}" },
        ],
        "variables": {
            "text": { "max_bytes": 20 },
            "tone": { "one_of": ["dry", "warm"], "default": "dry" },
            "words": { "type": "number", "default": "50" },
        },
        "temperature": 0.5,
        "max_output_tokens": 100,
    }] })
}

fn policy(config: Value) -> Configured<Prompts> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn asked(policy: &Configured<Prompts>, body: &str) -> (Exchange, Piece) {
    let mut exchange = Exchange::new("POST", "/summaries?x=1").header("content-type", "text/plain");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    let piece = policy.body(&mut exchange, body.as_bytes(), true);
    (exchange, piece)
}

fn refused(body: &str) -> String {
    match asked(&policy(config()), body).1 {
        Piece::Reject(rejection) => {
            assert_eq!(rejection.status, 400);
            rejection.message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_becomes_a_call_of_the_routes_model() {
    let (exchange, piece) = asked(&policy(config()), r#"{"text":"{{tone}} \"x\"","words":7}"#);
    let Piece::Replace(body) = piece else { panic!("{piece:?}") };
    let expected = json!({
        "model": "fast",
        "messages": [
            { "role": "system", "content": "You write dry summaries of at most 7 words." },
            { "role": "user", "content": "{{tone}} \"x\"" },
        ],
        "temperature": 0.5,
        "max_completion_tokens": 100,
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), expected);
    assert_eq!(exchange.request_header("content-type").as_deref(), Some("application/json"));
}

#[test]
fn what_does_not_fit_a_variable_is_told_to_the_client() {
    assert_eq!(refused("{}"), "`text` is missing.");
    assert_eq!(refused(r#"{"text":7}"#), "`text` must be a text.");
    assert_eq!(refused(r#"{"text":"123456789012345678901"}"#), "`text` has 21 bytes; at most 20 are possible.");
    assert_eq!(refused(r#"{"text":"x","tone":"loud"}"#), "`tone` must be one of dry, warm.");
    assert_eq!(refused(r#"{"text":"x","words":"many"}"#), "`words` must be a number.");
    let unknown = refused(r#"{"text":"x","model":"big"}"#);
    assert_eq!(unknown, "There is no variable `model`; this prompt has `text`, `tone`, `words`.");
    assert!(refused("[]").contains("not as it should be"));
}

#[test]
fn other_paths_pass_and_other_methods_do_not() {
    let policy = policy(config());
    let mut other = Exchange::new("POST", "/v1/messages");
    assert_eq!(policy.head(&mut other), Decision::Proceed);
    assert_eq!(policy.body(&mut other, b"anything", true), Piece::Pass);
    let mut wrong = Exchange::new("GET", "/summaries");
    let Decision::Reject(rejection) = policy.head(&mut wrong) else { panic!("let through") };
    assert_eq!((rejection.status, rejection.fields[0].value.as_slice()), (405, b"POST".as_slice()));
}

const COMPLETION: &str = r#"{"id":"1","object":"chat.completion","model":"fast-1","choices":[{"index":0,"message":{"role":"assistant","content":"short"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

fn answered(config: Value, status: u16, body: &str) -> (Exchange, Piece) {
    let policy = policy(config);
    let (mut exchange, _) = asked(&policy, r#"{"text":"x"}"#);
    exchange.reply(status, &[("content-type", "application/json")]);
    let piece = policy.reply_body(&mut exchange, body.as_bytes(), true);
    (exchange, piece)
}

#[test]
fn the_client_gets_the_text_and_what_it_has_used() {
    let (_, piece) = answered(config(), 200, COMPLETION);
    let Piece::Replace(body) = piece else { panic!("{piece:?}") };
    let expected = json!({
        "text": "short",
        "model": "fast",
        "finish_reason": "stop",
        "usage": { "input_tokens": 9, "output_tokens": 2 },
    });
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), expected);
}

#[test]
fn vendors_deviate_and_the_client_gets_the_text() {
    let parts = r#"[{"type":"thinking","thinking":[{"type":"text","text":"Hm"}]},{"type":"text","text":"sho"},{"type":"text","text":"rt"}]"#;
    let completion = COMPLETION.replace("\"short\"", parts).replace("\"model\":\"fast-1\",", "");
    let figures = r#""usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}"#;
    for (usage, expected) in [
        (r#""usage":null"#, Value::Null),
        (r#""usage":{}"#, Value::Null),
        (r#""usage":{"prompt_tokens":9}"#, json!({ "input_tokens": 9, "output_tokens": 0 })),
    ] {
        let (_, piece) = answered(config(), 200, &completion.replace(figures, usage));
        let Piece::Replace(body) = piece else { panic!("{piece:?}") };
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&body["text"], &body["model"], &body["usage"]), (&json!("short"), &json!("fast"), &expected));
    }
    let thoughts = COMPLETION.replace("\"short\"", r#"[{"type":"thinking","thinking":[]}]"#);
    assert!(matches!(answered(config(), 200, &thoughts).1, Piece::Reject(rejection) if rejection.status == 502));
}

#[test]
fn or_the_text_alone() {
    let mut config = config();
    config["prompts"][0]["answer"] = json!("text");
    let (exchange, piece) = answered(config, 200, COMPLETION);
    assert_eq!(piece, Piece::Replace(b"short".to_vec()));
    assert_eq!(exchange.reply_header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
}

#[test]
fn an_error_stays_as_it_is_and_an_answer_without_text_is_one() {
    assert_eq!(answered(config(), 429, "{}").1, Piece::Pass);
    let empty = COMPLETION.replace("\"short\"", "null");
    assert!(matches!(answered(config(), 200, &empty).1, Piece::Reject(rejection) if rejection.status == 502));
}

/// The first problem of the config with this change.
fn problem(pointer: &str, value: Value) -> String {
    let mut config = config();
    let place = config.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"));
    *place = value;
    let Err(problems) = testing::configure::<Prompts>(config) else { panic!("taken") };
    format!("{}: {}", problems[0].pointer, problems[0].message)
}

#[test]
fn a_config_with_a_mistake_is_refused_where_it_stands() {
    assert_eq!(
        problem("/prompts/0/messages/1/content", json!("{{body}}")),
        "/prompts/0/messages/1/content: The template cannot be read: `body` is no variable: name it under `variables`."
    );
    assert!(problem("/prompts/0/messages/1/content", json!("{{text")).contains("a `{{` has no `}}` behind it"));
    assert_eq!(
        problem("/prompts/0/messages/1/content", json!("nothing")),
        "/prompts/0/variables/text: No message uses it: write `{{text}}` where it belongs."
    );
    assert!(problem("/prompts/0/path", json!("summaries")).starts_with("/prompts/0/path: "));
    assert!(problem("/prompts/0/variables/tone/default", json!("loud")).contains("must be one of dry, warm"));
    assert!(problem("/prompts/0/variables/words/default", json!("x")).contains("must be a number"));
    assert!(problem("/prompts/0/temperature", json!(3)).contains("between 0 and 2"));
    assert!(problem("/prompts", json!([])).contains("1 to 64 prompts"));
}

#[test]
fn the_schema_takes_what_the_policy_takes() {
    let schema = testing::config_schema::<Prompts>();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&config()));
    assert!(!validator.is_valid(&json!({ "prompts": [] })));
}
