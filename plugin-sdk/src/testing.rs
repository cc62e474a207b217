//! Tests of a policy without a gateway: a script plays the host, by the contract's rules.
//!
//! ```
//! use sluicegate_plugin::{Decision, Plugin, Problems, Setup, request, testing};
//!
//! struct Tag;
//! impl Plugin for Tag {
//!     type Config = serde_json::Value;
//!     fn configure(_: serde_json::Value, _: &mut Setup) -> Result<Tag, Problems> {
//!         Ok(Tag)
//!     }
//!     fn head(&self) -> Decision {
//!         request::set_header("x-tag", b"seen").unwrap();
//!         Decision::Proceed
//!     }
//! }
//! sluicegate_plugin::export!(Tag: head);
//!
//! let tag = testing::configure::<Tag>(serde_json::json!({})).unwrap();
//! let mut exchange = testing::Exchange::new("GET", "/v1/models?limit=2").header("accept", "*/*");
//! assert_eq!(tag.head(&mut exchange), Decision::Proceed);
//! assert_eq!(exchange.request_header("x-tag").as_deref(), Some("seen"));
//! ```

mod exchange;
mod message;
mod model;
mod model_call;
mod model_edits;
mod model_phases;
pub(crate) mod script;
mod shared;
#[cfg(test)]
mod tests;

use crate::bindings::base::sluicegate::plugin::types;
use crate::export::glue;
use crate::log::Level;
use crate::{Decision, Exported, Phase, Piece, Plugin, Problem, Rejection, Schema, fields};

pub use exchange::Exchange;
use exchange::Stage;
pub use model::Written;
pub use model_call::ModelCall;
pub use model_phases::Delivered;
pub use shared::Host;
pub use types::{BodyMode, Setup};

const MESSAGE_BYTES_MAX: usize = 4096;
const DETAILS_MAX: usize = 32;
const DETAIL_BYTES_MAX: usize = 8192;

/// What an answer can end with, as a policy may say it.
const END_REASONS: [&str; 4] = ["stop", "length", "tool-calls", "content-filter"];

/// A policy that has read its config.
pub struct Configured<P> {
    policy: P,
    setup: Setup,
    log: Vec<(Level, String)>,
}

/// Runs `configure` as the gateway does.
///
/// # Panics
/// If `configure` calls the host for anything but the log, where a gateway would trap.
pub fn configure<P: Plugin + Exported>(config: serde_json::Value) -> Result<Configured<P>, Vec<Problem>> {
    let mut exchange = Exchange::new("GET", "/");
    let result = script::run(&mut exchange, Stage::Configure, || glue::configure::<P>(&config.to_string()));
    let (policy, setup) = result.map_err(crate::Problems::into_vec)?;
    Ok(Configured { policy, setup, log: exchange.log().to_vec() })
}

/// The schema of the policy's config, as the component carries it.
///
/// # Panics
/// If a description or an example that was written by hand makes it no JSON.
pub fn config_schema<P: Plugin>() -> serde_json::Value {
    let schema = &<P::Config as Schema>::SCHEMA;
    let mut text = vec![0; crate::schema::length(schema)];
    crate::schema::write(schema, &mut text);
    match serde_json::from_slice(&text) {
        Ok(schema) => schema,
        Err(error) => panic!("the schema is no JSON: {error}"),
    }
}

impl<P: Plugin + Exported> Configured<P> {
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What `configure` wrote to the log.
    pub fn log(&self) -> &[(Level, String)] {
        &self.log
    }

    /// Whether the gateway would call the phase.
    pub fn runs(&self, phase: Phase) -> bool {
        self.setup.phases.iter().any(|name| name == phase.as_str())
    }

