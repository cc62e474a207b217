//! The script of a model's call keeps the rules of the gateway: who may edit what and when, and what breaks the contract.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde_json::json;

use super::super::{Exchange, ModelCall, Written, configure};
use super::*;
use crate::edits::EditError;
use crate::{
    Problems, Schema, Setup, attempts, credentials, model_answer, model_call, notes, request, target_features, targets,
    upstream_request, usage,
};

/// Does one thing in whichever phase is called.
struct Probe(Act);

#[derive(Clone, Copy, PartialEq, Deserialize, Schema)]
#[serde(rename_all = "snake_case")]
enum Act {
    Nothing,
    Answer,
    AnswerEarly,
    StopWithError,
    SkipAtLength,
    SkipCall,
}

impl Plugin for Probe {
    type Config = Act;

    fn configure(act: Act, setup: &mut Setup) -> Result<Probe, Problems> {
        if act == Act::SkipCall {
            setup.skip(Phase::Call);
        }
        Ok(Probe(act))
    }

    fn head(&self) -> crate::Decision {
        assert_eq!((model_call::operation(), model_call::segments("", "").len()), (String::new(), 0));
        assert_eq!(model_call::rewrite(0, "x"), Err(EditError::TooLate));
        if self.0 == Act::AnswerEarly {
            model_answer::say("too early");
        }
        crate::Decision::Proceed
    }

    fn call(&self) -> CallDecision {
        assert_eq!(request::set_header("x-call", b"1"), Ok(()));
        assert_eq!(upstream_request::set_header("x-call", b"1"), Err(EditError::TooLate));
        assert!(!credentials::choose("first") && credentials::names().is_empty() && targets::plan().is_empty());
        if self.0 == Act::Answer {
            model_answer::write_tool_call(0, "find", "{}");
            model_answer::set_end(0, "length");
            return model_answer::say("Here.");
        }
        model_call::rewrite(1, "asked").map_err(|_| Rejection::new(400, "no_question", "Ask something.")).into()
    }

    fn attempt(&self) -> AttemptDecision {
        assert_eq!(model_call::set_model("other"), Err(EditError::TooLate));
        assert_eq!(request::set_header("x-late", b"1"), Err(EditError::TooLate));
        assert_eq!(upstream_request::set_header("authorization", b"k"), Err(EditError::Forbidden));
        assert_eq!(upstream_request::header("authorization"), None);
        if self.0 == Act::SkipAtLength {
            return AttemptDecision::skip("x".repeat(1025));
        }
        let Some(number) = attempts::last() else { panic!("an attempt is under way") };
        let Some(provider) = attempts::fact(number, "provider") else { return AttemptDecision::skip("unknown") };
        model_call::rewrite(1, &provider).unwrap();
        upstream_request::set_header("x-provider", provider.as_bytes()).unwrap();
        credentials::choose_rested();
        AttemptDecision::Proceed
    }

    fn delta_text(&self, choice: u32, text: String) -> DeltaDecision {
        assert_eq!(model_call::rewrite(1, "late"), Err(EditError::TooLate));
        match text.as_str() {
            _ if self.0 == Act::StopWithError => DeltaDecision::stop("error"),
            "hold" => {
                notes::store(b" held");
                DeltaDecision::hold()
            }
            "stop" => DeltaDecision::stop("content-filter"),
            "loud" => DeltaDecision::replace("LOUD"),
            "bad" => Rejection::new(400, "bad", "Bad.").into(),
            _ if choice > 0 => DeltaDecision::hold(),
            _ => DeltaDecision::Pass,
        }
    }

    fn delta_tool_arguments(&self, _choice: u32, tool: u32, text: String) -> DeltaDecision {
        DeltaDecision::replace(format!("{tool}:{text}"))
    }

    fn delta_usage(&self) {
        notes::store(format!("{:?} {}", usage::output_tokens(), usage::pricing()).as_bytes());
    }

    fn delta_end(&self, _choice: u32, reason: &str) -> DeltaDecision {
        match (reason, String::from_utf8(notes::load()).unwrap_or_default()) {
            ("stop", held) if !held.is_empty() => DeltaDecision::Replace(held),
            _ => DeltaDecision::Pass,
        }
    }
}

