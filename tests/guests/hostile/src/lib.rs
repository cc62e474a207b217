//! Does in each phase what a request tells it to: fails in every way that a plugin can, or tries every limit.
//!
//! The request's field `x-do` holds `PHASE=ACT`, several separated by commas. In a body phase the act waits for the piece that
//! holds a `!`, so that a test chooses how much has gone on by then. What an act finds out becomes labels, which the access log
//! prints.
#![cfg(target_arch = "wasm32")]

mod act;
mod config;

use sluicegate_plugin::{Decision, Phase, Piece, Plugin, Problems, Setup, exchange, labels, reply, request};

use act::Act;
use config::Config;

struct Hostile {
    /// It does nothing but tell which phases ran: the neighbour that must not suffer.
    witness: bool,
}

impl Plugin for Hostile {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Hostile, Problems> {
        config.prepare(setup)?;
        Ok(Hostile { witness: config.witness })
    }

    fn head(&self) -> Decision {
        self.decide(Phase::Head)
    }

    fn body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        self.change(Phase::Body, bytes, end)
    }

    fn route(&self) -> Decision {
        self.decide(Phase::Route)
    }

    fn reply_head(&self) -> Decision {
        if self.witness {
            // The request's own bytes on the way back, whatever they are.
            if let Some(bytes) = request::header("x-bytes") {
                let _refused = reply::set_header("x-bytes-back", &bytes);
            }
        }
        self.decide(Phase::ReplyHead)
    }

    fn reply_body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        self.change(Phase::ReplyBody, bytes, end)
    }

    fn finish(&self) {
        if self.witness {
            labels::set("outcome", &exchange::outcome());
            // What it set in the answer's head, which has long been sent.
            if let Some(bytes) = reply::header("x-bytes-back") {
                labels::set("bytes-back", &String::from_utf8_lossy(&bytes));
            }
        }
        self.decide(Phase::Finish);
    }
}

impl Hostile {
    fn decide(&self, phase: Phase) -> Decision {
        if self.witness {
            saw(phase);
            return Decision::Proceed;
        }
        act_of(phase).map_or(Decision::Proceed, |act| act.in_a_head(phase))
    }

    fn change(&self, phase: Phase, bytes: Vec<u8>, end: bool) -> Piece {
        if self.witness {
            if end {
                saw(phase);
            }
            return Piece::Pass;
        }
        match act_of(phase) {
            // Changes what comes before the piece that it waits for.
            Some(Act::ChangeThenTrap) if !bytes.contains(&b'!') => Piece::Replace(bytes.to_ascii_uppercase()),
            Some(act) if bytes.contains(&b'!') => act.in_a_body(phase, bytes),
            _ => Piece::Pass,
        }
    }
}

/// What the request wants of this phase.
fn act_of(phase: Phase) -> Option<Act> {
    let wanted = request::header_text("x-do")?;
    let mut pairs = wanted.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == phase.as_str()).map(|(_, act)| match Act::from_name(act) {
        Some(act) => act,
        None => panic!("no act {act}"),
    })
}

/// Appends to the label `saw`: a phase that ran twice stands there twice.
fn saw(phase: Phase) {
    let before = labels::get("saw").map(|before| before + " ").unwrap_or_default();
    labels::set("saw", &(before + phase.as_str()));
}

sluicegate_plugin::export!(Hostile: head, body, route, reply_head, reply_body, finish);