    /// Runs the phase `head`, if it is declared.
    ///
    /// # Panics
    /// If the decision breaks the contract, as with a status of 200 in a rejection. So do the other phases.
    pub fn head(&self, exchange: &mut Exchange) -> Decision {
        if !self.runs(Phase::Head) {
            return Decision::Proceed;
        }
        checked(script::run(exchange, Stage::Head, || self.policy.head()))
    }

    /// Hands over one piece of the request's body.
    pub fn body(&self, exchange: &mut Exchange, bytes: &[u8], end: bool) -> Piece {
        if !self.runs(Phase::Body) || self.setup.body.mode == BodyMode::None {
            return Piece::Pass;
        }
        let stage = Stage::Body { head_waits: self.setup.body.mode == BodyMode::Buffered };
        checked_piece(script::run(exchange, stage, || self.policy.body(bytes.to_vec(), end)))
    }

    /// Runs the phase `route`, if it is declared. Name the candidates with [`Exchange::targets`] before.
    pub fn route(&self, exchange: &mut Exchange) -> Decision {
        if !self.runs(Phase::Route) {
            return Decision::Proceed;
        }
        checked(script::run(exchange, Stage::Route, || self.policy.route()))
    }

    /// Runs the phase `reply-head`, if it is declared. Script the answer with [`Exchange::reply`] before.
    pub fn reply_head(&self, exchange: &mut Exchange) -> Decision {
        if !self.runs(Phase::ReplyHead) {
            return Decision::Proceed;
        }
        checked(script::run(exchange, Stage::ReplyHead, || self.policy.reply_head()))
    }

    /// Hands over one piece of the answer's body.
    pub fn reply_body(&self, exchange: &mut Exchange, bytes: &[u8], end: bool) -> Piece {
        if !self.runs(Phase::ReplyBody) || self.setup.reply_body.mode == BodyMode::None {
            return Piece::Pass;
        }
        let stage = Stage::ReplyBody { head_waits: self.setup.reply_body.mode == BodyMode::Buffered };
        checked_piece(script::run(exchange, stage, || self.policy.reply_body(bytes.to_vec(), end)))
    }

    /// Ends the exchange with an outcome such as `complete` or `client_gone`.
    pub fn finish(&self, exchange: &mut Exchange, outcome: &str) {
        exchange.outcome = outcome.to_owned();
        if self.runs(Phase::Finish) {
            script::run(exchange, Stage::Finish, || self.policy.finish());
        }
    }
}

fn checked(decision: Decision) -> Decision {
    match &decision {
        Decision::Proceed => {}
        Decision::Reject(rejection) => check_rejection(rejection),
        Decision::Respond(answer) => check_status(answer.status, 200),
    }
    decision
}

fn checked_piece(piece: Piece) -> Piece {
    match &piece {
        Piece::Pass | Piece::Replace(_) => {}
        Piece::Reject(rejection) => check_rejection(rejection),
        Piece::Respond(answer) => check_status(answer.status, 200),
    }
    piece
}

fn check_rejection(rejection: &Rejection) {
    check_status(rejection.status, 400);
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let code = &rejection.code;
    assert!(
        !code.is_empty() && code.len() <= 64 && code.bytes().all(word),
        "the code {code:?} is not lower-case words joined by underscores"
    );
    assert!(rejection.message.len() <= MESSAGE_BYTES_MAX, "the message has over {MESSAGE_BYTES_MAX} bytes");
    assert!(rejection.details.len() <= DETAILS_MAX, "there are over {DETAILS_MAX} details");
    for detail in &rejection.details {
        assert!(detail.json.len() <= DETAIL_BYTES_MAX, "the detail {} has over {DETAIL_BYTES_MAX} bytes", detail.name);
    }
    for field in &rejection.fields {
        assert!(fields::is_name(&field.name), "{:?} is no field name", field.name);
        assert!(fields::is_value(&field.value), "the value of {:?} holds a control character", field.name);
    }
}

fn check_status(status: u16, least: u16) {
    assert!((least..=599).contains(&status), "{status} is not between {least} and 599");
}
