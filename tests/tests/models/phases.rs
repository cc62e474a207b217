//! Plugins in a model's call: they see and change the same in every dialect, streamed or not.

use serde_json::{Value, json};
use sluicegate_tests::{Reply, guests};

use super::dialect::{CLIENTS, Client};
use super::support::{Models, PROVIDERS, start_with};

/// A chain of the guest once for each list of acts.
async fn editing(head: &str, entries: &[&[&str]]) -> Models {
    let entry = |(number, acts): (usize, &&[&str])| {
        format!(
            "{{ plugin = \"editor\", name = \"editor-{number}\", grants = [\"targets\", \"credentials\"], config = {{ acts = {acts:?} }} }}"
        )
    };
    let entries: Vec<String> = entries.iter().enumerate().map(entry).collect();
    start_with(
        head,
        &format!("chain = [{}]", entries.join(", ")),
        &[("editor.wasm", guests::EDITOR), ("wrong.key", b"a-key-that-is-not-known")],
    )
    .await
}

/// Every client's dialect with every provider's, streamed and not.
fn every_way() -> impl Iterator<Item = (Client, &'static str, bool)> {
    let pairs = CLIENTS.into_iter().flat_map(|client| PROVIDERS.map(|provider| (client, provider)));
    pairs.flat_map(|(client, provider)| [(client, provider, false), (client, provider, true)])
}

async fn ask(models: &Models, client: Client, model: &str, stream: bool, text: &str, tool: bool) -> Reply {
    let (path, body) = client.question(model, stream, text, tool);
    let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
    assert_eq!(reply.status.as_u16(), 200, "{client:?} {model} {stream}: {}", reply.text());
    reply
}

/// The labels of the exchange that has just ended.
fn labels(models: &Models, count: usize) -> Value {
    models.gateway.wait_for_log(count).remove(count - 1)["labels"].clone()
}

#[tokio::test]
async fn a_plugin_sees_the_same_call_and_the_same_answer_in_every_dialect() {
    let models = editing("", &[&["see", "record"]]).await;
    for (number, (client, provider, stream)) in every_way().enumerate() {
        let reply = ask(&models, client, &format!("{provider}/echo-1"), stream, "Find it.", true).await;
        let heard = client.hear(&reply, stream);
        let labels = labels(&models, number + 1);
        let way = format!("{client:?} {provider} {stream} {labels}");
        assert_eq!(
            labels["seen"], "system/text:You are brief.|user/text:Find it.|/tool-definition(find_city):Finds a city.",
            "{way}"
        );
        let facts = format!("(\"chat\", {stream}, \"{provider}/echo-1\", [true, false, false]) 35");
        assert_eq!(labels["facts"], facts, "{way}");
        assert_eq!((&labels["said"], &labels["end"]), (&json!("Find it."), &json!("0 stop")), "{way}");
        assert_eq!(labels["usage"], format!("{} {}", heard.input_tokens, heard.output_tokens), "{way}");
        assert_eq!(labels["attempts"], format!("{provider} answered"), "{way}");
        assert_eq!((&labels["late"], &labels["candidates"]), (&json!("too-late"), &json!(provider)), "{way}");
        assert_eq!(heard.text, "Find it.", "{way}");
    }
}

#[tokio::test]
async fn what_a_plugin_rewrites_is_what_the_provider_gets_in_every_dialect() {
    let models = editing("", &[&["rewrite", "insert", "tokens=2000"], &["see"]]).await;
    for (number, (client, provider, stream)) in every_way().enumerate() {
        let reply = ask(&models, client, &format!("{provider}/echo-1"), stream, "My \"secret\" 🎈", true).await;
        let labels = labels(&models, number + 1);
        let way = format!("{client:?} {provider} {stream} {labels}");
        assert_eq!(client.hear(&reply, stream).text, "My \"[hidden]\" 🎈", "{way}");
        let received = models.received.last().unwrap();
        let body = String::from_utf8_lossy(&received.body).into_owned();
        assert!(!body.contains("secret") && body.contains("Speak up.") && body.contains("2000"), "{way} {body}");
        assert_eq!((&labels["rewritten"], &labels["tokens"]), (&json!("Ok(1)"), &json!("ok")), "{way}");
        // The entry behind sees what the one in front has done.
        let seen = labels["seen"].as_str().unwrap();
        assert!(seen.contains("user/text:My \"[hidden]\" 🎈") && seen.contains("system/text:Speak up."), "{way}");
    }
}

