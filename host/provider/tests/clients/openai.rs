//! The package `openai`.

use serde_json::json;

use crate::python::Running;

#[test]
fn the_package_openai_finds_everything_that_it_expects() {
    let provider = Running::start();
    let saw = provider.run("use_openai.py", &[]);
    let usage = saw["usage"].as_array().unwrap();
    assert!(usage.iter().all(|tokens| tokens.as_u64() > Some(8)), "{saw}");
    let expected = json!({
        "arguments": ["city"],
        "told": "sun",
        "words": 9,
        "streamed_call": "weather",
        "usage": usage,
        "plan": ["hours", "steps", "title"],
        "refusal": "I cannot help with that.",
        "choices": 3,
        "thought": true,
        "responses": ["Hello", "again", "again"],
        "response_kinds": ["response.created", "response.completed"],
        "response_items": ["reasoning", "message"],
        "response_plan": ["hours", "steps", "title"],
        "vectors": [8, 8],
        "models": ["echo-1", "story-1", "think-1", "refuse-1", "embed-1"],
        "failures": {
            "key": ["AuthenticationError", 401, "invalid_api_key"],
            "model": ["NotFoundError", 404, "model_not_found"],
            "value": ["BadRequestError", 400, "integer_below_min_value"],
            "limit": ["RateLimitError", 429, "rate_limit_exceeded"],
            "broken": ["InternalServerError", 500, null],
            "in_stream": ["APIError", null, null],
        },
    });
    assert_eq!(saw, expected);
    assert!(provider.invoice.lines().iter().any(|line| line.model == "embed-1"));
}
