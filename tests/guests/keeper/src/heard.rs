//! What the host hands over and what it keeps: texts and lists that it writes into this guest's memory.

use sluicegate_plugin::counters::{Claim, Quota};
use sluicegate_plugin::{counters, exchange, identity, labels, notes, random, reply, request, targets};

use crate::canary::Canary;

/// The name of the label and of the fields that hold the canary.
const KEPT: &str = "x-kept";

/// With the host, where later calls of this exchange find it and no other exchange does.
pub fn keep(canary: &Canary) {
    notes::store(&canary.repeated(4096));
    let text = canary.bytes();
    labels::set(KEPT, &String::from_utf8_lossy(&text));
    // Refused in the phases in which that head has gone.
    let _in_either = (request::set_header(KEPT, &text), reply::set_header(KEPT, &text));
}

/// Everything that can be asked for. It stands in memory as long as it is kept.
pub fn all() -> impl Sized {
    let texts = [request::method(), request::scheme(), request::authority(), request::path()];
    let facts = [exchange::id(), exchange::route(), exchange::entry(), exchange::client_address(), exchange::outcome()];
    let options = [request::query(), labels::get(KEPT), identity::get("consumer"), identity::get("claim.none")];
    let fields = [request::headers(), reply::headers()];
    let values = [request::header_values(KEPT), reply::header_values(KEPT)];
    let bytes = [request::header(KEPT), reply::header(KEPT), Some(notes::load()), Some(random::bytes(4096))];
    let targets = (targets::facts("name"), targets::figures("rests-ms"), targets::plan());
    let quota = Quota { limit: 1_000_000, window_ms: 1000 };
    let claim = |key: &str| Claim { bucket: "all".to_owned(), key: key.to_owned(), units: 1, quota };
    let taken = counters::take(&[claim("one"), claim("two")]);
    (texts, facts, options, fields, values, bytes, targets, taken)
}
