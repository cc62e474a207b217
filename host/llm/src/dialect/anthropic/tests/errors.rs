//! Errors of a provider, in its own form and in any other.

use crate::dialect::anthropic::error::{read_error, type_of};
use crate::error::ProviderErrorKind;

#[test]
fn the_vendors_types_decide_before_the_status() {
    let cases = [
        (400, "invalid_request_error", ProviderErrorKind::Invalid),
        (401, "authentication_error", ProviderErrorKind::Authentication),
        (402, "billing_error", ProviderErrorKind::Exhausted),
        (403, "permission_error", ProviderErrorKind::Permission),
        (404, "not_found_error", ProviderErrorKind::NotFound),
        (413, "request_too_large", ProviderErrorKind::TooLarge),
        (413, "invalid_request_error", ProviderErrorKind::TooLarge),
        (429, "rate_limit_error", ProviderErrorKind::RateLimited),
        (500, "api_error", ProviderErrorKind::Server),
        (503, "api_error", ProviderErrorKind::Overloaded),
        (504, "timeout_error", ProviderErrorKind::Timeout),
        (529, "overloaded_error", ProviderErrorKind::Overloaded),
        (500, "overloaded_error", ProviderErrorKind::Overloaded),
        (409, "conflict_error", ProviderErrorKind::Invalid),
    ];
    for (status, code, kind) in cases {
        let body = format!(r#"{{"type":"error","error":{{"type":"{code}","message":"m"}},"request_id":"r"}}"#);
        let error = read_error(status, body.as_bytes());
        assert_eq!((error.kind, error.status), (kind, status), "{code}");
        assert_eq!((error.message.as_str(), error.code.as_deref()), ("m", Some(code)));
    }
}

#[test]
fn an_empty_account_is_told_apart_from_a_wrong_request() {
    let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access."}}"#;
    assert_eq!(read_error(400, body).kind, ProviderErrorKind::Exhausted);
}

#[test]
fn a_body_of_any_other_kind_is_told_by_its_status() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "The provider answered with status 502 and an empty body."),
        (
            b"<html>\r\n<p>",
            "The provider answered with status 502, and its body is no error object, but it begins with `<html>  <p>`.",
        ),
        (b"{}", "The provider answered with status 502, and its body is no error object, but it begins with `{}`."),
        (br#"{"error":"no room"}"#, "no room"),
        (br#"{"message":"plain"}"#, "plain"),
    ];
    for (body, message) in cases {
        let error = read_error(502, body);
        assert_eq!((error.kind, error.status, error.message.as_str()), (ProviderErrorKind::Server, 502, message));
    }
    let long = format!(r#"{{"error":{{"type":"{0}","message":"{0}"}}}}"#, "é".repeat(4000));
    let error = read_error(429, long.as_bytes());
    assert_eq!(
        (error.kind, error.message.len(), error.code.unwrap().len()),
        (ProviderErrorKind::RateLimited, 4096, 128)
    );
}

#[test]
fn every_kind_has_a_type_that_is_read_as_that_kind() {
    use ProviderErrorKind::*;
    for kind in
        [Invalid, Authentication, Permission, NotFound, TooLarge, RateLimited, Exhausted, Overloaded, Timeout, Server]
    {
        let body = format!(r#"{{"error":{{"type":"{}","message":"m"}}}}"#, type_of(kind));
        assert_eq!(read_error(418, body.as_bytes()).kind, kind);
    }
}
