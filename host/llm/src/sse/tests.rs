//! Streams cut at every place, with every line end.

use super::{Decoder, EVENT_BYTES_MAX, Frame, write};
use crate::intake::Decode;

fn frames(pieces: &[&[u8]]) -> Vec<Frame> {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.push(piece, &mut frames).unwrap();
    }
    decoder.end(&mut frames).unwrap();
    frames
}

fn said(frames: &[Frame]) -> Vec<(&str, &str)> {
    frames.iter().filter_map(|frame| Some((frame.name.as_str(), frame.data.as_deref()?))).collect()
}

#[test]
fn events_are_the_same_wherever_the_stream_is_cut() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["\u{feff}event: a", "data: eins", "data:zwei", "", ": comment", "", "data: ü", "id: 4", "", "data"]
            .join(end);
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let bytes = text.as_bytes();
                let found = frames(&[&bytes[..first], &bytes[first..second], &bytes[second..]]);
                assert_eq!(said(&found), [("a", "eins\nzwei"), ("", "ü"), ("", "")], "{end:?} {first} {second}");
                let raw: Vec<u8> = found.iter().flat_map(|frame| frame.raw.to_vec()).collect();
                assert_eq!(raw, bytes, "{end:?} {first} {second}");
            }
        }
    }
}

#[test]
fn a_blank_line_of_two_bytes_is_not_torn_apart() {
    let found = frames(&[b"data: a\r\n\r\ndata: b\r\n\r\n"]);
    assert!(found.iter().all(|frame| frame.raw.ends_with(b"\r\n\r\n")), "{found:?}");
}

#[test]
fn a_line_without_an_end_has_a_limit() {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    let piece = vec![b'x'; EVENT_BYTES_MAX / 4];
    for _ in 0..4 {
        decoder.push(&piece, &mut frames).unwrap();
    }
    let error = decoder.push(b"x", &mut frames).unwrap_err();
    assert_eq!(error.message, "An event of the stream is longer than 4194304 bytes.");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = Decoder::default().push(b"data: \xff\n", &mut Vec::new()).unwrap_err();
    assert_eq!(error.message, "An event of the stream is not UTF-8.");
}

#[test]
fn what_is_written_is_read() {
    let mut out = Vec::new();
    write("delta", "{}", &mut out);
    write("", "[DONE]", &mut out);
    assert_eq!(said(&frames(&[&out])), [("delta", "{}"), ("", "[DONE]")]);
}
