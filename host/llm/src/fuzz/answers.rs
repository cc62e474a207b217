//! Whole answers and errors of providers.

use bytes::Bytes;

use super::{DIALECTS, assert_order, fuzz, operation};
use crate::answer::{Answer, Event, Piece};
use crate::call::{Call, Operation};
use crate::dialect::testing::sum;
use crate::dialect::{Dialect, read_answer, read_error, write_answer};
use crate::error::MESSAGE_BYTES_MAX;
use crate::json::Document;

#[test]
fn fuzzed_answers_are_read_or_broken_and_stable_when_written() {
    let mut stable = 0;
    for (dialect, folder) in DIALECTS {
        fuzz(&format!("answers/{folder}"), |file, bytes, _| {
            let operation = operation(file);
            match read_answer(dialect, operation, &Bytes::copy_from_slice(bytes)) {
                Err(broken) => assert!(broken.message.len() < 400, "{broken}"),
                Ok(events) => {
                    assert_order(&events, true);
                    if matches!(events.last(), Some(Event::Done)) {
                        DIALECTS.iter().for_each(|(client, _)| check_written(*client, operation, &sum(&events)));
                        stable += 1;
                    }
                }
            }
        });
    }
    assert!(stable > 100, "{stable}");
}

/// What is written is read again, says the same, and is the same when it is written from that.
fn check_written(client: Dialect, operation: Operation, answer: &Answer) {
    let spoken = match operation {
        Operation::Chat => client != Dialect::Bedrock,
        Operation::CountTokens => matches!(client, Dialect::Anthropic | Dialect::Gemini),
        Operation::Embeddings => matches!(client, Dialect::OpenAi | Dialect::Gemini),
    };
    if !spoken {
        return;
    }
    let mut call = Call::new(client, operation, Bytes::from_static(b"{}"));
    call.model = "m".to_owned();
    call.thoughts_wanted = Some(true);
    let mut before = answer.clone();
    let mut texts = Vec::new();
    for _ in 0..3 {
        let written = Bytes::from(write_answer(&call, &before));
        Document::parse(written.clone()).unwrap_or_else(|error| panic!("{error}: {written:?}"));
        // A limit that cut the arguments of a call is not told in every dialect, and an answer may have had no choice at all.
        let Ok(events) = read_answer(client, operation, &written) else { return };
        let after = sum(&events);
        if after.done {
            assert_eq!(said(&after), said(&before), "{client:?} {written:?}");
        }
        texts.push(written);
        before = after;
    }
    assert_eq!(texts[1], texts[2], "{client:?}");
}

/// What the first choice says, however it is called.
pub fn said(answer: &Answer) -> String {
    let pieces = answer.choices.first().map(|choice| choice.pieces.as_slice()).unwrap_or_default();
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) | Piece::Refusal(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

#[test]
fn fuzzed_errors_have_a_bounded_message_whatever_the_body() {
    for (dialect, folder) in DIALECTS {
        fuzz(&format!("answers/{folder}"), |_, bytes, _| {
            for status in [400, 429, 500, 529] {
                let error = read_error(dialect, status, bytes);
                assert_eq!(error.status, status);
                assert!(!error.message.is_empty() && error.message.len() <= MESSAGE_BYTES_MAX);
                assert!(error.code.is_none_or(|code| code.len() <= 128));
            }
        });
    }
}
