//! What a question costs: the tokens of its input, and which of them count as read from or written to a cache.
//!
//! Nothing is remembered from one request to the next, so that an answer's usage is a function of its request. What stands up
//! to the last turn of the assistant must have been sent before: that is what a cache has.

use super::{Part, Question, Role, Turn};
use crate::model::tools::Tool;
use crate::tokens;

const TOKENS_PER_TURN: u64 = 4;
const TOKENS_PER_PROMPT: u64 = 2;
pub const TOKENS_PER_ATTACHMENT: u64 = 85;

/// A shorter beginning of a conversation is not cached.
pub const CACHED_TOKENS_MIN: u64 = 1_024;

/// A cache without marks keeps whole blocks of so many tokens.
pub const CACHED_TOKENS_STEP: u64 = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheRule {
    /// Everything up to the last turn of the assistant is read, in whole steps; writing costs nothing.
    Automatic,
    /// What stands in front of the last mark is read as far as it was there before, and written as far as it is new.
    Marked,
}

/// The input of a question, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// All of it, the cached ones included.
    pub tokens: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

/// Where a count of the whole stands at certain places.
#[derive(Default)]
struct Counter {
    tokens: u64,
    at_last_mark: u64,
    at_last_assistant: u64,
}

impl Question {
    pub fn input(&self) -> Input {
        let mut counter = Counter { tokens: TOKENS_PER_PROMPT, ..Counter::default() };
        for tool in &self.tools {
            counter.tokens += tool_tokens(tool);
            if tool.marked {
                counter.at_last_mark = counter.tokens;
            }
        }
        self.turns.iter().for_each(|turn| counter.add(turn));
        self.split(&counter)
    }

    fn split(&self, counter: &Counter) -> Input {
        let tokens = counter.tokens;
        let long_enough = |tokens: u64| if tokens < CACHED_TOKENS_MIN { 0 } else { tokens };
        let (read, write) = match self.cache {
            CacheRule::Automatic => {
                let known = long_enough(counter.at_last_assistant);
                (known - known % CACHED_TOKENS_STEP, 0)
            }
            CacheRule::Marked => {
                let marked = long_enough(counter.at_last_mark);
                let read = long_enough(counter.at_last_assistant.min(marked));
                (read, marked - read)
            }
        };
        let cache_read = self.asked.cache_read_tokens.unwrap_or(read).min(tokens);
        let cache_write = self.asked.cache_write_tokens.unwrap_or(write).min(tokens - cache_read);
        Input { tokens, cache_read, cache_write }
    }
}

impl Counter {
    fn add(&mut self, turn: &Turn) {
        self.tokens += TOKENS_PER_TURN;
        for part in &turn.parts {
            self.tokens += match part {
                Part::Text(text) | Part::Name(text) => tokens::count(text),
                Part::Attachment(_) => TOKENS_PER_ATTACHMENT,
                Part::Call { name, arguments, .. } => tokens::count(name) + tokens::count(arguments),
                Part::Result { text, attachments, .. } => tokens::count(text) + attachments * TOKENS_PER_ATTACHMENT,
                Part::Reasoning => 0,
                Part::CacheMark => {
                    self.at_last_mark = self.tokens;
                    0
                }
            };
        }
        if turn.role == Role::Assistant {
            self.at_last_assistant = self.tokens;
        }
    }
}

fn tool_tokens(tool: &Tool) -> u64 {
    let parameters = if tool.parameters.is_null() { 0 } else { tokens::count(&tool.parameters.to_string()) };
    tokens::count(&tool.name) + tokens::count(&tool.description) + parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::question::Asked;

    fn long(words: usize) -> Part {
        Part::Text("a ".repeat(words).trim_end().to_owned())
    }

    fn question(cache: CacheRule, turns: Vec<Turn>) -> Question {
        Question { cache, ..Question::new(Model::Echo, turns) }
    }

    fn counted(question: &Question) -> (u64, u64, u64) {
        let input = question.input();
        (input.tokens, input.cache_read, input.cache_write)
    }

    #[test]
    fn parts_are_counted_by_the_rule() {
        let turns = vec![
            Turn::text(Role::System, "Be brief."),
            Turn::new(Role::User, vec![Part::Name("Ada".into()), long(3), Part::Attachment(9)]),
            Turn::new(
                Role::Assistant,
                vec![Part::Reasoning, Part::Call { id: "1".into(), name: "look".into(), arguments: "{}".into() }],
            ),
            Turn::new(Role::Tool, vec![Part::Result { id: "1".into(), text: "seen".into(), attachments: 1 }]),
        ];
        // `Be`, ` brie`, `f`, `.`; `Ada`, three words, 85; `look`, `{`, `}`; `seen`, 85.
        assert_eq!(question(CacheRule::Automatic, turns).input().tokens, 2 + 4 * 4 + 4 + 1 + 3 + 85 + 3 + 1 + 85);
    }

    #[test]
    fn an_automatic_cache_has_whole_steps_of_what_was_there_before() {
        let first = Turn::new(Role::User, vec![long(1100)]);
        assert_eq!(counted(&question(CacheRule::Automatic, vec![first.clone()])), (1106, 0, 0));
        let turns = vec![first, Turn::text(Role::Assistant, "b"), Turn::text(Role::User, "c")];
        assert_eq!(counted(&question(CacheRule::Automatic, turns)), (1116, 1024, 0));
        let short = vec![Turn::text(Role::User, "a"), Turn::text(Role::Assistant, "b"), Turn::text(Role::User, "c")];
        assert_eq!(counted(&question(CacheRule::Automatic, short)).1, 0);
    }

    #[test]
    fn marks_write_at_first_and_read_from_then_on() {
        let system = Turn::new(Role::System, vec![long(1100), Part::CacheMark]);
        let ask = |words| Turn::new(Role::User, vec![long(words), Part::CacheMark]);
        assert_eq!(counted(&question(CacheRule::Marked, vec![system.clone(), ask(10)])), (1120, 0, 1120));
        let turns = vec![system.clone(), ask(10), Turn::text(Role::Assistant, "b"), ask(10)];
        assert_eq!(counted(&question(CacheRule::Marked, turns)), (1139, 1125, 14));
        let unmarked =
            vec![system, Turn::text(Role::User, "x"), Turn::text(Role::Assistant, "b"), Turn::text(Role::User, "y")];
        assert_eq!(counted(&question(CacheRule::Marked, unmarked)), (1121, 1106, 0));
        let short = vec![Turn::new(Role::System, vec![long(1000), Part::CacheMark])];
        assert_eq!(counted(&question(CacheRule::Marked, short)), (1006, 0, 0));
    }

    #[test]
    fn figures_that_are_asked_for_stay_within_the_input() {
        let mut question = question(CacheRule::Marked, vec![Turn::text(Role::User, "a b c d")]);
        question.asked = Asked { cache_read_tokens: Some(7), cache_write_tokens: Some(900), ..Asked::default() };
        assert_eq!(counted(&question), (10, 7, 3));
    }
}
