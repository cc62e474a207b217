//! Does by force what safe code does not: instructions that run for long, re-entry, forged handles.
//!
//! As with `hostile`, the request's field `x-do` holds `PHASE=ACT`, several separated by commas; in a body phase the act is done at
//! each piece. What an act finds out becomes labels, which the access log prints.
#![cfg(target_arch = "wasm32")]

mod act;
mod bindings;
mod bodies;
mod bulk;
mod handles;
mod reenter;

use serde::Deserialize;
use sluicegate_plugin::{BodyNeed, Decision, MetricKind, Phase, Piece, Plugin, Problems, Schema, Setup, request};

use act::Act;

#[global_allocator]
static ALLOCATOR: reenter::Allocator = reenter::Allocator;

#[derive(Default, Deserialize, Schema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
struct Config {
    /// Bodies are left alone.
    heads_only: bool,
    buffered: bool,
    /// Metrics that it declares.
    metrics: u32,
    /// What `configure` does.
    configure: Option<String>,
}

struct Brute;

impl Plugin for Brute {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Brute, Problems> {
        if config.heads_only {
            setup.skip(Phase::Body).skip(Phase::ReplyBody);
        } else {
            let need = || if config.buffered { BodyNeed::buffered(0) } else { BodyNeed::stream() };
            setup.body(need()).reply_body(need());
        }
        (0..config.metrics).for_each(|number| {
            setup.metric(&format!("of_brute_{number}"), MetricKind::Counter, "Declared by force");
        });
        if let Some(act) = config.configure {
            act::named(&act).run();
        }
        Ok(Brute)
    }

    fn head(&self) -> Decision {
        decide(Phase::Head)
    }

    fn body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        change(Phase::Body, bytes, end)
    }

    fn route(&self) -> Decision {
        decide(Phase::Route)
    }

    fn reply_head(&self) -> Decision {
        decide(Phase::ReplyHead)
    }

    fn reply_body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        change(Phase::ReplyBody, bytes, end)
    }

    fn finish(&self) {
        decide(Phase::Finish);
    }
}

fn decide(phase: Phase) -> Decision {
    if let Some(act) = act_of(phase) {
        act.run();
    }
    Decision::Proceed
}

fn change(phase: Phase, bytes: Vec<u8>, end: bool) -> Piece {
    act_of(phase).map_or(Piece::Pass, |act| bodies::change(act, bytes, end))
}

/// What the request wants of this phase.
fn act_of(phase: Phase) -> Option<Act> {
    let wanted = request::header_text("x-do")?;
    let mut pairs = wanted.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == phase.as_str()).map(|(_, act)| act::named(act))
}

sluicegate_plugin::export!(Brute: head, body, route, reply_head, reply_body, finish; own allocator);
