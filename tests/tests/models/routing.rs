//! Which target serves, where the router goes by what is in a call.

use serde_json::{Value, json};
use sluicegate_tests::guests;

use super::support::{Models, start, start_with};

/// One model with four targets, of which one provider has three; `@ECHO@` stands for what the first does wrong.
const ANY: &str = r#"
[models.any]
aliases = ["some"]
targets = [
    { provider = "openai", model = "echo-1@ECHO@", input_price = 1.0, output_price = 8.0 },
    { provider = "openai", model = "story-1", input_price = 4.0, output_price = 4.0 },
    { provider = "openai", model = "think-1" },
    { provider = "azure", model = "echo-1", input_price = 9.0, output_price = 9.0 },
]
"#;

fn head() -> String {
    ANY.replace("@ECHO@", "")
}

fn router(config: &str) -> String {
    format!("[[routes.chain]]\nplugin = \"router\"\n[routes.chain.config]\n{config}")
}

fn said(text: &str) -> Value {
    json!({ "model": "any", "messages": [{ "role": "user", "content": text }] })
}

fn with(mut call: Value, name: &str, value: Value) -> Value {
    call[name] = value;
    call
}

/// The provider and the model that have served a call of OpenAI's dialect.
async fn served(models: &Models, call: &Value) -> String {
    served_at(models, "/v1/chat/completions", call).await
}

async fn served_at(models: &Models, path: &str, call: &Value) -> String {
    let before = models.gateway.log().len();
    let reply = models.post(path, call).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    let line = models.gateway.wait_for_log(before + 1).remove(before);
    format!("{}/{}", line["upstream"].as_str().unwrap(), line["model_served"].as_str().unwrap())
}

#[tokio::test]
async fn what_a_call_needs_and_how_long_it_is_says_which_target_serves() {
    let config = r#"
        targets = [{ upstream = "openai", model = "echo-1" }]
        [[routes.chain.config.rules]]
        needs = ["images"]
        targets = [{ upstream = "azure" }]
        [[routes.chain.config.rules]]
        models = ["some"]
        needs = ["tools"]
        targets = [{ upstream = "openai", model = "story-1" }]
        [[routes.chain.config.rules]]
        min_text_bytes = 1_000
        streamed = false
        targets = [{ upstream = "openai", model = "think-1" }]
    "#;
    let models = start(&head(), &router(config)).await;
    assert_eq!(served(&models, &said("Hello.")).await, "openai/echo-1");

    let function = json!({ "name": "weather", "description": "Says it.", "parameters": { "type": "object" } });
    let tools = |model: &str| {
        let call = with(said("Hello."), "tools", json!([{ "type": "function", "function": function }]));
        with(call, "model", json!(model))
    };
    assert_eq!(served(&models, &tools("some")).await, "openai/story-1", "by the name that the client called");
    assert_eq!(served(&models, &tools("any")).await, "openai/echo-1");

    // The same whatever the client speaks.
    let source = json!({ "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" });
    let content = json!([{ "type": "image", "source": source }, { "type": "text", "text": "What is it?" }]);
    let claude = json!({ "model": "any", "max_tokens": 9, "messages": [{ "role": "user", "content": content }] });
    assert_eq!(served_at(&models, "/v1/messages", &claude).await, "azure/echo-1");

    let long = said(&"x".repeat(1_000));
    assert_eq!(served(&models, &long).await, "openai/think-1");
    assert_eq!(served(&models, &with(long, "stream", json!(true))).await, "openai/echo-1");
}

#[tokio::test]
async fn a_label_that_a_plugin_sets_for_the_call_says_which_target_serves() {
    let config = r#"
        [[routes.chain.config.rules]]
        labels = { topic = "code" }
        targets = [{ upstream = "azure" }]
    "#;
    let editor = "[[routes.chain]]\nplugin = \"editor\"\ngrants = [\"targets\", \"credentials\"]\n\
                  config = { acts = [\"topic=code\"] }\n";
    let lines = format!("{editor}{}", router(config));
    let models = start_with(&head(), &lines, &[("editor.wasm", guests::EDITOR)]).await;
    assert_eq!(served(&models, &said("What does this code do?")).await, "azure/echo-1");
    assert_eq!(served(&models, &said("What is x?")).await, "openai/echo-1");
}

#[tokio::test]
async fn the_cheapest_for_this_call_serves_and_the_next_one_when_it_fails() {
    let short = with(said("Hello."), "max_tokens", json!(100));
    let long = with(said(&"x".repeat(4_000)), "max_tokens", json!(100));
    let models = start(&head(), &router("strategy = \"cheapest\"")).await;
    assert_eq!(served(&models, &short).await, "openai/story-1");
    assert_eq!(served(&models, &long).await, "openai/echo-1");

    let failing = start(&ANY.replace("@ECHO@", "~status=503"), &router("strategy = \"cheapest\"")).await;
    assert_eq!(served(&failing, &long).await, "openai/story-1");
    let line = failing.gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["attempts"], &line["tried"]), (&json!(2), &json!(["openai"])), "{line}");
}

#[tokio::test]
async fn a_conversation_stays_with_one_of_a_providers_models() {
    let config = r#"
        strategy = "sticky"
        by = "conversation"
        targets = [{ upstream = "openai", model = "echo-1" }, { upstream = "openai", model = "think-1" }]
    "#;
    let models = start(&head(), &router(config)).await;
    let mut met = std::collections::BTreeSet::new();
    for number in 0..12 {
        let mut call = said(&format!("Question {number}?"));
        let first = served(&models, &call).await;
        let messages = call["messages"].as_array_mut().unwrap();
        messages.push(json!({ "role": "assistant", "content": "An answer." }));
        messages.push(json!({ "role": "user", "content": "And then?" }));
        assert_eq!(served(&models, &call).await, first, "{number}");
        met.insert(first);
    }
    assert_eq!(met.len(), 2, "{met:?}");
}
