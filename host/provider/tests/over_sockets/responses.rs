//! The responses API, in one piece, streamed, and going on from an earlier answer.

use crate::support::Running;
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

async fn create(provider: &Running, request: &Value) -> Value {
    let answer = provider.post(PATH, request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn refused(provider: &Running, request: &Value) -> (u16, Value) {
    let answer = provider.post(PATH, request).await;
    (answer.status, answer.json()["error"].clone())
}

fn with(request: &Value, members: Value) -> Value {
    let mut request = request.clone();
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

fn tools() -> Value {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    json!([{ "type": "function", "name": "weather", "parameters": parameters }])
}

#[tokio::test]
async fn a_response_repeats_what_was_asked_and_holds_the_answer_as_items() {
    let provider = Running::start().await;
    let request = json!({
        "model": "echo-1", "input": "Hello, gate!", "instructions": "Be brief.", "metadata": { "a": "b" }, "temperature": 0.5,
    });
    let response = create(&provider, &request).await;
    assert_eq!((&response["object"], &response["status"]), (&json!("response"), &json!("completed")));
    assert_eq!((&response["instructions"], &response["temperature"]), (&json!("Be brief."), &json!(0.5)));
    let [item] = &response["output"].as_array().unwrap()[..] else { panic!("{response}") };
    assert_eq!((&item["type"], &item["content"][0]["text"]), (&json!("message"), &json!("Hello, gate!")));
    // `Be`, ` brie`, `f`, `.` and `Hell`, `o`, `,`, ` gate`, `!`; two messages of four, and two.
    assert_eq!(
        (&response["usage"]["input_tokens"], &response["usage"]["output_tokens"]),
        (&json!(4 + 5 + 8 + 2), &json!(5))
    );
}

#[tokio::test]
async fn a_stream_has_its_events_in_order_and_ends_with_the_whole_response() {
    let provider = Running::start().await;
    let request =
        json!({ "model": "think-1", "input": "one two", "reasoning": { "effort": "minimal", "summary": "auto" } });
    let whole = create(&provider, &request).await;
    let events = provider.post(PATH, &with(&request, json!({ "stream": true }))).await.named_events();
    for (index, (name, data)) in events.iter().enumerate() {
        assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(index)));
    }
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let last = &events.last().unwrap().1["response"];
    assert_eq!((&last["output"], &last["usage"]), (&whole["output"], &whole["usage"]));
    let done: Vec<&Value> =
        events.iter().filter(|(name, _)| name == "response.output_item.done").map(|(_, data)| &data["item"]).collect();
    assert_eq!(done, whole["output"].as_array().unwrap().iter().collect::<Vec<_>>());
    let told = |name: &str| -> String {
        events.iter().filter(|(found, _)| found == name).filter_map(|(_, data)| data["delta"].as_str()).collect()
    };
    assert_eq!(told("response.output_text.delta"), "one two");
    assert_eq!(
        told("response.reasoning_summary_text.delta"),
        whole["output"][0]["summary"][0]["text"].as_str().unwrap()
    );
}

#[tokio::test]
async fn calls_and_refusals_are_streamed_under_their_own_names() {
    let provider = Running::start().await;
    let request = json!({ "model": "echo-1", "input": "weather", "tools": tools(), "stream": true });
    let events = provider.post(PATH, &request).await.named_events();
    let named = |name: &str| events.iter().filter(|(found, _)| found == name).map(|(_, data)| data).collect::<Vec<_>>();
    let arguments: String =
        named("response.function_call_arguments.delta").iter().filter_map(|data| data["delta"].as_str()).collect();
    let item = &named("response.output_item.done")[0]["item"];
    assert_eq!(
        (&item["type"], &item["name"], &item["arguments"]),
        (&json!("function_call"), &json!("weather"), &json!(arguments))
    );
    let refused =
        provider.post(PATH, &json!({ "model": "refuse-1", "input": "x", "stream": true })).await.named_events();
    assert!(
        refused
            .iter()
            .any(|(name, data)| name == "response.refusal.done" && data["refusal"] == "I cannot help with that.")
    );
    let content = &refused.last().unwrap().1["response"]["output"][0]["content"][0];
    assert_eq!(content["type"], "refusal");
}

#[tokio::test]
async fn a_limit_makes_a_response_incomplete() {
    let provider = Running::start().await;
    let request = json!({ "model": "story-1", "input": "50 words", "max_output_tokens": 16 });
    let response = create(&provider, &request).await;
    assert_eq!((&response["status"], &response["output"][0]["status"]), (&json!("incomplete"), &json!("incomplete")));
    assert_eq!(response["incomplete_details"], json!({ "reason": "max_output_tokens" }));
    let events = provider.post(PATH, &with(&request, json!({ "stream": true }))).await.named_events();
    assert_eq!(events.last().unwrap().0, "response.incomplete");
    let thought = with(&request, json!({ "model": "think-1" }));
    assert_eq!(create(&provider, &thought).await["output"].as_array().unwrap().len(), 1, "cut while it thinks");
}

#[tokio::test]
async fn a_request_goes_on_from_a_kept_answer_without_its_instructions() {
    let provider = Running::start().await;
    let first =
        create(&provider, &json!({ "model": "echo-1", "input": "weather", "instructions": "x", "tools": tools() }))
            .await;
    let call = &first["output"][0];
    assert_eq!(call["type"], "function_call");
    let result = json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "sun" });
    let next = json!({ "model": "echo-1", "previous_response_id": first["id"], "input": [result], "tools": tools() });
    let second = create(&provider, &next).await;
    assert_eq!(second["output"][0]["content"][0]["text"], "sun");
    assert_eq!(second["previous_response_id"], first["id"]);
    let third = json!({ "model": "echo-1", "previous_response_id": second["id"], "input": "again", "tools": tools() });
    let third = create(&provider, &third).await;
    assert!(third["usage"]["input_tokens"].as_u64() > second["usage"]["input_tokens"].as_u64());
    let unanswered = json!({ "model": "echo-1", "previous_response_id": first["id"], "input": "never mind" });
    assert_eq!(refused(&provider, &unanswered).await.0, 400);
}

