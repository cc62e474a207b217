//! Clients of Gemini that do not ask for server-sent events: their stream is one JSON array, as at the vendor.

use serde_json::{Value, json};

use super::support::{PROVIDERS, start};

fn question() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "Tell a story of 5 words" }] }] })
}

fn texts(answers: &[Value]) -> String {
    let part = |answer: &Value| answer["candidates"][0]["content"]["parts"][0]["text"].as_str().map(str::to_owned);
    answers.iter().filter_map(part).collect()
}

#[tokio::test]
async fn a_stream_without_events_is_an_array_of_what_the_events_say() {
    let models = start("", "").await;
    for provider in PROVIDERS {
        let path = format!("/v1beta/models/{provider}/story-1:streamGenerateContent");
        let reply = models.post(&path, &question()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type")),
            (200, Some("application/json")),
            "{provider}"
        );
        let array = reply.json();
        let answers = array.as_array().unwrap();
        assert!(answers.len() > 2, "{provider}: {array}");
        assert_eq!(answers.last().unwrap()["candidates"][0]["finishReason"], "STOP", "{provider}: {array}");
        let events = models.post(&format!("{path}?alt=sse"), &question()).await;
        let events: Vec<Value> = events
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
        assert_eq!(texts(answers), texts(&events), "{provider}");
        assert!(!texts(answers).is_empty(), "{provider}");
    }
}

#[tokio::test]
async fn an_array_that_breaks_in_its_middle_ends_with_an_error() {
    for (provider, fault) in [("openai", "cut-after=900"), ("gemini", "error-after=4"), ("gemini", "fault=no-end")] {
        let head = format!("[models.bad]\ntargets = [{{ provider = \"{provider}\", model = \"story-1~{fault}\" }}]\n");
        let models = start(&head, "").await;
        let reply = models.post("/v1beta/models/bad:streamGenerateContent", &question()).await;
        assert_eq!(reply.status.as_u16(), 200, "{fault}");
        let array = reply.json();
        let (last, before) = array.as_array().unwrap().split_last().unwrap();
        assert!(last["error"]["message"].is_string(), "{fault}: {array}");
        assert!(!texts(before).is_empty(), "{fault}: {array}");
        let line = models.gateway.wait_for_log(1).remove(0);
        assert_eq!((&line["outcome"], &line["fault"]), (&json!("upstream_cut"), &json!("upstream")), "{fault} {line}");
    }
}
