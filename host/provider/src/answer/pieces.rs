//! An answer in the order in which a stream tells it, one token after another.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Answer;
use crate::invoice::Charge;
use crate::tokens;

/// What happens next. Choices take turns, a token each.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Once, in front of everything.
    Open,
    Start {
        choice: usize,
    },
    Reasoning {
        choice: usize,
        text: String,
    },
    Text {
        choice: usize,
        text: String,
    },
    /// A call begins: its name is known.
    Call {
        choice: usize,
        call: usize,
    },
    Arguments {
        choice: usize,
        call: usize,
        text: String,
    },
    End {
        choice: usize,
    },
    /// Once, behind everything.
    Close,
}

/// One chunk of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub bytes: Bytes,
    /// It belongs to the end, without which a stream is not whole.
    pub ends: bool,
}

/// Writes pieces in a dialect. A piece may become any number of events.
pub trait Encoder {
    fn encode(&mut self, answer: &Answer, piece: Piece, events: &mut VecDeque<Event>);
}

/// Makes each event when it is asked for, so that a long answer does not stand in memory as JSON.
///
/// A token is charged when the event that tells it is made.
pub fn events(
    answer: Answer,
    encoder: impl Encoder + Send + 'static,
    charge: Charge,
) -> impl Iterator<Item = Event> + Send {
    let mut pieces = Pieces::new(&answer);
    let mut encoder = encoder;
    let mut charge = charge;
    let mut ready = VecDeque::new();
    std::iter::from_fn(move || {
        while ready.is_empty() {
            let Some(piece) = pieces.next(&answer) else {
                charge.complete();
                return None;
            };
            match &piece {
                Piece::Reasoning { .. } => charge.add_reasoning(1),
                Piece::Text { .. } | Piece::Arguments { .. } => charge.add_output(1),
                Piece::Call { choice, call } => charge.add_output(name_tokens(&answer, *choice, *call)),
                Piece::Open | Piece::Start { .. } | Piece::End { .. } | Piece::Close => {}
            }
            encoder.encode(&answer, piece, &mut ready);
        }
        ready.pop_front()
    })
}

fn name_tokens(answer: &Answer, choice: usize, call: usize) -> u64 {
    let call = answer.choices.get(choice).and_then(|choice| choice.calls.get(call));
    call.map_or(0, |call| tokens::count(&call.name))
}

impl Event {
    pub fn new(bytes: impl Into<Bytes>) -> Event {
        Event { bytes: bytes.into(), ends: false }
    }

    pub fn end(bytes: impl Into<Bytes>) -> Event {
        Event { bytes: bytes.into(), ends: true }
    }
}

struct Pieces {
    opened: bool,
    closed: bool,
    /// The choices that go on, the next first.
    open: VecDeque<Cursor>,
}

struct Cursor {
    choice: usize,
    step: Step,
}

enum Step {
    Start,
    /// What comes from this byte on is not told yet.
    Reasoning(usize),
    Text(usize),
    Call(usize),
    Arguments {
        call: usize,
        text: String,
        told: usize,
    },
}

impl Pieces {
    fn new(answer: &Answer) -> Pieces {
        let cursor = |choice| Cursor { choice, step: Step::Start };
        Pieces { opened: false, closed: false, open: (0..answer.choices.len()).map(cursor).collect() }
    }

    fn next(&mut self, answer: &Answer) -> Option<Piece> {
        if !self.opened {
            self.opened = true;
            return Some(Piece::Open);
        }
        let Some(mut cursor) = self.open.pop_front() else {
            let closed = std::mem::replace(&mut self.closed, true);
            return (!closed).then_some(Piece::Close);
        };
        let piece = cursor.next(answer);
        if !matches!(piece, Piece::End { .. }) {
            self.open.push_back(cursor);
        }
        Some(piece)
    }
}

impl Cursor {
    fn next(&mut self, answer: &Answer) -> Piece {
        let choice = self.choice;
        let Some(said) = answer.choices.get(choice) else { return Piece::End { choice } };
        loop {
            match &mut self.step {
                Step::Start => {
                    self.step = Step::Reasoning(0);
                    return Piece::Start { choice };
                }
                Step::Reasoning(told) => match token(&said.reasoning, told) {
                    Some(text) => return Piece::Reasoning { choice, text },
                    None => self.step = Step::Text(0),
                },
                Step::Text(told) => match token(&said.text, told) {
                    Some(text) => return Piece::Text { choice, text },
                    None => self.step = Step::Call(0),
                },
                Step::Call(call) => {
                    let call = *call;
                    let Some(called) = said.calls.get(call) else { return Piece::End { choice } };
                    self.step = Step::Arguments { call, text: called.arguments.to_string(), told: 0 };
                    return Piece::Call { choice, call };
                }
                Step::Arguments { call, text, told } => match token(text, told) {
                    Some(text) => return Piece::Arguments { choice, call: *call, text },
                    None => self.step = Step::Call(*call + 1),
                },
            }
        }
    }
}

/// The next token, which then counts as told.
fn token(text: &str, told: &mut usize) -> Option<String> {
    let rest = text.get(*told..)?;
    let token = rest.get(..tokens::first_token_bytes(rest)).filter(|token| !token.is_empty())?;
    *told += token.len();
    Some(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::question::{Question, Role, Turn};

    #[test]
    fn choices_take_turns_between_one_opening_and_one_close() {
        let question = Question { choices: 2, ..Question::new(Model::Echo, vec![Turn::text(Role::User, "a b")]) };
        let answer = question.answer();
        let mut pieces = Pieces::new(&answer);
        let told: Vec<Piece> = std::iter::from_fn(|| pieces.next(&answer)).collect();
        let text = |choice, text: &str| Piece::Text { choice, text: text.into() };
        let expected = [
            Piece::Open,
            Piece::Start { choice: 0 },
            Piece::Start { choice: 1 },
            text(0, "a"),
            text(1, "a"),
            text(0, " b"),
            text(1, " b"),
            Piece::End { choice: 0 },
            Piece::End { choice: 1 },
            Piece::Close,
        ];
        assert_eq!(told, expected);
    }
}
