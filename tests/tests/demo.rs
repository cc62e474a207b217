//! The demo: what it prints works when pasted, and an unmodified client works with what it prints.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use sluicegate_tests::{Demo, python};

#[test]
fn what_the_demo_prints_works_when_pasted() {
    let demo = Demo::start();
    let call = demo.paste(demo.command("a call"));
    let answer: Value = serde_json::from_str(&call.stdout).unwrap_or_else(|error| panic!("{error}: {call:?}"));
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello, gateway!");
    assert!(answer["usage"]["total_tokens"].as_u64().is_some_and(|count| count > 0), "{answer}");

    let stream = demo.paste(demo.command("a streamed call")).stdout;
    assert!(stream.starts_with("data: {") && stream.trim_end().ends_with("data: [DONE]"), "{stream}");
    assert!(stream.matches("data: ").count() > 10, "{stream}");

    let failed_over = demo.paste(demo.command("a target that fails")).stdout;
    let (answer, line) = failed_over.split_once('\n').unwrap_or_else(|| panic!("{failed_over}"));
    let (answer, line): (Value, Value) = (serde_json::from_str(answer).unwrap(), serde_json::from_str(line).unwrap());
    assert_eq!(answer["choices"][0]["message"]["content"], "Who answers?");
    assert_eq!((&line["upstream"], &line["tried"]), (&"anthropic".into(), &serde_json::json!(["openai"])), "{line}");

    let anthropic: Value =
        serde_json::from_str(&demo.paste(demo.command("the same model in another dialect")).stdout).unwrap();
    assert_eq!(anthropic["content"][0]["text"], "Hello from another SDK", "{anthropic}");

    let wrong = demo.paste(demo.command("a wrong key")).stdout;
    assert!(wrong.starts_with("HTTP/1.1 401") && wrong.contains("\"code\":\"invalid_api_key\""), "{wrong}");

    // On a slow machine the window may end between two of the twelve calls; then the next twelve meet the limit.
    let mut calls = 5;
    let met = (0..5).any(|_| {
        let limit = demo.paste(demo.command("a limit reached")).stdout;
        let statuses: Vec<&str> = limit.lines().collect();
        assert_eq!(statuses.len(), 12, "{limit}");
        assert!(statuses.iter().all(|status| ["200", "429"].contains(status)), "{limit}");
        calls += 12;
        statuses.contains(&"429")
    });
    assert!(met, "the limit was never reached");

    let lines = demo.wait_for_log(calls);
    assert_eq!(lines.len(), calls);
    assert!(lines.iter().filter(|line| line["status"] == 200).all(|line| line["consumer"] == "demo"), "{lines:#?}");
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_demo_swaps_a_plugin_while_a_stream_runs() {
    let demo = Demo::start();
    let said = demo.paste(demo.command("a swap while a stream runs")).stdout;
    assert!(said.contains("x-swapped-for: demo") && said.trim_end().ends_with("data: [DONE]"), "{said}");
    // Ended last, and still of the first generation.
    let lines = demo.wait_for_log(2);
    let stream = lines.iter().find(|line| line["path"] == "/v1/chat/completions").expect("the stream");
    let call = lines.iter().rfind(|line| line["path"] == "/v1/models").expect("the call");
    assert_eq!((&stream["generation"], &call["generation"]), (&1.into(), &2.into()), "{lines:#?}");
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_demo_shows_a_router() {
    let demo = Demo::start();
    let said = demo.paste(demo.command("a router"));
    let told: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(told, ["\"upstream\":\"openai\"", "\"upstream\":\"anthropic\""], "{said:?}");
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_demo_shows_what_a_chain_does_with_a_request() {
    let demo = Demo::start();
    let said = demo.paste(demo.command("what the chain does with a request"));
    let shown = &said.stdout;
    for words in ["api-key", "rate-limit", "headers", "x-served-for", "consumer", "200"] {
        assert!(shown.contains(words), "no {words} in {said:?}");
    }
    assert!(!shown.contains(&demo.variable("OPENAI_API_KEY")), "{shown}");
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_demo_keeps_its_secrets_to_its_user_and_out_of_sight() {
    let demo = Demo::start();
    let folder = demo.folder().join(".sluicegate/demo");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let provider_key = fs::read_to_string(folder.join("provider.key")).unwrap();
    assert_eq!(fs::metadata(folder.join("provider.key")).unwrap().permissions().mode() & 0o777, 0o600);
    let gateway_key = demo.variable("OPENAI_API_KEY");
    let config = fs::read_to_string(folder.join("sluicegate.toml")).unwrap();
    assert!(!config.contains(provider_key.trim()) && !config.contains(&gateway_key));
    assert!(!demo.printed().contains(provider_key.trim()));
    demo.paste(demo.command("a call"));
    let log = fs::read_to_string(folder.join("access.log")).unwrap();
    assert!(!log.contains(provider_key.trim()) && !log.contains(&gateway_key));
    assert_eq!(demo.interrupt().code(), Some(0));
}

#[test]
fn the_official_openai_client_needs_nothing_but_base_url_and_key() {
    let demo = Demo::start();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/use_openai.py");
    let mut client = Command::new(python());
    client.arg(script).env_remove("OPENAI_ORG_ID").env_remove("OPENAI_PROJECT_ID");
    for name in ["OPENAI_BASE_URL", "OPENAI_API_KEY"] {
        client.env(name, demo.variable(name));
    }
    // A proxy of the machine must not stand between the client and the gateway.
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        client.env_remove(name);
    }
    let output = client.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let saw: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(
        saw["models"],
        serde_json::json!(["assistant", "auto", "echo-1", "embed-1", "refuse-1", "story-1", "think-1"])
    );
    assert_eq!(saw["answer"], "Hello, gateway!");
    assert!(saw["answer_tokens"].as_u64().is_some_and(|count| count > 0), "{saw}");
    assert_eq!(saw["stream_words"], 12, "{saw}");
    assert!(saw["stream_pieces"].as_u64().is_some_and(|count| count >= 12), "{saw}");
    assert_eq!(saw["wrong_key"], serde_json::json!(["AuthenticationError", 401, "invalid_api_key"]));
    assert_eq!(saw["limit"], serde_json::json!(["RateLimitError", 429, "rate_limit_exceeded"]));
    assert_eq!(demo.interrupt().code(), Some(0));
}