#[tokio::test]
async fn a_kept_answer_is_read_and_deleted_and_one_that_is_not_kept_is_not_found() {
    let provider = Running::start().await;
    let response = create(&provider, &json!({ "model": "echo-1", "input": "x" })).await;
    let path = format!("{PATH}/{}", response["id"].as_str().unwrap());
    assert_eq!(provider.get(&path).await.json(), response);
    let items = provider.get(&format!("{path}/input_items")).await.json();
    assert_eq!(items["data"][0]["content"][0], json!({ "type": "input_text", "text": "x" }));
    assert_eq!(provider.request("DELETE", &path, "", b"").await.json()["deleted"], true);
    assert_eq!(provider.get(&path).await.status, 404);
    let unkept = create(&provider, &json!({ "model": "echo-1", "input": "y", "store": false })).await;
    let next = json!({ "model": "echo-1", "previous_response_id": unkept["id"], "input": "z" });
    let (status, error) = refused(&provider, &next).await;
    assert_eq!((status, &error["code"]), (400, &json!("previous_response_not_found")));
}

#[tokio::test]
async fn sealed_reasoning_comes_back_unchanged_or_is_refused() {
    let provider = Running::start().await;
    let request =
        json!({ "model": "think-1", "input": "x", "include": ["reasoning.encrypted_content"], "store": false });
    let first = create(&provider, &request).await;
    let mut items = vec![json!({ "role": "user", "content": "x" })];
    items.extend(first["output"].as_array().unwrap().iter().cloned());
    items.push(json!({ "role": "user", "content": "and" }));
    let mut next = with(&request, json!({ "input": items }));
    assert_eq!(create(&provider, &next).await["output"][1]["content"][0]["text"], "and");
    next["input"][1]["encrypted_content"] = "AAAA".into();
    let (status, error) = refused(&provider, &next).await;
    assert_eq!((status, &error["code"]), (400, &json!("invalid_encrypted_content")));
}

#[tokio::test]
async fn an_answer_fits_the_schema_that_it_is_to_have() {
    let provider = Running::start().await;
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"], "additionalProperties": false });
    let format = json!({ "type": "json_schema", "name": "number", "strict": true, "schema": schema });
    let response = create(&provider, &json!({ "model": "echo-1", "input": "x", "text": { "format": format } })).await;
    let text = response["output"][0]["content"][0]["text"].as_str().unwrap();
    assert!(jsonschema::is_valid(&schema, &serde_json::from_str(text).unwrap()), "{text}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let provider = Running::start().await;
    for (members, param, code) in [
        (json!({ "input": null }), json!("input"), "missing_required_parameter"),
        (json!({ "input": [] }), json!("input"), "empty_array"),
        (json!({ "input": 1 }), json!("input"), "invalid_type"),
        (json!({ "input": [{ "type": "item_reference", "id": "a" }] }), json!("input[0].type"), "invalid_value"),
        (
            json!({ "input": [{ "role": "user", "content": [{ "type": "text", "text": "x" }] }] }),
            json!("input[0].content[0].type"),
            "invalid_value",
        ),
        (json!({ "max_output_tokens": 15 }), json!("max_output_tokens"), "integer_below_min_value"),
        (json!({ "reasoning": { "effort": "low" } }), json!("reasoning.effort"), "unsupported_parameter"),
        (json!({ "background": true }), json!("background"), "unsupported_value"),
        (json!({ "tools": [{ "type": "web_search" }] }), json!("tools[0].type"), "unsupported_value"),
        (json!({ "messages": [] }), json!("messages"), "unknown_parameter"),
        (json!({ "model": null }), json!("model"), "missing_required_parameter"),
        (
            json!({ "input": vec![json!({ "role": "user", "content": "x" }); 2049] }),
            json!("input"),
            "array_above_max_length",
        ),
    ] {
        let request = with(&json!({ "model": "echo-1", "input": "x" }), members);
        let (status, error) = refused(&provider, &request).await;
        assert_eq!((status, &error["param"], &error["code"]), (400, &param, &json!(code)), "{error}");
    }
    assert_eq!(refused(&provider, &json!({ "model": "gpt-9", "input": "x" })).await.0, 404);
}
