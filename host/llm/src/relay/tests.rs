//! What goes on to a client of the provider's own dialect, and what is told of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::{Apart, Failure, Relay, Seen, Step};
use crate::answer::{Event, Piece};
use crate::call::{Call, Operation};
use crate::dialect::Dialect;

const BEGIN: &str = "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":7}}\n\n";
const END: &str = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const MORE: &str = "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"unread\"}}]}\n\n";

fn relayed(pieces: &[&[u8]]) -> (String, Result<(), Failure>, Seen, Vec<Event>) {
    let mut call = Call::new(Dialect::OpenAi, Operation::Chat, Bytes::from_static(b"{}"));
    (call.streamed, call.usage_wanted) = (true, true);
    let (told, mut out) = (Arc::new(Mutex::new(Vec::new())), Vec::new());
    let mut relay = Relay::new(&call, Dialect::OpenAi);
    let watched = Arc::clone(&told);
    relay.watch(move |event| watched.lock().unwrap().push(event.clone()));
    let pushed = pieces.iter().try_for_each(|piece| relay.push(piece, &mut out));
    let end = pushed.and_then(|()| relay.end(&mut out));
    let events = told.lock().unwrap().clone();
    (String::from_utf8(out).unwrap(), end, relay.seen().clone(), events)
}

fn apart(pieces: &[&[u8]]) -> (Vec<Step>, Result<(), Failure>, Seen) {
    let (mut apart, mut steps) = (Apart::new(Dialect::OpenAi, true), Vec::new());
    let pushed = pieces.iter().try_for_each(|piece| apart.push(piece, &mut steps));
    let end = pushed.and_then(|()| apart.end(&mut steps));
    (steps, end, apart.seen().clone())
}

#[test]
fn what_came_in_front_of_a_fault_is_told_wherever_the_stream_is_cut() {
    let fault = "data: {x}\n\n";
    let error = "data: {\"error\":{\"message\":\"x\"}}\n\n";
    let broken = [BEGIN, fault].concat();
    assert!(matches!(relayed(&[broken.as_bytes()]).1, Err(Failure::Broken(_))));
    for text in [
        [BEGIN, fault].concat(),
        [BEGIN, error].concat(),
        [BEGIN, END].concat(),
        [BEGIN, END].concat().replace('\n', "\r"),
    ] {
        let whole = relayed(&[text.as_bytes()]);
        assert_eq!(whole.2.model.as_deref(), Some("m"), "{text}");
        assert_eq!(whole.2.usage.as_ref().map(|usage| usage.input_tokens), Some(7), "{text}");
        assert!(whole.3.contains(&Event::Piece { choice: 0, piece: Piece::Text("a".to_owned()) }), "{text}");
        let taken_apart = apart(&[text.as_bytes()]);
        assert_eq!(taken_apart.2, whole.2);
        for cut in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            assert_eq!(relayed(&[first, second]), whole, "{text} cut at {cut}");
            assert_eq!(apart(&[first, second]), taken_apart, "{text} cut at {cut}");
        }
    }
}

#[test]
fn nothing_that_nobody_read_goes_on_behind_the_end() {
    let comment = ": bye\n\n";
    let text = [BEGIN, END, MORE, comment].concat();
    let (out, end, ..) = relayed(&[text.as_bytes()]);
    assert_eq!((out, end), ([BEGIN, END, comment].concat(), Ok(())));
    let (steps, end, _) = apart(&[text.as_bytes()]);
    let frames =
        steps.iter().filter_map(|step| if let Step::Frame(frame) = step { Some(frame.raw.as_ref()) } else { None });
    assert_eq!(frames.collect::<Vec<&[u8]>>().concat(), [BEGIN, END, comment].concat().as_bytes());
    assert_eq!(end, Ok(()));
}

#[test]
fn bytes_go_on_behind_the_events_that_they_hold() {
    for text in [BEGIN.replace('\n', "\r"), BEGIN.trim_end().to_owned(), format!("{}\r", BEGIN.trim_end())] {
        let (steps, _, _) = apart(&[text.as_bytes()]);
        let said = steps.iter().position(|step| matches!(step, Step::Event(Event::Piece { .. })));
        let passed = steps.iter().position(|step| matches!(step, Step::Frame(_)));
        assert!(said.is_some() && said < passed, "{steps:?}");
    }
}
