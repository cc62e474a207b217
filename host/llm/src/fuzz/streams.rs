//! Streams of providers: read, and on their way to clients of every dialect.

use bytes::Bytes;

use super::answers::said;
use super::frames::encoded;
use super::{DIALECTS, assert_order, cut, fuzz};
use crate::answer::Event;
use crate::call::{Call, Operation};
use crate::dialect::testing::sum;
use crate::dialect::{Dialect, read_stream, write_stream};
use crate::error::Broken;
use crate::relay::{Failure, Relay, Seen};

fn read(dialect: Dialect, pieces: &[&[u8]]) -> (Vec<Event>, Result<(), Broken>) {
    let (mut reader, mut events) = (read_stream(dialect), Vec::new());
    for piece in pieces {
        if let Err(broken) = reader.push(piece, &mut events) {
            return (events, Err(broken));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

fn relayed(call: &Call, provider: Dialect, pieces: &[&[u8]]) -> (Vec<u8>, Result<(), Failure>, Seen) {
    let (mut relay, mut out) = (Relay::new(call, provider), Vec::new());
    for piece in pieces {
        if let Err(failure) = relay.push(piece, &mut out) {
            return (out, Err(failure), relay.seen().clone());
        }
    }
    let end = relay.end(&mut out);
    (out, end, relay.seen().clone())
}

/// One of each dialect, and one that wants its stream as an array.
fn clients() -> Vec<Call> {
    let client = |(dialect, as_array)| {
        let mut call = Call::new(dialect, Operation::Chat, Bytes::from_static(b"{}"));
        (call.model, call.streamed, call.as_array) = ("m".to_owned(), true, as_array);
        call
    };
    let spoken =
        DIALECTS.iter().map(|(dialect, _)| (*dialect, false)).filter(|(dialect, _)| *dialect != Dialect::Bedrock);
    spoken.chain([(Dialect::Gemini, true)]).map(client).collect()
}

/// The bytes that a provider sends for a file of the corpus.
fn sent(file: &str, bytes: &[u8]) -> Vec<u8> {
    if file.ends_with(".frames") { encoded(bytes) } else { bytes.to_vec() }
}

#[test]
fn fuzzed_streams_are_the_same_in_any_pieces_and_stable_when_written() {
    let (mut whole, mut broken) = (0, 0);
    for (dialect, folder) in DIALECTS {
        fuzz(&format!("streams/{folder}"), |file, bytes, random| {
            let bytes = &sent(file, bytes);
            let (events, end) = read(dialect, &[bytes]);
            for pieces in [cut(bytes, random), bytes.chunks(1).collect()] {
                assert_eq!(read(dialect, &pieces), (events.clone(), end.clone()));
            }
            assert_order(&events, end.is_ok());
            match end {
                Ok(()) if matches!(events.last(), Some(Event::Done)) => {
                    whole += 1;
                    check_written(&events);
                }
                Ok(()) => {}
                Err(Broken { message }) => {
                    broken += 1;
                    assert!(message.len() < 400, "{message}");
                }
            }
        });
    }
    assert!(whole > 200 && broken > 200, "{whole} {broken}");
}

/// What is written for a client of any dialect, its reader reads to the same end with the same words.
fn check_written(events: &[Event]) {
    for call in clients() {
        let (dialect, mut writer, mut out) = (call.dialect, write_stream(&call), Vec::new());
        events.iter().for_each(|event| writer.write(event, &mut out));
        let (again, end) = read(dialect, &[&out]);
        let shown = String::from_utf8_lossy(&out);
        assert_eq!(end, Ok(()), "{dialect:?} {shown}");
        if !matches!(again.last(), Some(Event::Error(_))) {
            assert_eq!(said(&sum(&again)), said(&sum(events)), "{dialect:?} {shown}");
        }
    }
}

#[test]
fn fuzzed_streams_reach_every_client_the_same_in_any_pieces() {
    for (provider, folder) in DIALECTS {
        fuzz(&format!("streams/{folder}"), |file, bytes, random| {
            let bytes = &sent(file, bytes);
            for call in clients() {
                let whole = relayed(&call, provider, &[bytes]);
                assert_eq!(relayed(&call, provider, &cut(bytes, random)), whole, "{:?}", call.dialect);
                if call.as_array && whole.1.is_ok() {
                    let array: Vec<serde_json::Value> = serde_json::from_slice(&whole.0).unwrap();
                    assert!(!array.is_empty());
                }
            }
        });
    }
}
