//! The package `google-genai`.

use serde_json::json;

use crate::python::Running;

#[test]
fn the_package_google_genai_finds_everything_that_it_expects() {
    let provider = Running::start();
    let saw = provider.run("use_gemini.py", &[]);
    let expected = json!({
        "answer": "Hello",
        "streamed": ["one", " two", ""],
        "parts": [[true, null, false], [false, "weather", true]],
        "thought": true,
        "told": "sun",
        "forged": ["ClientError", 400, "INVALID_ARGUMENT"],
        "streamed_call": ["weather"],
        "automatic": "sky over somewhere",
        "formed": ["n"],
        "refusal": "SAFETY",
        "counted": 8,
        "vectors": [8, 8],
        "models": ["models/echo-1", "models/story-1", "models/think-1", "models/refuse-1", "models/embed-1"],
        "failures": {
            "key": ["ClientError", 400, "INVALID_ARGUMENT"],
            "model": ["ClientError", 404, "NOT_FOUND"],
            "value": ["ClientError", 400, "INVALID_ARGUMENT"],
            "limit": ["ClientError", 429, "RESOURCE_EXHAUSTED"],
            "in_stream": ["ServerError", 503, "UNAVAILABLE"],
        },
    });
    assert_eq!(saw, expected);
}
