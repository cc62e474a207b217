//! The vendors' official clients, and LangChain's, with nothing changed but address and key, to each kind of provider.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use sluicegate_tests::python;

use super::support::{Models, PROVIDERS, start};

const GATEWAY_KEY: &str = "any-key";

fn use_models(models: &Models, provider: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/use_models.py");
    let mut client = Command::new(python());
    client.arg(script).args([&models.gateway.url(""), GATEWAY_KEY, provider]).env("LANGSMITH_TRACING", "false");
    // A proxy of the machine must not stand between the client and the gateway.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        client.env_remove(name);
    }
    let output = client.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{provider}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn official_clients_need_nothing_but_address_and_key_whichever_provider_serves() {
    let models = start("", "").await;
    for provider in PROVIDERS {
        let saw = use_models(&models, provider);
        let openai = &saw["openai"];
        assert_eq!((&openai["chat"], &openai["responses"]), (&json!("Hello"), &json!("Hello")), "{provider} {saw}");
        assert_eq!(openai["stream"], json!([12, true]), "{provider} {saw}");
        assert_eq!(openai["tool"], json!(["find_city", ["name"]]), "{provider} {saw}");
        assert_eq!(
            (&openai["result"], &openai["structured"]),
            (&json!("Bern"), &json!([true, true])),
            "{provider} {saw}"
        );
        assert_eq!(openai["responses_stream"], "response.completed", "{provider} {saw}");
        assert_eq!(openai["error"], json!([400, "temperature"]), "{provider} {saw}");
        let anthropic = &saw["anthropic"];
        assert_eq!((&anthropic["chat"], &anthropic["result"]), (&json!("Hello"), &json!("Bern")), "{provider} {saw}");
        assert_eq!(anthropic["stream"], json!([12, true, "end_turn"]), "{provider} {saw}");
        assert_eq!(anthropic["tool"], json!(["find_city", ["name"], "tool_use"]), "{provider} {saw}");
        assert_eq!(anthropic["error"], json!([404, "not_found_error"]), "{provider} {saw}");
        assert_eq!(
            (&saw["langchain"], &saw["at_once"]),
            (&json!(["Hello", "Hello, chain", true]), &json!(1)),
            "{provider} {saw}"
        );
    }
}
