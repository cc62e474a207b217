//! One dialect on both sides: what goes through unchanged, what is refused, and what the log says.

use http::{Method, StatusCode};
use serde_json::json;

use super::support::start;

#[tokio::test]
async fn a_call_goes_to_the_provider_that_its_model_names() {
    let models = start("", "").await;
    let call = json!({ "model": "openai/echo-1", "messages": [{ "role": "user", "content": "Hello, gateway!" }] });
    let reply = models.post("/v1/chat/completions", &call).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "Hello, gateway!");
    let line = models.gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["model"], &line["model_served"]), (&json!("openai/echo-1"), &json!("echo-1")), "{line}");
    assert_eq!(line["upstream"], "openai");
    assert_eq!(line["input_tokens"], reply.json()["usage"]["prompt_tokens"]);
    assert_eq!(line["output_tokens"], reply.json()["usage"]["completion_tokens"]);
}

#[tokio::test]
async fn a_stream_goes_through_and_its_usage_is_known_without_being_shown() {
    let models = start("", "").await;
    let call = json!({ "model": "openai/story-1", "stream": true, "messages": [{ "role": "user", "content": "Tell a story of 12 words" }] });
    let reply = models.post("/v1/chat/completions", &call).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert!(reply.complete && reply.text().ends_with("data: [DONE]\n\n"), "{}", reply.text());
    assert!(!reply.text().contains("prompt_tokens"), "{}", reply.text());
    let line = models.gateway.wait_for_log(1).remove(0);
    assert!(line["output_tokens"].as_u64().is_some_and(|tokens| tokens >= 12), "{line}");
}

#[tokio::test]
async fn the_models_of_a_route_are_listed_in_each_form() {
    let models = start("", "").await;
    let openai = models.ask(Method::GET, "/v1/models", &[], "").await.json();
    assert_eq!((&openai["object"], openai["data"].as_array().unwrap().len()), (&json!("list"), 30));
    let anthropic = models.ask(Method::GET, "/v1/models", &[("anthropic-version", "2023-06-01")], "").await.json();
    assert_eq!((&anthropic["has_more"], &anthropic["data"][0]["type"]), (&json!(false), &json!("model")));
    let gemini = models.ask(Method::GET, "/v1beta/models", &[], "").await.json();
    assert_eq!(gemini["models"][0]["name"], "models/anthropic/echo-1");
    let one = models.ask(Method::GET, "/v1/models/openai/echo-1", &[], "").await;
    assert_eq!((one.status, one.json()["id"].as_str()), (StatusCode::OK, Some("openai/echo-1")));
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_the_clients_form() {
    let models = start("", "").await;
    let refused = |path: &'static str, fields: &'static [(&str, &str)], body: &'static str| {
        let models = &models;
        async move {
            let method = if body.is_empty() { Method::GET } else { Method::POST };
            let reply = models.ask(method, path, fields, body).await;
            (reply.status.as_u16(), reply.header("x-sluicegate-code").unwrap_or_default().to_owned(), reply.json())
        }
    };
    let (status, code, body) = refused("/v1/completions", &[], "{}").await;
    assert_eq!((status, code.as_str()), (404, "endpoint_not_supported"));
    assert_eq!(body["error"]["code"], "endpoint_not_supported", "{body}");
    let (status, code, body) = refused("/v1/messages/batches", &[], "{}").await;
    assert_eq!(
        (status, code.as_str(), &body["error"]["type"]),
        (404, "endpoint_not_supported", &json!("not_found_error"))
    );
    let (status, code, body) =
        refused("/v1/chat/completions", &[], r#"{"model":"nope","messages":[{"role":"user","content":"a"}]}"#).await;
    assert_eq!((status, code.as_str()), (404, "client_no_model"));
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("There is no model `nope` on this route; it has `anthropic/"),
        "{body}"
    );
    let (status, code, body) =
        refused("/v1/chat/completions", &[], r#"{"model":"openai/echo-1","messages":[{"role":"user"}]}"#).await;
    assert_eq!((status, code.as_str()), (400, "client_bad_model_call"));
    assert_eq!(
        (&body["error"]["param"], &body["error"]["message"]),
        (&json!("messages[0].content"), &json!("`messages[0].content` is missing."))
    );
    let (status, code, _) = refused("/v1/chat/completions", &[], "").await;
    assert_eq!((status, code.as_str()), (405, "client_method_not_allowed"));
    assert_eq!(models.received.count(), 0);
}

#[tokio::test]
async fn what_a_client_may_not_choose_does_not_reach_the_provider() {
    let models = start("", "").await;
    let call = r#"{"model":"azure/echo-1","messages":[{"role":"user","content":"a"}],"data_sources":[{"type":"azure_search"}]}"#;
    let reply = models.ask(Method::POST, "/v1/chat/completions", &[], call).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-sluicegate-code")), (400, Some("client_bad_model_call")));
    assert_eq!(models.received.count(), 0);
    let fields = [
        ("openai-organization", "org-x"),
        ("anthropic-beta", "b"),
        ("x-tenant", "t"),
        ("via", "1.1 x"),
        ("authorization", "Bearer gateway-key"),
    ];
    let call = r#"{"model":"openai/echo-1","messages":[{"role":"user","content":"a"}]}"#;
    assert_eq!(models.ask(Method::POST, "/v1/chat/completions", &fields, call).await.status, StatusCode::OK);
    let received = models.received.last().unwrap();
    let sent = ["openai-organization", "anthropic-beta", "x-tenant", "via", "x-forwarded-for"]
        .map(|name| received.header(name).is_some());
    assert_eq!(sent, [false, false, true, false, false]);
    assert_eq!(received.authorization(), Some(format!("Bearer {}", super::support::KEY).as_str()));
}
