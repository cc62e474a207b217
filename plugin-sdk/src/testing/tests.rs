//! The script keeps the contract's rules, so that what passes in a test passes in a gateway.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::counters::{Claim, Quota};
use crate::edits::EditError;
use crate::identity_writer::WriteError;
use crate::keys::{Failure, Place};
use crate::{
    Answer, BodyNeed, Fact, InstanceNeed, MetricKind, Problems, clock, counters, credentials_in_clear, exchange,
    identity, identity_writer, keys, labels, log, metrics, notes, random, reply, request, targets,
};

/// Runs one function in whichever phase is called.
struct Probe(Act);

#[derive(Clone, Copy, Deserialize, Schema)]
#[serde(rename_all = "snake_case")]
enum Act {
    Nothing,
    Panic,
    RejectWith200,
    AskTheClock,
    BufferBodies,
    StreamBodies,
    SkipHead,
}

thread_local! {
    static SEEN: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn see(phase: &str, edit: Result<(), EditError>) {
    let what = edit.map_or_else(|error| error.name().to_owned(), |()| "changed".to_owned());
    SEEN.with_borrow_mut(|seen| seen.push(format!("{phase}: {what}")));
}

impl Plugin for Probe {
    type Config = Act;

    fn configure(act: Act, setup: &mut crate::Setup) -> Result<Probe, Problems> {
        match act {
            Act::AskTheClock => {
                clock::now_ms();
            }
            Act::BufferBodies => {
                setup.body(BodyNeed::buffered(1 << 20)).reply_body(BodyNeed::buffered(0).encoded());
            }
            Act::SkipHead => {
                setup.skip(Phase::Head);
            }
            Act::Nothing | Act::Panic | Act::RejectWith200 | Act::StreamBodies => {}
        }
        setup
            .metric("seen", MetricKind::Counter, "What was seen.")
            .requires(Fact::Identity)
            .instance(InstanceNeed::Body);
        setup.upstream("audit").credential("audit").provides(Fact::Plan);
        log::info("configured");
        Ok(Probe(act))
    }

    fn head(&self) -> Decision {
        see("head, request", request::set_header("x-head", b"1"));
        see("head, reply", reply::set_header("x-head", b"1"));
        match self.0 {
            Act::Panic => panic!("on purpose"),
            Act::RejectWith200 => Rejection::new(200, "odd", "Odd.").into(),
            _ => Decision::Proceed,
        }
    }

    fn body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        assert!(end);
        see("body", request::set_header("x-body", b"1"));
        Piece::Replace(bytes.to_ascii_uppercase())
    }

    fn route(&self) -> Decision {
        see("route", request::set_header("x-route", b"1"));
        let mut order = targets::plan();
        order.reverse();
        assert!(!targets::set_plan(&[0, 0]) && !targets::set_plan(&[2]) && targets::set_plan(&order));
        Decision::Proceed
    }

    fn reply_head(&self) -> Decision {
        see("reply head, request", request::set_header("x-late", b"1"));
        see("reply head, reply", reply::set_status(418));
        Answer::new(201).header("X-A", "1").body("made").into()
    }

    fn reply_body(&self, _bytes: Vec<u8>, _end: bool) -> Piece {
        see("reply body", reply::set_header("x-body", b"1"));
        Piece::Pass
    }
}

crate::export!(Probe: head, body, route, reply_head, reply_body);

