//! Errors of the vendor: a message, and its kind in the status, in a member, or in a frame's header.

use bytes::Bytes;

use crate::error::{MESSAGE_BYTES_MAX, ProviderError, ProviderErrorKind, bounded, quoted};
use crate::json::{Document, Value};

const CODE_BYTES_MAX: usize = 128;

pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    let document = Document::parse(Bytes::copy_from_slice(body)).ok();
    if let Some(error) = document.and_then(|document| error_in(&document.root, Some(status))) {
        return error;
    }
    let text = quoted(body);
    let message = match text.trim() {
        "" => format!("The provider answered with status {status} and no body."),
        text => {
            format!("The provider answered with status {status} and a body that is no error of its dialect: `{text}`.")
        }
    };
    ProviderError { kind: of_status(status), status, message, code: None, param: None, retry_after: None }
}

/// Of a body with a message, or the name of an error, or both.
pub fn error_in(root: &Value, status: Option<u16>) -> Option<ProviderError> {
    let member = |name: &str| root.get(name).and_then(Value::as_str);
    // `com.amazon.coral.service#AccessDeniedException`, `AccessDeniedException:http://…`
    let name = member("__type").or(member("code")).unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or(name);
    let name = name.split(':').next().unwrap_or(name);
    match member("message").or(member("Message")) {
        None if name.is_empty() => None,
        message => Some(named(name, message.unwrap_or_default(), status)),
    }
}

/// Of an exception with this name, such as `throttlingException`.
pub fn named(name: &str, message: &str, status: Option<u16>) -> ProviderError {
    let kind = of_name(name).or(status.map(of_status)).unwrap_or(ProviderErrorKind::Server);
    let kind = match kind {
        ProviderErrorKind::Permission if speaks_of_credential(message) => ProviderErrorKind::Authentication,
        ProviderErrorKind::Invalid if message.contains("model identifier is invalid") => ProviderErrorKind::NotFound,
        kind => kind,
    };
    let message = if message.is_empty() { "The provider reported an error without a message." } else { message };
    ProviderError {
        kind,
        status: status.unwrap_or(of_kind(kind)),
        message: bounded(message, MESSAGE_BYTES_MAX),
        code: (!name.is_empty()).then(|| bounded(name, CODE_BYTES_MAX)),
        param: None,
        retry_after: None,
    }
}

/// The name of an error that has the status 403 too often stands in a field only.
fn speaks_of_credential(message: &str) -> bool {
    ["security token", "signature", "Authentication Token", "API Key", "api key"]
        .iter()
        .any(|words| message.contains(words))
}

fn of_name(name: &str) -> Option<ProviderErrorKind> {
    let lower = name.to_ascii_lowercase();
    Some(match lower.strip_suffix("exception").unwrap_or(&lower) {
        "validation" | "serialization" => ProviderErrorKind::Invalid,
        "accessdenied" => ProviderErrorKind::Permission,
        "unrecognizedclient"
        | "invalidsignature"
        | "missingauthenticationtoken"
        | "incompletesignature"
        | "expiredtoken"
        | "invalidclienttokenid" => ProviderErrorKind::Authentication,
        "resourcenotfound" | "unknownoperation" => ProviderErrorKind::NotFound,
        "throttling" | "toomanyrequests" => ProviderErrorKind::RateLimited,
        "servicequotaexceeded" => ProviderErrorKind::Exhausted,
        "modelnotready" | "serviceunavailable" => ProviderErrorKind::Overloaded,
        "modeltimeout" => ProviderErrorKind::Timeout,
        "modelerror" | "modelstreamerror" | "internalserver" | "internalfailure" => ProviderErrorKind::Server,
        _ => return None,
    })
}

fn of_status(status: u16) -> ProviderErrorKind {
    match status {
        // The model failed, not the request.
        424 => ProviderErrorKind::Server,
        status => ProviderErrorKind::of_status(status),
    }
}

fn of_kind(kind: ProviderErrorKind) -> u16 {
    match kind {
        ProviderErrorKind::Invalid => 400,
        ProviderErrorKind::Authentication | ProviderErrorKind::Permission => 403,
        ProviderErrorKind::NotFound => 404,
        ProviderErrorKind::TooLarge => 413,
        ProviderErrorKind::RateLimited | ProviderErrorKind::Exhausted => 429,
        ProviderErrorKind::Overloaded => 503,
        ProviderErrorKind::Timeout => 408,
        ProviderErrorKind::Server => 500,
    }
}
