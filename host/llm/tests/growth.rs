//! Calls of ten times the size take about ten times as long: no client can hold a worker with one long list.
//!
//! Time is measured, so this file has one test: no other one of it takes the processor away.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sluicegate_llm::{Asked, Call, Dialect, Draft, Operation, Part, Target, Wire, dialect};

/// In the smaller call of a pair: so many that what is done for pairs of them would show.
const MEMBERS: usize = 20_000;
const CALLS: usize = 4_000;
const TIMES: usize = 10;

/// Between [`TIMES`] and its square, and far enough from both for a machine that does other things too.
const RATIO_MAX: f64 = 40.0;

fn read(dialect: Dialect, source: &str) -> Call {
    let model = (dialect == Dialect::Gemini).then(|| "gemini-3".to_owned());
    let asked = Asked { dialect, operation: Operation::Chat, model, streamed: None, as_array: false };
    dialect::read_call(&asked, Bytes::copy_from_slice(source.as_bytes())).unwrap()
}

fn listed(count: usize, one: impl Fn(&mut String, usize)) -> String {
    let mut list = String::new();
    for number in 0..count {
        list.push_str(if number > 0 { "," } else { "" });
        one(&mut list, number);
    }
    list
}

/// The shortest of some tries, since a machine can be slower than it is, but not faster.
fn shortest(mut run: impl FnMut()) -> Duration {
    let tries = (0..2).map(|_| {
        let begun = Instant::now();
        run();
        begun.elapsed()
    });
    tries.min().unwrap_or_default()
}

#[track_caller]
fn assert_grows_with_size(small: usize, source: impl Fn(usize) -> String, run: impl Fn(&str)) {
    let time = |count| {
        let source = source(count);
        shortest(|| run(&source))
    };
    let (small, large) = (time(small), time(small * TIMES));
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < RATIO_MAX, "{small:?} became {large:?}, which is {ratio:.0} times as long");
}

fn unknown_members(count: usize) -> String {
    let members = listed(count, |list, number| write!(list, r#""unknown-{number:08}":1"#).unwrap());
    format!(r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"Hi"}}],"input":"Hi",{members}}}"#)
}

fn read_unknown_members() {
    for dialect in [Dialect::OpenAi, Dialect::OpenAiResponses, Dialect::Anthropic] {
        assert_grows_with_size(MEMBERS, unknown_members, |source| {
            assert!(read(dialect, source).foreign.len() >= MEMBERS);
        });
    }
}

fn find_needs() {
    assert_grows_with_size(MEMBERS, unknown_members, |source| {
        let model = None;
        let asked =
            Asked { dialect: Dialect::OpenAi, operation: Operation::Chat, model, streamed: None, as_array: false };
        let draft = Draft::new(asked, read(Dialect::OpenAi, source).into());
        assert!(!draft.has("audio"));
    });
}

/// Calls of tools, one message of the model's, and then their results, each asked for from the end or by its name alone.
fn gemini_calls(count: usize) -> String {
    let calls =
        listed(count, |list, n| write!(list, r#"{{"functionCall":{{"name":"tool-{n:08}","args":{{}}}}}}"#).unwrap());
    let result = |list: &mut String, n| {
        let name = format!("tool-{:08}", count - 1 - n);
        write!(list, r#"{{"functionResponse":{{"name":"{name}","response":{{"output":"x"}}}}}}"#).unwrap();
    };
    let results = listed(count, result);
    let tools = r#"[{"functionDeclarations":[{"name":"f","description":"d"}]}]"#;
    format!(
        r#"{{"tools":{tools},"contents":[{{"parts":[{{"text":"Hi"}}]}},{{"role":"model","parts":[{calls}]}},{{"parts":[{results}]}}]}}"#
    )
}

fn openai_calls(count: usize) -> String {
    let call = r#""type":"function","function":{"name":"f","arguments":"{}"}"#;
    let calls = listed(count, |list, n| write!(list, r#"{{"id":"call-{n:08}",{call}}}"#).unwrap());
    let result =
        |list: &mut String, n| write!(list, r#"{{"role":"tool","tool_call_id":"call-{n:08}","content":"x"}}"#).unwrap();
    let results = listed(count, result);
    let messages =
        format!(r#"{{"role":"user","content":"Hi"}},{{"role":"assistant","tool_calls":[{calls}]}},{results}"#);
    format!(r#"{{"model":"m","messages":[{messages}]}}"#)
}

fn find_calls_of_results() {
    assert_grows_with_size(CALLS, gemini_calls, |source| {
        let call = read(Dialect::Gemini, source);
        assert_eq!(call.messages.len(), 3);
    });
}

fn without_ids(call: &mut Call) {
    for part in call.messages.iter_mut().flat_map(|message| &mut message.parts) {
        match part {
            Part::ToolCall(call) => call.id.clear(),
            Part::ToolResult(result) => result.id.clear(),
            _ => {}
        }
    }
}

fn print_results() {
    let wires = [Wire::OpenAi, Wire::OpenAiResponses, Wire::Anthropic, Wire::Gemini, Wire::Bedrock];
    for wire in wires {
        let target = Target { model: "m", output_tokens_default: 9 };
        // Gemini wants the tool's name, which others find by the id, and all others want the id.
        if wire == Wire::Gemini {
            assert_grows_with_size(CALLS, openai_calls, |source| {
                dialect::write_call(&read(Dialect::OpenAi, source), &wire, target).unwrap();
            });
        } else {
            assert_grows_with_size(CALLS, gemini_calls, |source| {
                let mut call = read(Dialect::Gemini, source);
                without_ids(&mut call);
                dialect::write_call(&call, &wire, target).unwrap();
            });
        }
    }
}

#[test]
fn a_call_is_handled_in_a_time_that_grows_with_its_size() {
    read_unknown_members();
    find_needs();
    find_calls_of_results();
    print_results();
}
