//! The acts: failures of each kind, and tries at each limit.

use std::cell::RefCell;
use std::hint::black_box;

use sluicegate_plugin::{
    Answer, Decision, Phase, Piece, Rejection, identity_writer, labels, log, notes, reply, request,
};

macro_rules! acts {
    ($($act:ident $name:literal,)+) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Act { $($act,)+ }

        impl Act {
            pub fn from_name(name: &str) -> Option<Act> {
                match name {
                    $($name => Some(Act::$act),)+
                    _ => None,
                }
            }
        }
    };
}

acts! {
    Nothing "nothing",
    Trap "trap",
    Loop "loop",
    Memory "memory",
    BadReturn "bad-return",
    Stack "stack",
    HostCalls "host-calls",
    ChangeThenTrap "change-then-trap",
    Grow "grow",
    Change "change",
    Reject "reject",
    Headers "headers",
    HostFields "host-fields",
    LogFlood "log-flood",
    Labels "labels",
    Notes "notes",
    Identity "identity",
    Bytes "bytes",
    Canary "canary",
    Slow "slow",
    Set "set",
}

thread_local! {
    /// What this instance has seen of a request before.
    static KEPT: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Act {
    pub fn in_a_head(self, phase: Phase) -> Decision {
        match self {
            // 99 is no status that a rejection or an answer can have.
            Act::BadReturn if phase == Phase::Head => Rejection::new(99, "no_such_status", "Told to.").into(),
            Act::BadReturn => Answer::new(99).into(),
            Act::Reject => Rejection::new(418, "told_to_reject", "Told to.").into(),
            other => {
                other.run(phase);
                Decision::Proceed
            }
        }
    }

    pub fn in_a_body(self, phase: Phase, bytes: Vec<u8>) -> Piece {
        match self {
            Act::BadReturn => Rejection::new(99, "no_such_status", "Told to.").into(),
            Act::Reject => Rejection::new(418, "told_to_reject", "Told to.").into(),
            Act::Grow => Piece::Replace(vec![b'x'; 2 << 20]),
            Act::Change => Piece::Replace([&bytes[..], b" and more"].concat()),
            other => {
                other.run(phase);
                Piece::Pass
            }
        }
    }

    fn run(self, phase: Phase) {
        match self {
            Act::Nothing | Act::BadReturn | Act::Reject | Act::Grow | Act::Change => {}
            Act::Trap | Act::ChangeThenTrap => panic!("told to trap in {}", phase.as_str()),
            Act::Loop => spin(),
            Act::Memory => eat_memory(),
            Act::Stack => drop(black_box(recurse(black_box(1)))),
            Act::HostCalls => loop {
                black_box(request::method());
            },
            Act::Headers => set_ten_thousand_headers(),
            Act::HostFields => try_host_fields(phase),
            Act::LogFlood => (0..1000).for_each(|line| log::warn(format!("flood {line}\nforged line"))),
            Act::Labels => try_labels(),
            Act::Notes => try_notes(),
            Act::Identity => write_identity_twice(),
            Act::Bytes => set_bytes(),
            Act::Canary => tell_what_was_kept(),
            Act::Slow => spin_for(200_000_000),
            Act::Set => set_in_both_heads(),
        }
    }
}

/// Without end.
pub fn spin() {
    let mut round = 0_u64;
    loop {
        round = black_box(round.wrapping_add(1));
    }
}

fn spin_for(rounds: u64) {
    (0..rounds).for_each(|round| drop(black_box(round)));
}

pub fn eat_memory() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![1; 256 << 10]));
    }
}

/// Uses the engine's stack and next to nothing of its own in memory.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if black_box(depth) == 0 { 0 } else { recurse(depth + 1) ^ black_box(depth) }
}

fn say(name: &str, value: impl ToString) {
    labels::set(name, &value.to_string());
}

fn set_ten_thousand_headers() {
    let taken = (0..9_000).filter(|number| request::set_header(&format!("x-many-{number}"), b"1").is_ok()).count();
    say("headers", taken);
}

/// What belongs to the host, and what is no field at all. None of these may be taken.
fn try_host_fields(phase: Phase) {
    let fields: [(&str, &[u8]); 8] = [
        ("content-length", b"7"),
        ("transfer-encoding", b"chunked"),
        ("connection", b"close"),
        ("host", b"elsewhere"),
        ("x-sluicegate-code", b"forged"),
        ("no name", b"1"),
        ("x-split", b"1\r\nx-injected: 1"),
        ("", b"1"),
    ];
    let set = |(name, value): &(&str, &[u8])| match phase {
        Phase::Head | Phase::Body | Phase::Route => {
            request::set_header(name, value).is_ok() || request::append_header(name, value).is_ok()
        }
        _ => reply::set_header(name, value).is_ok() || reply::append_header(name, value).is_ok(),
    };
    say("taken", fields.iter().filter(|field| set(field)).count());
}

fn try_labels() {
    say("name-65", labels::set(&"n".repeat(65), "1"));
    say("name-64", labels::set(&"n".repeat(64), "1"));
    say("value-257", labels::set("v", &"v".repeat(257)));
    say("value-256", labels::set("v", &"v".repeat(256)));
    say("empty-name", labels::set("", "1"));
    (0..100).for_each(|number| drop(labels::set(&format!("n{number}"), "1")));
}

fn try_notes() {
    let (most, over) = (vec![7; 64 << 10], vec![8; (64 << 10) + 1]);
    let (most, over) = (notes::store(&most), notes::store(&over));
    say("notes-most", most);
    say("notes-over", over);
    say("notes-kept", notes::load().len());
}

fn write_identity_twice() {
    let written = ["first", "second"].map(|consumer| identity_writer::set("consumer", consumer).is_ok());
    say("identity", format!("{written:?}"));
    say("identity-unknown", identity_writer::set("emperor", "me").is_ok());
    say("identity-control", identity_writer::set("team", "a\nb").is_ok());
}

fn set_bytes() {
    let seen = request::header("x-bytes").unwrap_or_default();
    say("bytes", format!("{seen:?}"));
    say("bytes-text", request::header_text("x-bytes").is_some());
    let _refused = request::set_header("x-bytes-on", &seen);
}

fn set_in_both_heads() {
    let taken = [request::set_header("x-set", b"1").is_ok(), reply::set_header("x-set", b"1").is_ok()];
    say("set", format!("{taken:?}"));
}

fn tell_what_was_kept() {
    let secret = request::header_text("x-secret");
    let before = KEPT.with_borrow_mut(|kept| std::mem::replace(kept, secret));
    say("canary", before.as_deref().unwrap_or("nothing"));
}