#[tokio::test]
async fn what_nobody_edits_stays_byte_for_byte() {
    let models = editing("", &[&["rewrite"]]).await;
    let body = r#"{ "model" : "openai/echo-1",  "messages":[{"role":"user","content":"secret \u0041"},{"content":"B\u0042","role":"user","name":"x"}], "temperature":1.0e0, "metadata":{"a" : "b"} }"#;
    let reply = models.ask(http::Method::POST, "/v1/chat/completions", &[], body.to_owned()).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
    let expected = body.replace("openai/echo-1", "echo-1").replace(r#""secret \u0041""#, r#""[hidden] A""#);
    assert_eq!(models.received.last().unwrap().body, expected);
}

#[tokio::test]
async fn a_plugin_changes_the_answers_text_in_every_dialect() {
    let models = editing("", &[&["record"], &["upper"]]).await;
    for (number, (client, provider, stream)) in every_way().enumerate() {
        let reply = ask(&models, client, &format!("{provider}/echo-1"), stream, "loud words", false).await;
        let labels = labels(&models, number + 1);
        let way = format!("{client:?} {provider} {stream} {}", reply.text());
        assert_eq!(client.hear(&reply, stream).text, "LOUD WORDS", "{way}");
        assert!(!reply.text().contains("loud"), "{way}");
        // The entry in front sees the answer last.
        assert_eq!((&labels["said"], &labels["end"]), (&json!("LOUD WORDS"), &json!("0 stop")), "{way}");
    }
}

#[tokio::test]
async fn text_that_is_held_back_comes_in_front_of_the_end() {
    let models = editing("", &[&["upper"], &["hold"]]).await;
    for (client, provider, stream) in every_way() {
        let reply = ask(&models, client, &format!("{provider}/echo-1"), stream, "first and last", false).await;
        let heard = client.hear(&reply, stream);
        let way = format!("{client:?} {provider} {stream} {}", reply.text());
        assert_eq!((heard.text.as_str(), heard.end.as_str()), ("<FIRST AND LAST>", "stop"), "{way}");
        assert!(heard.output_tokens > 0, "{way}");
    }
}

#[tokio::test]
async fn an_answer_that_is_stopped_ends_well_and_the_provider_is_left() {
    let models = editing("", &[&["record"], &["stop-at=e"]]).await;
    for (number, (client, provider, stream)) in every_way().enumerate() {
        let (path, body) =
            client.question(&format!("{provider}/story-1"), stream, "Tell a story of 20000 words", false);
        let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
        let way = format!("{client:?} {provider} {stream}");
        assert!(reply.complete && reply.status.as_u16() == 200, "{way} {}", reply.text());
        let labels = labels(&models, number + 1);
        assert_eq!(labels["end"], "0 content-filter", "{way}");
        assert!(reply.text().len() < 20_000, "{way} {} bytes", reply.text().len());
        let word = match client {
            Client::OpenAi => "\"content_filter\"",
            Client::Anthropic => "\"refusal\"",
            Client::Gemini => "\"SAFETY\"",
            Client::Responses => "content_filter",
        };
        assert!(reply.text().contains(word), "{way} {}", reply.text());
    }
}

#[tokio::test]
async fn an_answer_that_is_rejected_ends_with_an_error_in_the_clients_dialect() {
    let models = editing("", &[&["reject-at=bad"]]).await;
    for (client, provider, stream) in every_way() {
        let (path, body) = client.question(&format!("{provider}/echo-1"), stream, "a bad word", false);
        let reply = models.ask(http::Method::POST, &path, client.fields(), body.to_string()).await;
        let way = format!("{client:?} {provider} {stream} {}", reply.text());
        assert_eq!(reply.status.as_u16(), if stream { 200 } else { 400 }, "{way}");
        assert!(reply.text().contains("says what it must not say") && !reply.text().contains("a bad word"), "{way}");
    }
}

#[tokio::test]
async fn a_plugin_answers_in_the_models_place_in_every_dialect() {
    let models = editing("", &[&["record"], &["upper"], &["answer"]]).await;
    for (number, (client, _, stream)) in every_way().filter(|(_, provider, _)| *provider == "openai").enumerate() {
        let reply = ask(&models, client, "openai/echo-1", stream, "anything", false).await;
        let heard = client.hear(&reply, stream);
        assert_eq!((heard.text.as_str(), heard.end.as_str()), ("NO MODEL WAS ASKED.", "stop"), "{client:?} {stream}");
        assert_eq!(labels(&models, number + 1)["said"], "NO MODEL WAS ASKED.", "{client:?} {stream}");
    }
    assert_eq!(models.received.count(), 0);
    let tools = editing("", &[&["call-tool"]]).await;
    for (client, _, stream) in every_way().filter(|(_, provider, _)| *provider == "openai") {
        let reply = ask(&tools, client, "openai/echo-1", stream, "anything", true).await;
        let heard = client.hear(&reply, stream);
        let (name, arguments) = heard.tool.expect("a call");
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        assert_eq!((name.as_str(), arguments), ("find_city", json!({ "name": "Bern", "people": 2 })), "{client:?}");
        assert_eq!(heard.end, "tools", "{client:?} {stream}");
    }
}

const TWO: &str = "[models.two]\ntargets = [{ provider = \"openai\", model = \"echo-1~status=503\" }, { provider = \"anthropic\", model = \"echo-1\", input_price = 2.0, output_price = 4.0 }]\n\
                   [models.safe]\ntargets = [{ provider = \"openai\", model = \"echo-1\" }, { provider = \"anthropic\", model = \"echo-1\" }]\n";

#[tokio::test]
async fn each_attempt_has_a_copy_of_its_own() {
    let models = editing(TWO, &[&["record", "mark"]]).await;
    let reply = ask(&models, Client::OpenAi, "two", false, "from PROVIDER", false).await;
    let heard = Client::OpenAi.hear(&reply, false);
    assert_eq!(heard.text, "from anthropic");
    let requests = models.received.requests();
    let told: Vec<_> = requests.iter().map(|request| request.header("x-provider").unwrap_or_default()).collect();
    assert_eq!(told, ["openai", "anthropic"]);
    let labels = labels(&models, 1);
    assert_eq!(labels["attempts"], "openai refused, anthropic answered");
    assert_eq!(labels["attempt"], "too-late forbidden");
    let cost = heard.input_tokens * 2_000 + heard.output_tokens * 4_000;
    assert_eq!(labels["cost"], format!("Some({cost}) exact"));
}

#[tokio::test]
async fn a_target_that_is_skipped_is_never_asked() {
    let models = editing(TWO, &[&["record", "skip=openai"]]).await;
    let reply = ask(&models, Client::Anthropic, "safe", true, "hello", false).await;
    assert_eq!(Client::Anthropic.hear(&reply, true).text, "hello");
    assert_eq!(models.received.count(), 1);
    assert_eq!(labels(&models, 1)["attempts"], "openai skipped, anthropic answered");
    let (path, body) = Client::OpenAi.question("openai/echo-1", false, "hello", false);
    let refused = models.ask(http::Method::POST, &path, &[], body.to_string()).await;
    assert_eq!((refused.status.as_u16(), models.received.count()), (503, 1), "{}", refused.text());
}

#[tokio::test]
async fn a_plugin_chooses_another_model_of_the_route_and_none_beside_it() {
    let models = editing("", &[&["model=anthropic/echo-1", "record"]]).await;
    let reply = ask(&models, Client::OpenAi, "openai/echo-1", false, "hello", false).await;
    assert_eq!(Client::OpenAi.hear(&reply, false).text, "hello");
    let line = models.gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["model"], &line["upstream"]), (&json!("anthropic/echo-1"), &json!("anthropic")));
    let elsewhere = editing("", &[&["model=nowhere"]]).await;
    let (path, body) = Client::OpenAi.question("openai/echo-1", false, "hello", false);
    let refused = elsewhere.ask(http::Method::POST, &path, &[], body.to_string()).await;
    assert_eq!(refused.status.as_u16(), 404, "{}", refused.text());
}

