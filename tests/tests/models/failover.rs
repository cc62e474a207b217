//! Targets that fail, in every way that a provider knows, and what the client sees of it.

use http::StatusCode;
use serde_json::{Value, json};

use super::support::{Models, start};

/// A model whose first target is to be better than nothing, and whose second answers.
fn two(first: &str) -> String {
    format!(
        "[models.safe]\ntargets = [{{ provider = \"openai\", model = \"{first}\" }}, {{ provider = \"azure\", model = \"story-1\" }}]\n\
         [providers.nowhere]\nkind = \"vllm\"\nurl = \"http://127.0.0.1:1/v1\"\n\
         [models.reachable]\ntargets = [{{ provider = \"nowhere\", model = \"x\" }}, {{ provider = \"azure\", model = \"story-1\" }}]\n\
         [models.alone]\ntargets = [{{ provider = \"openai\", model = \"{first}\" }}]\n"
    )
}

fn call(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Tell a story of 5 words" }] })
}

async fn ask(models: &Models, model: &str, stream: bool) -> (u16, String) {
    let reply = models.post("/v1/chat/completions", &call(model, stream)).await;
    (reply.status.as_u16(), reply.text())
}

#[tokio::test]
async fn what_fails_before_the_first_byte_is_invisible() {
    for fault in [
        "status=429",
        "status=500",
        "status=503",
        "status=529",
        "status=401",
        "status=404",
        "cut-after=head",
        "fault=html",
        "fault=error-in-200",
        "error-after=0",
    ] {
        let models = start(&two(&format!("story-1~{fault}")), "").await;
        for stream in [false, true] {
            // Within a stream alone.
            if fault == "error-after=0" && !stream {
                continue;
            }
            let (status, text) = ask(&models, "safe", stream).await;
            assert_eq!(status, 200, "{fault} {stream} {text}");
            assert!(!text.contains("error") && text.contains("story-1"), "{fault} {stream} {text}");
            assert_eq!(text.ends_with("data: [DONE]\n\n"), stream, "{fault}");
        }
        let line = models.gateway.wait_for_log(1).remove(0);
        assert_eq!(
            (&line["upstream"], &line["tried"], &line["attempts"]),
            (&json!("azure"), &json!(["openai"]), &json!(2)),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_passed_over() {
    let models = start(&two("story-1"), "").await;
    assert_eq!(ask(&models, "reachable", false).await.0, 200);
    assert_eq!(ask(&models, "reachable", true).await.0, 200);
}

#[tokio::test]
async fn a_clients_own_mistake_is_not_tried_elsewhere() {
    let models = start(&two("story-1"), "").await;
    let wrong = json!({ "model": "safe", "temperature": 9, "messages": [{ "role": "user", "content": "a" }] });
    let reply = models.post("/v1/chat/completions", &wrong).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    // The provider's own words, to a client of its own dialect.
    assert_eq!(reply.json()["error"]["param"], "temperature", "{}", reply.text());
    let line = models.gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["attempts"], &line["outcome"]), (&json!(1), &json!("rejected")));
}

#[tokio::test]
async fn when_all_fail_the_client_hears_of_the_last_and_of_those_before() {
    let models = start(
        "[models.none]\ntargets = [{ provider = \"openai\", model = \"echo-1~status=429~retry-after=7\" }, \
         { provider = \"azure\", model = \"echo-1~status=503\" }]\n[models.limited]\ntargets = [{ provider = \"openai\", model = \"echo-1~status=429~retry-after=7\" }]",
        "",
    )
    .await;
    let reply = models.post("/v1/chat/completions", &call("none", false)).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-sluicegate-code")), (503, Some("upstream_busy")));
    let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "Provider `azure` has no room for now. Tried before it: `openai`.");
    let reply = models.post("/v1/chat/completions", &call("limited", false)).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, Some("7")), "{}", reply.text());
}

