//! Which exchanges a trace is about.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use sluicegate_runtime::CREDENTIAL_FIELDS;

/// Exchanges of one trace.
pub const COUNT_MAX: u32 = 100;
/// How long a trace stays armed.
pub const TIME_MAX: Duration = Duration::from_secs(10 * 60);
const TIME_USUAL: Duration = Duration::from_secs(60);
/// Header fields that one trace asks for.
const HEADERS_MAX: usize = 16;

/// A trace as it is asked for, in JSON. What is left out matches everything.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraceRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What the path begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// By the field's name, the value that it has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<String>,
    /// After so many exchanges it ends; 1 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// After so many seconds it ends; 60 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u64>,
}

/// The same, checked.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    route: Option<String>,
    method: Option<Method>,
    path: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    request_id: Option<String>,
    consumer: Option<String>,
}

/// What a request is known by at its head.
pub(super) struct Head<'a> {
    /// Empty where none matched.
    pub(super) route: &'a str,
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    /// Without those that carry credentials.
    pub(super) headers: &'a HeaderMap,
    pub(super) request_id: &'a str,
}

/// A filter with its bounds: how many exchanges, for how long.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) filter: Filter,
    pub(super) count: u32,
    pub(super) time: Duration,
}

impl TraceRequest {
    /// Errors are sentences.
    pub(super) fn check(self) -> Result<Terms, String> {
        let count = self.count.unwrap_or(1);
        if !(1..=COUNT_MAX).contains(&count) {
            return Err(format!("A trace takes 1 to {COUNT_MAX} requests, not {count}."));
        }
        let time = self.timeout_s.map_or(TIME_USUAL, Duration::from_secs);
        if time.is_zero() || time > TIME_MAX {
            return Err(format!("A trace is armed for 1 to {} seconds, not {}.", TIME_MAX.as_secs(), time.as_secs()));
        }
        let method = self.method.map(|method| {
            Method::from_bytes(method.as_bytes())
                .map_err(|_| "The method is no method; write one such as GET.".to_owned())
        });
        if self.path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("The path is what a path begins with, such as /v1/; it starts with a slash.".to_owned());
        }
        if self.headers.len() > HEADERS_MAX {
            return Err(format!("A trace asks for at most {HEADERS_MAX} header fields."));
        }
        let headers = self.headers.into_iter().map(|(name, value)| field(&name, &value));
        Ok(Terms {
            filter: Filter {
                route: self.route,
                method: method.transpose()?,
                path: self.path,
                headers: headers.collect::<Result<_, _>>()?,
                request_id: self.request_id,
                consumer: self.consumer,
            },
            count,
            time,
        })
    }
}

impl Filter {
    pub(super) fn matches(&self, head: &Head<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        fits(&self.route, head.route)
            && fits(&self.request_id, head.request_id)
            && self.method.as_ref().is_none_or(|method| method == head.method)
            && self.path.as_deref().is_none_or(|path| head.path.starts_with(path))
            && self.headers.iter().all(|(name, value)| head.headers.get_all(name).iter().any(|found| found == value))
    }

    /// Whether only the end of an exchange tells, when its consumer is known.
    pub(super) fn waits_for_consumer(&self) -> bool {
        self.consumer.is_some()
    }

    pub(super) fn matches_consumer(&self, consumer: Option<&str>) -> bool {
        self.consumer.as_deref().is_none_or(|wanted| Some(wanted) == consumer)
    }
}

/// A field that carries credentials is no field of a trace: an answer would say whether a guess at its value was right.
fn field(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let shown = name.escape_debug();
    let name: HeaderName = name.parse().map_err(|_| format!("`{shown}` is no name of a header field."))?;
    if CREDENTIAL_FIELDS.contains(&name.as_str()) {
        return Err(format!("`{name}` carries credentials, so no trace can ask for it; ask for a consumer instead."));
    }
    let value = value.parse().map_err(|_| format!("The value for `{name}` has a character that no field can have."))?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(json: serde_json::Value) -> TraceRequest {
        serde_json::from_value(json).unwrap()
    }

    fn matches(json: serde_json::Value) -> bool {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        let head =
            Head { route: "chat", method: &Method::POST, path: "/v1/chat", headers: &headers, request_id: "id-1" };
        request(json).check().unwrap().filter.matches(&head)
    }

    #[test]
    fn each_word_of_a_filter_must_match_and_what_is_left_out_does() {
        assert!(matches(json!({})));
        for (word, value, other) in [
            ("route", json!("chat"), json!("cha")),
            ("method", json!("POST"), json!("post")),
            ("path", json!("/v1/"), json!("/v2")),
            ("headers", json!({"x-a": "2"}), json!({"x-a": "1", "x-b": ""})),
            ("request_id", json!("id-1"), json!("id-2")),
        ] {
            assert!(matches(json!({word: value})), "{word}");
            assert!(!matches(json!({word: other})), "{word}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_a_sentence() {
        for (json, sentence) in [
            (json!({"count": 101}), "1 to 100"),
            (json!({"count": 0}), "1 to 100"),
            (json!({"timeout_s": 601}), "1 to 600"),
            (json!({"timeout_s": 0}), "1 to 600"),
            (json!({"path": "v1"}), "slash"),
            (json!({"method": "a b"}), "no method"),
            (json!({"headers": {"a b": "1"}}), "no name"),
            (json!({"headers": {"Cookie": "a=b"}}), "carries credentials"),
            (json!({"headers": {"x-a": "\n"}}), "character"),
        ] {
            let error = request(json.clone()).check().unwrap_err();
            assert!(error.contains(sentence), "{json}: {error}");
        }
        let many: BTreeMap<String, String> = (0..17).map(|number| (format!("x-{number}"), String::new())).collect();
        assert!(TraceRequest { headers: many, ..TraceRequest::default() }.check().is_err());
        assert!(serde_json::from_value::<TraceRequest>(json!({"rout": "chat"})).is_err());
    }

    #[test]
    fn a_consumer_is_compared_when_it_is_known() {
        let filter = request(json!({"consumer": "acme"})).check().unwrap().filter;
        assert!(filter.waits_for_consumer());
        assert!(filter.matches_consumer(Some("acme")));
        assert!(!filter.matches_consumer(Some("other")) && !filter.matches_consumer(None));
    }
}