#[tokio::test]
async fn a_plugin_chooses_a_credential_by_name_and_sees_none() {
    let head = "[credentials.wrong]\nvalue = \"${file:wrong.key}\"\norigin = \"@URL@\"\n\
                [providers.several]\nkind = \"openai\"\nurl = \"@URL@/v1\"\ncredentials = [\"wrong\", \"provider\"]\n\
                [models.several]\ntargets = [{ provider = \"several\", model = \"echo-1\" }]\n";
    let models = editing(head, &[&["choose=provider"]]).await;
    for number in 1..=3 {
        ask(&models, Client::OpenAi, "several", false, "hello", false).await;
        assert_eq!(labels(&models, number)["chosen"], "wrong,provider true false");
    }
    assert_eq!(models.received.count(), 3, "the other one was never sent");
}

#[tokio::test]
async fn a_target_without_a_feature_gets_no_call_that_needs_it() {
    let head = "[models.plain]\ntargets = [{ provider = \"openai\", model = \"echo-1\", features = [\"images\"] }, { provider = \"anthropic\", model = \"echo-1\" }]\n";
    let models = editing(head, &[&["record"]]).await;
    ask(&models, Client::OpenAi, "plain", false, "hello", true).await;
    // A line is written once plugins have heard of the end, which another exchange may overtake.
    models.gateway.wait_for_log(1);
    ask(&models, Client::OpenAi, "plain", false, "hello", false).await;
    let lines = models.gateway.wait_for_log(2);
    let upstreams: Vec<&Value> = lines.iter().map(|line| &line["upstream"]).collect();
    assert_eq!(upstreams, [&json!("anthropic"), &json!("openai")]);
}

