//! The packages `boto3` and `botocore`, which sign what they send and verify the frames that they get.

use serde_json::json;
use sluicegate_provider::ProviderKey;

use crate::python::{KEY, Running};

#[test]
fn the_package_boto3_finds_everything_that_it_expects() {
    let provider = Running::start();
    let saw = provider.run("use_bedrock.py", &[("ACCESS_KEY_ID", &ProviderKey::new(KEY).access_key_id())]);
    let expected = json!({
        "answer": ["Hello", "end_turn", 2],
        "streamed": ["one", " two"],
        "blocks": ["reasoningContent", "toolUse"],
        "input": ["city"],
        "told": "sun",
        "forged": ["ValidationException", 400, "ValidationException"],
        "invoked": "one two",
        "invoked_kinds": ["message_start", "message_stop"],
        "counted": 8,
        "escaped": "x y",
        "failures": {
            "secret": ["ClientError", 403, "InvalidSignatureException"],
            "model": ["ValidationException", 400, "ValidationException"],
            "order": ["ValidationException", 400, "ValidationException"],
            "limit": ["ThrottlingException", 429, "ThrottlingException"],
            "in_stream": ["EventStreamError", null, "throttlingException"],
        },
    });
    assert_eq!(saw, expected);
}
