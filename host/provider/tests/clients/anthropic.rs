//! The package `anthropic`.

use serde_json::json;

use crate::python::Running;

#[test]
fn the_package_anthropic_finds_everything_that_it_expects() {
    let provider = Running::start();
    let saw = provider.run("use_anthropic.py", &[]);
    let expected = json!({
        "answer": "Hello",
        "kinds": [
            "content_block_delta", "content_block_start", "content_block_stop", "input_json", "message_delta",
            "message_start", "message_stop", "signature", "thinking",
        ],
        "blocks": ["thinking", "tool_use"],
        "input": ["city"],
        "told": "sun",
        "thought": true,
        "forged": ["BadRequestError", 400, "invalid_request_error"],
        "cache": [5, true, 0],
        "counted": 8,
        "formed": ["n"],
        "refusal": "refusal",
        "models": ["refuse-1", "think-1", "story-1", "echo-1"],
        "failures": {
            "key": ["AuthenticationError", 401, "authentication_error"],
            "model": ["NotFoundError", 404, "not_found_error"],
            "value": ["BadRequestError", 400, "invalid_request_error"],
            "limit": ["RateLimitError", 429, "rate_limit_error"],
            "overload": ["OverloadedError", 529, "overloaded_error"],
            "in_stream": ["APIStatusError", 200, "overloaded_error"],
        },
    });
    assert_eq!(saw, expected);
}