#[tokio::test]
async fn behind_a_plugin_of_the_clients_own_dialect_what_the_gateway_does_not_know_still_arrives() {
    let models = editing("", &[&["upper"]]).await;
    let (path, mut body) = Client::OpenAi.question("openai/echo-1", true, "words", false);
    body["stream_options"] = Value::Null;
    let reply = models.ask(http::Method::POST, &path, &[], body.to_string()).await;
    let text = reply.text();
    assert!(
        text.contains("\"system_fingerprint\"")
            && text.contains("\"content\":\"WO")
            && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    // The gateway asks for usage where the client does not.
    assert!(!text.contains("\"usage\":{"), "{text}");
}

#[tokio::test]
async fn a_shadow_watches_the_answer_and_changes_nothing() {
    let lines = "chain = [{ plugin = \"editor\", mode = \"shadow\", grants = [\"targets\", \"credentials\"], config = { acts = [\"rewrite\", \"upper\"] } }]";
    let models =
        start_with("", lines, &[("editor.wasm", guests::EDITOR), ("wrong.key", b"a-key-that-is-not-known")]).await;
    for (number, (client, provider, stream)) in every_way().enumerate() {
        let reply = ask(&models, client, &format!("{provider}/echo-1"), stream, "a secret", false).await;
        assert_eq!(client.hear(&reply, stream).text, "a secret", "{client:?} {provider} {stream}");
        let line = models.gateway.wait_for_log(number + 1).remove(number);
        let changed = line["shadow"]["editor"]["changed"].as_array().cloned().unwrap_or_default();
        assert!(changed.contains(&json!("call")) && changed.contains(&json!("answer")), "{line}");
    }
}
