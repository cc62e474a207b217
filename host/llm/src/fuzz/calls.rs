//! Calls of clients, and what providers are sent for them.

use bytes::Bytes;

use super::{DIALECTS, asked, fuzz, operation};
use crate::call::{Call, Operation, Part, ResultPart};
use crate::dialect::{Dialect, Outgoing, Target, Wire, read_call, write_call};
use crate::error::NoCounterpart;
use crate::json::Document;

const WIRES: [Wire; 6] = [
    Wire::OpenAi,
    Wire::Azure { api_version: None },
    Wire::OpenAiResponses,
    Wire::Anthropic,
    Wire::Gemini,
    Wire::Bedrock,
];

fn written(call: &Call, wire: &Wire) -> Result<Outgoing, NoCounterpart> {
    write_call(call, wire, Target { model: "gemini-3", output_tokens_default: 4_096 })
}

#[test]
fn fuzzed_calls_are_read_or_refused_in_a_sentence_and_written_stably() {
    let (mut read, mut sent) = (0, 0);
    for (dialect, folder) in DIALECTS.iter().filter(|(dialect, _)| *dialect != Dialect::Bedrock) {
        fuzz(&format!("calls/{folder}"), |file, bytes, _| {
            let operation = operation(file);
            match read_call(&asked(*dialect, operation), Bytes::copy_from_slice(bytes)) {
                Err(error) => assert!((10..600).contains(&error.message.len()), "{error}"),
                Ok(call) => {
                    read += 1;
                    sent += WIRES.iter().map(|wire| usize::from(check_written(&call, wire))).sum::<usize>();
                }
            }
        });
    }
    assert!(read > 150 && sent > 500, "{read} {sent}");
}

/// Whether there is something to send.
fn check_written(call: &Call, wire: &Wire) -> bool {
    let outgoing = match written(call, wire) {
        Ok(outgoing) => outgoing,
        Err(problem) => {
            assert!((10..600).contains(&problem.message.len()), "{problem}");
            return false;
        }
    };
    assert!(outgoing.path.starts_with('/') && outgoing.path.bytes().all(|byte| byte.is_ascii_graphic()));
    let shown = String::from_utf8_lossy(&outgoing.body).into_owned();
    Document::parse(outgoing.body.clone()).unwrap_or_else(|error| panic!("{wire:?} {error}: {shown}"));
    let dialect = wire.dialect();
    if dialect == Dialect::Bedrock {
        return true;
    }
    // A client that had written this itself would be understood, and be sent on as it is.
    let asked = asked(dialect, call.operation);
    let own = read_call(&asked, outgoing.body.clone()).unwrap_or_else(|error| panic!("{wire:?} {error}: {shown}"));
    assert_eq!(said(&own), said(call), "{wire:?} {shown}");
    if *wire != (Wire::Azure { api_version: None }) || call.operation == Operation::Chat {
        let again = written(&own, wire).unwrap().body;
        let last = written(&read_call(&asked, again.clone()).unwrap(), wire).unwrap().body;
        assert_eq!(again, last, "{wire:?}");
    }
    true
}

/// The words of the conversation and its calls of tools, in no order: systems go in front and results too, as each vendor has it.
fn said(call: &Call) -> Vec<String> {
    let mut words = Vec::new();
    let mut say = |text: &str| words.extend(text.split_whitespace().map(str::to_owned));
    for part in call.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Text(text) | Part::Refusal(text) => say(&text.text),
            Part::ToolCall(called) => {
                say(&called.name);
                say(if called.arguments.trim().is_empty() { "{}" } else { &called.arguments });
            }
            Part::ToolResult(result) => result.content.iter().for_each(|part| match part {
                ResultPart::Text(text) => say(&text.text),
                ResultPart::Image(_) => say("image"),
            }),
            Part::Image(_) => say("image"),
            // Of its own vendor alone.
            Part::Thought(_) => {}
        }
    }
    // What stands for a mark that some dialects have not.
    words.retain(|word| !matches!(word.as_str(), "Error:" | "Error"));
    words.sort_unstable();
    words
}
