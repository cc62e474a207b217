//! Asks the host everything that the contract has, and says what it heard: whatever way its calls go, they must come to the same.
//! Left out is what changes a model's part of the exchange, which is possible in the phases of models alone.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use sluicegate_plugin::counters::{Claim, Quota};
use sluicegate_plugin::keys::Place;
use sluicegate_plugin::{
    Answer, BodyNeed, Decision, MetricKind, Piece, Plugin, Problems, Rejection, Setup, attempts, clock, counters,
    credentials_in_clear, exchange, identity, identity_writer, keys, labels, log, metrics, model_call, notes, random,
    reply, request, target_features, targets, usage,
};

struct Asker;

impl Plugin for Asker {
    type Config = BTreeMap<String, String>;

    fn configure(_config: Self::Config, setup: &mut Setup) -> Result<Asker, Problems> {
        setup.body(BodyNeed::buffered(1 << 20)).reply_body(BodyNeed::stream());
        setup.metric("asked", MetricKind::Counter, "Times that it asked").metric("took", MetricKind::Histogram, "Time");
        Ok(Asker)
    }

    fn head(&self) -> Decision {
        let mut heard = Heard::default();
        of_the_request(&mut heard);
        of_the_exchange(&mut heard);
        of_the_grants(&mut heard);
        Answer::new(200).header("x-empty", "").header("x-heard", "all").body(heard.0).into()
    }

    fn body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        match (bytes.first(), end) {
            (None, _) => Piece::Pass,
            (Some(b'?'), _) => Rejection::new(400, "no_question", "Ask elsewhere.").into(),
            (_, false) => Answer::new(202).body(bytes).into(),
            (_, true) => Piece::Replace(bytes.into_iter().rev().collect()),
        }
    }

    fn route(&self) -> Decision {
        let mut heard = Heard::default();
        heard.note("facts", targets::facts("name"));
        heard.note("figures", targets::figures("rests-ms"));
        heard.note("plan", targets::plan());
        heard.note("set-plan", [targets::set_plan(&[1, 0]), targets::set_plan(&[7]), targets::set_plan(&[])]);
        heard.note("capable", [target_features::capable("tools"), target_features::capable("\u{e9}")]);
        of_the_call(&mut heard);
        Answer::new(200).body(heard.0).into()
    }

    fn reply_head(&self) -> Decision {
        let mut heard = Heard::default();
        heard.note("status", reply::status());
        heard.note("header", [reply::header("x-reply"), reply::header("set-cookie"), reply::header("\u{e9}")]);
        heard.note("header-values", reply::header_values("x-reply"));
        heard.note("headers", reply::headers());
        heard.note("set-status", [reply::set_status(201), reply::set_status(99), reply::set_status(u16::MAX)]);
        heard.note("set-header", [reply::set_header("x-a", b"\xff"), reply::set_header("via", b"")]);
        heard.note("append-header", [reply::append_header("x-a", b"2"), reply::append_header("", b"")]);
        heard.note("remove-header", [reply::remove_header("x-reply"), reply::remove_header("set-cookie")]);
        heard.note("reply-cookies", credentials_in_clear::reply_cookies());
        heard.note("append-reply-cookie", credentials_in_clear::append_reply_cookie(b"c=2"));
        Rejection::new(503, "heard", heard.0)
            .retry_after(std::time::Duration::from_millis(1500))
            .header("x-from", "reply-head")
            .problem_type("https://example.com/heard")
            .detail("empty", &"")
            .detail("list", &[1, 2, 3])
            .into()
    }

    fn reply_body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        Piece::Replace([bytes, notes::load()].concat())
    }

    fn finish(&self) {
        labels::set("outcome", &format!("{:?} {}", exchange::outcome(), exchange::reply_bytes()));
    }
}

#[derive(Default)]
struct Heard(String);

impl Heard {
    fn note(&mut self, about: &str, what: impl Debug) {
        let _cannot_fail = writeln!(self.0, "{about}: {what:?}");
    }
}

fn of_the_request(heard: &mut Heard) {
    heard.note("method", request::method());
    heard.note("scheme", request::scheme());
    heard.note("authority", request::authority());
    heard.note("path", request::path());
    heard.note("query", request::query());
    heard.note("header", [request::header("x-one"), request::header("x-empty"), request::header("x-none")]);
    heard.note("header-values", [request::header_values("x-many"), request::header_values("x-none")]);
    heard.note("headers", request::headers());
    heard.note("set-method", [request::set_method("PUT"), request::set_method("TRACE"), request::set_method("")]);
    heard.note("set-path", [request::set_path("/other"), request::set_path("no")]);
    heard.note("set-query", [request::set_query(Some("a=1")), request::set_query(Some(" ")), request::set_query(None)]);
    heard.note("set-header", [request::set_header("x-set", b"1"), request::set_header("x-set", b"\n")]);
    heard.note("append-header", [request::append_header("x-set", b"2"), request::append_header("cookie", b"2")]);
    heard.note("remove-header", [request::remove_header("x-one"), request::remove_header("host")]);
    heard.note("headers", request::headers());
}

