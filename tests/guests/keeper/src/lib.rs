//! Keeps a request's canary in every place that a guest can reach, and looks in all of them for the canaries of other requests.
//!
//! As with `hostile`, the request's field `x-do` holds `PHASE=ACT`, several separated by commas; in a body phase the act is done
//! at each piece. Each act begins with a search. What is found becomes labels, which the access log prints.
#![cfg(target_arch = "wasm32")]

mod act;
mod canary;
mod heard;
mod memory;
mod places;

use serde::Deserialize;
use sluicegate_plugin::{BodyNeed, Decision, Phase, Piece, Plugin, Problems, Schema, Setup, request};

#[derive(Default, Deserialize, Schema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
struct Config {
    /// Nothing but that entries with different numbers are frozen apart.
    number: u32,
}

struct Keeper {
    _number: u32,
}

impl Plugin for Keeper {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Keeper, Problems> {
        setup.body(BodyNeed::stream()).reply_body(BodyNeed::stream());
        Ok(Keeper { _number: config.number })
    }

    fn head(&self) -> Decision {
        decide(Phase::Head)
    }

    fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        change(Phase::Body, bytes)
    }

    fn route(&self) -> Decision {
        decide(Phase::Route)
    }

    fn reply_head(&self) -> Decision {
        decide(Phase::ReplyHead)
    }

    fn reply_body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        change(Phase::ReplyBody, bytes)
    }

    fn finish(&self) {
        decide(Phase::Finish);
    }
}

fn decide(phase: Phase) -> Decision {
    if let Some(name) = act_of(phase) {
        act::run(&name);
    }
    Decision::Proceed
}

/// The piece goes back to the host as it came, and by another way than `pass`.
fn change(phase: Phase, bytes: Vec<u8>) -> Piece {
    match act_of(phase) {
        Some(name) => {
            act::run(&name);
            Piece::Replace(bytes)
        }
        None => Piece::Pass,
    }
}

/// What the request wants of this phase.
fn act_of(phase: Phase) -> Option<String> {
    act::count_call();
    let wanted = request::header_text("x-do")?;
    let mut pairs = wanted.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == phase.as_str()).map(|(_, act)| act.to_owned())
}

sluicegate_plugin::export!(Keeper: head, body, route, reply_head, reply_body, finish; own allocator);