fn probe(act: &str) -> Configured<Probe> {
    configure(json!(act)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn seen() -> Vec<String> {
    SEEN.take()
}

/// Calls the host as a policy does in its head.
fn in_head<T>(exchange: &mut Exchange, act: impl FnOnce() -> T) -> T {
    script::run(exchange, Stage::Head, act)
}

#[test]
fn edits_are_taken_until_a_head_is_sent_on() {
    let streaming = probe("stream_bodies");
    let mut exchange = Exchange::new("POST", "/");
    assert_eq!(streaming.head(&mut exchange), Decision::Proceed);
    assert_eq!(seen(), ["head, request: changed", "head, reply: too-late"]);
    assert_eq!(streaming.body(&mut exchange, b"abc", true), Piece::Replace(b"ABC".to_vec()));
    assert_eq!(seen(), ["body: too-late"]);

    let buffering = probe("buffer_bodies");
    buffering.body(&mut exchange, b"", true);
    assert_eq!(seen(), ["body: changed"]);
    exchange.reply(200, &[]);
    let answer = Answer {
        status: 201,
        fields: vec![crate::Field { name: "x-a".into(), value: b"1".into() }],
        body: b"made".into(),
    };
    assert_eq!(buffering.reply_head(&mut exchange), Decision::Respond(answer));
    assert_eq!(seen(), ["reply head, request: too-late", "reply head, reply: changed"]);
    assert_eq!(exchange.reply_status(), 418);
    buffering.reply_body(&mut exchange, b"", true);
    assert_eq!(seen(), ["reply body: changed"]);
    assert_eq!(exchange.reply_header("x-body").as_deref(), Some("1"));
}

#[test]
fn a_plan_is_made_in_route_of_the_targets_that_the_script_names() {
    let mut exchange = Exchange::new("GET", "/").targets(["a", "b"]).figure("in-flight", [Some(3), None]);
    in_head(&mut exchange, || {
        assert_eq!(
            (targets::names(), targets::facts("origin")),
            (vec!["a".into(), "b".into()], vec![String::new(); 2])
        );
        assert_eq!((targets::figures("in-flight"), targets::figures("mood")), (vec![Some(3), None], vec![None, None]));
        assert!(targets::plan().is_empty() && !targets::set_plan(&[1]));
    });
    assert_eq!(exchange.plan(), ["a", "b"]);
    assert_eq!(probe("nothing").route(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.plan(), ["b", "a"]);
    assert_eq!(exchange.request_header("x-route").as_deref(), Some("1"));
    seen();
}

#[test]
fn the_setup_holds_what_configure_promised() {
    let setup = probe("buffer_bodies").setup().clone();
    assert_eq!(setup.phases, ["head", "body", "route", "reply-head", "reply-body"]);
    assert_eq!((setup.body.mode, setup.body.max_bytes, setup.body.encoded), (BodyMode::Buffered, 1 << 20, false));
    assert_eq!((setup.reply_body.mode, setup.reply_body.encoded), (BodyMode::Buffered, true));
    assert_eq!(setup.metrics[0].name, "seen");
    assert_eq!((setup.requires, setup.provides), (vec!["identity".to_owned()], vec!["plan".to_owned()]));
    assert_eq!((setup.upstreams, setup.credentials), (vec!["audit".to_owned()], vec!["audit".to_owned()]));
    assert_eq!(probe("nothing").log(), [(Level::Info, "configured".to_owned())]);
}

#[test]
fn a_phase_that_is_skipped_or_not_exported_does_not_run() {
    assert_eq!(probe("skip_head").head(&mut Exchange::new("GET", "/")), Decision::Proceed);
    probe("nothing").finish(&mut Exchange::new("GET", "/"), "complete");
    assert!(seen().is_empty());
}

#[test]
fn what_would_trap_in_a_gateway_panics_in_a_test() {
    assert!(catch_unwind(|| probe("ask_the_clock")).is_err());
    assert!(catch_unwind(|| probe("reject_with200").head(&mut Exchange::new("GET", "/"))).is_err());
    assert!(catch_unwind(clock::now_ms).is_err());
    let mut exchange = Exchange::new("GET", "/");
    let too_much = AssertUnwindSafe(|| in_head(&mut exchange, || random::bytes(4097)));
    assert!(catch_unwind(too_much).is_err());
}

#[test]
fn a_panic_gives_the_exchange_back_as_it_was_left() {
    let mut exchange = Exchange::new("GET", "/").id("mine");
    assert!(catch_unwind(AssertUnwindSafe(|| probe("panic").head(&mut exchange))).is_err());
    assert_eq!(exchange.request_header("x-head").as_deref(), Some("1"));
    assert_eq!(in_head(&mut exchange, exchange::id), "mine");
}

#[test]
fn what_the_client_presents_does_not_exist_without_the_grant() {
    let mut exchange = Exchange::new("GET", "/a?key=k&b=2")
        .header("Authorization", "Bearer k")
        .header("cookie", "sid=k; x=y")
        .header("x", "1");
    in_head(&mut exchange, || {
        assert_eq!(request::header("authorization"), None);
        assert_eq!(request::headers().len(), 1);
        assert_eq!(request::query().as_deref(), Some("b=2"));
        assert_eq!(request::set_header("X-Api-Key", b"1"), Err(EditError::Forbidden));
        assert_eq!(credentials_in_clear::header("authorization").as_deref(), Some(b"Bearer k".as_slice()));
        assert_eq!(credentials_in_clear::query("key").as_deref(), Some("k"));
        assert_eq!(credentials_in_clear::cookie("x").as_deref(), Some(b"y".as_slice()));
        assert_eq!(credentials_in_clear::set_header("authorization", b"Bearer new"), Ok(()));
        assert_eq!(credentials_in_clear::set_header("x", b"1"), Err(EditError::Forbidden));
        assert_eq!(credentials_in_clear::append_reply_cookie(b"a=b"), Err(EditError::TooLate));
        assert_eq!(keys::identify(&Place::Header("x-api-key".into())), Err(Failure::Absent));
    });
    assert_eq!(exchange.request_headers("authorization"), ["Bearer new"]);
}

#[test]
fn edits_that_break_a_rule_change_nothing() {
    let mut exchange = Exchange::new("GET", "/a").header("x", "1");
    in_head(&mut exchange, || {
        assert_eq!(request::set_header("a b", b""), Err(EditError::InvalidName));
        assert_eq!(request::set_header("x", b"a\nb"), Err(EditError::InvalidValue));
        assert_eq!(request::remove_header("Content-Length"), Err(EditError::Forbidden));
        assert_eq!(request::append_header("x-sluicegate-x", b""), Err(EditError::Forbidden));
        assert_eq!(request::set_path("b"), Err(EditError::InvalidName));
        assert_eq!(request::set_method("G T"), Err(EditError::InvalidName));
        assert_eq!(request::set_query(Some("a b")), Err(EditError::InvalidValue));
        while request::append_header("x", b"2").is_ok() {}
        assert_eq!(request::append_header("x", b"2"), Err(EditError::TooMany));
        assert_eq!(request::header_values("X").len(), 256);
        assert_eq!(request::set_header("x", &vec![b'a'; 128 << 10]), Err(EditError::TooMany));
        assert_eq!(request::header_values("x").len(), 256);
        assert_eq!(request::set_path("/b"), Ok(()));
        assert_eq!(request::set_query(None), Ok(()));
    });
    assert_eq!((exchange.request_path(), exchange.request_method(), exchange.request_query()), ("/b", "GET", None));
}

#[test]
fn notes_labels_log_and_identity_have_their_limits() {
    let mut exchange = Exchange::new("GET", "/").identity("consumer", "acme").identity("scopes", "a b");
    in_head(&mut exchange, || {
        assert!(notes::store(&vec![1; 64 << 10]));
        assert!(!notes::store(&vec![2; (64 << 10) + 1]));
        assert_eq!(notes::load().first(), Some(&1));
        assert!((0..32).all(|number| labels::set(&number.to_string(), "x")));
        assert!(labels::set("0", "again") && !labels::set("32", "x") && !labels::set("1", &"x".repeat(257)));
        (0..70).for_each(|number| log::warn(number));
        assert_eq!(identity::scopes(), ["a", "b"]);
        assert_eq!(identity_writer::set("consumer", "other"), Err(WriteError::AlreadySet));
        assert_eq!(identity_writer::set("shoe-size", "44"), Err(WriteError::Invalid));
        assert_eq!(identity_writer::set("team", &"x".repeat(1025)), Err(WriteError::Invalid));
        assert_eq!(identity_writer::set("team", "a\nb"), Err(WriteError::Invalid));
        assert_eq!(identity_writer::set(&format!("claim.{}", "x".repeat(65)), "x"), Err(WriteError::Invalid));
        assert!((0..30).all(|number| identity_writer::set(&format!("claim.{number}"), "x").is_ok()));
        assert_eq!(identity_writer::set("claim.more", "x"), Err(WriteError::Invalid));
        metrics::add("seen", 2);
        metrics::add("seen", 3);
        metrics::observe("size", 1.5);
        assert_eq!(random::bytes(3), [0, 1, 2]);
    });
    assert_eq!(exchange.label("0"), Some("again"));
    assert_eq!(exchange.log().len(), 64);
    assert_eq!((exchange.counted("seen"), exchange.observed("size")), (5, [1.5].as_slice()));
}

#[test]
fn counters_take_all_claims_or_none_and_end_with_their_windows() {
    let host = Host::new();
    let mut exchange = Exchange::new("GET", "/").on(&host);
    let claim = |bucket: &str, units, limit| Claim {
        bucket: bucket.to_owned(),
        key: "k".to_owned(),
        units,
        quota: Quota { limit, window_ms: 1_000 },
    };
    let mut take = |claims: &[Claim]| {
        let taken = in_head(&mut exchange, || counters::take(claims));
        taken.iter().map(|taken| (taken.allowed, taken.remaining, taken.reset_ms)).collect::<Vec<_>>()
    };
    assert_eq!(take(&[claim("a", 0, 3)]), [(true, 3, 1_000)]);
    assert_eq!(take(&[claim("a", 1, 3), claim("b", 1, 1)]), [(true, 2, 1_000), (true, 0, 1_000)]);
    host.advance(Duration::from_millis(400));
    assert_eq!(take(&[claim("a", 1, 3), claim("b", 1, 1)]), [(true, 2, 600), (false, 0, 600)]);
    assert_eq!(take(&[claim("a", 2, 3)]), [(true, 0, 600)]);
    host.advance(Duration::from_millis(600));
    assert_eq!(take(&[claim("a", 1, 3)]), [(true, 2, 1_000)]);
    // Two claims on one counter see each other.
    assert_eq!(take(&[claim("a", 1, 3), claim("a", 2, 3)])[1].0, false);
    let many = vec![claim("c", 0, 1); 17];
    assert!(catch_unwind(AssertUnwindSafe(|| take(&many))).is_err());
}

#[cfg(feature = "log")]
#[test]
fn lines_of_the_crate_log_are_recorded_like_the_hosts_own() {
    let mut exchange = Exchange::new("GET", "/");
    let probe = probe("nothing");
    in_head(&mut exchange, || {
        ::log::error!("one");
        ::log::trace!("two {}", 2);
        ::log::debug!(target: "elsewhere::inner", "three");
        log::warn("four");
    });
    let line = |level, text: &str| (level, text.to_owned());
    assert_eq!(
        exchange.log(),
        [
            line(Level::Error, "one"),
            line(Level::Trace, "two 2"),
            line(Level::Debug, "elsewhere::inner: three"),
            line(Level::Warn, "four"),
        ]
    );
    // Outside of an exchange nobody hears it.
    ::log::info!("to nobody");
    assert_eq!(probe.log(), [line(Level::Info, "configured")]);
}

#[test]
fn what_an_exchange_has_used_is_told_and_its_upstream_at_the_end() {
    let mut exchange = Exchange::new("GET", "/").bytes(3, 5).upstream("near");
    exchange.reply(204, &[]);
    let used = script::run(&mut exchange, Stage::ReplyHead, exchange::used);
    assert_eq!((used.request_bytes, used.reply_bytes, used.status, used.upstream.as_str()), (3, 5, 204, ""));
    let used = script::run(&mut exchange, Stage::Finish, exchange::used);
    assert_eq!(used.upstream, "near");
}

#[test]
fn a_body_of_json_is_read_and_written() {
    #[derive(Debug, PartialEq, Deserialize, serde::Serialize)]
    struct Order {
        pieces: u8,
    }
    assert_eq!(request::read_json::<Order>(b"{\"pieces\": 3}"), Ok(Order { pieces: 3 }));
    let refused = |body: &[u8]| request::read_json::<Order>(body).unwrap_err();
    assert_eq!((refused(b"{}").status, refused(b"{}").code.as_str()), (400, "invalid_body"));
    assert_eq!(refused(b"{}").message, "The body is not as it should be: missing field `pieces`.");
    assert_eq!(
        refused(b"{\"pieces\": \"many\"}").message,
        "The body is not as it should be at /pieces: `pieces`: invalid type: string \"many\", expected a whole number from 0 to 255."
    );
    assert_eq!(refused(b"\xff").message, "The body is no JSON: it is not UTF-8.");
    assert!(refused(format!("{{\"pieces\": \"{}\"}}", "x".repeat(100_000)).as_bytes()).message.len() < 1000);
    assert_eq!(Piece::json(&Order { pieces: 4 }), Piece::Replace(b"{\"pieces\":4}".to_vec()));
    let answer = Answer::new(200).json(&Order { pieces: 4 });
    assert_eq!((answer.fields[0].name.as_str(), answer.body.as_slice()), ("content-type", &b"{\"pieces\":4}"[..]));
    assert_eq!(Piece::from(Err(Rejection::new(400, "a", "b"))), Piece::Reject(Rejection::new(400, "a", "b")));
}