fn of_the_exchange(heard: &mut Heard) {
    heard.note("id", exchange::id());
    heard.note("route", exchange::route());
    heard.note("entry", exchange::entry());
    heard.note("generation", exchange::generation());
    heard.note("client-address", exchange::client_address());
    heard.note("outcome", exchange::outcome());
    heard.note("reply-bytes", exchange::reply_bytes());
    heard.note("elapsed-us", exchange::elapsed_us() < u64::MAX);
    let used = exchange::used();
    heard.note("used", (used.request_bytes, used.reply_bytes, used.status, used.outcome, used.upstream));
    heard.note("notes", [notes::load(), vec![u8::from(notes::store(b"noted"))], notes::load()]);
    heard.note("too many notes", notes::store(&vec![0; 100_000]));
    heard.note("labels", [labels::set("a", "1"), labels::set("", "1")]);
    heard.note("labels", [labels::get("a"), labels::get("b")]);
    log::trace("a trace");
    log::error("an \u{e9}rror\nin two lines");
}

fn of_the_call(heard: &mut Heard) {
    heard.note("call", [model_call::operation(), model_call::dialect(), model_call::model()]);
    heard.note("streamed", (model_call::streamed(), model_call::text_bytes()));
    heard.note("has", [model_call::has("tools"), model_call::has("audio")]);
    heard.note("number", [model_call::number("temperature"), model_call::number("seed")]);
    heard.note("word", [model_call::word("tool-choice"), model_call::word("")]);
    for (role, place) in [("", ""), ("user", "text"), ("nobody", "nowhere")] {
        let read = model_call::read(role, place);
        heard.note("read", (read.segments, read.ends, read.text));
    }
    for segment in [0, 1, u32::MAX] {
        heard.note("segment", [model_call::role(segment), model_call::place(segment), model_call::tool(segment)]);
    }
    heard.note("attempts", attempts::count());
    for attempt in [0, 1, u32::MAX] {
        heard.note("target", attempts::target(attempt));
        heard.note("fact", [attempts::fact(attempt, "reason"), attempts::fact(attempt, "model")]);
        heard.note("figure", [attempts::figure(attempt, "status"), attempts::figure(attempt, "price-input")]);
    }
    heard.note("usage", [usage::figure("input-tokens"), usage::figure("output-tokens")]);
    heard.note("usage", (usage::pricing(), usage::raw()));
}

fn of_the_grants(heard: &mut Heard) {
    heard.note("now-ms", clock::now_ms());
    heard.note("monotonic-ns", clock::monotonic_ns());
    heard.note("random", [random::bytes(0).len(), random::bytes(4096).len()]);
    heard.note("identity-writer", [identity_writer::set("team", "a"), identity_writer::set("team", "b")]);
    heard.note("identity-writer", identity_writer::set("nobody", ""));
    heard.note("identity", [identity::get("team"), identity::get("subject")]);
    let places = [
        Place::Authorization("Bearer".to_owned()),
        Place::Header("x-api-key".to_owned()),
        Place::Query("key".to_owned()),
        Place::Cookie("key".to_owned()),
    ];
    places.iter().for_each(|place| heard.note("identify", keys::identify(place)));
    let claim = |bucket: &str, units| Claim {
        bucket: bucket.to_owned(),
        key: "k".to_owned(),
        units,
        quota: Quota { limit: 10, window_ms: u64::MAX },
    };
    heard.note("take", [counters::take(&[]), counters::take(&[claim("a", 1), claim("b", u64::MAX)])]);
    metrics::add("asked", u64::MAX);
    metrics::observe("took", -0.5);
    heard.note("plan", targets::plan());
    heard.note("in clear", [credentials_in_clear::header("authorization"), credentials_in_clear::cookie("key")]);
    heard.note("in clear", [credentials_in_clear::query("key"), credentials_in_clear::query("other")]);
    heard.note(
        "in clear",
        [
            credentials_in_clear::set_header("authorization", b"Bearer other"),
            credentials_in_clear::set_header("x-other", b""),
        ],
    );
}

sluicegate_plugin::export!(Asker: head, body, route, reply_head, reply_body, finish);
