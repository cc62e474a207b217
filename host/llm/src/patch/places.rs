//! Where the dialects have the texts of an answer.

use super::{Rewritten, TextKind};
use crate::dialect::Dialect;
use crate::json::{Document, Value};

/// A text that a plugin was shown.
pub(super) struct Place<'a> {
    choice: u32,
    kind: TextKind,
    pub(super) value: &'a Value,
}

#[derive(Default)]
pub(super) struct Places<'a> {
    pub(super) texts_there: Vec<Place<'a>>,
    /// By choice, what says its text again in another form.
    pub(super) telling: Vec<(u32, &'a Value)>,
}

impl Place<'_> {
    pub(super) fn fits(&self, document: &Document, text: &Rewritten) -> bool {
        let is_same = match self.value.as_str() {
            Some(there) => there == text.before,
            // Arguments as an object.
            None => document.raw(self.value) == text.before,
        };
        (self.choice, self.kind) == (text.choice, text.kind) && is_same
    }
}

impl<'a> Places<'a> {
    fn text(&mut self, choice: u32, value: Option<&'a Value>) {
        self.add(choice, TextKind::Text, value);
    }

    fn add(&mut self, choice: u32, kind: TextKind, value: Option<&'a Value>) {
        self.texts_there.extend(value.map(|value| Place { choice, kind, value }));
    }
}

/// `root`: a whole answer, or the data of one event.
pub(super) fn of(dialect: Dialect, root: &Value) -> Places<'_> {
    let mut places = Places::default();
    match dialect {
        Dialect::Anthropic => anthropic(root, &mut places),
        Dialect::Gemini => each(root, "candidates", |choice, candidate| gemini(choice, candidate, &mut places)),
        _ => each(root, "choices", |choice, value| openai(choice, value, &mut places)),
    }
    places
}

/// Each choice with its number: the one that it says, else that of its place.
fn each<'a>(root: &'a Value, name: &str, mut work: impl FnMut(u32, &'a Value)) {
    for (place, choice) in root.get(name).and_then(Value::as_array).unwrap_or_default().iter().enumerate() {
        let number = choice.get("index").and_then(Value::as_u64).unwrap_or(place as u64);
        work(u32::try_from(number).unwrap_or(u32::MAX), choice);
    }
}

fn openai<'a>(choice: u32, value: &'a Value, places: &mut Places<'a>) {
    let Some(message) = value.get("delta").or_else(|| value.get("message")) else { return };
    match message.get("content") {
        Some(content) if content.as_str().is_some() => places.text(choice, Some(content)),
        Some(content) => content.as_array().unwrap_or_default().iter().for_each(|part| {
            places.text(choice, part.get("text").or_else(|| part.get("refusal")));
        }),
        None => {}
    }
    places.text(choice, message.get("refusal"));
    for call in message.get("tool_calls").and_then(Value::as_array).unwrap_or_default() {
        let arguments = call.get("function").and_then(|function| function.get("arguments"));
        places.add(choice, TextKind::ToolArguments, arguments);
    }
    places.telling.extend(value.get("logprobs").map(|value| (choice, value)));
}

fn anthropic<'a>(root: &'a Value, places: &mut Places<'a>) {
    let whole = root.get("content").and_then(Value::as_array).unwrap_or_default();
    for block in whole.iter().chain(root.get("content_block")) {
        places.text(0, block.get("text"));
        places.add(0, TextKind::ToolArguments, block.get("input"));
    }
    if let Some(delta) = root.get("delta") {
        places.text(0, delta.get("text"));
        places.add(0, TextKind::ToolArguments, delta.get("partial_json"));
    }
}

fn gemini<'a>(choice: u32, candidate: &'a Value, places: &mut Places<'a>) {
    let parts = candidate.get("content").and_then(|content| content.get("parts")).and_then(Value::as_array);
    for part in parts.unwrap_or_default() {
        places.text(choice, part.get("text"));
        let arguments = part.get("functionCall").and_then(|call| call.get("args"));
        places.add(choice, TextKind::ToolArguments, arguments);
    }
    for name in ["logprobsResult", "groundingMetadata", "citationMetadata"] {
        places.telling.extend(candidate.get(name).map(|value| (choice, value)));
    }
}
