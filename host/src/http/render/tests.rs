use std::borrow::Cow;
use std::fmt::Write;

use super::*;
use crate::error::{Code, Fault};

const DIALECTS: [Dialect; 4] = [Dialect::Http, Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini];

fn refused(status: u16, code: &'static str, message: &str) -> Refusal {
    Refusal {
        status: StatusCode::from_u16(status).unwrap(),
        fault: Fault::Policy,
        code: Cow::Borrowed(code),
        message: message.to_string(),
        retry_after: None,
        fields: HeaderMap::new(),
        problem_type: None,
        details: Vec::new(),
    }
}

fn printed(response: &Response<Bytes>) -> String {
    let mut text = format!("{}\n", response.status());
    let mut lines: Vec<String> =
        response.headers().iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    lines.sort();
    text.extend(lines);
    write!(text, "\n{}", String::from_utf8_lossy(response.body())).unwrap();
    text
}

fn all_dialects(refusal: &Refusal) -> String {
    DIALECTS
        .iter()
        .map(|dialect| format!("--- {dialect:?}\n{}\n", printed(&render(refusal, *dialect, "req-1"))))
        .collect()
}

#[test]
fn a_wrong_key_in_every_dialect() {
    let mut refusal = refused(401, "key_unknown", "This key is not known.");
    refusal.fields.insert("www-authenticate", HeaderValue::from_static("Bearer"));
    insta::assert_snapshot!(all_dialects(&refusal));
}

#[test]
fn a_reached_limit_in_every_dialect() {
    let mut refusal =
        refused(429, "rate_limited", "100 requests a minute are used up.").retry_after(Duration::from_millis(1001));
    refusal.problem_type = Some("https://iana.org/assignments/http-problem-types#quota-exceeded".to_string());
    refusal.details.push(("violated-policies".to_string(), r#"["burst"]"#.to_string()));
    insta::assert_snapshot!(all_dialects(&refusal));
}

#[test]
fn an_event_stream_ends_with_an_error_in_every_dialect() {
    let mut refusal = Refusal::new(Code::UpstreamBroken, "The upstream cut the answer.");
    refusal.details.push(("spread".to_string(), "[1,\r\n2]".to_string()));
    let text: String = DIALECTS
        .iter()
        .map(|dialect| {
            let event = render_stream_error(&refusal, *dialect, "req-1");
            assert_eq!(event.windows(2).filter(|pair| pair == b"\n\n").count(), 1);
            format!("--- {dialect:?}\n{}", String::from_utf8_lossy(&event))
        })
        .collect();
    insta::assert_snapshot!(text);
}

#[test]
fn each_refusal_of_the_gateway_has_its_words_in_each_dialect() {
    let mut text = String::new();
    for code in Code::ALL {
        let refusal = Refusal::new(*code, "x");
        let (kind, openai_code) = openai(&refusal);
        let (status, anthropic, gemini) = (refusal.status, anthropic(refusal.status), gemini(refusal.status));
        writeln!(text, "{} {} | {kind} {openai_code} | {anthropic} | {gemini}", status.as_u16(), refusal.code).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_exhausted_budget_tells_the_sdks_not_to_retry() {
    let response = render(&refused(429, "budget_exceeded", "The budget of May is used up."), Dialect::OpenAi, "req-1");
    assert_eq!(response.headers()[X_SHOULD_RETRY], "false");
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["error"]["type"], "insufficient_quota");
}

#[test]
fn retry_after_is_rounded_up_to_whole_seconds() {
    for (milliseconds, seconds) in [(0, "0"), (1, "1"), (1000, "1"), (1001, "2"), (59_999, "60")] {
        let refusal = refused(429, "rate_limited", "").retry_after(Duration::from_millis(milliseconds));
        assert_eq!(render(&refusal, Dialect::Http, "req-1").headers()[RETRY_AFTER], seconds);
    }
}

#[test]
fn a_plugins_fields_cannot_replace_those_of_the_host() {
    let mut refusal = refused(403, "no", "No.");
    for (name, value) in [
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("content-type", "text/html"),
        ("x-request-id", "forged"),
        ("x-sluicegate-code", "forged"),
        ("x-kept", "kept"),
    ] {
        refusal.fields.append(name, HeaderValue::from_static(value));
    }
    insta::assert_snapshot!(printed(&render(&refusal, Dialect::OpenAi, "req-1")), @r#"
    403 Forbidden
    content-length: 78
    content-type: application/json
    x-kept: kept
    x-request-id: req-1
    x-sluicegate-code: no

    {"error":{"message":"No.","type":"permission_error","param":null,"code":"no"}}
    "#);
}

#[test]
fn details_that_are_no_json_too_long_doubled_or_the_hosts_own_are_left_out() {
    let mut refusal = refused(400, "bad", "Bad.");
    for (name, text) in [
        ("status", "200".to_string()),
        ("broken", r#"1,"status":200"#.to_string()),
        ("empty", String::new()),
        ("long", format!("\"{}\"", "x".repeat(DETAIL_BYTES_MAX))),
        ("number", "1.50".to_string()),
        ("number", "2".to_string()),
    ] {
        refusal.details.push((name.to_string(), text));
    }
    let response = render(&refusal, Dialect::Http, "req-1");
    insta::assert_snapshot!(
        String::from_utf8_lossy(response.body()),
        @r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"Bad.","instance":"req-1","code":"bad","number":1.50}"#
    );
}

#[test]
fn details_past_the_limit_are_left_out() {
    let mut refusal = refused(400, "bad", "Bad.");
    refusal.details = (0..DETAILS_MAX + 5).map(|n| (format!("d{n}"), n.to_string())).collect();
    let response = render(&refusal, Dialect::Http, "req-1");
    let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body.as_object().unwrap().len(), PROBLEM_MEMBERS.len() + DETAILS_MAX);
}

#[test]
fn a_message_with_line_ends_and_quotes_stays_one_event() {
    let refusal = refused(500, "x", "two\n\nlines \"quoted\"\u{2028}");
    for dialect in DIALECTS {
        let event = render_stream_error(&refusal, dialect, "req-1");
        assert_eq!(event.windows(2).filter(|pair| pair == b"\n\n").count(), 1);
    }
}
