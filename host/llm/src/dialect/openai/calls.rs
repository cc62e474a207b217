//! The calls of tools in one choice of an answer, which come whole or in pieces.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::ids::call_id;
use crate::answer::{Event, Piece};
use crate::error::Broken;
use crate::json::{Document, Kind, Value};

/// Calls in one choice.
const CALLS_MAX: usize = 1_024;

/// Ids and arguments of a choice that came in front of the names of their tools.
const HELD_BYTES_MAX: usize = 64 << 10;

/// Numbers the calls of one choice from 0, whatever numbers the provider gives them.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Begun>,
    held_bytes: usize,
}

/// A hash of the id is enough to know the call again.
#[derive(Debug, Default)]
struct Begun {
    index: Option<u64>,
    id: Option<u64>,
    /// None: already told.
    held: Option<Held>,
}

/// What is told as soon as the name of the tool is known.
#[derive(Debug, Default)]
struct Held {
    id: String,
    arguments: String,
}

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes one entry of `tool_calls`; `index` is its number with the provider, or its place in an answer that comes whole.
    pub fn take(
        &mut self,
        choice: u32,
        index: Option<u64>,
        entry: &Value,
        document: &Document,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        // A custom tool, which only a client of this dialect can ask for, takes a text of any form.
        let custom = entry.get("custom");
        let function = entry.get("function").or(custom);
        let id = text(Some(entry), "id");
        let name = text(function, "name");
        let arguments = match function.and_then(|function| function.get("arguments").or_else(|| custom?.get("input"))) {
            None => "",
            Some(Value { kind: Kind::Null, .. }) => "",
            Some(Value { kind: Kind::String(text), .. }) => text,
            // Some vendors send the object itself.
            Some(value) => document.raw(value),
        };
        let place = self.place(index, id, name)?;
        let tool = place as u32;
        let Some(call) = self.calls.get_mut(place) else { return Ok(()) };
        let mut tell = |piece| events.push(Event::Piece { choice, piece });
        if let Some(held) = &mut call.held {
            if held.id.is_empty() {
                id.clone_into(&mut held.id);
                self.held_bytes += id.len();
            }
            held.arguments.push_str(arguments);
            self.held_bytes += arguments.len();
            if name.is_empty() && self.held_bytes > HELD_BYTES_MAX {
                return Err(Broken::new(format!("Tool calls have more than {HELD_BYTES_MAX} bytes, and no name yet.")));
            }
            if name.is_empty() {
                return Ok(());
            }
            let Held { id, arguments } = call.held.take().unwrap_or_default();
            self.held_bytes = self.held_bytes.saturating_sub(id.len() + arguments.len());
            tell(Piece::ToolBegin { tool, id: call_id(&id, choice, tool).into_owned(), name: name.to_owned() });
            if !arguments.is_empty() {
                tell(Piece::ToolArguments { tool, text: arguments });
            }
        } else if !arguments.is_empty() {
            tell(Piece::ToolArguments { tool, text: arguments.to_owned() });
        }
        Ok(())
    }

    /// The choice is over: every call must have got its name.
    pub fn end(&self) -> Result<(), Broken> {
        match self.calls.iter().any(|call| call.held.is_some()) {
            true => Err(Broken::new("A tool call of the answer names no tool.")),
            false => Ok(()),
        }
    }

    /// Where the call is that an entry belongs to; one that is not there yet is begun.
    fn place(&mut self, index: Option<u64>, id: &str, name: &str) -> Result<usize, Broken> {
        let id = (!id.is_empty()).then(|| hash(id));
        let found = match (index, id) {
            (Some(_), _) => {
                let same = self.calls.iter().rposition(|call| call.index == index);
                // Some vendors give all calls the number 0; then the id tells them apart.
                let another = |call: &Begun| !name.is_empty() && call.id.is_some() && id.is_some() && call.id != id;
                same.filter(|place| !self.calls.get(*place).is_some_and(another))
            }
            (None, Some(_)) => self.calls.iter().rposition(|call| call.id == id),
            (None, None) if name.is_empty() => self.calls.len().checked_sub(1),
            (None, None) => None,
        };
        if let Some(place) = found {
            if let Some(call) = self.calls.get_mut(place) {
                call.id = call.id.or(id);
            }
            return Ok(place);
        }
        if self.calls.len() >= CALLS_MAX {
            return Err(Broken::new(format!("A choice of the answer has more than {CALLS_MAX} tool calls.")));
        }
        self.calls.push(Begun { index, id, held: Some(Held::default()) });
        Ok(self.calls.len() - 1)
    }
}

fn text<'a>(value: Option<&'a Value>, name: &str) -> &'a str {
    value.and_then(|value| value.get(name)).and_then(Value::as_str).unwrap_or_default()
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
