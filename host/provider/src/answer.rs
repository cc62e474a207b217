//! From a question in no dialect to an answer in no dialect.

use crate::model::{Model, fingerprint};
use crate::tokens;

/// What an answer depends on, after a dialect has read the request.
#[derive(Debug, Clone)]
pub struct Question {
    pub model: Model,
    pub last_user_text: String,
    /// Model and messages in one form that does not change: the seed of everything that looks arbitrary.
    pub identity: Vec<u8>,
    pub prompt_tokens: u64,
    pub answer_tokens_max: Option<u64>,
    pub stop: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Same question, same number.
    pub fingerprint: u64,
    pub text: String,
    pub finish: Finish,
    pub usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The text is complete, or a stop string was met.
    Stop,
    /// The limit of tokens was met first.
    Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl Question {
    pub fn answer(&self) -> Answer {
        let fingerprint = fingerprint(&self.identity);
        let mut text = self.model.text(&self.last_user_text, fingerprint);
        let stopped =
            self.stop.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str())).min();
        if let Some(position) = stopped {
            text.truncate(position);
        }
        let finish = match self.answer_tokens_max {
            Some(tokens_max) => cut_to_tokens(&mut text, tokens_max),
            None => Finish::Stop,
        };
        let usage = Usage { prompt_tokens: self.prompt_tokens, completion_tokens: tokens::count(&text) };
        Answer { fingerprint, text, finish, usage }
    }
}

fn cut_to_tokens(text: &mut String, tokens_max: u64) -> Finish {
    let tokens_max = usize::try_from(tokens_max).unwrap_or(usize::MAX);
    let kept_bytes: usize = tokens::split(text).take(tokens_max).map(str::len).sum();
    if kept_bytes == text.len() {
        return Finish::Stop;
    }
    text.truncate(kept_bytes);
    Finish::Length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(text: &str, answer_tokens_max: Option<u64>, stop: &[&str]) -> (String, Finish, u64) {
        let question = Question {
            model: Model::Echo,
            last_user_text: text.into(),
            identity: text.into(),
            prompt_tokens: 5,
            answer_tokens_max,
            stop: stop.iter().map(ToString::to_string).collect(),
        };
        let answer = question.answer();
        (answer.text, answer.finish, answer.usage.completion_tokens)
    }

    #[test]
    fn a_limit_of_exactly_the_answers_tokens_is_a_stop_and_one_less_a_cut() {
        assert_eq!(echo("one two three", Some(4), &[]), ("one two three".into(), Finish::Stop, 4));
        assert_eq!(echo("one two three", Some(3), &[]), ("one two thre".into(), Finish::Length, 3));
    }

    #[test]
    fn the_earliest_stop_string_ends_the_answer_and_is_not_part_of_it() {
        assert_eq!(echo("one two three", None, &["three", " two"]), ("one".into(), Finish::Stop, 1));
        assert_eq!(echo("one two three", Some(1), &["three"]), ("one".into(), Finish::Length, 1));
        assert_eq!(echo("one", None, &[""]), ("one".into(), Finish::Stop, 1));
    }
}
