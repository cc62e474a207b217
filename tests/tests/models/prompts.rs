//! Prompts that are published as endpoints.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Models, start};

/// One prompt for each provider, at `/PROVIDER`, and one whose model takes no more calls.
async fn published() -> Models {
    let prompt = |path: &str, model: &str, answer: &str| {
        format!(
            "{{ path = \"{path}\", model = \"{model}\", answer = \"{answer}\", \
             messages = [{{ role = \"system\", content = \"Be brief.\" }}, {{ role = \"user\", content = \"Say {{{{what}}}} {{{{times}}}} times\" }}], \
             variables = {{ what = {{ max_bytes = 10 }}, times = {{ type = \"number\", default = \"2\" }} }} }}"
        )
    };
    let prompts = [
        prompt("/openai", "openai/echo-1", "json"),
        prompt("/anthropic", "anthropic/echo-1", "text"),
        prompt("/busy", "busy", "json"),
        prompt("/nothing", "no-such-model", "json"),
    ];
    let head = "[models.busy]\ntargets = [{ provider = \"openai\", model = \"echo-1~status=429~retry-after=2\" }]\n";
    let lines =
        format!("chain = [{{ plugin = \"prompt-template\", config = {{ prompts = [{}] }} }}]", prompts.join(", "));
    start(head, &lines).await
}

fn problem(text: &str) -> Value {
    let problem: Value = serde_json::from_str(text).unwrap();
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "a problem document: {text}");
    problem
}

#[tokio::test]
async fn a_request_with_values_gets_the_models_text() {
    let models = published().await;
    let reply = models.post("/openai", &json!({ "what": "\"hi\"", "times": 3 })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    let answer = reply.json();
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&json!("Say \"hi\" 3 times"), &json!("stop")), "{answer}");
    assert!(answer["usage"]["input_tokens"].as_u64() > Some(0), "{answer}");
    let plain = models.post("/anthropic", &json!({ "what": "hi" })).await;
    assert_eq!(plain.text(), "Say hi 2 times");
    assert_eq!(plain.headers["content-type"], "text/plain; charset=utf-8");
    let line = models.gateway.wait_for_log(2).remove(1);
    assert_eq!((&line["path"], &line["model"]), (&json!("/anthropic"), &json!("anthropic/echo-1")));
}

#[tokio::test]
async fn what_is_wrong_is_told_as_a_problem_and_in_no_vendors_dialect() {
    let models = published().await;
    let wrong = models.post("/openai", &json!({ "what": "far too long a word" })).await;
    assert_eq!(
        (wrong.status, problem(&wrong.text())["code"].clone()),
        (StatusCode::BAD_REQUEST, json!("invalid_variables"))
    );
    let get = models.ask(Method::GET, "/openai", &[], "").await;
    assert_eq!((get.status, get.headers["allow"].to_str().unwrap()), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    let busy = models.post("/busy", &json!({ "what": "hi" })).await;
    assert_eq!(
        (busy.status, problem(&busy.text())["code"].clone()),
        (StatusCode::TOO_MANY_REQUESTS, json!("upstream_rate_limited"))
    );
    let nothing = models.post("/nothing", &json!({ "what": "hi" })).await;
    assert_eq!(
        (nothing.status, problem(&nothing.text())["code"].clone()),
        (StatusCode::NOT_FOUND, json!("client_no_model"))
    );
    // Those that nobody published are no endpoints, and vendors' own are still there.
    assert_eq!(models.post("/elsewhere", &json!({})).await.status, StatusCode::NOT_FOUND);
    let call = json!({ "model": "openai/echo-1", "messages": [{ "role": "user", "content": "as before" }] });
    let chat = models.post("/v1/chat/completions", &call).await;
    assert_eq!(chat.json()["choices"][0]["message"]["content"], "as before", "{}", chat.text());
}
