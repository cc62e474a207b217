//! Errors of a provider, and of a stream for a client.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::read_error;
use super::{read, write_events};
use crate::answer::Event;
use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind};

fn body(code: u16, status: &str, details: Value) -> Vec<u8> {
    json!({ "error": { "code": code, "message": "M", "status": status, "details": details } }).to_string().into_bytes()
}

#[test]
fn the_vendors_words_say_the_kind_before_the_status_does() {
    let info = |reason: &str| json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
    let none = || json!([]);
    let cases = [
        (400, "INVALID_ARGUMENT", none(), ProviderErrorKind::Invalid),
        (400, "INVALID_ARGUMENT", info("API_KEY_INVALID"), ProviderErrorKind::Authentication),
        (403, "PERMISSION_DENIED", info("BILLING_DISABLED"), ProviderErrorKind::Exhausted),
        (403, "PERMISSION_DENIED", info("SERVICE_DISABLED"), ProviderErrorKind::Permission),
        (400, "FAILED_PRECONDITION", none(), ProviderErrorKind::Invalid),
        (401, "UNAUTHENTICATED", none(), ProviderErrorKind::Authentication),
        (404, "NOT_FOUND", none(), ProviderErrorKind::NotFound),
        (429, "RESOURCE_EXHAUSTED", none(), ProviderErrorKind::RateLimited),
        (503, "UNAVAILABLE", none(), ProviderErrorKind::Overloaded),
        (504, "DEADLINE_EXCEEDED", none(), ProviderErrorKind::Timeout),
        (500, "INTERNAL", none(), ProviderErrorKind::Server),
        (413, "SOMETHING_NEW", none(), ProviderErrorKind::TooLarge),
    ];
    for (status, word, details, kind) in cases {
        let error = read_error(status, &body(status, word, details));
        assert_eq!((error.kind, error.status, error.message.as_str()), (kind, status, "M"), "{word}");
    }
}

#[test]
fn when_to_come_back_and_what_is_wrong_stand_in_the_details() {
    let details = json!([
        { "@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [] },
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s" },
        { "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{ "field": "contents" }] },
    ]);
    let error = read_error(429, &body(429, "RESOURCE_EXHAUSTED", details));
    assert_eq!(error.retry_after, Some(Duration::from_millis(17_500)));
    assert_eq!((error.param.as_deref(), error.code.as_deref()), (Some("contents"), Some("RESOURCE_EXHAUSTED")));
    for delay in ["-1s", "1e400s", "NaNs", "soon", ""] {
        let details = json!([{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }]);
        assert_eq!(read_error(429, &body(429, "RESOURCE_EXHAUSTED", details)).retry_after, None, "{delay}");
    }
}

#[test]
fn anything_else_is_an_error_by_its_status() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "The provider answered with status 502 and no body."),
        (b" \r\n", "The provider answered with status 502 and no body."),
        (
            b"<html>\n<p>Bad gateway",
            "The provider answered with status 502 and a body that is no error of its dialect: `<html> <p>Bad gateway`.",
        ),
        (
            b"{\"error\":1}",
            "The provider answered with status 502 and a body that is no error of its dialect: `{\"error\":1}`.",
        ),
        (b"{\"error\":{}}", "The provider reported an error without a message."),
    ];
    for (body, message) in cases {
        let error = read_error(502, body);
        assert_eq!((error.kind, error.status), (ProviderErrorKind::Server, 502));
        assert_eq!(error.message, message);
    }
    assert_eq!(read_error(400, b"{\"error\":\"words\"}").message, "words");
    assert_eq!(read_error(400, b"[{\"error\":{\"message\":\"in an array\"}}]").message, "in an array");
    let long = json!({ "error": { "message": "ü".repeat(MESSAGE_BYTES_MAX) } }).to_string();
    assert_eq!(read_error(400, long.as_bytes()).message.len(), MESSAGE_BYTES_MAX);
    assert!(read_error(400, "ü".repeat(99).as_bytes()).message.len() < 200);
}

#[test]
fn an_error_takes_the_place_of_the_streams_end() {
    let error = ProviderError {
        kind: ProviderErrorKind::RateLimited,
        status: 429,
        message: "Slow down.".to_owned(),
        code: None,
        param: None,
        retry_after: Some(Duration::from_secs(3)),
    };
    let found = write_events(&read(json!({})).unwrap(), &[Event::Error(error), Event::Done]);
    let info = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s" });
    let status = json!({ "code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [info] });
    assert_eq!(found, [json!({ "error": status })]);
}
