//! An answer that a plugin wrote, as a model would have given it.

use std::collections::BTreeMap;

use sluicegate_llm::{EndReason, Event, Piece, Usage};
use sluicegate_runtime::model::Written;

/// What is known of one choice.
#[derive(Default)]
struct Choice {
    tools: u32,
    end: Option<EndReason>,
}

/// The events in their order; every choice ends: as the plugin said, else because it calls tools or has said all.
pub(super) fn events(exchange: &str, model: &str, written: Vec<Written>) -> Vec<Event> {
    let begin = Event::Begin { id: format!("sluicegate-{exchange}"), model: model.to_owned(), created: None };
    let mut events = vec![begin];
    // One choice is there whatever was written: an answer without any is none.
    let mut choices = BTreeMap::from([(0, Choice::default())]);
    for piece in written {
        match piece {
            Written::Text { choice, text } => {
                choices.entry(choice).or_default();
                events.push(Event::Piece { choice, piece: Piece::Text(text) });
            }
            Written::ToolCall { choice, tool: name, arguments: text } => {
                let known = choices.entry(choice).or_default();
                let (tool, id) = (known.tools, format!("call_{choice}_{}", known.tools));
                known.tools += 1;
                events.push(Event::Piece { choice, piece: Piece::ToolBegin { tool, id, name } });
                events.push(Event::Piece { choice, piece: Piece::ToolArguments { tool, text } });
            }
            Written::End { choice, reason } => choices.entry(choice).or_default().end = EndReason::from_name(&reason),
        }
    }
    for (choice, Choice { tools, end }) in choices {
        let reason = end.unwrap_or(if tools > 0 { EndReason::ToolCalls } else { EndReason::Stop });
        events.push(Event::End { choice, reason });
    }
    // Nobody was asked, and nothing was used; clients that ask for the figures wait for them.
    events.extend([Event::Usage(Usage::default()), Event::Done]);
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_an_answer_that_ends_well() {
        let written = vec![
            Written::Text { choice: 1, text: "b".to_owned() },
            Written::ToolCall { choice: 0, tool: "find".to_owned(), arguments: "{}".to_owned() },
            Written::ToolCall { choice: 0, tool: "read".to_owned(), arguments: "{}".to_owned() },
            Written::End { choice: 1, reason: "length".to_owned() },
        ];
        let mut answer = sluicegate_llm::Answer::default();
        events("id", "m", written).into_iter().for_each(|event| answer.take(event));
        assert!(answer.done);
        let choices: Vec<_> = answer.choices.iter().map(|choice| (choice.text(), choice.end)).collect();
        let expected = [(String::new(), Some(EndReason::ToolCalls)), ("b".to_owned(), Some(EndReason::Length))];
        assert_eq!(choices, expected);
        let calls = answer.choices[0].tool_calls();
        assert_eq!(calls, [("call_0_0", "find", "{}"), ("call_0_1", "read", "{}")]);
    }

    #[test]
    fn an_answer_without_a_word_is_one() {
        let ends = events("id", "m", Vec::new()).split_off(1);
        let usage = Event::Usage(Usage::default());
        assert_eq!(ends, [Event::End { choice: 0, reason: EndReason::Stop }, usage, Event::Done]);
    }
}
