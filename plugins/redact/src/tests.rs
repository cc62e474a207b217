//! What becomes of bodies.

mod bodies;
mod config;
mod kinds;
mod pieces;
mod reference;

use serde_json::{Value, json};
use sluicegate_plugin::Piece;
use sluicegate_plugin::testing::{self, Configured, Exchange};

use crate::Redact;

const ALL: [&str; 6] = ["email", "secret", "iban", "phone", "card", "ip"];

fn policy(config: Value) -> Configured<Redact> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn everything() -> Configured<Redact> {
    policy(json!({ "kinds": ALL }))
}

fn answer(policy: &Configured<Redact>, content_type: &str) -> Exchange {
    let mut exchange = Exchange::new("GET", "/");
    exchange.reply(200, &[("content-type", content_type)]);
    policy.reply_head(&mut exchange);
    exchange
}

/// What goes on of these pieces, the last of which ends the body.
fn sent<P: AsRef<[u8]>>(policy: &Configured<Redact>, exchange: &mut Exchange, pieces: &[P]) -> Vec<u8> {
    let mut sent = Vec::new();
    for (number, piece) in pieces.iter().enumerate() {
        match policy.reply_body(exchange, piece.as_ref(), number + 1 == pieces.len()) {
            Piece::Pass => sent.extend_from_slice(piece.as_ref()),
            Piece::Replace(bytes) => sent.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    sent
}

/// What the client gets of an answer of this text.
fn read(policy: &Configured<Redact>, content_type: &str, text: &str) -> String {
    String::from_utf8(sent(policy, &mut answer(policy, content_type), &[text])).unwrap()
}

fn plain(text: &str) -> String {
    read(&everything(), "text/plain", text)
}

fn as_json(text: &str) -> String {
    read(&everything(), "application/json", text)
}
