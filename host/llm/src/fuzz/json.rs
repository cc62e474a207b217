//! The JSON parser against `serde_json`, and splices into what it read.

use bytes::Bytes;
use rand::RngExt;
use rand::rngs::StdRng;
use serde::de::IgnoredAny;

use super::fuzz;
use crate::json::{Document, Kind, Splice, Value};

/// Where this parser refuses what is JSON all the same.
const STRICTER: [&str; 4] = ["stands twice", "nested deeper", "surrogate", "more than"];

#[test]
fn fuzzed_texts_are_json_here_where_they_are_for_others_and_spans_are_right() {
    let mut read = 0;
    fuzz("json", |_, bytes, random| {
        let theirs = serde_json::from_slice::<IgnoredAny>(bytes).is_ok() && std::str::from_utf8(bytes).is_ok();
        match Document::parse(Bytes::copy_from_slice(bytes)) {
            Ok(document) => {
                // The other parser's limit is as low, and it counts from another place.
                assert!(theirs || deepest(&document.root) > 120, "taken here alone");
                check_spans(&document, &document.root);
                splice_somewhere(&document, random);
                read += 1;
            }
            Err(error) => {
                assert!(error.at <= bytes.len());
                assert!(error.problem.len() < 200, "{error}");
                let stricter = STRICTER.iter().any(|words| error.problem.contains(words));
                assert!(!theirs || stricter, "refused here alone: {error}");
            }
        }
    });
    assert!(read > 50, "{read}");
}

fn deepest(value: &Value) -> usize {
    children(value).into_iter().map(deepest).max().map_or(0, |deepest| deepest + 1)
}

fn children(value: &Value) -> Vec<&Value> {
    match &value.kind {
        Kind::Array(values) => values.iter().collect(),
        Kind::Object(members) => members.iter().map(|(_, value)| value).collect(),
        _ => Vec::new(),
    }
}

/// What stands at a value's place is that value, and within its parent's.
fn check_spans(document: &Document, value: &Value) {
    let raw = Document::parse(Bytes::copy_from_slice(document.raw(value).as_bytes())).unwrap();
    assert_eq!(without_spans(&raw.root), without_spans(value));
    for child in children(value) {
        assert!(value.span.start < child.span.start && child.span.end < value.span.end);
        if deepest(child) == 0 {
            check_spans(document, child);
        }
    }
}

fn without_spans(value: &Value) -> String {
    let mut shown = format!("{value:?}");
    while let Some(at) = shown.find("span: ") {
        let end = shown[at..].find(" }").map_or(shown.len(), |length| at + length);
        shown.replace_range(at..end, "");
    }
    shown
}

/// One value is replaced: every other byte stays, and it is JSON still.
fn splice_somewhere(document: &Document, random: &mut StdRng) {
    let mut value = &document.root;
    while let Some(child) = children(value).get(random.random_range(0..4_usize)) {
        value = child;
    }
    let source = document.source();
    let mut splice = Splice::new(source);
    splice.replace_string(value.span.clone(), "new\"");
    let spliced = splice.apply();
    let expected = [&source[..value.span.start], br#""new\"""#, &source[value.span.end..]].concat();
    assert_eq!(spliced, expected);
    assert!(Document::parse(Bytes::from(spliced)).is_ok());
}
