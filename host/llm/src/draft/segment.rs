//! The texts of a call as numbered segments.

use std::collections::HashMap;
use std::ops::Range;

use super::changes::Moves;
use crate::call::{Call, Embedding, Part, ResultPart, Role, Text, ToolCall};

/// What a text of a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Text,
    ToolDefinition,
    ToolArguments,
    ToolResult,
    EndUserId,
}

/// Where a segment is in the typed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    Part { message: usize, part: usize },
    Result { message: usize, part: usize, piece: usize },
    Tool(usize),
    EndUser,
    EndUserAgain,
    Embedding(usize),
}

#[derive(Debug, Clone)]
pub struct Segment {
    pub number: u32,
    pub seat: Seat,
    /// Of a result that does not name its tool: the message and part of the call that does.
    call: Option<(usize, usize)>,
}

/// A segment with what the call says of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Empty for what nobody says.
    pub role: &'static str,
    pub place: Place,
    pub tool: Option<&'a str>,
    pub text: &'a str,
    /// None where the source has no value that stands for it.
    pub span: Option<&'a Range<usize>>,
    /// Whether a provider has signed it.
    pub signed: bool,
}

/// In the order of the call.
#[derive(Debug)]
pub struct Segments {
    pub list: Vec<Segment>,
    /// By number: the place in the list. None: removed.
    places: Vec<Option<usize>>,
}

/// The segments of a call that was changed, and what became of those that it had before.
pub struct Renewed {
    pub segments: Segments,
    pub added: Vec<u32>,
    pub gone: Vec<u32>,
}

impl Place {
    /// The contract's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Text => "text",
            Place::ToolDefinition => "tool-definition",
            Place::ToolArguments => "tool-arguments",
            Place::ToolResult => "tool-result",
            Place::EndUserId => "end-user-id",
        }
    }
}

impl Seat {
    /// The message in which it is.
    pub fn message(self) -> Option<usize> {
        match self {
            Seat::Part { message, .. } | Seat::Result { message, .. } => Some(message),
            Seat::Tool(_) | Seat::EndUser | Seat::EndUserAgain | Seat::Embedding(_) => None,
        }
    }
}

impl Segment {
    /// None cannot be for a segment of this call.
    pub fn see<'a>(&self, call: &'a Call) -> Option<Seen<'a>> {
        let nobody = |place, tool, text: &'a Text| Seen { tool, ..plain("", place, text) };
        match self.seat {
            Seat::Part { message, part } => {
                let message = call.messages.get(message)?;
                match message.parts.get(part)? {
                    Part::Text(text) | Part::Refusal(text) => Some(plain(role(message.role), Place::Text, text)),
                    Part::ToolCall(call) => Some(Seen {
                        role: "assistant",
                        place: Place::ToolArguments,
                        tool: Some(&call.name),
                        text: &call.arguments,
                        span: call.span.as_ref(),
                        signed: call.signature.is_some(),
                    }),
                    Part::Image(_) | Part::ToolResult(_) | Part::Thought(_) => None,
                }
            }
            Seat::Result { message, part, piece } => {
                let Part::ToolResult(result) = call.messages.get(message)?.parts.get(part)? else { return None };
                let ResultPart::Text(text) = result.content.get(piece)? else { return None };
                let named = Some(result.name.as_str()).filter(|name| !name.is_empty());
                let tool = named.or_else(|| self.call.and_then(|(message, part)| tool_call(call, message, part)));
                Some(Seen { tool, ..plain("tool", Place::ToolResult, text) })
            }
            Seat::Tool(number) => {
                let tool = call.tools.get(number)?;
                Some(nobody(Place::ToolDefinition, Some(&tool.name), tool.description.as_ref()?))
            }
            Seat::EndUser => Some(nobody(Place::EndUserId, None, call.parameters.end_user.as_ref()?)),
            Seat::EndUserAgain => Some(nobody(Place::EndUserId, None, call.parameters.end_user_again.as_ref()?)),
            Seat::Embedding(number) => {
                let Embedding::Text(text) = call.embeddings.get(number)? else { return None };
                Some(nobody(Place::Text, None, text))
            }
        }
    }
}

