//! The decoders below the dialects: events of a stream, and frames of Amazon's.

use super::{cut, fuzz};
use crate::dialect::bedrock::frame::{self, tests::frame};
use crate::error::Broken;
use crate::intake::Decode;
use crate::sse;

fn decode<D: Decode>(pieces: &[&[u8]]) -> (Vec<D::Frame>, Result<(), Broken>) {
    let (mut decoder, mut frames) = (D::default(), Vec::new());
    for piece in pieces {
        if let Err(broken) = decoder.push(piece, &mut frames) {
            return (frames, Err(broken));
        }
    }
    let end = decoder.end(&mut frames);
    (frames, end)
}

#[test]
fn fuzzed_events_are_the_same_in_any_pieces_and_stable_when_written() {
    fuzz("sse", |_, bytes, random| {
        let said = |(frames, end): (Vec<sse::Frame>, Result<(), Broken>)| {
            let raw: Vec<u8> = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
            let said: Vec<(String, String)> =
                frames.into_iter().filter_map(|frame| Some((frame.name, frame.data?))).collect();
            (said, end, raw)
        };
        let (whole, end, raw) = said(decode::<sse::Decoder>(&[bytes]));
        match end {
            Ok(()) => assert_eq!(raw, bytes, "no byte is lost"),
            Err(_) => assert!(bytes.starts_with(&raw), "what came before a fault is not changed"),
        }
        for pieces in [cut(bytes, random), bytes.chunks(1).collect()] {
            let (said, other_end, _) = said(decode::<sse::Decoder>(&pieces));
            assert_eq!((said, other_end), (whole.clone(), end.clone()));
        }
        let mut written = Vec::new();
        let writable: Vec<(String, String)> = whole.into_iter().filter(|(_, data)| !data.contains('\n')).collect();
        writable.iter().for_each(|(name, data)| sse::write(name, data, &mut written));
        assert_eq!(said(decode::<sse::Decoder>(&[&written])).0, writable);
    });
}

/// A file has a frame a line: its kind, its name and its payload.
pub fn encoded(lines: &[u8]) -> Vec<u8> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let frames = lines.map(|line| {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, name, payload) = (word(), word(), word());
        let (kind, name) = (String::from_utf8_lossy(kind), String::from_utf8_lossy(name));
        let name_header = match &*kind {
            "exception" => ":exception-type",
            "error" => ":error-code",
            _ => ":event-type",
        };
        frame(&[(":message-type", &kind), (name_header, &name), (":content-type", "application/json")], payload)
    });
    frames.flatten().collect()
}

#[test]
fn fuzzed_frames_are_the_same_in_any_pieces_and_a_changed_one_is_never_taken() {
    fuzz("streams/bedrock", |file, lines, random| {
        let good = encoded(lines);
        let (frames, end) = decode::<frame::Decoder>(&[&good]);
        if file.ends_with(".frames") {
            assert_eq!(end, Ok(()));
        }
        let mut changed = good.clone();
        if let Some(byte) = changed.get_mut(rand::RngExt::random_range(random, 0..good.len().max(1))) {
            *byte ^= 1 << rand::RngExt::random_range(random, 0..8);
        }
        let (taken, faulty) = decode::<frame::Decoder>(&[&changed]);
        assert!(taken.len() < frames.len() || frames.is_empty());
        assert!(faulty.is_err() || good.is_empty());
        for bytes in [good.as_slice(), &changed, lines] {
            let whole = decode::<frame::Decoder>(&[bytes]);
            for pieces in [cut(bytes, random), bytes.chunks(1).collect()] {
                assert_eq!(decode::<frame::Decoder>(&pieces), whole);
            }
        }
    });
}
