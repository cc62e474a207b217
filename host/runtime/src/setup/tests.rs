//! Setups that break the contract, and what their authors are told.

use super::*;

fn all() -> PhaseSet {
    Phase::ALL.into_iter().collect()
}

fn need(mode: wit::BodyMode) -> wit::BodyNeed {
    wit::BodyNeed { mode, max_bytes: 0, encoded: false }
}

fn setup(phases: &[&str]) -> wit::Setup {
    wit::Setup {
        phases: phases.iter().map(|name| (*name).to_owned()).collect(),
        body: need(wit::BodyMode::None),
        reply_body: need(wit::BodyMode::None),
        need: wit::InstanceNeed::Call,
        metrics: Vec::new(),
        upstreams: Vec::new(),
        credentials: Vec::new(),
        requires: Vec::new(),
        provides: Vec::new(),
    }
}

fn metric(name: &str) -> wit::Metric {
    wit::Metric { name: name.to_owned(), kind: wit::MetricKind::Counter, help: String::new() }
}

fn refused(setup: wit::Setup) -> String {
    Setup::check(setup, all()).unwrap_err()
}

#[test]
fn a_phase_twice_is_a_phase_once() {
    let setup = Setup::check(setup(&["head", "head", "finish"]), all()).unwrap();
    assert_eq!(setup.phase_set().iter().collect::<Vec<_>>(), [Phase::Head, Phase::Finish]);
}

#[test]
fn no_phase_an_unknown_one_and_one_that_is_not_exported_are_refused() {
    assert!(refused(setup(&[])).contains("declares no phase"));
    assert!(refused(setup(&["head", "Head"])).contains("a phase `Head`, which this contract does not have"));
    let only_head: PhaseSet = [Phase::Head].into_iter().collect();
    let error = Setup::check(setup(&["head", "finish"]), only_head).unwrap_err();
    assert!(error.contains("the phase `finish`, but the component does not export it"), "{error}");
}

#[test]
fn a_body_phase_and_its_mode_go_together() {
    assert!(refused(setup(&["body"])).contains("the phase `body` with the mode `none`"));
    assert!(refused(setup(&["reply-body"])).contains("the phase `reply-body` with the mode `none`"));
    let wish = wit::Setup { reply_body: need(wit::BodyMode::Buffered), ..setup(&["head"]) };
    assert!(refused(wish).contains("wants bytes for `reply-body` without declaring that phase"));
    let both = wit::Setup {
        body: need(wit::BodyMode::Stream),
        reply_body: need(wit::BodyMode::Buffered),
        ..setup(&["body", "reply-body"])
    };
    let both = Setup::check(both, all()).unwrap();
    assert_eq!((both.body.mode, both.reply_body.mode), (BodyMode::Stream, BodyMode::Buffered));
}

#[test]
fn upstreams_end_at_their_number() {
    let many = |count: usize| wit::Setup { upstreams: vec!["a".to_owned(); count], ..setup(&["route"]) };
    assert!(Setup::check(many(2_048), all()).is_ok());
    assert!(refused(many(2_049)).contains("names 2049 upstreams; at most 2048"));
}

#[test]
fn metrics_end_at_their_number_and_their_names_at_their_form() {
    let named = |name: &str| wit::Setup { metrics: vec![metric(name)], ..setup(&["head"]) };
    for name in ["", "9lives", "Upper", "with-dash", "caf\u{e9}", &"n".repeat(65)] {
        assert!(refused(named(name)).contains("has no valid name"), "{name}");
    }
    for name in ["_", "hits_2", &"n".repeat(64)] {
        assert!(Setup::check(named(name), all()).is_ok(), "{name}");
    }
    let many = |count: usize| wit::Setup {
        metrics: (0..count).map(|number| metric(&format!("m{number}"))).collect(),
        ..setup(&["head"])
    };
    assert!(Setup::check(many(32), all()).is_ok());
    assert!(refused(many(33)).contains("declares 33 metrics; at most 32"));
}

#[test]
fn only_the_contracts_words_stand_in_requires_and_provides() {
    let requires = wit::Setup { requires: vec!["money".to_owned()], ..setup(&["head"]) };
    assert!(refused(requires).contains("requires or provides `money`; the contract knows identity, call, plan"));
    let provides = wit::Setup { provides: vec!["identity".to_owned(), "".to_owned()], ..setup(&["head"]) };
    assert!(refused(provides).contains("requires or provides ``"));
}
