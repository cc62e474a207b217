//! One conversation through every pair of a client's dialect and a provider's: the same text, calls of tools, usage and end.

use serde_json::{Value, json};

use super::dialect::{CLIENTS, Client, Heard};
use super::support::{Models, PROVIDERS, start};

async fn heard(models: &Models, client: Client, model: &str, stream: bool, asks: &Asks) -> Heard {
    let (path, body) = client.question(model, stream, asks.text, asks.tool);
    let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
    assert_eq!(reply.status.as_u16(), 200, "{client:?} {model} {stream}: {}", reply.text());
    client.hear(&reply, stream)
}

struct Asks {
    model: &'static str,
    text: &'static str,
    tool: bool,
}

async fn all_pairs_agree(asks: Asks) -> Heard {
    let models = start("", "").await;
    let mut first: Option<Heard> = None;
    for provider in PROVIDERS {
        let model = format!("{provider}/{}", asks.model);
        for client in CLIENTS {
            for stream in [false, true] {
                let found = heard(&models, client, &model, stream, &asks).await;
                let first = first.get_or_insert_with(|| found.clone());
                assert_eq!(&found, first, "{client:?} to {provider}, streamed: {stream}");
            }
        }
    }
    first.unwrap()
}

#[tokio::test]
async fn every_pair_says_the_same_text() {
    let heard = all_pairs_agree(Asks { model: "echo-1", text: "Grüße, 世界! \"quoted\"\n\\ 🎈", tool: false }).await;
    assert_eq!((heard.text.as_str(), heard.end.as_str()), ("Grüße, 世界! \"quoted\"\n\\ 🎈", "stop"));
    assert!(heard.input_tokens > 0 && heard.output_tokens > 0, "{heard:?}");
}

#[tokio::test]
async fn every_pair_calls_the_same_tool_with_the_same_arguments() {
    let heard = all_pairs_agree(Asks { model: "echo-1", text: "Please find_city now", tool: true }).await;
    assert_eq!(heard.end, "tools");
    let (name, arguments) = heard.tool.expect("a call");
    assert_eq!(name, "find_city");
    let arguments: Value = serde_json::from_str(&arguments).unwrap();
    assert!(arguments["name"].is_string() && arguments["people"].is_u64(), "{arguments}");
}

#[tokio::test]
async fn every_pair_tells_a_long_story_alike() {
    let heard = all_pairs_agree(Asks { model: "story-1", text: "Tell me a story of 200 words", tool: false }).await;
    assert!(heard.text.split_whitespace().count() >= 190, "{heard:?}");
}

/// What came back of a tool goes to every provider, and the answer is made of it.
#[tokio::test]
async fn every_pair_takes_a_tools_result_back() {
    let models = start("", "").await;
    for provider in PROVIDERS {
        for client in CLIENTS {
            let (path, body) = client.with_result(&format!("{provider}/echo-1"));
            let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
            assert_eq!(reply.status.as_u16(), 200, "{client:?} {provider}: {}", reply.text());
            assert_eq!(client.hear(&reply, false).text, "Bern has 134000 people", "{client:?} {provider}");
        }
    }
}

/// State that a provider keeps stays with a provider that has it; another one is not sent a conversation without its beginning.
#[tokio::test]
async fn a_conversation_that_a_provider_keeps_goes_on_there_and_nowhere_else() {
    let models = start("", "").await;
    let first = models.post("/v1/responses", &json!({ "model": "openai/echo-1", "input": "My name is Ann" })).await;
    assert_eq!(first.status.as_u16(), 200, "{}", first.text());
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let next = |model: &str| json!({ "model": model, "input": "Who am I?", "previous_response_id": id });
    let second = models.post("/v1/responses", &next("openai/echo-1")).await;
    assert_eq!(second.status.as_u16(), 200, "{}", second.text());
    let tokens = |reply: &sluicegate_tests::Reply| reply.json()["usage"]["input_tokens"].as_u64().unwrap();
    assert!(tokens(&second) > tokens(&first), "{}", second.text());
    let elsewhere = models.post("/v1/responses", &next("gemini/echo-1")).await;
    assert_eq!(
        (elsewhere.status.as_u16(), elsewhere.header("x-sluicegate-code")),
        (400, Some("client_no_counterpart"))
    );
    assert!(elsewhere.text().contains("previous_response_id"), "{}", elsewhere.text());
}

#[tokio::test]
async fn every_pair_tells_a_providers_errors_in_the_clients_form() {
    let faults: String = PROVIDERS
        .iter()
        .map(|provider| {
            format!("[models.\"{provider}/busy\"]\ntargets = [{{ provider = \"{provider}\", model = \"echo-1~status=429~retry-after=3\" }}]\n")
        })
        .collect();
    let models = start(&faults, "").await;
    for provider in PROVIDERS {
        for client in CLIENTS {
            for stream in [false, true] {
                let (path, body) = client.question(&format!("{provider}/busy"), stream, "a", false);
                let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.header("retry-after")),
                    (429, Some("3")),
                    "{client:?} {provider}"
                );
                let json = reply.json();
                let kind = match client {
                    Client::OpenAi | Client::Responses => &json["error"]["code"],
                    Client::Anthropic => &json["error"]["type"],
                    Client::Gemini => &json["error"]["status"],
                };
                let expected = match client {
                    Client::OpenAi | Client::Responses => json!("rate_limit_exceeded"),
                    Client::Anthropic => json!("rate_limit_error"),
                    Client::Gemini => json!("RESOURCE_EXHAUSTED"),
                };
                assert_eq!(kind, &expected, "{client:?} {provider} {json}");
            }
        }
    }
}