impl Segments {
    /// Numbered from 0.
    pub fn of(call: &Call) -> Segments {
        let mut list = seats(call);
        let places = (0..list.len()).map(Some).collect();
        list.iter_mut().zip(0..).for_each(|(segment, number)| segment.number = number);
        Segments { list, places }
    }

    fn numbers(&self) -> impl Iterator<Item = u32> {
        self.list.iter().map(|segment| segment.number)
    }

    pub fn get(&self, number: u32) -> Option<&Segment> {
        let place = self.places.get(usize::try_from(number).ok()?)?;
        self.list.get((*place)?)
    }

    /// Those of `after`, which is `before` with the changes that moved its values so. Segments are known again by where they stand,
    /// and those that stand nowhere by their order, since no change reaches them.
    pub fn renewed(&self, before: &Call, after: &Call, moves: &Moves) -> Renewed {
        let mut starts = HashMap::with_capacity(self.list.len());
        let mut nowhere = Vec::new();
        for segment in &self.list {
            match segment.see(before).and_then(|seen| seen.span) {
                Some(span) => starts.extend(moves.start_of(span).map(|start| (start, segment.number))),
                None => nowhere.push(segment.number),
            }
        }
        let mut nowhere = nowhere.into_iter();
        let mut renewed = Renewed {
            segments: Segments { list: seats(after), places: vec![None; self.places.len()] },
            added: Vec::new(),
            gone: Vec::new(),
        };
        let Segments { list, places } = &mut renewed.segments;
        for (place, segment) in list.iter_mut().enumerate() {
            let known = match segment.see(after).and_then(|seen| seen.span) {
                Some(span) => starts.remove(&span.start),
                None => nowhere.next(),
            };
            let number = known.and_then(|number| usize::try_from(number).ok()).unwrap_or_else(|| {
                places.push(None);
                places.len() - 1
            });
            // A call has fewer values than 2^32, and a draft few additions.
            segment.number = u32::try_from(number).unwrap_or(u32::MAX);
            if known.is_none() {
                renewed.added.push(segment.number);
            }
            if let Some(seat) = places.get_mut(number) {
                *seat = Some(place);
            }
        }
        renewed.gone.extend(self.numbers().filter(|number| renewed.segments.get(*number).is_none()));
        renewed
    }
}

fn plain<'a>(role: &'static str, place: Place, text: &'a Text) -> Seen<'a> {
    Seen { role, place, tool: None, text: &text.text, span: text.span.as_ref(), signed: false }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn tool_call(call: &Call, message: usize, part: usize) -> Option<&str> {
    match call.messages.get(message)?.parts.get(part)? {
        Part::ToolCall(call) => Some(&call.name),
        _ => None,
    }
}

/// All segments of a call, not numbered yet.
fn seats(call: &Call) -> Vec<Segment> {
    let mut list = Vec::new();
    let mut calls = HashMap::new();
    let parts = call
        .messages
        .iter()
        .enumerate()
        .flat_map(|(message, said)| said.parts.iter().enumerate().map(move |(part, value)| (message, part, value)));
    for (message, part, value) in parts.clone() {
        if let Part::ToolCall(ToolCall { id, .. }) = value {
            calls.insert(id.as_str(), (message, part));
        }
    }
    let mut add = |seat, call| list.push(Segment { number: 0, seat, call });
    for (message, part, value) in parts {
        match value {
            Part::Text(_) | Part::Refusal(_) | Part::ToolCall(_) => add(Seat::Part { message, part }, None),
            Part::ToolResult(result) => {
                let call = calls.get(result.id.as_str()).copied();
                for (piece, content) in result.content.iter().enumerate() {
                    if let ResultPart::Text(_) = content {
                        add(Seat::Result { message, part, piece }, call);
                    }
                }
            }
            Part::Image(_) | Part::Thought(_) => {}
        }
    }
    for (number, tool) in call.tools.iter().enumerate() {
        if tool.description.is_some() {
            add(Seat::Tool(number), None);
        }
    }
    if call.parameters.end_user.is_some() {
        add(Seat::EndUser, None);
    }
    if call.parameters.end_user_again.is_some() {
        add(Seat::EndUserAgain, None);
    }
    for (number, embedding) in call.embeddings.iter().enumerate() {
        if let Embedding::Text(_) = embedding {
            add(Seat::Embedding(number), None);
        }
    }
    list
}