crate::export!(Probe: head, call, attempt, delta);

fn probe(act: &str) -> Configured<Probe> {
    configure(json!(act)).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn chat() -> ModelCall {
    ModelCall::new("small").text("system", "Be kind.").text("user", "Hello.")
}

/// Calls the host as a policy does in its phase `call`.
fn in_call<T>(exchange: &mut Exchange, act: impl FnOnce() -> T) -> T {
    script::run(exchange, Stage::Call, act)
}

#[test]
fn a_call_is_edited_for_all_targets_in_call_and_for_one_in_attempt() {
    let mut exchange = Exchange::model_call(chat())
        .header("authorization", "Bearer k")
        .targets(["near", "far"])
        .fact("provider", ["local", "cloud"])
        .credential("first", 900)
        .credential("second", 0);
    let policy = probe("nothing");
    assert_eq!(policy.head(&mut exchange), crate::Decision::Proceed);
    assert_eq!(policy.call(&mut exchange), CallDecision::Proceed);
    assert_eq!(exchange.call().texts("", ""), ["Be kind.", "asked"]);
    assert_eq!(policy.attempt(&mut exchange, "near"), AttemptDecision::Proceed);
    assert_eq!(exchange.call().texts("user", "text"), ["local"]);
    assert_eq!(exchange.upstream_header("x-provider").as_deref(), Some("local"));
    assert_eq!(exchange.upstream_header("x-call").as_deref(), Some("1"));
    assert_eq!(exchange.chosen_credential(), Some("second"));
    exchange.attempt_ended("refused", [("status", 429)]);
    assert_eq!(policy.attempt(&mut exchange, "far"), AttemptDecision::Proceed);
    assert_eq!(exchange.call().text_of(1), Some("cloud"));
    let seen = script::run(&mut exchange, Stage::Finish, || {
        let of = |attempt| {
            (attempts::target(attempt), attempts::fact(attempt, "ended"), attempts::figure(attempt, "status"))
        };
        (attempts::count(), of(0), of(1), attempts::target(2))
    });
    assert_eq!(seen, (2, (Some(0), Some("refused".into()), Some(429)), (Some(1), Some(String::new()), None), None));
}

#[test]
fn a_target_that_is_skipped_leaves_its_reason_with_the_attempt() {
    let mut exchange = Exchange::model_call(chat()).targets(["near"]);
    assert_eq!(probe("nothing").attempt(&mut exchange, "near"), AttemptDecision::skip("unknown"));
    let fact = |name: &'static str| move || attempts::fact(0, name);
    assert_eq!(script::run(&mut exchange, Stage::Finish, fact("ended")).as_deref(), Some("skipped"));
    assert_eq!(script::run(&mut exchange, Stage::Finish, fact("reason")).as_deref(), Some("unknown"));
}

#[test]
fn edits_of_a_call_that_the_gateway_would_refuse_are_refused() {
    let call = ModelCall::new("small")
        .text("user", "Hello.")
        .tool_arguments("find", "{}")
        .tool_result("find", "found")
        .tool_arguments("find", "{\"a\":1}")
        .signed()
        .tool_definition("find", "Finds.");
    let mut exchange = Exchange::model_call(call);
    in_call(&mut exchange, || {
        assert_eq!(model_call::rewrite(9, "x"), Err(EditError::InvalidName));
        assert_eq!(model_call::rewrite(1, "[]"), Err(EditError::InvalidValue));
        assert_eq!(model_call::rewrite(3, "{}"), Err(EditError::Forbidden));
        assert_eq!(model_call::remove(1), Err(EditError::Forbidden));
        assert_eq!(model_call::insert("tool", "x", None), Err(EditError::InvalidName));
        assert_eq!(model_call::insert("user", "", None), Err(EditError::InvalidValue));
        assert_eq!(model_call::insert("user", "x", Some(2)), Err(EditError::Forbidden));
        assert_eq!(model_call::insert("user", "x", Some(4)), Err(EditError::Forbidden));
        assert_eq!(model_call::set_number("mood", Some(1.0)), Err(EditError::InvalidName));
        assert_eq!(model_call::set_number("temperature", Some(f64::NAN)), Err(EditError::InvalidValue));
        assert_eq!(model_call::set_number("choices", Some(1.5)), Err(EditError::InvalidValue));
        assert_eq!(model_call::set_number("top-k", Some(3.0)), Err(EditError::Forbidden));
        assert_eq!(model_call::set_word("tool-choice", Some("lose")), Err(EditError::InvalidValue));
        assert_eq!(model_call::set_word("response-format", Some("schema")), Err(EditError::InvalidValue));
        assert_eq!(model_call::set_word("mood", None), Err(EditError::InvalidName));
        assert_eq!(model_call::set_model(""), Err(EditError::InvalidValue));
    });
    let untouched = ["Hello.", "{}", "found", "{\"a\":1}", "Finds."];
    assert_eq!(exchange.call().texts("", ""), untouched);
}

#[test]
fn what_is_inserted_has_a_number_of_its_own_and_stands_in_its_place() {
    let mut exchange = Exchange::model_call(chat().tool_definition("find", "Finds."));
    in_call(&mut exchange, || {
        assert_eq!(model_call::insert("system", "Be brief.", Some(1)), Ok(3));
        assert_eq!(model_call::insert("assistant", "Hello!", None), Ok(4));
        assert_eq!(model_call::remove(0), Ok(()));
        assert_eq!(model_call::role(0), None);
        assert_eq!(model_call::set_number("max-output-tokens", Some(50.0)), Ok(()));
        assert_eq!(model_call::set_word("tool-choice", Some("find")), Ok(()));
        assert_eq!(model_call::set_model("large"), Ok(()));
        let all = model_call::segments("", "");
        let seen: Vec<_> = all.iter().map(|segment| (segment.number(), segment.role(), segment.text())).collect();
        let said = |number, role: &str, text| (number, role.to_owned(), text);
        assert_eq!(
            seen,
            [
                said(3, "system", "Be brief."),
                said(1, "user", "Hello."),
                said(4, "assistant", "Hello!"),
                said(2, "", "Finds.")
            ]
        );
        let defined = model_call::segments("", "tool-definition");
        let tool = defined.iter().next().map(|segment| (segment.place(), segment.tool()));
        assert_eq!(tool, Some(("tool-definition".to_owned(), Some("find".to_owned()))));
        assert!(model_call::has("tools") && model_call::segments("nobody", "").is_empty());
    });
    let call = exchange.call();
    assert_eq!(
        (call.model(), call.number("max-output-tokens"), call.word("tool-choice")),
        ("large", Some(50.0), Some("find"))
    );
}

#[test]
fn a_call_can_be_edited_only_so_often() {
    let mut exchange = Exchange::model_call(chat());
    let edits =
        in_call(&mut exchange, || (0..).take_while(|_| model_call::set_number("seed", Some(1.0)).is_ok()).count());
    assert_eq!(edits, 64);
    assert_eq!(in_call(&mut exchange, || model_call::insert("user", "x", None)), Err(EditError::TooMany));
    assert_eq!(in_call(&mut exchange, || model_call::rewrite(0, "still")), Ok(()));
}

#[test]
fn rewriting_each_stops_at_what_is_signed_and_says_which_that_is() {
    let mut exchange = Exchange::model_call(chat().text("assistant", "Signed.").signed().text("user", "Bye."));
    let failed = in_call(&mut exchange, || model_call::rewrite_each("", "text", |_| Some("-".into()))).unwrap_err();
    assert_eq!(failed.to_string(), "segment 2 cannot be rewritten: a provider has signed it");
    assert_eq!(exchange.call().texts("", ""), ["-", "-", "Signed.", "Bye."]);
    let rewritten = in_call(&mut exchange, || model_call::rewrite_each("user", "", |_| Some("+".into())));
    assert_eq!(rewritten, Ok(2));
}

#[test]
fn an_answer_is_written_in_call_and_read_by_the_test() {
    let mut exchange = Exchange::model_call(chat());
    assert_eq!(probe("answer").call(&mut exchange), CallDecision::Answer);
    assert_eq!(exchange.written_text(), "Here.");
    assert_eq!(exchange.written()[1], Written::End { choice: 0, reason: "length".to_owned() });
}

#[test]
fn what_an_answer_holds_goes_through_the_policy_piece_by_piece() {
    let policy = probe("nothing");
    let answer = |pieces: &[&str]| {
        let delivered = policy.answer(&mut Exchange::model_call(chat()), pieces);
        (delivered.text, delivered.end, delivered.rejection.map(|rejection| rejection.code))
    };
    assert_eq!(answer(&["a ", "loud", ""]), ("a LOUD".into(), "stop".into(), None));
    assert_eq!(answer(&["a", "hold", "b"]), ("ab held".into(), "stop".into(), None));
    assert_eq!(answer(&["a", "stop", "b"]), ("a".into(), "content-filter".into(), None));
    assert_eq!(answer(&["a", "bad", "b"]), ("a".into(), String::new(), Some("bad".into())));
    let mut exchange = Exchange::model_call(chat());
    assert_eq!(policy.delta_tool_arguments(&mut exchange, 0, 2, "{"), DeltaDecision::replace("2:{"));
    assert_eq!(policy.delta_text(&mut exchange, 1, "x"), DeltaDecision::hold());
    exchange.used([("output-tokens", 12)]);
    policy.delta_usage(&mut exchange);
    assert_eq!(script::run(&mut exchange, Stage::Delta, notes::load), b"Some(12) unpriced");
    assert_eq!(policy.delta_end(&mut exchange, 0, "cut"), DeltaDecision::Pass);
}

#[test]
fn what_targets_can_serve_is_as_the_script_says() {
    let mut exchange = Exchange::model_call(chat()).targets(["a", "b"]).capable("images", ["b"]);
    let capable = in_call(&mut exchange, || (target_features::capable("images"), target_features::capable("tools")));
    assert_eq!(capable, (vec![1], vec![0, 1]));
}

#[test]
fn what_would_break_the_contract_panics() {
    let panics = |act: &str, call: &dyn Fn(&Configured<Probe>, &mut Exchange)| {
        let mut exchange = Exchange::model_call(chat()).targets(["near"]);
        catch_unwind(AssertUnwindSafe(|| call(&probe(act), &mut exchange))).is_err()
    };
    assert!(panics("answer_early", &|policy, exchange| drop(policy.head(exchange))));
    assert!(panics("stop_with_error", &|policy, exchange| drop(policy.delta_text(exchange, 0, "x"))));
    assert!(panics("skip_at_length", &|policy, exchange| drop(policy.attempt(exchange, "near"))));
    assert!(panics("nothing", &|policy, exchange| drop(policy.attempt(exchange, "far"))));
    assert!(panics("nothing", &|policy, _| drop(policy.call(&mut Exchange::new("POST", "/")))));
    assert!(panics("nothing", &|_, exchange| in_call(exchange, || model_answer::set_end(0, "cut"))));
    assert!(panics("nothing", &|_, exchange| in_call(exchange, || model_answer::write_tool_call(0, "a", "[]"))));
    assert!(panics("nothing", &|_, exchange| in_call(exchange, || model_answer::write_text(128, "x"))));
    assert!(panics("nothing", &|_, exchange| in_call(exchange, || model_answer::write_text(
        0,
        &"x".repeat((4 << 20) + 1)
    ))));
    assert!(!panics("nothing", &|policy, exchange| drop(policy.call(exchange))));
}

#[test]
fn phases_that_are_left_out_do_not_run() {
    let mut exchange = Exchange::model_call(chat());
    assert_eq!(probe("skip_call").call(&mut exchange), CallDecision::Proceed);
    assert_eq!(exchange.call().texts("", ""), ["Be kind.", "Hello."]);
    assert_eq!(probe("skip_call").setup().phases, ["head", "attempt", "delta"]);
}

#[test]
fn a_call_comes_on_the_path_of_its_dialect() {
    let path = |call: ModelCall| Exchange::model_call(call).request_path().to_owned();
    assert_eq!(path(chat()), "/v1/chat/completions");
    assert_eq!(path(chat().dialect_is("anthropic-messages")), "/v1/messages");
    assert_eq!(path(chat().dialect_is("gemini").streamed()), "/v1beta/models/small:streamGenerateContent");
    assert_eq!(path(chat().operation_is("embeddings")), "/v1/embeddings");
}
