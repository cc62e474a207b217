//! A model's answer: a sequence of events, the same whether the provider streams or not, and what they add up to.

use crate::error::{Broken, ProviderError};
use crate::usage::Usage;

/// One step of an answer.
///
/// Order: `Begin` once and first; pieces of the choices, each `ToolBegin` in front of its arguments; one `End` a choice; `Usage` any
/// number of times, the last one counting; `Done` once and last, and only where the provider's own end was seen. `Error` takes the
/// place of everything that would follow.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Texts may be empty where the provider does not say them.
    Begin {
        id: String,
        model: String,
        created: Option<u64>,
    },
    Piece {
        choice: u32,
        piece: Piece,
    },
    End {
        choice: u32,
        reason: EndReason,
    },
    /// Cumulative: replaces what came before.
    Usage(Usage),
    /// Vectors in the order of the inputs.
    Vectors(Vec<Vec<f32>>),
    /// What [`crate::Operation::CountTokens`] found.
    Counted {
        input_tokens: u64,
    },
    Done,
    Error(ProviderError),
}

/// A piece of one choice. `tool` counts the calls of the choice from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Refusal(String),
    /// Of what the model thought, as far as the vendor shows it.
    Thought(String),
    /// Ends a thought: what must come back with it, and only to the vendor that made it. JSON text of the whole block or item, so
    /// that nothing of it has to be understood. Items without any counterpart are carried so as well, such as a search of the
    /// vendor's own.
    ThoughtSealed {
        family: crate::Family,
        raw: String,
    },
    ToolBegin {
        tool: u32,
        id: String,
        name: String,
    },
    /// A piece of JSON text.
    ToolArguments {
        tool: u32,
        text: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    Stop,
    /// One of the client's stop strings; with vendors that tell it apart.
    StopSequence,
    Length,
    ToolCalls,
    ContentFilter,
    /// The model would not answer.
    Refusal,
    /// The provider pauses, to be asked to go on.
    Pause,
}

/// All that an answer's events add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    pub id: String,
    pub model: String,
    pub created: Option<u64>,
    pub choices: Vec<Choice>,
    pub usage: Option<Usage>,
    pub vectors: Vec<Vec<f32>>,
    pub counted: Option<u64>,
    pub done: bool,
}

/// Pieces as they came, neighbours of one kind put together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    pub pieces: Vec<Piece>,
    pub end: Option<EndReason>,
}

/// Choices of one answer; a provider that names a higher one is broken.
pub const CHOICES_MAX: usize = 128;

impl Piece {
    /// What it brings: words, arguments, a tool's name, a seal.
    pub fn text(&self) -> &str {
        match self {
            Piece::Text(text) | Piece::Refusal(text) | Piece::Thought(text) => text,
            Piece::ThoughtSealed { raw, .. } => raw,
            Piece::ToolBegin { name, .. } => name,
            Piece::ToolArguments { text, .. } => text,
        }
    }

    /// The beginning of a call. No client could do anything with one that names no tool.
    pub fn tool_begin(tool: u32, id: impl Into<String>, name: &str) -> Result<Piece, Broken> {
        match name.is_empty() {
            true => Err(Broken::new("A tool call of the answer names no tool.")),
            false => Ok(Piece::ToolBegin { tool, id: id.into(), name: name.to_owned() }),
        }
    }
}

impl EndReason {
    /// By the contract's word.
    pub fn from_name(name: &str) -> Option<EndReason> {
        match name {
            "stop" => Some(EndReason::Stop),
            "length" => Some(EndReason::Length),
            "tool-calls" => Some(EndReason::ToolCalls),
            "content-filter" => Some(EndReason::ContentFilter),
            _ => None,
        }
    }

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Stop | EndReason::StopSequence | EndReason::Pause => "stop",
            EndReason::Length => "length",
            EndReason::ToolCalls => "tool-calls",
            EndReason::ContentFilter | EndReason::Refusal => "content-filter",
        }
    }
}

impl Answer {
    /// Adds what an event says. Events of choices beyond [`CHOICES_MAX`] are left out: a dialect's reader refuses them before.
    pub fn take(&mut self, event: Event) {
        match event {
            Event::Begin { id, model, created } => {
                (self.id, self.model, self.created) = (id, model, created);
            }
            Event::Piece { choice, piece } => {
                if let Some(choice) = self.choice(choice) {
                    choice.push(piece);
                }
            }
            Event::End { choice, reason } => {
                if let Some(choice) = self.choice(choice) {
                    choice.end = Some(reason);
                }
            }
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Vectors(vectors) => self.vectors = vectors,
            Event::Counted { input_tokens } => self.counted = Some(input_tokens),
            Event::Done => self.done = true,
            Event::Error(_) => {}
        }
    }

    fn choice(&mut self, number: u32) -> Option<&mut Choice> {
        let number = number as usize;
        if number >= CHOICES_MAX {
            return None;
        }
        if self.choices.len() <= number {
            self.choices.resize_with(number + 1, Choice::default);
        }
        self.choices.get_mut(number)
    }
}

impl Choice {
    fn push(&mut self, piece: Piece) {
        match (self.pieces.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (Some(Piece::Refusal(before)), Piece::Refusal(text)) => before.push_str(&text),
            (Some(Piece::Thought(before)), Piece::Thought(text)) => before.push_str(&text),
            // Arguments of several calls may come interleaved.
            (_, Piece::ToolArguments { tool, text }) => {
                let same = self.pieces.iter_mut().find_map(|piece| match piece {
                    Piece::ToolArguments { tool: other, text } if *other == tool => Some(text),
                    _ => None,
                });
                match same {
                    Some(before) => before.push_str(&text),
                    None => self.pieces.push(Piece::ToolArguments { tool, text }),
                }
            }
            (_, piece) => self.pieces.push(piece),
        }
    }

    /// All text, in order.
    pub fn text(&self) -> String {
        self.pieces
            .iter()
            .filter_map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None })
            .collect()
    }

    /// Calls of tools: id, name, arguments.
    pub fn tool_calls(&self) -> Vec<(&str, &str, &str)> {
        let begins = self.pieces.iter().filter_map(|piece| match piece {
            Piece::ToolBegin { tool, id, name } => Some((*tool, id.as_str(), name.as_str())),
            _ => None,
        });
        begins.map(|(tool, id, name)| (id, name, self.arguments(tool))).collect()
    }

    pub fn arguments(&self, number: u32) -> &str {
        let found = self.pieces.iter().find_map(|piece| match piece {
            Piece::ToolArguments { tool, text } if *tool == number => Some(text.as_str()),
            _ => None,
        });
        found.unwrap_or_default()
    }
}
