//! One path with two lists of models, and the lists of the others.

use crate::support::Running;
use serde_json::{Value, json};

const ANTHROPIC: &str = "anthropic-version: 2023-06-01\r\n";

#[tokio::test]
async fn the_version_field_decides_whose_list_it_is() {
    let provider = Running::start().await;
    assert_eq!(provider.get("/v1/models").await.json()["object"], "list");
    let list = provider.request("GET", "/v1/models", ANTHROPIC, b"").await.json();
    assert_eq!(
        (&list["has_more"], &list["first_id"], &list["last_id"]),
        (&json!(false), &json!("refuse-1"), &json!("echo-1"))
    );
    let card = provider.request("GET", "/v1/models/echo-1", ANTHROPIC, b"").await.json();
    assert_eq!((&card["type"], &card["created_at"]), (&json!("model"), &json!("2023-11-14T22:13:20Z")));
    assert!(list["data"].as_array().unwrap().contains(&card));
    let missing = provider.request("GET", "/v1/models/gpt-9", ANTHROPIC, b"").await;
    assert_eq!((missing.status, &missing.json()["error"]["type"]), (404, &json!("not_found_error")));
}

#[tokio::test]
async fn pages_of_both_lists_follow_each_other() {
    let provider = Running::start().await;
    let ids = |list: &Value, name: &str, id: &str| -> Vec<String> {
        list[name].as_array().unwrap().iter().map(|card| card[id].as_str().unwrap().to_owned()).collect()
    };
    let first = provider.request("GET", "/v1/models?limit=3", ANTHROPIC, b"").await.json();
    assert_eq!(
        (ids(&first, "data", "id"), &first["has_more"]),
        (vec!["refuse-1".into(), "think-1".into(), "story-1".into()], &json!(true))
    );
    let second = provider.request("GET", "/v1/models?limit=3&after_id=story-1", ANTHROPIC, b"").await.json();
    assert_eq!((ids(&second, "data", "id"), &second["has_more"]), (vec!["echo-1".into()], &json!(false)));
    assert_eq!(provider.request("GET", "/v1/models?limit=0", ANTHROPIC, b"").await.status, 400);

    let first = provider.get("/v1beta/models?pageSize=3").await.json();
    let token = first["nextPageToken"].as_str().unwrap();
    let second = provider.get(&format!("/v1beta/models?pageSize=3&pageToken={token}")).await.json();
    let names = [ids(&first, "models", "name"), ids(&second, "models", "name")].concat();
    assert_eq!(names, ["models/echo-1", "models/story-1", "models/think-1", "models/refuse-1", "models/embed-1"]);
    assert_eq!(second.get("nextPageToken"), None);
    assert_eq!(provider.get("/v1beta/models/echo-1").await.json()["displayName"], "Echo 1");
    assert_eq!(provider.get("/v1beta/models/gpt-9").await.status, 404);
}
