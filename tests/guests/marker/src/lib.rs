//! Marks all that passes with a text that stands in its own file, so that another file is seen in every phase.
//!
//! `sluicegate_tests::soak` puts other digits into the file.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;
use std::hint::black_box;

use sluicegate_plugin::{Decision, Piece, Plugin, Problems, Rejection, Setup, reply, request};

static MARK: [u8; 22] = *b"mark-in-the-file-00000";
/// The digits at the end.
const DIGITS: usize = 5;

struct Marker;

impl Plugin for Marker {
    type Config = BTreeMap<String, String>;

    fn configure(_config: Self::Config, _setup: &mut Setup) -> Result<Marker, Problems> {
        Ok(Marker)
    }

    fn head(&self) -> Decision {
        taken(request::set_header("x-mark", digits()))
    }

    fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        marked(bytes, "up")
    }

    fn reply_head(&self) -> Decision {
        taken(reply::set_header("x-mark", digits()))
    }

    fn reply_body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        marked(bytes, "down")
    }
}

/// Read from the file at each call: the compiler must not take it for a constant.
fn digits() -> &'static [u8] {
    let mark = black_box(&MARK);
    &mark[mark.len() - DIGITS..]
}

fn marked(mut bytes: Vec<u8>, way: &str) -> Piece {
    if bytes.is_empty() {
        return Piece::Pass;
    }
    bytes.extend_from_slice(format!("<{way}:").as_bytes());
    bytes.extend_from_slice(digits());
    bytes.push(b'>');
    Piece::Replace(bytes)
}

fn taken<E>(result: Result<(), E>) -> Decision {
    match result {
        Ok(()) => Decision::Proceed,
        Err(_) => Rejection::new(500, "mark_refused", "The mark was not taken.").into(),
    }
}

sluicegate_plugin::export!(Marker: head, body, reply_head, reply_body);
