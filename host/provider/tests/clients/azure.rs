//! The package `openai` as it talks to Azure.

use serde_json::json;

use crate::python::Running;

#[test]
fn the_package_openai_finds_everything_that_it_expects_of_azure() {
    let provider = Running::start();
    let saw = provider.run("use_azure.py", &[("OPENAI_API_VERSION", "2024-10-21")]);
    let expected = json!({
        "answer": "one two",
        "filters": "safe",
        "first_choices": 0,
        "streamed": ["", "one", " two", null],
        "vector": 8,
        "newer": "Hello",
        "failures": {
            "key": ["AuthenticationError", 401, "401"],
            "deployment": ["NotFoundError", 404, "DeploymentNotFound"],
            "limit": ["RateLimitError", 429, "429"],
        },
    });
    assert_eq!(saw, expected);
}