#[tokio::test]
async fn a_stream_that_breaks_in_its_middle_ends_with_an_error_and_never_tidily() {
    for fault in ["cut-after=600", "error-after=4", "fault=no-end", "fault=endless-line"] {
        let models = start(&two(&format!("story-1~{fault}")), "").await;
        let reply = models.post("/v1/chat/completions", &call("safe", true)).await;
        assert_eq!(reply.status, StatusCode::OK, "{fault}");
        let text = reply.text();
        assert!(!text.contains("[DONE]"), "{fault} {text}");
        let last = text.trim_end().rsplit("\n\n").next().unwrap();
        let error: Value = serde_json::from_str(last.strip_prefix("data: ").unwrap_or(last))
            .unwrap_or_else(|_| panic!("{fault} {text}"));
        assert!(error["error"]["message"].is_string(), "{fault} {last}");
        let line = models.gateway.wait_for_log(1).remove(0);
        assert_eq!((&line["outcome"], &line["fault"]), (&json!("upstream_cut"), &json!("upstream")), "{fault} {line}");
    }
}

#[tokio::test]
async fn a_credential_that_is_refused_rests_and_the_next_one_is_sent() {
    let head = "[credentials.old]\nvalue = \"${env:SLUICEGATE_TEST_OLD_KEY}\"\norigin = \"@URL@\"\n[providers.two]\nkind = \"openai\"\nurl = \"@URL@/v1\"\n\
                credentials = [\"old\", \"provider\"]\n[models.m]\ntargets = [{ provider = \"two\", model = \"echo-1\" }]";
    let models = super::support::start_in(head, "", &[("SLUICEGATE_TEST_OLD_KEY", "an-old-key-of-the-provider")]).await;
    for _ in 0..3 {
        assert_eq!(ask(&models, "m", false).await.0, 200);
    }
    // The old one was sent once.
    assert_eq!(models.received.count(), 4);
    let said = models.gateway.stderr_lines().join("\n");
    assert!(said.contains("provider `two` refused a call") && !said.contains("an-old-key"), "{said}");
}

/// What a credential has used up does not come back with a change of the configuration.
#[tokio::test]
async fn a_credential_rests_over_a_change_of_the_configuration() {
    let head = "[credentials.old]\nvalue = \"${env:SLUICEGATE_TEST_OLD_KEY}\"\norigin = \"@URL@\"\n[providers.two]\nkind = \"openai\"\nurl = \"@URL@/v1\"\n\
                credentials = [\"old\", \"provider\"]\n[models.m]\ntargets = [{ provider = \"two\", model = \"echo-1\" }]";
    let models = super::support::start_in(head, "", &[("SLUICEGATE_TEST_OLD_KEY", "an-old-key-of-the-provider")]).await;
    assert_eq!(ask(&models, "m", false).await.0, 200);
    // One of both was sent first; from the second call on the old one rests.
    assert_eq!(ask(&models, "m", false).await.0, 200);
    assert_eq!(models.received.count(), 3);
    let file = models.gateway.folder().join("sluicegate.toml");
    for generation in 2..4 {
        let text = std::fs::read_to_string(&file).unwrap();
        let other = format!(
            "[models.other-{generation}]\ntargets = [{{ provider = \"two\", model = \"echo-1\" }}]\n[models.m]"
        );
        std::fs::write(&file, text.replace("[models.m]", &other)).unwrap();
        models.gateway.wait_for_stderr(&format!("generation {generation} serves new requests"));
        for _ in 0..3 {
            assert_eq!(ask(&models, "m", false).await.0, 200);
        }
        assert_eq!(models.received.count(), 3 * generation);
    }
}

/// Whatever the status: such a provider is left alone for a while, as any upstream that fails.
#[tokio::test]
async fn a_provider_that_fails_with_any_status_rests() {
    for (fault, rests) in [
        ("status=500", true),
        ("status=529", true),
        ("fault=html", true),
        ("fault=error-in-200", true),
        ("status=404", false),
        ("status=403", false),
    ] {
        for stream in [false, true] {
            let models = start(&two(&format!("story-1~{fault}")), "").await;
            assert_eq!(ask(&models, "safe", stream).await.0, 200);
            // While it rests the other one is asked first.
            assert_eq!(ask(&models, "safe", stream).await.0, 200);
            assert_eq!(models.received.count(), if rests { 3 } else { 4 }, "{fault} {stream}");
        }
    }
}
