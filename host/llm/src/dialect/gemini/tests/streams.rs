//! A provider's streams.

use serde_json::{Value, json};

use super::answers::{self, response};
use super::{read_pieces, sum};
use crate::answer::{EndReason, Event};
use crate::error::ProviderErrorKind;
use crate::sse;

pub fn stream(answers: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    answers.iter().for_each(|answer| sse::write("", &answer.to_string(), &mut bytes));
    bytes
}

/// The whole answer, a part in each event.
pub fn cut() -> Vec<Value> {
    let whole = response();
    let parts = whole["candidates"][0]["content"]["parts"].as_array().unwrap();
    let mut answers: Vec<Value> = parts
        .iter()
        .map(|part| {
            let candidate = json!({ "index": 0, "content": { "role": "model", "parts": [part] } });
            json!({ "candidates": [candidate], "usageMetadata": { "promptTokenCount": 1 }, "modelVersion": "gemini-3-001", "responseId": "r1" })
        })
        .collect();
    let last =
        json!({ "candidates": [{ "index": 0, "finishReason": "STOP" }], "usageMetadata": whole["usageMetadata"] });
    answers.push(last);
    answers
}

fn text(index: u32, text: &str, finish: Option<&str>) -> Value {
    json!({ "candidates": [{ "index": index, "content": { "parts": [{ "text": text }] }, "finishReason": finish }] })
}

fn broken(bytes: &[u8]) -> String {
    read_pieces(&[bytes]).1.unwrap_err().message
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let (events, end) = read_pieces(&[&stream(&cut())]);
    assert_eq!(end, Ok(()));
    let whole = super::super::read_answer(crate::call::Operation::Chat, &response().to_string().into()).unwrap();
    assert_eq!(sum(&events), sum(&whole));
    assert_eq!(sum(&events).choices[0].pieces, answers::pieces());
    assert_eq!(events.last(), Some(&Event::Done));
}

#[test]
fn a_stream_cut_anywhere_gives_the_same_events() {
    let lines = String::from_utf8(stream(&cut())).unwrap();
    let array = Value::from(cut()).to_string();
    for text in [lines.clone(), lines.replace('\n', "\r\n"), array] {
        let bytes = text.as_bytes();
        let (expected, end) = read_pieces(&[bytes]);
        assert!(end.is_ok() && expected.last() == Some(&Event::Done));
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(read_pieces(&[first, second]).0, expected, "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read_pieces(&single).0, expected);
    }
}

#[test]
fn a_stream_without_its_last_event_is_cut() {
    let answers = cut();
    for count in 1..answers.len() {
        assert_eq!(broken(&stream(&answers[..count])), "The stream ended before its last `finishReason`.");
    }
    assert_eq!(broken(b""), "The stream ended before its last `finishReason`.");
}

#[test]
fn every_candidate_that_began_must_end() {
    let mut answers = vec![text(0, "a", None), text(1, "b", None), text(1, "c", Some("STOP"))];
    assert_eq!(broken(&stream(&answers)), "The stream ended before its last `finishReason`.");
    answers.push(text(0, "d", Some("MAX_TOKENS")));
    let (events, end) = read_pieces(&[&stream(&answers)]);
    assert_eq!(end, Ok(()));
    let answer = sum(&events);
    let said: Vec<_> = answer.choices.iter().map(|choice| (choice.text(), choice.end)).collect();
    assert_eq!(said, [("ad".to_owned(), Some(EndReason::Length)), ("bc".to_owned(), Some(EndReason::Stop))]);
}

#[test]
fn each_choice_ends_once_and_figures_replace_each_other() {
    let mut answers = vec![text(0, "a", Some("STOP")), text(0, "b", Some("STOP"))];
    for (answer, tokens) in answers.iter_mut().zip([3, 5]) {
        answer["usageMetadata"] = json!({ "promptTokenCount": 1, "candidatesTokenCount": tokens });
    }
    let (events, _) = read_pieces(&[&stream(&answers)]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::End { .. })).count(), 1);
    assert_eq!(sum(&events).usage.unwrap().output_tokens, 5);
}

#[test]
fn a_blocked_prompt_ends_a_stream() {
    let blocked = json!({ "promptFeedback": { "blockReason": "PROHIBITED_CONTENT" } });
    let (events, end) = read_pieces(&[&stream(&[blocked])]);
    assert_eq!((end, events.last()), (Ok(()), Some(&Event::Done)));
    assert_eq!(sum(&events).choices[0].end, Some(EndReason::ContentFilter));
}

#[test]
fn an_error_within_a_stream_is_its_last_event() {
    let error = json!({ "error": { "code": 503, "message": "M", "status": "UNAVAILABLE" } });
    let in_stream = stream(&[text(0, "a", None), error.clone(), text(0, "b", Some("STOP"))]);
    for bytes in [in_stream, error.to_string().into_bytes(), format!("[{error}\n]").into_bytes()] {
        let (events, end) = read_pieces(&[&bytes]);
        assert_eq!(end, Ok(()));
        let Some(Event::Error(error)) = events.last() else { panic!("{events:?}") };
        assert_eq!((error.kind, error.message.as_str()), (ProviderErrorKind::Overloaded, "M"));
    }
}

#[test]
fn comments_and_what_is_not_known_are_passed_over() {
    let known = String::from_utf8(stream(&[text(0, "a", Some("STOP"))])).unwrap();
    let bytes = format!(": a comment\n\nid: 1\nretry: 5\n\ndata: {{\"new\":1}}\n\n{known}data: [DONE]\n\n");
    let (events, end) = read_pieces(&[bytes.as_bytes()]);
    assert_eq!((end, sum(&events).choices[0].text()), (Ok(()), "a".to_owned()));
}

#[test]
fn what_is_no_stream_is_broken() {
    let page = format!("<!doctype html>\n{}", "y".repeat(500));
    let shown = format!("<!doctype html> {}", "y".repeat(48));
    let cases: [(&[u8], String); 6] = [
        (page.as_bytes(), format!("A stream was expected, but it begins with `{shown}`.")),
        (b"<p>", "A stream was expected, but it begins with `<p>`.".to_owned()),
        (b"garbage", "The stream ended before its first answer, but it begins with `garbage`.".to_owned()),
        (b"{\"a\":1}", "A stream was expected, but it begins with `{\"a\":1}`.".to_owned()),
        (b"{\"candidates\":[", "A stream was expected, but it begins with `{\"candidates\":[`.".to_owned()),
        (b"data: nothing\n\n", "An event with a JSON object was expected, but it begins with `nothing`.".to_owned()),
    ];
    for (bytes, message) in cases {
        assert_eq!(broken(bytes), message);
    }
    assert_eq!(broken(&stream(&[text(128, "a", None)])), "The answer has a candidate beyond 128.");
    let long = vec![b' '; sse::EVENT_BYTES_MAX + 1];
    let message = broken(&[b"[".as_slice(), &long].concat());
    assert_eq!(message, "The answer is no stream, and longer than 4194304 bytes.");
}
