//! Errors of OpenAI, Azure and those who imitate them.

use crate::dialect::{Dialect, read_error};
use crate::error::{MESSAGE_BYTES_MAX, ProviderErrorKind};

#[test]
fn errors_are_of_the_kind_that_their_words_or_else_their_status_say() {
    use ProviderErrorKind as Is;
    for (status, body, kind, message, code) in [
        (
            401,
            r#"{"error":{"message":"Bad key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            Is::Authentication,
            "Bad key",
            Some("invalid_api_key"),
        ),
        (
            400,
            r#"{"error":{"message":"Long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            Is::Invalid,
            "Long",
            Some("context_length_exceeded"),
        ),
        (
            429,
            r#"{"error":{"message":"Slow","type":"requests","code":"rate_limit_exceeded"}}"#,
            Is::RateLimited,
            "Slow",
            Some("rate_limit_exceeded"),
        ),
        (
            429,
            r#"{"error":{"message":"Pay","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            Is::Exhausted,
            "Pay",
            Some("insufficient_quota"),
        ),
        (
            404,
            r#"{"error":{"message":"No","type":"invalid_request_error","code":"model_not_found"}}"#,
            Is::NotFound,
            "No",
            Some("model_not_found"),
        ),
        (
            403,
            r#"{"error":{"message":"No","type":"invalid_request_error","code":null}}"#,
            Is::Permission,
            "No",
            Some("invalid_request_error"),
        ),
        (503, r#"{"error":{"message":"Busy","type":"server_error"}}"#, Is::Overloaded, "Busy", Some("server_error")),
        (500, r#"{"error":{"message":"Oh","type":"server_error"}}"#, Is::Server, "Oh", Some("server_error")),
        (
            404,
            r#"{"error":{"code":"DeploymentNotFound","message":"None"}}"#,
            Is::NotFound,
            "None",
            Some("DeploymentNotFound"),
        ),
        (401, r#"{"statusCode":401,"message":"Denied"}"#, Is::Authentication, "Denied", Some("401")),
        (
            400,
            r#"{"error":{"message":"Filtered","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            Is::Invalid,
            "Filtered",
            Some("content_filter"),
        ),
        // vLLM, Mistral, FastAPI, Ollama.
        (
            400,
            r#"{"object":"error","message":"Bad","type":"BadRequestError","param":null,"code":400}"#,
            Is::Invalid,
            "Bad",
            Some("400"),
        ),
        (
            422,
            r#"{"detail":[{"loc":["body"],"msg":"extra fields","type":"extra_forbidden"}]}"#,
            Is::Invalid,
            "extra fields",
            None,
        ),
        (404, r#"{"detail":"Not Found"}"#, Is::NotFound, "Not Found", None),
        (404, r#"{"error":"model 'x' not found"}"#, Is::NotFound, "model 'x' not found", None),
        (502, "", Is::Server, "The provider answered with status 502 and an empty body.", None),
        (
            504,
            "<html>late</html>",
            Is::Timeout,
            "The provider answered with status 504 and what is no error object: <html>late</html>",
            None,
        ),
        (500, "{}", Is::Server, "The provider answered with status 500 and what is no error object: {}", None),
    ] {
        let error = read_error(Dialect::OpenAi, status, body.as_bytes());
        assert_eq!((error.kind, error.status, error.message.as_str()), (kind, status, message), "{body}");
        assert_eq!(error.code.as_deref(), code, "{body}");
    }
}

#[test]
fn what_is_kept_of_an_error_has_limits() {
    let long = "ä".repeat(5_000);
    let body = format!(r#"{{"error":{{"message":"{long}","code":"{long}","param":"{long}"}}}}"#);
    let error = read_error(Dialect::OpenAi, 400, body.as_bytes());
    assert_eq!(error.message.len(), MESSAGE_BYTES_MAX);
    assert_eq!((error.code.unwrap().len(), error.param.unwrap().len()), (128, 128));
    assert!(read_error(Dialect::OpenAi, 500, &[0xff; 5_000]).message.len() < 400);
}

/// In a stream there is no status but that of its beginning.
#[test]
fn an_error_without_a_status_gets_that_of_its_words() {
    for (body, status, kind) in [
        (r#"{"error":{"message":"x","type":"invalid_request_error"}}"#, 400, ProviderErrorKind::Invalid),
        (r#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#, 429, ProviderErrorKind::RateLimited),
        (r#"{"error":{"message":"x","code":502}}"#, 502, ProviderErrorKind::Server),
        (r#"{"error":{"message":"x"}}"#, 500, ProviderErrorKind::Server),
    ] {
        let document = crate::json::Document::parse(bytes::Bytes::from_static(body.as_bytes())).unwrap();
        let error = super::super::error::carried(&document.root).unwrap();
        assert_eq!((error.status, error.kind), (status, kind), "{body}");
    }
}
